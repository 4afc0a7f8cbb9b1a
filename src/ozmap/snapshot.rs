//! What the pusher shows of itself: for the API, the metrics and the terminal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::boxes::BoxHeld;
use super::brake::Braked;
use super::desired::{Candidate, Change};
use super::directory::{ClientEntry, Directory, ReadReport};
use super::foreign::ForeignView;
use super::ids::ClientId;
use super::ledger::JournalView;
use super::limit::LimitView;
use super::matching::{Ambiguity, Matches, OnuIdentity, key_word};
use super::owners::Owners;
use crate::model::{Mac, OltId, PonId, Serial, Timestamp};

/// Longest lists in a snapshot; the counts beside them are of everything.
pub const LISTED: usize = 100;

/// Most ONUs or clients that one ambiguity lists.
const LISTED_IN_ONE: usize = 10;

/// An ONU, for print.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnuLine {
    /// Its OLT.
    pub olt: OltId,
    /// Its PON port.
    pub pon: Option<PonId>,
    /// Its number on the PON.
    pub onu: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT.
    pub name: Option<Arc<str>>,
}

impl From<&OnuIdentity> for OnuLine {
    fn from(onu: &OnuIdentity) -> Self {
        Self {
            olt: onu.onu.olt.clone(),
            pon: onu.pon,
            onu: onu.number,
            serial: onu.serial.clone(),
            mac: onu.mac,
            name: onu.name.clone(),
        }
    }
}

/// A client, for print.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientLine {
    /// The client.
    pub id: ClientId,
    /// Its code.
    pub code: Option<Arc<str>>,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The serial that OZmap has for it.
    pub serial: Option<Serial>,
    /// The MAC that OZmap has for it.
    pub mac: Option<Mac>,
}

impl From<ClientEntry<'_>> for ClientLine {
    fn from(client: ClientEntry<'_>) -> Self {
        Self {
            id: client.id,
            code: client.code.map(Arc::from),
            name: client.name.map(Arc::from),
            serial: client.serial.and_then(|serial| serial.parse().ok()),
            mac: client.mac,
        }
    }
}

/// A match that cannot be trusted, for print.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AmbiguityLine {
    /// `many_clients`: one key at several clients. `many_onus`: several ONUs lead to one client.
    pub kind: &'static str,
    /// The key that led there: `serial`, `mac` or `code`.
    pub key: &'static str,
    /// The ONUs, at most ten.
    pub onus: Vec<OnuLine>,
    /// The clients, at most ten.
    pub clients: Vec<ClientLine>,
}

/// How ONUs and clients fit together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MatchView {
    /// ONUs with a client, which may be written.
    pub matched: usize,
    /// The same by the key that they share.
    pub matched_by: BTreeMap<&'static str, usize>,
    /// ONUs whose client is only a reservation.
    pub not_implanted: usize,
    /// ONUs without a client.
    pub unmatched: usize,
    /// Keys that lead to more than one.
    pub ambiguous: usize,
    /// Clients without an ONU.
    pub clients_without_onu: usize,
    /// The first of the ONUs without a client.
    pub unmatched_onus: Vec<OnuLine>,
    /// The first of the ambiguous keys.
    pub ambiguities: Vec<AmbiguityLine>,
    /// The first of the clients without an ONU.
    pub idle_clients: Vec<ClientLine>,
    /// Whose each ONU is. Not listed here, as it is of everything.
    #[serde(skip)]
    pub owners: Arc<Owners>,
}

impl MatchView {
    /// From matches, with lists of at most `listed`. `onus` is the list that was matched.
    #[must_use]
    pub fn new(onus: &[Candidate<'_>], matches: &Matches, directory: &Directory, listed: usize) -> Self {
        let onu_line = |place: usize| onus.get(place).map(|onu| OnuLine::from(&onu.wish.identity));
        let client_line = |id: ClientId| directory.client(id).map(ClientLine::from);
        let ambiguity = |one: &Ambiguity| match one {
            Ambiguity::ManyClients { onu, by, clients, .. } => AmbiguityLine {
                kind: "many_clients",
                key: key_word(*by),
                onus: onu_line(*onu).into_iter().collect(),
                clients: clients.iter().copied().filter_map(client_line).take(LISTED_IN_ONE).collect(),
            },
            Ambiguity::ManyOnus { client, onus } => AmbiguityLine {
                kind: "many_onus",
                key: onus.first().map_or("serial", |(_, by)| key_word(*by)),
                onus: onus.iter().filter_map(|(place, _)| onu_line(*place)).take(LISTED_IN_ONE).collect(),
                clients: client_line(*client).into_iter().collect(),
            },
        };
        Self {
            matched: matches.matched.len(),
            matched_by: matches.by_key(),
            not_implanted: matches.not_implanted.len(),
            unmatched: matches.unmatched.len(),
            ambiguous: matches.ambiguous.len(),
            clients_without_onu: matches.clients_without_onu.len(),
            unmatched_onus: matches.unmatched.iter().copied().filter_map(onu_line).take(listed).collect(),
            ambiguities: matches.ambiguous.iter().take(listed).map(ambiguity).collect(),
            idle_clients: matches.clients_without_onu.iter().copied().filter_map(client_line).take(listed).collect(),
            owners: Arc::new(Owners::new(onus, matches, directory)),
        }
    }
}

/// The directory in use.
#[derive(Debug, Clone, Serialize)]
pub struct DirectoryView {
    /// How many clients it holds.
    pub clients: usize,
    /// When its read began.
    pub read_at: Timestamp,
    /// Whether it is one of before the start: it is shown, and nothing is written by it.
    pub kept: bool,
    /// When the read of what changed since began; of the whole, where there was none.
    pub renewed_at: Timestamp,
    /// Whether what changes is read between reads of the whole.
    pub deltas: bool,
    /// How the read went.
    pub report: ReadReport,
    /// All of it. Not listed here.
    #[serde(skip)]
    pub all: Option<Arc<Directory>>,
}

/// A read of the directory that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReadProgress {
    /// Clients so far.
    pub clients: usize,
    /// Rows that there are in all, as the server says.
    pub total: Option<usize>,
}

