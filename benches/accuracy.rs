//! Whether losses are explained rightly: what happened, and where (`docs/accuracy.md`).
//!
//! `cargo bench --bench accuracy` plays some ten thousand worlds; `-- --smoke` a few of each scenario.
//!
//! A world is a generated plant with its documentation errors, on which one thing goes wrong among what happens every day. The tracker is
//! told what polling would tell it, sweep by sweep, and judged by what it says in the end. Beside it, in the same worlds, two rules that people use:
//! "three ONUs or 30 % of a PON", and "the lowest common box".

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a bench may fail loudly, and prints"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use oltwatch::incident::{Incident, Kind, Look, News, Owner, Reliability, Settings, Step, Tracker};
use oltwatch::model::{Cause, ClientId, ElementId, OltId, OnuState, Reading, SweepKind, Timestamp};
use oltwatch::plant::{ElementKind, Plant, PlantBuilder};
use oltwatch::sim::plant::{ClientIx, Documentation, Entity, Index, OltIx, Plant as Truth, PlantOptions};
use oltwatch::sim::world::{Action, Fault, Ground, Sort, Spot, World, WorldOptions, cables, places, route};

#[derive(Parser)]
struct Arguments {
    /// A small run
    #[arg(long)]
    smoke: bool,
    /// Worlds of each cell
    #[arg(long)]
    worlds: Option<u32>,
    /// Only this scenario
    #[arg(long)]
    only: Option<String>,
    /// Days without any fault, of 100,000 ONUs
    #[arg(long)]
    quiet: Option<u32>,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints each world that went wrong
    #[arg(long)]
    verbose: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

const START: u64 = 1_790_000_000_000;
const EVERY: u64 = 60_000;
/// Sweeps before the fault, and after it.
const BEFORE: u64 = 2;
const AFTER: u64 = 5;
/// Worlds that share a plant.
const SHARE: u64 = 8;
/// Losses of each maker that its reliability is known from: some weeks of plugs pulled.
const KNOWN_LOSSES: f64 = 60.0;

/// A plant, true and documented.
struct Town {
    ground: Arc<Ground>,
    plant: Arc<Plant>,
    owners: Vec<(OltId, Vec<(oltwatch::model::OnuKey, Owner)>)>,
}

fn town(options: &PlantOptions) -> Town {
    let truth = Truth::generate(options).expect("options within their range");
    let mut builder = PlantBuilder::new();
    for place in places(&truth) {
        builder.place(&place);
    }
    for cable in cables(&truth) {
        builder.cable(&cable);
    }
    let ground = Arc::new(Ground::new(truth));
    let truth = ground.plant();
    for (ix, client) in truth.clients.iter() {
        let place = client.documented.place.map(|place| ElementId::from_octets(Entity::Place(place).octets()));
        builder.client(client_id(ix), place);
        if let Some(route) = route(truth, ix) {
            builder.route(client_id(ix), &route);
        }
    }
    let world = World::new(ground.clone(), WorldOptions::new(0, Timestamp::from_millis(START)), &[]);
    let owners = (0..truth.olts.len())
        .map(OltIx::from_place)
        .map(|olt| {
            let onus = ground.on_olt(olt).filter_map(|ix| {
                let client = truth.clients.get(ix).filter(|client| client.documented.serial)?;
                let place = client.documented.place.map(|place| ElementId::from_octets(Entity::Place(place).octets()));
                let code = Some(Arc::from(client.code.to_string()));
                Some((world.reading(ix)?.key, Owner { client: client_id(ix), code, place }))
            });
            (OltId::new(&truth.olts.get(olt).expect("an OLT").name), onus.collect())
        })
        .collect();
    Town { plant: Arc::new(builder.build()), owners, ground }
}

fn client_id(ix: ClientIx) -> ClientId {
    ClientId::from_octets(Entity::Client(ix).octets())
}

/// One cell of the table.
#[derive(Clone, Copy)]
struct Cell {
    sort: Sort,
    gasp: f64,
    errors: f64,
    missing: f64,
    /// Whether it is known how ONUs gasp.
    known: bool,
}

/// What came of one world.
#[derive(Default)]
struct Outcome {
    groups: Vec<Arc<Incident>>,
    others: Vec<Arc<Incident>>,
    opened: Option<Timestamp>,
    /// When it went wrong, in milliseconds.
    at: u64,
    truth: Option<oltwatch::sim::world::Truth>,
    /// What was read as down by the first sweep after the fault: client and cause.
    lost: Vec<(ClientIx, Cause)>,
    cpu: Duration,
}

fn is_group(kind: Kind) -> bool {
    matches!(kind, Kind::Cut | Kind::Power | Kind::Equipment | Kind::Undetermined | Kind::Degradation)
}

/// Tells a tracker what the judges of OLTs would: who answers, who rebooted.
struct Watch {
    tracker: Tracker,
    uptimes: HashMap<OltId, Duration>,
    silent: BTreeSet<OltId>,
    grace: BTreeMap<OltId, u64>,
    levels: HashMap<(OltId, oltwatch::model::OnuKey), i32>,
}

impl Watch {
    fn new(town: &Town, gasp: Option<f64>) -> Self {
        let mut tracker = Tracker::new(Settings::default());
        tracker.set_plant(town.plant.clone());
        for (olt, owners) in &town.owners {
            tracker.set_owners(olt, owners.iter().cloned());
        }
        if let Some(gasp) = gasp {
            let truth = town.ground.plant();
            for (olt, _) in &town.owners {
                let serials: BTreeMap<_, _> = truth
                    .clients
                    .iter()
                    .filter_map(|(_, client)| Some((client.onu_model().vendor, client.serial()?)))
                    .collect();
                for serial in serials.values() {
                    tracker.set_reliability(olt, Some(serial), Reliability::known(gasp, KNOWN_LOSSES));
                }
            }
        }
        let (uptimes, silent) = (HashMap::new(), BTreeSet::new());
        Self { tracker, uptimes, silent, grace: BTreeMap::new(), levels: HashMap::new() }
    }

