//! The plant: a forest of what light passes, packed so that what hangs below a node is one run of clients.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::builder::index;
use super::place::Coords;
use crate::model::{ClientId, Dbm, Decibels, ElementId, Metres};

/// No element, node or name.
pub(super) const NONE: u32 = u32::MAX;

/// An element of a plant, by its number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementIx(pub(super) u32);

/// A node of a plant, by its number in it: one way through an element. A cable with fibres of twelve PONs is one element with twelve nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub(super) u32);

/// A client of a plant, by its number in it. Clients that share their light's way stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIx(pub(super) u32);

impl ClientIx {
    /// The client of this number. A number that no client has is that of nobody: every question about it has an empty answer.
    #[must_use]
    pub fn from_number(number: usize) -> Self {
        Self(index(number))
    }

    /// Its number, from 0 on.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

impl NodeIx {
    /// The node of this number. A number that no node has is that of nothing: every question about it has an empty answer.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Its number, from 0 on.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

impl ElementIx {
    /// Its number, from 0 on.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

/// What an element of the plant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// An OLT.
    Olt,
    /// A card of it.
    Slot,
    /// A port of that.
    Pon,
    /// A box, POP or building.
    #[serde(rename = "box")]
    Place,
    /// A cable.
    Cable,
    /// A client's drop.
    Drop,
    /// A fibre of a cable or drop.
    Fiber,
    /// A splitter.
    Splitter,
    /// A fusion, passing, connector or patch panel.
    Joint,
}

impl ElementKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Olt,
        Self::Slot,
        Self::Pon,
        Self::Place,
        Self::Cable,
        Self::Drop,
        Self::Fiber,
        Self::Splitter,
        Self::Joint,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Olt => "olt",
            Self::Slot => "slot",
            Self::Pon => "pon",
            Self::Place => "box",
            Self::Cable => "cable",
            Self::Drop => "drop",
            Self::Fiber => "fiber",
            Self::Splitter => "splitter",
            Self::Joint => "joint",
        }
    }
}

/// An element of the plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Element<'a> {
    /// What it is.
    pub kind: ElementKind,
    /// OZmap's id, where it has one.
    pub id: Option<ElementId>,
    /// Its name, where it has one.
    pub name: Option<&'a str>,
}

/// How a client came to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// By its route.
    Route,
    /// By its box, of which the routes of others show where it hangs.
    Box,
    /// By its box, of which nothing else is known.
    BoxAlone,
    /// Neither route nor box are known: it has no node.
    Nothing,
}

