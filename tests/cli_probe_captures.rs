//! `oltwatch probe` on every captured device, through a real agent: the right family, proved where it can be, and an honest
//! "unknown" where no family is known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

mod cli_support;
mod support;

use std::sync::Mutex;

use cli_support::{COMMUNITY, Ended, Running, run};

const TEST: &str = "probing captures";

/// Capture, family, and whether it has ONUs, PON ports, or neither in the family's tables.
const KNOWN: &[(&str, &str, &str)] = &[
    ("bdcom-gp3600-16b-1", "bdcom-gpon", "proved"),
    ("calix-axos-e7-2-1", "calix-axos", "proved"),
    ("calix-e7-2-1", "calix-exa", "proved"),
    ("calix-e7-2-2", "calix-exa", "pons"),
    ("cdata-fd12xx-epon-1", "cdata-epon", "pons"),
    ("dasan-v5812g-1", "dasan-dzs", "nothing"),
    ("datacom-dm4610-hw2-1", "datacom-dmos", "pons"),
    ("datacom-dm4611-1", "datacom-dmos", "pons"),
    ("datacom-dm4616-1", "datacom-dmos", "pons"),
    ("datacom-dm4618-1", "datacom-dmos", "pons"),
    ("eltex-ltp8x-1", "eltex-ltp", "nothing"),
    ("fiberhome-an5516-01-1", "fiberhome-an5516", "nothing"),
    ("fiberhome-an5516-04-1", "fiberhome-an5516", "nothing"),
    ("fiberhome-an5516-06-1", "fiberhome-an5516", "nothing"),
    ("huawei-ma56xx-1", "huawei-smartax", "pons"),
    ("nokia-isam7360-1", "nokia-isam", "proved"),
    ("ubnt-ufiber-olt-1", "ubiquiti-ufiber", "proved"),
    ("ubnt-uisp-xgs-1", "ubiquiti-ufiber", "proved"),
    ("vsol-v1600d-1", "vsol-epon", "proved"),
    ("zte-c300-1", "zte-c300-c320", "pons"),
    ("zte-c320-1", "zte-c300-c320", "proved"),
    ("zte-c600-fragment-1", "zte-c600", "proved"),
    ("zte-c620-1", "zte-c600", "pons"),
];

/// Fragments that hold no system group, so that the family has to be named; and what of it they prove.
const NAMED: &[(&str, &str)] = &[
    ("huawei-ma5800-fragment-1", "huawei-smartax"),
    ("huawei-ma5x00-fragment-2", "huawei-smartax"),
    ("cdata-gpon-fragment-1", "cdata-gpon"),
    ("fiberhome-an5516-fragment-1", "fiberhome-an5516"),
    ("dasan-fragment-1", "dasan-dzs"),
];

const UNKNOWN: &[&str] = &["raisecom-iscom5508-epsc-1", "infinera-7090-1", "ubiquoss-c9500-1"];

fn probe(capture: &std::path::Path, more: &[&str]) -> Ended {
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--lenient", "--community", COMMUNITY]);
    let arguments = ["probe", &olt.address, "--community-env", "TEST_COMMUNITY", "--pdus-per-second", "2000"];
    run(&[&arguments[..], more].concat())
}

/// Runs a check of each on some threads, as most of their time is waiting.
fn side_by_side<T: Sync>(all: &[T], check: impl Fn(&T) + Sync) {
    let next = Mutex::new(all.iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let one = next.lock().unwrap().next();
                    let Some(one) = one else { return };
                    check(one);
                }
            });
        }
    });
}

#[test]
fn the_family_of_every_capture_is_found_and_what_it_proves_is_told() {
    if support::capture(TEST, KNOWN[0].0).is_none() {
        return;
    }
    side_by_side(KNOWN, |(name, family, proved)| {
        let probed = probe(&support::capture(TEST, name).unwrap(), &["--format", "json"]);
        assert_eq!(probed.code, 0, "{name}: {probed:?}");
        let json = probed.json();
        assert_eq!(json["profile"], *family, "{name}");
        let finding = json["finding"].as_str().unwrap();
        let expected = match *proved {
            "proved" => "proved",
            "pons" => "proved by its PON ports alone, as it shows no ONU",
            _ => "not proved: none of its columns has a row",
        };
        assert_eq!(finding, expected, "{name}");
        assert_eq!(json["proved"], *proved == "proved", "{name}");
        for column in json["columns"].as_array().unwrap() {
            assert_ne!(column["answer"], "contradicts", "{name}: {column}");
        }
    });
}

#[test]
fn fragments_prove_the_family_that_they_are_of() {
    if support::capture(TEST, NAMED[0].0).is_none() {
        return;
    }
    side_by_side(NAMED, |(name, family)| {
        let probed = probe(&support::capture(TEST, name).unwrap(), &["--format", "json", "--profile", family]);
        assert_eq!(probed.code, 0, "{name}: {probed:?}");
        assert_eq!(probed.json()["finding"], "proved", "{name}");
    });
}

#[test]
fn devices_without_a_family_get_an_outline_and_an_honest_unknown() {
    if support::capture(TEST, UNKNOWN[0]).is_none() {
        return;
    }
    side_by_side(UNKNOWN, |name| {
        let probed = probe(&support::capture(TEST, name).unwrap(), &[]);
        assert_eq!(probed.code, 1, "{name}: {probed:?}");
        for part in ["Unknown family", "What its tree holds", " tables and "] {
            assert!(probed.stdout.contains(part), "{name} {part}: {}", probed.stdout);
        }
        assert!(probed.stderr.contains("no profile fits"), "{name}: {}", probed.stderr);
    });
}

/// A rebrand: a maker that nobody knows, with the tables of one that is known.
#[test]
fn a_rebrand_is_told_by_its_tables() {
    let Some(capture) = support::capture(TEST, "vsol-v1600d-1") else { return };
    let folder = tempfile::tempdir().unwrap();
    let rebrand = folder.path().join("rebrand.snmprec");
    let text = String::from_utf8_lossy(&std::fs::read(capture).unwrap()).into_owned();
    let lines = text.lines().map(|line| match line.contains("1.3.6.1.2.1.1.2.0|") {
        true => "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1".to_owned(),
        false => line.to_owned(),
    });
    std::fs::write(&rebrand, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let json = probe(&rebrand, &["--format", "json"]).json();
    assert_eq!(json["profile"], serde_json::Value::Null);
    assert_eq!(json["near"][0]["profile"], "vsol-epon", "{}", json["near"]);
    assert_eq!(json["near"][0]["finding"], "proved");
    let tables = json["outline"]["tables"].as_array().unwrap();
    let optics = tables.iter().find(|table| table["entry"] == "1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1").unwrap();
    assert_eq!(optics["onus"], true);
    let rx = optics["columns"].as_array().unwrap().iter().find(|column| column["column"] == 7).unwrap();
    assert_eq!(rx["looks_like"], "level, dBm, as a text", "{rx}");
    assert!(rx["rows"].as_u64().unwrap() > 3 && rx["index"].as_str().unwrap().split('.').count() == 2, "{rx}");
}
