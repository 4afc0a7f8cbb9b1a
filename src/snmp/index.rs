//! Indexes as they stand on the wire: sub-identifiers in base 128, compared without being decoded. All in the shortest
//! form; what an agent wrote longer is decoded and encoded again.

use std::cmp::Ordering;

use super::oid::MAX_ARCS;

/// How a new index stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is greater; so many of its octets are those of the one before, and a sub-identifier begins after them.
    Up {
        /// Octets that both begin with.
        shared: usize,
    },
    /// It is the same or smaller.
    NotUp,
    /// It is not in its shortest form, or broken.
    Odd,
}

/// One sub-identifier from the front, if it is whole, in its shortest form and fits.
fn arc(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, mut rest) = octets.split_first()?;
    if first & 0x80 == 0 {
        return Some((u32::from(first), rest));
    }
    if first == 0x80 {
        return None;
    }
    let mut value = u32::from(first & 0x7f);
    loop {
        let (&octet, after) = rest.split_first()?;
        if value >> 25 != 0 {
            return None;
        }
        value = value << 7 | u32::from(octet & 0x7f);
        rest = after;
        if octet & 0x80 == 0 {
            return Some((value, rest));
        }
    }
}

/// Where the sub-identifier begins that the octet at `position` belongs to.
fn start_of_arc(octets: &[u8], position: usize) -> usize {
    let before = octets.get(..position).unwrap_or(octets);
    before.iter().rposition(|octet| octet & 0x80 == 0).map_or(0, |last| last + 1)
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Compares `new` with `last`, which is in its shortest form. Only what differs is looked at.
pub(super) fn step(last: &[u8], new: &[u8]) -> Step {
    // As most rows follow each other: only the last sub-identifier is another, and takes one octet.
    if let ([before @ .., number @ ..0x80], [shared @ .., other @ ..0x80]) = (last, new)
        && number < other
        && before == shared
        && shared.last().is_none_or(|octet| octet & 0x80 == 0)
    {
        return Step::Up { shared: shared.len() };
    }
    let same = common(last, new);
    if same == new.len() {
        // What follows may be missing: then it is no index at all.
        return if new.last().is_none_or(|octet| octet & 0x80 == 0) { Step::NotUp } else { Step::Odd };
    }
    let shared = start_of_arc(new, same);
    let Some((number, mut rest)) = new.get(shared..).and_then(arc) else { return Step::Odd };
    while !rest.is_empty() {
        let Some((_, after)) = arc(rest) else { return Step::Odd };
        rest = after;
    }
    match last.get(shared..).and_then(arc) {
        Some((before, _)) if number <= before => Step::NotUp,
        _ => Step::Up { shared },
    }
}

/// As sub-identifiers compare, a prefix before what it begins. Both in their shortest form.
pub(super) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let same = common(one, other);
    match (one.len() == same, other.len() == same) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => {
            let shared = start_of_arc(one, same);
            let number = |octets: &[u8]| octets.get(shared..).and_then(arc).map(|(number, _)| number);
            number(one).cmp(&number(other))
        }
    }
}

/// How many octets of `one` it takes to see where it differs from the other, whole sub-identifiers; [`usize::MAX`] when
/// one of them begins with the other. Both in their shortest form.
pub(super) fn octets_to_differ(one: &[u8], other: &[u8]) -> usize {
    let same = common(one, other);
    if same == one.len() || same == other.len() {
        return usize::MAX;
    }
    let end = one.iter().skip(same).position(|octet| octet & 0x80 == 0);
    end.map_or(usize::MAX, |end| same + end + 1)
}

/// Puts a sub-identifier at the end.
fn push(octets: &mut Vec<u8>, number: u32) {
    for shift in [28, 21, 14, 7] {
        if number >> shift != 0 {
            // Seven bits fit.
            octets.push(u8::try_from(number >> shift & 0x7f).unwrap_or(0) | 0x80);
        }
    }
    octets.push(u8::try_from(number & 0x7f).unwrap_or(0));
}

/// Sub-identifiers in their shortest form.
pub(super) fn encode(arcs: &[u32]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(arcs.len() * 2);
    arcs.iter().for_each(|arc| push(&mut octets, *arc));
    octets
}

/// A whole name, the first two sub-identifiers joined, in its shortest form. The caller has checked that they can be.
pub(super) fn encode_name(arcs: &[u32]) -> Vec<u8> {
    match arcs {
        [first, second, rest @ ..] => {
            let mut octets = Vec::with_capacity(arcs.len() + 8);
            push(&mut octets, first.saturating_mul(40).saturating_add(*second));
            rest.iter().for_each(|arc| push(&mut octets, *arc));
            octets
        }
        other => encode(other),
    }
}

/// Sub-identifiers of an index in its shortest form, put after what is there.
pub(super) fn decode(octets: &[u8], arcs: &mut Vec<u32>) {
    let mut rest = octets;
    while let Some((number, after)) = arc(rest)
        && arcs.len() < MAX_ARCS
    {
        arcs.push(number);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_in_its_shortest_form_is_told() {
        for odd in
            [&[0x80, 1][..], &[1, 0x80], &[0x90, 0x80, 0x80, 0x80, 0], &[0xff, 0xff, 0xff, 0xff, 0xff, 1], &[0x81]]
        {
            assert_eq!(step(&[], odd), Step::Odd, "{odd:02x?}");
        }
        assert_eq!(step(&[0x81, 1], &[0x81]), Step::Odd);
        assert_eq!(step(&[], &[]), Step::NotUp);
        assert_eq!(step(&[5], &[5, 0]), Step::Up { shared: 1 });
    }

    proptest! {
        /// Numbers of all lengths, so that the octets' order and the numbers' order differ.
        #[test]
        fn octets_compare_as_their_numbers_do(
            one in prop::collection::vec((0..5_u32, any::<u32>()).prop_map(|(cut, number)| number >> (cut * 7)), 0..6),
            other in prop::collection::vec((0..5_u32, any::<u32>()).prop_map(|(cut, number)| number >> (cut * 7)), 0..6),
            same: bool,
        ) {
            let other = if same { [one.as_slice(), &other].concat() } else { other };
            let (a, b) = (encode(&one), encode(&other));
            prop_assert_eq!(compare(&a, &b), one.cmp(&other));
            match step(&a, &b) {
                Step::Up { shared } => {
                    prop_assert!(other > one && a[..shared] == b[..shared]);
                    let mut head = Vec::new();
                    decode(&b[..shared], &mut head);
                    prop_assert!(other.starts_with(&head));
                }
                Step::NotUp => prop_assert!(other <= one),
                Step::Odd => prop_assert!(false),
            }
            let mut back = Vec::new();
            decode(&b, &mut back);
            prop_assert_eq!(back, other);
        }

        #[test]
        fn no_octets_make_it_panic(one in prop::collection::vec(any::<u32>(), 0..4), other in prop::collection::vec(any::<u8>(), 0..20)) {
            let last = encode(&one);
            if let Step::Up { shared } = step(&last, &other) {
                let mut arcs = Vec::new();
                decode(&other, &mut arcs);
                prop_assert!(arcs > one && shared < other.len());
                prop_assert_eq!(encode(&arcs), other);
            }
        }
    }
}
