//! An ONU by what the path of its page says.

use std::sync::Arc;

use super::parameters::shown;
use super::problem::Problem;
use crate::daemon::{Board, OltReport};
use crate::model::{PonId, Reading, Serial};

/// Which ONU, as the path says it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) report: Arc<OltReport>,
    pub(super) pon: Option<PonId>,
    /// Its number on the PON; where the family has none, its serial.
    pub(super) onu: Result<u32, Serial>,
}

impl Named {
    /// The PON may stand there with its slashes or with `%2F`; `-` where the family shows none.
    pub(super) fn find(board: &Board, path: &str) -> Result<Self, Problem> {
        let nowhere = || Problem::not_found("there is no such page; /about lists what there is");
        let (rest, onu) = path.rsplit_once('/').ok_or_else(nowhere)?;
        let olts = board.olts();
        // A name may hold slashes as well.
        let named = olts.into_iter().find_map(|report| {
            let pon = rest.strip_prefix(report.olt.as_str())?.strip_prefix('/')?.to_owned();
            (pon == "-" || pon.parse::<PonId>().is_ok()).then_some((report, pon))
        });
        let Some((report, pon)) = named else {
            let detail =
                format!("{:?} names no OLT of the config and PON port of it, such as olt-centro/0/1/0", shown(rest));
            return Err(Problem::not_found(detail));
        };
        let onu = match onu.parse::<u32>() {
            Ok(number) => Ok(number),
            Err(_) => Err(onu.parse::<Serial>().map_err(|_| {
                Problem::not_found(format!("{:?} is neither an ONU's number nor a serial number", shown(onu)))
            })?),
        };
        Ok(Self { report, pon: pon.parse().ok(), onu })
    }

    /// Whether one of that port, number and serial is meant.
    pub(super) fn fits(&self, pon: Option<PonId>, number: Option<u32>, serial: Option<&Serial>) -> bool {
        pon == self.pon
            && match &self.onu {
                Ok(wanted) => number == Some(*wanted),
                Err(wanted) => serial == Some(wanted),
            }
    }

    /// What is read of who stands there now.
    pub(super) fn reading(&self) -> Option<&Reading> {
        self.report.view.onus().find(|read| self.fits(read.pon, read.onu, read.serial.as_ref().ok()))
    }
}
