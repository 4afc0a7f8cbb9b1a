//! A scripted agent and network for the tests of this room, on a scripted clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::ber::{INTEGER, NULL, OCTET_STRING, SEQUENCE, Writer};
use super::codec::{self, PduKind};
use super::commons::{Commons, Limits};
use super::device::{Arrived, Device, Protocol};
use super::job::{AnyJob, Outcome};
use super::{Oid, Target, Value, VarBind, Walked};
use crate::config::Secret;

pub(super) const PEER: &str = "192.0.2.1:161";

pub(super) fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

pub(super) fn target() -> Target {
    Target {
        address: PEER.to_owned(),
        timeout: Duration::from_secs(2),
        retries: 3,
        window: 1,
        pdus_per_second: f64::INFINITY,
        varbinds_per_second: f64::INFINITY,
        max_repetitions: 40,
        reply_octets: 1_400,
        any_source: false,
    }
}

/// Puts a value on the wire.
pub(super) fn write_value(writer: &mut Writer, value: &Value) {
    match value {
        Value::Integer(number) => writer.integer(INTEGER, *number),
        Value::Counter32(number) => writer.integer(0x41, i64::from(*number)),
        Value::Gauge32(number) => writer.integer(0x42, i64::from(*number)),
        Value::TimeTicks(number) => writer.integer(0x43, i64::from(*number)),
        Value::Counter64(number) => {
            let mark = writer.mark();
            writer.raw(&number.to_be_bytes());
            writer.raw(&[0]);
            writer.wrap(0x46, mark);
        }
        Value::OctetString(octets) => writer.octets(OCTET_STRING, octets),
        Value::ObjectId(oid) => writer.object_id(oid.arcs()),
        Value::IpAddress(octets) => writer.octets(0x40, octets),
        Value::Opaque(octets) => writer.octets(0x44, octets),
        Value::Null => writer.octets(NULL, &[]),
        Value::Undecoded { tag } => writer.octets(*tag, &[]),
        Value::NoSuchObject => writer.octets(0x80, &[]),
        Value::NoSuchInstance => writer.octets(0x81, &[]),
        Value::EndOfMibView => writer.octets(0x82, &[]),
    }
}

pub(super) fn write_varbinds(varbinds: &[(Oid, Value)]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (oid, value) in varbinds.iter().rev() {
        let mark = writer.mark();
        write_value(&mut writer, value);
        writer.object_id(oid.arcs());
        writer.wrap(SEQUENCE, mark);
    }
    writer.finish()
}

/// A response PDU around varbinds that are octets already.
pub(super) fn response_pdu(tag: u8, id: i32, status: i32, index: i32, varbinds: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.octets(SEQUENCE, varbinds);
    writer.integer(INTEGER, i64::from(index));
    writer.integer(INTEGER, i64::from(status));
    writer.integer(INTEGER, i64::from(id));
    writer.wrap(tag, 0);
    writer.finish()
}

pub(super) fn v2c_message(community: &str, pdu: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(pdu);
    writer.octets(OCTET_STRING, community.as_bytes());
    writer.integer(INTEGER, 1);
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

/// A notification in v2c form with only what it must have.
pub(crate) fn trap_octets(tag: u8, trap: &str) -> Vec<u8> {
    let varbinds = write_varbinds(&[
        (oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(500)),
        (oid("1.3.6.1.6.3.1.1.4.1.0"), Value::ObjectId(oid(trap))),
    ]);
    v2c_message("public", &response_pdu(tag, 77, 0, 0, &varbinds))
}

/// A trap of an enterprise in v1, of the agent at this address.
pub(crate) fn v1_trap_octets(agent: [u8; 4]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.octets(SEQUENCE, &[]);
    writer.integer(0x43, 500);
    writer.integer(INTEGER, 18);
    writer.integer(INTEGER, 6);
    writer.octets(0x40, &agent);
    writer.object_id(&[1, 3, 6, 1, 4, 1, 2011]);
    writer.wrap(0xa4, 0);
    writer.octets(OCTET_STRING, b"public");
    writer.integer(INTEGER, 0);
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

/// A request as an agent sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) tag: u8,
    pub(super) id: i32,
    pub(super) repetitions: usize,
    pub(super) names: Vec<Oid>,
}

/// Reads a request PDU; `None` for what is none.
pub(super) fn read_request(pdu: &codec::Pdu<'_>) -> Option<Seen> {
    let PduKind::Other(tag) = pdu.kind else { return None };
    let mut names = Vec::new();
    let mut arcs = Vec::new();
    for varbind in pdu.varbinds() {
        varbind.ok()?.name_into(&mut arcs)?;
        names.push(Oid::new(&arcs));
    }
    Some(Seen { tag, id: pdu.request_id, repetitions: usize::try_from(pdu.error_index).ok()?, names })
}

/// What an agent answers with.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Varbinds(Vec<(Oid, Value)>),
    Error {
        status: i32,
        index: i32,
    },
    /// Varbinds as octets.
    Raw(Vec<u8>),
    Silence,
}

