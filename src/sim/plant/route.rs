//! Walks from a house to its PON, and OZmap's trace of a client.

use super::model::{
    Client, ClientIx, DioIx, End, Fiber, FiberIx, FiberParent, JointIx, JointKind, PlaceIx, Plant, PonIx, SplitterIx,
};
use super::physics::{DOCUMENTED_FUSION_LOSS, DOCUMENTED_LOSS_A_KM, Wavelength};
use crate::model::{Dbm, Decibels, Metres};

/// Whose word is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What lies in the street.
    True,
    /// What OZmap shows.
    Documented,
}

/// What light passes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// The port of the OLT.
    Pon(PonIx),
    /// A port of a patch panel, from 0 on.
    Dio(DioIx, u16),
    /// A fibre of a cable or drop, or a cord between two splitters of a box.
    Fiber(FiberIx),
    /// A fusion or passing.
    Joint(JointIx),
    /// A splitter, and the output that is left by, from 0 on.
    Splitter(SplitterIx, u8),
}

/// One element of a [`Trace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub element: Element,
    /// Its loss; `None` for the PON.
    pub loss: Option<Decibels>,
    /// Metres from the start to its far side.
    pub distance: Metres,
}

/// The light path of a client as OZmap reckons it (`ozmap-api.md` 6.2): head end first, the drop last. Cords inside of
/// a POP or box are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its elements.
    pub steps: Vec<Step>,
    /// The PON; `None` when the documented path ends before one (`pon_reached` is false).
    pub pon: Option<PonIx>,
    /// The launch power that was entered for it; 0 for none.
    pub potency: Option<Dbm>,
    /// The sum of the steps' losses.
    pub attenuation: Decibels,
    /// Metres of the whole path.
    pub distance: Metres,
    /// Where it begins: the POP or, without a PON, the last place that it reached.
    pub start: Option<PlaceIx>,
}

impl Trace {
    /// The launch power, or 0, without the losses.
    #[must_use]
    pub fn arriving_potency(&self) -> Dbm {
        self.potency.unwrap_or(Dbm::from_thousandths(0)) - self.attenuation
    }
}

impl Plant {
    /// What is on the side of a fibre that faces the POP.
    #[must_use]
    pub fn upstream_end(&self, fiber: &Fiber, view: View) -> Option<End> {
        let end = match (fiber.parent, view) {
            (FiberParent::Drop(client), View::Documented) => {
                let port = self.clients.get(client)?.documented.port?;
                Some(End::SplitterOutput(port.splitter, port.output))
            }
            _ => fiber.ends.first().copied().flatten(),
        };
        end.filter(|end| self.is_shown(*end, view))
    }

    /// What is on the side of a fibre that faces the houses.
    #[must_use]
    pub fn downstream_end(&self, fiber: &Fiber, view: View) -> Option<End> {
        fiber.ends.last().copied().flatten().filter(|end| self.is_shown(*end, view))
    }

    fn is_shown(&self, end: End, view: View) -> bool {
        match (end, view) {
            (End::Joint(joint), View::Documented) => self.joints.get(joint).is_some_and(|joint| joint.documented),
            _ => true,
        }
    }

    /// What a fibre hangs on, and the fibre beyond it.
    #[must_use]
    pub fn upstream(&self, fiber: &Fiber, view: View) -> Option<(Element, Option<FiberIx>)> {
        Some(match self.upstream_end(fiber, view)? {
            End::Pon(pon) => (Element::Pon(pon), None),
            End::DioOutput(dio, port) => {
                let cord = self.dios.get(dio)?.inputs.get(usize::from(port)).copied().flatten();
                (Element::Dio(dio, port), cord)
            }
            End::Joint(joint) => (Element::Joint(joint), self.joints.get(joint)?.fibers.first().copied()),
            End::SplitterOutput(splitter, output) => {
                (Element::Splitter(splitter, output), Some(self.splitters.get(splitter)?.input))
            }
            // These face the POP themselves: no fibre hangs on them.
            End::DioInput(..) | End::SplitterInput(_) | End::House(_) => return None,
        })
    }

    /// The way of a client's light, head end first: the PON where it reaches one, and the client's drop last. Empty when
    /// no connection of the drop is known.
    #[must_use]
    pub fn path(&self, client: &Client, view: View) -> Vec<Element> {
        let mut path = Vec::with_capacity(32);
        let mut at = Some(client.drop);
        // Each fibre hangs on one of a smaller number, so this ends. Only a drop may be documented on a splitter that was
        // built after it.
        while let Some(fiber) = at {
            path.push(Element::Fiber(fiber));
            let above = self.fibers.get(fiber).and_then(|fiber| self.upstream(fiber, view));
            at = None;
            if let Some((element, next)) = above {
                path.push(element);
                at = next.filter(|next| *next < fiber || fiber == client.drop && *next != fiber);
            }
        }
        if path.len() < 2 {
            path.clear();
        }
        path.reverse();
        path
    }

