//! SNMPv3 authPriv beside v2c against net-snmp's snmpd, as the load agent speaks v2c only.

use std::fmt::Write as _;
use std::io;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Options;
use super::children::PollChild;

const TABLE: &str = "1.3.6.1.4.1.99999.1.1";
const COLUMNS: u32 = 4;

/// A running snmpd with a folder of its own; both are gone when it is dropped.
struct Snmpd {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Snmpd {
    /// `None` when there is no snmpd.
    fn start(rows: u32) -> io::Result<Option<Self>> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("snmpd.conf");
        let mut text = format!("agentAddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\n");
        let words = "authentication words";
        let _ = writeln!(text, "createUser bench SHA \"{words}\" AES \"{words}\"\nrouser bench priv");
        for column in 1..=COLUMNS {
            for row in 1..=rows {
                let _ = writeln!(text, "override .{TABLE}.{column}.{row} integer {}", row * column);
            }
        }
        std::fs::write(&config, text)?;
        let child = Command::new("snmpd")
            .args(["-f", "-Lf"])
            .arg(folder.path().join("log"))
            .args(["-C", "-c"])
            .arg(&config)
            .env("MIBS", "")
            .env("SNMP_PERSISTENT_DIR", folder.path().join("persistent"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Ok(Some(Self { child, address: format!("127.0.0.1:{port}"), _folder: folder })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
pub fn run(options: &Options) -> io::Result<()> {
    let rows = if options.smoke { 100 } else { 1000 };
    let Some(snmpd) = Snmpd::start(rows)? else {
        eprintln!("v3: there is no snmpd here");
        return Ok(());
    };
    let expected = u64::from(rows * COLUMNS);
    let mut first = 0.0;
    for user in [None, Some("bench")] {
        let mut arguments: Vec<String> =
            ["--port", "0", "--cycles", "100", "--at", &snmpd.address].map(str::to_owned).into();
        for column in 1..=COLUMNS {
            arguments.extend(["--column".to_owned(), format!("{TABLE}.{column}")]);
        }
        arguments.extend(user.iter().flat_map(|user| ["--user".to_owned(), (*user).to_owned()]));
        let mut poll = PollChild::start(&arguments)?;
        let mut figures = Vec::new();
        let mut last = poll.cycle()?;
        // It takes a moment to read its configuration.
        for _ in 0..50 {
            if last.cells == expected {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
            last = poll.cycle()?;
        }
        for _ in 0..15 {
            last = poll.cycle()?;
            figures.push(last.cpu_ns as f64 / 1e3 / last.cells.max(1) as f64);
        }
        poll.stop()?;
        figures.sort_by(f64::total_cmp);
        let median = figures.get(figures.len() / 2).copied().unwrap_or_default();
        let name = if user.is_some() { "snmpd, v3 SHA-1 AES-128" } else { "snmpd, v2c" };
        if options.json {
            let line =
                serde_json::json!({ "case": name, "cells": last.cells, "pdus": last.sent, "us_per_varbind": median });
            println!("{}", serde_json::to_string(&line)?);
        } else {
            print!(
                "{name:<38}    {:>10} {:>8} {:>7} {:>9.1} {:>7} {median:>7.3}",
                last.cells,
                last.sent,
                "-",
                last.wall_ns as f64 / 1e6,
                "-"
            );
            let ratio = if user.is_some() { format!("  {:.2} × v2c", median / first) } else { String::new() };
            let whole = if last.cells == expected { "complete" } else { "INCOMPLETE" };
            println!("  {whole}{ratio}");
        }
        first = median;
    }
    Ok(())
}
