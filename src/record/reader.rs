//! Reads recordings, whoever wrote them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::entry::{FORMAT, OLDEST};
use super::{Entry, Header, RecordError};

/// Longest line that is read, octets: some fifty times what the sweep of a full OLT takes.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;
/// Longest first line: what is longer is no header.
const LONGEST_HEADER: u64 = 4 * 1024 * 1024;

/// The entries of a recording, in their order. Plain JSON lines are read as well as packed ones.
pub struct RecordingReader {
    path: PathBuf,
    text: Box<dyn BufRead + Send>,
    line: u64,
    header: Header,
    buffer: Vec<u8>,
    ended: bool,
    cut_off: bool,
}

impl RecordingReader {
    /// Opens a recording and reads its header.
    ///
    /// # Errors
    /// [`RecordError`] when it cannot be opened, is something else, or was written by a version that this one cannot read.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let file = |what| move |source| RecordError::File { path: path.to_owned(), what, source };
        let mut raw = BufReader::new(File::open(path).map_err(file("opened"))?);
        let packed = raw.fill_buf().map_err(file("read"))?.starts_with(&[0x1f, 0x8b]);
        let mut text: Box<dyn BufRead + Send> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(raw))) } else { Box::new(raw) };
        let foreign = |why: String| RecordError::Foreign { path: path.to_owned(), why };
        let mut first = Vec::new();
        (&mut text).take(LONGEST_HEADER).read_until(b'\n', &mut first).map_err(|error| foreign(error.to_string()))?;
        let what: serde_json::Value = serde_json::from_slice(&first)
            .map_err(|_| foreign("its first line is not a JSON object with \"oltwatch_recording\"".to_owned()))?;
        match what.get("oltwatch_recording").and_then(serde_json::Value::as_u64) {
            None => return Err(foreign("its first line has no \"oltwatch_recording\"".to_owned())),
            Some(format) if !(u64::from(OLDEST)..=u64::from(FORMAT)).contains(&format) => {
                return Err(foreign(format!(
                    "it has format {format}, and this version reads formats {OLDEST} to {FORMAT}"
                )));
            }
            Some(_) => {}
        }
        let header = serde_json::from_value(what).map_err(|error| RecordError::Line {
            path: path.to_owned(),
            line: 1,
            why: error.to_string(),
        })?;
        Ok(Self { path: path.to_owned(), text, line: 1, header, buffer: Vec::new(), ended: false, cut_off: false })
    }

    /// The first line.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether its end is missing, as when the program that wrote it was killed. Known once the last entry was given.
    #[must_use]
    pub const fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The next entry; `None` at the end, also where the recording was cut off.
    ///
    /// # Errors
    /// [`RecordError::Line`] when a line in the midst of it cannot be read.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'static>>, RecordError> {
        if self.ended {
            return Ok(None);
        }
        self.buffer.clear();
        self.line += 1;
        let read = (&mut self.text).take(LONGEST_LINE).read_until(b'\n', &mut self.buffer);
        match read {
            Ok(_) if self.buffer.ends_with(b"\n") => {}
            Ok(length) if length as u64 == LONGEST_LINE => {
                return Err(self.wrong(format!("the line is longer than {LONGEST_LINE} octets")));
            }
            // A file that was being written when its program was killed ends anywhere, also within the packed data.
            Ok(_) => return Ok(self.cut_off_here()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(self.cut_off_here()),
            Err(error) => return Err(self.wrong(format!("it cannot be unpacked: {error}"))),
        }
        let entry = serde_json::from_slice(&self.buffer).map_err(|error| self.wrong(error.to_string()))?;
        self.ended = matches!(entry, Entry::End { .. });
        Ok(Some(entry))
    }

    const fn cut_off_here(&mut self) -> Option<Entry<'static>> {
        self.ended = true;
        self.cut_off = true;
        None
    }

    fn wrong(&mut self, why: String) -> RecordError {
        self.ended = true;
        RecordError::Line { path: self.path.clone(), line: self.line, why }
    }
}

impl std::fmt::Debug for RecordingReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingReader").field("path", &self.path).field("line", &self.line).finish_non_exhaustive()
    }
}
