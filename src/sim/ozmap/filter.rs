//! The filter language: a flat array is AND; each member is `{"property", "operator", "value"}`.
//!
//! A filter is compiled once against the collection (operands cast to the field's kind, mistakes told with their
//! place) and then tested on every row. Equality is the database's: `= null` also finds a missing key, `!=` and
//! `notin` also find rows without the key, and a list matches when one of its members does.

mod places;

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

pub(super) use self::places::distance;
use self::places::{is_inside, lng_lat, number, point, position};
use super::fields::{Field, FieldKind, Row, compare};
use super::model::ObjectId;
use crate::model::Timestamp;

/// Nesting that is followed; deeper ones are refused.
const MAX_DEPTH: usize = 8;

/// What an array inside the array means; nobody documents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum NestedArrays {
    /// One of the members (and the next level: all of them).
    #[default]
    AnyOf,
    AllOf,
    /// As if it were not there.
    Ignored,
    /// 400.
    Refused,
}

/// What a property with a dot does; one integrator says that such filters do not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum DottedPaths {
    #[default]
    Work,
    /// The member is ignored: everything else that matches comes back.
    Ignored,
    /// Nothing matches.
    Empty,
}

/// How the undocumented corners behave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FilterRules {
    pub(super) nested_arrays: NestedArrays,
    pub(super) dotted_paths: DottedPaths,
}

/// A compiled filter.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Nothing,
    Test { path: String, test: Test },
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    Equal(Operand),
    NotEqual(Operand),
    /// In lower case.
    Like(String),
    Order {
        than: Operand,
        less: bool,
        or_equal: bool,
    },
    In(Set),
    NotIn(Set),
    HasAll(Vec<Operand>),
    Exists(bool),
    Near {
        lng: f64,
        lat: f64,
        metres: f64,
    },
    /// Outer ring, longitude and latitude in degrees.
    InPolygon(Vec<(f64, f64)>),
    InProject(ObjectId),
    AtPoint {
        lng: f64,
        lat: f64,
    },
}

/// A value to compare with, already of the field's kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Id(ObjectId),
    Time(Timestamp),
}

/// The members of an `in`, hashed: batches bring hundreds.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    ids: HashSet<ObjectId>,
    texts: HashSet<String>,
    others: Vec<Operand>,
}

impl Filter {
    /// Matches everything.
    pub(super) const EVERYTHING: Self = Self::All(Vec::new());

    /// Reads `filter`, an array, for rows of `R`. `null` is no filter.
    ///
    /// # Errors
    /// What was expected and where, `filter[1].operator: …`.
    pub(super) fn compile<'a, R: Row<'a>>(filter: &Value, rules: FilterRules) -> Result<Self, String> {
        if filter.is_null() {
            return Ok(Self::EVERYTHING);
        }
        let members =
            filter.as_array().ok_or_else(|| format!("filter: an array is expected, found {}", kind(filter)))?;
        Ok(Self::All(compile_members::<R>(members, rules, "filter", 0)?))
    }

    /// Whether the row matches.
    pub(super) fn matches<'a, R: Row<'a>>(&self, row: R) -> bool {
        match self {
            Self::All(members) => members.iter().all(|member| member.matches(row)),
            Self::Any(members) => members.iter().any(|member| member.matches(row)),
            Self::Nothing => false,
            Self::Test { path, test } => test.holds(row, path),
        }
    }

    /// The tests that every matching row passes.
    pub(super) fn musts(&self) -> impl Iterator<Item = (&str, &Test)> {
        let members = match self {
            Self::All(members) => members.as_slice(),
            test => std::slice::from_ref(test),
        };
        members.iter().filter_map(|member| match member {
            Self::Test { path, test } => Some((path.as_str(), test)),
            _ => None,
        })
    }

    /// Whether `accept` holds for every property that is tested.
    pub(super) fn all_paths(&self, accept: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().all(|member| member.all_paths(accept)),
            Self::Nothing => true,
            Self::Test { path, .. } => accept(path),
        }
    }

    /// Whether there is nothing to test.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self, Self::All(members) if members.iter().all(Self::is_everything))
    }
}

