//! `poll --explain`: what OLTs are asked for, what that takes, and why; after a real round, or reckoned for a made-up OLT.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::args::{ExplainArgs, Format, PollArgs};
use crate::cli::error::CliError;
use crate::cli::look::look_and_explain;
use crate::cli::out::Paper;
use crate::cli::sim::MOST_ONUS;
use crate::cli::table::{Grid, Paint, clean, finish, number, painted, text};
use crate::cli::{Outcome, out};
use crate::config::{self, Snmp};
use crate::mib::Library;
use crate::poll::{Explanation, Limit, Origin, Poller, ReadPlan, SweepPlan};
use crate::sim::olt::{GeneratedOlt, GeneratedOptions};
use crate::snmp::{Cost, Oid, Value};

/// Longest name of a table or a column that is shown.
const LONGEST_OBJECT: usize = 44;

#[derive(Serialize)]
struct Document {
    olts: Vec<Entry>,
}

/// One OLT.
#[derive(Serialize)]
struct Entry {
    olt: String,
    address: String,
    /// Whether the OLT itself was asked.
    asked: bool,
    error: Option<String>,
    plan: Option<Explanation>,
}

pub(super) async fn run(
    args: &PollArgs,
    olts: &[config::Olt],
    limits: &Snmp,
    library: &Arc<Library>,
    paper: Paper,
) -> Result<Outcome, CliError> {
    let (olts, outcome) = if args.explain.offline {
        (reckoned(&args.explain, olts, limits, library)?, Outcome::Done)
    } else {
        let looked = look_and_explain(olts, limits, library, &super::kinds(&args.sweep)).await;
        let outcome = super::tell_failures(&looked, args.format == Format::Table);
        let entry = |looked: crate::cli::look::Looked| Entry {
            olt: looked.olt.name.to_string(),
            address: looked.olt.address.clone(),
            asked: true,
            error: looked.error(),
            plan: looked.explanation,
        };
        (looked.into_iter().map(entry).collect(), outcome)
    };
    let document = Document { olts };
    match args.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| CliError::Failed(format!("cannot write the plan as JSON: {error}")))?;
            out::print(&(text + "\n"))?;
        }
        Format::Table => out::print(&render(&document, paper))?,
        Format::Csv => return Err(CliError::Usage("a plan is printed as table or json".to_owned())),
    }
    Ok(outcome)
}

/// Plans for made-up OLTs of these OLTs' families.
fn reckoned(
    args: &ExplainArgs,
    olts: &[config::Olt],
    limits: &Snmp,
    library: &Arc<Library>,
) -> Result<Vec<Entry>, CliError> {
    if args.pons.saturating_mul(args.onus) > MOST_ONUS {
        return Err(CliError::Usage(format!(
            "{} PONs with {} ONUs each are more than the {MOST_ONUS} ONUs of the largest OLT",
            args.pons, args.onus
        )));
    }
    olts.iter()
        .map(|olt| {
            let name = match (&olt.profile, &args.profile) {
                (config::Profile::Named(name), _) | (config::Profile::Auto, Some(name)) => name,
                (config::Profile::Auto, None) => {
                    return Err(CliError::Usage(format!(
                        "{} has no profile in the configuration, and is not asked: name one with --profile",
                        olt.name
                    )));
                }
            };
            let Some(profile) = library.get(name) else {
                let known: Vec<&str> = library.iter().map(|profile| profile.name()).collect();
                return Err(CliError::Usage(format!("there is no profile {name:?}; there are {}", known.join(", "))));
            };
            let options = GeneratedOptions {
                name: olt.name.to_string(),
                pons: args.pons,
                onus_per_pon: args.onus,
                first_code: 10_001,
                seed: 0,
            };
            let generated = GeneratedOlt::new(Arc::clone(profile), &options).ok_or_else(|| {
                CliError::Failed(format!("the profile {name} does not say how an OLT of its family introduces itself"))
            })?;
            let rows: BTreeMap<Oid, Value> =
                generated.view().read(|rows| rows.iter().map(|(oid, value)| (oid.clone(), value.clone())).collect());
            let mut poller = Poller::new(olt.clone(), Arc::clone(library));
            poller.rehearse(profile, &rows);
            Ok(Entry {
                olt: olt.name.to_string(),
                address: olt.address.clone(),
                asked: false,
                error: None,
                plan: poller.explain(limits, Instant::now()),
            })
        })
        .collect()
}

fn render(document: &Document, paper: Paper) -> String {
    let shown: Vec<String> = document.olts.iter().map(section).collect();
    finish(&shown.join("\n"), paper)
}

