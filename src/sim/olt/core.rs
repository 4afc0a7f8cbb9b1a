//! The agent without its socket: (now, peer, datagram) in, (when, datagram) out.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer::Reply;
use super::codec::{DecodeError, Message, PduKind, Version};
use super::faults::Faults;
use super::journal::{Journal, Outcome, RequestRecord};
use super::line::Line;
use super::mib_view::{Rows, SYS_UP_TIME};
use super::source::Source;
use crate::config::Secret;
use crate::snmp::Oid;

/// A reply that is to leave at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dispatch {
    pub at: Instant,
    pub datagram: Vec<u8>,
    /// The [`Core::generation`] that it was made in.
    pub generation: u64,
}

/// All that an agent holds but its rows and its socket.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) faults: Faults,
    pub(super) journal: Journal,
    community: Secret,
    reply_cap: usize,
    uptime_ticks: bool,
    random: fastrand::Rng,
    line: Line,
    started: Instant,
    booted: Instant,
    answered_since_boot: u64,
    generation: u64,
}

/// What a core is made from.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub community: Secret,
    pub reply_cap: usize,
    pub uptime_ticks: bool,
    pub seed: u64,
    pub log_capacity: usize,
    pub faults: Faults,
}

impl Core {
    pub(super) fn new(setup: Setup, now: Instant) -> Self {
        Self {
            faults: setup.faults,
            journal: Journal::new(setup.log_capacity),
            community: setup.community,
            reply_cap: setup.reply_cap,
            uptime_ticks: setup.uptime_ticks,
            random: fastrand::Rng::with_seed(setup.seed),
            line: Line::default(),
            started: now,
            booted: now,
            answered_since_boot: 0,
            generation: 0,
        }
    }

