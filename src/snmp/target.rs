//! What a session is told: whom to speak to, how gently, and what to walk.

use std::time::Duration;

use super::{Oid, Rows, SnmpError};

/// Whom to speak to, and how gently.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Host name or IP address, and port: `192.0.2.10:161`, `[2001:db8::1]:161`, `olt.example:161`.
    pub address: String,
    /// First wait for an answer, 1 ms to 10 minutes; later ones follow the round-trip times that were seen.
    pub timeout: Duration,
    /// How often an unanswered request is sent again, each time after twice the wait; at most 20.
    pub retries: u32,
    /// Most requests in flight, 1 to 64. The session begins with 1 and opens up to this while answers come cleanly.
    pub window: u32,
    /// Most datagrams a second, repeated ones included; infinite for no limit, never slower than one an hour.
    pub pdus_per_second: f64,
    /// Most varbinds asked for a second; infinite for no limit, never slower than one an hour.
    pub varbinds_per_second: f64,
    /// Most rows asked for in one GETBULK; 0 counts as 1, as some agents hang on 0.
    pub max_repetitions: u32,
    /// Most octets of varbinds that an answer is asked to have, from 100; agents go below by themselves. More than 1,400
    /// takes several packets, of which none may be lost.
    pub reply_octets: usize,
    /// Take answers from any address and port, for agents that answer from another interface.
    pub any_source: bool,
}

impl Target {
    /// With the defaults of the config: 2 s, 3 retries, one request in flight, 50 datagrams a second, 40 rows; any number of
    /// varbinds a second, answers of 1,400 octets.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            timeout: Duration::from_secs(2),
            retries: 3,
            window: 1,
            pdus_per_second: 50.0,
            varbinds_per_second: f64::INFINITY,
            max_repetitions: 40,
            reply_octets: 1_400,
            any_source: false,
        }
    }

    /// Checks what the governor counts on.
    ///
    /// # Errors
    /// [`SnmpError::Setting`] that names the field.
    pub(super) fn check(&self) -> Result<(), SnmpError> {
        let refuse = |what: &str, why: &str| {
            Err(SnmpError::Setting { what: format!("{what} of {}", self.address), why: why.to_owned() })
        };
        if self.pdus_per_second.is_nan() || self.pdus_per_second <= 0.0 {
            return refuse("pdus_per_second", "a number above 0 was expected");
        }
        if self.varbinds_per_second.is_nan() || self.varbinds_per_second <= 0.0 {
            return refuse("varbinds_per_second", "a number above 0 was expected");
        }
        if self.reply_octets < 100 || self.reply_octets > 60_000 {
            return refuse("reply_octets", "100 to 60,000 were expected");
        }
        if self.timeout < Duration::from_millis(1) || self.timeout > Duration::from_secs(600) {
            return refuse("timeout", "1 ms to 10 minutes was expected");
        }
        if self.window == 0 || self.window > 64 {
            return refuse("window", "1 to 64 requests in flight were expected");
        }
        if self.retries > 20 {
            return refuse("retries", "at most 20 were expected");
        }
        Ok(())
    }
}

/// Columns to walk together, rows in lock-step, with GETBULK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The columns, of one table, without an index.
    pub columns: Vec<Oid>,
    /// Only rows whose index begins with this and goes on after it; empty for all rows.
    pub within: Vec<u32>,
    /// Stop when the index reaches this, the row itself excluded.
    pub stop_before: Option<Vec<u32>>,
    /// More rows than this in one column is an error.
    pub max_rows: usize,
    /// Most rows asked for in one GETBULK, where the table bears less than [`Target::max_repetitions`].
    pub max_repetitions: Option<u32>,
}

impl Walk {
    /// All rows of these columns.
    #[must_use]
    pub const fn new(columns: Vec<Oid>, max_rows: usize) -> Self {
        Self { columns, within: Vec::new(), stop_before: None, max_rows, max_repetitions: None }
    }
}

/// What a walk gave, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// One entry for each of [`Walk::columns`], in the same order.
    pub columns: Vec<WalkedColumn>,
    /// Datagrams sent for it, repeated ones included.
    pub pdus: u64,
}

impl Walked {
    /// Whether every column ended normally.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.columns.iter().all(|column| column.end.is_ok())
    }
}

/// One column of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedColumn {
    /// The column.
    pub column: Oid,
    /// Index after the column, and value; the index strictly increases. A cell that the agent fails at (genErr) while
    /// its neighbours can be read is
    /// [`super::Value::NoSuchInstance`].
    pub rows: Rows,
    /// `Ok` when the column ended; else what is missing after the last row, and why.
    pub end: Result<(), SnmpError>,
}
