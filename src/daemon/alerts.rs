//! What is wrong, for those who tell it: incidents with what operators say of them, and what is wrong with ourselves.
//!
//! ```text
//!  incident task ──IncidentView (watch)──┐
//!  judge tasks, Pusher, store ──Board────┼──► AlertDesk ──Bulletin (watch)──► one task a channel (alert::task)
//!  oltwatch alert ──FILE, every 2 s──────┤
//!  maintenance ──Calendar (watch)────────┘
//! ```

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::board::{Board, OltReport};
use super::incidents::IncidentView;
use super::maintenance::Calendar;
use crate::alert::marks::{self, Marks};
use crate::alert::{Bulletin, Fact, Notice, Own, Silence, Stage, Wards};
use crate::config::alert::{AlertOn, AlertSeverity};
use crate::config::maintenance::{Maintenance, under_way};
use crate::incident::{Incident, IncidentId};
use crate::model::Timestamp;

/// How often what is wrong with ourselves is looked at, and the operators' file.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a schedule has to be missed before it is told.
const LATE_FOR: Duration = Duration::from_secs(180);
/// The same for OZmap that does not answer, and for a database that is not written.
const SILENT_FOR: Duration = Duration::from_secs(300);
const UNWRITTEN_FOR: Duration = Duration::from_secs(20);
/// After the start, OLTs are not all read yet.
const WARM_UP: Duration = Duration::from_secs(180);

pub(super) struct AlertDesk {
    pub(super) board: Board,
    pub(super) incidents: watch::Receiver<Arc<IncidentView>>,
    pub(super) calendar: Calendar,
    pub(super) wards: Wards,
    pub(super) marks_file: Option<PathBuf>,
    pub(super) feed: watch::Sender<Arc<Bulletin>>,
    pub(super) shutdown: watch::Receiver<bool>,
    /// What was told of ourselves before the start.
    pub(super) own: Own,
}

/// What it knows.
#[derive(Default)]
struct Known {
    /// Of each incident that is shown, its notice, which is made once for each change.
    notices: HashMap<IncidentId, (Arc<Incident>, Arc<Notice>)>,
    own: Vec<Arc<Notice>>,
    marks: Marks,
    complaint: Option<String>,
    alive: bool,
}

impl AlertDesk {
    pub(super) async fn run(mut self) {
        let mut known = Known::default();
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_look = tokio::select! {
                biased;
                stop = self.shutdown.wait_for(|stop| *stop) => { drop(stop); return }
                _ = tick.tick() => true,
                changed = self.incidents.changed() => { if changed.is_err() { return } false }
            };
            if is_look {
                self.look(&mut known);
            }
            let now = Timestamp::from(SystemTime::now());
            let view = self.incidents.borrow_and_update().clone();
            let notices = self.notices(&view, &mut known, now);
            self.feed.send_replace(Arc::new(Bulletin { at: now, notices, alive: known.alive }));
        }
    }

    /// Looks at ourselves.
    fn look(&mut self, known: &mut Known) {
        let now = Timestamp::from(SystemTime::now());
        let reports = self.board.olts();
        let is_warm = now.since(self.board.started()) >= WARM_UP;
        known.own = self.own.look(&facts(&self.board, &reports, is_warm, now), now);
        known.alive = reports.is_empty() || !is_warm || reports.iter().any(|report| !is_late(report, now));
        let Some(path) = &self.marks_file else { return };
        match marks::read(path) {
            Ok(marks) => (known.marks, known.complaint) = (marks, None),
            Err(error) => {
                let complaint = error.to_string();
                if known.complaint.as_ref() != Some(&complaint) {
                    tracing::warn!("{complaint}; what was known of alerts goes on");
                    known.complaint = Some(complaint);
                }
            }
        }
    }

    fn notices(&self, view: &IncidentView, known: &mut Known, now: Timestamp) -> Vec<Arc<Notice>> {
        let mut notices = HashMap::new();
        let mut all = Vec::new();
        let calendar = self.calendar.borrow().clone();
        for incident in view.open.iter().chain(&view.cleared) {
            let old = known.notices.remove(&incident.id).filter(|(old, _)| Arc::ptr_eq(old, incident));
            let notice = old.map_or_else(|| Arc::new(Notice::of_incident(incident, &self.wards)), |(_, notice)| notice);
            notices.insert(incident.id, (incident.clone(), notice.clone()));
            all.push(notice);
        }
        known.notices = notices;
        all.extend(known.own.iter().map(|notice| {
            let (regions, tags) = self.wards.of(&notice.olts);
            Arc::new(Notice { regions, tags, ..(**notice).clone() })
        }));
        let marked = all.iter().map(|notice| known.marks.mark(&silenced(notice, &calendar, now), now));
        marked.collect()
    }
}