/// What a lying agent makes of a request and what an honest one would say.
type Lie = Box<dyn FnMut(&Seen, Reply) -> Reply + Send>;

/// An agent that holds a tree and can misbehave.
pub(super) struct Agent {
    pub(super) community: String,
    pub(super) tree: BTreeMap<Oid, Value>,
    /// Most varbinds in an answer; more are cut off.
    pub(super) most: usize,
    /// More varbinds than this are tooBig.
    pub(super) too_big: usize,
    /// genErr when an answer would hold one of these.
    pub(super) poison: Vec<Oid>,
    /// Whether genErr names the varbind.
    pub(super) names_poison: bool,
    /// Answers no GETBULK.
    pub(super) no_bulk: bool,
    /// Answers nothing at all when more varbinds than this are asked for.
    pub(super) silent_above: usize,
    pub(super) lie: Option<Lie>,
    pub(super) seen: Vec<Seen>,
}

impl Agent {
    pub(super) fn new(tree: impl IntoIterator<Item = (Oid, Value)>) -> Self {
        Self {
            community: "public".to_owned(),
            tree: tree.into_iter().collect(),
            most: usize::MAX,
            too_big: usize::MAX,
            poison: Vec::new(),
            names_poison: true,
            no_bulk: false,
            silent_above: usize::MAX,
            lie: None,
            seen: Vec::new(),
        }
    }

    /// `columns` columns under `root` with `rows` rows each; the value tells column and row.
    pub(super) fn table(root: &str, columns: u32, rows: u32) -> Self {
        let root = oid(root);
        Self::new((1..=columns).flat_map(|column| {
            let root = root.clone();
            (1..=rows).map(move |row| (root.child(&[column, row]), Value::Integer(i64::from(column * 100_000 + row))))
        }))
    }

    fn after(&self, oid: &Oid) -> (Oid, Value) {
        let next = self.tree.range((std::ops::Bound::Excluded(oid.clone()), std::ops::Bound::Unbounded)).next();
        next.map_or_else(|| (oid.clone(), Value::EndOfMibView), |(oid, value)| (oid.clone(), value.clone()))
    }

    pub(super) fn reply(&mut self, seen: &Seen) -> Reply {
        self.seen.push(seen.clone());
        let honest = self.honest(seen);
        match &mut self.lie {
            Some(lie) => lie(seen, honest),
            None => honest,
        }
    }

    fn honest(&self, seen: &Seen) -> Reply {
        let mut varbinds = Vec::new();
        match seen.tag {
            0xa0 => {
                for name in &seen.names {
                    let value = self.tree.get(name).cloned().unwrap_or(Value::NoSuchInstance);
                    varbinds.push((name.clone(), value));
                }
            }
            0xa1 => varbinds.extend(seen.names.iter().map(|name| self.after(name))),
            0xa5 if self.no_bulk => return Reply::Silence,
            0xa5 => {
                let mut row: Vec<Oid> = seen.names.clone();
                for _ in 0..seen.repetitions {
                    for name in &mut row {
                        let (next, value) = self.after(name);
                        varbinds.push((next.clone(), value));
                        *name = next;
                    }
                }
            }
            _ => return Reply::Silence,
        }
        let asked = seen.names.len();
        if let Some(position) = varbinds.iter().position(|(oid, _)| self.poison.contains(oid)) {
            let index = if self.names_poison { i32::try_from(position % asked + 1).unwrap() } else { 0 };
            return Reply::Error { status: 5, index };
        }
        if varbinds.len() > self.silent_above {
            return Reply::Silence;
        }
        if varbinds.len() > self.too_big {
            return Reply::Error { status: 1, index: 0 };
        }
        varbinds.truncate(self.most);
        Reply::Varbinds(varbinds)
    }

    /// Answers a v2c datagram.
    pub(super) fn answer_v2c(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let message = codec::scan_v2c(datagram).ok()?;
        if message.community != self.community.as_bytes() {
            return None;
        }
        let seen = read_request(&message.pdu)?;
        let pdu = self.answer_pdu(&seen)?;
        Some(v2c_message(&self.community, &pdu))
    }

    /// The response PDU to a request; `None` for silence.
    pub(super) fn answer_pdu(&mut self, seen: &Seen) -> Option<Vec<u8>> {
        Some(match self.reply(seen) {
            Reply::Varbinds(varbinds) => response_pdu(0xa2, seen.id, 0, 0, &write_varbinds(&varbinds)),
            Reply::Error { status, index } => {
                let asked: Vec<_> = seen.names.iter().map(|name| (name.clone(), Value::Null)).collect();
                response_pdu(0xa2, seen.id, status, index, &write_varbinds(&asked))
            }
            Reply::Raw(octets) => response_pdu(0xa2, seen.id, 0, 0, &octets),
            Reply::Silence => return None,
        })
    }
}

