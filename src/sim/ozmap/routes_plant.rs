//! Routes of the plant, of kinds, of marks, and of traces.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::answers::{self, ApiError};
use super::elements::Element;
use super::faults::FaultKind;
use super::gate::Call;
use super::marks;
use super::model::IdKind;
use super::routes::{Answer, answer_list, id_of, json_body, no_content, ok};
use super::rows::{ElementRows, Rows};
use super::server::{App, now};
use super::trace::trace;

/// Collections with the kinds of things in them, whose octets ascend.
pub(super) const COLLECTIONS: [(&str, &[IdKind]); 24] = [
    ("projects", &[IdKind::Project]),
    ("boxes", &[IdKind::Box]),
    ("buildings", &[IdKind::Building]),
    ("pops", &[IdKind::Pop]),
    ("base-boxes", &[IdKind::Property, IdKind::Box, IdKind::Pop, IdKind::Building]),
    ("box-types", &[IdKind::BoxType]),
    ("cables", &[IdKind::Drop, IdKind::Cable]),
    ("cable-types", &[IdKind::CableType]),
    ("fibers", &[IdKind::Fiber]),
    ("cords", &[IdKind::Cord]),
    ("network-connectables", &[IdKind::Fiber, IdKind::Cord]),
    ("splitters", &[IdKind::Splitter]),
    ("dios", &[IdKind::Dio]),
    ("fusions", &[IdKind::Fusion]),
    ("connectors", &[IdKind::Connector]),
    ("passings", &[IdKind::Passing]),
    ("shelfs", &[IdKind::Shelf]),
    ("olts", &[IdKind::Olt]),
    ("slots", &[IdKind::Slot]),
    ("pons", &[IdKind::Pon]),
    (
        "network-connectors",
        &[
            IdKind::Splitter,
            IdKind::Dio,
            IdKind::Fusion,
            IdKind::Connector,
            IdKind::Passing,
            IdKind::Shelf,
            IdKind::Olt,
            IdKind::Slot,
            IdKind::Pon,
        ],
    ),
    ("pendency-types", &[IdKind::PendencyType]),
    ("pendencies", &[IdKind::Pendency]),
    ("posts", &[IdKind::Post]),
];

/// These routes.
pub(super) fn router() -> Router<Arc<App>> {
    let mut router = Router::new().route("/properties/client/{code}/potency", get(potency));
    for (name, kinds) in COLLECTIONS {
        let list = get(move |State(app): State<Arc<App>>, Extension(call): Extension<Call>, uri: Uri| async move {
            let query = app.read_list::<Element<'_>>(&call, &uri)?;
            let spoil = app.spoil(&call, &query);
            let store = app.store();
            let rows = ElementRows(&store, kinds, call.grant.sight());
            Answer::Ok(answer_list(&call, &query, spoil, &rows, Element::render))
        });
        let one = get(
            move |State(app): State<Arc<App>>, Extension(call): Extension<Call>, Path(id): Path<String>| async move {
                let id = id_of(&id)?;
                let store = app.store();
                let rows = ElementRows(&store, kinds, call.grant.sight());
                let row = rows.place_of(id).and_then(|place| rows.row(place)).ok_or_else(ApiError::not_found)?;
                Answer::Ok(ok(&row.render()))
            },
        );
        let (list, one) = match name {
            "pendencies" => (list.post(create_pendency), one.patch(patch_pendency)),
            "posts" => (list.post(create_post), one),
            _ => (list, one),
        };
        router = router.route(&format!("/{name}"), list).route(&format!("/{name}/{{id}}"), one);
    }
    router
}

async fn potency(State(app): State<Arc<App>>, Extension(call): Extension<Call>, Path(code): Path<String>) -> Answer {
    let found = {
        let store = app.store();
        let sight = call.grant.sight();
        let mut clients = store.clients_of_code(&code, sight).peekable();
        // Of a client with two houses, the first that has a path: assumed.
        clients.peek().is_some().then(|| {
            let mut houses = clients.flat_map(|client| store.houses_of_client(client.id, sight));
            houses.find_map(|house| trace(&store.plant, house))
        })
    };
    let found = found.ok_or_else(ApiError::not_found)?;
    if app.is_on(&call, &FaultKind::TraceEmpty) {
        return Ok(answers::empty(StatusCode::OK));
    }
    if app.is_on(&call, &FaultKind::TraceNull) {
        return Ok(ok(&Value::Null));
    }
    if app.is_on(&call, &FaultKind::TraceEmptyList) {
        return Ok(ok(&json!([])));
    }
    match found {
        Some(found) => Ok(ok(&found)),
        None => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "the client has no traced route")),
    }
}

/// 201 with the row; answers to a POST carry both spellings of the identifier.
fn created(row: Element<'_>) -> Response {
    let mut row = row.render();
    if let Some(object) = row.as_object_mut()
        && let Some(id) = object.get("id").cloned()
    {
        object.insert("_id".to_owned(), id);
    }
    answers::json(StatusCode::CREATED, &row).into_response()
}

async fn create_pendency(State(app): State<Arc<App>>, Extension(call): Extension<Call>) -> Answer {
    let fields = marks::new_pendency(&json_body(&call)?).map_err(ApiError::invalid)?;
    let mut store = app.store();
    let hidden = call.grant.sight().is_some_and(|seen| {
        let project = fields.get("project").and_then(Value::as_str).and_then(|id| id.parse().ok());
        project.is_none_or(|project| !seen.contains(&project))
    });
    if hidden {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "this key does not see that project"));
    }
    Ok(created(Element::Mark(store.add_mark(IdKind::Pendency, fields, now())?)))
}

async fn patch_pendency(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answer {
    let id = id_of(&id)?;
    let fields = marks::pendency_patch(&json_body(&call)?).map_err(ApiError::invalid)?;
    app.store().patch_pendency(id, fields, call.grant.sight(), now())?;
    Ok(no_content())
}

async fn create_post(State(app): State<Arc<App>>, Extension(call): Extension<Call>) -> Answer {
    let fields = marks::new_post(&json_body(&call)?).map_err(ApiError::invalid)?;
    let mut store = app.store();
    Ok(created(Element::Mark(store.add_mark(IdKind::Post, fields, now())?)))
}
