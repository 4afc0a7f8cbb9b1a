//! Where each thing has its page.

use std::fmt::{Display, Write};

use crate::incident::IncidentId;
use crate::model::{OltId, OnuKey, PonId};

/// A text as a part of a path or query: what is not unreserved (RFC 3986) is percent-encoded. Slashes stay, since names and ports hold them.
pub(super) fn encoded(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~/".contains(&octet) {
            path.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{octet:02X}");
        }
    }
    path
}

/// An OLT's page.
pub(super) fn olt(olt: &OltId) -> String {
    format!("/olts/{}", encoded(olt.as_str()))
}

/// A PON's page; `-` where the family shows none.
pub(super) fn pon(olt: &OltId, pon: Option<PonId>) -> String {
    let pon = pon.map_or_else(|| "-".to_owned(), |pon| pon.to_string());
    format!("/pons/{}/{pon}", encoded(olt.as_str()))
}

/// An ONU's page. Its key is the only name that every family has.
pub(super) fn onu(olt: &OltId, key: &OnuKey) -> String {
    format!("/onus/{}/{key}", encoded(olt.as_str()))
}

/// An incident's page.
pub(super) fn incident(id: IncidentId) -> String {
    format!("/incidents/{id}")
}

/// A path with parameters, of which empty ones are left out.
pub(super) fn with(path: &str, parameters: &[(&str, &dyn Display)]) -> String {
    let mut link = path.to_owned();
    let mut joint = '?';
    for (name, value) in parameters {
        let value = value.to_string();
        if !value.is_empty() {
            link.push(joint);
            link.push_str(&format!("{name}={}", encoded(&value)));
            joint = '&';
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_stay_inside_of_their_link() {
        assert_eq!(olt(&OltId::new("olt centro?x=1#é")), "/olts/olt%20centro%3Fx%3D1%23%C3%A9");
        assert_eq!(pon(&OltId::new("a/b"), PonId::new(&[0, 1, 0]).ok()), "/pons/a/b/0/1/0");
        assert_eq!(pon(&OltId::new("a"), None), "/pons/a/-");
        assert_eq!(onu(&OltId::new("a"), &OnuKey::new(&[4_194_304, 3])), "/onus/a/4194304.3");
        assert_eq!(with("/onus", &[("olt", &"a&b"), ("q", &""), ("from", &2)]), "/onus?olt=a%26b&from=2");
    }
}
