//! What has to change in OZmap. Pure: what signal decided on one side, what OZmap shows on the other.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::brake::Looks;
use super::directory::Directory;
use super::ids::{ClientId, PropertyId, Status};
use super::matching::{Match, Matches, OnuIdentity, key_word};
use crate::model::{Dbm, Decibels, OltId, OnuId, PonId, SweepKind, Verdict};

/// What signal decided for one ONU.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Which ONU.
    pub identity: OnuIdentity,
    /// What its client should show. A stale ONU's is [`Verdict::Hold`].
    pub verdict: Verdict,
    /// The kind of sweep whose readings made it so.
    pub evidence: SweepKind,
    /// Why, for the operator.
    pub reason: Arc<str>,
    /// The received power, while it is known.
    pub rx: Option<Dbm>,
    /// The confirmed incident that explains a loss: such an ERROR goes first, and no brake holds it.
    pub incident: Option<Arc<str>>,
}

/// All ONUs of one OLT; replaces what was said of that OLT before.
#[derive(Debug, Clone, PartialEq)]
pub struct OltWishes {
    /// The OLT.
    pub olt: OltId,
    /// Whether a complete sweep backs this. Without one, its ONUs count in matching but none is written.
    pub complete: bool,
    /// How often it was read whole.
    pub looks: Looks,
    /// Its ONUs.
    pub wishes: Vec<Wish>,
}

/// An ONU with what is wished for it, and whether its OLT may speak yet.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The wish.
    pub wish: &'a Wish,
    /// As in [`OltWishes::complete`].
    pub complete: bool,
}

impl Borrow<OnuIdentity> for Candidate<'_> {
    fn borrow(&self) -> &OnuIdentity {
        &self.wish.identity
    }
}

/// The ONUs of all OLTs in one list, to be matched and planned.
pub fn candidates<'a, T: Borrow<OltWishes> + 'a>(olts: impl IntoIterator<Item = &'a T>) -> Vec<Candidate<'a>> {
    olts.into_iter()
        .map(<T as Borrow<OltWishes>>::borrow)
        .flat_map(|olt| olt.wishes.iter().map(|wish| Candidate { wish, complete: olt.complete }))
        .collect()
}

/// What OZmap shows beyond the last read of the directory: what we wrote since.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Statuses.
    pub statuses: HashMap<ClientId, Option<Status>>,
    /// Powers.
    pub powers: HashMap<PropertyId, Dbm>,
}

/// A client whose status is to change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The client.
    pub client: ClientId,
    /// Its code.
    pub code: Option<Arc<str>>,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// What OZmap shows; `None` when that is neither OK nor ERROR.
    pub from: Option<Status>,
    /// What it should show.
    pub to: Status,
    /// Why.
    pub reason: Arc<str>,
    /// The incident that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Arc<str>>,
    /// The kind of sweep whose readings say so.
    #[serde(skip)]
    pub evidence: SweepKind,
    /// The ONU behind it.
    pub onu: OnuId,
    /// The ONU's PON port.
    pub pon: Option<PonId>,
    /// The ONU's number on the PON.
    pub number: Option<u32>,
    /// The key that ONU and client share.
    pub matched_by: &'static str,
}

impl Change {
    /// What is written first: ERROR before OK, what an incident explains before what none does, then as clients are sorted.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        let urgency = |change: &Self| (change.to, change.incident.is_some());
        urgency(other).cmp(&urgency(self)).then(self.client.cmp(&other.client))
    }
}

/// A property whose power is to change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerChange {
    /// The property.
    pub property: PropertyId,
    /// Its client.
    pub client: ClientId,
    /// What OZmap shows.
    pub from: Option<Dbm>,
    /// What was measured.
    pub to: Dbm,
}