fn compile_members<'a, R: Row<'a>>(
    members: &[Value],
    rules: FilterRules,
    place: &str,
    depth: usize,
) -> Result<Vec<Filter>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("{place}: at most {MAX_DEPTH} levels of arrays are expected"));
    }
    let mut compiled = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let place = format!("{place}[{index}]");
        compiled.push(match member {
            Value::Array(inner) => {
                let all_of_any = depth % 2 == 1;
                let inner = |rules| compile_members::<R>(inner, rules, &place, depth + 1);
                match rules.nested_arrays {
                    NestedArrays::Refused => return Err(format!("{place}: an object is expected, found an array")),
                    NestedArrays::Ignored => Filter::EVERYTHING,
                    NestedArrays::AllOf => Filter::All(inner(rules)?),
                    NestedArrays::AnyOf if all_of_any => Filter::All(inner(rules)?),
                    NestedArrays::AnyOf => Filter::Any(inner(rules)?),
                }
            }
            Value::Object(_) => compile_test::<R>(member, rules, &place)?,
            other => return Err(format!("{place}: an object is expected, found {}", kind(other))),
        });
    }
    Ok(compiled)
}

fn compile_test<'a, R: Row<'a>>(member: &Value, rules: FilterRules, place: &str) -> Result<Filter, String> {
    let path = member
        .get("property")
        .and_then(Value::as_str)
        .filter(|path| !path.is_empty())
        .ok_or_else(|| format!("{place}.property: a field name is expected"))?;
    let operator = member
        .get("operator")
        .and_then(Value::as_str)
        .ok_or_else(|| format!("{place}.operator: a text is expected"))?;
    let value = member.get("value").unwrap_or(&Value::Null);
    let field = R::kind_of(path);
    let wrong = |what: String| format!("{place}.value: {what}");
    let one = || cast(value, field).map_err(wrong);
    let many = || -> Result<Vec<Operand>, String> {
        let members = value.as_array().ok_or_else(|| wrong(format!("an array is expected, found {}", kind(value))))?;
        members.iter().map(|member| cast(member, field).map_err(wrong)).collect()
    };
    let order = |less, or_equal| Ok::<_, String>(Test::Order { than: one()?, less, or_equal });
    let test = match operator {
        "=" | "eq" => Test::Equal(one()?),
        "!=" | "ne" => Test::NotEqual(one()?),
        "<" | "lt" => order(true, false)?,
        "<=" | "lte" => order(true, true)?,
        ">" | "gt" => order(false, false)?,
        ">=" | "gte" => order(false, true)?,
        "like" => match value {
            Value::String(part) => Test::Like(part.to_lowercase()),
            Value::Number(part) => Test::Like(part.to_string()),
            other => return Err(wrong(format!("a text is expected, found {}", kind(other)))),
        },
        "in" => Test::In(many()?.into_iter().collect()),
        "notin" => Test::NotIn(many()?.into_iter().collect()),
        "all" => Test::HasAll(many()?),
        "exists" => match cast(value, FieldKind::Bool) {
            Ok(Operand::Bool(wanted)) => Test::Exists(wanted),
            _ => return Err(wrong(format!("true or false is expected, found {}", kind(value)))),
        },
        "near" => {
            let (lng, lat) = lng_lat(value).map_err(wrong)?;
            let metres = number(value, "radius").map_err(wrong)?;
            Test::Near { lng, lat, metres }
        }
        "within" => within(value).map_err(wrong)?,
        "point-intersect" => {
            let (lng, lat) = point(value).map_err(wrong)?;
            Test::AtPoint { lng, lat }
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(format!("{place}.operator: {shown:?} is not an operator"));
        }
    };
    if path.contains('.') {
        match rules.dotted_paths {
            DottedPaths::Work => {}
            DottedPaths::Ignored => return Ok(Filter::EVERYTHING),
            DottedPaths::Empty => return Ok(Filter::Nothing),
        }
    }
    Ok(Filter::Test { path: path.to_owned(), test })
}

