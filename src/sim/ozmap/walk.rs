//! The walk from a drop up to its PON, as far as it is documented.

use std::collections::HashSet;

use super::model::ObjectId;
use super::plant::{Joint, JointKind, Plant, Pon, Strand};

/// Elements that a walk passes at most: a real path has some tens.
const MAX_STEPS: usize = 1000;

/// One element of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    Fiber(&'a Strand),
    /// With the port, counted from 1.
    Joint(&'a Joint, usize),
    Pon(&'a Pon),
}

impl Strand {
    /// The joint at the other end.
    fn beyond(&self, joint: ObjectId) -> Option<ObjectId> {
        match self.ends {
            [Some(end), other] | [other, Some(end)] if end == joint => other,
            _ => None,
        }
    }
}

impl Joint {
    /// The strand on the side of the head end and the port (counted from 1), when one comes by `strand` from the side
    /// of the clients. People also document two-sided joints the other way around.
    fn upstream(&self, strand: ObjectId) -> Option<(Option<ObjectId>, usize)> {
        let place = |side: &[Option<ObjectId>]| side.iter().position(|found| *found == Some(strand));
        if let Some(port) = place(&self.outputs) {
            let input = if self.kind == JointKind::Dio { self.inputs.get(port) } else { self.inputs.first() };
            return Some((input.copied().flatten(), port + 1));
        }
        let port = place(&self.inputs).filter(|_| self.kind != JointKind::Splitter)?;
        Some((self.outputs.get(port).copied().flatten(), port + 1))
    }
}

impl Plant {
    /// The path of a drop's fibre that is connected at `joint`, from the client upwards, as far as it is documented;
    /// cords are passed and not in it. Empty when there is no such fibre at that joint.
    pub(super) fn walk(&self, fiber: ObjectId, joint: ObjectId) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        let mut seen = HashSet::new();
        let Some(mut strand) = self.strand(fiber) else { return steps };
        let mut at = joint;
        if !strand.ends.contains(&Some(at)) {
            return steps;
        }
        while steps.len() < MAX_STEPS {
            if !strand.is_cord() {
                steps.push(Step::Fiber(strand));
            }
            if let Some(pon) = self.pon(at) {
                steps.push(Step::Pon(pon));
                break;
            }
            let Some(found) = self.joint(at).filter(|_| seen.insert((at, strand.id))) else { break };
            let Some((next, port)) = found.upstream(strand.id) else { break };
            steps.push(Step::Joint(found, port));
            let Some(above) = next.and_then(|id| self.strand(id)) else { break };
            strand = above;
            let Some(end) = strand.beyond(found.id) else {
                // The fibre comes from somewhere that nobody documented.
                if !strand.is_cord() {
                    steps.push(Step::Fiber(strand));
                }
                break;
            };
            at = end;
        }
        steps
    }
}
