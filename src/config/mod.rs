//! The configuration: one TOML file, validated whole before anything runs.
//!
//! In: the file's text and the environment. Out: [`Config`], in which every value is typed, every default filled in
//! and every secret resolved to where it comes from. Not its business: behaviour, and whether a device answers.

mod model;

pub use model::{
    AddressMatch, Alert, AlertKind, Auth, AuthProtocol, Config, Credential, Http, Incident, KeyExtension, MatchBy, Olt,
    Ozmap, OzmapMode, Pattern, Privacy, PrivacyProtocol, Profile, Secret, SnmpVersion, StatusMap, Store, ThresholdRule,
    Thresholds, Trap, Window,
};
