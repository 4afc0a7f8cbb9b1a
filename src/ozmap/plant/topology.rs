//! What is known of the network's elements, and the walk over them from a splitter's port up to the PON. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::rows::{CableRow, Element, HeadRow, JointRow, List, Names, PlaceRow, StrandRow};
use crate::model::{Decibels, ElementId, Metres, PropertyId, Timestamp};
use crate::plant::{Cable, Coords, HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Place, Route};

/// Joints that a way passes at most; real paths have some tens.
const MAX_JOINTS: usize = 500;

/// Half of the cables of a plant are longer than this in metres, and shorter in kilometres.
const TELLS_THE_UNIT: f32 = 5.0;

/// A row, and when it was read.
#[derive(Debug)]
struct Known<T> {
    at: Timestamp,
    row: T,
}

/// Where a walk is: at a joint, having come down from it by a strand; or at a strand below a joint that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spot {
    /// The strand is not known where a client is connected to a splitter.
    Joint(ElementId, Option<ElementId>),
    Strand(ElementId, ElementId),
}

/// The elements.
#[derive(Debug, Default)]
pub(super) struct Topology {
    places: HashMap<ElementId, PlaceRow>,
    cables: HashMap<ElementId, CableRow>,
    /// Drops by the house that they lead to.
    drops: HashMap<ElementId, ElementId>,
    heads: HashMap<ElementId, HeadRow>,
    pons: HashSet<ElementId>,
    joints: HashMap<ElementId, Known<JointRow>>,
    strands: HashMap<ElementId, Known<StrandRow>>,
    /// Joints and strands that OZmap did not have when it was asked.
    absent: HashMap<ElementId, Timestamp>,
    names: Names,
    metres_per_unit: f64,

    /// Spots of this round.
    visited: HashSet<Spot>,
    /// Who waits for a row.
    waiting: HashMap<ElementId, Vec<Spot>>,
    /// Rows to ask for.
    joints_wanted: Vec<ElementId>,
    strands_wanted: Vec<ElementId>,
}

impl Topology {
    /// Takes a row.
    pub(super) fn put(&mut self, list: List, id: ElementId, element: Element, at: Timestamp) {
        match self.names.share(element) {
            Element::Place(row) => {
                self.places.insert(id, row);
            }
            Element::Cable(row) => {
                if row.drop {
                    for end in row.ends.iter().flatten() {
                        self.drops.insert(*end, id);
                    }
                }
                self.cables.insert(id, row);
            }
            Element::Head(row) => {
                if list == List::Pons {
                    self.pons.insert(id);
                }
                self.heads.insert(id, row);
            }
            Element::Joint(row) => {
                self.absent.remove(&id);
                self.joints.insert(id, Known { at, row });
            }
            Element::Strand(row) => {
                self.absent.remove(&id);
                self.strands.insert(id, Known { at, row });
            }
        }
    }

    /// OZmap does not have it.
    pub(super) fn put_absent(&mut self, list: List, id: ElementId, at: Timestamp) {
        match list {
            List::Joints => drop(self.joints.remove(&id)),
            List::Strands => drop(self.strands.remove(&id)),
            _ => return,
        }
        self.absent.insert(id, at);
    }

    /// What a whole list does not have any more is gone. Gives back what was.
    pub(super) fn keep_only(&mut self, list: List, kept: &HashSet<ElementId>) -> Vec<ElementId> {
        let gone: Vec<ElementId> = match list {
            List::Cables => self.cables.keys().filter(|id| !kept.contains(id)).copied().collect(),
            List::Pons => self.pons.iter().filter(|id| !kept.contains(id)).copied().collect(),
            // The others share maps, and a name or a place too many does no harm.
            _ => Vec::new(),
        };
        for id in &gone {
            self.cables.remove(id);
            self.pons.remove(id);
        }
        if list == List::Cables {
            let cables = &self.cables;
            self.drops.retain(|_, cable| cables.contains_key(cable));
        }
        gone
    }

    /// How many elements are known.
    pub(super) fn len(&self) -> usize {
        self.places.len() + self.cables.len() + self.heads.len() + self.joints.len() + self.strands.len()
    }

    /// Takes the unit of lengths from what is usual. The list's unit is not documented: kilometres are likely (`ozmap-api.md` 11).
    pub(super) fn settle_unit(&mut self) {
        let mut lengths: Vec<f32> =
            self.cables.values().filter(|cable| !cable.drop).filter_map(|cable| cable.length).collect();
        let middle = lengths.len() / 2;
        let in_metres =
            !lengths.is_empty() && *lengths.select_nth_unstable_by(middle, f32::total_cmp).1 > TELLS_THE_UNIT;
        self.metres_per_unit = if in_metres { 1.0 } else { 1000.0 };
    }

