//! The typed configuration. Every section's rooms get their own part of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::alert::Alert;
use super::maintenance::Maintenance;
use super::thresholds::Thresholds;
use serde::{Deserialize, Serialize};

use crate::model::{Decibels, ElementId, OltId, Verdict};

/// Everything that the file says, with defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// OZmap; without it nothing is matched or written.
    pub ozmap: Option<Ozmap>,
    /// What a received power means.
    pub thresholds: Thresholds,
    /// When what is seen means nothing, in the file's order.
    pub maintenance: Vec<Maintenance>,
    /// Where maintenance by command is kept: beside the database, or else beside the configuration; `None` for one that
    /// has neither.
    pub maintenance_file: Option<PathBuf>,
    /// What all OLTs together may be asked for.
    pub snmp: Snmp,
    /// The OLTs, in the file's order; names are unique.
    pub olts: Vec<Olt>,
    /// The embedded database; without it nothing outlives the process.
    pub store: Option<Store>,
    /// The HTTP server; without it none listens.
    pub http: Option<Http>,
    /// The trap receiver.
    pub trap: Option<Trap>,
    /// Where alerts go, in the file's order; names are unique.
    pub alerts: Vec<Alert>,
    /// Incident inference.
    pub incident: Incident,
    /// A folder whose profiles replace the built-in ones of the same name.
    pub mibs: Option<PathBuf>,
    /// What is accepted but should be known: what has no effect in this version, and what is unsafe. In words for the
    /// operator, each with file:line:column.
    pub warnings: Vec<String>,
    /// Where `oltwatch alert` keeps what it was told: beside the database, or else beside the configuration.
    pub alerts_file: Option<PathBuf>,
    /// Where things stand in the file, for checks that need another room's knowledge.
    pub places: Places,
}

impl Config {
    /// The OLT of this name.
    #[must_use]
    pub fn olt(&self, name: &str) -> Option<&Olt> {
        self.olts.iter().find(|olt| olt.name.as_str() == name)
    }
}

/// Where things stand in the file.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Each OLT's `profile`, or its header where none is written.
    pub(super) profiles: BTreeMap<OltId, Place>,
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// A secret value, resolved from the config, a file, or the environment. `Debug` and `Display` never show it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// `[ozmap]`.
#[derive(Debug, Clone)]
pub struct Ozmap {
    /// Root of the API, normalised to end in `/api/v2` without a slash after it.
    pub url: String,
    /// The API key.
    pub token: Secret,
    /// Certificates that are trusted beside the system's, in PEM: for an OZmap with its own.
    pub ca_file: Option<PathBuf>,
    /// Whether any certificate is taken, and with it anybody who stands between us and OZmap.
    pub insecure: bool,
    /// Whether OZmap is really changed.
    pub mode: OzmapMode,
    /// Mean rate of all calls together.
    pub requests_per_second: f64,
    /// Calls that may go out at once after a pause.
    pub burst: u32,
    /// More clients than this for one target value go as a batch.
    pub batch_above: usize,
    /// Most clients in one batch.
    pub batch_size: usize,
    /// How often the whole directory is read.
    pub full_read: Duration,
    /// How often what changed is read between two reads of the whole; zero: never.
    pub delta_read: Duration,
    /// Keys to match an ONU to a client, in this order.
    pub match_by: Vec<MatchBy>,
    /// The part of an ONU's name that is the client code: its first group, or the whole match.
    pub code_pattern: Option<regex::Regex>,
    /// The part of an ONU's name that is the PPPoE user: its first group, or the whole match.
    pub pppoe_pattern: Option<regex::Regex>,
    /// Whether the measured power is written to the property.
    pub write_power: bool,
    /// A power is written only when it differs by at least this from what OZmap shows.
    pub power_dead_band: Decibels,
    /// What is done about a status that somebody else has set.
    pub foreign: ForeignPolicy,
    /// A status that others change is set again at most this often.
    pub foreign_every: Duration,
    /// When a flood of ERRORs is held.
    pub brake: BrakeRule,
    /// The import of the plant.
    pub plant: PlantRule,
    /// How cuts are marked on the map; `None`: they are not.
    pub marks: Option<MarkRule>,
    /// What a client shows for each truth and level.
    pub status: StatusMap,
}

/// `ozmap.plant`, `ozmap.plant_refresh` and `ozmap.plant_in_flight`: how the plant is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlantRule {
    /// Whether it is.
    pub on: bool,
    /// What is older is read again.
    pub refresh: Duration,
    /// Most requests on their way for it.
    pub in_flight: usize,
}

