//! The one HTTP client: every request of this room goes out here.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};

use super::answer::{Answer, MAX_BODY, retry_after};
use super::error::{Call, OzmapError};
use super::limit::{Gate, LimitView, Outcome, StopSignal, Timing, Urgency};
use super::pace::Kind;
use crate::config::{Ozmap, Secret};

/// More of a file of certificates is not read; the bundle of a whole system has a quarter of that.
const MAX_CA_FILE: u64 = 1 << 20;

/// A client of one OZmap. Cheap to clone; clones share the connections, the rate and the counters.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    stop: StopSignal,
}

struct Shared {
    http: reqwest::Client,
    root: Url,
    host: String,
    token: Secret,
    gate: Gate,
    timing: Timing,
    counters: Counters,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("root", &self.shared.root.as_str()).finish_non_exhaustive()
    }
}

macro_rules! counters {
    ($($name:ident),+) => {
        /// Requests that went out, by what became of them.
        #[derive(Debug, Default)]
        struct Counters { $($name: AtomicU64,)+ }

        impl Counters {
            fn count(&self, outcome: &str) {
                match outcome {
                    $(stringify!($name) => { self.$name.fetch_add(1, Ordering::Relaxed); })+
                    _ => {}
                }
            }

            fn all(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$((stringify!($name), self.$name.load(Ordering::Relaxed)),)+])
            }
        }
    };
}

counters!(ok, unreachable, busy, failed, denied, refused, malformed);

/// A request to be made.
pub(super) struct Request<'a> {
    pub method: &'static str,
    /// Path below the API's root, without a slash at its front; made of fixed words and ids only.
    pub path: String,
    pub query: &'a [(&'static str, String)],
    pub body: Option<serde_json::Value>,
    pub urgency: Urgency,
}

impl Request<'_> {
    pub(super) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), query: &[], body: None, urgency: Urgency::Background }
    }

    /// A read that is not urgent and asks for a list is one of its pages.
    fn kind(&self) -> Kind {
        match self.method {
            "GET" if matches!(self.urgency, Urgency::Background | Urgency::Plant) && !self.query.is_empty() => {
                Kind::Page
            }
            "GET" => Kind::Read,
            _ => Kind::Write,
        }
    }
}

impl Client {
    /// From `[ozmap]`.
    ///
    /// # Errors
    /// [`OzmapError::Setup`] when the URL or the token cannot be used.
    pub fn new(config: &Ozmap) -> Result<Self, OzmapError> {
        Self::with_timing(config, Timing::default())
    }

    /// From `[ozmap]`, with other waits than the usual ones.
    ///
    /// # Errors
    /// [`OzmapError::Setup`] when the URL or the token cannot be used.
    pub fn with_timing(config: &Ozmap, timing: Timing) -> Result<Self, OzmapError> {
        let setup = |what: String| OzmapError::Setup { what };
        let root = api_root(&config.url)?;
        let host = match (root.host_str(), root.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => return Err(setup("the url names no host".to_owned())),
        };
        let loopback = is_loopback(&root);
        let mut token = HeaderValue::from_str(config.token.expose().trim())
            .map_err(|_| setup("the token holds characters that no HTTP header can carry".to_owned()))?;
        if token.is_empty() {
            return Err(setup("the token is empty".to_owned()));
        }
        token.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token);

