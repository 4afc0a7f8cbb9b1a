//! `[[alert]]`.

use std::collections::HashMap;
use std::time::Duration;

use toml::de::DeValue;

use super::alert_channel;
use super::services::path;
use crate::config::Pattern;
use crate::config::alert::{
    Alert, AlertBudget, AlertFilter, AlertOn, AlertSeverity, AlertTemplate, Language, QuietHours,
};
use crate::config::maintenance::{parse_offset, parse_weekly};
use crate::config::model::Place;
use crate::config::reader::{Section, alternatives, did_you_mean};
use crate::config::schema::ALERT;

/// Longest name of a channel, in octets. It becomes a label of metrics.
const LONGEST_NAME: usize = 64;
/// Longest template, in octets.
const LONGEST_TEMPLATE: usize = 64 * 1024;
/// A map that needs no account, and opens on a telephone.
const MAP: &str = "https://www.openstreetmap.org/?mlat={lat}&mlon={lon}#map=17/{lat}/{lon}";

/// Kinds of channels with the keys that only some have.
const KINDS: &[(&str, &[&str])] = &[
    ("alertmanager", &["members", "token", "token_file", "token_env", "every", "heartbeat", "language", "map"]),
    ("webhook", &["secret", "secret_file", "secret_env", "token", "token_file", "token_env", "language", "map"]),
    ("telegram", &["token", "token_file", "token_env", "chat", "topic", "language", "map"]),
    ("slack", &["token", "token_file", "token_env", "channel", "language", "map"]),
    ("pagerduty", &["key", "key_file", "key_env", "language", "map"]),
    (
        "email",
        &["server", "security", "user", "password", "password_file", "password_env", "from", "to", "language", "map"],
    ),
    ("command", &["command", "timeout", "language", "map"]),
    ("heartbeat", &["every"]),
];
/// Keys of every kind.
const OF_ALL: &[&str] = &["kind", "name", "ca_file"];
/// Keys of every kind that is told of incidents.
const OF_TOLD: &[&str] =
    &["kinds", "severity", "olts", "regions", "tags", "min_clients", "after", "quiet", "quiet_severity", "utc_offset"];
/// Keys of every kind that gets messages, rather than a state.
const OF_MESSAGES: &[&str] = &["update_every", "per_minute", "burst", "template", "template_file"];
const URL: &[&str] = &["url", "url_file", "url_env"];

/// The sections, in the file's order; mistakes are noted.
pub(in crate::config) fn alerts(root: &Section<'_>) -> Vec<Alert> {
    let mut names = HashMap::new();
    root.sections("alert", &ALERT).iter().filter_map(|section| alert(section, &mut names)).collect()
}

fn alert(section: &Section<'_>, names: &mut HashMap<String, usize>) -> Option<Alert> {
    section.require("kind", "the kind of channel, such as \"alertmanager\"");
    let words: Vec<(&str, &str)> = KINDS.iter().map(|(kind, _)| (*kind, *kind)).collect();
    let kind = section.word("kind", &words)?.value;
    refuse_foreign(section, kind);
    let name = name(section, kind, names);
    let offset = section.text("utc_offset", "an offset from UTC such as \"-03:00\"", parse_offset);
    let offset = offset.map_or(0, |at| at.value);
    let (update_every, budget) = usual(kind);
    let per_minute = section.number("per_minute", "a number above 0, up to 6000", |rate| rate > 0.0 && rate <= 6000.0);
    let burst = section.whole("burst", 1..=1000);
    let map = section.text("map", "an address with {lat} and {lon} in it", |text| {
        let is_link = text.starts_with("https://") || text.starts_with("http://") || text.starts_with("geo:");
        if is_link && text.contains("{lat}") && text.contains("{lon}") { Ok(text) } else { Err(String::new()) }
    });
    let filter = filter(section);
    let min_clients = section.whole("min_clients", 0..=1_000_000).unwrap_or(0);
    let after = section.duration_or_zero("after").unwrap_or(Duration::ZERO);
    let update = section.duration("update_every");
    let quiet = quiet(section, offset);
    let language = section.word("language", Language::WORDS).map_or(Language::English, |at| at.value);
    let template = template(section);
    let ca_file = path(section, "ca_file", "a file of certificates in PEM, such as \"/etc/oltwatch/ca.pem\"");
    let channel = alert_channel::channel(section, kind);
    Some(Alert {
        name: name?,
        channel: channel?,
        filter,
        min_clients,
        after,
        update_every: update.unwrap_or(update_every),
        quiet,
        budget: AlertBudget {
            per_minute: per_minute.map_or(budget.per_minute, |at| at.value),
            burst: burst.unwrap_or(budget.burst),
        },
        language,
        utc_offset: offset,
        template,
        map: map.map_or(MAP, |at| at.value).to_owned(),
        ca_file,
    })
}

/// How often one incident is told, and how much in all: what people can read, and what services take.
fn usual(kind: &str) -> (Duration, AlertBudget) {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    match kind {
        "telegram" => (minutes(1), AlertBudget { per_minute: 15.0, burst: 5 }),
        "slack" => (minutes(1), AlertBudget { per_minute: 30.0, burst: 10 }),
        "email" => (minutes(10), AlertBudget { per_minute: 4.0, burst: 5 }),
        _ => (minutes(1), AlertBudget { per_minute: 60.0, burst: 60 }),
    }
}

