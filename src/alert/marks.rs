//! What operators say of alerts: who sees to one, and what is shelved for a while. A small file beside the database or the
//! configuration, which `oltwatch alert` writes and the daemon reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::notice::{Ack, Notice, Silence};
use crate::config::Pattern;
use crate::config::alert::AlertOn;
use crate::model::Timestamp;

/// The format that is written and read here.
const FORMAT: u32 = 1;
/// Longest file, octets: thousands of entries.
const LONGEST: u64 = 1024 * 1024;
/// Acknowledgements older than this are dropped by the next command.
const KEEP_ACKS: Duration = Duration::from_secs(30 * 24 * 3600);
/// The same for what was shelved.
const KEEP_ENDED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why the file cannot be used. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MarksError {
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
    #[error("{}: is no list of marks on alerts that this version can read, and is left as it is: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Nothing is shelved under this number.
    #[error("nothing is shelved under the number {id}; see \"oltwatch alert list\"")]
    NoSuchId {
        /// What was asked for.
        id: u32,
    },
}

/// That somebody sees to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AckMark {
    /// The incident.
    pub incident: String,
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// That nothing is to be told of something for a while. All that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shelved {
    /// Its number, unique in the file.
    pub id: u32,
    /// The incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The OLT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub olt: Option<Pattern>,
    /// The kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AlertOn>,
    /// Its end.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl Shelved {
    fn fits(&self, notice: &Notice, now: Timestamp) -> bool {
        now < self.until
            && self.incident.as_ref().is_none_or(|incident| incident.eq_ignore_ascii_case(&notice.id))
            && self.olt.as_ref().is_none_or(|olt| notice.olts.iter().any(|one| olt.fits(one)))
            && self.kind.is_none_or(|kind| kind == notice.kind)
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    oltwatch_alerts: u32,
    next_id: u32,
    /// Who sees to what.
    pub acks: Vec<AckMark>,
    /// What is shelved, or was.
    pub shelved: Vec<Shelved>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { oltwatch_alerts: FORMAT, next_id: 1, acks: Vec::new(), shelved: Vec::new() }
    }
}

impl Marks {
    /// The notice with what operators say of it.
    #[must_use]
    pub fn mark(&self, notice: &Arc<Notice>, now: Timestamp) -> Arc<Notice> {
        let ack = self.acks.iter().rev().find(|ack| ack.incident.eq_ignore_ascii_case(&notice.id));
        let shelved = self.shelved.iter().find(|shelved| shelved.fits(notice, now));
        if ack.is_none() && shelved.is_none() {
            return notice.clone();
        }
        let mut marked = (**notice).clone();
        marked.ack = ack.map(|ack| Ack { by: ack.by.clone(), at: ack.at });
        if let Some(shelved) = shelved {
            marked.silence = Some(Silence { shelved: true, reason: shelved.reason.clone() });
        }
        Arc::new(marked)
    }
}

/// What the file holds; nothing when there is none.
///
/// # Errors
/// [`MarksError`] when it cannot be read.
pub fn read(path: &Path) -> Result<Marks, MarksError> {
    let file_error = |source| MarksError::File { path: path.to_owned(), what: "read", source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
        Err(error) => return Err(file_error(error)),
    };
    let mut octets = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut octets).map_err(file_error)?;
    let damaged = |why: String| MarksError::Damaged { path: path.to_owned(), why };
    if octets.len() as u64 > LONGEST {
        return Err(damaged("it is longer than 1 MiB".to_owned()));
    }
    let marks: Marks = serde_json::from_slice(&octets).map_err(|error| damaged(error.to_string()))?;
    if marks.oltwatch_alerts != FORMAT {
        return Err(damaged(format!("it has format {}", marks.oltwatch_alerts)));
    }
    Ok(marks)
}

/// Notes that somebody sees to an incident.
///
/// # Errors
/// [`MarksError`] when the file cannot be read or replaced; it is unchanged then.
pub fn acknowledge(path: &Path, ack: AckMark) -> Result<(), MarksError> {
    change(path, |marks| {
        let now = ack.at;
        marks.acks.retain(|old| now.since(old.at) <= KEEP_ACKS && !old.incident.eq_ignore_ascii_case(&ack.incident));
        marks.acks.push(ack);
        Ok(())
    })
}

