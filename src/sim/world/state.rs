//! The world itself: its state, and time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use super::chance::{even, millis};
use super::fault::Fault;
use super::ground::Ground;
use super::onu::{Change, Onu, Return, Wake};
use super::options::WorldOptions;
use super::schedule::{Event, any_client, gives_causes, plan};
use super::truth::{Spot, Truth, TruthKind};
use crate::model::{Cause, Timestamp};
use crate::sim::plant::{ClientIx, Index, OltIx, PonIx, Technology};

/// Milliseconds of a day and of a year.
const DAY_MS: f64 = 86_400_000.0;
const YEAR_MS: f64 = 365.25 * DAY_MS;

/// How long an OLT was running when a world begins.
const UPTIME: Duration = Duration::from_secs(40 * 86_400);

/// Below this much light an ONU loses its OLT, in dBm: GPON class C+ and XGS-PON N1 with some grace (`domain.md` 1.1).
const FLOOR_GPON: f32 = -30.0;
const FLOOR_XGS: f32 = -29.0;

/// An event in its order: by time, and of those at one time by the order in which they were planned.
#[derive(Debug, Clone, Copy)]
struct Planned {
    at: Timestamp,
    order: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// An OLT's state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OltState {
    silent: u8,
    pub(super) booted: Timestamp,
    pub(super) scale: Option<(f32, f32)>,
}

/// A world.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) ground: Arc<Ground>,
    pub(super) options: WorldOptions,
    pub(super) now: Timestamp,
    queue: BinaryHeap<Reverse<Planned>>,
    planned: u64,
    onus: Vec<Onu>,
    pub(super) olts: Vec<OltState>,
    /// Of each port, how many things keep it from working.
    pons: Vec<u8>,
    truths: Vec<Truth>,
    everyday: u64,
}

impl World {
    /// A world at its start, with what will go wrong in it.
    #[must_use]
    pub fn new(ground: Arc<Ground>, options: WorldOptions, faults: &[Fault]) -> Self {
        let plant = ground.plant();
        let booted = Timestamp::from_millis(
            options
                .start
                .since(Timestamp::from_millis(0))
                .saturating_sub(UPTIME)
                .as_millis()
                .try_into()
                .unwrap_or_default(),
        );
        let mut world = Self {
            now: options.start,
            queue: BinaryHeap::new(),
            planned: 0,
            onus: vec![Onu::default(); plant.clients.len()],
            olts: vec![OltState { silent: 0, booted, scale: None }; plant.olts.len()],
            pons: vec![0; plant.pons.len()],
            truths: Vec::new(),
            everyday: 0,
            ground,
            options,
        };
        for fault in faults {
            world.add(fault);
        }
        world.put_everyday(world.now, Event::Unplug);
        world.put_everyday(world.now, Event::BreakDrop);
        world
    }

    /// Lets one more thing go wrong. Parts of it that lie in the past happen now.
    pub fn add(&mut self, fault: &Fault) {
        let number = u64::try_from(self.truths.len()).unwrap_or(u64::MAX);
        let (events, truth) = plan(&self.ground, &self.options, number.saturating_add(1000), fault);
        for (at, event) in events {
            self.put(at, event);
        }
        self.truths.extend(truth);
    }

    /// The ground that it stands on.
    #[must_use]
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// Its time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What truly goes wrong in it, from the start to its end: in the order in which it was added, then broken drops of
    /// everyday life as they come.
    #[must_use]
    pub fn truths(&self) -> &[Truth] {
        &self.truths
    }

    /// An ONU's state.
    #[must_use]
    pub fn onu(&self, client: ClientIx) -> Option<&Onu> {
        self.onus.get(client.place())
    }

    /// Whether an OLT answers.
    #[must_use]
    pub fn answers(&self, olt: OltIx) -> bool {
        self.olts.get(olt.place()).is_some_and(|state| state.silent == 0)
    }

