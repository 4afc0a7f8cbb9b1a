//! Where the documentation of the plant is probably wrong: what is measured against what its routes lead one to expect.
//!
//! Three things say where an ONU really hangs. Its port is certain. Its ranged distance is good to some hundred metres (`domain.md` 1.8). The power
//! that it receives is off by up to 3 dB of the receiver's own, and a fault takes of it; but no fault adds light. So too little light alone never
//! moves a client to another box, and nothing is concluded of a PON of which too little is read. What all ONUs of a box or PON have in common is said
//! once, of the box or PON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fit::{Fit, Row, Weighed};
use super::graph::{ClientIx, ElementIx, NodeIx, Plant};
use super::power::PowerOffsets;
use crate::model::{Dbm, Decibels, Metres};

/// Clients on a port that say which PON it is; fewer are not enough.
const LEAST_VOTES: u32 = 4;
/// The share of them, in percent, that has to agree.
const AGREE_PERCENT: u32 = 75;

/// A client is documented in another box when that is at least so likely.
const SURE: f64 = 0.9;

/// A launch power that was entered is doubted when readings differ by more than this, dB, and there are so many of them.
const LAUNCH_OFF: f64 = 2.0;
const LAUNCH_READINGS: u32 = 8;

/// Boxes that are named as the likely ones.
const CANDIDATES: usize = 3;

/// What is read of a client's ONU.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// The client.
    pub client: ClientIx,
    /// The port of an OLT that it is on, by a number that the caller gives; `None` where the OLT shows none.
    pub port: Option<u32>,
    /// The power that it receives, while it is up.
    pub rx: Option<Dbm>,
    /// How far away the OLT ranges it.
    pub ranged: Option<Metres>,
}

/// What is probably wrong. From the surest to the least sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The client's ONU is on the port of another PON.
    OtherPon,
    /// The client hangs in another box of its PON.
    OtherBox,
    /// The launch power that was entered for the PON.
    LaunchPower,
    /// The lengths of cables up to the box.
    BoxLength,
    /// The losses up to the box's ports: a splitter of another kind, or a fault.
    BoxLight,
    /// The length of the client's route, and of no other box of its PON it is sure that the client hangs there.
    Length,
    /// The loss of the client's route: more light arrives than can.
    MoreLight,
    /// The loss of the client's route, or a fault: less light arrives than should.
    LessLight,
}

impl Doubt {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OtherPon,
        Self::OtherBox,
        Self::LaunchPower,
        Self::BoxLength,
        Self::BoxLight,
        Self::Length,
        Self::MoreLight,
        Self::LessLight,
    ];

    /// Words with underscores, as in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OtherPon => "other_pon",
            Self::OtherBox => "other_box",
            Self::LaunchPower => "launch_power",
            Self::BoxLength => "box_length",
            Self::BoxLight => "box_light",
            Self::Length => "length",
            Self::MoreLight => "more_light",
            Self::LessLight => "less_light",
        }
    }
}

/// A box that a client may really hang in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The box.
    pub place: ElementIx,
    /// How likely it is this one, where the client does hang in another.
    pub chance: f64,
    /// Ranged less what the way to this box would be ranged at.
    pub length_off: Option<Metres>,
    /// Read less what would arrive there.
    pub power_off: Option<Decibels>,
}

/// Something that is probably documented wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What.
    pub doubt: Doubt,
    /// The PON that is documented.
    pub pon: NodeIx,
    /// The box that is documented; `None` of a whole PON.
    pub place: Option<ElementIx>,
    /// The client; `None` of a whole box or PON.
    pub client: Option<ClientIx>,
    /// How many ONUs say so.
    pub onus: u32,
    /// The PON that the client's port is, by what most of its clients are documented on; of [`Doubt::OtherPon`] only.
    pub really: Option<NodeIx>,
    /// What is read: of a box or PON, the median.
    pub measured: Option<Dbm>,
    /// Read less calculated; of a client, beside what its PON deviates as a whole.
    pub power_off: Option<Decibels>,
    /// What is ranged: of a box, the median.
    pub ranged: Option<Metres>,
    /// Ranged less what the documented way would be ranged at.
    pub length_off: Option<Metres>,
    /// How likely it is that the client is documented wrong, where that can be said.
    pub chance: Option<f64>,
    /// How many times as far off as is still usual.
    pub score: f64,
    /// The boxes that fit better, the likeliest first; three at most.
    pub candidates: Vec<Candidate>,
}

