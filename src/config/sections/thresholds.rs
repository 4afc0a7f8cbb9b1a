//! `[thresholds]`, `[thresholds.classes.NAME]`, `[baseline]` and `[[thresholds.override]]`.

use std::collections::BTreeMap;

use crate::config::model::Olt;
use crate::config::reader::{Section, alternatives, did_you_mean, quote};
use crate::config::schema::{BASELINE, CLASS, OVERRIDE, THRESHOLDS};
use crate::config::thresholds::{AddressMatch, Baselines, FlapRule, Pattern, ThresholdRule, Thresholds, Window};
use crate::model::{Dbm, Decibels};

/// `[thresholds.classes.NAME]`: the operator's own classes.
type OwnClasses = BTreeMap<String, (Option<Window>, Option<Window>)>;

/// The section, or its defaults; mistakes are noted. An override that fits none of these OLTs earns a warning.
pub(in crate::config) fn thresholds(root: &Section<'_>, olts: &[Olt]) -> Thresholds {
    let section = root.section("thresholds", &THRESHOLDS);
    let section = section.as_ref();
    if let Some(section) = section {
        for (one, other) in [("sensitivity_dbm", "overload_dbm"), ("olt_sensitivity_dbm", "olt_overload_dbm")] {
            both_or_none(section, one, other);
        }
    }
    let own = section.map(own_classes).unwrap_or_default();
    let default = Thresholds::default();
    let base = section.map_or(default.base, |section| rule(section, &default.base, &own));
    let overrides = section.map(|section| section.sections("override", &OVERRIDE)).unwrap_or_default();
    Thresholds {
        base,
        overrides: overrides.iter().map(|section| (place_of(section, olts), rule(section, &base, &own))).collect(),
        down_after: section.and_then(|section| section.whole("down_after", 1..=1000)).unwrap_or(default.down_after),
        unknown_after: section
            .and_then(|section| section.duration_or_zero("unknown_after"))
            .unwrap_or(default.unknown_after),
        flap: section.map(flap).unwrap_or_default(),
        baselines: root.section("baseline", &BASELINE).as_ref().map(baselines).unwrap_or_default(),
    }
}

fn both_or_none(section: &Section<'_>, one: &'static str, other: &'static str) {
    for (here, missing) in [(one, other), (other, one)] {
        if section.at(here).is_some() && section.at(missing).is_none() {
            section.wrong(here, &format!("without class, {missing:?} is needed too"));
        }
    }
}

fn flap(section: &Section<'_>) -> FlapRule {
    let default = FlapRule::default();
    let points = |key, least| section.whole(key, least..=60_000).and_then(|points| u16::try_from(points).ok());
    let rule = FlapRule {
        half_life: section.duration("flap_half_life").unwrap_or(default.half_life),
        suppress: points("flap_suppress", 0).unwrap_or(default.suppress),
        reuse: points("flap_reuse", 1).unwrap_or(default.reuse),
    };
    if rule.suppress > 0 && rule.reuse >= rule.suppress {
        let key = if section.at("flap_reuse").is_some() { "flap_reuse" } else { "flap_suppress" };
        let FlapRule { reuse, suppress, .. } = rule;
        section.wrong(
            key,
            &format!("a reuse of {reuse} is not below the suppress of {suppress}, so nothing would ever end"),
        );
    }
    rule
}

fn baselines(section: &Section<'_>) -> Baselines {
    let default = Baselines::default();
    // Less than half a dB is noise on every device.
    let fall = |key, expected, least: f64| {
        let fits = |db: f64| (0.5..=20.0).contains(&db) || db == least;
        Decibels::new(section.number(key, expected, fits)?.value).ok()
    };
    Baselines {
        step: fall("step_db", "a number of dB from 0.5 to 20, or 0 for none", 0.0).unwrap_or(default.step),
        decline: fall("decline_db", "a number of dB from 0.5 to 20", 0.5).unwrap_or(default.decline),
    }
}

