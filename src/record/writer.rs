//! Writes a recording on a thread of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::entry::FORMAT;
use super::{Entry, Header, Looked, Owned, RecordError, Rules, Scrubber};
use crate::config::maintenance::UnderWay;
use crate::incident::Gasps;
use crate::model::{OltId, Sweep, Timestamp};
use crate::plant::Plant;
use crate::poll::{Hint, Intervals};

/// Rows that may wait to be written, ONUs and PONs of all OLTs together; about 400 MB of readings that would otherwise
/// be free.
const MOST_WAITING: u64 = 1_000_000;
/// What an entry without rows counts.
const ENTRY: u64 = 1;
/// At most this much of a recording is lost when the machine goes down.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// What the writer is given.
#[derive(Debug)]
enum Note {
    Sweep { intervals: Intervals, sweep: Arc<Sweep> },
    NoAnswer { olt: OltId, at: Timestamp },
    Hint { olt: OltId, at: Timestamp, hint: Hint },
    Maintenance { olt: OltId, at: Timestamp, under_way: Vec<UnderWay> },
    Rules { at: Timestamp, rules: Box<Rules> },
    Incidents { at: Timestamp, settle: Duration, gasps: Box<Gasps> },
    Owners { olt: OltId, at: Timestamp, owners: Vec<Owned> },
    Plant { at: Timestamp, plant: Arc<Plant> },
    End { at: Timestamp },
}

impl Note {
    fn weight(&self) -> u64 {
        match self {
            Self::Sweep { sweep, .. } => ENTRY + (sweep.onus.len() + sweep.pons.len()) as u64,
            Self::Owners { owners, .. } => ENTRY + owners.len() as u64,
            Self::Plant { plant, .. } => {
                ENTRY + (plant.element_count() + plant.node_count() + plant.client_count()) as u64
            }
            _ => ENTRY,
        }
    }
}

/// What recorders and the writer share.
#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicU64,
    lost: AtomicU64,
    /// The file takes no more.
    broken: AtomicBool,
}

/// Where entries are given. Clones write to the same recording.
#[derive(Debug, Clone)]
pub struct Recorder {
    notes: mpsc::Sender<Note>,
    shared: Arc<Shared>,
}

impl Recorder {
    /// Notes a sweep, and the intervals in force.
    pub fn sweep(&self, sweep: &Arc<Sweep>, intervals: Intervals) {
        self.note(Note::Sweep { intervals, sweep: Arc::clone(sweep) });
    }

    /// Notes that an OLT gave no answer.
    pub fn no_answer(&self, olt: &OltId, at: Timestamp) {
        self.note(Note::NoAnswer { olt: olt.clone(), at });
    }

    /// Notes that somebody asked for a look.
    pub fn hint(&self, olt: &OltId, at: Timestamp, hint: Hint) {
        self.note(Note::Hint { olt: olt.clone(), at, hint });
    }

    /// Notes that work on the network begins or ends.
    pub fn maintenance(&self, olt: &OltId, at: Timestamp, under_way: Vec<UnderWay>) {
        self.note(Note::Maintenance { olt: olt.clone(), at, under_way });
    }

    /// Notes that other rules came into force.
    pub fn rules(&self, at: Timestamp, rules: Rules) {
        self.note(Note::Rules { at, rules: Box::new(rules) });
    }

    /// Notes by what incidents are explained.
    pub fn incidents(&self, at: Timestamp, settle: Duration, gasps: &Gasps) {
        self.note(Note::Incidents { at, settle, gasps: Box::new(gasps.clone()) });
    }

    /// Notes whose an OLT's ONUs are from now on.
    pub fn owners(&self, olt: &OltId, at: Timestamp, owners: Vec<Owned>) {
        self.note(Note::Owners { olt: olt.clone(), at, owners });
    }

    /// Notes what the passive network is from now on.
    pub fn plant(&self, at: Timestamp, plant: &Arc<Plant>) {
        self.note(Note::Plant { at, plant: Arc::clone(plant) });
    }