/// Columns 1 to `columns` under `root`.
pub(super) fn table_walk(root: &str, columns: u32) -> super::Walk {
    super::Walk {
        columns: (1..=columns).map(|column| oid(root).child(&[column])).collect(),
        within: Vec::new(),
        stop_before: None,
        max_rows: 100_000,
        max_repetitions: None,
    }
}

/// What happens to datagrams on the way, each way.
pub(super) struct Network {
    pub(super) random: fastrand::Rng,
    pub(super) loss: f64,
    /// Everything is lost from here to there.
    pub(super) outage: Option<(Instant, Instant)>,
    pub(super) duplicates: f64,
    /// Delay of each datagram: from, to.
    pub(super) delay: (Duration, Duration),
}

impl Network {
    pub(super) fn perfect() -> Self {
        let delay = (Duration::from_millis(1), Duration::from_millis(1));
        Self { random: fastrand::Rng::with_seed(7), loss: 0.0, outage: None, duplicates: 0.0, delay }
    }

    fn copies(&mut self, now: Instant) -> usize {
        if self.outage.is_some_and(|(from, to)| (from..to).contains(&now)) {
            return 0;
        }
        let first = usize::from(self.random.f64() >= self.loss);
        first + usize::from(self.random.f64() < self.duplicates)
    }

    fn took(&mut self) -> Duration {
        let (from, to) = self.delay;
        from + (to - from).mul_f64(self.random.f64())
    }
}

/// What devices share, without a limit.
pub(super) fn commons() -> Commons {
    Commons::new(Limits::NONE, fastrand::Rng::with_seed(3))
}

/// Gives a datagram to a device that is alone.
pub(super) fn receive(
    device: &mut Device<AnyJob>,
    commons: &mut Commons,
    now: Instant,
    source: SocketAddr,
    datagram: &[u8],
) {
    match Arrived::read(datagram) {
        Ok(arrived) => {
            let found = commons.tickets.find(arrived.id());
            device.take(now, commons, source, &arrived, found);
        }
        Err(why) => device.unreadable(why),
    }
}

/// Which way a datagram goes.
#[derive(Debug)]
enum Way {
    ToAgent(Vec<u8>),
    ToUs(SocketAddr, Vec<u8>),
}

type AnswerWith<'a> = Box<dyn FnMut(Instant, &[u8]) -> Vec<Vec<u8>> + 'a>;

/// A device, an agent and a network on a scripted clock.
pub(super) struct World<'a> {
    pub(super) device: Device<AnyJob>,
    pub(super) commons: Commons,
    pub(super) network: Network,
    pub(super) now: Instant,
    pub(super) service: Duration,
    /// What the agent needs for its n-th request beside that.
    pub(super) extra: Box<dyn FnMut(u64) -> Duration + 'a>,
    /// Most requests that it holds, the one in hand included; more are dropped, and counted.
    pub(super) queue: usize,
    pub(super) dropped: usize,
    agent: AnswerWith<'a>,
    events: VecDeque<(Instant, Way)>,
    busy_until: Instant,
    /// When each request is done, and when its answer is home, lost or not.
    at_agent: Vec<(Instant, Instant)>,
    served: u64,
    /// Most requests that were at the agent at once, or whose answer was on its way.
    pub(super) most_at_agent: usize,
    /// No more than these may be, or the test fails at its end; `None` where an agent is slower than it was known to be.
    pub(super) at_most: Option<u32>,
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        if let Some(most) = self.at_most.filter(|_| !std::thread::panicking()) {
            assert!(self.most_at_agent <= most as usize, "{} requests at the OLT, of {most}", self.most_at_agent);
        }
    }
}

impl<'a> World<'a> {
    pub(super) fn v2c(target: &Target, agent: &'a mut Agent) -> Self {
        let protocol = Protocol::V2c(Secret::new("public".to_owned()));
        Self::new(target, protocol, Box::new(move |_, datagram| agent.answer_v2c(datagram).into_iter().collect()))
    }

    pub(super) fn new(target: &Target, protocol: Protocol, agent: AnswerWith<'a>) -> Self {
        let now = Instant::now();
        Self {
            device: Device::new(0, target, PEER.parse().unwrap(), protocol),
            commons: commons(),
            network: Network::perfect(),
            now,
            service: Duration::from_millis(2),
            extra: Box::new(|_| Duration::ZERO),
            queue: usize::MAX,
            dropped: 0,
            agent,
            events: VecDeque::new(),
            busy_until: now,
            at_agent: Vec::new(),
            served: 0,
            most_at_agent: 0,
            at_most: Some(target.window),
        }
    }

