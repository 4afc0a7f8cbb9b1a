//! `oltwatch ozmap unmatched`: who does not fit together.

use serde::Serialize;

use super::{Desk, identified, or_empty, print_csv, print_json};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::look::look_at;
use crate::cli::poll::tell_failures;
use crate::cli::table::{Grid, Paint, clean, finish, number, painted, text};
use crate::cli::{Outcome, out};
use crate::model::{Mac, Serial, SweepKind};
use crate::ozmap::{
    AmbiguityLine, ClientId, ClientLine, Difference, Keys, MatchView, OltWishes, OnuLine, candidates, match_onus,
    near_misses,
};

#[derive(Serialize)]
struct Listing<'a> {
    /// OLTs whose ONUs are not all known: a client without an ONU may have it there.
    incomplete_olts: Vec<&'a str>,
    #[serde(flatten)]
    matching: &'a MatchView,
    /// ONUs without a client and clients without an ONU whose keys are almost the same.
    near_misses: &'a [Suggestion<'a>],
}

/// An ONU and a client that may belong together.
#[derive(Serialize)]
struct Suggestion<'a> {
    onu: &'a OnuLine,
    client: &'a ClientLine,
    /// `serial` or `mac`.
    key: &'static str,
    difference: Difference,
}

fn keys(serial: Option<&Serial>, mac: Option<Mac>) -> Keys<'_> {
    Keys { serial: serial.map(Serial::as_str), mac }
}

/// What is almost the same in what did not fit together.
fn suggestions(view: &MatchView) -> Vec<Suggestion<'_>> {
    let onus: Vec<Keys<'_>> = view.unmatched_onus.iter().map(|onu| keys(onu.serial.as_ref(), onu.mac)).collect();
    let clients: Vec<(ClientId, Keys<'_>)> =
        view.idle_clients.iter().map(|client| (client.id, keys(client.serial.as_ref(), client.mac))).collect();
    let client = |id: ClientId| {
        let place = view.idle_clients.binary_search_by_key(&id, |client| client.id).ok()?;
        view.idle_clients.get(place)
    };
    let near = near_misses(&onus, &clients);
    near.into_iter()
        .filter_map(|one| {
            let (onu, client) = (view.unmatched_onus.get(one.onu)?, client(one.client)?);
            Some(Suggestion { onu, client, key: one.key, difference: one.difference })
        })
        .collect()
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    let (config, library) = (&desk.loaded.config, &desk.loaded.library);
    let kinds = [SweepKind::Inventory];
    let (looked, directory) = tokio::join!(look_at(&config.olts, &config.snmp, library, &kinds), desk.directory());
    let directory = directory?;
    let wishes: Vec<OltWishes> = looked.iter().map(identified).collect();
    let onus = candidates(&wishes);
    let matches = match_onus(&onus, &directory, (&desk.ozmap).into());
    let view = MatchView::new(&onus, &matches, &directory, usize::MAX);
    let incomplete: Vec<&str> =
        looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect();
    let near = suggestions(&view);
    match desk.format {
        Format::Json => print_json(&Listing { incomplete_olts: incomplete, matching: &view, near_misses: &near })?,
        Format::Csv => print_csv(HEADER, csv_lines(&view, &near))?,
        Format::Table => out::print(&finish(&tables(&view, &near), desk.paper))?,
    }
    let outcome = tell_failures(&looked, false);
    if outcome == Outcome::Failed && !view.idle_clients.is_empty() {
        out::note("warning: clients without an ONU may have theirs on an OLT that could not be read");
    }
    Ok(outcome)
}

const HEADER: [&str; 14] = [
    "kind",
    "key",
    "olt",
    "pon",
    "onu",
    "onu_serial",
    "onu_mac",
    "onu_name",
    "client_id",
    "client_code",
    "client_name",
    "client_serial",
    "client_mac",
    "difference",
];

