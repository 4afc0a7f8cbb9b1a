//! All OLTs of an engine, sans I/O: datagrams find the OLT that they answer, each OLT gets its turn when its time has
//! come or the gate opens for it, and what they want to send gathers in one place.
//!
//! ```text
//!   receive(now, source, datagram) ──id──► Device ─┐
//!   advance(now): timers ──────────────────────────┼─► turn ──► outbox, outcomes
//!                 queues at the gate ──────────────┘
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::Counters;
use super::commons::{ByNumber, Commons, Found, Limits, Outbox, Queue};
use super::device::{Arrived, Device, JobId};
use super::job::{AnyJob, Outcome};
use super::usm::{Chore, Made};

#[derive(Debug)]
struct Member {
    device: Device<AnyJob>,
    /// When the next entry for it in the timers is due, if there is one.
    timer: Option<Instant>,
    /// It stands in one of the queues.
    queued: Option<Queue>,
    /// It stands among those that wait for their turn, and among those whose counters may have changed.
    ready: bool,
    touched: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Fleet {
    members: ByNumber<u32, Member>,
    /// Who is expected to speak from a place.
    places: HashMap<(IpAddr, u16), Vec<u32>>,
    commons: Commons,
    timers: BinaryHeap<Reverse<(Instant, u32)>>,
    common: VecDeque<u32>,
    recovery: VecDeque<u32>,
    /// Those that were given something and have not had their turn yet.
    ready: Vec<u32>,
    /// Those whose counters may have changed since they were last asked for.
    touched: Vec<u32>,
    /// Jobs that are done.
    outcomes: Vec<(u32, JobId, Outcome)>,
    /// Datagrams that nobody was asked for.
    foreign: u64,
    /// SNMPv3 keys to make.
    chores: Vec<(u32, Chore)>,
    /// Who has which SNMPv3 engine ID.
    engines: HashMap<Vec<u8>, BTreeSet<u32>>,
    engine_news: Vec<EngineNews>,
}

/// An SNMPv3 engine that turned out to be another than was known, or to have booted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineNews {
    pub(super) address: String,
    pub(super) id: Vec<u8>,
    pub(super) boots: i64,
    pub(super) time: i64,
}