/// What readings say of the documentation.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The launch powers of PONs.
    pub offsets: PowerOffsets,
    /// Which PON each port is, by what most of its clients are documented on. Sorted by port.
    pub ports: Vec<(u32, NodeIx)>,
    /// Metres ranged for each metre documented, by PON, sorted.
    pub slack: Vec<(NodeIx, f64)>,
    /// The surest first; of the same kind, the farthest off first.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Compares what is read with the documentation.
    #[must_use]
    pub fn of(plant: &Plant, observed: &[Observed]) -> Self {
        let offsets = PowerOffsets::learn(plant, observed.iter().filter_map(|one| Some((one.client, one.rx?))));
        let mut rows: Vec<Row> = observed.iter().filter_map(|one| Row::of(plant, one)).collect();
        rows.sort_unstable_by_key(|row| (row.pon, row.place, row.client));
        let votes = Votes::of(&rows);
        let fits: BTreeMap<NodeIx, Fit> = rows
            .chunk_by(|one, other| one.pon == other.pon)
            .filter_map(|of_pon| Some((of_pon.first()?.pon, Fit::of(plant, &offsets, of_pon))))
            .collect();
        let mut findings = Vec::new();
        for of_pon in rows.chunk_by(|one, other| one.pon == other.pon) {
            let Some(fit) = of_pon.first().and_then(|row| fits.get(&row.pon)) else { continue };
            findings.extend(launch_power(plant, &offsets, fit));
            findings.extend(fit.boxes_off());
            for row in of_pon {
                findings.extend(match votes.elsewhere(row) {
                    Some((really, share)) => Some(other_pon(row, fit, really, share, fits.get(&really))),
                    None => of_client(row, fit),
                });
            }
        }
        findings.sort_by(|one, other| {
            (one.doubt.cmp(&other.doubt)).then(other.score.total_cmp(&one.score)).then(one.client.cmp(&other.client))
        });
        let slack = fits.values().filter_map(|fit| Some((fit.pon, fit.slack?))).collect();
        Self { offsets, ports: votes.winners(), slack, findings }
    }

    /// The PON that a port is.
    #[must_use]
    pub fn pon_of_port(&self, port: u32) -> Option<NodeIx> {
        let found = self.ports.binary_search_by_key(&port, |(port, _)| *port).ok()?;
        self.ports.get(found).map(|(_, pon)| *pon)
    }

    /// Metres that are ranged for each metre that is documented, where that was learned.
    #[must_use]
    pub fn slack_of(&self, pon: NodeIx) -> Option<f64> {
        let found = self.slack.binary_search_by_key(&pon, |(pon, _)| *pon).ok()?;
        self.slack.get(found).map(|(_, slack)| *slack)
    }

    /// How many findings there are of each kind.
    #[must_use]
    pub fn counts(&self) -> [(Doubt, usize); Doubt::ALL.len()] {
        Doubt::ALL.map(|doubt| (doubt, self.findings.iter().filter(|finding| finding.doubt == doubt).count()))
    }
}

/// Which PONs the clients of each port are documented on.
struct Votes(BTreeMap<u32, BTreeMap<NodeIx, u32>>);

impl Votes {
    fn of(rows: &[Row]) -> Self {
        let mut votes: BTreeMap<u32, BTreeMap<NodeIx, u32>> = BTreeMap::new();
        for row in rows {
            if let Some(port) = row.port {
                *votes.entry(port).or_default().entry(row.pon).or_default() += 1;
            }
        }
        Self(votes)
    }

    /// The PON that a port is, and the share of its clients that is documented on it.
    fn winner(&self, port: u32) -> Option<(NodeIx, f64)> {
        let votes = self.0.get(&port)?;
        let all: u32 = votes.values().sum();
        let (pon, most) = votes.iter().max_by_key(|(_, count)| **count)?;
        let agreed = *most >= LEAST_VOTES && most.saturating_mul(100) >= all.saturating_mul(AGREE_PERCENT);
        agreed.then(|| (*pon, f64::from(*most) / f64::from(all.max(1))))
    }

