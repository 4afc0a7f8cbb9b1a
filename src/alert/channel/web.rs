//! Requests to channels over HTTP.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::alert::error::Trouble;
use crate::alert::life::Outcome;
use crate::config::Secret;
use crate::ozmap::{is_loopback, retry_after, transport};

/// Longest waits for a connection and for an answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// Longest answer that is read; what channels say is short.
const LONGEST_ANSWER: usize = 64 * 1024;
/// What of an answer is repeated to people, in characters.
/// The shortest part of an address that may be a secret.
const LEAST_SECRET: usize = 8;
const LONGEST_ECHO: usize = 160;
/// A channel that does not know us is asked again after this: a person has to mend it.
const DENIED_PAUSE: Duration = Duration::from_secs(60);
/// More of a file of certificates is not read.
const LONGEST_CA: u64 = 1 << 20;

/// A client for one channel.
#[derive(Clone)]
pub(super) struct Web {
    client: reqwest::Client,
    root: Url,
    /// Must not show in what is repeated.
    secrets: Vec<Secret>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest of the address may be a secret.
        formatter.debug_struct("Web").field("host", &self.host()).finish_non_exhaustive()
    }
}

/// What a channel answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    /// The body, if it is JSON; else null.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Web {
    /// For this address; `secrets` are those that go out with requests.
    pub(super) fn new(root: &Secret, secrets: &[&Secret], ca_file: Option<&Path>) -> Result<Self, String> {
        // Several clients may be made in one process: the first one installs it for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What the parser says may repeat the address, which may be the secret.
        let url = Url::parse(root.expose()).map_err(|_| "its address is none".to_owned())?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("oltwatch/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(2)
            // A redirect would carry the token to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            // Plain http must also work where no certificates are installed; nothing is trusted then.
            builder = builder.tls_certs_only([]);
        }
        if let Some(path) = ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        let client = builder.build().map_err(|error| error.without_url().to_string())?;
        // Others repeat the path, or a part of it, rather than the address.
        let path = format!("{}/{}", url.path(), url.query().unwrap_or_default());
        let parts = path.split(['/', '&', '=']).filter(|part| part.len() >= LEAST_SECRET);
        let parts = parts.map(|part| Secret::new(part.to_owned()));
        let secrets = secrets.iter().copied().chain([root]).cloned().chain(parts).collect();
        Ok(Self { client, root: url, secrets })
    }

    /// Host and port, for people.
    pub(super) fn host(&self) -> String {
        let host = self.root.host_str().unwrap_or_default();
        match self.root.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The address with more path at its end.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// The address itself.
    pub(super) fn itself(&self) -> Url {
        self.root.clone()
    }

    /// A bearer token as a header.
    pub(super) fn bearer(token: &Secret) -> Result<(&'static str, HeaderValue), Trouble> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| Trouble::refused("the token holds characters that no header can carry".to_owned()))?;
        value.set_sensitive(true);
        Ok(("authorization", value))
    }

    /// Sends a body of JSON.
    pub(super) async fn post(
        &self,
        url: Url,
        headers: Vec<(&'static str, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        let json = (CONTENT_TYPE.as_str(), HeaderValue::from_static("application/json"));
        let all = header_map(std::iter::once(json).chain(headers));
        self.exchange(self.client.post(url).headers(all).body(body)).await
    }

    /// Asks for something.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: Vec<(&'static str, HeaderValue)>,
    ) -> Result<Answer, Trouble> {
        let all = header_map(headers);
        self.exchange(self.client.request(method, url).headers(all)).await
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Answer, Trouble> {
        let down =
            |error: reqwest::Error| Trouble::later(format!("{} {}", self.host(), transport(&error.without_url())));
        let mut response = request.send().await.map_err(down)?;
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let wait = header(RETRY_AFTER).and_then(|value| retry_after(value, header(DATE), SystemTime::now()));
        let mut answer = Answer { status: response.status().as_u16(), body: Vec::new(), retry_after: wait };
        while answer.body.len() < LONGEST_ANSWER {
            // An answer that breaks off was an answer.
            let Ok(Some(chunk)) = response.chunk().await else { break };
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// A good answer, or what follows from another one.
    pub(super) fn judge(&self, answer: Answer) -> Result<Answer, Trouble> {
        let outcome = match answer.status {
            200..300 => return Ok(answer),
            // Slow down, or wait for a person who mends the token or the address.
            300..=399 | 401 | 403 | 404 | 405 | 407 | 410 => {
                Outcome::Later { after: Some(answer.retry_after.unwrap_or(DENIED_PAUSE)) }
            }
            408 | 425 | 429 | 500.. => Outcome::Later { after: answer.retry_after },
            _ => Outcome::Refused,
        };
        Err(Trouble { outcome, why: self.said(&answer) })
    }

    /// What was answered, for people.
    pub(super) fn said(&self, answer: &Answer) -> String {
        let mut text = String::from_utf8_lossy(&answer.body).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret.expose(), "…");
        }
        let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_ECHO).collect();
        format!("{} answers {}: {}", self.host(), answer.status, text.trim())
    }
}

/// Of several of one name, the last.
fn header_map<'a>(headers: impl IntoIterator<Item = (&'a str, HeaderValue)>) -> HeaderMap {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        if let Ok(name) = name.parse::<HeaderName>() {
            all.insert(name, value);
        }
    }
    all
}

/// The certificates in a file.
fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let refuse = |why: String| format!("ca_file {}: certificates in PEM were expected, {why}", path.display());
    let pem = read_ca(path).map_err(|error| refuse(error.to_string()))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| refuse(error.to_string()))?;
    if found.is_empty() { Err(refuse("found none".to_owned())) } else { Ok(found) }
}

/// A file of certificates, as far as it may be one.
pub(super) fn read_ca(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    std::fs::File::open(path)?.take(LONGEST_CA).read_to_end(&mut pem)?;
    Ok(pem)
}
