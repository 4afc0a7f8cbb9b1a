//! What all pages share: head, menu, switches, footer.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_LANGUAGE, HeaderValue, VARY};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::super::problem::Problem;
use super::assets;
use super::format;
use super::links;
use super::prefs::{Lang, Theme, Visit};
use super::texts::Text;
use crate::daemon::Board;

/// A part of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// What is going on.
    Now,
    /// Incidents.
    Incidents,
    /// OLTs, and their PONs.
    Olts,
    /// ONUs.
    Onus,
}

const MENU: [(Section, &str, Text); 4] = [
    (Section::Now, "/", Text::Now),
    (Section::Incidents, "/incidents", Text::Incidents),
    (Section::Olts, "/olts", Text::Olts),
    (Section::Onus, "/onus", Text::Onus),
];

/// A page with the menu around it.
pub(super) fn page(visit: &Visit, board: &Board, section: Section, title: &str, body: &Markup) -> Response {
    let open = board.incidents().open.len();
    let content = html! {
        (header(visit, section, open))
        main #content tabindex="-1" { (body) }
        (footer(visit))
    };
    document(visit, StatusCode::OK, title, &content)
}

/// A page with nothing around it.
pub(super) fn bare(visit: &Visit, status: StatusCode, title: &str, body: &Markup) -> Response {
    let content = html! {
        header.bar { div.inner { (brand()) span.grow {} (switches(visit)) } }
        main #content.narrow tabindex="-1" { (body) }
    };
    document(visit, status, title, &content)
}

/// What went wrong, for a person with a browser.
pub(super) fn problem(visit: &Visit, problem: &Problem) -> Response {
    let lang = visit.lang;
    let title = match problem.status() {
        StatusCode::NOT_FOUND => Text::NotFound,
        status if status.is_client_error() => Text::BadRequest,
        _ => Text::Failed,
    };
    let body = html! {
        h1 { (title.of(lang)) }
        p lang="en" { (problem.detail()) }
        p { a href="/" { (Text::BackToNow.of(lang)) } }
    };
    bare(visit, problem.status(), title.of(lang), &body)
}

fn document(visit: &Visit, status: StatusCode, title: &str, content: &Markup) -> Response {
    let lang = visit.lang;
    let page = html! {
        (DOCTYPE)
        html lang=(lang.code()) data-theme=(visit.theme.word()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · oltwatch" }
                link rel="stylesheet" href=(assets::path("style.css"));
                link rel="icon" href=(assets::path("icon.svg")) type="image/svg+xml";
                script src=(assets::path("script.js")) defer {}
            }
            body data-lost=(Text::Lost.of(lang)) data-live=(Text::Live.of(lang)) {
                a.skip href="#content" { (Text::SkipToContent.of(lang)) }
                (content)
            }
        }
    };
    let mut response = (status, Html(page.into_string())).into_response();
    response.headers_mut().insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.code()));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-language, cookie"));
    response
}

fn brand() -> Markup {
    html! {
        a.brand href="/" {
            svg viewBox="0 0 32 32" aria-hidden="true" {
                circle.ring cx="16" cy="16" r="13" {}
                path.beam d="M4 16h9l3-7 4 14 3-7h5" {}
            }
            "oltwatch"
        }
    }
}

fn header(visit: &Visit, section: Section, open: usize) -> Markup {
    let lang = visit.lang;
    html! {
        header.bar {
            div.inner {
                (brand())
                nav aria-label=(Text::MainMenu.of(lang)) {
                    @for (part, path, text) in MENU {
                        a href=(path) aria-current=[(part == section).then_some("page")] {
                            (text.of(lang))
                            @if part == Section::Incidents { span.badge #open-count data-live { @if open > 0 { (format::count(open)) } } }
                        }
                    }
                }
                form.search role="search" action="/onus" {
                    input type="search" name="q" maxlength="64" aria-label=(Text::Search.of(lang)) placeholder=(Text::SearchHint.of(lang));
                    button type="submit" { (Text::Search.of(lang)) }
                }
                (switches(visit))
            }
        }
    }
}

fn switches(visit: &Visit) -> Markup {
    let lang = visit.lang;
    let theme = match visit.theme {
        Theme::Auto => Text::ThemeAuto,
        Theme::Light => Text::ThemeLight,
        Theme::Dark => Text::ThemeDark,
    };
    html! {
        details.switches {
            summary {
                span.hidden { (Text::Language.of(lang)) ", " (Text::Theme.of(lang)) ": " }
                (lang.code().to_ascii_uppercase()) " · " (theme.of(lang))
            }
            div.menu {
                p { (Text::Language.of(lang)) }
                @for other in Lang::ALL {
                    a href=(links::with("/preferences", &[("lang", &other.code()), ("back", &visit.path)]))
                        lang=(other.code()) aria-current=[(other == lang).then_some("true")] { (other.own_name()) }
                }
                p { (Text::Theme.of(lang)) }
                @for (other, text) in [(Theme::Auto, Text::ThemeAuto), (Theme::Light, Text::ThemeLight), (Theme::Dark, Text::ThemeDark)] {
                    a href=(links::with("/preferences", &[("theme", &other.word()), ("back", &visit.path)]))
                        aria-current=[(other == visit.theme).then_some("true")] { (text.of(lang)) }
                }
                @if visit.logged_in {
                    form method="post" action="/logout" { button type="submit" { (Text::LogOut.of(lang)) } }
                }
            }
        }
    }
}

fn footer(visit: &Visit) -> Markup {
    let lang = visit.lang;
    html! {
        footer {
            p #as-of data-live data-quiet { (Text::AsOf.with(lang, &[&""])) (format::time(visit.now)) }
            p #connection role="status" { }
            p {
                "oltwatch " (env!("CARGO_PKG_VERSION")) " · " a href="/about" { (Text::ForPrograms.of(lang)) }
            }
        }
    }
}
