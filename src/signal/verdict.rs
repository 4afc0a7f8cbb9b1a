//! What a client should show: the table in `docs/design.md`, "Deciding", and what makes us leave it as it is.

use std::time::Duration;

use super::Reason;
use super::level::LevelTrack;
use super::truth::TruthTrack;
use crate::config::StatusMap;
use crate::model::{Cause, Level, Truth, Verdict};

/// The table: the verdict for a truth and level that were confirmed.
#[must_use]
pub const fn verdict_of(status: &StatusMap, truth: Truth, level: Level) -> Verdict {
    match truth {
        Truth::Stale => Verdict::Hold,
        Truth::Down(Cause::Optical) => status.optical,
        Truth::Down(Cause::Power) => status.power,
        Truth::Down(Cause::Admin) => status.admin,
        Truth::Down(Cause::Auth) => status.auth,
        Truth::Down(Cause::Rogue) => status.rogue,
        Truth::Down(Cause::Restart) => status.restart,
        Truth::Down(Cause::Unknown) => status.unknown,
        Truth::Up => match level {
            Level::Good | Level::Unread => Verdict::Ok,
            Level::Weak => status.weak,
            Level::Critical => status.critical,
            Level::Overload => status.overload,
        },
    }
}

/// The table for what the OLT receives of an ONU that is up and else ok.
#[must_use]
pub const fn verdict_on_olt_side(status: &StatusMap, level: Level) -> Verdict {
    match level {
        Level::Critical => status.olt_critical,
        Level::Overload => status.olt_overload,
        Level::Good | Level::Weak | Level::Unread => Verdict::Ok,
    }
}

/// What a verdict is made of, besides the ONU's own truth and level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) status: &'a StatusMap,
    /// Why the OLT's data cannot be right.
    pub(super) suspect: Option<Reason>,
    /// Whether the first optics sweep has still to come.
    pub(super) awaiting_optics: bool,
    pub(super) unknown_after: Duration,
}

/// What a confirmed incident says of the losses that it explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// Light was lost with others': it counts at once, whether the OLT gave a cause or not.
    Cut,
    /// Power was lost with others', whatever cause the OLT gave.
    Outage,
}

/// One track, and why it stands as it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds<'a, T> {
    pub(super) track: &'a T,
    pub(super) reason: Reason,
}

/// The verdict, and why. `damped` is why nothing is believed of this ONU at present, if so; `explained` is what an incident
/// says of its loss.
pub(super) fn decide(
    around: &Circumstances<'_>,
    damped: Option<Reason>,
    explained: Option<Explained>,
    truth: Grounds<'_, TruthTrack>,
    onu_side: Grounds<'_, LevelTrack>,
    olt_side: Grounds<'_, LevelTrack>,
) -> (Verdict, Reason) {
    let decided = decide_by_onu(around, damped, explained, truth, onu_side);
    let Grounds { track: level, reason } = olt_side;
    if decided.0 != Verdict::Ok || !level.confirmed() {
        return decided;
    }
    match verdict_on_olt_side(around.status, level.shown()) {
        Verdict::Ok => decided,
        verdict => (verdict, reason),
    }
}

fn decide_by_onu(
    around: &Circumstances<'_>,
    damped: Option<Reason>,
    explained: Option<Explained>,
    Grounds { track: truth, reason: truth_reason }: Grounds<'_, TruthTrack>,
    Grounds { track: level, reason: level_reason }: Grounds<'_, LevelTrack>,
) -> (Verdict, Reason) {
    let hold = |reason: Reason| (Verdict::Hold, reason);
    if let Some(reason @ Reason::Maintenance { .. }) = damped {
        return hold(reason);
    }
    if let Some(reason) = around.suspect {
        return hold(reason);
    }
    if truth.truth() == Truth::Stale {
        return hold(truth_reason);
    }
    if let Some(doubt) = truth.doubt() {
        return hold(doubt.reason());
    }
    if let Some(reason) = damped {
        return hold(reason);
    }
    let verdict = verdict_of(around.status, truth.truth(), level.shown());
    match truth.truth() {
        Truth::Stale => hold(truth_reason),
        // What many have in common outweighs what the OLT says, or does not say, of one.
        Truth::Down(Cause::Unknown | Cause::Optical) if explained.is_some() => match explained {
            Some(Explained::Outage) => (around.status.power, Reason::InOutage),
            _ => (around.status.optical, truth_reason),
        },
        Truth::Down(Cause::Unknown) if truth.lost_for() < around.unknown_after => {
            let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
            hold(Reason::LossUnexplained { lasted: seconds(truth.lost_for()), needed: seconds(around.unknown_after) })
        }
        Truth::Down(_) => (verdict, truth_reason),
        Truth::Up if truth.is_lost() => hold(truth_reason),
        Truth::Up => {
            if let Some(old) = level.aged()
                && verdict_of(around.status, Truth::Up, old) != Verdict::Ok
            {
                // Silence neither makes a fault nor mends one.
                return hold(level_reason);
            }
            match level.shown() {
                Level::Unread if around.awaiting_optics && level.read_at().is_none() => hold(Reason::AwaitingOptics),
                Level::Unread | Level::Good => (verdict, truth_reason),
                _ if verdict == Verdict::Error && !level.confirmed() => hold(level_reason),
                _ => (verdict, level_reason),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_is_the_design_s() {
        let status = StatusMap::default();
        let table = [
            (Truth::Up, Level::Good, Verdict::Ok),
            (Truth::Up, Level::Weak, Verdict::Ok),
            (Truth::Up, Level::Unread, Verdict::Ok),
            (Truth::Up, Level::Critical, Verdict::Error),
            (Truth::Up, Level::Overload, Verdict::Error),
            (Truth::Down(Cause::Optical), Level::Good, Verdict::Error),
            (Truth::Down(Cause::Power), Level::Critical, Verdict::Hold),
            (Truth::Down(Cause::Unknown), Level::Good, Verdict::Error),
            (Truth::Down(Cause::Admin), Level::Good, Verdict::Hold),
            (Truth::Down(Cause::Auth), Level::Good, Verdict::Hold),
            (Truth::Down(Cause::Rogue), Level::Good, Verdict::Hold),
            (Truth::Down(Cause::Restart), Level::Good, Verdict::Hold),
        ];
        for (truth, level, verdict) in table {
            assert_eq!(verdict_of(&status, truth, level), verdict, "{truth} {level}");
        }
    }

    #[test]
    fn what_the_olt_receives_decides_nothing_unless_it_is_asked_to() {
        let (asked, usual) = (StatusMap::all(Verdict::Hold), StatusMap::default());
        for level in Level::ALL {
            assert_eq!(verdict_on_olt_side(&usual, *level), Verdict::Ok);
        }
        assert_eq!(verdict_on_olt_side(&asked, Level::Critical), Verdict::Hold);
        assert_eq!(verdict_on_olt_side(&asked, Level::Weak), Verdict::Ok);
    }

    #[test]
    fn stale_holds_whatever_the_config_says() {
        let status = StatusMap::all(Verdict::Error);
        for level in Level::ALL {
            assert_eq!(verdict_of(&status, Truth::Stale, *level), Verdict::Hold);
        }
    }
}