fn place(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

impl Fleet {
    pub(super) fn new(limits: Limits, random: fastrand::Rng) -> Self {
        Self {
            members: ByNumber::default(),
            places: HashMap::new(),
            commons: Commons::new(limits, random),
            timers: BinaryHeap::new(),
            common: VecDeque::new(),
            recovery: VecDeque::new(),
            ready: Vec::new(),
            touched: Vec::new(),
            outcomes: Vec::new(),
            foreign: 0,
            chores: Vec::new(),
            engines: HashMap::new(),
            engine_news: Vec::new(),
        }
    }

    /// Takes an OLT in, under a number that was never used before.
    pub(super) fn join(&mut self, number: u32, device: Device<AnyJob>) {
        self.places.entry(place(device.peer())).or_default().push(number);
        self.members.insert(number, Member { device, timer: None, queued: None, ready: false, touched: false });
    }

    /// Lets an OLT go; what it still holds is given back.
    pub(super) fn leave(&mut self, now: Instant, number: u32) {
        let Some(mut member) = self.members.remove(&number) else { return };
        member.device.close(now, &mut self.commons);
        self.forget_place(member.device.peer(), number);
        self.forget_engine(number);
    }

    fn forget_engine(&mut self, number: u32) {
        let mut alone = Vec::new();
        self.engines.retain(|_, here| {
            if here.remove(&number) {
                alone.extend(here.iter().copied());
            }
            !here.is_empty()
        });
        self.tell_sharers(&alone);
    }

    /// Notes whether these, which have one engine ID, are several OLTs.
    fn tell_sharers(&mut self, sharers: &[u32]) {
        let peer = |number: &u32| self.members.get(number).map(|member| place(member.device.peer()));
        let first = sharers.iter().find_map(peer);
        let shared = sharers.iter().any(|number| peer(number) != first);
        for number in sharers {
            if let Some(member) = self.members.get_mut(number) {
                member.device.set_shared_engine(shared);
            }
            self.touch(*number);
        }
    }

    /// Takes in what an OLT has found out about its SNMPv3 engine.
    fn note_engine(&mut self, now: Instant, number: u32) {
        let Some(member) = self.members.get_mut(&number) else { return };
        let Some((id, boots, time)) = member.device.engine_news(now) else { return };
        let id = id.to_vec();
        let address = member.device.address().to_owned();
        if !self.engines.get(&id).is_some_and(|here| here.contains(&number)) {
            self.forget_engine(number);
            let here = self.engines.entry(id.clone()).or_default();
            here.insert(number);
            let here: Vec<u32> = here.iter().copied().collect();
            self.tell_sharers(&here);
            let mut others =
                here.iter().rev().filter_map(|other| self.members.get(other)).map(|member| member.device.address());
            if let Some(other) = others.find(|other| *other != address)
                && self.members.get(&number).is_some_and(|member| member.device.counters().shared_engine)
            {
                tracing::warn!(
                    address,
                    other,
                    "two OLTs have the same SNMPv3 engine ID: one of them needs another, as tools that keep clocks \
                     by engine ID fail at both"
                );
            }
        }
        self.engine_news.push(EngineNews { address, id, boots, time });
    }

    /// SNMPv3 keys to make; they come back with [`Self::equip`].
    pub(super) fn chores(&mut self) -> Vec<(u32, Chore)> {
        std::mem::take(&mut self.chores)
    }

    /// Keys that were asked for are there.
    pub(super) fn equip(&mut self, now: Instant, number: u32, made: Made) {
        if let Some(member) = self.members.get_mut(&number) {
            member.device.equip(now, made);
            self.wake(number);
        }
    }

    /// Its turn comes with the next [`Self::advance`].
    fn wake(&mut self, number: u32) {
        if let Some(member) = self.members.get_mut(&number)
            && !std::mem::replace(&mut member.ready, true)
        {
            self.ready.push(number);
        }
    }

    /// Its counters may have changed.
    fn touch(&mut self, number: u32) {
        if let Some(member) = self.members.get_mut(&number)
            && !std::mem::replace(&mut member.touched, true)
        {
            self.touched.push(number);
        }
    }

    /// SNMPv3 engines that turned out to be others than were known.
    pub(super) fn engine_news(&mut self) -> Vec<EngineNews> {
        std::mem::take(&mut self.engine_news)
    }

    fn forget_place(&mut self, peer: SocketAddr, number: u32) {
        if let Some(here) = self.places.get_mut(&place(peer)) {
            here.retain(|other| *other != number);
            if here.is_empty() {
                self.places.remove(&place(peer));
            }
        }
    }

    /// An OLT has another address now.
    pub(super) fn move_to(&mut self, number: u32, peer: SocketAddr) {
        let Some(member) = self.members.get_mut(&number) else { return };
        let old = member.device.peer();
        member.device.move_to(peer);
        self.forget_place(old, number);
        self.places.entry(place(peer)).or_default().push(number);
    }

    pub(super) fn device(&self, number: u32) -> Option<&Device<AnyJob>> {
        self.members.get(&number).map(|member| &member.device)
    }

    /// How many OLTs there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Gives an OLT something to do; it begins with the next [`Self::advance`].
    pub(super) fn submit(&mut self, number: u32, job: AnyJob) -> Option<JobId> {
        let job = self.members.get_mut(&number)?.device.submit(job);
        self.wake(number);
        Some(job)
    }

    /// Nobody waits for this job any more.
    pub(super) fn cancel(&mut self, number: u32, job: JobId) {
        if let Some(member) = self.members.get_mut(&number) {
            member.device.cancel(job);
            self.wake(number);
        }
    }

    /// The operating system refused to send to this OLT.
    pub(super) fn send_failed(&mut self, number: u32, why: &str) {
        if let Some(member) = self.members.get_mut(&number) {
            member.device.send_failed(why);
        }
    }

    /// Takes a datagram in. Whom it concerns has its turn with the next [`Self::advance`], when everything that has
    /// arrived is known.
    pub(super) fn receive(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        let arrived = Arrived::read(datagram);
        let found = arrived.as_ref().map_or(Found::Unknown, |arrived| self.commons.tickets.find(arrived.id()));
        let owner = match found {
            Found::Live(ticket) | Found::Late(Some(ticket)) => Some(ticket.device),
            Found::Late(None) | Found::Unknown => None,
        };
        let owner = owner.filter(|owner| self.members.contains_key(owner));
        let here = || self.places.get(&place(source)).and_then(|here| here.first()).copied();
        let owner = owner.or_else(here).and_then(|owner| Some((owner, self.members.get_mut(&owner)?)));
        match (owner, arrived) {
            (Some((number, member)), Ok(arrived)) => {
                member.device.heard(datagram.len());
                member.device.take(now, &mut self.commons, source, &arrived, found);
                self.wake(number);
            }
            (Some((number, member)), Err(why)) => {
                member.device.unreadable(why);
                self.touch(number);
            }
            (None, _) => self.foreign += 1,
        }
    }

    /// Gives everyone their turn whose time has come.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(Reverse((at, number))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            if let Some(member) = self.members.get_mut(&number)
                && member.timer == Some(at)
            {
                member.timer = None;
                self.wake(number);
            }
        }
        self.serve(now);
        for queue in [Queue::Recovery, Queue::Common] {
            // Whoever has to wait again goes to the end, so everyone is looked at once at most.
            for _ in 0..self.queue(queue).len() {
                if self.commons.gate.opens_at(now, queue).is_none_or(|at| at > now) {
                    break;
                }
                let Some(number) = self.queue(queue).pop_front() else { break };
                if let Some(member) = self.members.get_mut(&number) {
                    member.queued = None;
                    self.turn(now, number);
                }
            }
        }
    }

    /// Gives those their turn that were given something, and nobody whose time may only seem to have come because
    /// its answer has not been taken in yet.
    pub(super) fn serve(&mut self, now: Instant) {
        let mut ready = std::mem::take(&mut self.ready);
        for number in ready.drain(..) {
            if let Some(member) = self.members.get_mut(&number) {
                member.ready = false;
                self.turn(now, number);
            }
        }
        self.ready = ready;
    }

    const fn queue(&mut self, queue: Queue) -> &mut VecDeque<u32> {
        match queue {
            Queue::Common => &mut self.common,
            Queue::Recovery => &mut self.recovery,
        }
    }

    fn turn(&mut self, now: Instant, number: u32) {
        let Some(member) = self.members.get_mut(&number) else { return };
        if !std::mem::replace(&mut member.touched, true) {
            self.touched.push(number);
        }
        if member.queued.is_none() {
            member.device.advance(now, &mut self.commons);
        } else {
            // Those before it in the queue go first; only what has ended is looked at.
            member.device.end_waits(now, &mut self.commons);
        }
        while let Some((job, outcome)) = member.device.finished() {
            self.outcomes.push((number, job, outcome));
        }
        if let Some(chore) = member.device.chore() {
            self.chores.push((number, chore));
        }
        if member.queued.is_none()
            && let Some(queue) = member.device.held()
        {
            member.queued = Some(queue);
            match queue {
                Queue::Common => self.common.push_back(number),
                Queue::Recovery => self.recovery.push_back(number),
            }
        }
        // An entry that comes too early only costs a look; one that comes too late would be an error.
        if let Some(deadline) = member.device.deadline(now)
            && member.timer.is_none_or(|timer| deadline < timer)
        {
            member.timer = Some(deadline);
            self.timers.push(Reverse((deadline, number)));
        }
        self.note_engine(now, number);
    }

    /// When [`Self::advance`] has something to do although nothing arrives.
    pub(super) fn deadline(&mut self, now: Instant) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let gate = &mut self.commons.gate;
        let common = (!self.common.is_empty()).then(|| gate.opens_at(now, Queue::Common)).flatten();
        let recovery = (!self.recovery.is_empty()).then(|| gate.opens_at(now, Queue::Recovery)).flatten();
        [timer, common, recovery].into_iter().flatten().min()
    }

    /// What is to be sent.
    pub(super) const fn outbox(&mut self) -> &mut Outbox {
        &mut self.commons.outbox
    }

    /// Jobs that are done: their OLT, and what they gave.
    pub(super) fn outcomes(&mut self) -> Vec<(u32, JobId, Outcome)> {
        std::mem::take(&mut self.outcomes)
    }

    /// Shows the counters of those OLTs where something has happened since.
    pub(super) fn counters(&mut self, mut show: impl FnMut(u32, Counters)) {
        for number in self.touched.drain(..) {
            if let Some(member) = self.members.get_mut(&number) {
                member.touched = false;
                show(number, member.device.counters());
            }
        }
    }

    /// Octets of answers that may be on their way at once.
    pub(super) const fn set_reply_octets(&mut self, octets: usize) {
        self.commons.gate.set_bound(octets);
    }

    /// Requests in flight.
    pub(super) const fn in_flight(&self) -> usize {
        self.commons.gate.in_flight()
    }

    /// Octets of answers that are on their way.
    pub(super) const fn outstanding(&self) -> usize {
        self.commons.gate.outstanding()
    }

    /// OLTs that wait for what all share.
    pub(super) fn waiting(&self) -> usize {
        self.common.len() + self.recovery.len()
    }

    /// Datagrams that belong to no OLT.
    pub(super) const fn foreign(&self) -> u64 {
        self.foreign
    }
}

#[cfg(test)]
mod tests;
