//! The generator: plans PONs, and puts them into OLTs, POPs and feeders.

use super::error::PlantError;
use super::geometry::{Crossing, Streets};
use super::model::{
    Cable, CableIx, CableKind, End, Fiber, FiberIx, FiberParent, Joint, JointKind, Olt, OltIx, Output, Place, PlaceIx,
    PlaceKind, Plant, Pon, PonIx, Slot, SlotIx, Splitter, SplitterIx,
};
use super::options::PlantOptions;
use super::physics::{Ratio, Technology};
use super::table::Index;
use crate::model::Dbm;

/// Names of POPs.
const CITIES: [&str; 8] = ["Centro", "Norte", "Sul", "Leste", "Oeste", "Praia", "Serra", "Lagoa"];

/// Crossings between two POPs.
const BETWEEN_POPS: i32 = 400;

/// Fibres that cables are made with.
const FIBER_COUNTS: [u16; 11] = [1, 2, 4, 6, 12, 24, 36, 48, 72, 96, 144];

/// How a PON is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Two stages of even splitters: outputs of the first, and of those in the boxes.
    Balanced(u8, u8),
    /// A daisy chain: boxes, and outputs of the splitter in each.
    Chain(u8, u8),
}

/// A PON that is to be built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub(super) pon: PonIx,
    pub(super) shape: Shape,
    pub(super) clients: usize,
}

/// A plant that is being made.
pub(super) struct Builder<'a> {
    pub(super) plant: Plant,
    pub(super) options: &'a PlantOptions,
    pub(super) rng: fastrand::Rng,
    streets: Streets,
    closures: u32,
    boxes: u32,
}

impl Plant {
    /// Generates a plant.
    ///
    /// # Errors
    /// [`PlantError::Range`] for an option that is out of its range.
    pub fn generate(options: &PlantOptions) -> Result<Self, PlantError> {
        options.check()?;
        let mut builder = Builder {
            plant: Self::default(),
            options,
            rng: fastrand::Rng::with_seed(options.seed),
            streets: Streets::default(),
            closures: 0,
            boxes: 0,
        };
        builder.build();
        builder.document();
        let mut plant = builder.plant;
        plant.shrink();
        Ok(plant)
    }
}