    fn winners(&self) -> Vec<(u32, NodeIx)> {
        self.0.keys().filter_map(|port| Some((*port, self.winner(*port)?.0))).collect()
    }

    /// The PON that a client's ONU is really on, when it is another than the documented one.
    fn elsewhere(&self, row: &Row) -> Option<(NodeIx, f64)> {
        self.winner(row.port?).filter(|(pon, _)| *pon != row.pon)
    }
}

/// A finding of one client, without what makes it one.
fn about(row: &Row, fit: &Fit, doubt: Doubt) -> Finding {
    Finding {
        doubt,
        pon: row.pon,
        place: row.place,
        client: Some(row.client),
        onus: 1,
        really: None,
        measured: row.rx,
        power_off: fit.power_off(row).and_then(|off| Decibels::new(off).ok()),
        ranged: row.ranged,
        length_off: fit.length_off(row).and_then(|off| Metres::new(off).ok()),
        chance: None,
        score: 0.0,
        candidates: Vec::new(),
    }
}

fn other_pon(row: &Row, fit: &Fit, really: NodeIx, share: f64, there: Option<&Fit>) -> Finding {
    let weighed = there.map(|there| there.weigh(row, None)).unwrap_or_default();
    Finding {
        really: Some(really),
        chance: Some(share),
        score: share,
        candidates: candidates(&weighed),
        ..about(row, fit, Doubt::OtherPon)
    }
}

/// What is doubtful of a client whose PON is right.
fn of_client(row: &Row, fit: &Fit) -> Option<Finding> {
    let length = fit.length_score(row);
    let power = fit.power_score(row);
    if length.is_none_or(|score| score.abs() <= 1.0) && power.is_none_or(|score| score.abs() <= 1.0) {
        return None;
    }
    let length_fails = length.filter(|score| score.abs() > 1.0);
    // A fault takes light: too little of it is no reason to look for another box.
    if length_fails.is_some() || power.is_some_and(|score| score > 1.0) {
        let weighed = fit.weigh(row, row.place);
        if weighed.elsewhere >= SURE && weighed.fits {
            let score = length.map_or(0.0, f64::abs).max(power.unwrap_or(0.0));
            let chance = Some(weighed.elsewhere);
            return Some(Finding {
                chance,
                score,
                candidates: candidates(&weighed),
                ..about(row, fit, Doubt::OtherBox)
            });
        }
    }
    let (doubt, score) = match (length_fails, power) {
        (Some(score), _) => (Doubt::Length, score.abs()),
        (None, Some(score)) if score > 0.0 => (Doubt::MoreLight, score),
        (None, Some(score)) => (Doubt::LessLight, -score),
        (None, None) => return None,
    };
    Some(Finding { score, ..about(row, fit, doubt) })
}

fn candidates(weighed: &Weighed) -> Vec<Candidate> {
    let mut boxes = weighed.boxes.clone();
    boxes.sort_by(|one, other| other.chance.total_cmp(&one.chance));
    boxes.truncate(CANDIDATES);
    boxes
}

/// Whether the launch power that was entered is what readings say.
fn launch_power(plant: &Plant, offsets: &PowerOffsets, fit: &Fit) -> Option<Finding> {
    let entered = plant.launch(fit.pon)?;
    let learned = offsets.learned(fit.pon).filter(|learned| learned.readings >= LAUNCH_READINGS)?;
    let off = learned.median - entered;
    let usual = LAUNCH_OFF + learned.within.get();
    (off.get().abs() > usual).then(|| Finding {
        doubt: Doubt::LaunchPower,
        pon: fit.pon,
        place: None,
        client: None,
        onus: learned.readings,
        really: None,
        measured: Some(learned.median),
        power_off: Some(off),
        ranged: None,
        length_off: None,
        chance: None,
        score: off.get().abs() / usual,
        candidates: Vec::new(),
    })
}