/// A word for what a JSON value is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn cast(value: &Value, field: FieldKind) -> Result<Operand, String> {
    let refuse = |expected: &str| Err(format!("{expected} is expected, found {}", kind(value)));
    Ok(match (field, value) {
        (_, Value::Null) => Operand::Null,
        (FieldKind::Id, Value::String(text)) => Operand::Id(text.parse()?),
        (FieldKind::Id, _) => return refuse("an identifier"),
        (FieldKind::Time, Value::String(text)) => match parse_time(text) {
            Some(time) => Operand::Time(time),
            None => return refuse("a time such as 2026-01-31T12:00:00.000Z"),
        },
        (FieldKind::Time, Value::Number(millis)) => match millis.as_u64() {
            Some(millis) => Operand::Time(Timestamp::from_millis(millis)),
            None => return refuse("a time"),
        },
        (FieldKind::Time, _) => return refuse("a time"),
        (FieldKind::Bool, Value::Bool(value)) => Operand::Bool(*value),
        (FieldKind::Bool, Value::String(text)) if text == "true" || text == "1" => Operand::Bool(true),
        (FieldKind::Bool, Value::String(text)) if text == "false" || text == "0" => Operand::Bool(false),
        (FieldKind::Bool, Value::Number(number)) if number.as_u64() == Some(1) => Operand::Bool(true),
        (FieldKind::Bool, Value::Number(number)) if number.as_u64() == Some(0) => Operand::Bool(false),
        (FieldKind::Bool, _) => return refuse("a boolean"),
        (FieldKind::Number, Value::Bool(value)) => Operand::Number(f64::from(u8::from(*value))),
        (FieldKind::Number | FieldKind::Other, Value::Number(number)) => match number.as_f64() {
            Some(number) => Operand::Number(number),
            None => return refuse("a number"),
        },
        (FieldKind::Number, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Operand::Number(number),
            _ => return refuse("a number"),
        },
        (FieldKind::Number, _) => return refuse("a number"),
        (FieldKind::Text, Value::Number(number)) => Operand::Text(number.to_string()),
        (FieldKind::Text, Value::Bool(value)) => Operand::Text(value.to_string()),
        (FieldKind::Text | FieldKind::Other, Value::String(text)) => Operand::Text(text.clone()),
        (FieldKind::Other, Value::Bool(value)) => Operand::Bool(*value),
        (FieldKind::Text, Value::Array(_) | Value::Object(_)) => return refuse("a text"),
        (FieldKind::Other, Value::Array(_) | Value::Object(_)) => return refuse("a single value"),
    })
}

/// An ISO 8601 time, with a zone of `Z` or `+hh:mm`, or a date alone.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    if text.len() == 10 {
        return humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).ok().map(Timestamp::from);
    }
    if let Some((local, zone)) = text.split_at_checked(text.len().checked_sub(6)?)
        && let Some((sign, hours_minutes)) = zone.split_at_checked(1)
        && let Some((hours, minutes)) = hours_minutes.split_once(':')
        && (sign == "+" || sign == "-")
    {
        let shift = (hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?) * 60_000;
        let local = Timestamp::from(humantime::parse_rfc3339(&format!("{local}Z")).ok()?).millis();
        let utc = if sign == "+" { local.checked_sub(shift)? } else { local.checked_add(shift)? };
        return Some(Timestamp::from_millis(utc));
    }
    humantime::parse_rfc3339_weak(text).ok().map(Timestamp::from)
}

/// A number of an object; texts that hold one are tolerated.
fn within(value: &Value) -> Result<Test, String> {
    if let Some(model) = value.get("model") {
        let id = value.get("id").and_then(Value::as_str).ok_or("an \"id\" is expected beside \"model\"")?.parse()?;
        return match model.as_str() {
            Some("project") => Ok(Test::InProject(id)),
            // There are no regions and no condominiums here: nothing lies within one.
            Some("region" | "horizontalCondominium") => Ok(Test::In(Set::default())),
            _ => Err("a \"model\" of project, region or horizontalCondominium is expected".to_owned()),
        };
    }
    if value.get("type").and_then(Value::as_str) != Some("Polygon") {
        return Err("a GeoJSON Polygon, or an object of id and model, is expected".to_owned());
    }
    let ring = value
        .get("coordinates")
        .and_then(|rings| rings.get(0))
        .and_then(Value::as_array)
        .ok_or("a Polygon's outer ring is expected")?;
    let ring = ring.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    if ring.len() < 4 {
        Err("a ring of at least four positions is expected".to_owned())
    } else {
        Ok(Test::InPolygon(ring))
    }
}

impl Test {
    /// The identifiers of which one must be the field's value, when the test is about identifiers.
    pub(super) fn ids(&self) -> Option<Vec<ObjectId>> {
        match self {
            Self::Equal(Operand::Id(id)) => Some(vec![*id]),
            Self::In(set) if set.texts.is_empty() && set.others.is_empty() => {
                let mut ids: Vec<ObjectId> = set.ids.iter().copied().collect();
                ids.sort_unstable();
                Some(ids)
            }
            _ => None,
        }
    }

