//! The built-in profiles against what is known of real devices: every worked example (raw value, meaning) with the
//! section of the knowledge base that tells it, and the identities that captured devices give of themselves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

#[path = "profiles_support/examples.rs"]
mod examples;
mod support;
#[path = "profiles_support/variants.rs"]
mod variants;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use examples::{EXAMPLES, Row};
use oltwatch::mib::{Decoded, Joins, Library, Profile, RawColumn, RawTable, Rows};
use oltwatch::model::{PonReading, Reading, SweepKind};
use oltwatch::snmp::{Oid, Value};
use variants::{NOBODY, VARIANTS};

fn values(rows: &[Row]) -> Vec<(Oid, Value)> {
    rows.iter().map(|(oid, value)| (oid.parse().unwrap(), value.value())).collect()
}

fn profile(name: &str) -> Arc<Profile> {
    Arc::clone(Library::load(None).unwrap().get(name).unwrap_or_else(|| panic!("there is no profile {name}")))
}

fn decode(profile: &Profile, rows: &[(Oid, Value)], kind: SweepKind) -> Decoded {
    let column = |oid: &Oid| RawColumn {
        oid: oid.clone(),
        rows: rows.iter().filter_map(|(row, value)| Some((row.suffix_of(oid)?.into(), value.clone()))).collect(),
        complete: true,
    };
    let mut joins = Joins::default();
    for join in profile.join_reads() {
        joins.set(profile, join.join, &column(&join.column).rows);
    }
    let tables: Vec<RawTable> = profile
        .reads(kind)
        .iter()
        .map(|read| RawTable { table: read.table, columns: read.columns.iter().map(column).collect() })
        .collect();
    profile.decode(kind, &tables, &joins)
}

/// What all sweeps say of ONUs and PONs, in words: `pon#onu field=value …`, one line each, sorted.
fn told(profile: &Profile, rows: &[(Oid, Value)]) -> String {
    let mut onus: BTreeMap<String, String> = BTreeMap::new();
    let mut pons: BTreeMap<String, String> = BTreeMap::new();
    for kind in SweepKind::ALL {
        let decoded = decode(profile, rows, *kind);
        assert!(decoded.gaps.is_empty(), "{} {kind}: {:?}", profile.name(), decoded.gaps);
        for onu in &decoded.onus {
            let name = match (onu.pon, onu.onu) {
                (Some(pon), Some(number)) => format!("{pon}#{number}"),
                _ => format!("key {}", onu.key),
            };
            onus.entry(name).or_default().push_str(&words(onu));
        }
        for pon in &decoded.pons {
            pons.entry(format!("PON {}", pon.pon)).or_default().push_str(&pon_words(pon));
        }
    }
    onus.into_iter().chain(pons).map(|(name, words)| format!("{name}{words}")).collect::<Vec<_>>().join("; ")
}

fn words(onu: &Reading) -> String {
    let mut words = String::new();
    macro_rules! tell {
        ($($name:ident),+) => { $(if let Ok(value) = &onu.$name { let _ = write!(words, " {}={value}", stringify!($name)); })+ };
    }
    tell!(serial, mac, name, state, cause, last_down_cause, rx, olt_rx, tx, distance, temperature, voltage, bias);
    words
}

fn pon_words(pon: &PonReading) -> String {
    let mut words = String::new();
    if let Some(name) = &pon.name {
        let _ = write!(words, " name={name}");
    }
    if let Ok(state) = pon.state {
        let _ = write!(words, " state={state}");
    }
    if let Ok(tx) = pon.tx {
        let _ = write!(words, " tx={tx}");
    }
    if let Ok(onus) = pon.onus {
        let _ = write!(words, " onus={onus}");
    }
    words
}

