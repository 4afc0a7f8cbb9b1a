//! The parts of a campaign: who there is, a life of the pusher, and a history.

pub mod history;
mod life;
mod oracle;
mod town;
