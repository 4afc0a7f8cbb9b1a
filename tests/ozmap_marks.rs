//! Marks of cuts on a simulated OZmap's map, over real HTTP: each once, whatever is lost on the way or killed, and solved when it
//! is over.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod live_support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, Ozmap};
use oltwatch::incident::Kind;
use oltwatch::ozmap::{Client, MarkTiming, Marks, WantedMark};
use oltwatch::plant::Coords;
use oltwatch::sim::ozmap::{OzmapOptions, SimulatedOzmap, WriteKind};
use oltwatch::sim::plant::CableKind;
use oltwatch::sim::world::{Action, Pieces};
use tokio::sync::watch;

const TOKEN: &str = "token-of-the-marks";
const PATIENCE: Duration = Duration::from_secs(60);
const RULE: &str = "mark_owner = \"65a000000000004e00000001\"\nmark_project = \"65a000000000000f00000001\"\n\
                    mark_type = \"65a000000000005000000001\"\n";

fn config(ozmap: &SimulatedOzmap) -> Ozmap {
    let text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"T\"\nmode = \"write\"\nrequests_per_second = 1000\nburst = 100\n{RULE}\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"c\"\n[[olt]]\nname = \"olt-1\"\naddress = \"127.0.0.1:1\"\n",
        ozmap.url()
    );
    let config = Config::parse(&text, "test", Path::new("."), &|_| Some(TOKEN.to_owned()));
    config.unwrap_or_else(|error| panic!("{error}")).ozmap.unwrap()
}

struct Keeper {
    marks: Marks,
    wanted: watch::Sender<Arc<Vec<WantedMark>>>,
    _shutdown: watch::Sender<bool>,
}

fn keep(ozmap: &SimulatedOzmap, timing: MarkTiming, wanted: Vec<WantedMark>) -> Keeper {
    let config = config(ozmap);
    let (wanted, receiver) = watch::channel(Arc::new(wanted));
    let (shutdown, stopped) = watch::channel(false);
    let client = Client::new(&config).unwrap();
    let marks = Marks::spawn(&client, config.marks.unwrap(), timing, receiver, stopped);
    Keeper { marks, wanted, _shutdown: shutdown }
}

fn mark(incident: &str, text: &str) -> WantedMark {
    WantedMark { incident: incident.into(), coords: Coords::new(-48.5, -27.5).unwrap(), description: text.to_owned() }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Of each mark: name, text, and whether it is solved.
fn shown(ozmap: &SimulatedOzmap) -> Vec<(String, String, bool)> {
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = ozmap.pendencies();
    rows.iter().map(|row| (text(row, "name"), text(row, "description"), row["solved"] == true)).collect()
}

fn quick() -> MarkTiming {
    MarkTiming { recall: Duration::from_millis(1500), retell: Duration::from_millis(50) }
}

#[tokio::test]
async fn a_mark_is_made_once_told_anew_and_solved() {
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN)).await.unwrap();
    let keeper = keep(&ozmap, quick(), Vec::new());
    keeper.wanted.send_replace(Arc::new(vec![mark("01AAA", "12 clients")]));
    until("it is made", || ozmap.pendencies().len() == 1).await;
    assert_eq!(shown(&ozmap), [("oltwatch 01AAA".to_owned(), "12 clients".to_owned(), false)]);
    keeper.wanted.send_replace(Arc::new(vec![mark("01AAA", "13 clients")]));
    until("its text is new", || shown(&ozmap)[0].1 == "13 clients").await;
    keeper.wanted.send_replace(Arc::new(Vec::new()));
    until("it is solved", || shown(&ozmap)[0].2).await;
    keeper.marks.kill().await;
    // Solved, by whomever, it stays so.
    let again = keep(&ozmap, quick(), vec![mark("01AAA", "14 clients")]);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!((ozmap.pendencies().len(), ozmap.writes()), (1, 3), "nothing was written twice");
    again.marks.kill().await;
    ozmap.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_mark() {
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN)).await.unwrap();
    ozmap.set_faults(["reset-after:on=writes,times=1".parse().unwrap()]);
    let keeper = keep(&ozmap, quick(), vec![mark("01AAA", "x"), mark("01BBB", "y")]);
    until("both are made", || ozmap.pendencies().len() >= 2).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let names: Vec<String> = shown(&ozmap).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["oltwatch 01AAA", "oltwatch 01BBB"]);
    assert_eq!(ozmap.writes_of(WriteKind::PendencyCreate).applied, 2);
    keeper.marks.kill().await;
    ozmap.stop().await;
}

