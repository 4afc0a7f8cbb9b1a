//! Incidents in plain words.

use crate::incident::{Change, Incident, Kind, NamedElement, Place, State, Step};

/// What became of an incident, for one who has never seen any.
pub(super) fn change(change: &Change) -> String {
    let incident = &*change.incident;
    let what = what(incident.kind);
    match change.step {
        Step::Opened => {
            format!("oltwatch: {what} {}{}. {}", place(incident), customers(incident), sentence(&incident.evidence))
        }
        Step::Changed if incident.state == State::Recovering => {
            format!("oltwatch: {what} {}: {} of {} are back", place(incident), incident.recovered, incident.lost)
        }
        Step::Changed => format!("oltwatch: {what} {}{}", place(incident), customers(incident)),
        Step::Cleared => format!("oltwatch: over: {what} {}", place(incident)),
    }
}

const fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Cut => "light is cut",
        Kind::Power => "no mains power",
        Kind::Equipment => "equipment failed",
        Kind::Drop => "one client's drop or ONU failed",
        Kind::Degradation => "light got weaker",
        Kind::OltUnreachable => "an OLT does not answer,",
        Kind::DataQuality => "an OLT's levels cannot be right,",
        Kind::Undetermined => "something failed, and it is not clear yet what,",
    }
}

/// Where it is placed, and how sure that is.
pub(super) fn place(incident: &Incident) -> String {
    let Some(place) = &incident.place else { return "somewhere".to_owned() };
    let sure = match incident.kind {
        Kind::OltUnreachable | Kind::DataQuality => String::new(),
        _ => format!(" ({:.0} % sure)", incident.confidence * 100.0),
    };
    format!("at {}{sure}", stretch(place))
}

fn stretch(place: &Place) -> String {
    let name = |element: &Option<NamedElement>| element.as_ref().and_then(|element| element.name.clone());
    let mut text = name(&Some(place.element.clone())).unwrap_or_else(|| format!("a {}", place.element.kind));
    if let (Some(from), Some(to)) = (name(&place.from), name(&place.to)) {
        text.push_str(&format!(", between {from} and {to}"));
    }
    if let Some([from, to]) = place.metres_from_olt {
        text.push_str(&if from == to {
            format!(", {from} m from the OLT")
        } else {
            format!(", {from} to {to} m from the OLT")
        });
    }
    text
}

fn customers(incident: &Incident) -> String {
    match (incident.lost, incident.monitored) {
        (0, _) => String::new(),
        (lost, monitored) if monitored >= lost => format!("; {lost} of {monitored} customers there are hit"),
        (lost, _) => format!("; {lost} customers are hit"),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