    fn sweep(&mut self, world: &World, olt: OltIx, kind: SweepKind) -> Vec<Reading> {
        let id = OltId::new(&world.ground().plant().olts.get(olt).expect("an OLT").name);
        let now = world.now();
        let Some(sweep) = world.sweep(olt, kind) else {
            self.silent.insert(id.clone());
            self.tracker.tell(&id, &News::Unreachable, now);
            return Vec::new();
        };
        if self.silent.remove(&id) {
            self.tracker.tell(&id, &News::Answering, now);
        }
        let uptime = sweep.uptime.unwrap_or_default();
        if self.uptimes.insert(id.clone(), uptime).is_some_and(|before| uptime < before) {
            self.tracker.tell(&id, &News::Rebooted, now);
            self.grace.insert(id.clone(), now.millis() + 600_000);
        }
        if self.grace.get(&id).is_some_and(|until| now.millis() >= *until) {
            self.grace.remove(&id);
            self.tracker.tell(&id, &News::Settled, now);
        }
        self.tracker.take(&Look::of(&sweep));
        if kind == SweepKind::Optics {
            // Stands for the baselines of `signal`: a fall of 1.5 dB against the first level.
            for reading in &sweep.onus {
                let Ok(rx) = reading.rx else { continue };
                let first = *self.levels.entry((id.clone(), reading.key.clone())).or_insert(rx.thousandths());
                if first - rx.thousandths() >= 1500 {
                    let fell = Some(first - rx.thousandths());
                    self.tracker.tell(&id, &News::Fell(reading.key.clone(), fell), now);
                }
            }
        }
        sweep.onus
    }
}

fn play(town: &Town, cell: Cell, seed: u64) -> Option<Outcome> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = Timestamp::from_millis(START);
    let at = START + BEFORE * EVERY + rng.u64(1000..EVERY);
    let action = Action::draw(cell.sort, &town.ground, &mut rng)?;
    let until = match cell.sort {
        Sort::Reboot => Some(Timestamp::from_millis(at + 120_000)),
        _ => None,
    };
    let fault = Fault { action, at: Timestamp::from_millis(at), until };
    let mut options = WorldOptions::new(seed, start).with_daily_life();
    options.missing = cell.missing;
    let mut world = World::new(town.ground.clone(), options, &[fault]);
    let mut watch = Watch::new(town, cell.known.then_some(cell.gasp));
    let mut outcome = Outcome { at, truth: world.truths().first().cloned(), ..Outcome::default() };
    let olts: Vec<OltIx> = (0..town.ground.plant().olts.len()).map(OltIx::from_place).collect();
    let mut newest: BTreeMap<String, Arc<Incident>> = BTreeMap::new();
    for round in 0..=BEFORE + AFTER {
        world.advance(Timestamp::from_millis(START + round * EVERY));
        let is_first_after = round == BEFORE + 1;
        for olt in &olts {
            if round == 0 {
                watch.sweep(&world, *olt, SweepKind::Inventory);
                watch.sweep(&world, *olt, SweepKind::Optics);
            }
            let onus = watch.sweep(&world, *olt, SweepKind::State);
            if cell.sort == Sort::Bend && round == BEFORE + AFTER {
                watch.sweep(&world, *olt, SweepKind::Optics);
            }
            if is_first_after {
                let clients: Vec<ClientIx> = town.ground.on_olt(*olt).collect();
                let down = onus.iter().filter(|reading| reading.state == Ok(OnuState::Down)).filter_map(|reading| {
                    let client =
                        clients.iter().find(|ix| world.reading(**ix).is_some_and(|one| one.key == reading.key));
                    Some((*client?, reading.cause.unwrap_or(Cause::Unknown)))
                });
                outcome.lost.extend(down);
            }
            let began = Instant::now();
            let told = watch.tracker.advance(world.now());
            outcome.cpu += began.elapsed();
            for change in told.changes {
                let incident = change.incident;
                if change.step == Step::Cleared {
                    newest.remove(&incident.id.to_string());
                    continue;
                }
                if change.step == Step::Opened && is_group(incident.kind) && outcome.opened.is_none() {
                    outcome.opened = Some(world.now());
                }
                newest.insert(incident.id.to_string(), incident);
            }
        }
    }
    for incident in newest.into_values() {
        if is_group(incident.kind) { outcome.groups.push(incident) } else { outcome.others.push(incident) }
    }
    Some(outcome)
}

