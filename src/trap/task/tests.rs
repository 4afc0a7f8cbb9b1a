use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::*;
use crate::config::{Secret, SnmpVersion};
use crate::snmp::{trap_octets, v1_trap_octets};

/// Every wait in here ends much sooner, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const WRONG_PASSWORD: &str = "1.3.6.1.6.3.1.1.5.5";

fn v2c() -> Credential {
    Credential { name: "v2c".to_owned(), version: SnmpVersion::V2c { community: Secret::new("public".to_owned()) } }
}

/// A receiver with OLTs at these addresses.
struct Rig {
    to: SocketAddr,
    statuses: Statuses,
    hints: Arc<Mutex<Vec<(usize, Hint)>>>,
    socket: UdpSocket,
    _shutdown: watch::Sender<bool>,
}

impl Rig {
    async fn start(olts: &[(&str, Credential)]) -> Self {
        let hints = Arc::new(Mutex::new(Vec::new()));
        let sender = |(place, (address, credential)): (usize, &(&str, Credential))| {
            let hints = Arc::clone(&hints);
            Sender {
                olt: OltId::new(&format!("olt-{place}")),
                address: (*address).to_owned(),
                credential: credential.clone(),
                look: Arc::new(move |hint| {
                    hints.lock().unwrap().push((place, hint));
                    Offered::Now
                }),
            }
        };
        let senders: Vec<Sender> = olts.iter().enumerate().map(sender).collect();
        let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = receiver.address();
        let statuses = Statuses::new(to, senders.iter().map(|sender| &sender.olt));
        let (shutdown, stopped) = watch::channel(false);
        let kept = statuses.clone();
        tokio::spawn(async move { receiver.run(&senders, &kept, stopped).await });
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { to, statuses, hints, socket, _shutdown: shutdown }
    }

    async fn send(&self, octets: &[u8]) {
        self.socket.send_to(octets, self.to).await.unwrap();
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.statuses.now().dropped[reason]
    }

