//! The polling side, alone in its process so that its CPU and memory are its own: sessions of the product's engine
//! that walk the eight columns in their three tables.

mod text;

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Auth, AuthProtocol, Credential, KeyExtension, Privacy, PrivacyProtocol, Secret, SnmpVersion};
use oltwatch::mib::{Joins, Profile, RawColumn, RawTable};
use oltwatch::model::SweepKind;
use oltwatch::snmp::{Counters, Engine, Oid, Plan, Session, Target, Walk, Walked};
use serde::{Deserialize, Serialize};

use crate::agent::{self, table};
use crate::usage;

/// What to poll, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// OLTs to poll: 127.1.0.1 and the addresses after it
    #[arg(long, default_value_t = 1)]
    pub olts: u32,
    /// UDP port of all of them
    #[arg(long)]
    pub port: u16,
    /// A single agent instead, such as 127.0.0.1:1161
    #[arg(long)]
    pub at: Option<String>,
    /// Columns to walk together instead of the eight; may be repeated
    #[arg(long)]
    pub column: Vec<Oid>,
    /// How often each OLT is read
    #[arg(long, default_value_t = 1)]
    pub cycles: u32,
    /// Most requests in flight at an OLT
    #[arg(long, default_value_t = 2)]
    pub window: u32,
    /// Most rows asked for in one GETBULK
    #[arg(long, default_value_t = 1000)]
    pub max_repetitions: u32,
    /// Most octets of varbinds that an answer is asked to have
    #[arg(long, default_value_t = 1400)]
    pub reply_octets: usize,
    /// First wait for an answer, in milliseconds
    #[arg(long, default_value_t = 3000)]
    pub timeout_ms: u64,
    /// How often an unanswered request is sent again
    #[arg(long, default_value_t = 3)]
    pub retries: u32,
    /// Walk an OLT's tables at the same time, not one after the other
    #[arg(long)]
    pub together: bool,
    /// Also turn the rows into text, as an exporter does
    #[arg(long)]
    pub render: bool,
    /// Also decode the rows with the profile, and digest them; after the measurement
    #[arg(long)]
    pub check: bool,
    /// Give an OLT up that is not read after so many seconds
    #[arg(long, default_value_t = 120)]
    pub patience_s: u64,
    /// Wait for a line on the standard input before each cycle
    #[arg(long)]
    pub step: bool,
    /// SNMPv3 user with SHA-1 and AES-128, both with the password `authentication words`, instead of v2c
    #[arg(long)]
    pub user: Option<String>,
}

/// What a cycle took. Times in nanoseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cycle {
    pub wall_ns: u64,
    pub cpu_ns: u64,
    /// CPU of the process since its start.
    pub whole_cpu_ns: u64,
    pub peak_rss_kib: u64,
    pub varbinds: u64,
    /// Rows that the walks gave, over all columns.
    pub cells: u64,
    pub sent: u64,
    pub answers: u64,
    pub retries: u64,
    pub timeouts: u64,
    pub late: u64,
    pub most_in_flight: u32,
    /// Columns that did not end normally.
    pub incomplete: u64,
    /// Why the first of them did not.
    pub why: Option<String>,
    pub render_cpu_ns: u64,
    pub render_octets: u64,
    pub decode_cpu_ns: u64,
    pub decoded_onus: u64,
    /// A digest of all rows for each OLT, each different one once.
    pub digests: Vec<u64>,
}

struct Poll {
    sessions: Vec<Session>,
    tables: Vec<Vec<Oid>>,
    /// Where to cut the walks of each OLT, from its last cycle; none before.
    plans: Vec<Option<Vec<Plan>>>,
    /// Where the OLTs say which PONs they have, when they are those of the profile.
    listing: Option<Arc<Listing>>,
    together: bool,
    patience: Duration,
}