/// Sums of a cell.
#[derive(Default)]
struct Sums {
    worlds: u32,
    kind: u32,
    first: u32,
    three: u32,
    inside: u32,
    one: u32,
    undetermined: u32,
    wrong: u32,
    missed: u32,
    cut_called: u32,
    delays: Vec<u64>,
    lengths: Vec<i32>,
    /// Of both baselines: right kind, right place, wrong.
    pon_rule: [u32; 3],
    box_rule: [u32; 3],
}

fn is_cable(town: &Town, element: &oltwatch::incident::NamedElement, cable: oltwatch::sim::plant::CableIx) -> bool {
    let truth = town.ground.plant();
    element.id.is_some_and(|id| {
        truth.cables.iter().any(|(ix, _)| {
            ElementId::from_octets(Entity::Cable(ix).octets()) == id && town.ground.look_alike(ix, cable)
        })
    })
}

fn judge(town: &Town, cell: Cell, outcome: &Outcome, sums: &mut Sums) -> bool {
    sums.worlds += 1;
    let truth = outcome.truth.as_ref();
    let mut is_wrong = false;
    let expected = match cell.sort {
        Sort::CutFeeder | Sort::CutDistribution | Sort::CutChain => Some(Kind::Cut),
        Sort::Power => Some(Kind::Power),
        Sort::Card | Sort::Sfp => Some(Kind::Equipment),
        Sort::Bend => Some(Kind::Degradation),
        _ => None,
    };
    if outcome.groups.is_empty() {
        sums.missed += u32::from(expected.is_some());
    }
    sums.one += u32::from(outcome.groups.len() == 1);
    if let Some(opened) = outcome.opened {
        sums.delays.push(opened.millis() - outcome.at);
    }
    sums.kind += u32::from(outcome.groups.iter().any(|one| Some(one.kind) == expected));
    sums.cut_called += u32::from(outcome.groups.iter().any(|one| one.kind == Kind::Cut));
    sums.undetermined += u32::from(outcome.groups.iter().any(|one| one.kind == Kind::Undetermined));
    is_wrong |= outcome.groups.iter().any(|one| Some(one.kind) != expected && one.kind != Kind::Undetermined);
    if let (Some(Spot::Cable { cable, .. }), true) =
        (truth.map(|truth| truth.spot), matches!(expected, Some(Kind::Cut | Kind::Degradation)))
    {
        let largest = outcome.groups.iter().max_by_key(|one| one.lost);
        if let Some(place) = largest.and_then(|one| one.place.as_ref()) {
            let first = is_cable(town, &place.element, cable);
            let rest = largest.map_or(&[][..], |one| &one.alternatives).iter().filter_map(|one| one.place.as_ref());
            let three = first || rest.take(2).any(|place| is_cable(town, &place.element, cable));
            sums.first += u32::from(first);
            sums.three += u32::from(three);
            let (true_metres, near) = (town.ground.metres_before(cable).unwrap_or(0.0) as i32, 0.08);
            let inside = place.metres_from_olt.is_some_and(|[from, to]| {
                let slack = (f64::from(true_metres) * near) as i32 + 50;
                from - slack <= true_metres && true_metres <= to + slack
            });
            sums.inside += u32::from(first || inside);
            if let Some([from, to]) = place.metres_from_olt.filter(|_| first) {
                sums.lengths.push(to - from);
            }
            is_wrong |= !(first || inside) && largest.is_some_and(|one| one.kind != Kind::Undetermined);
        }
    }
    sums.wrong += u32::from(is_wrong);
    baselines(town, outcome, sums, expected);
    is_wrong
}

