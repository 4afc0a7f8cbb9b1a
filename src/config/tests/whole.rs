//! Configurations that are right.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::{parse, parse_in, problems, with};
use crate::model::{Dbm, Decibels, Verdict};

/// The sample that the documentation of the interface shows, with its secrets' files beside it.
const SAMPLE: &str = r#"
[ozmap]
url = "https://isp.ozmap.com.br:9994"
token_file = "ozmap.token"
mode = "dry-run"
requests_per_second = 2.0
burst = 5
batch_above = 5
batch_size = 100
full_read = "15m"
match = ["serial", "mac", "code"]
# code_pattern = '^(\d+)'
write_power = false

[ozmap.status]
optical = "error"
power = "hold"
admin = "hold"
auth = "hold"
rogue = "hold"
restart = "hold"
unknown = "error"
critical = "error"
overload = "error"
weak = "ok"

[thresholds]
class = "B+"
weak_margin_db = 2.0
hysteresis_db = 1.0
worsen_after = 2
improve_after = 3
down_after = 2
unknown_after = "10m"

[[thresholds.override]]
olt = "olt-centro"
pon = "0/3/*"
class = "C+"

[snmp.credential.default]
version = "2c"
community_env = "OLT_COMMUNITY"

[snmp.credential.secure]
version = "3"
user = "noc"
auth = "sha256"
auth_file = "v3.auth"
privacy = "aes128"
privacy_file = "v3.priv"

[[olt]]
name = "olt-centro"
address = "192.0.2.10"
profile = "auto"
credential = "default"
# state_every = "60s"  optics_every = "15m"  inventory_every = "1h"

[store]
path = "oltwatch.db"
keep = "90d"

[http]
listen = "127.0.0.1:9161"

[trap]
# listen = "0.0.0.0:162"

[[alert]]
kind = "alertmanager"
url = "http://127.0.0.1:9093"

[incident]
settle = "10s"

[mibs]
# path = "/etc/oltwatch/mibs"
"#;

#[test]
fn the_sample_of_the_interface_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("ozmap.token", "the-key\n"), ("v3.auth", "auth-password\n"), ("v3.priv", "priv-password\r\n")]
    {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let config = parse_in(SAMPLE, folder.path(), &[("OLT_COMMUNITY", "public")]).unwrap();

    let ozmap = config.ozmap.as_ref().unwrap();
    assert_eq!(ozmap.url, "https://isp.ozmap.com.br:9994/api/v2");
    assert_eq!(ozmap.token.expose(), "the-key");
    assert_eq!(ozmap.mode, OzmapMode::DryRun);
    assert_eq!(ozmap.match_by, [MatchBy::Serial, MatchBy::Mac, MatchBy::Code]);
    assert_eq!(ozmap.status, StatusMap::default());
    assert_eq!((ozmap.full_read, ozmap.delta_read), (Duration::from_secs(900), Duration::from_secs(60)));

    let olt = config.olt("olt-centro").unwrap();
    assert_eq!(olt.address, "192.0.2.10:161");
    assert_eq!(olt.profile, Profile::Auto);
    assert!(matches!(&olt.credential.version, SnmpVersion::V2c { community } if community.expose() == "public"));
    assert!(config.olt("olt").is_none());

    let centre = config.thresholds.rule_for("olt-centro", Some("0/3/7"));
    assert_eq!(centre.window, Window::of_class("C+").unwrap());
    assert_eq!(centre.weak_margin, Decibels::new(2.0).unwrap());
    assert_eq!(config.thresholds.rule_for("olt-centro", Some("0/4/7")).window, Window::of_class("B+").unwrap());

    assert_eq!(config.http.as_ref().unwrap().listen.to_string(), "127.0.0.1:9161");
    let store = config.store.as_ref().unwrap();
    assert_eq!((&store.path, store.keep), (&folder.path().join("oltwatch.db"), crate::config::Keep::default()));
    assert_eq!(config.trap.as_ref().unwrap().listen, None);
    assert_eq!(config.alerts.len(), 1);
    assert_eq!(config.alerts[0].name, "alertmanager");
    assert!(!has_warning(&config, "no effect"), "{:?}", config.warnings);
}

fn has_warning(config: &Config, text: &str) -> bool {
    config.warnings.iter().any(|warning| warning.contains(text))
}

