//! What was said against what was true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::play::{Played, Told};
use super::scene::Scene;
use super::town::Town;
use crate::incident::{Incident, Kind, Place};
use crate::sim::plant::{CableIx, ClientIx};
use crate::sim::world::{Spot, Truth, TruthKind};

/// How well the fault of a cable was located.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The element named first is it.
    pub first: bool,
    /// It is among the first three.
    pub three: bool,
    /// The first is it, or the stretch reaches to where it is.
    pub inside: bool,
    /// Length of the stretch in metres, where the first is it.
    pub stretch: Option<i32>,
}

/// One world's score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Every fault was called what it is; where there is nothing to tell, nothing was told.
    pub kind: bool,
    /// Of each fault of a cable, how well it was located. Empty where there is none.
    pub located: Vec<Located>,
    /// There are as many incidents as faults.
    pub one: bool,
    /// Some group was left undetermined.
    pub undetermined: bool,
    /// Some group was called what it is not, or was placed where it is not.
    pub wrong: bool,
    /// Some fault was not told at all.
    pub missed: bool,
    /// A cut was told at some time where nothing was cut.
    pub cut_called: bool,
    /// A fault of the passive network was told at some time where none is.
    pub plant_called: bool,
    /// From each fault to what was told of it.
    pub delays: Vec<Duration>,
    /// Groups that no fault explains.
    pub groups_of_nothing: u32,
    /// Drop faults that were told of ONUs whose drop is fine.
    pub drops_of_nothing: u32,
}

/// How far the documentation's metres may be off, as a share, and at least.
const SLACK: f64 = 0.08;
const LEAST_SLACK: f64 = 50.0;

/// What should be told of a fault.
enum Due {
    /// A group with this kind.
    Group(Kind),
    /// That of its OLT.
    Olt(Kind),
    /// One client's.
    Lone,
    Nothing,
}

fn due(scene: Scene, truth: &Truth) -> Due {
    match (truth.kind, truth.spot) {
        (TruthKind::Cut, _) => Due::Group(Kind::Cut),
        (TruthKind::Power, _) => Due::Group(Kind::Power),
        (TruthKind::Equipment, _) => Due::Group(Kind::Equipment),
        (TruthKind::Degradation, _) => Due::Group(Kind::Degradation),
        (TruthKind::OltUnreachable, _) => Due::Olt(Kind::OltUnreachable),
        (TruthKind::DataQuality, _) => Due::Olt(Kind::DataQuality),
        // A loose connector may be told as a drop fault, or not.
        (TruthKind::Drop, _) if scene == Scene::Drop => Due::Lone,
        (TruthKind::Drop | TruthKind::Maintenance, _) => Due::Nothing,
    }
}

const fn is_group(kind: Kind) -> bool {
    matches!(kind, Kind::Cut | Kind::Power | Kind::Equipment | Kind::Undetermined | Kind::Degradation)
}

impl Score {
    /// Compares.
    #[must_use]
    pub fn of(town: &Town, scene: Scene, played: &Played) -> Self {
        let said = Said::new(town, played);
        let mut score = Self { kind: true, one: true, ..Self::default() };
        for (number, truth) in played.truths.iter().enumerate() {
            score.fault(town, &said, (number, truth), due(scene, truth));
        }
        for (told, fault) in &said.groups {
            let last = &told.last;
            score.undetermined |= last.kind == Kind::Undetermined;
            let truth = fault.and_then(|fault| played.truths.get(fault));
            let is_right = match truth.map(|truth| due(scene, truth)) {
                Some(Due::Group(kind)) => kind == last.kind,
                // An OLT without power may also be called equipment.
                Some(Due::Olt(Kind::OltUnreachable)) => last.kind == Kind::Equipment,
                _ => false,
            };
            score.wrong |= !is_right && last.kind != Kind::Undetermined;
            score.kind &= truth.is_some();
            score.groups_of_nothing += u32::from(truth.is_none());
            let is_cut = truth.is_some_and(|truth| truth.kind == TruthKind::Cut);
            let is_bent = truth.is_some_and(|truth| truth.kind == TruthKind::Degradation);
            let ever = |kind: Kind| told.kinds.contains(&kind);
            score.cut_called |= ever(Kind::Cut) && !is_cut;
            score.plant_called |= (ever(Kind::Cut) && !is_cut) || (ever(Kind::Degradation) && !is_bent);
        }
        score.drops_of_nothing =
            u32::try_from(said.lone.iter().filter(|told| !is_drop(town, played, told)).count()).unwrap_or(u32::MAX);
        score
    }

