//! Every mistake is found, at its place, in words that help.

use super::{parse, problems, with};

/// What one mistake, put into lines from 2 of a configuration that is right otherwise, is answered with.
#[track_caller]
fn one(more: &str, expected: &str) {
    assert_eq!(problems(&with(more)), [expected], "{more}");
}

/// The same where only a part of the answer matters.
#[track_caller]
fn says(more: &str, parts: &[&str]) {
    let found = problems(&with(more));
    for part in parts {
        assert!(found.iter().any(|problem| problem.contains(part)), "{more}\nexpected {part}\nfound {found:#?}");
    }
    assert_eq!(found.len(), parts.len(), "{more}\n{found:#?}");
}

/// `[ozmap]` that is right, in lines 2 to 4.
const OZMAP: &str = "[ozmap]\nurl = 'https://x'\ntoken = 't'\n";

#[test]
fn all_mistakes_are_found_in_one_pass_in_the_files_order() {
    let text = "[ozmap]\nulr = \"https://x\"\nmode = \"dryrun\"\nburst = 0\n[thresholds]\nclass = \"B\"\nsensitivity_dbm = -9\n\
                overload_dbm = -20\n[http]\nlisten = \"0.0.0.0:80\"\n[[olt]]\nname = \"a\"\n";
    let lines: Vec<String> = problems(text).iter().map(|p| p.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["1:1", "2:1", "3:8", "4:9", "7:19", "7:19", "10:10", "11:1", "11:1"]);
}

#[test]
fn a_problem_is_shown_with_its_line_and_a_caret() {
    let error = parse(&with("[ozmap]\nurl = 'https://x'\ntoken = 't'\nmode = \"dryrun\" # really?")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.toml:5:8: ozmap.mode: expected \"dry-run\" or \"write\", found \"dryrun\"; did you mean \"dry-run\"?\n    \
         mode = \"dryrun\"\n           ^^^^^^^^"
    );
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    one(
        "[thresholds]\nhysteresys_db = 1",
        "3:1: [thresholds] has no key \"hysteresys_db\"; did you mean \"hysteresis_db\"?",
    );
    one("[http]\nsettle = '1s'", "3:1: [http] has no key \"settle\"; it belongs into [incident]");
    one("[store]\nx = 1", "3:1: [store] has no key \"x\"; its keys are path, keep, keep_hourly, keep_daily");
    one("[ozmpa]", "2:2: the file has no key \"ozmpa\"; did you mean \"ozmap\"?");
    one("[snmp.credentials.x]\nversion = '2c'", "2:7: [snmp] has no key \"credentials\"; did you mean \"credential\"?");
    one(
        &format!("{OZMAP}[ozmap.status]\nopticl = 'ok'"),
        "6:1: [ozmap.status] has no key \"opticl\"; did you mean \"optical\"?",
    );
}