    /// Never waits: what does not fit is counted.
    fn note(&self, note: Note) {
        if self.shared.broken.load(Ordering::Relaxed) {
            return;
        }
        let weight = note.weight();
        let before = self.shared.waiting.fetch_add(weight, Ordering::Relaxed);
        // A sweep that is larger than the bound by itself is taken when nothing else waits.
        if before > 0 && before + weight > MOST_WAITING {
            self.shared.waiting.fetch_sub(weight, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // The writer ends only after its recorders, or when it is broken.
        let _ = self.notes.send(note);
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder,
    path: PathBuf,
    thread: thread::JoinHandle<()>,
}

impl Recording {
    /// Creates the file and starts to write. `{time}` in its name becomes the time of the start.
    ///
    /// # Errors
    /// [`RecordError`] when the file exists already or cannot be created.
    pub fn start(path: &Path, now: Timestamp, rules: Rules, scrubber: Option<Scrubber>) -> Result<Self, RecordError> {
        let path = with_time(path, now);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                RecordError::Exists { path: path.clone() }
            } else {
                RecordError::File { path: path.clone(), what: "created", source }
            }
        })?;
        Self::write_to(file, path, now, rules, scrubber)
    }

    fn write_to(
        file: File,
        path: PathBuf,
        now: Timestamp,
        rules: Rules,
        scrubber: Option<Scrubber>,
    ) -> Result<Self, RecordError> {
        let mut writer = Writer { lines: GzEncoder::new(BufWriter::new(file), Compression::fast()), scrubber };
        writer.header(now, rules).map_err(|source| RecordError::File {
            path: path.clone(),
            what: "written",
            source,
        })?;
        let (notes, received) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let recorder = Recorder { notes, shared: Arc::clone(&shared) };
        let named = path.clone();
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write_all(writer, &received, &shared, &named))
            .map_err(|source| RecordError::File {
                path: path.clone(),
                what: "written by a thread of its own",
                source,
            })?;
        Ok(Self { recorder, path, thread })
    }

    /// Where entries are given.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends it: what waits is written first. Blocks; what recorders note afterwards is dropped.
    pub fn end(self, now: Timestamp) {
        let Self { recorder, thread, .. } = self;
        recorder.note(Note::End { at: now });
        drop(recorder);
        // A panic of the writer was told by the panic itself.
        let _ = thread.join();
    }
}

/// `recording-{time}.jsonl.gz` with the time of the start, in letters that every file system takes.
fn with_time(path: &Path, now: Timestamp) -> PathBuf {
    let Some(text) = path.to_str() else { return path.to_owned() };
    PathBuf::from(text.replace("{time}", &now.to_string().replace([':', '-'], "")))
}

fn write_all(mut writer: Writer, notes: &mpsc::Receiver<Note>, shared: &Shared, path: &Path) {
    let mut flushed = Instant::now();
    let ended = loop {
        let note = match notes.recv_timeout(FLUSH_EVERY) {
            Ok(note) => Some(note),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => break writer.finish(),
        };
        let written = note.map_or(Ok(false), |note| {
            let weight = note.weight();
            let lost = shared.lost.swap(0, Ordering::Relaxed);
            let written = writer.lost(lost).and_then(|()| writer.note(&note));
            shared.waiting.fetch_sub(weight, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(file = %path.display(), entries = lost, "the disk is too slow for the recording: entries are lost");
            }
            written
        });
        match written {
            Ok(true) => break writer.finish(),
            Ok(false) => {}
            Err(error) => break Err(error),
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            if let Err(error) = writer.lines.flush() {
                break Err(error);
            }
            flushed = Instant::now();
        }
    };
    shared.broken.store(true, Ordering::Relaxed);
    if let Err(error) = ended {
        tracing::error!(file = %path.display(), %error, "the recording cannot be written and ends here; everything else goes on");
    }
}

