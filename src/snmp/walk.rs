//! A walk of several columns of one table, sans I/O: each column has its own cursor, all are asked for together, and
//! what was read before an error is kept.
//!
//! An answer is believed only as far as it belongs to the column that was asked for and increases. When the agent
//! refuses or stays silent, it is asked for fewer rows, then for fewer columns, then with GETNEXT; a cell that it fails
//! at even alone is stepped over with the help of its neighbours' indices.

mod bounds;
mod column;

use std::time::Duration;

use self::bounds::Bounds;
use self::column::{Column, State};
use super::codec::{self, Operation, Pdu, RawVarBind, Request};
use super::device::{Ask, Failure, Hand, Job, Kind};
use super::index::{self, Step};
use super::plan::Chain;
use super::{ErrorStatus, Oid, Rows, SnmpError, Walk, Walked, WalkedColumn, ber};

/// Names of no more octets than this have no more sub-identifiers than SNMP allows.
const SHORT_NAME: usize = 127;
/// Most columns in one request.
const MAX_COLUMNS: usize = 64;
/// Octets of values that one walk may gather.
const MAX_OCTETS: usize = 256 * 1024 * 1024;
/// Octets of an index and a value, for a first guess.
pub(super) const ROW_OCTETS: usize = 16;
/// Cells in a row that may be stepped over in one column before it is given up.
const MAX_POISONED: u32 = 16;
/// Answers before the next larger request after the agent refused one.
const PATIENCE: u32 = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct WalkJob {
    walk: Walk,
    /// Of the walk, and of this part of it.
    bounds: Bounds,
    /// How many rows this part may have.
    known: Option<usize>,
    columns: Vec<Column>,
    kind: Kind,
    pdus: u64,
    octets: usize,
    /// The columns of the last request, by position in it.
    asked: Vec<usize>,
    asked_rows: u32,
    asked_next: bool,
    /// Most rows and columns that are asked for at present.
    most_rows: u32,
    most_columns: usize,
    /// Answers until these may grow.
    patience: u32,
    /// Ask for this column alone.
    alone: Option<usize>,
    /// Ask with GETNEXT.
    next: bool,
    /// GETNEXT has just worked where GETBULK did not.
    doubt: bool,
    /// Requests in a row that brought nothing.
    failures: u32,
    /// How often and how long these were tried in vain.
    silent: (u32, Duration),
    octets_per_varbind: usize,
    has_answer: bool,
}

impl WalkJob {
    #[cfg(test)]
    pub(super) fn new(walk: Walk) -> Self {
        Self::part(walk, &Chain::default())
    }

    /// One part of a walk.
    pub(super) fn part(walk: Walk, chain: &Chain) -> Self {
        let after = chain.after.as_deref().unwrap_or(&walk.within);
        let columns: Vec<Column> = walk
            .columns
            .iter()
            .map(|oid| Column {
                oid: oid.clone(),
                prefix: index::encode_name(oid.arcs()),
                state: State::Active,
                rows: Rows::after(after),
                poisoned: 0,
                sure: usize::MAX,
            })
            .collect();
        let first = walk.columns.first().cloned().unwrap_or_else(|| Oid::new(&[]));
        let longest = walk.columns.iter().map(|oid| codec::varbind_octets(oid.arcs())).max().unwrap_or(0);
        Self {
            columns,
            kind: Kind::Below(first),
            pdus: 0,
            octets: 0,
            asked: Vec::new(),
            asked_rows: 0,
            asked_next: false,
            most_rows: walk.max_repetitions.unwrap_or(u32::MAX).max(1),
            most_columns: MAX_COLUMNS,
            patience: 0,
            alone: None,
            next: false,
            doubt: false,
            failures: 0,
            silent: (0, Duration::ZERO),
            octets_per_varbind: longest + ROW_OCTETS,
            has_answer: false,
            bounds: Bounds {
                within: index::encode(&walk.within),
                stop_before: walk.stop_before.as_deref().map(index::encode),
                until: chain.until.as_deref().map(index::encode),
            },
            known: chain.rows,
            walk,
        }
    }

