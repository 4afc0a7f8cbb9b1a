//! Rooms stand on floors, and use only rooms below them (`docs/design.md`, "Rooms").

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room and its floor, from the table in the design.
const FLOORS: &[(&str, u32)] = &[
    ("model", 0),
    ("config", 1),
    ("snmp", 1),
    ("mib", 1),
    ("poll", 2),
    ("trap", 2),
    ("signal", 3),
    ("plant", 3),
    ("incident", 4),
    ("ozmap", 4),
    ("record", 4),
    ("alert", 4),
    ("store", 4),
    ("daemon", 5),
    ("http", 5),
    ("tune", 5),
    ("sim", 6),
    ("cli", 7),
];

/// Rooms that decide, and therefore do no I/O and read no clock.
const PURE: &[&str] = &["model", "signal", "plant", "incident"];

/// Words by which a file would reach for a runtime, a clock, randomness or I/O.
const IMPURE: &[&str] =
    &["tokio", "Instant", "SystemTime::now", "std::net", "std::fs", "std::thread", "reqwest", "fastrand", "getrandom"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of a file that are product code: comments are left out, and so is a test module with a body, which stands at the
/// end of its file. A `#[cfg(test)]` on anything else hides nothing that comes after it.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let is_test_module = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim() == "mod tests {";
    let end = lines.windows(2).position(is_test_module).unwrap_or(lines.len());
    lines
        .into_iter()
        .take(end)
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

/// Rooms that a line names: `crate::room`, also several in braces.
fn rooms_in(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in line.split("crate::").skip(1) {
        let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap_or(list));
        let parts: Vec<&str> = if after.starts_with('{') { list.split(',').collect() } else { vec![list] };
        for part in parts {
            let name: String = part.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            rooms.push(name);
        }
    }
    rooms
}

#[test]
fn no_room_uses_one_above_it_and_none_of_its_own_floor_uses_it_back() {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    let mut uses: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut seen = 0;
    for file in &files {
        let place = file.strip_prefix(&src).unwrap();
        let room = place.components().next().unwrap().as_os_str().to_str().unwrap();
        if room == "lib.rs" || room == "main.rs" {
            continue;
        }
        let Some(floor) = floors.get(room) else {
            wrong.push(format!("{}: {room} is no room of the design", place.display()));
            continue;
        };
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in product_lines(&text) {
            for used in rooms_in(line) {
                seen += 1;
                let Some(below) = floors.get(used.as_str()) else { continue };
                if used != room {
                    uses.insert((room.to_owned(), used.clone()), format!("{}:{number}", place.display()));
                }
                if below > floor {
                    wrong.push(format!(
                        "{}:{number}: {room} (floor {floor}) uses {used} (floor {below})",
                        place.display()
                    ));
                }
                if used == "sim" && room != "cli" && room != "sim" {
                    wrong.push(format!("{}:{number}: outside of cli, nothing uses sim", place.display()));
                }
            }
        }
    }
    for (room, used) in uses.keys() {
        if room < used && uses.contains_key(&(used.clone(), room.clone())) {
            wrong.push(format!("{room} and {used} use each other"));
        }
    }
    assert!(seen > 50, "only {seen} uses were found: the test does not see the code any more");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_that_decide_reach_for_no_runtime_clock_or_input() {
    let mut wrong = Vec::new();
    for room in PURE {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
        if !folder.is_dir() {
            continue;
        }
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in product_lines(&text) {
                for word in IMPURE {
                    if line.contains(word) {
                        wrong.push(format!("{}:{number}: {word}", file.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_design_in_the_project_has_the_same_floors() {
    let design = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/design.md")).unwrap();
    for (room, floor) in FLOORS {
        assert!(design.contains(&format!("| {floor} | `{room}` |")), "{room} on floor {floor}");
    }
}
