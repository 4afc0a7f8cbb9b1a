//! The history of an ONU's levels as a drawing: both directions as steps, thresholds, gaps where nothing was read, and the state as a
//! band below. Pure.

use std::fmt::Write;
use std::time::Duration;

use maud::{Markup, html};

use super::format;
use super::prefs::Lang;
use super::texts::{Text, Worded};
use crate::config::ThresholdRule;
use crate::model::{Dbm, Timestamp, Truth};
use crate::store::history::{Sample, Seen, SpanAt, Spread};

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 330.0;
/// Room for the numbers on the left, and around the drawing.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
/// The band of states, and the times below it.
const BAND: f64 = 12.0;
const BELOW: f64 = 48.0;

/// A level is drawn on until the next reading, but no longer than so many usual pauses between two.
const BELIEVED_PAUSES: f64 = 2.5;

/// Columns that tell their values to whoever points at them.
const COLUMNS: usize = 160;

/// Rows of the table below the drawing.
const ROWS: usize = 50;

/// What the points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Readings as they were read.
    Readings,
    /// Spans of this length.
    Spans(Duration),
}

/// What was read at a time, or in a span from then on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    at: Timestamp,
    /// How long it is known to hold by itself; none for a reading.
    lasts: Duration,
    rx: Option<[Dbm; 3]>,
    olt_rx: Option<[Dbm; 3]>,
    state: Option<Truth>,
}

impl Mark {
    /// When.
    pub(super) const fn at(&self) -> Timestamp {
        self.at
    }

    /// Of a reading.
    pub(super) fn of_reading((at, sample): (Timestamp, Sample)) -> Self {
        let state = match sample.state {
            Seen::Up => Some(Truth::Up),
            Seen::Down(cause) => Some(Truth::Down(cause)),
            Seen::Unknown => None,
        };
        let level = |power: Dbm| [power; 3];
        Self { at, lasts: Duration::ZERO, rx: sample.rx.ok().map(level), olt_rx: sample.olt_rx.ok().map(level), state }
    }

    /// Of a span: least, median and greatest; down where it was so in any sweep.
    pub(super) fn of_span((at, lasts, span): SpanAt) -> Self {
        let level = |spread: Spread| [spread.least, spread.median, spread.greatest];
        let state = match (span.down, span.sweeps) {
            (_, 0) => None,
            (0, _) => Some(Truth::Up),
            _ => Some(Truth::Down(crate::model::Cause::Unknown)),
        };
        Self { at, lasts, rx: span.rx.map(level), olt_rx: span.olt_rx.map(level), state }
    }
}

/// What is drawn.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// From when.
    pub(super) from: Timestamp,
    /// To when.
    pub(super) to: Timestamp,
    /// What the marks are.
    pub(super) step: Step,
    /// By what levels are judged.
    pub(super) rule: ThresholdRule,
    /// In time order.
    pub(super) marks: &'a [Mark],
}

/// Where times and powers lie in the drawing.
struct Scale {
    from: u64,
    length: f64,
    least: f64,
    most: f64,
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Scale {
    fn of(plot: &Plot<'_>) -> Self {
        let all = plot.marks.iter().flat_map(|mark| [mark.rx, mark.olt_rx]).flatten().flatten().map(Dbm::get);
        let limits = [plot.rule.window.sensitivity.get() - 2.0, plot.rule.window.sensitivity.get() + 6.0];
        let (least, most) =
            all.chain(limits).fold((f64::MAX, f64::MIN), |(least, most), power| (least.min(power), most.max(power)));
        // Milliseconds of a year are exact in a float.
        #[allow(clippy::cast_precision_loss)]
        let length = plot.to.since(plot.from).as_millis().max(1) as f64;
        Self { from: plot.from.millis(), length, least: least.floor(), most: most.ceil() }
    }

    fn x(&self, at: Timestamp) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let since = at.millis().saturating_sub(self.from) as f64;
        round(LEFT + (since / self.length).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT))
    }

    fn y(&self, power: f64) -> f64 {
        let share = (power - self.least) / (self.most - self.least);
        round(HEIGHT - BELOW - share.clamp(0.0, 1.0) * (HEIGHT - BELOW - TOP))
    }
}

/// The usual pause between two marks: the median.
fn usual_pause(marks: &[Mark]) -> Duration {
    let pairs = marks.iter().zip(marks.iter().skip(1));
    let mut pauses: Vec<Duration> = pairs.map(|(one, next)| next.at.since(one.at)).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len() / 2).copied().unwrap_or(Duration::from_secs(900))
}