/// What was written, in clients, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Clients set to OK, and seen to show it.
    pub ok: u64,
    /// Clients set to ERROR, and seen to show it.
    pub error: u64,
    /// Properties whose power was set.
    pub powers: u64,
    /// Clients whose write was taken, but that were seen to show something else.
    pub unverified: u64,
    /// Writes that failed, by outcome.
    pub failed: BTreeMap<&'static str, u64>,
    /// Statuses that a dry run would have written.
    pub would_write: u64,
}

/// An error with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, without any secret.
    pub message: String,
}

/// Why nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halted {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
    /// Whether a check of the token failed since: before, it may have been about one client.
    #[serde(skip)]
    pub checked: bool,
}

/// The pusher at a moment.
#[derive(Debug, Clone, Serialize)]
pub struct PushSnapshot {
    /// When this was taken.
    pub at: Timestamp,
    /// `dry-run` or `write`.
    pub mode: &'static str,
    /// Host and port of OZmap.
    pub host: String,
    /// The directory in use; `None` before the first read is complete.
    pub directory: Option<DirectoryView>,
    /// The read that is under way.
    pub reading: Option<ReadProgress>,
    /// OLTs that have said anything, and how many of them after a complete sweep.
    pub olts: usize,
    /// Of these, the ones with a complete sweep.
    pub complete_olts: usize,
    /// How ONUs and clients fit together.
    pub matching: MatchView,
    /// Statuses that the brake holds until a second sweep agrees.
    pub held: usize,
    /// The OLTs that they are of.
    pub braked: Vec<Braked>,
    /// Statuses that work on boxes holds.
    pub maintained: usize,
    /// The boxes that are worked on.
    pub boxes: Vec<BoxHeld>,
    /// Boxes whose names are read before it is known what may be written.
    pub unnamed_boxes: usize,
    /// Statuses that others set.
    pub foreign: ForeignView,
    /// Statuses that were written, or perhaps were, and that OZmap was not seen to show yet.
    pub unseen: usize,
    /// The journal of what is written.
    pub journal: JournalView,
    /// Whether something has changed that what follows does not know yet.
    pub planning: bool,
    /// Statuses that wait to be written; in a dry run, that would be.
    pub pending: usize,
    /// The first of them.
    pub pending_changes: Vec<Change>,
    /// Powers that wait to be written.
    pub pending_powers: usize,
    /// Clients and properties that OZmap refuses or that keep failing; tried again after the next read.
    pub aside: usize,
    /// What was written.
    pub written: Written,
    /// Requests that went out, by outcome.
    pub requests: BTreeMap<&'static str, u64>,
    /// What may go out at present, and whether the host answers.
    pub limits: LimitView,
    /// Clients whose statuses wait or are unseen, each once.
    pub unsettled: usize,
    /// How often OZmap failed in a row; a read of a whole list that failed in all its tries counts as so many.
    pub failures: u32,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// Set while nothing is written because OZmap refuses the token.
    pub halted: Option<Halted>,
    /// Set while the host is left alone because it does not answer or asked for it, until this time.
    pub resting_until: Option<Timestamp>,
}

impl PushSnapshot {
    /// What keeps statuses from being written at present, in words; empty when nothing does.
    #[must_use]
    pub fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if let Some(halted) = &self.halted {
            obstacles.push(format!("nothing is written to OZmap: {}", halted.why));
        }
        if let Some(why) = &self.journal.failing {
            let unwritten = self.journal.unwritten;
            obstacles.push(match self.journal.goes_on {
                true => format!(
                    "the journal cannot be written: statuses are written to OZmap all the same, and {unwritten} of them stand in memory only: {why}"
                ),
                false => format!("nothing is written to OZmap, as the journal cannot be written: {why}"),
            });
        }
        for one in &self.braked {
            let (clients, of, olt) = (one.clients, one.of, &one.olt);
            obstacles
                .push(format!("the brake holds {clients} of {of} clients of {olt} that would turn to ERROR at once"));
        }
        obstacles
    }

    /// How old the directory is; `None` before the first read.
    #[must_use]
    pub fn directory_age(&self, now: Timestamp) -> Option<Duration> {
        self.directory.as_ref().map(|directory| now.since(directory.read_at))
    }
}