    /// Rows that are still to come in the columns that are asked for, and the one that shows the end, as far as rows
    /// are known.
    fn rows_left(&self) -> u32 {
        let read = self.asked.iter().filter_map(|position| self.columns.get(*position)).map(|column| column.rows.len());
        let left = self.known.and_then(|known| known.checked_sub(read.min()?));
        left.and_then(|left| u32::try_from(left).ok()).map_or(u32::MAX, |left| left.saturating_add(1))
    }

    fn rows_bound(&self) -> u32 {
        self.walk.max_repetitions.unwrap_or(u32::MAX).max(1)
    }

    fn end(&mut self, column: usize, end: Result<(), SnmpError>) {
        if let Some(column) = self.columns.get_mut(column)
            && !matches!(column.state, State::Ended(_))
        {
            column.state = State::Ended(end);
        }
    }

    fn end_all(&mut self, columns: &[usize], error: &SnmpError) {
        for column in columns {
            self.end(*column, Err(error.clone()));
        }
    }

    /// Steps parked columns over the cell that the agent fails at, where a neighbour shows its index, and gives them
    /// up when no neighbour can any more.
    fn unpark(&mut self, hand: &mut Hand<'_>) {
        for position in 0..self.columns.len() {
            let Some(column) = self.columns.get(position) else { continue };
            let State::Parked(status) = column.state else { continue };
            let cursor = column.rows.cursor();
            let successors = self.columns.iter().filter_map(|other| other.rows.successor(cursor));
            let index = successors.min_by(|one, other| index::compare(one, other));
            let neighbours = self.columns.iter().any(Column::is_active);
            let exhausted = column.poisoned >= MAX_POISONED;
            let oid = column.position();
            let Some(column) = self.columns.get_mut(position) else { continue };
            match index {
                Some(index) if !exhausted => {
                    tracing::debug!(address = hand.address, column = %column.oid, ?index, %status, "a cell that the agent fails at is skipped");
                    hand.counters.poisoned += 1;
                    column.poisoned += 1;
                    column.rows.push_missing(&index);
                    column.sure = usize::MAX;
                    column.state = State::Active;
                }
                None if neighbours && !exhausted => {}
                _ => {
                    let error = SnmpError::Agent { address: hand.address.to_owned(), status, oid: Some(oid) };
                    column.state = State::Ended(Err(error));
                }
            }
        }
    }

    /// What happens with one varbind of an answer; `false` when its column takes no more of it.
    fn take(&mut self, position: usize, varbind: &RawVarBind<'_>, hand: &Hand<'_>) -> bool {
        let Some(column) = self.columns.get(position) else { return false };
        if !column.is_active() {
            return false;
        }
        let (tag, body) = varbind.parts();
        if matches!(tag, codec::NO_SUCH_OBJECT | codec::NO_SUCH_INSTANCE | codec::END_OF_MIB_VIEW) && body.is_some() {
            self.end(position, Ok(()));
            return false;
        }
        let name = varbind.name().unwrap_or_default();
        let index = name.strip_prefix(column.prefix.as_slice()).filter(|_| name.len() <= SHORT_NAME);
        match index.map(|index| (index, index::step(column.rows.cursor(), index))) {
            Some((index, Step::Up { shared })) => self.take_row(position, shared, index, tag, body, hand),
            _ => self.take_odd(position, varbind, hand),
        }
    }

