//! What OZmap's queue does.

use maud::{Markup, html};

use super::format;
use super::prefs::{Lang, Visit};
use super::texts::{Text, Worded};
use crate::model::Verdict;
use crate::ozmap::{Change, PushSnapshot};

/// Changes that are listed.
const LISTED: usize = 8;

/// The whole panel.
pub(super) fn panel(visit: &Visit, push: Option<&PushSnapshot>) -> Markup {
    let lang = visit.lang;
    let Some(push) = push else {
        return html! { p.muted { (Text::NoOzmap.of(lang)) } };
    };
    html! {
        dl.facts-grid {
            (format::fact(Text::Mode.of(lang), &html! {
                @if push.mode == "write" { (Text::ModeWrite.of(lang)) } @else { (Text::ModeDryRun.of(lang)) }
                " · " (push.host)
            }))
            (format::fact(Text::Directory.of(lang), &directory(visit, push)))
            (format::fact(Text::Matched.of(lang), &html! {
                (Text::MatchedOf.with(lang, &[&format::count(push.matching.matched), &format::count(push.matching.unmatched), &format::count(push.matching.ambiguous)]))
            }))
            (format::fact(Text::Waiting.of(lang), &html! {
                (Text::WaitingOf.with(lang, &[&format::count(push.pending), &format::count(push.pending_powers)]))
            }))
            @if push.mode == "write" {
                (format::fact(Text::Written.of(lang), &html! {
                    (Text::WrittenOf.with(lang, &[&format::count(push.written.ok), &format::count(push.written.error)]))
                }))
            } @else {
                (format::fact(Text::WouldWrite.of(lang), &html! { (format::count(push.written.would_write)) }))
            }
            (format::fact(Text::Pace.of(lang), &html! {
                (Text::RequestsASecond.with(lang, &[&format!("{:.1}", push.limits.requests_per_second)]))
            }))
            (held(lang, push))
        }
        (changes(lang, push))
    }
}

fn directory(visit: &Visit, push: &PushSnapshot) -> Markup {
    let lang = visit.lang;
    html! {
        @match &push.directory {
            Some(directory) => (Text::DirectoryOf.with(lang, &[&format::count(directory.clients), &format::span(visit.now.since(directory.renewed_at))])),
            None => (Text::DirectoryNone.of(lang)),
        }
    }
}

/// What is held back, and why; nothing where nothing is.
fn held(lang: Lang, push: &PushSnapshot) -> Markup {
    let counts = [(Text::HeldByBrake, push.held), (Text::HeldByWork, push.maintained), (Text::LeftAside, push.aside)];
    html! {
        @for (text, count) in counts {
            @if count > 0 { (format::fact(text.of(lang), &html! { strong.weak-text { (format::count(count)) } })) }
        }
        @if let Some(until) = push.resting_until {
            (format::fact(Text::Pace.of(lang), &html! { (Text::Resting.with(lang, &[&until])) }))
        }
        @if let Some(error) = &push.last_error {
            (format::fact(Text::LastTrouble.of(lang), &html! { span lang="en" { (error.message) } " · " (format::time(error.at)) }))
        }
    }
}

fn changes(lang: Lang, push: &PushSnapshot) -> Markup {
    html! {
        @if !push.pending_changes.is_empty() {
            h3 { (Text::NextChanges.of(lang)) }
            ul.plain { @for change in push.pending_changes.iter().take(LISTED) { li { (change_line(lang, change)) } } }
        }
    }
}

fn change_line(lang: Lang, change: &Change) -> Markup {
    let to = match change.to {
        crate::ozmap::Status::Ok => Verdict::Ok,
        crate::ozmap::Status::Error => Verdict::Error,
    };
    let class = if to == Verdict::Error { "down" } else { "good" };
    html! {
        span class={ "chip " (class) } { (to.text().of(lang)) } " "
        (change.code.as_deref().unwrap_or("–")) " "
        span.muted lang="en" { (change.reason) }
    }
}
