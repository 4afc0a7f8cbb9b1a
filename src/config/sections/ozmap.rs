//! `[ozmap]` and `[ozmap.status]`.

use std::time::Duration;

use toml::de::DeValue;

use super::address;
use super::services::path;
use crate::config::model::{BrakeRule, ForeignPolicy, MarkRule, MatchBy, Ozmap, OzmapMode, PlantRule, StatusMap};
use crate::config::reader::{Section, alternatives, did_you_mean};
use crate::config::schema::{OZMAP, STATUS};
use crate::config::secret::Wanted;
use crate::model::{Decibels, ElementId, Verdict};

const TOKEN: Wanted = Wanted { stem: "token", inline: true, what: "OZmap's API key", least: 1, header: true };

const MATCH_BY: &[(&str, MatchBy)] =
    &[("serial", MatchBy::Serial), ("mac", MatchBy::Mac), ("code", MatchBy::Code), ("pppoe", MatchBy::Pppoe)];

const USUAL_MATCH_BY: [MatchBy; 3] = [MatchBy::Serial, MatchBy::Mac, MatchBy::Code];

const VERDICTS: &[(&str, Verdict)] = &[("ok", Verdict::Ok), ("error", Verdict::Error), ("hold", Verdict::Hold)];

/// The section, if it is there; mistakes are noted.
pub(in crate::config) fn ozmap(root: &Section<'_>) -> Option<Ozmap> {
    let section = root.section("ozmap", &OZMAP)?;
    let expected = "OZmap's address, such as \"https://isp.ozmap.com.br:9994\"";
    section.require("url", expected);
    let url = section.text("url", expected, address::ozmap);
    let clear = url.as_ref().filter(|url| url.value.scheme() == "http" && !address::is_local(&url.value));
    if let Some(url) = clear {
        section.reader.warn(&url.span, "ozmap.url: over http the API key crosses the network in clear; use https");
    }
    let token = section.required_secret(&TOKEN);
    let ca_file = path(&section, "ca_file", "a file of certificates in PEM, such as \"/etc/oltwatch/ozmap-ca.pem\"");
    let insecure = section.read("insecure", "true or false", |value| value.as_bool().ok_or_else(String::new));
    if let Some(at) = insecure.as_ref().filter(|at| at.value) {
        let text =
            "ozmap.insecure: any certificate is taken, so whoever stands between can read the API key; use ca_file";
        section.reader.warn(&at.span, text);
    }
    let mode = section.word("mode", &[("dry-run", OzmapMode::DryRun), ("write", OzmapMode::Write)]);
    let rate = section.number("requests_per_second", "a number above 0, up to 1000", |n| n > 0.0 && n <= 1000.0);
    let burst = section.whole("burst", 1..=1000);
    let batch_above = section.whole("batch_above", 0..=1_000_000);
    let batch_size = section.whole("batch_size", 1..=10_000);
    let full_read = section.duration("full_read");
    let delta_read = section.duration_or_zero("delta_read");
    let match_by = match_by(&section);
    let pattern = |key| {
        let read = |pattern: &_| regex::Regex::new(pattern).map_err(|error| format!("; {}", one_line(&error)));
        section.text(key, "a regular expression", read).map(|at| at.value)
    };
    let (code_pattern, pppoe_pattern) = (pattern("code_pattern"), pattern("pppoe_pattern"));
    let write_power = section.flag("write_power");
    let dead_band = section
        .number("power_dead_band_db", "a number of dB from 0.1 to 10", |db| (0.1..=10.0).contains(&db))
        .and_then(|db| Decibels::new(db.value).ok());
    let foreign = section.word("foreign", ForeignPolicy::WORDS);
    let foreign_every = section.duration("foreign_every");
    let share = section.number("brake_share", "a share from 0 to 1, such as 0.1", |share| (0.0..=1.0).contains(&share));
    let least = section.whole("brake_least", 1..=1_000_000);
    let plant = plant(&section);
    let marks = marks(&section);
    let status = section.section("status", &STATUS);
    let status = status.as_ref().map(status_map);
    let size =
        |number: Option<u32>, default| number.map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX));
    Some(Ozmap {
        url: url?.value.to_string(),
        token: token?,
        ca_file,
        insecure: insecure.is_some_and(|at| at.value),
        mode: mode.map_or(OzmapMode::DryRun, |at| at.value),
        requests_per_second: rate.map_or(2.0, |at| at.value),
        burst: burst.unwrap_or(5),
        batch_above: size(batch_above, 5),
        batch_size: size(batch_size, 100),
        full_read: full_read.unwrap_or(Duration::from_secs(15 * 60)),
        delta_read: delta_read.unwrap_or(Duration::from_secs(60)),
        match_by: match_by.unwrap_or_else(|| USUAL_MATCH_BY.to_vec()),
        code_pattern,
        pppoe_pattern,
        write_power: write_power.unwrap_or(false),
        power_dead_band: dead_band.unwrap_or(Decibels::from_thousandths(500)),
        foreign: foreign.map_or(ForeignPolicy::Ours, |at| at.value),
        foreign_every: foreign_every.unwrap_or(Duration::from_secs(10 * 60)),
        brake: BrakeRule { share: share.map_or(0.1, |at| at.value), least: size(least, 20) },
        plant,
        marks,
        status: status.unwrap_or_default(),
    })
}