    /// A name that is not simply the next one: of another column, not increasing, or strangely written.
    fn take_odd(&mut self, position: usize, varbind: &RawVarBind<'_>, hand: &Hand<'_>) -> bool {
        let Some(column) = self.columns.get(position) else { return false };
        let address = || hand.address.to_owned();
        let mut arcs = Vec::new();
        if varbind.name().is_none_or(|name| ber::arcs(name, &mut arcs).is_none()) {
            let (oid, why) = (Some(column.position()), "the name of a row is no OID".to_owned());
            self.end(position, Err(SnmpError::Malformed { address: address(), oid, why }));
            return false;
        }
        let index = arcs.strip_prefix(column.oid.arcs()).map(index::encode);
        let step = index.as_deref().map(|index| index::step(column.rows.cursor(), index));
        match (index, step) {
            (Some(index), Some(Step::Up { shared })) => {
                let (tag, body) = varbind.parts();
                self.take_row(position, shared, &index, tag, body, hand)
            }
            (None, _) if arcs.as_slice() > column.oid.arcs() => {
                self.end(position, Ok(()));
                false
            }
            _ => {
                let (after, given) = (column.position(), Oid::new(&arcs));
                self.end(position, Err(SnmpError::NotIncreasing { address: address(), after, given }));
                false
            }
        }
    }

    /// A row whose index steps up.
    fn take_row(
        &mut self,
        position: usize,
        shared: usize,
        index: &[u8],
        tag: u8,
        body: Option<&[u8]>,
        hand: &Hand<'_>,
    ) -> bool {
        let Some(column) = self.columns.get_mut(position) else { return false };
        if shared < column.sure {
            let Some(sure) = self.bounds.hold(index) else {
                column.state = State::Ended(Ok(()));
                return false;
            };
            column.sure = sure;
        }
        let octets = body.map_or(0, <[u8]>::len);
        if column.rows.len() >= self.walk.max_rows || self.octets.saturating_add(octets) > MAX_OCTETS {
            column.state = State::Ended(Err(SnmpError::Endless {
                address: hand.address.to_owned(),
                column: column.oid.clone(),
                rows: column.rows.len(),
                octets: self.octets,
            }));
            return false;
        }
        self.octets += octets;
        column.poisoned = 0;
        column.rows.push(shared, index, tag, body);
        true
    }

    /// About how many octets the last request asked for.
    fn asked_octets(&self) -> usize {
        let rows = usize::try_from(self.asked_rows).unwrap_or(usize::MAX);
        self.asked.len().saturating_mul(rows).saturating_mul(self.octets_per_varbind)
    }

    /// Asks for fewer rows, then for fewer columns; `false` when it cannot be less.
    fn ask_less(&mut self, divide: u32) -> bool {
        if self.asked_rows > 1 {
            self.most_rows = (self.asked_rows / divide).max(1);
        } else if self.asked.len() > 1 {
            self.most_columns = (self.asked.len() / 2).max(1);
        } else {
            return false;
        }
        true
    }

    fn refused(&mut self, status: ErrorStatus, index: i32, hand: &mut Hand<'_>) {
        let asked = self.asked.clone();
        let guilty = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        let guilty = guilty.and_then(|index| asked.get(index).copied());
        (self.patience, self.failures) = (PATIENCE, 0);
        let error = |oid| SnmpError::Agent { address: hand.address.to_owned(), status, oid };
        match status {
            ErrorStatus::TooBig => {
                hand.counters.too_big += 1;
                let octets = self.asked_octets();
                hand.sizing.too_big(hand.now, octets);
                if !self.ask_less(2) {
                    self.park(&asked, status);
                }
            }
            ErrorStatus::NoSuchName => match (guilty, asked.as_slice()) {
                // SNMPv1's way to say that nothing follows.
                (Some(column), _) | (None, &[column]) => self.end(column, Ok(())),
                _ => self.most_columns = 1,
            },
            ErrorStatus::NoAccess | ErrorStatus::AuthorizationError => {
                let columns = guilty.map_or(asked, |column| vec![column]);
                let oid = columns.first().and_then(|column| self.columns.get(*column)).map(Column::position);
                let error = error(oid);
                self.end_all(&columns, &error);
            }
            ErrorStatus::GenErr | ErrorStatus::ResourceUnavailable | ErrorStatus::Other(_) => {
                if self.asked_rows == 1 && asked.len() > 1 && guilty.is_some() {
                    self.alone = guilty;
                } else if !self.ask_less(4) {
                    self.park(&asked, status);
                }
            }
        }
    }

