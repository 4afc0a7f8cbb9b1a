//! From a fault to what happens when, and to its truth.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chance::{even, hash, millis};
use super::fault::{Action, Fault, Pieces};
use super::ground::Ground;
use super::onu::{Change, Wake};
use super::options::WorldOptions;
use super::truth::{Spot, Truth, TruthKind};
use crate::model::Timestamp;
use crate::sim::plant::{CableIx, ClientIx, Index, OltIx, Point, PonIx};

/// An OLT that was without power or restarted answers again after this long.
const BOOT: Duration = Duration::from_secs(150);

/// Most losses of one flapping ONU.
const MOST_FLAPS: u32 = 10_000;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event {
    /// To an ONU.
    Onu(ClientIx, Change),
    /// An ONU comes back.
    Wake(ClientIx, Wake),
    /// A port's transceiver or card stops or works again.
    Pon(PonIx, bool),
    /// An OLT stops answering or answers again.
    Silent(OltIx, bool),
    /// An OLT begins to run.
    Booted(OltIx),
    /// An OLT's received powers are shown in another scale; `None`: as they are.
    Scale(OltIx, Option<(f32, f32)>),
    /// Some customer pulls the plug.
    Unplug,
    /// Some drop breaks.
    BreakDrop,
}

/// Collects what a fault does.
struct Plan<'a> {
    ground: &'a Ground,
    options: &'a WorldOptions,
    /// Tells faults of one world apart.
    number: u64,
    events: Vec<(Timestamp, Event)>,
}

/// What a fault does, and its truth. A fault at something that is not on this ground does nothing.
pub(super) fn plan(
    ground: &Ground,
    options: &WorldOptions,
    number: u64,
    fault: &Fault,
) -> (Vec<(Timestamp, Event)>, Option<Truth>) {
    let mut plan = Plan { ground, options, number, events: Vec::new() };
    let truth = plan.fault(fault).map(|(kind, spot, mut clients)| {
        clients.sort_unstable();
        clients.dedup();
        Truth { kind, spot, from: fault.at, until: fault.until, clients }
    });
    (plan.events, truth)
}

type Told = Option<(TruthKind, Spot, Vec<ClientIx>)>;

