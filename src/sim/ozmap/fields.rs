//! A row's fields by their dotted names, as the filter and the sort see them. Nothing is rendered for that: a filter
//! runs over every row of the collection.

use std::cmp::Ordering;

use super::model::{BoxType, Client, Connection, ObjectId, Onu, PastClient, Property};
use crate::model::Timestamp;

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field<'a> {
    /// The key is not in the row.
    Missing,
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    Id(ObjectId),
    Time(Timestamp),
    /// Longitude, latitude.
    Point(f64, f64),
    Many(Vec<Field<'a>>),
    /// An object: it exists, and equals nothing.
    Object,
}

/// What a field holds: operands are cast to it, as the database behind the API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    Id,
    Time,
    Bool,
    Number,
    Text,
    Other,
}

/// A row of a collection.
pub(super) trait Row<'a>: Copy {
    fn id(self) -> ObjectId;
    fn field(self, path: &str) -> Field<'a>;
    fn kind_of(path: &str) -> FieldKind;
    /// Whether no write of the API changes that field.
    fn is_fixed(path: &str) -> bool;
}

/// A house with its client.
#[derive(Debug, Clone, Copy)]
pub(super) struct House<'a> {
    pub(super) property: &'a Property,
    pub(super) client: Option<&'a Client>,
}

fn text(value: Option<&str>) -> Field<'_> {
    value.map_or(Field::Missing, Field::Text)
}

fn id(value: Option<ObjectId>) -> Field<'static> {
    value.map_or(Field::Missing, Field::Id)
}

fn texts(values: &[String]) -> Field<'_> {
    Field::Many(values.iter().map(|value| Field::Text(value)).collect())
}

impl<'a> Row<'a> for &'a Client {
    fn id(self) -> ObjectId {
        self.id
    }

    fn field(self, path: &str) -> Field<'a> {
        match path {
            "id" | "_id" => Field::Id(self.id),
            "code" => text(self.code.as_deref()),
            "name" => text(self.name.as_deref()),
            "status" => Field::Number(f64::from(self.status)),
            "implanted" => Field::Bool(self.implanted),
            "certified" => Field::Bool(self.certified),
            "observation" => Field::Text(&self.observation),
            "tags" => texts(&self.tags),
            "kind" => Field::Text("ftth"),
            "createdAt" => Field::Time(self.created_at),
            "updatedAt" => Field::Time(self.updated_at),
            "cpe" if self.cpe.is_some() => Field::Object,
            "external_id" => match &self.external_id {
                None => Field::Missing,
                Some(serde_json::Value::String(value)) => Field::Text(value),
                Some(value) => value.as_f64().map_or(Field::Object, Field::Number),
            },
            _ => {
                let Some(key) = path.strip_prefix("onu") else { return Field::Missing };
                match (&self.onu, key) {
                    (Onu::Null, "") => Field::Null,
                    (Onu::Present(_), "") => Field::Object,
                    (Onu::Present(onu), ".serial_number") => text(onu.serial_number.as_deref()),
                    (Onu::Present(onu), ".mac_address") => text(onu.mac_address.as_deref()),
                    (Onu::Present(onu), ".user_PPPoE") => text(onu.user_pppoe.as_deref()),
                    (Onu::Present(onu), ".id" | "._id") => id(onu.id),
                    _ => Field::Missing,
                }
            }
        }
    }

    fn kind_of(path: &str) -> FieldKind {
        match path {
            "id" | "_id" | "onu.id" | "onu._id" => FieldKind::Id,
            "createdAt" | "updatedAt" => FieldKind::Time,
            "implanted" | "certified" => FieldKind::Bool,
            "status" => FieldKind::Number,
            "code" | "name" | "observation" | "tags" | "kind" | "onu.serial_number" | "onu.mac_address"
            | "onu.user_PPPoE" => FieldKind::Text,
            _ => FieldKind::Other,
        }
    }

    fn is_fixed(path: &str) -> bool {
        matches!(path, "id" | "_id" | "kind" | "createdAt")
    }
}

