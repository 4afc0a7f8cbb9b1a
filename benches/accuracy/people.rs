//! Two rules that people use, on what the first sweeps after the fault show.

use std::collections::BTreeMap;

use oltwatch::model::{Cause, ElementId};
use oltwatch::plant::ElementKind;
use oltwatch::sim::plant::{ClientIx, Entity, PonIx};
use oltwatch::sim::trial::{Played, Town};
use oltwatch::sim::world::{Spot, TruthKind};

/// How often each of them was right and wrong, and how often the place was right.
#[derive(Debug, Clone, Copy, Default)]
pub struct People {
    pub pon_right: u32,
    pub pon_wrong: u32,
    pub box_right: u32,
    pub box_place: u32,
    pub box_wrong: u32,
}

impl People {
    pub fn add(&mut self, other: &Self) {
        self.pon_right += other.pon_right;
        self.pon_wrong += other.pon_wrong;
        self.box_right += other.box_right;
        self.box_place += other.box_place;
        self.box_wrong += other.box_wrong;
    }

    /// "A cut is where three ONUs of a PON lost light, or 30 % of it"; and the same, "at the lowest box that they have in common".
    pub fn of(town: &Town, played: &Played) -> Self {
        let dark: Vec<ClientIx> =
            played.lost.iter().filter(|(_, cause)| *cause == Cause::Optical).map(|(client, _)| *client).collect();
        let cuts: Vec<_> = played.truths.iter().filter(|truth| truth.kind == TruthKind::Cut).collect();
        let mut people = Self::default();
        if !is_alarm(town, &dark) {
            return people;
        }
        let is_cut = !cuts.is_empty();
        (people.pon_right, people.pon_wrong) = (u32::from(is_cut), u32::from(!is_cut));
        if dark.len() < 3 {
            return people;
        }
        (people.box_right, people.box_wrong) = (u32::from(is_cut), u32::from(!is_cut));
        let documented: Vec<_> = dark.iter().filter_map(|client| town.documented(*client)).collect();
        let shared = town.plant().shared(&documented);
        let element = |element| town.plant().element(element);
        let place = shared.iter().rev().find_map(|one| element(*one).filter(|one| one.kind == ElementKind::Place)?.id);
        let is_it = |spot: Spot| match spot {
            Spot::Cable { to, .. } => place == Some(ElementId::from_octets(Entity::Place(to).octets())),
            _ => false,
        };
        people.box_place = u32::from(cuts.iter().any(|truth| is_it(truth.spot)));
        people
    }
}

fn is_alarm(town: &Town, dark: &[ClientIx]) -> bool {
    let mut pons: BTreeMap<PonIx, usize> = BTreeMap::new();
    for client in dark.iter().filter_map(|client| town.ground().plant().clients.get(*client)) {
        *pons.entry(client.pon).or_default() += 1;
    }
    pons.iter().any(|(pon, lost)| *lost >= 3 || lost * 10 >= town.ground().on_pon(*pon).len() * 3)
}
