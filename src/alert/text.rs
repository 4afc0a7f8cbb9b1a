//! What people read: a template, and the pieces that it puts together. Pure: the time is an argument.

use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::life::{Delivery, Part};
use super::notice::{Notice, Spot, Stage};
use super::thread::Step;
use super::words::Words;
use crate::config::alert::{Alert, AlertOn, AlertSeverity, Language};
use crate::model::Timestamp;

/// The built-in template, the same for every language.
const DEFAULT: &str = include_str!("text/default.jinja");
/// The name of the one template of an environment.
const NAME: &str = "alert";
/// Ports and boxes that one line lists.
const LISTED: usize = 4;
/// Incidents that a digest lists.
const LISTED_IN_DIGEST: usize = 20;
/// Longest text, in characters: Telegram takes 4096.
const LONGEST: usize = 3900;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 250;

/// A text whose first line says it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The first line.
    pub title: String,
    /// All of it, the title too.
    pub whole: String,
    /// Where the map is, if it is known where.
    pub map: Option<String>,
}

/// Makes the texts of one channel.
#[derive(Debug)]
pub struct Writer {
    environment: Environment<'static>,
    words: Words,
    language: Language,
    offset: i16,
    map: String,
}

/// Labels of the built-in template.
#[derive(Debug, Serialize)]
struct Label {
    #[serde(rename = "where")]
    place: &'static str,
    map: &'static str,
    reach: &'static str,
    since: &'static str,
    back: &'static str,
    sure: &'static str,
    boxes: &'static str,
    why: &'static str,
    incident: &'static str,
}

/// What a template is given; `docs/alerts.md` lists it. A piece that does not apply is empty.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    title: String,
    symbol: &'static str,
    severity: &'static str,
    what: &'static str,
    stage: Stage,
    step: &'static str,
    #[serde(rename = "where")]
    place: String,
    map: String,
    reach: String,
    since: String,
    back: String,
    sure: String,
    boxes: String,
    why: String,
    notes: Vec<String>,
    id: &'a str,
    label: Label,
    notice: &'a Notice,
}

impl Writer {
    /// From a channel's section.
    ///
    /// # Errors
    /// What is wrong with its template, in words with line numbers of the template.
    pub fn new(config: &Alert) -> Result<Self, String> {
        let mut environment = Environment::new();
        // A piece that is misspelt is a mistake, and not silence.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let source = config.template.as_ref().map_or_else(|| DEFAULT.to_owned(), |template| template.text.clone());
        environment.add_template_owned(NAME, source).map_err(|error| explain(&error))?;
        let writer = Self {
            environment,
            words: Words::from(config.language),
            language: config.language,
            offset: config.utc_offset,
            map: config.map.clone(),
        };
        // Tried on what a cut comes to from its beginning to its end: a piece that is not there is found now.
        let trial = super::trial::steps(Timestamp::from_millis(1_700_000_000_000));
        for (step, notice) in trial {
            let part = Part { step, notice: notice.into(), handle: None, flapping: true };
            writer.render(&part, Timestamp::from_millis(1_700_000_600_000)).map_err(|error| explain(&error))?;
        }
        Ok(writer)
    }

    /// The text of a message.
    #[must_use]
    pub fn write(&self, delivery: &Delivery, now: Timestamp) -> Text {
        match delivery.parts.as_slice() {
            [part] => self.one(part, now),
            parts => self.digest(parts),
        }
    }

    /// The text on one incident.
    #[must_use]
    pub fn one(&self, part: &Part, now: Timestamp) -> Text {
        let whole = self.render(part, now).unwrap_or_else(|error| {
            // It was tried on every step, so this is rare: its title still says what is most needed.
            tracing::error!(error = explain(&error), "the template of an alert failed on an incident");
            self.title(&part.notice)
        });
        let whole = clip(whole.trim(), LONGEST);
        let title = clip(whole.lines().next().unwrap_or_default().trim(), LONGEST_TITLE);
        Text { title, whole, map: self.map(&part.notice) }
    }

    fn render(&self, part: &Part, now: Timestamp) -> Result<String, minijinja::Error> {
        self.environment.get_template(NAME)?.render(minijinja::value::Serde(self.facts(part, now)))
    }

