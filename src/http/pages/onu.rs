//! `/onus/{olt}/{key}`: one ONU: who it is, what is held of it and why, its optics, and its history.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::super::merged::Line;
use super::super::parameters::{Parameters, shown};
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::plot::{self, Mark, Plot, Step};
use super::prefs::{Lang, Visit};
use super::texts::{Text, Worded};
use super::{bars, format, incidents, links, pon};
use crate::config::ThresholdRule;
use crate::daemon::{Board, OltReport};
use crate::model::{Dbm, Field, Level, OnuKey, Timestamp, Unread};
use crate::ozmap::{Owner, PushSnapshot};
use crate::plant::LaunchSource;
use crate::store::StoreError;
use crate::store::history::Reader;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Spans of time that can be looked at: word, text, length, and how long a point's span is; `None` shows readings.
const RANGES: [(&str, Text, u64, Option<u64>); 4] = [
    ("1d", Text::Day, DAY, None),
    ("7d", Text::Week, 7 * DAY, None),
    ("30d", Text::Month, 30 * DAY, Some(HOUR)),
    ("1y", Text::Year, 365 * DAY, Some(DAY)),
];

/// Doubts of the documentation that are shown.
const DOUBTS: usize = 3;

/// The shortest span that is drawn: a quarter of an hour.
const SHORTEST_MS: u64 = 15 * 60 * 1000;

/// Readings that are drawn as such; of more, spans are.
const MOST_READINGS: usize = 1000;

/// A range, as the query names it.
#[derive(Debug, Clone, Copy)]
struct Range {
    word: &'static str,
    length: Duration,
    step: Option<Duration>,
}

impl Range {
    fn of(word: &str) -> Result<Self, String> {
        let known = RANGES.into_iter().find(|(known, ..)| *known == word);
        let (word, _, length, step) = known.ok_or_else(|| format!("{:?} is none of 1d, 7d, 30d, 1y", shown(word)))?;
        Ok(Self { word, length: Duration::from_secs(length), step: step.map(Duration::from_secs) })
    }
}

/// One ONU with everything that is known of it.
struct Subject<'a> {
    report: &'a Arc<OltReport>,
    line: Line<'a>,
    owner: Option<Owner>,
    push: Option<Arc<PushSnapshot>>,
    rule: ThresholdRule,
}

/// The page.
pub(super) async fn page(
    State(shared): State<Shared>,
    Path(path): Path<String>,
    visit: Visit,
    parameters: Parameters,
) -> Response {
    let asked = parameters.only(&["range"]).and_then(|()| parameters.parsed("range", Range::of));
    let range = match asked {
        Ok(range) => range,
        Err(problem) => return layout::problem(&visit, &problem),
    };
    super::show(shared, visit, move |board, visit, _| {
        let (report, key) = find(board, &path)?;
        let line = Line { key: &key, reading: report.view.onu(&key), standing: report.standing(&key) };
        if line.reading.is_none() && line.standing.is_none() {
            return Err(Problem::not_found(format!("{} has no ONU {key}", report.olt)));
        }
        let push = board.push();
        let owner = push.as_ref().and_then(|push| push.matching.owners.of(&report.olt, &key).cloned());
        let rule = board.rule(&report.olt, line.pon());
        let range = range.or_else(|| Range::of("1d").ok());
        let subject = Subject { report: &report, line, owner, push, rule };
        let title = pon::label(&subject.line);
        let body = body(board, visit, &subject, range)?;
        Ok(layout::page(visit, board, Section::Onus, &title, &body))
    })
    .await
}

/// The OLT and ONU that a path names. An OLT's name may hold slashes as well.
fn find(board: &Board, path: &str) -> Result<(Arc<OltReport>, OnuKey), Problem> {
    let named = path.rsplit_once('/').and_then(|(olt, key)| {
        let numbers: Vec<u32> = key.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        Some((board.olt(olt)?, OnuKey::new(&numbers)))
    });
    named.ok_or_else(|| Problem::not_found(format!("{:?} names no OLT of the config and key of an ONU", shown(path))))
}

fn body(board: &Board, visit: &Visit, subject: &Subject<'_>, range: Option<Range>) -> Result<Markup, Problem> {
    let lang = visit.lang;
    let Subject { report, line, .. } = subject;
    let view = board.incidents();
    let hit = view
        .open
        .iter()
        .find(|incident| incident.onus.iter().any(|member| member.olt == report.olt && member.key == *line.key));
    let history = match range {
        Some(range) => history(board, visit, subject, range)?,
        None => html! {},
    };
    Ok(html! {
        header.page-head {
            p.crumbs {
                a href="/olts" { (Text::Olts.of(lang)) } " / " a href=(links::olt(&report.olt)) { (report.olt.as_str()) } " / "
                a href=(links::pon(&report.olt, line.pon())) { "PON " (line.pon().map(|pon| pon.to_string()).unwrap_or_default()) }
            }
            h1 { (pon::label(line)) }
            @if let Some(name) = line.reading.and_then(|reading| reading.name.as_deref().ok()) { p.subtitle { (name) } }
        }
        @if let Some(incident) = hit {
            section #incident data-live { h2 { (Text::InIncident.of(lang)) } (incidents::card(visit, incident)) }
        }
        div.columns {
            section #truth data-live { h2 { (Text::Truth.of(lang)) } (held(visit, subject)) }
            section #identity data-live { h2 { (Text::Identity.of(lang)) } (identity(board, lang, subject)) }
            section #optics data-live { h2 { (Text::Optics.of(lang)) } (optics(board, lang, subject)) }
        }
        section #history { h2 { (Text::History.of(lang)) } (history) }
    })
}

