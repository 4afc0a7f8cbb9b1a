//! `/api/v1/onus`: ONUs in pages, filtered.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api_onu::{OnuEntry, Unplaced};
use super::cursor::Cursor;
use super::merged::{Line, lines};
use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::daemon::{Board, OltReport};
use crate::model::{Level, OnuState, PonId, Serial, Truth};
use crate::ozmap::{Directory, Owner, Survey};

/// Entries of a page unless told otherwise, and the most that can be asked for.
const USUAL_LIMIT: usize = 100;
const MOST: usize = 1000;

const KNOWN: [&str; 10] = ["olt", "pon", "state", "level", "serial", "code", "box", "q", "limit", "cursor"];

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

/// What is known of clients and boxes.
struct Known<'a> {
    survey: Option<&'a Survey>,
    directory: Option<&'a Directory>,
}

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    olt: Option<String>,
    pon: Option<PonId>,
    state: Option<StateFilter>,
    level: Option<Level>,
    serial: Option<Serial>,
    code: Option<String>,
    /// The id of a box or building in OZmap, or its name.
    place: Option<String>,
    /// Text that serial, MAC, name, code or the client's name hold, in lower case.
    text: Option<String>,
    pub(super) limit: usize,
    cursor: Option<Cursor>,
}

impl Wanted {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Problem> {
        parameters.only(&KNOWN)?;
        Self::of(parameters)
    }

    /// From parameters whose names were looked at.
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Problem> {
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
            code: parameters.get("code").map(|code| code.trim().to_owned()),
            place: parameters.get("box").map(|place| place.trim().to_lowercase()),
            text: parameters.get("q").map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()),
            limit: limit.unwrap_or(USUAL_LIMIT),
            cursor: parameters.parsed("cursor", str::parse)?,
        })
    }

    fn fits(&self, line: &Line<'_>, owner: Option<&Owner>, known: &Known<'_>) -> bool {
        let serial = || line.reading.and_then(|reading| reading.serial.as_ref().ok());
        self.pon.is_none_or(|pon| line.pon() == Some(pon))
            && self.state.is_none_or(|state| state.fits(line))
            && self.level.is_none_or(|level| line.level() == level)
            && self.serial.as_ref().is_none_or(|wanted| serial() == Some(wanted))
            && self.code.as_ref().is_none_or(|code| owner.and_then(|owner| owner.code.as_deref()) == Some(code))
            && self.place.as_ref().is_none_or(|wanted| owner.is_some_and(|owner| is_at(owner, wanted, known.survey)))
            && self.text.as_ref().is_none_or(|text| mentions(text, line, owner, known.directory))
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
        let survey = board.survey();
        let (onus, next) = self.select(board, |report, unplaced, line, owner| {
            OnuEntry::new(&report.olt, line, unplaced, owner, survey.as_deref())
        })?;
        Ok(Page { onus, next_cursor: next.map(|cursor| cursor.to_string()) })
    }

    /// What `make` makes of the ONUs that fit, at most `limit` of them, and where to go on.
    pub(super) fn select<T>(
        &self,
        board: &Board,
        make: impl Fn(&OltReport, Unplaced, &Line<'_>, Option<&Owner>) -> T,
    ) -> Result<(Vec<T>, Option<Cursor>), Problem> {
        let mut onus: Vec<T> = Vec::new();
        let mut last: Option<Cursor> = None;
        // Without [ozmap], or before the first matching, no ONU has a client.
        let push = board.push();
        let owners = push.as_ref().map(|push| &push.matching.owners);
        let survey = board.survey();
        let directory = push.as_ref().and_then(|push| push.directory.as_ref()?.all.as_deref());
        let known = Known { survey: survey.as_deref(), directory };
        for report in self.olts(board)? {
            let after = self.cursor.as_ref().filter(|cursor| cursor.olt == report.olt).map(|cursor| &cursor.key);
            let unplaced = Unplaced::of(&report.view);
            for line in lines(&report).filter(|line| after.is_none_or(|after| line.key > after)) {
                let owner = owners.and_then(|owners| owners.of(&report.olt, line.key));
                if !self.fits(&line, owner, &known) {
                    continue;
                }
                if onus.len() == self.limit {
                    return Ok((onus, last));
                }
                onus.push(make(&report, unplaced, &line, owner));
                if onus.len() == self.limit {
                    last = Some(Cursor { olt: report.olt.clone(), key: line.key.clone() });
                }
            }
        }
        Ok((onus, None))
    }
}

/// Whether a client's box has that id or, in small letters, that name.
fn is_at(owner: &Owner, wanted: &str, survey: Option<&Survey>) -> bool {
    let Some(id) = owner.box_id else { return false };
    let named =
        || survey.and_then(|survey| survey.box_name(&id)).is_some_and(|name| name.trim().to_lowercase() == wanted);
    id.to_string() == wanted || named()
}

