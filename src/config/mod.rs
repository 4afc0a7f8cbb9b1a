//! The configuration: one TOML file, validated whole before anything runs.
//!
//! In: the file's text and the environment. Out: [`Config`], in which every value is typed, every default filled in
//! and every secret resolved to where it comes from. Not its business: behaviour, and whether a device answers.

pub mod alert;
mod error;
mod load;
pub mod maintenance;
mod model;
mod reader;
mod schema;
mod secret;
mod sections;
mod source;
mod thresholds;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Problem};
pub use load::LONGEST_CONFIG;
pub use model::{
    Auth, AuthProtocol, BrakeRule, Config, Credential, ForeignPolicy, Http, Incident, Keep, KeyExtension, MarkRule,
    MatchBy, Olt, Ozmap, OzmapMode, Places, PlantRule, Privacy, PrivacyProtocol, Profile, Secret, Snmp, SnmpVersion,
    StatusMap, Store, Trap,
};
pub use thresholds::{AddressMatch, Baselines, FlapRule, Pattern, ThresholdRule, Thresholds, Window};