#[test]
fn a_wrong_type_is_told_with_what_was_expected() {
    one(
        "[[olt]]\nname = 'b'\naddress = 'b'\nstate_every = 60",
        "5:15: olt.state_every: expected a duration above zero such as \"90s\" or \"15m\", found 60; did you mean \"60s\"?",
    );
    one(
        "[thresholds]\nworsen_after = 2.5",
        "3:16: thresholds.worsen_after: expected a whole number from 1 to 1000, found 2.5",
    );
    one(
        "[thresholds]\nweak_margin_db = true",
        "3:18: thresholds.weak_margin_db: expected a number of dB from 0 to 20, found true",
    );
    one(&format!("{OZMAP}write_power = 'no'"), "5:15: ozmap.write_power: expected true or false, found \"no\"");
    one(
        "[http]\nlisten = { }",
        "3:10: http.listen: expected an IP address and a port, such as \"127.0.0.1:9161\", found a table",
    );
    one("[[http]]", "2:1: http: expected a section [http], found an array; is it in double brackets?");
    one("store = 1979-05-27", "2:9: store: expected a section [store], found a date or time");
    one("alert = ['x']", "2:10: alert: expected sections [[alert]], found \"x\"".replace("\"x\"", "a string").as_str());
    let text = "[snmp.credential.default]\nversion = '2c'\ncommunity = 'x'\n[olt]\nname = 'a'\naddress = 'a'";
    assert_eq!(
        problems(text),
        ["4:1: olt: expected sections [[olt]], found a table; one of several needs double brackets"]
    );
    one(
        "[snmp.credential.b]\nversion = 3",
        "3:11: snmp.credential.version: expected \"2c\" or \"3\", found 3; did you mean \"3\"?",
    );
    one("[snmp.credential.b]\nversion = '1'", "3:11: snmp.credential.version: expected \"2c\" or \"3\", found \"1\"");
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (key, good, bad) in [
        ("requests_per_second", &["0.1", "1000", "2"][..], &["0", "-1", "nan", "inf", "1000.1", "1e400"][..]),
        ("burst", &["1", "0x10"], &["0", "-1", "1001", "99999999999999999999"]),
        ("batch_above", &["0"], &["-1"]),
        ("batch_size", &["1"], &["0"]),
        ("delta_read", &["'0s'", "'1m'"], &["'1'", "60", "'-1s'", "'1000y'"]),
        ("full_read", &["'1s'", "'1h 30m'"], &["'0s'", "'15'", "''", "'-1s'", "'1000y'", "'99999999999999999999s'"]),
    ] {
        for value in good {
            assert_eq!(problems(&with(&format!("{OZMAP}{key} = {value}"))), [""; 0], "{key} = {value}");
        }
        for value in bad {
            let found = problems(&with(&format!("{OZMAP}{key} = {value}")));
            assert_eq!(found.len(), 1, "{key} = {value}");
            let column = key.len() + 4;
            assert!(found[0].starts_with(&format!("5:{column}: ")), "{found:?}");
        }
    }
    for key in ["state_every", "optics_every", "inventory_every", "timeout"] {
        says(
            &format!("[[olt]]\nname = 'b'\naddress = 'b'\n{key} = '0s'"),
            &[&format!("olt.{key}: expected a duration above zero")],
        );
    }
    for line in [
        "window = 0",
        "window = 65",
        "pdus_per_second = 0",
        "varbinds_per_second = 0",
        "reply_octets = 99",
        "max_repetitions = 0",
        "retries = 21",
    ] {
        says(&format!("[[olt]]\nname = 'b'\naddress = 'b'\n{line}"), &["expected a"]);
    }
    for (line, found) in [
        ("in_flight = 0", "snmp.in_flight: expected a whole number from 1 to 100000, found 0"),
        ("pdus_per_second = -1.5", "snmp.pdus_per_second: expected a number above 0, up to 1000000, found -1.5"),
        ("varbinds_per_second = inf", "snmp.varbinds_per_second: expected a number above 0"),
        ("pdus_per_sec = 5", "did you mean \"pdus_per_second\"?"),
    ] {
        says(&format!("snmp.{line}"), &[found]);
    }
    // A text there may be a secret that slipped.
    let slipped = problems(&with("snmp.in_flight = \"hush-hush\""));
    assert!(slipped.len() == 1 && !slipped[0].contains("hush"), "{slipped:?}");
    says("[store]\nkeep = '0d'", &["store.keep"]);
}

#[test]
fn what_is_needed_is_missed_at_its_section() {
    assert_eq!(problems(""), ["1:1: the file lacks \"olt\": expected at least one section [[olt]]"]);
    assert_eq!(problems("olt = []"), ["1:7: olt: expected at least one section [[olt]]"]);
    says("[[olt]]", &["2:1: [[olt]] lacks \"name\"", "2:1: [[olt]] lacks \"address\""]);
    says(
        "[ozmap]",
        &[
            "2:1: [ozmap] lacks \"url\"",
            "2:1: [ozmap] lacks OZmap's API key: expected exactly one of \"token_file\", \"token_env\" or \"token\"",
        ],
    );
    says("[snmp.credential.b]", &["2:1: [snmp.credential.b] lacks \"version\""]);
    says("[snmp.credential.b]\nversion = '3'", &["lacks \"user\""]);
    says(
        "[snmp.credential.b]\nversion = '2c'",
        &["lacks the community: expected exactly one of \"community_file\", \"community_env\" or \"community\""],
    );
    says("[[alert]]", &["lacks \"kind\""]);
    says("[[alert]]\nkind = 'webhook'", &["2:1: [[alert]] lacks the address that alerts are sent to"]);
    says("[[alert]]\nkind = 'webhook'\nulr = 'x'", &["4:1: [[alert]] has no key \"ulr\"; did you mean \"url\"?"]);
    // What is misspelt is not missing too.
    says(
        "[snmp.credential.b]\nversion = '2c'\ncomunity = 'x'",
        &["4:1: [snmp.credential.b] has no key \"comunity\"; did you mean \"community\"?"],
    );
}