impl Plan<'_> {
    fn fault(&mut self, fault: &Fault) -> Told {
        let (at, until) = (fault.at, fault.until);
        match fault.action {
            Action::Cut { cable, metre, pieces } => self.cut(at, until, cable, metre, pieces),
            Action::Bend { cable, metre, loss, ramp } => self.bend(at, until, (cable, metre), loss, ramp),
            Action::Drop { client } => {
                self.dark(client, at, until);
                Some((TruthKind::Drop, Spot::Client(client), vec![client]))
            }
            Action::Power { centre, radius, share, pieces } => self.power(at, until, (centre, radius), share, pieces),
            Action::OltPower { olt } => {
                self.headless(olt, at, until.map(|until| until + BOOT));
                Some((TruthKind::OltUnreachable, Spot::Olt(olt), self.ground.on_olt(olt).collect()))
            }
            Action::Reboot { olt } => {
                self.headless(olt, at, Some(until.unwrap_or(at + BOOT)));
                Some((TruthKind::OltUnreachable, Spot::Olt(olt), self.ground.on_olt(olt).collect()))
            }
            Action::Unreachable { olt } => {
                self.put(at, Event::Silent(olt, true));
                self.put_maybe(until, Event::Silent(olt, false));
                Some((TruthKind::OltUnreachable, Spot::Olt(olt), Vec::new()))
            }
            Action::Card { slot } => {
                let pons: Vec<PonIx> = self.ground.pons_of_slot(slot).collect();
                let clients = pons.iter().flat_map(|pon| self.port(*pon, at, until)).collect();
                Some((TruthKind::Equipment, Spot::Slot(slot), clients))
            }
            Action::Sfp { pon } => {
                let clients = self.port(pon, at, until);
                Some((TruthKind::Equipment, Spot::Pon(pon), clients))
            }
            Action::Flapping { client, every } => self.flapping(at, until, client, every),
            Action::Rogue { client, found_after } => self.rogue(at, until, client, found_after),
            Action::Maintenance { slot } => {
                let pons: Vec<PonIx> = self.ground.pons_of_slot(slot).collect();
                let clients: Vec<ClientIx> = pons.iter().flat_map(|pon| self.ground.on_pon(*pon)).copied().collect();
                for client in &clients {
                    let late = self.millis(0, 60_000, *client, 1);
                    self.put(at + late, Event::Onu(*client, Change::Disabled(true)));
                    self.put_maybe(until.map(|until| until + late), Event::Onu(*client, Change::Disabled(false)));
                }
                Some((TruthKind::Maintenance, Spot::Slot(slot), clients))
            }
            Action::Rescale { olt, factor, offset } => {
                self.put(at, Event::Scale(olt, Some((factor, offset))));
                self.put_maybe(until, Event::Scale(olt, None));
                Some((TruthKind::DataQuality, Spot::Olt(olt), self.ground.on_olt(olt).collect()))
            }
        }
    }

    fn cut(&mut self, at: Timestamp, until: Option<Timestamp>, cable: CableIx, metre: f32, pieces: Pieces) -> Told {
        let spot = self.spot(cable, metre)?;
        let behind = self.ground.behind(cable).to_vec();
        // Pieces of the repair: neighbouring fibres together.
        let mut fibers: BTreeMap<_, usize> = behind.iter().map(|(_, fiber)| (*fiber, 0)).collect();
        for (place, piece) in fibers.values_mut().enumerate() {
            *piece = place;
        }
        let total = fibers.len();
        for (client, fiber) in &behind {
            let place = fibers.get(fiber).copied().unwrap_or_default();
            let back = until.map(|until| until + delay(pieces, place, total));
            self.dark(*client, at, back);
        }
        Some((TruthKind::Cut, spot, behind.into_iter().map(|(client, _)| client).collect()))
    }

    fn bend(
        &mut self,
        at: Timestamp,
        until: Option<Timestamp>,
        (cable, metre): (CableIx, f32),
        loss: f32,
        ramp: Duration,
    ) -> Told {
        let spot = self.spot(cable, metre)?;
        let steps: u8 = if ramp.is_zero() { 1 } else { 8 };
        let clients: Vec<ClientIx> = self.ground.behind(cable).iter().map(|(client, _)| *client).collect();
        for client in &clients {
            let mut bent = 0.0;
            for step in 0..steps {
                let when = at + ramp * u32::from(step) / u32::from(steps);
                if until.is_some_and(|until| when >= until) {
                    break;
                }
                bent += loss / f32::from(steps);
                self.put(when, Event::Onu(*client, Change::Bent(loss / f32::from(steps))));
            }
            self.put_maybe(until, Event::Onu(*client, Change::Bent(-bent)));
        }
        Some((TruthKind::Degradation, spot, clients))
    }

    fn power(
        &mut self,
        at: Timestamp,
        until: Option<Timestamp>,
        (centre, radius): (Point, f32),
        share: f32,
        pieces: Pieces,
    ) -> Told {
        let mut hit = Vec::new();
        let plant = self.ground.plant();
        for (ix, client) in plant.clients.iter() {
            if client.house.distance(centre) > radius || self.even(ix, 2) >= f64::from(share) {
                continue;
            }
            // The mains come back sector by sector.
            let angle = (client.house.y - centre.y).atan2(client.house.x - centre.x);
            let turn = (angle / std::f32::consts::TAU).rem_euclid(1.0);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 1000
            let sector = (turn * 1000.0) as usize;
            let back = until.map(|until| until + delay(pieces, sector, 1000));
            let mut fails = at + self.millis(0, 4000, ix, 3);
            if even(&[self.options.seed, 4, u64::from(ix.number())]) < self.options.batteries {
                fails = fails + self.millis(1_800_000, 14_400_000, ix, 5);
            }
            if back.is_some_and(|back| back <= fails) {
                continue;
            }
            self.put(fails, Event::Onu(ix, Change::Power(true)));
            self.put_maybe(back, Event::Onu(ix, Change::Power(false)));
            hit.push(ix);
        }
        Some((TruthKind::Power, Spot::Area { centre, radius }, hit))
    }

    fn flapping(&mut self, at: Timestamp, until: Option<Timestamp>, client: ClientIx, every: Duration) -> Told {
        let every = every.max(Duration::from_secs(2));
        let end = until.unwrap_or(Timestamp::from_millis(u64::MAX));
        for round in 0..MOST_FLAPS {
            let begins = at + every * round;
            if begins >= end {
                break;
            }
            self.put(begins, Event::Onu(client, Change::Dark(true)));
            self.put(begins + every / 4, Event::Onu(client, Change::Dark(false)));
        }
        Some((TruthKind::Drop, Spot::Client(client), vec![client]))
    }

    fn rogue(&mut self, at: Timestamp, until: Option<Timestamp>, client: ClientIx, found_after: Duration) -> Told {
        let pon = self.ground.plant().clients.get(client)?.pon;
        let found = at + found_after;
        let jammed_until = until.map_or(found, |until| until.min(found));
        let mut hit = vec![client];
        for other in self.ground.on_pon(pon).to_vec() {
            // Its neighbours in time suffer most; others get through.
            if other == client || self.even(other, 6) >= 0.6 {
                continue;
            }
            let begins = at + self.millis(0, 20_000, other, 7);
            if begins < jammed_until {
                self.put(begins, Event::Onu(other, Change::Jammed(true)));
                self.put(jammed_until, Event::Onu(other, Change::Jammed(false)));
                hit.push(other);
            }
        }
        if until.is_none_or(|until| until > found) {
            self.put(found, Event::Onu(client, Change::Rogue(true)));
            self.put_maybe(until, Event::Onu(client, Change::Rogue(false)));
        }
        Some((TruthKind::Equipment, Spot::Client(client), hit))
    }

    /// A port without light, and the clients that it takes along.
    fn port(&mut self, pon: PonIx, at: Timestamp, until: Option<Timestamp>) -> Vec<ClientIx> {
        self.put(at, Event::Pon(pon, true));
        self.put_maybe(until, Event::Pon(pon, false));
        let clients = self.ground.on_pon(pon).to_vec();
        for client in &clients {
            self.dark(*client, at, until);
        }
        clients
    }

    /// An OLT that does not run.
    fn headless(&mut self, olt: OltIx, at: Timestamp, until: Option<Timestamp>) {
        self.put(at, Event::Silent(olt, true));
        self.put_maybe(until, Event::Booted(olt));
        self.put_maybe(until, Event::Silent(olt, false));
        for client in self.ground.on_olt(olt).collect::<Vec<_>>() {
            self.put(at, Event::Onu(client, Change::Headless(true)));
            self.put_maybe(until, Event::Onu(client, Change::Headless(false)));
        }
    }

    /// A client without light: the OLT notices within two seconds.
    fn dark(&mut self, client: ClientIx, at: Timestamp, until: Option<Timestamp>) {
        let noticed = at + self.millis(0, 2000, client, 8);
        self.put(noticed, Event::Onu(client, Change::Dark(true)));
        self.put_maybe(until.map(|until| until.max(noticed)), Event::Onu(client, Change::Dark(false)));
    }

    fn spot(&self, cable: CableIx, metre: f32) -> Option<Spot> {
        let row = self.ground.plant().cables.get(cable)?;
        let metre = metre.clamp(0.0, row.length);
        let metres = self.ground.metres_before(cable).unwrap_or_default() + metre;
        Some(Spot::Cable { cable, from: row.a, to: row.b, metres, at: self.ground.plant().point_at(row, metre)? })
    }

    fn put(&mut self, at: Timestamp, event: Event) {
        self.events.push((at, event));
    }

    fn put_maybe(&mut self, at: Option<Timestamp>, event: Event) {
        if let Some(at) = at {
            self.put(at, event);
        }
    }

    fn even(&self, client: ClientIx, question: u64) -> f64 {
        even(&[self.options.seed, self.number, question, u64::from(client.number())])
    }

    fn millis(&self, low: u64, high: u64, client: ClientIx, question: u64) -> Duration {
        Duration::from_millis(millis(
            low,
            high,
            &[self.options.seed, self.number, question, u64::from(client.number())],
        ))
    }
}

/// When the `place`th of `total` things is repaired, after the first piece.
fn delay(pieces: Pieces, place: usize, total: usize) -> Duration {
    let count = usize::try_from(pieces.count).unwrap_or(1).max(1);
    let piece = place.saturating_mul(count) / total.max(1);
    pieces.every * u32::try_from(piece).unwrap_or(u32::MAX).min(pieces.count.saturating_sub(1))
}

/// Whether an OLT of this world gives causes.
pub(super) fn gives_causes(options: &WorldOptions, olt: OltIx) -> bool {
    even(&[options.seed, 9, u64::from(olt.number())]) >= options.without_causes
}

/// Any client, by a number.
pub(super) fn any_client(ground: &Ground, seed: u64, number: u64) -> Option<ClientIx> {
    let clients = u64::try_from(ground.plant().clients.len()).unwrap_or(u64::MAX);
    let place = hash(&[seed, 10, number]) % clients.max(1);
    let ix = ClientIx::from_place(usize::try_from(place).ok()?);
    ground.plant().clients.get(ix).map(|_| ix)
}
