//! Marks on OZmap's map: a pendency at the place of each cut, with the clients that it hits, solved by itself when the cut is over.
//!
//! In: which marks there should be ([`WantedMark`]), the newest replacing the older ones. Out: requests. Not its business: which
//! incident deserves one.
//!
//! ```text
//!  daemon ──marks that should be (watch)──► marks task ──list, POST, PATCH──► OZmap
//! ```
//!
//! OZmap itself is the journal: a mark's name ends in its incident's id, and before anything is made, the marks that are not
//! solved are read. So a crash at any instant, or an answer that was lost, makes none twice: after either, the list is read again
//! first. One of an earlier process whose incident is not known any more is solved when there was time to know it again.

mod calls;
mod plan;
mod task;

pub use task::Marks;

use std::sync::Arc;
use std::time::Duration;

use crate::plant::Coords;

/// How marks are kept.
#[derive(Debug, Clone, Copy)]
pub struct MarkTiming {
    /// How long after the start one of an earlier process, whose incident is not known, stays.
    pub recall: Duration,
    /// The least time between two texts of one mark.
    pub retell: Duration,
}

impl Default for MarkTiming {
    fn default() -> Self {
        Self { recall: Duration::from_secs(600), retell: Duration::from_secs(60) }
    }
}

/// A mark that there should be.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedMark {
    /// Its incident's id.
    pub incident: Arc<str>,
    /// Where.
    pub coords: Coords,
    /// What is known of it, and whom it hits.
    pub description: String,
}

/// What the name of every mark begins with.
const NAME: &str = "oltwatch ";

/// How a mark is called.
fn name_of(incident: &str) -> String {
    format!("{NAME}{incident}")
}

/// Whose mark has this name, if it is one of ours.
fn incident_of(name: &str) -> Option<&str> {
    let id = name.trim().strip_prefix(NAME)?.trim();
    (!id.is_empty() && id.bytes().all(|octet| octet.is_ascii_alphanumeric())).then_some(id)
}
