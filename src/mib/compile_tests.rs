use super::*;

const GOOD: &str = include_str!("../../mibs/huawei-smartax.toml");

/// The problems of the Huawei profile with one text in it replaced, and the line where the replacement stands.
fn break_it(from: &str, to: &str) -> (Vec<Problem>, usize) {
    assert!(GOOD.contains(from), "{from}");
    let broken = GOOD.replacen(from, to, 1);
    let line = GOOD.split(from).next().unwrap().matches('\n').count() + 1;
    (compile("broken.toml", &broken, &|_| None).map(|_| ()).expect_err("the profile should be refused"), line)
}

#[test]
fn a_mistake_is_refused_with_its_line_and_what_was_expected() {
    for (from, to, expected) in [
        ("field = \"rx\"", "field = \"rxx\"", "unknown field \"rxx\""),
        ("oid = \"P.51.1.4\"", "oid = \"Q.51.1.4\"", "unknown OID name \"Q\""),
        ("oid = \"P.51.1.4\"", "oid = \"P.51.x.4\"", "is not an OID"),
        ("rows = \"pon\"", "rows = \"port\"", "onu or pon was expected"),
        ("read = \"get-up\"", "read = \"get-down\"", "walk, walk-by-pon"),
        ("confidence = \"A\"", "confidence = \"sure\"", "A, B or C was expected"),
        ("state_every = \"60s\"", "state_every = \"sixty\"", "is no duration"),
        ("max_repetitions = 20", "max_repetitions = 0", "is not from 1 to 1000"),
        ("sys_descr = '^Huawei", "sys_descr = '(^Huawei", "unclosed group"),
        ("index = \"interface\"", "index = \"interfaces\"", "unknown index \"interfaces\""),
        ("by = [\"ifindex\"]", "by = [\"ifname\"]", "neither in the join's index"),
        ("format = \"GPON ", "format = \"GPONN ", "which the pattern does not match"),
        ("oid = \"P.43.1.9\"", "then = \"P.43.1.8\"\noid = \"P.43.1.9\"", "only a serial that is read as a text"),
        ("rows = \"onu\"", "rows = \"onu\"\nlisted = true", "listed is for rows of PONs"),
        ("index = \"epon_onu\"", "or_index = [\"onus\"]\nindex = \"epon_onu\"", "unknown index \"onus\""),
    ] {
        let (problems, line) = break_it(from, to);
        let problem = problems.iter().find(|problem| problem.message.contains(expected));
        let problem = problem.unwrap_or_else(|| panic!("{to}: {problems:?}"));
        assert_eq!(problem.line, line, "{to}: {problem}");
        assert!(problem.to_string().starts_with("broken.toml:"), "{problem}");
    }
}

#[test]
fn mistakes_of_a_whole_block_name_the_block() {
    for (from, to, expected) in [
        ("oid = \"P.43.1.3\"\n", "", "either oid or from_index"),
        ("oid = \"P.43.1.9\"", "oid = \"P.43.1.9\"\nsacle = 1", "unknown field `sacle`"),
        ("map = { 1 = \"up\", 2 = \"down\" }", "map = { 1 = \"up\", 2 = \"dead\" }", "unknown word \"dead\""),
        ("scale = [{ factor = 0.01 }]", "scale = [{ factor = 0.0 }]", "other than 0"),
        ("oid = \"P.51.1.3\"", "oid = \"P.51.1.3\"\nmap = { 1 = \"up\" }", "tx is no enumeration"),
        (
            "pon = [\"frame\", \"slot\", \"port\"]",
            "pon = [\"frame\", \"slot\", \"hole\"]",
            "neither index nor joins give",
        ),
        (
            "rows = \"onu\"\nindex = \"onu\"\nread = \"get-up\"",
            "rows = \"onu\"\nindex = \"interface\"\nread = \"walk-by-pon\"",
            "walk-by-pon needs an index",
        ),
        ("key = [\"ifindex\", \"onu\"]", "key = [\"onu\"]", "get-up needs an index that follows from the key"),
        (
            "oid = \"P.21.1.16\"",
            "oid = \"P.21.1.16\"\n[[table.column]]\nfield = \"onus\"\nobject = \"x\"\noid = \"P.21.1.16\"",
            "a second time",
        ),
    ] {
        let (problems, _) = break_it(from, to);
        assert!(problems.iter().any(|problem| problem.message.contains(expected)), "{to}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.line > 1), "{problems:?}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let broken = GOOD.replace("index = \"port\"", "index = \"prot\"").replace("oid = \"P.46", "oid = \"X.46");
    assert!(compile("broken.toml", &broken, &|_| None).unwrap_err().len() >= 5);
}
