//! What is known of the plant, so that a restart asks for nothing twice. A cache: the octets are `ozmap`'s own, which say what they are.

use rusqlite::{Connection, params};

use super::identity::millis;
use crate::model::Timestamp;

/// Something that is known of the plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantRow {
    /// What it is, by its owner's numbers.
    pub kind: u8,
    /// The twelve octets of its id in OZmap.
    pub id: [u8; 12],
    /// When it was read.
    pub at: Timestamp,
    /// What it depends on, by its owner's numbers.
    pub stamp: u64,
    /// What it says; `None`: it is not kept any more.
    pub data: Option<Vec<u8>>,
}

pub(super) fn write(connection: &Connection, row: &PlantRow) -> rusqlite::Result<()> {
    match &row.data {
        Some(data) => connection
            .prepare_cached("INSERT OR REPLACE INTO plant (kind, id, at, stamp, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![row.kind, row.id, millis(row.at), row.stamp.cast_signed(), data])?,
        None => connection
            .prepare_cached("DELETE FROM plant WHERE kind = ?1 AND id = ?2")?
            .execute(params![row.kind, row.id])?,
    };
    Ok(())
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<PlantRow>> {
    let mut rows = connection.prepare("SELECT kind, id, at, stamp, data FROM plant")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(PlantRow {
            kind: row.get(0)?,
            id: row.get(1)?,
            at: Timestamp::from_millis(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0)),
            stamp: row.get::<_, i64>(3)?.cast_unsigned(),
            data: Some(row.get(4)?),
        })
    };
    rows.query_map([], row)?.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Keep, Store, plant_rows};
    use super::*;

    fn row(kind: u8, id: u8, data: Option<&[u8]>) -> PlantRow {
        let at = Timestamp::from_millis(1_790_000_000_000);
        PlantRow { kind, id: [id; 12], at, stamp: u64::MAX - u64::from(id), data: data.map(<[u8]>::to_vec) }
    }

    #[test]
    fn what_is_known_of_the_plant_outlives_the_process_and_the_newest_word_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        store.keeper().plant(vec![row(7, 1, Some(b"old")), row(7, 2, Some(b"")), row(8, 1, Some(b"other kind"))]);
        store.keeper().plant(vec![row(7, 1, Some(b"new"))]);
        assert!(store.flush(Duration::from_secs(60)));
        // Gone from the file, too.
        store.keeper().plant(vec![row(8, 1, None)]);
        store.close();
        let store = Store::open(&path, Keep::default()).unwrap();
        let mut rows = store.plant_rows().unwrap();
        rows.sort_by_key(|row| row.id);
        assert_eq!(rows, [row(7, 1, Some(b"new")), row(7, 2, Some(b""))]);
        // One who only reads needs no lock.
        assert_eq!(plant_rows(&path).unwrap().len(), 2);
    }
}
