//! Errors of the documentation. They change what is documented, and nothing else.

use super::branch::drop_length;
use super::generate::Builder;
use super::model::{ClientIx, FiberParent, Port, SplitterIx};
use super::route::{Element, View};

impl Builder<'_> {
    /// Puts in as many errors as the options want.
    pub(super) fn document(&mut self) {
        let rates = self.options.documentation;
        let boxes: Vec<SplitterIx> =
            self.plant.splitters.iter().filter(|(_, splitter)| splitter.serves_clients).map(|(ix, _)| ix).collect();
        for client in self.plant.clients.keys() {
            let draw = self.rng.f64();
            let box_end = rates.wrong_box;
            let port_end = box_end + rates.wrong_port;
            let route_end = port_end + rates.missing_route;
            if draw < box_end {
                self.move_to_wrong_box(client, &boxes);
            } else if draw < port_end {
                self.move_to_wrong_port(client);
            } else if draw < route_end {
                self.forget_route(client);
            }
            if self.rng.f64() < rates.missing_serial
                && let Some(row) = self.plant.clients.get_mut(client)
            {
                row.documented.serial = false;
            }
        }
        for splitter in boxes {
            if self.rng.f64() < rates.missing_joint {
                self.forget_joint(splitter);
            }
        }
    }

    /// Mostly the next box along the street, sometimes any.
    fn move_to_wrong_box(&mut self, client: ClientIx, boxes: &[SplitterIx]) {
        let Some(port) = self.plant.clients.get(client).and_then(|row| row.documented.port) else { return };
        let Ok(own) = boxes.binary_search(&port.splitter) else { return };
        let near = self.rng.f64() < 0.8;
        let there = if near {
            let step = self.rng.usize(1..=3);
            if self.rng.bool() { own.saturating_sub(step) } else { own.saturating_add(step) }
        } else {
            self.rng.usize(..boxes.len())
        };
        let Some(splitter) = boxes.get(there).copied().filter(|splitter| *splitter != port.splitter) else { return };
        let outputs = self.plant.splitters.get(splitter).map_or(0, |row| row.ratio.outputs());
        let free = (0..outputs).find(|output| self.documented_on(Port { splitter, output: *output }).is_none());
        let output = free.unwrap_or_else(|| self.rng.u8(..outputs.max(1)));
        self.swap(port, Port { splitter, output });
    }

    fn move_to_wrong_port(&mut self, client: ClientIx) {
        let Some(port) = self.plant.clients.get(client).and_then(|row| row.documented.port) else { return };
        let outputs = self.plant.splitters.get(port.splitter).map_or(0, |row| row.ratio.outputs());
        let step = self.rng.u8(1..outputs.max(2));
        self.swap(port, Port { splitter: port.splitter, output: (port.output + step) % outputs.max(1) });
    }

    fn forget_route(&mut self, client: ClientIx) {
        let keeps_box = self.rng.f64() < 0.7;
        let Some(row) = self.plant.clients.get_mut(client) else { return };
        let Some(port) = row.documented.port.take() else { return };
        if !keeps_box {
            row.documented.place = None;
        }
        if let Some(splitter) = self.plant.splitters.get_mut(port.splitter)
            && let Some(output) = splitter.outputs.get_mut(usize::from(port.output))
        {
            output.documented = None;
        }
    }

    /// Forgets the joint before this box, when there is one between it and the splitter above it.
    fn forget_joint(&mut self, splitter: SplitterIx) {
        let mut at = self.plant.splitters.get(splitter).map(|row| row.input);
        while let Some((element, next)) =
            at.and_then(|fiber| self.plant.fibers.get(fiber)).and_then(|fiber| self.plant.upstream(fiber, View::True))
        {
            match element {
                Element::Joint(joint) => {
                    if let Some(row) = self.plant.joints.get_mut(joint) {
                        row.documented = false;
                    }
                    return;
                }
                Element::Splitter(..) | Element::Dio(..) | Element::Pon(_) => return,
                Element::Fiber(_) => at = next,
            }
        }
    }

    fn documented_on(&self, port: Port) -> Option<ClientIx> {
        let fiber = self.plant.splitters.get(port.splitter)?.outputs.get(usize::from(port.output))?.documented?;
        match self.plant.fibers.get(fiber)?.parent {
            FiberParent::Drop(client) => Some(client),
            FiberParent::Cable(_) | FiberParent::Cord(_) => None,
        }
    }

    /// Changes who is documented on two ports.
    fn swap(&mut self, one: Port, other: Port) {
        let (there, here) = (self.documented_on(one), self.documented_on(other));
        for (port, client) in [(one, here), (other, there)] {
            let place = self.plant.place_of(port);
            let at = place.and_then(|place| self.plant.places.get(place)).map(|place| place.at);
            let mut drop = None;
            if let Some(row) = client.and_then(|client| self.plant.clients.get_mut(client)) {
                drop = Some(row.drop);
                row.documented.port = Some(port);
                row.documented.place = place;
                if let Some(at) = at {
                    row.documented.drop_length = drop_length(at, row.house);
                }
            }
            if let Some(splitter) = self.plant.splitters.get_mut(port.splitter)
                && let Some(output) = splitter.outputs.get_mut(usize::from(port.output))
            {
                output.documented = drop;
            }
        }
    }
}
