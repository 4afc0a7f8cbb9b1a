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

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::HttpError;
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
    /// After this the answer in hand is the connection's last.
    pub(super) life: Duration,
    /// The longest that a last answer may take.
    pub(super) grace: Duration,
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
    pub async fn run(self, board: Board, mut shutdown: watch::Receiver<bool>) {
        let Self { listener, token, limits, .. } = self;
        let router = routes::router(board, token, limits, shutdown.clone());
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut shutdown) => break,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => note(ended),
                accepted = listener.accept(), if tasks.len() < limits.connections => match accepted {
                    Ok((stream, _)) => {
                        tasks.spawn(converse(stream, router.clone(), limits, shutdown.clone()));
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

/// One connection, with all of its requests.
async fn converse(stream: TcpStream, router: Router, limits: Limits, mut shutdown: watch::Receiver<bool>) {
    // Without it small answers may wait for the client's acknowledgement; refused only by a socket that is closed.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient::new(stream, limits.stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_header_size(limits.head)
        .max_headers(limits.headers)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut shutdown) => None,
        () = sleep(limits.life) => None,
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
