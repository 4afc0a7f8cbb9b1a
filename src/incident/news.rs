//! What a judge says, as far as incidents are concerned.

use super::look::{Look, News, Seen, Sighting};
use crate::model::{OnuKey, PonId, Timestamp, Truth};
use crate::signal::{Change, Held, Judge, Part, Side, Transition};

/// What these transitions of an OLT's judge mean, in their order.
#[must_use]
pub fn news_of(told: &[Transition], judge: &Judge) -> Vec<(News, Timestamp)> {
    let mut all = Vec::new();
    for transition in told {
        let mut say = |news: News| all.push((news, transition.at));
        match (&transition.what, &transition.onu) {
            (Change::Unreachable, _) => say(News::Unreachable),
            (Change::Answering, _) => say(News::Answering),
            (Change::Rebooted, _) => say(News::Rebooted),
            (Change::Settled, None) => say(News::Settled),
            (Change::Settled, Some(key)) => say(News::Flapping(key.clone(), false)),
            (Change::Flapping, Some(key)) => say(News::Flapping(key.clone(), true)),
            (Change::Suspect, _) => say(News::Suspect(transition.reason.to_string().into())),
            (Change::Trusted, _) => say(News::Trusted),
            (Change::Gone, Some(key)) => say(News::Gone(key.clone())),
            (Change::Moved { from_key: Some(key), .. }, _) => say(News::Gone(key.clone())),
            (Change::Replaced { .. }, Some(key)) => say(News::Gone(key.clone())),
            (Change::MaintenanceBegun { .. } | Change::MaintenanceOver { .. }, _) => {
                say(News::Maintenance(judge.maintenance().to_vec()));
            }
            (
                Change::Step { part, side: Side::Onu, pon, lost, .. }
                | Change::Decline { part, side: Side::Onu, pon, lost, .. },
                key,
            ) => {
                for key in concerned(judge, *part, *pon, key.as_ref()) {
                    say(News::Fell(key, Some(lost.thousandths())));
                }
            }
            (Change::Recovered { part, side: Side::Onu, pon, .. }, key) => {
                for key in concerned(judge, *part, *pon, key.as_ref()) {
                    say(News::Fell(key, None));
                }
            }
            _ => {}
        }
    }
    all
}

/// What a judge knows that was given its memory back: whether it believes its OLT's levels, who goes up and down all the time, whose level fell.
#[must_use]
pub fn news_of_recalled(judge: &Judge) -> Vec<News> {
    let mut all = vec![match judge.suspect() {
        Some(reason) => News::Suspect(reason.to_string().into()),
        None => News::Trusted,
    }];
    for (key, held) in judge.held() {
        if held.is_flapping() {
            all.push(News::Flapping(key.clone(), true));
        }
        let fell = held.lost(Side::Onu).thousandths();
        if fell > 0 {
            all.push(News::Fell(key.clone(), Some(fell)));
        }
    }
    all
}

/// Who was up, as a judge knows that was given its memory back, when its OLT was last read at `read_at`.
#[must_use]
pub fn look_of_recalled(judge: &Judge, read_at: Timestamp) -> Look {
    let was_up = |(_, held): &(&OnuKey, &Held)| held.truth_before() == Some(Truth::Up);
    let sighting = |(key, held): (&OnuKey, &Held)| Sighting {
        key: key.clone(),
        pon: held.pon(),
        onu: held.onu(),
        serial: held.serial().cloned(),
        seen: Seen::Up,
        rx: None,
        distance: None,
    };
    let onus = judge.held().filter(was_up).map(sighting).collect();
    Look { olt: judge.olt().clone(), started: read_at, elapsed: std::time::Duration::ZERO, onus, pons: Vec::new() }
}

/// Whose levels moved: an ONU's own, or those of all on a PON.
fn concerned(judge: &Judge, part: Part, pon: Option<PonId>, key: Option<&OnuKey>) -> Vec<OnuKey> {
    match (part, key) {
        (Part::Own, Some(key)) => vec![key.clone()],
        (Part::Own, None) => Vec::new(),
        (Part::Pon, _) => judge.held().filter(|(_, held)| held.pon() == pon).map(|(key, _)| key.clone()).collect(),
    }
}