    /// A datagram has come; `waiting` other ones have come and are not looked at yet.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        datagram: &[u8],
        waiting: usize,
        rows: &Rows,
    ) -> Vec<Dispatch> {
        if !self.hears(now) {
            self.journal.counters.unheard += 1;
            return Vec::new();
        }
        if self.faults.network.loss.strikes(&mut self.random) {
            self.journal.counters.lost += 1;
            return Vec::new();
        }
        let Some(request) = self.admit(datagram) else { return Vec::new() };
        self.journal.counters.requests += 1;
        self.serve(now, peer, request, number_of(peer, datagram), waiting, rows)
    }

    /// Whether it is switched on and has booted.
    pub(super) fn hears(&self, now: Instant) -> bool {
        !self.faults.silent && now >= self.booted
    }

    /// Restarts now: replies that have not left are lost, and the uptime begins anew when the boot is over.
    pub(super) fn reboot(&mut self, now: Instant) {
        self.generation = self.generation.wrapping_add(1);
        self.restart(now);
    }

    /// Whether a reply made at that generation may still leave.
    pub(super) fn lets_out(&self, reply: &Dispatch) -> bool {
        !self.faults.silent && reply.generation == self.generation
    }

    fn restart(&mut self, at: Instant) {
        self.journal.counters.reboots += 1;
        self.booted = at.checked_add(self.faults.reboot_time).unwrap_or(at);
        self.answered_since_boot = 0;
        self.line.reset();
    }

    /// The request in a datagram, if it is one that we answer.
    fn admit(&mut self, datagram: &[u8]) -> Option<Message> {
        let counters = &mut self.journal.counters;
        let message = match Message::decode(datagram) {
            Ok(message) => message,
            Err(DecodeError::Malformed { .. }) => {
                counters.malformed += 1;
                return None;
            }
            Err(DecodeError::Version { .. } | DecodeError::Kind { .. }) => {
                counters.unsupported += 1;
                return None;
            }
        };
        if *message.community != *self.community.expose().as_bytes() {
            counters.bad_community += 1;
            return None;
        }
        let answered = match message.pdu.kind {
            PduKind::Get | PduKind::GetNext | PduKind::Set => true,
            PduKind::GetBulk => message.version == Version::V2c,
            PduKind::Response | PduKind::Inform | PduKind::Trap | PduKind::Report => false,
        };
        if !answered {
            counters.unsupported += 1;
            return None;
        }
        Some(message)
    }

    fn serve(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        mut request: Message,
        number: u64,
        waiting: usize,
        rows: &Rows,
    ) -> Vec<Dispatch> {
        let Some(accepted) = self.line.accept(now, &self.faults.pace) else {
            self.journal.counters.overflowed += 1;
            self.write_down(now, peer, request, None, Outcome::Overflowed);
            return Vec::new();
        };
        let true_id = request.pdu.request_id;
        if self.faults.lies.wrong_request_id.strikes(&mut self.random) {
            request.pdu.request_id = true_id.wrapping_add(self.random.i32(1..=i32::MAX));
        }
        let ignored = self.faults.lies.ignore_bulk && request.pdu.kind == PduKind::GetBulk;
        let source =
            Source { rows, uptime: self.uptime(now, rows), lies: &self.faults.lies, reply_cap: self.reply_cap };
        let reply = if ignored { None } else { source.answer(&request) };
        request.pdu.request_id = true_id;
        let Some(mut reply) = reply else {
            self.journal.counters.unanswered += 1;
            self.write_down(now, peer, request, None, Outcome::Unanswered);
            return Vec::new();
        };
        if self.line.holds(number) {
            self.journal.counters.repeated += 1;
        }
        let home = self.line.finish(accepted, number, reply.varbinds, &self.faults.pace);
        let outstanding = self.line.outstanding().saturating_add(waiting);
        self.corrupt(&mut reply.datagram);

        let counters = &mut self.journal.counters;
        counters.most_outstanding = counters.most_outstanding.max(outstanding);
        counters.answered += 1;
        counters.varbinds += u64::try_from(reply.varbinds).unwrap_or(u64::MAX);
        counters.bytes += u64::try_from(reply.datagram.len()).unwrap_or(u64::MAX);
        self.answered_since_boot += 1;
        if self.faults.reboot_after.is_some_and(|most| self.answered_since_boot >= most) {
            self.restart(home);
        }

        let network = &self.faults.network;
        let lost = network.loss.strikes(&mut self.random);
        let held = network.reorder.strikes(&mut self.random);
        let twice = network.duplicate.strikes(&mut self.random);
        let at = if held { home.checked_add(network.reorder_by).unwrap_or(home) } else { home };
        let outcome = match (lost, reply.status) {
            (true, _) => Outcome::ReplyLost,
            (false, 0) => Outcome::Answered,
            (false, status) => Outcome::Refused(status),
        };
        self.write_down(now, peer, request, Some(&reply), outcome);
        if lost {
            self.journal.counters.lost += 1;
            return Vec::new();
        }
        let dispatch = Dispatch { at, datagram: reply.datagram, generation: self.generation };
        if twice { vec![dispatch.clone(), dispatch] } else { vec![dispatch] }
    }

    /// sysUpTime.0 where it is not the row's: hundredths since the boot, counted on from the row's value at first.
    fn uptime(&self, now: Instant, rows: &Rows) -> Option<u32> {
        let rebooted = self.journal.counters.reboots > 0;
        if !rebooted && !self.uptime_ticks {
            return None;
        }
        let at_boot = if rebooted { 0 } else { rows.get(&Oid::new(SYS_UP_TIME))?.integer()? };
        let hundredths = now.saturating_duration_since(self.booted).as_millis() / 10;
        // It wraps after 497 days (RFC 2578, 7.1.8).
        let total = u128::try_from(at_boot).unwrap_or(0).saturating_add(hundredths) % (1 << 32);
        u32::try_from(total).ok()
    }

    fn corrupt(&mut self, datagram: &mut Vec<u8>) {
        if self.faults.lies.garbage.strikes(&mut self.random) {
            self.random.fill(datagram);
        }
        if self.faults.lies.truncate.strikes(&mut self.random) && !datagram.is_empty() {
            datagram.truncate(self.random.usize(0..datagram.len()));
        }
    }

    fn write_down(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        request: Message,
        reply: Option<&Reply>,
        outcome: Outcome,
    ) {
        let bulk = request.pdu.kind == PduKind::GetBulk;
        self.journal.write(RequestRecord {
            at: now.saturating_duration_since(self.started),
            peer,
            kind: request.pdu.kind,
            request_id: request.pdu.request_id,
            oids: request.pdu.varbinds.into_iter().map(|varbind| varbind.oid).collect(),
            non_repeaters: if bulk { request.pdu.error_status } else { 0 },
            max_repetitions: if bulk { request.pdu.error_index } else { 0 },
            varbinds: reply.map_or(0, |reply| reply.varbinds),
            bytes: reply.map_or(0, |reply| reply.datagram.len()),
            outcome,
        });
    }

    /// How long ago it was started.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}