    /// A new round of looking for what is not known: everything below is gone through from these joints, and what is older than
    /// `refresh` is wanted again.
    pub(super) fn begin_round(
        &mut self,
        joints: impl IntoIterator<Item = ElementId>,
        now: Timestamp,
        refresh: Duration,
    ) {
        self.visited.clear();
        self.waiting.clear();
        self.joints_wanted.clear();
        self.strands_wanted.clear();
        let spots = joints.into_iter().map(|joint| Spot::Joint(joint, None)).collect();
        self.go(spots, now, refresh);
    }

    /// A row that was asked for came, or did not: who waited for it goes on.
    pub(super) fn answered(&mut self, id: ElementId, now: Timestamp, refresh: Duration) {
        let waiting = self.waiting.remove(&id).unwrap_or_default();
        for spot in &waiting {
            self.visited.remove(spot);
        }
        self.go(waiting, now, refresh);
    }

    fn go(&mut self, mut spots: Vec<Spot>, now: Timestamp, refresh: Duration) {
        while let Some(spot) = spots.pop() {
            if !self.visited.insert(spot) {
                continue;
            }
            let (id, fresh) = match spot {
                Spot::Joint(id, _) if self.pons.contains(&id) => (id, true),
                Spot::Joint(id, _) => (id, self.joints.get(&id).is_some_and(|known| now.since(known.at) < refresh)),
                Spot::Strand(id, _) => (id, self.strands.get(&id).is_some_and(|known| now.since(known.at) < refresh)),
            };
            let fresh = fresh || self.absent.get(&id).is_some_and(|at| now.since(*at) < refresh);
            if !fresh {
                let waiting = self.waiting.entry(id).or_default();
                waiting.push(spot);
                if waiting.len() == 1 {
                    match spot {
                        Spot::Joint(..) => self.joints_wanted.push(id),
                        Spot::Strand(..) => self.strands_wanted.push(id),
                    }
                }
                continue;
            }
            match spot {
                Spot::Joint(id, from) => {
                    let Some(Known { row, .. }) = self.joints.get(&id) else { continue };
                    match from {
                        Some(from) => spots.extend(
                            row.upstream(from).and_then(|(above, ..)| above).map(|above| Spot::Strand(above, id)),
                        ),
                        None if row.kind() == HopKind::Splitter => {
                            spots.extend(row.input.first().copied().flatten().map(|above| Spot::Strand(above, id)));
                        }
                        // Which of them is the drop is seen by what they lie in.
                        None => spots.extend(row.input.iter().flatten().map(|strand| Spot::Strand(*strand, id))),
                    }
                }
                Spot::Strand(id, below) => {
                    let Some(Known { row, .. }) = self.strands.get(&id) else { continue };
                    spots.extend(beyond(row, below).map(|joint| Spot::Joint(joint, Some(id))));
                }
            }
        }
    }

    /// The next rows to ask for, at most so many; `None` when nothing is wanted at present. Where fewer are wanted and `wait` is
    /// set, nothing yet: more may be known to be wanted soon.
    pub(super) fn wanted(&mut self, most: usize, wait: bool) -> Option<(List, Vec<ElementId>)> {
        let (list, queue) = if self.joints_wanted.len() >= self.strands_wanted.len() {
            (List::Joints, &mut self.joints_wanted)
        } else {
            (List::Strands, &mut self.strands_wanted)
        };
        if queue.is_empty() || (wait && queue.len() < most) {
            return None;
        }
        Some((list, queue.split_off(queue.len().saturating_sub(most))))
    }

    /// How many rows are known to be wanted.
    pub(super) fn count_wanted(&self) -> usize {
        self.joints_wanted.len() + self.strands_wanted.len()
    }

    /// The way of light to a house on a port of a joint, as far as it is known; `None` when not even the joint is.
    pub(super) fn route(&self, joint: ElementId, port: Option<u16>, property: PropertyId) -> Option<Route> {
        let house = ElementId::from_octets(property.octets());
        let drop = self.drops.get(&house).copied();
        let first = &self.joints.get(&joint)?.row;
        let mut from = if first.output.is_empty() {
            let leads_home = |strand: &&ElementId| {
                let parent = self.strands.get(strand).and_then(|known| known.row.parent);
                parent.is_some() && parent == drop
            };
            first.input.iter().flatten().find(leads_home).copied()
        } else {
            port.and_then(|port| first.output.get(usize::from(port).checked_sub(1)?).copied().flatten())
        };
        // From the client up; turned around at the end.
        let mut hops: Vec<(Hop, Option<Metres>)> = Vec::new();
        if let Some(cable) = drop {
            let element = Named { id: from, name: from.and_then(|strand| self.strands.get(&strand)?.row.name.clone()) };
            hops.push(self.fiber(element, Some(cable)));
        }
        let mut at = joint;
        let mut seen = HashSet::new();
        let mut pon = None;
        while seen.insert(at) && seen.len() <= MAX_JOINTS {
            if self.pons.contains(&at) {
                pon = Some(at);
                break;
            }
            let Some(Known { row, .. }) = self.joints.get(&at) else { break };
            let passed = match from {
                Some(from) => row.upstream(from),
                // A splitter whose port does not show its drop leads up all the same.
                None if at == joint && row.kind() == HopKind::Splitter => {
                    let loss = port.and_then(|port| row.loss.get(usize::from(port).checked_sub(1)?).copied().flatten());
                    Some((row.input.first().copied().flatten(), port, loss))
                }
                None => None,
            };
            let Some((above, port, loss)) = passed else { break };
            let parent = row.parent.map(|id| Parent { kind: ParentKind::Place, named: self.place(id), length: None });
            let element = Named { id: Some(at), name: row.name.clone() };
            let distance = Metres::from_thousandths(0);
            hops.push((Hop { kind: row.kind(), element, port, parent, loss, distance }, None));
            let Some(strand) = above else { break };
            let Some(Known { row, .. }) = self.strands.get(&strand) else { break };
            hops.push(self.fiber(Named { id: Some(strand), name: row.name.clone() }, row.parent));
            let Some(next) = beyond(row, at) else { break };
            (from, at) = (Some(strand), next);
        }
        Some(self.finish(hops, pon))
    }