    /// How many ONUs are down.
    #[must_use]
    pub fn down_count(&self) -> usize {
        self.onus.iter().filter(|onu| onu.down().is_some()).count()
    }

    /// How long an OLT has been running.
    #[must_use]
    pub fn uptime(&self, olt: OltIx) -> Option<Duration> {
        self.olts.get(olt.place()).map(|state| self.now.since(state.booted))
    }

    /// Whether a port works.
    #[must_use]
    pub fn works(&self, pon: PonIx) -> bool {
        self.pons.get(pon.place()).is_some_and(|broken| *broken == 0)
    }

    /// When the next thing happens, if anything will.
    #[must_use]
    pub fn next_event(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse(planned)| planned.at)
    }

    /// Lets time pass up to an instant, that included. Gives the clients whose ONUs changed on the way: went down, came up, or
    /// got another cause or level. A time in the past changes nothing.
    pub fn advance(&mut self, to: Timestamp) -> Vec<ClientIx> {
        let mut changed = Vec::new();
        while let Some(Reverse(next)) = self.queue.peek().copied() {
            if next.at > to {
                break;
            }
            self.queue.pop();
            self.now = self.now.max(next.at);
            self.happen(next.event, &mut changed);
        }
        self.now = self.now.max(to);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    fn happen(&mut self, event: Event, changed: &mut Vec<ClientIx>) {
        match event {
            Event::Onu(client, change) => {
                self.change(client, change);
                changed.push(client);
            }
            Event::Wake(client, wake) => {
                if self.onus.get_mut(client.place()).is_some_and(|onu| onu.wake(wake)) {
                    changed.push(client);
                }
            }
            Event::Pon(pon, breaks) => {
                if let Some(broken) = self.pons.get_mut(pon.place()) {
                    *broken = if breaks { broken.saturating_add(1) } else { broken.saturating_sub(1) };
                }
            }
            Event::Silent(olt, falls_silent) => {
                if let Some(state) = self.olts.get_mut(olt.place()) {
                    let silent = state.silent;
                    state.silent = if falls_silent { silent.saturating_add(1) } else { silent.saturating_sub(1) };
                }
            }
            Event::Booted(olt) => {
                if let Some(state) = self.olts.get_mut(olt.place()) {
                    state.booted = self.now;
                }
            }
            Event::Scale(olt, scale) => {
                if let Some(state) = self.olts.get_mut(olt.place()) {
                    state.scale = scale;
                }
                changed.extend(self.ground.on_olt(olt));
            }
            Event::Unplug => {
                self.unplug();
                self.put_everyday(self.now, Event::Unplug);
            }
            Event::BreakDrop => {
                self.break_drop();
                self.put_everyday(self.now, Event::BreakDrop);
            }
        }
    }

    fn change(&mut self, client: ClientIx, change: Change) {
        let cause = self.cause(client, change);
        if let (Change::Bent(more), Some(onu)) = (change, self.onus.get_mut(client.place())) {
            onu.bent += more;
        }
        let weak = self.is_weak(client);
        let now = self.now;
        let Some(onu) = self.onus.get_mut(client.place()) else { return };
        let Some(wake) = onu.apply(now, change, cause, weak) else { return };
        let after = self.until_back(client, wake);
        self.put(self.now + after, Event::Wake(client, wake));
    }

    /// What the OLT says when this takes an ONU down.
    fn cause(&self, client: ClientIx, change: Change) -> Cause {
        let Some(row) = self.ground.plant().clients.get(client) else { return Cause::Unknown };
        let told = self.ground.plant().olt_of(row).is_some_and(|olt| gives_causes(&self.options, olt));
        let draw = |question| even(&[self.options.seed, question, u64::from(client.number()), self.now.millis()]);
        let wrong = draw(11) < self.options.wrong_causes;
        let cause = match change {
            Change::Power(_) if (draw(12) < f64::from(row.gasp)) != wrong => Cause::Power,
            Change::Dark(_) | Change::Bent(_) if wrong => Cause::Power,
            Change::Power(_) | Change::Dark(_) | Change::Bent(_) | Change::Jammed(_) => Cause::Optical,
            Change::Disabled(_) => Cause::Admin,
            Change::Rogue(_) => Cause::Rogue,
            Change::Headless(_) => Cause::Unknown,
        };
        if told { cause } else { Cause::Unknown }
    }

    fn is_weak(&self, client: ClientIx) -> bool {
        let Some(row) = self.ground.plant().clients.get(client) else { return false };
        let gpon = self.ground.plant().pons.get(row.pon).is_none_or(|pon| pon.technology == Technology::Gpon);
        // Who is bent below the floor is lost; who was installed there lives with what it has.
        let bent = self.onus.get(client.place()).map_or(0.0, |onu| onu.bent);
        bent > 0.05 && self.light(client).is_some_and(|light| light < if gpon { FLOOR_GPON } else { FLOOR_XGS })
    }

    /// Time from the end of what kept an ONU down to its service.
    fn until_back(&self, client: ClientIx, wake: Wake) -> Duration {
        let draw = |low, high| {
            let numbers = [self.options.seed, 13, u64::from(client.number()), u64::from(wake.epoch)];
            Duration::from_millis(millis(low, high, &numbers))
        };
        match wake.how {
            Return::Ranging => draw(4000, 20_000),
            Return::Restart => {
                let start = self.ground.plant().clients.get(client).map_or(60.0, |row| row.onu_model().restart);
                Duration::from_secs_f32(start.max(0.0)) + draw(0, 25_000)
            }
            Return::Intake => draw(15_000, 150_000),
        }
    }

    /// Plans the next event of everyday life: they come at a steady rate for the whole world.
    fn put_everyday(&mut self, after: Timestamp, event: Event) {
        #[allow(clippy::cast_precision_loss)] // at most some millions
        let clients = self.onus.len() as f64;
        let rate = clients
            * match event {
                Event::Unplug => self.options.unplugged_a_day / DAY_MS,
                _ => self.options.drops_a_year / YEAR_MS,
            };
        if rate <= 0.0 || !rate.is_finite() {
            return;
        }
        self.everyday += 1;
        // The time between events that come at a rate is exponentially distributed.
        let draw = 1.0 - even(&[self.options.seed, 14, self.everyday]);
        let wait = Duration::from_secs_f64((-draw.ln() / rate / 1000.0).min(1e9));
        self.put(after + wait, event);
    }

    fn unplug(&mut self) {
        let Some(client) = any_client(&self.ground, self.options.seed, self.everyday) else { return };
        // From a minute to ten hours; short ones are the usual.
        let draw = even(&[self.options.seed, 15, self.everyday]);
        let back = self.now + Duration::from_secs_f64(60.0 * 600.0_f64.powf(draw));
        self.put(self.now, Event::Onu(client, Change::Power(true)));
        self.put(back, Event::Onu(client, Change::Power(false)));
    }

    fn break_drop(&mut self) {
        let Some(client) = any_client(&self.ground, self.options.seed, self.everyday) else { return };
        let mended = self.now
            + Duration::from_millis(millis(4 * 3_600_000, 48 * 3_600_000, &[self.options.seed, 16, self.everyday]));
        self.put(self.now, Event::Onu(client, Change::Dark(true)));
        self.put(mended, Event::Onu(client, Change::Dark(false)));
        self.truths.push(Truth {
            kind: TruthKind::Drop,
            spot: Spot::Client(client),
            from: self.now,
            until: Some(mended),
            clients: vec![client],
        });
    }

    fn put(&mut self, at: Timestamp, event: Event) {
        let order = self.planned;
        self.planned += 1;
        self.queue.push(Reverse(Planned { at: at.max(self.now), order, event }));
    }
}
