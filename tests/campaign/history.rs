//! One history, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, ForeignPolicy, Ozmap};
use oltwatch::model::{Dbm, Verdict};
use oltwatch::ozmap::PushSnapshot;
use oltwatch::sim::ozmap::{ChangedBy, ClientView, Fault, OzmapOptions, Population, SimulatedOzmap, WriteKind};

use super::life::Life;
use super::oracle::left_to_others;
use super::town::{Client as Kind, Onu, Town};

const TOKEN: &str = "the-token-of-the-campaign";
/// Rate and burst of all histories: fast, and still a limit that is reached.
const RATE: f64 = 400.0;
const BURST: u32 = 10;
/// Requests that may be on their way when a moment is taken: two writes and four reads.
const IN_FLIGHT: f64 = 6.0;
/// Powers closer than this are the same, in thousandths of a dB.
const DEAD_BAND: i32 = 500;
/// How long OZmap may take to show the truth once nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that can be wrong with OZmap and still end. Waits are short.
const FAULTS: &[&str] = &[
    "unauthorized",
    "forbidden",
    "not-found",
    "too-many-requests",
    "too-many-requests:retry-after=0s",
    "internal-error",
    "internal-error:applied=true",
    "bad-gateway",
    "bad-gateway:applied=true",
    "unavailable",
    "gateway-timeout:delay=5ms",
    "gateway-timeout:delay=5ms,applied=true",
    "slow-first-byte:delay=20ms",
    "slow-body:bytes=50,pause=1ms",
    "reset-before",
    "reset-after",
    "reset-mid-body",
    "truncated-json",
    "empty-ok",
    "html-instead-of-json",
    "wrong-total:by=-5",
    "wrong-total:by=1000",
    "rows-repeated:rows=3",
    "rows-missing:rows=3",
    "page-twice",
    "limit-cap:rows=7",
    "page-zero-refused",
    "next-url-elsewhere",
    "next-url-missing",
    "dotted-filters-ignored",
    "dotted-filters-empty",
    "nested-arrays-refused",
    "get-body-dropped",
    "unknown-code-empty",
    "foreign-batch-keys-ignored",
    "unchanged-keeps-updated-at",
    "validation-422",
    "error-body-text",
    "error-body-html",
    "error-body-empty",
    "embedded-names-omitted",
];

/// What happened in histories.
#[derive(Debug, Default)]
pub struct Tally {
    pub histories: u64,
    pub kills: u64,
    pub faults: u64,
    /// Statuses that others changed.
    pub foreign: u64,
    pub reds: u64,
    pub greens: u64,
    /// Statuses of others that the policy left to the end.
    pub left: u64,
    /// Powers that were written.
    pub powers: u64,
    /// Lives that showed the directory that an earlier one had kept, while OZmap could not be read.
    pub shelved: u64,
    pub requests: u64,
    /// Writes of histories without a fault, and the fewest that would have done.
    pub writes: u64,
    pub least: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.kills += other.kills;
        self.faults += other.faults;
        self.foreign += other.foreign;
        self.reds += other.reds;
        self.greens += other.greens;
        self.left += other.left;
        self.powers += other.powers;
        self.shelved += other.shelved;
        self.requests += other.requests;
        self.writes += other.writes;
        self.least += other.least;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} histories: {} kills, {} faults, {} statuses changed by others, {} left to them, {} by us to ERROR, {} to OK, {} powers, \
             {} starts from the kept directory, {} requests; without faults {} writes where {} would have done",
            self.histories,
            self.kills,
            self.faults,
            self.foreign,
            self.left,
            self.reds,
            self.greens,
            self.powers,
            self.shelved,
            self.requests,
            self.writes,
            self.least
        )
    }
}

/// How the pusher stands, in a line.
struct Stand<'a>(&'a PushSnapshot);

impl fmt::Debug for Stand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0;
        write!(
            f,
            "{} pending, {} aside, {} unseen, {} held, halted {:?}, resting until {:?}, contested {}, journal {:?}, last {:?}",
            now.pending,
            now.aside,
            now.unseen,
            now.held,
            now.halted,
            now.resting_until,
            now.foreign.contested,
            now.journal.failing,
            now.last_error
        )
    }
}

/// A history under way.
pub struct History {
    seed: u64,
    random: fastrand::Rng,
    /// Apart from the other one, so that powers change no history.
    powers: fastrand::Rng,
    /// Nothing fails and nobody else writes: then each step ends with the truth, in as few writes as can be.
    calm: bool,
    town: Town,
    ozmap: SimulatedOzmap,
    config: Ozmap,
    folder: tempfile::TempDir,
    restarts: u64,
    tally: Tally,
}

