//! `oltwatch poll --explain` as a user types it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use cli_support::{COMMUNITY, Running, config, run};
use serde_json::Value;

/// A sweep of a plan.
fn sweep<'a>(plan: &'a Value, kind: &str) -> &'a Value {
    plan["sweeps"].as_array().unwrap().iter().find(|sweep| sweep["sweep"] == kind).unwrap()
}

/// A limit of a plan, as value and origin.
fn limit(plan: &Value, name: &str) -> (f64, String) {
    let limit = plan["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap();
    (limit["value"].as_f64().unwrap_or(f64::INFINITY), limit["from"].as_str().unwrap().to_owned())
}

#[test]
fn a_real_round_says_what_was_expected_and_what_it_needed() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(4, 32, &[]);
    let file = config(folder.path(), &[("olt-a", &olt.address)], "[snmp]\nin_flight = 7\n");
    let explained = run(&["poll", "--explain", "--format", "json", "-c", file.to_str().unwrap()]);
    assert_eq!(explained.code, 0, "{explained:?}");
    let document = explained.json();
    let entry = &document["olts"][0];
    assert_eq!((&entry["asked"], &entry["error"]), (&true.into(), &Value::Null));
    let plan = &entry["plan"];
    assert_eq!((&plan["profile"], &plan["onus"], &plan["pons"]), (&"huawei-smartax".into(), &128.into(), &4.into()));
    let optics = sweep(plan, "optics");
    assert_eq!(optics["slices"], 4, "128 ONUs are read PON by PON");
    let levels = &optics["reads"][1];
    assert_eq!((&levels["read"], &levels["rows"]), (&"get-up".into(), &128.into()));
    assert_eq!(levels["columns"][0]["oid"], "1.3.6.1.4.1.2011.6.128.1.1.2.51.1.4");
    assert_eq!(levels["columns"][0]["fields"][0], "rx");
    // 18 varbinds of 6 columns are 3 ONUs, so 11 requests a PON of 32.
    assert_eq!((&levels["expected"]["requests"], &levels["needed"]["requests"]), (&44.into(), &44.into()));
    for kind in ["inventory", "state", "optics"] {
        let sweep = sweep(plan, kind);
        let of = |of: &str, what: &str| sweep[of][what].as_f64().unwrap();
        for what in ["requests", "varbinds", "octets_out", "octets_in"] {
            let (expected, needed) = (of("expected", what), of("needed", what));
            assert!((expected / needed - 1.0).abs() < 0.1, "{kind}: {what} {expected} expected, {needed} needed");
        }
    }
    assert_eq!(limit(plan, "pdus_per_second"), (10_000.0, "config".to_owned()));
    assert_eq!(limit(plan, "window"), (1.0, "profile".to_owned()));
    assert_eq!(limit(plan, "varbinds_per_second"), (f64::INFINITY, "profile".to_owned()));
    assert_eq!(limit(plan, "snmp.in_flight"), (7.0, "config_for_all".to_owned()));
    assert_eq!(limit(plan, "optics_every"), (1800.0, "profile".to_owned()));
    assert!(plan["why"].as_str().unwrap().contains("OMCI"));
    let state = sweep(plan, "state")["expected"]["requests"].as_f64().unwrap();
    assert!(plan["load"]["pdus_per_second"].as_f64().unwrap() >= state / 60.0);
}

