//! `oltwatch alert` and what `check` says of alerts, as a user types them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod alert_support;
mod cli_support;

use std::path::{Path, PathBuf};

use alert_support::{Fault, Recorder};
use cli_support::{TOKEN, config, run};

/// A configuration with an OLT that nobody asks, and these sections.
fn with(folder: &Path, sections: &str) -> PathBuf {
    let path = config(folder, &[("olt-silent", "127.0.0.1:1")], "");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{sections}")).unwrap();
    path
}

/// Runs the binary while the server of this runtime answers.
async fn typed(arguments: Vec<String>) -> cli_support::Ended {
    tokio::task::spawn_blocking(move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap()
}

fn words(text: &str, path: &Path) -> Vec<String> {
    text.replace("FILE", path.to_str().unwrap()).split(' ').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_goes_through_its_life_on_every_channel_and_a_failure_is_told() {
    let server = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = with(
        folder.path(),
        &format!(
            "[[alert]]\nkind = \"telegram\"\nurl = \"{0}\"\ntoken_env = \"TEST_TOKEN\"\nchat = \"-1\"\nlanguage = \"pt\"\n\
             [[alert]]\nkind = \"webhook\"\nurl = \"{0}/hook\"\n",
            server.url
        ),
    );
    let tested = typed(words("alert test -c FILE telegram", &path)).await;
    assert_eq!(tested.code, 0, "{tested:?}");
    assert_eq!(tested.stdout.matches("taken").count(), 4, "{}", tested.stdout);
    let requests = server.requests();
    let methods: Vec<&str> = requests.iter().map(|request| request.path().rsplit('/').next().unwrap()).collect();
    assert_eq!(methods, ["sendMessage", "editMessageText", "editMessageText", "editMessageText"]);
    assert!(requests[0].path().contains(TOKEN));
    for request in &requests {
        assert!(request.json()["text"].as_str().unwrap().contains("TESTE – não há problema"), "it is marked");
    }
    server.set_down(Some(Fault::Says(500, "", "out of order")));
    let tested = typed(words("alert test -c FILE", &path)).await;
    assert_eq!(tested.code, 1, "{tested:?}");
    assert!(
        tested.stderr.contains("error: webhook opened: ") && tested.stderr.contains("answers 500: out of order"),
        "{tested:?}"
    );
    let tested = typed(words("alert test -c FILE telegran", &path)).await;
    assert!(tested.code == 2 && tested.stderr.contains("there are telegram, webhook"), "{tested:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_finds_a_wrong_template_by_its_place_and_a_channel_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = with(
        folder.path(),
        "[[alert]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\ntemplate = \"{{ titel }}\"\n",
    );
    let checked = typed(words("check --offline -c FILE", &path)).await;
    assert_eq!(checked.code, 78, "{checked:?}");
    assert!(checked.stderr.contains("alert.template: the template of \"webhook\" cannot be used: "), "{checked:?}");
    let text = std::fs::read_to_string(&path).unwrap().replace("titel", "title");
    std::fs::write(&path, text).unwrap();
    assert_eq!(typed(words("check --offline -c FILE", &path)).await.code, 0);
    let checked = typed(words("check -c FILE", &path)).await;
    assert_eq!(checked.code, 1);
    assert!(checked.stderr.contains("error: alert webhook: 127.0.0.1:1 could not connect"), "{checked:?}");
}

#[tokio::test]
async fn marks_are_made_listed_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = with(folder.path(), "");
    let listed = typed(words("alert list -c FILE", &path)).await;
    assert!(listed.code == 0 && listed.stdout.starts_with("nobody sees to anything"), "{listed:?}");
    assert_eq!(typed(words("alert ack -c FILE 01ABC --by Ana", &path)).await.stdout, "01ABC: Ana sees to it\n");
    let shelved = typed(words("alert shelve -c FILE --olt olt-* --kind power --for 2h --reason planned", &path)).await;
    assert!(shelved.stdout.starts_with("1: OLT olt-*, kind power shelved until "), "{shelved:?}");
    let listed = typed(words("alert list -c FILE", &path)).await.stdout;
    assert!(listed.contains("01ABC: Ana sees to it since ") && listed.contains("1: OLT olt-*"), "{listed}");
    assert_eq!(typed(words("alert unshelve -c FILE 1", &path)).await.code, 0);
    let gone = typed(words("alert unshelve -c FILE 1", &path)).await;
    assert!(gone.code == 1 && gone.stderr.contains("nothing is shelved under the number 1"), "{gone:?}");
    let unknown = typed(words("alert shelve -c FILE --olt nobody --for 2h --reason x", &path)).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
}