/// `ozmap.mark_owner`, `ozmap.mark_project` and `ozmap.mark_type`: whose the pendencies are that mark cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkRule {
    /// The user that they belong to.
    pub owner: ElementId,
    /// The project that they are in.
    pub project: ElementId,
    /// Their type.
    pub kind: ElementId,
}

impl Default for PlantRule {
    fn default() -> Self {
        Self { on: true, refresh: Duration::from_secs(24 * 3600), in_flight: 2 }
    }
}

/// `ozmap.brake_share` and `ozmap.brake_least`: when ERRORs of an OLT wait for a second sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrakeRule {
    /// More than this share of an OLT's matched clients turn to ERROR in one round; 1: never.
    pub share: f64,
    /// But no fewer clients than this.
    pub least: usize,
}

/// `ozmap.foreign`: what is done about a status that another integration or a person has set, where it is not what the ONU's
/// truth asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignPolicy {
    /// It is set again, at most every `foreign_every`.
    Ours,
    /// It is left until it and the truth agree.
    Theirs,
    /// ERROR is set again, and an ERROR of others is left.
    OnlyError,
    /// As [`ForeignPolicy::OnlyError`], and an ERROR is cleared only where we set it, whenever the other one came.
    OnlyClearOurs,
}

impl ForeignPolicy {
    /// Every policy with its word in the configuration.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("ours", Self::Ours),
        ("theirs", Self::Theirs),
        ("only-error", Self::OnlyError),
        ("only-clear-ours", Self::OnlyClearOurs),
    ];

    /// Its word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, policy)| *policy == self).map_or("", |(word, _)| *word)
    }
}

/// `ozmap.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OzmapMode {
    /// Say what would be written.
    DryRun,
    /// Write it.
    Write,
}

/// A key that ONUs and clients share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchBy {
    /// The ONU's serial number.
    Serial,
    /// The ONU's MAC address.
    Mac,
    /// The client code in the ONU's name.
    Code,
    /// The PPPoE user in the ONU's name.
    Pppoe,
}

/// `[ozmap.status]`: the verdict for each truth and level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMap {
    /// Down, light lost.
    pub optical: Verdict,
    /// Down, mains lost.
    pub power: Verdict,
    /// Down, switched off.
    pub admin: Verdict,
    /// Down, refused.
    pub auth: Verdict,
    /// Down, silenced as rogue.
    pub rogue: Verdict,
    /// Down, restarting.
    pub restart: Verdict,
    /// Down for [`Thresholds::unknown_after`] and no cause known.
    pub unknown: Verdict,
    /// Up, below sensitivity.
    pub critical: Verdict,
    /// Up, above overload.
    pub overload: Verdict,
    /// Up, little margin.
    pub weak: Verdict,
    /// Up and else ok, below the OLT's sensitivity.
    #[serde(default = "shown_only")]
    pub olt_critical: Verdict,
    /// Up and else ok, above the OLT's overload.
    #[serde(default = "shown_only")]
    pub olt_overload: Verdict,
}

/// What the OLT receives is shown, and decides nothing unless it is asked to: its column is wrong by up to 3 dB, and often
/// lacks a source for its window.
const fn shown_only() -> Verdict {
    Verdict::Ok
}

#[cfg(test)]
impl StatusMap {
    /// The same verdict for everything.
    pub(crate) const fn all(verdict: Verdict) -> Self {
        Self {
            optical: verdict,
            power: verdict,
            admin: verdict,
            auth: verdict,
            rogue: verdict,
            restart: verdict,
            unknown: verdict,
            critical: verdict,
            overload: verdict,
            weak: verdict,
            olt_critical: verdict,
            olt_overload: verdict,
        }
    }
}

impl Default for StatusMap {
    /// The table in `docs/design.md`, "Deciding".
    fn default() -> Self {
        Self {
            optical: Verdict::Error,
            power: Verdict::Hold,
            admin: Verdict::Hold,
            auth: Verdict::Hold,
            rogue: Verdict::Hold,
            restart: Verdict::Hold,
            unknown: Verdict::Error,
            critical: Verdict::Error,
            overload: Verdict::Error,
            weak: Verdict::Ok,
            olt_critical: shown_only(),
            olt_overload: shown_only(),
        }
    }
}

