//! What machines get: a `CloudEvents` 1.0 event in structured JSON.

use serde::Serialize;

use crate::alert::life::{Delivery, Part};
use crate::alert::notice::Notice;
use crate::alert::text::Text;
use crate::model::Timestamp;

/// The envelope.
#[derive(Debug, Serialize)]
struct Event<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    r#type: String,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    step: &'static str,
    title: &'a str,
    text: &'a str,
    map: Option<&'a str>,
    incident: &'a Notice,
    /// X.733: what sort of alarm, and its probable cause.
    alarm_type: &'static str,
    probable_cause: &'static str,
    flapping: bool,
}

/// The event of a message on one incident. A message on several has none: machines get each for itself.
pub(super) fn event(delivery: &Delivery, text: &Text, now: Timestamp) -> Option<Vec<u8>> {
    let part = delivery.parts.first()?;
    let Part { step, notice, flapping, .. } = part;
    let (alarm_type, probable_cause) = super::pagerduty::alarm(notice.kind);
    let data = Data {
        step: step.word(),
        title: &text.title,
        text: &text.whole,
        map: text.map.as_deref(),
        incident: notice,
        alarm_type,
        probable_cause,
        flapping: *flapping,
    };
    let event = Event {
        specversion: "1.0",
        id: &delivery.id,
        source: "/oltwatch",
        r#type: format!("oltwatch.incident.{}", step.word()),
        subject: &notice.id,
        time: now,
        datacontenttype: "application/json",
        data,
    };
    serde_json::to_vec(&event).ok()
}
