//! What the tests over HTTP share: a started simulation and a caller of it.

use std::sync::Once;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{OzmapOptions, Population, SimulatedOzmap};

pub(super) const TOKEN: &str = "aaa.bbb.ccc";

/// A caller with the good token.
pub(super) struct Caller {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

/// With the awkward population.
pub(super) fn options() -> OzmapOptions {
    OzmapOptions::new(TOKEN).with(Population::Awkward)
}

pub(super) async fn start(options: OzmapOptions) -> (SimulatedOzmap, Caller) {
    let ozmap = SimulatedOzmap::start(options).await.unwrap();
    let caller = Caller::new(&ozmap.url());
    (ozmap, caller)
}

pub(super) async fn awkward() -> (SimulatedOzmap, Caller) {
    start(options()).await
}

pub(super) fn json_filter(property: &str, operator: &str, value: Value) -> Value {
    json!([{"property": property, "operator": operator, "value": value}])
}

impl Caller {
    pub(super) fn new(base: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Another test of this process may have been first.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        // No connection is reused and nothing repeated: each fault shows as it is.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { http, base: base.to_owned(), authorization: Some(TOKEN.to_owned()) }
    }

    pub(super) fn with_authorization(mut self, value: Option<&str>) -> Self {
        self.authorization = value.map(str::to_owned);
        self
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    pub(super) async fn try_get(&self, path: &str) -> reqwest::Result<Response> {
        self.request(Method::GET, &format!("/api/v2{path}")).send().await
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.try_get(path).await.unwrap()).await
    }

    /// A GET with a body.
    pub(super) async fn get_with(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.request(Method::GET, &format!("/api/v2{path}")).json(body).send().await.unwrap()).await
    }

    /// A list of one collection by a filter in the query.
    pub(super) async fn list(&self, path: &str, filter: &Value) -> Value {
        let request = self.request(Method::GET, &format!("/api/v2{path}"));
        let mut url = request.build().unwrap().url().clone();
        url.query_pairs_mut().append_pair("filter", &filter.to_string());
        let path = url.as_str().strip_prefix(&format!("{}/api/v2", self.base)).unwrap().to_owned();
        let (status, body) = self.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The identifier of the only client with that code.
    pub(super) async fn id_of(&self, code: &str) -> String {
        let found = self.list("/ftth-clients", &json_filter("code", "=", json!(code))).await;
        assert_eq!(found["total"], json!(1), "{code}");
        found["rows"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn try_send(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<Response> {
        self.request(method, &format!("/api/v2{path}")).json(body).send().await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.try_send(Method::PATCH, path, body).await.unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.try_send(Method::POST, path, body).await.unwrap()).await
    }

    /// With a content type of the caller's.
    pub(super) async fn patch_raw(&self, path: &str, content_type: &str, body: &str) -> (StatusCode, Value) {
        let request = self.request(Method::PATCH, &format!("/api/v2{path}"));
        let request = request.header("content-type", content_type).body(body.to_owned());
        read(request.send().await.unwrap()).await
    }

    /// The control endpoint.
    pub(super) async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}/_sim{path}", self.base));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        read(request.send().await.unwrap()).await
    }
}

/// The status and the body: null for an empty one, a text when it is not JSON.
pub(super) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    (status, body)
}

/// Whether a request failed as one does whose connection was reset, and not by a refused connection or a time-out.
pub(super) fn was_reset(error: &reqwest::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        source = error.source();
    }
    false
}
