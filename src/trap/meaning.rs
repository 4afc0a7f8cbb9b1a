//! Which look a trap is a reason for.

use crate::poll::Hint;
use crate::snmp::Oid;

/// snmpTraps (RFC 3418, 2); the number of each follows.
const SNMP_TRAPS: [u32; 9] = [1, 3, 6, 1, 6, 3, 1, 1, 5];

/// The look that a trap is a reason for, if any. An OLT that (re)started is read whole; one that somebody tried a wrong
/// password on is not read for that. Links, and whatever a vendor tells in traps of its own, may be about ONUs: those are
/// not told apart, since a look at the state costs little and shows more than any trap says.
pub(super) fn meaning(trap: &Oid) -> Option<Hint> {
    match trap.arcs().strip_prefix(&SNMP_TRAPS) {
        // coldStart, warmStart.
        Some([1 | 2]) => Some(Hint::Everything),
        // authenticationFailure.
        Some([5]) => None,
        _ => Some(Hint::State),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_reads_everything_and_a_wrong_password_nothing() {
        for (trap, hint) in [
            ("1.3.6.1.6.3.1.1.5.1", Some(Hint::Everything)),
            ("1.3.6.1.6.3.1.1.5.2", Some(Hint::Everything)),
            ("1.3.6.1.6.3.1.1.5.3", Some(Hint::State)),
            ("1.3.6.1.6.3.1.1.5.4", Some(Hint::State)),
            ("1.3.6.1.6.3.1.1.5.5", None),
            ("1.3.6.1.4.1.2011.6.128.1.1.12.2.2.0.18", Some(Hint::State)),
            ("1.3.6.1.4.1.3902.1012.3.45.123", Some(Hint::State)),
            ("0.0", Some(Hint::State)),
        ] {
            assert_eq!(meaning(&trap.parse().unwrap()), hint, "{trap}");
        }
    }
}
