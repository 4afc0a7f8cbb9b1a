//! How readings are written as JSON (recordings, sweeps on their way to another machine): values that the sweep does not
//! read are left out, one that is not known is `{"unread": why}`, and times are whole milliseconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Field, Timestamp, Unread};

/// `serde(with)` of a [`Field`]; beside it, `default = "written::not_asked"` and
/// `skip_serializing_if = "written::is_not_asked"`.
pub(super) mod field {
    use super::{Deserialize, Deserializer, Field, Serialize, Serializer, Unread};

    #[derive(Serialize, Deserialize)]
    struct Missing {
        unread: Unread,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        Missing(Missing),
        Value(T),
    }

    pub(in crate::model) fn serialize<T: Serialize, S: Serializer>(
        field: &Field<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match field {
            Ok(value) => Written::Value(value).serialize(serializer),
            Err(unread) => Written::<T>::Missing(Missing { unread: *unread }).serialize(serializer),
        }
    }

    pub(in crate::model) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Field<T>, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Value(value) => Ok(value),
            Written::Missing(missing) => Err(missing.unread),
        })
    }
}

pub(super) const fn not_asked<T>() -> Field<T> {
    Err(Unread::NotAsked)
}

pub(super) fn is_not_asked<T>(field: &Field<T>) -> bool {
    matches!(field, Err(Unread::NotAsked))
}

/// `serde(with)` of a [`Timestamp`] that must not lose its milliseconds.
pub(super) mod time_ms {
    use super::{Deserialize, Deserializer, Serializer, Timestamp};

    pub(in crate::model) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.millis())
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(deserializer).map(Timestamp::from_millis)
    }
}

/// `serde(with)` of a [`Duration`].
pub(super) mod span_ms {
    use super::{Deserialize, Deserializer, Duration, Serializer, millis};

    pub(in crate::model) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(millis(*span))
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// `serde(with)` of an `Option<Duration>`.
pub(super) mod maybe_span_ms {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, millis};

    pub(in crate::model) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.map(millis).serialize(serializer)
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
