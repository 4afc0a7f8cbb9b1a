//! Which keys exist, section by section, and which of their values may be shown.

use toml::de::DeValue;

/// One kind of section and its keys.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its header as it is written.
    pub header: &'static str,
    /// What stands before a key of it in messages.
    pub path: &'static str,
    /// Its keys, subsections among them.
    pub keys: &'static [&'static str],
}

pub(super) const ROOT: Shape = Shape {
    header: "the file",
    path: "",
    keys: &[
        "ozmap",
        "thresholds",
        "baseline",
        "maintenance",
        "snmp",
        "olt",
        "store",
        "http",
        "trap",
        "alert",
        "incident",
        "mibs",
    ],
};

pub(super) const OZMAP: Shape = Shape {
    header: "[ozmap]",
    path: "ozmap",
    keys: &[
        "url",
        "token",
        "token_file",
        "token_env",
        "ca_file",
        "insecure",
        "mode",
        "requests_per_second",
        "burst",
        "batch_above",
        "batch_size",
        "full_read",
        "delta_read",
        "match",
        "code_pattern",
        "pppoe_pattern",
        "write_power",
        "power_dead_band_db",
        "foreign",
        "foreign_every",
        "brake_share",
        "brake_least",
        "plant",
        "plant_refresh",
        "plant_in_flight",
        "mark_owner",
        "mark_project",
        "mark_type",
        "status",
    ],
};

pub(super) const STATUS: Shape = Shape {
    header: "[ozmap.status]",
    path: "ozmap.status",
    keys: &[
        "optical",
        "power",
        "admin",
        "auth",
        "rogue",
        "restart",
        "unknown",
        "critical",
        "overload",
        "weak",
        "olt_critical",
        "olt_overload",
    ],
};

pub(super) const THRESHOLDS: Shape = Shape {
    header: "[thresholds]",
    path: "thresholds",
    keys: &[
        "class",
        "sensitivity_dbm",
        "overload_dbm",
        "olt_class",
        "olt_sensitivity_dbm",
        "olt_overload_dbm",
        "weak_margin_db",
        "hysteresis_db",
        "worsen_after",
        "improve_after",
        "down_after",
        "unknown_after",
        "flap_half_life",
        "flap_suppress",
        "flap_reuse",
        "classes",
        "override",
    ],
};

pub(super) const OVERRIDE: Shape = Shape {
    header: "[[thresholds.override]]",
    path: "thresholds.override",
    keys: &[
        "olt",
        "pon",
        "class",
        "sensitivity_dbm",
        "overload_dbm",
        "olt_class",
        "olt_sensitivity_dbm",
        "olt_overload_dbm",
        "weak_margin_db",
        "hysteresis_db",
        "worsen_after",
        "improve_after",
    ],
};

pub(super) const CLASS: Shape = Shape {
    header: "[thresholds.classes.NAME]",
    path: "thresholds.classes",
    keys: &["sensitivity_dbm", "overload_dbm", "olt_sensitivity_dbm", "olt_overload_dbm"],
};

pub(super) const MAINTENANCE: Shape = Shape {
    header: "[[maintenance]]",
    path: "maintenance",
    keys: &["olt", "pon", "box", "from", "until", "weekly", "utc_offset", "reason"],
};

pub(super) const BASELINE: Shape = Shape { header: "[baseline]", path: "baseline", keys: &["step_db", "decline_db"] };

pub(super) const SNMP: Shape = Shape {
    header: "[snmp]",
    path: "snmp",
    keys: &["credential", "in_flight", "pdus_per_second", "varbinds_per_second"],
};

/// Keys of `[snmp]` that are plain numbers.
const SNMP_LIMITS: &[&str] = &["in_flight", "pdus_per_second", "varbinds_per_second"];

pub(super) const CREDENTIAL: Shape = Shape {
    header: "[snmp.credential.NAME]",
    path: "snmp.credential",
    keys: &[
        "version",
        "community",
        "community_file",
        "community_env",
        "user",
        "auth",
        "auth_file",
        "auth_env",
        "privacy",
        "privacy_file",
        "privacy_env",
        "key_extension",
    ],
};

pub(super) const OLT: Shape = Shape {
    header: "[[olt]]",
    path: "olt",
    keys: &[
        "name",
        "address",
        "profile",
        "credential",
        "region",
        "tags",
        "any_source",
        "state_every",
        "optics_every",
        "inventory_every",
        "window",
        "pdus_per_second",
        "varbinds_per_second",
        "max_repetitions",
        "reply_octets",
        "timeout",
        "retries",
    ],
};

pub(super) const STORE: Shape =
    Shape { header: "[store]", path: "store", keys: &["path", "keep", "keep_hourly", "keep_daily"] };

pub(super) const HTTP: Shape =
    Shape { header: "[http]", path: "http", keys: &["listen", "token", "token_file", "token_env"] };

pub(super) const TRAP: Shape = Shape { header: "[trap]", path: "trap", keys: &["listen"] };