#[test]
fn a_credential_must_be_there() {
    one(
        "[[olt]]\nname = 'b'\naddress = 'b'\ncredential = 'defalt'",
        "5:14: olt.credential: there is no [snmp.credential.defalt]; did you mean \"default\"?",
    );
    one(
        "[[olt]]\nname = 'b'\naddress = 'b'\ncredential = 'zzz'",
        "5:14: olt.credential: there is no [snmp.credential.zzz]; there are default",
    );
    assert_eq!(
        problems("[[olt]]\nname = 'b'\naddress = 'b'"),
        ["1:1: [[olt]] lacks \"credential\", and there is no [snmp.credential.default] to take instead"]
    );
    // A credential that is wrong itself is there, and its OLTs are not wrong too.
    one(
        "[snmp.credential.b]\nversion = '9'\n[[olt]]\nname = 'b'\naddress = 'b'\ncredential = 'b'",
        "3:11: snmp.credential.version: expected \"2c\" or \"3\", found \"9\"",
    );
    one(
        "[snmp.credential]\nversion = '2c'".replace("[snmp.credential]", "[[olt]]\nname = 'b'\naddress = 'b'").as_str(),
        "5:1: [[olt]] has no key \"version\"; it belongs into [snmp.credential.NAME]",
    );
    let text = "[snmp.credential]\nversion = '2c'\n[[olt]]\nname = 'a'\naddress = 'a'\n";
    says_in(text, &["2:1: expected a section [snmp.credential.NAME], found \"2c\"", "lacks \"credential\""]);
}

#[track_caller]
fn says_in(text: &str, parts: &[&str]) {
    let found = problems(text);
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    assert!(parts.iter().zip(&found).all(|(part, found)| found.contains(part)), "{found:#?}");
}

#[test]
fn snmpv3_is_complete_or_refused() {
    let v3 = |more: &str| format!("[snmp.credential.b]\nversion = '3'\nuser = 'noc'\n{more}");
    says(
        &v3("auth = 'sha256'"),
        &[
            "[snmp.credential.b] lacks the authentication password: expected exactly one of \"auth_file\" or \"auth_env\"",
        ],
    );
    says(
        &v3("auth = 'sha'\nauth_env = 'A'"),
        &[
            "snmp.credential.auth: expected \"md5\", \"sha1\", \"sha224\", \"sha256\", \"sha384\", \"sha512\" or \"none\", found a string; did you mean \"sha1\"?",
        ],
    );
    says(&v3("auth_env = 'A'"), &["snmp.credential.auth_env: has no use without a protocol"]);
    says(&v3("privacy = 'none'\nprivacy_file = 'A'"), &["snmp.credential.privacy_file: has no use without a protocol"]);
    says(
        &v3("privacy = 'aes128'\nprivacy_env = 'UNSET'"),
        &["no privacy without authentication", "the environment variable UNSET is not set"],
    );
    says(&v3("key_extension = 'reder'"), &["did you mean \"reeder\"?"]);
    says(
        &v3("community = 'x'"),
        &["snmp.credential.community: belongs to version \"2c\", and this credential has version \"3\""],
    );
    says(
        "[snmp.credential.b]\nversion = '2c'\ncommunity = 'x'\nuser = 'noc'",
        &["snmp.credential.user: belongs to version \"3\""],
    );
    says(
        &"[snmp.credential.b]\nversion = '3'\nuser = 'U'".replace('U', &"u".repeat(33)),
        &["the user's name, 1 to 32 octets, found a string"],
    );
    assert_eq!(problems(&with(&v3(""))), [""; 0], "noAuthNoPriv is a choice");
}

#[test]
fn thresholds_that_contradict_themselves_are_refused() {
    one(
        "[thresholds]\nsensitivity_dbm = -8\noverload_dbm = -27",
        "3:19: thresholds.sensitivity_dbm: a sensitivity of -8 dBm is not below the overload of -27 dBm",
    );
    one(
        "[thresholds]\nclass = 'B+'\nsensitivity_dbm = -28\noverload_dbm = -8",
        "4:19: thresholds.sensitivity_dbm: \"class\" is given already; expected either a class, or sensitivity_dbm and overload_dbm",
    );
    one(
        "[thresholds]\nsensitivity_dbm = -28",
        "3:19: thresholds.sensitivity_dbm: without class, \"overload_dbm\" is needed too",
    );
    one(
        "[thresholds]\nsensitivity_dbm = -61\noverload_dbm = -8",
        "3:19: thresholds.sensitivity_dbm: expected a level from -60 to 20 dBm, found -61",
    );
    one(
        "[thresholds]\nweak_margin_db = 10",
        "3:18: thresholds.weak_margin_db: margins of 10 dB at both ends leave no good level between -27 dBm and -8 dBm",
    );
    one(
        "[thresholds]\nclass = 'c+'",
        "3:9: thresholds.class: expected \"A\", \"B\", \"B+\", \"C\", \"C+\", \"C++\", \"D\", \"N1\", \"N2\", \"E1\", \"E2\", \"combo-B+\" or \"combo-C+\", found \"c+\"; did you mean \"C+\"?",
    );
    says("[thresholds]\nclass = 'PX20+'", &["for EPON give sensitivity_dbm and overload_dbm"]);
    says("[[thresholds.override]]\nclass = 'A'", &["says for nothing that it is meant"]);
    says("[[thresholds.override]]\npon = ''\nclass = 'A'", &["thresholds.override.pon: expected the name of a PON"]);
    says("[[thresholds.override]]\npon = '1'\nclas = 'A'", &["did you mean \"class\"?"]);
}

