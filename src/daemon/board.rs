//! What the daemon shows of itself: immutable snapshots, replaced by their owners.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::feed::Feed;
use super::incidents::IncidentView;
use crate::alert;
use crate::config::ThresholdRule;
use crate::config::maintenance::UnderWay;
use crate::model::{Dbm, Decibels, Level, OltId, OnuKey, PonId, Timestamp, Truth, Verdict};
use crate::ozmap::{PlantSnapshot, PushSnapshot, Survey};
use crate::poll::{Status, View};
use crate::record::Rules;
use crate::signal::Reason;
use crate::snmp::{Engine, EngineStatus};
use crate::store::Store;
use crate::trap;

/// What is held of one ONU.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Which ONU of the OLT.
    pub key: OnuKey,
    /// Up, down or stale.
    pub truth: Truth,
    /// Since when.
    pub since: Timestamp,
    /// The class of its received power.
    pub level: Level,
    /// The class of the power that the OLT receives from it; `unread` where that is not judged.
    pub olt_level: Level,
    /// Where what it receives usually is; `None` while that is learned.
    pub usual_rx: Option<Dbm>,
    /// What the level that it receives lost in steps and did not get back.
    pub lost: Decibels,
    /// Whether that level falls day by day.
    pub declines: bool,
    /// Whether it went down so often lately that its verdict holds.
    pub flaps: bool,
    /// What its client should show.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

/// How one OLT stands.
#[derive(Debug, Clone)]
pub struct OltReport {
    /// The OLT.
    pub olt: OltId,
    /// Its address, as the config gives it.
    pub address: String,
    /// How polling goes; `None` until the first contact was tried.
    pub status: Option<Status>,
    /// The newest known values.
    pub view: Arc<View>,
    /// What is held of its ONUs, sorted by key.
    pub standings: Arc<Vec<Standing>>,
    /// When a sweep last ended with an answer.
    pub last_answer: Option<Timestamp>,
    /// Why the last look failed; `None` when it did not.
    pub error: Option<String>,
    /// Looks that failed in a row.
    pub failures: u32,
    /// When it is tried again after a failure.
    pub again_in: Option<Duration>,
    /// Why its levels are not trusted at present, if they are not.
    pub suspect: Option<String>,
    /// Work on the network under way.
    pub maintenance: Vec<UnderWay>,
}

impl OltReport {
    /// Before anything was asked.
    #[must_use]
    pub fn new(olt: OltId, address: String) -> Self {
        Self {
            olt,
            address,
            status: None,
            view: Arc::default(),
            standings: Arc::default(),
            last_answer: None,
            error: None,
            failures: 0,
            again_in: None,
            suspect: None,
            maintenance: Vec::new(),
        }
    }

    /// What is held of one ONU.
    #[must_use]
    pub fn standing(&self, key: &OnuKey) -> Option<&Standing> {
        let place = self.standings.binary_search_by(|standing| standing.key.cmp(key)).ok()?;
        self.standings.get(place)
    }
}

/// The snapshots of everything that runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Board {
    started: Timestamp,
    olts: Arc<Vec<(OltId, watch::Receiver<Arc<OltReport>>)>>,
    push: Option<watch::Receiver<Arc<PushSnapshot>>>,
    incidents: Option<watch::Receiver<Arc<IncidentView>>>,
    feed: Feed,
    engine: Engine,
    traps: Option<trap::Statuses>,
    store: Option<Arc<Store>>,
    plant: Option<watch::Receiver<Arc<PlantSnapshot>>>,
    survey: Option<watch::Receiver<Arc<Survey>>>,
    alerts: alert::Statuses,
    rules: Option<watch::Receiver<Arc<Rules>>>,
}

impl Board {
    pub(super) fn new(
        started: Timestamp,
        olts: Vec<(OltId, watch::Receiver<Arc<OltReport>>)>,
        push: Option<watch::Receiver<Arc<PushSnapshot>>>,
        engine: Engine,
        traps: Option<trap::Statuses>,
        store: Option<Arc<Store>>,
    ) -> Self {
        let feed = Feed::new(started);
        let (olts, alerts) = (Arc::new(olts), alert::Statuses::default());
        Self {
            started,
            olts,
            push,
            incidents: None,
            feed,
            engine,
            traps,
            store,
            plant: None,
            survey: None,
            alerts,
            rules: None,
        }
    }

    /// The same with the rules by which is judged.
    pub(super) fn with_rules(self, rules: watch::Receiver<Arc<Rules>>) -> Self {
        Self { rules: Some(rules), ..self }
    }

    /// The same with the plant.
    pub(super) fn with_plant(self, plant: Option<watch::Receiver<Arc<PlantSnapshot>>>) -> Self {
        Self { plant, ..self }
    }

    /// The same with what readings say of the plant, as a task publishes it.
    pub(super) fn with_survey(self, survey: watch::Receiver<Arc<Survey>>) -> Self {
        Self { survey: Some(survey), ..self }
    }

    /// The same with the incidents that a task publishes.
    pub(super) fn with_incidents(self, incidents: watch::Receiver<Arc<IncidentView>>) -> Self {
        Self { incidents: Some(incidents), ..self }
    }

    /// The same with the log that the tasks tell.
    pub(super) fn with_feed(self, feed: Feed) -> Self {
        Self { feed, ..self }
    }

