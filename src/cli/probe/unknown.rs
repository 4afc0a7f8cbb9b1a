//! An OLT that no profile fits: the nearest families, and an outline of its tables for a bug report.

use std::sync::Arc;
use std::time::Duration;

use super::columns::raw;
use super::{Asking, Introduced};
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::table::{Grid, Paint, clean, number, painted, text};
use crate::mib::{Finding, Library, Profile};
use crate::poll::{Bounds, Looks, Outline, TableOutline, outline};
use crate::record::Mask;
use crate::snmp::{Oid, Session};

/// How far the outline goes.
const BOUNDS: Bounds = Bounds { pdus: 600, time: Duration::from_secs(90) };
/// Families that are put to the proof.
const TRIED: usize = 6;
/// Tables that are shown in full, and others that are named.
const SHOWN: usize = 12;
const NAMED: usize = 30;
/// The makers' tree.
const ENTERPRISES: [u32; 6] = [1, 3, 6, 1, 4, 1];

/// A family that is near.
pub(super) struct Near {
    pub(super) profile: Arc<Profile>,
    pub(super) score: i32,
    pub(super) finding: Finding,
}

/// What is known of an unknown OLT.
pub(super) struct Unknown {
    /// The nearest first.
    pub(super) near: Vec<Near>,
    pub(super) outline: Outline,
}

/// The subtrees of a device's maker, and of others whose tables look like ONUs; all makers where there is none.
pub(super) fn makers(introduced: &Introduced, unknown: &Unknown) -> Vec<Oid> {
    let mut found: Vec<u32> = maker(&introduced.sys_object_id).into_iter().collect();
    found.extend(likely(&unknown.outline).filter_map(|table| maker(&table.entry)));
    found.sort_unstable();
    found.dedup();
    let all = Oid::new(&ENTERPRISES);
    if found.is_empty() { vec![all] } else { found.iter().map(|maker| all.child(&[*maker])).collect() }
}

/// The number of the maker below which an OID is.
fn maker(oid: &Oid) -> Option<u32> {
    oid.suffix_of(&Oid::new(&ENTERPRISES)).and_then(|suffix| suffix.first().copied())
}

pub(super) async fn look(
    asking: &Asking<'_>,
    session: &Session,
    introduced: &Introduced,
    library: &Library,
) -> Result<Unknown, CliError> {
    let progress = Progress::new("looking for tables", 0);
    let tell = |place: &str| {
        progress.say(place.to_owned());
        progress.step();
    };
    let outline = outline(session, &introduced.sys_object_id, BOUNDS, &tell).await;
    drop(progress);
    let mut makers: Vec<u32> = maker(&introduced.sys_object_id).into_iter().collect();
    makers.extend(likely(&outline).filter_map(|table| maker(&table.entry)));
    let mut profiles: Vec<Arc<Profile>> = introduced.trials.iter().map(|trial| Arc::clone(&trial.profile)).collect();
    profiles.extend(makers.iter().flat_map(|maker| library.of_maker(*maker)));
    let mut near: Vec<Near> = Vec::new();
    for profile in profiles {
        if near.len() < TRIED && !near.iter().any(|other| other.profile.name() == profile.name()) {
            let proof = asking.compare(std::slice::from_ref(&profile)).await?.into_iter().next().unwrap_or_default();
            near.push(Near { score: proof.score(), finding: proof.finding(), profile });
        }
    }
    near.sort_by_key(|near| std::cmp::Reverse(near.score));
    Ok(Unknown { near, outline })
}

fn likely(outline: &Outline) -> impl Iterator<Item = &TableOutline> {
    let mut tables: Vec<&TableOutline> =
        outline.tables.iter().filter(|table| table.likeness() >= TableOutline::LIKELY).collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.likeness()));
    tables.into_iter()
}

