//! How a walk is cut into parts that go side by side, so that a second request is at the OLT while the answer to the
//! first is on its way. Pure.
//!
//! Parts meet without a gap: each takes the rows after its own beginning up to and including the next one's, so a row
//! that was not there when the cut was chosen belongs to exactly one of them.

use super::{Oid, SnmpError, Walk, Walked, WalkedColumn};

/// A part with fewer rows than this is not worth its last, half empty answer.
pub(super) const FEWEST_ROWS: usize = 64;
/// Columns that stay together at least, as a row that one cannot give is found with the help of its neighbours.
const FEWEST_COLUMNS: usize = 2;

/// One part of a walk by rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// It begins after this index; `None` where the walk does.
    pub(super) after: Option<Vec<u32>>,
    /// It ends with this index; `None` where the walk does.
    pub(super) until: Option<Vec<u32>>,
    /// About how many rows it has, if that is known.
    pub(super) rows: Option<usize>,
}

/// Where to cut the walk of a table whose rows are about known. By default, nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// None for the whole walk in one part.
    chains: Vec<Chain>,
}

impl Plan {
    /// For a walk whose rows will be about those of `walked`: at most `chains` parts of about equal size, cut where the
    /// first `pon_numbers` numbers of the index change (a PON's rows stay together), or anywhere when that is 0.
    #[must_use]
    pub fn of(walked: &Walked, pon_numbers: usize, chains: u32) -> Self {
        let Some(rows) = walked.columns.iter().map(|column| &column.rows).max_by_key(|rows| rows.len()) else {
            return Self::default();
        };
        let mut cutter = Cutter::new(rows.len(), pon_numbers, chains);
        rows.for_each(|index, _| cutter.take(index));
        cutter.plan()
    }

    /// The same for a table that was never walked, whose rows are known from another one. The indexes increase.
    #[must_use]
    pub fn of_rows(rows: &[Vec<u32>], pon_numbers: usize, chains: u32) -> Self {
        let mut cutter = Cutter::new(rows.len(), pon_numbers, chains);
        rows.iter().for_each(|index| cutter.take(index));
        cutter.plan()
    }

    /// For a first walk, of which only the PONs are known: what the indexes of their rows begin with, increasing. At most
    /// `chains` parts with as many PONs each; as nobody knows yet who is full, twice as many as may be in flight keep
    /// the OLT busy to about the end.
    #[must_use]
    pub fn at_pons(pons: &[Vec<u32>], chains: u32) -> Self {
        let chains = usize::try_from(chains).unwrap_or(usize::MAX).min(pons.len());
        let mut after: Option<Vec<u32>> = None;
        let mut parts: Vec<Chain> = Vec::new();
        for part in 1..chains {
            let Some(first) = pons.get(pons.len() * part / chains) else { break };
            parts.push(Chain { after: after.replace(first.clone()), until: Some(first.clone()), rows: None });
        }
        if !parts.is_empty() {
            parts.push(Chain { after, until: None, rows: None });
        }
        Self { chains: parts }
    }

    /// Only a range of the walk's rows: those after this index, from the beginning where there is none, up to and including
    /// that one; about so many.
    #[must_use]
    pub fn range(after: Option<Vec<u32>>, until: Vec<u32>, rows: usize) -> Self {
        Self { chains: vec![Chain { after, until: Some(until), rows: Some(rows) }] }
    }

    /// How many parts it makes.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.chains.len().max(1)
    }
}

/// Finds where rows that pass by can be cut into parts of about equal size.
struct Cutter {
    rows: usize,
    pon_numbers: usize,
    /// How many rows should stand before each cut.
    goals: Vec<usize>,
    /// Where it may be cut: so many rows stand before the cut, and this is the index after which it goes on.
    places: Vec<(usize, Vec<u32>)>,
    passed: usize,
    /// The last row's index, or its PON.
    before: Vec<u32>,
}

impl Cutter {
    fn new(rows: usize, pon_numbers: usize, chains: u32) -> Self {
        let chains = usize::try_from(chains).unwrap_or(usize::MAX).min(rows / FEWEST_ROWS);
        let goals = (1..chains).map(|part| rows * part / chains).collect();
        Self { rows, pon_numbers, goals, places: Vec::new(), passed: 0, before: Vec::new() }
    }

