//! Places in filters: how they are written, how far they are from each other, what lies within an area.

use serde_json::Value;

/// Mean radius of the earth in metres.
const EARTH: f64 = 6_371_008.8;

pub(super) fn number(value: &Value, key: &str) -> Result<f64, String> {
    let found = match value.get(key) {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    found.filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("a number {key:?} is expected"))
}

pub(super) fn lng_lat(value: &Value) -> Result<(f64, f64), String> {
    let (lng, lat) = (number(value, "lng")?, number(value, "lat")?);
    if lng.abs() <= 180.0 && lat.abs() <= 90.0 {
        Ok((lng, lat))
    } else {
        Err("a longitude of ±180 and a latitude of ±90 degrees are expected".to_owned())
    }
}

/// `{lng, lat}`, `[lng, lat]`, or a GeoJSON Point.
pub(super) fn point(value: &Value) -> Result<(f64, f64), String> {
    let pair = if value.is_array() { value } else { value.get("coordinates").unwrap_or(value) };
    if pair.is_array() { position(pair) } else { lng_lat(value) }
}

pub(super) fn position(value: &Value) -> Result<(f64, f64), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([lng, lat, ..]) => match (lng.as_f64(), lat.as_f64()) {
            (Some(lng), Some(lat)) => Ok((lng, lat)),
            _ => Err("a position of two numbers is expected".to_owned()),
        },
        _ => Err("a position [longitude, latitude] is expected".to_owned()),
    }
}

/// Great-circle distance in metres (haversine).
pub(in crate::sim::ozmap) fn distance((lng_a, lat_a): (f64, f64), (lng_b, lat_b): (f64, f64)) -> f64 {
    let (phi_a, phi_b) = (lat_a.to_radians(), lat_b.to_radians());
    let half_phi = ((phi_b - phi_a) / 2.0).sin();
    let half_lambda = ((lng_b - lng_a).to_radians() / 2.0).sin();
    let h = half_phi * half_phi + phi_a.cos() * phi_b.cos() * half_lambda * half_lambda;
    2.0 * EARTH * h.sqrt().min(1.0).asin()
}

/// Ray casting to the east.
pub(super) fn is_inside(ring: &[(f64, f64)], x: f64, y: f64) -> bool {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    edges.filter(|((xa, ya), (xb, yb))| (*ya > y) != (*yb > y) && x < (xb - xa) * (y - ya) / (yb - ya) + xa).count() % 2
        == 1
}
