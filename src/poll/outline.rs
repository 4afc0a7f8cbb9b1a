//! What the tree of an OLT holds of which nothing is known: its tables, their columns and a few rows of each, found by skipping
//! from column to column, so that a device with a million rows takes as many requests as it has columns.
//!
//! Nobody tells where in an OID the column ends and the index begins. By the rules of SMI (RFC 2578, 7.1.12) an entry is
//! number 1 below its table and its columns lie below it; and the first row of the next column mostly has the index of the
//! first row of this one. What fits both is taken for a table.

use std::time::{Duration, Instant};

use crate::snmp::{Oid, Plan, Session, SnmpError, Value, Walk};

/// Rows of a column that are looked at.
const SAMPLE: usize = 6;
/// Guesses at where a table's entry is, before the nearest is taken.
const GUESSES: usize = 4;
/// Makers below this have their numbers.
const ENTERPRISES: [u32; 6] = [1, 3, 6, 1, 4, 1];
/// Makers of agents, not of OLTs: UCD and Net-SNMP.
const AGENTS: [u32; 2] = [2021, 8072];
/// Numbers with which devices say nothing.
const NOTHING: [i64; 12] =
    [0, -1, 255, 32_767, -32_768, 65_534, 65_535, -65_535, -80_000, 2_147_483_647, -2_147_483_648, 4_294_967_295];

/// How far the look may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most requests.
    pub pdus: u64,
    /// Longest time.
    pub time: Duration,
}

/// What a column looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looks {
    /// A received power, and its unit.
    Level(&'static str),
    /// Serial numbers.
    Serial,
    /// MAC addresses.
    Mac,
    /// A state or another small enumeration.
    State,
}

/// A column.
#[derive(Debug, Clone)]
pub struct ColumnOutline {
    /// Its number below the entry.
    pub number: u32,
    /// The type of its values, in SMI's words.
    pub kind: &'static str,
    /// Its first rows.
    pub rows: Vec<(Box<[u32]>, Value)>,
    /// Whether it has more rows than these.
    pub more: bool,
    /// What its values look like.
    pub looks: Option<Looks>,
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableOutline {
    /// Its entry: the columns are below it.
    pub entry: Oid,
    /// Its columns.
    pub columns: Vec<ColumnOutline>,
}

impl TableOutline {
    /// How much speaks for its rows being ONUs; from [`TableOutline::LIKELY`] on they probably are.
    #[must_use]
    pub fn likeness(&self) -> u32 {
        let has = |wanted: &dyn Fn(&Looks) -> bool| {
            self.columns.iter().filter(|column| column.looks.as_ref().is_some_and(wanted)).count()
        };
        let identity = has(&|looks| matches!(looks, Looks::Serial | Looks::Mac)).min(2) * 3;
        let levels = has(&|looks| matches!(looks, Looks::Level(_))).min(2) * 3;
        let states = has(&|looks| *looks == Looks::State).min(1);
        u32::try_from(identity + levels + states).unwrap_or(0)
    }

    /// A serial, a MAC or a level at least.
    pub const LIKELY: u32 = 3;
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// Tables, in the tree's order.
    pub tables: Vec<TableOutline>,
    /// Single values beside them.
    pub scalars: usize,
    /// Why it ended before its end.
    pub stopped: Option<String>,
    /// Requests that were sent.
    pub pdus: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Looks through the subtree of the device's maker, then, where nothing there looks like ONUs, through those of others. `tell`
/// hears where it is.
pub async fn outline(session: &Session, sys_object_id: &Oid, bounds: Bounds, tell: &(dyn Fn(&str) + Sync)) -> Outline {
    let mut work =
        Work { session, bounds, tell, began: Instant::now(), before: session.counters().sent, out: Outline::default() };
    let own = sys_object_id.suffix_of(&Oid::new(&ENTERPRISES)).and_then(|suffix| suffix.first().copied());
    if let Some(own) = own {
        work.subtree(&Oid::new(&ENTERPRISES).child(&[own])).await;
    }
    let all = Oid::new(&ENTERPRISES);
    let mut next = 0_u32;
    while !work.out.tables.iter().any(|table| table.likeness() >= TableOutline::LIKELY) && work.may_go_on() {
        let Some(maker) = work.next(&all.child(&[next])).await.and_then(|row| row.suffix_of(&all)?.first().copied())
        else {
            break;
        };
        if Some(maker) != own && !AGENTS.contains(&maker) {
            work.subtree(&all.child(&[maker])).await;
        }
        let Some(following) = maker.checked_add(1) else { break };
        next = following;
    }
    work.out.pdus = work.sent();
    work.out.elapsed = work.began.elapsed();
    work.out
}

struct Work<'a> {
    session: &'a Session,
    bounds: Bounds,
    tell: &'a (dyn Fn(&str) + Sync),
    began: Instant,
    before: u64,
    out: Outline,
}

impl Work<'_> {
    fn sent(&self) -> u64 {
        self.session.counters().sent.saturating_sub(self.before)
    }