/// `[[olt]]`. Options that are `None` come from the profile.
#[derive(Debug, Clone)]
pub struct Olt {
    /// Its name, unique in the file.
    pub name: OltId,
    /// Host name or IP address, and port: `192.0.2.10:161`, `[2001:db8::1]:161`, `olt.example:161`.
    pub address: String,
    /// The family.
    pub profile: Profile,
    /// The region that it stands in, for those who are told.
    pub region: Option<String>,
    /// Words by which alerts find their readers.
    pub tags: Vec<String>,
    /// How it is spoken to.
    pub credential: Credential,
    /// Whether answers may come from another address than the one that was asked.
    pub any_source: bool,
    /// Interval of state sweeps.
    pub state_every: Option<Duration>,
    /// Interval of optics sweeps.
    pub optics_every: Option<Duration>,
    /// Interval of inventory sweeps.
    pub inventory_every: Option<Duration>,
    /// Most requests in flight.
    pub window: Option<u32>,
    /// Most requests a second.
    pub pdus_per_second: Option<f64>,
    /// Most varbinds asked for a second.
    pub varbinds_per_second: Option<f64>,
    /// Most rows asked for in one GETBULK.
    pub max_repetitions: Option<u32>,
    /// Most octets of varbinds that an answer is asked to have.
    pub reply_octets: Option<u32>,
    /// First wait for an answer.
    pub timeout: Option<Duration>,
    /// How often a request is sent again.
    pub retries: Option<u32>,
}

/// `olt.profile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// Found by asking the OLT.
    Auto,
    /// This one, by name.
    Named(String),
}

/// `[snmp]`: limits over all OLTs together; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Snmp {
    /// Most requests in flight.
    pub in_flight: Option<u32>,
    /// Most datagrams a second.
    pub pdus_per_second: Option<f64>,
    /// Most varbinds asked for a second.
    pub varbinds_per_second: Option<f64>,
}

/// `[snmp.credential.NAME]`.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the file.
    pub name: String,
    /// Version and secrets.
    pub version: SnmpVersion,
}

/// An SNMP version with what it needs.
#[derive(Debug, Clone)]
pub enum SnmpVersion {
    /// SNMPv2c.
    V2c {
        /// The community.
        community: Secret,
    },
    /// SNMPv3 with USM.
    V3 {
        /// The user.
        user: String,
        /// Authentication; `None` is noAuthNoPriv.
        auth: Option<Auth>,
        /// Privacy; never without `auth`.
        privacy: Option<Privacy>,
    },
}

/// USM authentication.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The hash.
    pub protocol: AuthProtocol,
    /// The password, at least 8 octets.
    pub password: Secret,
}

/// USM privacy.
#[derive(Debug, Clone)]
pub struct Privacy {
    /// The cipher.
    pub protocol: PrivacyProtocol,
    /// The password, at least 8 octets.
    pub password: Secret,
    /// How keys longer than the hash are made, for AES-192 and AES-256.
    pub key_extension: KeyExtension,
}

/// `credential.key_extension`: two drafts extend a localised key in different ways, and vendors differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExtension {
    /// draft-blumenthal-aes-usm-04: net-snmp and most agents.
    Blumenthal,
    /// draft-reeder-snmpv3-usm-3desede-00: some Cisco-like agents.
    Reeder,
}

/// `credential.auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthProtocol {
    /// HMAC-MD5-96.
    Md5,
    /// HMAC-SHA-96.
    Sha1,
    /// HMAC-128-SHA-224.
    Sha224,
    /// HMAC-192-SHA-256.
    Sha256,
    /// HMAC-256-SHA-384.
    Sha384,
    /// HMAC-384-SHA-512.
    Sha512,
}

/// `credential.privacy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivacyProtocol {
    /// CBC-DES.
    Des,
    /// CFB128-AES-128.
    Aes128,
    /// CFB128-AES-192, keys extended as `key_extension` says.
    Aes192,
    /// CFB128-AES-256, keys extended as `key_extension` says.
    Aes256,
}

/// How long history is kept, and how fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// As it was read.
    pub raw: Duration,
    /// Thinned to hours.
    pub hourly: Duration,
    /// Thinned to days.
    pub daily: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self { raw: days(90), hourly: days(365), daily: days(3650) }
    }
}

/// `[store]`.
#[derive(Debug, Clone)]
pub struct Store {
    /// The database file.
    pub path: PathBuf,
    /// How long history is kept.
    pub keep: Keep,
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Needed for every page when `listen` is not loopback.
    pub token: Option<Secret>,
}

/// `[trap]`.
#[derive(Debug, Clone)]
pub struct Trap {
    /// Where it listens; `None` is nowhere.
    pub listen: Option<SocketAddr>,
}

/// `[incident]`.
#[derive(Debug, Clone, Copy)]
pub struct Incident {
    /// The longest that losses are gathered before an incident speaks.
    pub settle: Duration,
}
