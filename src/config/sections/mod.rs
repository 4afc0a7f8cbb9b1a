//! From the sections of the file to their typed parts, one file a section.

mod address;
mod alert;
mod alert_channel;
mod credential;
mod maintenance;
mod olt;
mod ozmap;
mod services;
mod thresholds;

pub(super) use alert::alerts;
pub(super) use credential::snmp;
pub(super) use maintenance::maintenance;
pub(super) use olt::olts;
pub(super) use ozmap::ozmap;
pub(super) use services::{http, incident, mibs, store, trap};
pub(super) use thresholds::thresholds;