/// Shelves something, and gives its number.
///
/// # Errors
/// [`MarksError`] when the file cannot be read or replaced; it is unchanged then.
pub fn shelve(path: &Path, shelved: Shelved, now: Timestamp) -> Result<u32, MarksError> {
    change(path, |marks| {
        marks.shelved.retain(|old| now.since(old.until) <= KEEP_ENDED);
        let id = marks.next_id;
        marks.next_id = id.saturating_add(1);
        marks.shelved.push(Shelved { id, ..shelved });
        Ok(id)
    })
}

/// Takes something from the shelf before its time.
///
/// # Errors
/// [`MarksError`] when it is not there, or the file cannot be read or replaced; it is unchanged then.
pub fn unshelve(path: &Path, id: u32) -> Result<(), MarksError> {
    change(path, |marks| {
        let before = marks.shelved.len();
        marks.shelved.retain(|shelved| shelved.id != id);
        if marks.shelved.len() < before { Ok(()) } else { Err(MarksError::NoSuchId { id }) }
    })
}

/// Replaces the file by one with a change in it, made beside it first. Two commands at once do not lose each other's: the second
/// waits for its turn by failing to make that file.
fn change<T>(path: &Path, how: impl FnOnce(&mut Marks) -> Result<T, MarksError>) -> Result<T, MarksError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let failed = |path: &Path, what| {
        let path = path.to_owned();
        move |source| MarksError::File { path, what, source }
    };
    let made = OpenOptions::new().write(true).create_new(true).open(&beside);
    let mut file = made.map_err(failed(&beside, "created (another command may be writing; if none is, remove it)"))?;
    let replace = || {
        let mut marks = read(path)?;
        let result = how(&mut marks)?;
        let text = serde_json::to_string_pretty(&marks).unwrap_or_default() + "\n";
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| fs::rename(&beside, path)).map_err(failed(path, "replaced"))?;
        Ok(result)
    };
    let result = replace();
    if result.is_err() {
        // It is ours, and was not put in place.
        let _ = fs::remove_file(&beside);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alert::AlertSeverity;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    #[test]
    fn marks_stand_in_the_file_and_come_to_the_notices_that_they_mean() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.alerts");
        let notice = |id: &str, olt: &str| {
            let olts = vec![olt.to_owned()];
            Arc::new(Notice { olts, ..Notice::new(id, AlertOn::Cut, AlertSeverity::Major, NOW) })
        };
        acknowledge(&path, AckMark { incident: "AB".to_owned(), by: "Ana".to_owned(), at: NOW }).unwrap();
        let shelved = Shelved {
            id: 0,
            incident: None,
            olt: Some(Pattern::new("olt-n*")),
            kind: Some(AlertOn::Cut),
            until: NOW + Duration::from_secs(60),
            reason: "known".to_owned(),
        };
        let id = shelve(&path, shelved, NOW).unwrap();
        let marks = read(&path).unwrap();
        let seen = marks.mark(&notice("ab", "olt-south"), NOW);
        assert_eq!((seen.ack.as_ref().map(|ack| ack.by.as_str()), &seen.silence), (Some("Ana"), &None));
        let north = notice("c", "olt-north");
        assert_eq!(marks.mark(&north, NOW).silence.as_ref().map(|silence| silence.reason.as_str()), Some("known"));
        assert_eq!(marks.mark(&north, NOW + Duration::from_secs(60)).silence, None, "it ends by itself");
        unshelve(&path, id).unwrap();
        assert!(unshelve(&path, id).unwrap_err().to_string().contains("number 1"));
        assert_eq!(read(&path).unwrap().shelved, []);
        fs::write(&path, "{}").unwrap();
        assert!(matches!(read(&path), Err(MarksError::Damaged { .. })));
        assert!(acknowledge(&path, AckMark { incident: "x".to_owned(), by: "y".to_owned(), at: NOW }).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}", "it is left as it is");
    }
}