impl<'a> Row<'a> for House<'a> {
    fn id(self) -> ObjectId {
        self.property.id
    }

    fn field(self, path: &str) -> Field<'a> {
        let property = self.property;
        match path {
            "id" | "_id" => Field::Id(property.id),
            "client" => property.client.map_or(Field::Null, Field::Id),
            "address" => Field::Text(&property.address),
            "observation" => Field::Text(&property.observation),
            "tags" => texts(&property.tags),
            "kind" => Field::Text("Property"),
            "coords" => property.coords.map_or(Field::Missing, |(lng, lat)| Field::Point(lng, lat)),
            "lng" => property.coords.map_or(Field::Null, |(lng, _)| Field::Number(lng)),
            "lat" => property.coords.map_or(Field::Null, |(_, lat)| Field::Number(lat)),
            "box" => id(property.box_id),
            "parent" => id(property.parent),
            "drop" => id(property.drop_id),
            "cables" => Field::Many(property.drop_id.map(Field::Id).into_iter().collect()),
            "pole" => id(property.pole),
            "project" => Field::Id(property.project),
            "potencyRead" => match property.potency_read {
                None => Field::Missing,
                Some(None) => Field::Null,
                Some(Some(power)) => Field::Number(power),
            },
            "createdAt" => Field::Time(property.created_at),
            "updatedAt" => Field::Time(property.updated_at),
            "connections" | "history" => Field::Object,
            _ => {
                if let Some(key) = path.strip_prefix("client.") {
                    return self.client.map_or(Field::Missing, |client| client.field(key));
                }
                if let Some(key) = path.strip_prefix("connections.") {
                    return Field::Many(property.connections.iter().map(|at| connection_field(at, key)).collect());
                }
                if let Some(key) = path.strip_prefix("history.clients.") {
                    return Field::Many(
                        property.past_clients.iter().map(|past| past_client_field(past, key)).collect(),
                    );
                }
                Field::Missing
            }
        }
    }

    fn kind_of(path: &str) -> FieldKind {
        match path {
            "id" | "_id" | "client" | "box" | "parent" | "drop" | "cables" | "pole" | "project" | "connections.id"
            | "connections.fiber" | "history.clients.id" => FieldKind::Id,
            "createdAt" | "updatedAt" | "history.clients.enter_date" | "history.clients.exit_date" => FieldKind::Time,
            "potencyRead" | "lat" | "lng" | "connections.port" => FieldKind::Number,
            "connections.implanted" => FieldKind::Bool,
            "address"
            | "observation"
            | "tags"
            | "kind"
            | "connections.name"
            | "connections.kind"
            | "history.clients.code" => FieldKind::Text,
            _ => path.strip_prefix("client.").map_or(FieldKind::Other, <&Client as Row>::kind_of),
        }
    }

    fn is_fixed(path: &str) -> bool {
        matches!(
            path,
            "id" | "_id"
                | "client"
                | "client.id"
                | "coords"
                | "lng"
                | "lat"
                | "box"
                | "parent"
                | "drop"
                | "cables"
                | "pole"
                | "project"
                | "kind"
                | "createdAt"
        ) || path.starts_with("connections.")
    }
}

fn connection_field<'a>(connection: &'a Connection, key: &str) -> Field<'a> {
    match key {
        "id" => Field::Id(connection.splitter),
        "kind" => Field::Text("Splitter"),
        "port" => Field::Number(f64::from(connection.port)),
        "name" => Field::Text(&connection.name),
        "implanted" => Field::Bool(connection.implanted),
        "fiber" => Field::Id(connection.fiber),
        _ => Field::Missing,
    }
}

fn past_client_field<'a>(past: &'a PastClient, key: &str) -> Field<'a> {
    match key {
        "id" => Field::Id(past.id),
        "code" => Field::Text(&past.code),
        "enter_date" => past.entered.map_or(Field::Null, Field::Time),
        "exit_date" => past.left.map_or(Field::Null, Field::Time),
        _ => Field::Missing,
    }
}

impl BoxType {
    pub(super) fn field(&self, path: &str) -> Field<'_> {
        match path {
            "id" | "_id" => Field::Id(self.id),
            "code" => Field::Text(&self.code),
            "prefix" => Field::Text(&self.prefix),
            "description" => Field::Text(&self.description),
            "default_level" => Field::Number(f64::from(self.default_level)),
            "default_reserve" => Field::Number(f64::from(self.default_reserve)),
            "createdAt" | "updatedAt" => Field::Time(self.created_at),
            _ => Field::Missing,
        }
    }
}

/// The order of a sort: nothing first, then numbers, texts, objects, identifiers, booleans, times; within a kind by
/// value. A list counts by its first member.
pub(super) fn compare(left: &Field<'_>, right: &Field<'_>) -> Ordering {
    fn rank(field: &Field<'_>) -> u8 {
        match field {
            Field::Missing | Field::Null => 0,
            Field::Number(_) => 1,
            Field::Text(_) => 2,
            Field::Object | Field::Point(..) | Field::Many(_) => 3,
            Field::Id(_) => 4,
            Field::Bool(_) => 5,
            Field::Time(_) => 6,
        }
    }
    match (left, right) {
        (Field::Many(list), other) => compare(list.first().unwrap_or(&Field::Missing), other),
        (other, Field::Many(list)) => compare(other, list.first().unwrap_or(&Field::Missing)),
        (Field::Number(left), Field::Number(right)) => left.total_cmp(right),
        (Field::Text(left), Field::Text(right)) => left.cmp(right),
        (Field::Id(left), Field::Id(right)) => left.cmp(right),
        (Field::Bool(left), Field::Bool(right)) => left.cmp(right),
        (Field::Time(left), Field::Time(right)) => left.cmp(right),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}
