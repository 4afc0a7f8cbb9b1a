//! `config.example.toml` is valid, complete, and tells the real defaults.

use std::path::Path;

use super::super::*;
use super::parse_in;
use crate::config::schema;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

const ENVIRONMENT: &[(&str, &str)] = &[
    ("OZMAP_TOKEN", "key"),
    ("OLT_COMMUNITY", "public"),
    ("OLT_AUTH", "auth-password"),
    ("OLT_PRIVACY", "priv-password"),
    ("HOOK_SECRET", "0123456789abcdef"),
    ("TELEGRAM_TOKEN", "1:a"),
    ("SLACK_TOKEN", "xoxb-1"),
    ("PAGERDUTY_KEY", "0123456789"),
    ("SMTP_PASSWORD", "hush"),
];

/// What a line of the example is, by the mark in its comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Header,
    /// Must be written.
    Required(&'a str),
    /// Absent means this value.
    Default(&'a str),
    /// Absent means nothing; the value is an example.
    NoDefault(&'a str),
    /// Instead of another key.
    Or(&'a str),
    Prose,
}

/// A line without its `# `, if a key or a header stands behind it; and what it is.
fn classify(line: &str) -> (&str, Line<'_>) {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    if bare.starts_with('[') && bare.ends_with(']') {
        return (bare, Line::Header);
    }
    let key = bare.split(" = ").next().unwrap_or_default();
    let is_key = bare.contains(" = ") && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !is_key {
        return ("", Line::Prose);
    }
    let (_, comment) = bare.rsplit_once(" # ").unwrap_or_else(|| panic!("no reason stands beside {bare}"));
    let comment = comment.trim();
    assert!(comment.len() > 3, "{bare}");
    let mark = |mark: &str| comment.starts_with(mark);
    let kind = match () {
        () if mark("required: ") => Line::Required(key),
        () if mark("no default: ") => Line::NoDefault(key),
        () if mark("or ") || mark("or: ") => Line::Or(key),
        () => Line::Default(key),
    };
    (bare, kind)
}

/// The example with only those lines that are wanted, uncommented.
fn only(wanted: impl Fn(Line<'_>) -> bool) -> String {
    EXAMPLE.lines().map(classify).filter(|(_, kind)| wanted(*kind)).map(|(bare, _)| format!("{bare}\n")).collect()
}

/// Reads it and shows all of it, but for what depends on lines.
fn shown(text: &str) -> String {
    let mut config = parse_in(text, Path::new("/folder"), ENVIRONMENT).unwrap_or_else(|error| panic!("{error}"));
    config.warnings.clear();
    config.places = Places::default();
    format!("{config:#?}")
}

#[test]
fn the_example_is_valid_as_it_stands() {
    let config = parse_in(EXAMPLE, Path::new("/folder"), ENVIRONMENT).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!(config.olts.len(), 1);
    let missing = parse_in(EXAMPLE, Path::new("/folder"), &[]).unwrap_err();
    assert_eq!(missing.problems().len(), 2, "it needs its two variables and nothing else: {missing}");
}

#[test]
fn each_default_that_it_shows_is_the_real_one() {
    // An override without a place is no override; it says nothing about defaults.
    let override_header = "[[thresholds.override]]\n";
    let place = "olt = 'olt-centro'\nfrom = \"2026";
    let placed = |text: String| text.replace(override_header, "").replace("from = \"2026", place);
    let absent = placed(only(|line| matches!(line, Line::Header | Line::Required(_))));
    let written = placed(only(|line| matches!(line, Line::Header | Line::Required(_) | Line::Default(_))));
    assert!(written.lines().count() > absent.lines().count() + 30, "the example shows many defaults");
    assert_eq!(shown(&absent), shown(&written));
}

#[test]
fn every_value_that_it_shows_is_valid() {
    let all = only(|line| !matches!(line, Line::Or(_) | Line::Prose));
    let everything = shown(&all);
    assert_ne!(
        everything,
        shown(
            &only(|line| !matches!(line, Line::Or(_) | Line::Prose | Line::NoDefault(_)))
                .replace("[[thresholds.override]]\n", "")
                .replace("from = \"2026", "olt = 'olt-centro'\nfrom = \"2026")
        )
    );
    // Without a class, its two numbers are.
    let keep_class = |line: Line<'_>| {
        !matches!(
            line,
            Line::Prose
                | Line::Or(
                    "token"
                        | "token_file"
                        | "token_env"
                        | "community"
                        | "community_file"
                        | "auth_file"
                        | "privacy_file"
                        | "box"
                        | "weekly"
                        | "utc_offset"
                        | "url_file"
                        | "url_env"
                        | "secret"
                        | "secret_file"
                        | "template_file"
                        | "key"
                        | "key_file"
                        | "password"
                        | "password_file"
                )
        )
    };
    let numbers: String = only(keep_class)
        .lines()
        .filter(|line| !line.starts_with("class") && !line.starts_with("olt_class"))
        .map(|line| format!("{line}\n"))
        .collect();
    shown(&numbers);
}

#[test]
fn every_key_is_in_the_example() {
    for shape in
        schema::ALL.iter().filter(|shape| shape.header != schema::ROOT.header && shape.header != schema::SNMP.header)
    {
        let mut section = String::new();
        let mut keys: Vec<&str> = Vec::new();
        for (bare, kind) in EXAMPLE.lines().map(classify) {
            match kind {
                Line::Header => {
                    section = if bare.starts_with("[snmp.credential.") {
                        schema::CREDENTIAL.header.to_owned()
                    } else if bare.starts_with("[thresholds.classes.") {
                        schema::CLASS.header.to_owned()
                    } else {
                        bare.to_owned()
                    }
                }
                Line::Required(key) | Line::Default(key) | Line::NoDefault(key) | Line::Or(key)
                    if section == shape.header =>
                {
                    keys.push(key)
                }
                _ => {}
            }
        }
        for key in shape.keys {
            let subsection = schema::ALL.iter().any(|other| other.path == format!("{}.{key}", shape.path));
            assert!(subsection || keys.contains(key), "{} has no {key} in the example", shape.header);
        }
        for key in keys {
            assert!(shape.keys.contains(&key), "the example shows {key} in {}", shape.header);
        }
    }
    for section in schema::ROOT.keys {
        assert!(EXAMPLE.contains(&format!("[{section}")), "{section} is not in the example");
    }
}
