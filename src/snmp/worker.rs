//! The task of an engine: its sockets on one side, the sessions on the other, the fleet between.
//!
//! ```text
//!  Session ──Command (bounded, callers wait)──► Worker ──bursts──► one UDP socket a family ──► OLTs
//!  Session ◄──oneshot Outcome────────────────── Worker ◄──drained─ one UDP socket a family ◄── (anybody)
//!  a session's last handle ──number, bell─────►   │ owns Fleet; sleeps until Fleet::deadline
//!  resolving a name again, making keys ─Command►  │
//! ```
//!
//! The task ends when the engine and all of its sessions are gone.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::SnmpError;
use super::device::{Device, JobId};
use super::engine::{Bell, Link, Status};
use super::engine_cache::{EngineCache, KnownEngine, wall_clock};
use super::fleet::{EngineNews, Fleet};
use super::job::{AnyJob, Outcome};
use super::sockets::{Sockets, resolve};
use super::usm::Made;

/// Datagrams that are taken in, about, before answers are sent on.
const BURST: usize = 512;
/// Jobs whose callers have gone away are looked for this often while there are any, and counters and the engine's state
/// are shown this often while no job ends.
const SWEEP: Duration = Duration::from_millis(250);

/// Several engines that change at about the same time are written together.
const SAVE_AFTER: Duration = Duration::from_secs(2);

/// What a session asks for.
#[derive(Debug)]
pub(super) enum Command {
    /// A new OLT.
    Open {
        number: u32,
        device: Box<Device<AnyJob>>,
        addresses: Vec<SocketAddr>,
        link: Weak<Link>,
        done: oneshot::Sender<Result<(), SnmpError>>,
    },
    /// Something to do for a caller.
    Do { number: u32, job: AnyJob, done: oneshot::Sender<Outcome> },
    /// SNMPv3 keys are made.
    Equipped { number: u32, made: Made },
    /// A name was resolved again.
    Resolved { number: u32, addresses: Vec<SocketAddr> },
}

#[derive(Debug)]
struct Entry {
    link: Weak<Link>,
    /// The addresses that the name had when it was resolved last.
    addresses: Vec<SocketAddr>,
    resolving: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) fleet: Fleet,
    pub(super) sockets: Sockets,
    pub(super) commands: mpsc::Receiver<Command>,
    /// For what this task's own helpers have to say.
    pub(super) own: mpsc::WeakSender<Command>,
    pub(super) bell: Arc<Bell>,
    pub(super) status: Arc<std::sync::Mutex<Status>>,
    /// SNMPv3 engines on disk, where somebody gave a path.
    engines: Option<Arc<std::sync::Mutex<EngineCache>>>,
    /// Since when there is something new to write.
    unsaved: Option<Instant>,
    key_bench: Arc<Semaphore>,
    entries: HashMap<u32, Entry>,
    waiting: HashMap<(u32, JobId), oneshot::Sender<Outcome>>,
    /// Something has happened that the counters and the status do not show yet.
    stale: bool,
}

impl Worker {
    pub(super) fn new(
        fleet: Fleet,
        commands: mpsc::Receiver<Command>,
        own: mpsc::WeakSender<Command>,
        bell: Arc<Bell>,
        status: Arc<std::sync::Mutex<Status>>,
        engines: Option<Arc<std::sync::Mutex<EngineCache>>>,
    ) -> Self {
        Self {
            fleet,
            sockets: Sockets::default(),
            commands,
            own,
            bell,
            status,
            engines,
            unsaved: None,
            key_bench: Arc::new(Semaphore::new(1)),
            entries: HashMap::new(),
            waiting: HashMap::new(),
            stale: false,
        }
    }

    /// Runs until the engine and every session are gone.
    pub(super) async fn run(mut self) {
        let mut swept = Instant::now();
        let sleep = tokio::time::sleep_until(swept);
        tokio::pin!(sleep);
        loop {
            let drained = self.drain();
            let now = Instant::now();
            if drained {
                self.fleet.advance(now.into_std());
            } else {
                // What has arrived while we were busy is no time-out.
                self.fleet.serve(now.into_std());
            }
            self.flush().await;
            self.deliver();
            if now.saturating_duration_since(swept) >= SWEEP {
                swept = now;
                self.sweep();
            }
            self.make_keys();
            self.note_engines();
            let deadline = if drained { self.fleet.deadline(now.into_std()) } else { Some(now.into_std()) };
            let deadline = deadline.map(Instant::from_std);
            let deadline = if self.waiting.is_empty() && self.unsaved.is_none() && !self.stale {
                deadline
            } else {
                earlier(deadline, swept + SWEEP)
            };
            if let Some(deadline) = deadline
                && deadline != sleep.deadline()
            {
                sleep.as_mut().reset(deadline);
            }
            tokio::select! {
                readable = self.sockets.readable() => if let Err(error) = readable {
                    tracing::warn!(%error, "the sockets for SNMP cannot be read");
                    tokio::time::sleep(SWEEP).await;
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return self.save_engines().await,
                },
                () = self.bell.rung() => self.close(now),
                () = &mut sleep, if deadline.is_some() => {}
            }
            while let Ok(command) = self.commands.try_recv() {
                self.obey(command);
            }
            self.stale = true;
        }
    }