    fn push(&mut self, at: Instant, way: Way) {
        let position = self.events.partition_point(|(when, _)| *when <= at);
        self.events.insert(position, (at, way));
    }

    fn send_out(&mut self) {
        while let Some(letter) = self.commons.outbox.next() {
            for _ in 0..self.network.copies(self.now) {
                let at = self.now + self.network.took();
                self.push(at, Way::ToAgent(letter.octets.clone()));
            }
        }
    }

    fn arrive(&mut self, datagram: &[u8]) {
        if self.at_agent.iter().filter(|(done, _)| *done > self.now).count() >= self.queue {
            self.dropped += 1;
            return;
        }
        self.served += 1;
        self.busy_until = self.busy_until.max(self.now) + self.service + (self.extra)(self.served);
        let home = self.busy_until + self.network.took();
        self.at_agent.retain(|(_, home)| *home > self.now);
        self.at_agent.push((self.busy_until, home));
        self.most_at_agent = self.most_at_agent.max(self.at_agent.len());
        for reply in (self.agent)(self.now, datagram) {
            let copies = self.network.copies(self.now);
            for copy in 0..copies {
                let at = if copy == 0 { home } else { self.busy_until + self.network.took() };
                self.push(at, Way::ToUs(PEER.parse().unwrap(), reply.clone()));
            }
        }
    }

    /// Runs until the jobs are done; panics when nothing is left to happen or after a day of scripted time.
    pub(super) fn run(&mut self, jobs: Vec<AnyJob>) -> Vec<Outcome> {
        let start = self.now;
        let ids: Vec<_> = jobs.into_iter().map(|job| self.device.submit(job)).collect();
        let mut outcomes = BTreeMap::new();
        loop {
            self.device.advance(self.now, &mut self.commons);
            if let Some(chore) = self.device.chore() {
                self.device.equip(self.now, chore.run());
                self.device.advance(self.now, &mut self.commons);
            }
            self.send_out();
            while let Some((id, outcome)) = self.device.finished() {
                outcomes.insert(id, outcome);
            }
            if outcomes.len() == ids.len() {
                return outcomes.into_values().collect();
            }
            let deadline = self.device.deadline(self.now);
            let event = self.events.front().map(|(when, _)| *when);
            let next = [deadline, event].into_iter().flatten().min().expect("something must be about to happen");
            self.now = self.now.max(next);
            assert!(self.now - start < Duration::from_secs(24 * 3600), "it takes more than a day");
            while self.events.front().is_some_and(|(when, _)| *when <= self.now) {
                match self.events.pop_front().unwrap().1 {
                    Way::ToAgent(datagram) => self.arrive(&datagram),
                    Way::ToUs(source, datagram) => {
                        receive(&mut self.device, &mut self.commons, self.now, source, &datagram);
                    }
                }
            }
        }
    }

    pub(super) fn walk(&mut self, walk: super::Walk) -> Walked {
        let job = AnyJob::Walk(Box::new(super::walk::WalkJob::new(walk)));
        match self.run(vec![job]).pop() {
            Some(Outcome::Walked(walked)) => walked,
            other => panic!("a walk was expected: {other:?}"),
        }
    }

    /// Walks in parts, as a session does.
    pub(super) fn walk_by(&mut self, walk: &super::Walk, plan: &super::Plan, window: u32) -> Walked {
        let parts = super::plan::parts(walk, plan, window);
        let jobs =
            parts.iter().map(|part| AnyJob::Walk(Box::new(super::walk::WalkJob::part(part.walk.clone(), &part.chain))));
        let outcomes = self.run(jobs.collect());
        let walked = outcomes.into_iter().zip(&parts).map(|(outcome, part)| match outcome {
            Outcome::Walked(walked) => (part.first, walked),
            Outcome::Fetched(fetched) => panic!("a walk was expected: {fetched:?}"),
        });
        super::plan::join(PEER, walk, walked.collect())
    }

    /// Walks columns 1 to `columns` under `root` with a bound of 100000 rows.
    pub(super) fn walk_table(&mut self, root: &str, columns: u32) -> Walked {
        self.walk(table_walk(root, columns))
    }

    pub(super) fn fetch(&mut self, next: bool, oids: &[Oid]) -> Result<Vec<VarBind>, super::SnmpError> {
        let job = AnyJob::Fetch(super::fetch::FetchJob::new(next, oids.to_vec()));
        match self.run(vec![job]).pop() {
            Some(Outcome::Fetched(fetched)) => fetched,
            other => panic!("a fetch was expected: {other:?}"),
        }
    }
}
