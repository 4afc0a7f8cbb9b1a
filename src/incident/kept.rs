//! An incident as it outlives the process: what it is, and what its owner needs to go on with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::closing::Closing;
use super::id::IncidentId;
use super::snapshot::{Incident, Kind, State};
use crate::model::{Cause, OltId, OnuKey, Timestamp};

/// The form that is written here, and the only one that is read.
const FORM: u32 = 1;
/// Longest text that is read, octets: that of an incident with some hundred thousand members.
pub const LONGEST_KEPT: usize = 64 * 1024 * 1024;

/// See the module. [`Tracker::memory`](super::Tracker::memory) gives it, [`Tracker::recall`](super::Tracker::recall) takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What it is.
    pub(super) incident: Incident,
    /// What is held of its members, in the order in which they stand in it.
    pub(super) members: Vec<KeptMember>,
    /// Who hangs behind its place, by OLT.
    pub(super) behind: BTreeMap<OltId, Vec<OnuKey>>,
}

/// What is held of a member beside what everybody sees. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptMember {
    pub key: OnuKey,
    /// When it was last read as up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_ms: Option<u64>,
    /// When it was first read as down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_ms: Option<u64>,
    pub cause: Cause,
    /// Looks in a row that read it as up since; none: it is down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ups: u8,
    /// By how much its level fell, thousandths of a dB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell: Option<i32>,
}

// serde asks for a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// A text that is no incident as it is kept here.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It is none at all, or a part of it is wrong.
    #[error("it is no incident as it is kept: {0}")]
    Text(#[from] serde_json::Error),
    /// It is written in another form.
    #[error("it is kept in form {found}, and this version reads form {FORM}")]
    Form {
        /// Its form.
        found: u32,
    },
    /// It does not fit together.
    #[error("it does not fit together: {0}")]
    Torn(&'static str),
}

#[derive(Serialize)]
struct Written<'a> {
    form: u32,
    opened_ms: u64,
    cleared_ms: Option<u64>,
    /// Not rounded, since others decide by it.
    confidence: f64,
    incident: &'a Incident,
    members: &'a [KeptMember],
    behind: &'a BTreeMap<OltId, Vec<OnuKey>>,
}

#[derive(Deserialize)]
struct Read {
    opened_ms: u64,
    cleared_ms: Option<u64>,
    confidence: f64,
    incident: Incident,
    members: Vec<KeptMember>,
    behind: BTreeMap<OltId, Vec<OnuKey>>,
}

#[derive(Deserialize)]
struct Form {
    form: u32,
}

impl Kept {
    /// One that is over: nothing goes on.
    #[must_use]
    pub fn over(incident: &Incident) -> Self {
        let member = |member: &super::snapshot::Member| KeptMember {
            key: member.key.clone(),
            up_ms: None,
            lost_ms: None,
            cause: Cause::Unknown,
            ups: u8::from(member.is_up),
            fell: None,
        };
        let members = incident.onus.iter().map(member).collect();
        Self { incident: incident.clone(), members, behind: BTreeMap::new() }
    }

    /// What it is.
    #[must_use]
    pub const fn incident(&self) -> &Incident {
        &self.incident
    }

    /// What it is.
    #[must_use]
    pub fn into_incident(self) -> Incident {
        self.incident
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> IncidentId {
        self.incident.id
    }

    /// The same with a person's word, which is kept beside it.
    #[must_use]
    pub fn with_closing(mut self, closing: Closing) -> Self {
        self.incident.closing = Some(Arc::new(closing));
        self
    }

    /// As JSON.
    ///
    /// # Errors
    /// [`KeptError`] when it cannot be written as such, which nothing in it should cause.
    pub fn to_text(&self) -> Result<String, KeptError> {
        let Self { incident, members, behind } = self;
        let written = Written {
            form: FORM,
            opened_ms: incident.opened_at.millis(),
            cleared_ms: incident.cleared_at.map(Timestamp::millis),
            confidence: incident.confidence,
            incident,
            members,
            behind,
        };
        Ok(serde_json::to_string(&written)?)
    }

    /// From what [`Kept::to_text`] gave.
    ///
    /// # Errors
    /// [`KeptError`] when it is anything else.
    pub fn from_text(text: &str) -> Result<Self, KeptError> {
        if text.len() > LONGEST_KEPT {
            return Err(KeptError::Torn("it is longer than 64 MiB"));
        }
        let Form { form: found } = serde_json::from_str(text)?;
        if found != FORM {
            return Err(KeptError::Form { found });
        }
        let Read { opened_ms, cleared_ms, confidence, mut incident, members, behind } = serde_json::from_str(text)?;
        if incident.onus.len() != members.len() {
            return Err(KeptError::Torn("not as much is held of members as there are"));
        }
        if (incident.state == State::Cleared) != cleared_ms.is_some() {
            return Err(KeptError::Torn("it is over, or is not"));
        }
        if matches!(incident.kind, Kind::OltUnreachable | Kind::DataQuality) && incident.olts.is_empty() {
            return Err(KeptError::Torn("it is about an OLT, and names none"));
        }
        if !(0.0..=1.0).contains(&confidence) {
            return Err(KeptError::Torn("its certainty is no chance"));
        }
        incident.confidence = confidence;
        incident.opened_at = Timestamp::from_millis(opened_ms);
        incident.cleared_at = cleared_ms.map(Timestamp::from_millis);
        for (onu, member) in incident.onus.iter_mut().zip(&members) {
            onu.key = member.key.clone();
            onu.is_up = member.ups > 0;
        }
        Ok(Self { incident, members, behind })
    }
}
