//! The listener and its connections.
//!
//! ```text
//!   shutdown (watch) ──────────────┬──────────────┐
//!                                  ▼              ▼
//!   clients ──accept (bounded)──► Server ──► one task a connection ──► routes ──► Board (snapshots)
//! ```

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::http::Request;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::HttpError;
use super::event_stream::Lasting;
use super::pages::Peer;
use super::patience::Patient;
use super::routes;
use crate::config::{self, Secret};
use crate::daemon::Board;

/// What a client may take of us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at a time; further clients wait until one ends.
    pub(super) connections: usize,
    /// Octets of a request's line and headers together.
    pub(super) head: usize,
    /// Headers of a request.
    pub(super) headers: usize,
    /// The longest that a client may take to send line and headers, or to stay idle between two requests.
    pub(super) patience: Duration,
    /// The longest that a client may leave our answer in our buffers without taking any of it.
    pub(super) stall: Duration,
    /// The longest that an answer may take to be made.
    pub(super) answer: Duration,
    /// After this the answer in hand is the connection's last, unless it is one that follows events.
    pub(super) life: Duration,
    /// The longest that a last answer may take.
    pub(super) grace: Duration,
    /// Clients that follow events at a time; they hold a connection each.
    pub(super) followers: usize,
    /// The longest that a client that follows hears nothing.
    pub(super) heartbeat: Duration,
    /// Pages that are made at a time; they walk over every ONU, and polling needs the processors too.
    pub(super) workers: usize,
}

impl Limits {
    pub(super) const USUAL: Self = Self {
        connections: 128,
        head: 16 * 1024,
        headers: 64,
        patience: Duration::from_secs(30),
        stall: Duration::from_secs(30),
        answer: Duration::from_secs(20),
        life: Duration::from_secs(600),
        grace: Duration::from_secs(10),
        followers: 32,
        heartbeat: Duration::from_secs(15),
        workers: 2,
    };
}

/// How long accepting rests when the system refuses, as it does when no file handles are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A bound listener that does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Secret>,
    pub(super) limits: Limits,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("token", &self.token.is_some()).finish()
    }
}

impl Server {
    pub(super) async fn bind(http: &config::Http) -> Result<Self, HttpError> {
        let address = http.listen;
        // The config refuses this at its line; whoever builds a config by hand is refused here.
        if http.token.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(HttpError::NoToken { address });
        }
        let failed = |source: io::Error| HttpError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, token: http.token.clone(), limits: Limits::USUAL })
    }

    /// Where it listens: the port that was given where the config says 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` becomes true or its sender is gone. Then no new client is taken, answers in hand are
    /// finished, and it comes back after ten seconds at the latest.
    pub async fn run(self, board: Board, shutdown: watch::Receiver<bool>) {
        let Self { listener, token, limits, .. } = self;
        let router = routes::router(board, token, limits, shutdown.clone());
        answer(listener, router, limits, shutdown).await;
    }
}

/// Takes clients until shutdown, and sees the last ones out.
async fn answer(listener: TcpListener, router: Router, limits: Limits, mut shutdown: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => note(ended),
            accepted = listener.accept(), if tasks.len() < limits.connections => match accepted {
                Ok((stream, peer)) => {
                    let router = router.clone().layer(Extension(Peer(peer.ip())));
                    tasks.spawn(converse(stream, router, limits, shutdown.clone()));
                }
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no HTTP client can be taken at present");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = tasks.join_next().await {
        note(ended);
    }
}

/// Ends when shutdown is asked for, or when nobody can ask for it any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// A client that hung up between its connecting and our taking it says nothing about the listener.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an HTTP connection ended in an unexpected way");
    }
}

/// Ends when the connection has lived long enough.
async fn life(life: Duration, lasting: &Lasting) {
    sleep(life).await;
    while lasting.is_set() {
        sleep(life).await;
    }
}

