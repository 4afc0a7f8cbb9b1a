//! The receiver of traps within the daemon: who may send, and what a trap is a hint to.

use std::sync::Arc;

use super::door::Door;
use crate::config::Olt;
use crate::poll::{Hint, Offered};
use crate::trap::Sender;

/// The OLTs as senders of traps, each of which is a hint that comes through the door.
pub(super) fn senders(olts: &[Olt], door: &Door) -> Vec<Sender> {
    let sender = |olt: &Olt| {
        let (name, door) = (olt.name.clone(), door.clone());
        Sender {
            olt: olt.name.clone(),
            address: olt.address.clone(),
            credential: olt.credential.clone(),
            // The door knows every OLT of the config.
            look: Arc::new(move |hint: Hint| door.offer(&name, hint).unwrap_or(Offered::Merged)),
        }
    };
    olts.iter().map(sender).collect()
}