    fn park(&mut self, columns: &[usize], status: ErrorStatus) {
        for column in columns {
            if let Some(column) = self.columns.get_mut(*column)
                && column.is_active()
            {
                column.state = State::Parked(status);
            }
        }
    }

    /// After an answer that brought something: carefully ask for more again.
    fn grow(&mut self, varbinds: usize, octets: usize, ended: bool, hand: &mut Hand<'_>) {
        self.failures = 0;
        if self.next {
            // GETNEXT worked where GETBULK stayed without an answer: was it the agent's GETBULK?
            (self.next, self.doubt) = (false, true);
            (self.most_rows, self.most_columns) = (1, 1);
            return;
        }
        self.doubt = false;
        let columns = self.asked.len();
        let rows = varbinds / columns.max(1);
        let full = usize::try_from(self.asked_rows).is_ok_and(|asked| rows >= asked);
        if varbinds < columns {
            (self.most_columns, self.patience) = (varbinds.max(1), PATIENCE);
        } else if !full && !ended {
            // Agents cut answers to what they can or want to give: that is the size to ask for.
            self.most_rows = u32::try_from(rows).unwrap_or(u32::MAX).saturating_add(1);
        } else if self.patience > 0 {
            self.patience -= 1;
        } else if full {
            hand.sizing.clean(hand.now);
            if rows > 1 {
                hand.sizing.full(hand.now, octets);
            }
            self.most_rows = self.most_rows.saturating_mul(2).min(self.rows_bound());
            self.most_columns = self.most_columns.saturating_mul(2).min(MAX_COLUMNS);
        }
    }
}

impl Job for WalkJob {
    type Outcome = Walked;

    fn ask(&mut self, hand: &mut Hand<'_>) -> Option<Ask> {
        self.unpark(hand);
        let mut asked = std::mem::take(&mut self.asked);
        asked.clear();
        let columns = &self.columns;
        asked.extend((0..columns.len()).filter(|position| columns.get(*position).is_some_and(Column::is_active)));
        if asked.is_empty() {
            return None;
        }
        // Those that lag behind come first: an answer that is cut short still brings them on.
        let cursor = |position: &usize| columns.get(*position).map(|column| column.rows.cursor()).unwrap_or_default();
        asked.sort_unstable_by(|one, other| index::compare(cursor(one), cursor(other)).then(one.cmp(other)));
        let alone = self.alone.take().filter(|column| asked.contains(column));
        let fit = hand.sizing.values(self.octets_per_varbind).min(self.most_columns).max(1);
        if let Some(column) = alone {
            asked.clear();
            asked.push(column);
        }
        asked.truncate(fit);
        let mut names = hand.names();
        for column in asked.iter().filter_map(|position| columns.get(*position)) {
            names.push(&column.prefix, column.rows.cursor());
        }
        self.asked = asked;
        self.asked_next = self.next || hand.sizing.bulk_is_broken(hand.now);
        self.asked_rows = if self.asked_next || alone.is_some() {
            1
        } else {
            hand.sizing
                .repetitions(hand.now, self.asked.len(), self.octets_per_varbind)
                .min(self.most_rows)
                .min(self.rows_left())
                .max(1)
        };
        let operation =
            if self.asked_next { Operation::GetNext } else { Operation::GetBulk { max_repetitions: self.asked_rows } };
        let impatient = !(self.asked_next && self.asked.len() == 1);
        let octets = self.asked_octets();
        Some(Ask { request: Request { operation, names }, impatient, kind: self.kind.clone(), octets })
    }

    fn is_done(&self) -> bool {
        self.columns.iter().all(|column| matches!(column.state, State::Ended(_)))
    }