/// A key that this kind does not have is a mistake, even if others have it.
fn refuse_foreign(section: &Section<'_>, kind: &str) {
    let own = KINDS.iter().find(|(word, _)| *word == kind).map_or(&[][..], |(_, keys)| keys);
    for key in ALERT.keys.iter().filter(|key| section.at(key).is_some()) {
        let fits = OF_ALL.contains(key)
            || own.contains(key)
            || (OF_TOLD.contains(key) && kind != "heartbeat")
            || (OF_MESSAGES.contains(key) && !matches!(kind, "heartbeat" | "alertmanager"))
            || (URL.contains(key) && !matches!(kind, "email" | "command"));
        if !fits {
            section.wrong(key, &format!("a channel of kind {kind:?} has no use for it"));
        }
    }
}

fn name(section: &Section<'_>, kind: &str, names: &mut HashMap<String, usize>) -> Option<String> {
    let expected = "a name, unique among the channels, of letters, digits and any of . _ -";
    let given = section.text("name", expected, |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(fits);
        if is_name { Ok(text) } else { Err(String::new()) }
    });
    if section.at("name").is_some() && given.is_none() {
        return None;
    }
    let (name, span) = given.map_or((kind, section.span.clone()), |at| (at.value, at.span));
    let (line, _) = section.reader.source.place(span.start);
    if let Some(first) = names.insert(name.to_owned(), line) {
        let message =
            format!("[[alert]]: the channel in line {first} has the name {name:?} already; give this one another name");
        section.reader.problem(&span, message);
        return None;
    }
    Some(name.to_owned())
}

/// The texts of a list, each taken by `check`; mistakes are noted.
pub(super) fn texts<'r, T>(
    section: &Section<'r>,
    key: &str,
    expected: &str,
    check: impl Fn(&'r str) -> Option<T>,
) -> Vec<T> {
    let Some(list) = section.list(key, &format!("a list of {expected}")) else { return Vec::new() };
    let mut found = Vec::new();
    for item in list.value.iter() {
        match item.get_ref().as_str().and_then(&check) {
            Some(value) => found.push(value),
            None => {
                let what = section.reader.found(&item.span(), item.get_ref());
                section
                    .reader
                    .problem(&item.span(), format!("{}: expected {expected}, found {what}", section.name(key)));
            }
        }
    }
    found
}

fn filter(section: &Section<'_>) -> AlertFilter {
    let usual = AlertFilter::default();
    let patterns =
        |key| texts(section, key, "names, with * for any text", |text| (!text.is_empty()).then(|| Pattern::new(text)));
    let severity = section.word("severity", AlertSeverity::WORDS);
    AlertFilter {
        kinds: kinds(section).unwrap_or(usual.kinds),
        severity: severity.map_or(usual.severity, |at| at.value),
        olts: patterns("olts"),
        regions: patterns("regions"),
        tags: patterns("tags"),
    }
}

fn kinds(section: &Section<'_>) -> Option<Vec<AlertOn>> {
    let names = || AlertOn::WORDS.iter().map(|(name, _)| *name);
    let list = section.list("kinds", &format!("a list of {}", alternatives(names())))?;
    let mut kinds = Vec::new();
    for item in list.value.iter() {
        let word = item.get_ref().as_str().unwrap_or_default();
        if let Some((_, kind)) = AlertOn::WORDS.iter().find(|(name, _)| *name == word) {
            kinds.push(*kind);
            continue;
        }
        let found = section.reader.found(&item.span(), item.get_ref());
        let is_text = matches!(item.get_ref(), DeValue::String(_));
        let near = if is_text { did_you_mean(section.reader.nearest(word, names())) } else { String::new() };
        let message = format!("alert.kinds: expected {}, found {found}{near}", alternatives(names()));
        section.reader.problem(&item.span(), message);
    }
    Some(kinds)
}

fn quiet(section: &Section<'_>, offset: i16) -> Option<QuietHours> {
    let severity = section.word("quiet_severity", AlertSeverity::WORDS);
    if section.at("quiet_severity").is_some() && section.at("quiet").is_none() {
        section.wrong("quiet_severity", "\"quiet\" is needed too");
    }
    let expected = "days and times such as \"daily 22:00-06:00\"";
    let when = section.text("quiet", expected, |text| parse_weekly(text, offset))?.value;
    Some(QuietHours { when, severity: severity.map_or(AlertSeverity::Critical, |at| at.value) })
}

fn template(section: &Section<'_>) -> Option<AlertTemplate> {
    let at = |key| {
        let (line, column) = section.reader.source.place(section.at(key)?.start);
        Some(Place { file: section.reader.source.file().to_owned(), line, column })
    };
    if section.at("template_file").is_some() {
        if section.at("template").is_some() {
            section.wrong("template_file", "\"template\" is given already; expected one of them");
            return None;
        }
        let path = path(section, "template_file", "the path of a template")?;
        return match std::fs::read_to_string(&path) {
            Ok(text) if text.len() <= LONGEST_TEMPLATE => Some(AlertTemplate { text, place: at("template_file")? }),
            Ok(_) => {
                section.wrong("template_file", &format!("{} is longer than 64 KiB", path.display()));
                None
            }
            Err(error) => {
                section.wrong("template_file", &format!("{} cannot be read: {error}", path.display()));
                None
            }
        };
    }
    let text = section.text("template", "the text of a template", |text| {
        if !text.trim().is_empty() && text.len() <= LONGEST_TEMPLATE { Ok(text) } else { Err(String::new()) }
    })?;
    Some(AlertTemplate { text: text.value.to_owned(), place: at("template")? })
}
