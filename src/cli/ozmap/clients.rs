//! `oltwatch ozmap clients`: the directory.

use serde::Serialize;

use super::{Desk, or_empty, print_csv, print_json};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::table::{Grid, Paint, clean, number, painted, text};
use crate::cli::{Outcome, out};
use crate::model::Timestamp;
use crate::ozmap::{ClientEntry, ReadReport, Status};

#[derive(Serialize)]
struct Listing<'a> {
    host: &'a str,
    read_at: Timestamp,
    report: ReadReport,
    clients: Vec<ClientEntry<'a>>,
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    let directory = desk.directory().await?;
    let clients: Vec<ClientEntry<'_>> = directory.clients().collect();
    match desk.format {
        Format::Json => print_json(&Listing {
            host: desk.client.host(),
            read_at: directory.read_at(),
            report: *directory.report(),
            clients,
        })?,
        Format::Csv => print_csv(
            [
                "id",
                "code",
                "name",
                "serial",
                "mac",
                "status",
                "implanted",
                "property",
                "potency_read_dbm",
                "pppoe",
                "box",
                "connector",
                "port",
                "longitude",
                "latitude",
            ],
            clients.iter().map(|client| {
                [
                    client.id.to_string(),
                    or_empty(client.code.as_ref()),
                    or_empty(client.name.as_ref()),
                    or_empty(client.serial.as_ref()),
                    or_empty(client.mac.as_ref()),
                    client.status.map(Status::word).unwrap_or_default().to_owned(),
                    client.implanted.to_string(),
                    client.property.to_string(),
                    or_empty(client.potency_read.map(|power| power.get()).as_ref()),
                    or_empty(client.pppoe.as_ref()),
                    or_empty(client.box_id.as_ref()),
                    or_empty(client.connector.as_ref()),
                    or_empty(client.port.as_ref()),
                    or_empty(client.coords.map(|[lng, _]| lng).as_ref()),
                    or_empty(client.coords.map(|[_, lat]| lat).as_ref()),
                ]
            }),
        )?,
        Format::Table => {
            let mut grid = Grid::new(vec![
                text("CODE"),
                text("NAME"),
                text("SERIAL"),
                text("MAC"),
                text("STATUS"),
                number("RX dBm"),
                text("ID"),
            ]);
            for client in &clients {
                grid.row(vec![
                    clean(client.code.unwrap_or_default(), 16),
                    clean(client.name.unwrap_or_default(), 24),
                    or_empty(client.serial.as_ref()),
                    or_empty(client.mac.as_ref()),
                    shown_status(client),
                    client.potency_read.map(|power| format!("{:.2}", power.get())).unwrap_or_default(),
                    painted(&client.id.to_string(), Paint::Faint),
                ]);
            }
            let (good, bad) = (count(&clients, Status::Ok), count(&clients, Status::Error));
            let reserved = clients.iter().filter(|client| !client.implanted).count();
            let sum = format!(
                "{} clients at {}: {good} ok, {bad} error, {reserved} reserved\n",
                clients.len(),
                desk.client.host()
            );
            if grid.is_empty() {
                return out::print(&sum).map(|()| Outcome::Done);
            }
            out::print(&(grid.without_empty_columns(&["CODE", "NAME"]).render(desk.paper) + &sum))?;
        }
    }
    Ok(Outcome::Done)
}

fn count(clients: &[ClientEntry<'_>], status: Status) -> usize {
    clients.iter().filter(|client| client.implanted && client.status == Some(status)).count()
}

fn shown_status(client: &ClientEntry<'_>) -> String {
    match client.status {
        _ if !client.implanted => painted("reserved", Paint::Faint),
        Some(Status::Ok) => painted("ok", Paint::Good),
        Some(Status::Error) => painted("error", Paint::Bad),
        None => painted("unknown", Paint::Warning),
    }
}
