//! `oltwatch ozmap …` as a user types it. The simulated clients have the codes that the simulated ONUs carry.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use cli_support::{Running, config, ended, oltwatch, ozmap_section, run};

struct Scene {
    _folder: tempfile::TempDir,
    config: String,
    olt: Running,
    ozmap: Running,
}

/// Six ONUs, with codes from 10001 on, and so many clients.
fn scene(clients: &str, olt: &[&str]) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(2, 3, olt), Running::ozmap(&["--clients", clients]));
    let path = config(folder.path(), &[("olt-a", &olt.address)], &ozmap_section(&ozmap.address));
    Scene { config: path.to_str().unwrap().to_owned(), _folder: folder, olt, ozmap }
}

impl Scene {
    fn run(&self, arguments: &[&str]) -> cli_support::Ended {
        run(&[&["ozmap"], arguments, &["-c", &self.config]].concat())
    }
}

#[test]
fn the_token_is_tried() {
    let scene = scene("1", &[]);
    let good = scene.run(&["check"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("takes the token"), "{}", good.stdout);
    assert_eq!(scene.run(&["check", "--format", "json"]).json()["good"], true);
    for command in ["check", "clients", "unmatched", "diff", "plant"] {
        let mut wrong = oltwatch();
        wrong.args(["ozmap", command, "-c", &scene.config]).env("TEST_TOKEN", "another-token");
        let wrong = ended(wrong);
        assert_eq!(wrong.code, 1, "{wrong:?}");
        assert!(wrong.stderr.contains("does not know this token"), "{}", wrong.stderr);
        assert!(!wrong.all().contains("another-token"), "{wrong:?}");
    }
}

#[test]
fn a_key_that_sees_nobody_is_told() {
    let scene = scene("0", &[]);
    for command in ["check", "clients", "unmatched", "diff"] {
        let ended = scene.run(&[command]);
        assert!(ended.code == 0 && ended.stderr.contains("shows this key no client"), "{ended:?}");
    }
    assert_eq!(scene.run(&["check", "--format", "json"]).json()["houses"], 0);
    let clients = scene.run(&["clients"]).stdout;
    assert!(clients.starts_with("0 clients at "), "no head of a table without rows: {clients}");
}

#[test]
fn a_wrong_url_is_told_as_such() {
    let scene = scene("1", &[]);
    let text = std::fs::read_to_string(&scene.config).unwrap();
    let of = |url: &str, hint: &str| {
        let path = format!("{}.other", scene.config);
        std::fs::write(&path, text.replace(&scene.ozmap.address, url)).unwrap();
        for command in ["check", "clients"] {
            let ended = run(&["ozmap", command, "-c", &path]);
            assert!(ended.code == 1 && ended.stderr.contains(hint), "{url}: {ended:?}");
        }
    };
    of(&format!("{}/elsewhere", scene.ozmap.address), "404; does the url lead to the API?");
    scene.ozmap.http("POST /_sim/faults", "{\"faults\": [\"html-instead-of-json\"]}");
    of(&scene.ozmap.address, "found HTML; does the url lead to the API?");
}

#[test]
fn clients_are_listed_in_every_format() {
    let scene = scene("7", &[]);
    let table = scene.run(&["clients"]);
    assert_eq!((table.code, table.stderr.as_str()), (0, ""), "{table:?}");
    assert_eq!(table.stdout.lines().filter(|line| line.starts_with("1000")).count(), 7, "{}", table.stdout);
    assert_eq!(scene.run(&["clients", "--format", "json"]).json()["clients"].as_array().unwrap().len(), 7);
    let csv = scene.run(&["clients", "--format", "csv"]).stdout;
    assert!(csv.starts_with("id,code,name,serial,mac,status,") && csv.lines().count() == 8, "{csv}");
}

#[test]
fn who_does_not_fit_together_is_listed() {
    let scene = scene("4", &[]);
    // Four clients for six ONUs.
    let table = scene.run(&["unmatched"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.contains("ONUs without a client") && table.stdout.contains("10006 "), "{}", table.stdout);
    assert!(!table.stdout.contains("10001 "), "{}", table.stdout);
    let json = scene.run(&["unmatched", "--format", "json"]).json();
    assert_eq!((&json["matched"], &json["unmatched"]), (&4.into(), &2.into()), "{json}");
    let csv = scene.run(&["unmatched", "--format", "csv"]).stdout;
    assert_eq!(csv.lines().filter(|line| line.starts_with("onu_without_client,")).count(), 2, "{csv}");
    drop(scene.olt);
}

#[test]
fn the_plant_is_listed_by_pon_and_its_doubts_with_audit() {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(1, 70, &[]), Running::ozmap(&["--clients", "80"]));
    let path = config(folder.path(), &[("olt-a", &olt.address)], &ozmap_section(&ozmap.address));
    let plant = |more: &[&str]| run(&[&["ozmap", "plant"], more, &["-c", path.to_str().unwrap()]].concat());
    let json = plant(&["--format", "json"]).json();
    assert_eq!(
        (&json["import"]["routes"], &json["import"]["source"], &json["onus"]),
        (&80.into(), &"walk".into(), &70.into())
    );
    let pons = json["pons"].as_array().unwrap();
    // 64 clients on the first PON of OZmap, 16 on the second, of which nobody entered what it launches. All 70 ONUs are on one port.
    assert_eq!((pons.len(), &pons[0]["clients"], &pons[1]["clients"]), (2, &64.into(), &16.into()), "{json:#}");
    assert_eq!((&pons[0]["launch"], &pons[0]["launch_dbm"]), (&"entered".into(), &4.into()));
    // What six ONUs read that hang elsewhere does not agree, so nothing is estimated from it.
    assert_eq!((&pons[1]["routes"], &pons[1]["onus"]), (&16.into(), &6.into()));
    assert_eq!((&pons[1]["launch"], &pons[1]["launch_dbm"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(pons[0]["ports"][0]["pon"], "0/1/0");
    assert_eq!((&json["doubts"]["other_pon"], &json["doubted"]), (&6.into(), &serde_json::Value::Null));

    let audit = plant(&["--audit", "--format", "json"]).json();
    let others: Vec<&serde_json::Value> =
        audit["doubted"].as_array().unwrap().iter().filter(|doubt| doubt["doubt"] == "other_pon").collect();
    assert_eq!(others.len(), 6, "{audit:#}");
    for doubt in others {
        assert!((10_065..=10_070).contains(&doubt["code"].as_str().unwrap().parse::<u32>().unwrap()), "{doubt}");
        let reason = doubt["reason"].as_str().unwrap();
        assert!(reason.contains("its ONU is on olt-a 0/1/0") && reason.contains("(91 %)"), "{reason}");
        assert_eq!((&doubt["really"]["pon"]["id"], &doubt["chance"]), (&pons[0]["pon"]["id"], &0.914.into()));
    }
    let table = plant(&[]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.contains("80 of 80 clients have a route (walk, 24 of 24 traces agree)"), "{}", table.stdout);
    assert!(table.stdout.contains("6 other_pon") && table.stdout.contains("olt-a 0/1/0"), "{}", table.stdout);
    let shown = plant(&["--audit"]).stdout;
    assert!(shown.starts_with("DOUBT") && shown.contains("other_pon") && shown.contains(" 10070 "), "{shown}");
    let csv = plant(&["--format", "csv"]).stdout;
    assert!(csv.starts_with("olt,slot,pon,pon_id,port_olt,port,clients,") && csv.lines().count() == 3, "{csv}");
    let csv = plant(&["--audit", "--format", "csv"]).stdout;
    assert_eq!(csv.lines().filter(|line| line.starts_with("other_pon,olt-a,0/1/0,")).count(), 6, "{csv}");
    assert!(!ozmap.http("GET /_sim/requests", "").contains("PATCH"));
}

#[test]
fn what_would_change_is_listed_and_nothing_is_written() {
    let scene = scene("6", &[]);
    assert!(scene.run(&["diff"]).stdout.starts_with("0 of 6 matched"), "in harmony at first");
    let set = scene.ozmap.http("POST /_sim/clients/10002/status", "{\"status\": 1}");
    assert!(set.starts_with("HTTP/1.1 204"), "{set}");
    let table = scene.run(&["diff"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.contains("1 of 6 matched clients would change: 0 to error, 1 to ok"), "{}", table.stdout);
    assert!(table.stderr.contains("Nothing is written"), "{}", table.stderr);
    let json = scene.run(&["diff", "--format", "json"]).json();
    assert_eq!((&json["changes"][0]["code"], &json["changes"][0]["to"]), (&"10002".into(), &"ok".into()), "{json}");
    let csv = scene.run(&["diff", "--format", "csv"]).stdout;
    assert!(csv.contains(",10002,"), "{csv}");
    let writes = scene.ozmap.http("GET /_sim/requests", "");
    assert!(!writes.contains("PATCH") && !writes.contains("batch-update"), "{writes}");
}

#[test]
fn an_olt_that_cannot_be_read_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (silent, ozmap) = (Running::huawei(2, 3, &["--silent"]), Running::ozmap(&["--clients", "6"]));
    let path = config(folder.path(), &[("silent-a", &silent.address)], &ozmap_section(&ozmap.address));
    let path = path.to_str().unwrap();
    for command in ["unmatched", "diff"] {
        let ended = run(&["ozmap", command, "-c", path]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("error: silent-a: "), "{}", ended.stderr);
    }
    assert!(run(&["ozmap", "diff", "-c", path]).stdout.starts_with("0 of 0 matched"));
}

#[test]
fn push_writes_what_two_looks_say_and_only_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(2, 3, &[]), Running::ozmap(&["--clients", "6"]));
    let set = ozmap.http("POST /_sim/clients/10002/status", "{\"status\": 1}");
    assert!(set.starts_with("HTTP/1.1 204"), "{set}");
    let push = |section: &str, more: &[&str]| {
        let path = config(folder.path(), &[("olt-a", &olt.address)], section);
        run(&[&["ozmap", "push", "--between", "10ms", "-c", path.to_str().unwrap()], more].concat())
    };
    let writes = || {
        let requests = ozmap.http("GET /_sim/requests", "");
        requests.matches("PATCH").count() + requests.matches("batch-update").count()
    };
    let section = ozmap_section(&ozmap.address);
    assert_eq!(push(&section, &[]).code, 2, "without --once");
    let dry = push(&section, &["--once"]);
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(dry.stderr.contains("dry-run") && writes() == 0, "{dry:?}");

    let write = format!("{section}mode = \"write\"\nbrake_least = 5\n");
    let good = push(&write, &["--once"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.starts_with("0 set to error, 1 to ok"), "{good:?}");
    assert_eq!(push(&write, &["--once", "--format", "json"]).json()["written"]["ok"], 0, "nothing is left to do");

    // By these thresholds everybody has too little light: that is a flood.
    let flood = format!("{write}[thresholds]\nsensitivity_dbm = -9.0\noverload_dbm = -8.0\nweak_margin_db = 0.1\n");
    let before = writes();
    let held = push(&flood, &["--once"]);
    assert_eq!(held.code, 1, "{held:?}");
    assert!(held.stdout.contains("held by the brake: 6 of 6 clients of olt-a"), "{held:?}");
    assert_eq!(writes(), before);
    let approved = push(&flood, &["--once", "--approve"]);
    assert_eq!(approved.code, 0, "{approved:?}");
    assert!(approved.stdout.starts_with("6 set to error, 0 to ok"), "{approved:?}");
    assert!(writes() > before);
}

#[test]
fn what_was_pushed_is_put_back_from_the_journal_but_for_what_others_changed_since() {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(2, 3, &[]), Running::ozmap(&["--clients", "6"]));
    let set = |code: &str, status: u8| {
        let set = ozmap.http(&format!("POST /_sim/clients/{code}/status"), &format!("{{\"status\": {status}}}"));
        assert!(set.starts_with("HTTP/1.1 204"), "{set}");
    };
    set("10002", 1);
    let section =
        |mode: &str| format!("{}mode = \"{mode}\"\n[store]\npath = \"o.db\"\n", ozmap_section(&ozmap.address));
    let ozmap_command = |section: &str, arguments: &[&str]| {
        let path = config(folder.path(), &[("olt-a", &olt.address)], section);
        run(&[&["ozmap"], arguments, &["-c", path.to_str().unwrap()]].concat())
    };
    let write = section("write");
    let nothing = ozmap_command(&write, &["revert", "--since", "1h", "--dry-run"]);
    assert!(nothing.code == 1 && nothing.stderr.contains("there is no such file"), "{nothing:?}");

    let flood = format!("{write}[thresholds]\nsensitivity_dbm = -9.0\noverload_dbm = -8.0\nweak_margin_db = 0.1\n");
    let push = ["push", "--once", "--approve", "--between", "10ms"];
    let pushed = ozmap_command(&flood, &push);
    assert!(pushed.code == 0 && pushed.stdout.starts_with("5 set to error, 0 to ok"), "{pushed:?}");
    set("10003", 0);
    // What others changed is told by diff too, and left where the policy says so.
    let theirs = flood.replace("[store]", "foreign = \"theirs\"\n[store]");
    let diff = ozmap_command(&theirs, &["diff"]);
    assert!(diff.stdout.contains("0 of 6 matched clients would change"), "{diff:?}");
    assert!(diff.stdout.contains("left as others set them (foreign = \"theirs\"): 1 clients"), "{diff:?}");
    let csv = ozmap_command(&theirs, &["diff", "--format", "csv"]).stdout;
    assert!(csv.lines().any(|line| line.contains(",10003,") && line.contains(",others,")), "{csv}");

    let dry = ozmap_command(&write, &["revert", "--since", "1h", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.stdout.contains("4 would be put back; 0 left as others changed them since, 1 need nothing"), "{dry:?}");
    // It writes whatever mode says: somebody asked for it by name.
    let back = ozmap_command(&section("dry-run"), &["revert", "--since", "1h"]);
    assert!(back.code == 0 && back.stdout.contains("4 put back"), "{back:?}");
    assert!(back.stderr.contains("mode = \"dry-run\""), "{back:?}");
    let again = ozmap_command(&write, &["revert", "--since", "1h", "--format", "json"]).json();
    assert_eq!((&again["written"]["ok"], &again["not_written"]), (&0.into(), &0.into()), "{again}");
    let diff = ozmap_command(&write, &["diff"]);
    assert!(diff.stdout.starts_with("0 of 6") || diff.stdout.contains("1 of 6"), "as it was before: {diff:?}");
}

#[test]
fn work_on_a_box_holds_its_clients_and_an_approval_is_for_a_daemon() {
    let scene = scene("6", &[]);
    scene.ozmap.http("POST /_sim/clients/10002/status", "{\"status\": 1}");
    assert!(scene.run(&["diff"]).stdout.contains("1 of 6 matched clients would change"));
    let add = |more: &[&str]| {
        run(&[&["maintenance", "add", "--for", "1h", "--reason", "splitter", "-c", &scene.config], more].concat())
    };
    assert_eq!(add(&[]).code, 2, "neither OLT nor box");
    assert_eq!(add(&["--box", "*", "--olt", "olt-a"]).code, 2, "both");
    let added = add(&["--box", "*"]);
    assert!(added.code == 0 && added.stdout.contains("box *"), "{added:?}");
    let held = scene.run(&["diff"]);
    assert!(held.stdout.contains("0 of 6 matched clients would change"), "{held:?}");
    assert!(held.stdout.contains("held as box * is worked on: 1 clients"), "{held:?}");

    assert_eq!(scene.run(&["push", "--approve", "--olt", "nowhere"]).code, 2);
    let json = scene.run(&["push", "--approve", "--olt", "olt-a", "--format", "json"]).json();
    assert_eq!(json, serde_json::json!({"approved": "olt-a"}));
    let neither = scene.run(&["push"]);
    assert!(neither.code == 2 && neither.stderr.contains("--approve"), "{neither:?}");
    let told = scene.run(&["push", "--approve", "--olt", "olt-*"]);
    assert!(told.code == 0 && told.stdout.contains("what its brake holds now of olt-*"), "{told:?}");
}

#[test]
fn a_push_that_cannot_succeed_ends_and_says_why_once() {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(2, 3, &[]), Running::ozmap(&["--clients", "6"]));
    let section = format!("{}mode = \"write\"\n[store]\npath = \"o.db\"\n", ozmap_section(&ozmap.address));
    let path = config(folder.path(), &[("olt-a", &olt.address)], &section);
    let path = path.to_str().unwrap();
    let command = |arguments: &[&str]| run(&[&["ozmap"], arguments, &["-c", path]].concat());
    let fault = |fault: &str| ozmap.http("POST /_sim/faults", &format!("{{\"faults\": [\"{fault}\"]}}"));
    let push = ["push", "--once", "--between", "10ms", "--log-level", "off"];
    assert!(command(&["revert", "--since", "1h"]).stdout.starts_with("nothing was written since 2"));

    fault("unauthorized");
    let wrong = command(&push);
    assert!(wrong.code == 1 && wrong.stderr.matches("does not know this token").count() == 1, "{wrong:?}");
    assert!(!wrong.stderr.contains("a second time"), "nobody waits for two looks first: {wrong:?}");

    ozmap.http("POST /_sim/clients/10002/status", "{\"status\": 1}");
    fault("forbidden:on=writes");
    let refused = command(&push);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.all().matches("the token may not do this").count(), 1, "{refused:?}");
    assert!(refused.stdout.contains("1 not written: PATCH "), "{refused:?}");
    assert_eq!(command(&[&push[..], &["--format", "json"]].concat()).json()["not_written"], 1);

    fault("html-instead-of-json:on=writes");
    let odd = command(&push);
    assert!(odd.code == 1 && odd.stdout.contains("gave up: OZmap failed 6 times in a row"), "{odd:?}");
    assert!(odd.stdout.contains("found HTML"), "{odd:?}");
    fault("not-found:on=writes");
    let unknown = command(&push);
    assert!(unknown.code == 1 && unknown.stdout.contains("1 not written: PATCH "), "{unknown:?}");

    ozmap.http("POST /_sim/faults", "{\"faults\": []}");
    assert_eq!(command(&push).code, 0);
    fault("internal-error:on=writes");
    let back = command(&["revert", "--since", "1h"]);
    assert!(back.code == 1 && back.stdout.contains("0 put back, 1 not"), "{back:?}");
    assert!(back.stdout.contains("gave up: OZmap failed 6 times in a row"), "{back:?}");

    // A 403 to one client sets only that one aside.
    ozmap.http("POST /_sim/faults", "{\"faults\": []}");
    for client in ["10001", "10002", "10003"] {
        ozmap.http(&format!("POST /_sim/clients/{client}/status"), "{\"status\": 1}");
    }
    ozmap.http("POST /_sim/faults", "{\"faults\": [{\"fault\": \"forbidden\", \"on\": \"writes\", \"times\": 1}]}");
    let aside = command(&[&push[..], &["--format", "json"]].concat()).json();
    assert_eq!((&aside["written"]["ok"], &aside["not_written"]), (&2.into(), &1.into()), "{aside}");
}
