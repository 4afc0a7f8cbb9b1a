//! A plant as tables that can be written down, for recordings; what is read back is checked before it is put together.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::graph::{Assembly, Attachment, ElementKind, Irregularities, NONE, Plant, RawClient, RawElement, RawNode};
use super::place::Coords;
use crate::model::{ClientId, Dbm, ElementId};

/// Most rows of a table that are read: ten times the largest plants.
const MOST_ROWS: usize = 30_000_000;

/// A way through an element: the one above it, the element, what it lies in, a splitter's output, millimetres from the OLT, thousandths of a dB.
pub type WrittenNode = (Option<u32>, u32, Option<u32>, u16, i32, i32);

/// See the module. Elements, nodes and clients are named by their places in the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantDocument {
    /// What there is.
    pub elements: Vec<WrittenElement>,
    /// Ways through elements, each after the one above it.
    pub nodes: Vec<WrittenNode>,
    /// Who hangs there.
    pub clients: Vec<WrittenClient>,
    /// Elements on the map.
    pub coords: Vec<(u32, Coords)>,
    /// Cables: the element, the places at its ends, its length in millimetres.
    pub cables: Vec<(u32, [Option<u32>; 2], Option<i32>)>,
    /// Launch powers of ports, by node.
    pub launch: Vec<(u32, Dbm)>,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenElement {
    /// What it is.
    pub kind: ElementKind,
    /// OZmap's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ElementId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenClient {
    /// OZmap's id.
    pub id: ClientId,
    /// Its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// Its documented loss, thousandths of a dB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<i32>,
    /// Whether its route ends at a port.
    pub pon_reached: bool,
    /// How it came to its node.
    pub by: Attachment,
}

/// Tables that are no plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// One names a row that is not there, or that comes after it.
    #[error("{table} {row} of the plant names something that is not there")]
    Dangling {
        /// In which table.
        table: &'static str,
        /// Its place there.
        row: usize,
    },
    /// There is too much of it.
    #[error("the plant has more than {MOST_ROWS} rows")]
    TooMuch,
}

const fn some(number: u32) -> Option<u32> {
    if number == NONE { None } else { Some(number) }
}

const fn known(value: i32) -> Option<i32> {
    if value == i32::MIN { None } else { Some(value) }
}

impl Plant {
    /// Its tables.
    #[must_use]
    pub fn to_document(&self) -> PlantDocument {
        let Assembly { names, elements, nodes, clients, coords, cables, launch, .. } = self.take_apart();
        let element = |element: &RawElement| WrittenElement {
            kind: element.kind,
            id: element.id,
            name: names.get(element.name as usize).cloned(),
        };
        let client = |client: &RawClient| WrittenClient {
            id: client.id,
            node: some(client.node),
            loss: known(client.loss),
            pon_reached: client.pon_reached,
            by: client.attachment,
        };
        let node = |node: &RawNode| {
            (some(node.parent), node.element, some(node.container), node.port, node.distance, node.loss)
        };
        PlantDocument {
            elements: elements.iter().map(element).collect(),
            nodes: nodes.iter().map(node).collect(),
            clients: clients.iter().map(client).collect(),
            coords,
            cables: cables.into_iter().map(|(cable, ends, length)| (cable, ends.map(some), known(length))).collect(),
            launch,
        }
    }
}

impl PlantDocument {
    /// The plant of these tables.
    ///
    /// # Errors
    /// [`DocumentError`] when they do not fit together.
    pub fn plant(&self) -> Result<Plant, DocumentError> {
        self.check()?;
        let mut names = Vec::new();
        let element = |element: &WrittenElement| {
            let name = element.name.clone().map_or(NONE, |name| {
                names.push(name);
                u32::try_from(names.len() - 1).unwrap_or(NONE)
            });
            RawElement { id: element.id, name, kind: element.kind }
        };
        let elements = self.elements.iter().map(element).collect();
        let none = |number: Option<u32>| number.unwrap_or(NONE);
        let node = |&(parent, element, container, port, distance, loss): &WrittenNode| RawNode {
            parent: none(parent),
            element,
            container: none(container),
            port,
            distance,
            loss,
        };
        let client = |client: &WrittenClient| RawClient {
            id: client.id,
            node: none(client.node),
            loss: client.loss.unwrap_or(i32::MIN),
            pon_reached: client.pon_reached,
            attachment: client.by,
        };
        let cable = |(cable, ends, length): &(u32, [Option<u32>; 2], Option<i32>)| {
            (*cable, ends.map(none), length.unwrap_or(i32::MIN))
        };
        Ok(Plant::assemble(Assembly {
            elements,
            names,
            nodes: self.nodes.iter().map(node).collect(),
            clients: self.clients.iter().map(client).collect(),
            coords: self.coords.clone(),
            cables: self.cables.iter().map(cable).collect(),
            launch: self.launch.clone(),
            irregular: Irregularities::default(),
        }))
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.elements.len() + self.nodes.len() + self.clients.len()
    }