impl Builder<'_> {
    fn build(&mut self) {
        let shapes = self.plan();
        let a_pop = usize::from(self.options.pons_per_olt) * usize::from(self.options.olts_per_pop);
        let pops = shapes.len().div_ceil(a_pop);
        let columns = (1..).find(|columns: &usize| columns.saturating_mul(*columns) >= pops).unwrap_or(1);
        for (number, shapes) in shapes.chunks(a_pop).enumerate() {
            let steps = |count: usize| i32::try_from(count).unwrap_or(0) * BETWEEN_POPS;
            let at = Crossing { x: steps(number % columns), y: steps(number / columns) };
            let city = CITIES.get(number % CITIES.len()).copied().unwrap_or_default();
            let round = number / CITIES.len() + 1;
            let city = if round == 1 { city.to_owned() } else { format!("{city} {round}") };
            let pop = self.place(PlaceKind::Pop, format!("POP {city}"), at);
            let mut planned = self.head_ends(pop, &city, shapes);
            self.mix(&mut planned);
            for (feeder, pons) in planned.chunks(usize::from(self.options.pons_per_feeder)).enumerate() {
                self.feeder(pop, at, feeder, pons);
            }
        }
    }

    /// The shapes of all PONs with their numbers of clients.
    fn plan(&mut self) -> Vec<(Shape, usize)> {
        let mut left = self.options.clients;
        let mut plan = Vec::new();
        while left > 0 {
            let shape = if self.rng.f64() < self.options.chains {
                Shape::Chain(self.options.chain.0, self.options.chain.1)
            } else {
                let pick = self.rng.usize(..self.options.splits.len().max(1));
                let (first, second) = self.options.splits.get(pick).copied().unwrap_or((8, 8));
                Shape::Balanced(first, second)
            };
            let (Shape::Balanced(boxes, ways) | Shape::Chain(boxes, ways)) = shape;
            let ports = u32::from(boxes) * u32::from(ways);
            let wanted = f64::from(ports) * self.options.fill * self.between(0.85, 1.15);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 147
            let clients = (wanted.round() as u32).clamp(1, ports);
            let clients = left.min(usize::try_from(clients).unwrap_or(1));
            left -= clients;
            plan.push((shape, clients));
        }
        plan
    }

    /// A POP's OLTs with their cards and ports.
    fn head_ends(&mut self, pop: PlaceIx, city: &str, shapes: &[(Shape, usize)]) -> Vec<Planned> {
        let mut planned = Vec::with_capacity(shapes.len());
        for (number, shapes) in shapes.chunks(usize::from(self.options.pons_per_olt)).enumerate() {
            let name = format!("olt-{}-{}", city.to_lowercase().replace(' ', "-"), number + 1);
            let family = self.plant.olts.len() % self.options.families.len().max(1);
            let family = u16::try_from(family).unwrap_or_default();
            let olt = self.plant.olts.push(Olt { place: pop, name: name.into(), family });
            let xgs = self.rng.f64() < self.options.xgs;
            let technology = if xgs { Technology::XgsPon } else { Technology::Gpon };
            let mut place = 0;
            for (card, shapes) in shapes.chunks(usize::from(self.options.pons_per_slot)).enumerate() {
                let number = u16::try_from(card + 1).unwrap_or(u16::MAX);
                let slot = self.plant.slots.push(Slot { olt, number });
                for (port, (shape, clients)) in shapes.iter().enumerate() {
                    let number = u16::try_from(port).unwrap_or(u16::MAX);
                    let pon = self.port(pop, (olt, slot), (number, place), technology);
                    planned.push(Planned { pon, shape: *shape, clients: *clients });
                    place += 1;
                }
            }
        }
        planned
    }

    /// A port of a card, with the cord that leads to the patch panel.
    fn port(
        &mut self,
        pop: PlaceIx,
        (olt, slot): (OltIx, SlotIx),
        (number, place): (u16, u32),
        technology: Technology,
    ) -> PonIx {
        let pon = PonIx::from_place(self.plant.pons.len());
        let ends = [Some(End::Pon(pon)), None];
        let cord = self.plant.fibers.push(Fiber { parent: FiberParent::Cord(pop), number: 1, ends });
        let launch = match technology {
            Technology::Gpon => self.between(3.2, 6.2),
            Technology::XgsPon => self.between(4.2, 6.8),
        };
        let launch = Dbm::new((launch * 100.0).round() / 100.0).unwrap_or(Dbm::from_thousandths(5000));
        let entered = self.rng.f64() >= self.options.documentation.missing_launch;
        let potency = if entered { Dbm::new((launch.get() * 10.0).round() / 10.0).ok() } else { None };
        let potency = potency.unwrap_or(Dbm::from_thousandths(0));
        self.plant.pons.push(Pon { slot, olt, number, place, technology, launch, potency, cord })
    }

    /// Half of a POP's PONs change places, so that a feeder carries PONs of several cards.
    fn mix(&mut self, planned: &mut [Planned]) {
        for from in 0..planned.len() {
            if self.rng.bool() {
                let to = self.rng.usize(..planned.len());
                planned.swap(from, to);
            }
        }
    }

    pub(super) fn place(&mut self, kind: PlaceKind, name: String, at: Crossing) -> PlaceIx {
        let pole = self.streets.pole(&mut self.plant.poles, at);
        self.plant.places.push(Place { kind, name: name.into(), pole, at: at.point() })
    }

    pub(super) fn closure(&mut self, at: Crossing) -> PlaceIx {
        self.closures += 1;
        self.place(PlaceKind::Closure, format!("CEO {:02}", self.closures), at)
    }

    pub(super) fn cto(&mut self, at: Crossing) -> PlaceIx {
        self.boxes += 1;
        self.place(PlaceKind::Cto, format!("CTO {:02}", self.boxes), at)
    }

    /// A cable with all its fibres, dark as yet.
    pub(super) fn cable(
        &mut self,
        kind: CableKind,
        (a, from): (PlaceIx, Crossing),
        (b, to): (PlaceIx, Crossing),
        fibers: u16,
    ) -> (CableIx, FiberIx) {
        let x_first = self.rng.bool();
        let poles = self.streets.way(&mut self.plant.poles, from, to, x_first);
        #[allow(clippy::cast_precision_loss)] // some hundred poles
        let along = poles.len().saturating_sub(1) as f32 * super::geometry::SPAN;
        let reserve = if self.rng.f64() < 0.8 { 20.0 } else { 0.0 };
        let documented_length = along + reserve;
        let hidden = if self.rng.f64() < 0.2 { self.between(3.0, 15.0) } else { 0.0 };
        let length = documented_length * self.between32(1.005, 1.035) + narrow(hidden);
        let cable = CableIx::from_place(self.plant.cables.len());
        let first_fiber = FiberIx::from_place(self.plant.fibers.len());
        for number in 1..=fibers {
            self.plant.fibers.push(Fiber { parent: FiberParent::Cable(cable), number, ends: [None, None] });
        }
        let name = format!("CABO {:02}", self.plant.cables.len() + 1).into();
        self.plant.cables.push(Cable {
            name,
            kind,
            a,
            b,
            poles,
            reserve,
            documented_length,
            length,
            first_fiber,
            fiber_count: fibers,
        });
        (cable, first_fiber)
    }

    /// Joins two fibres in a place.
    pub(super) fn joint(&mut self, kind: JointKind, place: PlaceIx, fibers: [FiberIx; 2]) {
        let loss = match kind {
            JointKind::Fusion => self.between32(0.01, 0.09),
            JointKind::Passing => 0.0,
        };
        let joint = self.plant.joints.push(Joint { kind, place, fibers, loss, documented: true });
        let [near, far] = fibers;
        self.attach(near, 1, End::Joint(joint));
        self.attach(far, 0, End::Joint(joint));
    }

    /// A splitter on a fibre's far end.
    pub(super) fn splitter(
        &mut self,
        place: PlaceIx,
        number: u8,
        ratio: Ratio,
        input: FiberIx,
        drops: bool,
    ) -> SplitterIx {
        let outputs = (0..ratio.outputs())
            .map(|output| {
                let loss = (ratio.loss(output) + self.normal32(-0.15, 0.2)).max(0.1);
                Output { fiber: None, documented: None, loss }
            })
            .collect();
        let splitter =
            self.plant.splitters.push(Splitter { place, number, ratio, input, outputs, serves_clients: drops });
        self.attach(input, 1, End::SplitterInput(splitter));
        splitter
    }

    /// Puts a fibre's near end on a splitter's output.
    pub(super) fn plug(&mut self, splitter: SplitterIx, output: u8, fiber: FiberIx) {
        if let Some(row) = self.plant.splitters.get_mut(splitter)
            && let Some(slot) = row.outputs.get_mut(usize::from(output))
        {
            slot.fiber = Some(fiber);
            slot.documented = Some(fiber);
        }
        self.attach(fiber, 0, End::SplitterOutput(splitter, output));
    }

    pub(super) fn attach(&mut self, fiber: FiberIx, side: usize, end: End) {
        if let Some(row) = self.plant.fibers.get_mut(fiber)
            && let Some(slot) = row.ends.get_mut(side)
        {
            *slot = Some(end);
        }
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.rng.f64() * (high - low)
    }

    pub(super) fn between32(&mut self, low: f32, high: f32) -> f32 {
        low + self.rng.f32() * (high - low)
    }

    /// Nearly normal: the sum of twelve even numbers has variance 1.
    pub(super) fn normal32(&mut self, mean: f32, deviation: f32) -> f32 {
        let sum: f32 = (0..12).map(|_| self.rng.f32()).sum();
        mean + (sum - 6.0) * deviation
    }
}

/// The smallest cable with so many fibres.
pub(super) fn fibers_for(wanted: usize) -> u16 {
    let fits = |count: &u16| usize::from(*count) >= wanted;
    FIBER_COUNTS.into_iter().find(fits).unwrap_or(144)
}

/// The `number`th fibre from a cable's first one.
pub(super) fn nth(first: FiberIx, number: usize) -> FiberIx {
    FiberIx::from_place(first.place().saturating_add(number))
}

/// To single precision: metres and decibels of a plant are small.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}
