//! Indexes: what follows a column in an OID, as named fields, in both directions.

use std::sync::Arc;

/// A named field's value: one number, or the octets of a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum FieldValue {
    Number(u32),
    Octets(Arc<[u32]>),
}

impl FieldValue {
    pub(super) fn numbers(&self) -> &[u32] {
        match self {
            Self::Number(number) => std::slice::from_ref(number),
            Self::Octets(octets) => octets,
        }
    }
}

/// Fields by name. Few (at most about ten), so a list beats a map; made for every row, so it is used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(Arc<str>, FieldValue)>);

impl Fields {
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        match self.get(name) {
            Some(FieldValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&FieldValue> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    pub(super) fn set(&mut self, name: &Arc<str>, value: FieldValue) {
        // Names mostly come from one place of the profile.
        match self.0.iter_mut().find(|(known, _)| Arc::ptr_eq(known, name) || known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((Arc::clone(name), value)),
        }
    }

    /// Takes over the fields of `other`; where both have one, `other` wins.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name, value.clone());
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The numbers of these fields one after the other, or `None` when one is missing.
    pub(super) fn numbers_of(&self, names: &[Arc<str>]) -> Option<Vec<u32>> {
        let mut numbers = Vec::with_capacity(names.len());
        self.numbers_into(names, &mut numbers)?;
        Some(numbers)
    }

    /// As [`Self::numbers_of`], put into `numbers` in place of what is there.
    pub(super) fn numbers_into(&self, names: &[Arc<str>], numbers: &mut Vec<u32>) -> Option<()> {
        numbers.clear();
        for name in names {
            numbers.extend_from_slice(self.get(name)?.numbers());
        }
        Some(())
    }
}

/// A field inside of a number.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) name: Arc<str>,
    pub(super) add: u32,
    pub(super) divide: u32,
    pub(super) modulo: Option<u32>,
    pub(super) base: u32,
    /// What the field must be for the row to belong to the table.
    pub(super) require: Option<u32>,
}

impl Slice {
    fn cut(&self, number: u32) -> u32 {
        let number = number.wrapping_add(self.add).checked_div(self.divide).unwrap_or_default();
        let number = self.modulo.map_or(number, |modulo| number.checked_rem(modulo).unwrap_or_default());
        number.wrapping_add(self.base)
    }

    /// The part of the whole number that stands for `field`, or `None` when it does not fit.
    fn place(&self, field: u32) -> Option<u32> {
        let field = field.checked_sub(self.base)?;
        if self.modulo.is_some_and(|modulo| field >= modulo) {
            return None;
        }
        field.checked_mul(self.divide)
    }
}

/// How many sub-identifiers a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    One,
    Octets(usize),
    LengthPrefixed,
    Rest,
}

/// One part of an index.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Constant(u32),
    Named { name: Arc<str>, takes: Takes, slices: Vec<Slice> },
}

/// A whole index.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) parts: Vec<Part>,
    /// Layouts to try where the first does not fit.
    pub(super) or: Vec<Index>,
}

impl Index {
    /// The fields of an index, or `None` when it is not of this layout.
    pub(super) fn decode(&self, arcs: &[u32]) -> Option<Fields> {
        let mut fields = Fields::default();
        self.decode_into(arcs, &mut fields)?;
        Some(fields)
    }

    /// As [`Self::decode`], put into `fields` in place of what is there.
    pub(super) fn decode_into(&self, arcs: &[u32], fields: &mut Fields) -> Option<()> {
        let first = self.decode_first(arcs, fields);
        first.or_else(|| self.or.iter().find_map(|other| other.decode_first(arcs, fields)))
    }