fn csv_lines(view: &MatchView, near: &[Suggestion<'_>]) -> Vec<[String; 14]> {
    let line = |kind: &str, key: &str, onu: Option<&OnuLine>, client: Option<&ClientLine>| {
        [
            kind.to_owned(),
            key.to_owned(),
            or_empty(onu.map(|onu| &onu.olt)),
            or_empty(onu.and_then(|onu| onu.pon.as_ref())),
            or_empty(onu.and_then(|onu| onu.onu.as_ref())),
            or_empty(onu.and_then(|onu| onu.serial.as_ref())),
            or_empty(onu.and_then(|onu| onu.mac.as_ref())),
            or_empty(onu.and_then(|onu| onu.name.as_ref())),
            or_empty(client.map(|client| &client.id)),
            or_empty(client.and_then(|client| client.code.as_ref())),
            or_empty(client.and_then(|client| client.name.as_ref())),
            or_empty(client.and_then(|client| client.serial.as_ref())),
            or_empty(client.and_then(|client| client.mac.as_ref())),
            String::new(),
        ]
    };
    let mut lines: Vec<_> =
        view.unmatched_onus.iter().map(|onu| line("onu_without_client", "", Some(onu), None)).collect();
    lines.extend(view.idle_clients.iter().map(|client| line("client_without_onu", "", None, Some(client))));
    lines.extend(near.iter().map(|one| {
        let mut line = line("near_miss", one.key, Some(one.onu), Some(one.client));
        if let Some(difference) = line.last_mut() {
            one.difference.words().clone_into(difference);
        }
        line
    }));
    for one in &view.ambiguities {
        // One line for each pair that the key could mean.
        for onu in &one.onus {
            lines.extend(one.clients.iter().map(|client| line(one.kind, one.key, Some(onu), Some(client))));
        }
    }
    lines
}

fn tables(view: &MatchView, near: &[Suggestion<'_>]) -> String {
    let mut shown = String::new();
    if !view.unmatched_onus.is_empty() {
        let mut grid =
            Grid::new(vec![text("OLT"), text("PON"), number("ONU"), text("SERIAL"), text("MAC"), text("NAME")]);
        for onu in &view.unmatched_onus {
            grid.row(onu_cells(onu));
        }
        shown.push_str(&format!("{}\n", painted("ONUs without a client", Paint::Strong)));
        shown.push_str(&(grid.without_empty_columns(&[]).lines(2) + "\n"));
    }
    if !view.idle_clients.is_empty() {
        let mut grid = Grid::new(vec![text("CODE"), text("NAME"), text("SERIAL"), text("MAC"), text("ID")]);
        for client in &view.idle_clients {
            grid.row(vec![
                clean(client.code.as_deref().unwrap_or_default(), 16),
                clean(client.name.as_deref().unwrap_or_default(), 24),
                or_empty(client.serial.as_ref()),
                or_empty(client.mac.as_ref()),
                painted(&client.id.to_string(), Paint::Faint),
            ]);
        }
        shown.push_str(&format!("{}\n", painted("Clients without an ONU", Paint::Strong)));
        shown.push_str(&(grid.without_empty_columns(&[]).lines(2) + "\n"));
    }
    if !near.is_empty() {
        let mut grid = Grid::new(vec![
            text("OLT"),
            text("PON"),
            number("ONU"),
            text("HAS"),
            text("CLIENT"),
            text("HAS"),
            text("WHY"),
        ]);
        for one in near {
            let (ours, theirs) = match one.key {
                "mac" => (or_empty(one.onu.mac.as_ref()), or_empty(one.client.mac.as_ref())),
                _ => (or_empty(one.onu.serial.as_ref()), or_empty(one.client.serial.as_ref())),
            };
            grid.row(vec![
                clean(one.onu.olt.as_str(), 24),
                or_empty(one.onu.pon.as_ref()),
                or_empty(one.onu.onu.as_ref()),
                ours,
                one.client.code.as_deref().map_or_else(|| one.client.id.to_string(), |code| clean(code, 16)),
                theirs,
                one.difference.words().to_owned(),
            ]);
        }
        shown.push_str(&format!("{}\n", painted("Near misses: typed wrong in OZmap?", Paint::Strong)));
        shown.push_str(&(grid.lines(2) + "\n"));
    }
    if !view.ambiguities.is_empty() {
        let mut grid = Grid::new(vec![text("WHAT"), text("ONUS"), text("CLIENTS")]);
        for one in &view.ambiguities {
            grid.row(ambiguity_cells(one));
        }
        shown.push_str(&format!("{}\n", painted("Ambiguous: nothing is written for these", Paint::Strong)));
        shown.push_str(&(grid.lines(2) + "\n"));
    }
    let by: Vec<String> = view
        .matched_by
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(key, count)| format!("{count} by {key}"))
        .collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    shown.push_str(&format!(
        "{}{by}; {}, {} reserved, {} clients without an ONU, {} ambiguous\n",
        painted(&format!("{} ONUs with a client", view.matched), Paint::Good),
        painted(&format!("{} without", view.unmatched), if view.unmatched == 0 { Paint::Good } else { Paint::Warning }),
        view.not_implanted,
        view.clients_without_onu,
        view.ambiguous
    ));
    shown
}

fn onu_cells(onu: &OnuLine) -> Vec<String> {
    vec![
        clean(onu.olt.as_str(), 24),
        or_empty(onu.pon.as_ref()),
        or_empty(onu.onu.as_ref()),
        or_empty(onu.serial.as_ref()),
        or_empty(onu.mac.as_ref()),
        clean(onu.name.as_deref().unwrap_or_default(), 24),
    ]
}

fn ambiguity_cells(one: &AmbiguityLine) -> Vec<String> {
    let what = match one.kind {
        "many_clients" => format!("one {}, several clients", one.key),
        _ => format!("several ONUs, one client (by {})", one.key),
    };
    let onus: Vec<String> = one
        .onus
        .iter()
        .map(|onu| format!("{} {} {}", onu.olt, or_empty(onu.pon.as_ref()), or_empty(onu.onu.as_ref())))
        .collect();
    let clients: Vec<String> = one
        .clients
        .iter()
        .map(|client| client.code.as_deref().map_or_else(|| client.id.to_string(), |code| clean(code, 16)))
        .collect();
    vec![what, clean(&onus.join(", "), 40), clean(&clients.join(", "), 40)]
}