/// All of it in words. Serials, MACs and names in samples are made up, so that it can be given away.
pub(super) fn text_of(introduced: &Introduced, unknown: &Unknown, known: &str, mask: &mut Mask) -> String {
    let mut shown =
        format!("\n{}: no profile fits {}\n", painted("Unknown family", Paint::Bad), introduced.sys_object_id);
    for near in &unknown.near {
        let name = painted(near.profile.name(), Paint::Strong);
        shown.push_str(&format!("  near: {name}, {} points: {}\n", near.score, near.finding));
    }
    shown.push_str(&format!("If you know its family, try it: --profile NAME, with one of {known}.\n\n"));
    let outline = &unknown.outline;
    let likely: Vec<&TableOutline> = likely(outline).collect();
    let names = "serials, MACs and names in it are made up";
    shown.push_str(&format!(
        "What its tree holds, for a bug report ({names}): {} tables and {} single values; {} requests in {:.1} s\n",
        outline.tables.len(),
        outline.scalars,
        outline.pdus,
        outline.elapsed.as_secs_f64()
    ));
    if let Some(why) = &outline.stopped {
        let told = painted("This is a part of it only", Paint::Warning);
        shown.push_str(&format!("{told}: the look ended early, {}\n", clean(why, 200)));
    }
    if likely.is_empty() {
        shown.push_str(&format!(
            "{}\n",
            painted("No table looks like ONUs: none has serials, MACs or levels", Paint::Warning)
        ));
    }
    for table in likely.iter().take(SHOWN) {
        shown.push_str(&one_table(table, mask));
    }
    let mut others = outline.tables.iter().filter(|table| table.likeness() < TableOutline::LIKELY).peekable();
    if others.peek().is_some() {
        shown.push_str("\nOther tables:\n");
    }
    for table in others.by_ref().take(NAMED) {
        let numbers: Vec<String> = table.columns.iter().map(|column| column.number.to_string()).collect();
        shown.push_str(&format!("  {}, columns {}, {}\n", table.entry, clean(&numbers.join(" "), 60), rows(table)));
    }
    let left = others.count();
    if left > 0 {
        shown.push_str(&format!("  and {left} more\n"));
    }
    shown.push_str("\nA file that shows all of it, with nobody in it, for whoever writes the profile: --record FILE\n");
    shown
}

/// `6 rows or more, indexes of 2 numbers such as 1.3`.
fn rows(table: &TableOutline) -> String {
    let Some(longest) = table.columns.iter().max_by_key(|column| column.rows.len()) else { return String::new() };
    let numbers = longest.rows.first().map_or(0, |(index, _)| index.len());
    let more = if longest.more { " or more" } else { "" };
    let plural = if numbers == 1 { "" } else { "s" };
    format!("{} rows{more}, indexes of {numbers} number{plural}", longest.rows.len())
}

fn one_table(table: &TableOutline, mask: &mut Mask) -> String {
    let mut shown = format!("\n{}, {}\n", painted(&table.entry.to_string(), Paint::Strong), rows(table));
    let mut grid = Grid::new(vec![number("COLUMN"), text("TYPE"), text("LOOKS LIKE"), text("ROW"), text("SAYS")]);
    for column in &table.columns {
        let looks = match column.looks {
            Some(Looks::Level(unit)) => painted(&format!("level, {unit}"), Paint::Good),
            Some(Looks::Serial) => painted("serial", Paint::Good),
            Some(Looks::Mac) => painted("MAC", Paint::Good),
            Some(Looks::State) => "state?".to_owned(),
            None => String::new(),
        };
        let values: Vec<String> =
            column.rows.iter().take(3).map(|(_, value)| clean(&raw(&mask.unknown(value)), 24)).collect();
        let index = column.rows.first().map(|(index, _)| mask.unknown_index(index)).unwrap_or_default();
        let index = index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        grid.row(vec![
            column.number.to_string(),
            column.kind.to_owned(),
            looks,
            clean(&index, 30),
            clean(&values.join(", "), 60),
        ]);
    }
    shown.push_str(&grid.lines(2));
    shown
}
