//! `oltwatch ozmap check`: whether OZmap takes the token.

use std::time::Instant;

use serde::Serialize;

use super::{Desk, print_csv, print_json};
use crate::cli::args::Format;
use crate::cli::error::{CliError, chain};
use crate::cli::table::{Paint, finish, painted};
use crate::cli::{Outcome, out};

#[derive(Serialize)]
struct Checked {
    host: String,
    good: bool,
    elapsed_ms: u64,
    error: Option<String>,
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let result = desk.client.check().await;
    let checked = Checked {
        host: desk.client.host().to_owned(),
        good: result.is_ok(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error: result.as_ref().err().map(|error| chain(error)),
    };
    match desk.format {
        Format::Json => print_json(&checked)?,
        Format::Csv => print_csv(
            ["host", "good", "elapsed_ms", "error"],
            [[
                checked.host.clone(),
                checked.good.to_string(),
                checked.elapsed_ms.to_string(),
                checked.error.clone().unwrap_or_default(),
            ]],
        )?,
        Format::Table if checked.good => out::print(&finish(
            &format!(
                "OZmap at {} {}; it answered in {} ms\n",
                checked.host,
                painted("takes the token", Paint::Good),
                checked.elapsed_ms
            ),
            desk.paper,
        ))?,
        // The error says it all.
        Format::Table => {}
    }
    match result {
        Ok(()) => Ok(Outcome::Done),
        Err(error) => Err(error.into()),
    }
}
