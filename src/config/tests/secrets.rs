//! Secrets come from exactly one place, and never leave.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::super::*;
use super::{parse_in, with};

/// No message may hold this.
const SECRET: &str = "hunter2-hunter2";

const OZMAP: &str = "[ozmap]\nurl = 'https://x'\n";

fn token(folder: &Path, lines: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    parse_in(&with(&format!("{OZMAP}{lines}")), folder, environment).map_err(|error| error.to_string())
}

fn value(config: &Config) -> &str {
    config.ozmap.as_ref().unwrap().token.expose()
}

#[test]
fn a_secret_comes_from_the_file_itself_a_file_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.txt"), format!("{SECRET}\r\n\n")).unwrap();
    let absolute = format!("token_file = '{}'", folder.path().join("t.txt").display());
    for lines in
        [&format!("token = '{SECRET}'"), "token_file = 't.txt'", "token_file = './t.txt'", &absolute, "token_env = 'T'"]
    {
        assert_eq!(value(&token(folder.path(), lines, &[("T", SECRET)]).unwrap()), SECRET, "{lines}");
    }
}

#[test]
fn two_sources_or_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = token(folder.path(), &format!("token_env = 'T'\ntoken = '{SECRET}'"), &[("T", "x")]).unwrap_err();
    assert!(error.starts_with("f.toml:5:9: ozmap.token: OZmap's API key is already given by \"token_env\""), "{error}");
    assert!(token(folder.path(), "", &[]).unwrap_err().contains("exactly one of"));
}

