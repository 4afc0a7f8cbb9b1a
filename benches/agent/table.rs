//! The rows of the simulated OLTs, encoded once: an answer is a copy of octets.

use std::collections::HashMap;
use std::sync::Arc;

use oltwatch::mib::{Library, Profile};
use oltwatch::sim::olt::{GeneratedOlt, GeneratedOptions, Message, Pdu, PduKind, Version};
use oltwatch::snmp::{Oid, Value, VarBind};

use super::wire::{self, Reader};

/// What the eight columns begin with.
pub const HUAWEI: &str = "1.3.6.1.4.1.2011.6.128.1.1.2";

/// The eight columns, by table: serial; state, distance, cause of the last down; temperature, TX, RX, RX at the OLT.
pub const TABLES: [&[&str]; 3] =
    [&["43.1.3"], &["46.1.15", "46.1.20", "46.1.24"], &["51.1.1", "51.1.3", "51.1.4", "51.1.6"]];

/// The columns of the tables, without an index.
pub fn columns() -> Vec<Vec<Oid>> {
    let column = |end: &&str| format!("{HUAWEI}.{end}").parse().expect("a constant OID");
    TABLES.iter().map(|table| table.iter().map(column).collect()).collect()
}

/// The profile that the rows were made with.
pub fn profile() -> Arc<Profile> {
    let library = Library::load(None).expect("the library of profiles");
    Arc::clone(library.get("huawei-smartax").expect("the Huawei profile"))
}

/// What a generated OLT shows of the system group, of its interfaces' names, and of the eight columns. The other
/// columns are left out, so that a peer that can only walk whole subtrees reads the same cells as everybody.
pub fn rows(onus: u32) -> Vec<(Oid, Value)> {
    // Up to 128 ONUs on a PON, as GPON allows; the generator gives the last PON its share by PON count.
    let per_pon = (1..=128).rev().find(|per_pon| onus.is_multiple_of(*per_pon)).unwrap_or(1);
    let options = GeneratedOptions {
        name: "bench".to_owned(),
        pons: onus / per_pon,
        onus_per_pon: per_pon,
        first_code: 10_001,
        seed: 7,
    };
    let olt = GeneratedOlt::new(profile(), &options).expect("the profile says how an OLT introduces itself");
    let huawei: Oid = "1.3.6.1.4.1.2011".parse().expect("a constant OID");
    let wanted: Vec<Oid> = columns().concat();
    olt.view().read(|rows| {
        rows.iter()
            .filter(|(oid, _)| {
                oid.suffix_of(&huawei).is_none() || wanted.iter().any(|column| oid.suffix_of(column).is_some())
            })
            .map(|(oid, value)| (oid.clone(), value.clone()))
            .collect()
    })
}

/// Rows as varbinds, back to back in the order of their names.
pub struct Table {
    names: Vec<Oid>,
    /// Where each row begins, and the end.
    starts: Vec<usize>,
    octets: Vec<u8>,
    by_name: HashMap<Box<[u8]>, usize>,
}

impl Table {
    /// Encodes rows that are sorted by name.
    pub fn new(rows: Vec<(Oid, Value)>) -> Self {
        let mut table = Self { names: Vec::new(), starts: vec![0], octets: Vec::new(), by_name: HashMap::new() };
        for (position, (oid, value)) in rows.into_iter().enumerate() {
            let varbind = varbind(oid.clone(), value);
            let name = Reader::new(wire::contents(&varbind)).element().expect("a name").body;
            table.by_name.insert(name.into(), position);
            table.octets.extend_from_slice(&varbind);
            table.starts.push(table.octets.len());
            table.names.push(oid);
        }
        table
    }

    /// The row with exactly this name (the contents of an OBJECT IDENTIFIER).
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The first row after this name; the number of rows when there is none.
    pub fn after(&self, name: &[u8]) -> usize {
        if let Some(position) = self.find(name) {
            return position + 1;
        }
        let mut arcs = Vec::new();
        wire::arcs(name, &mut arcs);
        self.names.partition_point(|row| row.arcs() <= arcs.as_slice())
    }

    /// A row as a varbind.
    pub fn row(&self, position: usize) -> Option<&[u8]> {
        self.octets.get(*self.starts.get(position)?..*self.starts.get(position + 1)?)
    }

    /// Octets and number of the varbinds below these columns: what a walk has to carry.
    pub fn weight(&self, columns: &[Oid]) -> (usize, usize) {
        let below = |position: &usize| columns.iter().any(|column| self.names[*position].suffix_of(column).is_some());
        let rows = (0..self.names.len()).filter(below);
        rows.fold((0, 0), |(octets, count), row| (octets + self.starts[row + 1] - self.starts[row], count + 1))
    }
}

/// A varbind as it stands in a message.
fn varbind(oid: Oid, value: Value) -> Vec<u8> {
    let pdu = Pdu {
        kind: PduKind::Response,
        request_id: 0,
        error_status: 0,
        error_index: 0,
        varbinds: vec![VarBind { oid, value }],
    };
    let message =
        Message { version: Version::V2c, community: Box::from(*b""), pdu }.encode().expect("an OID of the table");
    let mut message = Reader::new(wire::contents(&message));
    message.element().expect("the version");
    message.element().expect("the community");
    let mut pdu = Reader::new(message.element().expect("the PDU").body);
    for _ in 0..3 {
        pdu.element().expect("a field");
    }
    pdu.element().expect("the list").body.to_vec()
}