#[test]
fn every_worked_example_means_what_it_is_said_to_mean() {
    let mut wrong = String::new();
    for (section, family, rows, meaning) in EXAMPLES.iter().chain(VARIANTS) {
        let told = told(&profile(family), &values(rows));
        if told != *meaning {
            let _ = writeln!(wrong, "section {section}:\n  said to mean {meaning}\n  and means     {told}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_row_of_something_else_becomes_nobody() {
    for (section, family, rows) in NOBODY {
        let decoded = decode(&profile(family), &values(rows), SweepKind::State);
        assert!(decoded.onus.is_empty() && decoded.gaps.len() == 1, "section {section}: {decoded:?}");
    }
}

/// Every family that ships has an example.
#[test]
fn no_family_is_without_a_worked_example() {
    let has = |name: &str| EXAMPLES.iter().chain(VARIANTS).any(|(_, family, ..)| *family == name);
    let without: Vec<String> =
        Library::load(None).unwrap().iter().map(|p| p.name().to_owned()).filter(|name| !has(name)).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// The first line of a capture with this OID, as kind and value.
fn first(capture: &str, oid: &str) -> Option<String> {
    capture.lines().find_map(|line| {
        let mut parts = line.trim_start_matches('.').splitn(3, '|');
        let (found, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
        (found == oid).then(|| match kind {
            "4x" => (0..value.len())
                .step_by(2)
                .map(|at| char::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()))
                .collect(),
            _ => value.to_owned(),
        })
    })
}

/// Whether a capture has a row inside of a subtree.
fn answers(capture: &str, subtree: &Oid) -> bool {
    let within = format!("{subtree}.");
    capture.lines().any(|line| line.trim_start_matches('.').starts_with(&within))
}

#[test]
fn the_family_of_every_captured_device_is_found() {
    const TEST: &str = "families of captures";
    let library = Library::load(None).unwrap();
    for (name, family) in [
        ("bdcom-gp3600-16b-1", Some("bdcom-gpon")),
        ("calix-axos-e7-2-1", Some("calix-axos")),
        ("calix-e7-2-1", Some("calix-exa")),
        ("calix-e7-2-2", Some("calix-exa")),
        ("cdata-fd12xx-epon-1", Some("cdata-epon")),
        ("dasan-v5812g-1", Some("dasan-dzs")),
        ("datacom-dm4610-hw2-1", Some("datacom-dmos")),
        ("datacom-dm4611-1", Some("datacom-dmos")),
        ("datacom-dm4616-1", Some("datacom-dmos")),
        ("datacom-dm4618-1", Some("datacom-dmos")),
        ("eltex-ltp8x-1", Some("eltex-ltp")),
        ("fiberhome-an5516-01-1", Some("fiberhome-an5516")),
        ("fiberhome-an5516-04-1", Some("fiberhome-an5516")),
        ("fiberhome-an5516-06-1", Some("fiberhome-an5516")),
        ("huawei-ma56xx-1", Some("huawei-smartax")),
        ("nokia-isam7360-1", Some("nokia-isam")),
        ("ubnt-ufiber-olt-1", Some("ubiquiti-ufiber")),
        ("ubnt-uisp-xgs-1", Some("ubiquiti-ufiber")),
        ("vsol-v1600d-1", Some("vsol-epon")),
        ("zte-c300-1", Some("zte-c300-c320")),
        ("zte-c320-1", Some("zte-c300-c320")),
        ("zte-c600-fragment-1", Some("zte-c600")),
        ("zte-c620-1", Some("zte-c600")),
        // No facts are known of an EPON chassis of Raisecom, nor of these two makers.
        ("raisecom-iscom5508-epsc-1", None),
        ("infinera-7090-1", None),
        ("ubiquoss-c9500-1", None),
    ] {
        let Some(path) = support::capture(TEST, name) else { return };
        let capture = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let sys_descr = first(&capture, "1.3.6.1.2.1.1.1.0").unwrap_or_default();
        let sys_object_id = first(&capture, "1.3.6.1.2.1.1.2.0").unwrap();
        let sys_object_id: Oid = sys_object_id.trim_start_matches('.').parse().unwrap();
        let candidates = library.candidates(&sys_object_id, &sys_descr);
        let found =
            candidates.iter().find(|candidate| candidate.probe.as_ref().is_none_or(|probe| answers(&capture, probe)));
        assert_eq!(found.map(|candidate| candidate.profile.name()), family, "{name}");
    }
}

/// Every profile names at least who an ONU is or how much light it gets, and no field twice without need.
#[test]
fn a_profile_tells_who_an_onu_is_or_whether_it_is_up() {
    use oltwatch::mib::FieldName::{Mac, Name, Rx, Serial, State};
    for profile in Library::load(None).unwrap().iter() {
        let has = |field| profile.has_field(Rows::Onu, field);
        assert!(has(Serial) || has(Mac) || has(Name) || profile.name() == "calix-exa", "{}", profile.name());
        assert!(has(State) || has(Rx), "{}", profile.name());
        assert!(!profile.source().is_empty() && !profile.tested().is_empty() && !profile.models().is_empty());
    }
}