struct Writer {
    lines: GzEncoder<BufWriter<File>>,
    scrubber: Option<Scrubber>,
}

impl Writer {
    fn header(&mut self, now: Timestamp, rules: Rules) -> io::Result<()> {
        let header = Header {
            oltwatch_recording: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now,
            scrubbed: self.scrubber.is_some(),
            rules: self.scrubbed_rules(rules),
        };
        self.line(&header)?;
        self.lines.flush()
    }

    fn lost(&mut self, entries: u64) -> io::Result<()> {
        if entries == 0 { Ok(()) } else { self.line(&Entry::Lost { entries }) }
    }

    /// Writes an entry; true when it was the last.
    fn note(&mut self, note: &Note) -> io::Result<bool> {
        use std::borrow::Cow;
        let name = |scrubber: &Option<Scrubber>, olt: &OltId| match scrubber {
            Some(scrubber) => scrubber.olt(olt),
            None => olt.clone(),
        };
        let entry = match note {
            Note::Sweep { intervals, sweep } => Entry::Sweep {
                state_every_ms: millis(intervals.state),
                optics_every_ms: millis(intervals.optics),
                sweep: match &self.scrubber {
                    Some(scrubber) => Cow::Owned(scrubber.sweep(sweep)),
                    None => Cow::Borrowed(&**sweep),
                },
            },
            Note::NoAnswer { olt, at } => Entry::NoAnswer { olt: name(&self.scrubber, olt), at_ms: at.millis() },
            Note::Hint { olt, at, hint } => Entry::Hint {
                olt: name(&self.scrubber, olt),
                at_ms: at.millis(),
                look: match hint {
                    Hint::State => Looked::State,
                    Hint::Levels => Looked::Levels,
                    Hint::Everything => Looked::Everything,
                    Hint::Pons(pons) => Looked::Pons(pons.iter().copied().collect()),
                },
            },
            Note::Maintenance { olt, at, under_way } => {
                let mut under_way = under_way.clone();
                if self.scrubber.is_some() {
                    // People name customers and streets there.
                    under_way.iter_mut().for_each(|one| one.reason = "maintenance".to_owned());
                }
                Entry::Maintenance { olt: name(&self.scrubber, olt), at_ms: at.millis(), under_way }
            }
            Note::Rules { at, rules } => {
                Entry::Rules { at_ms: at.millis(), rules: Cow::Owned(self.scrubbed_rules((**rules).clone())) }
            }
            Note::Incidents { at, settle, gasps } => Entry::Incidents {
                at_ms: at.millis(),
                settle_ms: millis(*settle),
                gasps: match &self.scrubber {
                    Some(scrubber) => Cow::Owned(gasps.renamed(|olt| scrubber.olt(olt))),
                    None => Cow::Borrowed(&**gasps),
                },
            },
            Note::Owners { olt, at, owners } => Entry::Owners {
                olt: name(&self.scrubber, olt),
                at_ms: at.millis(),
                owners: match &self.scrubber {
                    Some(scrubber) => Cow::Owned(scrubber.owners(owners)),
                    None => Cow::Borrowed(owners.as_slice()),
                },
            },
            Note::Plant { at, plant } => {
                let plant = Box::new(plant.to_document());
                let plant = match &self.scrubber {
                    Some(scrubber) => Box::new(scrubber.plant(*plant)),
                    None => plant,
                };
                Entry::Plant { at_ms: at.millis(), plant }
            }
            Note::End { at } => Entry::End { at_ms: at.millis() },
        };
        self.line(&entry)?;
        Ok(matches!(entry, Entry::End { .. }))
    }

    fn scrubbed_rules(&self, rules: Rules) -> Rules {
        match &self.scrubber {
            Some(scrubber) => Rules { thresholds: scrubber.thresholds(&rules.thresholds), ..rules },
            None => rules,
        }
    }

    fn line(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, value)?;
        self.lines.write_all(b"\n")
    }

    fn finish(self) -> io::Result<()> {
        let file = self.lines.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
