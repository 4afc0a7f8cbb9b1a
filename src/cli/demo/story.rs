//! What happens in the demo, told while it happens, and whether oltwatch saw what is true.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::town::Town;
use super::{DemoError, setup, words};
use crate::cli::teller::Teller;
use crate::daemon::{Board, Topic, What};
use crate::incident::{Incident, Kind};
use crate::model::{Level, OnuState, SweepKind, Truth};
use crate::sim::plant::CableIx;
use crate::sim::world::{Action, Pieces};

/// How long a step may take without `--seconds`.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long "nothing happens" is watched: several state intervals.
const QUIET: Duration = Duration::from_secs(3);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of so many hit houses an outage is one.
const NEARLY_ALL: f64 = 0.9;

/// Who tells it.
pub(super) struct Story<'a> {
    pub(super) town: &'a mut Town,
    pub(super) board: &'a Board,
    pub(super) teller: &'a Teller,
    /// When it must be over.
    pub(super) until: Option<Instant>,
    /// The last event that was told.
    pub(super) told: u64,
    /// Kinds of all incidents since the last fault.
    pub(super) kinds: BTreeSet<Kind>,
}

impl Story<'_> {
    /// From the first reading to the end.
    pub(super) async fn tell(mut self) -> Result<(), DemoError> {
        let total = self.beginning().await?;
        self.cut().await?;
        self.outage().await?;
        self.unreachable(total).await?;
        let writes = self.town.live.ozmap().applied_writes();
        self.teller.good(&format!(
            "Three faults, each called what it was, placed where it was, and over. OZmap was written {writes} times in all."
        ));
        Ok(())
    }

    async fn beginning(&mut self) -> Result<usize, DemoError> {
        let total = self.town.plant().clients.len();
        self.seen("a first reading of every ONU", |this| up_and_read(this.board) == total).await?;
        self.seen("every ONU to be matched with its client", |this| {
            this.board.push().is_some_and(|push| push.matching.matched == total)
        })
        .await?;
        self.seen("every client's way to the OLT to be known", |this| {
            this.board.plant().is_some_and(|plant| plant.routes == total)
        })
        .await?;
        self.teller.good(&format!(
            "{total} of {total} ONUs were read over SNMP and matched with their clients, and OZmap knows the way of each one's light:"
        ));
        for report in self.board.olts() {
            let levels = |level| report.standings.iter().filter(|standing| standing.level == level).count();
            let lasts = SweepKind::ALL.iter().filter_map(|kind| report.view.last(*kind));
            let pdus: u64 = lasts.map(|last| last.pdus).sum();
            self.teller.item(&format!(
                "{:<14} {} good, {} weak; a round of all sweeps takes {pdus} requests",
                report.olt.as_str(),
                levels(Level::Good),
                levels(Level::Weak)
            ));
        }
        self.quiet("while nothing changes").await?;
        self.teller.good("OZmap shows what is true, so nothing is written.");
        Ok(total)
    }

    /// A cable is cut: found, located, its clients red in one go; repaired: all green, and over.
    async fn cut(&mut self) -> Result<(), DemoError> {
        let cable = self.town.cable_to_cut()?;
        let length = self.town.plant().cables.get(cable).map_or(0.0, |row| row.length);
        let (what, hit) = self.strike(Action::Cut { cable, metre: length / 2.0, pieces: Pieces::ONE });
        self.teller.event(&format!("A digger is at work: {what}."));
        let codes = self.town.codes(&hit);
        let began = Instant::now();
        self.seen("the cut to be found with everybody whom it hit", |this| {
            this.of_kind(Kind::Cut).is_some_and(|cut| cut.lost as usize == codes.len())
        })
        .await?;
        let found = began.elapsed();
        let cut = self.of_kind(Kind::Cut).ok_or_else(|| setup("an incident is gone"))?;
        self.right_place(&cut, cable)?;
        self.teller.good(&format!(
            "Found after {found:.1?}, and it is the right cable: {} clients {} lost their light.",
            codes.len(),
            some(&codes)
        ));
        self.seen("exactly the clients behind the cut to turn red", |this| this.town.red() == codes).await?;
        self.teller.good(&format!(
            "They turned red in OZmap after {:.1?}, and nobody else: {}",
            began.elapsed(),
            self.last_write()
        ));
        self.quiet("after the clients that were due").await?;

        self.teller.event("The crew splices the cable.");
        let began = Instant::now();
        self.town.repair();
        self.seen("the repaired clients to turn green", |this| this.town.red().is_empty()).await?;
        self.teller.good(&format!("All of them are green again after {:.1?}: {}", began.elapsed(), self.last_write()));
        self.over("the cut").await?;
        self.only(Kind::Cut)
    }

    /// Homes lose their mains: one outage, and nobody is painted red.
    async fn outage(&mut self) -> Result<(), DemoError> {
        let area = self.town.area()?;
        let before = self.town.live.ozmap().writes();
        let (what, hit) = self.strike(area);
        self.teller.event(&format!("A transformer burns: {what}."));
        let began = Instant::now();
        let most = (f64::from(u32::try_from(hit.len()).unwrap_or(u32::MAX)) * NEARLY_ALL).ceil();
        self.seen("the outage to be found", |this| {
            let view = this.board.incidents();
            let outages = view.open.iter().filter(|incident| incident.kind == Kind::Power);
            outages.map(|outage| f64::from(outage.lost)).sum::<f64>() >= most
        })
        .await?;
        self.teller
            .good(&format!("Found after {:.1?}: homes without mains, and no fault of the fibre.", began.elapsed()));
        self.quiet("for homes without mains").await?;
        self.teller
            .good(&format!("Nothing is written to OZmap for {} clients: nobody is sent to look for a cut.", hit.len()));
        self.teller.event("The power company is done: the mains are back.");
        self.town.repair();
        self.over("the outage").await?;
        self.unwritten(before, "for a power outage")?;
        self.only(Kind::Power)
    }

    /// An OLT cannot be reached: silence is not evidence.
    async fn unreachable(&mut self, total: usize) -> Result<(), DemoError> {
        let Some(olt) = self.town.last_olt() else { return Ok(()) };
        let name = self.town.plant().olts.get(olt).map(|row| row.name.to_string()).unwrap_or_default();
        let before = self.town.live.ozmap().writes();
        self.strike(Action::Unreachable { olt });
        self.teller.event(&format!("{name} stops answering: its management link is down, its customers are fine."));
        let stale = |board: &Board| {
            let report = board.olt(&name)?;
            let stale = report.standings.iter().filter(|standing| standing.truth == Truth::Stale).count();
            (stale > 0 && stale == report.standings.len()).then_some(stale)
        };
        self.seen("the OLT to be called unreachable, and its ONUs stale", |this| {
            this.of_kind(Kind::OltUnreachable).is_some() && stale(this.board).is_some()
        })
        .await?;
        self.quiet("for an OLT that does not answer").await?;
        self.teller.good(&format!(
            "Its {} ONUs are stale, which is not down: no fault of the plant, and nothing is written for them.",
            stale(self.board).unwrap_or_default()
        ));
        self.teller.event("The management link is back.");
        self.town.repair();
        self.seen("all ONUs to be up again", |this| up_and_read(this.board) == total).await?;
        self.over("its absence").await?;
        self.unwritten(before, "for an OLT that did not answer")?;
        self.only(Kind::OltUnreachable)
    }

    fn strike(&mut self, action: Action) -> (String, Vec<crate::sim::plant::ClientIx>) {
        self.kinds.clear();
        self.town.strike(action)
    }

    fn of_kind(&self, kind: Kind) -> Option<Arc<Incident>> {
        self.board.incidents().open.iter().find(|incident| incident.kind == kind).cloned()
    }

    /// The cable that was cut, or one that no reading can tell from it.
    fn right_place(&self, cut: &Incident, cable: CableIx) -> Result<(), DemoError> {
        let named = cut.place.as_ref().and_then(|place| place.element.name.as_deref());
        let alike = self.town.plant().cables.iter().filter(|(ix, _)| self.town.ground().look_alike(*ix, cable));
        if alike.into_iter().any(|(_, row)| Some(&*row.name) == named) {
            return Ok(());
        }
        Err(DemoError::Wrong(format!("the cut is placed {}, which is not where it is", words::place(cut))))
    }

    /// Waits until no incident is open.
    async fn over(&mut self, what: &str) -> Result<(), DemoError> {
        self.seen(&format!("{what} to be over"), |this| this.board.incidents().open.is_empty()).await
    }

    /// Since the last fault there was nothing but this.
    fn only(&self, expected: Kind) -> Result<(), DemoError> {
        // Not to know yet is not wrong.
        let wrong = |kind: &Kind| *kind != expected && *kind != Kind::Undetermined;
        let wrong: Vec<&str> = self.kinds.iter().copied().filter(wrong).map(Kind::word).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(DemoError::Wrong(format!("there was {}, and {} was told as well", expected.word(), wrong.join(", "))))
    }

    fn unwritten(&self, before: u64, when: &str) -> Result<(), DemoError> {
        match self.town.live.ozmap().writes() - before {
            0 => Ok(()),
            written => Err(DemoError::Wrong(format!(
                "OZmap was written {written} times {when}, the last was {}",
                self.last_write()
            ))),
        }
    }

    /// Waits for something to become true, and tells what incidents become meanwhile.
    async fn seen(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), DemoError> {
        let began = Instant::now();
        let deadline = self.until.unwrap_or(began + PATIENCE);
        loop {
            self.town.go_on();
            self.tell_incidents();
            if is_so(self) {
                // What led to it may have been told meanwhile.
                self.tell_incidents();
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(DemoError::NotSeen(began.elapsed(), what.to_owned()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn tell_incidents(&mut self) {
        for event in self.board.feed().read(&[Topic::Incident], self.told, usize::MAX).events {
            self.told = event.id;
            if let What::Incident(change) = event.what {
                self.kinds.insert(change.incident.kind);
                self.teller.item(&words::change(&change));
            }
        }
    }

    /// Watches that nothing is written for a while.
    async fn quiet(&mut self, when: &str) -> Result<(), DemoError> {
        let before = self.town.live.ozmap().writes();
        let end = Instant::now() + QUIET;
        if self.until.is_some_and(|until| until < end) {
            return Err(DemoError::NotSeen(QUIET, format!("a quiet time {when}")));
        }
        while Instant::now() < end {
            self.town.go_on();
            self.tell_incidents();
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.unwritten(before, when)
    }

    fn last_write(&self) -> String {
        let requests = self.town.live.ozmap().requests();
        let Some(last) = requests.iter().rev().find(|request| request.is_write()) else { return "nothing".to_owned() };
        let body: String = last.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let short: String = body.chars().take(100).collect();
        let more = if short.len() < body.len() { "…" } else { "" };
        format!("{} {} {short}{more}", last.method, last.path)
    }
}

/// The first few of some codes.
fn some(codes: &[String]) -> String {
    let first: Vec<&str> = codes.iter().take(3).map(String::as_str).collect();
    let more = if codes.len() > first.len() { ", …" } else { "" };
    format!("({}{more})", first.join(", "))
}

/// ONUs that are up with a level that was read.
fn up_and_read(board: &Board) -> usize {
    board
        .olts()
        .iter()
        .map(|report| {
            let read = |key| report.view.onu(key).is_some_and(|onu| onu.state == Ok(OnuState::Up) && onu.rx.is_ok());
            report.standings.iter().filter(|s| s.truth == Truth::Up && s.level != Level::Unread && read(&s.key)).count()
        })
        .sum()
}
