//! What is wrong with ourselves, as notices with a life. Pure: the time is an argument.
//!
//! In: what is wrong at this moment ([`Fact`]). A fact has to last before it is told, and to be gone for a while before it is
//! over, so that what comes and goes with every look is one notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::notice::{Notice, Spot, Stage};
use crate::config::alert::{AlertOn, AlertSeverity};
use crate::model::Timestamp;

/// How long a fact has to be gone before it is over.
const GONE_FOR: Duration = Duration::from_secs(60);
/// How long what is over is still shown as such.
const SHOWN_FOR: Duration = Duration::from_secs(3600);
/// By which ids of these begin.
const PREFIX: &str = "own-";

/// Something that is wrong at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: AlertOn,
    /// The OLT that it is about; `None` where it is about none.
    pub olt: Option<String>,
    /// How bad.
    pub severity: AlertSeverity,
    /// Why, in words.
    pub why: String,
    /// How long it has to last before it is told.
    pub after: Duration,
}

#[derive(Debug, Clone)]
struct Case {
    since: Timestamp,
    seen: Timestamp,
    notice: Option<Arc<Notice>>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Own {
    cases: BTreeMap<(AlertOn, Option<String>), Case>,
    over: Vec<Arc<Notice>>,
}

impl Own {
    /// Takes up what was told before a restart and is not over, so that it is neither told twice nor left standing.
    pub fn recall(&mut self, notices: impl IntoIterator<Item = Arc<Notice>>, now: Timestamp) {
        let is_standing = |notice: &Arc<Notice>| notice.id.starts_with(PREFIX) && notice.stage != Stage::Cleared;
        for notice in notices.into_iter().filter(is_standing) {
            let key = (notice.kind, notice.olts.first().cloned());
            // What operators say of it is said anew; of several the newest comes first.
            let notice = Arc::new(Notice { ack: None, silence: None, ..(*notice).clone() });
            self.cases.entry(key).or_insert(Case { since: notice.opened_at, seen: now, notice: Some(notice) });
        }
    }

