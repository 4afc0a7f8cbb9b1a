//! What the README and `docs/olts.md` say of OLT families is what the profiles say.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

#[path = "readme_support/olts.rs"]
mod olts;

use std::path::Path;

use oltwatch::mib::{FieldName, Library, Rows};

/// Set this to write the table into the README instead of comparing it.
const WRITE: &str = "OLTWATCH_WRITE_DOCS";

const BEGIN: &str = "<!-- families: cargo test writes this table with OLTWATCH_WRITE_DOCS=1 -->\n";
const END: &str = "<!-- end of families -->\n";

/// What a row says of the fields that matter to an operator, in words.
const SHOWN: [(FieldName, &str); 12] = [
    (FieldName::State, "state"),
    (FieldName::LastDownCause, "cause"),
    (FieldName::Rx, "RX"),
    (FieldName::OltRx, "OLT RX"),
    (FieldName::Tx, "TX"),
    (FieldName::Distance, "distance"),
    (FieldName::Serial, "serial"),
    (FieldName::Mac, "MAC"),
    (FieldName::Name, "name"),
    (FieldName::Temperature, "temperature"),
    (FieldName::Voltage, "voltage"),
    (FieldName::Bias, "bias"),
];

fn table() -> String {
    let mut lines = String::from("| family | profile | read of an ONU | sure | tested on |\n|---|---|---|---|---|\n");
    for profile in Library::load(None).unwrap().iter() {
        let has = |field| {
            profile.has_field(Rows::Onu, field)
                || (field == FieldName::LastDownCause && profile.has_field(Rows::Onu, FieldName::Cause))
        };
        let read: Vec<&str> = SHOWN.iter().filter(|(field, _)| has(*field)).map(|(_, word)| *word).collect();
        let sure = profile.confidence().word();
        lines.push_str(&format!(
            "| {} | `{}` | {} | {sure} | {} |\n",
            profile.title(),
            profile.name(),
            read.join(", "),
            profile.tested()
        ));
    }
    lines
}

#[test]
fn the_table_of_families_is_what_the_profiles_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert!(written == table(), "the README's table of families is old: {WRITE}=1 cargo test --test readme");
}

#[test]
fn the_page_of_families_is_what_the_profiles_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/olts.md");
    let page = olts::page(&Library::load(None).unwrap());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == page, "docs/olts.md is old: {WRITE}=1 cargo test --test readme");
}
