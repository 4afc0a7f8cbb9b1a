//! Trials of what is decided: a scene is played in simulated time, the real judges and the real tracker are shown what polling would
//! show them, and what they say is compared with the truth.
//!
//! In: a [`Town`] (a generated plant, true and as documented), a [`Scene`] with its [`Circumstances`], a seed. Out: what
//! was [`Played`], and its [`Score`]. Not its business: sockets and clocks; tables (`benches/accuracy` prints them).
//!
//! ```text
//! Scene ──draw──► Script ──play──► World ──sweeps──► Watch: a Judge per OLT ──news──► Tracker ──incidents──► Score
//!                                     └────────────────────── truth ─────────────────────────────────────────┘
//! ```

mod play;
mod scene;
mod score;
mod town;
mod watch;

pub use play::{Circumstances, Played, Told, play};
pub use scene::{Scene, Script};
pub use score::{Located, Score};
pub use town::Town;
pub use watch::Watch;