    fn decode_first(&self, mut arcs: &[u32], fields: &mut Fields) -> Option<()> {
        fields.clear();
        for part in &self.parts {
            match part {
                Part::Constant(wanted) => {
                    let (first, rest) = arcs.split_first()?;
                    if first != wanted {
                        return None;
                    }
                    arcs = rest;
                }
                Part::Named { name, takes: Takes::One, slices } => {
                    let (first, rest) = arcs.split_first()?;
                    arcs = rest;
                    fields.set(name, FieldValue::Number(*first));
                    for slice in slices {
                        let value = slice.cut(*first);
                        if slice.require.is_some_and(|wanted| wanted != value) {
                            return None;
                        }
                        fields.set(&slice.name, FieldValue::Number(value));
                    }
                }
                Part::Named { name, takes, .. } => {
                    let (octets, rest) = match takes {
                        Takes::Octets(count) => arcs.split_at_checked(*count)?,
                        Takes::LengthPrefixed => {
                            let (length, rest) = arcs.split_first()?;
                            rest.split_at_checked(usize::try_from(*length).ok()?)?
                        }
                        Takes::Rest | Takes::One => (arcs, [].as_slice()),
                    };
                    if octets.iter().any(|octet| *octet > 255) {
                        return None;
                    }
                    arcs = rest;
                    fields.set(name, FieldValue::Octets(Arc::from(octets)));
                }
            }
        }
        arcs.is_empty().then_some(())
    }

    /// The sub-identifiers for these fields, of the first `parts` parts. A number is taken whole where the fields have
    /// it, else put together from the fields inside of it. `None` when a field is missing or does not fit.
    pub(super) fn encode_prefix(&self, fields: &Fields, parts: usize) -> Option<Vec<u32>> {
        let mut arcs = Vec::new();
        for part in self.parts.iter().take(parts) {
            match part {
                Part::Constant(constant) => arcs.push(*constant),
                Part::Named { name, takes: Takes::One, slices } => {
                    arcs.push(fields.number(name).or_else(|| put_together(slices, fields))?);
                }
                Part::Named { name, takes, .. } => {
                    let octets = fields.get(name)?.numbers();
                    if *takes == Takes::LengthPrefixed {
                        arcs.push(u32::try_from(octets.len()).ok()?);
                    }
                    arcs.extend_from_slice(octets);
                }
            }
        }
        Some(arcs)
    }

    /// The sub-identifiers for these fields.
    pub(super) fn encode(&self, fields: &Fields) -> Option<Vec<u32>> {
        self.encode_prefix(fields, self.parts.len())
    }

    /// Whole numbers that can be put together from the fields inside of them.
    pub(super) fn wholes(&self, fields: &Fields) -> Vec<(Arc<str>, u32)> {
        let whole = |part: &Part| match part {
            Part::Named { name, takes: Takes::One, slices } if fields.get(name).is_none() => {
                Some((Arc::clone(name), put_together(slices, fields)?))
            }
            _ => None,
        };
        self.parts.iter().filter_map(whole).collect()
    }

    /// The fields without which the index cannot be encoded.
    pub(super) fn required_names(&self) -> Vec<Arc<str>> {
        let name = |part: &Part| match part {
            Part::Named { name, .. } => Some(Arc::clone(name)),
            Part::Constant(_) => None,
        };
        self.parts.iter().filter_map(name).collect()
    }

    /// Every field that a decoded index has, whichever of its layouts it is of.
    pub(super) fn field_names(&self) -> Vec<Arc<str>> {
        let mut names = self.names_of_parts(self.parts.len());
        names.retain(|name| self.or.iter().all(|other| other.field_names().contains(name)));
        names
    }

    /// The fields of the first `parts` parts of the first layout.
    pub(super) fn names_of_parts(&self, parts: usize) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for part in self.parts.iter().take(parts) {
            if let Part::Named { name, slices, .. } = part {
                names.push(Arc::clone(name));
                names.extend(slices.iter().map(|slice| Arc::clone(&slice.name)));
            }
        }
        names
    }

    /// Whether the index of a row can be put together from these fields.
    pub(super) fn follows_from(&self, known: &[Arc<str>]) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Constant(_) => true,
            Part::Named { name, slices, .. } => {
                known.contains(name)
                    || !slices.is_empty()
                        && slices.iter().all(|slice| slice.require.is_some() || known.contains(&slice.name))
            }
        })
    }
}

fn put_together(slices: &[Slice], fields: &Fields) -> Option<u32> {
    if slices.is_empty() {
        return None;
    }
    let mut whole = 0_u32;
    let mut add = 0_u32;
    for slice in slices {
        let field = fields.number(&slice.name).or(slice.require)?;
        whole = whole.checked_add(slice.place(field)?)?;
        add = slice.add;
    }
    let whole = whole.wrapping_sub(add);
    // Proof that it was put together rightly: the slices give the fields back.
    slices.iter().all(|slice| fields.number(&slice.name).or(slice.require) == Some(slice.cut(whole))).then_some(whole)
}
