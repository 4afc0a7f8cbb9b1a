//! A simulated OLT on a UDP socket.
//!
//! ```text
//!                 ┌──────────── Agent (shared) ───────────┐
//! UDP ──► task ──►│ core (locked while one batch is read) │──► UDP, at once where nothing delays it
//!                 └───────▲─────────────┬─────────────────┘
//! SimulatedOlt ───────────┘             └──► postman ──► UDP, when due
//! (faults, counters, log, stop)
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::core::{Core, Dispatch, Setup, number_of};
use super::error::SimError;
use super::faults::Faults;
use super::journal::{Counters, RequestRecord};
use super::mib_view::MibView;
use super::postman::{Postman, Sender};
use crate::config::Secret;

/// Most bytes of a UDP payload over IPv4.
const MAX_DATAGRAM: usize = 65_507;
/// Most datagrams that are taken from the socket before they are answered.
const BATCH: usize = 64;
/// Asked for as the socket's receive buffer, so that a burst of requests is not lost before it is counted.
const RECEIVE_BUFFER: usize = 1 << 20;

/// How a simulated OLT is set up. The default listens on a free port of 127.0.0.1 with the community `public`, and
/// has no fault.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The community that it answers to.
    pub community: Secret,
    /// Most bytes of a reply, at most 65,507. 1472 is what an Ethernet frame of 1500 bytes carries, and what most
    /// agents keep to.
    pub reply_cap: usize,
    /// Answers come from this address instead of the one that was asked.
    pub reply_from: Option<SocketAddr>,
    /// sysUpTime.0 counts on from the row's value; else the row's value is served as it is until a reboot.
    pub uptime_ticks: bool,
    /// Most requests that the log keeps.
    pub log_capacity: usize,
    /// Seed of all randomness: the same requests in the same order then meet the same faults.
    pub seed: u64,
    /// What is wrong with it at first.
    pub faults: Faults,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            community: Secret::new("public".to_owned()),
            reply_cap: 1472,
            reply_from: None,
            uptime_ticks: false,
            log_capacity: 10_000,
            seed: 0,
            faults: Faults::default(),
        }
    }
}

/// A running simulated OLT. It stops when this is dropped.
#[derive(Debug)]
pub struct SimulatedOlt {
    agent: Arc<Agent>,
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl SimulatedOlt {
    /// Begins to serve the view.
    ///
    /// # Errors
    /// No tokio runtime around, an address that cannot be had, or no socket or thread from the system.
    pub fn start(options: AgentOptions, view: MibView) -> Result<Self, SimError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| SimError::NoRuntime)?;
        let setup = |what| move |source| SimError::Setup { what, source };
        let socket = bind(options.listen)?;
        let address = socket.local_addr().map_err(setup("its own address"))?;
        let sending = match options.reply_from {
            Some(from) => bind(from)?,
            None => socket.try_clone().map_err(setup("a second handle of its socket"))?,
        };
        let postman = Postman::of_the_process().map_err(setup("the thread that sends late replies"))?;
        // Inside of the runtime, which a socket of tokio's must be registered with.
        let guard = runtime.enter();
        let receiving = tokio::net::UdpSocket::from_std(socket).map_err(setup("its socket"))?;
        drop(guard);
        let core = Core::new(
            Setup {
                community: options.community,
                reply_cap: options.reply_cap.min(MAX_DATAGRAM),
                uptime_ticks: options.uptime_ticks,
                seed: options.seed,
                log_capacity: options.log_capacity,
                faults: options.faults,
            },
            Instant::now(),
        );
        let agent = Arc::new(Agent { core: Mutex::new(core), view, sending, postman, stop: Notify::new() });
        let task = runtime.spawn(Arc::clone(&agent).serve(receiving));
        Ok(Self { agent, address, task: Some(task) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The rows that it serves; changes are seen by the next request.
    #[must_use]
    pub fn view(&self) -> MibView {
        self.agent.view.clone()
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.agent.core().journal.counters
    }

    /// The last requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.agent.core().journal.records()
    }

    /// Empties the log of requests; the counters stay.
    pub fn forget_requests(&self) {
        self.agent.core().journal.forget_records();
    }

    /// How long it has been running: what [`RequestRecord::at`] counts.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.agent.core().age(Instant::now())
    }

