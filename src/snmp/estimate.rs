//! What reading would take of an OLT and of the line to it, worked out as the engine would ask. Pure: nothing is sent.
//!
//! It reckons with a line that loses nothing, and with an agent that fills its answers up to a frame; one that gives
//! less is asked more often.

use std::ops::AddAssign;
use std::time::Instant;

use serde::Serialize;

use super::device::{FRAME, Sizing};
use super::fetch::{MAX_NAMES, VALUE_OCTETS};
use super::plan::FEWEST_ROWS;
use super::walk::ROW_OCTETS;
use super::{Oid, Target, Value, ber, codec};
use crate::config::{Credential, SnmpVersion};

/// About what stands around the varbinds of an SNMPv3 message (RFC 3412, 3414), without and with authentication.
const V3_AROUND: usize = 95;
const V3_AUTHENTICATED: usize = 30;

/// What reading takes. Octets are those of datagrams, without the headers of UDP and IP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Datagrams sent; as many answers come.
    pub requests: u64,
    /// Varbinds in the answers.
    pub varbinds: u64,
    /// Octets sent.
    pub octets_out: u64,
    /// Octets that come back.
    pub octets_in: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.requests += more.requests;
        self.varbinds += more.varbinds;
        self.octets_out += more.octets_out;
        self.octets_in += more.octets_in;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |mut sum, cost| {
            sum += cost;
            sum
        })
    }
}

/// How many octets a cell takes in a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellSize {
    /// Its name with a NULL, as it is asked for.
    pub asked: usize,
    /// Its name and value, as they are answered.
    pub answered: usize,
}

impl CellSize {
    /// Of a cell of this name and value.
    #[must_use]
    pub fn of(oid: &Oid, value: &Value) -> Self {
        Self::at(oid.arcs(), value)
    }

    /// Of the cell in this row of a column.
    #[must_use]
    pub fn in_row(column: &Oid, index: &[u32], value: &Value) -> Self {
        Self::at(&[column.arcs(), index].concat(), value)
    }

    fn at(name: &[u32], value: &Value) -> Self {
        let asked = codec::varbind_octets(name);
        Self { asked, answered: asked + value_octets(value) }
    }
}

