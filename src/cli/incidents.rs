//! `oltwatch incidents`: what a running daemon says that losses have in common, over its HTTP API.

use std::collections::HashMap;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::args::{ConfigArgs, Format};
use super::error::CliError;
use super::load;
use super::out::Paper;
use super::ozmap::{print_csv, print_json};
use super::stop::{on_signal, stopped};
use super::table::{Grid, Paint, number, painted};
use super::{Outcome, out, table};
use crate::config::Http;

mod close;
mod precision;

use close::CloseArgs;
use precision::PrecisionArgs;

/// How often `follow` looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// `incidents …`.
#[derive(Debug, Subcommand)]
pub(super) enum IncidentsCommand {
    /// List them: those under way first
    List(ListArgs),
    /// Show one with its evidence, what else it may be, and whom it hits
    Show(ShowArgs),
    /// Print each change as it comes, until stopped
    Follow(FollowArgs),
    /// Say what one really was, and where; one that is not over ends with it
    Close(CloseArgs),
    /// Show how often incidents were called what people said that they were
    Precision(PrecisionArgs),
}

/// `incidents list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<Stage>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// `incidents show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its id, as `list` shows it
    id: String,
    /// Print it as the API gives it
    #[arg(long)]
    json: bool,
}

/// `incidents follow`.
#[derive(Debug, Args)]
pub(super) struct FollowArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// `incidents list --state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Open,
    Recovering,
    Cleared,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recovering => "recovering",
            Self::Cleared => "cleared",
        }
    }
}

pub(super) async fn run(command: &IncidentsCommand, paper: Paper) -> Result<Outcome, CliError> {
    let config = match command {
        IncidentsCommand::Close(args) => return close::run(args),
        IncidentsCommand::Precision(args) => return precision::run(args, paper),
        IncidentsCommand::List(ListArgs { config, .. })
        | IncidentsCommand::Show(ShowArgs { config, .. })
        | IncidentsCommand::Follow(FollowArgs { config, .. }) => config,
    };
    let loaded = load::load(&config.config)?;
    let Some(http) = &loaded.config.http else {
        let what = format!("{}: there is no [http] section, so a daemon cannot be asked", config.config.display());
        return Err(CliError::Failed(what));
    };
    let daemon = Daemon::new(http)?;
    match command {
        IncidentsCommand::List(args) => {
            let path = args.state.map_or_else(String::new, |state| format!("?state={}", state.word()));
            let all = incidents(daemon.get(&path).await?);
            list(&all, args.format, paper)?;
        }
        IncidentsCommand::Show(args) => {
            // An id has letters and digits; anything else is none, and not part of a path.
            let id: String = args.id.chars().filter(char::is_ascii_alphanumeric).collect();
            let one = daemon.get(&format!("/{id}")).await?;
            if args.json {
                print_json(&one)?;
            } else {
                out::print(&described(&one))?;
            }
        }
        IncidentsCommand::Follow(_) => return follow(&daemon).await,
        // They need no daemon, and are done above.
        IncidentsCommand::Close(_) | IncidentsCommand::Precision(_) => {}
    }
    Ok(Outcome::Done)
}

/// The API of a daemon that runs.
struct Daemon {
    client: reqwest::Client,
    root: String,
    token: Option<String>,
}

impl Daemon {
    fn new(http: &Http) -> Result<Self, CliError> {
        // One provider is as good as another, and there may be one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = client.map_err(|error| CliError::Failed(format!("cannot ask the daemon: {error}")))?;
        let mut address = http.listen;
        if address.ip().is_unspecified() {
            let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
            address.set_ip(loopback);
        }
        let token = http.token.as_ref().map(|token| token.expose().to_owned());
        Ok(Self { client, root: format!("http://{address}/api/v1/incidents"), token })
    }

    async fn get(&self, path: &str) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.root);
        let mut request = self.client.get(&url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let failed = |error: reqwest::Error| {
            CliError::Failed(format!(
                "no answer from the daemon at {url}, as [http] listen names it; does it run? {error}"
            ))
        };
        let response = request.send().await.map_err(failed)?;
        let good = response.status().is_success();
        let document: Value = response.json().await.map_err(failed)?;
        if good {
            return Ok(document);
        }
        let detail = at(&document, "/detail").as_str().unwrap_or("it does not say why");
        Err(CliError::Failed(format!("{url}: {}", clean(detail))))
    }
}

/// Longest text of a line.
const LONGEST: usize = 500;

fn clean(text: &str) -> String {
    table::clean(text, LONGEST)
}