/// What is odd in the documentation, in clients unless said. Each has a defined place all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Irregularities {
    /// Their route reaches no PON: a tree of its own.
    pub headless: u32,
    /// Their route passes an element twice.
    pub loops: u32,
    /// An element of their route lies in nothing.
    pub parentless: u32,
    /// An element of their route has no id: it is told from others by name and place.
    pub nameless: u32,
    /// The distance falls along their route: taken as not rising there.
    pub backwards: u32,
    /// Their route is longer than any real one: cut off.
    pub overlong: u32,
    /// Their route ends in another box than their property names: the route counts.
    pub box_disagrees: u32,
    /// Boxes, not clients: their clients hang on several PONs.
    pub boxes_of_several_pons: u32,
    /// They have a box, but no route.
    pub without_route: u32,
    /// They have neither.
    pub unplaced: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RawElement {
    pub id: Option<ElementId>,
    pub name: u32,
    pub kind: ElementKind,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RawNode {
    pub parent: u32,
    pub element: u32,
    pub container: u32,
    pub port: u16,
    pub distance: i32,
    pub loss: i32,
}

impl RawNode {
    pub const ROOT: Self = Self { parent: NONE, element: NONE, container: NONE, port: 0, distance: 0, loss: 0 };
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RawClient {
    pub id: ClientId,
    pub node: u32,
    pub loss: i32,
    pub pon_reached: bool,
    pub attachment: Attachment,
}

/// What a plant is put together from.
pub(super) struct Assembly {
    pub names: Vec<Arc<str>>,
    pub elements: Vec<RawElement>,
    /// Each after its parent.
    pub nodes: Vec<RawNode>,
    pub clients: Vec<RawClient>,
    pub coords: Vec<(u32, Coords)>,
    pub cables: Vec<(u32, [u32; 2], i32)>,
    pub launch: Vec<(u32, Dbm)>,
    pub irregular: Irregularities,
}

/// One way through an element, as all clients below it share it.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    element: u32,
    container: u32,
    parent: u32,
    /// One past its last descendant.
    end: u32,
    /// The first client at or after it.
    first_client: u32,
    distance: i32,
    loss: i32,
    port: u16,
}

impl Node {
    /// What it is.
    #[must_use]
    pub const fn element(&self) -> ElementIx {
        ElementIx(self.element)
    }

    /// The cable or drop that a fibre lies in, the place of anything else.
    #[must_use]
    pub fn container(&self) -> Option<ElementIx> {
        (self.container != NONE).then_some(ElementIx(self.container))
    }

    /// The next node towards the head end.
    #[must_use]
    pub fn parent(&self) -> Option<NodeIx> {
        (self.parent != NONE).then_some(NodeIx(self.parent))
    }

    /// A splitter's output; `None` for the splitter itself and for everything else.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        (self.port != 0).then_some(self.port)
    }

    /// From the OLT to its far side.
    #[must_use]
    pub const fn distance(&self) -> Metres {
        Metres::from_thousandths(self.distance)
    }

    /// Its loss, 0 where none is documented.
    #[must_use]
    pub const fn loss(&self) -> Decibels {
        Decibels::from_thousandths(self.loss)
    }
}

/// The passive network, immutable. Beside what is shared, a client takes some 200 octets.
#[derive(Debug, Clone, Default)]
pub struct Plant {
    names: Box<[Arc<str>]>,
    pub(super) elements: Box<[RawElement]>,
    /// Elements with an id, sorted by it.
    by_id: Box<[u32]>,
    /// In preorder: what hangs below a node follows it.
    pub(super) nodes: Box<[Node]>,
    /// Where each element's run in `ways` begins.
    ways_from: Box<[u32]>,
    /// Nodes of each element, and of what lies in it.
    ways: Box<[u32]>,
    /// Sorted by node.
    pub(super) clients: Box<[RawClient]>,
    /// Sorted by id.
    by_client: Box<[u32]>,
    /// Sorted by element.
    pub(super) coords: Box<[(u32, Coords)]>,
    /// Sorted by element.
    pub(super) cables: Box<[(u32, [u32; 2], i32)]>,
    /// Sorted by node.
    launch: Box<[(u32, Dbm)]>,
    irregular: Irregularities,
}

