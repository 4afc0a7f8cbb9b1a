//! `docs/add-an-olt.md`, followed: its files, its commands, and the values that it says come out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::path::Path;
use std::sync::Arc;

use cli_support::{COMMUNITY, Running, ended, oltwatch};
use oltwatch::mib::Library;
use serde_json::Value;

/// The files of the page, written into a folder.
fn files(folder: &Path) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/add-an-olt.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut blocks = page.split("<!-- file: ");
    blocks.next();
    for block in blocks {
        let (name, rest) = block.split_once(" -->\n").unwrap();
        let (_, body) = rest.split_once('\n').unwrap();
        let (body, _) = body.split_once("```").unwrap();
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
    }
}

fn oltwatch_in(folder: &Path, arguments: &[&str]) -> cli_support::Ended {
    let mut command = oltwatch();
    command.current_dir(folder).env("OLT_COMMUNITY", COMMUNITY).args(arguments);
    ended(command)
}

#[test]
fn the_page_leads_to_a_family_that_is_read_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    files(folder);
    let checked = oltwatch_in(folder, &["check", "-c", "oltwatch.toml", "--offline"]);
    assert_eq!((checked.code, checked.all().contains("warning")), (0, false), "{checked:?}");
    let explained =
        oltwatch_in(folder, &["poll", "-c", "oltwatch.toml", "--explain", "--offline", "--profile", "example-olt"]);
    assert!(explained.code == 0 && explained.stdout.contains("1.3.6.1.4.1.32473.2.2.1.2"), "{explained:?}");

    let (walk, mibs) = (folder.join("example-olt.snmprec"), folder.join("mibs"));
    let (walk, mibs) = (walk.to_str().unwrap(), mibs.to_str().unwrap());
    let olt = Running::sim(&["olt", "--capture", walk, "--mibs", mibs, "--community", COMMUNITY]);
    let probed = oltwatch_in(folder, &["probe", &olt.address, "--mibs", mibs, "--community", COMMUNITY]);
    assert!(probed.code == 0 && probed.stdout.contains("example-olt"), "{probed:?}");

    // The page's address is a fixed one.
    let config = std::fs::read_to_string(folder.join("oltwatch.toml")).unwrap();
    std::fs::write(folder.join("oltwatch.toml"), config.replace("127.0.0.1:1161", &olt.address)).unwrap();
    let polled = oltwatch_in(folder, &["poll", "-c", "oltwatch.toml", "--format", "json"]);
    assert_eq!(polled.code, 0, "{polled:?}");
    let document = polled.json();
    let read = &document["olts"][0];
    assert_eq!(read["profile"], "example-olt");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    for list in ["onus", "pons"] {
        let (read, expected) = (read[list].as_array().unwrap(), expected[list].as_array().unwrap());
        assert_eq!(read.len(), expected.len(), "{list}");
        for (read, expected) in read.iter().zip(expected) {
            for (field, value) in expected.as_object().unwrap() {
                let same = match (read[field].as_f64(), value.as_f64()) {
                    (Some(read), Some(value)) => (read - value).abs() < 0.006,
                    _ => read[field] == *value,
                };
                assert!(same, "{list} {}: {field} is {}, not {value}", read["pon"], read[field]);
            }
        }
    }
}

#[test]
fn a_simulated_olt_of_a_family_of_ones_own_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let mibs = folder.path().join("mibs");
    let library = Library::load(Some(&mibs)).unwrap();
    assert_eq!(Arc::clone(library.get("example-olt").unwrap()).models(), ["OLT-8G"]);
    let mibs = mibs.to_str().unwrap();
    let olt = Running::sim(&[
        "olt",
        "--profile",
        "example-olt",
        "--mibs",
        mibs,
        "--pons",
        "2",
        "--onus",
        "3",
        "--community",
        COMMUNITY,
    ]);
    let config = std::fs::read_to_string(folder.path().join("oltwatch.toml")).unwrap();
    std::fs::write(folder.path().join("oltwatch.toml"), config.replace("127.0.0.1:1161", &olt.address)).unwrap();
    let polled = oltwatch_in(folder.path(), &["poll", "-c", "oltwatch.toml", "--format", "json"]);
    let document = polled.json();
    let onus = document["olts"][0]["onus"].as_array().unwrap();
    assert_eq!((onus.len(), onus.iter().filter(|onu| onu["rx_dbm"].is_number()).count()), (6, 6), "{polled:?}");
}
