//! What the directory of OZmap's clients costs: octets a client, time and allocations of a whole read, and of looking for near
//! misses.
//!
//! `cargo bench --bench directory` reads 100,000 clients from the simulated OZmap at an unlimited rate, and packs 1,000,000;
//! `-- --smoke` does both small. Allocations are those of the thread that reads: the server runs on others.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench may fail loudly, and prints")]

use std::time::Instant;

use allocation_counter::{AllocationInfo, measure};
use oltwatch::config::Config;
use oltwatch::model::{Mac, Timestamp};
use oltwatch::ozmap::{Client, ClientId, Directory, Keys, near_misses};
use oltwatch::sim::ozmap::{OzmapOptions, Population, SimulatedOzmap};

/// The figure to hold.
const MOST_OCTETS: usize = 250;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let clients = if smoke { 2_000 } else { 100_000 };
    let runtime = |threads: usize| {
        let mut builder = if threads > 1 {
            tokio::runtime::Builder::new_multi_thread()
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        builder.enable_all().build().expect("a runtime")
    };
    let servers = runtime(2);
    let options = OzmapOptions::new("token").with(Population::clients(clients, 7));
    let server = servers.block_on(SimulatedOzmap::start(options)).expect("a server");

    let text = format!(
        "[ozmap]\nurl = {:?}\ntoken = \"token\"\nrequests_per_second = 1000\nburst = 1000\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n\
         [[olt]]\nname = \"a\"\naddress = \"192.0.2.1\"\ncredential = \"default\"\n",
        server.url()
    );
    let here = std::env::temp_dir();
    let config = Config::parse(&text, "bench.toml", &here, &|_| None).expect("a config");
    let client = Client::new(&config.ozmap.expect("[ozmap]")).expect("a client");

    let mut read = None;
    let began = Instant::now();
    let counted = measure(|| {
        read = Some(runtime(1).block_on(client.read_directory(|_, _| {})).expect("a directory"));
    });
    let took = began.elapsed();
    let directory = read.expect("a directory");
    println!("read {} clients in {} pages, {took:.1?}", directory.len(), directory.report().pages);
    tell("the reading thread", counted, directory.len());
    println!(
        "kept: {} octets, {} a client; at most {} beside it while it was read",
        directory.octets(),
        directory.octets() / directory.len(),
        counted.bytes_max.saturating_sub(u64::try_from(directory.octets()).unwrap_or(u64::MAX))
    );

    // Ten times as many, with the same texts.
    let octets: Vec<(ClientId, Vec<u8>)> = directory.to_octets().collect();
    let copies = (0..10_u8).flat_map(|copy| {
        octets.iter().map(move |(id, octets)| {
            let mut id = id.octets();
            id[0] = copy;
            (ClientId::from_octets(id), octets.as_slice())
        })
    });
    let mut packed = None;
    let began = Instant::now();
    let counted = measure(|| packed = Some(Directory::from_octets(Timestamp::from_millis(0), copies)));
    let took = began.elapsed();
    let packed = packed.expect("a directory");
    let packed_clients = u32::try_from(packed.len()).expect("a number of clients");
    println!("packed {} clients from what was kept, {took:.1?}", packed.len());
    tell("packing", counted, packed.len());
    let each = usize::try_from(counted.bytes_current).unwrap_or(usize::MAX) / packed.len();
    println!("each client takes {each} octets, of {MOST_OCTETS} allowed");
    assert!(each <= MOST_OCTETS, "{each} octets a client");
    drop(packed);
    near(packed_clients, if smoke { 500 } else { 20_000 });
}

/// What `ozmap unmatched` takes to find near misses: every client is without an ONU, and some ONUs are one letter off.
fn near(clients: u32, onus: u32) {
    // Neighbours in the list are far apart, as serials of many deliveries are.
    let serial = |n: u32| format!("ZTEG{:08X}", n.wrapping_mul(2_654_435_761));
    let mistyped = |n: u32| {
        let mut serial = serial(n);
        serial.replace_range(7..8, if serial.as_bytes().get(7) == Some(&b'7') { "4" } else { "7" });
        serial
    };
    let mac = |n: u32| Mac::from_octets(&[&[2, 0], &n.to_be_bytes()[..]].concat()).expect("six octets");
    let serials: Vec<String> = (0..clients).map(serial).collect();
    let clients: Vec<(ClientId, Keys<'_>)> = (0..clients)
        .zip(&serials)
        .map(|(n, serial)| {
            let [a, b, c, d] = n.to_be_bytes();
            (
                ClientId::from_octets([0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]),
                Keys { serial: Some(serial), mac: Some(mac(n)) },
            )
        })
        .collect();
    let wrong: Vec<String> = (0..onus).map(mistyped).collect();
    let onus: Vec<Keys<'_>> = wrong.iter().map(|serial| Keys { serial: Some(serial), mac: None }).collect();
    let mut found = Vec::new();
    let began = Instant::now();
    let counted = measure(|| found = near_misses(&onus, &clients));
    let took = began.elapsed();
    println!("near misses of {} ONUs among {} clients: {}, {took:.1?}", onus.len(), clients.len(), found.len());
    tell("looking for them", counted, clients.len());
    assert!(found.len() >= onus.len(), "{} found", found.len());
}

fn tell(who: &str, counted: AllocationInfo, clients: usize) {
    let clients = u64::try_from(clients).unwrap_or(u64::MAX);
    println!(
        "{who}: {} allocations ({} a client), {} octets in all, at most {} at once",
        counted.count_total,
        counted.count_total / clients,
        counted.bytes_total,
        counted.bytes_max
    );
}
