//! E-mail to a real SMTP server (aiosmtpd) that requires STARTTLS and a login.

// A test may fail loudly; the allowances of clippy.toml reach only into functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod alert_support;
mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use alert_support::{PATIENCE, cleared, cut, now, secret, section};
use oltwatch::alert::channel::Sender;
use oltwatch::alert::{Delivery, Notice, Outcome, Part, Step, Writer};
use oltwatch::config::alert::{Alert, AlertChannel, Language, Mail, MailSecurity};

/// Where the Python is that has aiosmtpd.
const PYTHON: &str = "OLTWATCH_AIOSMTPD_PYTHON";

struct Server {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ozmap/tls").join(name)
}

impl Server {
    fn start(test: &str) -> Option<Self> {
        let Some(python) = std::env::var_os(PYTHON) else {
            support::skip(test, "aiosmtpd");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alert_smtp/server.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([folder.path(), &tls("certificate.pem"), &tls("key.pem")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { child, port, folder })
    }

    fn mail(&self, number: usize) -> String {
        let path = self.folder.path().join(format!("{number}.eml"));
        let give_up = Instant::now() + PATIENCE;
        while !path.exists() {
            assert!(Instant::now() < give_up, "mail {number} never comes");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::fs::read_to_string(path).unwrap()
    }

    fn section(&self, password: &str, ca_file: Option<PathBuf>) -> Alert {
        let mail = Mail {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: MailSecurity::Starttls,
            login: Some(("oltwatch".to_owned(), secret(password))),
            from: "oltwatch <oltwatch@example.net>".to_owned(),
            to: vec!["noc@example.net".to_owned(), "ana@example.net".to_owned()],
        };
        Alert { language: Language::Portuguese, ca_file, ..section("email", AlertChannel::Email(mail)) }
    }
}

async fn send(section: &Alert, step: Step, notice: Notice, id: &str) -> Result<Option<String>, (Outcome, String)> {
    let sender = Sender::new(section).unwrap().unwrap();
    let part = Part { step, notice: notice.into(), handle: None, flapping: false };
    let delivery = Delivery { id: id.to_owned(), parts: vec![part] };
    let text = Writer::new(section).unwrap().write(&delivery, now());
    sender.send(&delivery, &text, now()).await.map_err(|trouble| (trouble.outcome, trouble.why))
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_on_one_incident_are_one_conversation() {
    let Some(server) = Server::start("mails_on_one_incident_are_one_conversation") else { return };
    let section = server.section("hush", Some(tls("certificate.pem")));
    assert_eq!(Sender::new(&section).unwrap().unwrap().reach().await, Ok("takes mail".to_owned()));
    let open = cut("A", 48);
    send(&section, Step::Open, open.clone(), "A.1").await.unwrap();
    send(&section, Step::Resolve, cleared(&open), "A.2").await.unwrap();
    let (first, second) = (server.mail(1), server.mail(2));
    assert!(first.contains("To-Envelope: noc@example.net,ana@example.net"), "{first}");
    assert!(first.contains("Message-ID: <A.oltwatch@example.net>"), "{first}");
    assert!(
        second.contains("In-Reply-To: <A.oltwatch@example.net>")
            && second.contains("Message-ID: <A.2.oltwatch@example.net>"),
        "{second}"
    );
    assert!(first.contains("CABO A") && first.contains("Content-Type: text/plain; charset=utf-8"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_or_an_unknown_certificate_is_told_and_nothing_goes_out_in_clear() {
    let test = "a_wrong_password_or_an_unknown_certificate_is_told_and_nothing_goes_out_in_clear";
    let Some(server) = Server::start(test) else { return };
    let section = server.section("wrong-hush", Some(tls("certificate.pem")));
    let (outcome, why) = send(&section, Step::Open, cut("A", 48), "A.1").await.unwrap_err();
    assert!(
        matches!(outcome, Outcome::Later { .. }) && why.contains("535") && !why.contains("hush"),
        "{outcome:?} {why}"
    );
    let section = server.section("hush", None);
    let (outcome, why) = send(&section, Step::Open, cut("A", 48), "A.1").await.unwrap_err();
    assert!(
        matches!(outcome, Outcome::Later { .. }) && why.to_lowercase().contains("certificate"),
        "{outcome:?} {why}"
    );
    assert_eq!(std::fs::read_dir(server.folder.path()).unwrap().count(), 0);
}
