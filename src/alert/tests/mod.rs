//! What the tests of this room share.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Secret;
use crate::config::alert::{Alert, AlertBudget, AlertChannel, AlertFilter, AlertOn, AlertSeverity, Language};
use crate::model::Timestamp;

mod life;
mod properties;
mod standing;
mod storm;
mod texts;

const START: Timestamp = Timestamp::from_millis(1_795_401_067_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

/// A chat, whose messages can be changed.
fn chat() -> Alert {
    let url = Secret::new("http://127.0.0.1:1".to_owned());
    let token = Secret::new("token".to_owned());
    config(AlertChannel::Telegram { url, token, chat: "1".to_owned(), topic: None })
}

/// A webhook, which takes every message for itself.
fn hook() -> Alert {
    config(AlertChannel::Webhook { url: Secret::new("http://127.0.0.1:1".to_owned()), secret: None, token: None })
}

pub(super) fn config(channel: AlertChannel) -> Alert {
    Alert {
        name: "channel".to_owned(),
        channel,
        filter: AlertFilter::default(),
        min_clients: 0,
        after: Duration::ZERO,
        update_every: Duration::from_secs(60),
        quiet: None,
        budget: AlertBudget { per_minute: 15.0, burst: 5 },
        language: Language::English,
        utc_offset: 0,
        template: None,
        map: "https://map.example/?q={lat},{lon}".to_owned(),
        ca_file: None,
    }
}

/// A cut at a cable of this number, with so many clients lost.
fn cut(number: u32, lost: u32) -> Notice {
    Notice {
        lost,
        monitored: lost,
        olts: vec!["olt".to_owned()],
        pons: vec![format!("olt 0/{number}")],
        place: Some(Spot {
            kind: "cable".to_owned(),
            name: format!("CABO {number}"),
            id: None,
            from: None,
            to: None,
            metres_from_olt: None,
            coords: None,
        }),
        confidence: Some(0.97),
        ..Notice::new(&format!("incident-{number}"), AlertOn::Cut, AlertSeverity::Major, START)
    }
}

fn cleared(notice: &Notice, now: Timestamp) -> Notice {
    Notice { stage: Stage::Cleared, cleared_at: Some(now), recovered: notice.lost, ..notice.clone() }
}

fn arcs(notices: &[Notice]) -> Vec<Arc<Notice>> {
    notices.iter().cloned().map(Arc::new).collect()
}

/// Everything that goes out now, all of it taken.
fn sent(life: &mut Life, now: Timestamp) -> Vec<(Step, String)> {
    let mut all = Vec::new();
    while let Next::Send(delivery) = life.next(now) {
        all.extend(delivery.parts.iter().map(|part| (part.step, part.notice.id.to_string())));
        life.settle(&delivery, &Outcome::Taken(Some(delivery.id.clone())), now);
        assert!(all.len() < 1000, "it never ends");
    }
    all
}