fn section(entry: &Entry) -> String {
    let mut shown = format!("{}  {}", painted(&clean(&entry.olt, 64), Paint::Strong), entry.address);
    if let Some(error) = &entry.error {
        let what = if entry.plan.is_none() { "not read: " } else { "incomplete: " };
        shown.push_str(&format!("\n  {}{}", painted(what, Paint::Bad), clean(error, 2000)));
    }
    shown.push('\n');
    let Some(plan) = &entry.plan else {
        shown.push_str("  --offline reckons without asking it\n");
        return shown;
    };
    let known = if entry.asked { "known" } else { "made up; nothing was asked" };
    shown.push_str(&format!(
        "  {}; {} ONUs on {} PONs, {} asked for levels ({known})\n",
        plan.profile, plan.onus, plan.pons, plan.asked
    ));
    if let Some(rtt) = plan.rtt_s {
        shown.push_str(&format!("  an answer takes {:.1} ms\n", rtt * 1000.0));
    }
    for sweep in &plan.sweeps {
        shown.push('\n');
        shown.push_str(&sweep_section(sweep));
    }
    shown.push('\n');
    shown.push_str(&limits(&plan.limits));
    shown.push_str(&format!("  why: {}\n\n", clean(&plan.why.replace('\n', " "), 2000)));
    let load = &plan.load;
    let busy = format!("{:.1} % of the time", load.busy * 100.0);
    shown.push_str(&format!(
        "  on average {:.2} PDUs/s, {:.1} values/s, {:.0} octets/s out and {:.0} in; reading {}\n",
        load.pdus_per_second,
        load.values_per_second,
        load.octets_out_per_second,
        load.octets_in_per_second,
        if load.busy > 1.0 { painted(&format!("{busy}: the intervals cannot be held"), Paint::Bad) } else { busy }
    ));
    shown
}

fn sweep_section(sweep: &SweepPlan) -> String {
    let every = humantime::format_duration(Duration::from_secs_f64(sweep.every_s));
    let slices = if sweep.slices > 1 { format!(", in {} slices spread over it", sweep.slices) } else { String::new() };
    let mut shown = format!("  {} every {every}{slices}\n", painted(sweep.sweep.word(), Paint::Strong));
    let mut grid = Grid::new(vec![
        text("TABLE"),
        text("READ"),
        number("ROWS"),
        number("WALKS"),
        number("AT ONCE"),
        number("REQUESTS"),
        number("VALUES"),
        number("OCTETS OUT"),
        number("IN"),
        number("NEEDED"),
    ]);
    for read in &sweep.reads {
        grid.row(read_row(read));
        for column in &read.columns {
            let fields = if column.fields.is_empty() { String::new() } else { column.fields.join(", ") + "  " };
            let sure = if column.confidence == "A" { String::new() } else { format!("  ({})", column.confidence) };
            let column = format!("  {fields}{}  {}{sure}", column.oid, clean(&column.object, LONGEST_OBJECT));
            grid.note(painted(&column, Paint::Faint));
        }
    }
    shown.push_str(&grid.without_empty_columns(&["REQUESTS"]).lines(4));
    shown.push_str(&format!(
        "    expected {} in {}{}\n",
        cost(&sweep.expected),
        short(sweep.expected_s),
        match (&sweep.needed, sweep.needed_s) {
            (Some(needed), Some(seconds)) => format!("; needed {} in {}", cost(needed), short(seconds)),
            _ => String::new(),
        }
    ));
    shown
}

fn read_row(read: &ReadPlan) -> Vec<String> {
    let read_as = match (read.rows_of, read.read) {
        ("device", _) => "GET",
        ("join", _) => "walk, kept",
        (_, "get-up") => "GET if up",
        (_, "walk-by-pon") => "walk by PON",
        (_, _) => "walk",
    };
    vec![
        clean(&read.object, LONGEST_OBJECT),
        read_as.to_owned(),
        read.rows.to_string(),
        if read.walks > 1 { read.walks.to_string() } else { String::new() },
        read.repetitions.to_string(),
        read.expected.requests.to_string(),
        read.expected.varbinds.to_string(),
        read.expected.octets_out.to_string(),
        read.expected.octets_in.to_string(),
        read.needed.map(|needed| needed.requests.to_string()).unwrap_or_default(),
    ]
}

/// `12 requests, 480 values, 3.1 kB out and 14.2 kB in`.
fn cost(cost: &Cost) -> String {
    format!(
        "{} requests, {} values, {} out and {} in",
        cost.requests,
        cost.varbinds,
        octets(cost.octets_out),
        octets(cost.octets_in)
    )
}

fn octets(octets: u64) -> String {
    match octets {
        0..=9_999 => format!("{octets} B"),
        10_000..=9_999_999 => format!("{} kB", octets / 1000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}

fn short(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

fn limits(limits: &[Limit]) -> String {
    let of = |from: Origin| -> Vec<String> {
        let said = limits.iter().filter(|limit| limit.from == from);
        said.map(|limit| format!("{} {}", limit.name, value(limit))).collect()
    };
    let mut shown = String::new();
    for (from, who) in [
        (Origin::Profile, "by the profile"),
        (Origin::Config, "by the configuration"),
        (Origin::ConfigForAll, "by the configuration, for all OLTs together"),
    ] {
        let said = of(from);
        if !said.is_empty() {
            shown.push_str(&format!("  limits {who}: {}\n", said.join(", ")));
        }
    }
    shown
}

fn value(limit: &Limit) -> String {
    match limit.value {
        None => "none".to_owned(),
        Some(seconds) if limit.name.ends_with("_every") || limit.name == "timeout" => {
            humantime::format_duration(Duration::from_secs_f64(seconds)).to_string()
        }
        Some(value) => value.to_string(),
    }
}
