use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::model::{PonId, Serial};

const PATIENCE: Duration = Duration::from_secs(60);

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_795_400_000_000 + second * 1000)
}

fn key(number: u32) -> OnuKey {
    OnuKey::new(&[4_194_304, number])
}

fn kept(number: u32, serial: Option<&str>, memory: &[u8]) -> Kept {
    Kept {
        key: key(number),
        pon: Some(PonId::new(&[0, 1, 2]).unwrap()),
        number: Some(number),
        serial: serial.map(|serial| serial.parse::<Serial>().unwrap()),
        mac: None,
        name: Some(Arc::from("10452 Maria")),
        memory: memory.to_vec(),
    }
}

fn olt() -> OltId {
    OltId::new("olt-centro")
}

struct Running {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

fn running() -> Running {
    running_with(|_| {})
}

fn running_with(adjust: impl FnOnce(&mut Writer)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.db");
    let store = Store::start(&path, Keep::default(), adjust).unwrap();
    Running { _folder: folder, path, store }
}

impl Running {
    fn again(&mut self) {
        let other = tempfile::tempdir().unwrap();
        let placeholder = Store::open(&other.path().join("x.db"), Keep::default()).unwrap();
        std::mem::replace(&mut self.store, placeholder).close();
        self.store = loop {
            // A process that another test starts has the lock, too, until it becomes another program.
            match Store::open(&self.path, Keep::default()) {
                Err(StoreError::InUse { .. }) => thread::sleep(Duration::from_millis(1)),
                opened => break opened.unwrap(),
            }
        };
    }

