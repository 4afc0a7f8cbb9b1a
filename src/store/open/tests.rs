use std::fs;

use super::*;
use crate::store::schema::VERSION;
use crate::store::{Keep, Store};

/// What opening says; the file is as it was afterwards, and nothing is left beside it.
fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let neighbours = || {
        let mut names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let around = neighbours();
    let error = open_to_write(path).unwrap_err();
    assert_eq!(fs::read(path).ok(), before, "{error}");
    assert_eq!(neighbours(), around, "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    text
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.db");
    (folder, path)
}

/// A closed file of ours.
fn sound(path: &Path) {
    Store::open(path, Keep::default()).unwrap().close();
}

#[test]
fn a_new_file_is_made_and_opened_again() {
    let (_folder, path) = folder();
    let opened = open_to_write(&path).unwrap();
    assert!(opened.created && !opened.unclean && opened.migrated_from.is_none());
    drop(opened);
    let opened = open_to_write(&path).unwrap();
    assert!(!opened.created && opened.unclean, "nobody closed it");
    drop(opened);
    sound(&path);
    assert!(!open_to_write(&path).unwrap().unclean);
    assert!(!beside(&path, "-wal").exists() || fs::metadata(beside(&path, "-wal")).unwrap().len() == 0);
}

#[test]
fn an_empty_file_is_taken_as_new() {
    let (_folder, path) = folder();
    fs::write(&path, b"").unwrap();
    assert!(open_to_write(&path).unwrap().created);
}

#[test]
fn every_older_version_is_brought_to_this_one() {
    for version in 1..=usize::try_from(VERSION).unwrap() {
        let (_folder, path) = folder();
        schema::make_version(&path, version);
        let opened = open_to_write(&path).unwrap();
        let old = i64::try_from(version).unwrap();
        assert_eq!(opened.migrated_from, (old < VERSION).then_some(old));
        assert_eq!(version_of(&path, &opened.connection, false).unwrap(), VERSION);
        let fresh = folder();
        let fresh = open_to_write(&fresh.1).unwrap();
        let tables = |connection: &Connection| -> Vec<String> {
            let mut rows =
                connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
            rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(tables(&opened.connection), tables(&fresh.connection), "from version {version}");
    }
}

#[test]
fn something_else_than_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = open_to_write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is a directory") && error.contains("oltwatch.db"), "{error}");
    let error = open_to_write(Path::new("/dev/null")).unwrap_err().to_string();
    assert_eq!(
        error,
        "/dev/null: is a device, and the database is a file: name one in [store], such as /dev/null/oltwatch.db"
    );
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for content in [&b"[store]\npath = 'x'\n"[..], b"x", b"SQLite format 2\0abcdef"] {
        fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert!(
            error.contains("is no database of oltwatch: it begins with") && error.contains("move this file away"),
            "{error}"
        );
    }
}

#[test]
fn a_database_of_another_application_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE clients (id INTEGER); INSERT INTO clients VALUES (7)").unwrap();
    drop(other);
    let error = refused(&path);
    assert!(error.contains("another application (application_id 0x0)"), "{error}");
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    sound(&path);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", VERSION + 1).unwrap();
    newer.close().unwrap();
    fs::remove_file(beside(&path, "-lock")).unwrap();
    let error = refused(&path);
    assert!(error.contains(&format!("has version {}, and this oltwatch knows versions up to {VERSION}", VERSION + 1)));
    assert!(error.contains("use the newer oltwatch"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    drop(open_to_write(&path).unwrap());
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 3 * 4096, "{}", whole.len());
    // A page of a table, and a file that was cut short.
    let mut torn = whole.clone();
    torn[2 * 4096..3 * 4096].fill(0xA5);
    let cut = whole[..whole.len() - 4096].to_vec();
    for broken in [torn, cut] {
        fs::write(&path, broken).unwrap();
        let error = open_to_write(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("is damaged") && error.contains(".recover"), "{error}");
    }
}

#[test]
fn a_second_writer_is_refused() {
    let (_folder, path) = folder();
    let first = open_to_write(&path).unwrap();
    let error = open_to_write(&path).unwrap_err().to_string();
    assert!(error.contains("another oltwatch writes this database") && error.contains("oltwatch.db-lock"), "{error}");
    drop(first);
    open_to_write(&path).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_refused_with_the_system_s_reason() {
    for path in ["/proc/oltwatch.db", "/nowhere/oltwatch.db"] {
        let error = open_to_write(Path::new(path)).unwrap_err();
        assert!(matches!(error, StoreError::File { .. }), "{error}");
        let error = error.to_string();
        assert!(error.starts_with(path) && error.contains("must be writable"), "{error}");
    }
}

#[test]
fn a_reader_makes_nothing() {
    let (_folder, path) = folder();
    assert!(matches!(open_to_read(&path).unwrap_err(), StoreError::Missing { .. }));
    assert!(!path.exists());
}
