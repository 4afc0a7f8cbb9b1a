//! Maintenance by command: a small file beside the database or the configuration, which `oltwatch maintenance` writes and the
//! daemon reads every few seconds.
//!
//! ```text
//!   oltwatch maintenance ──atomic replace──► FILE ──read every 5 s──► watch ──► every JudgeTask
//!   oltwatch ozmap push --approve ──────────► FILE ──────────────────► Pusher (boxes, approvals)
//!   oltwatch incidents close ───────────────► FILE ──────────────────► IncidentTask
//! ```
//!
//! The daemon never writes it. A file that cannot be read changes nothing: it is told once, and what was known goes on. A
//! command that finds such a file leaves it as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::incidents::Word;
use crate::config::maintenance::{BoxWork, Maintenance, Span, boxes_under_way};
use crate::config::{AddressMatch, Pattern};
use crate::incident::{Closing, IncidentId};
use crate::model::Timestamp;
use crate::ozmap::Pusher;

/// The format that is written and read here.
const FORMAT: u32 = 1;
/// Longest file, octets: thousands of entries.
const LONGEST: u64 = 1024 * 1024;
/// How often the daemon looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An approval that is older than this was seen by every daemon that runs.
const KEEP_APPROVALS: Duration = Duration::from_secs(3600);
/// Entries that ended longer ago than this are dropped by the next command.
const KEEP_ENDED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why the file cannot be used. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The system refuses it.
    #[error("{}: cannot be {what}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{}: is no list of maintenance that this version can read, and is left as it is: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Another command writes it, or was interrupted.
    #[error("{}: another command is writing; if none is, remove this file", path.display())]
    Busy {
        /// The file that is in the way.
        path: PathBuf,
    },
    /// No entry has this number.
    #[error("there is no maintenance with the number {id}; see \"oltwatch maintenance list\"")]
    NoSuchId {
        /// What was asked for.
        id: u32,
    },
}

/// One entry that a command made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// Its number, unique in the file.
    pub id: u32,
    /// Pattern on the OLT's name; none is every OLT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub olt: Option<Pattern>,
    /// Pattern on the PON's name; none is every PON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pon: Option<Pattern>,
    /// Pattern on a box's id or name in OZmap, in place of OLT and PON.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub boxes: Option<Pattern>,
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl From<&Ordered> for Maintenance {
    fn from(ordered: &Ordered) -> Self {
        let Ordered { olt, pon, boxes, from, until, reason, .. } = ordered.clone();
        Self { place: AddressMatch { olt, pon }, boxes, span: Span::Once { from, until }, reason }
    }
}

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    oltwatch_maintenance: u32,
    /// The number that the next entry gets.
    next_id: u32,
    entries: Vec<Ordered>,
    /// What a person lets through that the brake holds, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<Approval>,
    /// What people said that incidents were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    closings: Vec<ClosedIncident>,
}

/// What a person said that an incident was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedIncident {
    /// Which.
    pub(super) id: IncidentId,
    /// What it was.
    pub(super) closing: Closing,
}

/// A person's word that what the brake holds may be written. It is for what is held at that time, and for nothing later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Pattern on the OLT's name; none is every OLT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub olt: Option<Pattern>,
    /// When it was given.
    pub at: Timestamp,
}

impl Book {
    const fn empty() -> Self {
        Self {
            oltwatch_maintenance: FORMAT,
            next_id: 1,
            entries: Vec::new(),
            approvals: Vec::new(),
            closings: Vec::new(),
        }
    }
}

/// What the file holds; nothing when there is none.
///
/// # Errors
/// [`MaintenanceError`] when it cannot be read.
pub fn ordered(path: &Path) -> Result<Vec<Ordered>, MaintenanceError> {
    read(path).map(|book| book.entries)
}

/// All maintenance that a configuration and its file of commands say.
///
/// # Errors
/// [`MaintenanceError`] when the file cannot be read.
pub fn calendar(of_config: &[Maintenance], path: Option<&Path>) -> Result<Vec<Maintenance>, MaintenanceError> {
    let by_command = path.map(ordered).transpose()?.unwrap_or_default();
    Ok(of_config.iter().cloned().chain(by_command.iter().map(Maintenance::from)).collect())
}

