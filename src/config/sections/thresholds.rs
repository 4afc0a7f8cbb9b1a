//! `[thresholds]` and `[[thresholds.override]]`.

use std::time::Duration;

use crate::config::model::Olt;
use crate::config::reader::{Section, alternatives, did_you_mean};
use crate::config::schema::{OVERRIDE, THRESHOLDS};
use crate::config::thresholds::{AddressMatch, Pattern, ThresholdRule, Thresholds, Window};
use crate::model::{Dbm, Decibels};

/// The section, or its defaults; mistakes are noted. An override that fits none of these OLTs earns a warning.
pub(in crate::config) fn thresholds(root: &Section<'_>, olts: &[Olt]) -> Thresholds {
    let section = root.section("thresholds", &THRESHOLDS);
    let section = section.as_ref();
    if let Some(section) = section {
        for (one, other) in [("sensitivity_dbm", "overload_dbm"), ("overload_dbm", "sensitivity_dbm")] {
            if section.at(one).is_some() && section.at(other).is_none() {
                section.wrong(one, &format!("without class, {other:?} is needed too"));
            }
        }
    }
    let default = ThresholdRule::default();
    let base = section.map_or(default, |section| rule(section, &default));
    let overrides = section.map(|section| section.sections("override", &OVERRIDE)).unwrap_or_default();
    Thresholds {
        base,
        overrides: overrides.iter().map(|section| (place(section, olts), rule(section, &base))).collect(),
        down_after: section.and_then(|section| section.whole("down_after", 1..=1000)).unwrap_or(2),
        unknown_after: section
            .and_then(|section| section.duration_or_zero("unknown_after"))
            .unwrap_or(Duration::from_secs(10 * 60)),
    }
}

fn place(section: &Section<'_>, olts: &[Olt]) -> AddressMatch {
    let pattern = |key, expected| {
        section.text(key, expected, |text| {
            if text.trim() == text && !text.is_empty() { Ok(Pattern::new(text)) } else { Err(String::new()) }
        })
    };
    let olt = pattern("olt", "the name of an OLT, with * for any text");
    let pon = pattern("pon", "the name of a PON, with * for any text, such as \"0/3/*\"");
    if section.at("olt").is_none() && section.at("pon").is_none() {
        let message = "[[thresholds.override]] says for nothing that it is meant: expected \"olt\", \"pon\" or both";
        section.reader.problem(&section.span, message.to_owned());
    }
    if let Some(olt) = olt.as_ref().filter(|olt| !olts.iter().any(|one| olt.value.fits(one.name.as_str()))) {
        section.reader.warn(&olt.span, "thresholds.override.olt: no [[olt]] has such a name, so it has no effect");
    }
    AddressMatch { olt: olt.map(|at| at.value), pon: pon.map(|at| at.value) }
}

/// The rule of a section, in which everything that it does not say is as in `inherited`.
fn rule(section: &Section<'_>, inherited: &ThresholdRule) -> ThresholdRule {
    let margin = |key, most: f64| {
        let expected = format!("a number of dB from 0 to {most}");
        let number = section.number(key, &expected, |db| (0.0..=most).contains(&db))?;
        Decibels::new(number.value).ok()
    };
    let rule = ThresholdRule {
        window: window(section, inherited.window),
        weak_margin: margin("weak_margin_db", 20.0).unwrap_or(inherited.weak_margin),
        hysteresis: margin("hysteresis_db", 10.0).unwrap_or(inherited.hysteresis),
        worsen_after: section.whole("worsen_after", 1..=1000).unwrap_or(inherited.worsen_after),
        improve_after: section.whole("improve_after", 1..=1000).unwrap_or(inherited.improve_after),
    };
    let Window { sensitivity, overload } = rule.window;
    if sensitivity < overload && sensitivity + rule.weak_margin > overload - rule.weak_margin {
        let message = format!(
            "margins of {} at both ends leave no good level between {sensitivity} and {overload}",
            rule.weak_margin
        );
        let keys = ["weak_margin_db", "class", "sensitivity_dbm", "overload_dbm"];
        if let Some(key) = keys.into_iter().find(|key| section.at(key).is_some()) {
            section.wrong(key, &message);
        }
    }
    rule
}

fn window(section: &Section<'_>, inherited: Window) -> Window {
    let names = || Window::CLASSES.iter().map(|(name, _)| *name);
    let class = section.text("class", &alternatives(names()), |text| {
        Window::of_class(text).ok_or_else(|| {
            let upper = text.to_ascii_uppercase();
            if ["EPON", "PX", "PR"].iter().any(|start| upper.starts_with(start)) {
                return "; for EPON give sensitivity_dbm and overload_dbm from the transceiver's data sheet".to_owned();
            }
            did_you_mean(section.reader.nearest(text, names()))
        })
    });
    let level = |key| {
        let number = section.number(key, "a level from -60 to 20 dBm", |dbm| (-60.0..=20.0).contains(&dbm))?;
        Dbm::new(number.value).ok()
    };
    let (sensitivity, overload) = (level("sensitivity_dbm"), level("overload_dbm"));
    let own = ["sensitivity_dbm", "overload_dbm"].into_iter().find(|key| section.at(key).is_some());
    let Some(own) = own else {
        return class.map_or(inherited, |at| at.value);
    };
    if section.at("class").is_some() {
        section.wrong(own, "\"class\" is given already; expected either a class, or sensitivity_dbm and overload_dbm");
    }
    let window = Window {
        sensitivity: sensitivity.unwrap_or(inherited.sensitivity),
        overload: overload.unwrap_or(inherited.overload),
    };
    // Where one of the two is wrong in itself, comparing it says nothing new.
    let read = ["sensitivity_dbm", "overload_dbm"].into_iter().filter(|key| section.at(key).is_some()).count();
    if read == usize::from(sensitivity.is_some()) + usize::from(overload.is_some())
        && window.sensitivity >= window.overload
    {
        let message =
            format!("a sensitivity of {} is not below the overload of {}", window.sensitivity, window.overload);
        section.wrong(own, &message);
    }
    window
}
