//! `docs/olts.md`: a section for each family, from its profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use oltwatch::mib::{Confidence, Defaults, FieldName, Library, Profile, ReadMode, Rows};
use oltwatch::model::SweepKind;

const HEAD: &str = "# OLT families

This page is made from the profiles in `mibs/` (`OLTWATCH_WRITE_DOCS=1 cargo test --test readme`); change them, not it.
`docs/profiles.md` explains the format, `docs/add-an-olt.md` how to add a family, and `oltwatch poll --explain` prints what an OLT of
yours is asked for.

How sure a fact is: **A** two sources, or one and a recording of a real OLT that agrees; **B** one credible source; **C** a guess, or sources
disagree. What is C is shown only where the number is plausible, and `probe` marks it. Where nothing else is said, a field is A.
Levels in dBm: RX at the ONU, OLT RX what the OLT receives from it, TX its launch power. \"Cause\" is why an ONU is down, or why it went down last.

";

/// The whole page.
pub fn page(library: &Library) -> String {
    let mut page = HEAD.to_owned();
    for profile in library.iter() {
        let _ = writeln!(page, "* [{}](#{})", profile.title(), profile.name());
    }
    for profile in library.iter() {
        page.push_str(&section(profile));
    }
    page
}

fn section(profile: &Profile) -> String {
    let defaults = profile.defaults();
    let mut lines = vec![
        format!("Models: {}.", profile.models().join(", ")),
        format!(
            "Facts: {} on the whole, from {}. Tested on {}.",
            profile.confidence().word(),
            profile.source(),
            profile.tested()
        ),
        String::new(),
        format!("* Of an ONU: {}.", fields(profile, Rows::Onu)),
    ];
    let pons = fields(profile, Rows::Pon);
    lines.push(if pons.is_empty() {
        "* Of a PON: only what its ONUs tell.".to_owned()
    } else {
        format!("* Of a PON: {pons}.")
    });
    lines.extend(less_sure(profile));
    let every = |kind, every| format!("{kind} each {}{}", human(every), how(profile, kind));
    lines.push(format!(
        "* Sweeps: {}; {}; {}.",
        every(SweepKind::State, defaults.state_every),
        every(SweepKind::Optics, defaults.optics_every),
        every(SweepKind::Inventory, defaults.inventory_every),
    ));
    lines.push(format!("* Limits: {}.", limits(profile, defaults)));
    lines.push(format!("* Why: {}", defaults.why.split_whitespace().collect::<Vec<_>>().join(" ")));
    format!(
        "\n<a id=\"{}\"></a>\n\n## {} (`{}`)\n\n{}\n",
        profile.name(),
        profile.title(),
        profile.name(),
        lines.join("\n")
    )
}

/// A field as an operator calls it; `None` for what only says where an ONU is.
const fn word(field: FieldName) -> Option<&'static str> {
    match field {
        FieldName::Rx => Some("RX"),
        FieldName::OltRx => Some("OLT RX"),
        FieldName::Tx => Some("TX"),
        FieldName::Mac => Some("MAC"),
        FieldName::LastDownCause => Some("cause"),
        FieldName::Onus => Some("count of ONUs"),
        FieldName::Pon | FieldName::Onu => None,
        other => Some(other.word()),
    }
}

fn fields(profile: &Profile, rows: Rows) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in FieldName::ALL.into_iter().filter(|field| profile.has_field(rows, *field)).filter_map(word) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// A line for B and one for C, where some field is no better than that, by kind of PONs.
fn less_sure(profile: &Profile) -> Vec<String> {
    // Of several columns that give a field, the surest counts.
    let mut best: BTreeMap<(Option<&str>, bool, FieldName), Confidence> = BTreeMap::new();
    for column in profile.columns() {
        let sure = best.entry((column.kind, column.rows == Rows::Pon, column.field)).or_insert(Confidence::C);
        *sure = (*sure).min(column.confidence);
    }
    let mut lines = Vec::new();
    for sure in [Confidence::B, Confidence::C] {
        let mut by_kind: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
        for ((kind, of_pon, field), _) in best.iter().filter(|(_, found)| **found == sure) {
            if let Some(word) = word(*field) {
                let word = if *of_pon { format!("{word} of PONs") } else { word.to_owned() };
                by_kind.entry(*kind).or_default().insert(word);
            }
        }
        let said: Vec<String> = by_kind
            .iter()
            .map(|(kind, words)| {
                let words = words.iter().cloned().collect::<Vec<_>>().join(", ");
                kind.map_or_else(|| words.clone(), |kind| format!("on {} {words}", kind.to_uppercase()))
            })
            .collect();
        if !said.is_empty() {
            lines.push(format!("* Confidence {}: {}.", sure.word(), said.join("; ")));
        }
    }
    lines
}

/// How tables of ONUs are read in a sweep, where it is not one walk.
fn how(profile: &Profile, kind: SweepKind) -> &'static str {
    let reads = profile.reads(kind);
    let mut modes = reads.iter().filter(|read| read.rows == Rows::Onu).map(|read| read.mode);
    if modes.clone().any(|mode| mode == ReadMode::GetUp) {
        " (rows of ONUs that are up, one by one)"
    } else if modes.any(|mode| mode == ReadMode::WalkByPon) {
        " (PON by PON)"
    } else {
        ""
    }
}

fn limits(profile: &Profile, defaults: &Defaults) -> String {
    let mut limits = vec![
        format!(
            "{} in flight",
            if defaults.window == 1 { "one request".to_owned() } else { format!("{} requests", defaults.window) }
        ),
        format!("{} requests a second", defaults.pdus_per_second),
        format!("{} rows in one", defaults.max_repetitions),
    ];
    if SweepKind::ALL.iter().any(|kind| profile.reads(*kind).iter().any(|read| read.mode == ReadMode::GetUp)) {
        limits.push(format!("{} values in one GET", defaults.get_varbinds));
    }
    if defaults.varbinds_per_second.is_finite() {
        limits.push(format!("{} values a second", defaults.varbinds_per_second));
    }
    limits.push(format!("{} for an answer, then {} more tries", human(defaults.timeout), defaults.retries));
    limits.join(", ")
}

fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