/// By what a history is told apart beside its seed's chance, so that a seed keeps its history.
fn kind(seed: u64) -> (ForeignPolicy, bool) {
    use ForeignPolicy::{OnlyClearOurs, OnlyError, Ours, Theirs};
    let policies = [Ours, Theirs, OnlyError, OnlyClearOurs];
    (policies[(seed % 4) as usize], (seed / 4).is_multiple_of(2))
}

fn config(url: &str, random: &mut fastrand::Rng, calm: bool) -> (Ozmap, usize, usize) {
    let (above, size) = (random.usize(1..6), random.usize(2..12));
    let brake = if calm { 1000 } else { random.usize(1..30) };
    let text = format!(
        "[ozmap]\nurl = \"{url}\"\ntoken_env = \"T\"\nrequests_per_second = {RATE:.1}\nburst = {BURST}\nmode = \"write\"\n\
         full_read = \"1s\"\nbatch_above = {above}\nbatch_size = {size}\nbrake_share = 0.1\nbrake_least = {brake}\n\
         foreign = \"ours\"\nforeign_every = \"1s\"\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"127.0.0.1\"\n"
    );
    let environment = |_: &str| Some(TOKEN.to_owned());
    let mut ozmap = Config::parse(&text, "campaign", Path::new("."), &environment).unwrap().ozmap.unwrap();
    // The file's bounds are for real networks.
    ozmap.full_read = Duration::from_millis(40);
    ozmap.delta_read = Duration::from_millis(12);
    ozmap.foreign_every = Duration::from_millis(30);
    (ozmap, above, size)
}

