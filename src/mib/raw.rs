//! A profile file as it is written, before its references are resolved. `docs/profiles.md` explains each key.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) profile: Header,
    /// Short names for OID prefixes: `P = "1.3.6…"`, then `oid = "P.43.1.3"`.
    #[serde(default)]
    pub(super) oid: BTreeMap<String, Spanned<String>>,
    pub(super) detect: Vec<Spanned<Detect>>,
    pub(super) poll: Poll,
    /// Named index layouts that tables and joins refer to.
    pub(super) index: BTreeMap<String, Spanned<Vec<IndexPart>>>,
    #[serde(default)]
    pub(super) join: Vec<Spanned<Join>>,
    pub(super) onu: Onu,
    pub(super) table: Vec<Spanned<Table>>,
}

/// A file that takes over most of another profile (`like`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LikeFile {
    pub(super) profile: Header,
    /// In place of the other profile's of the same names.
    #[serde(default)]
    pub(super) oid: BTreeMap<String, Spanned<String>>,
    pub(super) detect: Vec<Spanned<Detect>>,
    /// The other profile's where it is left out.
    pub(super) poll: Option<Poll>,
}

/// `[profile]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) name: Spanned<String>,
    pub(super) title: String,
    pub(super) models: Vec<String>,
    /// Another profile, whose indexes, joins and tables this one takes over, under its own OID names.
    pub(super) like: Option<Spanned<String>>,
    pub(super) confidence: Spanned<String>,
    /// What the profile was tested on.
    pub(super) tested: String,
    /// Where its facts come from.
    pub(super) source: String,
}

/// `[[detect]]`: all of its conditions must hold; any block may.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Detect {
    /// Prefixes, any of which fits.
    pub(super) sys_object_id: Vec<Spanned<String>>,
    /// Prefixes, none of which may fit.
    #[serde(default)]
    pub(super) not_sys_object_id: Vec<Spanned<String>>,
    pub(super) sys_descr: Option<Spanned<String>>,
    /// A subtree that must answer GETNEXT with something inside of it.
    pub(super) probe: Option<Spanned<String>>,
}

/// `[poll]`: what the family bears.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    pub(super) why: Spanned<String>,
    pub(super) state_every: Spanned<String>,
    pub(super) optics_every: Spanned<String>,
    pub(super) inventory_every: Spanned<String>,
    pub(super) window: Spanned<u32>,
    pub(super) max_repetitions: Spanned<u32>,
    pub(super) pdus_per_second: Spanned<f64>,
    pub(super) timeout: Spanned<String>,
    pub(super) retries: Spanned<u32>,
    /// Most varbinds in one GET, for tables that are read row by row.
    pub(super) get_varbinds: Option<Spanned<u32>>,
    /// Most varbinds asked for a second; no limit unless said.
    pub(super) varbinds_per_second: Option<Spanned<f64>>,
    /// Most octets of varbinds in an answer, 1400 unless said.
    pub(super) reply_octets: Option<Spanned<u32>>,
}

/// One part of an index. Exactly one of `name`, `constant` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexPart {
    /// The field that the part becomes.
    pub(super) name: Option<String>,
    /// The sub-identifier must be this number.
    pub(super) constant: Option<u32>,
    /// How many sub-identifiers it takes: `one` (default), `length-prefixed`, `rest`, or a number of octets.
    pub(super) takes: Option<Spanned<toml::Value>>,
    /// Fields inside of the number.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Slice>,
    /// Values that fields inside of the number must have.
    #[serde(default)]
    pub(super) require: BTreeMap<String, u32>,
}

/// A field inside of a number: `((number + add) >> shift | / divide) % 2^width | % modulo + base`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slice {
    pub(super) shift: Option<u32>,
    pub(super) width: Option<u32>,
    pub(super) divide: Option<u32>,
    pub(super) modulo: Option<u32>,
    #[serde(default)]
    pub(super) add: u32,
    #[serde(default)]
    pub(super) base: u32,
}

/// `[[join]]`: a table that turns some fields into others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    pub(super) object: String,
    pub(super) oid: Spanned<String>,
    pub(super) index: Spanned<String>,
    /// Fields that are looked up.
    pub(super) by: Vec<Spanned<String>>,
    /// The value's text (or number, in decimals) must match, and its named groups become fields.
    pub(super) pattern: Option<Spanned<String>>,
    /// The value is a number or octets, which become this field.
    pub(super) value: Option<String>,
    /// The text that a device would give, with `{field}` in place of the groups; proves the pattern, and lets a
    /// simulated OLT serve the table. What stands in brackets is left out where one of its groups is missing.
    pub(super) format: Option<Spanned<String>>,
    /// Lists PONs of one kind, where a chassis may hold several.
    pub(super) kind: Option<String>,
    /// The first index at which the walk stops, as dotted numbers.
    pub(super) stop_before: Option<Spanned<String>>,
}

