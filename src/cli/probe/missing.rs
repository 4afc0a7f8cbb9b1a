//! What an OLT does not say, and what that means for whoever watches it.

use crate::mib::{Answer, FieldName, Profile, Proof, Rows};

/// A field that is not read, why, and what follows from it.
pub(super) struct Missing {
    pub(super) field: &'static str,
    /// Whether the profile knows a column for it.
    pub(super) known: bool,
    /// What follows; empty where it costs only a number on a page.
    pub(super) means: &'static str,
}

/// The fields of an ONU that nothing answers for.
pub(super) fn missing(profile: &Profile, proof: &Proof) -> Vec<Missing> {
    let mut answered: Vec<FieldName> = Vec::new();
    for answer in [Answer::Proved, Answer::NoValue, Answer::PartOfIndex] {
        answered.extend(proof.onu_fields(&answer));
    }
    let lacks = |field: FieldName| !answered.contains(&field);
    let knows = |field: FieldName| profile.has_field(Rows::Onu, field);
    let mut found = Vec::new();
    for field in FieldName::ALL {
        let means = match field {
            // PON and number mostly come with the index; the count is of PONs; and either cause will do.
            FieldName::Pon | FieldName::Onu | FieldName::Onus | FieldName::Cause => continue,
            FieldName::LastDownCause if !lacks(FieldName::Cause) => continue,
            _ if !lacks(field) => continue,
            FieldName::State => {
                "ONUs are neither up nor down: no loss is ever seen, verdicts hold and clients are left as they are"
            }
            FieldName::LastDownCause => {
                "nobody says why an ONU went down: a loss counts only after unknown_after, and a power cut looks like a cut fibre"
            }
            FieldName::Rx => "levels are unread: no client turns to ERROR for weak light, only for a loss",
            FieldName::OltRx => "the way back to the OLT is not watched",
            FieldName::Distance => "a cut cannot be placed by distance",
            FieldName::Serial if lacks(FieldName::Mac) => {
                "clients are found by the code in the name alone (code_pattern), not by serial or MAC"
            }
            FieldName::Name => "clients cannot be found by a code in the name",
            _ => "",
        };
        let known = knows(field) || field == FieldName::LastDownCause && knows(FieldName::Cause);
        found.push(Missing { field: field.word(), known, means });
    }
    found
}
