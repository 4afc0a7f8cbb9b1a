//! Rows that are named by their number, with a type of number for each kind of row.

use std::marker::PhantomData;

/// A number of a row.
pub trait Index: Copy {
    /// The row at this place. Tables end long before `u32` does.
    fn from_place(place: usize) -> Self;
    /// Its place.
    fn place(self) -> usize;
}

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Its number, from 0 on.
            #[must_use]
            pub const fn number(self) -> u32 {
                self.0
            }
        }

        impl $crate::sim::plant::Index for $name {
            fn from_place(place: usize) -> Self {
                Self(u32::try_from(place).unwrap_or(u32::MAX))
            }

            fn place(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    )+};
}

pub(super) use index;

/// Rows of one kind, in the order in which they were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<K, T> {
    rows: Vec<T>,
    key: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self { rows: Vec::new(), key: PhantomData }
    }
}

impl<K: Index, T> Table<K, T> {
    /// Adds a row, and gives its number.
    pub(super) fn push(&mut self, row: T) -> K {
        let key = K::from_place(self.rows.len());
        self.rows.push(row);
        key
    }

    /// The row of that number.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&T> {
        self.rows.get(key.place())
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        self.rows.get_mut(key.place())
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.rows.iter()
    }

    /// The rows in order, with their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K, &T)> + DoubleEndedIterator {
        self.rows.iter().enumerate().map(|(place, row)| (K::from_place(place), row))
    }

    /// Their numbers.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = K> + use<K, T> {
        (0..self.rows.len()).map(K::from_place)
    }

    pub(super) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
    }
}