    /// What is wrong with it now.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.agent.core().faults.clone()
    }

    /// From the next request on, this is wrong with it.
    pub fn set_faults(&self, faults: Faults) {
        self.agent.core().faults = faults;
    }

    /// Switches it off (it hears and says nothing, replies under way included) or on again.
    pub fn set_silent(&self, silent: bool) {
        self.agent.core().faults.silent = silent;
    }

    /// Reboots it now: replies under way are lost, it is silent for [`Faults::reboot_time`], then with an uptime that begins at zero.
    pub fn reboot(&self) {
        self.agent.core().reboot(Instant::now());
    }

    /// Ends it and waits until its port is free again.
    pub async fn stop(mut self) {
        self.agent.stop.notify_one();
        if let Some(task) = self.task.take() {
            // It only fails when the runtime ends first, and then it is over, too.
            let _ = task.await;
        }
    }
}

impl Drop for SimulatedOlt {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What the handle, the task and the postman share.
#[derive(Debug)]
struct Agent {
    core: Mutex<Core>,
    view: MibView,
    /// Does not block; used from the task and from the postman's thread.
    sending: UdpSocket,
    postman: Postman,
    stop: Notify,
}

/// A datagram that was received.
struct Received {
    peer: SocketAddr,
    datagram: Vec<u8>,
}

impl Agent {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, socket: tokio::net::UdpSocket) {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let ready = tokio::select! {
                () = self.stop.notified() => return,
                ready = socket.readable() => ready,
            };
            let received = ready.and_then(|()| receive(&socket, &mut buffer, &mut batch));
            if let Err(error) = received {
                tracing::warn!(%error, "a simulated OLT cannot receive");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.answer(&mut batch);
        }
    }

    fn answer(self: &Arc<Self>, batch: &mut Vec<Received>) {
        let mut waiting: HashMap<u64, u32> = HashMap::new();
        for Received { peer, datagram } in batch.iter() {
            *waiting.entry(number_of(*peer, datagram)).or_default() += 1;
        }
        for Received { peer, datagram } in batch.drain(..) {
            let waiting = others_waiting(&mut waiting, number_of(peer, &datagram));
            let now = Instant::now();
            let dispatches = self.view.read(|rows| self.core().receive(now, peer, &datagram, waiting, rows));
            for dispatch in dispatches {
                if dispatch.at <= now {
                    self.send(peer, &dispatch);
                } else {
                    let agent: Arc<dyn Sender> = Arc::clone(self) as Arc<dyn Sender>;
                    self.postman.post(Arc::downgrade(&agent), peer, dispatch);
                }
            }
        }
    }
}

/// How many other requests wait, when this one is taken out of those that do.
fn others_waiting(waiting: &mut HashMap<u64, u32>, request: u64) -> usize {
    let Some(times) = waiting.get_mut(&request) else { return waiting.len() };
    *times -= 1;
    if *times == 0 {
        waiting.remove(&request);
        return waiting.len();
    }
    waiting.len().saturating_sub(1)
}

impl Sender for Agent {
    fn send(&self, peer: SocketAddr, reply: &Dispatch) {
        if !self.core().lets_out(reply) {
            return;
        }
        if let Err(error) = self.sending.send_to(&reply.datagram, peer) {
            tracing::debug!(%error, %peer, "a simulated OLT cannot send");
            self.core().journal.counters.unsent += 1;
        }
    }
}

