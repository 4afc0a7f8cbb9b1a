//! The plant from a PON down, with what lives and what does not: what an operator looks at to believe where a fault lies. Pure.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::format;
use super::prefs::Lang;
use super::texts::{Text, element};
use crate::incident::NamedElement;
use crate::model::{ClientId, Metres};
use crate::plant::{ClientIx, ElementIx, ElementKind, NodeIx, Plant};

/// Living branches beside each other that are shown one by one; more of them are folded.
const LIVING_SHOWN: usize = 2;

/// Branches that are drawn on a page; PONs have some dozens.
const MOST_BRANCHES: usize = 600;

/// Nodes under each other that are looked at; true routes have some dozens. What is deeper is counted where the tree ends.
const DEEPEST: usize = 128;

/// How a client below the PON is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Up, and the incident did not hit it.
    Living,
    /// The incident hit it, and it is down.
    Lost,
    /// The incident hit it, and it is back.
    Recovered,
    /// Down for another reason.
    Otherwise,
    /// Nothing is known of it.
    Unknown,
}

/// How the clients below a branch are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    living: u32,
    lost: u32,
    recovered: u32,
    otherwise: u32,
    unknown: u32,
}

/// A branch in one word, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Nobody is lost.
    Living,
    /// Some are.
    Mixed,
    /// All are, of those that are known.
    Dead,
    /// Nothing is known of anybody.
    Unknown,
}

impl Health {
    /// The class of an element for it.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Living => "living",
            Self::Mixed => "mixed",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

impl Counts {
    fn add(&mut self, life: Life) {
        let count = match life {
            Life::Living => &mut self.living,
            Life::Lost => &mut self.lost,
            Life::Recovered => &mut self.recovered,
            Life::Otherwise => &mut self.otherwise,
            Life::Unknown => &mut self.unknown,
        };
        *count += 1;
    }

    const fn join(self, other: Self) -> Self {
        Self {
            living: self.living + other.living,
            lost: self.lost + other.lost,
            recovered: self.recovered + other.recovered,
            otherwise: self.otherwise + other.otherwise,
            unknown: self.unknown + other.unknown,
        }
    }

    /// Those of whom something is known.
    const fn known(self) -> u32 {
        self.living + self.lost + self.recovered + self.otherwise
    }

    /// All of them.
    const fn total(self) -> u32 {
        self.known() + self.unknown
    }

    /// In one word.
    pub(super) const fn health(self) -> Health {
        match (self.lost, self.known()) {
            (_, 0) => Health::Unknown,
            (0, _) => Health::Living,
            (lost, known) if lost == known => Health::Dead,
            _ => Health::Mixed,
        }
    }
}

/// An element, with what hangs below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    /// Which.
    pub(super) element: ElementIx,
    /// What it is.
    pub(super) kind: ElementKind,
    /// Its name, or its id.
    pub(super) name: Option<String>,
    /// From the OLT to its far side.
    pub(super) distance: Metres,
    /// The clients below it.
    pub(super) counts: Counts,
    /// Whether the fault is thought to lie here.
    pub(super) suspected: bool,
    /// What hangs directly below it.
    pub(super) below: Vec<Branch>,
}

/// The element that people know a node by: the cable of a fibre, the box of a splitter.
fn spoken(plant: &Plant, node: NodeIx) -> Option<(ElementIx, ElementKind)> {
    let row = plant.node(node)?;
    let own = row.element();
    let kind = plant.element(own)?.kind;
    let inside = matches!(kind, ElementKind::Fiber | ElementKind::Splitter | ElementKind::Joint);
    let shown = if inside { row.container().unwrap_or(own) } else { own };
    Some((shown, plant.element(shown)?.kind))
}

/// The elements of a plant that stand for one that is suspected.
pub(super) fn suspects(plant: &Plant, named: &NamedElement) -> BTreeSet<ElementIx> {
    let Some(found) = named.id.and_then(|id| plant.find(&id)) else { return BTreeSet::new() };
    let shown = plant.ways(found).filter_map(|way| spoken(plant, way)).map(|(element, _)| element);
    let is_inside = plant
        .element(found)
        .is_some_and(|element| matches!(element.kind, ElementKind::Fiber | ElementKind::Splitter | ElementKind::Joint));
    if is_inside { shown.collect() } else { BTreeSet::from([found]) }
}

/// What grows at a tree: a plant, how its clients are, and what is suspected.
pub(super) struct Soil<'a> {
    /// The plant.
    pub(super) plant: &'a Plant,
    /// How a client is.
    pub(super) life: &'a dyn Fn(ClientId) -> Life,
    /// What is suspected.
    pub(super) suspects: BTreeSet<ElementIx>,
}

impl Soil<'_> {
    /// The tree below a PON; `None` for a node that is none of the plant's.
    pub(super) fn grow(&self, pon: NodeIx) -> Option<Branch> {
        self.branches(pon, None, DEEPEST).into_iter().next()
    }

    fn counts(&self, node: NodeIx) -> Counts {
        let mut counts = Counts::default();
        let clients = self.plant.clients().skip(self.plant.below(node).start).take(self.plant.below(node).len());
        for client in clients {
            counts.add(self.life_of(client));
        }
        counts
    }

    fn life_of(&self, client: ClientIx) -> Life {
        self.plant.client_id(client).map_or(Life::Unknown, self.life)
    }

    /// The branches that begin at a node: one, or those below it where it is part of what is above it. A drop is not drawn: its client
    /// is counted at its box.
    fn branches(&self, node: NodeIx, above: Option<ElementIx>, depth: usize) -> Vec<Branch> {
        let Some((element, kind)) = spoken(self.plant, node) else { return Vec::new() };
        if kind == ElementKind::Drop || depth == 0 {
            return Vec::new();
        }
        let below = self.plant.children(node).flat_map(|child| self.branches(child, Some(element), depth - 1));
        let below = merged(below.collect());
        if above == Some(element) {
            return below;
        }
        let named = self.plant.element(element);
        let name = named.and_then(|named| named.name.map(str::to_owned).or_else(|| named.id.map(|id| id.to_string())));
        vec![Branch {
            element,
            kind,
            name,
            distance: self.plant.node(node).map_or(Metres::from_thousandths(0), |node| node.distance()),
            counts: self.counts(node),
            suspected: self.suspects.contains(&element),
            below,
        }]
    }
}

