//! `oltwatch probe`: what an unknown OLT is, what it answers, and how to watch it.

mod block;
mod columns;
mod document;
mod missing;
mod record;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::secret;
use super::error::CliError;
use super::out::Paper;
use super::progress::Progress;
use super::table::{Paint, clean, finish, painted};
use super::{Outcome, out};
use crate::config::{self, Secret};
use crate::mib::{Finding, Library, Profile, Proof, Rows, best_proved};
use crate::poll::{Poller, Proved, Style, Trial, claims, prove};
use crate::record::{Recorded, Subject};
use crate::snmp::{Engine, Oid, Session, Target, Value};
use block::Block;
use document::Document;

const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

/// How it is asked: gently, as nothing is known of what it bears.
const REQUESTS_PER_SECOND: f64 = 20.0;
const RETRIES: u32 = 1;
/// The same where not even the family is known.
const STRANGERS_REQUESTS_PER_SECOND: f64 = 15.0;
const STRANGERS_ROWS: u32 = 10;

/// `probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// The OLT: a host with an optional port
    #[arg(value_name = "ADDRESS")]
    pub(super) address: String,
    /// SNMPv2c, with this community; others can see it in the list of processes, --community-env is safer
    #[arg(long, value_name = "COMMUNITY", value_parser = secret, conflicts_with_all = ["community_env", "v3_user"])]
    pub(super) community: Option<Secret>,
    /// SNMPv2c, with the community in this environment variable [default: OLT_COMMUNITY]
    #[arg(long, value_name = "VARIABLE", conflicts_with = "v3_user")]
    pub(super) community_env: Option<String>,
    /// SNMPv3, as this user; the passwords come from the environment: OLTWATCH_V3_AUTH and OLTWATCH_V3_PRIV
    #[arg(long, value_name = "USER")]
    pub(super) v3_user: Option<String>,
    /// Hash of the authentication, when OLTWATCH_V3_AUTH is set
    #[arg(long, value_name = "HASH", default_value = "sha256", requires = "v3_user")]
    pub(super) v3_auth: String,
    /// Cipher of the privacy, when OLTWATCH_V3_PRIV is set
    #[arg(long, value_name = "CIPHER", default_value = "aes128", requires = "v3_user")]
    pub(super) v3_priv: String,
    /// Take it for one of this family, whatever it says of itself
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// A folder with profiles beside the built-in ones
    #[arg(long, value_name = "FOLDER")]
    pub(super) mibs: Option<std::path::PathBuf>,
    /// First wait for an answer
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = super::args::duration)]
    pub(super) timeout: Duration,
    /// Write what the OLT answers into this new file, with made-up serials, MACs, names and addresses: `sim olt
    /// --capture` serves it
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<std::path::PathBuf>,
    /// Most rows that are recorded
    #[arg(long, value_name = "ROWS", default_value_t = 20_000, requires = "record")]
    pub(super) record_limit: usize,
    /// Most requests a second, in place of what the family bears, and 15 where it is not known
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(super) pdus_per_second: Option<f64>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: ProbeFormat,
}

/// `probe --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ProbeFormat {
    #[default]
    Text,
    Json,
}

/// What an OLT says of itself, and which profiles claim it.
struct Introduced {
    address: String,
    round_trip: Option<Duration>,
    sys_descr: String,
    sys_object_id: Oid,
    sys_name: Option<String>,
    trials: Vec<Trial>,
}

/// Results on standard output: as they come for a person, at the end for a program.
struct Printer {
    format: ProbeFormat,
    paper: Paper,
}

impl Printer {
    fn show(&self, text: &str) -> Result<(), CliError> {
        if self.format == ProbeFormat::Text { out::print(&finish(text, self.paper)) } else { Ok(()) }
    }

    fn end(&self, document: &Document<'_>) -> Result<(), CliError> {
        if self.format == ProbeFormat::Json { out::print(&document.json()?) } else { Ok(()) }
    }
}

