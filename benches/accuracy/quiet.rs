//! False group incidents where nothing but everyday life happens: plugs pulled, batteries, drops that break.
//!
//! A month of 100,000 ONUs is three million days of an ONU. They are lived by many smaller towns for some days each, which
//! is the same for the tracker: what chance makes of losses, it makes PON by PON and box by box. Looks are made of what changed, without
//! judges (who would only add that ONUs flap).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use oltwatch::incident::{Kind, Look, Seen, Settings, Step, Tracker};
use oltwatch::model::{OltId, SweepKind, Timestamp};
use oltwatch::sim::plant::{ClientIx, OltIx};
use oltwatch::sim::trial::{Circumstances, Scene, Town};
use oltwatch::sim::world::{World, WorldOptions};

use crate::Arguments;

const EVERY: Duration = Duration::from_secs(60);
const ROUNDS_A_DAY: u64 = 1440;
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);
/// ONUs that "a quiet month" speaks of, and days of a month.
const ONUS: f64 = 100_000.0;
const DAYS: f64 = 30.44;
/// A town and how long it lives.
const TOWN: usize = 12_500;
const LIFE: f64 = 7.61;
/// Nothing seen in an exposure still allows for a rate of 3 in it, at a chance of 95 %; one, for 4.74, and so on (Poisson).
const UPPER: [f64; 6] = [3.00, 4.74, 6.30, 7.75, 9.15, 10.51];

/// What came of a town.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    groups: u64,
    drops: u64,
    /// Of these, of ONUs whose drop is fine.
    false_drops: u64,
    broken: u64,
    onu_days: f64,
}

pub fn months(months: f64, threads: usize, arguments: &Arguments) {
    let (clients, days) = if arguments.smoke { (1000, 0.25) } else { (TOWN, LIFE) };
    let towns = if arguments.smoke { 2 } else { (months * ONUS * DAYS / (TOWN as f64 * LIFE)).ceil().max(1.0) as u64 };
    let next = AtomicU64::new(0);
    let sum = Mutex::new(Life::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let town = next.fetch_add(1, Ordering::Relaxed);
                    if town >= towns {
                        return;
                    }
                    let life = live(clients, days, arguments.seed * 7919 + town, arguments.verbose);
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.groups += life.groups;
                    sum.drops += life.drops;
                    sum.false_drops += life.false_drops;
                    sum.broken += life.broken;
                    sum.onu_days += life.onu_days;
                    eprintln!("quiet: town {} of {towns}, {:.0} s", town + 1, began.elapsed().as_secs_f64());
                }
            });
        }
    });
    let sum = sum.into_inner().expect("nobody panicked with it");
    let exposure = sum.onu_days / (ONUS * DAYS);
    let most =
        UPPER.get(sum.groups as usize).copied().unwrap_or(sum.groups as f64 + 2.0 * (sum.groups as f64).sqrt() + 2.0);
    println!(
        "quiet: {:.2} months of 100,000 ONUs ({towns} towns of {clients} for {days} days): {} false group incidents, {:.2} a month, \
         at most {:.2} (95 %)",
        exposure,
        sum.groups,
        sum.groups as f64 / exposure,
        most / exposure
    );
    println!(
        "quiet: {} drop faults told for {} drops that broke; {} of ONUs whose drop is fine: {:.5} a day and ONU; {:.0} s",
        sum.drops,
        sum.broken,
        sum.false_drops,
        sum.false_drops as f64 / sum.onu_days,
        began.elapsed().as_secs_f64()
    );
}

/// The OLTs of a town as they are looked at.
struct Looks {
    looks: Vec<Look>,
    /// Of each client, its OLT's and its own place.
    places: HashMap<ClientIx, (usize, usize)>,
}

impl Looks {
    fn new(town: &Town, world: &World) -> Self {
        let mut all = Self { looks: Vec::new(), places: HashMap::new() };
        for (olt, id) in town.olts() {
            let look = first_look(world, olt);
            for (place, sighting) in look.onus.iter().enumerate() {
                if let Some(client) = town.client(id, &sighting.key) {
                    all.places.insert(client, (all.looks.len(), place));
                }
            }
            all.looks.push(look);
        }
        all
    }

    fn change(&mut self, world: &World, client: ClientIx) {
        let Some((olt, place)) = self.places.get(&client) else { return };
        let down = world.onu(client).and_then(|onu| onu.down());
        self.looks[*olt].onus[*place].seen = down.map_or(Seen::Up, |down| Seen::Down(down.cause));
    }
}

/// Who is there, how far and up; later looks say no more than the state.
fn first_look(world: &World, olt: OltIx) -> Look {
    let sweep = |kind| Look::of(&world.sweep(olt, kind).expect("all OLTs answer"));
    let (listed, mut look) = (sweep(SweepKind::Inventory), sweep(SweepKind::State));
    for (sighting, listed) in look.onus.iter_mut().zip(&listed.onus) {
        sighting.serial.clone_from(&listed.serial);
    }
    look
}

fn live(clients: usize, days: f64, seed: u64, verbose: bool) -> Life {
    let around = Circumstances { gasp: 0.8, known: false, errors: 0.02, missing: 0.0, chains: None };
    let mut options = Scene::Quiet.plant(&around, seed);
    options.clients = clients;
    options.gasp = None;
    let town = Town::new(&options).expect("options within their range");
    let mut world = World::new(town.ground().clone(), WorldOptions::new(seed, START).with_daily_life(), &[]);
    let mut tracker = Tracker::new(Settings::default());
    tracker.set_plant(town.plant().clone());
    for (olt, owners) in town.owners() {
        tracker.set_owners(olt, owners.iter().cloned());
    }
    let mut looks = Looks::new(&town, &world);
    let mut life = Life { onu_days: clients as f64 * days, ..Life::default() };
    for round in 0..(days * ROUNDS_A_DAY as f64) as u32 {
        let now = START + EVERY * round;
        for client in world.advance(now) {
            looks.change(&world, client);
        }
        for look in &mut looks.looks {
            look.started = now;
            tracker.take(look);
            if round == 0 {
                look.onus.iter_mut().for_each(|sighting| (sighting.serial, sighting.distance) = (None, None));
            }
        }
        for change in tracker.advance(now + Settings::default().settle).changes {
            if change.step != Step::Opened {
                continue;
            }
            let one = &change.incident;
            if one.kind == Kind::Drop {
                life.drops += 1;
                let is_broken = |olt: &OltId, key| {
                    let client = town.client(olt, key);
                    world.truths().iter().any(|truth| {
                        truth.clients.first().copied() == client && truth.until.is_none_or(|until| until > now)
                    })
                };
                life.false_drops += u64::from(!one.onus.first().is_some_and(|onu| is_broken(&onu.olt, &onu.key)));
            } else {
                life.groups += 1;
                if verbose {
                    println!("   false: {:?} {:.3}: {}", one.kind, one.confidence, one.evidence);
                }
            }
        }
    }
    life.broken = world.truths().len() as u64;
    life
}