/// The two rules that people use, on the first sweep after the fault.
fn baselines(town: &Town, outcome: &Outcome, sums: &mut Sums, expected: Option<Kind>) {
    let truth = town.ground.plant();
    let mut pons: BTreeMap<u32, u32> = BTreeMap::new();
    let dark: Vec<ClientIx> =
        outcome.lost.iter().filter(|(_, cause)| *cause == Cause::Optical).map(|(client, _)| *client).collect();
    for client in &dark {
        *pons.entry(truth.clients.get(*client).expect("a client").pon.place() as u32).or_default() += 1;
    }
    let alarm = |(pon, lost): (&u32, &u32)| {
        let all = town.ground.on_pon(oltwatch::sim::plant::PonIx::from_place(*pon as usize)).len() as u32;
        *lost >= 3 || lost * 10 >= all * 3
    };
    let alarmed = pons.iter().filter(|one| alarm(*one)).count();
    let is_cut = expected == Some(Kind::Cut);
    sums.pon_rule[0] += u32::from(is_cut && alarmed > 0);
    sums.pon_rule[2] += u32::from(!is_cut && alarmed > 0);
    if dark.len() < 3 || alarmed == 0 {
        return;
    }
    let documented: Vec<_> = dark.iter().filter_map(|client| town.plant.client(&client_id(*client))).collect();
    let shared = town.plant.shared(&documented);
    let place = shared
        .iter()
        .rev()
        .find(|element| town.plant.element(**element).is_some_and(|one| one.kind == ElementKind::Place));
    sums.box_rule[0] += u32::from(is_cut);
    sums.box_rule[2] += u32::from(!is_cut);
    if let (Some(Spot::Cable { to, .. }), Some(place)) = (outcome.truth.as_ref().map(|truth| truth.spot), place) {
        let id = ElementId::from_octets(Entity::Place(to).octets());
        sums.box_rule[1] += u32::from(is_cut && town.plant.element(*place).and_then(|one| one.id) == Some(id));
    }
}

fn share(part: u32, of: u32) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1}", 100.0 * f64::from(part) / f64::from(of)) }
}

fn options(seed: u64, cell: Cell, clients: usize) -> PlantOptions {
    let mut options = PlantOptions::new(clients, seed);
    options.pons_per_olt = 16;
    options.pons_per_slot = 8;
    options.pons_per_feeder = 12;
    options.chains = if cell.sort == Sort::CutChain { 0.8 } else { 0.3 };
    options.gasp = Some(cell.gasp);
    options.documentation = Documentation { missing_launch: 0.1, ..Documentation::errors(cell.errors) };
    options
}