/// Polls, and prints a line of JSON for each cycle.
pub async fn run(options: &Options) -> io::Result<()> {
    let addresses: Vec<String> = match &options.at {
        Some(address) => vec![address.clone()],
        None => (0..options.olts).map(|olt| agent::address(olt, options.port).to_string()).collect(),
    };
    let engine = Engine::default();
    let mut sessions = Vec::new();
    for address in addresses {
        let target = Target {
            timeout: Duration::from_millis(options.timeout_ms),
            retries: options.retries,
            window: options.window,
            pdus_per_second: f64::INFINITY,
            max_repetitions: options.max_repetitions,
            reply_octets: options.reply_octets,
            ..Target::new(&address)
        };
        sessions.push(engine.open(target, &credential(options.user.as_deref())).await.map_err(io::Error::other)?);
    }
    let tables = if options.column.is_empty() { table::columns() } else { vec![options.column.clone()] };
    let patience = Duration::from_secs(options.patience_s);
    let plans = vec![None; sessions.len()];
    let listing = Listing::of(&tables).map(Arc::new);
    let mut poll = Poll { sessions, tables, plans, listing, together: options.together, patience };
    let profile = options.check.then(table::profile);
    let mut rendered = String::new();
    for _ in 0..options.cycles {
        if options.step && io::stdin().lock().read_line(&mut String::new())? == 0 {
            return Ok(());
        }
        let (mut cycle, olts) = poll.cycle().await;
        if options.render {
            let before = usage::cpu_ns();
            for olt in &olts {
                // An exporter would send it on and write the next one over it.
                text::render(olt, &mut rendered);
                cycle.render_octets += u64::try_from(rendered.len()).expect("octets of a text");
            }
            cycle.render_cpu_ns = usage::cpu_ns() - before;
            cycle.whole_cpu_ns = usage::cpu_ns();
        }
        if let Some(profile) = &profile {
            decode(profile, &olts, &mut cycle);
            cycle.digests = olts.iter().map(|olt| digest(olt)).collect();
            cycle.digests.sort_unstable();
            cycle.digests.dedup();
        }
        let mut out = io::stdout();
        writeln!(out, "{}", serde_json::to_string(&cycle)?)?;
        out.flush()?;
    }
    Ok(())
}

fn credential(user: Option<&str>) -> Credential {
    let password = || Secret::new(agent::v3::PASSWORD.to_owned());
    let version = match user {
        None => SnmpVersion::V2c { community: Secret::new("public".to_owned()) },
        Some(user) => SnmpVersion::V3 {
            user: user.to_owned(),
            auth: Some(Auth { protocol: AuthProtocol::Sha1, password: password() }),
            privacy: Some(Privacy {
                protocol: PrivacyProtocol::Aes128,
                password: password(),
                key_extension: KeyExtension::Blumenthal,
            }),
        },
    };
    Credential { name: "bench".to_owned(), version }
}

impl Poll {
    async fn cycle(&mut self) -> (Cycle, Vec<Vec<Walked>>) {
        let before: Vec<Counters> = self.sessions.iter().map(Session::counters).collect();
        let (cpu, start) = (usage::cpu_ns(), Instant::now());
        let polls: Vec<_> = self
            .sessions
            .iter()
            .zip(&self.plans)
            .map(|(session, plans)| {
                let tables = self.tables.clone();
                let read = read(session.clone(), tables, plans.clone(), self.listing.clone(), self.together);
                tokio::spawn(tokio::time::timeout(self.patience, read))
            })
            .collect();
        let (mut olts, mut given_up) = (Vec::new(), 0);
        for poll in polls {
            match poll.await.expect("a poll does not panic") {
                Ok(olt) => olts.push(olt),
                Err(_) => given_up += 1,
            }
        }
        let mut cycle = Cycle {
            wall_ns: u64::try_from(start.elapsed().as_nanos()).expect("a short time"),
            cpu_ns: usage::cpu_ns() - cpu,
            whole_cpu_ns: usage::cpu_ns(),
            peak_rss_kib: usage::peak_rss_kib(),
            incomplete: given_up,
            why: (given_up > 0).then(|| format!("{given_up} OLTs were not read in {:?}", self.patience)),
            ..Cycle::default()
        };
        for ((olt, session), plans) in olts.iter().zip(&self.sessions).zip(&mut self.plans) {
            // The first number of an index names the PON.
            *plans = Some(olt.iter().map(|walked| Plan::of(walked, 1, session.window())).collect());
        }
        for (session, before) in self.sessions.iter().zip(before) {
            let after = session.counters();
            cycle.varbinds += after.varbinds - before.varbinds;
            cycle.sent += after.sent - before.sent;
            cycle.answers += after.answers - before.answers;
            cycle.retries += after.retries - before.retries;
            cycle.timeouts += after.timeouts - before.timeouts;
            cycle.late += after.late - before.late;
            cycle.most_in_flight = cycle.most_in_flight.max(after.most_in_flight);
        }
        for column in olts.iter().flatten().flat_map(|walked| &walked.columns) {
            cycle.cells += u64::try_from(column.rows.len()).expect("a number of rows");
            if let Err(error) = &column.end {
                cycle.incomplete += 1;
                cycle.why.get_or_insert_with(|| error.to_string());
            }
        }
        (cycle, olts)
    }
}

/// The PONs of an OLT that was never read, as the poller finds them: from the join of its profile.
struct Listing {
    profile: Arc<Profile>,
    /// A table of the profile with the columns that are walked first.
    table: usize,
}

