//! `[[maintenance]]`.

use super::thresholds::place_of;
use crate::config::maintenance::{Maintenance, Span, parse_moment, parse_offset, parse_weekly};
use crate::config::model::Olt;
use crate::config::reader::Section;
use crate::config::schema::MAINTENANCE;
use crate::config::{AddressMatch, Pattern};

/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// The sections, in the file's order; mistakes are noted. One that fits none of these OLTs, and one of a box without `[ozmap]`, earns
/// a warning.
pub(in crate::config) fn maintenance(root: &Section<'_>, olts: &[Olt]) -> Vec<Maintenance> {
    // A wrong `[ozmap]` is told anyway.
    let has_ozmap = root.at("ozmap").is_some();
    root.sections("maintenance", &MAINTENANCE).iter().filter_map(|section| one(section, olts, has_ozmap)).collect()
}

fn one(section: &Section<'_>, olts: &[Olt], has_ozmap: bool) -> Option<Maintenance> {
    let (place, boxes) = match section.at("box") {
        Some(at) => {
            if !has_ozmap {
                let text = "maintenance.box: without [ozmap] nothing is known of boxes, so it has no effect";
                section.reader.warn(&at, text);
            }
            (AddressMatch { olt: None, pon: None }, Some(boxes(section)?))
        }
        None => (place_of(section, olts), None),
    };
    section.require("reason", "why, for those who see it");
    let reason = section.text("reason", "why, in at most 200 characters", |text| {
        let fits =
            !text.trim().is_empty() && text.chars().count() <= LONGEST_REASON && !text.chars().any(char::is_control);
        if fits { Ok(text.trim().to_owned()) } else { Err(String::new()) }
    });
    let span = if section.at("weekly").is_some() { weekly(section) } else { once(section) };
    Some(Maintenance { place, boxes, span: span?, reason: reason?.value })
}

fn boxes(section: &Section<'_>) -> Option<Pattern> {
    for key in ["olt", "pon"] {
        if section.at(key).is_some() {
            section.wrong(key, "\"box\" is given already; expected either that, or olt and pon");
        }
    }
    let expected = "the id or name of a box in OZmap, with * for any text, such as \"CTO 12*\"";
    let boxes = section.text("box", expected, |text| {
        if text.trim() == text && !text.is_empty() { Ok(Pattern::new(text)) } else { Err(String::new()) }
    })?;
    Some(boxes.value)
}

fn weekly(section: &Section<'_>) -> Option<Span> {
    for key in ["from", "until"] {
        if section.at(key).is_some() {
            section.wrong(key, "\"weekly\" is given already; expected either that, or from and until");
        }
    }
    let offset = section.text("utc_offset", "an offset from UTC such as \"-03:00\"", parse_offset);
    if section.at("utc_offset").is_some() && offset.is_none() {
        return None;
    }
    let offset = offset.map_or(0, |at| at.value);
    let expected = "days and times such as \"tue 02:00-05:00\" or \"mon-fri 23:00-01:00\"";
    section.text("weekly", expected, |text| parse_weekly(text, offset)).map(|at| Span::Weekly(at.value))
}

fn once(section: &Section<'_>) -> Option<Span> {
    if section.at("utc_offset").is_some() {
        section.wrong("utc_offset", "only \"weekly\" needs it; from and until have offsets of their own");
    }
    section.require_one(&["from", "until", "weekly"], "lacks a time: expected weekly, or from and until");
    for (here, missing) in [("from", "until"), ("until", "from")] {
        if section.at(here).is_some() && section.at(missing).is_none() {
            section.wrong(here, &format!("{missing:?} is needed too"));
        }
    }
    let moment =
        |key| section.text(key, "a time such as \"2026-12-01T02:00:00-03:00\"", parse_moment).map(|at| at.value);
    let (from, until) = (moment("from"), moment("until"));
    let (from, until) = (from?, until?);
    if from >= until {
        section.wrong("until", "it is not after \"from\"");
        return None;
    }
    Some(Span::Once { from, until })
}
