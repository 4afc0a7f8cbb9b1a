//! The OZmap room against the simulated OZmap, which was written apart from it: the awkward data, and every fault.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oltwatch::config::{Config, Ozmap};
use oltwatch::model::{OltId, OnuId, OnuKey, SweepKind, Verdict};
use oltwatch::ozmap::{Client, Looks, OltWishes, OnuIdentity, Pusher, Remedy, Timing, Wish};
use oltwatch::sim::ozmap::{Fault, OzmapOptions, Population, SimulatedOzmap};
use tokio::sync::watch;

const TOKEN: &str = "the-token-that-nobody-may-see";
const CLIENTS: usize = 1200;

/// Waits are short, so that tests are.
const TIMING: Timing = Timing {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(5),
    write: Duration::from_secs(5),
    backoff_first: Duration::from_millis(1),
    backoff_most: Duration::from_millis(10),
    tries: 6,
};

fn config(url: &str, more: &str) -> Ozmap {
    let text = format!(
        "[ozmap]\nurl = \"{url}\"\ntoken_env = \"T\"\nrequests_per_second = 1000\nburst = 100\nmode = \"write\"\n{more}\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"127.0.0.1\"\n"
    );
    let environment = |_: &str| Some(TOKEN.to_owned());
    Config::parse(&text, "test", Path::new("."), &environment).unwrap().ozmap.unwrap()
}

fn client(ozmap: &SimulatedOzmap) -> Client {
    Client::with_timing(&config(&ozmap.url(), ""), TIMING).unwrap()
}

async fn ozmap(faults: &[&str]) -> SimulatedOzmap {
    let options = OzmapOptions::new(TOKEN).with(Population::clients(CLIENTS, 3));
    let ozmap = SimulatedOzmap::start(options).await.unwrap();
    ozmap.set_faults(faults.iter().map(|fault| fault.parse::<Fault>().unwrap()));
    ozmap
}

#[tokio::test]
async fn the_directory_is_the_same_whatever_lists_do() {
    for faults in [
        &[][..],
        &["wrong-total:by=-700"],
        &["wrong-total:by=5000"],
        &["rows-repeated:rows=7"],
        &["page-twice:times=1"],
        &["limit-cap:rows=60"],
        &["next-url-missing"],
        &["get-body-dropped"],
        &["too-many-requests:times=2"],
        &["internal-error:times=2"],
        &["bad-gateway:times=3"],
        &["unavailable:times=2"],
        &["reset-before:times=2"],
        &["reset-mid-body:times=2"],
        &["truncated-json:times=1"],
        &["slow-first-byte:delay=50ms"],
        &["error-body-html", "internal-error:times=1"],
        &["embedded-names-omitted"],
    ] {
        let ozmap = ozmap(faults).await;
        let directory = client(&ozmap).read_directory(|_, _| {}).await.unwrap_or_else(|e| panic!("{faults:?}: {e}"));
        assert_eq!(directory.len(), CLIENTS, "{faults:?}");
        let codes: std::collections::BTreeSet<&str> = directory.clients().filter_map(|client| client.code).collect();
        assert_eq!(codes.len(), CLIENTS, "{faults:?}");
        ozmap.stop().await;
    }
}