    fn may_go_on(&mut self) -> bool {
        if self.out.stopped.is_some() {
            return false;
        }
        let why = if self.sent() >= self.bounds.pdus {
            format!("{} requests were made", self.sent())
        } else if self.began.elapsed() >= self.bounds.time {
            format!("{} s were over", self.bounds.time.as_secs())
        } else {
            return true;
        };
        self.out.stopped = Some(why);
        false
    }

    async fn subtree(&mut self, root: &Oid) {
        let mut cursor: Vec<u32> = Vec::new();
        let mut entry: Option<Oid> = None;
        while self.may_go_on() {
            (self.tell)(&root.child(&cursor).to_string());
            let (rows, more) = self.rows(root, &cursor).await;
            let Some((first, _)) = rows.first() else { return };
            let known = entry.take().filter(|entry| first.suffix_of(entry).is_some_and(|suffix| suffix.len() > 1));
            if let Some(scalars) = leading_scalars(&rows).filter(|_| known.is_none()) {
                self.out.scalars += scalars;
                cursor = rows.get(scalars.saturating_sub(1)).map(|(oid, _)| relative(oid, root)).unwrap_or_default();
                continue;
            }
            let here = match known {
                Some(entry) => entry,
                None => match self.find_entry(root, &rows).await {
                    Some(entry) => entry,
                    None => {
                        // A single value that is no scalar by its name.
                        self.out.scalars += 1;
                        cursor = relative(first, root);
                        continue;
                    }
                },
            };
            let Some(number) = first.suffix_of(&here).and_then(|suffix| suffix.first().copied()) else { return };
            self.note(&here, number, rows, more);
            let Some(following) = number.checked_add(1) else { return };
            cursor = relative(&here.child(&[following]), root);
            entry = Some(here);
        }
    }

    fn note(&mut self, entry: &Oid, number: u32, rows: Vec<(Oid, Value)>, more: bool) {
        let column = entry.child(&[number]);
        let all = rows.len();
        let rows: Vec<(Box<[u32]>, Value)> =
            rows.into_iter().filter_map(|(oid, value)| Some((oid.suffix_of(&column)?.into(), value))).collect();
        let values: Vec<&Value> = rows.iter().map(|(_, value)| value).collect();
        let outlined = ColumnOutline {
            number,
            kind: values.first().map_or("", |value| kind(value)),
            looks: looks(&values),
            more: more && rows.len() == all,
            rows,
        };
        match self.out.tables.last_mut() {
            Some(table) if table.entry == *entry => table.columns.push(outlined),
            _ => self.out.tables.push(TableOutline { entry: entry.clone(), columns: vec![outlined] }),
        }
    }

    /// The first rows after a place in a subtree, and whether there are more.
    async fn rows(&mut self, root: &Oid, after: &[u32]) -> (Vec<(Oid, Value)>, bool) {
        let walk = Walk {
            columns: vec![root.clone()],
            within: Vec::new(),
            stop_before: None,
            max_rows: SAMPLE,
            // One more shows that there are more.
            max_repetitions: u32::try_from(SAMPLE + 1).ok(),
        };
        let plan = Plan::range((!after.is_empty()).then(|| after.to_vec()), vec![u32::MAX], SAMPLE);
        let walked = self.session.walk_by(&walk, &plan).await;
        let Some(column) = walked.columns.into_iter().next() else { return (Vec::new(), false) };
        let more = matches!(column.end, Err(SnmpError::Endless { .. }));
        if let (Err(error), false) = (&column.end, more) {
            self.out.stopped = Some(error.to_string());
        }
        (column.rows.iter().map(|(index, value)| (root.child(&index), value)).collect(), more)
    }