/// One connection, with all of its requests.
async fn converse(stream: TcpStream, router: Router, limits: Limits, mut shutdown: watch::Receiver<bool>) {
    // Without it small answers may wait for the client's acknowledgement; refused only by a socket that is closed.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient::new(stream, limits.stall));
    let (lasting, pages) = (Lasting::default(), TowerToHyperService::new(router));
    let mark = lasting.clone();
    let pages = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(mark.clone());
        pages.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_header_size(limits.head)
        .max_headers(limits.headers)
        .serve_connection(io, pages);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut shutdown) => None,
        () = life(limits.life, &lasting) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match timeout(limits.grace, connection).await {
                Ok(ended) => ended,
                Err(_) => {
                    tracing::debug!("an HTTP client did not take its last answer in time");
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP client broke off, was too slow, or did not speak HTTP");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::super::testing::{self, Running, TOKEN};
    use super::*;

    /// Longer than anything here takes on a slow machine.
    const LONG: Duration = Duration::from_secs(60);

    async fn connect(server: &Running) -> TcpStream {
        TcpStream::connect(server.address).await.unwrap()
    }

    /// What comes until the server closes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        // A reset is an end too: the server need not read what it has refused.
        let _ = timeout(LONG, stream.read_to_end(&mut text)).await.expect("the server never closed");
        String::from_utf8(text).unwrap()
    }

    async fn ends(task: tokio::task::JoinHandle<()>) {
        timeout(LONG, task).await.expect("the server never ended").unwrap();
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = taken.local_addr().unwrap();
        let error = Server::bind(&config::Http { listen, token: None }).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("http.listen: cannot listen on {listen}: ")), "{error}");
    }

    #[tokio::test]
    async fn without_a_token_only_loopback_is_listened_on() {
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let http = config::Http { listen: listen.parse().unwrap(), token: None };
            let error = Server::bind(&http).await.unwrap_err();
            assert!(matches!(error, HttpError::NoToken { address } if address == http.listen), "{error}");
        }
        let http = config::Http { listen: "0.0.0.0:0".parse().unwrap(), token: Some(Secret::new(TOKEN.to_owned())) };
        let server = Server::bind(&http).await.unwrap();
        assert_ne!(server.address().port(), 0);
        assert!(!format!("{server:?}").contains(TOKEN));
    }

    #[tokio::test]
    async fn at_shutdown_the_answer_in_hand_is_finished_and_idle_clients_are_sent_away() {
        let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (begun.clone(), release.clone());
        let page = move || async move {
            tell.notify_one();
            wait.notified().await;
            "the whole answer"
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, stop) = watch::channel(false);
        let task = tokio::spawn(answer(listener, Router::new().route("/", get(page)), Limits::USUAL, stop));
        let idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        begun.notified().await;
        shutdown.send_replace(true);
        assert_eq!(rest(idle).await, "");
        release.notify_one();
        let answer = rest(busy).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("the whole answer"), "{answer}");
        ends(task).await;
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn a_shutdown_that_nobody_can_ask_for_any_more_is_one() {
        let Running { task, shutdown, .. } = testing::serve(Vec::new()).await;
        drop(shutdown);
        ends(task).await;
    }

    #[tokio::test]
    async fn a_client_that_never_ends_its_request_is_sent_away_and_others_are_served_meanwhile() {
        let limits = Limits { patience: Duration::from_millis(300), ..Limits::USUAL };
        let server = testing::start(vec![testing::town()], None, None, limits).await;
        let mut slow = connect(&server).await;
        slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        let silent = connect(&server).await;
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
        let answer = rest(slow).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(rest(silent).await, "");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_or_has_too_many_headers_is_refused() {
        let server = testing::serve(vec![testing::town()]).await;
        let long_line = format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000));
        let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: 1\r\n".repeat(100));
        let endless = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Endless: {}", "a".repeat(60_000));
        for head in [long_line, long_header, many, endless] {
            let mut stream = connect(&server).await;
            // It may be refused before all of it was taken.
            let _ = stream.write_all(head.as_bytes()).await;
            let answer = rest(stream).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{:?} was answered by {answer:?}", head.get(..40));
        }
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
    }

    #[tokio::test]
    async fn what_is_no_http_is_refused_and_harms_nobody() {
        let server = testing::serve(vec![testing::town()]).await;
        for noise in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"\0\0\0\0\r\n\r\n",
            b"GET\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
        ] {
            let mut stream = connect(&server).await;
            stream.write_all(noise).await.unwrap();
            stream.shutdown().await.unwrap();
            let answer = rest(stream).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_for_one_to_end() {
        let server = testing::start(Vec::new(), None, None, Limits { connections: 1, ..Limits::USUAL }).await;
        let mut first = connect(&server).await;
        first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(first.read_u8().await.unwrap(), b'H');
        let mut second = connect(&server).await;
        second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(timeout(Duration::from_millis(200), second.read_u8()).await.is_err(), "it has to wait");
        drop(first);
        assert!(rest(second).await.ends_with(r#"{"status":"ok","reasons":[]}"#));
    }

    #[tokio::test]
    async fn a_connection_does_not_live_for_ever() {
        let limits = Limits { life: Duration::from_millis(100), ..Limits::USUAL };
        let server = testing::start(Vec::new(), None, None, limits).await;
        assert_eq!(rest(connect(&server).await).await, "");
    }

    #[tokio::test]
    async fn a_page_that_has_no_turn_in_time_says_that_we_are_busy_and_health_does_not_wait() {
        let limits = Limits { workers: 0, answer: Duration::from_millis(100), ..Limits::USUAL };
        let server = testing::start(vec![testing::town()], None, None, limits).await;
        let response = server.get("/metrics").await;
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
        assert_eq!(server.json("/readyz", 200).await["status"], "ready");
    }
}