#[test]
fn without_asking_it_reckons_for_the_size_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens there.
    let file = config(folder.path(), &[("olt-a", "127.0.0.1:9")], "");
    let file = file.to_str().unwrap();
    let offline = ["poll", "--explain", "--offline", "--profile", "zte-c600", "-c", file];
    let plan = |more: &[&str]| {
        let explained = run(&[&offline, more].concat());
        assert_eq!((explained.code, explained.stderr.as_str()), (0, ""), "{explained:?}");
        explained
    };
    let small = plan(&["--pons", "2", "--onus", "8", "--format", "json"]).json();
    let large = plan(&["--pons", "16", "--onus", "128", "--format", "json"]).json();
    assert_eq!((&small["olts"][0]["asked"], &small["olts"][0]["plan"]["onus"]), (&false.into(), &16.into()));
    let of = |document: &Value, kind: &str| {
        let sweep = sweep(&document["olts"][0]["plan"], kind).clone();
        assert!(sweep["needed"].is_null(), "nothing was asked");
        sweep["expected"]["requests"].as_u64().unwrap()
    };
    assert!(of(&large, "state") > 16 * 128 / 20, "20 rows a request, each PON by itself");
    assert!(of(&large, "optics") > 20 * of(&small, "optics"));
    let table = plan(&["--pons", "2", "--onus", "8"]).stdout;
    for part in ["nothing was asked", "walk by PON", "1.3.6.1.4.1.3902.1082.500.20.2.2.2.1.10", "limits by the profile"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(table.lines().all(|line| !line.ends_with(' ')), "{table}");
}

#[test]
fn what_cannot_be_explained_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), &[("silent-olt", "127.0.0.1:9")], "");
    let file = file.to_str().unwrap();
    let silent = run(&["poll", "--explain", "-c", file]);
    assert_eq!(silent.code, 1);
    assert!(silent.stdout.contains("not read: ") && silent.stdout.contains("--offline"), "{silent:?}");
    let unnamed = run(&["poll", "--explain", "--offline", "-c", file]);
    assert_eq!(unnamed.code, 2);
    assert!(unnamed.stderr.contains("silent-olt") && unnamed.stderr.contains("--profile"), "{unnamed:?}");
    let unknown = run(&["poll", "--explain", "--offline", "--profile", "zte", "-c", file]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is no profile \"zte\""), "{unknown:?}");
    let huge = run(&[
        "poll",
        "--explain",
        "--offline",
        "--profile",
        "zte-c600",
        "--pons",
        "1024",
        "--onus",
        "256",
        "-c",
        file,
    ]);
    assert_eq!(huge.code, 2);
    assert_eq!(run(&["poll", "--offline", "-c", file]).code, 2, "--offline alone means nothing");
    assert_eq!(
        run(&["poll", "--explain", "--format", "csv", "--offline", "--profile", "zte-c600", "-c", file]).code,
        2
    );
}

#[test]
fn a_down_onu_is_not_reckoned_with() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("olt.snmprec");
    // Two ONUs of a Huawei OLT, of which one is down.
    let rows = "1.3.6.1.2.1.1.1.0|4|Huawei Integrated Access Software\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.2011.2.248\n\
                1.3.6.1.2.1.1.3.0|67|100\n\
                1.3.6.1.4.1.2011.6.128.1.1.2.43.1.3.4194312192.0|4x|485754437D4630C3\n\
                1.3.6.1.4.1.2011.6.128.1.1.2.43.1.3.4194312192.1|4x|485754437D4630C4\n\
                1.3.6.1.4.1.2011.6.128.1.1.2.46.1.15.4194312192.0|2|1\n\
                1.3.6.1.4.1.2011.6.128.1.1.2.46.1.15.4194312192.1|2|2\n\
                1.3.6.1.4.1.2011.6.128.1.1.2.51.1.4.4194312192.0|2|-2137\n";
    std::fs::write(&capture, rows).unwrap();
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--community", COMMUNITY]);
    let file = config(folder.path(), &[("olt-a", &olt.address)], "");
    let document = run(&["poll", "--explain", "--format", "json", "-c", file.to_str().unwrap()]).json();
    let plan = &document["olts"][0]["plan"];
    assert_eq!((&plan["onus"], &plan["asked"]), (&2.into(), &1.into()));
    let levels = &sweep(plan, "optics")["reads"][1];
    assert_eq!((&levels["rows"], &levels["needed"]["varbinds"]), (&1.into(), &6.into()));
}