#[test]
fn olts_alone_are_enough() {
    let config = parse(&with("")).unwrap();
    assert!(config.ozmap.is_none() && config.store.is_none() && config.http.is_none() && config.trap.is_none());
    assert_eq!(config.thresholds.base, ThresholdRule::default());
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn what_is_thinned_is_kept_at_least_as_long_as_what_it_is_made_of() {
    let keep = |keys: &str| {
        let keep = parse(&with(&format!("[store]\n{keys}"))).unwrap().store.unwrap().keep;
        [keep.raw, keep.hourly, keep.daily].map(|time| time.as_secs() / 86_400)
    };
    assert_eq!(keep(""), [90, 365, 3650]);
    assert_eq!(keep("keep = '30d'\nkeep_hourly = '60d'\nkeep_daily = '90d'"), [30, 60, 90]);
    assert_eq!(keep("keep = '500d'"), [500, 500, 3650]);
    assert_eq!(keep("keep_daily = '10d'"), [90, 365, 365]);
}

#[test]
fn an_override_inherits_what_it_does_not_say() {
    let text = "[thresholds]\nclass = 'C+'\nweak_margin_db = 3\nimprove_after = 9\n\
                [[thresholds.override]]\npon = '1'\nsensitivity_dbm = -25.5\n[[thresholds.override]]\nolt = 'a'\nworsen_after = 7";
    let config = parse(&with(text)).unwrap();
    let rule = config.thresholds.rule_for("a", Some("1"));
    assert_eq!(rule.window.sensitivity, Dbm::new(-25.5).unwrap());
    assert_eq!(rule.window.overload, Dbm::new(-8.0).unwrap());
    assert_eq!((rule.weak_margin, rule.improve_after, rule.worsen_after), (Decibels::new(3.0).unwrap(), 9, 2));
    assert_eq!(config.thresholds.rule_for("a", None).worsen_after, 7);
}

#[test]
fn the_olt_s_window_comes_along_with_a_class_or_is_given() {
    let window =
        |low: f64, high: f64| Some(Window { sensitivity: Dbm::new(low).unwrap(), overload: Dbm::new(high).unwrap() });
    for (text, olt_window) in [
        ("", None),
        ("class = 'N1'", window(-26.0, -5.0)),
        ("class = 'C+'", None),
        ("olt_class = 'C+'", window(-32.0, -12.0)),
        ("class = 'N1'\nolt_class = 'none'", None),
        ("class = 'E1'\nolt_sensitivity_dbm = -29.5\nolt_overload_dbm = -7", window(-29.5, -7.0)),
        ("class = 'E1'\nolt_sensitivity_dbm = -29\nolt_overload_dbm = -7", window(-29.0, -7.0)),
        ("class = 'PX'\nclasses.PX = { sensitivity_dbm = -24, overload_dbm = -3 }", None),
        (
            "class = 'PX'\n[thresholds.classes.PX]\nsensitivity_dbm = -24\noverload_dbm = -3\nolt_sensitivity_dbm = -27\n\
             olt_overload_dbm = -6",
            window(-27.0, -6.0),
        ),
    ] {
        let config = parse(&with(&format!("[thresholds]\n{text}"))).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(config.thresholds.base.olt_window, olt_window, "{text}");
        if text.contains("PX") {
            assert_eq!(Some(config.thresholds.base.window), window(-24.0, -3.0));
        }
    }
    let text = "[thresholds]\nclass = 'N2'\n[[thresholds.override]]\npon = '1'\nclass = 'B+'\n[[thresholds.override]]\npon = '2'\n\
                worsen_after = 5\n[[thresholds.override]]\npon = '3'\nolt_overload_dbm = -6";
    let config = parse(&with(text)).unwrap();
    let of = |pon| config.thresholds.rule_for("a", Some(pon)).olt_window;
    assert_eq!([of("1"), of("2"), of("3")], [None, window(-28.0, -7.0), window(-28.0, -6.0)]);
}

#[test]
fn mistakes_in_windows_of_the_olt_and_own_classes_are_told() {
    for (text, message) in [
        ("olt_sensitivity_dbm = -28", "without class, \"olt_overload_dbm\" is needed too"),
        ("olt_sensitivity_dbm = -8\nolt_overload_dbm = -28", "is not below the overload"),
        ("olt_class = 'N1'\nolt_sensitivity_dbm = -8\nolt_overload_dbm = -2", "\"olt_class\" is given already"),
        ("olt_class = 'N9'", "did you mean \"N1\""),
        ("classes.X = { sensitivity_dbm = -24 }", "[thresholds.classes.X] lacks \"overload_dbm\""),
        ("classes.X = 3", "expected a section [thresholds.classes.X]"),
        ("classes.N1 = { sensitivity_dbm = -24, overload_dbm = -3 }", "is the name of a built-in class"),
        ("classes.X = { sensitivity_dbm = -4, overload_dbm = -30 }", "is not below the overload"),
        (
            "classes.X = { sensitivity_dbm = -24, overload_dbm = -3, olt_overload_dbm = -3 }",
            "\"olt_sensitivity_dbm\" is needed",
        ),
        ("[[thresholds.override]]\npon = '1'\nolt_overload_dbm = -3", "there is no window to inherit from"),
        ("flap_suppress = 1000", "is not below the suppress of 1000"),
        ("flap_reuse = 0", "expected a whole number from 1"),
        ("olt_sensitivity_dbm = -9\nolt_overload_dbm = -7", "leave no good level"),
    ] {
        let error = parse(&with(&format!("[thresholds]\n{text}"))).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn work_on_a_box_without_ozmap_has_no_effect_and_is_told() {
    let text = "[[maintenance]]\nbox = 'CTO 1'\nweekly = 'daily 01:00-02:00'\nreason = 'x'\n";
    let config = parse(&with(text)).unwrap();
    assert!(has_warning(&config, "maintenance.box: without [ozmap]"), "{:?}", config.warnings);
    let ozmap = "[ozmap]\nurl = 'https://a.example'\ntoken_env = 'OLT_COMMUNITY'\n";
    let environment = [("OLT_COMMUNITY", "a-key")];
    let config =
        parse_in(&with(&format!("{ozmap}{text}")), std::path::Path::new("/nonexistent"), &environment).unwrap();
    assert!(!has_warning(&config, "maintenance.box"), "{:?}", config.warnings);
}

#[test]
fn maintenance_is_once_or_every_week() {
    let config = parse(&with(
        "[[maintenance]]\nolt = 'a'\npon = '0/3/*'\nfrom = '2026-12-01T02:00:00-03:00'\nuntil = '2026-12-01T05:00Z'\n\
         reason = 'splitters'\n[[maintenance]]\npon = '1'\nweekly = 'tue 02:00-05:00'\nutc_offset = '-03:00'\nreason = 'power'\n\
         [[maintenance]]\nolt = 'b'\nweekly = 'daily 01:00-02:00'\nreason = 'x'",
    ));
    let error = config.unwrap_err().to_string();
    assert!(error.contains("maintenance.until: it is not after \"from\""), "{error}");
    let text = "[[maintenance]]\npon = '1'\nweekly = 'tue 02:00-05:00'\nutc_offset = '-03:00'\nreason = 'power'\n\
                [[maintenance]]\nolt = 'b'\nweekly = 'daily 01:00-02:00'\nreason = 'x'";
    let config = parse(&with(text)).unwrap();
    assert!(has_warning(&config, "maintenance.olt: no [[olt]] has such a name"), "{:?}", config.warnings);
    let at = |text| maintenance::parse_moment(text).unwrap();
    let under_way = |time| maintenance::under_way(&config.maintenance, "a", at(time)).len();
    assert_eq!([under_way("2026-12-01T05:30Z"), under_way("2026-12-01T01:30Z")], [1, 0]);
    assert_eq!(maintenance::under_way(&config.maintenance, "b", at("2026-12-01T01:30Z")).len(), 1);
}

#[test]
fn maintenance_of_a_box_is_of_no_olt() {
    let text = "[[maintenance]]\nbox = 'CTO 12*'\nweekly = 'tue 02:00-05:00'\nreason = 'splitters'";
    let config = parse(&with(text)).unwrap();
    let at = |text| maintenance::parse_moment(text).unwrap();
    // A Tuesday, and the day after.
    let (during, after) = (at("2026-12-01T03:00Z"), at("2026-12-02T03:00Z"));
    assert_eq!(maintenance::under_way(&config.maintenance, "a", during), []);
    let boxes = maintenance::boxes_under_way(&config.maintenance, during);
    assert!(boxes.len() == 1 && boxes[0].boxes.fits("CTO 121"), "{boxes:?}");
    assert_eq!(maintenance::boxes_under_way(&config.maintenance, after), []);
}

#[test]
fn mistakes_in_maintenance_are_told() {
    for (text, message) in [
        ("reason = 'x'\nweekly = 'tue 02:00-05:00'", "says for nothing that it is meant"),
        ("olt = 'a'\nweekly = 'tue 02:00-05:00'", "[[maintenance]] lacks \"reason\""),
        ("olt = 'a'\nreason = 'x'", "lacks a time"),
        ("olt = 'a'\nreason = 'x'\nfrom = '2026-12-01T02:00Z'", "\"until\" is needed too"),
        ("olt = 'a'\nreason = 'x'\nfrom = '2026-12-01T02:00'\nuntil = '2026-12-01T02:00Z'", "its offset is missing"),
        ("olt = 'a'\nreason = 'x'\nweekly = 'tuesday 02:00-03:00'", "is no day"),
        ("olt = 'a'\nreason = 'x'\nweekly = 'tue 02:00-03:00'\nutc_offset = 'BRT'", "expected an offset from UTC"),
        (
            "olt = 'a'\nreason = 'x'\nweekly = 'tue 02:00-03:00'\nuntil = '2026-12-01T02:00Z'",
            "\"weekly\" is given already",
        ),
        ("olt = 'a'\nreason = ''\nweekly = 'tue 02:00-03:00'", "expected why"),
        ("box = 'CTO 1'\nolt = 'a'\nreason = 'x'\nweekly = 'tue 02:00-03:00'", "\"box\" is given already"),
        ("box = ' '\nreason = 'x'\nweekly = 'tue 02:00-03:00'", "expected the id or name of a box"),
    ] {
        let error = parse(&with(&format!("[[maintenance]]\n{text}"))).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn every_word_means_what_it_says() {
    for (auth, privacy) in [("md5", "des"), ("sha1", "aes128"), ("sha224", "aes192"), ("sha512", "aes256")] {
        let text = format!(
            "[snmp.credential.v3]\nversion = '3'\nuser = 'noc'\nauth = '{auth}'\nauth_env = 'A'\nprivacy = '{privacy}'\n\
             privacy_env = 'P'\nkey_extension = 'reeder'\n[[olt]]\nname = 'a'\naddress = '::1'\ncredential = 'v3'\nany_source = true"
        );
        let config =
            parse_in(&text, std::path::Path::new(""), &[("A", "auth-password"), ("P", "priv-password")]).unwrap();
        let SnmpVersion::V3 { user, auth: Some(a), privacy: Some(p) } = &config.olts[0].credential.version else {
            panic!("{auth} {privacy}");
        };
        assert_eq!(user, "noc");
        assert_eq!(format!("{:?}", a.protocol).to_lowercase(), auth);
        assert_eq!(format!("{:?}", p.protocol).to_lowercase(), privacy);
        assert_eq!(p.key_extension, KeyExtension::Reeder);
        assert_eq!((a.password.expose(), p.password.expose()), ("auth-password", "priv-password"));
        assert!(config.olts[0].any_source);
    }
    let config = parse(&with(
        "[ozmap]\nurl = 'http://localhost'\ntoken = 't'\nmode = 'write'\nmatch = ['code']\nstatus.power = 'ok'",
    ))
    .unwrap();
    let ozmap = config.ozmap.unwrap();
    assert_eq!(
        (ozmap.mode, ozmap.match_by.as_slice(), ozmap.status.power),
        (OzmapMode::Write, &[MatchBy::Code][..], Verdict::Ok)
    );
}

#[test]
fn an_api_key_in_clear_over_a_network_is_told() {
    let config = parse(&with("[ozmap]\nurl = 'http://192.0.2.9'\ntoken = 't'")).unwrap();
    assert!(config.warnings[0].starts_with("f.toml:3:7: ozmap.url: over http"), "{:?}", config.warnings);
}

#[test]
fn an_override_for_no_olt_and_an_address_polled_twice_are_told() {
    let config = parse(&with(
        "[[thresholds.override]]\nolt = 'b*'\nclass = 'A'\n[[olt]]\nname = 'c'\naddress = '192.0.2.1:161'",
    ))
    .unwrap();
    assert!(has_warning(&config, "3:7: thresholds.override.olt: no [[olt]]"), "{:?}", config.warnings);
    assert!(has_warning(&config, "olt.address: the OLT in line 7"), "{:?}", config.warnings);
}

#[test]
fn profiles_are_checked_by_those_that_exist() {
    let text = with(
        "[[olt]]\nname = 'b'\naddress = 'b'\nprofile = 'huawei-smartx'\n[[olt]]\nname = 'c'\naddress = 'c'\nprofile = 'nonsense'",
    );
    let config = parse(&text).unwrap();
    let error = config.check_profiles(&["huawei-smartax", "vsol-v1600d"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.toml:5:11: olt.profile: there is no profile \"huawei-smartx\"; did you mean \"huawei-smartax\"?\n\
         f.toml:9:11: olt.profile: there is no profile \"nonsense\"; expected \"auto\" or one of huawei-smartax, vsol-v1600d"
    );
    config.check_profiles(&["huawei-smartx", "nonsense"]).unwrap();
}

#[test]
fn a_file_is_loaded_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.toml");
    std::fs::write(folder.path().join("c.txt"), "private\n").unwrap();
    std::fs::write(
        &path,
        "[snmp.credential.default]\nversion = '2c'\ncommunity_file = 'c.txt'\n[[olt]]\nname = 'a'\naddress = 'a'\n",
    )
    .unwrap();
    let config = Config::load(&path, &|_| None).unwrap();
    assert!(
        matches!(&config.olts[0].credential.version, SnmpVersion::V2c { community } if community.expose() == "private")
    );
}

#[test]
fn a_file_that_is_not_there_not_text_or_endless_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let load = || Config::load(&path, &|_| None).unwrap_err().to_string();
    assert!(load().contains("c.toml: the configuration cannot be read: "), "{}", load());
    std::fs::write(&path, b"# \xc3\xa9\n# ab\xff").unwrap();
    assert!(load().ends_with("c.toml:2:5: expected text in UTF-8, found an octet that is none"), "{}", load());
    std::fs::write(&path, vec![b'\n'; LONGEST_CONFIG + 1]).unwrap();
    assert!(load().contains("1:1: expected at most 4 MiB"), "{}", load());
    std::fs::write(&path, vec![b'\n'; LONGEST_CONFIG]).unwrap();
    assert!(load().contains("lacks \"olt\""), "{}", load());
}

#[test]
fn a_byte_order_mark_and_windows_lines_do_no_harm() {
    let text = format!("\u{feff}{}", with("").replace('\n', "\r\n"));
    assert_eq!(problems(&text), [""; 0]);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn no_text_of_our_words_panics(
        words in proptest::collection::vec(
            prop_oneof![
                Just("["), Just("]"), Just("[["), Just("]]"), Just("{"), Just("}"), Just("="), Just("."), Just(","), Just("\n"),
                Just("\""), Just("'"), Just("\"\"\""), Just("#"), Just("ozmap"), Just("snmp"), Just("credential"), Just("olt"),
                Just("status"), Just("thresholds"), Just("override"), Just("alert"), Just("http"), Just("listen"), Just("url"),
                Just("match"), Just("token"), Just("token_env"), Just("name"), Just("\"a\""), Just("'é'"), Just("1"), Just("-1.5e9"),
                Just("inf"), Just("nan"), Just("99999999999999999999"), Just("0xff"), Just("true"), Just("1979-05-27"), Just(" "), Just("\t"),
            ],
            0..40,
        )
    ) {
        let text = words.concat();
        let _ = parse(&text).map_err(|error| error.to_string());
        let _ = parse(&with(&text)).map_err(|error| error.to_string());
    }

    #[test]
    fn a_change_anywhere_in_the_sample_is_read_or_refused_without_panic(at in 0..SAMPLE.len(), with in "\\PC{0,3}", cut in 0..8_usize) {
        let start = (0..=at).rev().find(|at| SAMPLE.is_char_boundary(*at)).unwrap();
        let end = (start + cut..=SAMPLE.len()).find(|at| SAMPLE.is_char_boundary(*at)).unwrap_or(SAMPLE.len());
        let text = format!("{}{with}{}", &SAMPLE[..start], &SAMPLE[end..]);
        let result = parse_in(&text, std::path::Path::new("/nonexistent"), &[("OLT_COMMUNITY", "public")]);
        if let Err(error) = result {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
