//! The receiver of traps against net-snmp's `snmptrap` and `snmpinform`: v1, v2c, and SNMPv3 at every level.

// A test may fail loudly; the allowances of clippy.toml reach only into functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oltwatch::config::{Auth, AuthProtocol, Credential, KeyExtension, Privacy, PrivacyProtocol, Secret, SnmpVersion};
use oltwatch::model::OltId;
use oltwatch::poll::{Hint, Offered};
use oltwatch::snmp::{TrapKind, TrapVersion};
use oltwatch::trap::{Received, Receiver, Sender, Statuses};
use tokio::sync::watch;

/// Every wait in here ends much sooner, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
const AUTH_PASSWORD: &str = "authentication words";
const PRIVACY_PASSWORD: &str = "privacy words";
const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";

/// A receiver for one OLT at this host.
struct Rig {
    to: String,
    statuses: Statuses,
    hints: Arc<Mutex<Vec<Hint>>>,
    folder: tempfile::TempDir,
    _shutdown: watch::Sender<bool>,
}

impl Rig {
    fn start(credential: Credential) -> Self {
        let hints = Arc::new(Mutex::new(Vec::new()));
        let given = Arc::clone(&hints);
        let sender = Sender {
            olt: OltId::new("olt"),
            address: "127.0.0.1:161".to_owned(),
            credential,
            look: Arc::new(move |hint| {
                given.lock().unwrap().push(hint);
                Offered::Now
            }),
        };
        let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = receiver.address().to_string();
        let statuses = Statuses::new(receiver.address(), [&sender.olt]);
        let (shutdown, stopped) = watch::channel(false);
        tokio::spawn(oltwatch::trap::keep(receiver, vec![sender], statuses.clone(), stopped));
        Self { to, statuses, hints, folder: tempfile::tempdir().unwrap(), _shutdown: shutdown }
    }