/// Of these an `[[alert]]` has those that its kind has a use for.
pub(super) const ALERT: Shape = Shape {
    header: "[[alert]]",
    path: "alert",
    keys: &[
        "kind",
        "name",
        "url",
        "url_file",
        "url_env",
        "members",
        "token",
        "token_file",
        "token_env",
        "secret",
        "secret_file",
        "secret_env",
        "key",
        "key_file",
        "key_env",
        "chat",
        "topic",
        "channel",
        "server",
        "security",
        "user",
        "password",
        "password_file",
        "password_env",
        "from",
        "to",
        "command",
        "timeout",
        "every",
        "heartbeat",
        "kinds",
        "severity",
        "olts",
        "regions",
        "tags",
        "min_clients",
        "after",
        "update_every",
        "quiet",
        "quiet_severity",
        "utc_offset",
        "per_minute",
        "burst",
        "language",
        "template",
        "template_file",
        "map",
        "ca_file",
    ],
};

pub(super) const INCIDENT: Shape = Shape { header: "[incident]", path: "incident", keys: &["settle"] };

pub(super) const MIBS: Shape = Shape { header: "[mibs]", path: "mibs", keys: &["path"] };

/// Every kind of section.
pub(super) const ALL: &[&Shape] = &[
    &ROOT,
    &OZMAP,
    &STATUS,
    &THRESHOLDS,
    &OVERRIDE,
    &CLASS,
    &BASELINE,
    &MAINTENANCE,
    &SNMP,
    &CREDENTIAL,
    &OLT,
    &STORE,
    &HTTP,
    &TRAP,
    &ALERT,
    &INCIDENT,
    &MIBS,
];

/// The header of another section that has a key of this name, for one that was written in the wrong place.
pub(super) fn home_of(key: &str, not: &Shape) -> Option<&'static str> {
    let mut homes = ALL.iter().filter(|shape| shape.header != not.header && shape.keys.contains(&key));
    match (homes.next(), homes.next()) {
        (Some(only), None) => Some(only.header),
        _ => None,
    }
}

/// Words in a key's name that make its value unspeakable, whatever the key is and wherever it stands.
const SENSITIVE: &[&str] = &["token", "community", "password", "passphrase", "auth", "privacy", "secret", "key"];

/// Whether a text names something secret.
pub(super) fn sounds_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SENSITIVE.iter().any(|word| lower.contains(word))
}

/// Whether the value of this key, in a table at this dotted path, may be shown: only of keys that we know there and
/// that are not secret. A value under a name that we do not know may be a secret whose key is misspelled.
pub(super) fn may_show_at(path: &str, key: &str, value: &DeValue<'_>) -> bool {
    if path == SNMP.path && SNMP_LIMITS.contains(&key) {
        // A number or a date gives nothing away; a text may be a secret that slipped.
        return value.as_str().is_none();
    }
    if path == SNMP.path || path.starts_with("snmp.") {
        // Credentials are named freely. `"1"` or `"v2c"` is too short for a secret, and better said.
        return key == "version" && value.as_str().is_none_or(|text| text.len() <= 4);
    }
    // A section's name holds no value, so whoever wrote one there meant something else.
    let known = path != ROOT.path && ALL.iter().any(|shape| shape.path == path && shape.keys.contains(&key));
    let is_section =
        ALL.iter().any(|shape| shape.path.strip_prefix(path).is_some_and(|rest| rest.strip_prefix('.') == Some(key)));
    // An alert channel's address may itself be the secret.
    let is_secret = sounds_secret(key) || (path == ALERT.path && ["url", "members", "command"].contains(&key));
    known && !is_section && !is_secret
}

/// Whether a key of this name holds a harmless scalar in every section that has one.
pub(super) fn is_always_harmless(key: &str) -> bool {
    // A section's own name holds sections, credentials hold names that may be misplaced secrets, and see above.
    let doubtful = [&ROOT, &CREDENTIAL, &ALERT];
    let has = |shape: &Shape| shape.keys.contains(&key);
    !sounds_secret(key) && ALL.iter().any(|shape| has(shape)) && !doubtful.iter().any(|shape| has(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_under_an_unknown_or_secret_key_is_not_shown() {
        let value = DeValue::String("x".into());
        for (path, key) in [
            ("ozmap", "token"),
            ("ozmap", "tokn"),
            ("snmp.credential.a", "comunity"),
            ("snmp.credential.a", "user"),
            ("snmp.credential.a", "auth_file"),
            ("", "x"),
            ("alert", "url"),
            ("olt", "url"),
            ("", "store"),
            ("ozmap", "status"),
            ("http", "Password"),
        ] {
            assert!(!may_show_at(path, key, &value), "{path} {key}");
        }
        for (path, key) in [("ozmap", "url"), ("ozmap.status", "power"), ("olt", "credential"), ("alert", "kind")] {
            assert!(may_show_at(path, key, &value), "{path} {key}");
        }
        assert!(is_always_harmless("mode") && !is_always_harmless("user") && !is_always_harmless("url"));
    }

    #[test]
    fn a_key_of_exactly_one_other_section_has_a_home() {
        assert_eq!(home_of("settle", &OZMAP), Some("[incident]"));
        assert_eq!(home_of("class", &OZMAP), None); // thresholds and its overrides
        assert_eq!(home_of("nonsense", &OZMAP), None);
    }
}
