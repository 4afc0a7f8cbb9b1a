//! The simulated OLT against net-snmp's tools: what `snmpwalk`, `snmpbulkwalk` and `snmpget` print of a served capture
//! is what the capture's file says, row for row, by a reading of the file apart from the product's.

// A test may fail loudly, and so may its helpers, which clippy does not count as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use oltwatch::sim::olt::{AgentOptions, Capture, MibView, OnMistake, SimulatedOlt};

/// A name by its sub-identifiers, so that rows sort as SNMP sorts them.
type Name = Vec<u32>;

fn captures(test: &str) -> Vec<PathBuf> {
    let Some(one) = support::capture(test, "vsol-v1600d-1") else { return Vec::new() };
    let mut all: Vec<PathBuf> = std::fs::read_dir(one.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "snmprec"))
        .collect();
    all.sort();
    all
}

fn name(text: &str) -> Name {
    text.trim_start_matches('.').split('.').map(|arc| arc.parse().unwrap()).collect()
}

fn dotted(name: &[u32]) -> String {
    name.iter().map(|arc| format!(".{arc}")).collect()
}

/// The rows of a file as the words in which the tools print them.
fn rows_of(path: &Path) -> BTreeMap<Name, String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let mut fields = line.splitn(3, '|');
            let (oid, kind, value) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
            let hex = |octets: &[u8]| match octets {
                [] => "\"\"".to_owned(),
                octets => {
                    let digits: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
                    format!("Hex-STRING: {}", digits.join(" "))
                }
            };
            let shown = match kind {
                "2" => format!("INTEGER: {value}"),
                "4" => hex(value.as_bytes()),
                "4x" => {
                    let octets: Vec<u8> = (0..value.len() / 2)
                        .map(|pair| u8::from_str_radix(&value[2 * pair..2 * pair + 2], 16).unwrap())
                        .collect();
                    hex(&octets)
                }
                "4e" => hex(&unescaped(value)),
                "6" => format!("OID: .{}", value.trim_start_matches('.')),
                "64" => format!("IpAddress: {value}"),
                "65" => format!("Counter32: {value}"),
                "66" => format!("Gauge32: {value}"),
                "67" => format!("Timeticks: {value}"),
                "70" => format!("Counter64: {value}"),
                _ => panic!("{}: this test does not know type {kind}", path.display()),
            };
            (name(oid), shown)
        })
        .collect()
}

fn unescaped(value: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(b'x')) => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                octets.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            (b'\\', Some(b'n')) => octets.push(b'\n'),
            (b'\\', Some(b'r')) => octets.push(b'\r'),
            (b'\\', Some(b't')) => octets.push(b'\t'),
            (b'\\', Some(other)) => octets.push(other),
            _ => octets.push(byte),
        }
    }
    octets
}