fn own_classes(section: &Section<'_>) -> OwnClasses {
    let mut own = OwnClasses::new();
    let Some(named) = section.names("classes", "sections [thresholds.classes.NAME]") else { return own };
    for (name, value) in named.value {
        let header = format!("[thresholds.classes.{}]", name.get_ref());
        let Some(table) = value.get_ref().as_table() else {
            let found = section.reader.found(&value.span(), value.get_ref());
            section
                .reader
                .problem(&value.span(), format!("thresholds.classes: expected a section {header}, found {found}"));
            continue;
        };
        if Window::of_class(name.get_ref()).is_some() {
            let message =
                format!("{header}: {} is the name of a built-in class; choose another one", quote(name.get_ref()));
            section.reader.problem(&name.span(), message);
        }
        let class = Section::named(section.reader, &CLASS, header, table, value.span());
        class.require("sensitivity_dbm", "the lowest power that the ONU receives without errors, in dBm");
        class.require("overload_dbm", "the highest power that the ONU bears, in dBm");
        both_or_none(&class, "olt_sensitivity_dbm", "olt_overload_dbm");
        let both = |one, other| Some(Window { sensitivity: level(&class, one)?, overload: level(&class, other)? });
        let onu = both("sensitivity_dbm", "overload_dbm");
        let olt = both("olt_sensitivity_dbm", "olt_overload_dbm");
        for (window, key) in [(onu, "sensitivity_dbm"), (olt, "olt_sensitivity_dbm")] {
            if let Some(window) = window {
                check_order(&class, key, window);
            }
        }
        own.insert(name.get_ref().to_string(), (onu, olt));
    }
    own
}

/// Which ONUs a section is for. One that fits none of these OLTs earns a warning, one that says nothing is a mistake.
pub(super) fn place_of(section: &Section<'_>, olts: &[Olt]) -> AddressMatch {
    let pattern = |key, expected| {
        section.text(key, expected, |text| {
            if text.trim() == text && !text.is_empty() { Ok(Pattern::new(text)) } else { Err(String::new()) }
        })
    };
    let olt = pattern("olt", "the name of an OLT, with * for any text");
    let pon = pattern("pon", "the name of a PON, with * for any text, such as \"0/3/*\"");
    section.require_one(&["olt", "pon"], "says for nothing that it is meant: expected \"olt\", \"pon\" or both");
    if let Some(olt) = olt.as_ref().filter(|olt| !olts.iter().any(|one| olt.value.fits(one.name.as_str()))) {
        let name = section.name("olt");
        section.reader.warn(&olt.span, &format!("{name}: no [[olt]] has such a name, so it has no effect"));
    }
    AddressMatch { olt: olt.map(|at| at.value), pon: pon.map(|at| at.value) }
}

/// The rule of a section, in which everything that it does not say is as in `inherited`.
fn rule(section: &Section<'_>, inherited: &ThresholdRule, own: &OwnClasses) -> ThresholdRule {
    let margin = |key, most: f64| {
        let expected = format!("a number of dB from 0 to {most}");
        let number = section.number(key, &expected, |db| (0.0..=most).contains(&db))?;
        Decibels::new(number.value).ok()
    };
    let (window, along) = window(section, inherited, own);
    let rule = ThresholdRule {
        window,
        olt_window: olt_window(section, along, own),
        weak_margin: margin("weak_margin_db", 20.0).unwrap_or(inherited.weak_margin),
        hysteresis: margin("hysteresis_db", 10.0).unwrap_or(inherited.hysteresis),
        worsen_after: section.whole("worsen_after", 1..=1000).unwrap_or(inherited.worsen_after),
        improve_after: section.whole("improve_after", 1..=1000).unwrap_or(inherited.improve_after),
    };
    let onu_keys = ["weak_margin_db", "class", "sensitivity_dbm", "overload_dbm"];
    let olt_keys = ["olt_class", "olt_sensitivity_dbm", "olt_overload_dbm", "weak_margin_db"];
    for (window, keys) in [(Some(rule.window), onu_keys), (rule.olt_window, olt_keys)] {
        let Some(Window { sensitivity, overload }) = window else { continue };
        if sensitivity < overload && sensitivity + rule.weak_margin > overload - rule.weak_margin {
            let message = format!(
                "margins of {} at both ends leave no good level between {sensitivity} and {overload}",
                rule.weak_margin
            );
            if let Some(key) = keys.into_iter().find(|key| section.at(key).is_some()) {
                section.wrong(key, &message);
            }
        }
    }
    rule
}