    fn sent(&mut self) {
        self.pdus += 1;
    }

    fn answered(&mut self, pdu: &Pdu<'_>, hand: &mut Hand<'_>) {
        self.silent = (0, Duration::ZERO);
        if let Some(status) = ErrorStatus::from_wire(pdu.error_status) {
            return self.refused(status, pdu.error_index, hand);
        }
        let asked = std::mem::take(&mut self.asked);
        let most = asked.len().saturating_mul(usize::try_from(self.asked_rows).unwrap_or(usize::MAX));
        let (mut count, mut broken) = (0, None);
        let mut ended = false;
        for (varbind, position) in pdu.varbinds().take(most).zip(asked.iter().cycle()) {
            let varbind = match varbind {
                Ok(varbind) => varbind,
                Err(why) => {
                    broken = Some(why.to_string());
                    break;
                }
            };
            count += 1;
            ended |= !self.take(*position, &varbind, hand);
        }
        hand.counters.varbinds += u64::try_from(count).unwrap_or(0);
        self.asked = asked;
        hand.sizing.came(pdu.varbind_octets());
        if let Some(octets) = pdu.varbind_octets().checked_div(count) {
            // The first answer is worth more than the guess before it.
            let before = if std::mem::replace(&mut self.has_answer, true) { self.octets_per_varbind } else { octets };
            self.octets_per_varbind = (before + octets).div_ceil(2);
        }
        match broken {
            None if count > 0 => self.grow(count, pdu.varbind_octets(), ended, hand),
            Some(_) if count > 0 => {
                self.patience = PATIENCE;
                self.ask_less(2);
            }
            why => {
                let why = why.unwrap_or_else(|| "an answer without varbinds".to_owned());
                let oid = self.asked.first().and_then(|column| self.columns.get(*column)).map(Column::position);
                let error = SnmpError::Malformed { address: hand.address.to_owned(), oid, why };
                self.failed(Failure { error, ask_less: true }, hand);
            }
        }
    }

    fn failed(&mut self, failure: Failure, hand: &mut Hand<'_>) {
        let mut error = failure.error;
        if let SnmpError::NoAnswer { tries, waited, .. } = &mut error {
            self.silent.0 = self.silent.0.saturating_add(*tries);
            self.silent.1 += *waited;
            (*tries, *waited) = self.silent;
        }
        let single = self.asked.len() == 1 && self.asked_rows == 1;
        if !failure.ask_less || single && self.asked_next {
            // A dead OLT ends all columns; an agent that is silent at one column may still answer for the others.
            let columns = if failure.ask_less { self.asked.clone() } else { (0..self.columns.len()).collect() };
            self.end_all(&columns, &error);
            (self.silent, self.failures, self.next) = ((0, Duration::ZERO), 0, false);
            return;
        }
        self.failures += 1;
        let octets = self.asked_octets();
        if self.doubt && single {
            tracing::warn!(
                address = hand.address,
                "GETBULK stays without an answer where GETNEXT has one: GETNEXT for a day"
            );
            hand.sizing.bulk_breaks(hand.now);
            (self.doubt, self.most_columns) = (false, MAX_COLUMNS);
        } else if self.asked_rows > 1 && self.failures == 1 {
            hand.sizing.lost(octets);
            self.most_rows = (self.asked_rows / 4).max(1);
            self.patience = 0;
        } else {
            hand.sizing.lost(octets);
            (self.most_columns, self.next) = (1, true);
        }
    }

    fn finish(self) -> Walked {
        let columns = self.columns.into_iter().map(|mut column| WalkedColumn {
            column: column.oid,
            rows: {
                column.rows.shrink();
                column.rows
            },
            end: match column.state {
                State::Ended(end) => end,
                State::Active | State::Parked(_) => Err(SnmpError::Closed { address: String::new() }),
            },
        });
        Walked { columns: columns.collect(), pdus: self.pdus }
    }
}

#[cfg(test)]
mod tests;
