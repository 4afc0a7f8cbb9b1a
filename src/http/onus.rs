//! `/api/v1/onus`: ONUs in pages, filtered.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api_onu::OnuEntry;
use super::cursor::Cursor;
use super::merged::{Line, lines};
use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::daemon::{Board, OltReport};
use crate::model::{Level, OnuState, PonId, Serial, Truth};

/// Entries of a page unless told otherwise, and the most that can be asked for.
const USUAL_LIMIT: usize = 100;
const MOST: usize = 1000;

const KNOWN: [&str; 9] = ["olt", "pon", "state", "level", "serial", "code", "box", "limit", "cursor"];

/// A page of ONUs, in the config's order of OLTs.
#[derive(Debug, Serialize)]
struct Page {
    /// The ONUs.
    onus: Vec<OnuEntry>,
    /// What to give as `cursor`, with the same filters, for the next page; `null` after the last one.
    next_cursor: Option<String>,
}

/// `state`: what is held, or that the OLT does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateFilter {
    Up,
    Down,
    Stale,
    Unknown,
}

impl StateFilter {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "stale" => Ok(Self::Stale),
            "unknown" => Ok(Self::Unknown),
            other => Err(format!("unknown word {:?}; one of up, down, stale, unknown was expected", shown(other))),
        }
    }

    fn fits(self, line: &Line<'_>) -> bool {
        match self {
            Self::Up => line.truth() == Truth::Up,
            Self::Down => matches!(line.truth(), Truth::Down(_)),
            Self::Stale => line.truth() == Truth::Stale,
            Self::Unknown => {
                line.reading.is_none_or(|reading| !matches!(reading.state, Ok(OnuState::Up | OnuState::Down)))
            }
        }
    }
}

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    olt: Option<String>,
    pon: Option<PonId>,
    state: Option<StateFilter>,
    level: Option<Level>,
    serial: Option<Serial>,
    limit: usize,
    cursor: Option<Cursor>,
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        parameters.only(&KNOWN)?;
        let limit = parameters.parsed("limit", |text| match text.parse::<usize>() {
            Ok(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            _ => Err(format!("{:?} is no number from 1 to {MOST}", shown(text))),
        })?;
        Ok(Self {
            olt: parameters.get("olt").map(ToOwned::to_owned),
            pon: parameters.parsed("pon", str::parse)?,
            state: parameters.parsed("state", StateFilter::parse)?,
            level: parameters.parsed("level", str::parse)?,
            serial: parameters.parsed("serial", str::parse)?,
            limit: limit.unwrap_or(USUAL_LIMIT),
            cursor: parameters.parsed("cursor", str::parse)?,
        })
    }

    fn fits(&self, line: &Line<'_>) -> bool {
        let serial = || line.reading.and_then(|reading| reading.serial.as_ref().ok());
        self.pon.is_none_or(|pon| line.pon() == Some(pon))
            && self.state.is_none_or(|state| state.fits(line))
            && self.level.is_none_or(|level| line.level() == level)
            && self.serial.as_ref().is_none_or(|wanted| serial() == Some(wanted))
    }

    /// The OLTs that the page may come from, in order.
    fn olts(&self, board: &Board) -> Result<Vec<Arc<OltReport>>, Problem> {
        let mut olts = match &self.olt {
            None => board.olts(),
            Some(name) => match board.olt(name) {
                Some(olt) => vec![olt],
                None => return Err(Problem::not_found(format!("olt: the config has no OLT {:?}", shown(name)))),
            },
        };
        if let Some(cursor) = &self.cursor {
            let Some(place) = olts.iter().position(|olt| olt.olt == cursor.olt) else {
                let detail = "cursor: its OLT is not among those that are asked for; begin without a cursor";
                return Err(Problem::bad_request(detail));
            };
            olts.drain(..place);
        }
        Ok(olts)
    }

    fn page(&self, board: &Board) -> Result<Page, Problem> {
        let mut onus: Vec<OnuEntry> = Vec::new();
        let mut last: Option<Cursor> = None;
        for report in self.olts(board)? {
            let after = self.cursor.as_ref().filter(|cursor| cursor.olt == report.olt).map(|cursor| &cursor.key);
            for line in lines(&report).filter(|line| after.is_none_or(|after| line.key > after)) {
                if !self.fits(&line) {
                    continue;
                }
                if onus.len() == self.limit {
                    return Ok(Page { onus, next_cursor: last.map(|cursor| cursor.to_string()) });
                }
                onus.push(OnuEntry::new(&report.olt, &line));
                if onus.len() == self.limit {
                    last = Some(Cursor { olt: report.olt.clone(), key: line.key.clone() });
                }
            }
        }
        Ok(Page { onus, next_cursor: None })
    }
}

/// A page of ONUs.
pub(super) async fn page(State(shared): State<Shared>, parameters: Parameters) -> Response {
    match Wanted::read(&parameters) {
        Ok(wanted) => shared.work(move |board| Ok(json(StatusCode::OK, &wanted.page(board)?))).await,
        Err(problem) => problem.into_response(),
    }
}
