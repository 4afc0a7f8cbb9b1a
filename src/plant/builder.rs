//! Grows a plant route by route.

use std::collections::HashMap;
use std::sync::Arc;

use super::graph::{Assembly, Attachment, ElementKind, Irregularities, NONE, Plant, RawClient, RawElement, RawNode};
use super::place::{Cable, Coords, Place};
use super::route::{Hop, HopKind, MAX_HOPS, Named, ParentKind, Route};
use crate::model::{ClientId, Dbm, ElementId, Metres};

/// What tells an element from others: its id; without one, what it is, where, and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Id(ElementId),
    Nameless { kind: ElementKind, within: u32, name: u32 },
}

/// What is known of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The last node of its route.
    pub node: u32,
    /// The box that its property names.
    pub place: u32,
    /// The sum of losses in thousandths, [`i32::MIN`] where it is not known.
    pub loss: i32,
    pub pon_reached: bool,
    /// What was odd about its route, to take it back when the route is replaced.
    oddities: Oddities,
}

#[derive(Debug, Clone, Copy, Default)]
struct Oddities {
    headless: bool,
    loops: bool,
    parentless: bool,
    nameless: bool,
    backwards: bool,
    overlong: bool,
}

/// Collects routes, places and cables, in any order, and makes [`Plant`]s of what is known so far.
///
/// It keeps what upstream elements it has seen, so one more route costs one look-up a hop. A route that takes the place of an older one
/// leaves nodes behind that nobody hangs on; they are not in the plants that it makes.
#[derive(Debug, Clone, Default)]
pub struct PlantBuilder {
    names: Vec<Arc<str>>,
    name_numbers: HashMap<Arc<str>, u32>,
    elements: Vec<RawElement>,
    element_numbers: HashMap<Key, u32>,
    nodes: Vec<RawNode>,
    children: HashMap<(u32, u32, u16), u32>,
    clients: HashMap<ClientId, Known>,
    coords: HashMap<u32, Coords>,
    cables: HashMap<u32, ([u32; 2], i32)>,
    launch: HashMap<u32, Dbm>,
}

impl PlantBuilder {
    /// Without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many clients it knows.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// A box, POP or building. The newest word on one counts.
    pub fn place(&mut self, place: &Place) {
        let element = self.element(ElementKind::Place, Some(place.id), place.name.as_ref(), NONE);
        match place.coords {
            Some(coords) => self.coords.insert(element, coords),
            None => self.coords.remove(&element),
        };
    }

    /// A cable with its ends. The newest word on one counts.
    pub fn cable(&mut self, cable: &Cable) {
        let element = self.element(ElementKind::Cable, Some(cable.id), cable.name.as_ref(), NONE);
        let ends =
            cable.ends.map(|end| end.map_or(NONE, |end| self.element(ElementKind::Place, Some(end), None, NONE)));
        self.cables.insert(element, (ends, cable.length.map_or(i32::MIN, Metres::thousandths)));
    }

    /// A client, and the box that its property names. Keeps its route.
    pub fn client(&mut self, id: ClientId, place: Option<ElementId>) {
        let place = place.map_or(NONE, |place| self.element(ElementKind::Place, Some(place), None, NONE));
        self.clients.entry(id).or_insert(Known::UNKNOWN).place = place;
    }

    /// The route of a client, in place of the one before.
    pub fn route(&mut self, id: ClientId, route: &Route) {
        let mut oddities = Oddities { overlong: route.hops.len() > MAX_HOPS, ..Oddities::default() };
        let hops = route.hops.get(..route.hops.len().min(MAX_HOPS)).unwrap_or_default();
        let mut node = self.head_end(route, hops);
        oddities.headless = !route.pon_reached;
        let mut distance = 0;
        let mut seen: Vec<(u32, u16)> = Vec::with_capacity(hops.len());
        let port_hop = hops.first().filter(|hop| hop.kind == HopKind::Pon && node != NONE).is_some();
        for hop in hops.iter().skip(usize::from(port_hop)) {
            oddities.nameless |= hop.element.id.is_none();
            oddities.parentless |= hop.parent.as_ref().is_none_or(|parent| parent.named.is_nothing());
            oddities.backwards |= hop.distance.thousandths() < distance;
            distance = distance.max(hop.distance.thousandths());
            node = self.hop(node, hop, distance);
            let this = self.nodes.get(node as usize).map_or((NONE, 0), |node| (node.element, node.port));
            oddities.loops |= hop.element.id.is_some() && seen.contains(&this);
            seen.push(this);
        }
        let known = self.clients.entry(id).or_insert(Known::UNKNOWN);
        known.node = node;
        known.loss = route.loss.map_or(i32::MIN, |loss| loss.thousandths());
        known.pon_reached = route.pon_reached;
        known.oddities = oddities;
    }

