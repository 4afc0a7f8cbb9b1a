//! net-snmp's snmpd, with a table and a user.

use std::fmt::Write as _;
use std::io;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use crate::agent::v3;

const TABLE: &str = "1.3.6.1.4.1.99999.1.1";
const COLUMNS: u32 = 4;

/// The columns that it has.
pub fn columns() -> impl Iterator<Item = String> {
    (1..=COLUMNS).map(|column| format!("{TABLE}.{column}"))
}

/// A running snmpd with a folder of its own; both are gone when it is dropped.
pub struct Snmpd {
    child: Child,
    pub address: String,
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
    pub fn start(rows: u32) -> io::Result<Option<Self>> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("snmpd.conf");
        let mut text = format!("agentAddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\n");
        let (user, words) = (v3::USER, v3::PASSWORD);
        let _ = writeln!(text, "createUser {user} SHA \"{words}\" AES \"{words}\"\nrouser {user} priv");
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
