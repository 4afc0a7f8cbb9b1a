//! The stylesheet, the script and the icon: in the program itself, and nothing from elsewhere.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

use super::super::problem::Problem;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Their common version: a new program's pages ask for new ones.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in [STYLE, SCRIPT, ICON] {
        hash.update(asset);
    }
    hash.finalize().iter().take(6).map(|octet| format!("{octet:02x}")).collect()
});

/// The path of one of them.
pub(super) fn path(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `/assets/{version}/{name}`. They say nothing of the network, so the login page may use them. Any version is the newest.
pub(super) async fn page(Path((version, name)): Path<(String, String)>) -> Response {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "script.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Problem::not_found("there is no such asset").into_response(),
    };
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if version == *VERSION {
        let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(CACHE_CONTROL, for_ever);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(hex: &str) -> f64 {
        let channel = |from: usize| {
            let value = f64::from(u8::from_str_radix(&hex[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The light and the dark value of a custom property.
    fn colours(name: &str) -> [&'static str; 2] {
        let line = STYLE
            .lines()
            .find(|line| line.trim().starts_with(&format!("--{name}:")))
            .unwrap_or_else(|| panic!("{name}"));
        let inside = line.split_once("light-dark(").unwrap().1.split(')').next().unwrap();
        let (light, dark) = inside.split_once(',').unwrap();
        [light.trim(), dark.trim()]
    }

    #[test]
    fn every_text_is_readable_on_every_ground_that_it_stands_on() {
        // WCAG AA: 4.5 for texts.
        let grounds = ["bg", "surface", "raised"];
        let soft =
            ["good-soft", "weak-soft", "critical-soft", "overload-soft", "unread-soft", "down-soft", "accent-soft"];
        let mut pairs: Vec<(&str, &str, f64)> = Vec::new();
        for ground in grounds {
            for text in ["text", "muted", "accent", "good", "weak", "critical", "overload", "unread", "down"] {
                pairs.push((text, ground, 4.5));
            }
        }
        pairs.extend(soft.map(|ground| ("text", ground, 4.5)));
        pairs.extend(soft.map(|ground| ("muted", ground, 4.5)));
        for state in ["good", "weak", "critical", "overload", "unread", "down", "accent"] {
            let ground = soft.iter().find(|soft| soft.starts_with(state)).unwrap();
            pairs.push((state, ground, 4.5));
        }
        pairs.push(("on-accent", "accent", 4.5));
        // And 3 for what is drawn.
        pairs.extend(["line-strong", "good", "critical", "accent"].map(|drawn| (drawn, "surface", 3.0)));
        for (text, ground, least) in pairs {
            for theme in [0, 1] {
                let found = contrast(colours(text)[theme], colours(ground)[theme]);
                assert!(found >= least, "{text} on {ground}, {}: {found:.2}", ["light", "dark"][theme]);
            }
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for asset in [STYLE, SCRIPT, ICON] {
            let elsewhere = asset.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "@import", "url("] {
                assert!(!elsewhere.contains(word), "{word}");
            }
        }
        assert!(STYLE.len() + SCRIPT.len() < 48 * 1024, "pages stay light");
    }
}