    fn check(&self) -> Result<(), DocumentError> {
        if self.rows() > MOST_ROWS {
            return Err(DocumentError::TooMuch);
        }
        let is_element = |element: u32| (element as usize) < self.elements.len();
        let is_node = |node: u32| (node as usize) < self.nodes.len();
        let of = |table: &'static str, wrong: Option<usize>| {
            wrong.map_or(Ok(()), |row| Err(DocumentError::Dangling { table, row }))
        };
        let fits = |row: usize, (parent, element, container, ..): &WrittenNode| {
            parent.is_none_or(|parent| (parent as usize) < row)
                && is_element(*element)
                && container.is_none_or(is_element)
        };
        of("node", self.nodes.iter().enumerate().position(|(row, node)| !fits(row, node)))?;
        of("client", self.clients.iter().position(|client| !client.node.is_none_or(is_node)))?;
        of("point", self.coords.iter().position(|(element, _)| !is_element(*element)))?;
        let cable = |(cable, ends, _): &(u32, [Option<u32>; 2], Option<i32>)| {
            is_element(*cable) && ends.iter().all(|end| end.is_none_or(is_element))
        };
        of("cable", self.cables.iter().position(|one| !cable(one)))?;
        of("launch power", self.launch.iter().position(|(node, _)| !is_node(*node)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Decibels, Metres};
    use crate::plant::{HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Place, PlantBuilder, Route};

    fn id(number: u8) -> ElementId {
        ElementId::from_octets([number; 12])
    }

    /// Two clients behind a splitter in a box, one who only has the box, and one with nothing.
    fn plant() -> Plant {
        let mut builder = PlantBuilder::new();
        let hop = |kind, element: u8, port, holder: u8, name: &str| Hop {
            kind,
            element: Named::new(id(element), ""),
            port,
            parent: Some(Parent {
                kind: if kind == HopKind::Fiber { ParentKind::Cable } else { ParentKind::Place },
                named: Named::new(id(holder), name),
                length: None,
            }),
            loss: Some(Decibels::from_thousandths(500)),
            distance: Metres::from_thousandths(1_000_000),
        };
        for client in 0..4 {
            let place = (client < 3).then_some(id(7));
            builder.client(ClientId::from_octets([100 + client; 12]), place);
            if client < 2 {
                let hops = vec![
                    hop(HopKind::Fiber, 4, None, 5, "CABO 01"),
                    hop(HopKind::Splitter, 6, Some(u16::from(client) + 1), 7, "CTO 12"),
                ];
                let head_end = HeadEnd {
                    olt: Named::new(id(1), "OLT"),
                    slot: Named::new(id(2), "1"),
                    pon: Named::new(id(3), "PON 1"),
                };
                let route = Route {
                    head_end: Some(head_end),
                    pon_reached: true,
                    launch: Some(Dbm::from_thousandths(4_000)),
                    loss: Some(Decibels::from_thousandths(20_000)),
                    hops,
                };
                builder.route(ClientId::from_octets([100 + client; 12]), &route);
            }
        }
        builder.place(&Place { id: id(7), name: Some(Arc::from("CTO 12")), coords: Coords::new(-48.5, -27.5).ok() });
        builder.build()
    }

    #[test]
    fn a_plant_comes_back_from_its_tables() {
        let plant = plant();
        let document = plant.to_document();
        let text = serde_json::to_string(&document).unwrap();
        let read: PlantDocument = serde_json::from_str(&text).unwrap();
        assert_eq!(read, document);
        let back = read.plant().unwrap();
        assert_eq!(back.to_document(), document, "and again");
        assert_eq!((back.client_count(), back.node_count()), (plant.client_count(), plant.node_count()));
        let cable = back.find(&id(5)).unwrap();
        assert_eq!(back.element(cable).unwrap().name, Some("CABO 01"));
        assert_eq!(back.below_element(cable).len(), 3, "the one with the box hangs there too");
        assert_eq!(back.coords(back.find(&id(7)).unwrap()), Coords::new(-48.5, -27.5).ok());
        for client in plant.clients() {
            assert_eq!(back.client_id(client), plant.client_id(client));
            assert_eq!(
                (back.node_of(client), back.attachment(client)),
                (plant.node_of(client), plant.attachment(client))
            );
        }
    }

    #[test]
    fn tables_that_do_not_fit_together_are_no_plant() {
        let good = plant().to_document();
        let with = |change: fn(&mut PlantDocument)| {
            let mut document = good.clone();
            change(&mut document);
            document.plant().unwrap_err()
        };
        let dangling = |table, row| DocumentError::Dangling { table, row };
        assert_eq!(with(|one| one.nodes[1].0 = Some(1)), dangling("node", 1), "its own parent");
        assert_eq!(with(|one| one.nodes[0].1 = 999), dangling("node", 0));
        assert_eq!(with(|one| one.nodes[0].2 = Some(999)), dangling("node", 0));
        assert_eq!(with(|one| one.clients[0].node = Some(999)), dangling("client", 0));
        assert_eq!(with(|one| one.coords[0].0 = 999), dangling("point", 0));
        assert_eq!(with(|one| one.launch[0].0 = 999), dangling("launch power", 0));
    }
}