    /// The texts of which one must be the field's value, when the test is about texts.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Equal(Operand::Text(text)) => Some(vec![text]),
            Self::In(set) if set.ids.is_empty() && set.others.is_empty() => {
                Some(set.texts.iter().map(String::as_str).collect())
            }
            _ => None,
        }
    }

    fn holds<'a, R: Row<'a>>(&self, row: R, path: &str) -> bool {
        // Places are asked of the row's position whatever field is named: rows have only one.
        let at = |accept: &dyn Fn(f64, f64) -> bool| match row.field("coords") {
            Field::Point(lng, lat) => accept(lng, lat),
            _ => false,
        };
        match self {
            Self::Equal(operand) => operand.equals(&row.field(path)),
            Self::NotEqual(operand) => !operand.equals(&row.field(path)),
            Self::Like(part) => contains(&row.field(path), part),
            Self::Order { than, less, or_equal } => {
                let wanted = if *less { Ordering::Less } else { Ordering::Greater };
                than.is_ordered(&row.field(path), wanted, *or_equal)
            }
            Self::In(set) => set.holds(&row.field(path)),
            Self::NotIn(set) => !set.holds(&row.field(path)),
            Self::HasAll(operands) => {
                let field = row.field(path);
                !operands.is_empty() && operands.iter().all(|operand| operand.equals(&field))
            }
            Self::Exists(wanted) => (row.field(path) != Field::Missing) == *wanted,
            Self::Near { lng, lat, metres } => at(&|x, y| distance((*lng, *lat), (x, y)) <= *metres),
            Self::InPolygon(ring) => at(&|x, y| is_inside(ring, x, y)),
            Self::InProject(project) => row.field("project") == Field::Id(*project),
            Self::AtPoint { lng, lat } => at(&|x, y| (x - lng).abs() < 1e-9 && (y - lat).abs() < 1e-9),
        }
    }
}

fn contains(field: &Field<'_>, part: &str) -> bool {
    match field {
        Field::Text(text) => text.to_lowercase().contains(part),
        Field::Many(members) => members.iter().any(|member| contains(member, part)),
        _ => false,
    }
}

impl Operand {
    fn as_field(&self) -> Field<'_> {
        match self {
            Self::Null => Field::Null,
            Self::Bool(value) => Field::Bool(*value),
            Self::Number(value) => Field::Number(*value),
            Self::Text(value) => Field::Text(value),
            Self::Id(value) => Field::Id(*value),
            Self::Time(value) => Field::Time(*value),
        }
    }

    fn equals(&self, field: &Field<'_>) -> bool {
        match (self, field) {
            (Self::Null, field) => match field {
                Field::Many(members) => members.contains(&Field::Null),
                other => matches!(other, Field::Null | Field::Missing),
            },
            (_, Field::Many(members)) => members.iter().any(|member| self.equals(member)),
            (_, field) => self.as_field() == *field,
        }
    }

    /// Whether the field stands to this operand as `wanted`; only values of one kind are in any order.
    fn is_ordered(&self, field: &Field<'_>, wanted: Ordering, or_equal: bool) -> bool {
        if let Field::Many(members) = field {
            return members.iter().any(|member| self.is_ordered(member, wanted, or_equal));
        }
        let operand = self.as_field();
        if *self == Self::Null || std::mem::discriminant(&operand) != std::mem::discriminant(field) {
            return false;
        }
        let order = compare(field, &operand);
        order == wanted || (or_equal && order == Ordering::Equal)
    }
}

impl FromIterator<Operand> for Set {
    fn from_iter<I: IntoIterator<Item = Operand>>(operands: I) -> Self {
        let mut set = Self::default();
        for operand in operands {
            match operand {
                Operand::Id(id) => {
                    set.ids.insert(id);
                }
                Operand::Text(text) => {
                    set.texts.insert(text);
                }
                other => set.others.push(other),
            }
        }
        set
    }
}

impl Set {
    fn holds(&self, field: &Field<'_>) -> bool {
        match field {
            Field::Id(id) => self.ids.contains(id),
            Field::Text(text) => self.texts.contains(*text),
            Field::Many(members) => members.iter().any(|member| self.holds(member)),
            other => self.others.iter().any(|operand| operand.equals(other)),
        }
    }
}