    fn facts<'a>(&self, part: &'a Part, now: Timestamp) -> Facts<'a> {
        let (words, notice) = (self.words, &*part.notice);
        Facts {
            title: self.title(notice),
            symbol: Words::symbol(notice.severity, notice.stage),
            severity: words.severity(notice.severity),
            what: words.kind(notice.kind),
            stage: notice.stage,
            step: part.step.word(),
            place: notice.place.as_ref().map(|place| self.place(place)).unwrap_or_default(),
            map: self.map(notice).unwrap_or_default(),
            reach: self.reach(notice),
            since: self.since(notice, now),
            back: if notice.is_of_losses() && (notice.recovered > 0 || notice.stage == Stage::Cleared) {
                words.recovered(notice.recovered, notice.lost)
            } else {
                String::new()
            },
            sure: self.sure(notice),
            boxes: self.boxes(notice),
            // Evidence is a sentence in English.
            why: if self.language == Language::English { notice.evidence.clone() } else { self.own_trouble(notice) },
            notes: self.notes(part),
            id: &notice.id,
            label: Label {
                place: words.place_label(),
                map: words.map_label(),
                reach: words.reach_label(),
                since: words.since_label(),
                back: words.back_label(),
                sure: words.sure_label(),
                boxes: words.boxes_label(),
                why: words.why_label(),
                incident: words.incident_label(),
            },
            notice,
        }
    }

    /// What is wrong with ourselves is told in the words of whoever refused, whatever their language.
    fn own_trouble(&self, notice: &Notice) -> String {
        let is_own = matches!(
            notice.kind,
            AlertOn::PollingLate | AlertOn::OzmapRefusing | AlertOn::PushHeld | AlertOn::StoreFailing
        );
        if is_own { notice.evidence.clone() } else { String::new() }
    }

    fn title(&self, notice: &Notice) -> String {
        let words = self.words;
        let mut parts = Vec::new();
        if notice.test {
            parts.push(words.is_test().to_owned());
        }
        let is_over = notice.stage == Stage::Cleared;
        parts.push(if is_over { words.over() } else { words.severity(notice.severity) }.to_owned());
        let place = notice.place.as_ref().map(|place| place.name.clone()).or_else(|| notice.olts.first().cloned());
        let what = words.kind(notice.kind);
        parts.push(place.map_or_else(|| what.to_owned(), |place| format!("{what}: {place}")));
        if notice.is_of_losses() {
            let lost = words.lost(notice.kind, notice.lost);
            let back = || words.are_back().replace("{what}", &words.recovered(notice.recovered, notice.lost));
            parts.push(if is_over || notice.recovered > 0 { back() } else { lost });
        }
        format!("{} {}", Words::symbol(notice.severity, notice.stage), parts.join(" · "))
    }

    fn place(&self, place: &Spot) -> String {
        let words = self.words;
        let element = words.element(&place.kind);
        let mut text =
            if place.name.starts_with(element) { place.name.clone() } else { format!("{element} {}", place.name) };
        if let (Some(from), Some(to)) = (&place.from, &place.to)
            && from != to
            && *from != place.name
        {
            text = words.between().replace("{what}", &text).replace("{from}", from).replace("{to}", to);
        }
        if let Some([from, to]) = place.metres_from_olt {
            let metres = words.metres().replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
            text = format!("{text} ({metres})");
        }
        text
    }

    /// A link to the place.
    #[must_use]
    pub fn map(&self, notice: &Notice) -> Option<String> {
        let [lng, lat] = notice.place.as_ref()?.coords?;
        Some(self.map.replace("{lat}", &format!("{lat:.6}")).replace("{lon}", &format!("{lng:.6}")))
    }

    fn reach(&self, notice: &Notice) -> String {
        let all = if notice.pons.is_empty() { &notice.olts } else { &notice.pons };
        let mut text = self.listed(all.iter().map(String::as_str), all.len());
        if notice.is_of_losses() && notice.monitored > notice.lost {
            let of = self.words.of_all().replace("{n}", &notice.lost.to_string());
            text = format!("{text} ({})", of.replace("{all}", &notice.monitored.to_string()));
        }
        text
    }

    fn listed<'t>(&self, texts: impl Iterator<Item = &'t str>, all: usize) -> String {
        let shown: Vec<&str> = texts.take(LISTED).collect();
        let more = all.saturating_sub(shown.len());
        let shown = shown.join(", ");
        if more == 0 { shown } else { format!("{shown} {}", self.words.and_more().replace("{n}", &more.to_string())) }
    }

    fn since(&self, notice: &Notice, now: Timestamp) -> String {
        match notice.cleared_at {
            None => format!("{} ({})", self.moment(notice.opened_at), self.length(now.since(notice.opened_at))),
            Some(over) => {
                let text = self.words.now_over().replace("{from}", &self.moment(notice.opened_at));
                let text = text.replace("{to}", &self.moment(over));
                text.replace("{length}", &self.length(over.since(notice.opened_at)))
            }
        }
    }

    /// A time in the channel's zone.
    fn moment(&self, at: Timestamp) -> String {
        let local = i64::try_from(at.millis()).unwrap_or(i64::MAX).saturating_add(i64::from(self.offset) * 60_000);
        let text = Timestamp::from_millis(u64::try_from(local).unwrap_or(0)).to_string();
        let zone = match self.offset {
            0 => "UTC".to_owned(),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", offset.unsigned_abs() / 60, offset.unsigned_abs() % 60)
            }
        };
        let (day, time) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
        format!("{day} {time} {zone}")
    }

    fn length(&self, time: Duration) -> String {
        let (seconds, words) = (time.as_secs(), self.words);
        let fill = |text: &str, mark: &str, n: u64| text.replace(mark, &n.to_string());
        match seconds {
            0..60 => fill(words.seconds(), "{n}", seconds),
            60..3600 => fill(words.minutes(), "{n}", seconds / 60),
            3600..86_400 => fill(&fill(words.hours(), "{h}", seconds / 3600), "{n}", seconds % 3600 / 60),
            _ => fill(&fill(words.days(), "{d}", seconds / 86_400), "{h}", seconds % 86_400 / 3600),
        }
    }

    fn sure(&self, notice: &Notice) -> String {
        let Some(confidence) = notice.confidence else { return String::new() };
        let per_cent = |chance: f64| format!("{:.0} %", (chance * 100.0).min(if chance < 1.0 { 99.0 } else { 100.0 }));
        let Some(other) = notice.alternatives.first() else { return per_cent(confidence) };
        let mut what = self.words.kind(other.kind).to_lowercase();
        if let Some(place) = &other.place {
            what = format!("{what} {}", self.words.at().replace("{place}", place));
        }
        let or_else = self.words.or_else().replace("{what}", &what).replace("{odds}", &per_cent(other.odds));
        format!("{} ({or_else})", per_cent(confidence))
    }

    fn boxes(&self, notice: &Notice) -> String {
        let texts: Vec<String> = notice.boxes.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        self.listed(texts.iter().map(String::as_str), texts.len())
    }

    fn notes(&self, part: &Part) -> Vec<String> {
        let (words, notice) = (self.words, &part.notice);
        let mut notes = Vec::new();
        if let Some(ack) = &notice.ack {
            notes.push(words.acknowledged().replace("{who}", &ack.by).replace("{when}", &self.moment(ack.at)));
        }
        if let Some(parent) = &notice.parent {
            let merged = notice.stage == Stage::Cleared && notice.recovered < notice.lost;
            notes.push(if merged { words.merged() } else { words.left_over() }.replace("{id}", parent));
        }
        if part.flapping && part.step == Step::Open {
            notes.push(words.flapping().to_owned());
        }
        if notice.untraced {
            notes.push(words.untraced().to_owned());
        }
        notes
    }

    fn digest(&self, parts: &[Part]) -> Text {
        let worst = parts.iter().map(|part| part.notice.severity).max().unwrap_or(AlertSeverity::Indeterminate);
        let stage = if parts.iter().all(|part| part.step == Step::Resolve) { Stage::Cleared } else { Stage::Open };
        let text = self.words.digest().replace("{n}", &parts.len().to_string());
        let title = format!("{} {text}", Words::symbol(worst, stage));
        let mut lines = vec![title.clone(), String::new()];
        lines.extend(parts.iter().take(LISTED_IN_DIGEST).map(|part| self.title(&part.notice)));
        let more = parts.len().saturating_sub(LISTED_IN_DIGEST);
        if more > 0 {
            lines.push(self.words.and_more().replace("{n}", &more.to_string()));
        }
        Text { title: clip(&title, LONGEST_TITLE), whole: clip(&lines.join("\n"), LONGEST), map: None }
    }
}

/// What is wrong with a template: the mistake and its line there.
fn explain(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in line {line} of it")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail}{line}", error.kind())
}

fn clip(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let short: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{short}…")
}
