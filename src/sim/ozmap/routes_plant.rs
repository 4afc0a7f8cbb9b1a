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
use super::form;
use super::gate::Call;
use super::marks;
use super::model::IdKind;
use super::plant::{JointKind, PlaceKind};
use super::routes::{Answer, answer_list, id_of, json_body, no_content, ok};
use super::rows::{Accept, Collection, ElementRows, Rows};
use super::server::{App, now};
use super::trace::trace;

const fn all(name: &'static str, tables: &'static [IdKind]) -> Collection {
    Collection { name, tables, accept: None }
}

const fn some(name: &'static str, tables: &'static [IdKind], accept: Accept) -> Collection {
    Collection { name, tables, accept: Some(accept) }
}

fn is_place(row: Element<'_>, kind: PlaceKind) -> bool {
    matches!(row, Element::Place(place) if place.kind == kind)
}

fn is_joint(row: Element<'_>, kind: JointKind) -> bool {
    matches!(row, Element::Joint(joint) if joint.kind == kind)
}

/// Every collection beside clients and houses.
pub(super) static COLLECTIONS: [Collection; 24] = [
    all("projects", &[IdKind::Project]),
    some("boxes", &[IdKind::Place], |row| is_place(row, PlaceKind::Box)),
    some("buildings", &[IdKind::Place], |row| is_place(row, PlaceKind::Building)),
    some("pops", &[IdKind::Place], |row| is_place(row, PlaceKind::Pop)),
    all("base-boxes", &[IdKind::Property, IdKind::Place, IdKind::PlantProperty]),
    all("box-types", &[IdKind::BoxType]),
    all("cables", &[IdKind::Cable, IdKind::Drop]),
    all("cable-types", &[IdKind::CableType]),
    some("fibers", &[IdKind::Strand], |row| matches!(row, Element::Strand(strand) if !strand.is_cord())),
    some("cords", &[IdKind::Strand], |row| matches!(row, Element::Strand(strand) if strand.is_cord())),
    all("network-connectables", &[IdKind::Strand]),
    all("splitters", &[IdKind::Splitter]),
    all("dios", &[IdKind::Dio]),
    some("fusions", &[IdKind::Joint], |row| is_joint(row, JointKind::Fusion)),
    some("connectors", &[IdKind::Joint], |row| is_joint(row, JointKind::Connector)),
    some("passings", &[IdKind::Joint], |row| is_joint(row, JointKind::Passing)),
    all("shelfs", &[IdKind::Shelf]),
    all("olts", &[IdKind::Olt]),
    all("slots", &[IdKind::Slot]),
    all("pons", &[IdKind::Pon]),
    some(
        "network-connectors",
        &[IdKind::Joint, IdKind::Splitter, IdKind::Dio, IdKind::Olt, IdKind::Shelf, IdKind::Slot, IdKind::Pon],
        |row| !is_joint(row, JointKind::Undocumented),
    ),
    all("pendency-types", &[IdKind::PendencyType]),
    all("pendencies", &[IdKind::Pendency]),
    all("posts", &[IdKind::Post]),
];

/// These routes.
pub(super) fn router() -> Router<Arc<App>> {
    let mut router = Router::new().route("/properties/client/{code}/potency", get(potency));
    for collection in &COLLECTIONS {
        let name = collection.name;
        let list = get(move |State(app): State<Arc<App>>, Extension(call): Extension<Call>, uri: Uri| async move {
            let query = app.read_list::<Element<'_>>(&call, &uri)?;
            let spoil = app.spoil(&call, &query);
            let store = app.store();
            let rows = ElementRows(&store, collection, call.grant.sight());
            Answer::Ok(answer_list(&call, &query, spoil, &rows, Element::render))
        });
        let one = get(
            move |State(app): State<Arc<App>>, Extension(call): Extension<Call>, Path(id): Path<String>| async move {
                let id = id_of(&id)?;
                let store = app.store();
                let rows = ElementRows(&store, collection, call.grant.sight());
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
    // The official SDK sends a form; JSON is assumed to do too.
    let body = match form::boundary_of(&call.content_type) {
        Some(boundary) => form::read(boundary, &call.body).map_err(ApiError::invalid)?,
        None => json_body(&call)?,
    };
    let fields = marks::new_post(&body).map_err(ApiError::invalid)?;
    let mut store = app.store();
    Ok(created(Element::Mark(store.add_mark(IdKind::Post, fields, now())?)))
}
