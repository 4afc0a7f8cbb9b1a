//! Knowledge of OLT families, as data.
//!
//! In: profile files (`mibs/<family>.toml`), and the rows of an OLT's tables. Out: which profile fits an OLT, which
//! tables and columns a sweep reads and how, and the rows decoded to readings in units and words. Not its business:
//! sockets, schedules, thresholds. A new family is a new file; Rust changes only for a new *kind* of encoding.

mod address;
mod cell;
mod compile;
mod compile_column;
mod compile_index;
mod compile_table;
mod decode;
mod encode;
mod error;
#[cfg(test)]
mod fuzz;
mod gather;
mod identity;
mod index;
mod join;
mod library;
mod lint;
mod overlap;
mod profile;
mod proof;
#[cfg(test)]
mod properties;
mod raw;
mod reach;
mod value;

pub use decode::{Decoded, RawColumn, RawTable, UnknownValue};
pub use error::MibError;
pub use identity::{Holds, is_no_value};
pub use join::Joins;
pub use library::{Candidate, Library};
pub use profile::{ColumnInfo, Confidence, Defaults, FieldName, JoinRead, Profile, ReadMode, Rows, TableRead};
pub use proof::{Answer, ColumnProof, Finding, Heard, Lookups, Proof, ProofTable, RawRow, Sample, best_proved};