/// Several ways through one element are one branch.
fn merged(branches: Vec<Branch>) -> Vec<Branch> {
    let mut all: Vec<Branch> = Vec::with_capacity(branches.len());
    for branch in branches {
        match all.iter_mut().find(|other| other.element == branch.element) {
            Some(other) => {
                other.counts = other.counts.join(branch.counts);
                other.distance = other.distance.max(branch.distance);
                let below = std::mem::take(&mut other.below);
                other.below = merged(below.into_iter().chain(branch.below).collect());
            }
            None => all.push(branch),
        }
    }
    all
}

/// Whether the suspected element is a branch or below it.
fn holds_suspect(branch: &Branch) -> bool {
    branch.suspected || branch.below.iter().any(holds_suspect)
}

/// The word that texts use for a kind.
pub(super) const fn word(kind: ElementKind) -> &'static str {
    match kind {
        ElementKind::Olt => "olt",
        ElementKind::Slot => "slot",
        ElementKind::Pon => "pon",
        ElementKind::Place => "box",
        ElementKind::Cable => "cable",
        ElementKind::Drop => "drop",
        ElementKind::Fiber => "fiber",
        ElementKind::Splitter => "splitter",
        ElementKind::Joint => "joint",
    }
}

/// The trees as nested lists.
pub(super) fn draw(lang: Lang, trees: &[Branch]) -> Markup {
    let mut room = MOST_BRANCHES;
    html! { ul.tree { @for tree in trees { (branch(lang, tree, &mut room)) } } }
}

/// A branch as an item of a list. What hangs below it alone follows as the next item, so that only forks go deeper.
fn branch(lang: Lang, branch: &Branch, room: &mut usize) -> Markup {
    *room = room.saturating_sub(1);
    if let [only] = branch.below.as_slice() {
        let below = if *room > 0 {
            self::branch(lang, only, room)
        } else {
            html! {}
        };
        return html! { li { (line(lang, branch)) } (below) };
    }
    let is_living = |below: &&Branch| below.counts.lost == 0 && !holds_suspect(below);
    let (living, other): (Vec<&Branch>, Vec<&Branch>) = branch.below.iter().partition(is_living);
    let folded = if living.len() > LIVING_SHOWN { living.as_slice() } else { &[] };
    let open = if folded.is_empty() { living.as_slice() } else { &[] };
    html! {
        li {
            (line(lang, branch))
            @if !branch.below.is_empty() {
                @if *room == 0 { p.muted { (Text::MoreBranches.with(lang, &[&branch.below.len()])) } }
                @else {
                    ul.fork {
                        @for one in other.iter().chain(open) { li { ul { (self::branch(lang, one, room)) } } }
                        @if !folded.is_empty() { li { (fold(lang, branch.element, folded, room)) } }
                    }
                }
            }
        }
    }
}

/// Living branches, folded.
fn fold(lang: Lang, at: ElementIx, living: &[&Branch], room: &mut usize) -> Markup {
    let clients: u32 = living.iter().map(|one| one.counts.total()).sum();
    html! {
        details id={ "fold-" (at.number()) } {
            summary { (Text::LivingBranches.with(lang, &[&living.len(), &clients])) }
            ul { @for one in living { @if *room > 0 { (branch(lang, one, room)) } } }
        }
    }
}

fn line(lang: Lang, branch: &Branch) -> Markup {
    let kind = element(word(branch.kind)).of(lang);
    html! {
        div class={ "branch " (branch.counts.health().class()) @if branch.suspected { " suspected" } } {
            span.dot aria-hidden="true" {}
            span.kind { (kind) } " "
            strong { (branch.name.as_deref().unwrap_or(Text::Unnamed.of(lang))) }
            @if branch.suspected { " " span.chip.down { (Text::Suspected.of(lang)) } }
            " " span.count { (count(lang, branch.counts)) }
            @if branch.distance.thousandths() > 0 { " " span.muted.metres { (format::metres(branch.distance)) } }
        }
    }
}

fn count(lang: Lang, counts: Counts) -> String {
    let mut said = vec![match counts.health() {
        Health::Dead => Text::AllDead.with(lang, &[&counts.lost]),
        Health::Mixed => Text::SomeDead.with(lang, &[&counts.lost, &counts.known()]),
        Health::Living => Text::AllLiving.with(lang, &[&(counts.living + counts.recovered)]),
        Health::Unknown => Text::UnknownOnes.with(lang, &[&counts.unknown]),
    }];
    if counts.recovered > 0 {
        said.push(Text::Recovered.with(lang, &[&counts.recovered]));
    }
    if counts.otherwise > 0 {
        said.push(Text::OthersDown.with(lang, &[&counts.otherwise]));
    }
    if counts.unknown > 0 && counts.health() != Health::Unknown {
        said.push(Text::UnknownOnes.with(lang, &[&counts.unknown]));
    }
    said.join(", ")
}
