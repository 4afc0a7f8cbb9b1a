//! `/login` and `/logout`, where a token is set.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use subtle::ConstantTimeEq;

use super::super::parameters::Parameters;
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::layout;
use super::prefs::{Visit, own_path, see_other};
use super::session::{LASTS, NAME};
use super::texts::Text;

/// Longest body of a login: the longest token that makes sense, and where to go then.
const LONGEST: usize = 4096;

/// Where a client speaks from.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer(pub(in crate::http) IpAddr);

/// The form.
pub(super) async fn page(State(shared): State<Shared>, visit: Visit, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&["back"]) {
        return problem.into_response();
    }
    let back = own_path(parameters.get("back").unwrap_or("/")).to_owned();
    if shared.token.is_none() {
        return see_other(&back);
    }
    layout::bare(&visit, StatusCode::OK, Text::LogIn.of(visit.lang), &form(&visit, &back, None))
}

fn form(visit: &Visit, back: &str, wrong: Option<&str>) -> Markup {
    let lang = visit.lang;
    html! {
        form.login method="post" action="/login" data-back=(back) {
            h1 { (Text::LogIn.of(lang)) }
            @if let Some(wrong) = wrong { p.warning role="alert" { (wrong) } }
            input type="hidden" name="back" value=(back);
            label for="token" { (Text::Token.of(lang)) }
            input #token type="password" name="token" autocomplete="current-password" required autofocus aria-describedby="token-hint";
            p.hint #token-hint { (Text::TokenHint.of(lang)) }
            button type="submit" { (Text::LogIn.of(lang)) }
        }
    }
}

/// What a form sends, decoded by the same rules as a query.
async fn fields(body: Body) -> Result<Parameters, Problem> {
    let octets = axum::body::to_bytes(body, LONGEST).await;
    let octets =
        octets.map_err(|_| Problem::bad_request(format!("a form of at most {LONGEST} octets was expected")))?;
    let text = std::str::from_utf8(&octets).map_err(|_| Problem::bad_request("the form is no text"))?;
    let fields = Parameters::of_query(text)?;
    fields.only(&["token", "back"])?;
    Ok(fields)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Takes the token.
pub(super) async fn enter(
    State(shared): State<Shared>,
    peer: Option<Extension<Peer>>,
    visit: Visit,
    request: Request,
) -> Response {
    let Some(token) = &shared.token else { return see_other("/") };
    if !is_form(request.headers()) {
        return Problem::bad_request("application/x-www-form-urlencoded was expected").into_response();
    }
    let secure = is_behind_tls(request.headers());
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(from))| from);
    // Read first: between the look at the tries and the count of a wrong one nothing is waited for.
    let fields = match fields(request.into_body()).await {
        Ok(fields) => fields,
        Err(problem) => return problem.into_response(),
    };
    let desk = &shared.desk;
    if let Some(wait) = desk.tries.wait(from, visit.now) {
        let seconds = wait.as_secs() + 1;
        let said = Text::TooManyTries.with(visit.lang, &[&seconds]);
        let form = form(&visit, "/", Some(&said));
        let mut response = layout::bare(&visit, StatusCode::TOO_MANY_REQUESTS, Text::LogIn.of(visit.lang), &form);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let back = own_path(fields.get("back").unwrap_or("/"));
    let given = fields.get("token").unwrap_or_default().trim();
    if !bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())) {
        desk.tries.failed(from, visit.now);
        tracing::warn!(%from, "a wrong token was given at the login page");
        let form = form(&visit, back, Some(Text::WrongToken.of(visit.lang)));
        return layout::bare(&visit, StatusCode::UNAUTHORIZED, Text::LogIn.of(visit.lang), &form);
    }
    let Some(value) = desk.sessions.as_ref().and_then(|sessions| sessions.begin(visit.now)) else {
        return Problem::internal().into_response();
    };
    with_cookie(see_other(back), &value, LASTS.as_secs(), secure)
}

/// Ends the session.
pub(super) async fn leave(headers: HeaderMap) -> Response {
    with_cookie(see_other("/login"), "", 0, is_behind_tls(&headers))
}

fn with_cookie(mut response: Response, value: &str, seconds: u64, secure: bool) -> Response {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Whether a proxy in front of us says that it speaks TLS. Who lies here only keeps their own cookie from plain HTTP.
fn is_behind_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}
