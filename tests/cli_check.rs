//! `oltwatch check` as a user types it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use cli_support::{Running, config, ended, oltwatch, ozmap_section, run};

#[test]
fn every_problem_of_the_configuration_and_the_profiles_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mibs = folder.path().join("mibs");
    std::fs::create_dir(&mibs).unwrap();
    std::fs::write(mibs.join("mine.toml"), "[profile]\nname = 3\n").unwrap();
    let path = folder.path().join("c.toml");
    let text = "[snmp.credential.default]\nversion = \"2c\"\ncomunity = \"hush-community-7\"\n\
                [[olt]]\nname = \"a\"\nadress = \"x\"\nwindow = 0\n[mibs]\npath = \"mibs\"\n";
    std::fs::write(&path, text).unwrap();
    let checked = run(&["check", "--offline", "-c", path.to_str().unwrap()]);
    assert_eq!(checked.code, 78, "{checked:?}");
    for part in ["c.toml:3:1: ", "did you mean \"community\"", "c.toml:6:1: ", "c.toml:7:", "mine.toml:2:8: "] {
        assert!(checked.stderr.contains(part), "{part}: {}", checked.stderr);
    }
    assert_eq!(checked.stdout, "");

    // And profiles alone, and one that does not exist.
    std::fs::write(
        &path,
        text.replace("comunity", "community").replace("adress = \"x\"\nwindow = 0", "address = \"x\""),
    )
    .unwrap();
    let checked = run(&["check", "--offline", "-c", path.to_str().unwrap()]);
    assert_eq!(checked.code, 78);
    assert!(checked.stderr.contains("mine.toml:2:8: ") && !checked.stderr.contains("c.toml:"), "{}", checked.stderr);
    let config = config(folder.path(), &[("a", "192.0.2.1")], "profile = \"vsol-epn\"\n");
    let checked = run(&["check", "--offline", "-c", config.to_str().unwrap()]);
    assert_eq!(checked.code, 78);
    assert!(
        checked.stderr.contains("oltwatch.toml:9:11: ") && checked.stderr.contains("vsol-epon"),
        "{}",
        checked.stderr
    );
}

#[test]
fn warnings_of_the_users_profiles_have_their_place_and_are_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mibs = folder.path().join("mibs");
    std::fs::create_dir(&mibs).unwrap();
    let text = include_str!("../mibs/hioso-epon.toml").replace("name = \"hioso-epon\"", "name = \"our-hioso\"");
    std::fs::write(mibs.join("ours.toml"), &text).unwrap();
    let config = config(folder.path(), &[("a", "192.0.2.1")], "[mibs]\npath = \"mibs\"\n");
    let checked = run(&["check", "--offline", "-c", config.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let line = text.split("[[detect]]").next().unwrap().matches('\n').count() + 1;
    let place = format!("warning: {}:{line}:1: ", mibs.join("ours.toml").display());
    assert!(checked.stderr.starts_with(&place) && checked.stderr.contains("hioso-epon"), "{}", checked.stderr);

    // A scale that can never give a level is no matter of opinion.
    let text = text.replace("text_unit = \"\"", "factor = 1e12, offset = 500.0");
    assert!(text.contains("1e12"));
    std::fs::write(mibs.join("ours.toml"), &text).unwrap();
    let checked = run(&["check", "--offline", "-c", config.to_str().unwrap()]);
    assert_eq!(checked.code, 78, "{checked:?}");
    assert!(
        checked.stderr.contains("ours.toml:") && checked.stderr.contains("no raw number of 32 bits"),
        "{checked:?}"
    );
}

#[test]
fn a_profile_that_its_olt_does_not_bear_out_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(1, 1, &[]);
    let config = config(folder.path(), &[("a", &olt.address)], "profile = \"hioso-epon\"\n");
    let checked = run(&["check", "-c", config.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let told = "warning: a: the profile hioso-epon is not proved: none of its columns has a row";
    assert!(checked.stderr.contains(told), "{}", checked.stderr);
}

#[test]
fn every_command_refuses_a_wrong_configuration_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[[olt]]\n").unwrap();
    let path = path.to_str().unwrap();
    for command in
        [&["check", "-c", path][..], &["poll", "-c", path], &["run", "-c", path], &["ozmap", "diff", "-c", path]]
    {
        let ended = run(command);
        assert_eq!(ended.code, 78, "{command:?} {ended:?}");
        assert!(ended.stderr.contains("c.toml:1:"), "{}", ended.stderr);
    }
    let missing = run(&["check", "-c", "/nonexistent/oltwatch.toml"]);
    assert_eq!(missing.code, 78);
    assert!(missing.stderr.contains("/nonexistent/oltwatch.toml"), "{}", missing.stderr);
    let without = config(folder.path(), &[("a", "192.0.2.1")], "");
    let no_ozmap = run(&["ozmap", "check", "-c", without.to_str().unwrap()]);
    assert_eq!(no_ozmap.code, 78);
    assert!(no_ozmap.stderr.contains("[ozmap]"), "{}", no_ozmap.stderr);
}

#[test]
fn the_example_configuration_is_good_in_its_environment() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml");
    let mut command = oltwatch();
    command.args(["check", "--offline", "-c", example]).env("OZMAP_TOKEN", "key").env("OLT_COMMUNITY", "public");
    let checked = ended(command);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    assert!(checked.stdout.contains("good; 1 OLT, "), "{}", checked.stdout);
    assert!(checked.stdout.contains("dry-run"), "{}", checked.stdout);
}