/// Each mark with the time until which it is drawn.
fn drawn(plot: &Plot<'_>) -> Vec<(Mark, Timestamp)> {
    let most = usual_pause(plot.marks).mul_f64(BELIEVED_PAUSES);
    let nexts = plot.marks.iter().skip(1).map(|mark| mark.at).chain([plot.to]);
    let end = |(mark, next): (&Mark, Timestamp)| {
        let own = mark.at + mark.lasts;
        let until =
            if next.since(mark.at) <= most { next } else { own.max(mark.at + most.min(usual_pause(plot.marks))) };
        (*mark, until.min(plot.to))
    };
    plot.marks.iter().zip(nexts).map(end).collect()
}

/// A level as steps: it holds until the next reading; where nothing was read, the line breaks off.
fn steps(scale: &Scale, marks: &[(Mark, Timestamp)], of: fn(&Mark) -> Option<[Dbm; 3]>) -> String {
    let mut path = String::new();
    let mut pen: Option<Timestamp> = None;
    for (mark, until) in marks {
        let Some([_, median, _]) = of(mark) else {
            pen = None;
            continue;
        };
        let y = scale.y(median.get());
        // Writing to a String cannot fail.
        let _ = match pen {
            Some(end) if end >= mark.at => write!(path, "V{y}H{}", scale.x(*until)),
            _ => write!(path, "M{} {y}H{}", scale.x(mark.at), scale.x(*until)),
        };
        pen = Some(*until);
    }
    path
}

/// From least to greatest, as boxes.
fn spreads(scale: &Scale, marks: &[(Mark, Timestamp)], of: fn(&Mark) -> Option<[Dbm; 3]>) -> String {
    let mut path = String::new();
    for (mark, until) in marks {
        let Some([least, _, most]) = of(mark).filter(|[least, _, most]| least < most) else { continue };
        let (from, to) = (scale.x(mark.at), scale.x(*until));
        let _ = write!(path, "M{from} {}H{to}V{}H{from}Z", scale.y(least.get()), scale.y(most.get()));
    }
    path
}

/// States that follow each other and are the same, as one piece each: from, to, class.
fn states(marks: &[(Mark, Timestamp)]) -> Vec<(Timestamp, Timestamp, Option<Truth>)> {
    let mut pieces: Vec<(Timestamp, Timestamp, Option<Truth>)> = Vec::new();
    for (mark, until) in marks {
        match pieces.last_mut() {
            Some((_, end, state)) if *state == mark.state && *end >= mark.at => *end = *until,
            _ => pieces.push((mark.at, *until, mark.state)),
        }
    }
    pieces
}

const fn state_class(state: Option<Truth>) -> &'static str {
    match state {
        Some(Truth::Up) => "fill-good",
        Some(Truth::Down(crate::model::Cause::Power)) => "fill-accent",
        Some(Truth::Down(_)) => "fill-down",
        _ => "fill-unread",
    }
}

/// Times at which the axis has a line: some eight of them, at whole minutes, hours or days.
fn ticks(plot: &Plot<'_>) -> Vec<Timestamp> {
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 1440;
    let length = plot.to.millis().saturating_sub(plot.from.millis());
    let minutes = [2, 5, 15, 30, 60, 180, 360, DAY, 4 * DAY, 7 * DAY, 30 * DAY, 60 * DAY];
    let every = minutes.into_iter().map(|minutes| minutes * MINUTE).find(|every| length / every <= 9);
    let every = every.unwrap_or(90 * DAY * MINUTE);
    let first = plot.from.millis().div_ceil(every) * every;
    (0..)
        .map(|number| first + number * every)
        .take_while(|at| *at < plot.to.millis())
        .map(Timestamp::from_millis)
        .collect()
}

/// Powers at which the axis has a line.
fn powers(scale: &Scale) -> Vec<i32> {
    // A window of some tens of dB.
    #[allow(clippy::cast_possible_truncation)]
    let (least, most) = (scale.least as i32, scale.most as i32);
    let every = if most - least > 16 { 5 } else { 2 };
    (least..=most).filter(|power| power.rem_euclid(every) == 0).collect()
}