pub(super) async fn run(args: &ProbeArgs, paper: Paper) -> Result<Outcome, CliError> {
    let library = Arc::new(Library::load(args.mibs.as_deref())?);
    let known = || library.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
    if let Some(name) = args.profile.as_deref().filter(|name| library.get(name).is_none()) {
        return Err(CliError::Usage(format!("there is no profile {name:?}; there are {}", known())));
    }
    let block = Block::new(args);
    if args.v3_user.is_some() && !block::is_set(block::V3_AUTH) {
        out::note(&format!("note: {} is not set, so it is asked without authentication", block::V3_AUTH));
    }
    let olt = block.olt(args)?;
    let file = record::create(args.record.as_deref())?;
    let printer = Printer { format: args.format, paper };
    let engine = Engine::default();
    let mut poller = Poller::with_engine(olt.clone(), Arc::clone(&library), engine.clone());
    let (sys_descr, sys_object_id, trials) = poller.introduce().await?;
    let round_trip = poller.counters().smoothed_rtt;
    let mut introduced =
        Introduced { address: olt.address.clone(), round_trip, sys_descr, sys_object_id, sys_name: None, trials };
    let claims = match args.profile.as_deref().and_then(|name| library.get(name)) {
        Some(named) => vec![Arc::clone(named)],
        None => claims(&introduced.trials),
    };
    let asking = Asking { engine: &engine, olt: &olt, args };
    let scores = if claims.len() > 1 { asking.compare(&claims).await? } else { Vec::new() };
    let best = best_proved(scores.iter()).unwrap_or(0);
    printer.show(&introduction(&introduced, args.profile.as_deref(), &claims, &scores))?;
    let Some(profile) = claims.get(best) else {
        let session = engine.open(stranger(&olt, args), &olt.credential).await?;
        let unknown = unknown::look(&asking, &session, &introduced, &library).await?;
        let mut mask = record::mask()?;
        printer.show(&unknown::text_of(&introduced, &unknown, &known(), &mut mask))?;
        let recorded = match file {
            Some(file) => {
                let makers = unknown::makers(&introduced, &unknown);
                Some(record::record(&session, Subject::Subtrees(&makers), file, args).await?)
            }
            None => None,
        };
        printer.show(&told_of(args, recorded.as_ref()))?;
        printer.end(
            &Document::unknown(&introduced).with_outline(&unknown, &mut mask).with_recording(args, recorded.as_ref()),
        )?;
        out::note("error: no profile fits this OLT");
        return Ok(Outcome::Failed);
    };
    let session = asking.open(profile).await?;
    let name = session.get(&[Oid::new(&SYS_NAME)]).await.ok();
    introduced.sys_name = name.as_ref().and_then(|answers| answers.first()).and_then(|answer| match &answer.value {
        Value::OctetString(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
        _ => None,
    });
    let proved = asking.prove(&session, profile, true).await;
    printer.show(&families(profile))?;
    printer.show(&columns::tables(profile, &proved))?;
    printer.show(&summary(profile, &proved))?;
    let text = block.text(profile.name(), introduced.sys_name.as_deref());
    printer.show(&format!("\nTo watch it, put this into the configuration:\n\n{text}"))?;
    let recorded = match file {
        Some(file) => {
            let own = |trial: &&Trial| trial.fits && trial.profile.name() == profile.name();
            let probes: Vec<Oid> =
                introduced.trials.iter().filter(own).filter_map(|trial| trial.probe.clone()).collect();
            Some(record::record(&session, Subject::Family(profile, &probes), file, args).await?)
        }
        None => None,
    };
    printer.show(&told_of(args, recorded.as_ref()))?;
    printer.end(&Document::known(&introduced, profile, &proved, &text).with_recording(args, recorded.as_ref()))?;
    Ok(Outcome::Done)
}

/// How the OLT is asked: gently, as far as a profile knows what it bears.
struct Asking<'a> {
    engine: &'a Engine,
    olt: &'a config::Olt,
    args: &'a ProbeArgs,
}