    fn finish(&self, mut hops: Vec<(Hop, Option<Metres>)>, pon: Option<ElementId>) -> Route {
        hops.reverse();
        let mut total = Some(0_i32);
        let mut distance = 0_i32;
        let mut way = Vec::with_capacity(hops.len() + 1);
        let head = |id: Option<ElementId>| {
            let row = id.and_then(|id| self.heads.get(&id));
            (Named { id, name: row.and_then(|row| row.name.clone()) }, row)
        };
        let (pon_named, row) = head(pon);
        let launch = row.and_then(|row| row.launch);
        let (slot, slot_row) = head(row.and_then(|row| row.parent));
        let (olt, _) = head(slot_row.and_then(|row| row.parent));
        if pon.is_some() {
            way.push(Hop {
                kind: HopKind::Pon,
                element: pon_named.clone(),
                port: None,
                parent: slot.id.map(|_| Parent { kind: ParentKind::Place, named: slot.clone(), length: None }),
                loss: None,
                distance: Metres::from_thousandths(0),
            });
        }
        for (hop, length) in hops {
            distance = distance.saturating_add(length.map_or(0, Metres::thousandths));
            total = total.zip(hop.loss).map(|(total, loss)| total.saturating_add(loss.thousandths()));
            way.push(Hop { distance: Metres::from_thousandths(distance), ..hop });
        }
        Route {
            head_end: pon.map(|_| HeadEnd { olt, slot, pon: pon_named }),
            pon_reached: pon.is_some(),
            launch,
            loss: total.map(Decibels::from_thousandths),
            hops: way,
        }
    }

    /// A fibre with its length; a cord, which lies in a place, has neither length nor loss.
    fn fiber(&self, element: Named, parent: Option<ElementId>) -> (Hop, Option<Metres>) {
        let cable = parent.and_then(|id| self.cables.get(&id));
        let length = cable.and_then(|cable| cable.length).and_then(|length| self.metres(length));
        let (kind, named) = match (parent, cable) {
            (Some(id), Some(cable)) => {
                let kind = if cable.drop { ParentKind::Drop } else { ParentKind::Cable };
                (kind, Named { id: Some(id), name: cable.name.clone() })
            }
            (Some(id), None) => (ParentKind::Place, self.place(id)),
            (None, _) => (ParentKind::Place, Named::default()),
        };
        let is_cord = cable.is_none() && parent.is_some_and(|id| self.places.contains_key(&id));
        let loss = if is_cord { Some(Decibels::from_thousandths(0)) } else { cable.and_then(|cable| cable.loss) };
        let parent = parent.map(|_| Parent { kind, named, length });
        let distance = Metres::from_thousandths(0);
        (Hop { kind: HopKind::Fiber, element, port: None, parent, loss, distance }, length)
    }

    fn metres(&self, length: f32) -> Option<Metres> {
        Metres::new(f64::from(length) * self.metres_per_unit).ok()
    }

    fn place(&self, id: ElementId) -> Named {
        Named { id: Some(id), name: self.places.get(&id).and_then(|place| place.name.clone()) }
    }

    /// Boxes, POPs and buildings.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.iter().map(|(id, row)| Place {
            id: *id,
            name: row.name.clone(),
            coords: row.at.and_then(|[lng, lat]| Coords::new(f64::from(lng), f64::from(lat)).ok()),
        })
    }

    /// Cables, without drops.
    pub(super) fn cables(&self) -> impl Iterator<Item = Cable> + '_ {
        self.cables.iter().filter(|(_, row)| !row.drop).map(|(id, row)| Cable {
            id: *id,
            name: row.name.clone(),
            ends: row.ends,
            length: row.length.and_then(|length| self.metres(length)),
        })
    }
}

/// The joint at the other end of a strand.
fn beyond(strand: &StrandRow, joint: ElementId) -> Option<ElementId> {
    match strand.ends {
        [Some(end), other] if end == joint => other,
        [other, Some(end)] if end == joint => other,
        _ => None,
    }
}
