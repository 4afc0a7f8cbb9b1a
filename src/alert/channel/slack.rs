//! Slack: an incoming webhook, or a bot, whose messages are changed in place.

use std::path::Path;

use serde_json::{Value, json};

use super::web::Web;
use super::webhook;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::{Delivery, Outcome};
use crate::alert::text::Text;
use crate::config::Secret;

/// What Slack makes something of in a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An incoming webhook.
#[derive(Debug)]
pub(super) struct Hook(Web);

impl Hook {
    pub(super) fn new(url: &Secret, ca_file: Option<&Path>) -> Result<Self, String> {
        Web::new(url, &[], ca_file).map(Self)
    }

    pub(super) fn host(&self) -> String {
        self.0.host()
    }

    pub(super) async fn send(&self, text: &Text) -> Sent {
        let body = json!({"text": escaped(&text.whole), "unfurl_links": false});
        let answer = self.0.post(self.0.itself(), Vec::new(), body.to_string().into_bytes()).await?;
        self.0.judge(answer).map(|_| None)
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        webhook::reach(&self.0).await
    }
}

/// A bot.
#[derive(Debug)]
pub(super) struct Bot {
    web: Web,
    token: Secret,
    channel: String,
}

impl Bot {
    pub(super) fn new(url: &Secret, token: &Secret, channel: &str, ca_file: Option<&Path>) -> Result<Self, String> {
        Ok(Self { web: Web::new(url, &[token], ca_file)?, token: token.clone(), channel: channel.to_owned() })
    }

    pub(super) fn host(&self) -> String {
        self.web.host()
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Value, Trouble> {
        let headers = vec![
            ("content-type", reqwest::header::HeaderValue::from_static("application/json; charset=utf-8")),
            Web::bearer(&self.token)?,
        ];
        let answer = self.web.post(self.web.at(&format!("/{method}")), headers, body.to_string().into_bytes()).await?;
        let answer = self.web.judge(answer)?;
        let json = answer.json();
        if json.get("ok") == Some(&Value::Bool(true)) {
            return Ok(json);
        }
        let outcome = match json.get("error").and_then(Value::as_str) {
            Some("message_not_found" | "cant_update_message" | "edit_window_closed") => Outcome::HandleGone,
            Some("msg_too_long" | "no_text" | "invalid_blocks") => Outcome::Refused,
            // A person has to mend it, or Slack has to.
            _ => Outcome::Later { after: answer.retry_after },
        };
        Err(Trouble { outcome, why: self.web.said(&answer) })
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text) -> Sent {
        let handle = match delivery.parts.as_slice() {
            [part] => part.handle.as_deref(),
            _ => None,
        };
        // A message is known by its conversation's id and its time; the id may differ from the name that was given.
        let (method, body) = match handle.and_then(|handle| handle.split_once(' ')) {
            Some((channel, ts)) => ("chat.update", json!({"channel": channel, "ts": ts, "text": escaped(&text.whole)})),
            None => (
                "chat.postMessage",
                json!({"channel": self.channel, "text": escaped(&text.whole), "unfurl_links": false}),
            ),
        };
        let answer = self.call(method, &body).await?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        Ok(text("channel").zip(text("ts")).map(|(channel, ts)| format!("{channel} {ts}")))
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        let me = self.call("auth.test", &json!({})).await?;
        let text = |key: &str| me.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        Ok(format!("bot {} of {}", text("user"), text("team")))
    }
}
