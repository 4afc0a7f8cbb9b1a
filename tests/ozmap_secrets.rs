//! No secret of OZmap's, and none of ours, is left anywhere: not in the log, the database, the recording, the pages, nor
//! in what the commands print; though the import of the plant reads routes of OZmap that hand out logins (`/olts`, traces).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use cli_support::{COMMUNITY, Running, TOKEN, config, ended, oltwatch, ozmap_section, terminate};
use oltwatch::sim::ozmap::{OLT_COMMUNITY, OLT_PASSWORD, OLT_USER};

/// How long something may take that should take a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);

/// `oltwatch run`, which does not outlive its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn until(what: &str, folder: &Path, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen; log:\n{}", log(folder));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn assert_clean(place: &str, octets: &[u8]) {
    assert!(!octets.is_empty(), "{place} is empty");
    for secret in [OLT_USER, OLT_PASSWORD, OLT_COMMUNITY, TOKEN, COMMUNITY] {
        assert!(!octets.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in {place}");
    }
}

/// What OZmap answers to whoever has the token.
fn from_ozmap(ozmap: &Running, path: &str) -> String {
    let address = ozmap.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v2{path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: {TOKEN}\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    answer
}

#[test]
fn no_secret_is_left_in_log_database_recording_pages_or_output() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The daemon and the commands ask the OLT side by side.
    let (mut olt, ozmap) = (Running::huawei(2, 3, &[]), Running::ozmap(&["--clients", "6"]));
    olt.window = None;
    let (olts, trace) = (from_ozmap(&ozmap, "/olts"), from_ozmap(&ozmap, "/properties/client/10001/potency"));
    for secret in [OLT_USER, OLT_PASSWORD, OLT_COMMUNITY] {
        assert!(olts.contains(secret), "OZmap hands out {secret}: {olts}");
    }
    assert!(trace.contains(OLT_USER) && trace.contains(OLT_PASSWORD), "{trace}");

    let by_hand = ozmap.http("GET /_sim/requests", "").matches("\"number\"").count();
    assert_eq!(by_hand, 2);

    // One client shows an ERROR without a reason: its OK is written, and journaled.
    ozmap.http("POST /_sim/clients/10002/status", "{\"status\": 1}");
    let written = || !ozmap.http("GET /_sim/clients", "").contains("\"status\":1");
    assert!(!written(), "there is something to write");
    let more = format!(
        "state_every = \"400ms\"\noptics_every = \"600ms\"\n{}mode = \"write\"\nfull_read = \"3s\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"o.db\"\n",
        ozmap_section(&ozmap.address)
    );
    let config = config(folder, &[("olt-a", &olt.address)], &more);
    let recording = folder.join("recording.jsonl.gz");
    let mut run = oltwatch();
    run.args(["--log-level", "debug", "run", "-c"]).arg(&config).arg("--record").arg(&recording);
    run.stdout(Stdio::null()).stderr(std::fs::File::create(folder.join("log")).unwrap());
    let mut daemon = Daemon(run.spawn().unwrap());
    until("its start", folder, || log(folder).contains("oltwatch runs"));
    let told = log(folder);
    let address = told.split("http=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    until("its write", folder, written);
    let reads = || ozmap.http("GET /_sim/requests", "").matches("/properties").count();
    let before = reads();
    until("another read of the directory", folder, || reads() > before);
    // Since the daemon's start: of before are those two by hand.
    let asked = |path: &str| ozmap.http(&format!("GET /_sim/requests?since={by_hand}"), "").matches(path).count();
    until("its reads of logins", folder, || asked("/api/v2/olts") > 0 && asked("/potency") > 0);
    let plant = || cli_support::http(address, "GET /api/v1/plant", "");
    until("a plant", folder, || plant().contains("\"routes\":6") && !plant().contains("\"surveyed_at\":null"));

    let onu = "/api/v1/onus/olt-a/0/1/0/1";
    for page in ["/", "/readyz", "/metrics", "/api/v1/olts", "/api/v1/onus", onu, "/api/v1/plant", "/api/v1/ozmap"] {
        let answer = cli_support::http(address, &format!("GET {page}"), "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{page}: {answer}");
        assert_clean(page, answer.as_bytes());
    }
    let audit = &["ozmap", "plant", "--audit", "--format", "json"];
    for command in
        [&["ozmap", "clients"][..], &["ozmap", "unmatched"], &["ozmap", "diff"], &["ozmap", "plant"], audit, &["check"]]
    {
        let mut typed = oltwatch();
        typed.args(command).arg("-c").arg(&config);
        let ended = ended(typed);
        assert_clean(&command.join(" "), ended.all().as_bytes());
    }
    let files = |when: &str| {
        for name in ["o.db", "o.db-wal"] {
            if let Ok(octets) = std::fs::read(folder.join(name)).map(|octets| (!octets.is_empty()).then_some(octets)) {
                octets.iter().for_each(|octets| assert_clean(&format!("{name} {when}"), octets));
            }
        }
        let database = std::fs::metadata(folder.join("o.db")).unwrap().len();
        assert!(database > 0, "there is a database {when}");
    };
    files("while it runs");
    terminate(&daemon.0);
    assert!(daemon.0.wait().unwrap().success(), "{}", log(folder));
    files("after its end");
    // What holds logins in OZmap was kept, without them.
    let kept = oltwatch::store::plant_rows(&folder.join("o.db")).unwrap();
    assert!(kept.len() > 20, "{} rows of the plant", kept.len());
    assert_clean("the log", log(folder).as_bytes());
    let mut lines = Vec::new();
    let packed = std::fs::File::open(&recording).unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut lines).unwrap();
    assert!(lines.windows(18).any(|part| part == b"oltwatch_recording"), "it is unpacked");
    assert_clean("the recording", &lines);
}