/// What is held, since when, and why.
fn held(visit: &Visit, subject: &Subject<'_>) -> Markup {
    let lang = visit.lang;
    let line = &subject.line;
    html! {
        dl.facts-grid {
            (format::fact(Text::StateNow.of(lang), &html! {
                (format::truth(lang, line.truth())) " "
                @if let Some(standing) = line.standing { (format::ago(lang, standing.since, visit.now)) }
            }))
            @if let Some(standing) = line.standing {
                (format::fact(Text::Reason.of(lang), &html! { span lang="en" { (standing.reason) } }))
                (format::fact(Text::Shows.of(lang), &html! { strong { (standing.verdict.text().of(lang)) } }))
                @if standing.flaps { (format::fact(Text::StateNow.of(lang), &html! { span.weak-text { (Text::Flaps.of(lang)) } })) }
            }
            @if let Some(Ok(cause)) = line.reading.map(|reading| reading.last_down_cause) {
                (format::fact(Text::LastDown.of(lang), &html! { (cause.text().of(lang)) }))
            }
        }
    }
}

fn identity(board: &Board, lang: Lang, subject: &Subject<'_>) -> Markup {
    let reading = subject.line.reading;
    let owner = subject.owner.as_ref();
    let directory = subject.push.as_ref().and_then(|push| push.directory.as_ref()?.all.as_deref());
    let client = owner.zip(directory).and_then(|(owner, directory)| directory.client(owner.client));
    html! {
        dl.facts-grid {
            @if let Some(reading) = reading {
                (format::fact(Text::Serial.of(lang), &value(lang, &reading.serial, |serial| serial.to_string())))
                @if let Ok(mac) = reading.mac { (format::fact(Text::Mac.of(lang), &html! { (mac) })) }
                (format::fact(Text::Distance.of(lang), &value(lang, &reading.distance, |distance| format::metres(*distance))))
            }
            (format::fact(Text::Client.of(lang), &html! {
                @match owner {
                    None => span.muted { (Text::NoClient.of(lang)) },
                    Some(owner) => {
                        @if let Some(code) = &owner.code { strong { (code) } " " }
                        @if let Some(name) = client.and_then(|client| client.name) { (name) " " }
                        span.id.muted { (owner.client) }
                    }
                }
            }))
            @if let Some(owner) = owner {
                (format::fact(Text::Box.of(lang), &html! {
                    (format::or_dash(pon::box_name(board.plant().as_deref(), owner)))
                    @if let Some(port) = client.and_then(|client| client.port) { " · " (Text::BoxPort.with(lang, &[&port])) }
                }))
            }
        }
    }
}

/// A value, or why there is none.
fn value<T>(lang: Lang, field: &Field<T>, show: impl Fn(&T) -> String) -> Markup {
    html! {
        @match field {
            Ok(value) => (show(value)),
            Err(why) => span.muted { (unread(lang, *why)) },
        }
    }
}

fn unread(lang: Lang, why: Unread) -> String {
    Text::Unread.with(lang, &[&why])
}

fn optics(board: &Board, lang: Lang, subject: &Subject<'_>) -> Markup {
    let Subject { line, rule, .. } = subject;
    let Some(reading) = line.reading else {
        return html! { p.muted { (Text::LevelUnread.of(lang)) } };
    };
    let mut reading = reading.clone();
    reading.mask_levels_while_down();
    let level = |power: &Field<Dbm>, scale: &str, level: Level| {
        html! {
            @match power {
                Ok(power) => { (bars::level(scale, Some(*power), level)) " " strong { (format::power(*power)) " dBm" } @if level != Level::Unread { " " (format::level(lang, level)) } }
                Err(why) => span.muted { (unread(lang, *why)) },
            }
        }
    };
    html! {
        svg.defs aria-hidden="true" {
            (bars::scale("scale-onu", Some(rule)))
            (bars::scale("scale-olt", rule.on_olt_side().as_ref()))
        }
        dl.facts-grid {
            (format::fact(Text::Receives.of(lang), &level(&reading.rx, "scale-onu", line.level())))
            (format::fact(Text::OltReceives.of(lang), &level(&reading.olt_rx, "scale-olt", line.olt_level())))
            @if let Some(standing) = line.standing {
                @if let Some(usual) = standing.usual_rx { (format::fact(Text::UsualLevel.of(lang), &html! { (format::power(usual)) " dBm" })) }
                @if standing.lost.thousandths() > 0 { (format::fact(Text::LostLevel.of(lang), &html! { span.weak-text { (format!("{:.1} dB", standing.lost.get())) } })) }
                @if standing.declines { (format::fact(Text::UsualLevel.of(lang), &html! { span.weak-text { (Text::Declines.of(lang)) } })) }
            }
            (calculated(board, lang, subject))
            (format::fact(Text::Launches.of(lang), &value(lang, &reading.tx, |tx| format!("{} dBm", format::power(*tx)))))
            @if let Ok(temperature) = reading.temperature { (format::fact(Text::Temperature.of(lang), &html! { (format!("{temperature:.0}")) })) }
            @if let Ok(voltage) = reading.voltage { (format::fact(Text::Voltage.of(lang), &html! { (format!("{voltage:.2}")) })) }
            @if let Ok(bias) = reading.bias { (format::fact(Text::Bias.of(lang), &html! { (format!("{bias:.1}")) })) }
        }
    }
}

