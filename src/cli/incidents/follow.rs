//! `oltwatch incidents follow`: each change of an incident as the daemon tells it, over `/api/v1/events`.
//!
//! The connection stands first and the list is read second, so nothing falls between the two. A connection that is lost is made
//! again, and the daemon goes on where it was; when it no longer can, the list is read again.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::sse::Parser;
use super::{Daemon, PATIENCE, at, clean, incidents, place, text};
use crate::cli::error::CliError;
use crate::cli::stop::{on_signal, stopped};
use crate::cli::{Outcome, out};

/// The daemon says at least every 15 s that it is there.
const SILENCE: Duration = Duration::from_secs(60);
/// Time before a lost connection is made again; doubled with each failure.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Follows until stopped.
pub(super) async fn follow(daemon: &Daemon) -> Result<Outcome, CliError> {
    let mut stop = on_signal()?;
    let mut follower = Follower { daemon, parser: Parser::default(), told: HashMap::new() };
    // Whether it can be followed at all is known at once.
    let mut stream = follower.connect().await?;
    follower.tell_open().await?;
    let mut pause = PAUSE;
    loop {
        let lost = tokio::select! {
            lost = follower.listen(&mut stream) => lost?,
            () = stopped(&mut stop) => return Ok(Outcome::Done),
        };
        out::note(&format!("{lost}; trying again"));
        match follower.again(&mut stop, &mut pause).await {
            Some(again) => stream = again,
            None => return Ok(Outcome::Done),
        }
    }
}

struct Follower<'a> {
    daemon: &'a Daemon,
    parser: Parser,
    /// What was last told of each incident that is not over.
    told: HashMap<String, String>,
}

impl Follower<'_> {
    async fn connect(&mut self) -> Result<reqwest::Response, CliError> {
        // One answer that never ends has no longest time, but what stays away for long is gone.
        let client = reqwest::Client::builder().no_proxy().connect_timeout(PATIENCE).read_timeout(SILENCE).build();
        let client = client.map_err(|error| CliError::Failed(format!("cannot ask the daemon: {error}")))?;
        self.parser.reset();
        let mut request = self.daemon.request(&client, "/events?types=incident");
        if let Some(id) = &self.parser.last_id {
            request = request.header("Last-Event-ID", id);
        }
        self.daemon.good(request).await
    }

    /// A connection after one that was lost; `None` when it is time to stop.
    async fn again(&mut self, stop: &mut watch::Receiver<bool>, pause: &mut Duration) -> Option<reqwest::Response> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(*pause) => {}
                () = stopped(stop) => return None,
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            let connected = tokio::select! {
                connected = self.connect() => connected,
                () = stopped(stop) => return None,
            };
            match connected {
                Ok(stream) => {
                    *pause = PAUSE;
                    return Some(stream);
                }
                Err(error) => out::note(&format!("{error}; trying again")),
            }
        }
    }

    /// Tells what comes, until the connection is lost; gives why.
    async fn listen(&mut self, stream: &mut reqwest::Response) -> Result<String, CliError> {
        loop {
            let chunk = match stream.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok("the daemon ended the connection".to_owned()),
                Err(error) => return Ok(format!("the connection to the daemon is lost: {error}")),
            };
            let Ok(events) = self.parser.take(&chunk) else {
                return Err(CliError::Failed("the daemon sends what is no stream of events".to_owned()));
            };
            for event in events {
                match event.kind.as_str() {
                    "incident" => {
                        let incident: Value = serde_json::from_str(&event.data).map_err(|error| {
                            CliError::Failed(format!("the daemon sent an event that cannot be read: {error}"))
                        })?;
                        self.tell(&incident)?;
                    }
                    "missed" => {
                        out::note("some changes are no longer held; this is how things stand now:");
                        self.tell_open().await?;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Tells of each that is not over, unless it was told so.
    async fn tell_open(&mut self) -> Result<(), CliError> {
        for incident in incidents(self.daemon.get("").await?) {
            let is_told = self.told.contains_key(&text(&incident, "id"));
            // What was over before anything was told of it is no news.
            if is_told || at(&incident, "/state") != "cleared" {
                self.tell(&incident)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, incident: &Value) -> Result<(), CliError> {
        let id = text(incident, "id");
        let now = format!(
            "{} {} at {}: {} lost, {} back, certainty {}; {}",
            text(incident, "state"),
            text(incident, "kind"),
            place(incident),
            text(incident, "lost"),
            text(incident, "recovered"),
            text(incident, "confidence"),
            clean(at(incident, "/evidence").as_str().unwrap_or_default())
        );
        if self.told.get(&id) == Some(&now) {
            return Ok(());
        }
        out::print(&format!("{id} {now}\n"))?;
        if at(incident, "/state") == "cleared" {
            self.told.remove(&id);
        } else {
            self.told.insert(id, now);
        }
        Ok(())
    }
}