        // Several clients may be made in one process: the first one installs it for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("oltwatch/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(timing.connect)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(4)
            // A redirect would carry the token to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if loopback {
            builder = builder.no_proxy();
        }
        if root.scheme() == "http" {
            // Plain http must also work where no certificates are installed; nothing is trusted then.
            builder = builder.tls_certs_only([]);
        }
        if let Some(path) = &config.ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        if config.insecure {
            tracing::warn!(%host, "ozmap.insecure: any certificate is taken: whoever stands between us and OZmap can \
                read the API key and change what is written");
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        let http = builder.build().map_err(|error| setup(chain(&error)))?;
        let gate = Gate::new(config.requests_per_second, config.burst, timing);
        let token = Secret::new(config.token.expose().trim().to_owned());
        let shared = Shared { http, root, host, token, gate, timing, counters: Counters::default() };
        Ok(Self { shared: Arc::new(shared), stop: StopSignal::never() })
    }

    /// Requests that went out so far, by outcome: `ok`, `unreachable`, `busy`, `failed`, `denied`, `refused`,
    /// `malformed`.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.shared.counters.all()
    }

    /// Host and port, for print.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.shared.host
    }

    pub(super) fn timing(&self) -> &Timing {
        &self.shared.timing
    }

    pub(super) fn token(&self) -> &str {
        self.shared.token.expose()
    }

    pub(super) fn root(&self) -> &Url {
        &self.shared.root
    }

    /// What may go out at present, and whether the host answers.
    #[must_use]
    pub fn limits(&self) -> LimitView {
        self.shared.gate.view()
    }

    /// How long nothing goes out because OZmap said `Retry-After`, or because it is left alone.
    pub(super) fn closed_for(&self) -> Duration {
        self.shared.gate.closed_for()
    }

    /// The same client, whose waits end when this is given.
    pub(super) fn until(&self, stop: StopSignal) -> Self {
        Self { shared: self.shared.clone(), stop }
    }

    /// Sends a request, and again while that may help, at most so often. `read` judges a good answer and makes the
    /// value of it.
    pub(super) async fn send<T>(
        &self,
        request: &Request<'_>,
        tries: u32,
        read: impl Fn(&Answer, &Call) -> Result<T, OzmapError>,
    ) -> Result<T, OzmapError> {
        let call = self.call(request);
        let mut failures = 0;
        loop {
            let Some(pass) = self.shared.gate.pass(request.urgency, &self.stop).await else {
                return Err(OzmapError::Stopping);
            };
            let began = tokio::time::Instant::now();
            let exchanged = self
                .exchange(request, &call)
                .await
                .and_then(|answer| answer.error(&call, self.token()).map_or(Ok(answer), Err));
            pass.settle(request.kind(), outcome(exchanged.as_ref().err(), began.elapsed() < self.longest(request)));
            let error = match exchanged.and_then(|answer| read(&answer, &call)) {
                Ok(value) => {
                    self.shared.counters.count("ok");
                    return Ok(value);
                }
                Err(error) => error,
            };
            self.shared.counters.count(error.outcome());
            failures += 1;
            if failures >= tries || !error.transient() {
                return Err(error);
            }
            // With `Retry-After` the gate is closed for that long, and this call waits there with all others.
            let told = matches!(&error, OzmapError::Busy { retry_after: Some(_), .. });
            let wait = if told { Duration::ZERO } else { self.shared.timing.backoff(failures) };
            tracing::debug!(%call, failures, ?wait, %error, "trying again");
            if !self.stop.sleep(wait).await {
                return Err(error);
            }
        }
    }

    fn call(&self, request: &Request<'_>) -> Call {
        Call { method: request.method, path: format!("{}/{}", self.shared.root.path(), request.path) }
    }

    /// The longest wait for the whole answer.
    fn longest(&self, request: &Request<'_>) -> Duration {
        match request.kind() {
            Kind::Write => self.shared.timing.write,
            Kind::Page | Kind::Read => self.shared.timing.read,
        }
    }

    async fn exchange(&self, request: &Request<'_>, call: &Call) -> Result<Answer, OzmapError> {
        let down = |error: reqwest::Error| OzmapError::Unreachable {
            call: call.clone(),
            host: self.shared.host.clone(),
            why: reason(&error, self.shared.root.scheme()),
        };
        let mut url = self.shared.root.clone();
        url.set_path(&call.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query.iter().map(|(key, value)| (key, value.as_str())));
        }
        let method = match request.method {
            "PATCH" => reqwest::Method::PATCH,
            "POST" => reqwest::Method::POST,
            _ => reqwest::Method::GET,
        };
        let mut builder = self.shared.http.request(method, url).timeout(self.longest(request));
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let mut response = builder.send().await.map_err(down)?;
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            html: header(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("text/html")),
            retry_after: header(RETRY_AFTER).and_then(|value| retry_after(value, header(DATE), SystemTime::now())),
            location: header(LOCATION).map(str::to_owned),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(down)? {
            if answer.body.len() + chunk.len() > MAX_BODY {
                return Err(OzmapError::Answer {
                    call: call.clone(),
                    status: answer.status,
                    expected: "at most 32 MiB",
                    found: "more".to_owned(),
                    body: super::answer::excerpt(&answer.body, self.token()),
                });
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// The certificates in a file.
fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, OzmapError> {
    let refuse = |why: String| OzmapError::Setup { what: format!("ozmap.ca_file {}: {why}", path.display()) };
    let unread = |error: std::io::Error| refuse(format!("it cannot be read: {error}"));
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(unread)?;
    file.take(MAX_CA_FILE).read_to_end(&mut pem).map_err(unread)?;
    let no_pem = |found: String| refuse(format!("certificates in PEM were expected, found {found}"));
    let found = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| no_pem(format!("something else ({})", chain(&error))))?;
    if found.is_empty() { Err(no_pem("none".to_owned())) } else { Ok(found) }
}

/// What an exchange tells of the host.
fn outcome(error: Option<&OzmapError>, in_time: bool) -> Outcome {
    match error {
        Some(OzmapError::Busy { retry_after, .. }) => Outcome::Busy(*retry_after),
        Some(OzmapError::Failed { status: 502 | 504, .. }) => Outcome::Gone,
        Some(OzmapError::Unreachable { .. }) => Outcome::Silent { in_time },
        _ => Outcome::Answered,
    }
}

/// The API's root, ending in `/api/v2`, from the URL that people paste.
fn api_root(text: &str) -> Result<Url, OzmapError> {
    let refuse = |found: String| OzmapError::Setup {
        what: format!("ozmap.url: https://HOST:PORT, with or without /api/v2, was expected, found {found}"),
    };
    let mut url = Url::parse(text.trim()).map_err(|error| refuse(format!("a text that is no URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(format!("the scheme {:?}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("a user name or password in it".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("a query or a fragment in it".to_owned()));
    }
    let path = url.path().trim_end_matches('/');
    let path = if path.ends_with("/api/v2") { path.to_owned() } else { format!("{path}/api/v2") };
    url.set_path(&path);
    Ok(url)
}

/// Whether an address names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// What a transport error is, in words that an operator can act on.
fn reason(error: &reqwest::Error, scheme: &str) -> String {
    format!("{}{}", transport(error), hint(scheme, &chain(error)))
}

/// The same without what to do about it.
pub(crate) fn transport(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else if error.is_body() || error.is_decode() {
        "the connection broke in the middle of the answer"
    } else {
        "the connection broke"
    };
    format!("{kind} ({})", chain(error))
}

/// What to do about some of them.
fn hint(scheme: &str, chain: &str) -> &'static str {
    let says = |text: &str| chain.contains(text);
    match scheme {
        "https" if says("InvalidContentType") => "; it does not speak TLS there: does the url begin with http://?",
        "https" if says("UnknownIssuer") || says("CaUsedAsEndEntity") || says("SelfSigned") => {
            "; nobody that we trust signed its certificate: ca_file names one more to trust"
        }
        "https" if says("NotValidForName") || says("not valid for name") => {
            "; the certificate is another host's: does the url name the host as the certificate does?"
        }
        "http" if says("closed before message completed") || says("invalid HTTP version parsed") => {
            "; it may speak TLS only: does the url begin with https://?"
        }
        _ => "",
    }
}

/// An error and what lies under it, without the URL, whose query may be long.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        let text = error.to_string();
        // Wrappers like to repeat what they wrap.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    if texts.is_empty() { "no further detail".to_owned() } else { texts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_url_becomes_the_root_of_the_api() {
        for (pasted, root) in [
            ("https://isp.ozmap.com.br:9994", "https://isp.ozmap.com.br:9994/api/v2"),
            ("https://isp.ozmap.com.br:9994/", "https://isp.ozmap.com.br:9994/api/v2"),
            ("https://isp.ozmap.com.br:9994/api/v2", "https://isp.ozmap.com.br:9994/api/v2"),
            (" http://[::1]:9090/api/v2// ", "http://[::1]:9090/api/v2"),
            ("http://proxy.example/ozmap", "http://proxy.example/ozmap/api/v2"),
        ] {
            assert_eq!(api_root(pasted).unwrap().as_str(), root);
        }
        for wrong in ["", "isp.ozmap.com.br", "ftp://a/", "https://u:p@host/", "https://host/?x=1", "https://host/#x"] {
            let error = api_root(wrong).unwrap_err().to_string();
            assert!(error.contains("ozmap.url") && !error.contains("u:p"), "{error}");
        }
    }

    /// A server of HTTPS with the certificate of `tls/`, for 127.0.0.1, signed by itself; it answers `{}` to all.
    async fn https_server() -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio_rustls::rustls::ServerConfig;
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0_u8; 2048];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                let _ = stream.write_all(answer).await;
            }
        });
        url
    }

    const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
    const KEY: &[u8] = include_bytes!("tls/key.pem");

    #[tokio::test]
    async fn a_certificate_is_trusted_when_its_file_is_named_or_all_are() {
        let fake = crate::ozmap::fake::Fake::start(vec![]).await;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let config = Ozmap { url: https_server().await, ..fake.config() };
        let client = |config: &Ozmap| Client::with_timing(config, crate::ozmap::fake::quick());
        let error = client(&config).unwrap().check().await.unwrap_err().to_string();
        assert!(error.contains("certificate") && error.contains("ca_file names one more"), "{error}");
        let trusted = Ozmap { ca_file: Some(file("ca.pem", CERTIFICATE)), ..config.clone() };
        client(&trusted).unwrap().check().await.unwrap();
        client(&Ozmap { insecure: true, ..config.clone() }).unwrap().check().await.unwrap();
        for (path, word) in [
            (folder.path().join("none.pem"), "No such file"),
            (file("empty.pem", b""), "found none"),
            (file("text.pem", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), "found something else"),
        ] {
            let error = client(&Ozmap { ca_file: Some(path), ..config.clone() }).unwrap_err().to_string();
            assert!(error.contains("ozmap.ca_file") && error.contains(word), "{error}");
        }
    }

    #[tokio::test]
    async fn a_scheme_that_is_the_other_one_is_suspected() {
        let fake = crate::ozmap::fake::Fake::start(vec![]).await;
        let check = async |url: String| {
            let config = Ozmap { url, ..fake.config() };
            let client = Client::with_timing(&config, crate::ozmap::fake::quick()).unwrap();
            client.check().await.unwrap_err().to_string()
        };
        let plain = check(fake.config().url.replace("http://", "https://")).await;
        assert!(plain.contains("does the url begin with http://?"), "{plain}");
        let tls = check(https_server().await.replace("https://", "http://")).await;
        assert!(tls.contains("does the url begin with https://?"), "{tls}");
    }

    #[test]
    fn loopback_is_told_from_hosts_that_look_like_it() {
        for (url, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("http://127.0.0.1.example/", false),
            ("http://192.0.2.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