/// Adds an entry, and gives it with its number. `now` tells which old ones may go.
///
/// # Errors
/// [`MaintenanceError`] when the file cannot be read or replaced; it is unchanged then.
pub fn order(path: &Path, entry: Ordered, now: Timestamp) -> Result<Ordered, MaintenanceError> {
    change(path, |book| {
        book.entries.retain(|old| now.since(old.until) <= KEEP_ENDED);
        let entry = Ordered { id: book.next_id, ..entry };
        book.next_id = book.next_id.saturating_add(1);
        book.entries.push(entry.clone());
        Ok(entry)
    })
}

/// Ends an entry now; one that has not begun is taken out.
///
/// # Errors
/// [`MaintenanceError`] when there is none, or the file cannot be read or replaced; it is unchanged then.
pub fn end(path: &Path, id: u32, now: Timestamp) -> Result<Ordered, MaintenanceError> {
    change(path, |book| {
        let entry = book.entries.iter_mut().find(|entry| entry.id == id);
        let entry = entry.ok_or(MaintenanceError::NoSuchId { id })?;
        entry.until = entry.until.min(now);
        let ended = entry.clone();
        book.entries.retain(|entry| entry.id != id || entry.from < entry.until);
        Ok(ended)
    })
}

/// Lets through what the brake of a running daemon holds now.
///
/// # Errors
/// [`MaintenanceError`] when the file cannot be read or replaced; it is unchanged then.
pub fn approve(path: &Path, olt: Option<Pattern>, now: Timestamp) -> Result<(), MaintenanceError> {
    change(path, |book| {
        book.approvals.retain(|old| now.since(old.at) <= KEEP_APPROVALS);
        book.approvals.push(Approval { olt, at: now });
        Ok(())
    })
}

/// Keeps what a person says that an incident was, in place of what was said before. A daemon that runs takes it in, or the next one does, if it
/// comes within a week.
///
/// # Errors
/// [`MaintenanceError`] when the file cannot be read or replaced; it is unchanged then.
pub fn close_incident(path: &Path, id: IncidentId, closing: Closing) -> Result<(), MaintenanceError> {
    change(path, |book| {
        book.closings.retain(|old| closing.given_at.since(old.closing.given_at) <= KEEP_ENDED && old.id != id);
        book.closings.push(ClosedIncident { id, closing });
        Ok(())
    })
}

fn read(path: &Path) -> Result<Book, MaintenanceError> {
    let file_error = |source| MaintenanceError::File { path: path.to_owned(), what: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Book::empty()),
        Err(error) => return Err(file_error(error)),
    };
    let mut octets = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut octets).map_err(file_error)?;
    let damaged = |why: String| MaintenanceError::Damaged { path: path.to_owned(), why };
    if octets.len() as u64 > LONGEST {
        return Err(damaged("it is longer than 1 MiB".to_owned()));
    }
    let book: Book = serde_json::from_slice(&octets).map_err(|error| damaged(error.to_string()))?;
    if book.oltwatch_maintenance != FORMAT {
        return Err(damaged(format!("it has format {}", book.oltwatch_maintenance)));
    }
    Ok(book)
}