#[tokio::test]
async fn one_who_is_killed_after_making_a_mark_leaves_it_to_the_next_who_makes_no_other_and_solves_it() {
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN)).await.unwrap();
    // Its answer comes late: it is made, and nobody knows.
    ozmap.set_faults(["slow-first-byte:on=writes,delay=20s".parse().unwrap()]);
    let keeper = keep(&ozmap, quick(), vec![mark("01AAA", "x")]);
    until("it is made", || ozmap.pendencies().len() == 1).await;
    keeper.marks.kill().await;
    ozmap.set_faults([]);
    let next = keep(&ozmap, quick(), vec![mark("01AAA", "x"), mark("01BBB", "y")]);
    until("the other is made", || ozmap.pendencies().len() == 2).await;
    next.marks.kill().await;
    // Of the next one's incidents only one is known: the other's mark stays for a while, and is solved then.
    let last = keep(&ozmap, quick(), vec![mark("01BBB", "y")]);
    until("it is solved", || shown(&ozmap)[0].2).await;
    assert!(!shown(&ozmap)[1].2);
    assert_eq!(ozmap.writes_of(WriteKind::PendencyCreate).applied, 2);
    last.marks.kill().await;
    ozmap.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_marked_where_it_is_with_whom_it_hits_and_solved_after_the_repair() {
    let town = live_support::Town::with(live_support::options(8), Duration::from_secs(1), RULE).await;
    let cable = town.cable(CableKind::Distribution);
    let row = town.ground().plant().cables.get(cable).unwrap().clone();
    let codes = town.codes_behind(cable);
    let action = Action::Cut { cable, metre: row.length / 2.0, pieces: Pieces::ONE };
    town.after_sweep(&town.olt_of(cable)).await;
    town.strike(action).await;
    let marks = || async { shown(town.live.lock().await.ozmap()) };
    let deadline = Instant::now() + live_support::PATIENCE;
    while marks().await.is_empty() {
        assert!(Instant::now() < deadline, "it is not marked; {:#?}", town.daemon.board().incidents().open);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let incident = town.changes()[0].1.incident.clone();
    assert_eq!(incident.kind, Kind::Cut);
    let made = marks().await;
    assert_eq!((made.len(), &made[0].0), (1, &format!("oltwatch {}", incident.id)));
    assert!(made[0].1.contains(&*row.name) && codes.iter().all(|code| made[0].1.contains(code)), "{made:?}");
    let at = town.live.lock().await.ozmap().pendencies()[0]["coords"].clone();
    let ends = [row.a, row.b].map(|place| town.ground().plant().places.get(place).unwrap().at.coords());
    let between = |value: &serde_json::Value, one: f64, other: f64| {
        let value = value.as_f64().unwrap();
        value >= one.min(other) - 1e-4 && value <= one.max(other) + 1e-4
    };
    assert!(between(&at[0], ends[0].lng, ends[1].lng) && between(&at[1], ends[0].lat, ends[1].lat), "{at} {ends:?}");
    town.repair().await;
    let deadline = Instant::now() + live_support::PATIENCE;
    while !marks().await[0].2 {
        assert!(Instant::now() < deadline, "it is not solved");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(marks().await.len(), 1);
    town.end().await;
}
