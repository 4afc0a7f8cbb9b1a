//! OZmap: whose ONU it is, what its client shows, and making it show the truth.
//!
//! In: verdicts for ONUs ([`OltWishes`]), and OZmap's REST API (`ozmap-api.md` is the reference for every request
//! here). Out: a [`Directory`] of clients, [`Matches`] between ONUs and clients, the [`Change`]s that OZmap needs, and
//! the requests that make them. Not its business: deciding what is wrong with an ONU.
//!
//! Layers, from the wire up:
//! * `http`, `limit`, `pace`, `breaker`, `answer`: one client, one rate, typed errors ([`OzmapError`] says what to do next);
//! * `lenient`, `rows`: OZmap's JSON into rows; nothing but named fields survives;
//! * `read`, `push`: the requests;
//! * `directory` (packed by `table`, gathered by `builder`, kept as octets by `kept`), `near`, `matching`, `owners`, `desired`, `gates` (`boxes`, `foreign`, `brake`), `queue`, `revert`: pure;
//! * `ledger`: what is being written, and the journal in which it stands first;
//! * `plant`: the import of the plant, with a task of its own;
//! * `task`, `pusher`: the task that owns the directory and the desired states, and the [`Pusher`] that leads to it.

mod answer;
mod boxes;
mod brake;
mod breaker;
mod builder;
mod desired;
mod directory;
mod error;
mod foreign;
mod gates;
mod http;
mod ids;
mod kept;
mod ledger;
mod lenient;
mod limit;
mod matching;
mod near;
mod owners;
mod pace;
mod plant;
mod push;
mod pusher;
mod queue;
mod read;
mod revert;
mod rows;
mod snapshot;
mod table;
mod task;

pub use boxes::{BoxHeld, BoxNames, Boxes};
pub use brake::{Brake, Braked, Looks, OltAtHand, at_hand};
pub use breaker::HostState;
pub use desired::{Candidate, Change, OltWishes, PowerChange, Shown, Wish, agreeing, candidates, plan, plan_powers};
pub use directory::{Changes, ClientEntry, Directory, Found, ReadReport};
pub use error::{Call, Excerpt, OzmapError, Remedy};
pub use foreign::{Contested, Flip, Foreign, ForeignView};
pub use gates::{Gates, Passed};
pub use http::Client;
pub use ids::{ClientId, ElementId, ParseIdError, PropertyId, Status};
pub use ledger::JournalView;
pub use limit::{LimitView, Timing};
pub use matching::{Ambiguity, Match, Matches, OnuIdentity, Rule, key_in, key_word, match_onus};
pub use near::{Difference, Keys, NearMiss, near_misses};
pub use owners::{Owner, Owners};
pub use plant::{
    CandidateLine, DoubtLine, ElementName, Missing, PlantImport, PlantSnapshot, PlantSource, PonLine, PonName,
    PortName, SampleView, Survey, Way, import_once,
};
pub use push::{Batch, IdList};
pub use pusher::Pusher;
pub use read::BOXES_PER_READ;
pub use read::Heard;
pub use revert::{PutBack, Verdict as RevertVerdict, put_back, written_clients};
pub use snapshot::{
    AmbiguityLine, ClientLine, DirectoryView, Halted, LISTED, LastError, MatchView, OnuLine, PushSnapshot,
    ReadProgress, Written,
};

#[cfg(test)]
mod fake;
