//! `oltwatch store`: the database by hand.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::path::{Path, PathBuf};

use cli_support::run;
use oltwatch::model::{OltId, OnuKey, Timestamp};
use oltwatch::store::{Keep, Kept, OltMemory, PlantRow, Store};

const CONFIG: &str = "[snmp.credential.default]\nversion = '2c'\ncommunity_env = 'TEST_COMMUNITY'\n\
                      [[olt]]\nname = 'olt-centro'\naddress = '127.0.0.1:9'\ncredential = 'default'\n";

fn config(folder: &Path, more: &str) -> String {
    let path = folder.join("oltwatch.toml");
    std::fs::write(&path, format!("{CONFIG}{more}")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn database(folder: &Path) -> PathBuf {
    let path = folder.join("oltwatch.db");
    let store = Store::open(&path, Keep::default()).unwrap();
    let onu = |number| Kept {
        key: OnuKey::new(&[number]),
        pon: None,
        number: Some(number),
        serial: None,
        mac: None,
        name: None,
        memory: vec![1; 64],
    };
    let (olt, now) = (OltId::new("olt-centro"), Timestamp::from_millis(0));
    store.shelf().keep("isp.example:9994", now, vec![vec![0; 1000], vec![0; 500]]).unwrap();
    store.keeper().plant(vec![PlantRow { kind: 1, id: [1; 12], at: now, stamp: 0, data: Some(vec![0; 70]) }]);
    store.keeper().keep(&olt, now, OltMemory::default(), (1..=64).map(onu).collect(), Vec::new());
    store.close();
    path
}

#[test]
fn info_check_and_compact_look_after_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "[store]\n");
    let path = database(folder.path());
    let info = run(&["store", "info", "-c", &config]);
    assert_eq!(info.code, 0, "{info:?}");
    assert!(info.stdout.contains("OLT olt-centro: 64 ONUs held, 64 devices ever seen, never read whole"), "{info:?}");
    assert!(info.stdout.contains("closed   yes"), "{info:?}");
    let directory = "clients  of OZmap at isp.example:9994, as read at 1970-01-01T00:00:00Z: 1.5 KiB";
    assert!(info.stdout.contains(directory), "{info:?}");
    assert!(info.stdout.contains("plant    1 elements and routes: 70 octets"), "{info:?}");
    let info = run(&["store", "info", "--format", "json", "-c", &config]).json();
    assert_eq!((&info["olts"][0]["held"], &info["closed"]), (&64.into(), &true.into()));
    assert_eq!((&info["directory"]["bytes"], &info["plant"]), (&1500.into(), &1.into()));
    let check = run(&["store", "check", "-c", &config]);
    assert_eq!((check.code, check.stdout), (0, format!("{}: sound\n", path.display())));
    let compact = run(&["store", "compact", "-c", &config]);
    assert!(compact.code == 0 && compact.stdout.contains(" before, "), "{compact:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_advice() {
    let folder = tempfile::tempdir().unwrap();
    let without = config(folder.path(), "");
    let ended = run(&["store", "check", "-c", &without]);
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.stderr.contains("there is no section [store]"), "{ended:?}");

    let config = config(folder.path(), "[store]\n");
    let ended = run(&["store", "info", "-c", &config]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("oltwatch.db: there is no such file"), "{ended:?}");

    let path = database(folder.path());
    let mut damaged = std::fs::read(&path).unwrap();
    let end = damaged.len();
    damaged[end - 4096..].fill(0x5A);
    std::fs::write(&path, &damaged).unwrap();
    let ended = run(&["store", "check", "-c", &config]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("is damaged") && ended.stderr.contains("put back a backup"), "{ended:?}");
    assert_eq!(std::fs::read(&path).unwrap(), damaged);

    std::fs::write(&path, "not a database, but somebody's notes").unwrap();
    let ended = run(&["store", "check", "-c", &config]);
    assert!(ended.stderr.contains("is no database of oltwatch: it begins with \"not a database, \""), "{ended:?}");
}
