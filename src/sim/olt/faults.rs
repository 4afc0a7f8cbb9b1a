//! How a simulated OLT behaves when it is not ideal: slow, lossy, lying, dead. All of it can change while it runs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::snmp::Oid;

/// A probability from 0 to 1. Written as `0.01` or `1%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Chance(f64);

/// A number that is no probability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no probability: a number from 0 to 1 such as 0.01, or a percentage such as 1%, was expected")]
pub struct ChanceError {
    /// What was given.
    pub found: String,
}

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0.0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1.0);

    /// From 0 (never) to 1 (always).
    ///
    /// # Errors
    /// A number outside of that.
    pub fn new(probability: f64) -> Result<Self, ChanceError> {
        if (0.0..=1.0).contains(&probability) {
            Ok(Self(probability))
        } else {
            Err(ChanceError { found: probability.to_string() })
        }
    }

    /// Whether it happens this time. Takes from the generator only when the answer is open.
    pub(super) fn strikes(self, random: &mut fastrand::Rng) -> bool {
        self.0 >= 1.0 || (self.0 > 0.0 && random.f64() < self.0)
    }
}

impl FromStr for Chance {
    type Err = ChanceError;

    fn from_str(text: &str) -> Result<Self, ChanceError> {
        let refuse = || ChanceError { found: text.chars().take(32).collect() };
        let (number, scale) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |number| (number, 100.0));
        let number: f64 = number.trim().parse().map_err(|_| refuse())?;
        Self::new(number / scale).map_err(|_| refuse())
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How fast the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pace {
    /// Time that the agent works on a request, one request after the other.
    pub service: Duration,
    /// Time that it works on each varbind of the answer, on top.
    pub per_varbind: Duration,
    /// Round-trip time of the line to it.
    pub rtt: Duration,
    /// Most requests that it holds, the one it works on included; further ones are dropped. `None`: no bound.
    pub queue: Option<usize>,
}

/// What the network does to datagrams.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// A datagram is lost. Rolled for each request and for each reply.
    pub loss: Chance,
    /// A reply arrives twice.
    pub duplicate: Chance,
    /// A reply is held back by [`Network::reorder_by`], so that later ones overtake it.
    pub reorder: Chance,
    /// How long such a reply is held back.
    pub reorder_by: Duration,
}

/// Wrong answers, as agents in the field give them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lies {
    /// A walk that comes to this row (or past it) is sent back to the row before the one it asked with: OIDs that do
    /// not increase.
    pub loop_at: Option<Oid>,
    /// This column never ends: after its last row further ones are invented, for ever.
    pub endless: Option<Oid>,
    /// Random octets instead of a reply.
    pub garbage: Chance,
    /// A reply that breaks off somewhere.
    pub truncate: Chance,
    /// A reply with another request id.
    pub wrong_request_id: Chance,
    /// Says tooBig where the reply would be larger than so many bytes, instead of trimming a GETBULK's.
    pub too_big_over: Option<usize>,
    /// Most varbinds in a GETBULK's reply: an agent that gives less than asked.
    pub max_varbinds: Option<usize>,
    /// genErr whenever an answer would hold one of these rows, or a row below.
    pub gen_err_at: Vec<Oid>,
    /// No reply at all whenever an answer would hold one of these rows, or a row below.
    pub hang_at: Vec<Oid>,
    /// GETBULK is never answered.
    pub ignore_bulk: bool,
}

/// All that can be wrong with a simulated OLT. The default is nothing: an instant, true and reachable agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// How slow it is.
    pub pace: Pace,
    /// What the network does.
    pub network: Network,
    /// What it lies about.
    pub lies: Lies,
    /// It hears and says nothing: switched off, or cut off.
    pub silent: bool,
    /// It reboots when it has answered so many requests since its last start.
    pub reboot_after: Option<u64>,
    /// For how long a reboot leaves it silent.
    pub reboot_time: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_is_a_number_or_a_percentage() {
        assert_eq!("1%".parse::<Chance>().unwrap(), Chance::new(0.01).unwrap());
        assert_eq!(" 0.5 ".parse::<Chance>().unwrap(), Chance::new(0.5).unwrap());
        for text in ["", "2", "-0.1", "101%", "NaN", "inf", "x", "1%%"] {
            assert!(text.parse::<Chance>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_chance_strikes_about_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut count = |chance: Chance| (0..10_000).filter(|_| chance.strikes(&mut random)).count();
        assert_eq!(count(Chance::NEVER), 0);
        assert_eq!(count(Chance::ALWAYS), 10_000);
        assert!((800..1200).contains(&count(Chance::new(0.1).unwrap())));
    }
}