/// Tells requests apart; one that is sent again is the same in all octets.
pub(super) fn number_of(peer: SocketAddr, datagram: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (peer, datagram).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec::Pdu;
    use super::super::faults::{Chance, Lies, Network, Pace};
    use super::*;
    use crate::snmp::{Value, VarBind};

    const MS: Duration = Duration::from_millis(1);

    fn rows() -> Rows {
        [(Oid::new(SYS_UP_TIME), Value::TimeTicks(500))].into_iter().collect()
    }

    fn core(faults: Faults, now: Instant) -> Core {
        let community = Secret::new("public".to_owned());
        Core::new(Setup { community, reply_cap: 1472, uptime_ticks: true, seed: 1, log_capacity: 1000, faults }, now)
    }

    fn request(community: &[u8], kind: PduKind, request_id: i32) -> Vec<u8> {
        let varbinds = vec![VarBind { oid: Oid::new(SYS_UP_TIME), value: Value::Null }];
        let pdu = Pdu { kind, request_id, error_status: 0, error_index: 0, varbinds };
        Message { version: Version::V2c, community: community.into(), pdu }.encode().unwrap()
    }

    fn send(core: &mut Core, now: Instant, datagram: &[u8]) -> Vec<Dispatch> {
        core.receive(now, SocketAddr::from(([127, 0, 0, 1], 4000)), datagram, 0, &rows())
    }

    fn get(core: &mut Core, now: Instant, request_id: i32) -> Vec<Dispatch> {
        send(core, now, &request(b"public", PduKind::Get, request_id))
    }

    fn uptime(replies: &[Dispatch]) -> Option<i64> {
        Message::decode(&replies.first()?.datagram).unwrap().pdu.varbinds[0].value.integer()
    }

    #[test]
    fn what_is_no_request_for_us_is_dropped_and_counted() {
        let now = Instant::now();
        let mut core = core(Faults::default(), now);
        for datagram in [
            request(b"private", PduKind::Get, 1),
            b"GET / HTTP/1.1".to_vec(),
            request(b"public", PduKind::Response, 1),
            vec![0x30, 0x03, 0x02, 0x01, 0x03],
        ] {
            assert_eq!(send(&mut core, now, &datagram), []);
        }
        let counters = core.journal.counters;
        assert_eq!((counters.bad_community, counters.malformed, counters.unsupported), (1, 1, 2));
        assert_eq!((counters.requests, core.journal.records().len()), (0, 0));
        assert!(!format!("{core:?}").contains("public"));
    }

    #[test]
    fn uptime_counts_on_from_the_row_and_from_zero_after_a_reboot() {
        let start = Instant::now();
        let mut core = core(Faults { reboot_time: 50 * MS, ..Faults::default() }, start);
        assert_eq!(uptime(&get(&mut core, start + 1000 * MS, 1)), Some(600));
        core.reboot(start + 2000 * MS);
        assert_eq!(uptime(&get(&mut core, start + 2040 * MS, 2)), None);
        assert_eq!(uptime(&get(&mut core, start + 2150 * MS, 3)), Some(10));
        assert_eq!((core.journal.counters.unheard, core.journal.counters.reboots), (1, 1));
    }

    #[test]
    fn a_reboot_loses_what_was_under_way() {
        let now = Instant::now();
        let mut core = core(Faults { pace: Pace { service: 5 * MS, ..Pace::default() }, ..Faults::default() }, now);
        let reply = get(&mut core, now, 1).remove(0);
        assert!(core.lets_out(&reply));
        core.reboot(now + MS);
        assert!(!core.lets_out(&reply));
    }

    #[test]
    fn it_reboots_after_as_many_requests_as_told() {
        let now = Instant::now();
        let mut core = core(Faults { reboot_after: Some(3), ..Faults::default() }, now);
        let later = now + 1000 * MS;
        let uptimes: Vec<_> = (0..5).map(|id| uptime(&get(&mut core, later, id)).unwrap()).collect();
        assert_eq!(uptimes, [600, 600, 600, 0, 0]);
    }

    #[test]
    fn the_most_requests_outstanding_at_once_are_counted() {
        let now = Instant::now();
        let pace = Pace { service: 5 * MS, rtt: 2 * MS, queue: Some(2), ..Pace::default() };
        let mut core = core(Faults { pace, ..Faults::default() }, now);
        for (id, expected) in [(1, 7), (2, 12)] {
            assert_eq!(get(&mut core, now, id)[0].at, now + expected * MS);
        }
        assert_eq!(get(&mut core, now, 3), []);
        get(&mut core, now + 50 * MS, 4);
        let counters = core.journal.counters;
        assert_eq!((counters.most_outstanding, counters.overflowed, counters.answered), (2, 1, 3));
        let outcomes: Vec<_> = core.journal.records().iter().map(|record| record.outcome).collect();
        assert_eq!(outcomes, [Outcome::Answered, Outcome::Answered, Outcome::Overflowed, Outcome::Answered]);
    }

    #[test]
    fn the_network_loses_doubles_and_holds_back() {
        let now = Instant::now();
        let network = Network { duplicate: Chance::ALWAYS, ..Network::default() };
        let mut doubled = core(Faults { network, ..Faults::default() }, now);
        let replies = get(&mut doubled, now, 1);
        assert_eq!((replies.len(), &replies[0]), (2, &replies[1]));

        let network = Network { reorder: Chance::ALWAYS, reorder_by: 9 * MS, ..Network::default() };
        let mut held = core(Faults { network, ..Faults::default() }, now);
        assert_eq!(get(&mut held, now, 1)[0].at, now + 9 * MS);

        let network = Network { loss: Chance::new(0.1).unwrap(), ..Network::default() };
        let mut lossy = core(Faults { network, ..Faults::default() }, now);
        let back = (0..1000).filter(|id| !get(&mut lossy, now, *id).is_empty()).count();
        // 0.9 for the request times 0.9 for the reply.
        assert!((760..860).contains(&back), "{back}");
        let counters = lossy.journal.counters;
        assert_eq!(counters.lost, 1000 - u64::try_from(back).unwrap());
    }

    #[test]
    fn the_same_seed_meets_the_same_faults() {
        let now = Instant::now();
        let network = Network { loss: Chance::new(0.5).unwrap(), ..Network::default() };
        let run = || {
            let mut core = core(Faults { network: network.clone(), ..Faults::default() }, now);
            (0..64).map(|id| get(&mut core, now, id).len()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_liar_changes_ids_and_octets_and_ignores_bulk() {
        let now = Instant::now();
        let lie = |lies: Lies| core(Faults { lies, ..Faults::default() }, now);
        let mut wrong = lie(Lies { wrong_request_id: Chance::ALWAYS, ..Lies::default() });
        let reply = get(&mut wrong, now, 42);
        assert_ne!(Message::decode(&reply[0].datagram).unwrap().pdu.request_id, 42);
        assert_eq!(wrong.journal.records()[0].request_id, 42);

        let mut cut = lie(Lies { truncate: Chance::ALWAYS, ..Lies::default() });
        assert!(Message::decode(&get(&mut cut, now, 1)[0].datagram).is_err());
        let mut garbage = lie(Lies { garbage: Chance::ALWAYS, ..Lies::default() });
        assert!(Message::decode(&get(&mut garbage, now, 1)[0].datagram).is_err());

        let mut no_bulk = lie(Lies { ignore_bulk: true, ..Lies::default() });
        assert_eq!(send(&mut no_bulk, now, &request(b"public", PduKind::GetBulk, 1)), []);
        assert_eq!(get(&mut no_bulk, now, 2).len(), 1);
        assert_eq!(no_bulk.journal.counters.unanswered, 1);
    }

    #[test]
    fn silence_hears_nothing() {
        let now = Instant::now();
        let mut core = core(Faults { silent: true, ..Faults::default() }, now);
        assert_eq!(get(&mut core, now, 1), []);
        core.faults.silent = false;
        assert_eq!(get(&mut core, now, 1).len(), 1);
        assert_eq!(core.journal.counters.unheard, 1);
    }

    proptest! {
        #[test]
        fn no_datagram_makes_the_agent_panic(
            datagram in prop::collection::vec(any::<u8>(), 0..300),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let now = Instant::now();
            let mut core = core(Faults::default(), now);
            send(&mut core, now, &datagram);
            let mut request = request(b"public", PduKind::GetBulk, 1);
            for (place, octet) in changes {
                let place = place.index(request.len());
                request[place] = octet;
            }
            for reply in send(&mut core, now, &request) {
                prop_assert!(reply.datagram.len() <= 1472);
            }
        }
    }
}
