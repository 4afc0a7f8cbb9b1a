//! What the directory of OZmap's clients costs: octets a client, time and allocations of a whole read.
//!
//! `cargo bench --bench directory` reads 100,000 clients from the simulated OZmap at an unlimited rate, and packs 1,000,000;
//! `-- --smoke` does both small. Allocations are those of the thread that reads: the server runs on others.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench may fail loudly, and prints")]

use std::time::Instant;

use allocation_counter::{AllocationInfo, measure};
use oltwatch::config::Config;
use oltwatch::model::Timestamp;
use oltwatch::ozmap::{Client, ClientId, Directory};
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
    println!("packed {} clients from what was kept, {took:.1?}", packed.len());
    tell("packing", counted, packed.len());
    let each = usize::try_from(counted.bytes_current).unwrap_or(usize::MAX) / packed.len();
    println!("each client takes {each} octets, of {MOST_OCTETS} allowed");
    assert!(each <= MOST_OCTETS, "{each} octets a client");
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