impl Plant {
    pub(super) fn assemble(from: Assembly) -> Self {
        let Assembly { names, elements, nodes: raw, mut clients, mut coords, mut cables, launch, irregular } = from;
        // Only what somebody hangs on is kept.
        let mut used = vec![false; raw.len()];
        for client in &clients {
            if let Some(used) = used.get_mut(client.node as usize) {
                *used = true;
            }
        }
        for place in (0..raw.len()).rev() {
            if used.get(place) == Some(&true)
                && let Some(above) = raw.get(place).and_then(|node| used.get_mut(node.parent as usize))
            {
                *above = true;
            }
        }
        // Children of each node, as lists through two tables; the last one first, so that going back through them keeps the order.
        let mut first = vec![NONE; raw.len()];
        let mut next = vec![NONE; raw.len()];
        let mut stack: Vec<(u32, u32)> = Vec::new();
        for (place, node) in raw.iter().enumerate().filter(|(place, _)| used.get(*place) == Some(&true)) {
            match first.get_mut(node.parent as usize) {
                Some(head) => {
                    if let Some(slot) = next.get_mut(place) {
                        *slot = *head;
                    }
                    *head = index(place);
                }
                None => stack.push((index(place), NONE)),
            }
        }
        stack.reverse();
        let mut nodes: Vec<Node> = Vec::with_capacity(used.iter().filter(|used| **used).count());
        let mut renumbered = vec![NONE; raw.len()];
        let mut children = Vec::new();
        while let Some((old, parent)) = stack.pop() {
            let Some(node) = raw.get(old as usize) else { continue };
            let this = index(nodes.len());
            if let Some(slot) = renumbered.get_mut(old as usize) {
                *slot = this;
            }
            let RawNode { element, container, port, distance, loss, .. } = *node;
            nodes.push(Node { element, container, parent, end: this + 1, first_client: 0, distance, loss, port });
            let mut child = first.get(old as usize).copied().unwrap_or(NONE);
            children.clear();
            while child != NONE {
                children.push((child, this));
                child = next.get(child as usize).copied().unwrap_or(NONE);
            }
            stack.append(&mut children);
        }
        for place in (0..nodes.len()).rev() {
            let Some((parent, end)) = nodes.get(place).map(|node| (node.parent, node.end)) else { continue };
            if let Some(above) = nodes.get_mut(parent as usize) {
                above.end = above.end.max(end);
            }
        }
        for client in &mut clients {
            client.node = renumbered.get(client.node as usize).copied().unwrap_or(NONE);
        }
        clients.sort_unstable_by_key(|client| (client.node, client.id));
        let mut at = 0;
        for (place, node) in nodes.iter_mut().enumerate() {
            while clients.get(at).is_some_and(|client| (client.node as usize) < place) {
                at += 1;
            }
            node.first_client = index(at);
        }
        let mut by_client: Vec<u32> = (0..index(clients.len())).collect();
        by_client.sort_unstable_by_key(|place| clients.get(*place as usize).map(|client| client.id));
        let mut by_id: Vec<u32> = (0..index(elements.len())).collect();
        by_id.retain(|place| elements.get(*place as usize).is_some_and(|element| element.id.is_some()));
        by_id.sort_unstable_by_key(|place| elements.get(*place as usize).and_then(|element| element.id));
        coords.sort_unstable_by_key(|(element, _)| *element);
        cables.sort_unstable_by_key(|(element, ..)| *element);
        let mut launch: Vec<(u32, Dbm)> = launch
            .into_iter()
            .filter_map(|(node, launch)| {
                renumbered.get(node as usize).filter(|node| **node != NONE).map(|node| (*node, launch))
            })
            .collect();
        launch.sort_unstable_by_key(|(node, _)| *node);
        let (ways_from, ways) = ways(elements.len(), &nodes);
        Self {
            names: names.into(),
            elements: elements.into(),
            by_id: by_id.into(),
            nodes: nodes.into(),
            ways_from: ways_from.into(),
            ways: ways.into(),
            clients: clients.into(),
            by_client: by_client.into(),
            coords: coords.into(),
            cables: cables.into(),
            launch: launch.into(),
            irregular,
        }
    }

    /// The opposite of [`Plant::assemble`].
    pub(super) fn take_apart(&self) -> Assembly {
        let node = |node: &Node| {
            let Node { element, container, parent, distance, loss, port, .. } = *node;
            RawNode { parent, element, container, port, distance, loss }
        };
        Assembly {
            names: self.names.to_vec(),
            elements: self.elements.to_vec(),
            nodes: self.nodes.iter().map(node).collect(),
            clients: self.clients.to_vec(),
            coords: self.coords.to_vec(),
            cables: self.cables.to_vec(),
            launch: self.launch.to_vec(),
            irregular: self.irregular,
        }
    }

    /// What is odd in the documentation.
    #[must_use]
    pub const fn irregularities(&self) -> Irregularities {
        self.irregular
    }

    /// How many clients it has, with a place or without.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// How many nodes it has.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many elements it has.
    #[must_use]
    pub fn element_count(&self) -> usize {
        self.elements.len()
    }

    /// All clients.
    pub fn clients(&self) -> impl Iterator<Item = ClientIx> + use<> {
        (0..index(self.clients.len())).map(ClientIx)
    }

