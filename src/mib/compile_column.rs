//! From a column as it is written to its decoder.

use std::sync::Arc;

use regex::Regex;
use toml::Spanned;

use super::compile::{Prefixes, Reporter, compile_confidence, compile_oid, compile_regex};
use super::index::Index;
use super::profile::{Column, Confidence, FieldName, Rows, Source};
use super::raw;
use super::value::{Decoder, NumberDecoder, Scale, TextNumber, Word, WordDecoder};
use crate::model::SweepKind;

pub(super) fn compile_column(
    report: &mut Reporter<'_>,
    prefixes: &Prefixes,
    rows: Rows,
    index: &Index,
    written: &Spanned<raw::Column>,
) -> Option<Column> {
    let spec = written.get_ref();
    let field = compile_field(report, rows, &spec.field)?;
    let source = match (&spec.oid, &spec.from_index) {
        (Some(oid), None) => Source::Oid(compile_oid(report, prefixes, oid)?),
        (None, Some(name)) => {
            if !index.field_names().iter().any(|known| **known == **name.get_ref()) {
                report.add(name.span(), format!("{:?} is no field of the table's index", name.get_ref()));
                return None;
            }
            Source::Index(Arc::from(name.get_ref().as_str()))
        }
        _ => {
            report.add(written.span(), "a column has either oid or from_index".to_owned());
            return None;
        }
    };
    let then = match &spec.then {
        None => None,
        Some(then) if field != FieldName::Serial || spec.from_index.is_some() || spec.hex_with_prefix.is_some() => {
            report.add(then.span(), "only a serial that is read as a text may stand in two columns".to_owned());
            return None;
        }
        Some(then) => Some(compile_oid(report, prefixes, then)?),
    };
    let sweep = match &spec.sweep {
        None => field.usual_sweep(),
        Some(sweep) => match sweep.get_ref().parse::<SweepKind>() {
            Ok(kind) => kind,
            Err(error) => {
                report.add(sweep.span(), error.to_string());
                return None;
            }
        },
    };
    let confidence = match &spec.confidence {
        None => Confidence::A,
        Some(confidence) => compile_confidence(report, confidence)?,
    };
    let decoder = compile_decoder(report, rows, field, written)?;
    Some(Column { field, object: spec.object.clone(), source, then, sweep, confidence, decoder })
}

fn compile_field(report: &mut Reporter<'_>, rows: Rows, written: &Spanned<String>) -> Option<FieldName> {
    let allowed = |field: FieldName| match rows {
        Rows::Onu => field != FieldName::Onus,
        Rows::Pon => {
            matches!(field, FieldName::Name | FieldName::State | FieldName::Tx | FieldName::Onus)
        }
    };
    let found = FieldName::ALL.into_iter().find(|field| field.word() == written.get_ref()).filter(|f| allowed(*f));
    if found.is_none() {
        let known: Vec<&str> = FieldName::ALL.into_iter().filter(|f| allowed(*f)).map(FieldName::word).collect();
        report.add(
            written.span(),
            format!("unknown field {:?}: one of {} was expected", written.get_ref(), known.join(", ")),
        );
    }
    found
}

fn compile_decoder(
    report: &mut Reporter<'_>,
    rows: Rows,
    field: FieldName,
    written: &Spanned<raw::Column>,
) -> Option<Decoder> {
    let spec = written.get_ref();
    let pattern = match &spec.pattern {
        None => None,
        Some(pattern) => Some(compile_regex(report, pattern)?),
    };
    let is_word = matches!(field, FieldName::State | FieldName::Cause | FieldName::LastDownCause);
    let is_number = field.plausible().is_some();
    if !is_word && (!spec.map.is_empty() || !spec.bits.is_empty()) {
        report.add(written.span(), format!("{} is no enumeration: map and bits are not for it", field.word()));
        return None;
    }
    if !is_number && (!spec.scale.is_empty() || spec.plausible.is_some()) {
        report.add(written.span(), format!("{} is no quantity: scale and plausible are not for it", field.word()));
        return None;
    }
    match field {
        FieldName::Serial => {
            Some(Decoder::Serial { pattern, hex_with_prefix: spec.hex_with_prefix.clone(), octets: spec.octets })
        }
        FieldName::Mac => Some(Decoder::Mac { pattern }),
        FieldName::Name => Some(Decoder::Text { pattern }),
        FieldName::State | FieldName::Cause | FieldName::LastDownCause => {
            compile_words(report, rows, field, written, pattern)
        }
        _ => compile_number(report, field, written),
    }
}

