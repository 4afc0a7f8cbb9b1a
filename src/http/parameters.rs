//! A query's parameters: few, named, each at most once.

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;

use super::problem::Problem;

/// Longest value that an error repeats.
const SHOWN: usize = 64;

/// The decoded parameters of a query, not yet looked at.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of_uri(&parts.uri)
    }
}

impl Parameters {
    /// From a query, or from a form, which is written like one.
    pub(super) fn of_query(query: &str) -> Result<Self, Problem> {
        let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
        let uri = uri.map_err(|_| Problem::bad_request("the form cannot be understood"))?;
        Self::of_uri(&uri)
    }

    fn of_uri(uri: &Uri) -> Result<Self, Problem> {
        match Query::<Vec<(String, String)>>::try_from_uri(uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(error) => Err(Problem::bad_request(format!("the query cannot be understood: {error}"))),
        }
    }

    /// Refuses parameters that are not `known`, and known ones that are given twice: a filter that is silently
    /// ignored shows more than was asked for.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (place, (name, _)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let name = shown(name);
                return Err(Problem::bad_request(if known.is_empty() {
                    format!("unknown parameter {name:?}: this page takes none")
                } else {
                    format!("unknown parameter {name:?}: expected {}", known.join(", "))
                }));
            }
            if self.0.iter().take(place).any(|(earlier, _)| earlier == name) {
                return Err(Problem::bad_request(format!("{name} is given twice")));
            }
        }
        Ok(())
    }

    /// The same without those that have no value.
    pub(super) fn without_empty(&self) -> Self {
        Self(self.0.iter().filter(|(_, value)| !value.trim().is_empty()).cloned().collect())
    }

    /// A parameter's value; `None` when it is not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A parameter's value as `parse` understands it.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(value).map(Some).map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    }
}

/// The beginning of a text that someone sent, short enough to be sent back.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