/// The ONU's window, and the OLT's that goes with it.
fn window(section: &Section<'_>, inherited: &ThresholdRule, own: &OwnClasses) -> (Window, Option<Window>) {
    let names = || Window::CLASSES.iter().map(|(name, _)| *name).chain(own.keys().map(String::as_str));
    let class = section.text("class", &alternatives(names()), |text| {
        if let Some((onu, olt)) = own.get(text) {
            // One that is wrong in itself was told where it stands.
            return Ok((onu.unwrap_or(inherited.window), *olt));
        }
        Window::of_class(text).map(|window| (window, Window::of_olt_class(text))).ok_or_else(|| {
            let upper = text.to_ascii_uppercase();
            if ["EPON", "PX", "PR"].iter().any(|start| upper.starts_with(start)) {
                return "; for EPON give sensitivity_dbm and overload_dbm from the transceiver's data sheet, or a class of \
                        your own as [thresholds.classes.NAME]"
                    .to_owned();
            }
            did_you_mean(section.reader.nearest(text, names()))
        })
    });
    let keys = ["sensitivity_dbm", "overload_dbm"];
    let Some(numbers) = numbers(section, "class", keys, Some(inherited.window)) else {
        return class.map_or((inherited.window, inherited.olt_window), |at| at.value);
    };
    // Other ONUs do not mean other optics in the OLT.
    (numbers, inherited.olt_window)
}

/// The OLT's window: what the section says of it, or what came along with the ONU's.
fn olt_window(section: &Section<'_>, along: Option<Window>, own: &OwnClasses) -> Option<Window> {
    let built_in = || Window::OLT_CLASSES.iter().chain(Window::OLT_CLASSES_BY_NAME);
    let own = || own.iter().filter_map(|(name, (_, olt))| Some((name.as_str(), (*olt)?)));
    let names = || built_in().map(|(name, _)| *name).chain(own().map(|(name, _)| name)).chain(["none"]);
    let class = section.text("olt_class", &alternatives(names()), |text| {
        let known = built_in().map(|(name, window)| (*name, *window)).chain(own()).find(|(name, _)| *name == text);
        match known {
            Some((_, window)) => Ok(Some(window)),
            None if text == "none" => Ok(None),
            None => Err(did_you_mean(section.reader.nearest(text, names()))),
        }
    });
    let keys = ["olt_sensitivity_dbm", "olt_overload_dbm"];
    numbers(section, "olt_class", keys, along).or_else(|| class.map_or(along, |at| at.value))
}

/// A window in numbers, if the section has any; one of the two may come from what is inherited.
fn numbers(section: &Section<'_>, class: &str, keys: [&'static str; 2], inherited: Option<Window>) -> Option<Window> {
    let [low, high] = keys;
    let (sensitivity, overload) = (level(section, low), level(section, high));
    let given = keys.into_iter().find(|key| section.at(key).is_some())?;
    if section.at(class).is_some() {
        section.wrong(given, &format!("{class:?} is given already; expected either a class, or {low} and {high}"));
    }
    let Some(inherited) = inherited.or_else(|| Some(Window { sensitivity: sensitivity?, overload: overload? })) else {
        if section.at(low).is_none() || section.at(high).is_none() {
            section
                .wrong(given, &format!("{low:?} and {high:?} are needed both, for there is no window to inherit from"));
        }
        return None;
    };
    let window = Window {
        sensitivity: sensitivity.unwrap_or(inherited.sensitivity),
        overload: overload.unwrap_or(inherited.overload),
    };
    // Where one of the two is wrong in itself, comparing it says nothing new.
    let read = keys.into_iter().filter(|key| section.at(key).is_some()).count();
    if read == usize::from(sensitivity.is_some()) + usize::from(overload.is_some()) {
        check_order(section, given, window);
    }
    Some(window)
}

fn check_order(section: &Section<'_>, key: &str, window: Window) {
    if window.sensitivity >= window.overload {
        let message =
            format!("a sensitivity of {} is not below the overload of {}", window.sensitivity, window.overload);
        section.wrong(key, &message);
    }
}

fn level(section: &Section<'_>, key: &str) -> Option<Dbm> {
    let number = section.number(key, "a level from -60 to 20 dBm", |dbm| (-60.0..=20.0).contains(&dbm))?;
    Dbm::new(number.value).ok()
}