/// Whether an ONU or its client holds a text, which is in lower case.
fn mentions(text: &str, line: &Line<'_>, owner: Option<&Owner>, directory: Option<&Directory>) -> bool {
    let holds = |other: &str| other.to_lowercase().contains(text);
    let reading = line.reading;
    let client = || directory?.client(owner?.client)?.name;
    reading.and_then(|reading| reading.serial.as_ref().ok()).is_some_and(|serial| holds(serial.as_str()))
        || reading.and_then(|reading| reading.name.as_deref().ok()).is_some_and(holds)
        || owner.and_then(|owner| owner.code.as_deref()).is_some_and(holds)
        || reading.and_then(|reading| reading.mac.ok()).is_some_and(|mac| holds(&mac.to_string()))
        || client().is_some_and(holds)
}

/// A page of ONUs.
pub(super) async fn page(State(shared): State<Shared>, parameters: Parameters) -> Response {
    match Wanted::read(&parameters) {
        Ok(wanted) => shared.work(move |board| Ok(json(StatusCode::OK, &wanted.page(board)?))).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::server::Limits;
    use super::super::testing::{self, Running};
    use crate::model::Reading;

    fn serials(page: &Value) -> Vec<&str> {
        page["onus"].as_array().unwrap().iter().map(|onu| onu["serial"].as_str().unwrap()).collect()
    }

    /// The ONUs' numbers on a page of `town` and its like, which must be the only one.
    async fn numbers(server: &Running, query: &str) -> Vec<u64> {
        let page = server.json(&format!("/api/v1/onus?{query}"), 200).await;
        assert_eq!(page["next_cursor"], json!(null), "{query}");
        page["onus"].as_array().unwrap().iter().map(|onu| onu["onu"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_entry_shows_what_was_read_and_what_is_held() {
        let server = testing::start(vec![testing::town()], Some(testing::push()), None, Limits::USUAL).await;
        let page = server.json("/api/v1/onus", 200).await;
        let onus = page["onus"].as_array().unwrap();
        assert_eq!(onus.len(), 6);
        assert_eq!(
            onus[3],
            json!({
                "olt": "olt-centro", "pon": "0/1/1", "onu": 4, "serial": "HWTC00000004", "mac": null,
                "name": "10004 Maria", "state": "down", "cause": "optical", "last_down_cause": "power",
                "rx_dbm": null, "olt_rx_dbm": null, "tx_dbm": null, "distance_m": null, "temperature_c": null,
                "voltage_v": null, "bias_ma": null, "level": "unread", "olt_level": "unread",
                "usual_rx_dbm": null, "lost_db": 0, "declines": false, "flaps": false,
                "unread": {
                    "mac": "no such column", "distance_m": "no such column", "rx_dbm": "the ONU is down",
                    "olt_rx_dbm": "the ONU is down", "tx_dbm": "the ONU is down", "temperature_c": "the ONU is down",
                    "voltage_v": "the ONU is down", "bias_ma": "the ONU is down",
                },
                "truth": "down", "since": "2026-11-23T02:31:07Z", "verdict": "error",
                "reason": "down (optical) in 2 consecutive state readings",
                "client_id": "65a000000000000000000004", "code": "10004", "box_id": "65a0000000000000000000b1",
                "box": "CTO 12", "splitter_port": 4, "route_length_m": 1540, "calculated_dbm": -16.5,
                "calculated_by": "estimated", "deviation_db": null,
            })
        );
        assert_eq!((&onus[5]["truth"], &onus[5]["state"]), (&json!("stale"), &json!("unknown")));
        assert_eq!((&onus[5]["code"], &onus[5]["client_id"]), (&json!(null), &json!(null)));
    }

    #[tokio::test]
    async fn filters_narrow_and_combine() {
        let other = testing::olt("olt-norte", &[testing::up(8, -20.0), testing::up(9, -30.0)]);
        let server = testing::start(vec![testing::town(), other], Some(testing::push()), None, Limits::USUAL).await;
        let cases: [(&str, &[u64]); 28] = [
            ("", &[1, 2, 3, 4, 5, 6, 8, 9]),
            ("olt=olt-norte", &[8, 9]),
            ("pon=0/1/1", &[4, 5, 6]),
            ("state=up", &[1, 2, 5, 8, 9]),
            ("state=down", &[3, 4]),
            ("state=stale", &[6]),
            ("state=unknown", &[6]),
            ("level=critical", &[5, 9]),
            ("level=unread", &[3, 4]),
            ("level=overload", &[]),
            ("olt=olt-centro&level=critical&state=up&pon=0%2F1%2F1", &[5]),
            ("serial=HWTC00000005", &[5]),
            ("serial=hwtc-0000+0005", &[5]),
            ("serial=0x4857544300000005", &[5]),
            ("serial=48:57:54:43:00:00:00:05", &[5]),
            ("serial=HWTC0000FFFF", &[]),
            ("code=10003", &[3]),
            ("code=9999", &[]),
            ("box=65a0000000000000000000b1", &[3, 4]),
            ("box=65A0000000000000000000B1&state=down&code=10004", &[4]),
            ("box=CTO+12", &[3, 4]),
            ("box=cto+12&state=down&code=10004", &[4]),
            ("box=CTO+1", &[]),
            ("q=00000005", &[5]),
            ("q=10004+maria", &[4]),
            ("q=MARIA&olt=olt-norte", &[8, 9]),
            ("q=nobody", &[]),
            ("q=", &[1, 2, 3, 4, 5, 6, 8, 9]),
        ];
        for (query, found) in cases {
            assert_eq!(numbers(&server, query).await, found, "{query}");
        }
    }

    #[tokio::test]
    async fn without_a_matching_no_onu_has_a_code_or_a_box() {
        let server = testing::serve(vec![testing::town()]).await;
        assert_eq!(numbers(&server, "code=10003").await, [] as [u64; 0]);
        assert_eq!(numbers(&server, "box=65a0000000000000000000b1").await, [] as [u64; 0]);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_for_is_refused_with_its_name() {
        let server = testing::serve(vec![testing::town(), testing::silent("olt-norte")]).await;
        let page = server.json("/api/v1/onus?limit=1", 200).await;
        let cursor = page["next_cursor"].as_str().unwrap().to_owned();
        for (query, status, says) in [
            ("limit=0".to_owned(), 400, "limit: \"0\" is no number from 1 to 1000"),
            ("limit=1001".to_owned(), 400, "limit:"),
            ("limit=-1".to_owned(), 400, "limit:"),
            ("limit=".to_owned(), 400, "limit:"),
            ("limit=99999999999999999999999".to_owned(), 400, "limit:"),
            ("state=broken".to_owned(), 400, "state: unknown word \"broken\"; one of up, down, stale, unknown"),
            ("level=bad".to_owned(), 400, "level: unknown word \"bad\"; one of good, weak"),
            ("pon=x".to_owned(), 400, "pon: \"x\" is not a PON port"),
            ("serial=;".to_owned(), 400, "serial: \";\" is not a serial number"),
            ("cursor=zz".to_owned(), 400, "cursor: not a cursor"),
            ("cursor=".to_owned(), 400, "cursor: not a cursor"),
            (format!("olt=olt-norte&cursor={cursor}"), 400, "cursor: its OLT"),
            ("colour=red".to_owned(), 400, "unknown parameter \"colour\": expected olt, pon, state"),
            ("level=good&level=weak".to_owned(), 400, "level is given twice"),
            ("olt=olt-sul".to_owned(), 404, "olt: the config has no OLT \"olt-sul\""),
            (format!("code={}", "9".repeat(2048)), 414, "the query is longer than 2048 octets"),
        ] {
            let response = server.get(&format!("/api/v1/onus?{query}")).await;
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{query}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!((&problem["status"], &problem["type"]), (&json!(status), &json!("about:blank")), "{query}");
            assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
        }
    }

    #[tokio::test]
    async fn pages_hold_every_onu_once_also_of_ten_thousand() {
        let many = |name: &str| {
            let onus: Vec<Reading> = (1..=5000).map(|number| testing::up(number, -20.0)).collect();
            testing::olt(name, &onus)
        };
        let server = testing::serve(vec![many("olt-z"), many("olt-a")]).await;
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let page = server.json(&format!("/api/v1/onus?limit=999{cursor}"), 200).await;
            pages += 1;
            let olt = |onu: &Value| (onu["olt"].as_str().unwrap().to_owned(), onu["onu"].as_u64().unwrap());
            seen.extend(page["onus"].as_array().unwrap().iter().map(olt));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (10_000, 11));
        let wanted = ["olt-z", "olt-a"].map(|olt| (1..=5000).map(move |number| (olt.to_owned(), number)));
        assert!(seen.into_iter().eq(wanted.into_iter().flatten()), "in the config's order, each once");
    }

    #[tokio::test]
    async fn a_page_goes_on_behind_an_onu_that_went_away_meanwhile() {
        let server = testing::serve(vec![testing::town()]).await;
        let first = server.json("/api/v1/onus?limit=2", 200).await;
        assert_eq!(serials(&first), ["HWTC00000001", "HWTC00000002"]);
        let left = [testing::up(1, -20.0), testing::up(4, -20.0), testing::up(5, -20.0)];
        server.reports[0].send_replace(testing::olt("olt-centro", &left).into());
        let next = first["next_cursor"].as_str().unwrap();
        let second = server.json(&format!("/api/v1/onus?limit=2&cursor={next}"), 200).await;
        assert_eq!(serials(&second), ["HWTC00000004", "HWTC00000005"]);
        assert_eq!(second["next_cursor"], json!(null), "a full last page is the last");
    }
}