    /// OZmap's trace of a client. `None` when its drop is connected to nothing (OZmap answers 422).
    #[must_use]
    pub fn trace(&self, client: ClientIx) -> Option<Trace> {
        let client = self.clients.get(client)?;
        let path = self.path(client, View::Documented);
        let mut trace = Trace {
            steps: Vec::with_capacity(path.len()),
            pon: None,
            potency: None,
            attenuation: Decibels::from_thousandths(0),
            distance: Metres::from_thousandths(0),
            start: path.iter().find_map(|element| self.place_of_element(*element)),
        };
        path.first()?;
        for element in path {
            if let Element::Fiber(fiber) = element
                && matches!(self.fibers.get(fiber)?.parent, FiberParent::Cord(_))
            {
                continue;
            }
            let (loss, length) = self.documented_loss(element);
            if let Element::Pon(pon) = element {
                trace.pon = Some(pon);
                trace.potency = self.pons.get(pon).map(|pon| pon.potency);
            }
            if let Some(loss) = loss {
                trace.attenuation =
                    Decibels::from_thousandths(trace.attenuation.thousandths().saturating_add(loss.thousandths()));
            }
            trace.distance =
                Metres::from_thousandths(trace.distance.thousandths().saturating_add(length.thousandths()));
            trace.steps.push(Step { element, loss, distance: trace.distance });
        }
        Some(trace)
    }

    /// The place of a joint, splitter or patch panel; a PON's POP. Fibres have none.
    #[must_use]
    pub fn place_of_element(&self, element: Element) -> Option<PlaceIx> {
        match element {
            Element::Pon(pon) => self.pons.get(pon).and_then(|pon| self.olts.get(pon.olt)).map(|olt| olt.place),
            Element::Dio(dio, _) => self.dios.get(dio).map(|dio| dio.place),
            Element::Joint(joint) => self.joints.get(joint).map(|joint| joint.place),
            Element::Splitter(splitter, _) => self.splitters.get(splitter).map(|splitter| splitter.place),
            Element::Fiber(_) => None,
        }
    }

    fn documented_loss(&self, element: Element) -> (Option<Decibels>, Metres) {
        let none = Metres::from_thousandths(0);
        let (loss, length) = match element {
            Element::Pon(_) => return (None, none),
            Element::Dio(..) => (0.0, none),
            Element::Fiber(fiber) => {
                let length = self.fibers.get(fiber).map_or(none, |fiber| self.documented_length(fiber));
                (length.get() / 1000.0 * DOCUMENTED_LOSS_A_KM, length)
            }
            Element::Joint(joint) => match self.joints.get(joint).map(|joint| joint.kind) {
                Some(JointKind::Fusion) => (DOCUMENTED_FUSION_LOSS, none),
                Some(JointKind::Passing) | None => (0.0, none),
            },
            Element::Splitter(splitter, output) => {
                (self.splitters.get(splitter).map_or(0.0, |splitter| f64::from(splitter.ratio.loss(output))), none)
            }
        };
        (Decibels::new(loss).ok(), length)
    }

    /// True loss of an element for a wave, in dB.
    #[must_use]
    pub fn true_loss(&self, element: Element, wave: Wavelength) -> f32 {
        match element {
            Element::Pon(_) => 0.0,
            Element::Dio(dio, port) => {
                self.dios.get(dio).and_then(|dio| dio.losses.get(usize::from(port))).copied().unwrap_or(0.0)
            }
            Element::Fiber(fiber) => self.fibers.get(fiber).map_or(0.0, |fiber| {
                let connectors = match fiber.parent {
                    FiberParent::Drop(client) => self.clients.get(client).map_or(0.0, |client| client.drop_loss),
                    FiberParent::Cable(_) | FiberParent::Cord(_) => 0.0,
                };
                self.length(fiber) / 1000.0 * wave.loss_a_km() + connectors
            }),
            Element::Joint(joint) => self.joints.get(joint).map_or(0.0, |joint| joint.loss),
            Element::Splitter(splitter, output) => self
                .splitters
                .get(splitter)
                .and_then(|splitter| splitter.outputs.get(usize::from(output)))
                .map_or(0.0, |output| output.loss),
        }
    }
}