/// `[onu]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Onu {
    /// Fields that tell an ONU from the others, in every table of ONUs.
    pub(super) key: Spanned<Vec<String>>,
    /// Fields that name the PON, the outermost first; none where the family shows no PON in its index.
    pub(super) pon: Option<Spanned<Vec<String>>>,
    /// The field that is the ONU's number.
    pub(super) number: Option<Spanned<String>>,
}

/// `[[table]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) object: String,
    /// `onu` or `pon`.
    pub(super) rows: Spanned<String>,
    pub(super) index: Spanned<String>,
    /// Layouts for indexes that are not of the first one.
    #[serde(default)]
    pub(super) or_index: Vec<Spanned<String>>,
    /// The layout where a join gives this field: `{ field = "layout" }`.
    #[serde(default)]
    pub(super) index_if: BTreeMap<String, Spanned<String>>,
    /// Its rows are of PONs of this kind.
    pub(super) kind: Option<String>,
    /// Rows that name no PON and ONU are not meant, and left out without a word.
    #[serde(default)]
    pub(super) mixed: bool,
    /// Rows of PONs that no join lists are not meant, such as uplinks with the numbers of ports.
    #[serde(default)]
    pub(super) listed: bool,
    /// `walk` (default), `walk-by-pon`, or `get-up`.
    pub(super) read: Option<Spanned<String>>,
    /// Tables of one group are alternatives: the one with the most plausible values is used.
    pub(super) group: Option<String>,
    /// The first index at which the walk stops, as dotted numbers.
    pub(super) stop_before: Option<Spanned<String>>,
    pub(super) column: Vec<Spanned<Column>>,
}

/// One column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) field: Spanned<String>,
    pub(super) object: String,
    /// Either `oid`, or `from_index`.
    pub(super) oid: Option<Spanned<String>>,
    /// Another column of the table, whose text follows this one's: a serial that stands in two columns.
    pub(super) then: Option<Spanned<String>>,
    /// The value is this field of the index.
    pub(super) from_index: Option<Spanned<String>>,
    pub(super) sweep: Option<Spanned<String>>,
    pub(super) confidence: Option<Spanned<String>>,
    /// Why it is as it is; the linter takes it that what looks odd is meant.
    pub(super) note: Option<String>,
    // Numbers.
    #[serde(default)]
    pub(super) scale: Vec<Spanned<Scale>>,
    #[serde(default)]
    pub(super) sentinels: Vec<i64>,
    /// Plausible values, in the field's unit.
    pub(super) plausible: Option<Spanned<Vec<f64>>>,
    // Words.
    #[serde(default)]
    pub(super) map: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) bits: Vec<Spanned<Bit>>,
    // Texts.
    /// Only this group of the text is looked at.
    pub(super) pattern: Option<Spanned<String>>,
    /// An integer that prints as this prefix and eight hex digits is a serial.
    pub(super) hex_with_prefix: Option<String>,
    /// The device gives the eight octets of a serial, not its text; decoding takes either, simulated OLTs need to know.
    #[serde(default)]
    pub(super) octets: bool,
}

/// One way from a raw number to the unit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    #[serde(default = "one")]
    pub(super) factor: f64,
    #[serde(default)]
    pub(super) offset: f64,
    /// The raw number is a 16-bit two's complement in a wider type.
    #[serde(default)]
    pub(super) signed16: bool,
    /// The raw number is a magnitude of a negative level.
    #[serde(default)]
    pub(super) magnitude: bool,
    /// The raw number times `factor` is a power in milliwatts.
    #[serde(default)]
    pub(super) milliwatts: bool,
    /// The value is a text: the number before this unit, or the first number where it is empty.
    pub(super) text_unit: Option<String>,
    /// How a device writes that text, with `{}` for the number; for simulated OLTs.
    pub(super) text_format: Option<Spanned<String>>,
    /// Decimals that the device gives; from `factor` unless set.
    pub(super) decimals: Option<u32>,
    /// Why this alternative exists.
    #[allow(dead_code)] // for the reader of the file
    pub(super) note: Option<String>,
}

fn one() -> f64 {
    1.0
}

/// A bit that stands for a word; bits are looked at in the file's order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bit {
    /// Counted from 0 at the least significant bit of a number, or at the first bit of octets (BITS, RFC 2578 7.1.4).
    pub(super) bit: u32,
    pub(super) word: Spanned<String>,
}
