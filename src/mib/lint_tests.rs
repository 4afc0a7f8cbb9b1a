use std::path::Path;

use super::super::compile::compile;
use super::super::library::Library;
use crate::config::Problem;

const GOOD: &str = include_str!("../../mibs/huawei-smartax.toml");

/// What is found in the Huawei profile with one text in it replaced: errors, warnings, and the line of the replacement.
fn change(from: &str, to: &str) -> (Vec<Problem>, Vec<Problem>, usize) {
    assert!(GOOD.contains(from), "{from}");
    let changed = GOOD.replacen(from, to, 1);
    let line = GOOD.split(from).next().unwrap().matches('\n').count() + 1;
    match compile("mine.toml", &changed, &|_| None) {
        Ok(compiled) => (Vec::new(), compiled.warnings, line),
        Err(problems) => (problems, Vec::new(), line),
    }
}

#[test]
fn what_is_never_right_is_an_error_at_its_place() {
    for (from, to, expected) in [
        ("oid = \"P.51.1.3\"", "oid = \"P.51.1.4\"", "cannot be both"),
        ("oid = \"P.43.1.9\"", "oid = \"P.43.1.3.9\"", "one inside of the other"),
        ("scale = [{ factor = 0.01 }]", "scale = [{ factor = 0.01, offset = 1e9 }]", "no raw number of 32 bits"),
        ("scale = [{ factor = 0.01 }]", "scale = [{ factor = 0.01 }]\nplausible = [100.0, 200.0]", "is never from 100"),
    ] {
        let (errors, _, line) = change(from, to);
        let found = errors.iter().find(|problem| problem.message.contains(expected));
        let found = found.unwrap_or_else(|| panic!("{to}: {errors:?}"));
        assert!((line..=line + 1).contains(&found.line) && found.column > 0, "{to}: {found}");
    }
    for (from, to, expected) in [
        ("map = { 1 = \"up\", 2 = \"down\" }", "map = { 1 = \"unknown\" }", "never up and never down"),
        ("2 = \"down\" }\nsentinels = [-1]", "2 = \"down\" }\nsentinels = [2]", "hide it"),
        ("13 = \"power\"", "13 = \"lightning\"", "unknown word \"lightning\""),
    ] {
        let (errors, ..) = change(from, to);
        assert!(errors.iter().any(|problem| problem.message.contains(expected)), "{to}: {errors:?}");
    }
}

#[test]
fn what_may_be_meant_is_a_warning_until_a_note_says_so() {
    for (from, to, expected) in [
        ("oid = \"P.43.1.9\"", "oid = \"P.45.1.9\"", "is outside of"),
        ("map = { 1 = \"up\", 2 = \"down\" }", "map = { 1 = \"up\" }", "is never down"),
        (
            "scale = [{ factor = 0.01 }]\nsentinels = [2147483647]",
            "scale = [{ factor = 0.01 }]\nsentinels = [-100]",
            "is the plausible value -1 ",
        ),
    ] {
        let (errors, warnings, _) = change(from, to);
        assert_eq!(errors, [], "{to}");
        assert!(warnings.iter().any(|problem| problem.message.contains(expected)), "{to}: {warnings:?}");
        let (_, warnings, _) = change(from, &format!("note = \"as the maker says\"\n{to}"));
        assert_eq!(warnings, [], "{to}");
    }
    let (_, warnings, _) = change("scale = [{ factor = 0.01 }]", "scale = [{ factor = 0.01 }, { factor = 0.01 }]");
    assert!(warnings.iter().any(|problem| problem.message.contains("twice")), "{warnings:?}");
}

#[test]
fn settings_that_spare_a_family_want_a_reason() {
    let start = GOOD.find("why = ").unwrap();
    let end = GOOD.find("state_every").unwrap();
    let (errors, warnings, line) = change(&GOOD[start..end], "why = \"slow\"\n");
    assert_eq!(errors, []);
    let found = warnings.iter().find(|problem| problem.message.contains("read spare the family"));
    assert_eq!(found.map(|found| found.line), Some(line), "{warnings:?}");
}

#[test]
fn the_built_in_profiles_give_no_warning() {
    assert_eq!(Library::load(None).unwrap().warnings(), []);
}

#[test]
fn families_that_nothing_tells_apart_are_named_at_the_users_own() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../mibs/hioso-epon.toml").replace("name = \"hioso-epon\"", "name = \"our-hioso\"");
    std::fs::write(folder.path().join("ours.toml"), &text).unwrap();
    let library = Library::load(Some(folder.path())).unwrap();
    let [warning] = library.warnings() else { panic!("{:?}", library.warnings()) };
    assert!(warning.file.ends_with("ours.toml") && warning.message.contains("hioso-epon"), "{warning}");
    let line = text.split("[[detect]]").next().unwrap().matches('\n').count() + 1;
    assert_eq!(warning.line, line);

    let told_apart = text.replace("[[detect]]\n", "[[detect]]\nsys_descr = '^Ours'\n");
    std::fs::write(folder.path().join("ours.toml"), told_apart).unwrap();
    assert_eq!(Library::load(Some(folder.path())).unwrap().warnings(), []);
    assert!(Library::load(Some(Path::new("/nonexistent"))).is_err());
}