    /// What was told of one fault.
    fn fault(&mut self, town: &Town, said: &Said<'_>, (number, truth): (usize, &Truth), due: Due) {
        let of_it: Vec<&Told> =
            said.groups.iter().filter(|(_, fault)| *fault == Some(number)).map(|(told, _)| *told).collect();
        let main = of_it.iter().copied().max_by_key(|told| told.last.lost);
        let at_olt = |kind: Kind| said.olts.iter().copied().find(|told| told.last.kind == kind);
        let first = match due {
            Due::Group(_) => of_it.iter().copied().min_by_key(|told| told.at),
            Due::Olt(kind) => at_olt(kind),
            Due::Lone => {
                said.lone.iter().copied().find(|told| said.clients(told).any(|it| truth.clients.contains(&it)))
            }
            Due::Nothing => None,
        };
        let is_right = match due {
            Due::Group(kind) => main.is_some_and(|told| told.last.kind == kind),
            Due::Olt(_) => of_it.is_empty() && first.is_some(),
            Due::Lone => of_it.is_empty() && first.is_some(),
            Due::Nothing => of_it.is_empty(),
        };
        self.kind &= is_right;
        // What is left of a fault that is over has an incident of its own, by design.
        let whole = of_it.iter().filter(|told| told.last.parent.is_none()).count();
        self.one &= whole == usize::from(matches!(due, Due::Group(_)));
        self.missed |= first.is_none() && !matches!(due, Due::Nothing);
        self.delays.extend(first.map(|told| told.at.since(truth.from)));
        if let (Spot::Cable { cable, metres, .. }, true) = (truth.spot, matches!(due, Due::Group(_))) {
            let located = located(town, main.map(|told| &*told.last), cable, metres);
            let is_said = main.is_some_and(|told| told.last.kind != Kind::Undetermined && told.last.place.is_some());
            self.wrong |= is_said && !located.inside;
            self.located.push(located);
        }
    }
}

fn is_drop(town: &Town, played: &Played, told: &Told) -> bool {
    let mut truths = played.truths.iter().chain(&played.everyday);
    let client = told.last.onus.first().and_then(|onu| town.client(&onu.olt, &onu.key));
    client.is_some_and(|client| truths.any(|truth| truth.kind == TruthKind::Drop && truth.clients.contains(&client)))
}

fn located(town: &Town, incident: Option<&Incident>, cable: CableIx, metres: f32) -> Located {
    let Some((incident, place)) = incident.and_then(|incident| Some((incident, incident.place.as_ref()?))) else {
        return Located { first: false, three: false, inside: false, stretch: None };
    };
    let is_it = |place: &Place| town.is_cable(&place.element, cable);
    let first = is_it(place);
    let others = incident.alternatives.iter().filter_map(|one| one.place.as_ref());
    // What an undetermined one would be called comes first among its alternatives as well.
    let skipped = usize::from(incident.kind == Kind::Undetermined);
    let three = first || others.skip(skipped).take(2).any(is_it);
    let slack = (f64::from(metres) * SLACK).max(LEAST_SLACK);
    let near = |[from, to]: [i32; 2]| {
        f64::from(from) - slack <= f64::from(metres) && f64::from(metres) <= f64::from(to) + slack
    };
    let stretch = place.metres_from_olt.filter(|_| first).map(|[from, to]| to - from);
    Located { first, three, inside: first || place.metres_from_olt.is_some_and(near), stretch }
}

/// What was told, sorted.
struct Said<'a> {
    town: &'a Town,
    /// Groups, each with the fault that it is about.
    groups: Vec<(&'a Told, Option<usize>)>,
    olts: Vec<&'a Told>,
    lone: Vec<&'a Told>,
}

impl<'a> Said<'a> {
    fn new(town: &'a Town, played: &'a Played) -> Self {
        let mut said = Self { town, groups: Vec::new(), olts: Vec::new(), lone: Vec::new() };
        let hit: Vec<BTreeSet<ClientIx>> =
            played.truths.iter().map(|truth| truth.clients.iter().copied().collect()).collect();
        for told in played.told.iter().filter(|told| !told.is_merged) {
            match told.last.kind {
                kind if is_group(kind) => said.groups.push((told, said.fault_of(told, &hit))),
                Kind::Drop => said.lone.push(told),
                _ => said.olts.push(told),
            }
        }
        said
    }

    fn clients(&self, told: &'a Told) -> impl Iterator<Item = ClientIx> {
        told.last.onus.iter().filter_map(|onu| self.town.client(&onu.olt, &onu.key))
    }

    /// The fault that hit most of its members.
    fn fault_of(&self, told: &'a Told, hit: &[BTreeSet<ClientIx>]) -> Option<usize> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for client in self.clients(told) {
            for (fault, _) in hit.iter().enumerate().filter(|(_, hit)| hit.contains(&client)) {
                *counts.entry(fault).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|(fault, count)| (*count, std::cmp::Reverse(*fault))).map(|(fault, _)| fault)
    }
}
