//! What a person said that an incident really was, and whether it was called right.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::place::Place;
use super::snapshot::{Incident, Kind};
use crate::model::Timestamp;

/// What an incident really was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RealCause {
    /// Something that we have a word for; never [`Kind::Undetermined`].
    Kind(Kind),
    /// Nothing had happened.
    FalseAlarm,
    /// Something else.
    Other,
}

impl RealCause {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Undetermined);
        kinds.map(Self::Kind).chain([Self::FalseAlarm, Self::Other])
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.word(),
            Self::FalseAlarm => "false_alarm",
            Self::Other => "other",
        }
    }

    /// From its word, in which `-` is as good as `_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::all().find(|cause| cause.word() == text)
    }
}

impl Serialize for RealCause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for RealCause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected the cause of an incident"))
    }
}

/// A person's word on an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// What it was.
    pub cause: RealCause,
    /// Where: the id or the name of an element.
    #[serde(default)]
    pub at: Option<String>,
    /// What else there is to say.
    #[serde(default)]
    pub note: Option<String>,
    /// When it was said.
    pub given_at: Timestamp,
}

impl Closing {
    /// Whether the incident was called what it was.
    #[must_use]
    pub fn is_right_kind(&self, incident: &Incident) -> bool {
        self.cause == RealCause::Kind(incident.kind)
    }

    /// Whether it was placed where it was; `None` when one of the two is not known.
    #[must_use]
    pub fn is_right_element(&self, incident: &Incident) -> Option<bool> {
        let at = self.at.as_deref()?;
        incident.place.as_ref().map(|place| is_at(place, at))
    }

    /// Whether the element was named at all, as the place or as that of an alternative; `None` when it is not known where it was.
    #[must_use]
    pub fn is_element_named(&self, incident: &Incident) -> Option<bool> {
        let at = self.at.as_deref()?;
        let others = incident.alternatives.iter().filter_map(|other| other.place.as_ref());
        Some(incident.place.iter().chain(others).any(|place| is_at(place, at)))
    }
}

/// Whether a place is the element that a person names by its id or its name.
fn is_at(place: &Place, named: &str) -> bool {
    let named = named.trim();
    let element = &place.element;
    element.id.is_some_and(|id| id.to_string().eq_ignore_ascii_case(named))
        || element.name.as_ref().is_some_and(|name| name.trim().to_lowercase() == named.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_come_back_from_their_words() {
        assert_eq!(RealCause::all().count(), 9);
        for cause in RealCause::all() {
            assert_eq!(RealCause::parse(cause.word()), Some(cause));
            assert_eq!(serde_json::from_value::<RealCause>(serde_json::to_value(cause).unwrap()).unwrap(), cause);
        }
        assert_eq!(RealCause::parse(" False-Alarm"), Some(RealCause::FalseAlarm));
        for text in ["undetermined", "", "cuts"] {
            assert_eq!(RealCause::parse(text), None, "{text}");
        }
    }
}
