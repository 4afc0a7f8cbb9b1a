//! The receiver of traps and informs.
//!
//! In: datagrams from anybody who can reach the port. Out: hints to look at an OLT again, and counts. Not its business: what
//! is true. Anyone can send a trap, in any OLT's name; so a trap makes us read, and only what is read counts. What a trap
//! says of an ONU is not believed, not kept, and not shown.
//!
//! ```text
//!  Receiver   task.rs      the socket; one task, which keep.rs supervises
//!  Senders    senders.rs   whose trap it is: by source address, else by the agent's address inside
//!  Keyring    keyring.rs   SNMPv3: the keys of an OLT's user at the engine that sends
//!  meaning    meaning.rs   which look a trap is a reason for
//!  Status     status.rs    what came, and what became of it
//! ```

mod error;
mod keep;
mod keyring;
mod meaning;
mod senders;
mod status;
mod task;

pub use error::BindError;
pub use keep::keep;
pub use status::{Received, Status, Statuses, Tally};
pub use task::{Look, Receiver, Sender};
