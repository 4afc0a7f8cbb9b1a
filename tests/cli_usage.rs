//! Help, completions, the manual page, and what is no command.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use cli_support::run;

#[test]
fn completions_and_the_manual_page_name_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_eq!((script.code, script.stderr.as_str()), (0, ""));
        assert!(script.stdout.contains("probe") && script.stdout.contains("unmatched"), "{shell}");
    }
    let page = run(&["man"]);
    assert_eq!((page.code, page.stderr.as_str()), (0, ""));
    for part in [".TH", "OLTWATCH POLL", "OLTWATCH SIM OLT", "service\\-time"] {
        assert!(page.stdout.contains(part), "{part}");
    }
}

#[test]
fn usage_is_2_and_help_is_a_result() {
    for wrong in [&["pol"][..], &["poll"], &["poll", "-c"], &["--color", "sometimes", "man"], &[]] {
        let ended = run(wrong);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{wrong:?}");
        assert!(!ended.stderr.is_empty());
    }
    let level = run(&["poll", "-c", "x", "--log-level", "oltwatch=loud"]);
    assert_eq!(level.code, 2, "{level:?}");
    for help in
        [&["--help"][..], &["poll", "--help"], &["sim", "olt", "--help"], &["--version"], &["help", "ozmap", "diff"]]
    {
        let ended = run(help);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{help:?}");
        assert!(ended.stdout.contains("oltwatch"), "{help:?}");
    }
}
