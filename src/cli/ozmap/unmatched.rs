//! `oltwatch ozmap unmatched`: who does not fit together.

use serde::Serialize;

use super::{Desk, or_empty, print_csv, print_json, wish};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::poll::tell_failures;
use crate::cli::table::{Grid, Paint, clean, finish, number, painted, text};
use crate::cli::{Outcome, out};
use crate::model::{SweepKind, Verdict};
use crate::ozmap::{AmbiguityLine, ClientLine, Looks, MatchView, OltWishes, OnuLine, candidates, match_onus};

#[derive(Serialize)]
struct Listing<'a> {
    /// OLTs whose ONUs are not all known: a client without an ONU may have it there.
    incomplete_olts: Vec<&'a str>,
    #[serde(flatten)]
    matching: &'a MatchView,
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    let (config, library) = (&desk.loaded.config, &desk.loaded.library);
    let kinds = [SweepKind::Inventory];
    let (looked, directory) = tokio::join!(look_at(&config.olts, &config.snmp, library, &kinds), desk.directory());
    let directory = directory?;
    let wishes: Vec<OltWishes> = looked.iter().map(wishes).collect();
    let onus = candidates(&wishes);
    let matches = match_onus(&onus, &directory, &desk.ozmap.match_by, desk.ozmap.code_pattern.as_ref());
    let view = MatchView::new(&onus, &matches, &directory, usize::MAX);
    let incomplete: Vec<&str> =
        looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect();
    match desk.format {
        Format::Json => print_json(&Listing { incomplete_olts: incomplete, matching: &view })?,
        Format::Csv => print_csv(HEADER, csv_lines(&view))?,
        Format::Table => out::print(&finish(&tables(&view), desk.paper))?,
    }
    let outcome = tell_failures(&looked, false);
    if outcome == Outcome::Failed && !view.idle_clients.is_empty() {
        out::note("warning: clients without an ONU may have theirs on an OLT that could not be read");
    }
    Ok(outcome)
}

fn wishes(looked: &Looked) -> OltWishes {
    let olt = &looked.olt.name;
    let wishes = looked.view.onus().map(|reading| wish(olt, reading, Verdict::Hold, "")).collect();
    OltWishes { olt: olt.clone(), complete: looked.is_complete(), looks: Looks::default(), wishes }
}

const HEADER: [&str; 11] = [
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
];

fn csv_lines(view: &MatchView) -> Vec<[String; 11]> {
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
        ]
    };
    let mut lines: Vec<_> =
        view.unmatched_onus.iter().map(|onu| line("onu_without_client", "", Some(onu), None)).collect();
    lines.extend(view.idle_clients.iter().map(|client| line("client_without_onu", "", None, Some(client))));
    for one in &view.ambiguities {
        // One line for each pair that the key could mean.
        for onu in &one.onus {
            lines.extend(one.clients.iter().map(|client| line(one.kind, one.key, Some(onu), Some(client))));
        }
    }
    lines
}

fn tables(view: &MatchView) -> String {
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
