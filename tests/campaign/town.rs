//! Who there is: clients in OZmap, and the ONUs of several OLTs behind them.

use std::collections::BTreeSet;
use std::sync::Arc;

use oltwatch::model::{Dbm, OltId, OnuId, OnuKey, SweepKind, Verdict};
use oltwatch::ozmap::{Looks, OltWishes, OnuIdentity, Wish};
use oltwatch::sim::ozmap::SeedClient;

/// What kind of client an ONU has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// One that may be written.
    Plain,
    /// A reservation: never written.
    Reserved,
    /// One of two with the same serial: never written.
    Twin,
    /// None at all.
    Missing,
}

/// One ONU.
#[derive(Debug, Clone)]
pub struct Onu {
    pub serial: String,
    pub client: Client,
    pub verdict: Verdict,
    /// Whether its verdict ever was ERROR, and ever OK.
    pub was_red: bool,
    pub was_green: bool,
    /// What it receives, in thousandths of a dBm, and all that it ever did.
    pub rx: Option<i32>,
    pub was_read: BTreeSet<i32>,
}

/// One OLT.
#[derive(Debug, Clone)]
pub struct Olt {
    pub name: OltId,
    pub onus: Vec<Onu>,
    pub looks: u64,
    /// Whether a complete sweep backs what it says.
    pub complete: bool,
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Town {
    pub olts: Vec<Olt>,
}

impl Town {
    /// Of one to three OLTs with some dozen ONUs each.
    pub fn new(random: &mut fastrand::Rng) -> Self {
        let olt = |number: usize, random: &mut fastrand::Rng| {
            let onu = |place: usize, random: &mut fastrand::Rng| Onu {
                serial: format!("ZTEG{:08X}", number * 1000 + place),
                client: match random.u32(0..20) {
                    0 => Client::Reserved,
                    1 => Client::Twin,
                    2 => Client::Missing,
                    _ => Client::Plain,
                },
                verdict: Verdict::Hold,
                was_red: false,
                was_green: false,
                rx: None,
                was_read: BTreeSet::new(),
            };
            Olt {
                name: OltId::new(&format!("olt-{number}")),
                onus: (0..random.usize(5..40)).map(|place| onu(place, random)).collect(),
                looks: 0,
                complete: false,
            }
        };
        Self { olts: (0..random.usize(1..4)).map(|number| olt(number, random)).collect() }
    }

    /// Its clients; some show ERROR before anybody looks.
    pub fn clients(&self, random: &mut fastrand::Rng) -> Vec<SeedClient> {
        let mut clients = Vec::new();
        for onu in self.onus() {
            let seed = |code: String, random: &mut fastrand::Rng| {
                let mut seed = SeedClient::new(code, "somebody").serial(&onu.serial);
                seed.error = random.u32(0..8) == 0;
                seed.reserved = onu.client == Client::Reserved;
                seed
            };
            match onu.client {
                Client::Missing => {}
                Client::Twin => {
                    clients.push(seed(format!("{}-1", onu.serial), random));
                    clients.push(seed(format!("{}-2", onu.serial), random));
                }
                Client::Plain | Client::Reserved => clients.push(seed(onu.serial.clone(), random)),
            }
        }
        clients
    }

    pub fn onus(&self) -> impl Iterator<Item = &Onu> {
        self.olts.iter().flat_map(|olt| &olt.onus)
    }

    /// Gives an ONU another verdict.
    pub fn decide(&mut self, olt: usize, place: usize, verdict: Verdict) {
        let onu = &mut self.olts[olt].onus[place];
        onu.verdict = verdict;
        onu.was_red |= verdict == Verdict::Error;
        onu.was_green |= verdict == Verdict::Ok;
    }

    /// Gives an ONU another power.
    pub fn receive(&mut self, olt: usize, place: usize, rx: Option<i32>) {
        let onu = &mut self.olts[olt].onus[place];
        onu.rx = rx;
        onu.was_read.extend(rx);
    }

    /// What an OLT says.
    pub fn wishes(&self, olt: usize) -> OltWishes {
        let olt = &self.olts[olt];
        let wish = |(place, onu): (usize, &Onu)| Wish {
            identity: OnuIdentity {
                onu: OnuId { olt: olt.name.clone(), key: OnuKey::new(&[u32::try_from(place).unwrap()]) },
                serial: onu.serial.parse().ok(),
                mac: None,
                name: None,
                pon: None,
                number: None,
            },
            // An OLT that was not read knows nothing of its ONUs.
            verdict: if olt.complete { onu.verdict } else { Verdict::Hold },
            evidence: SweepKind::State,
            reason: Arc::from("a history"),
            rx: onu.rx.filter(|_| olt.complete).map(Dbm::from_thousandths),
            incident: None,
        };
        OltWishes {
            olt: olt.name.clone(),
            complete: olt.complete,
            looks: Looks { state: olt.looks, optics: olt.looks },
            wishes: olt.onus.iter().enumerate().map(wish).collect(),
        }
    }
}
