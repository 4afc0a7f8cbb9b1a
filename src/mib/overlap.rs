//! Families that claim the same devices with nothing to tell them apart.

use super::profile::DetectRule;
use crate::snmp::Oid;

/// A sysObjectID that two rules claim alike, each as surely as the other. `None` where something tells the families
/// apart: a longer prefix, a sysDescr, a subtree that has to answer.
pub(super) fn overlap(one: &DetectRule, other: &DetectRule) -> Option<Oid> {
    let text = |rule: &DetectRule| rule.sys_descr.as_ref().map(|pattern| pattern.as_str().to_owned());
    if text(one) != text(other) || one.probe != other.probe {
        return None;
    }
    let excluded = |rule: &DetectRule, oid: &Oid| rule.not_sys_object_id.iter().any(|not| oid.suffix_of(not).is_some());
    let claimed = one.sys_object_id.iter().filter(|oid| other.sys_object_id.contains(oid));
    claimed.into_iter().find(|oid| !excluded(one, oid) && !excluded(other, oid)).cloned()
}
