//! `/api/v1/events`: what happens, as server-sent events.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderName};

use super::event_stream::{Lasting, Wanted, follow};
use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::Shared;
use crate::daemon::Topic;

/// By which a client that was cut off says where it was.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that hold answers back until they are whole would hold this one for ever.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Follows until the client is gone. `types` and `olt` pick; `Last-Event-ID` says where to go on.
pub(super) async fn page(
    State(shared): State<Shared>,
    Extension(lasting): Extension<Lasting>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Response {
    let wanted = match wanted(&headers, &parameters, &shared) {
        Ok(wanted) => wanted,
        Err(problem) => return problem.into_response(),
    };
    let Ok(place) = shared.followers.clone().try_acquire_owned() else {
        return Problem::too_many_followers(shared.limits.followers).into_response();
    };
    lasting.set();
    let body = follow(shared.board.clone(), wanted, shared.limits.heartbeat, place, shared.shutdown.clone());
    let mut response = Response::new(Body::new(body));
    let (name, value) = NO_BUFFERING;
    response.headers_mut().insert(name, value);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn wanted(headers: &HeaderMap, parameters: &Parameters, shared: &Shared) -> Result<Wanted, Problem> {
    parameters.only(&["types", "olt"])?;
    let topics = parameters.parsed("types", topics)?.unwrap_or_else(|| Topic::ALL.to_vec());
    let olt = parameters.parsed("olt", |name| match shared.board.olt(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(format!("there is no OLT {:?}", shown(name))),
    })?;
    Ok(Wanted { topics, olt, after: last_event_id(headers)? })
}

fn topics(text: &str) -> Result<Vec<Topic>, String> {
    let topic = |word: &str| {
        let known = Topic::ALL.into_iter().find(|topic| topic.word() == word.trim());
        known.ok_or_else(|| format!("unknown type {:?}: expected transition, incident or push", shown(word)))
    };
    let mut topics: Vec<Topic> = text.split(',').map(topic).collect::<Result<_, _>>()?;
    topics.sort_by_key(|topic| topic.word());
    topics.dedup();
    Ok(topics)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(given) = headers.get(LAST_EVENT_ID).filter(|given| !given.is_empty()) else { return Ok(None) };
    let id = given.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| Problem::bad_request("Last-Event-ID: expected the id of an event, a whole number"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::super::server::Limits;
    use super::super::testing::{self, NOW, Running};
    use crate::daemon::What;
    use crate::model::{Cause, OltId, OnuKey, Truth};
    use crate::signal::{Change, Reason, Transition};

    const QUICK: Limits = Limits {
        followers: 1,
        heartbeat: Duration::from_millis(50),
        life: Duration::from_millis(200),
        ..Limits::USUAL
    };

    async fn server(limits: Limits) -> Running {
        testing::start(vec![testing::town(), testing::silent("olt-norte")], None, None, limits).await
    }

    fn lost(number: u32) -> What {
        lost_at("olt-centro", number)
    }

    fn lost_at(olt: &str, number: u32) -> What {
        What::Transition(Arc::new(Transition {
            olt: OltId::new(olt),
            onu: Some(OnuKey::new(&[4_194_304, number])),
            at: NOW,
            what: Change::TruthChanged { from: Truth::Up, to: Truth::Down(Cause::Optical) },
            reason: Reason::Down { cause: Cause::Optical, readings: 2 },
            in_maintenance: false,
        }))
    }

    /// A stream of which text is taken until something stands in it.
    struct Stream(reqwest::Response, String);

    impl Stream {
        async fn open(server: &Running, query: &str, last: Option<u64>) -> Self {
            let mut request = server.client.get(format!("{}/api/v1/events{query}", server.url));
            if let Some(last) = last {
                request = request.header("Last-Event-ID", last);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            let mut stream = Self(response, String::new());
            stream.until("id: ").await;
            stream
        }

        /// All text that came, when `what` is in it.
        async fn until(&mut self, what: &str) -> &str {
            while !self.1.contains(what) {
                let chunk = tokio::time::timeout(Duration::from_secs(60), self.0.chunk()).await;
                let chunk = chunk.unwrap_or_else(|_| panic!("{what:?} did not come: {}", self.1)).unwrap();
                let chunk = chunk.unwrap_or_else(|| panic!("it ended before {what:?}: {}", self.1));
                self.1.push_str(std::str::from_utf8(&chunk).unwrap());
            }
            &self.1
        }
    }

    #[tokio::test]
    async fn what_happens_comes_with_its_id_and_a_client_that_comes_again_gets_what_it_did_not_see() {
        let server = server(Limits::USUAL).await;
        let feed = server.feed.clone();
        let begin = feed.newest();
        feed.tell([lost(1)]);
        let mut stream = Stream::open(&server, "", None).await;
        feed.tell([lost(4)]);
        let text = stream.until("\"onu\":[4194304,4]").await;
        let event = format!("\n\nid: {}\nevent: transition\ndata: {{\"olt\":\"olt-centro\"", begin + 2);
        assert!(text.starts_with("retry: 3000\n") && text.contains(&event), "{text}");
        assert!(!text.contains("4194304,1]"), "only what comes is told: {text}");
        let device = r#""device":{"pon":"0/1/1","onu":4,"serial":"HWTC00000004","name":"10004 Maria"}"#;
        assert!(text.contains(device) && !text.contains("missed"), "{text}");
        drop(stream);
        feed.tell([lost(3)]);
        let mut again = Stream::open(&server, "?types=transition,push", Some(begin + 1)).await;
        let text = again.until("4194304,3]").await;
        assert!(text.contains("4194304,4]") && !text.contains("missed"), "{text}");
        let mut of_another = Stream::open(&server, "?olt=olt-norte", Some(begin)).await;
        feed.tell([lost(2), lost_at("olt-norte", 9)]);
        let text = of_another.until("4194304,9]").await;
        assert_eq!(text.matches("event: ").count(), 1, "only that happened there: {text}");
    }

    #[tokio::test]
    async fn what_a_client_does_not_want_does_not_keep_its_heartbeat_from_it() {
        let server = server(QUICK).await;
        let mut stream = Stream::open(&server, "?types=incident", None).await;
        let feed = server.feed.clone();
        let busy = tokio::spawn(async move {
            loop {
                feed.tell([lost(1)]);
                tokio::time::sleep(QUICK.heartbeat / 10).await;
            }
        });
        stream.until(": still here\n\n").await;
        busy.abort();
    }

    #[tokio::test]
    async fn a_client_of_an_earlier_process_is_told_that_it_missed_something() {
        let server = server(Limits::USUAL).await;
        server.feed.tell([lost(1)]);
        let mut stream = Stream::open(&server, "", Some(7)).await;
        let text = stream.until("4194304,1]").await;
        assert_eq!(text.matches("event: missed\ndata: {}\n\n").count(), 1, "{text}");
        server.feed.tell([lost(2)]);
        let text = stream.until("4194304,2]").await;
        assert_eq!(text.matches("missed").count(), 1, "it is told once: {text}");
    }

    #[tokio::test]
    async fn a_stream_is_kept_alive_beyond_other_connections_and_ends_with_the_server() {
        let server = server(QUICK).await;
        let mut stream = Stream::open(&server, "", None).await;
        for _ in 0..20 {
            stream.until(": still here\n\n").await;
            stream.1.clear();
        }
        server.feed.tell([lost(1)]);
        stream.until("4194304,1]").await;
        server.shutdown.send_replace(true);
        while let Some(text) = stream.0.chunk().await.expect("it ends as it should") {
            assert!(std::str::from_utf8(&text).unwrap().contains("still here"));
        }
        server.task.await.unwrap();
    }

    #[tokio::test]
    async fn places_are_bounded_and_free_again_when_a_client_goes_or_takes_nothing() {
        // Idle connections live on: a request on one that was just closed would fail.
        let limits = Limits { stall: Duration::from_millis(300), life: Limits::USUAL.life, ..QUICK };
        let server = server(limits).await;
        let first = Stream::open(&server, "", None).await;
        let refused = server.get("/api/v1/events").await;
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"30".parse().unwrap()));
        drop(first);
        let free = || async {
            for _ in 0..600 {
                if server.get("/api/v1/events").await.status() == StatusCode::OK {
                    return true;
                }
                // What nobody takes fills the way to the client.
                server.feed.tell((0..5000).map(lost));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            false
        };
        assert!(free().await, "a client that is gone has no place");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut tried = 0;
        let mut sleeper = loop {
            let response = server.get("/api/v1/events").await;
            if response.status() == StatusCode::OK {
                break response;
            }
            tried += 1;
            assert!(tried < 600);
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert!(free().await, "a client that takes nothing is sent away");
        // All that had come, and then no more.
        let mut end = sleeper.chunk().await;
        while let Ok(Some(_)) = end {
            end = sleeper.chunk().await;
        }
        assert!(end.is_err(), "it was not told that this is the end");
    }

    #[tokio::test]
    async fn what_cannot_be_understood_is_refused() {
        let server = server(Limits::USUAL).await;
        for (query, why) in [
            ("?types=incidents", "unknown type \"incidents\": expected transition, incident or push"),
            ("?types=", "unknown type \"\""),
            ("?olt=nowhere", "there is no OLT \"nowhere\""),
            ("?after=3", "unknown parameter \"after\": expected types, olt"),
        ] {
            let problem = server.json(&format!("/api/v1/events{query}"), 400).await;
            assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
        }
        let request = server.client.get(format!("{}/api/v1/events", server.url)).header("Last-Event-ID", "x");
        assert_eq!(request.send().await.unwrap().status().as_u16(), 400);
    }
}
