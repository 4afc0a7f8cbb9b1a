//! What hangs on a closure: lines of boxes behind even splitters, daisy chains, drops and clients.

use super::generate::{Builder, Planned, Shape, fibers_for, narrow, nth};
use super::geometry::{Crossing, Point};
use super::model::{
    CableKind, Client, ClientIx, Documented, End, Fiber, FiberIx, FiberParent, JointKind, PlaceIx, Port, SplitterIx,
};
use super::physics::{OnuModel, Ratio, Technology};
use super::table::Index;
use super::trunk::direction;

/// A PON whose feeder fibre ends in the closure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fed {
    pub(super) fiber: FiberIx,
    pub(super) planned: Planned,
}

/// A box that is to be built on a line: which PON's, and the first splitter's output that feeds it.
#[derive(Debug, Clone, Copy)]
struct Station {
    fed: usize,
    splitter: SplitterIx,
    output: u8,
    ways: u8,
}

impl Builder<'_> {
    /// Builds what hangs on these PONs' fibres. The feeder goes on in direction `(x, y)`; lines leave it to both sides.
    pub(super) fn distribute(&mut self, closure: (PlaceIx, Crossing), (x, y): (i32, i32), fed: &[Fed]) {
        // The splitters with drops of each PON.
        let mut served: Vec<Vec<SplitterIx>> = vec![Vec::new(); fed.len()];
        let mut stations = Vec::new();
        let mut side = self.rng.i32(0..2) * 2 - 1;
        let mut sides = || {
            side = -side;
            (y * side, x * side)
        };
        for (place, one) in fed.iter().enumerate() {
            let boxes = boxes_for(one.planned);
            match one.planned.shape {
                Shape::Balanced(ways, second) => {
                    let number = u8::try_from(place + 1).unwrap_or(u8::MAX);
                    let splitter = self.splitter(closure.0, number, Ratio::Balanced(ways), one.fiber, false);
                    stations.extend((0..boxes).map(|output| Station { fed: place, splitter, output, ways: second }));
                }
                Shape::Chain(_, ways) => {
                    let splitters = self.chain(closure, sides(), one.fiber, boxes, ways);
                    if let Some(served) = served.get_mut(place) {
                        *served = splitters;
                    }
                }
            }
        }
        // Often the boxes of several PONs hang on the same cable, one after the other.
        if self.rng.bool() {
            self.rng.shuffle(&mut stations);
        }
        let a_line = self.rng.usize(4..=8);
        for line in stations.chunks(a_line) {
            for (station, splitter) in line.iter().zip(self.line(closure, sides(), line)) {
                if let Some(served) = served.get_mut(station.fed) {
                    served.push(splitter);
                }
            }
        }
        for (one, splitters) in fed.iter().zip(&served) {
            self.clients(one.planned, splitters);
        }
    }

    /// The next crossing of a line of boxes: two to five poles on, sometimes around a corner.
    fn onwards(&mut self, at: Crossing, heading: &mut (i32, i32)) -> Crossing {
        if self.rng.f64() < 0.25 {
            let turn = self.rng.i32(0..2) * 2 - 1;
            *heading = (heading.1 * turn, heading.0 * turn);
        }
        let step = self.rng.i32(2..=5);
        at.moved(heading.0 * step, heading.1 * step)
    }

    /// A cable along boxes, whose fibres end one by one; gives the boxes' splitters.
    fn line(&mut self, closure: (PlaceIx, Crossing), mut heading: (i32, i32), line: &[Station]) -> Vec<SplitterIx> {
        let fibers = fibers_for(line.len() + 1).max(6);
        let mut splitters = Vec::with_capacity(line.len());
        let (mut from, mut before) = (closure, None);
        for (place, station) in line.iter().enumerate() {
            let at = self.onwards(from.1, &mut heading);
            let cto = self.cto(at);
            let (_, first) = self.cable(CableKind::Distribution, from, (cto, at), fibers);
            let kind = if self.rng.f64() < 0.15 { JointKind::Fusion } else { JointKind::Passing };
            for (number, to) in line.iter().enumerate().skip(place) {
                let here = nth(first, number);
                match before {
                    None => self.plug(to.splitter, to.output, here),
                    Some(before) => self.joint(kind, from.0, [nth(before, number), here]),
                }
            }
            splitters.push(self.splitter(cto, 1, Ratio::Balanced(station.ways), nth(first, place), true));
            before = Some(first);
            from = (cto, at);
        }
        splitters
    }

    /// A daisy chain: in each box a tap gives some light to the box and passes the rest on.
    fn chain(
        &mut self,
        closure: (PlaceIx, Crossing),
        mut heading: (i32, i32),
        feeder: FiberIx,
        boxes: u8,
        ways: u8,
    ) -> Vec<SplitterIx> {
        let mut taps = Ratio::chain(boxes).into_iter();
        let mut splitters = Vec::new();
        let mut from = closure;
        let mut rest: Option<SplitterIx> = None;
        if self.rng.f64() < 0.5 {
            heading = direction(self.rng.usize(..4));
        }
        for _ in 0..boxes {
            let at = self.onwards(from.1, &mut heading);
            let cto = self.cto(at);
            let (_, first) = self.cable(CableKind::Distribution, from, (cto, at), 2);
            match rest {
                None => self.joint(JointKind::Fusion, closure.0, [feeder, first]),
                Some(tap) => self.plug(tap, 1, first),
            }
            let (number, input) = match taps.next() {
                None => (1, first),
                Some(ratio) => {
                    let tap = self.splitter(cto, 1, ratio, first, false);
                    let parent = FiberParent::Cord(cto);
                    let cord = self.plant.fibers.push(Fiber { parent, number: 1, ends: [None, None] });
                    self.plug(tap, 0, cord);
                    rest = Some(tap);
                    (2, cord)
                }
            };
            splitters.push(self.splitter(cto, number, Ratio::Balanced(ways), input, true));
            from = (cto, at);
        }
        splitters
    }

    /// Clients on ports drawn from these splitters.
    fn clients(&mut self, planned: Planned, splitters: &[SplitterIx]) {
        let mut ports: Vec<Port> = Vec::new();
        for splitter in splitters {
            let outputs = self.plant.splitters.get(*splitter).map_or(0, |row| row.ratio.outputs());
            ports.extend((0..outputs).map(|output| Port { splitter: *splitter, output }));
        }
        self.rng.shuffle(&mut ports);
        let technology = self.plant.pons.get(planned.pon).map_or(Technology::Gpon, |pon| pon.technology);
        for (onu, port) in (1..).zip(ports.into_iter().take(planned.clients)) {
            let Some(place) = self.plant.place_of(port) else { continue };
            let at = self.plant.places.get(place).map_or(Point::default(), |place| place.at);
            let house = Point { x: at.x + self.between32(-95.0, 95.0), y: at.y + self.between32(-95.0, 95.0) };
            let documented_length = drop_length(at, house);
            let drop_length = documented_length * self.between32(1.0, 1.15) + self.between32(0.0, 10.0);
            let client = ClientIx::from_place(self.plant.clients.len());
            let ends = [None, Some(End::House(client))];
            let drop = self.plant.fibers.push(Fiber { parent: FiberParent::Drop(client), number: 1, ends });
            self.plug(port.splitter, port.output, drop);
            let model = self.model();
            let jitter = self.normal32(0.0, 0.02);
            let gasp = match self.options.gasp {
                Some(gasp) => narrow(gasp),
                None => (OnuModel::at(model).gasp + jitter).clamp(0.0, 1.0),
            };
            let code = self.options.first_code.saturating_add(client.number());
            let tx = match technology {
                Technology::Gpon => self.between32(1.5, 3.2),
                Technology::XgsPon => self.between32(4.2, 7.0),
            };
            let documented =
                Documented { port: Some(port), place: Some(place), drop_length: documented_length, serial: true };
            let row = Client {
                pon: planned.pon,
                onu,
                port,
                drop,
                drop_length,
                drop_loss: self.between32(0.2, 0.9),
                house,
                code,
                person: self.rng.u16(..256),
                model,
                // Odd, so that different codes have different serials.
                serial_number: code.wrapping_mul(2_654_435_761),
                gasp,
                rx_bias: self.normal32(0.0, 0.9).clamp(-3.0, 3.0),
                olt_rx_bias: self.normal32(0.0, 1.0).clamp(-3.0, 3.0),
                tx,
                documented,
            };
            self.plant.clients.push(row);
        }
    }

    fn model(&mut self) -> u8 {
        let total: u8 = OnuModel::ALL.iter().map(|model| model.share).sum();
        let mut draw = self.rng.u8(..total.max(1));
        for (place, model) in (0..).zip(&OnuModel::ALL) {
            if draw < model.share {
                return place;
            }
            draw -= model.share;
        }
        0
    }
}

/// Boxes that a PON's clients need at about the usual fill.
fn boxes_for(planned: Planned) -> u8 {
    let (Shape::Balanced(boxes, ways) | Shape::Chain(boxes, ways)) = planned.shape;
    let usual = usize::from(ways) * 2 / 3;
    u8::try_from(planned.clients.div_ceil(usual.max(1))).unwrap_or(u8::MAX).clamp(1, boxes)
}

/// Metres of a drop as somebody documents it: the way with a corner, and what hangs down at both ends. To centimetres.
pub(super) fn drop_length(from: Point, house: Point) -> f32 {
    ((from.distance(house) * 1.1 + 8.0) * 100.0).round() / 100.0
}