    /// What has time.
    fn sweep(&mut self) {
        self.forget_abandoned();
        if self.unsaved.is_some_and(|since| since.elapsed() >= SAVE_AFTER) {
            tokio::spawn(self.save_engines());
        }
        if self.stale {
            self.show();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { number, device, addresses, link, done } => {
                let peer = device.peer();
                let opened = self.sockets.open_for(peer).map_err(|error| SnmpError::Socket {
                    address: device.address().to_owned(),
                    why: error.to_string(),
                });
                if opened.is_ok() {
                    if let Some(granted) = self.sockets.granted() {
                        // Answers that come all at once must find room, and so must what was not expected.
                        self.fleet.set_reply_octets(granted / 4);
                    }
                    self.entries.insert(number, Entry { link, addresses, resolving: false });
                    self.fleet.join(number, *device);
                    self.show();
                }
                // The caller may have gone away; then its session is closed soon.
                let _ = done.send(opened);
            }
            Command::Do { number, job, done } => {
                if let Some(job) = self.fleet.submit(number, job) {
                    self.waiting.insert((number, job), done);
                }
            }
            Command::Equipped { number, made } => self.fleet.equip(Instant::now().into_std(), number, made),
            Command::Resolved { number, addresses } => self.move_on(number, addresses),
        }
    }

    /// Takes in what has arrived; whether that was all.
    fn drain(&mut self) -> bool {
        let mut taken = 0;
        while taken < BURST {
            let expected = self.fleet.in_flight();
            let (fleet, mut now) = (&mut self.fleet, None);
            let all = self.sockets.receive(expected, |source, datagram| {
                taken += 1;
                let now = *now.get_or_insert_with(|| Instant::now().into_std());
                fleet.receive(now, source, datagram);
            });
            if all {
                return true;
            }
            // An error counts as well: it must not keep us here.
            taken += 1;
        }
        false
    }

    /// Sends what the OLTs want to send.
    async fn flush(&mut self) {
        while let [first, ..] = self.fleet.outbox().first() {
            let device = first.device;
            let done = match self.sockets.send(self.fleet.outbox().first()).await {
                Ok(sent) => sent,
                Err(error) => {
                    self.fleet.send_failed(device, &error.to_string());
                    1
                }
            };
            self.fleet.outbox().done(done);
        }
    }

    /// Gives results to their callers, who find in the counters what it took.
    fn deliver(&mut self) {
        let ended = self.fleet.outcomes();
        if ended.is_empty() {
            return;
        }
        self.show();
        for (number, job, outcome) in ended {
            if let Some(done) = self.waiting.remove(&(number, job)) {
                // The caller may have gone away: then nobody wants it.
                let _ = done.send(outcome);
            }
            if self.fleet.device(number).is_some_and(Device::is_silent) {
                self.resolve_again(number);
            }
        }
    }

    /// Shows the counters to the sessions, and the engine's state.
    fn show(&mut self) {
        self.stale = false;
        let entries = &self.entries;
        self.fleet.counters(|number, counters| {
            if let Some(link) = entries.get(&number).and_then(|entry| entry.link.upgrade()) {
                link.set_counters(counters);
            }
        });
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Status {
            sessions: self.fleet.len(),
            waiting: self.fleet.waiting(),
            in_flight: self.fleet.in_flight(),
            outstanding_octets: self.fleet.outstanding(),
            receive_buffer: self.sockets.granted().unwrap_or(0),
            foreign: self.fleet.foreign(),
        };
    }

    /// Has SNMPv3 keys made where they hold nobody up, one after the other.
    fn make_keys(&mut self) {
        for (number, chore) in self.fleet.chores() {
            let (own, bench) = (self.own.clone(), Arc::clone(&self.key_bench));
            tokio::spawn(async move {
                // The bench is never closed, and a chore does not panic: else the OLT's requests stay unanswered
                // until their callers give up.
                let Ok(_place) = bench.acquire_owned().await else { return };
                let Ok(made) = tokio::task::spawn_blocking(move || chore.run()).await else { return };
                if let Some(own) = own.upgrade() {
                    // When the worker is gone, so are its OLTs.
                    let _ = own.send(Command::Equipped { number, made }).await;
                }
            });
        }
    }

