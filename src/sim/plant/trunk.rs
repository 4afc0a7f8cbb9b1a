//! Feeders: from a POP's patch panel along closures, with a fibre for each PON.

use super::branch::Fed;
use super::generate::{Builder, Planned, fibers_for, nth};
use super::geometry::Crossing;
use super::model::{CableKind, Dio, DioIx, End, FiberIx, JointKind, PlaceIx};
use super::table::Index;

/// North, east, south, west.
pub(super) const DIRECTIONS: [(i32, i32); 4] = [(0, 1), (1, 0), (0, -1), (-1, 0)];

/// One of the four directions.
pub(super) fn direction(number: usize) -> (i32, i32) {
    DIRECTIONS.get(number % DIRECTIONS.len()).copied().unwrap_or((0, 1))
}

impl Builder<'_> {
    /// A feeder for these PONs, and all that hangs on it.
    pub(super) fn feeder(&mut self, pop: PlaceIx, start: Crossing, number: usize, pons: &[Planned]) {
        // A tenth of the fibres is kept dark for later.
        let fibers = fibers_for(pons.len() + pons.len().div_ceil(10)).max(12);
        let dio = self.panel(pop, number, pons, fibers);
        let (x, y) = direction(number);
        // Feeders that leave the POP to the same side run some streets apart.
        let aside = i32::try_from(number / 4).unwrap_or(0) * 12;
        let mut at = start.moved(y * aside, x * aside);
        let (mut from, mut from_at) = (pop, start);
        let mut before: Option<FiberIx> = None;
        let mut served = 0;
        while served < pons.len() {
            let group = self.rng.usize(1..=3).min(pons.len() - served);
            let step = self.rng.i32(10..=28);
            let sway = self.rng.i32(-3..=3);
            at = at.moved(x * step + y * sway, y * step + x * sway);
            let closure = self.closure(at);
            let (_, first) = self.cable(CableKind::Feeder, (from, from_at), (closure, at), fibers);
            // Where a drum ended, all fibres are spliced; else those that go on pass uncut.
            let kind = if self.rng.f64() < 0.35 { JointKind::Fusion } else { JointKind::Passing };
            for fiber in served..pons.len() {
                let here = nth(first, fiber);
                match before {
                    None => self.patch(dio, fiber, here),
                    Some(before) => self.joint(kind, from, [nth(before, fiber), here]),
                }
            }
            let fed: Vec<Fed> = (served..served + group)
                .filter_map(|fiber| Some(Fed { fiber: nth(first, fiber), planned: *pons.get(fiber)? }))
                .collect();
            self.distribute((closure, at), (x, y), &fed);
            before = Some(first);
            (from, from_at) = (closure, at);
            served += group;
        }
    }

    /// The patch panel of a feeder, with the PONs' cords on its inputs.
    fn panel(&mut self, pop: PlaceIx, number: usize, pons: &[Planned], ports: u16) -> DioIx {
        let dio = DioIx::from_place(self.plant.dios.len());
        let mut inputs = vec![None; usize::from(ports)];
        for (port, (planned, input)) in pons.iter().zip(&mut inputs).enumerate() {
            let Some(cord) = self.plant.pons.get(planned.pon).map(|pon| pon.cord) else { continue };
            *input = Some(cord);
            self.attach(cord, 1, End::DioInput(dio, u16::try_from(port).unwrap_or(u16::MAX)));
        }
        let losses = (0..ports).map(|_| self.between32(0.3, 0.8)).collect();
        let outputs = vec![None; usize::from(ports)].into();
        let name = format!("DIO {}", number + 1).into();
        self.plant.dios.push(Dio { place: pop, name, inputs: inputs.into(), outputs, losses })
    }

    fn patch(&mut self, dio: DioIx, port: usize, fiber: FiberIx) {
        if let Some(row) = self.plant.dios.get_mut(dio)
            && let Some(output) = row.outputs.get_mut(port)
        {
            *output = Some(fiber);
        }
        self.attach(fiber, 0, End::DioOutput(dio, u16::try_from(port).unwrap_or(u16::MAX)));
    }
}