    /// A client by its id.
    #[must_use]
    pub fn client(&self, id: &ClientId) -> Option<ClientIx> {
        let row = |place: u32| self.clients.get(place as usize).map(|client| client.id);
        let found = self.by_client.binary_search_by(|place| row(*place).as_ref().cmp(&Some(id))).ok()?;
        self.by_client.get(found).copied().map(ClientIx)
    }

    /// The id of a client.
    #[must_use]
    pub fn client_id(&self, client: ClientIx) -> Option<ClientId> {
        self.clients.get(client.number()).map(|client| client.id)
    }

    /// How a client came to its node.
    #[must_use]
    pub fn attachment(&self, client: ClientIx) -> Attachment {
        self.clients.get(client.number()).map_or(Attachment::Nothing, |client| client.attachment)
    }

    /// Whether a client's documented way reaches a PON.
    #[must_use]
    pub fn pon_reached(&self, client: ClientIx) -> bool {
        self.clients.get(client.number()).is_some_and(|client| client.pon_reached)
    }

    /// The node that a client hangs on, the last one of its way.
    #[must_use]
    pub fn node_of(&self, client: ClientIx) -> Option<NodeIx> {
        self.clients.get(client.number()).filter(|client| client.node != NONE).map(|client| NodeIx(client.node))
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeIx) -> Option<&Node> {
        self.nodes.get(node.number())
    }

