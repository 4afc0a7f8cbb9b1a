//! Tells people and their systems what is wrong: one living message an incident on each channel.
//!
//! In: incidents and what is wrong with ourselves, as [`Notice`]s; the sections `[[alert]]`. Out: messages. Not its business:
//! what is an incident, and what a client shows.
//!
//! What every part keeps to:
//! * A notice is a state, not an event: the newest of an incident replaces an older one that waits, on each channel for itself.
//! * What a channel has taken is journaled, and not told again; what it may not have taken is sent again.
//! * A channel has a task of its own, a budget, and no part in what others do.
//! * Secrets and addresses that hold them are never logged.

mod bucket;
pub mod channel;
mod error;
mod gates;
mod life;
pub mod marks;
mod notice;
mod own;
mod standing;
mod task;
mod text;
mod thread;
pub mod trial;
mod words;

#[cfg(test)]
mod tests;

pub use error::{AlertError, Sent, Trouble};
pub use gates::Held;
pub use life::{Delivery, Life, Manner, Next, Outcome, Part};
pub use notice::{Ack, Hit, Notice, Other, Silence, Spot, Stage, Wards};
pub use own::{Fact, Own};
pub use standing::{Firing, Standing};
pub use task::{Bulletin, ChannelStatus, Channels, Statuses};
pub use text::{Text, Writer};
pub use thread::{Said, Step, Thread};