impl Listing {
    /// `None` where columns are walked that the profile does not read.
    fn of(tables: &[Vec<Oid>]) -> Option<Self> {
        let profile = table::profile();
        let first = tables.first()?.first()?;
        let reads = [SweepKind::Inventory, SweepKind::State, SweepKind::Optics].map(|kind| profile.reads(kind));
        let table = reads.iter().flatten().find(|read| read.columns.contains(first))?.table;
        Some(Self { profile, table })
    }

    async fn read(&self, session: &Session) -> Vec<Vec<u32>> {
        let mut joins = Joins::default();
        let reads = self.profile.join_reads();
        let Some(first) = reads.first() else { return Vec::new() };
        let walked = session.walk(&Walk::new(vec![first.column.clone()], 200_000)).await;
        let Some(rows) = walked.columns.first().map(|column| &column.rows) else { return Vec::new() };
        reads
            .iter()
            .filter(|read| read.column == first.column)
            .for_each(|read| joins.set(&self.profile, read.join, rows));
        self.profile.listed_pons(self.table, &joins)
    }
}

/// Reads an OLT as the poller does: a walk for each table. The first time, the first table is cut at the PONs that the
/// OLT lists, and the others at the ONUs that the first has shown.
async fn read(
    session: Session,
    tables: Vec<Vec<Oid>>,
    plans: Option<Vec<Plan>>,
    listing: Option<Arc<Listing>>,
    together: bool,
) -> Vec<Walked> {
    let walk = |columns: &Vec<Oid>| Walk::new(columns.clone(), 200_000);
    let mut walked = Vec::new();
    if together {
        let plans = plans.unwrap_or_else(|| vec![Plan::default(); tables.len()]);
        let walks: Vec<_> = tables
            .iter()
            .zip(plans)
            .map(|(columns, plan)| {
                let (session, walk) = (session.clone(), walk(columns));
                tokio::spawn(async move { session.walk_by(&walk, &plan).await })
            })
            .collect();
        for walk in walks {
            walked.push(walk.await.expect("a walk does not panic"));
        }
        return walked;
    }
    let window = session.window();
    let listed = match &listing {
        Some(listing) if plans.is_none() && window > 1 => listing.read(&session).await,
        _ => Vec::new(),
    };
    for (place, columns) in tables.iter().enumerate() {
        let plan = match (&plans, walked.first()) {
            (Some(plans), _) => plans[place].clone(),
            (None, Some(first)) => Plan::of(first, 1, window),
            (None, None) => Plan::at_pons(&listed, window * 2),
        };
        walked.push(session.walk_by(&walk(columns), &plan).await);
    }
    walked
}

/// Decodes every OLT's rows as the sweeps do.
fn decode(profile: &Arc<Profile>, olts: &[Vec<Walked>], cycle: &mut Cycle) {
    for olt in olts {
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            let raw = |columns: &[Oid]| -> Vec<RawColumn> {
                let read = olt.iter().flat_map(|walked| &walked.columns);
                let read = read.filter(|read| columns.contains(&read.column));
                read.map(|read| RawColumn {
                    oid: read.column.clone(),
                    rows: read.rows.clone(),
                    complete: read.end.is_ok(),
                })
                .collect()
            };
            let reads = profile.reads(kind);
            let tables: Vec<RawTable> =
                reads.iter().map(|read| RawTable { table: read.table, columns: raw(&read.columns) }).collect();
            let before = usage::cpu_ns();
            let decoded = profile.decode(kind, &tables, &Joins::default());
            cycle.decode_cpu_ns += usage::cpu_ns() - before;
            cycle.decoded_onus += u64::try_from(decoded.onus.len()).expect("a number of ONUs");
        }
    }
}

/// FNV-1a over everything that was read.
fn digest(olt: &[Walked]) -> u64 {
    let mut digest = Digest::default();
    for column in olt.iter().flat_map(|walked| &walked.columns) {
        for (index, value) in &column.rows {
            digest.row(column.column.arcs(), &index, &value);
        }
    }
    digest.0
}

/// A digest of rows, fed in the order of a walk's columns.
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn take(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Takes a row.
    pub fn row(&mut self, column: &[u32], index: &[u32], value: &oltwatch::snmp::Value) {
        for arc in column.iter().chain(index) {
            self.take(&arc.to_be_bytes());
        }
        match (value.integer(), value.octets()) {
            (Some(number), _) => self.take(&number.to_be_bytes()),
            (None, Some(octets)) => self.take(octets),
            (None, None) => self.take(value.to_string().as_bytes()),
        }
    }
}
