//! `[[alert]]`: who is told of what, when, and over which channel.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::maintenance::Weekly;
use super::model::{Place, Secret};
use super::thresholds::Pattern;

/// What can be told of: the kinds of incidents, and what may be wrong with oltwatch itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertOn {
    /// Light is lost at one place.
    Cut,
    /// Homes lost mains power.
    Power,
    /// A port, a card, an OLT.
    Equipment,
    /// One client's drop or ONU.
    Drop,
    /// Levels fell at one place.
    Degradation,
    /// A cut or an outage, and it cannot be told which.
    Undetermined,
    /// An OLT does not answer.
    OltUnreachable,
    /// An OLT's levels cannot be right.
    DataQuality,
    /// An OLT is read later than its schedule says.
    PollingLate,
    /// OZmap refuses us, or does not answer.
    OzmapRefusing,
    /// A brake holds what would be written to OZmap until a person looks.
    PushHeld,
    /// The database cannot be written.
    StoreFailing,
}

impl AlertOn {
    /// Every one with its word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("cut", Self::Cut),
        ("power", Self::Power),
        ("equipment", Self::Equipment),
        ("drop", Self::Drop),
        ("degradation", Self::Degradation),
        ("undetermined", Self::Undetermined),
        ("olt_unreachable", Self::OltUnreachable),
        ("data_quality", Self::DataQuality),
        ("polling_late", Self::PollingLate),
        ("ozmap_refusing", Self::OzmapRefusing),
        ("push_held", Self::PushHeld),
        ("store_failing", Self::StoreFailing),
    ];

    /// Its word in configuration, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| *word)
    }
}

/// How bad it is, in the words of RFC 8632, from the least to the most. `cleared` is a state there, and here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// It cannot be told.
    Indeterminate,
    /// For the record.
    Warning,
    /// Few are hit, or nobody yet.
    Minor,
    /// A branch.
    Major,
    /// A feeder, several PONs, a card, an OLT.
    Critical,
}

impl AlertSeverity {
    /// Every one with its word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("indeterminate", Self::Indeterminate),
        ("warning", Self::Warning),
        ("minor", Self::Minor),
        ("major", Self::Major),
        ("critical", Self::Critical),
    ];

    /// Its word in configuration, labels and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, severity)| *severity == self).map_or("", |(word, _)| *word)
    }
}

/// The language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Portuguese of Brazil.
    Portuguese,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every one with its code.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("en", Self::English), ("pt", Self::Portuguese), ("es", Self::Spanish)];
}

/// Of what a channel is told. All that is given has to fit; within one list, one has to.
#[derive(Debug, Clone)]
pub struct AlertFilter {
    /// These kinds.
    pub kinds: Vec<AlertOn>,
    /// From this severity on.
    pub severity: AlertSeverity,
    /// One of these OLTs; empty is any.
    pub olts: Vec<Pattern>,
    /// An OLT of one of these regions; empty is any.
    pub regions: Vec<Pattern>,
    /// An OLT with one of these tags; empty is any.
    pub tags: Vec<Pattern>,
}

impl Default for AlertFilter {
    /// Everything that needs somebody: all but single drops.
    fn default() -> Self {
        let kinds = AlertOn::WORDS.iter().map(|(_, kind)| *kind).filter(|kind| *kind != AlertOn::Drop).collect();
        Self { kinds, severity: AlertSeverity::Warning, olts: Vec::new(), regions: Vec::new(), tags: Vec::new() }
    }
}

/// When only the worst is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When.
    pub when: Weekly,
    /// From this severity on it is told all the same.
    pub severity: AlertSeverity,
}

/// How much a channel is told at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlertBudget {
    /// Messages a minute in the long run.
    pub per_minute: f64,
    /// Messages that may go out at once after a pause.
    pub burst: u32,
}

/// A template of the operator's, and where it stands.
#[derive(Debug, Clone)]
pub struct AlertTemplate {
    /// Its text.
    pub text: String,
    /// Where it was given.
    pub(super) place: Place,
}

impl AlertTemplate {
    /// One that stands in no file.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text, place: Place { file: String::new(), line: 1, column: 1 } }
    }
}

/// How a connection is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// In clear first, and then TLS, or not at all.
    Starttls,
    /// TLS from the beginning.
    Tls,
    /// In clear.
    None,
}

/// Where and how e-mail goes out.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is made safe.
    pub security: MailSecurity,
    /// Whom we are to the server.
    pub login: Option<(String, Secret)>,
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses; at least one.
    pub to: Vec<String>,
}

/// Where alerts go.
#[derive(Debug, Clone)]
pub enum AlertChannel {
    /// Prometheus Alertmanager.
    Alertmanager {
        /// Every member of the cluster: the root of its API.
        members: Vec<Secret>,
        /// Sent as a bearer token.
        token: Option<Secret>,
        /// How often what stands is sent again.
        every: Duration,
        /// Whether an alert that always fires says that we live.
        heartbeat: bool,
    },
    /// An HTTP endpoint that takes CloudEvents.
    Webhook {
        /// Its address.
        url: Secret,
        /// With which bodies are signed.
        secret: Option<Secret>,
        /// Sent as a bearer token.
        token: Option<Secret>,
    },
    /// A Telegram bot.
    Telegram {
        /// The root of its API.
        url: Secret,
        /// The bot's token.
        token: Secret,
        /// The chat: a number or `@name`.
        chat: String,
        /// The topic in a group with topics.
        topic: Option<u32>,
    },
    /// A Slack incoming webhook.
    SlackHook {
        /// Its address.
        url: Secret,
    },
    /// A Slack bot.
    SlackBot {
        /// The root of its API.
        url: Secret,
        /// Its token.
        token: Secret,
        /// The conversation.
        channel: String,
    },
    /// `PagerDuty` Events v2.
    Pagerduty {
        /// The root of its API.
        url: Secret,
        /// The service's integration key.
        key: Secret,
    },
    /// E-mail.
    Email(Mail),
    /// A program, which gets JSON on its standard input.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The longest that it may run.
        timeout: Duration,
    },
    /// An address that is called as long as we live.
    Heartbeat {
        /// The address.
        url: Secret,
        /// How often.
        every: Duration,
    },
}

impl AlertChannel {
    /// Its kind, as the configuration calls it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Alertmanager { .. } => "alertmanager",
            Self::Webhook { .. } => "webhook",
            Self::Telegram { .. } => "telegram",
            Self::SlackHook { .. } | Self::SlackBot { .. } => "slack",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Email(_) => "email",
            Self::Command { .. } => "command",
            Self::Heartbeat { .. } => "heartbeat",
        }
    }
}

/// `[[alert]]`.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name, unique among the channels; its kind when it has no name of its own.
    pub name: String,
    /// Where alerts go.
    pub channel: AlertChannel,
    /// Of what it is told.
    pub filter: AlertFilter,
    /// Losses of fewer clients than this are not told.
    pub min_clients: u32,
    /// What is over sooner than this is not told.
    pub after: Duration,
    /// The least time between two messages on one incident.
    pub update_every: Duration,
    /// When only the worst is told.
    pub quiet: Option<QuietHours>,
    /// How much it is told at most.
    pub budget: AlertBudget,
    /// The language of texts.
    pub language: Language,
    /// How far the zone of times in texts is ahead of UTC, in minutes.
    pub utc_offset: i16,
    /// The text in place of the built-in one.
    pub template: Option<AlertTemplate>,
    /// A link to a map, with `{lat}` and `{lon}` in it.
    pub map: String,
    /// Certificates that are trusted beside the system's, in PEM.
    pub ca_file: Option<PathBuf>,
}