impl History {
    pub async fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let calm = random.u32(0..4) == 0;
        let town = Town::new(&mut random);
        let population = Population::List(town.clients(&mut random));
        let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(population)).await.unwrap();
        let (mut config, ..) = config(&ozmap.url(), &mut random, calm);
        (config.foreign, config.write_power) = kind(seed);
        let folder = tempfile::tempdir().unwrap();
        let powers = fastrand::Rng::with_seed(!seed);
        Self {
            seed,
            random,
            powers,
            calm,
            town,
            ozmap,
            config,
            folder,
            restarts: 0,
            tally: Tally { histories: 1, ..Tally::default() },
        }
    }

    async fn life(&self) -> Life {
        let database = self.folder.path().join("oltwatch.db");
        let life = Life::start(&self.config, &database, self.ozmap.request_count()).await;
        for olt in 0..self.town.olts.len() {
            life.pusher.submit(self.town.wishes(olt));
        }
        life
    }

    /// Plays it to its end, and checks what must hold.
    pub async fn play(mut self) -> Tally {
        let mut life = self.life().await;
        for _ in 0..self.random.usize(5..20) {
            let olt = self.random.usize(0..self.town.olts.len());
            self.change(olt);
            if self.calm {
                self.settle(&life, olt).await;
                continue;
            }
            life.pusher.submit(self.town.wishes(olt));
            self.disturb();
            tokio::time::sleep(Duration::from_millis(self.random.u64(0..20))).await;
            match self.random.u32(0..8) {
                0 => {
                    life.kill();
                    self.tally.kills += 1;
                    // Between the two nobody looks, and every OLT has to be read whole again.
                    self.town.olts.iter_mut().for_each(|olt| olt.complete = false);
                    life = self.start_again().await;
                }
                1 => {
                    self.within_the_rate(&life);
                    life.end().await;
                    life = self.start_again().await;
                }
                _ => {}
            }
            self.check_reasons();
        }
        self.converge(&life).await;
        self.check_reasons();
        self.within_the_rate(&life);
        life.end().await;
        self.tally.requests = self.ozmap.request_count();
        self.ozmap.stop().await;
        self.tally
    }

    /// Starts again. Every second time nothing of OZmap can be read at first: what an earlier life kept is shown then, and
    /// nothing is written by it.
    async fn start_again(&mut self) -> Life {
        self.restarts += 1;
        if self.restarts.is_multiple_of(2) {
            return self.life().await;
        }
        self.ozmap.set_faults(["unavailable:on=reads".parse().unwrap()]);
        let life = self.life().await;
        if life.keeps() {
            let olts = self.town.olts.len();
            let mut snapshots = life.pusher.subscribe();
            let planned = snapshots.wait_for(|now| now.directory.is_some() && now.olts == olts && !now.planning);
            let now = tokio::time::timeout(PATIENCE, planned).await.unwrap().unwrap().clone();
            let kept = now.directory.as_ref().is_some_and(|directory| directory.kept && directory.clients > 0);
            let written = now.written.ok + now.written.error + now.written.powers;
            assert!(kept && now.pending == 0 && written == 0, "seed {}: {:?}", self.seed, Stand(&now));
            self.tally.shelved += 1;
        }
        self.ozmap.set_faults([]);
        life
    }

    /// What a sweep of an OLT finds now.
    fn change(&mut self, olt: usize) {
        let share = self.random.u32(2..10);
        for place in 0..self.town.olts[olt].onus.len() {
            if self.random.u32(0..share) == 0 {
                let words: &[Verdict] = if self.calm { &[Verdict::Ok, Verdict::Error] } else { Verdict::ALL };
                let verdict = *self.random.choice(words).unwrap();
                self.town.decide(olt, place, verdict);
            }
        }
        for place in 0..self.town.olts[olt].onus.len() {
            if self.powers.u32(0..share) == 0 {
                // Some of the differences are within the dead band.
                let rx = (self.powers.u32(0..8) > 0).then(|| -20_000 + self.powers.i32(-9..9) * 125);
                self.town.receive(olt, place, rx);
            }
        }
        let seen = &mut self.town.olts[olt];
        seen.looks += 1;
        seen.complete = self.calm || self.random.u32(0..5) > 0;
    }

    /// Faults come and go, and somebody else writes.
    fn disturb(&mut self) {
        let faults: Vec<Fault> = (0..self.random.usize(0..4))
            .map(|_| {
                let name = *self.random.choice(FAULTS).unwrap();
                let fault: Fault = name.parse().unwrap();
                fault.after(self.random.u64(0..4)).times(self.random.u64(1..5)).with_probability(self.random.f64())
            })
            .collect();
        self.tally.faults += faults.len() as u64;
        self.ozmap.set_faults(faults);
        if self.random.u32(0..4) == 0 {
            let flips = self.random.usize(1..4);
            self.ozmap.flip_statuses(flips, self.random.u64(..));
        }
    }

    /// What the clients that may be written should show, where that is decided: by code.
    fn truth(&self) -> BTreeMap<&str, u8> {
        let plain = self.town.onus().filter(|onu| onu.client == Kind::Plain);
        plain
            .filter_map(|onu| match onu.verdict {
                Verdict::Ok => Some((onu.serial.as_str(), 0)),
                Verdict::Error => Some((onu.serial.as_str(), 1)),
                Verdict::Hold => None,
            })
            .collect()
    }

    /// Clients that show something else than the truth.
    fn differing(&self) -> Vec<ClientView> {
        let truth = self.truth();
        let differs =
            |client: &ClientView| truth.get(client.code.as_str()).is_some_and(|wanted| *wanted != client.status);
        self.ozmap.clients().into_iter().filter(differs).collect()
    }

    /// Those that are not left as others set them, and powers that are not what is received.
    fn wrong(&self) -> Vec<String> {
        let left = left_to_others(self.config.foreign, &self.ozmap);
        let differing = self.differing().into_iter().filter(|client| !left.contains(&client.code));
        let statuses = differing.map(|client| format!("{} shows {}", client.code, client.status));
        statuses.chain(self.wrong_powers()).collect()
    }

    /// Where powers are written: those that differ by the dead band or more, and those that nobody ever received.
    fn wrong_powers(&self) -> Vec<String> {
        if !self.config.write_power {
            return Vec::new();
        }
        let onus: BTreeMap<&str, &Onu> = self.town.onus().map(|onu| (onu.serial.as_str(), onu)).collect();
        let wrong = |client: &ClientView| {
            let shown = client.potency_read.map(|power| Dbm::new(power).unwrap().thousandths());
            let onu = onus.get(client.code.as_str()).filter(|onu| onu.client == Kind::Plain)?;
            let invented = shown.is_some_and(|shown| !onu.was_read.contains(&shown));
            assert!(!invented, "seed {}: {} shows {shown:?}, which nobody received", self.seed, client.code);
            let near = |rx: i32| shown.is_some_and(|shown| (shown - rx).abs() < DEAD_BAND);
            onu.rx.filter(|rx| !near(*rx)).map(|rx| format!("{} shows {shown:?} for {rx}", client.code))
        };
        self.ozmap.clients().iter().filter_map(wrong).collect()
    }

    /// In a calm history each step is over before the next one, in as few writes as can be.
    async fn settle(&mut self, life: &Life, olt: usize) {
        let (above, size) = (self.config.batch_above, self.config.batch_size);
        let left = left_to_others(self.config.foreign, &self.ozmap);
        let mut differences = [0_usize; 2];
        for client in self.differing().into_iter().filter(|client| !left.contains(&client.code)) {
            differences[usize::from(client.status == 0)] += 1;
        }
        let least: usize = differences.iter().map(|n| if *n > above { n.div_ceil(size) } else { *n }).sum();
        let before = self.status_writes();
        life.pusher.submit(self.town.wishes(olt));
        self.until("OZmap shows the truth", |history| history.wrong().is_empty()).await;
        self.tally.writes += self.status_writes() - before;
        self.tally.least += least as u64;
        let writes = self.status_writes() - before;
        // Less than one in ten more, and none where there are few.
        assert!(
            writes * 10 <= least as u64 * 11,
            "seed {}: {writes} writes where {least} would do: {differences:?}, above {above}, size {size}",
            self.seed
        );
    }

    fn status_writes(&self) -> u64 {
        self.ozmap.writes_of(WriteKind::ClientPatch).asked + self.ozmap.writes_of(WriteKind::ClientBatch).asked
    }

    fn all_writes(&self) -> u64 {
        self.status_writes() + self.ozmap.writes_of(WriteKind::PropertyPatch).asked
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "seed {}: {what}, not in time: {:?}", self.seed, self.wrong());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Nothing fails any more and all is known: OZmap comes to show the truth, and then nothing is written.
    async fn converge(&mut self, life: &Life) {
        self.ozmap.set_faults([]);
        for olt in 0..self.town.olts.len() {
            for place in 0..self.town.olts[olt].onus.len() {
                if self.town.olts[olt].onus[place].verdict == Verdict::Hold {
                    self.town.decide(olt, place, Verdict::Ok);
                }
            }
            self.town.olts[olt].complete = true;
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.wrong().is_empty() {
            assert!(
                Instant::now() < deadline,
                "seed {}: OZmap does not come to show the truth: {:?}; {:?}",
                self.seed,
                self.wrong(),
                Stand(&life.pusher.snapshot())
            );
            // What the brake holds waits for another look.
            for olt in 0..self.town.olts.len() {
                self.town.olts[olt].looks += 1;
                life.pusher.submit(self.town.wishes(olt));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // A write that was carried out and whose answer was lost goes again; that is over with the next reads.
        let reads = |history: &Self| {
            history.ozmap.requests().iter().filter(|request| request.path.ends_with("/properties")).count()
        };
        for (what, steady) in [("settles", false), ("stays", true)] {
            let (read, writes) = (reads(self), self.all_writes());
            self.until(what, |history| reads(history) >= read + 4).await;
            let idle = |_: &Self| {
                let now = life.pusher.snapshot();
                now.pending == 0 && now.unseen == 0 && now.pending_powers == 0
            };
            self.until("nothing is pending", idle).await;
            assert!(!steady || self.all_writes() == writes, "seed {}: written in the steady state", self.seed);
        }
        assert!(self.wrong().is_empty(), "seed {}: {:?}", self.seed, self.wrong());
        self.tally.left = self.differing().len() as u64;
        self.tally.powers = self.ozmap.writes_of(WriteKind::PropertyPatch).applied;
    }

    /// Who was made red by us had a reason, and who may not be written was not.
    fn check_reasons(&mut self) {
        let (mut red, mut green) = (BTreeSet::new(), BTreeSet::new());
        for onu in self.town.onus().filter(|onu| onu.client == Kind::Plain) {
            if onu.was_red {
                red.insert(onu.serial.as_str());
            }
            if onu.was_green {
                green.insert(onu.serial.as_str());
            }
        }
        let codes: BTreeMap<_, _> = self.ozmap.clients().into_iter().map(|client| (client.id, client.code)).collect();
        (self.tally.reds, self.tally.greens, self.tally.foreign) = (0, 0, 0);
        for change in self.ozmap.changes_since(0) {
            let code = codes[&change.client].as_str();
            if change.by == ChangedBy::Other {
                self.tally.foreign += 1;
                continue;
            }
            let (reasons, count) = match change.status {
                1 => (&red, &mut self.tally.reds),
                _ => (&green, &mut self.tally.greens),
            };
            *count += 1;
            assert!(
                reasons.contains(code),
                "seed {}: {code} was made {} and never had a reason to",
                self.seed,
                change.status
            );
        }
    }

    /// A life's requests never are more than its burst and its rate allow.
    fn within_the_rate(&self, life: &Life) {
        let lasted = life.began.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)] // hundreds
        let asked = (self.ozmap.request_count() - life.requests_before) as f64;
        let allowed = f64::from(BURST) + RATE * lasted + 1.0 + IN_FLIGHT;
        assert!(asked <= allowed, "seed {}: {asked} requests in {lasted:.3} s", self.seed);
    }
}
