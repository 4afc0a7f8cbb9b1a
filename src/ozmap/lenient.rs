//! JSON fields that may be missing, null, a number written as a text, or something else altogether: none of them may
//! cost us the page that they stand in.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longest text that we keep of a field; what is longer is not a name, a code or an id.
const MAX_TEXT: usize = 512;

/// A field's value where a plain one was expected.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Scalar {
    /// Missing, null, or too long to be what it should be.
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An object or a list; its content is dropped.
    Other,
}

impl Scalar {
    /// A text, also from a number; trimmed; `None` when nothing is left.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Self::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A number, also from a text, with a comma or a point.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn whole(&self) -> Option<i64> {
        let number = self.number()?;
        // Whole and within what an f64 holds exactly, so the cast is exact.
        #[allow(clippy::cast_possible_truncation)]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    }

    /// A truth value, also from 0, 1 and their words.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Number(number) if *number == 0.0 => Some(false),
            Self::Number(number) if *number == 1.0 => Some(true),
            Self::Text(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;

        impl<'de> Visitor<'de> for AnyScalar {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(value))
            }

            // Numbers of these fields are small; beyond 2^53 they are none of ours, so rounding does no harm.
            #[allow(clippy::cast_precision_loss)]
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value as f64))
            }

            #[allow(clippy::cast_precision_loss)]
            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                if value.len() > MAX_TEXT {
                    return Ok(Scalar::Null);
                }
                Ok(Scalar::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }

        deserializer.deserialize_any(AnyScalar)
    }
}

/// An object of a known shape, or whatever else stands in its place.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Object<T> {
    /// Missing or null.
    #[default]
    Absent,
    /// The object.
    Known(T),
    /// Something that is no object; a bare id is one such thing.
    Bare(Scalar),
}

impl<T> Object<T> {
    pub(super) fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Bare(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Object<T>, E> {
                Ok(Object::Absent)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object::Known)
            }

            fn visit_str<E>(self, value: &str) -> Result<Object<T>, E> {
                let bare = if value.len() > MAX_TEXT { Scalar::Null } else { Scalar::Text(value.to_owned()) };
                Ok(Object::Bare(bare))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Object<T>, E> {
                Ok(Object::Bare(Scalar::Bool(value)))
            }

            #[allow(clippy::cast_precision_loss)] // as above
            fn visit_i64<E>(self, value: i64) -> Result<Object<T>, E> {
                Ok(Object::Bare(Scalar::Number(value as f64)))
            }

            #[allow(clippy::cast_precision_loss)] // as above
            fn visit_u64<E>(self, value: u64) -> Result<Object<T>, E> {
                Ok(Object::Bare(Scalar::Number(value as f64)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Object<T>, E> {
                Ok(Object::Bare(Scalar::Number(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Object<T>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object::Bare(Scalar::Other))
            }
        }

        deserializer.deserialize_any(AnyObject(PhantomData))
    }
}

/// A list of which only objects matter; whatever else stands in its place is an empty one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<T>(pub(super) Vec<Object<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyList<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyList<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element::<Object<T>>()? {
                    values.push(value);
                }
                Ok(List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List<T>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(List::default())
            }

            fn visit_unit<E>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<List<T>, E> {
                Ok(List::default())
            }
        }

        deserializer.deserialize_any(AnyList(PhantomData))
    }
}
