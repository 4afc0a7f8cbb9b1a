//! The JSON of an event of `/api/v1/events`.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::daemon::{Board, What};
use crate::incident::{self, Step};
use crate::model::{OltId, PonId, Serial};
use crate::signal::Transition;

/// A transition, with how people call the ONU.
#[derive(Serialize)]
struct TransitionDocument<'a> {
    #[serde(flatten)]
    transition: &'a Transition,
    device: Option<Device>,
}

/// An ONU as the OLT lists it now; `null` where it does not any more.
#[derive(Serialize)]
struct Device {
    pon: Option<PonId>,
    onu: Option<u32>,
    serial: Option<Serial>,
    name: Option<Arc<str>>,
}

/// What happened, as one line of JSON.
pub(super) fn line(what: &What, board: &Board) -> serde_json::Result<String> {
    match what {
        What::Transition(transition) => {
            serde_json::to_string(&TransitionDocument { transition, device: device(transition, board) })
        }
        What::Incident(change) => serde_json::to_string(&incident(change)?),
        What::Push(pushed) => serde_json::to_string(pushed.as_ref()),
    }
}

/// Whether it concerns an OLT.
pub(super) fn concerns(what: &What, olt: &str) -> bool {
    let is = |one: &OltId| one.as_str() == olt;
    match what {
        What::Transition(transition) => is(&transition.olt),
        What::Incident(change) => change.incident.olts.iter().any(is),
        What::Push(pushed) => is(&pushed.change.onu.olt),
    }
}

fn device(transition: &Transition, board: &Board) -> Option<Device> {
    let report = board.olt(transition.olt.as_str())?;
    let reading = report.view.onu(transition.onu.as_ref()?)?;
    Some(Device {
        pon: reading.pon,
        onu: reading.onu,
        serial: reading.serial.as_ref().ok().cloned(),
        name: reading.name.as_ref().ok().cloned(),
    })
}

/// As `/api/v1/incidents/{id}` gives it, but for the ONUs, which may be ten thousand, and with what became of it.
fn incident(change: &incident::Change) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(change.incident.without_onus())?;
    if let Some(members) = document.as_object_mut() {
        members.remove("onus");
        members.insert("step".to_owned(), Value::from(step(change.step)));
    }
    Ok(document)
}

const fn step(step: Step) -> &'static str {
    match step {
        Step::Opened => "opened",
        Step::Changed => "changed",
        Step::Cleared => "cleared",
    }
}