    async fn next(&mut self, oid: &Oid) -> Option<Oid> {
        match self.session.get_next(std::slice::from_ref(oid)).await {
            Ok(rows) => rows.into_iter().next().filter(|row| !row.value.is_exception()).map(|row| row.oid),
            Err(error) => {
                self.out.stopped = Some(error.to_string());
                None
            }
        }
    }

    /// The entry of the table whose first rows these are.
    async fn find_entry(&mut self, root: &Oid, rows: &[(Oid, Value)]) -> Option<Oid> {
        let (first, second) = (&rows.first()?.0, rows.get(1).map(|(oid, _)| oid));
        let guesses = entries(root, first, second);
        // Where nothing tells, as in a table with one column, it is the deepest.
        let deepest = guesses.iter().max_by_key(|entry| entry.arcs().len()).cloned();
        let is_lowest = |entry: &Oid| {
            deepest
                .as_ref()
                .and_then(|deepest| deepest.suffix_of(entry))
                .is_some_and(|below| below.iter().all(|arc| *arc == 1))
        };
        let mut weak: Option<Oid> = None;
        for entry in guesses.iter().take(GUESSES) {
            let suffix = first.suffix_of(entry)?;
            let (number, index) = suffix.split_first()?;
            let beside = entry.child(&[number.checked_add(1)?]);
            let Some(found) = self.next(&beside).await else { continue };
            match found.suffix_of(entry) {
                Some([_, other @ ..]) if other == index => return Some(entry.clone()),
                // Rows may be missing there; but a table of its own may lie beside it, higher up.
                Some(other) if other.len() == suffix.len() && is_lowest(entry) => {
                    weak.get_or_insert_with(|| entry.clone());
                }
                _ => {}
            }
        }
        weak.or(deepest)
    }
}

fn relative(oid: &Oid, root: &Oid) -> Vec<u32> {
    oid.suffix_of(root).unwrap_or_default().to_vec()
}

/// How many of the rows, from the first, are single values: small numbers that end with 0, each another object.
fn leading_scalars(rows: &[(Oid, Value)]) -> Option<usize> {
    let object = |oid: &Oid| match oid.arcs() {
        [parent @ .., object, 0] if *object < 1_000 => Some((parent.to_vec(), *object)),
        _ => None,
    };
    let first = &rows.first()?.0;
    let (group, _) = object(first)?;
    // Row 0 of a column that has others is none.
    let column = first.arcs().split_last()?.1;
    if rows.get(1).is_some_and(|(second, _)| second.arcs().starts_with(column)) {
        return None;
    }
    let count = rows.iter().map_while(|(oid, _)| object(oid).filter(|(parent, _)| *parent == group)).count();
    (count > 0).then_some(count)
}

/// Where the entry may be, the likeliest first: as deep as the second row allows, but of several ones in a row the uppermost.
fn entries(root: &Oid, first: &Oid, second: Option<&Oid>) -> Vec<Oid> {
    let arcs = first.arcs();
    let common = second.map_or(arcs.len(), |second| arcs.iter().zip(second.arcs()).take_while(|(a, b)| a == b).count());
    let is_one = |place: usize| arcs.get(place) == Some(&1);
    let mut found: Vec<Oid> = Vec::new();
    // The entry is at `place`, its column behind it, and at least one number of index behind that.
    let deepest = arcs.len().saturating_sub(3).min(common.saturating_sub(1));
    let mut place = deepest;
    while place >= root.arcs().len() {
        if is_one(place) {
            let mut top = place;
            while top > root.arcs().len() && is_one(top - 1) {
                top -= 1;
            }
            for one in top..=place {
                found.extend(arcs.get(..=one).map(Oid::new));
            }
            place = top;
        }
        let Some(above) = place.checked_sub(1) else { break };
        place = above;
    }
    found
}

