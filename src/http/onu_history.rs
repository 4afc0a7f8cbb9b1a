//! `/api/v1/onus/{olt}/{pon}/{onu}/history`: an ONU's levels over time, from the database.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::onu_named::Named;
use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::daemon::Board;
use crate::model::{Cause, Dbm, PonId, Serial, Timestamp};
use crate::store::StoreError;
use crate::store::history::{DeviceId, Reader, Sample, Seen, SpanAt, Spread};

const KNOWN: [&str; 3] = ["from", "to", "step"];
/// Points of an answer: a hundred days at fifteen minutes, a year in hours, a life in days.
const MOST: usize = 10_000;
/// What is shown when nobody says from when.
const USUAL: Duration = Duration::from_secs(7 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long the spans of points are, none for readings, and the points.
type Points = (Option<Duration>, Vec<Point>);

/// The answer.
#[derive(Serialize)]
struct History {
    olt: String,
    pon: Option<PonId>,
    onu: Option<u32>,
    serial: Option<Serial>,
    from: Timestamp,
    to: Timestamp,
    /// Length of the spans, in seconds; `null` when the points are readings.
    step_s: Option<u64>,
    /// Before it there are only spans; `null` where there are readings of any age.
    readings_since: Option<Timestamp>,
    points: Vec<Point>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Point {
    Reading(ReadingPoint),
    Span(SpanPoint),
}

/// One reading.
#[derive(Serialize)]
struct ReadingPoint {
    at: Timestamp,
    /// `up`, `down` or `unknown`.
    state: &'static str,
    cause: Option<Cause>,
    rx_dbm: Option<Dbm>,
    olt_rx_dbm: Option<Dbm>,
    /// Why a level is not known.
    unread: Unreads,
}

#[derive(Serialize)]
struct Unreads {
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_dbm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    olt_rx_dbm: Option<&'static str>,
}

/// What was read in a span of time.
#[derive(Serialize)]
struct SpanPoint {
    at: Timestamp,
    /// Its length; longer than asked for where readings were thinned further.
    span_s: u64,
    /// Sweeps that it was part of.
    sweeps: u32,
    /// Of them, those in which it was down.
    down: u32,
    rx_dbm: Option<SpreadPoint>,
    olt_rx_dbm: Option<SpreadPoint>,
}

#[derive(Serialize)]
struct SpreadPoint {
    min: Dbm,
    median: Dbm,
    max: Dbm,
    readings: u32,
}

impl From<Spread> for SpreadPoint {
    fn from(spread: Spread) -> Self {
        Self { min: spread.least, median: spread.median, max: spread.greatest, readings: spread.readings }
    }
}

impl Point {
    fn reading((at, sample): (Timestamp, Sample)) -> Self {
        let (state, cause) = match sample.state {
            Seen::Up => ("up", None),
            Seen::Down(cause) => ("down", Some(cause)),
            Seen::Unknown => ("unknown", None),
        };
        Self::Reading(ReadingPoint {
            at,
            state,
            cause,
            rx_dbm: sample.rx.ok(),
            olt_rx_dbm: sample.olt_rx.ok(),
            unread: Unreads {
                rx_dbm: sample.rx.err().map(|lack| lack.words()),
                olt_rx_dbm: sample.olt_rx.err().map(|lack| lack.words()),
            },
        })
    }

    fn span((at, length, span): SpanAt) -> Self {
        Self::Span(SpanPoint {
            at,
            span_s: length.as_secs(),
            sweeps: span.sweeps,
            down: span.down,
            rx_dbm: span.rx.map(SpreadPoint::from),
            olt_rx_dbm: span.olt_rx.map(SpreadPoint::from),
        })
    }
}

/// How fine the points are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// As fine as fits.
    Fit,
    /// Readings as they were read.
    Raw,
    Spans(Duration),
}

fn step(text: &str) -> Result<Step, String> {
    if text == "raw" {
        return Ok(Step::Raw);
    }
    let wrong = || format!("{:?} is neither raw nor a duration of at least a second, such as 1h or 1d", shown(text));
    let step = humantime::parse_duration(text).map_err(|_| wrong())?;
    if step.subsec_nanos() == 0 && step >= Duration::from_secs(1) { Ok(Step::Spans(step)) } else { Err(wrong()) }
}

fn time(text: &str) -> Result<Timestamp, String> {
    humantime::parse_rfc3339(text)
        .map(Timestamp::from)
        .map_err(|_| format!("{:?} is no time such as 2026-11-23T02:31:07Z", shown(text)))
}

/// Who stands there now; else who stood there last.
fn device(named: &Named, reader: &Reader) -> Result<Option<(DeviceId, Option<Serial>)>, StoreError> {
    let now = named.reading();
    let mut found = match now {
        Some(read) => reader.device(&named.report.olt, &read.key)?.map(|id| (id, read.serial.clone().ok())),
        None => None,
    };
    if found.is_none() {
        let past = reader.devices(&named.report.olt)?;
        let past = past.into_iter().rev().find(|device| named.fits(device.pon, device.number, device.serial.as_ref()));
        found = past.map(|device| (device.id, device.serial));
    }
    Ok(found)
}

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    step: Step,
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        parameters.only(&KNOWN)?;
        Ok(Self {
            from: parameters.parsed("from", time)?,
            to: parameters.parsed("to", time)?,
            step: parameters.parsed("step", step)?.unwrap_or(Step::Fit),
        })
    }

    fn page(&self, board: &Board, path: &str, now: Timestamp) -> Result<Response, Problem> {
        let named = Named::find(board, path)?;
        let Some(store) = board.store() else {
            return Err(Problem::not_found("there is no history: the config has no [store] section"));
        };
        let to = self.to.unwrap_or(now);
        let before = to.millis().saturating_sub(u64::try_from(USUAL.as_millis()).unwrap_or(u64::MAX));
        let from = self.from.unwrap_or(Timestamp::from_millis(before));
        if from > to {
            return Err(Problem::bad_request(format!("from: {from} is after {to}")));
        }
        let read = |reader: &Reader| -> Result<Option<Result<History, Problem>>, StoreError> {
            let Some((device, serial)) = device(&named, reader)? else { return Ok(None) };
            let since = reader.raw_since(device)?;
            let (step, points) = match self.points(reader, device, (from, to), since)? {
                Ok(points) => points,
                Err(problem) => return Ok(Some(Err(problem))),
            };
            Ok(Some(Ok(History {
                olt: named.report.olt.to_string(),
                pon: named.pon,
                onu: named.onu.as_ref().ok().copied(),
                serial,
                from,
                to,
                step_s: step.map(|step| step.as_secs()),
                readings_since: since,
                points,
            })))
        };
        match store.reader().and_then(|reader| read(&reader)) {
            Ok(Some(Ok(history))) => Ok(json(StatusCode::OK, &history)),
            Ok(Some(Err(problem))) => Err(problem),
            Ok(None) => Err(Problem::not_found("the database knows no such ONU: no optics of it were ever read")),
            Err(error) => {
                tracing::error!(%error, "history cannot be read");
                Err(Problem::internal())
            }
        }
    }

    /// The points, and how long their spans are.
    fn points(
        &self,
        reader: &Reader,
        device: DeviceId,
        (from, to): (Timestamp, Timestamp),
        since: Option<Timestamp>,
    ) -> Result<Result<Points, Problem>, StoreError> {
        let too_many = |how: &str| {
            let detail = format!("step: {how} in this span; ask for a longer step or a shorter span");
            Ok(Err(Problem::bad_request(detail)))
        };
        let whole = to.since(from);
        if self.step == Step::Raw || (self.step == Step::Fit && since.is_none_or(|since| from >= since)) {
            let readings = reader.points(device, from, to)?;
            if readings.len() <= MOST {
                return Ok(Ok((None, readings.into_iter().map(Point::reading).collect())));
            }
            if self.step == Step::Raw {
                return too_many(&format!("there are {} readings and an answer has at most {MOST}", readings.len()));
            }
        }
        let step = match self.step {
            Step::Spans(step) => step,
            _ if whole.as_secs() / HOUR.as_secs() <= MOST as u64 => HOUR,
            _ => DAY,
        };
        let spans = reader.spans(device, from, to, step)?;
        if spans.len() > MOST {
            return too_many(&format!("there are {} spans and an answer has at most {MOST}", spans.len()));
        }
        Ok(Ok((Some(step), spans.into_iter().map(Point::span).collect())))
    }
}