#[test]
fn a_source_that_gives_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.txt"), "\n").unwrap();
    std::fs::write(folder.path().join("lines.txt"), format!("{SECRET}\n{SECRET}\n")).unwrap();
    std::fs::write(folder.path().join("octets.bin"), b"\xff\xfe").unwrap();
    std::fs::write(folder.path().join("long.txt"), "x".repeat(20_000)).unwrap();
    std::fs::create_dir(folder.path().join("folder.d")).unwrap();
    let shown = |name: &str| folder.path().join(name).display().to_string();
    for (lines, parts) in [
        ("token_file = 'none.txt'", [shown("none.txt").as_str(), "cannot be read"]),
        ("token_file = 'empty.txt'", [&shown("empty.txt"), "is empty"]),
        ("token_file = 'lines.txt'", [&shown("lines.txt"), "several lines"]),
        ("token_file = 'octets.bin'", [&shown("octets.bin"), "not text in UTF-8"]),
        ("token_file = 'long.txt'", [&shown("long.txt"), "longer than"]),
        ("token_file = 'folder.d'", [&shown("folder.d"), "not a file"]),
        ("token_env = 'UNSET'", ["variable UNSET", "not set"]),
        ("token_env = 'EMPTY'", ["variable EMPTY", "is empty"]),
        ("token = ''", ["ozmap.token", "is empty"]),
        ("token = ' x'", ["ozmap.token", "space"]),
        ("token = 'clé'", ["ozmap.token", "outside of ASCII"]),
    ] {
        let error = token(folder.path(), lines, &[("EMPTY", "")]).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{lines}: {error}");
        assert!(error.starts_with("f.toml:4:"), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn a_password_of_less_than_eight_octets_is_refused() {
    let text = with(
        "[snmp.credential.b]\nversion = '3'\nuser = 'noc'\nauth = 'sha256'\nauth_env = 'A'\nprivacy = 'aes128'\nprivacy_env = 'P'",
    );
    let error = parse_in(&text, Path::new(""), &[("A", "1234567"), ("P", "12345678")]).unwrap_err().to_string();
    assert!(
        error.contains("the environment variable A holds 7 octets; the authentication password has at least 8"),
        "{error}"
    );
    assert_eq!(error.matches("f.toml:").count(), 1, "{error}");
}

#[test]
fn systemds_credentials_are_found_by_name() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(theirs.path().join("ozmap"), SECRET).unwrap();
    std::fs::write(ours.path().join("ozmap"), "from-our-folder").unwrap();
    std::fs::write(ours.path().join("other"), "other").unwrap();
    let directory = theirs.path().display().to_string();
    let systemd = [("CREDENTIALS_DIRECTORY", directory.as_str())];
    for written in ["ozmap", "$CREDENTIALS_DIRECTORY/ozmap", "${CREDENTIALS_DIRECTORY}/ozmap"] {
        let config = token(ours.path(), &format!("token_file = '{written}'"), &systemd).unwrap();
        assert_eq!(value(&config), SECRET, "{written}");
    }
    // Not only a credential may have a bare name, and none may be there at all.
    assert_eq!(value(&token(ours.path(), "token_file = 'other'", &systemd).unwrap()), "other");
    assert_eq!(value(&token(ours.path(), "token_file = 'ozmap'", &[]).unwrap()), "from-our-folder");
    let error = token(ours.path(), "token_file = '$CREDENTIALS_DIRECTORY/ozmap'", &[]).unwrap_err();
    assert!(error.contains("CREDENTIALS_DIRECTORY is not set"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_secret_that_everyone_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.txt");
    std::fs::write(&path, SECRET).unwrap();
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = token(folder.path(), "token_file = 't.txt'", &[]).unwrap();
        assert_eq!(config.warnings.len(), warnings, "{mode:o} {:?}", config.warnings);
        assert!(config.warnings.iter().all(|warning| warning.starts_with("f.toml:4:14: ozmap.token_file: ")));
    }
}

#[test]
fn a_whole_configuration_shows_no_secret() {
    let text = with(&format!(
        "{OZMAP}token = '{SECRET}-1'\n[http]\ntoken = '{SECRET}-2'\n[snmp.credential.v2]\nversion = '2c'\ncommunity = '{SECRET}-3'\n\
         [snmp.credential.v3]\nversion = '3'\nuser = 'noc'\nauth = 'sha1'\nauth_env = 'A'\nprivacy = 'aes256'\nprivacy_env = 'P'\n\
         [[olt]]\nname = 'b'\naddress = 'b'\ncredential = 'v2'\n[[olt]]\nname = 'c'\naddress = 'c'\ncredential = 'v3'\n\
         [[alert]]\nkind = 'slack'\nurl = 'https://hooks.example/{SECRET}'\n\
         [[alert]]\nkind = 'webhook'\nurl = 'https://hooks.example/{SECRET}'\nsecret = '{SECRET}-and-more'"
    ));
    let config = parse_in(&text, Path::new(""), &[("A", SECRET), ("P", SECRET)]).unwrap();
    let shown = format!("{config:?} {config:#?} {}", config.ozmap.as_ref().unwrap().token);
    assert!(shown.contains("olts"), "something was shown");
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Everything that an error can say.
fn said(error: &ConfigError) -> String {
    let mut said = format!("{error}\n{error:?}\n{error:#?}\n");
    for problem in error.problems() {
        write!(said, "{problem}\n{problem:?}\n{}\n{:?}\n", problem.message, problem.excerpt).unwrap();
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        write!(said, "{cause} {cause:?}").unwrap();
        source = cause.source();
    }
    said
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let credential = "[snmp.credential.b]\nversion = '2c'\n";
    for lines in [
        // under a misspelled or foreign key
        &format!("{OZMAP}tokn = 'SECRET'"),
        &format!("{OZMAP}apikey = 'SECRET'\ntoken_fil = ['SECRET']"),
        "token = 'SECRET'",
        "[http]\ncommunity = 'SECRET'",
        "[http]\npasswort = 'SECRET'",
        "[SECTION]\nx = 'SECRET'",
        "[[olt]]\nname = 'b'\naddress = 'SECRET@b'\nfoo = 'SECRET'",
        &format!("{credential}comunity = 'SECRET'"),
        &format!("{credential}community_file = 'SECRET'"),
        &format!("{credential}community_env = 'SECRET'"),
        &format!("{credential}user = 'SECRET'\ncommunity = 'x'"),
        "[snmp.credential]\ncommunity = 'SECRET'",
        "[snmp.credential.b]\nversion = 'SECRET'",
        "[snmp.credential.b]\nversion = '3'\nuser = ['SECRET']\nauth = 'SECRET'\nprivacy = 'SECRET'\nauth_env = 'SECRET'\nkey_extension = 'SECRET'",
        // of the wrong type, or beside a mistake in the same line
        &format!("{OZMAP}token = ['SECRET']"),
        &format!("{OZMAP}token = {{ value = 'SECRET' }}"),
        &format!("{OZMAP}token = \"\"\"\nSECRET\nSECRET\"\"\""),
        "snmp.credential.b = { version = '9', community = 'SECRET', comunity = 'SECRET' } # SECRET",
        "ozmap = { url = 'x', token = 'SECRET', x = 'SECRET' } # SECRET",
        "ozmap = { url = 'https://SECRET@x', token = 'x' }",
        "ozmap = { url = 'https://x/?token=SECRET', token = 'x' }",
        "ozmap = { url = 'https://x/', token = 'x', mode = 'x' } # once SECRET",
        "[[alert]]\nkind = 'slak'\nurl = 'SECRET'\ntoken = 'SECRET'",
        "[[alert]]\nkind = 'slack'\nurl = 'SECRET'",
        "[[alert]]\nkind = 'slack'\nurl = 'https://hooks.example/SECRET'\nchannel = { deep = ['SECRET'] }",
        "[[alert]]\nkind = 'alertmanager'\nurl = 'https://hooks.example/SECRET'\nmembers = ['SECRET', 1]",
        "[[alert]]\nkind = 'command'\ncommand = ['SECRET', 1]\nurl = 'SECRET'",
        "alert = ['SECRET']",
        "snmp = 'SECRET'",
        "snmp.credential.b = 'SECRET'",
        // no TOML at all
        "token = SECRET",
        "token = 'SECRET",
        "token = \"SECRET\\q\"",
        "community = \"\"\"\nSECRET \\q\n\"\"\"",
        "mode = token SECRET",
        "SECRET",
        "SECRET SECRET = x",
        "a = 'x' SECRET",
    ] {
        let text = with(&lines.replace("SECRET", SECRET));
        match parse_in(&text, Path::new("/nonexistent"), &[]) {
            Ok(_) => panic!("expected a mistake in {lines}"),
            Err(error) => {
                assert!(!error.problems().is_empty(), "{lines}");
                let said = said(&error);
                assert!(!said.contains(SECRET), "{lines}\n{error}");
            }
        }
    }
}

/// Secrets at every place that takes one.
const FULL: &str = r#"
[ozmap]
url = "https://x"
token = 'SECRET'
mode = "write"   # SECRET

[http]
listen = "0.0.0.0:1"
token = "SECRET"

[snmp.credential]
default = { version = "2c", community = "SECRET" }

[snmp.credential.other]
version = '2c'
community = """
SECRET"""

[[olt]]
name = "a"
address = "192.0.2.1"
window = 1

[[alert]]
kind = "slack"
url = "https://hooks.example/SECRET"
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_slip_of_the_fingers_anywhere_shows_no_secret(
        at in 0..FULL.len(),
        cut in 0..6_usize,
        with in prop_oneof![Just(""), Just("x"), Just("'"), Just("\""), Just("="), Just("["), Just("\n"), Just("#"), Just("\\"), Just(" ")],
    ) {
        // FULL is ASCII.
        let end = (at + cut).min(FULL.len());
        let text = format!("{}{with}{}", &FULL[..at], &FULL[end..]).replace("SECRET", SECRET);
        if let Err(error) = parse_in(&text, Path::new("/nonexistent"), &[]) {
            let said = said(&error);
            prop_assert!(!said.contains(SECRET), "{}\n{}", text, error);
        }
    }
}