    fn memories(&self) -> Vec<(u32, Vec<u8>)> {
        assert!(self.store.flush(PATIENCE));
        let remembered = self.store.remembered(&olt()).unwrap();
        remembered.onus.into_iter().map(|(key, (_, kept))| (key.numbers()[1], kept.memory)).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        open::open_to_read(&self.path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn what_is_kept_is_remembered_after_a_restart() {
    let mut running = running();
    let keeper = running.store.keeper();
    let mut other = kept(2, None, b"two");
    other.mac = Some("00:11:22:33:44:55".parse().unwrap());
    other.pon = None;
    let memory = OltMemory { read_at: Some(at(3)), octets: b"olt".to_vec() };
    let onus = vec![kept(1, Some("HWTC00000001"), b"one"), other.clone()];
    keeper.keep(&olt(), at(0), memory.clone(), onus, Vec::new());
    running.again();
    let remembered = running.store.remembered(&olt()).unwrap();
    assert_eq!(remembered.memory, memory);
    let expected = [(key(1), (at(0), kept(1, Some("HWTC00000001"), b"one"))), (key(2), (at(0), other))];
    assert_eq!(remembered.onus, expected.into());
    assert_eq!(running.store.remembered(&OltId::new("olt-norte")).unwrap(), Remembered::default());
}

#[test]
fn the_newest_of_an_onu_replaces_what_waits_of_it() {
    let running = running();
    let keeper = running.store.keeper();
    for round in 0..100_u8 {
        keeper.keep(
            &olt(),
            at(round.into()),
            OltMemory::default(),
            vec![kept(1, Some("HWTC00000001"), &[round])],
            Vec::new(),
        );
        assert!(keeper.status().waiting <= 1);
    }
    assert_eq!(running.memories(), [(1, vec![99])]);
    assert!(keeper.status().kept < 100 && keeper.status().waiting == 0);
    keeper.keep(&olt(), at(200), OltMemory::default(), Vec::new(), vec![key(1)]);
    assert_eq!(running.memories(), []);
    assert_eq!(running.number("SELECT count(*) FROM onu"), 1, "who it was stays known");
}

#[test]
fn a_replaced_device_is_another_and_a_moved_one_the_same() {
    let mut running = running();
    let id = |running: &Running, serial: &str| {
        assert!(running.store.flush(PATIENCE));
        running.number(&format!("SELECT id FROM onu WHERE serial = '{serial}'"))
    };
    let keep = |running: &Running, second, onu| {
        running.store.keeper().keep(&olt(), at(second), OltMemory::default(), vec![onu], Vec::new())
    };
    keep(&running, 0, kept(1, Some("HWTC00000001"), b"a"));
    let first = id(&running, "HWTC00000001");
    keep(&running, 1, kept(1, Some("HWTC00000002"), b"b"));
    let second = id(&running, "HWTC00000002");
    assert_ne!(first, second);
    assert_eq!(running.memories(), [(1, b"b".to_vec())], "nothing is held of the one that was replaced");
    // The first comes back elsewhere, also after a restart.
    running.again();
    keep(&running, 2, kept(7, Some("HWTC00000001"), b"c"));
    assert_eq!(id(&running, "HWTC00000001"), first);
    assert_eq!(running.memories(), [(1, b"b".to_vec()), (7, b"c".to_vec())]);
    // Both keys are said to be gone, one of them by a device that has left it.
    keep(&running, 3, kept(8, Some("HWTC00000001"), b"d"));
    running.store.keeper().keep(&olt(), at(4), OltMemory::default(), Vec::new(), vec![key(7)]);
    assert_eq!(running.memories(), [(1, b"b".to_vec()), (8, b"d".to_vec())]);
}

#[test]
fn a_device_whose_serial_is_learned_later_keeps_its_number() {
    let mut running = running();
    let keep = |running: &Running, onu| {
        running.store.keeper().keep(&olt(), at(0), OltMemory::default(), vec![onu], Vec::new());
        assert!(running.store.flush(PATIENCE));
    };
    keep(&running, kept(1, None, b"a"));
    let id = running.number("SELECT id FROM onu");
    keep(&running, kept(1, Some("HWTC00000001"), b"b"));
    running.again();
    // A reading that does not tell the serial is no other device.
    keep(&running, kept(1, None, b"c"));
    assert_eq!(running.number("SELECT id FROM onu WHERE who = 's:HWTC00000001'"), id);
    assert_eq!(running.number("SELECT count(*) FROM onu"), 1);
}

/// A disk that is full, as SQLite says it.
fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

#[test]
fn a_full_disk_stops_nobody_and_nothing_newer_is_lost_when_it_ends() {
    let broken = Arc::new(AtomicBool::new(true));
    let fault = Arc::clone(&broken);
    let running = running_with(|writer| {
        writer.pause = Duration::from_millis(5);
        writer.fault = Some(Box::new(move || fault.load(Ordering::Relaxed).then(full)));
    });
    let keeper = running.store.keeper();
    keeper.keep(
        &olt(),
        at(0),
        OltMemory::default(),
        vec![kept(1, Some("HWTC00000001"), b"old"), kept(2, None, b"two")],
        Vec::new(),
    );
    while keeper.status().errors == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let status = keeper.status();
    assert!(status.failing.as_ref().unwrap().contains("full"), "{status:?}");
    assert!(!running.store.flush(Duration::from_millis(1)));
    keeper.keep(&olt(), at(1), OltMemory::default(), vec![kept(1, Some("HWTC00000001"), b"new")], Vec::new());
    broken.store(false, Ordering::Relaxed);
    assert_eq!(running.memories(), [(1, b"new".to_vec()), (2, b"two".to_vec())]);
    assert_eq!(keeper.status().failing, None);
}

/// The system's answer of a disk that is broken.
fn io_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE), None)
}

#[test]
fn a_disk_that_fails_now_and_then_costs_nothing_that_is_held() {
    let mut calls = 0;
    let running = running_with(move |writer| {
        writer.pause = Duration::from_millis(1);
        writer.fault = Some(Box::new(move || {
            calls += 1;
            (calls % 3 != 0).then(io_error)
        }));
    });
    let keeper = running.store.keeper();
    for number in 1..=20 {
        keeper.keep(&olt(), at(u64::from(number)), OltMemory::default(), vec![kept(number, None, b"held")], Vec::new());
        assert!(running.store.flush(PATIENCE));
    }
    assert_eq!(running.memories().len(), 20);
    assert!(keeper.status().errors > 20, "{:?}", keeper.status());
}

#[test]
fn a_file_that_is_deleted_or_replaced_while_in_use_is_told_and_what_is_held_waits_for_it() {
    let running = running_with(|writer| writer.pause = Duration::from_millis(5));
    let keeper = running.store.keeper();
    keeper.keep(&olt(), at(0), OltMemory::default(), vec![kept(1, None, b"one")], Vec::new());
    assert!(running.store.flush(PATIENCE));
    let away = running.path.with_extension("away");
    let wal = |path: &Path| open::beside(path, "-wal");
    std::fs::rename(&running.path, &away).unwrap();
    std::fs::rename(wal(&running.path), wal(&away)).unwrap();
    keeper.keep(&olt(), at(1), OltMemory::default(), vec![kept(2, None, b"two")], Vec::new());
    assert!(!running.store.flush(Duration::from_millis(200)));
    let failing = keeper.status().failing.unwrap();
    assert!(failing.contains("was deleted or replaced while in use"), "{failing}");
    std::fs::write(&running.path, b"somebody's letter").unwrap();
    assert!(!running.store.flush(Duration::from_millis(200)));
    assert_eq!(std::fs::read(&running.path).unwrap(), b"somebody's letter", "what is not ours is not touched");
    std::fs::remove_file(&running.path).unwrap();
    std::fs::rename(wal(&away), wal(&running.path)).unwrap();
    std::fs::rename(&away, &running.path).unwrap();
    assert_eq!(running.memories(), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    assert_eq!(keeper.status().failing, None);
}

#[test]
fn what_is_written_is_not_written_again_when_thinning_fails() {
    let mut left = 3;
    let running = running_with(|writer| {
        writer.pause = Duration::from_millis(5);
        writer.thin_fault = Some(Box::new(move || {
            left -= 1;
            (left >= 0).then(full)
        }));
    });
    let keeper = running.store.keeper();
    keeper.keep(&olt(), at(0), OltMemory::default(), vec![kept(1, None, b"one")], Vec::new());
    assert_eq!(running.memories(), [(1, b"one".to_vec())]);
    while keeper.status().errors < 3 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(keeper.status().kept, 1);
}

#[test]
fn a_file_that_another_process_holds_is_written_when_it_lets_go() {
    let running = running_with(|writer| writer.pause = Duration::from_millis(5));
    let holder = rusqlite::Connection::open(&running.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    running.store.keeper().keep(&olt(), at(0), OltMemory::default(), vec![kept(1, None, b"one")], Vec::new());
    assert!(!running.store.flush(Duration::from_millis(50)), "it is held");
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(running.memories(), [(1, b"one".to_vec())]);
}

#[test]
fn a_copy_that_is_made_while_it_is_written_can_be_used() {
    let running = running();
    running.store.keeper().keep(&olt(), at(0), OltMemory::default(), vec![kept(1, None, b"one")], Vec::new());
    assert!(running.store.flush(PATIENCE));
    let copy = running.path.with_extension("backup");
    let reader = rusqlite::Connection::open(&running.path).unwrap();
    reader.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let store = Store::open(&copy, Keep::default()).unwrap();
    assert_eq!(store.remembered(&olt()).unwrap().onus.len(), 1);
}

#[test]
fn people_see_what_it_holds_and_make_it_smaller() {
    let mut running = running();
    let many = (1..=2000).map(|number| kept(number, None, &[7; 400])).collect();
    let memory = OltMemory { read_at: Some(at(5)), octets: Vec::new() };
    running.store.keeper().keep(&olt(), at(0), memory.clone(), many, Vec::new());
    assert!(running.store.flush(PATIENCE));
    let seen = contents(&running.path).unwrap();
    assert_eq!((seen.olts[0].devices, seen.olts[0].held, seen.olts[0].read_at), (2000, 2000, Some(at(5))));
    assert!(!seen.closed && seen.log_bytes > 0);
    assert!(matches!(compact(&running.path).unwrap_err(), StoreError::InUse { .. }));
    check(&running.path).unwrap();
    running.store.keeper().keep(&olt(), at(6), OltMemory::default(), Vec::new(), (1..=2000).map(key).collect());
    running.again();
    let path = running.path.clone();
    running.store.close();
    let (before, after) = compact(&path).unwrap();
    assert!(after < before / 2, "{before} {after}");
    let seen = contents(&path).unwrap();
    assert_eq!((seen.olts[0].devices, seen.olts[0].held, seen.closed), (2000, 0, true));
}

const CHILD: &str = "OLTWATCH_STORE_CHILD";

/// Not a test of its own: what the test below kills. Writes, and says what is on the disk.
#[test]
#[ignore = "is run, and killed, by another test"]
fn child_that_writes() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = Store::open(Path::new(&path), Keep::default()).unwrap();
    for round in 0_u32.. {
        let onus = (1..=50).map(|number| kept(number, None, &round.to_le_bytes())).collect();
        store.keeper().keep(&olt(), at(0), OltMemory::default(), onus, Vec::new());
        assert!(store.flush(PATIENCE));
        println!("{round}");
    }
}

#[test]
fn killed_at_any_instant_it_opens_and_lacks_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.db");
    for kill in 0..24_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::child_that_writes", "--ignored", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // At the very start, while the file is made or opened; and later, at any place of a transaction.
        let mut last: Option<u32> = None;
        if kill % 4 > 0 {
            last = lines.by_ref().filter_map(|line| line.parse().ok()).nth(usize::try_from(kill).unwrap());
            assert!(last.is_some(), "the child does not write");
        }
        thread::sleep(Duration::from_micros(kill * 1777 % 9000));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it was killed counts too.
        last = lines.filter_map(|line| line.parse().ok()).last().or(last);
        let store = Store::open(&path, Keep::default()).unwrap();
        let remembered = store.remembered(&olt()).unwrap();
        if let Some(last) = last {
            assert_eq!(remembered.onus.len(), 50);
            let round = |kept: &Kept| u32::from_le_bytes(kept.memory.as_slice().try_into().unwrap());
            let rounds: Vec<u32> = remembered.onus.values().map(|(_, kept)| round(kept)).collect();
            assert!(rounds[0] >= last && rounds.iter().all(|round| *round == rounds[0]), "{last} {rounds:?}");
        }
        store.close();
    }
    check(&path).unwrap();
}