    fn take(&mut self, index: &[u32]) {
        if self.goals.is_empty() {
            return;
        }
        let pon = index.get(..self.pon_numbers).unwrap_or(index);
        if self.pon_numbers == 0 {
            if self.goals.contains(&self.passed) {
                self.places.push((self.passed, self.before.clone()));
            }
            self.before.clear();
            self.before.extend_from_slice(index);
        } else if self.before != pon {
            if self.passed > 0 {
                self.places.push((self.passed, pon.to_vec()));
            }
            self.before.clear();
            self.before.extend_from_slice(pon);
        }
        self.passed += 1;
    }

    fn plan(self) -> Plan {
        let mut cuts: Vec<&(usize, Vec<u32>)> = Vec::new();
        for goal in self.goals {
            let nearest = self.places.iter().min_by_key(|(position, _)| position.abs_diff(goal));
            cuts.extend(nearest.filter(|nearest| cuts.last() != Some(nearest)));
        }
        if cuts.is_empty() {
            return Plan::default();
        }
        let ends = cuts.iter().map(|(position, index)| (*position, Some(index.clone()))).chain([(self.rows, None)]);
        let (mut start, mut after) = (0, None);
        let chains = ends
            .map(|(position, until)| {
                let chain = Chain { after: after.take(), until: until.clone(), rows: Some(position - start) };
                (start, after) = (position, until);
                chain
            })
            .collect();
        Plan { chains }
    }
}

/// A part of a walk.
#[derive(Debug)]
pub(super) struct Part {
    /// Which of the walk's columns is its first.
    pub(super) first: usize,
    pub(super) walk: Walk,
    pub(super) chain: Chain,
}

/// Cuts a walk: by the plan, else by columns when several requests may be in flight, else not.
pub(super) fn parts(walk: &Walk, plan: &Plan, window: u32) -> Vec<Part> {
    let within = |cut: &Option<Vec<u32>>| cut.as_ref().is_none_or(|cut| cut.starts_with(&walk.within));
    if !plan.chains.is_empty() && plan.chains.iter().all(|chain| within(&chain.after)) {
        return plan.chains.iter().map(|chain| Part { first: 0, walk: walk.clone(), chain: chain.clone() }).collect();
    }
    let columns = walk.columns.len();
    let groups = usize::try_from(window).unwrap_or(usize::MAX).min(columns / FEWEST_COLUMNS).max(1);
    let most = columns.div_ceil(groups).max(1);
    let part = |(place, columns): (usize, &[Oid])| Part {
        first: place * most,
        walk: Walk { columns: columns.to_vec(), ..walk.clone() },
        chain: Chain::default(),
    };
    walk.columns.chunks(most).enumerate().map(part).collect()
}

/// Puts together again what the parts of a walk gave, in their order; each begins at this column of the walk.
pub(super) fn join(address: &str, walk: &Walk, parts: Vec<(usize, Walked)>) -> Walked {
    let mut joined: Vec<Option<WalkedColumn>> = walk.columns.iter().map(|_| None).collect();
    let mut pdus = 0;
    for (first, part) in parts {
        pdus += part.pdus;
        for (place, column) in joined.iter_mut().skip(first).zip(part.columns) {
            match place {
                Some(held) => extend(address, walk, held, column),
                None => *place = Some(column),
            }
        }
    }
    Walked { columns: joined.into_iter().flatten().collect(), pdus }
}

/// Adds the rows of a column's next part. An error anywhere is the column's.
fn extend(address: &str, walk: &Walk, held: &mut WalkedColumn, more: WalkedColumn) {
    let fits = held.rows.len().saturating_add(more.rows.len()) <= walk.max_rows;
    if !(fits && held.rows.append(&more.rows)) && held.end.is_ok() {
        let (column, rows) = (held.column.clone(), held.rows.len());
        held.end = Err(SnmpError::Endless { address: address.to_owned(), column, rows, octets: held.rows.octets() });
    }
    if held.end.is_ok() {
        held.end = more.end;
    }
}

#[cfg(test)]
mod tests;
