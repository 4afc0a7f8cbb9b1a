//! From an index layout as it is written to an [`Index`].

use std::sync::Arc;

use toml::Spanned;

use super::compile::Reporter;
use super::index::{Index, Part, Slice, Takes};
use super::raw;

pub(super) fn compile_index(report: &mut Reporter<'_>, written: &Spanned<Vec<raw::IndexPart>>) -> Option<Index> {
    let mut parts = Vec::new();
    for part in written.get_ref() {
        match (&part.name, part.constant) {
            (None, Some(constant)) => parts.push(Part::Constant(constant)),
            (Some(name), None) => {
                let takes = match &part.takes {
                    None => Takes::One,
                    Some(takes) => match compile_takes(takes.get_ref()) {
                        Some(parsed) => parsed,
                        None => {
                            let message =
                                "takes: \"one\", \"length-prefixed\", \"rest\" or a number from 1 to 64 was expected";
                            report.add(takes.span(), message.to_owned());
                            return None;
                        }
                    },
                };
                let slices = compile_slices(report, written, part)?;
                parts.push(Part::Named { name: Arc::from(name.as_str()), takes, slices });
            }
            _ => {
                report.add(written.span(), "each part of an index has either a name or a constant".to_owned());
                return None;
            }
        }
    }
    if parts.is_empty() {
        report.add(written.span(), "an index needs at least one part".to_owned());
        return None;
    }
    Some(Index { parts, or: Vec::new() })
}

fn compile_takes(value: &toml::Value) -> Option<Takes> {
    match value {
        toml::Value::String(word) => match word.as_str() {
            "one" => Some(Takes::One),
            "length-prefixed" => Some(Takes::LengthPrefixed),
            "rest" => Some(Takes::Rest),
            _ => None,
        },
        toml::Value::Integer(count) => {
            usize::try_from(*count).ok().filter(|count| (1..=64).contains(count)).map(Takes::Octets)
        }
        _ => None,
    }
}

fn compile_slices(
    report: &mut Reporter<'_>,
    place: &Spanned<Vec<raw::IndexPart>>,
    part: &raw::IndexPart,
) -> Option<Vec<Slice>> {
    let mut slices = Vec::new();
    for (name, slice) in &part.fields {
        let divide = match (slice.shift, slice.divide) {
            (Some(shift), None) if shift < 32 => 1_u32 << shift,
            (None, Some(divide)) if divide > 0 => divide,
            (None, None) => 1,
            _ => {
                report.add(place.span(), format!("{name}: either shift (below 32) or divide (above 0) was expected"));
                return None;
            }
        };
        let modulo = match (slice.width, slice.modulo) {
            (Some(width), None) if (1..32).contains(&width) => Some(1_u32 << width),
            (None, Some(modulo)) if modulo > 0 => Some(modulo),
            (None, None) => None,
            _ => {
                report.add(place.span(), format!("{name}: either width (1 to 31) or modulo (above 0) was expected"));
                return None;
            }
        };
        slices.push(Slice {
            name: Arc::from(name.as_str()),
            add: slice.add,
            divide,
            modulo,
            base: slice.base,
            require: part.require.get(name).copied(),
        });
    }
    for name in part.require.keys() {
        if !part.fields.contains_key(name) {
            report.add(place.span(), format!("require names {name:?}, which is no field of this part"));
            return None;
        }
    }
    Some(slices)
}
