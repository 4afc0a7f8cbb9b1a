//! A file in the `.snmprec` format (`OID|type|value`) that grows while an OLT is read, so that what was read is there when
//! the reading is broken off.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::RecordError;
use crate::snmp::{Oid, Value};

/// Longest value that is written, in octets; readers of such files bound their lines.
const LONGEST: usize = 30_000;

/// See the module.
#[derive(Debug)]
pub struct WalkFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// Every row, by its name: a name is written once.
    rows: BTreeMap<Oid, String>,
    /// What is to stand at its head.
    head: Vec<String>,
    ordered: bool,
}

impl WalkFile {
    /// A new file.
    ///
    /// # Errors
    /// [`RecordError::Exists`] where there is one already, [`RecordError::File`] where the system refuses it.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                RecordError::Exists { path: path.to_owned() }
            } else {
                RecordError::File { path: path.to_owned(), what: "created", source }
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
            rows: BTreeMap::new(),
            head: Vec::new(),
            ordered: true,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A line for people.
    ///
    /// # Errors
    /// [`RecordError::File`].
    pub fn note(&mut self, text: &str) -> Result<(), RecordError> {
        let line = format!("# {}", text.replace(['\n', '\r'], " "));
        writeln!(self.out, "{line}").map_err(|source| self.failed(source))?;
        self.head.push(line);
        Ok(())
    }

    /// A row; exceptions and values that cannot be written are left out, and so is a name that is there already.
    ///
    /// # Errors
    /// [`RecordError::File`].
    pub fn row(&mut self, oid: &Oid, value: &Value) -> Result<(), RecordError> {
        let Some(line) = line(oid, value).filter(|_| !self.rows.contains_key(oid)) else { return Ok(()) };
        self.ordered &= self.rows.last_key_value().is_none_or(|(last, _)| last < oid);
        writeln!(self.out, "{line}").map_err(|source| self.failed(source))?;
        self.rows.insert(oid.clone(), line);
        Ok(())
    }

    /// What was written so far outlives this process.
    ///
    /// # Errors
    /// [`RecordError::File`].
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.out.flush().map_err(|source| self.failed(source))
    }

    /// Ends it: rows that came out of order are put in order, as some readers want them sorted.
    ///
    /// # Errors
    /// [`RecordError::File`]; what was written so far stays as it is.
    pub fn end(mut self) -> Result<usize, RecordError> {
        self.flush()?;
        if !self.ordered {
            let mut name = self.path.clone().into_os_string();
            name.push(".sorting");
            let beside = PathBuf::from(name);
            let sorted = || -> io::Result<()> {
                let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(&beside)?);
                for line in self.head.iter().chain(self.rows.values()) {
                    writeln!(out, "{line}")?;
                }
                out.flush()?;
                std::fs::rename(&beside, &self.path)
            };
            sorted().map_err(|source| RecordError::File { path: beside.clone(), what: "written", source })?;
        }
        Ok(self.rows.len())
    }

    fn failed(&self, source: io::Error) -> RecordError {
        RecordError::File { path: self.path.clone(), what: "written", source }
    }
}

fn line(oid: &Oid, value: &Value) -> Option<String> {
    let row = |kind: &str, value: &dyn std::fmt::Display| Some(format!("{oid}|{kind}|{value}"));
    let hex = |octets: &[u8]| {
        octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
    };
    match value {
        Value::Integer(number) if i32::try_from(*number).is_ok() => row("2", number),
        // Some agents send more than 31 bits as INTEGER.
        Value::Integer(number) if u32::try_from(*number).is_ok() => row("66", number),
        Value::OctetString(octets) if octets.len() <= LONGEST => {
            let plain = |text: &&str| text.bytes().all(|b| (0x20..0x7f).contains(&b)) && text.trim() == *text;
            match std::str::from_utf8(octets).ok().filter(plain) {
                Some(text) => row("4", &text),
                None => row("4x", &hex(octets)),
            }
        }
        Value::Opaque(octets) if octets.len() <= LONGEST => row("68x", &hex(octets)),
        Value::Null => row("5", &""),
        Value::ObjectId(oid) => row("6", oid),
        Value::IpAddress([a, b, c, d]) => row("64", &format!("{a}.{b}.{c}.{d}")),
        Value::Counter32(number) => row("65", number),
        Value::Gauge32(number) => row("66", number),
        Value::TimeTicks(number) => row("67", number),
        Value::Counter64(number) => row("70", number),
        _ => None,
    }
}