impl Asking<'_> {
    async fn open(&self, profile: &Profile) -> Result<Session, CliError> {
        Ok(self.engine.open(gentle(self.olt, profile, self.args), &self.olt.credential).await?)
    }

    async fn prove(&self, session: &Session, profile: &Profile, thorough: bool) -> Proved {
        let pause = match thorough {
            true => Duration::from_secs_f64(1.2 / gentle(self.olt, profile, self.args).pdus_per_second),
            false => Duration::ZERO,
        };
        let tables = profile.proof_tables().len();
        let progress = Progress::new("probing", tables);
        let tell = |table: &str| {
            progress.say(table.to_owned());
            progress.step();
        };
        prove(session, profile, Style { thorough, pause }, &tell).await
    }

    /// A brief proof of each.
    async fn compare(&self, claims: &[Arc<Profile>]) -> Result<Vec<Proof>, CliError> {
        let mut proofs = Vec::new();
        for profile in claims {
            let session = self.open(profile).await?;
            proofs.push(self.prove(&session, profile, false).await.proof);
        }
        Ok(proofs)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What the profile says that the family bears, and no more than that.
fn gentle(olt: &config::Olt, profile: &Profile, args: &ProbeArgs) -> Target {
    let defaults = profile.defaults();
    Target {
        timeout: args.timeout,
        retries: RETRIES,
        window: 1,
        pdus_per_second: args.pdus_per_second.unwrap_or(defaults.pdus_per_second.min(REQUESTS_PER_SECOND)),
        max_repetitions: defaults.max_repetitions,
        varbinds_per_second: defaults.varbinds_per_second,
        reply_octets: defaults.reply_octets,
        ..Target::new(&olt.address)
    }
}

fn introduction(introduced: &Introduced, named: Option<&str>, claims: &[Arc<Profile>], scores: &[Proof]) -> String {
    let mut shown = format!(
        "{} answers{}\n  sysDescr     {}\n  sysObjectID  {}\n",
        painted(&introduced.address, Paint::Strong),
        introduced.round_trip.map(|rtt| format!(" in {:.1} ms", millis(rtt))).unwrap_or_default(),
        clean(&introduced.sys_descr, 200),
        introduced.sys_object_id
    );
    for trial in &introduced.trials {
        let verdict = match (&trial.probe, trial.fits) {
            (None, _) => painted("fits", Paint::Good),
            (Some(probe), true) => format!("{}: {probe} answers", painted("fits", Paint::Good)),
            (Some(probe), false) => format!("{}: {probe} gives nothing", painted("does not fit", Paint::Warning)),
        };
        shown.push_str(&format!("  tried        {}, {verdict}\n", trial.profile.name()));
    }
    if introduced.trials.is_empty() {
        shown.push_str("  tried        no profile is for this sysObjectID\n");
    }
    if let Some(named) = named {
        shown.push_str(&format!("  taken for    {named}, as --profile says\n"));
    }
    // More than one claims it: the proof decides.
    for (profile, proof) in claims.iter().zip(scores) {
        shown.push_str(&format!("  proof        {}: {} points, {}\n", profile.name(), proof.score(), proof.finding()));
    }
    shown
}

fn families(profile: &Profile) -> String {
    let confidence = format!("{:?}", profile.confidence());
    format!(
        "  family       {} (profile {}, confidence {confidence})\n  tested on    {}\n",
        painted(profile.title(), Paint::Strong),
        profile.name(),
        clean(profile.tested(), 300)
    )
}

/// What the proof comes to, what nobody answers for, and what that means.
fn summary(profile: &Profile, proved: &Proved) -> String {
    let (proof, finding) = (&proved.proof, proved.proof.finding());
    let paint = match finding {
        Finding::Proved => Paint::Good,
        Finding::PonsOnly | Finding::Unproved => Paint::Warning,
        Finding::Contradicted | Finding::Unknown => Paint::Bad,
    };
    let mut shown = format!(
        "\n{}: {} requests in {:.1} s\n",
        painted(&format!("The family is {finding}"), paint),
        proved.pdus,
        proved.elapsed.as_secs_f64()
    );
    if !proof.columns.iter().any(|column| column.rows == Rows::Onu && column.sample.is_some()) {
        shown.push_str(&format!(
            "{}: it has none, or this community or user sees only a part of the MIB\n",
            painted("No ONU was found", Paint::Warning)
        ));
        return shown;
    }
    let missing = missing::missing(profile, proof);
    for (title, known) in [("Not answered", true), ("Not known for this family", false)] {
        let fields: Vec<&str> = missing.iter().filter(|one| one.known == known).map(|one| one.field).collect();
        if !fields.is_empty() {
            let title = if known { painted(title, Paint::Warning) } else { title.to_owned() };
            shown.push_str(&format!("{title}: {}\n", fields.join(", ")));
        }
    }
    for one in missing.iter().filter(|one| !one.means.is_empty()) {
        shown.push_str(&format!("  no {}: {}\n", one.field, one.means));
    }
    shown
}

/// What became of a recording.
fn told_of(args: &ProbeArgs, recorded: Option<&Recorded>) -> String {
    let (Some(path), Some(recorded)) = (&args.record, recorded) else { return String::new() };
    let mut shown = format!(
        "\n{} rows are in {}, with made-up serials, MACs, names and addresses; look through it before you give it away\n",
        recorded.rows,
        path.display()
    );
    for gap in &recorded.gaps {
        shown.push_str(&format!("  {}: {}\n", painted("not in it", Paint::Warning), clean(gap, 200)));
    }
    shown
}

/// A rate above 0.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= 10_000.0);
    rate.ok_or_else(|| "a number above 0 and up to 10000 was expected".to_owned())
}

/// What is bearable for an OLT of which nothing is known.
fn stranger(olt: &config::Olt, args: &ProbeArgs) -> Target {
    Target {
        timeout: args.timeout,
        retries: RETRIES,
        window: 1,
        pdus_per_second: args.pdus_per_second.unwrap_or(STRANGERS_REQUESTS_PER_SECOND),
        max_repetitions: STRANGERS_ROWS,
        ..Target::new(&olt.address)
    }
}