    fn received(&self) -> u64 {
        self.statuses.now().received.values().sum()
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let give_up = std::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(std::time::Instant::now() < give_up, "{what}: {:?}", self.statuses.now());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn hints(&self) -> Vec<(usize, Hint)> {
        self.hints.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_trap_is_a_hint_to_the_olt_at_its_source_and_to_no_other() {
    let rig = Rig::start(&[("192.0.2.10:161", v2c()), ("127.0.0.1:161", v2c())]).await;
    rig.send(&trap_octets(0xa7, LINK_DOWN)).await;
    rig.send(&v1_trap_octets([192, 0, 2, 10])).await;
    rig.send(&trap_octets(0xa7, WRONG_PASSWORD)).await;
    rig.until("three traps", |rig| rig.received() == 3).await;
    assert_eq!(rig.hints(), [(1, Hint::State), (1, Hint::State)], "who really sends counts before what is said inside");
    let status = rig.statuses.now();
    let tally = &status.olts[&OltId::new("olt-1")];
    assert_eq!((tally.received, tally.now, tally.without_look, tally.last.is_some()), (3, 2, 1, true));
    assert_eq!(status.olts[&OltId::new("olt-0")], super::super::Tally::default());
}

#[tokio::test]
async fn strangers_are_counted_unless_they_speak_for_an_olt() {
    let rig = Rig::start(&[("192.0.2.10:161", v2c())]).await;
    rig.send(&trap_octets(0xa7, LINK_DOWN)).await;
    rig.send(b"no SNMP").await;
    rig.until("two strangers", |rig| rig.dropped("unknown_sender") == 2).await;
    assert_eq!(rig.hints(), []);
    rig.send(&v1_trap_octets([192, 0, 2, 10])).await;
    rig.until("a trap through a relay", |rig| rig.received() == 1).await;
    assert_eq!(rig.hints(), [(0, Hint::State)]);
}

#[tokio::test]
async fn olts_behind_one_address_are_all_looked_at() {
    let rig = Rig::start(&[("127.0.0.1:1161", v2c()), ("localhost:1162", v2c())]).await;
    rig.until("its name", |rig| {
        let trap = trap_octets(0xa7, LINK_DOWN);
        // The name takes a moment to be resolved.
        let _ = rig.socket.try_send_to(&trap, rig.to);
        rig.hints().iter().any(|(place, _)| *place == 1) || rig.statuses.now().olts[&OltId::new("olt-1")].received > 0
    })
    .await;
    assert!(rig.hints().iter().any(|(place, _)| *place == 0));
}

#[tokio::test]
async fn an_inform_is_answered_and_what_is_no_trap_is_not() {
    let rig = Rig::start(&[("127.0.0.1:161", v2c())]).await;
    rig.send(&trap_octets(0xa0, LINK_DOWN)).await;
    rig.send(b"no SNMP").await;
    rig.send(&trap_octets(0xa6, LINK_DOWN)).await;
    let mut buffer = [0; 2_000];
    let answer = tokio::time::timeout(PATIENCE, rig.socket.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(buffer[..answer], trap_octets(0xa2, LINK_DOWN), "the first answer is the inform's");
    assert_eq!((rig.dropped("no_trap"), rig.dropped("garbage"), rig.hints().len()), (1, 1, 1));
}

mod secure {
    use super::*;
    use crate::snmp::{credential_of_traps, sealed_trap};
    use crate::trap::keyring::Keyring;

    const ENGINE: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, 9, 9, 9];
    const OTHER: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, 6, 6, 6];

    #[tokio::test]
    async fn the_first_secure_trap_waits_for_its_keys_and_is_not_lost() {
        let rig = Rig::start(&[("127.0.0.1:161", credential_of_traps())]).await;
        let trap = sealed_trap(ENGINE);
        rig.send(&trap).await;
        rig.until("the first", |rig| rig.received() == 1).await;
        rig.send(&trap).await;
        rig.until("the second", |rig| rig.received() == 2).await;
        let mut forged = trap.clone();
        *forged.last_mut().unwrap() ^= 1;
        rig.send(&forged).await;
        rig.until("the forgery", |rig| rig.dropped("signature") == 1).await;
        rig.send(&sealed_trap(OTHER)).await;
        rig.until("another engine within the minute", |rig| rig.dropped("no_keys") == 1).await;
        assert_eq!(rig.hints(), [(0, Hint::State), (0, Hint::State)]);
        assert_eq!(
            rig.statuses.now().received[&Received { version: crate::snmp::TrapVersion::V3, kind: TrapKind::Trap }],
            2
        );
    }

    /// Makes the keys that are asked for; whether they were.
    fn open(keyring: &mut Keyring, now: Instant, datagram: &[u8]) -> (bool, Result<TrapMessage, TrapError>) {
        match keyring.open(now, datagram) {
            Opened::Message(message) => (false, Ok(message)),
            Opened::Dropped(why) => (false, Err(why)),
            Opened::Make(user, engine_id) => (true, keyring.equip(user.keys(&engine_id))),
        }
    }

    #[test]
    fn a_forger_makes_us_work_once_a_minute_and_does_not_displace_the_true_engine() {
        let now = Instant::now();
        let mut keyring = Keyring::new(TrapUser::new(&credential_of_traps()).unwrap());
        let trap = sealed_trap(ENGINE);
        assert!(matches!(open(&mut keyring, now, &trap), (true, Ok(_))));
        let mut made = 0;
        for second in 0..600 {
            let now = now + Duration::from_secs(second);
            let mut forged = sealed_trap(OTHER);
            *forged.last_mut().unwrap() ^= 1;
            let (asked, result) = open(&mut keyring, now, &forged);
            assert!(result.is_err());
            made += u32::from(asked);
            assert!(matches!(open(&mut keyring, now, &trap), (false, Ok(_))), "{second}");
        }
        assert_eq!(made, 9);
        assert!(matches!(open(&mut keyring, now + Duration::from_secs(700), &sealed_trap(OTHER)), (true, Ok(_))));
    }

    #[test]
    fn nothing_is_made_for_strangers() {
        let mut keyring = Keyring::new(TrapUser::new(&v2c()).unwrap());
        let (asked, result) = open(&mut keyring, Instant::now(), &sealed_trap(ENGINE));
        assert_eq!((asked, result.unwrap_err().word()), (false, "user"));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_what_to_do() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = Receiver::bind(taken.local_addr().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("trap.listen: ") && error.contains("snmptrapd"), "{error}");
}

/// Time is scripted, so that the pause before the restart takes none.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_ends_by_mistake_goes_on_at_the_same_port() {
    let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = receiver.address();
    let (told, mut heard) = mpsc::unbounded_channel();
    let broken = AtomicBool::new(true);
    let sender = Sender {
        olt: OltId::new("olt"),
        address: "127.0.0.1:161".to_owned(),
        credential: v2c(),
        look: Arc::new(move |hint| {
            assert!(!broken.swap(false, Ordering::Relaxed), "a mistake, made on purpose");
            told.send(hint).unwrap();
            Offered::Now
        }),
    };
    let statuses = Statuses::new(to, [&sender.olt]);
    let (shutdown, stopped) = watch::channel(false);
    let kept = tokio::spawn(super::super::keep(receiver, vec![sender], statuses, stopped));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&trap_octets(0xa7, LINK_DOWN), to).await.unwrap();
    socket.send_to(&trap_octets(0xa7, LINK_DOWN), to).await.unwrap();
    assert_eq!(heard.recv().await, Some(Hint::State));
    shutdown.send_replace(true);
    kept.await.unwrap();
}