/// The notice, silent while everything that it reaches is being worked on.
fn silenced(notice: &Arc<Notice>, calendar: &[Maintenance], now: Timestamp) -> Arc<Notice> {
    if calendar.is_empty() || notice.stage == Stage::Cleared || notice.olts.is_empty() {
        return notice.clone();
    }
    let mut reason = None;
    for olt in &notice.olts {
        let works = under_way(calendar, olt, now);
        let prefix = format!("{olt} ");
        let pons: Vec<&str> = notice.pons.iter().filter_map(|pon| pon.strip_prefix(&prefix)).collect();
        let whole = works.iter().find(|work| work.pon.is_none());
        let work = whole.or_else(|| {
            let first = works.first()?;
            let is_all = !pons.is_empty() && pons.iter().all(|pon| works.iter().any(|work| work.covers(Some(pon))));
            is_all.then_some(first)
        });
        match work {
            Some(work) => reason = Some(work.reason.clone()),
            None => return notice.clone(),
        }
    }
    let silence = reason.map(|reason| Silence { shelved: false, reason });
    Arc::new(Notice { silence, ..(**notice).clone() })
}

/// What is wrong with ourselves at this moment.
fn facts(board: &Board, reports: &[Arc<OltReport>], is_warm: bool, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    // An OLT that does not answer is an incident of its own.
    for report in reports.iter().filter(|report| is_warm && report.error.is_none() && is_late(report, now)) {
        let every = report.status.as_ref().map_or(Duration::ZERO, |status| status.intervals.state);
        facts.push(Fact {
            kind: AlertOn::PollingLate,
            olt: Some(report.olt.to_string()),
            severity: AlertSeverity::Minor,
            why: format!(
                "states of {} are to be read every {}, and sweeps begin or end too late for that",
                report.olt,
                humantime::format_duration(every)
            ),
            after: LATE_FOR,
        });
    }
    if let Some(push) = board.push() {
        let of_ozmap = |kind, severity, why: String, after| Fact { kind, olt: None, severity, why, after };
        if let Some(halted) = &push.halted {
            facts.push(of_ozmap(AlertOn::OzmapRefusing, AlertSeverity::Major, halted.why.clone(), Duration::ZERO));
        } else if push.resting_until.is_some_and(|until| until > now) {
            let why = push.last_error.as_ref().map(|error| error.message.clone());
            let why = why.unwrap_or_else(|| format!("{} does not answer", push.host));
            facts.push(of_ozmap(AlertOn::OzmapRefusing, AlertSeverity::Minor, why, SILENT_FOR));
        }
        if !push.braked.is_empty() {
            let why = push.obstacles().join("; ");
            facts.push(of_ozmap(AlertOn::PushHeld, AlertSeverity::Major, why, Duration::ZERO));
        }
    }
    if let Some(why) = board.store().and_then(|store| store.keeper().status().failing) {
        let (kind, severity, after) = (AlertOn::StoreFailing, AlertSeverity::Major, UNWRITTEN_FOR);
        facts.push(Fact { kind, olt: None, severity, why, after });
    }
    facts
}

/// Whether sweeps of states begin a whole interval late, or none has come for three of them.
fn is_late(report: &OltReport, now: Timestamp) -> bool {
    let Some(status) = &report.status else { return report.error.is_none() };
    let every = status.intervals.state;
    let is_missing =
        report.last_answer.is_none_or(|last| now.since(last) > every.saturating_mul(3) + Duration::from_secs(30));
    status.lateness.state > every || is_missing && report.error.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::maintenance::Span;
    use crate::config::{AddressMatch, Pattern};
    use crate::model::OltId;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn work(olt: &str, pon: Option<&str>) -> Maintenance {
        Maintenance {
            place: AddressMatch { olt: Some(Pattern::new(olt)), pon: pon.map(Pattern::new) },
            boxes: None,
            span: Span::Once { from: NOW, until: NOW + Duration::from_secs(60) },
            reason: "new splitters".to_owned(),
        }
    }

    #[test]
    fn maintenance_silences_what_lies_wholly_within_it() {
        let notice = |olts: &[&str], pons: &[&str]| {
            let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let notice = Notice::new("1", AlertOn::Cut, AlertSeverity::Major, NOW);
            Arc::new(Notice { olts: all(olts), pons: all(pons), ..notice })
        };
        let is_silent = |notice: &Arc<Notice>, works: &[Maintenance]| silenced(notice, works, NOW).silence.is_some();
        let one = notice(&["a"], &["a 0/1/0", "a 0/1/1"]);
        assert!(is_silent(&one, &[work("a", None)]));
        assert!(is_silent(&one, &[work("a", Some("0/1/*"))]));
        assert!(is_silent(&one, &[work("a", Some("0/1/0")), work("a", Some("0/1/1"))]));
        assert!(!is_silent(&one, &[work("a", Some("0/1/0"))]));
        assert!(!is_silent(&one, &[work("b", None)]));
        assert!(!is_silent(&notice(&["a", "b"], &[]), &[work("a", None)]));
        assert!(is_silent(&notice(&["a"], &[]), &[work("a", None)]), "an OLT that does not answer");
        assert!(!is_silent(&notice(&["a"], &[]), &[work("a", Some("0/1/*"))]));
        assert_eq!(silenced(&one, &[work("a", None)], NOW + Duration::from_secs(60)).silence, None);
    }

    #[test]
    fn an_olt_that_was_never_heard_is_late_unless_it_is_known_why() {
        let report = OltReport::new(OltId::new("a"), "192.0.2.1:161".to_owned());
        assert!(is_late(&report, NOW));
        let failing = OltReport { error: Some("no answer".to_owned()), ..report };
        assert!(!is_late(&failing, NOW), "that is an incident of its own");
    }
}