#[test]
fn a_live_check_tells_what_answers_and_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (good, silent) = (Running::huawei(1, 1, &[]), Running::huawei(1, 1, &["--silent"]));
    let ozmap = Running::ozmap(&["--clients", "1"]);
    let config_of = |olts: &[(&str, &str)], more: &str| config(folder.path(), olts, more).to_str().unwrap().to_owned();

    let path = config_of(&[("olt-a", &good.address)], &ozmap_section(&ozmap.address));
    let checked = run(&["check", "-c", &path]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{checked:?}");
    let line = checked.stdout.lines().find(|line| line.starts_with("olt-a")).unwrap();
    assert!(line.contains("good") && line.contains("huawei-smartax") && line.contains(" ms "), "{line}");
    assert!(checked.stdout.lines().any(|line| line.starts_with("OZmap") && line.contains("takes the token")));

    let both = [("silent-b", silent.address.as_str()), ("olt-a", good.address.as_str())];
    let checked = run(&["check", "-c", &config_of(&both, "")]);
    assert_eq!(checked.code, 1);
    assert!(checked.stdout.lines().any(|line| line.starts_with("olt-a") && line.contains("good")));
    assert!(
        checked.stderr.contains("error: silent-b: ") && checked.stderr.contains("did not answer"),
        "{}",
        checked.stderr
    );

    let wrong_token = ozmap_section(&ozmap.address).replace("TEST_TOKEN", "WRONG_TOKEN");
    let mut command = oltwatch();
    command.args(["check", "-c", &config_of(&[("olt-a", &good.address)], &wrong_token)]).env("WRONG_TOKEN", "not-it");
    let checked = ended(command);
    assert_eq!(checked.code, 1);
    assert!(checked.stderr.contains("does not know this token"), "{}", checked.stderr);
}

#[test]
fn maintenance_is_added_listed_and_ended_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path(), &[("olt-a", "192.0.2.1")], "");
    let path = path.to_str().unwrap();
    let maintenance = |arguments: &[&str]| run(&[&["maintenance"], arguments, &["-c", path]].concat());
    assert_eq!(maintenance(&["list"]).stdout, "no maintenance\n");
    let added = maintenance(&["add", "--olt", "olt-*", "--pon", "0/3/*", "--for", "2h", "--reason", "splitters"]);
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.stdout.starts_with("1: olt-* PON 0/3/* from 20"), "{added:?}");
    assert!(maintenance(&["list"]).stdout.ends_with(": splitters: under way\n"));
    let listed = maintenance(&["list", "--format", "json"]).json();
    assert_eq!((&listed["by_command"][0]["id"], &listed["by_command"][0]["reason"]), (&1.into(), &"splitters".into()));
    let foreign = maintenance(&["add", "--olt", "olt-b", "--for", "2h", "--reason", "x"]);
    assert_eq!(foreign.code, 2, "{foreign:?}");
    assert!(foreign.stderr.contains("no OLT has such a name; there are olt-a"), "{foreign:?}");
    assert_eq!(maintenance(&["end", "1"]).code, 0);
    let gone = maintenance(&["end", "7"]);
    assert!(gone.code == 1 && gone.stderr.contains("no maintenance with the number 7"), "{gone:?}");
    let file = format!("{path}.maintenance");
    std::fs::write(&file, "{").unwrap();
    let damaged = maintenance(&["end", "1"]);
    assert!(damaged.code == 1 && damaged.stderr.contains("is left as it is"), "{damaged:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}