/// The drawing, with its values as a table.
pub(super) fn draw(lang: Lang, plot: &Plot<'_>) -> Markup {
    let scale = Scale::of(plot);
    let marks = drawn(plot);
    let label = Text::PlotTitle.with(lang, &[&format::count(plot.marks.len())]);
    html! {
        figure.plot {
            div.scroll tabindex="0" {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
                    (axes(&scale, plot))
                    (limits(lang, &scale, plot))
                    path.spread.onu d=(spreads(&scale, &marks, |mark| mark.rx)) {}
                    path.spread.olt d=(spreads(&scale, &marks, |mark| mark.olt_rx)) {}
                    path.steps.onu d=(steps(&scale, &marks, |mark| mark.rx)) {}
                    path.steps.olt d=(steps(&scale, &marks, |mark| mark.olt_rx)) {}
                    @for (from, to, state) in states(&marks) {
                        rect class=(state_class(state)) x=(scale.x(from)) width=(round((scale.x(to) - scale.x(from)).max(0.5))) y=(HEIGHT - BELOW + 8.0) height=(BAND) {
                            title { (state_words(lang, state)) }
                        }
                    }
                    (columns(&scale, &marks))
                }
            }
            figcaption {
                span.key.onu { (Text::Receives.of(lang)) } span.key.olt { (Text::OltReceives.of(lang)) }
                span.key.up { (Text::TruthUp.of(lang)) } span.key.gone { (Text::TruthDown.of(lang)) } span.key.dark { (Text::CausePower.of(lang)) }
            }
        }
        (table(lang, plot))
    }
}

fn state_words(lang: Lang, state: Option<Truth>) -> String {
    match state {
        Some(Truth::Down(cause)) => format!("{}: {}", Text::TruthDown.of(lang), cause.text().of(lang)),
        Some(other) => other.text().of(lang).to_owned(),
        None => Text::TruthStale.of(lang).to_owned(),
    }
}

fn axes(scale: &Scale, plot: &Plot<'_>) -> Markup {
    let (top, bottom) = (TOP, HEIGHT - BELOW);
    html! {
        @for power in powers(scale) {
            @let y = scale.y(f64::from(power));
            path.gridline d={ "M" (LEFT) " " (y) "H" (WIDTH - RIGHT) } {}
            text.axis x=(LEFT - 6.0) y=(y + 4.0) text-anchor="end" { (power.to_string().replace('-', "\u{2212}")) }
        }
        @for at in ticks(plot) {
            @let x = scale.x(at);
            path.gridline d={ "M" (x) " " (top) "V" (bottom) } {}
            @let text = at.to_string();
            text.axis x=(x) y=(HEIGHT - 6.0) text-anchor="middle" data-time=(text) {
                (text.get(5..10).unwrap_or_default()) " " (text.get(11..16).unwrap_or_default())
            }
        }
    }
}

/// The receiver's limits and the field of weak levels, as far as they are in view.
fn limits(lang: Lang, scale: &Scale, plot: &Plot<'_>) -> Markup {
    let window = plot.rule.window;
    let (sensitivity, overload) = (window.sensitivity.get(), window.overload.get());
    let weak = (window.sensitivity + plot.rule.weak_margin).get();
    let across = WIDTH - LEFT - RIGHT;
    html! {
        rect.fill-weak-soft x=(LEFT) width=(across) y=(scale.y(weak)) height=(round(scale.y(sensitivity) - scale.y(weak))) {}
        path.limit d={ "M" (LEFT) " " (scale.y(sensitivity)) "h" (across) } {}
        text.limit-name x=(WIDTH - RIGHT - 4.0) y=(scale.y(sensitivity) + 12.0) text-anchor="end" { (Text::Sensitivity.of(lang)) " " (format::power(window.sensitivity)) }
        @if overload < scale.most {
            path.limit d={ "M" (LEFT) " " (scale.y(overload)) "h" (across) } {}
            text.limit-name x=(WIDTH - RIGHT - 4.0) y=(scale.y(overload) - 4.0) text-anchor="end" { (Text::Overload.of(lang)) " " (format::power(window.overload)) }
        }
    }
}

fn words(levels: Option<[Dbm; 3]>) -> String {
    match levels {
        None => "–".to_owned(),
        Some([least, median, most]) if least == most => format::power(median),
        Some([least, median, most]) => {
            format!("{} ({} … {})", format::power(median), format::power(least), format::power(most))
        }
    }
}

/// Invisible columns whose titles tell the values.
fn columns(scale: &Scale, marks: &[(Mark, Timestamp)]) -> Markup {
    let every = marks.len().div_ceil(COLUMNS).max(1);
    html! {
        @for (mark, until) in marks.iter().step_by(every) {
            @let x = scale.x(mark.at);
            rect.touch x=(x) width=(round((scale.x(*until) - x).max(2.0))) y=(TOP) height=(HEIGHT - BELOW - TOP) {
                title { (mark.at) ": " (words(mark.rx)) " / " (words(mark.olt_rx)) " dBm" }
            }
        }
    }
}