fn run(cell: Cell, worlds: u32, arguments: &Arguments) -> Sums {
    let mut sums = Sums::default();
    let mut here: Option<Town> = None;
    for world in 0..u64::from(worlds) {
        let seed = arguments.seed * 1_000_003 + world;
        if world % SHARE == 0 {
            here = Some(town(&options(seed, cell, 1500)));
        }
        let Some(town) = &here else { continue };
        let Some(outcome) = play(town, cell, seed) else { continue };
        let is_wrong =
            judge(town, cell, &outcome, &mut sums) || outcome.groups.iter().any(|one| one.kind == Kind::Undetermined);
        if arguments.verbose && is_wrong {
            println!(
                "{:?} seed {seed}: {:?}",
                cell.sort,
                outcome.truth.as_ref().map(|truth| (truth.spot, truth.clients.len()))
            );
            for one in &outcome.groups {
                println!(
                    "   {:?} {} {:?} {}",
                    one.kind,
                    one.confidence,
                    one.place.as_ref().map(|place| (&place.element, place.metres_from_olt)),
                    one.evidence
                );
                for other in &one.alternatives {
                    println!(
                        "      {:?} {:.3} {:?}",
                        other.kind,
                        other.odds,
                        other.place.as_ref().map(|place| &place.element)
                    );
                }
            }
        }
    }
    sums
}

fn main() {
    let arguments = Arguments::parse();
    let worlds = arguments.worlds.unwrap_or(if arguments.smoke { 4 } else { 200 });
    println!("worlds of each row: {worlds}; seed {}", arguments.seed);
    println!(
        "scenario         gasp docs miss know | kind  first three inside one   undet wrong  miss  cut! | delay s p50 p95  stretch m p50 p95 | PON rule: right wrong | box rule: right place wrong"
    );
    let cell = |sort, gasp, errors, missing| Cell { sort, gasp, errors, missing, known: true };
    let mut cells = Vec::new();
    for sort in [Sort::CutFeeder, Sort::CutDistribution, Sort::CutChain, Sort::Power] {
        for gasp in [0.95, 0.8, 0.5, 0.2, 0.05] {
            cells.push(cell(sort, gasp, 0.0, 0.0));
        }
        for errors in [0.05, 0.1] {
            cells.push(cell(sort, 0.9, errors, 0.0));
        }
        cells.push(cell(sort, 0.9, 0.0, 0.2));
        cells.push(cell(sort, 0.8, 0.05, 0.1));
        cells.push(Cell { known: false, ..cell(sort, 0.8, 0.0, 0.0) });
    }
    for sort in
        [Sort::Card, Sort::Sfp, Sort::Bend, Sort::Drop, Sort::OltPower, Sort::Unreachable, Sort::Reboot, Sort::Rogue]
    {
        cells.push(cell(sort, 0.8, 0.0, 0.0));
        cells.push(cell(sort, 0.8, 0.05, 0.1));
    }
    let began = Instant::now();
    let mut played = 0;
    for cell in cells {
        let name = format!("{:?}", cell.sort);
        if arguments.only.as_ref().is_some_and(|only| !name.to_lowercase().contains(&only.to_lowercase())) {
            continue;
        }
        let mut sums = run(cell, worlds, &arguments);
        played += sums.worlds;
        sums.delays.sort_unstable();
        sums.lengths.sort_unstable();
        let at =
            |list: &[u64], share: usize| list.get(list.len() * share / 100).map_or(0.0, |delay| *delay as f64 / 1000.0);
        let long = |list: &[i32], share: usize| list.get(list.len() * share / 100).copied().unwrap_or(0);
        let of = sums.worlds;
        println!(
            "{name:<16} {:.2} {:>4} {:>4} {:<4} | {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} | {:>7.0} {:>7.0} {:>9} {:>7} | {:>5} {:>5} | {:>5} {:>5} {:>5}",
            cell.gasp,
            cell.errors,
            cell.missing,
            if cell.known { "yes" } else { "no" },
            share(sums.kind, of),
            share(sums.first, of),
            share(sums.three, of),
            share(sums.inside, of),
            share(sums.one, of),
            share(sums.undetermined, of),
            share(sums.wrong, of),
            share(sums.missed, of),
            share(sums.cut_called, of),
            at(&sums.delays, 50),
            at(&sums.delays, 95),
            long(&sums.lengths, 50),
            long(&sums.lengths, 95),
            share(sums.pon_rule[0], of),
            share(sums.pon_rule[2], of),
            share(sums.box_rule[0], of),
            share(sums.box_rule[1], of),
            share(sums.box_rule[2], of),
        );
    }
    println!("{played} worlds in {:.0} s", began.elapsed().as_secs_f64());
    if arguments.only.is_none() {
        large(&arguments);
        quiet(&arguments);
    }
}

