//! An address that is called as long as we live, for a service that alerts when nobody calls.

use std::time::Duration;

use reqwest::Method;

use super::web::Web;
use super::webhook;
use crate::alert::error::{AlertError, Sent};
use crate::config::alert::{Alert, AlertChannel};

/// See the module.
#[derive(Debug)]
pub struct Heartbeat {
    web: Web,
    every: Duration,
}

impl Heartbeat {
    /// From a section; `None` for one of another kind.
    ///
    /// # Errors
    /// [`AlertError`] when the section cannot be carried out.
    pub fn new(config: &Alert) -> Result<Option<Self>, AlertError> {
        let AlertChannel::Heartbeat { url, every } = &config.channel else { return Ok(None) };
        match Web::new(url, &[], config.ca_file.as_deref()) {
            Ok(web) => Ok(Some(Self { web, every: *every })),
            Err(what) => Err(AlertError { channel: config.name.clone(), what }),
        }
    }

    /// How often it is called.
    #[must_use]
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// Where it goes, for people.
    #[must_use]
    pub fn address(&self) -> String {
        self.web.host()
    }

    /// Calls once.
    ///
    /// # Errors
    /// [`Trouble`](crate::alert::Trouble) when it was not taken.
    pub async fn beat(&self) -> Sent {
        let answer = self.web.ask(Method::GET, self.web.itself(), Vec::new()).await?;
        self.web.judge(answer).map(|_| None)
    }

    /// Whether anything answers there; it does not count as a call.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn reach(&self) -> Result<String, String> {
        webhook::reach(&self.web).await.map_err(|trouble| trouble.why)
    }
}