/// What should arrive by the plant's documentation, against what does; the route against the ranged distance; and what is probably
/// documented wrong.
fn calculated(board: &Board, lang: Lang, subject: &Subject<'_>) -> Markup {
    let (Some(survey), Some(owner)) = (board.survey(), subject.owner.as_ref()) else { return html! {} };
    let way = survey.way(owner, subject.line.reading);
    let client = survey.graph().client(&owner.client);
    let doubts = client.map(|client| survey.doubts_of(client).take(DOUBTS).collect::<Vec<_>>()).unwrap_or_default();
    html! {
        @match way.calculated_dbm {
            Some(calculated) => (format::fact(Text::Calculated.of(lang), &html! {
                (Text::CalculatedOf.with(lang, &[&format!("{} dBm", format::power(calculated))]))
                @if let Some(by) = way.deviation_db { " · " strong { (Text::Deviation.with(lang, &[&format!("{:+.1}", by.get())])) } }
                @if way.calculated_by == Some(LaunchSource::Estimated) { " " span.muted { (Text::LaunchEstimated.of(lang)) } }
            })),
            None => (format::fact(Text::Calculated.of(lang), &html! { span.muted { (Text::NoRoute.of(lang)) } })),
        }
        @if let Some(length) = way.route_length_m { (format::fact(Text::RouteLength.of(lang), &html! { (format::metres(length)) })) }
        @for doubt in doubts {
            (format::fact(Text::Doubt.of(lang), &html! { span.weak-text lang="en" { (doubt.reason) } }))
        }
    }
}

/// Links to the ranges, and the plot of one.
fn history(board: &Board, visit: &Visit, subject: &Subject<'_>, range: Range) -> Result<Markup, Problem> {
    let lang = visit.lang;
    let Some(store) = board.store() else {
        return Ok(html! { p.muted { (Text::NoStore.of(lang)) } });
    };
    let length = u64::try_from(range.length.as_millis()).unwrap_or(u64::MAX);
    let from = Timestamp::from_millis(visit.now.millis().saturating_sub(length));
    let read = store.reader().and_then(|reader| marks(&reader, subject, range, (from, visit.now)));
    let (step, marks) = read.map_err(|error| {
        tracing::error!(%error, "history cannot be read");
        Problem::internal()
    })?;
    // Where nothing is older, nothing older has room.
    let shortest = Timestamp::from_millis(visit.now.millis().saturating_sub(SHORTEST_MS));
    let from = marks.first().map_or(from, |first| first.at().min(shortest).max(from));
    let plot = Plot { from, to: visit.now, step, rule: subject.rule, marks: &marks };
    Ok(html! {
        p.ranges {
            @for (word, text, ..) in RANGES {
                a href=(links::with(&links::onu(&subject.report.olt, subject.line.key), &[("range", &word)])) aria-current=[(word == range.word).then_some("true")] {
                    (text.of(lang))
                }
            }
        }
        @if marks.is_empty() { p.muted { (Text::NoHistory.of(lang)) } }
        @else { (plot::draw(lang, &plot)) }
    })
}

/// What was read in a range: readings, or spans where these would be too many.
fn marks(
    reader: &Reader,
    subject: &Subject<'_>,
    range: Range,
    (from, to): (Timestamp, Timestamp),
) -> Result<(Step, Vec<Mark>), StoreError> {
    let Some(device) = reader.device(&subject.report.olt, subject.line.key)? else {
        return Ok((Step::Readings, Vec::new()));
    };
    if range.step.is_none() {
        let readings = reader.points(device, from, to)?;
        if readings.len() <= MOST_READINGS {
            return Ok((Step::Readings, readings.into_iter().map(Mark::of_reading).collect()));
        }
    }
    let step = range.step.unwrap_or(Duration::from_secs(HOUR / 4));
    let spans = reader.spans(device, from, to, step)?;
    Ok((Step::Spans(step), spans.into_iter().map(Mark::of_span).collect()))
}
