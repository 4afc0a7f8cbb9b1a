//! Everything that is listed beside clients: places, cables, fibres, joints, head end, projects, kinds, marks. One
//! definition of a row serves filters, sorting and rendering: the keys that it has, and the field of each.

mod keys;

use serde_json::{Map, Value, json};

use self::keys::{CABLE, CABLE_TYPE, JOINT, OLT, PENDENCY_TYPE, PLACE, PON, PROJECT, SHELF, SLOT, STRAND};
use super::fields::{Field, FieldKind, House, Row};
use super::marks::Mark;
use super::model::{BoxType, IdKind, ObjectId, Project};
use super::plant::{Cable, Joint, JointKind, Olt, Place, PlaceKind, Pon, Shelf, Slot, Strand};
use super::render::{self, IdKey, OLT_COMMUNITY, OLT_PASSWORD, OLT_USER, port_id};
use super::seed::EPOCH;

/// Fibre loss of the only kind of cable, dB/km.
pub(super) const BASE_LOSS: f64 = 0.4;

/// A row of any of these collections.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element<'a> {
    House(House<'a>),
    Place(&'a Place),
    Cable(&'a Cable),
    Strand(&'a Strand),
    Joint(&'a Joint),
    Shelf(&'a Shelf),
    Olt(&'a Olt),
    Slot(&'a Slot),
    Pon(&'a Pon),
    Project(&'a Project),
    BoxType(&'a BoxType),
    CableType(ObjectId),
    PendencyType(&'a PendencyType),
    Mark(&'a Mark),
}

/// A kind of pendency.
#[derive(Debug)]
pub(super) struct PendencyType {
    pub(super) id: ObjectId,
    pub(super) name: &'static str,
    pub(super) color: &'static str,
}

fn id(value: Option<ObjectId>) -> Field<'static> {
    value.map_or(Field::Null, Field::Id)
}

fn ids<'a>(values: impl IntoIterator<Item = &'a Option<ObjectId>>) -> Field<'static> {
    Field::Many(values.into_iter().map(|value| id(*value)).collect())
}

fn none() -> Field<'static> {
    Field::Many(Vec::new())
}

impl Place {
    fn field(&self, key: &str) -> Field<'_> {
        match key {
            "name" => Field::Text(&self.name),
            "kind" => Field::Text(match self.kind {
                PlaceKind::Pop => "Pop",
                PlaceKind::Building => "Building",
                PlaceKind::Box => "Box",
            }),
            "coords" => Field::Point(self.coords.0, self.coords.1),
            "lng" => Field::Number(self.coords.0),
            "lat" => Field::Number(self.coords.1),
            "boxType" => self.box_type.map_or(Field::Missing, Field::Id),
            "hierarchyLevel" => Field::Number(f64::from(self.level)),
            "project" => Field::Id(self.project),
            "pole" => Field::Id(self.pole),
            "cables" => Field::Many(self.cables.iter().map(|cable| Field::Id(*cable)).collect()),
            "implanted" => Field::Bool(true),
            "certified" | "draft" => Field::Bool(false),
            "tags" => none(),
            "observation" => Field::Text(""),
            _ => Field::Missing,
        }
    }
}

impl Cable {
    fn field(&self, key: &str) -> Field<'_> {
        let kilometres = f64::from(self.length.thousandths()) / 1e6;
        let is_drop = self.id.is(IdKind::Drop);
        match key {
            "kind" => Field::Text(if is_drop { "Drop" } else { "Cable" }),
            "name" => self.name.as_deref().map_or(Field::Missing, Field::Text),
            "boxA" => Field::Id(self.ends[0]),
            "boxB" => Field::Id(self.ends[1]),
            "poles" => Field::Object,
            "poles.id" => Field::Many(self.poles.iter().map(|pole| Field::Id(*pole)).collect()),
            "tags" | "ducts" => none(),
            "fiberNumber" => Field::Number(f64::from(self.fibers)),
            "looseNumber" => Field::Number(f64::from(self.fibers.div_ceil(12))),
            // Kilometres, as in the trace: assumed.
            "length" | "ground_length" => Field::Number(kilometres),
            "altitude_length" => Field::Number(0.0),
            "loss" => Field::Number(self.loss.get()),
            "implanted" => Field::Bool(true),
            "cableType" => Field::Id(ObjectId::of(IdKind::CableType, 1)),
            "hierarchyLevel" => Field::Number(if is_drop { 3.0 } else { 1.0 }),
            "project" => Field::Id(self.project),
            "orientationA" | "orientationB" => Field::Text("R"),
            _ => Field::Missing,
        }
    }
}

impl Strand {
    fn field(&self, key: &str) -> Field<'_> {
        let is_fiber = !self.is_cord();
        match key {
            "kind" => Field::Text(if is_fiber { "Fiber" } else { "Cord" }),
            "name" => Field::Text(if is_fiber { self.name() } else { "" }),
            "parent" => Field::Id(self.parent),
            "connectors" => Field::Many(self.ends.iter().flatten().map(|end| Field::Id(*end)).collect()),
            "fiberNumber" if is_fiber => Field::Number(f64::from(self.number)),
            "isDrop" => Field::Bool(self.parent.is(IdKind::Drop)),
            "project" => Field::Id(self.project),
            "observation" => Field::Text(""),
            _ => Field::Missing,
        }
    }
}

impl Joint {
    fn has_sides(&self) -> bool {
        matches!(self.kind, JointKind::Splitter | JointKind::Dio)
    }

    /// Whether its losses are the same at every port.
    fn is_balanced(&self) -> bool {
        self.loss.windows(2).all(|pair| pair.first() == pair.last())
    }

    fn field(&self, key: &str) -> Field<'_> {
        let is_splitter = self.kind == JointKind::Splitter;
        let is_dio = self.kind == JointKind::Dio;
        let kind = |number| Field::Id(ObjectId::of(IdKind::Type, number));
        match key {
            "kind" => Field::Text(self.kind.name()),
            "name" => Field::Text(&self.name),
            "parent" => Field::Id(self.parent),
            "project" => Field::Id(self.project),
            "connectables" if self.has_sides() => Field::Object,
            "connectables" => ids(self.inputs.iter().chain(&self.outputs)),
            "connectables.input" if self.has_sides() => ids(&self.inputs),
            "connectables.output" if self.has_sides() => ids(&self.outputs),
            "attenuation" => Field::Many(self.loss.iter().map(|loss| Field::Number(loss.get())).collect()),
            "implanted" => Field::Bool(true),
            "isDrop" => Field::Bool(self.serves_clients),
            "label" => Field::Text(""),
            "ratio" | "ports" if is_splitter => Field::Object,
            "isBalanced" if is_splitter => Field::Bool(self.is_balanced()),
            "currentPower" | "installPower" if is_splitter => Field::Many(vec![Field::Null; self.outputs.len()]),
            "splitterType" if is_splitter => kind(1),
            "tray_number" if is_dio => Field::Number(1.0),
            "port_labels" | "tray_labels" | "input_label" | "output_label" if is_dio => none(),
            "dioType" if is_dio => kind(2),
            "fusionType" if self.kind == JointKind::Fusion => kind(3),
            "connectorType" if self.kind == JointKind::Connector => kind(4),
            _ => Field::Missing,
        }
    }

    fn nested(&self, key: &str) -> Value {
        match key {
            "connectables" => json!({"input": &*self.inputs, "output": &*self.outputs}),
            "ratio" => json!({"input": self.inputs.len(), "output": self.outputs.len()}),
            _ => (1..=self.outputs.len())
                .map(|port| json!({"id": port_id(self, port), "index": port, "blocked": false, "tags": []}))
                .collect(),
        }
    }
}

/// What shelf, OLT, slot and PON have in common.
fn head_end<'a>(key: &str, kind: &'static str, name: &'a str, parent: ObjectId, project: ObjectId) -> Field<'a> {
    match key {
        "kind" => Field::Text(kind),
        "name" => Field::Text(name),
        "label" => Field::Text(""),
        "parent" => Field::Id(parent),
        "project" => Field::Id(project),
        "attenuation" => none(),
        "implanted" => Field::Bool(true),
        _ => Field::Missing,
    }
}

impl Olt {
    fn field(&self, key: &str) -> Field<'_> {
        match key {
            "shelf" => Field::Id(self.shelf),
            "oltType" => Field::Id(ObjectId::of(IdKind::Type, 5)),
            "ip" => Field::Text(&self.ip),
            "port" => Field::Number(22.0),
            "user" => Field::Text(OLT_USER),
            "password" => Field::Text(OLT_PASSWORD),
            "snmp" => Field::Object,
            "snmp.community" => Field::Text(OLT_COMMUNITY),
            "connectables" => Field::Many(self.slots.iter().map(|slot| Field::Id(*slot)).collect()),
            _ => head_end(key, "OLT", &self.name, self.pop, self.project),
        }
    }
}

impl<'a> Element<'a> {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::House(_) | Self::BoxType(_) => &[],
            Self::Place(_) => PLACE,
            Self::Cable(_) => CABLE,
            Self::Strand(_) => STRAND,
            Self::Joint(_) => JOINT,
            Self::Shelf(_) => SHELF,
            Self::Olt(_) => OLT,
            Self::Slot(_) => SLOT,
            Self::Pon(_) => PON,
            Self::Project(_) => PROJECT,
            Self::CableType(_) => CABLE_TYPE,
            Self::PendencyType(_) => PENDENCY_TYPE,
            Self::Mark(mark) => mark.keys(),
        }
    }

    /// The project that it belongs to; `None`: every token sees it.
    pub(super) fn project(self) -> Option<ObjectId> {
        match self {
            Self::House(house) => Some(house.property.project),
            Self::Place(row) => Some(row.project),
            Self::Cable(row) => Some(row.project),
            Self::Strand(row) => Some(row.project),
            Self::Joint(row) => Some(row.project),
            Self::Shelf(row) => Some(row.project),
            Self::Olt(row) => Some(row.project),
            Self::Slot(row) => Some(row.project),
            Self::Pon(row) => Some(row.project),
            Self::Project(row) => Some(row.id),
            Self::Mark(row) => row.project,
            Self::BoxType(_) | Self::CableType(_) | Self::PendencyType(_) => None,
        }
    }

    fn nested(self, key: &str) -> Value {
        match (self, key) {
            (Self::Joint(joint), _) => joint.nested(key),
            (Self::Olt(_), _) => json!({"community": OLT_COMMUNITY, "version": "2c", "filter": "", "port": 161,
                                        "enabled": true}),
            (Self::Project(_), _) => json!({"type": {"cableType": ObjectId::of(IdKind::CableType, 1)}, "maxSize": 0.3}),
            (Self::Cable(cable), _) => cable.poles.iter().map(|pole| json!({"id": pole, "reserve": 0})).collect(),
            (Self::Mark(mark), _) => mark.nested(key),
            _ => Value::Null,
        }
    }

    /// The row as JSON, as lists and reads by identifier show it.
    pub(super) fn render(self) -> Value {
        match self {
            Self::House(house) => return render::house(house, IdKey::Id, true),
            Self::BoxType(found) => return render::box_type(found),
            _ => {}
        }
        let mut row = Map::new();
        for key in ["id", "createdAt", "updatedAt"].iter().chain(self.keys()) {
            let value = match self.field(key) {
                Field::Missing => continue,
                Field::Object => self.nested(key),
                field => plain(&field),
            };
            row.insert((*key).to_owned(), value);
        }
        Value::Object(row)
    }
}

fn plain(field: &Field<'_>) -> Value {
    match field {
        Field::Missing | Field::Null | Field::Object => Value::Null,
        Field::Bool(value) => json!(value),
        // As JavaScript writes numbers: 4 and not 4.0.
        Field::Number(value) if value.fract() == 0.0 && value.abs() < 1e9 => {
            #[allow(clippy::cast_possible_truncation)] // a whole number that fits
            let whole = *value as i64;
            json!(whole)
        }
        Field::Number(value) => json!(value),
        Field::Text(value) => json!(value),
        Field::Id(value) => json!(value),
        Field::Time(value) => render::time(*value),
        Field::Point(lng, lat) => json!([lng, lat]),
        Field::Many(members) => members.iter().map(plain).collect(),
    }
}

impl<'a> Row<'a> for Element<'a> {
    fn id(self) -> ObjectId {
        match self {
            Self::House(row) => row.id(),
            Self::Place(row) => row.id,
            Self::Cable(row) => row.id,
            Self::Strand(row) => row.id,
            Self::Joint(row) => row.id,
            Self::Shelf(row) => row.id,
            Self::Olt(row) => row.id,
            Self::Slot(row) => row.id,
            Self::Pon(row) => row.id,
            Self::Project(row) => row.id,
            Self::BoxType(row) => row.id,
            Self::CableType(id) => id,
            Self::PendencyType(row) => row.id,
            Self::Mark(row) => row.id,
        }
    }

    fn field(self, path: &str) -> Field<'a> {
        match (self, path) {
            (Self::House(row), _) => return row.field(path),
            (Self::BoxType(row), _) => return row.field(path),
            (Self::Mark(row), _) => return row.field(path),
            (_, "id" | "_id") => return Field::Id(self.id()),
            (_, "createdAt" | "updatedAt") => return Field::Time(EPOCH),
            _ => {}
        }
        match self {
            Self::House(_) | Self::BoxType(_) | Self::Mark(_) => Field::Missing,
            Self::Place(row) => row.field(path),
            Self::Cable(row) => row.field(path),
            Self::Strand(row) => row.field(path),
            Self::Joint(row) => row.field(path),
            Self::Shelf(row) => match path {
                "connectables" => none(),
                _ => head_end(path, "Shelf", &row.name, row.pop, row.project),
            },
            Self::Olt(row) => row.field(path),
            Self::Slot(row) => match path {
                "index" | "starting_pon_number" => {
                    Field::Number(f64::from(if path == "index" { row.number } else { 1 }))
                }
                "connectables" => Field::Many(row.pons.iter().map(|pon| Field::Id(*pon)).collect()),
                _ => head_end(path, "Slot", &row.name, row.olt, row.project),
            },
            Self::Pon(row) => match path {
                "index" => Field::Number(f64::from(row.number)),
                "potency" => Field::Number(row.potency.get()),
                "maximumClients" => Field::Number(f64::from(row.max_clients)),
                "connectables" => ids([&row.strand]),
                _ => head_end(path, "PON", &row.name, row.slot, row.project),
            },
            Self::Project(row) => match path {
                "name" => Field::Text(&row.name),
                "parents" => none(),
                "defaultPonPotency" | "lat" | "lng" => Field::Number(0.0),
                "drop" => Field::Object,
                "hasLogo" => Field::Bool(false),
                _ => Field::Missing,
            },
            Self::CableType(_) => match path {
                "code" | "description" => Field::Text("Cable"),
                "base_loss" => Field::Number(BASE_LOSS),
                "fiberNumber" => Field::Number(12.0),
                "looseNumber" | "default_level" => Field::Number(1.0),
                _ => Field::Missing,
            },
            Self::PendencyType(row) => match path {
                "name" => Field::Text(row.name),
                "color" => Field::Text(row.color),
                "description" => Field::Null,
                _ => Field::Missing,
            },
        }
    }

    fn kind_of(path: &str) -> FieldKind {
        match path {
            "boxType"
            | "poles.id"
            | "boxA"
            | "boxB"
            | "connectors"
            | "connectables"
            | "connectables.input"
            | "connectables.output"
            | "cableType"
            | "splitterType"
            | "shelf"
            | "oltType"
            | "owner"
            | "pendencyType"
            | "responsibles"
            | "element.id" => FieldKind::Id,
            "hierarchyLevel" | "fiberNumber" | "looseNumber" | "length" | "ground_length" | "loss" | "attenuation"
            | "index" | "potency" | "maximumClients" | "port" | "base_loss" | "defaultPonPotency" | "default_level"
            | "default_reserve" => FieldKind::Number,
            "implanted" | "certified" | "draft" | "isDrop" | "isBalanced" | "solved" => FieldKind::Bool,
            "name" | "label" | "ip" | "user" | "code" | "prefix" | "description" | "title" | "color"
            | "element.kind" => FieldKind::Text,
            // Places share the rest with houses.
            _ => House::kind_of(path),
        }
    }

    fn is_fixed(path: &str) -> bool {
        // Nothing here changes but houses with their clients, and marks, whose lists count their own changes.
        !matches!(path, "updatedAt" | "potencyRead" | "address" | "observation" | "tags" | "solved")
            && (path == "client.id" || !path.starts_with("client.") && !path.starts_with("history."))
    }
}
