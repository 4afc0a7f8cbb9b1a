//! A generic HTTP endpoint: `CloudEvents` 1.0 in structured JSON, signed as the Standard Webhooks specification says.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::Method;
use reqwest::header::HeaderValue;
use sha2::Sha256;

use super::payload;
use super::web::Web;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::Delivery;
use crate::alert::text::Text;
use crate::config::Secret;
use crate::model::Timestamp;

/// By which a secret says that the rest of it is base64.
const SECRET_PREFIX: &str = "whsec_";

#[derive(Debug)]
pub(super) struct Webhook {
    web: Web,
    key: Option<Vec<u8>>,
    token: Option<Secret>,
}

impl Webhook {
    pub(super) fn new(
        url: &Secret,
        secret: Option<&Secret>,
        token: Option<&Secret>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let key = match secret.map(|secret| (secret, secret.expose().strip_prefix(SECRET_PREFIX))) {
            None => None,
            Some((secret, None)) => Some(secret.expose().as_bytes().to_vec()),
            Some((_, Some(rest))) => {
                Some(STANDARD.decode(rest).map_err(|_| format!("its secret is no base64 after {SECRET_PREFIX:?}"))?)
            }
        };
        let secrets: Vec<&Secret> = secret.into_iter().chain(token).collect();
        Ok(Self { web: Web::new(url, &secrets, ca_file)?, key, token: token.cloned() })
    }

    pub(super) fn host(&self) -> String {
        self.web.host()
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text, now: Timestamp) -> Sent {
        let Some(body) = payload::event(delivery, text, now) else {
            return Err(Trouble::refused("the event cannot be written as JSON".to_owned()));
        };
        let mut headers = vec![("content-type", HeaderValue::from_static("application/cloudevents+json"))];
        let seconds = (now.millis() / 1000).to_string();
        headers.push(("webhook-id", header(&delivery.id)?));
        headers.push(("webhook-timestamp", header(&seconds)?));
        if let Some(key) = &self.key {
            headers.push(("webhook-signature", header(&signature(key, &delivery.id, &seconds, &body))?));
        }
        if let Some(token) = &self.token {
            headers.push(Web::bearer(token)?);
        }
        let answer = self.web.post(self.web.itself(), headers, body).await?;
        self.web.judge(answer).map(|_| None)
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        reach(&self.web).await
    }
}

/// Whether anything answers at an address that only takes messages.
pub(super) async fn reach(web: &Web) -> Result<String, Trouble> {
    let answer = web.ask(Method::OPTIONS, web.itself(), Vec::new()).await?;
    Ok(format!("answers (HTTP {} to OPTIONS)", answer.status))
}

fn header(text: &str) -> Result<HeaderValue, Trouble> {
    HeaderValue::from_str(text)
        .map_err(|_| Trouble::refused("a name holds characters that no header can carry".to_owned()))
}

/// `v1,` and the HMAC-SHA256 of id, time and body in base64.
pub(super) fn signature(key: &[u8], id: &str, seconds: &str, body: &[u8]) -> String {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