    /// A client that has no route (any more).
    pub fn no_route(&mut self, id: ClientId) {
        if let Some(known) = self.clients.get_mut(&id) {
            *known = Known { place: known.place, ..Known::UNKNOWN };
        }
    }

    /// A client that is gone.
    pub fn remove(&mut self, id: &ClientId) {
        self.clients.remove(id);
    }

    /// The plant of what is known so far.
    #[must_use]
    pub fn build(&self) -> Plant {
        let mut irregular = Irregularities::default();
        for known in self.clients.values() {
            let count = |is: bool, counter: &mut u32| *counter += u32::from(is);
            count(known.oddities.headless && known.node != NONE, &mut irregular.headless);
            count(known.oddities.loops, &mut irregular.loops);
            count(known.oddities.parentless, &mut irregular.parentless);
            count(known.oddities.nameless, &mut irregular.nameless);
            count(known.oddities.backwards, &mut irregular.backwards);
            count(known.oddities.overlong, &mut irregular.overlong);
        }
        let mut nodes = self.nodes.clone();
        let mut clients: Vec<RawClient> = Vec::with_capacity(self.clients.len());
        let at_boxes = self.nodes_at_boxes(&mut irregular);
        let mut alone: HashMap<u32, u32> = HashMap::new();
        for (id, known) in &self.clients {
            let (node, attachment) = if known.node != NONE {
                (known.node, Attachment::Route)
            } else if known.place == NONE {
                irregular.unplaced += 1;
                (NONE, Attachment::Nothing)
            } else if let Some(node) = at_boxes.get(&known.place) {
                irregular.without_route += 1;
                (*node, Attachment::Box)
            } else {
                irregular.without_route += 1;
                let node = alone.entry(known.place).or_insert_with(|| {
                    nodes.push(RawNode { element: known.place, container: known.place, ..RawNode::ROOT });
                    index(nodes.len() - 1)
                });
                (*node, Attachment::BoxAlone)
            };
            clients.push(RawClient { id: *id, node, loss: known.loss, pon_reached: known.pon_reached, attachment });
        }
        Plant::assemble(Assembly {
            names: self.names.clone(),
            elements: self.elements.clone(),
            nodes,
            clients,
            coords: self.coords.iter().map(|(element, coords)| (*element, *coords)).collect(),
            cables: self.cables.iter().map(|(element, (ends, length))| (*element, *ends, *length)).collect(),
            launch: self.launch.iter().map(|(node, launch)| (*node, *launch)).collect(),
            irregular,
        })
    }

    /// For each box that serves clients with a route: the node that their light has in common there. Where it has several PONs, that of the
    /// most clients.
    fn nodes_at_boxes(&self, irregular: &mut Irregularities) -> HashMap<u32, u32> {
        // By box and root of the tree: how many clients, and their common node.
        let mut served: HashMap<(u32, u32), (u32, u32)> = HashMap::new();
        for known in self.clients.values().filter(|known| known.node != NONE) {
            let Some((node, place)) = self.last_place(known.node) else { continue };
            irregular.box_disagrees += u32::from(known.place != NONE && known.place != place);
            let entry = served.entry((place, self.pon_above(node))).or_insert((0, node));
            *entry = (entry.0 + 1, self.common(entry.1, node));
        }
        let mut best: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut served: Vec<_> = served.into_iter().collect();
        // In one order, so that of PONs with as many clients the same one wins each time.
        served.sort_unstable();
        let mut last = NONE;
        let mut counted = NONE;
        for ((place, _), (count, node)) in served {
            if place == last && counted != place {
                irregular.boxes_of_several_pons += 1;
                counted = place;
            }
            last = place;
            let entry = best.entry(place).or_insert((count, node));
            if count > entry.0 {
                *entry = (count, node);
            }
        }
        best.into_iter().filter(|(_, (_, node))| *node != NONE).map(|(place, (_, node))| (place, node)).collect()
    }

    /// The nearest node towards the head end that lies in a place, and the place.
    fn last_place(&self, mut at: u32) -> Option<(u32, u32)> {
        while let Some(node) = self.nodes.get(at as usize) {
            let is_place = |element: u32| {
                self.elements.get(element as usize).is_some_and(|element| element.kind == ElementKind::Place)
            };
            if is_place(node.container) {
                return Some((at, node.container));
            }
            at = node.parent;
        }
        None
    }

    /// The node of the PON above a node; its root where there is none.
    fn pon_above(&self, mut at: u32) -> u32 {
        while let Some(node) = self.nodes.get(at as usize) {
            let kind = self.elements.get(node.element as usize).map(|element| element.kind);
            if node.parent == NONE || kind == Some(ElementKind::Pon) {
                break;
            }
            at = node.parent;
        }
        at
    }

    /// The lowest node above both; `NONE` when they are in different trees.
    fn common(&self, mut one: u32, mut other: u32) -> u32 {
        // A parent has a smaller number than its children.
        while one != other {
            let higher = if one > other { &mut one } else { &mut other };
            match self.nodes.get(*higher as usize) {
                Some(node) => *higher = node.parent,
                None => return NONE,
            }
            if *higher == NONE {
                return NONE;
            }
        }
        one
    }

