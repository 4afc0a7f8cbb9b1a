//! `/about`: what there is for programs.

use axum::response::{Html, IntoResponse, Response};

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>oltwatch</title></head>
<body>
<h1>oltwatch</h1>
<p>For people there is the <a href="/">dashboard</a>. For programs:</p>
<ul>
<li><a href="/api/v1/olts">/api/v1/olts</a>: every OLT, how polling it goes, its PONs and counts of its ONUs</li>
<li><a href="/api/v1/onus">/api/v1/onus</a>: ONUs in pages (limit, cursor), by olt, pon, state, level, serial, code, box, q (text)</li>
<li>/api/v1/onus/OLT/PON/ONU: one ONU, with the way of its light; /history below it: an ONU's levels over time (from, to, step)</li>
<li><a href="/api/v1/incidents">/api/v1/incidents</a>: what losses have in common, where it lies and whom it hits (state); one by its id below it</li>
<li>/api/v1/events: what happens while it happens, as server-sent events (types, olt)</li>
<li><a href="/api/v1/ozmap">/api/v1/ozmap</a>: matching with OZmap, and what is or would be written</li>
<li><a href="/api/v1/plant">/api/v1/plant</a>: the passive network by PON, and what of its documentation readings contradict (doubt, limit)</li>
<li><a href="/metrics">/metrics</a>: numbers for Prometheus</li>
<li><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>: whether the process serves, and whether it polls</li>
</ul>
</body>
</html>
"#;

pub(super) async fn page() -> Response {
    Html(PAGE).into_response()
}
