//! `[snmp]` and `[snmp.credential.NAME]`.

use std::collections::BTreeMap;

use crate::config::model::{Auth, AuthProtocol, Credential, KeyExtension, Privacy, PrivacyProtocol, Snmp, SnmpVersion};
use crate::config::reader::{Section, quote};
use crate::config::schema::{CREDENTIAL, SNMP};
use crate::config::secret::Wanted;
use toml::de::DeValue;

const COMMUNITY: Wanted = Wanted { stem: "community", inline: true, what: "the community", least: 1, header: false };
/// RFC 3414, 11.2: passwords of less than 8 octets are refused.
const AUTH: Wanted =
    Wanted { stem: "auth", inline: false, what: "the authentication password", least: 8, header: false };
const PRIVACY: Wanted =
    Wanted { stem: "privacy", inline: false, what: "the privacy password", least: 8, header: false };

const AUTH_PROTOCOLS: &[(&str, Option<AuthProtocol>)] = &[
    ("md5", Some(AuthProtocol::Md5)),
    ("sha1", Some(AuthProtocol::Sha1)),
    ("sha224", Some(AuthProtocol::Sha224)),
    ("sha256", Some(AuthProtocol::Sha256)),
    ("sha384", Some(AuthProtocol::Sha384)),
    ("sha512", Some(AuthProtocol::Sha512)),
    ("none", None),
];

const PRIVACY_PROTOCOLS: &[(&str, Option<PrivacyProtocol>)] = &[
    ("des", Some(PrivacyProtocol::Des)),
    ("aes128", Some(PrivacyProtocol::Aes128)),
    ("aes192", Some(PrivacyProtocol::Aes192)),
    ("aes256", Some(PrivacyProtocol::Aes256)),
    ("none", None),
];

const KEY_EXTENSIONS: &[(&str, KeyExtension)] =
    &[("blumenthal", KeyExtension::Blumenthal), ("reeder", KeyExtension::Reeder)];

#[derive(Clone, Copy)]
enum Version {
    V2c,
    V3,
}

const KEYS_OF_V2C: &[&str] = &["community", "community_file", "community_env"];
const KEYS_OF_V3: &[&str] =
    &["user", "auth", "auth_file", "auth_env", "privacy", "privacy_file", "privacy_env", "key_extension"];

/// What all OLTs together may be asked for, and the credentials by name; mistakes are noted, and a credential with one is
/// there as `None`, so that an OLT that names it is not wrong too.
pub(in crate::config) fn snmp(root: &Section<'_>) -> (Snmp, BTreeMap<String, Option<Credential>>) {
    let Some(section) = root.section("snmp", &SNMP) else { return (Snmp::default(), BTreeMap::new()) };
    let rate = |key, expected, most| section.number(key, expected, |n| n > 0.0 && n <= most).map(|at| at.value);
    let limits = Snmp {
        in_flight: section.whole("in_flight", 1..=100_000),
        pdus_per_second: rate("pdus_per_second", "a number above 0, up to 1000000", 1e6),
        varbinds_per_second: rate("varbinds_per_second", "a number above 0, up to 100000000", 1e8),
    };
    (limits, credentials(&section))
}

fn credentials(section: &Section<'_>) -> BTreeMap<String, Option<Credential>> {
    let mut credentials = BTreeMap::new();
    let Some(named) = section.names("credential", "sections [snmp.credential.NAME]") else { return credentials };
    for (name, value) in named.value {
        let name_text = name.get_ref().as_ref();
        let read = match value.get_ref() {
            DeValue::Table(table) => {
                let header = format!("[snmp.credential.{}]", bare_or_quoted(name_text));
                let section = Section::named(section.reader, &CREDENTIAL, header, table, value.span());
                version(&section).map(|version| Credential { name: name_text.to_owned(), version })
            }
            other => {
                let found = section.reader.found(&value.span(), other);
                // A known key here is that key without its section.
                let is_key = CREDENTIAL.keys.contains(&name_text);
                let shown = if is_key { "NAME".to_owned() } else { bare_or_quoted(name_text) };
                let message = format!("expected a section [snmp.credential.{shown}], found {found}");
                section.reader.problem(&name.span(), message);
                None
            }
        };
        credentials.insert(name_text.to_owned(), read);
    }
    credentials
}

/// A name as TOML wants it in a header.
pub(super) fn bare_or_quoted(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare && name.len() <= 60 { name.to_owned() } else { quote(name) }
}

fn version(section: &Section<'_>) -> Option<SnmpVersion> {
    section.require("version", "\"2c\" or \"3\"");
    let version = section.word("version", &[("2c", Version::V2c), ("3", Version::V3)])?;
    let (name, foreign, of) = match version.value {
        Version::V2c => ("2c", KEYS_OF_V3, "3"),
        Version::V3 => ("3", KEYS_OF_V2C, "2c"),
    };
    for key in foreign.iter().filter(|key| section.at(key).is_some()) {
        section.wrong(key, &format!("belongs to version {of:?}, and this credential has version {name:?}"));
    }
    match version.value {
        Version::V2c => Some(SnmpVersion::V2c { community: section.required_secret(&COMMUNITY)? }),
        Version::V3 => v3(section),
    }
}

fn v3(section: &Section<'_>) -> Option<SnmpVersion> {
    // RFC 3414, 2.4: a user's name has 1 to 32 octets.
    let expected = "the user's name, 1 to 32 octets";
    section.require("user", expected);
    let user = section.text("user", expected, |text| {
        if text.is_empty() || text.len() > 32 || text.chars().any(char::is_control) {
            Err(String::new())
        } else {
            Ok(text)
        }
    });
    let auth = protected(section, &AUTH, AUTH_PROTOCOLS);
    let privacy = protected(section, &PRIVACY, PRIVACY_PROTOCOLS);
    let key_extension = section.word("key_extension", KEY_EXTENSIONS).map_or(KeyExtension::Blumenthal, |at| at.value);
    if matches!(privacy, Protected::Wanted(..)) && matches!(auth, Protected::None) {
        section.wrong("privacy", "SNMPv3 has no privacy without authentication; expected \"auth\" with a hash too");
    }
    let auth = match auth {
        Protected::None => None,
        Protected::Wanted(protocol, password) => Some(Auth { protocol, password: password? }),
        Protected::Wrong => return None,
    };
    let privacy = match privacy {
        Protected::None => None,
        Protected::Wanted(protocol, password) => Some(Privacy { protocol, password: password?, key_extension }),
        Protected::Wrong => return None,
    };
    Some(SnmpVersion::V3 { user: user?.value.to_owned(), auth, privacy })
}

/// A protocol with its password.
enum Protected<T> {
    None,
    Wanted(T, Option<crate::config::model::Secret>),
    Wrong,
}

fn protected<T: Copy>(section: &Section<'_>, wanted: &Wanted, protocols: &[(&str, Option<T>)]) -> Protected<T> {
    let protocol = match section.word(wanted.stem, protocols) {
        Some(at) => at.value,
        None if section.at(wanted.stem).is_some() => return Protected::Wrong,
        None => None,
    };
    if let Some(protocol) = protocol {
        return Protected::Wanted(protocol, section.required_secret(wanted));
    }
    for key in [format!("{}_file", wanted.stem), format!("{}_env", wanted.stem)] {
        section.wrong(
            &key,
            &format!("has no use without a protocol; expected {:?} too, other than \"none\"", wanted.stem),
        );
    }
    Protected::None
}
