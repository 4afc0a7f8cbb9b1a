//! The OLT's part of a configuration: what `probe` asks by, and what it gives to paste.

use std::path::Path;

use super::ProbeArgs;
use crate::cli::error::CliError;
use crate::config::{self, Config, ConfigError};

/// The variable that holds the community unless another is named.
const COMMUNITY: &str = "OLT_COMMUNITY";
pub(super) const V3_AUTH: &str = "OLTWATCH_V3_AUTH";
const V3_PRIV: &str = "OLTWATCH_V3_PRIV";

/// The credential, as TOML; secrets only by the name of their variable.
pub(super) struct Block {
    address: String,
    credential: String,
}

/// Whether the environment has this variable, with something in it.
pub(super) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Block {
    pub(super) fn new(args: &ProbeArgs) -> Self {
        let credential = match &args.v3_user {
            Some(user) => {
                let mut credential = format!("version = \"3\"\nuser = {}\n", quoted(user));
                if is_set(V3_AUTH) {
                    credential.push_str(&format!("auth = {}\nauth_env = \"{V3_AUTH}\"\n", quoted(&args.v3_auth)));
                }
                if is_set(V3_PRIV) {
                    credential.push_str(&format!("privacy = {}\nprivacy_env = \"{V3_PRIV}\"\n", quoted(&args.v3_priv)));
                }
                credential
            }
            None => {
                let variable = args.community_env.as_deref().unwrap_or(COMMUNITY);
                format!("version = \"2c\"\ncommunity_env = {}\n", quoted(variable))
            }
        };
        Self { address: args.address.clone(), credential }
    }

    /// Ready to paste. The OLT gets its own name where that is a plain one.
    pub(super) fn text(&self, profile: &str, sys_name: Option<&str>) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(name) = sys_name.map(str::trim)
            && (1..=64).contains(&name.len())
            && name.chars().all(plain)
        {
            return self.toml(name, profile);
        }
        let host: String = self.address.chars().map(|c| if plain(c) { c } else { '-' }).collect();
        self.toml(&format!("olt-{}", host.trim_matches('-')), profile)
    }

    fn toml(&self, name: &str, profile: &str) -> String {
        format!(
            "[snmp.credential.default]\n{}\n[[olt]]\nname = {}\naddress = {}\nprofile = {}\ncredential = \"default\"\n",
            self.credential,
            quoted(name),
            quoted(&self.address),
            quoted(profile)
        )
    }

    /// The OLT as the configuration's own reader makes it of this block, so that both take the same addresses.
    ///
    /// # Errors
    /// [`CliError::Usage`] with what is wrong, in the configuration's words.
    pub(super) fn olt(&self, args: &ProbeArgs) -> Result<config::Olt, CliError> {
        let text = self.toml("olt", args.profile.as_deref().unwrap_or("auto"));
        let environment = |name: &str| match &args.community {
            Some(community) if name == COMMUNITY => Some(community.expose().to_owned()),
            _ => std::env::var(name).ok(),
        };
        let config = Config::parse(&text, "", Path::new(""), &environment).map_err(|error| match &error {
            ConfigError::Invalid { problems, .. } => {
                let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
                let hint = if args.community.is_none() && args.community_env.is_none() && args.v3_user.is_none() {
                    "; give the community with --community, --community-env, or in OLT_COMMUNITY"
                } else {
                    ""
                };
                CliError::Usage(format!("{}{hint}", messages.join("; ")))
            }
            ConfigError::Unreadable { .. } => CliError::Failed(error.to_string()),
        })?;
        let olt = config.olts.into_iter().next();
        let mut olt = olt.ok_or_else(|| CliError::Failed("the OLT got lost on its way".to_owned()))?;
        olt.timeout = Some(args.timeout);
        olt.pdus_per_second = args.pdus_per_second;
        Ok(olt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(more: &[&str]) -> ProbeArgs {
        use clap::Parser;
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            args: ProbeArgs,
        }
        let given = ["probe", "192.0.2.7:1161"].iter().chain(more);
        Only::parse_from(given).args
    }

    #[test]
    fn the_block_is_a_configuration_and_never_holds_the_community() {
        let args = args(&["--community", "hush-hush"]);
        let block = Block::new(&args);
        let by_address = "olt-192.0.2.7-1161";
        for (name, expected) in
            [(Some("olt.centro"), "olt.centro"), (Some("<private>"), by_address), (None, by_address)]
        {
            let text = block.text("vsol-epon", name);
            let config = Config::parse(&text, "block", Path::new(""), &|_| Some("public".to_owned()));
            let olts = config.unwrap_or_else(|error| panic!("{error}\n{text}")).olts;
            assert!(!text.contains("hush"), "{text}");
            assert_eq!(olts[0].name.as_str(), expected, "{text}");
            assert_eq!(olts[0].address, "192.0.2.7:1161");
        }
        let olt = block.olt(&args).unwrap();
        assert!(!format!("{olt:?}").contains("hush"));
    }

    #[test]
    fn a_wrong_address_is_told_in_words() {
        let mut args = args(&["--community", "public"]);
        args.address = "http://olt".to_owned();
        let error = Block::new(&args).olt(&args).unwrap_err();
        assert!(error.to_string().contains("address"), "{error}");
    }
}
