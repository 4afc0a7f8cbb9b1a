//! `oltwatch tune`: what other thresholds would have meant for the history that a database holds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::path::Path;
use std::time::{Duration, SystemTime};

use cli_support::{Ended, run};
use oltwatch::model::{Dbm, OltId, OnuKey, Timestamp};
use oltwatch::store::history::{Lack, Sample, Seen};
use oltwatch::store::{Keep, Kept, LevelRow, Levels, OltMemory, Store};

const ONUS: u32 = 12;
const ROUND: Duration = Duration::from_secs(900);
const ROUNDS: u32 = 96;

/// ONU 3 is at −27.5 dBm all day, ONU 5 for two hours; the others are well.
fn level(onu: u32, round: u32) -> i32 {
    match onu {
        3 => -27_500,
        5 if (40..48).contains(&round) => -28_200,
        _ => -20_000 - i32::try_from(onu).unwrap() * 100,
    }
}

/// A day of history that ends now, and the thresholds in force, where they are given.
fn history(path: &Path, rules: Option<&str>) {
    let store = Store::open(path, Keep::default()).unwrap();
    let keeper = store.keeper();
    let now = Timestamp::from(SystemTime::now());
    let serial = |onu: u32| Some(format!("HWTC000000{onu:02X}").parse().unwrap());
    let pon = || Some("0/1/0".parse().unwrap());
    let kept = |onu| Kept {
        key: OnuKey::new(&[onu]),
        pon: pon(),
        number: Some(onu),
        serial: serial(onu),
        mac: None,
        name: Some(format!("{} Maria", 10_000 + onu).into()),
        memory: Vec::new(),
    };
    keeper.keep(&OltId::new("olt-a"), now, OltMemory::default(), (0..ONUS).map(kept).collect(), Vec::new());
    for round in 0..ROUNDS {
        let age = ROUND * (ROUNDS - round);
        let at = Timestamp::from_millis(now.millis() - u64::try_from(age.as_millis()).unwrap());
        let row = |onu| LevelRow {
            key: OnuKey::new(&[onu]),
            serial: serial(onu),
            mac: None,
            pon: pon(),
            sample: Sample {
                state: Seen::Up,
                rx: Ok(Dbm::from_thousandths(level(onu, round))),
                olt_rx: Err(Lack::NoSuchColumn),
            },
        };
        keeper.levels(Levels { olt: OltId::new("olt-a"), at, rows: (0..ONUS).map(row).collect() });
    }
    if let Some(rules) = rules {
        keeper.rules(rules.to_owned());
    }
    assert!(store.flush(Duration::from_secs(60)));
    store.close();
}

/// A configuration with this sensitivity.
fn config(folder: &Path, name: &str, sensitivity: &str) -> String {
    let path = folder.join(name);
    let text = format!(
        "[thresholds]\nsensitivity_dbm = {sensitivity}\noverload_dbm = -8.0\n[store]\npath = 'history.db'\n\
         [snmp.credential.default]\nversion = '2c'\ncommunity_env = 'TEST_COMMUNITY'\n\
         [[olt]]\nname = 'olt-a'\naddress = '127.0.0.1'\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn thresholds_are_compared_over_a_day_of_history() {
    let folder = tempfile::tempdir().unwrap();
    history(&folder.path().join("history.db"), None);
    let (old, new) = (config(folder.path(), "old.toml", "-27.0"), config(folder.path(), "new.toml", "-29.0"));
    let json = |more: &[&str]| {
        let arguments = [&["tune", "-c", &new, "--against", &old, "--format", "json"], more].concat();
        let ended: Ended = run(&arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.json()
    };
    let found = json(&[]);
    assert_eq!(found["readings"], ONUS * ROUNDS);
    assert_eq!((&found["present"]["critical"], &found["present"]["good"]), (&1.into(), &11.into()));
    assert_eq!((&found["other"]["critical"], &found["other"]["weak"]), (&0.into(), &1.into()));
    assert_eq!((&found["present"]["flips"], &found["present"]["level_flips"]), (&2.into(), &2.into()));
    assert_eq!(found["other"]["flips"], 0);
    let onus = found["olts"][0]["onus"].as_array().unwrap();
    let serials: Vec<&str> = onus.iter().map(|onu| onu["serial"].as_str().unwrap()).collect();
    assert_eq!(serials, ["HWTC00000003", "HWTC00000005"]);
    assert_eq!((&onus[0]["present"]["status"], &onus[0]["other"]["status"]), (&"error".into(), &"ok".into()));
    assert_eq!(onus[0]["rx_dbm"], -27.5);
    assert_eq!(json(&["--all"])["olts"][0]["onus"].as_array().unwrap().len(), ONUS as usize);

    let table = run(&["tune", "-c", &new, "--against", &old]);
    assert!(table.stdout.contains("2 ONUs for which it makes a difference"), "{table:?}");
    assert!(table.stdout.contains("critical → weak") && table.stdout.contains("error → ok"), "{table:?}");
    let csv = run(&["tune", "-c", &new, "--against", &old, "--format", "csv"]);
    assert!(
        csv.stdout
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("olt-a,0/1/0,3,HWTC00000003,,10003 Maria,-27.50,critical,weak,error,ok")
    );
}

#[test]
fn the_thresholds_in_force_are_what_others_are_compared_with() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("history.db"), config(folder.path(), "new.toml", "-29.0"));
    let no_store = run(&["tune", "-c", &new]);
    assert_eq!(no_store.code, 1, "{no_store:?}");
    assert!(no_store.stderr.contains("history.db"), "{no_store:?}");

    history(&path, None);
    let unknown = run(&["tune", "-c", &new]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("--against FILE"), "{unknown:?}");
    let stranger = run(&["tune", "-c", &new, "--against", &new, "--olt", "olt-z"]);
    assert_eq!(stranger.code, 1);
    assert!(stranger.stderr.contains("it holds no OLT \"olt-z\"; it holds olt-a"), "{stranger:?}");

    let older = oltwatch::record::Rules {
        thresholds: oltwatch::config::Config::load(Path::new(&config(folder.path(), "old.toml", "-27.0")), &|name| {
            (name == "TEST_COMMUNITY").then(|| "x".to_owned())
        })
        .unwrap()
        .thresholds,
        status: oltwatch::config::StatusMap::default(),
    };
    let store = Store::open(&path, Keep::default()).unwrap();
    store.keeper().rules(serde_json::to_string(&older).unwrap());
    assert!(store.flush(Duration::from_secs(60)));
    store.close();
    let found = run(&["tune", "-c", &new, "--format", "json"]);
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(found.json()["present"]["critical"], 1);
    assert_eq!(found.json()["other"]["critical"], 0);
}