#[test]
fn names_and_addresses_of_olts_are_checked() {
    one("[[olt]]\nname = 'a'\naddress = 'b'", "6:8: olt.name: \"a\" is the name of the OLT in line 3 already");
    for name in ["''", "' a'", "'a*'", "\"a\\n\"", "7"] {
        says(&format!("[[olt]]\nname = {name}\naddress = 'b'"), &["olt.name: expected a name, unique among the OLTs"]);
    }
    says(
        "[[olt]]\nname = 'b'\naddress = '192.0.2.300'",
        &["found \"192.0.2.300\"; an IPv4 address has four numbers up to 255"],
    );
    says("[[olt]]\nname = 'b'\naddress = 'public@192.0.2.3'", &["found a string; that is no name of a host"]);
    says(
        "[[olt]]\nname = 'b'\naddress = 'b'\nprofile = '../x'",
        &["olt.profile: expected \"auto\" or the name of a profile"],
    );
}

#[test]
fn ozmaps_keys_are_checked() {
    one(
        "[ozmap]\nurl = 'isp.ozmap.com.br:9994'\ntoken = 't'",
        "3:7: ozmap.url: expected OZmap's address, such as \"https://isp.ozmap.com.br:9994\", found \"isp.ozmap.com.br:9994\"; it must begin with https:// or http://",
    );
    one(
        &format!("{OZMAP}code_pattern = '(\\d+'"),
        "5:16: ozmap.code_pattern: expected a regular expression, found \"(\\\\d+\"; unclosed group",
    );
    one(
        &format!("{OZMAP}match = ['serial', 'mca']"),
        "5:20: ozmap.match: expected \"serial\", \"mac\", \"code\" or \"pppoe\", found \"mca\"; did you mean \"mac\"?",
    );
    one(&format!("{OZMAP}match = ['mac', 'mac']"), "5:17: ozmap.match: \"mac\" is given twice");
    one(
        &format!("{OZMAP}match = []"),
        "5:9: ozmap.match: expected a list of \"serial\", \"mac\", \"code\" or \"pppoe\", found an empty array",
    );
    one(
        &format!("{OZMAP}status.power = 'ignore'"),
        "5:16: ozmap.status.power: expected \"ok\", \"error\" or \"hold\", found \"ignore\"",
    );
}

#[test]
fn http_beyond_this_machine_needs_a_token() {
    for listen in ["0.0.0.0:9161", "[::]:9161", "192.0.2.1:0"] {
        says(&format!("[http]\nlisten = '{listen}'"), &["can be reached from other machines, so a token is needed"]);
        assert_eq!(problems(&with(&format!("[http]\nlisten = '{listen}'\ntoken = 't'"))), [""; 0]);
    }
    for listen in ["127.0.0.1:0", "[::1]:9161", "127.1.2.3:80"] {
        assert_eq!(problems(&with(&format!("[http]\nlisten = '{listen}'"))), [""; 0]);
    }
    one(
        "[http]\nlisten = 'localhost:9161'",
        "3:10: http.listen: expected an IP address and a port, such as \"127.0.0.1:9161\", found \"localhost:9161\"; did you mean \"127.0.0.1:9161\"?",
    );
}

#[test]
fn a_mistake_of_syntax_has_its_place() {
    let error = parse("[ozmap]\nmode = write\n").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("f.toml:2:8: not TOML: "), "{text}");
    assert!(text.ends_with("\n    mode = write\n           ^^^^^"), "{text}");
    for (text, place) in [("[ozmap", "1:7"), ("a = 1\na = 2", "2:1"), ("x = \"", "1:6"), ("é = 1", "1:1")] {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.starts_with(&format!("{place}: not TOML"))), "{text}: {found:?}");
    }
}

#[test]
fn a_file_full_of_mistakes_has_a_bounded_answer() {
    let text: String = (0..5000).map(|n| format!("key{n} = 1\n")).collect();
    let error = parse(&text).unwrap_err();
    assert_eq!(error.problems().len(), 100);
    assert!(error.to_string().ends_with("\nand 4901 more"), "{error}");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(parse(&deep).is_err());
}