/// The type of a value, in SMI's words.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "INTEGER",
        Value::Counter32(_) => "Counter32",
        Value::Gauge32(_) => "Gauge32",
        Value::TimeTicks(_) => "TimeTicks",
        Value::Counter64(_) => "Counter64",
        Value::OctetString(_) => "OCTET STRING",
        Value::ObjectId(_) => "OBJECT IDENTIFIER",
        Value::IpAddress(_) => "IpAddress",
        Value::Opaque(_) => "Opaque",
        Value::Null => "NULL",
        _ => "unreadable",
    }
}

/// What values look like, where most of them agree.
#[must_use]
fn looks(values: &[&Value]) -> Option<Looks> {
    let is_most = |count: usize, of: usize| count > 0 && count * 3 >= of * 2;
    let texts: Vec<&[u8]> =
        values.iter().filter_map(|value| value.octets()).filter(|octets| !octets.is_empty()).collect();
    if !texts.is_empty() {
        let count = |test: &dyn Fn(&[u8]) -> bool| texts.iter().filter(|octets| test(octets)).count();
        if is_most(count(&is_serial), texts.len()) {
            return Some(Looks::Serial);
        }
        if is_most(count(&is_mac), texts.len()) {
            return Some(Looks::Mac);
        }
        let levels = count(&is_level);
        let silent = count(&|octets| std::str::from_utf8(octets).is_ok_and(crate::mib::is_no_value));
        return (levels > 0 && is_most(levels, texts.len() - silent)).then_some(Looks::Level("dBm, as a text"));
    }
    let signed = values.iter().all(|value| matches!(value, Value::Integer(_)));
    let numbers: Vec<i64> = values.iter().filter_map(|value| value.integer()).collect();
    let told: Vec<i64> = numbers.iter().copied().filter(|number| !NOTHING.contains(number)).collect();
    if signed && !told.is_empty() {
        for (low, high, unit) in [
            (-40, -5, "dBm"),
            (-400, -50, "0.1 dBm"),
            (-4_000, -500, "0.01 dBm"),
            (-20_000, -4_001, "0.002 dBm, or 0.001"),
            (-40_000, -20_001, "0.001 dBm"),
        ] {
            if told.iter().all(|number| (low..=high).contains(number)) {
                return Some(Looks::Level(unit));
            }
        }
    }
    let small = signed && numbers.len() > 1 && numbers.iter().all(|number| (0..=16).contains(number));
    let mut distinct = numbers;
    distinct.sort_unstable();
    distinct.dedup();
    (small && distinct.len() <= 4).then_some(Looks::State)
}

fn is_serial(octets: &[u8]) -> bool {
    match octets {
        [vendor @ .., _, _, _, _] if vendor.len() == 4 => {
            vendor.iter().all(u8::is_ascii_uppercase) && !octets.iter().all(u8::is_ascii_graphic)
        }
        [vendor @ .., _, _, _, _, _, _, _, _] if vendor.len() == 4 => {
            vendor.iter().all(u8::is_ascii_alphabetic) && octets.iter().skip(4).all(u8::is_ascii_hexdigit)
        }
        _ => false,
    }
}

fn is_mac(octets: &[u8]) -> bool {
    if octets.len() == 6 {
        return !octets.iter().all(u8::is_ascii_graphic) && octets.iter().any(|octet| *octet != 0);
    }
    let separated = matches!(octets.len(), 14 | 17) && octets.iter().any(|octet| matches!(octet, b':' | b'-' | b'.'));
    let bare = octets.len() == 12 && octets.iter().any(u8::is_ascii_alphabetic);
    (separated || bare) && std::str::from_utf8(octets).is_ok_and(|text| text.parse::<crate::model::Mac>().is_ok())
}

/// A number from −45 to −4 with decimals, or before "dBm".
fn is_level(octets: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(octets) else { return false };
    let lower = text.to_ascii_lowercase();
    let before = lower.find("dbm").map_or(lower.as_str(), |at| lower.get(..at).unwrap_or_default());
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let number: String = before.trim_end().chars().rev().take_while(|c| digits(*c)).collect();
    let number: String = number.chars().rev().collect();
    let is_alone = lower.contains("dbm") || number.len() == lower.trim().len() && number.contains('.');
    is_alone && number.parse::<f64>().is_ok_and(|level| (-45.0..=-4.0).contains(&level))
}

#[cfg(test)]
#[path = "outline_tests.rs"]
mod tests;
