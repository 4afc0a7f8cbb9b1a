//! `multipart/form-data` (RFC 7578), as the official SDK sends posts: the small part of it that texts need.

use serde_json::{Map, Value};

/// Parts of one form that are read.
const MAX_PARTS: usize = 256;

/// The boundary of a content type, `multipart/form-data; boundary=…`; `None` when it is another type.
pub(super) fn boundary_of(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    parameters.next().filter(|essence| essence.eq_ignore_ascii_case("multipart/form-data"))?;
    let named = |parameter: &'_ str| parameter.get(..9).is_some_and(|name| name.eq_ignore_ascii_case("boundary="));
    let boundary = parameters.find(|parameter| named(parameter))?.get(9..)?.trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The texts of a form as an object: `element.id` becomes a key of an object, `tags.0` a member of an array. Files are
/// left out.
///
/// # Errors
/// What was expected.
pub(super) fn read(boundary: &str, body: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(body);
    let delimiter = format!("--{boundary}");
    let mut parts = text.split(delimiter.as_str());
    // What stands before the first boundary is for people.
    parts.next();
    let mut object = Map::new();
    let mut ended = false;
    for (number, part) in parts.enumerate() {
        if number > MAX_PARTS {
            return Err(format!("body: at most {MAX_PARTS} parts are expected"));
        }
        if part.starts_with("--") {
            ended = true;
            break;
        }
        let (head, value) = part.split_once("\r\n\r\n").ok_or("body: a part with a head is expected")?;
        let value = value.strip_suffix("\r\n").unwrap_or(value);
        let head = head.to_owned();
        let parameter = |name: &str| {
            let (_, rest) = head.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        if parameter("filename").is_some() {
            continue;
        }
        put(&mut object, parameter("name").ok_or("body: a part with a name is expected")?, value);
    }
    if ended { Ok(Value::Object(object)) } else { Err("body: the form's last boundary is missing".to_owned()) }
}

fn put(object: &mut Map<String, Value>, name: &str, value: &str) {
    let value = Value::String(value.to_owned());
    match name.split_once('.') {
        None => {
            object.insert(name.to_owned(), value);
        }
        Some((key, index)) if index.parse::<usize>().is_ok() => {
            if let Some(members) = object.entry(key).or_insert_with(|| Value::Array(Vec::new())).as_array_mut() {
                members.push(value);
            }
        }
        Some((key, inner)) => {
            if let Some(fields) = object.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut() {
                fields.insert(inner.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn form(parts: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| {
            format!("--b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        parts.iter().map(part).collect::<String>() + "--b1--\r\n"
    }

    #[test]
    fn dotted_names_become_objects_and_arrays_and_files_are_left_out() {
        let file = "--b1\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\nx\r\n";
        let body = form(&[
            ("element.id", "7"),
            ("element.kind", "box"),
            ("title", "a\r\nb"),
            ("tags.0", "x"),
            ("tags.1", "y"),
        ]);
        let read = read("b1", format!("{file}{body}").as_bytes()).unwrap();
        assert_eq!(read, json!({"element": {"id": "7", "kind": "box"}, "title": "a\r\nb", "tags": ["x", "y"]}));
        assert!(super::read("b1", b"--b1\r\n\r\n").is_err());
        assert!(super::read("b1", form(&[("a", "1")]).trim_end_matches("--\r\n").as_bytes()).is_err(), "cut short");
    }

    #[test]
    fn a_boundary_is_taken_from_its_content_type() {
        assert_eq!(boundary_of("multipart/form-data; boundary=b1"), Some("b1"));
        assert_eq!(boundary_of("Multipart/Form-Data; charset=x; Boundary=\"b 1\""), Some("b 1"));
        for other in ["application/json", "multipart/form-data", "multipart/form-data; boundary=", ""] {
            assert_eq!(boundary_of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_a_form_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("b1", &body);
            let _ = read("b1", &[b"--b1\r\n".as_slice(), &body, b"\r\n--b1--"].concat());
        }
    }
}