#[tokio::test]
async fn each_trouble_has_its_own_words_and_none_shows_the_token() {
    for (fault, expected, remedy) in [
        ("unauthorized", "does not know this token", "StopWriting"),
        ("forbidden", "may not do this", "StopWriting"),
        ("not-found", "status 404", "SkipItem"),
        ("too-many-requests", "asks for patience with status 429", "Retry"),
        ("internal-error", "failed with status 500", "Retry"),
        ("bad-gateway", "failed with status 502", "Retry"),
        ("reset-before", "no answer from OZmap", "HostDown"),
        ("truncated-json", "was expected, found", "Retry"),
        ("html-instead-of-json", "HTML", "Retry"),
        ("next-url-elsewhere", "", ""),
    ] {
        let ozmap = ozmap(&[fault]).await;
        let result = client(&ozmap).read_directory(|_, _| {}).await;
        if fault == "next-url-elsewhere" {
            // Another host is never followed; the pages are asked for by number instead, or it is an error.
            let elsewhere = result.map(|directory| directory.len());
            assert!(elsewhere.as_ref().map_or(true, |len| *len == CLIENTS), "{elsewhere:?}");
            continue;
        }
        let error = result.err().unwrap_or_else(|| panic!("{fault} went through"));
        let text = error.to_string();
        assert!(text.contains(expected), "{fault}: {text}");
        assert!(text.contains("/properties"), "{fault}: the path is missing: {text}");
        assert!(!format!("{text} {error:?}").contains(TOKEN));
        assert!(format!("{:?}", error.remedy()).starts_with(remedy), "{fault}: {:?}", error.remedy());
        ozmap.stop().await;
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Client::with_timing(&config(&format!("http://{closed}"), ""), TIMING).unwrap();
    let error = nobody.check().await.unwrap_err();
    assert!(matches!(error.remedy(), Remedy::HostDown) && error.to_string().contains(&closed.to_string()), "{error}");
}

/// One ONU for each client that the fake holds: the first is down, or the whole list is.
fn wishes(ozmap: &SimulatedOzmap, verdict: impl Fn(usize) -> Verdict) -> OltWishes {
    let wish = |(place, client): (usize, oltwatch::sim::ozmap::ClientView)| Wish {
        identity: OnuIdentity {
            onu: OnuId { olt: OltId::new("olt"), key: OnuKey::new(&[u32::try_from(place).unwrap()]) },
            serial: client.serial.parse().ok(),
            mac: None,
            name: None,
            pon: None,
            number: None,
        },
        verdict: verdict(place),
        evidence: SweepKind::State,
        reason: Arc::from("a test"),
        rx: None,
        incident: None,
    };
    OltWishes {
        olt: OltId::new("olt"),
        complete: true,
        looks: Looks { state: 1, optics: 1 },
        wishes: ozmap.clients().into_iter().enumerate().map(wish).collect(),
    }
}

fn red(ozmap: &SimulatedOzmap) -> BTreeMap<String, u8> {
    ozmap
        .clients()
        .into_iter()
        .filter(|client| client.status != 0)
        .map(|client| (client.code.clone(), client.status))
        .collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not happen");
}

/// Whatever goes wrong on the way, in the end OZmap shows what is true, and nothing else was touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_reach_the_truth_through_every_fault() {
    for faults in [
        &[][..],
        &["reset-before:on=writes,times=3"],
        &["reset-after:on=writes,times=3"],
        &["internal-error:on=writes,applied=true,times=2"],
        &["bad-gateway:on=writes,times=2"],
        &["too-many-requests:on=writes,times=2"],
        &["html-instead-of-json:on=writes,times=2"],
        &["empty-ok:times=3"],
        &["probability-mix", ""],
    ] {
        let faults: &[&str] = if faults.len() == 2 {
            &[
                "internal-error:on=writes,probability=0.2",
                "reset-after:on=writes,probability=0.2",
                "truncated-json:probability=0.1",
            ]
        } else {
            faults
        };
        let ozmap = ozmap(faults).await;
        let settings = config(&ozmap.url(), "batch_above = 5\nbatch_size = 40\nbrake_share = 1.0\nfull_read = \"2s\"");
        let (_shutdown, stopped) = watch::channel(false);
        let client = Client::with_timing(&settings, TIMING).unwrap();
        let pusher = Pusher::spawn(&client, &settings, stopped);
        let writable = ozmap.clients().iter().filter(|client| client.implanted).count();
        // One lone client, then a hundred, then everyone back.
        for lost in [1, 100, 0] {
            pusher.submit(wishes(&ozmap, |place| if place < lost { Verdict::Error } else { Verdict::Ok }));
            let wanted = ozmap.clients().iter().take(lost).filter(|client| client.implanted).count();
            until(&format!("{faults:?}: {lost} lost"), || red(&ozmap).len() == wanted).await;
        }
        assert!(writable > 1000);
        assert_eq!(red(&ozmap), BTreeMap::new(), "{faults:?}");
        for request in ozmap.requests().iter().filter(|request| request.path.ends_with("batch-update")) {
            let body: serde_json::Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
            let ids = body["filter"][0]["value"].as_array().unwrap();
            assert!((1..=40).contains(&ids.len()), "a batch names its clients, at most as many as allowed");
        }
        pusher.stop().await;
        ozmap.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_stops_writing_and_a_good_one_goes_on() {
    let ozmap = ozmap(&["unauthorized:on=writes"]).await;
    let settings = config(&ozmap.url(), "full_read = \"1s\"\nbrake_share = 1.0");
    let (_shutdown, stopped) = watch::channel(false);
    let client = Client::with_timing(&settings, TIMING).unwrap();
    let pusher = Pusher::spawn(&client, &settings, stopped);
    let lost = ozmap.clients().iter().position(|client| client.implanted).unwrap();
    pusher.submit(wishes(&ozmap, |place| if place == lost { Verdict::Error } else { Verdict::Ok }));
    until("the pusher to stop writing", || pusher.snapshot().halted.is_some()).await;
    assert_eq!(red(&ozmap).len(), 0);
    ozmap.set_faults([]);
    until("the pusher to go on", || red(&ozmap).len() == 1).await;
    pusher.stop().await;
    ozmap.stop().await;
}

/// The awkward data of the API reference, section 9: what can be matched is, what is ambiguous or reserved is never written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awkward_clients_are_matched_or_left_alone() {
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(Population::Awkward)).await.unwrap();
    let settings = config(&ozmap.url(), "brake_share = 1.0");
    let client = Client::with_timing(&settings, TIMING).unwrap();
    let directory = client.read_directory(|_, _| {}).await.unwrap();
    let serial = |code: &str| {
        let found: Vec<_> = directory.clients().filter(|client| client.code == Some(code)).collect();
        assert_eq!(found.len(), 1, "{code}");
        found[0].serial.map(str::to_owned)
    };
    assert_eq!(serial("SN-LOWER").as_deref(), Some("ZTEGC1B20001"));
    assert_eq!(serial("SN-HEX").as_deref(), Some("ZTEGC1B20002"));
    assert_eq!(serial("SN-DASH").as_deref(), Some("ZTEGC1B20003"));
    assert_eq!(serial("SN-SPACED").as_deref(), Some("ZTEGC1B20004"));
    for code in ["ONU-EMPTY", "ONU-NULL", "ONU-MISSING"] {
        assert_eq!(serial(code), None, "{code}");
    }
    let (_shutdown, stopped) = watch::channel(false);
    let pusher = Pusher::spawn(&client, &settings, stopped);
    pusher.submit(wishes(&ozmap, |_| Verdict::Error));
    until("the writes to be done", || {
        let now = pusher.snapshot();
        now.directory.is_some() && now.pending == 0 && ozmap.status_of("SN-HEX") == Some(1)
    })
    .await;
    for untouched in ["DUP-SN-1", "DUP-SN-2", "RESERVED"] {
        assert_eq!(ozmap.status_of(untouched), Some(0), "{untouched}");
    }
    assert!(pusher.snapshot().matching.ambiguous >= 1);
    pusher.stop().await;
    ozmap.stop().await;
}
