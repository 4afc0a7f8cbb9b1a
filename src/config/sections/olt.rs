//! `[[olt]]`.

use std::collections::{BTreeMap, HashMap};

use super::address;
use super::alert::texts;
use super::credential::bare_or_quoted;
use crate::config::model::{Credential, Olt, Place, Places, Profile};
use crate::config::reader::{Section, did_you_mean};
use crate::config::schema::OLT;
use crate::model::OltId;

/// Longest name of an OLT, in octets. It becomes a label of metrics and a part of paths.
const LONGEST_NAME: usize = 128;

/// The credential of an OLT that names none.
const DEFAULT_CREDENTIAL: &str = "default";

/// The OLTs in the file's order, and where things stand; mistakes are noted.
pub(in crate::config) fn olts(
    root: &Section<'_>,
    credentials: &BTreeMap<String, Option<Credential>>,
) -> (Vec<Olt>, Places) {
    let sections = root.sections("olt", &OLT);
    if sections.is_empty() {
        if root.is_empty_list("olt") {
            root.wrong("olt", "expected at least one section [[olt]]");
        }
        root.require("olt", "at least one section [[olt]]");
    }
    let mut seen = Seen::default();
    let mut places = Places::default();
    let olts = sections.iter().filter_map(|section| olt(section, credentials, &mut seen, &mut places)).collect();
    (olts, places)
}

/// Where names and addresses were seen first, as lines.
#[derive(Default)]
struct Seen {
    names: HashMap<String, usize>,
    addresses: HashMap<String, usize>,
}

fn olt(
    section: &Section<'_>,
    credentials: &BTreeMap<String, Option<Credential>>,
    seen: &mut Seen,
    places: &mut Places,
) -> Option<Olt> {
    let expected = "a name, unique among the OLTs";
    section.require("name", expected);
    let name = section.text("name", expected, name);
    if let Some(name) = &name {
        let (line, _) = section.reader.source.place(name.span.start);
        if let Some(first) = seen.names.get(name.value) {
            section.wrong("name", &format!("{:?} is the name of the OLT in line {first} already", name.value));
        } else {
            seen.names.insert(name.value.to_owned(), line);
        }
    }

    let expected = "a host with an optional port, such as \"192.0.2.10\" or \"[2001:db8::1]:161\"";
    section.require("address", expected);
    let address = section.text("address", expected, address::agent);
    if let Some(address) = &address {
        let (line, _) = section.reader.source.place(address.span.start);
        if let Some(first) = seen.addresses.get(&address.value) {
            let message = format!("olt.address: the OLT in line {first} has this address too, and is polled twice");
            section.reader.warn(&address.span, &message);
        } else {
            seen.addresses.insert(address.value.clone(), line);
        }
    }

    let profile = section.text("profile", "\"auto\" or the name of a profile", |text| match text {
        "auto" => Ok(Profile::Auto),
        _ if is_profile_name(text) => Ok(Profile::Named(text.to_owned())),
        _ => Err("; such a name has letters, digits, hyphens and dots".to_owned()),
    });
    let credential = credential(section, credentials);
    let region = section.text("region", "a name of at most 128 octets", self::name);
    let tags = texts(section, "tags", "words of at most 128 octets", |text| self::name(text).ok());
    let olt = Olt {
        name: OltId::new(name.as_ref().map_or("", |at| at.value)),
        address: address.as_ref().map(|at| at.value.clone()).unwrap_or_default(),
        profile: profile.as_ref().map_or(Profile::Auto, |at| at.value.clone()),
        region: region.map(|at| at.value.to_owned()),
        tags: tags.into_iter().map(str::to_owned).collect(),
        any_source: section.flag("any_source").unwrap_or(false),
        state_every: section.duration("state_every"),
        optics_every: section.duration("optics_every"),
        inventory_every: section.duration("inventory_every"),
        window: section.whole("window", 1..=64),
        pdus_per_second: section
            .number("pdus_per_second", "a number above 0, up to 10000", |n| n > 0.0 && n <= 10_000.0)
            .map(|at| at.value),
        varbinds_per_second: section
            .number("varbinds_per_second", "a number above 0, up to 1000000", |n| n > 0.0 && n <= 1_000_000.0)
            .map(|at| at.value),
        max_repetitions: section.whole("max_repetitions", 1..=10_000),
        reply_octets: section.whole("reply_octets", 100..=60_000),
        timeout: section.duration("timeout"),
        retries: section.whole("retries", 0..=20),
        credential: credential?,
    };
    let at = profile.map_or(section.span.start, |at| at.span.start);
    let (line, column) = section.reader.source.place(at);
    let file = section.reader.source.file().to_owned();
    places.profiles.insert(olt.name.clone(), Place { file, line, column });
    Some(olt)
}

fn name(text: &str) -> Result<&str, String> {
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        return Err("; it must not be empty, nor begin or end with a space".to_owned());
    }
    if text.len() > LONGEST_NAME {
        return Err(format!("; {LONGEST_NAME} octets are the longest"));
    }
    if text.contains('*') {
        return Err("; * stands for any text where OLTs are named".to_owned());
    }
    Ok(text)
}

fn is_profile_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(known) && !text.starts_with('.')
}

fn credential(section: &Section<'_>, credentials: &BTreeMap<String, Option<Credential>>) -> Option<Credential> {
    let Some(written) = section.at("credential") else {
        return match credentials.get(DEFAULT_CREDENTIAL) {
            Some(credential) => credential.clone(),
            None => {
                let message = "[[olt]] lacks \"credential\", and there is no [snmp.credential.default] to take instead";
                section.reader.problem(&section.span, message.to_owned());
                None
            }
        };
    };
    let name = section.text("credential", "the name of a credential", Ok)?.value;
    credentials.get(name).cloned().unwrap_or_else(|| {
        let known = || credentials.keys().map(String::as_str);
        let near = section.reader.nearest(name, known());
        let help = match (near, credentials.len()) {
            (Some(_), _) => did_you_mean(near),
            (None, 0) => "; there is none at all yet".to_owned(),
            (None, _) => {
                let mut names: Vec<&str> = known().take(10).collect();
                if credentials.len() > names.len() {
                    names.push("…");
                }
                format!("; there are {}", names.join(", "))
            }
        };
        let message = format!("olt.credential: there is no [snmp.credential.{}]{help}", bare_or_quoted(name));
        section.reader.problem(&written, message);
        None
    })
}