    /// The node of the port: below its card and OLT, as far as they are named. `NONE` when no port is.
    fn head_end(&mut self, route: &Route, hops: &[Hop]) -> u32 {
        if !route.pon_reached {
            return NONE;
        }
        let head_end = route.head_end.clone().unwrap_or_default();
        let first = hops.first().filter(|hop| hop.kind == HopKind::Pon);
        let mut node = NONE;
        for (kind, named) in [(ElementKind::Olt, &head_end.olt), (ElementKind::Slot, &head_end.slot)] {
            if !named.is_nothing() {
                let within = self.nodes.get(node as usize).map_or(NONE, |node| node.element);
                let element = self.element(kind, named.id, named.name.as_ref(), within);
                node = self.node(node, element, NONE, 0, 0, 0);
            }
        }
        let pon = if head_end.pon.is_nothing() { first.map(|hop| &hop.element) } else { Some(&head_end.pon) };
        if let Some(pon) = pon.filter(|pon| !pon.is_nothing()) {
            let within = self.nodes.get(node as usize).map_or(NONE, |node| node.element);
            let element = self.element(ElementKind::Pon, pon.id, pon.name.as_ref(), within);
            node = self.node(node, element, NONE, 0, 0, 0);
            match route.entered_launch() {
                Some(launch) => self.launch.insert(node, launch),
                None => self.launch.remove(&node),
            };
        }
        node
    }

    /// The node of an element below another one. A splitter is a node, and each of its outputs one below it.
    fn hop(&mut self, above: u32, hop: &Hop, distance: i32) -> u32 {
        let container = hop.parent.as_ref().filter(|parent| !parent.named.is_nothing()).map_or(NONE, |parent| {
            let kind = match parent.kind {
                ParentKind::Place => ElementKind::Place,
                ParentKind::Cable => ElementKind::Cable,
                ParentKind::Drop => ElementKind::Drop,
            };
            self.element(kind, parent.named.id, parent.named.name.as_ref(), NONE)
        });
        let kind = match hop.kind {
            HopKind::Pon => ElementKind::Pon,
            HopKind::Fiber => ElementKind::Fiber,
            HopKind::Splitter => ElementKind::Splitter,
            HopKind::Dio | HopKind::Fusion | HopKind::Passing | HopKind::Connector | HopKind::Other => {
                ElementKind::Joint
            }
        };
        let Named { id, name } = &hop.element;
        let element = self.element(kind, *id, name.as_ref(), container);
        let loss = hop.loss.map_or(0, |loss| loss.thousandths());
        let output = hop.port.filter(|_| hop.kind == HopKind::Splitter);
        let node = self.node(above, element, container, 0, distance, if output.is_some() { 0 } else { loss });
        match output {
            // Port 0 stands for the splitter itself.
            Some(port) => self.node(node, element, container, port.max(1), distance, loss),
            None => node,
        }
    }

    fn node(&mut self, parent: u32, element: u32, container: u32, port: u16, distance: i32, loss: i32) -> u32 {
        let next = index(self.nodes.len());
        let node = *self.children.entry((parent, element, port)).or_insert(next);
        let row = RawNode { parent, element, container, port, distance, loss };
        match self.nodes.get_mut(node as usize) {
            Some(known) => *known = row,
            None => self.nodes.push(row),
        }
        node
    }

    fn element(&mut self, kind: ElementKind, id: Option<ElementId>, name: Option<&Arc<str>>, within: u32) -> u32 {
        let name = name.filter(|name| !name.is_empty()).map_or(NONE, |name| self.name(name));
        let key = id.map_or(Key::Nameless { kind, within, name }, Key::Id);
        let next = index(self.elements.len());
        let number = *self.element_numbers.entry(key).or_insert(next);
        match self.elements.get_mut(number as usize) {
            Some(known) if name != NONE => known.name = name,
            Some(_) => {}
            None => self.elements.push(RawElement { id, name, kind }),
        }
        number
    }

    fn name(&mut self, name: &Arc<str>) -> u32 {
        if let Some(number) = self.name_numbers.get(name) {
            return *number;
        }
        let number = index(self.names.len());
        self.names.push(name.clone());
        self.name_numbers.insert(name.clone(), number);
        number
    }
}

impl Known {
    const UNKNOWN: Self = Self {
        node: NONE,
        place: NONE,
        loss: i32::MIN,
        pon_reached: false,
        oddities: Oddities {
            headless: false,
            loops: false,
            parentless: false,
            nameless: false,
            backwards: false,
            overlong: false,
        },
    };
}

/// The number of a place in a table. Tables with four thousand million rows do not fit a machine; the number is then that of nothing.
pub(super) fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}