fn compile_words(
    report: &mut Reporter<'_>,
    rows: Rows,
    field: FieldName,
    written: &Spanned<raw::Column>,
    pattern: Option<Regex>,
) -> Option<Decoder> {
    let spec = written.get_ref();
    if spec.map.is_empty() && spec.bits.is_empty() {
        report.add(written.span(), format!("{} needs a map or bits", field.word()));
        return None;
    }
    let mut word = |written: &Spanned<String>| -> Option<Word> {
        let text = written.get_ref();
        let parsed = match (field, rows) {
            (FieldName::State, Rows::Onu) => text.parse().map(Word::State),
            (FieldName::State, Rows::Pon) => text.parse().map(Word::Pon),
            _ if text == "none" => Ok(Word::None),
            _ => text.parse().map(Word::Cause),
        };
        parsed.map_err(|error| report.add(written.span(), error.to_string())).ok()
    };
    let mut map = std::collections::BTreeMap::new();
    for (raw, meaning) in &spec.map {
        map.insert(raw.trim().to_ascii_lowercase(), word(meaning)?);
    }
    let mut bits = Vec::new();
    for bit in &spec.bits {
        bits.push((bit.get_ref().bit, word(&bit.get_ref().word)?));
    }
    Some(Decoder::Word(WordDecoder { map, bits, sentinels: spec.sentinels.clone(), pattern }))
}

fn compile_number(report: &mut Reporter<'_>, field: FieldName, written: &Spanned<raw::Column>) -> Option<Decoder> {
    let spec = written.get_ref();
    let plausible = match &spec.plausible {
        None => field.plausible()?,
        Some(window) => match window.get_ref().as_slice() {
            [low, high] if low < high => (*low, *high),
            _ => {
                report.add(window.span(), "plausible: [lowest, highest] was expected".to_owned());
                return None;
            }
        },
    };
    let usual = field.usual().unwrap_or(plausible);
    let mut scales = Vec::new();
    for scale in &spec.scale {
        scales.push(compile_scale(report, scale)?);
    }
    if scales.is_empty() {
        scales.push(Scale {
            factor: 1.0,
            offset: 0.0,
            signed16: false,
            magnitude: false,
            milliwatts: false,
            text: None,
            decimals: 0,
        });
    }
    Some(Decoder::Number(NumberDecoder { scales, sentinels: spec.sentinels.clone(), plausible, usual }))
}

fn compile_scale(report: &mut Reporter<'_>, written: &Spanned<raw::Scale>) -> Option<Scale> {
    let spec = written.get_ref();
    if !spec.factor.is_finite() || spec.factor == 0.0 || !spec.offset.is_finite() {
        report.add(written.span(), "factor must be a finite number other than 0, offset a finite number".to_owned());
        return None;
    }
    if spec.milliwatts && spec.factor < 0.0 {
        report.add(written.span(), "a power in milliwatts needs a factor above 0".to_owned());
        return None;
    }
    let text = match &spec.text_unit {
        None => None,
        Some(unit) => {
            let find = Regex::new(&format!(r"(?i)([-+]?\d+(?:\.\d+)?)\s*{}", regex::escape(unit)));
            let usual = || format!("{{}} {unit}").trim_end().to_owned();
            let format = spec.text_format.as_ref().map_or_else(usual, |format| format.get_ref().clone());
            if !format.contains("{}") {
                let place = spec.text_format.as_ref().map_or_else(|| written.span(), Spanned::span);
                report.add(place, "text_format needs {} where the number stands".to_owned());
                return None;
            }
            match find {
                Ok(find) => Some(TextNumber { find, format }),
                Err(error) => {
                    report.add(written.span(), error.to_string());
                    return None;
                }
            }
        }
    };
    let decimals = spec.decimals.unwrap_or_else(|| usual_decimals(spec));
    Some(Scale {
        factor: spec.factor,
        offset: spec.offset,
        signed16: spec.signed16,
        magnitude: spec.magnitude,
        milliwatts: spec.milliwatts,
        text,
        decimals: decimals.min(3),
    })
}

/// As many decimals as the scale's step has, at most three; two for a logarithm or a text.
fn usual_decimals(scale: &raw::Scale) -> u32 {
    if scale.milliwatts || scale.text_unit.is_some() {
        return 2;
    }
    let has = |decimals: i32| {
        let shifted = scale.factor * 10_f64.powi(decimals);
        (shifted - shifted.round()).abs() < 1e-9
    };
    (0..3).find(|decimals| has(i32::try_from(*decimals).unwrap_or(3))).unwrap_or(3)
}