/// The page, below the ONU's own.
pub(super) async fn page(shared: &Shared, onu: String, parameters: &Parameters) -> Response {
    match Wanted::read(parameters) {
        Ok(wanted) => {
            let now = Timestamp::from(SystemTime::now());
            shared.work(move |board| wanted.page(board, &onu, now)).await
        }
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{self, NOW, Running};
    use super::*;
    use crate::model::OnuKey;
    use crate::store::history::Lack;
    use crate::store::{Keep, LevelRow, Levels, Store};

    const SWEEPS: u64 = 12;

    fn at(second: u64) -> Timestamp {
        NOW + Duration::from_secs(second)
    }

    fn row(key: &OnuKey, sample: Sample) -> LevelRow {
        LevelRow { key: key.clone(), serial: None, mac: None, pon: None, sample }
    }

    /// A town whose ONU 1 was read every half hour and was down in the third sweep.
    async fn serve() -> (Running, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("oltwatch.db"), Keep::default()).unwrap();
        let town = testing::town();
        let key = town.view.onus().find(|reading| reading.onu == Some(1)).unwrap().key.clone();
        for sweep in 0..SWEEPS {
            let level = |hundredths: i32| Ok(Dbm::from_thousandths(hundredths * 10));
            let lit = Sample {
                state: Seen::Up,
                rx: level(-2000 - i32::try_from(sweep).unwrap()),
                olt_rx: Err(Lack::NoSuchColumn),
            };
            let dark = Sample { state: Seen::Down(Cause::Power), rx: Err(Lack::OnuDown), olt_rx: Err(Lack::OnuDown) };
            let rows = vec![row(&key, if sweep == 2 { dark } else { lit })];
            store.keeper().levels(Levels { olt: town.olt.clone(), at: at(sweep * 1800), rows });
        }
        assert!(store.flush(Duration::from_secs(60)));
        (testing::start_with_store(vec![town], store).await, folder)
    }

    const ONU: &str = "/api/v1/onus/olt-centro/0/1/0/1/history";

    fn query(from: u64, to: u64, more: &str) -> String {
        format!("?from={}&to={}{more}", at(from), at(to))
    }

    #[tokio::test]
    async fn readings_are_shown_as_they_were_read() {
        let (server, _folder) = serve().await;
        let pon = "/api/v1/onus/olt-centro/0%2F1%2F0/1/history";
        for path in [ONU, pon] {
            let history = server.json(&format!("{path}{}", query(0, SWEEPS * 1800, "")), 200).await;
            let points = history["points"].as_array().unwrap();
            assert_eq!((points.len() as u64, &history["step_s"]), (SWEEPS, &Value::Null));
            assert_eq!(
                points[1],
                json!({"at": at(1800).to_string(), "state": "up", "cause": null, "rx_dbm": -20.01, "olt_rx_dbm": null,
                    "unread": {"olt_rx_dbm": "no such column"}})
            );
            assert_eq!(
                points[2],
                json!({"at": at(3600).to_string(), "state": "down", "cause": "power", "rx_dbm": null,
                    "olt_rx_dbm": null, "unread": {"rx_dbm": "the ONU is down", "olt_rx_dbm": "the ONU is down"}})
            );
        }
        let some = server.json(&format!("{ONU}{}", query(1800, 3600, "&step=raw")), 200).await;
        assert_eq!(some["points"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_step_gives_least_median_and_greatest() {
        let (server, _folder) = serve().await;
        let history = server.json(&format!("{ONU}{}", query(0, SWEEPS * 1800, "&step=1d")), 200).await;
        let points = history["points"].as_array().unwrap();
        let sweeps: u64 = points.iter().map(|point| point["sweeps"].as_u64().unwrap()).sum();
        let down: u64 = points.iter().map(|point| point["down"].as_u64().unwrap()).sum();
        assert_eq!((sweeps, down, &history["step_s"]), (SWEEPS, 1, &json!(86_400)));
        let first = &points[0];
        assert_eq!(
            (&first["span_s"], &first["rx_dbm"]["max"], &first["olt_rx_dbm"]),
            (&json!(86_400), &json!(-20), &Value::Null)
        );
    }

    #[tokio::test]
    async fn what_cannot_be_shown_is_refused_with_its_name() {
        let (server, _folder) = serve().await;
        for (path, status, says) in [
            (format!("{ONU}?from=yesterday"), 400, "from: \"yesterday\" is no time such as"),
            (format!("{ONU}{}", query(9, 8, "")), 400, "is after"),
            (format!("{ONU}?step=0s"), 400, "step: \"0s\" is neither raw nor a duration"),
            (format!("{ONU}?every=1h"), 400, "unknown parameter \"every\": expected from, to, step"),
            ("/api/v1/onus/olt-sul/0/1/0/1/history".to_owned(), 404, "names no OLT of the config"),
            ("/api/v1/onus/olt-centro/x/1/history".to_owned(), 404, "names no OLT of the config and PON"),
            ("/api/v1/onus/olt-centro/0/1/0/-/history".to_owned(), 404, "neither an ONU's number nor a serial"),
            ("/api/v1/onus/olt-centro/0/1/0/99/history".to_owned(), 404, "knows no such ONU"),
            ("/api/v1/onus/olt-centro/0/1/0/1/x".to_owned(), 404, "neither an ONU's number"),
        ] {
            let problem = server.json(&path, status).await;
            assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
        }
        let server = testing::serve(vec![testing::town()]).await;
        let problem = server.json(ONU, 404).await;
        assert!(problem["detail"].as_str().unwrap().contains("no [store] section"), "{problem}");
    }
}