/// The statuses that have to change: only matched ONUs of OLTs with a complete sweep, only differences, nothing on
/// `hold`. ERROR before OK, what an incident explains before what none does, then in the clients' order.
///
/// `onus` is the list that `matches` was made from.
#[must_use]
pub fn plan(onus: &[Candidate<'_>], matches: &Matches, directory: &Directory, shown: &Shown) -> Vec<Change> {
    let mut changes: Vec<Change> = matches
        .matched
        .iter()
        .filter_map(|one| {
            let onu = onus.get(one.onu).filter(|onu| onu.complete)?;
            let to = Status::wanted(onu.wish.verdict)?;
            let client = directory.client(one.client).filter(|client| client.implanted)?;
            let from = shown.statuses.get(&client.id).copied().unwrap_or(client.status);
            (from != Some(to)).then(|| Change {
                client: client.id,
                code: client.code.map(Arc::from),
                name: client.name.map(Arc::from),
                from,
                to,
                reason: onu.wish.reason.clone(),
                incident: onu.wish.incident.clone().filter(|_| to == Status::Error),
                evidence: onu.wish.evidence,
                onu: onu.wish.identity.onu.clone(),
                pon: onu.wish.identity.pon,
                number: onu.wish.identity.number,
                matched_by: key_word(one.by),
            })
        })
        .collect();
    changes.sort_by(Change::order);
    changes
}

/// The powers that have to change: only measured ones, only where they differ by the dead band or more (less is the noise of a
/// good link, and every write is a request), only where the client has one property. In the clients' order.
#[must_use]
pub fn plan_powers(
    onus: &[Candidate<'_>],
    matches: &Matches,
    directory: &Directory,
    shown: &Shown,
    dead_band: Decibels,
) -> Vec<PowerChange> {
    let mut changes: Vec<PowerChange> = matches
        .matched
        .iter()
        .filter_map(|one| {
            let onu = onus.get(one.onu).filter(|onu| onu.complete)?;
            let to = onu.wish.rx?;
            let client = directory.client(one.client).filter(|client| client.implanted && client.properties == 1)?;
            let from = shown.powers.get(&client.property).copied().or(client.potency_read);
            let differs = from.is_none_or(|from| {
                let difference = (to - from).thousandths();
                difference.saturating_abs() >= dead_band.thousandths()
            });
            differs.then_some(PowerChange { property: client.property, client: client.id, from, to })
        })
        .collect();
    changes.sort_by_key(|change| change.client);
    changes
}

/// Clients among these whose ONU asks for what OZmap shows.
#[must_use]
pub fn agreeing(
    of: &BTreeSet<ClientId>,
    onus: &[Candidate<'_>],
    matches: &Matches,
    directory: &Directory,
    shown: &Shown,
) -> Vec<ClientId> {
    let agrees = |one: &Match| {
        let onu = onus.get(one.onu).filter(|onu| onu.complete && of.contains(&one.client))?;
        let to = Status::wanted(onu.wish.verdict)?;
        let here = shown.statuses.get(&one.client).copied();
        let here = here.unwrap_or_else(|| directory.client(one.client).and_then(|client| client.status));
        (here == Some(to)).then_some(one.client)
    };
    if of.is_empty() { Vec::new() } else { matches.matched.iter().filter_map(agrees).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::{client_id, directory, row};
    use super::super::matching::{Rule, match_onus, testing::onu};
    use super::*;
    use crate::config::MatchBy;

    const ORDER: Rule<'_> =
        Rule { order: &[MatchBy::Serial, MatchBy::Mac, MatchBy::Code], code_pattern: None, pppoe_pattern: None };

    fn wish(n: u32, verdict: Verdict, rx: Option<f64>) -> Wish {
        Wish {
            identity: onu("a", n, &format!("ZTEG{n:08X}"), "", ""),
            verdict,
            evidence: SweepKind::State,
            reason: Arc::from("test"),
            rx: rx.map(|rx| Dbm::new(rx).unwrap()),
            incident: None,
        }
    }

    fn clients(statuses: &[Option<Status>]) -> Directory {
        directory((1_u32..).zip(statuses).map(|(n, status)| {
            let mut row = row(n, &format!("ZTEG{n:08X}"), "", &n.to_string());
            row.client.status = *status;
            row
        }))
    }

    fn changes(olts: &[OltWishes], directory: &Directory, shown: &Shown) -> Vec<(ClientId, Option<Status>, Status)> {
        let onus = candidates(olts);
        let matches = match_onus(&onus, directory, ORDER);
        plan(&onus, &matches, directory, shown).iter().map(|change| (change.client, change.from, change.to)).collect()
    }

    fn olt(complete: bool, wishes: Vec<Wish>) -> Vec<OltWishes> {
        vec![OltWishes { olt: OltId::new("a"), complete, looks: Looks::default(), wishes }]
    }

    const BAND: Decibels = Decibels::from_thousandths(500);
    const OK: Option<Status> = Some(Status::Ok);
    const ERROR: Option<Status> = Some(Status::Error);

    #[test]
    fn only_differences_are_planned_and_errors_come_first() {
        let directory = clients(&[ERROR, OK, OK, ERROR, None]);
        let wishes = olt(
            true,
            vec![
                wish(1, Verdict::Ok, None),
                wish(2, Verdict::Error, None),
                wish(3, Verdict::Ok, None),
                wish(4, Verdict::Error, None),
                wish(5, Verdict::Ok, None),
            ],
        );
        assert_eq!(
            changes(&wishes, &directory, &Shown::default()),
            [(client_id(2), OK, Status::Error), (client_id(1), ERROR, Status::Ok), (client_id(5), None, Status::Ok),]
        );
    }

    #[test]
    fn what_an_incident_explains_goes_first() {
        let directory = clients(&[OK, OK, ERROR]);
        let explained = Wish { incident: Some(Arc::from("cut")), ..wish(2, Verdict::Error, None) };
        let recovered = Wish { incident: Some(Arc::from("cut")), ..wish(3, Verdict::Ok, None) };
        let olts = olt(true, vec![wish(1, Verdict::Error, None), explained, recovered]);
        let order =
            [(client_id(2), OK, Status::Error), (client_id(1), OK, Status::Error), (client_id(3), ERROR, Status::Ok)];
        assert_eq!(changes(&olts, &directory, &Shown::default()), order);
    }

    #[test]
    fn what_was_written_since_the_read_counts_as_shown() {
        let directory = clients(&[OK, OK]);
        let wishes = olt(true, vec![wish(1, Verdict::Error, None), wish(2, Verdict::Ok, None)]);
        let mut shown = Shown::default();
        shown.statuses.insert(client_id(1), ERROR);
        shown.statuses.insert(client_id(2), ERROR);
        assert_eq!(changes(&wishes, &directory, &shown), [(client_id(2), ERROR, Status::Ok)]);
    }

    #[test]
    fn hold_and_an_olt_without_a_complete_sweep_change_nothing() {
        let directory = clients(&[OK, ERROR]);
        let held = olt(true, vec![wish(1, Verdict::Hold, None), wish(2, Verdict::Hold, None)]);
        assert_eq!(changes(&held, &directory, &Shown::default()), []);
        let early = olt(false, vec![wish(1, Verdict::Error, Some(-20.0)), wish(2, Verdict::Ok, None)]);
        assert_eq!(changes(&early, &directory, &Shown::default()), []);
        let onus = candidates(&early);
        let matches = match_onus(&onus, &directory, ORDER);
        assert_eq!(plan_powers(&onus, &matches, &directory, &Shown::default(), BAND), []);
    }

    #[test]
    fn an_onu_of_an_early_olt_still_makes_a_client_ambiguous() {
        let directory = clients(&[OK]);
        let mut twin = wish(1, Verdict::Ok, None);
        twin.identity.onu.olt = OltId::new("b");
        let mut olts = olt(true, vec![wish(1, Verdict::Error, None)]);
        assert_eq!(changes(&olts, &directory, &Shown::default()).len(), 1);
        olts.push(OltWishes { olt: OltId::new("b"), complete: false, looks: Looks::default(), wishes: vec![twin] });
        assert_eq!(changes(&olts, &directory, &Shown::default()), []);
    }

    #[test]
    fn a_reservation_is_never_planned() {
        let mut reserved = row(1, "ZTEG00000001", "", "");
        reserved.client.implanted = false;
        let directory = directory([reserved]);
        let wishes = olt(true, vec![wish(1, Verdict::Error, None)]);
        assert_eq!(changes(&wishes, &directory, &Shown::default()), []);
    }

    #[test]
    fn a_power_is_planned_beyond_the_dead_band_and_never_when_unread() {
        let with_power = |n: u32, power: Option<f64>| {
            let mut row = row(n, &format!("ZTEG{n:08X}"), "", "");
            row.potency_read = power.map(|power| Dbm::new(power).unwrap());
            row
        };
        let mut other_house = with_power(5, Some(-10.0));
        other_house.id = "65bfffffffffffffffffffff".parse().unwrap();
        let directory = directory([
            with_power(1, Some(-20.0)),
            with_power(2, Some(-20.0)),
            with_power(3, None),
            with_power(4, Some(-20.0)),
            with_power(5, Some(-10.0)),
            other_house,
        ]);
        let wishes = olt(
            true,
            vec![
                wish(1, Verdict::Ok, Some(-20.499)),
                wish(2, Verdict::Hold, Some(-20.5)),
                wish(3, Verdict::Ok, Some(-21.37)),
                wish(4, Verdict::Error, None),
                wish(5, Verdict::Ok, Some(-25.0)),
            ],
        );
        let onus = candidates(&wishes);
        let matches = match_onus(&onus, &directory, ORDER);
        let planned = plan_powers(&onus, &matches, &directory, &Shown::default(), BAND);
        let planned: Vec<_> = planned.iter().map(|change| (change.client, change.to.get())).collect();
        assert_eq!(planned, [(client_id(2), -20.5), (client_id(3), -21.37)]);
        let mut shown = Shown::default();
        shown.powers.insert(directory.client(client_id(3)).unwrap().property, Dbm::new(-21.0).unwrap());
        assert_eq!(plan_powers(&onus, &matches, &directory, &shown, BAND).len(), 1);
        let wide = Decibels::from_thousandths(600);
        assert_eq!(plan_powers(&onus, &matches, &directory, &shown, wide), []);
    }
}