/// The CPU of explaining 10,000 simultaneous losses over 500 PONs.
fn large(arguments: &Arguments) {
    let pons: u64 = if arguments.smoke { 50 } else { 500 };
    let cell = Cell { sort: Sort::CutDistribution, gasp: 0.8, errors: 0.02, missing: 0.0, known: true };
    let mut options = options(arguments.seed, cell, pons as usize * 48);
    options.chains = 0.3;
    let town = town(&options);
    let mut rng = fastrand::Rng::with_seed(arguments.seed);
    let mut faults = Vec::new();
    let mut hit: BTreeSet<ClientIx> = BTreeSet::new();
    while hit.len() < pons as usize * 20 {
        let sort = if rng.u8(..10) == 0 { Sort::CutFeeder } else { Sort::CutDistribution };
        let Some(Action::Cut { cable, metre, pieces }) = Action::draw(sort, &town.ground, &mut rng) else { break };
        hit.extend(town.ground.behind(cable).iter().map(|(client, _)| *client));
        faults.push(Fault {
            action: Action::Cut { cable, metre, pieces },
            at: Timestamp::from_millis(START + 90_000),
            until: None,
        });
    }
    let mut world = World::new(town.ground.clone(), WorldOptions::new(1, Timestamp::from_millis(START)), &faults);
    let mut watch = Watch::new(&town, Some(0.8));
    let olts: Vec<OltIx> = (0..town.ground.plant().olts.len()).map(OltIx::from_place).collect();
    for round in 0..=2_u64 {
        world.advance(Timestamp::from_millis(START + round * EVERY));
        for olt in &olts {
            if round == 0 {
                watch.sweep(&world, *olt, SweepKind::Inventory);
            }
            watch.sweep(&world, *olt, SweepKind::State);
        }
        let began = Instant::now();
        let told = watch.tracker.advance(world.now());
        let opened = told.changes.iter().filter(|change| is_group(change.incident.kind)).count();
        if round == 2 {
            println!(
                "{} losses by {} cuts over {pons} PONs: {opened} incidents, explained in {:.0} ms",
                hit.len(),
                faults.len(),
                began.elapsed().as_secs_f64() * 1000.0
            );
        }
    }
}

/// False group incidents where nothing but everyday life happens.
fn quiet(arguments: &Arguments) {
    let (clients, days) = if arguments.smoke { (2_000, 1) } else { (100_000, arguments.quiet.unwrap_or(3)) };
    let cell = Cell { sort: Sort::Drop, gasp: 0.8, errors: 0.02, missing: 0.0, known: true };
    let mut options = options(arguments.seed, cell, clients);
    options.gasp = None;
    let town = town(&options);
    let mut world = World::new(
        town.ground.clone(),
        WorldOptions::new(arguments.seed, Timestamp::from_millis(START)).with_daily_life(),
        &[],
    );
    let mut watch = Watch::new(&town, None);
    let olts: Vec<OltIx> = (0..town.ground.plant().olts.len()).map(OltIx::from_place).collect();
    let (mut groups, mut drops) = (0, 0);
    let began = Instant::now();
    for round in 0..u64::from(days) * 24 * 60 {
        world.advance(Timestamp::from_millis(START + round * EVERY));
        for olt in &olts {
            if round == 0 {
                watch.sweep(&world, *olt, SweepKind::Inventory);
            }
            watch.sweep(&world, *olt, SweepKind::State);
        }
        for change in watch.tracker.advance(world.now()).changes {
            if change.step == Step::Opened {
                groups += u32::from(is_group(change.incident.kind));
                drops += u32::from(change.incident.kind == Kind::Drop);
                if is_group(change.incident.kind) {
                    println!("   false: {:?} {}", change.incident.kind, change.incident.evidence);
                }
            }
        }
    }
    println!(
        "quiet: {clients} ONUs for {days} days: {groups} group incidents, {drops} drop faults; {:.0} s",
        began.elapsed().as_secs_f64()
    );
}
