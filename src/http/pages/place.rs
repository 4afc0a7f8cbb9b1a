//! Where an incident lies, in words and links.

use maud::{Markup, html};

use super::format;
use super::prefs::Lang;
use super::texts::{Text, element};
use crate::incident::{Incident, NamedElement, Place};
use crate::plant::Coords;

/// An element's name; its kind where it has none.
pub(super) fn name(lang: Lang, named: &NamedElement) -> String {
    match &named.name {
        Some(name) => name.clone(),
        None => format!("{} {}", element(named.kind).of(lang), Text::Unnamed.of(lang)),
    }
}

/// Where an incident lies in one line; where no place is known, whom it hits.
pub(super) fn headline_of(lang: Lang, incident: &Incident) -> String {
    match (&incident.place, incident.onus.as_slice(), incident.pons.as_slice(), incident.olts.as_slice()) {
        (Some(place), ..) => headline(lang, Some(place)),
        (None, [only], ..) => {
            let onu = || only.serial.as_ref().map(|serial| format!("{} {serial}", Text::Onu.of(lang)));
            let code = only.code.as_ref().map(|code| format!("{} {code}", Text::Client.of(lang)));
            code.or_else(onu).unwrap_or_else(|| headline(lang, None))
        }
        (None, _, [port], _) => match port.pon {
            Some(pon) => format!("{} {} {pon}", Text::Pon.of(lang), port.olt),
            None => port.olt.to_string(),
        },
        (None, _, _, [olt]) => olt.to_string(),
        _ => headline(lang, None),
    }
}

/// The element in one line: `cable CABO 01`.
pub(super) fn headline(lang: Lang, place: Option<&Place>) -> String {
    match place {
        Some(Place { element: named, .. }) if named.name.is_some() => {
            format!("{} {}", element(named.kind).of(lang), name(lang, named))
        }
        Some(Place { element, .. }) => name(lang, element),
        None => Text::PlaceUnknown.of(lang).to_owned(),
    }
}

/// On which stretch: between two elements, or at one.
pub(super) fn stretch(lang: Lang, place: &Place) -> Option<String> {
    match (&place.from, &place.to) {
        (Some(from), Some(to)) if from != to => Some(Text::Between.with(lang, &[&name(lang, from), &name(lang, to)])),
        (Some(one), _) | (None, Some(one)) if *one != place.element => Some(Text::At.with(lang, &[&name(lang, one)])),
        _ => None,
    }
}

/// How far from the OLT.
pub(super) fn distance(lang: Lang, place: &Place) -> Option<String> {
    let [from, to] = place.metres_from_olt?;
    let metres = |metres: i32| format::count(u64::try_from(metres).unwrap_or(0));
    Some(Text::MetresFromOlt.with(lang, &[&metres(from), &metres(to)]))
}

/// A link to a map of the world.
pub(super) fn world_map(lang: Lang, at: Coords) -> Markup {
    let (lat, lng) = (at.lat(), at.lng());
    html! {
        a href={ "https://www.openstreetmap.org/?mlat=" (lat) "&mlon=" (lng) "#map=17/" (lat) "/" (lng) } rel="noreferrer" target="_blank" {
            (Text::OpenStreetMap.of(lang))
        }
    }
}