/// Octets of a value without its tag and length, which count with the name.
fn value_octets(value: &Value) -> usize {
    match value {
        Value::Integer(number) => ber::integer_octets(*number),
        Value::OctetString(octets) | Value::Opaque(octets) => octets.len(),
        // Without what stands around a name and a NULL.
        Value::ObjectId(oid) => codec::varbind_octets(oid.arcs()).saturating_sub(6),
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => {
            ber::integer_octets(i64::from(*number))
        }
        Value::Counter64(number) => ber::integer_octets(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::IpAddress(_) => 4,
        _ => 0,
    }
}

/// See the module. As the session of an OLT it learns what answers hold, so reads are to be asked in their order.
#[derive(Debug)]
pub struct Estimate {
    sizing: Sizing,
    window: usize,
    /// Most octets of varbinds that an agent gives.
    frame: usize,
    community: Option<usize>,
    v3: usize,
    now: Instant,
}

impl Estimate {
    /// For an OLT that is spoken to like this.
    #[must_use]
    pub fn new(target: &Target, credential: &Credential, now: Instant) -> Self {
        let (community, v3) = match &credential.version {
            SnmpVersion::V2c { community } => (Some(community.expose().len()), 0),
            SnmpVersion::V3 { user, auth, .. } => {
                (None, V3_AROUND + user.len() + if auth.is_some() { V3_AUTHENTICATED } else { 0 })
            }
        };
        Self {
            sizing: Sizing::new(target.max_repetitions, target.reply_octets),
            window: usize::try_from(target.window).unwrap_or(1).max(1),
            frame: FRAME.max(target.reply_octets),
            community,
            v3,
            now,
        }
    }

    /// A walk of so many columns with so many rows, and the most rows that it asks for at once. `knows_end` says that it
    /// is one of a range of known rows.
    pub fn walk(&mut self, columns: &[Oid], rows: usize, cell: CellSize, knows_end: bool) -> (Cost, u32) {
        let parts = if knows_end { 1 } else { self.window.min(rows / FEWEST_ROWS).max(1) };
        let (mut cost, mut most) = (Cost::default(), 0);
        for part in 0..parts {
            let rows = rows * (part + 1) / parts - rows * part / parts;
            let (more, repetitions) = self.walk_part(columns, rows, cell, knows_end || parts > 1);
            cost += more;
            most = most.max(repetitions);
        }
        (cost, most)
    }

    fn walk_part(&mut self, columns: &[Oid], rows: usize, cell: CellSize, knows_end: bool) -> (Cost, u32) {
        let (mut cost, mut most) = (Cost::default(), 0);
        let width = columns.len();
        let answered = cell.answered.max(1);
        let mut guess = columns.iter().map(|oid| codec::varbind_octets(oid.arcs())).max().unwrap_or(0) + ROW_OCTETS;
        // The rows of the table, and the one that shows its end.
        let mut left = rows.saturating_add(1).saturating_mul(width);
        let mut bound = usize::MAX;
        while left > 0 {
            let wanted = usize::try_from(self.sizing.repetitions(self.now, width, guess)).unwrap_or(usize::MAX);
            let rows_left = if knows_end { left.div_ceil(width) } else { usize::MAX };
            let repetitions = wanted.min(bound).min(rows_left).max(1);
            let asked = repetitions.saturating_mul(width);
            let got = asked.min(self.frame / answered).max(1);
            most = most.max(repetitions);
            cost += self.exchange(width * cell.asked, got * answered, got);
            guess = (guess + answered).div_ceil(2);
            left = left.saturating_sub(got);
            if got < asked {
                bound = (got / width).saturating_add(1);
            } else {
                self.sizing.clean(self.now);
            }
        }
        (cost, u32::try_from(most).unwrap_or(u32::MAX))
    }

    /// GETs of so many cells, at most `batch` at once.
    pub fn get(&mut self, cells: usize, batch: usize, cell: CellSize) -> Cost {
        let mut cost = Cost::default();
        let batch = batch.max(1);
        for start in (0..cells).step_by(batch) {
            let mut left = batch.min(cells - start);
            while left > 0 {
                let fit = self.sizing.values(cell.asked + VALUE_OCTETS).clamp(1, MAX_NAMES);
                let asked = left.min(fit);
                cost += self.exchange(asked * cell.asked, asked * cell.answered, asked);
                self.sizing.clean(self.now);
                left -= asked;
            }
        }
        cost
    }

    /// A request and its answer, with so many octets of varbinds each.
    fn exchange(&self, asked: usize, answered: usize, varbinds: usize) -> Cost {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Cost {
            requests: 1,
            varbinds: count(varbinds),
            octets_out: count(self.message(asked)),
            octets_in: count(self.message(answered)),
        }
    }

    /// Octets of a message around these varbinds (RFC 3416, 3; the request's id takes four).
    fn message(&self, varbinds: usize) -> usize {
        let element = |length: usize| 1 + ber::length_octets(length) + length;
        let pdu = element(4) + 2 * element(1) + element(varbinds);
        match self.community {
            Some(community) => element(element(1) + element(community) + element(pdu)),
            None => element(pdu) + self.v3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn estimate(max_repetitions: u32, window: u32) -> Estimate {
        let target = Target { max_repetitions, window, ..Target::new("192.0.2.1:161") };
        let version = SnmpVersion::V2c { community: Secret::new("public".to_owned()) };
        Estimate::new(&target, &Credential { name: "default".to_owned(), version }, Instant::now())
    }

    fn columns(count: u32) -> Vec<Oid> {
        (1..=count).map(|column| Oid::new(&[1, 3, 6, 1, 4, 1, 99, 1, column])).collect()
    }

    const CELL: CellSize = CellSize { asked: 20, answered: 30 };

    #[test]
    fn an_empty_table_takes_one_request_and_a_full_one_what_answers_hold() {
        let mut estimate = estimate(20, 1);
        let (nothing, _) = estimate.walk(&columns(2), 0, CELL, false);
        assert_eq!(nothing.requests, 1, "the request that shows that there is nothing");
        let (whole, repetitions) = estimate.walk(&columns(2), 199, CELL, false);
        // 199 rows and the one that shows the end, 20 at once.
        assert_eq!((whole.requests, repetitions), (10, 20));
        assert_eq!(whole.varbinds, 400);
        assert_eq!(estimate.walk(&columns(2), 200, CELL, false).0.requests, 11);
    }

    #[test]
    fn a_range_of_known_rows_is_not_asked_beyond_its_end() {
        let mut estimate = estimate(20, 1);
        let (range, _) = estimate.walk(&columns(2), 25, CELL, true);
        assert_eq!((range.requests, range.varbinds), (2, 52));
    }

    #[test]
    fn answers_never_hold_more_than_a_frame() {
        let mut estimate = estimate(1000, 1);
        let (cost, _) = estimate.walk(&columns(4), 1000, CELL, false);
        assert!(cost.octets_in / cost.requests <= 1_472, "{cost:?}");
        assert!(cost.varbinds >= 4004, "{cost:?}");
        assert!(cost.requests >= 4004 * 30 / 1_430, "{cost:?}");
    }

    #[test]
    fn gets_are_cut_by_what_the_family_bears_and_by_what_fits() {
        let cell = CellSize { asked: 24, answered: 28 };
        assert_eq!(estimate(20, 1).get(90, 18, cell).requests, 5);
        assert_eq!(estimate(20, 1).get(90, 18, cell).varbinds, 90);
        // 30 names of 40 octets are 1,200.
        assert_eq!(estimate(20, 1).get(60, 60, cell).requests, 2);
        assert_eq!(estimate(20, 1).get(0, 18, cell), Cost::default());
    }

    #[test]
    fn messages_are_as_long_as_the_codec_makes_them() {
        let cells = [columns(1).remove(0).child(&[4_194_304_000, 3]), columns(1).remove(0).child(&[4_194_304_000, 4])];
        let request = codec::Request { operation: codec::Operation::Get, names: codec::Names::of(&cells) };
        let mut octets = Vec::new();
        codec::encode_v2c(&mut octets, b"public", 1_234_567_890, &request);
        let asked: usize = cells.iter().map(|oid| CellSize::of(oid, &Value::Null).asked).sum();
        assert_eq!(estimate(20, 1).message(asked), octets.len());
    }

    #[test]
    fn values_count_as_they_stand_on_the_wire() {
        let oid = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 1, 0]);
        let octets = |value: &Value| {
            let size = CellSize::of(&oid, value);
            size.answered - size.asked
        };
        assert_eq!(octets(&Value::Integer(2_147_483_647)), 4);
        assert_eq!(octets(&Value::Gauge32(u32::MAX)), 5);
        assert_eq!(octets(&Value::OctetString([0; 8].into())), 8);
        assert_eq!(octets(&Value::ObjectId(oid.clone())), 8);
        assert_eq!(octets(&Value::NoSuchInstance), 0);
    }
}
