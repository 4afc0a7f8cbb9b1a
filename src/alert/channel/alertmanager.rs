//! One member of a cluster of Prometheus Alertmanagers, by its API v2.
//!
//! Labels are an alert's identity there: only what seldom changes stands in them. When one does (a power outage that turns out
//! to be a cut), the alert under its old labels is ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::web::Web;
use crate::alert::error::{AlertError, Trouble};
use crate::alert::life::Part;
use crate::alert::notice::{Notice, Stage};
use crate::alert::standing::Firing;
use crate::alert::text::Writer;
use crate::alert::thread::Step;
use crate::config::Secret;
use crate::config::alert::{Alert, AlertChannel, AlertOn};
use crate::model::Timestamp;

/// Alerts in one request.
const AT_ONCE: usize = 200;
/// How long an alert under labels that it has no more is ended again and again.
const RETIRED_FOR: Duration = Duration::from_secs(5 * 60);

type Labels = BTreeMap<&'static str, String>;

/// See the module.
#[derive(Debug)]
pub struct Alertmanager {
    web: Web,
    token: Option<Secret>,
    every: Duration,
    heartbeat: bool,
    writer: Writer,
    /// The labels under which each incident was sent last.
    sent: BTreeMap<Arc<str>, (Labels, Timestamp)>,
    /// Those under which none is sent any more: since when they began, and since when they are over.
    retired: Vec<(Labels, Timestamp, Timestamp)>,
}

impl Alertmanager {
    /// One for each member that a section names; none for a section of another kind.
    ///
    /// # Errors
    /// [`AlertError`] when the section cannot be carried out.
    pub fn all(config: &Alert) -> Result<Vec<Self>, AlertError> {
        let AlertChannel::Alertmanager { members, token, every, heartbeat } = &config.channel else {
            return Ok(Vec::new());
        };
        let wrong = |what: String| AlertError { channel: config.name.clone(), what };
        let one = |member: &Secret| {
            let secrets: Vec<&Secret> = token.iter().collect();
            Ok(Self {
                web: Web::new(member, &secrets, config.ca_file.as_deref()).map_err(wrong)?,
                token: token.clone(),
                every: *every,
                heartbeat: *heartbeat,
                writer: Writer::new(config).map_err(wrong)?,
                sent: BTreeMap::new(),
                retired: Vec::new(),
            })
        };
        members.iter().map(one).collect()
    }

    /// How often what stands is sent again.
    #[must_use]
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// Where it goes, for people.
    #[must_use]
    pub fn address(&self) -> String {
        self.web.host()
    }

    /// Sends everything that stands. `alive`: whether the heartbeat may fire.
    ///
    /// # Errors
    /// [`Trouble`] when some of it was not taken; all of it is to be sent again.
    pub async fn send(&mut self, firing: &[Firing], alive: bool, now: Timestamp) -> Result<(), Trouble> {
        let alerts = self.alerts(firing, alive, now);
        for chunk in alerts.chunks(AT_ONCE) {
            let headers = self.token.as_ref().map(Web::bearer).transpose()?.into_iter().collect();
            let body = Value::Array(chunk.to_vec()).to_string().into_bytes();
            let answer = self.web.post(self.web.at("/api/v2/alerts"), headers, body).await?;
            self.web.judge(answer)?;
        }
        Ok(())
    }

    fn alerts(&mut self, firing: &[Firing], alive: bool, now: Timestamp) -> Vec<Value> {
        self.retired.retain(|(_, _, over)| now.since(*over) < RETIRED_FOR);
        let mut alerts = Vec::new();
        for one in firing {
            let labels = labels(&one.notice);
            let entry = (labels.clone(), one.notice.opened_at);
            if let Some((old, began)) = self.sent.insert(one.notice.id.clone(), entry).filter(|(old, _)| *old != labels)
            {
                self.retired.push((old, began, now));
            }
            // One that changes back is not over any more.
            self.retired.retain(|(old, ..)| *old != labels);
            alerts.push(json!({
                "labels": labels, "annotations": self.annotations(&one.notice, now),
                "startsAt": one.notice.opened_at, "endsAt": one.ends_at,
            }));
        }
        self.sent.retain(|id, _| firing.iter().any(|one| one.notice.id == *id));
        alerts.extend(self.retired.iter().map(
            |(labels, began, over)| json!({"labels": labels, "annotations": {}, "startsAt": began, "endsAt": over}),
        ));
        if self.heartbeat && alive {
            alerts.push(self.alive(now));
        }
        alerts
    }

    fn alive(&self, now: Timestamp) -> Value {
        json!({
            "labels": {"alertname": "OltwatchAlive", "severity": "none"},
            "annotations": {"summary": "Fires as long as oltwatch works; be told when it stops."},
            "startsAt": now, "endsAt": now + self.every.mul_f64(3.5),
        })
    }

