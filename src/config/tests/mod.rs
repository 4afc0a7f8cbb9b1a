//! Behaviours of the whole configuration.

mod alerts;
mod example;
mod mistakes;
mod secrets;
mod whole;

use std::collections::HashMap;
use std::path::Path;

use super::{Config, ConfigError};

/// Reads a text with an environment, relative paths beginning at `base`.
fn parse_in(text: &str, base: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse(text, "f.toml", base, &|name| variables.get(name).cloned())
}

/// Reads a text that needs nothing from outside.
fn parse(text: &str) -> Result<Config, ConfigError> {
    parse_in(text, Path::new("/nonexistent"), &[])
}

/// What every configuration needs, in one line, so that tests can count lines from 2.
const BASE: &str = r#"snmp.credential.default = { version = "2c", community = "public" }"#;

/// A smallest configuration with more sections behind it.
fn with(more: &str) -> String {
    format!("{BASE}\n{more}\n[[olt]]\nname = \"a\"\naddress = \"192.0.2.1\"\n")
}

/// The messages of all problems, each with its place.
fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(|p| format!("{}:{}: {}", p.line, p.column, p.message)).collect(),
    }
}