/// Takes what has come, up to a batch.
fn receive(socket: &tokio::net::UdpSocket, buffer: &mut [u8], batch: &mut Vec<Received>) -> io::Result<()> {
    while batch.len() < BATCH {
        match socket.try_recv_from(buffer) {
            Ok((length, peer)) => {
                let datagram = buffer.get(..length).unwrap_or_default().to_vec();
                batch.push(Received { peer, datagram });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A socket that does not block, with room for a burst.
fn bind(address: SocketAddr) -> Result<UdpSocket, SimError> {
    let refused = |source| SimError::Bind { address, source };
    let socket = UdpSocket::bind(address).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    // As much as the system allows; a smaller buffer only loses more of a large burst.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::super::codec::{Message, Pdu, PduKind, Version};
    use super::super::faults::Pace;
    use super::super::mib_view::Rows;
    use super::*;
    use crate::snmp::{Oid, Value, VarBind};

    /// Long enough for any machine; a test that passes does not wait for it.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn name() -> Oid {
        Oid::new(&[1, 3, 6, 1, 2, 1, 1, 5, 0])
    }

    fn view() -> MibView {
        let rows: Rows = [(name(), Value::Integer(1))].into_iter().collect();
        MibView::new(rows)
    }

    fn get(request_id: i32) -> Vec<u8> {
        let varbinds = vec![VarBind { oid: name(), value: Value::Null }];
        let pdu = Pdu { kind: PduKind::Get, request_id, error_status: 0, error_index: 0, varbinds };
        Message { version: Version::V2c, community: (*b"public").into(), pdu }.encode().unwrap()
    }

    async fn asker() -> tokio::net::UdpSocket {
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    async fn reply(asker: &tokio::net::UdpSocket) -> (i32, Value, SocketAddr) {
        let mut buffer = [0; 2000];
        let (length, from) = timeout(PATIENCE, asker.recv_from(&mut buffer)).await.unwrap().unwrap();
        let mut pdu = Message::decode(&buffer[..length]).unwrap().pdu;
        (pdu.request_id, pdu.varbinds.remove(0).value, from)
    }

    #[tokio::test]
    async fn it_answers_changes_of_the_view_and_stops() {
        let olt = SimulatedOlt::start(AgentOptions::default(), view()).unwrap();
        let asker = asker().await;
        asker.send_to(&get(1), olt.address()).await.unwrap();
        assert_eq!(reply(&asker).await, (1, Value::Integer(1), olt.address()));
        olt.view().set(name(), Value::Integer(2));
        asker.send_to(&get(2), olt.address()).await.unwrap();
        assert_eq!(reply(&asker).await.1, Value::Integer(2));

        let requests = olt.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!((requests[0].peer, requests[0].kind), (asker.local_addr().unwrap(), PduKind::Get));
        assert_eq!((requests[0].oids.as_slice(), requests[0].varbinds), (&[name()][..], 1));
        assert!(requests[0].at <= requests[1].at && requests[1].at <= olt.age());
        assert_eq!((olt.counters().requests, olt.counters().answered), (2, 2));

        let address = olt.address();
        olt.stop().await;
        // Its port is free again.
        let listen = AgentOptions { listen: address, ..AgentOptions::default() };
        let again = SimulatedOlt::start(listen, view()).unwrap();
        asker.send_to(&get(3), again.address()).await.unwrap();
        assert_eq!(reply(&asker).await.0, 3);
    }

    #[tokio::test]
    async fn late_replies_come_in_order_and_not_early() {
        let pace = Pace { service: Duration::from_millis(20), ..Pace::default() };
        let faults = Faults { pace, ..Faults::default() };
        let olt = SimulatedOlt::start(AgentOptions { faults, ..AgentOptions::default() }, view()).unwrap();
        let asker = asker().await;
        let start = Instant::now();
        for id in 0..3 {
            asker.send_to(&get(id), olt.address()).await.unwrap();
        }
        for id in 0..3 {
            assert_eq!(reply(&asker).await.0, id);
            assert!(start.elapsed() >= Duration::from_millis(20) * u32::try_from(id + 1).unwrap());
        }
        assert_eq!(olt.counters().answered, 3);
    }

    #[tokio::test]
    async fn silence_can_be_switched_on_and_off() {
        let olt = SimulatedOlt::start(AgentOptions::default(), view()).unwrap();
        let asker = asker().await;
        olt.set_silent(true);
        asker.send_to(&get(1), olt.address()).await.unwrap();
        let waiting = async {
            while olt.counters().unheard == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap();
        olt.set_silent(false);
        asker.send_to(&get(2), olt.address()).await.unwrap();
        assert_eq!(reply(&asker).await.0, 2);
    }

    #[tokio::test]
    async fn answers_can_come_from_another_address() {
        let reply_from = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let olt = SimulatedOlt::start(AgentOptions { reply_from, ..AgentOptions::default() }, view()).unwrap();
        let asker = asker().await;
        asker.send_to(&get(1), olt.address()).await.unwrap();
        let (id, _, from) = reply(&asker).await;
        assert_eq!(id, 1);
        assert_ne!(from, olt.address());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let olt = SimulatedOlt::start(AgentOptions::default(), view()).unwrap();
        let options = AgentOptions { listen: olt.address(), ..AgentOptions::default() };
        let error = SimulatedOlt::start(options, view()).unwrap_err().to_string();
        assert!(error.contains(&olt.address().to_string()), "{error}");
    }

    #[test]
    fn outside_of_a_runtime_it_says_what_is_missing() {
        let error = SimulatedOlt::start(AgentOptions::default(), view()).unwrap_err();
        assert!(matches!(error, SimError::NoRuntime));
    }

    #[test]
    fn the_community_is_not_shown() {
        let options = AgentOptions { community: Secret::new("hidden".to_owned()), ..AgentOptions::default() };
        assert!(!format!("{options:?}").contains("hidden"));
    }
}