    fn annotations(&self, notice: &Arc<Notice>, now: Timestamp) -> BTreeMap<&'static str, String> {
        let step = if notice.stage == Stage::Cleared { Step::Resolve } else { Step::Open };
        let text = self.writer.one(&Part { step, notice: notice.clone(), handle: None, flapping: false }, now);
        let mut annotations = BTreeMap::from([("summary", text.title), ("description", text.whole)]);
        if notice.is_of_losses() {
            annotations.insert("customers", notice.lost.to_string());
            annotations.insert("back", notice.recovered.to_string());
        }
        annotations.extend(text.map.map(|map| ("map", map)));
        annotations.extend(notice.ack.as_ref().map(|ack| ("acknowledged_by", ack.by.clone())));
        annotations
    }

    /// Whether it is there: its version.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn reach(&self) -> Result<String, String> {
        let ask = async {
            let headers = self.token.as_ref().map(Web::bearer).transpose()?.into_iter().collect();
            let answer = self.web.ask(Method::GET, self.web.at("/api/v2/status"), headers).await?;
            self.web.judge(answer)
        };
        let status = ask.await.map_err(|trouble: Trouble| trouble.why)?.json();
        let version = status.pointer("/versionInfo/version").and_then(Value::as_str).unwrap_or("?");
        Ok(format!("Alertmanager {version}"))
    }
}

/// `OltwatchFibreCut` and so on.
const fn alert_name(kind: AlertOn) -> &'static str {
    match kind {
        AlertOn::Cut => "OltwatchFibreCut",
        AlertOn::Power => "OltwatchPowerOutage",
        AlertOn::Equipment => "OltwatchEquipmentFailed",
        AlertOn::Drop => "OltwatchDropLost",
        AlertOn::Degradation => "OltwatchSignalDegraded",
        AlertOn::Undetermined => "OltwatchFibreOrPower",
        AlertOn::OltUnreachable => "OltwatchOltUnreachable",
        AlertOn::DataQuality => "OltwatchDataQuality",
        AlertOn::PollingLate => "OltwatchPollingLate",
        AlertOn::OzmapRefusing => "OltwatchOzmapRefusing",
        AlertOn::PushHeld => "OltwatchPushHeld",
        AlertOn::StoreFailing => "OltwatchStoreFailing",
    }
}

fn labels(notice: &Notice) -> Labels {
    let mut labels = BTreeMap::from([
        ("alertname", alert_name(notice.kind).to_owned()),
        ("severity", notice.severity.word().to_owned()),
        ("kind", notice.kind.word().to_owned()),
        ("incident", notice.id.to_string()),
    ]);
    labels.extend(notice.olts.first().map(|olt| ("olt", olt.clone())));
    labels.extend(notice.regions.first().map(|region| ("region", region.clone())));
    if notice.test {
        labels.insert("test", "true".to_owned());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::trial;
    use crate::config::alert::AlertSeverity;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn member() -> Alertmanager {
        let url = Secret::new("http://127.0.0.1:9093".to_owned());
        let channel = AlertChannel::Alertmanager {
            members: vec![url],
            token: None,
            every: Duration::from_secs(60),
            heartbeat: true,
        };
        Alertmanager::all(&crate::alert::tests::config(channel)).unwrap().remove(0)
    }

    fn firing(notice: &Notice) -> Vec<Firing> {
        vec![Firing { notice: Arc::new(notice.clone()), ends_at: NOW + Duration::from_secs(210) }]
    }

    #[test]
    fn labels_stay_while_an_incident_grows_and_the_alert_of_old_labels_is_ended() {
        let mut member = member();
        let (_, open) = trial::steps(NOW).remove(0);
        let first = member.alerts(&firing(&open), true, NOW);
        assert_eq!(first.len(), 2, "it, and the heartbeat");
        assert_eq!(first[1]["labels"]["alertname"], "OltwatchAlive");
        let grown = Notice { lost: 99, recovered: 3, pons: vec!["olt-test 0/1/1".to_owned()], ..open.clone() };
        let second = member.alerts(&firing(&grown), false, NOW);
        assert_eq!((second.len(), &second[0]["labels"]), (1, &first[0]["labels"]));
        assert_eq!(second[0]["annotations"]["customers"], "99");
        let worse = Notice { severity: AlertSeverity::Critical, ..grown };
        let later = NOW + Duration::from_secs(30);
        let third = member.alerts(&firing(&worse), false, later);
        assert_eq!((third.len(), &third[1]["labels"]), (2, &first[0]["labels"]));
        assert_eq!(third[1]["endsAt"], later.to_string());
        assert_eq!(member.alerts(&firing(&worse), false, later + Duration::from_secs(301)).len(), 1);
    }
}
