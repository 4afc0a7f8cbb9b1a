//! Connections that can be reset, cut in the middle and slowed down: faults below HTTP.
//!
//! ```text
//! gate ──Line──▶ ┌──────────────┐
//!                │ FaultyStream │ ◀──▶ TcpStream     reset: zero linger, then the socket is dropped: a real RST
//! stop ──watch─▶ └──────────────┘
//! ```

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// What is done to the answer that goes out next.
#[derive(Debug, Default)]
struct Shape {
    reset: bool,
    /// Octets of the body that still go out before the reset.
    body_left: Option<usize>,
    /// How much of the blank line that ends the head has gone by.
    head_seen: usize,
    drip: Option<(usize, Duration)>,
}

/// The handle of a connection, by which the gate shapes its next answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Arc<Mutex<Shape>>);

impl Line {
    fn with<T>(&self, act: impl FnOnce(&mut Shape) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For the answer to come, nothing is wrong.
    pub(super) fn clear(&self) {
        self.with(|shape| *shape = Shape::default());
    }

    /// Nothing goes out any more but a reset.
    pub(super) fn reset(&self) {
        self.with(|shape| shape.reset = true);
    }

    /// A reset follows after so many octets of the body.
    pub(super) fn reset_in_body(&self, octets: usize) {
        self.with(|shape| shape.body_left = Some(octets));
    }

    /// At most `octets` at a time, with a pause between.
    pub(super) fn drip(&self, octets: usize, pause: Duration) {
        self.with(|shape| shape.drip = Some((octets.max(1), pause)));
    }
}

const END_OF_HEAD: [u8; 4] = *b"\r\n\r\n";

/// How far into the blank line that ends the head `octet` leads.
fn step(head_seen: usize, octet: u8) -> usize {
    match END_OF_HEAD.get(head_seen) {
        Some(expected) if *expected == octet => head_seen + 1,
        _ => usize::from(octet == b'\r'),
    }
}

impl Shape {
    /// How many of `octets` may go out now; `None` for a reset. Head and body never go out in one piece while the
    /// body is counted.
    fn allowed(&self, octets: &[u8]) -> Option<usize> {
        if self.reset {
            return None;
        }
        let most = self.drip.map_or(octets.len(), |(most, _)| octets.len().min(most));
        match self.body_left {
            None => Some(most),
            Some(0) if self.head_seen == END_OF_HEAD.len() => None,
            Some(left) if self.head_seen == END_OF_HEAD.len() => Some(most.min(left)),
            Some(_) => {
                let mut seen = self.head_seen;
                let end = octets.iter().position(|octet| {
                    seen = step(seen, *octet);
                    seen == END_OF_HEAD.len()
                });
                Some(end.map_or(most, |end| most.min(end + 1)))
            }
        }
    }

    /// Counts what went out.
    fn went_out(&mut self, octets: &[u8]) {
        match &mut self.body_left {
            Some(left) if self.head_seen == END_OF_HEAD.len() => *left = left.saturating_sub(octets.len()),
            Some(_) => self.head_seen = octets.iter().fold(self.head_seen, |seen, octet| step(seen, *octet)),
            None => {}
        }
    }
}

/// A TCP connection with a [`Line`] to its faults.
pub(super) struct FaultyStream {
    socket: TcpStream,
    line: Line,
    pause: Option<Pin<Box<Sleep>>>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl FaultyStream {
    fn is_stopped(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.stop.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_stopped(context)?;
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.is_stopped(context)?;
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let line = self.line.clone();
        let Some(allowed) = line.with(|shape| shape.allowed(octets)) else {
            // Linger zero makes the drop that follows a reset and not an orderly end.
            self.socket.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        let now = octets.get(..allowed).unwrap_or(octets);
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, now))?;
        line.with(|shape| shape.went_out(now.get(..written).unwrap_or(now)));
        if let Some((_, pause)) = line.with(|shape| shape.drip) {
            self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Accepts connections, bounded in number, each with its [`Line`].
pub(super) struct FaultyListener {
    inner: TcpListener,
    stop: watch::Receiver<bool>,
    room: Arc<Semaphore>,
}

impl FaultyListener {
    pub(super) fn new(inner: TcpListener, stop: watch::Receiver<bool>) -> Self {
        Self { inner, stop, room: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }
}

/// Ends when the simulation is told to stop, or when its handle is gone.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the same news.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Listener for FaultyListener {
    type Io = FaultyStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (FaultyStream, SocketAddr) {
        // The semaphore is never closed; without a permit the connection is served all the same.
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        let (socket, address) = Listener::accept(&mut self.inner).await;
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, %address, "simulated OZmap: no TCP_NODELAY");
        }
        let stream = FaultyStream {
            socket,
            line: Line::default(),
            pause: None,
            stop: Box::pin(stopped(self.stop.clone())),
            _permit: permit,
        };
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Connected<IncomingStream<'_, FaultyListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, FaultyListener>) -> Self {
        stream.io().line.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out of `octets` when the socket takes `at_a_time`.
    fn sent(shape: &mut Shape, octets: &[u8], at_a_time: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < octets.len() {
            let rest = &octets[out.len()..];
            let Some(allowed) = shape.allowed(rest) else { break };
            let now = &rest[..allowed.min(at_a_time)];
            shape.went_out(now);
            out.extend_from_slice(now);
        }
        out
    }

    #[test]
    fn a_cut_in_the_body_counts_from_the_end_of_the_head() {
        let answer = b"HTTP/1.1 200 OK\r\nx: \r\r\n\r\n0123456789";
        for at_a_time in 1..=answer.len() {
            let mut shape = Shape { body_left: Some(4), ..Shape::default() };
            assert!(sent(&mut shape, answer, at_a_time).ends_with(b"\r\n\r\n0123"), "{at_a_time}");
        }
    }

    #[test]
    fn a_reset_lets_nothing_out_and_a_drip_lets_little_out() {
        assert_eq!(Shape { reset: true, ..Shape::default() }.allowed(b"abc"), None);
        assert_eq!(Shape { drip: Some((2, Duration::ZERO)), ..Shape::default() }.allowed(b"abc"), Some(2));
        assert_eq!(Shape::default().allowed(b"abc"), Some(3));
    }
}