    fn note_engines(&mut self) {
        for EngineNews { address, id, boots, time } in self.fleet.engine_news() {
            if let Some(engines) = &self.engines {
                let known = KnownEngine { id, boots, time, at: wall_clock() };
                if engines.lock().unwrap_or_else(PoisonError::into_inner).put(&address, known) {
                    self.unsaved.get_or_insert_with(Instant::now);
                }
            }
        }
    }

    /// Writes the file of engines, if there is something new to write.
    fn save_engines(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let engines = self.engines.as_ref().filter(|_| self.unsaved.is_some());
        let copy = engines.map(|engines| engines.lock().unwrap_or_else(PoisonError::into_inner).clone());
        self.unsaved = None;
        async move {
            let Some(copy) = copy else { return };
            match tokio::task::spawn_blocking(move || copy.save()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the file of SNMPv3 engines cannot be written"),
                Err(error) => tracing::warn!(%error, "the file of SNMPv3 engines was not written"),
            }
        }
    }

    fn forget_abandoned(&mut self) {
        let gone: Vec<(u32, JobId)> =
            self.waiting.iter().filter(|(_, done)| done.is_closed()).map(|(key, _)| *key).collect();
        for (number, job) in gone {
            self.waiting.remove(&(number, job));
            self.fleet.cancel(number, job);
        }
    }

    /// Lets go of the OLTs whose last session handle is gone.
    fn close(&mut self, now: Instant) {
        for number in self.bell.take() {
            self.entries.remove(&number);
            self.waiting.retain(|(other, _), _| *other != number);
            self.fleet.leave(now.into_std(), number);
        }
    }

    /// After a silence: the name may stand for another address now, or for several.
    fn resolve_again(&mut self, number: u32) {
        let Some(address) = self.fleet.device(number).map(|device| device.address().to_owned()) else { return };
        let Some(entry) = self.entries.get_mut(&number) else { return };
        if entry.resolving || address.parse::<SocketAddr>().is_ok() {
            return;
        }
        entry.resolving = true;
        let (own, known) = (self.own.clone(), entry.addresses.clone());
        tokio::spawn(async move {
            let addresses = resolve(&address).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "the address is kept");
                known
            });
            if let Some(own) = own.upgrade() {
                // When the worker is gone, so are its OLTs.
                let _ = own.send(Command::Resolved { number, addresses }).await;
            }
        });
    }

    fn move_on(&mut self, number: u32, addresses: Vec<SocketAddr>) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        entry.resolving = false;
        entry.addresses = addresses;
        let Some(device) = self.fleet.device(number).filter(|device| device.is_silent()) else { return };
        let old = device.peer();
        let after = entry.addresses.iter().position(|address| *address == old).map_or(0, |position| position + 1);
        let Some(new) = entry.addresses.iter().cycle().nth(after).copied().filter(|new| *new != old) else { return };
        let address = device.address();
        if let Err(error) = self.sockets.open_for(new) {
            tracing::debug!(address, %error, "no socket for another address family");
            return;
        }
        tracing::info!(address, %old, %new, "no answer: trying the name's other address");
        self.fleet.move_to(number, new);
    }
}

fn earlier(deadline: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(deadline.map_or(other, |deadline| deadline.min(other)))
}

#[cfg(test)]
mod tests {
    use super::super::commons::Limits;
    use super::super::device::Protocol;
    use super::super::testing::target;
    use super::*;
    use crate::config::Secret;

    #[tokio::test]
    async fn a_silent_olt_is_looked_for_at_the_next_address_of_its_name() {
        let (sender, commands) = mpsc::channel(4);
        let fleet = Fleet::new(Limits::NONE, fastrand::Rng::with_seed(1));
        let mut worker = Worker::new(fleet, commands, sender.downgrade(), Arc::default(), Arc::default(), None);
        let [one, other]: [SocketAddr; 2] = ["127.0.0.1:161", "127.0.0.2:161"].map(|address| address.parse().unwrap());
        let protocol = Protocol::V2c(Secret::new("public".to_owned()));
        let device = Box::new(Device::new(0, &target(), one, protocol));
        let (done, opened) = oneshot::channel();
        worker.obey(Command::Open { number: 0, device, addresses: vec![one], link: Weak::new(), done });
        opened.await.unwrap().unwrap();
        for (addresses, peer) in
            [(vec![one], one), (vec![one, other], other), (vec![one, other], one), (vec![other], other)]
        {
            worker.obey(Command::Resolved { number: 0, addresses });
            assert_eq!(worker.fleet.device(0).unwrap().peer(), peer);
        }
    }
}