/// Runs a tool and gives what it printed on both outputs.
fn run(program: &str, version: &str, address: SocketAddr, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(program);
    // No MIB files and nobody's configuration; numbers for names and enumerations, strings in hex.
    command.env("MIBS", "").env("SNMPCONFPATH", "/nonexistent").args([version, "-c", "public"]);
    command.args(["-On", "-Oe", "-OU", "-Ox", "-Ir", "-t", "10", "-r", "3"]);
    let options = arguments.iter().filter(|argument| argument.starts_with('-'));
    let names = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let output = command.args(options).arg(address.to_string()).args(names).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The rows that a tool printed, in its order; hex that goes over several lines is joined.
fn printed(output: &str) -> Vec<(Name, String)> {
    let mut rows: Vec<(Name, String)> = Vec::new();
    for line in output.lines() {
        match line.strip_prefix('.').and_then(|rest| rest.split_once(" = ")) {
            Some((oid, value)) => rows.push((name(oid), value.to_owned())),
            None => {
                let (_, value) = rows.last_mut().expect("a first line with a name");
                value.push(' ');
                value.push_str(line);
            }
        }
    }
    for (_, value) in &mut rows {
        if let Some(ticks) = value.strip_prefix("Timeticks: (") {
            *value = format!("Timeticks: {}", ticks.split_once(')').unwrap().0);
        }
        if value.starts_with("Hex-STRING:") {
            *value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }
    rows.retain(|(_, value)| !value.starts_with("No more variables left"));
    rows
}

fn serve(path: &Path) -> SimulatedOlt {
    let capture = Capture::read(path, OnMistake::Refuse).unwrap();
    SimulatedOlt::start(AgentOptions::default(), MibView::new(capture.rows)).unwrap()
}

#[test]
fn every_capture_loads_whole() {
    for path in captures("every_capture_loads_whole") {
        let capture = Capture::read(&path, OnMistake::Refuse).unwrap_or_else(|error| panic!("{error}"));
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(capture.rows.len() + capture.repeats.len(), lines, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walks_print_what_the_capture_holds() {
    let test = "walks_print_what_the_capture_holds";
    if !support::has_program(test, "snmpwalk") || !support::has_program(test, "snmpbulkwalk") {
        return;
    }
    for path in captures(test) {
        let olt = serve(&path);
        let expected: Vec<(Name, String)> = rows_of(&path).into_iter().collect();
        for (program, options) in [("snmpwalk", &[][..]), ("snmpbulkwalk", &["-Cr10"]), ("snmpbulkwalk", &["-Cr50"])] {
            let arguments: Vec<&str> = options.iter().copied().chain([".1"]).collect();
            let (output, errors) = run(program, "-v2c", olt.address(), &arguments);
            let what = format!("{program} {options:?} of {}: {errors}", path.display());
            let printed = printed(&output);
            for (found, wanted) in printed.iter().zip(&expected) {
                assert_eq!(found, wanted, "{what}");
            }
            assert_eq!(printed.len(), expected.len(), "{what}");
        }
        // The tools found nothing to ask twice.
        let counters = olt.counters();
        assert_eq!((counters.requests, counters.malformed), (counters.answered, 0), "{}", path.display());
        olt.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_in_v1_prints_all_but_counters_of_64_bits() {
    let test = "a_walk_in_v1_prints_all_but_counters_of_64_bits";
    let Some(path) = support::capture(test, "ubnt-ufiber-olt-1") else { return };
    if !support::has_program(test, "snmpwalk") {
        return;
    }
    let olt = serve(&path);
    let all = rows_of(&path);
    let expected: Vec<(Name, String)> =
        all.clone().into_iter().filter(|(_, value)| !value.starts_with("Counter64")).collect();
    assert!(expected.len() < all.len(), "a capture with Counter64 was expected");
    let (output, errors) = run("snmpwalk", "-v1", olt.address(), &[".1"]);
    let output = output.replace("End of MIB\n", "");
    assert_eq!(printed(&output), expected, "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gets_print_what_the_capture_holds() {
    let test = "gets_print_what_the_capture_holds";
    if !support::has_program(test, "snmpget") {
        return;
    }
    for capture in ["vsol-v1600d-1", "ubnt-ufiber-olt-1", "zte-c320-fragment-uncfg-1", "huawei-ma5800-fragment-1"] {
        let Some(path) = support::capture(test, capture) else { return };
        let olt = serve(&path);
        let expected: Vec<(Name, String)> = rows_of(&path).into_iter().collect();
        for rows in expected.chunks(16) {
            let names: Vec<String> = rows.iter().map(|(name, _)| dotted(name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (output, errors) = run("snmpget", "-v2c", olt.address(), &names);
            assert_eq!(printed(&output), rows, "{capture}: {errors}");
        }
        olt.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_as_an_agent_tells_it() {
    let test = "what_is_not_there_is_told_as_an_agent_tells_it";
    let Some(path) = support::capture(test, "vsol-v1600d-1") else { return };
    if !support::has_program(test, "snmpget") || !support::has_program(test, "snmpset") {
        return;
    }
    let olt = serve(&path);
    // sysDescr has no instance 1; there is no column 99 of ifTable.
    let (output, _) = run("snmpget", "-v2c", olt.address(), &[".1.3.6.1.2.1.1.1.1", ".1.3.6.1.2.1.2.2.1.99.1"]);
    let told: Vec<String> = printed(&output).into_iter().map(|(_, value)| value).collect();
    assert_eq!(
        told,
        ["No Such Instance currently exists at this OID", "No Such Object available on this agent at this OID"]
    );
    let (_, errors) = run("snmpset", "-v2c", olt.address(), &[".1.3.6.1.2.1.1.1.0", "s", "written"]);
    assert!(errors.contains("notWritable"), "{errors}");
}