    /// The same with channels of alerts.
    pub(super) fn with_alerts(self, alerts: alert::Statuses) -> Self {
        Self { alerts, ..self }
    }

    /// A board that shows these reports and stays so, and the ends that its owners would hold: when they are dropped,
    /// the board's owners are gone.
    #[cfg(test)]
    pub(crate) fn still(
        started: Timestamp,
        reports: Vec<OltReport>,
        push: Option<PushSnapshot>,
    ) -> (Self, Vec<watch::Sender<Arc<OltReport>>>) {
        let ends: Vec<_> = reports.into_iter().map(|report| watch::channel(Arc::new(report))).collect();
        let olts = ends.iter().map(|(_, report)| (report.borrow().olt.clone(), report.clone())).collect();
        let push = push.map(|push| watch::channel(Arc::new(push)).1);
        (
            Self::new(started, olts, push, Engine::default(), None, None),
            ends.into_iter().map(|(owner, _)| owner).collect(),
        )
    }

    /// The same, with a receiver of traps, to which the first OLT has sent one when the board was started.
    #[cfg(test)]
    pub(crate) fn listening(self, listens: std::net::SocketAddr) -> Self {
        let traps = trap::Statuses::new(listens, self.olts.iter().map(|(olt, _)| olt));
        if let Some((olt, _)) = self.olts.first() {
            traps.came_to(olt, self.started, Some(crate::poll::Offered::Now));
        }
        Self { traps: Some(traps), ..self }
    }

    /// The same with this survey and its plant.
    #[cfg(test)]
    pub(crate) fn surveyed(mut self, survey: Survey) -> Self {
        self.plant = Some(watch::channel(Arc::clone(&survey.plant)).1);
        self.survey = Some(watch::channel(Arc::new(survey)).1);
        self
    }

    /// The same with incidents and a plant that stay so.
    #[cfg(test)]
    pub(crate) fn explained(self, incidents: IncidentView, plant: PlantSnapshot) -> Self {
        let (owner, incidents) = watch::channel(Arc::new(incidents));
        // Its owner lives as long as the test does.
        std::mem::forget(owner);
        Self { incidents: Some(incidents), plant: Some(watch::channel(Arc::new(plant)).1), ..self }
    }

    /// The same with a database.
    #[cfg(test)]
    pub(crate) fn with_store(mut self, store: Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The same with channels of alerts that stand so.
    #[cfg(test)]
    pub(crate) fn with_channels(self, channels: Vec<alert::ChannelStatus>) -> Self {
        self.with_alerts(alert::Statuses::still(channels))
    }

    /// Whether the tasks that keep these snapshots true still live.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.olts.iter().all(|(_, report)| report.has_changed().is_ok())
            && self.incidents.as_ref().is_none_or(|incidents| incidents.has_changed().is_ok())
    }

    /// When the daemon started.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Every OLT's newest report, in the config's order.
    #[must_use]
    pub fn olts(&self) -> Vec<Arc<OltReport>> {
        self.olts.iter().map(|(_, report)| report.borrow().clone()).collect()
    }

    /// The newest report of one OLT.
    #[must_use]
    pub fn olt(&self, name: &str) -> Option<Arc<OltReport>> {
        let (_, report) = self.olts.iter().find(|(olt, _)| olt.as_str() == name)?;
        Some(report.borrow().clone())
    }

    /// How the SNMP engine stands that all OLTs share.
    #[must_use]
    pub fn engine(&self) -> EngineStatus {
        self.engine.status()
    }

    /// What came to the receiver of traps; `None` when none listens.
    #[must_use]
    pub fn traps(&self) -> Option<trap::Status> {
        self.traps.as_ref().map(trap::Statuses::now)
    }

    /// The database; `None` without `[store]`.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }

    /// How each channel of alerts stands, in the config's order.
    #[must_use]
    pub fn alerts(&self) -> Vec<Arc<alert::ChannelStatus>> {
        self.alerts.now()
    }

    /// All incidents.
    #[must_use]
    pub fn incidents(&self) -> Arc<IncidentView> {
        self.incidents.as_ref().map(|incidents| incidents.borrow().clone()).unwrap_or_default()
    }

    /// What happened last, for those who follow.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// How the matching with OZmap and the writing stand; `None` without `[ozmap]`.
    #[must_use]
    pub fn push(&self) -> Option<Arc<PushSnapshot>> {
        self.push.as_ref().map(|push| push.borrow().clone())
    }

    /// What is known of the plant; `None` without `[ozmap]`, or when it is not imported.
    #[must_use]
    pub fn plant(&self) -> Option<Arc<PlantSnapshot>> {
        self.plant.as_ref().map(|plant| plant.borrow().clone())
    }

    /// What readings say of the plant; `None` without a plant.
    #[must_use]
    pub fn survey(&self) -> Option<Arc<Survey>> {
        self.survey.as_ref().map(|survey| survey.borrow().clone())
    }

    /// The thresholds in force for the ONUs of a PON; those of a config without any where nothing judges.
    #[must_use]
    pub fn rule(&self, olt: &OltId, pon: Option<PonId>) -> ThresholdRule {
        let pon = pon.map(|pon| pon.to_string());
        let of =
            |rules: &watch::Receiver<Arc<Rules>>| *rules.borrow().thresholds.rule_for(olt.as_str(), pon.as_deref());
        self.rules.as_ref().map(of).unwrap_or_default()
    }
}