fn incidents(document: Value) -> Vec<Value> {
    match document {
        Value::Object(mut object) => match object.remove("incidents") {
            Some(Value::Array(all)) => all,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What stands at a place in a document; null where nothing does.
fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

fn text(incident: &Value, field: &str) -> String {
    match at(incident, &format!("/{field}")) {
        Value::String(text) => clean(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Where it lies, in a few words.
fn place(incident: &Value) -> String {
    let place = at(incident, "/place");
    let name = |what: &Value| at(what, "/name").as_str().map(clean);
    match (name(at(place, "/element")), name(at(place, "/from")), name(at(place, "/to"))) {
        (Some(element), Some(from), Some(to)) if from != to => format!("{element}, {from} to {to}"),
        (Some(element), ..) => element,
        _ => at(incident, "/pons")
            .as_array()
            .and_then(|pons| pons.first())
            .map(|pon| format!("{} {}", text(pon, "olt"), text(pon, "pon")))
            .unwrap_or_default(),
    }
}

fn list(all: &[Value], format: Format, paper: Paper) -> Result<(), CliError> {
    let line = |incident: &Value| {
        [
            text(incident, "id"),
            text(incident, "kind"),
            text(incident, "state"),
            text(incident, "severity"),
            text(incident, "opened_at"),
            place(incident),
            text(incident, "lost"),
            text(incident, "monitored"),
            text(incident, "recovered"),
            text(incident, "confidence"),
        ]
    };
    const HEADER: [&str; 10] =
        ["id", "kind", "state", "severity", "opened_at", "place", "lost", "monitored", "recovered", "confidence"];
    match format {
        Format::Json => print_json(&serde_json::json!({ "incidents": all })),
        Format::Csv => print_csv(HEADER, all.iter().map(line)),
        Format::Table => {
            if all.is_empty() {
                return out::print("no incidents\n");
            }
            let mut grid = Grid::new(vec![
                table::text("KIND"),
                table::text("STATE"),
                table::text("SINCE"),
                table::text("PLACE"),
                number("LOST"),
                number("OF"),
                number("BACK"),
                number("SURE"),
                table::text("ID"),
            ]);
            for incident in all {
                let paint = match (at(incident, "/state").as_str(), at(incident, "/severity").as_str()) {
                    (Some("cleared"), _) => Paint::Faint,
                    (_, Some("critical" | "major")) => Paint::Bad,
                    _ => Paint::Warning,
                };
                grid.row(vec![
                    painted(&text(incident, "kind"), paint),
                    text(incident, "state"),
                    text(incident, "opened_at"),
                    place(incident),
                    text(incident, "lost"),
                    text(incident, "monitored"),
                    text(incident, "recovered"),
                    text(incident, "confidence"),
                    painted(&text(incident, "id"), Paint::Faint),
                ]);
            }
            out::print(&grid.render(paper))
        }
    }
}

/// All that is known of one, in lines.
fn described(incident: &Value) -> String {
    let mut lines = vec![
        format!(
            "{} {}, {}, {}",
            text(incident, "kind"),
            text(incident, "id"),
            text(incident, "state"),
            text(incident, "severity")
        ),
        format!("place      {}", place(incident)),
    ];
    if let [from, to] = at(incident, "/place/metres_from_olt").as_array().map(Vec::as_slice).unwrap_or_default() {
        let stretch = if from == to { from.to_string() } else { format!("{from} to {to}") };
        lines.push(format!("distance   {stretch} m from the OLT"));
    }
    if let [longitude, latitude] = at(incident, "/place/coords").as_array().map(Vec::as_slice).unwrap_or_default() {
        lines.push(format!("position   {latitude}, {longitude}"));
    }
    lines.push(format!("since      {}", text(incident, "opened_at")));
    if !at(incident, "/cleared_at").is_null() {
        lines.push(format!("over       {}", text(incident, "cleared_at")));
    }
    lines.push(format!(
        "size       {} lost of {} monitored, {} back",
        text(incident, "lost"),
        text(incident, "monitored"),
        text(incident, "recovered")
    ));
    lines.push(format!("certainty  {}", text(incident, "confidence")));
    let closing = at(incident, "/closing");
    if !closing.is_null() {
        let place = text(closing, "at");
        let place = if place.is_empty() { place } else { format!(" at {place}") };
        lines.push(format!("it was     {}{place}, said {}", text(closing, "cause"), text(closing, "given_at")));
        if !at(closing, "/note").is_null() {
            lines.push(format!("note       {}", text(closing, "note")));
        }
    }
    lines.push(format!("evidence   {}", text(incident, "evidence")));
    for other in at(incident, "/alternatives").as_array().into_iter().flatten() {
        lines.push(format!("or         {} at {}: {}", text(other, "kind"), place(other), text(other, "odds")));
    }
    for onu in at(incident, "/onus").as_array().into_iter().flatten() {
        lines.push(format!(
            "onu        {} {} {} {} {} {}",
            text(onu, "olt"),
            text(onu, "pon"),
            text(onu, "onu"),
            text(onu, "serial"),
            text(onu, "code"),
            text(onu, "box")
        ));
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

async fn follow(daemon: &Daemon) -> Result<Outcome, CliError> {
    let mut stop = on_signal()?;
    let mut known: HashMap<String, String> = HashMap::new();
    loop {
        let all = incidents(daemon.get("").await?);
        for incident in &all {
            let now = format!(
                "{} {} at {}: {} lost, {} back, certainty {}; {}",
                text(incident, "state"),
                text(incident, "kind"),
                place(incident),
                text(incident, "lost"),
                text(incident, "recovered"),
                text(incident, "confidence"),
                text(incident, "evidence")
            );
            let id = text(incident, "id");
            // What was over before this began is no news.
            let is_old = known.is_empty() && at(incident, "/state") == "cleared";
            if known.get(&id) != Some(&now) && !is_old {
                out::print(&format!("{id} {now}\n"))?;
            }
            known.insert(id, now);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopped(&mut stop) => return Ok(Outcome::Done),
        }
    }
}
