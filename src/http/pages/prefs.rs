//! What a visitor prefers: language and theme, from cookies that the switches set, else from the browser.

use std::time::SystemTime;

use axum::extract::{FromRequestParts, State};
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::super::parameters::Parameters;
use super::super::routes::Shared;
use super::session;
use crate::model::Timestamp;

/// A year; preferences are no secret.
const KEPT: u32 = 365 * 24 * 3600;

/// Longest path that a switch leads back to.
const LONGEST_BACK: usize = 1024;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    /// English.
    En,
    /// Portuguese, as in Brazil.
    Pt,
    /// Spanish, as in Latin America.
    Es,
}

impl Lang {
    /// Every language with its own name.
    pub(super) const ALL: [Self; 3] = [Self::En, Self::Pt, Self::Es];

    /// Its code in HTML and HTTP.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Pt => "pt",
            Self::Es => "es",
        }
    }

    /// What its speakers call it.
    pub(super) const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Pt => "Português",
            Self::Es => "Español",
        }
    }

    /// From the beginning of a language tag: `pt` and `pt-BR` are the same here.
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(primary))
    }

    /// The language that `Accept-Language` weighs most among ours; the first of equals.
    fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for part in header.split(',').take(32) {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            let Some(weight) = weight.filter(|weight| (0.001..=1.0).contains(weight)) else { continue };
            // Thousandths, as RFC 9110 writes them.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let weight = (weight * 1000.0).round() as u16;
            if let Some(lang) = Self::of_tag(tag)
                && best.is_none_or(|(most, _)| weight > most)
            {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system says.
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub(super) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The word in cookie, query and HTML.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// Who asks for a page, when, and how they want it.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// In which language.
    pub(super) lang: Lang,
    /// In which theme.
    pub(super) theme: Theme,
    /// Path and query that were asked for.
    pub(super) path: String,
    /// Whether a session is under way that can be ended.
    pub(super) logged_in: bool,
    /// The time.
    pub(super) now: Timestamp,
}

impl Visit {
    /// Of a request.
    pub(super) fn of(headers: &HeaderMap, uri: &Uri, now: Timestamp) -> Self {
        let accepted = || headers.get(ACCEPT_LANGUAGE).and_then(|header| Lang::accepted(header.to_str().ok()?));
        Self {
            lang: cookie(headers, "lang").and_then(Lang::of_tag).or_else(accepted).unwrap_or(Lang::En),
            theme: cookie(headers, "theme").and_then(Theme::of_word).unwrap_or(Theme::Auto),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            logged_in: cookie(headers, session::NAME).is_some(),
            now,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers, &parts.uri, Timestamp::from(SystemTime::now())))
    }
}

/// The value of a cookie; the first one where a client sends several.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    pairs.flat_map(|pairs| pairs.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// A path of ours to go back to; anything else, such as another site's, is the front page.
pub(super) fn own_path(path: &str) -> &str {
    let ours = path.starts_with('/') && !path.starts_with("//") && path.len() <= LONGEST_BACK;
    if ours && path.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\') { path } else { "/" }
}

/// A redirect that the browser follows with GET.
pub(super) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
    response
}

/// `/preferences`: keeps what a switch says in a cookie, and goes back. Nothing else changes, so a link may lead here.
pub(super) async fn page(State(_): State<Shared>, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&["lang", "theme", "back"]) {
        return problem.into_response();
    }
    let mut response = see_other(own_path(parameters.get("back").unwrap_or("/")));
    let lang = parameters.get("lang").and_then(Lang::of_tag).map(|lang| ("lang", lang.code()));
    let theme = parameters.get("theme").and_then(Theme::of_word).map(|theme| ("theme", theme.word()));
    for (name, value) in lang.into_iter().chain(theme) {
        let cookie = format!("{name}={value}; Path=/; Max-Age={KEPT}; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(headers: &[(&'static str, &str)]) -> Visit {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        Visit::of(&headers, &"/olts?from=2".parse().unwrap(), Timestamp::from_millis(0))
    }

    #[test]
    fn the_language_is_the_cookie_s_else_the_browser_s_else_english() {
        for (accepted, lang) in [
            ("pt-BR,pt;q=0.9,en;q=0.8", Lang::Pt),
            ("de, es-419;q=0.5, en;q=0.4", Lang::Es),
            ("en;q=0.2, pt;q=0.3", Lang::Pt),
            ("pt;q=0, es;q=0.1", Lang::Es),
            ("de", Lang::En),
            ("", Lang::En),
            ("pt;q=x", Lang::En),
        ] {
            assert_eq!(visit(&[("accept-language", accepted)]).lang, lang, "{accepted}");
            assert_eq!(visit(&[("accept-language", accepted), ("cookie", "a=b; lang=es")]).lang, Lang::Es);
        }
        assert_eq!(visit(&[("cookie", "lang=xx")]).lang, Lang::En);
    }

    #[test]
    fn the_theme_is_the_system_s_until_it_is_switched() {
        assert_eq!(visit(&[]).theme, Theme::Auto);
        assert_eq!(visit(&[("cookie", "theme=dark")]).theme, Theme::Dark);
        assert_eq!(visit(&[("cookie", "theme=\"><script>")]).theme, Theme::Auto);
        assert_eq!(visit(&[]).path, "/olts?from=2");
    }

    #[test]
    fn a_way_back_never_leads_to_another_site() {
        for (path, back) in [
            ("/olts?x=1", "/olts?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x=1", "/"),
        ] {
            assert_eq!(own_path(path), back, "{path:?}");
        }
    }
}