    /// All nodes, each after its parent.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        self.nodes.iter().enumerate().map(|(place, node)| (NodeIx(index(place)), node))
    }

    /// An element.
    #[must_use]
    pub fn element(&self, element: ElementIx) -> Option<Element<'_>> {
        let RawElement { id, name, kind } = *self.elements.get(element.number())?;
        Some(Element { kind, id, name: self.names.get(name as usize).map(AsRef::as_ref) })
    }

    /// An element by its id.
    #[must_use]
    pub fn find(&self, id: &ElementId) -> Option<ElementIx> {
        let row = |place: u32| self.elements.get(place as usize).and_then(|element| element.id);
        let found = self.by_id.binary_search_by(|place| row(*place).as_ref().cmp(&Some(id))).ok()?;
        self.by_id.get(found).copied().map(ElementIx)
    }

    /// The way from a node to the head end: the node itself first.
    pub fn upwards(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        std::iter::successors(Some(node), |at| self.node(*at).and_then(Node::parent))
    }

    /// The way of a client's light, head end first. Empty without a place.
    #[must_use]
    pub fn path(&self, client: ClientIx) -> Vec<NodeIx> {
        let mut path: Vec<NodeIx> = self.node_of(client).into_iter().flat_map(|node| self.upwards(node)).collect();
        path.reverse();
        path
    }

    /// The nodes directly below a node.
    pub fn children(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let end = self.node(node).map_or(0, |node| node.end);
        let inside = move |at: &u32| *at < end;
        std::iter::successors(Some(node.0 + 1).filter(inside), move |at| {
            self.nodes.get(*at as usize).map(|node| node.end).filter(inside)
        })
        .map(NodeIx)
    }

    /// All nodes below a node, itself included: one run.
    #[must_use]
    pub fn subtree(&self, node: NodeIx) -> Range<usize> {
        self.node(node).map_or(0..0, |row| node.number()..row.end as usize)
    }

    /// The clients below a node: one run of numbers.
    #[must_use]
    pub fn below(&self, node: NodeIx) -> Range<usize> {
        let Some(row) = self.node(node) else { return 0..0 };
        // Clients without a place stand behind all others.
        let placed = || self.clients.partition_point(|client| client.node != NONE);
        let end = self.nodes.get(row.end as usize).map_or_else(placed, |after| after.first_client as usize);
        row.first_client as usize..end
    }

    /// The ways through an element: its nodes, and those of what lies in it.
    pub fn ways(&self, element: ElementIx) -> impl Iterator<Item = NodeIx> + '_ {
        let from = self.ways_from.get(element.number()).copied().unwrap_or(0) as usize;
        let to = self.ways_from.get(element.number() + 1).copied().unwrap_or(0) as usize;
        self.ways.get(from..to).unwrap_or_default().iter().copied().map(NodeIx)
    }

    /// The clients whose light passes an element or what lies in it, each once.
    #[must_use]
    pub fn below_element(&self, element: ElementIx) -> Vec<ClientIx> {
        let mut found = Vec::new();
        let mut until = 0;
        // Ways come in preorder, so one that lies below another follows it.
        for way in self.ways(element) {
            let run = self.below(way);
            let start = run.start.max(until);
            found.extend((start..run.end).map(|place| ClientIx(index(place))));
            until = until.max(run.end);
        }
        found
    }

    /// The lowest node that all these clients hang below; `None` when there is none.
    #[must_use]
    pub fn common(&self, clients: &[ClientIx]) -> Option<NodeIx> {
        let (first, others) = clients.split_first()?;
        let mut common = self.node_of(*first)?;
        for other in others {
            let other = self.node_of(*other)?.number();
            while !self.subtree(common).contains(&other) {
                common = self.node(common)?.parent()?;
            }
        }
        Some(common)
    }

    /// The elements that the light of all these clients passes, cables and places included, head end first. They may be on
    /// several PONs.
    #[must_use]
    pub fn shared(&self, clients: &[ClientIx]) -> Vec<ElementIx> {
        let Some((first, others)) = clients.split_first() else { return Vec::new() };
        let mut shared = self.elements_of(*first);
        for other in others {
            let theirs = self.elements_of(*other);
            shared.retain(|element| theirs.contains(element));
        }
        shared
    }

    /// The elements that a client's light passes, each once, head end first; what lies in something after it.
    #[must_use]
    pub fn elements_of(&self, client: ClientIx) -> Vec<ElementIx> {
        let mut found: Vec<ElementIx> = Vec::new();
        for node in self.path(client).into_iter().filter_map(|node| self.node(node)) {
            for element in node.container().into_iter().chain([node.element()]) {
                if !found.contains(&element) {
                    found.push(element);
                }
            }
        }
        found
    }

    /// The node of the PON above a node.
    #[must_use]
    pub fn pon_above(&self, node: NodeIx) -> Option<NodeIx> {
        self.upwards(node).find(|node| self.kind_of(*node) == Some(ElementKind::Pon))
    }

    /// What a node is.
    #[must_use]
    pub fn kind_of(&self, node: NodeIx) -> Option<ElementKind> {
        let node = self.node(node)?;
        self.elements.get(node.element as usize).map(|element| element.kind)
    }

    /// The nodes of all PONs.
    pub fn pons(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.nodes().map(|(node, _)| node).filter(|node| self.kind_of(*node) == Some(ElementKind::Pon))
    }

    /// The launch power of a PON, where somebody entered one.
    #[must_use]
    pub fn launch(&self, pon: NodeIx) -> Option<Dbm> {
        let found = self.launch.binary_search_by_key(&pon.0, |(node, _)| *node).ok()?;
        self.launch.get(found).map(|(_, launch)| *launch)
    }
}

/// For each element the nodes that are it or lie in it, in preorder: where each run begins, and the runs.
fn ways(elements: usize, nodes: &[Node]) -> (Vec<u32>, Vec<u32>) {
    let of = |node: &Node| [node.element, if node.container == node.element { NONE } else { node.container }];
    let mut from = vec![0_u32; elements + 1];
    for element in nodes.iter().flat_map(of) {
        if let Some(count) = from.get_mut(element as usize + 1).filter(|_| element != NONE) {
            *count += 1;
        }
    }
    let mut total = 0;
    for start in &mut from {
        total += *start;
        *start = total;
    }
    let mut filled = from.clone();
    let mut ways = vec![NONE; total as usize];
    for (place, node) in nodes.iter().enumerate() {
        for element in of(node).into_iter().filter(|element| *element != NONE) {
            if let Some(at) = filled.get_mut(element as usize) {
                if let Some(slot) = ways.get_mut(*at as usize) {
                    *slot = index(place);
                }
                *at += 1;
            }
        }
    }
    (from, ways)
}