    /// Runs a program against the receiver; whether it was content.
    async fn run(&self, program: &str, before: &[&str], after: &[&str]) -> bool {
        let mut command = Command::new(program);
        command.args(before).arg(&self.to).args(after).env("MIBS", "");
        command.env("SNMP_PERSISTENT_DIR", self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        tokio::task::spawn_blocking(move || command.status().unwrap().success()).await.unwrap()
    }

    async fn until(&self, what: &str, condition: impl Fn(&oltwatch::trap::Status) -> bool) {
        let give_up = Instant::now() + PATIENCE;
        while !condition(&self.statuses.now()) {
            assert!(Instant::now() < give_up, "{what}: {:?}", self.statuses.now());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn hints(&self) -> Vec<Hint> {
        self.hints.lock().unwrap().clone()
    }
}

fn v2c() -> Credential {
    let version = SnmpVersion::V2c { community: Secret::new("public".to_owned()) };
    Credential { name: "v2c".to_owned(), version }
}

fn v3(auth: Option<AuthProtocol>, privacy: Option<PrivacyProtocol>) -> Credential {
    let auth = auth.map(|protocol| Auth { protocol, password: Secret::new(AUTH_PASSWORD.to_owned()) });
    let privacy = privacy.map(|protocol| Privacy {
        protocol,
        password: Secret::new(PRIVACY_PASSWORD.to_owned()),
        key_extension: KeyExtension::Blumenthal,
    });
    Credential { name: "v3".to_owned(), version: SnmpVersion::V3 { user: "noc".to_owned(), auth, privacy } }
}

#[tokio::test(flavor = "multi_thread")]
async fn v1_and_v2c_are_understood_and_an_inform_is_content_with_its_answer() {
    let test = "v1_and_v2c_are_understood_and_an_inform_is_content_with_its_answer";
    if !support::has_program(test, "snmptrap") || !support::has_program(test, "snmpinform") {
        return;
    }
    let rig = Rig::start(v2c());
    let v2 = ["-v", "2c", "-c", "whatever"];
    assert!(
        rig.run("snmptrap", &["-v", "1", "-c", "whatever"], &["1.3.6.1.4.1.2011", "192.0.2.7", "6", "18", "100"]).await
    );
    assert!(rig.run("snmptrap", &v2, &["", "1.3.6.1.6.3.1.1.5.1"]).await);
    assert!(
        rig.run(
            "snmptrap",
            &v2,
            &["", LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.7", "i", "7", "1.3.6.1.2.1.2.2.1.2.7", "s", "gpon"]
        )
        .await
    );
    let inform = ["-v", "2c", "-c", "whatever", "-t", "20", "-r", "2"];
    assert!(
        rig.run("snmpinform", &inform, &["", LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.7", "i", "7"]).await,
        "it is answered"
    );
    rig.until("all of them", |status| {
        let count = |version, kind| status.received[&Received { version, kind }];
        count(TrapVersion::V1, TrapKind::Trap) == 1
            && count(TrapVersion::V2c, TrapKind::Trap) == 2
            && count(TrapVersion::V2c, TrapKind::Inform) >= 1
    })
    .await;
    assert_eq!(rig.hints()[..3], [Hint::State, Hint::Everything, Hint::State]);
    assert_eq!(rig.statuses.now().dropped.values().sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn v3_traps_are_opened_at_every_level() {
    if !support::has_program("v3_traps_are_opened_at_every_level", "snmptrap") {
        return;
    }
    let auth = |name: &'static str| vec!["-a", name, "-A", AUTH_PASSWORD];
    let privacy = |name: &'static str| vec!["-x", name, "-X", PRIVACY_PASSWORD];
    let (md5, sha, sha256, sha512) =
        (AuthProtocol::Md5, AuthProtocol::Sha1, AuthProtocol::Sha256, AuthProtocol::Sha512);
    for (credential, level, arguments) in [
        (v3(None, None), "noAuthNoPriv", vec![]),
        (v3(Some(md5), None), "authNoPriv", auth("MD5")),
        (v3(Some(sha), Some(PrivacyProtocol::Des)), "authPriv", [auth("SHA"), privacy("DES")].concat()),
        (v3(Some(sha256), Some(PrivacyProtocol::Aes128)), "authPriv", [auth("SHA-256"), privacy("AES")].concat()),
        (v3(Some(sha512), Some(PrivacyProtocol::Aes256)), "authPriv", [auth("SHA-512"), privacy("AES-256")].concat()),
    ] {
        let rig = Rig::start(credential);
        let head = ["-v", "3", "-e", "0x8000000001020304", "-u", "noc", "-l", level];
        assert!(rig.run("snmptrap", &[&head[..], &arguments].concat(), &["", LINK_DOWN]).await);
        rig.until(level, |status| status.received[&Received { version: TrapVersion::V3, kind: TrapKind::Trap }] == 1)
            .await;
        assert_eq!(rig.hints(), [Hint::State]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v3_trap_with_a_wrong_password_is_dropped_and_a_v3_inform_is_not_answered() {
    let test = "a_v3_trap_with_a_wrong_password_is_dropped_and_a_v3_inform_is_not_answered";
    if !support::has_program(test, "snmptrap") || !support::has_program(test, "snmpinform") {
        return;
    }
    let rig = Rig::start(v3(Some(AuthProtocol::Sha256), None));
    let head = ["-v", "3", "-e", "0x8000000001020304", "-u", "noc", "-l", "authNoPriv", "-a", "SHA-256"];
    assert!(rig.run("snmptrap", &[&head[..], &["-A", "some other words"]].concat(), &["", LINK_DOWN]).await);
    rig.until("the refusal", |status| status.dropped["signature"] == 1).await;
    let inform =
        ["-v", "3", "-u", "noc", "-l", "authNoPriv", "-a", "SHA-256", "-A", AUTH_PASSWORD, "-t", "1", "-r", "0"];
    assert!(!rig.run("snmpinform", &inform, &["", LINK_DOWN]).await, "it is not supported");
    rig.until("the question of the inform", |status| status.dropped["v3_inform"] >= 1).await;
    assert_eq!(rig.hints(), []);
}