fn plant(section: &Section<'_>) -> PlantRule {
    let default = PlantRule::default();
    PlantRule {
        on: section.flag("plant").unwrap_or(default.on),
        refresh: section.duration("plant_refresh").unwrap_or(default.refresh),
        in_flight: section
            .whole("plant_in_flight", 1..=4)
            .map_or(default.in_flight, |number: u32| usize::try_from(number).unwrap_or(default.in_flight)),
    }
}

/// All three of them, or none.
fn marks(section: &Section<'_>) -> Option<MarkRule> {
    const KEYS: [(&str, &str); 3] = [
        ("mark_owner", "the id of the user that marks belong to"),
        ("mark_project", "the id of the project that marks are in"),
        ("mark_type", "the id of a type of pendencies"),
    ];
    if KEYS.iter().all(|(key, _)| section.at(key).is_none()) {
        return None;
    }
    let [owner, project, kind] = KEYS.map(|(key, what)| {
        section.require(key, what);
        let expected = "an id of OZmap, which is 24 hexadecimal digits";
        section.text(key, expected, |text| text.parse::<ElementId>().map_err(|_| String::new())).map(|at| at.value)
    });
    Some(MarkRule { owner: owner?, project: project?, kind: kind? })
}

/// The mistake itself: a regex error prints the pattern and an arrow on lines of their own.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

fn match_by(section: &Section<'_>) -> Option<Vec<MatchBy>> {
    let names = || MATCH_BY.iter().map(|(name, _)| *name);
    let expected = format!("a list of {}", alternatives(names()));
    let list = section.list("match", &expected)?;
    let mut keys = Vec::new();
    for item in list.value.iter() {
        let word = item.get_ref().as_str().unwrap_or_default();
        match MATCH_BY.iter().find(|(name, _)| *name == word) {
            Some((_, key)) if keys.contains(key) => {
                section.reader.problem(&item.span(), format!("ozmap.match: {word:?} is given twice"));
            }
            Some((_, key)) => keys.push(*key),
            None => {
                let found = section.reader.found(&item.span(), item.get_ref());
                let near = if matches!(item.get_ref(), DeValue::String(_)) {
                    did_you_mean(section.reader.nearest(word, names()))
                } else {
                    String::new()
                };
                let message = format!("ozmap.match: expected {}, found {found}{near}", alternatives(names()));
                section.reader.problem(&item.span(), message);
            }
        }
    }
    Some(keys)
}

fn status_map(section: &Section<'_>) -> StatusMap {
    let default = StatusMap::default();
    let verdict = |key, default| section.word(key, VERDICTS).map_or(default, |at| at.value);
    StatusMap {
        optical: verdict("optical", default.optical),
        power: verdict("power", default.power),
        admin: verdict("admin", default.admin),
        auth: verdict("auth", default.auth),
        rogue: verdict("rogue", default.rogue),
        restart: verdict("restart", default.restart),
        unknown: verdict("unknown", default.unknown),
        critical: verdict("critical", default.critical),
        overload: verdict("overload", default.overload),
        weak: verdict("weak", default.weak),
        olt_critical: verdict("olt_critical", default.olt_critical),
        olt_overload: verdict("olt_overload", default.olt_overload),
    }
}
