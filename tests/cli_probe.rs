//! `oltwatch probe` as a user types it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use cli_support::{COMMUNITY, Running, ended, oltwatch, run};

#[test]
fn a_known_family_shows_its_columns_and_a_block_that_works() {
    let olt = Running::huawei(1, 2, &["--name", "olt-centro"]);
    let mut command = oltwatch();
    command.args(["probe", &olt.address, "--community", COMMUNITY, "--log-level", "trace"]);
    // The community is among the arguments here, and still is never shown.
    let probed = ended(command);
    assert_eq!(probed.code, 0, "{probed:?}");
    for part in
        ["sysDescr", "sysObjectID", "huawei-smartax, fits", "hwGponDeviceOntSn", "1.3.6.1.4.1.2011.6.128.1.1.2.43.1"]
    {
        assert!(probed.stdout.contains(part), "{part}: {}", probed.stdout);
    }
    let rx = probed.stdout.lines().find(|line| line.contains("hwGponOntOpticalDdmRxPower")).unwrap();
    assert!(rx.contains(".4") && rx.contains(" ms") && rx.contains("0/1/0 onu 0") && rx.contains(" dBm"), "{rx}");
    // The profile reads EPON cards too, which this chassis has none of.
    let missing = probed.stdout.lines().find(|line| line.starts_with("Not answered: ")).unwrap();
    assert!(missing.contains("mac"), "{missing}");

    let block = probed.stdout.split_once("[snmp.credential.default]").unwrap().1;
    assert!(block.contains("name = \"olt-centro\""), "{block}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pasted.toml");
    std::fs::write(&path, format!("[snmp.credential.default]{block}")).unwrap();
    let mut command = oltwatch();
    command.args(["poll", "--format", "json", "-c"]).arg(&path).env("OLT_COMMUNITY", COMMUNITY);
    let polled = ended(command);
    assert_eq!(polled.code, 0, "{polled:?}");
    assert_eq!(polled.json()["olts"][0]["onus"].as_array().unwrap().len(), 2);
}

#[test]
fn columns_that_do_not_answer_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("vsol.snmprec");
    let text = "1.3.6.1.2.1.1.1.0|4|V1600D\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.37950.1.1.5.10.14.1\n\
                1.3.6.1.4.1.37950.1.1.5.12.1.25.1.9.3.7|4|Maria\n\
                1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.7.3.7|4|0.01 mW (-20.50 dBm)\n";
    std::fs::write(&capture, text).unwrap();
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--community", COMMUNITY]);
    let probed = run(&["probe", &olt.address, "--community-env", "TEST_COMMUNITY"]);
    assert_eq!(probed.code, 0, "{probed:?}");
    assert!(probed.stdout.contains("0.01 mW (-20.50 dBm) = -20.5 dBm"), "{}", probed.stdout);
    assert!(probed.stdout.contains("0/3 onu 7"), "{}", probed.stdout);
    let missing = probed.stdout.lines().find(|line| line.starts_with("Not answered: ")).unwrap();
    assert!(missing.contains("state") && missing.contains("mac") && !missing.contains("name"), "{missing}");
    assert!(probed.stdout.contains("community_env = \"TEST_COMMUNITY\""), "{}", probed.stdout);
}

#[test]
fn an_unknown_family_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("linux.snmprec");
    std::fs::write(&capture, "1.3.6.1.2.1.1.1.0|4|Linux box\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10\n").unwrap();
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--community", COMMUNITY]);
    let arguments = ["probe", &olt.address, "--community-env", "TEST_COMMUNITY"];
    let probed = run(&arguments);
    assert_eq!(probed.code, 1);
    for part in ["Linux box", "1.3.6.1.4.1.8072.3.2.10", "Unknown family", "--profile NAME", "vsol-epon"] {
        assert!(probed.stdout.contains(part), "{part}: {}", probed.stdout);
    }
    assert!(probed.stderr.contains("no profile fits"), "{}", probed.stderr);

    // Taken for another, it shows that nothing answers.
    let forced = run(&[&arguments[..], &["--profile", "vsol-epon"]].concat());
    assert_eq!(forced.code, 0);
    assert!(forced.stdout.contains("No ONU was found"), "{}", forced.stdout);
    assert_eq!(run(&[&arguments[..], &["--profile", "vsol-epn"]].concat()).code, 2);
}

#[test]
fn silence_and_missing_communities_are_told_apart() {
    let olt = Running::huawei(1, 1, &[]);
    let mut command = oltwatch();
    command.args(["probe", &olt.address, "--timeout", "100ms", "--community", "not-it"]);
    let wrong = ended(command);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("the community is wrong") && !wrong.stderr.contains("not-it"), "{}", wrong.stderr);
    let none = run(&["probe", &olt.address]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("OLT_COMMUNITY") && none.stderr.contains("--community"), "{}", none.stderr);
    let address = run(&["probe", "http://olt", "--community-env", "TEST_COMMUNITY"]);
    assert_eq!(address.code, 2, "{address:?}");
}