/// The newest values, for those who cannot see the drawing.
fn table(lang: Lang, plot: &Plot<'_>) -> Markup {
    html! {
        details #readings {
            summary { (Text::Readings.of(lang)) }
            div.scroll tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (Text::When.of(lang)) } th scope="col" { (Text::StateNow.of(lang)) }
                            th.number scope="col" { (Text::Receives.of(lang)) } th.number scope="col" { (Text::OltReceives.of(lang)) }
                        }
                    }
                    tbody {
                        @for mark in plot.marks.iter().rev().take(ROWS) {
                            tr {
                                td { (format::time(mark.at)) @if let Step::Spans(step) = plot.step { " + " (format::span(mark.lasts.max(step))) } }
                                td { (state_words(lang, mark.state)) }
                                td.number { (words(mark.rx)) } td.number { (words(mark.olt_rx)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cause;
    use crate::store::history::Lack;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn at(minute: u64) -> Timestamp {
        NOW + Duration::from_secs(minute * 60)
    }

    fn up(minute: u64, rx: i32) -> Mark {
        let rx = Ok(Dbm::from_thousandths(rx * 1000));
        Mark::of_reading((at(minute), Sample { state: Seen::Up, rx, olt_rx: Err(Lack::NoSuchColumn) }))
    }

    fn down(minute: u64) -> Mark {
        let lack = Err(Lack::OnuDown);
        Mark::of_reading((at(minute), Sample { state: Seen::Down(Cause::Optical), rx: lack, olt_rx: lack }))
    }

    fn plot(marks: &[Mark]) -> Plot<'_> {
        Plot { from: at(0), to: at(120), step: Step::Readings, rule: ThresholdRule::default(), marks }
    }

    #[test]
    fn a_level_holds_until_the_next_reading_and_breaks_off_where_nothing_was_read() {
        let marks = [up(0, -20), up(15, -21), down(30), up(45, -20), up(105, -20)];
        let plot = plot(&marks);
        let scale = Scale::of(&plot);
        let path = steps(&scale, &drawn(&plot), |mark| mark.rx);
        // Three pieces: before the loss, after it, and after the gap of an hour.
        assert_eq!(path.matches('M').count(), 3, "{path}");
        assert_eq!(path.matches('V').count(), 1, "{path}");
        assert!(path.starts_with(&format!("M{} {}H{}", scale.x(at(0)), scale.y(-20.0), scale.x(at(15)))), "{path}");
        assert!(steps(&scale, &drawn(&plot), |mark| mark.olt_rx).is_empty());
    }

    #[test]
    fn states_that_are_the_same_are_one_piece() {
        let marks = [up(0, -20), up(15, -20), down(30), down(45), up(60, -20)];
        let pieces = states(&drawn(&plot(&marks)));
        let shown: Vec<_> = pieces.iter().map(|(from, to, state)| (*from, *to, state_class(*state))).collect();
        assert_eq!(shown[0], (at(0), at(30), "fill-good"));
        assert_eq!(shown[1], (at(30), at(60), "fill-down"));
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn the_limit_is_in_view_and_every_reading_is_inside() {
        let marks = [up(0, -12), up(15, -38)];
        let plot = plot(&marks);
        let scale = Scale::of(&plot);
        for power in [-12.0, -38.0, -27.0] {
            assert!((TOP..=HEIGHT - BELOW).contains(&scale.y(power)), "{power}");
        }
        assert!(scale.y(-12.0) < scale.y(-27.0) && scale.y(-27.0) < scale.y(-38.0));
        let drawing = draw(Lang::Pt, &plot).into_string();
        assert!(drawing.contains("sensibilidade \u{2212}27.00"));
    }

    #[test]
    fn a_year_of_spans_stays_small() {
        let level = Spread {
            least: Dbm::from_thousandths(-21_000),
            median: Dbm::from_thousandths(-20_000),
            greatest: Dbm::from_thousandths(-19_000),
            readings: 96,
        };
        let day = |number: u64| {
            let span = crate::store::history::Span { sweeps: 96, down: 0, rx: Some(level), olt_rx: Some(level) };
            Mark::of_span((at(number * 1440), Duration::from_secs(86_400), span))
        };
        let marks: Vec<Mark> = (0..365).map(day).collect();
        let plot = Plot {
            from: at(0),
            to: at(365 * 1440),
            step: Step::Spans(Duration::from_secs(86_400)),
            rule: ThresholdRule::default(),
            marks: &marks,
        };
        let drawing = draw(Lang::En, &plot).into_string();
        assert!(drawing.len() < 120_000, "{} octets", drawing.len());
        assert!((5..=10).contains(&ticks(&plot).len()), "{:?}", ticks(&plot));
    }
}