/// Replaces the file by one with a change in it. The new one is made beside it first, and stands in the way of other
/// commands meanwhile.
fn change<T>(path: &Path, how: impl FnOnce(&mut Book) -> Result<T, MaintenanceError>) -> Result<T, MaintenanceError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&beside) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(MaintenanceError::Busy { path: beside });
        }
        Err(source) => return Err(MaintenanceError::File { path: beside, what: "created", source }),
    };
    let replace = || {
        let mut book = read(path)?;
        let made = how(&mut book)?;
        let text = serde_json::to_string_pretty(&book).unwrap_or_default() + "\n";
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| fs::rename(&beside, path)).map_err(|source| MaintenanceError::File {
            path: path.to_owned(),
            what: "replaced",
            source,
        })?;
        Ok(made)
    };
    let result = replace();
    if result.is_err() {
        // It is ours, and was not put in place.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// Every entry, of the configuration and of the file.
pub(super) type Calendar = watch::Receiver<Arc<Vec<Maintenance>>>;

/// Keeps the calendar until the daemon stops.
pub(super) struct Keeper {
    path: Option<PathBuf>,
    of_config: Vec<Maintenance>,
    known: Vec<Ordered>,
    /// Boxes and approvals are its business.
    pusher: Option<Pusher>,
    /// To the owner of incidents.
    words: mpsc::Sender<Word>,
    /// What it was told of them.
    closings: Vec<ClosedIncident>,
    /// What it was told of boxes.
    boxes: Vec<BoxWork>,
    /// Approvals up to this time were passed on, or are older than this process.
    approved: Timestamp,
    /// What was told of the file last, so that it is told once.
    complaint: Option<String>,
    calendar: watch::Sender<Arc<Vec<Maintenance>>>,
}

impl Keeper {
    /// Reads the file once, so that no judge begins without it. Blocks for a small file.
    pub(super) fn new(
        of_config: Vec<Maintenance>,
        path: Option<PathBuf>,
        pusher: Option<Pusher>,
        words: mpsc::Sender<Word>,
        now: Timestamp,
    ) -> (Self, Calendar) {
        let (calendar, receiver) = watch::channel(Arc::new(of_config.clone()));
        let mut keeper = Self {
            path,
            of_config,
            known: Vec::new(),
            pusher,
            words,
            closings: Vec::new(),
            boxes: Vec::new(),
            approved: now,
            complaint: None,
            calendar,
        };
        keeper.look(now);
        (keeper, receiver)
    }

    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => self.look(Timestamp::from(SystemTime::now())),
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn look(&mut self, now: Timestamp) {
        self.read_file();
        let Some(pusher) = &self.pusher else { return };
        let boxes = boxes_under_way(self.calendar.borrow().iter(), now);
        if boxes != self.boxes {
            pusher.maintain_boxes(boxes.clone());
            self.boxes = boxes;
        }
    }

    fn read_file(&mut self) {
        let Some(path) = &self.path else { return };
        match read(path) {
            Ok(Book { entries, approvals, closings, .. }) => {
                self.complaint = None;
                self.closings.retain(|one| closings.contains(one));
                for one in closings {
                    if self.closings.contains(&one) {
                        continue;
                    }
                    // When its owner has no time now, the rest is told at the next look.
                    if self.words.try_send(Word::Close(one.clone())).is_err() {
                        break;
                    }
                    self.closings.push(one);
                }
                let seen = self.approved;
                for approval in approvals.into_iter().filter(|one| one.at > seen) {
                    self.approved = self.approved.max(approval.at);
                    if let Some(pusher) = &self.pusher {
                        pusher.approve(approval.olt);
                    }
                }
                if entries != self.known {
                    tracing::info!(file = %path.display(), entries = entries.len(), "maintenance by command has changed");
                    self.known = entries;
                    let all = self.of_config.iter().cloned().chain(self.known.iter().map(Maintenance::from));
                    self.calendar.send_replace(Arc::new(all.collect()));
                }
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    tracing::warn!("{complaint}; what was known of maintenance goes on");
                    self.complaint = Some(complaint);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::RealCause;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + second * 1000)
    }

    fn entry(olt: &str, from: u64, until: u64) -> Ordered {
        Ordered {
            id: 0,
            olt: Some(Pattern::new(olt)),
            pon: None,
            boxes: None,
            from: at(from),
            until: at(until),
            reason: "splitters".to_owned(),
        }
    }

    #[test]
    fn entries_are_added_listed_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.maintenance");
        assert_eq!(ordered(&path).unwrap(), []);
        assert_eq!(order(&path, entry("a", 0, 7200), at(0)).unwrap().id, 1);
        assert_eq!(order(&path, entry("b", 3600, 7200), at(0)).unwrap().id, 2);
        assert_eq!(end(&path, 1, at(600)).unwrap().until, at(600));
        end(&path, 2, at(600)).unwrap();
        let left = ordered(&path).unwrap();
        assert_eq!(left.iter().map(|entry| (entry.id, entry.until)).collect::<Vec<_>>(), [(1, at(600))]);
        assert!(matches!(end(&path, 2, at(700)), Err(MaintenanceError::NoSuchId { id: 2 })));
        // What ended long ago goes with the next entry; numbers are not used again.
        assert_eq!(order(&path, entry("c", 0, 9_000_000), at(8 * 86_400)).unwrap().id, 3);
        assert_eq!(ordered(&path).unwrap().len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_approval_stands_beside_the_entries_and_is_forgotten_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.maintenance");
        order(&path, entry("a", 0, 7200), at(0)).unwrap();
        approve(&path, Some(Pattern::new("olt-*")), at(10)).unwrap();
        approve(&path, None, at(20)).unwrap();
        let book = read(&path).unwrap();
        assert_eq!((book.entries.len(), book.approvals.len(), book.approvals[1].at), (1, 2, at(20)));
        approve(&path, None, at(3620)).unwrap();
        assert_eq!(read(&path).unwrap().approvals.iter().map(|one| one.at).collect::<Vec<_>>(), [at(20), at(3620)]);
    }

    #[test]
    fn what_people_said_of_incidents_is_told_until_somebody_hears_it_and_then_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.maintenance");
        let (one, other) = (IncidentId::new(at(0), 1), IncidentId::new(at(0), 2));
        let closing = |second| Closing { cause: RealCause::Other, at: None, note: None, given_at: at(second) };
        for id in [one, other] {
            close_incident(&path, id, closing(10)).unwrap();
        }
        let (words, mut heard) = mpsc::channel(1);
        let (mut keeper, _calendar) = Keeper::new(Vec::new(), Some(path.clone()), None, words, at(20));
        let mut told = Vec::new();
        for second in 21..30 {
            while let Ok(Word::Close(closed)) = heard.try_recv() {
                told.push((closed.id, closed.closing.given_at));
            }
            keeper.look(at(second));
        }
        assert!(told.starts_with(&[(one, at(10))]), "{told:?}");
        // There is room for both now.
        let (words, mut heard) = mpsc::channel(2);
        let (mut keeper, _calendar) = Keeper::new(Vec::new(), Some(path.clone()), None, words, at(30));
        let mut ids = || std::iter::from_fn(|| heard.try_recv().ok()).count();
        assert_eq!(ids(), 2);
        keeper.look(at(31));
        assert_eq!(ids(), 0);
        // A newer word takes the place of the older one; what is a week old goes.
        close_incident(&path, one, closing(8 * 86_400)).unwrap();
        keeper.look(at(32));
        assert_eq!((ids(), read(&path).unwrap().closings.len()), (1, 1));
    }

    #[test]
    fn a_file_that_is_something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.maintenance");
        for content in ["", "{", "[]", "{\"oltwatch_maintenance\": 9, \"next_id\": 1, \"entries\": []}"] {
            fs::write(&path, content).unwrap();
            let error = order(&path, entry("a", 0, 1), at(0)).unwrap_err().to_string();
            assert!(error.contains("is left as it is"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(folder.path().join("o.maintenance.new"), "").unwrap();
        assert!(matches!(order(&path, entry("a", 0, 1), at(0)), Err(MaintenanceError::Busy { .. })));
    }

    #[test]
    fn what_cannot_be_read_changes_nothing_for_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.maintenance");
        order(&path, entry("a", 0, 60), at(0)).unwrap();
        let (words, _heard) = mpsc::channel(1);
        let (mut keeper, calendar) = Keeper::new(Vec::new(), Some(path.clone()), None, words, at(0));
        assert_eq!(calendar.borrow().len(), 1);
        fs::write(&path, "{").unwrap();
        keeper.look(at(5));
        assert_eq!(calendar.borrow().len(), 1);
        assert!(keeper.complaint.is_some());
        fs::remove_file(&path).unwrap();
        keeper.look(at(10));
        assert_eq!(calendar.borrow().len(), 0);
    }
}