    /// Takes everything that is wrong at this moment, and gives the notices: those that stand, and those that were over lately.
    pub fn look(&mut self, facts: &[Fact], now: Timestamp) -> Vec<Arc<Notice>> {
        for fact in facts {
            let key = (fact.kind, fact.olt.clone());
            let case = self.cases.entry(key).or_insert(Case { since: now, seen: now, notice: None });
            case.seen = now;
            match &mut case.notice {
                None if now.since(case.since) < fact.after => {}
                None => case.notice = Some(Arc::new(notice(fact, case.since))),
                // Numbers in the words change with every look; what is told does not.
                Some(old) if old.severity == fact.severity => {}
                Some(old) => *old = Arc::new(Notice { severity: fact.severity, ..(**old).clone() }),
            }
        }
        let over = &mut self.over;
        self.cases.retain(|_, case| {
            let is_gone = match case.notice {
                None => case.seen < now,
                Some(_) => now.since(case.seen) >= GONE_FOR,
            };
            if let Some(notice) = case.notice.as_ref().filter(|_| is_gone) {
                let stage = Stage::Cleared;
                over.push(Arc::new(Notice { stage, cleared_at: Some(case.seen), ..(**notice).clone() }));
            }
            !is_gone
        });
        self.over.retain(|notice| notice.cleared_at.is_some_and(|over| now.since(over) < SHOWN_FOR));
        let standing = self.cases.values().filter_map(|case| case.notice.clone());
        standing.chain(self.over.iter().cloned()).collect()
    }
}

fn notice(fact: &Fact, since: Timestamp) -> Notice {
    let subject = fact.olt.as_deref().unwrap_or("oltwatch");
    let id = format!("{PREFIX}{}-{}-{}", fact.kind.word(), in_ascii(subject), since.millis());
    let place = fact.olt.as_ref().map(|olt| Spot {
        kind: "olt".to_owned(),
        name: olt.clone(),
        id: None,
        from: None,
        to: None,
        metres_from_olt: None,
        coords: None,
    });
    Notice {
        olts: fact.olt.iter().cloned().collect(),
        place,
        evidence: fact.why.clone(),
        ..Notice::new(&id, fact.kind, fact.severity, since)
    }
}

/// A name as ids have it, which go into headers: those carry ASCII only.
fn in_ascii(name: &str) -> String {
    let octet = |octet: u8| match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'.' | b'_' | b'-' => char::from(octet).to_string(),
        _ => format!("%{octet:02x}"),
    };
    name.bytes().map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn at(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn late(minutes: u64) -> Fact {
        Fact {
            kind: AlertOn::PollingLate,
            olt: Some("olt".to_owned()),
            severity: AlertSeverity::Minor,
            why: format!("{minutes} minutes late"),
            after: Duration::from_secs(120),
        }
    }

    #[test]
    fn a_fact_that_lasts_is_told_once_and_is_over_when_it_is_gone_for_a_while() {
        let mut own = Own::default();
        assert_eq!(own.look(&[late(1)], at(0)), []);
        assert_eq!(own.look(&[late(1)], at(119)), []);
        let told = own.look(&[late(2)], at(120));
        assert_eq!((told.len(), told[0].opened_at, &*told[0].evidence), (1, at(0), "2 minutes late"));
        assert_eq!(own.look(&[late(9)], at(150)), told, "other words are no news");
        assert_eq!(own.look(&[], at(200)), told, "a gap of less than a minute");
        assert_eq!(own.look(&[late(1)], at(205)), told);
        let over = own.look(&[], at(265));
        assert_eq!((over.len(), over[0].stage, over[0].cleared_at), (1, Stage::Cleared, Some(at(205))));
        assert_eq!(over[0].id, told[0].id);
        assert_eq!(own.look(&[], at(205 + 3600)), []);
    }

    #[test]
    fn one_that_comes_and_goes_quickly_is_never_told() {
        let mut own = Own::default();
        for minute in 0..60 {
            assert_eq!(own.look(&[late(1)], at(minute * 60)), []);
            assert_eq!(own.look(&[], at(minute * 60 + 30)), []);
        }
    }

    #[test]
    fn after_a_restart_it_goes_on_under_its_name_or_is_over() {
        let mut before = Own::default();
        before.look(&[late(1)], at(0));
        let told = before.look(&[late(1)], at(120));
        let mut own = Own::default();
        own.recall(told.clone(), at(500));
        assert_eq!(own.look(&[late(1)], at(501)), told);
        let mut own = Own::default();
        own.recall(told.clone(), at(500));
        assert_eq!(own.look(&[], at(520)), told, "nothing was looked at yet");
        assert_eq!(own.look(&[], at(560))[0].stage, Stage::Cleared);
    }

    #[test]
    fn the_id_of_an_olt_with_any_name_fits_into_a_header() {
        let fact = Fact { olt: Some("olt são josé".to_owned()), after: Duration::ZERO, ..late(0) };
        let id = notice(&fact, START).id.clone();
        assert!(id.contains("olt%20s%c3%a3o%20jos%c3%a9") && id.bytes().all(|octet| octet.is_ascii_graphic()), "{id}");
    }

    #[test]
    fn what_was_over_before_a_restart_does_not_hide_what_begins_after_it() {
        let mut own = Own::default();
        own.look(&[late(0)], at(0));
        let old = own.look(&[late(0)], at(120)).into_iter().next().expect("it stands");
        let mut next = Own::default();
        let over = Notice { stage: Stage::Cleared, cleared_at: Some(at(125)), ..(*old).clone() };
        next.recall([Arc::new(over)], at(130));
        next.look(&[late(0)], at(130));
        let told = next.look(&[late(0)], at(250));
        assert!(told.iter().any(|notice| notice.stage != Stage::Cleared), "{told:?}");
    }
}
