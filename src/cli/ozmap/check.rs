//! `oltwatch ozmap check`: whether OZmap takes the token, and how many houses it shows to it.

use std::time::Instant;

use serde::Serialize;

use super::{Desk, NOBODY, or_empty, print_csv, print_json};
use crate::cli::args::Format;
use crate::cli::error::{CliError, chain};
use crate::cli::table::{Paint, finish, painted};
use crate::cli::{Outcome, out};

#[derive(Serialize)]
struct Checked {
    host: String,
    good: bool,
    /// Houses with a client that the key sees; `None` when OZmap does not say.
    houses: Option<usize>,
    elapsed_ms: u64,
    error: Option<String>,
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let result = match desk.client.check().await {
        Ok(()) => desk.client.count_houses().await,
        Err(error) => Err(error),
    };
    let checked = Checked {
        host: desk.client.host().to_owned(),
        good: result.is_ok(),
        houses: result.as_ref().ok().copied().flatten(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error: result.as_ref().err().map(|error| chain(error)),
    };
    match desk.format {
        Format::Json => print_json(&checked)?,
        Format::Csv => print_csv(
            ["host", "good", "houses", "elapsed_ms", "error"],
            [[
                checked.host.clone(),
                checked.good.to_string(),
                or_empty(checked.houses.as_ref()),
                checked.elapsed_ms.to_string(),
                checked.error.clone().unwrap_or_default(),
            ]],
        )?,
        Format::Table if checked.good => out::print(&finish(
            &format!(
                "OZmap at {} {}{}; it answered in {} ms\n",
                checked.host,
                painted("takes the token", Paint::Good),
                checked
                    .houses
                    .map_or_else(String::new, |houses| format!(" and shows it {houses} houses with a client")),
                checked.elapsed_ms
            ),
            desk.paper,
        ))?,
        // The error says it all.
        Format::Table => {}
    }
    match result {
        Ok(houses) => {
            if houses == Some(0) {
                out::note(NOBODY);
            }
            Ok(Outcome::Done)
        }
        Err(error) => Err(error.into()),
    }
}
