//! `oltwatch incidents precision`: how often incidents were called what people said that they were.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::super::args::{ConfigArgs, Format};
use super::super::error::CliError;
use super::super::out::Paper;
use super::super::ozmap::{print_csv, print_json};
use super::super::table::{Grid, number, text};
use super::super::{Outcome, load, out};
use crate::incident::{Closing, Kept, Kind, RealCause};
use crate::store::incident;

/// `incidents precision`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PrecisionArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How often it was right, of one kind or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Score {
    /// Incidents that were called so and are over.
    over: u64,
    /// Those that are not.
    open: u64,
    /// Those of which a person said what they were.
    closed: u64,
    /// Of these, those that were called right.
    right_kind: u64,
    /// Of these, those that were nothing.
    false_alarms: u64,
    /// Those of which a person said where they were.
    placed: u64,
    /// Of these, those whose element was named right.
    right_element: u64,
    /// Of these, those whose element was the place or among the alternatives.
    element_named: u64,
}

impl Score {
    fn add(&mut self, incident: &crate::incident::Incident, closing: &Closing) {
        self.closed += 1;
        self.right_kind += u64::from(closing.is_right_kind(incident));
        self.false_alarms += u64::from(closing.cause == RealCause::FalseAlarm);
        self.placed += u64::from(closing.at.is_some());
        self.right_element += u64::from(closing.is_right_element(incident) == Some(true));
        self.element_named += u64::from(closing.is_element_named(incident) == Some(true));
    }

    fn join(&mut self, other: &Self) {
        let Self { over, open, closed, right_kind, false_alarms, placed, right_element, element_named } = other;
        for (sum, more) in [
            (&mut self.over, over),
            (&mut self.open, open),
            (&mut self.closed, closed),
            (&mut self.right_kind, right_kind),
            (&mut self.false_alarms, false_alarms),
            (&mut self.placed, placed),
            (&mut self.right_element, right_element),
            (&mut self.element_named, element_named),
        ] {
            *sum += more;
        }
    }

    const fn numbers(&self) -> [u64; 8] {
        [
            self.over,
            self.open,
            self.closed,
            self.right_kind,
            self.false_alarms,
            self.placed,
            self.right_element,
            self.element_named,
        ]
    }
}

const HEADER: [&str; 9] =
    ["kind", "over", "open", "closed", "right_kind", "false_alarms", "placed", "right_element", "element_named"];

pub(super) fn run(args: &PrecisionArgs, paper: Paper) -> Result<Outcome, CliError> {
    let config = load::load(&args.config.config)?.config;
    let Some(store) = &config.store else {
        return Err(CliError::NoStore { file: args.config.config.display().to_string() });
    };
    let mut unread = 0;
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for count in incident::counts(&store.path)? {
        let score = scores.entry(count.kind).or_default();
        (score.over, score.open) = (count.over, count.open);
    }
    for row in incident::closed_by_hand(&store.path)? {
        let closing = row.closing.as_deref().and_then(|text| serde_json::from_str::<Closing>(text).ok());
        match (Kept::from_text(&row.data), closing) {
            (Ok(kept), Some(closing)) => scores.entry(row.kind).or_default().add(kept.incident(), &closing),
            _ => unread += 1,
        }
    }
    if unread > 0 {
        out::note(&format!("warning: {unread} incidents cannot be read and are left out"));
    }
    let mut all = Score::default();
    scores.values().for_each(|score| all.join(score));
    print(&scores, &all, args.format, paper)?;
    Ok(Outcome::Done)
}

fn print(scores: &BTreeMap<String, Score>, all: &Score, format: Format, paper: Paper) -> Result<(), CliError> {
    let row = |kind: &str, score: &Score| {
        let mut row = [const { String::new() }; 9];
        let cells = std::iter::once(kind.to_owned()).chain(score.numbers().iter().map(ToString::to_string));
        row.iter_mut().zip(cells).for_each(|(place, cell)| *place = cell);
        row
    };
    // In the order of the kinds, not of the alphabet.
    let known = Kind::ALL.iter().filter_map(|kind| scores.get_key_value(kind.word()));
    let lines = || known.clone().map(|(kind, score)| row(kind, score));
    match format {
        Format::Json => print_json(&serde_json::json!({ "kinds": scores, "all": all })),
        Format::Csv => print_csv(HEADER, lines().chain([row("all", all)])),
        Format::Table => {
            if all.over + all.open == 0 {
                return out::print("no incidents\n");
            }
            let mut grid = Grid::new(vec![
                text("KIND"),
                number("OVER"),
                number("OPEN"),
                number("CLOSED"),
                number("RIGHT KIND"),
                number("FALSE"),
                number("PLACED"),
                number("RIGHT ELEMENT"),
                number("NAMED"),
            ]);
            for line in lines().chain([row("all", all)]) {
                grid.row(line.to_vec());
            }
            out::print(&grid.render(paper))?;
            out::print(&summary(all))
        }
    }
}

/// What it comes to, in a sentence.
fn summary(all: &Score) -> String {
    if all.closed == 0 {
        return "nobody said of any what it was: \"oltwatch incidents close ID --cause … --at …\" does\n".to_owned();
    }
    let share = |part: u64, of: u64| if of == 0 { "-".to_owned() } else { format!("{} %", (part * 100 + of / 2) / of) };
    format!(
        "of {} that people closed, {} were called what they were; of {} with an element, {} were placed at it\n",
        all.closed,
        share(all.right_kind, all.closed),
        all.placed,
        share(all.right_element, all.placed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_add_up_and_are_said_in_a_sentence() {
        let mut all = Score { over: 3, open: 1, closed: 3, right_kind: 2, ..Score::default() };
        assert!(summary(&Score::default()).starts_with("nobody said"));
        all.join(&Score { closed: 1, right_kind: 1, placed: 2, right_element: 1, ..Score::default() });
        assert_eq!(
            summary(&all),
            "of 4 that people closed, 75 % were called what they were; of 2 with an element, 50 % were placed at it\n"
        );
        assert_eq!(all.numbers(), [3, 1, 4, 3, 0, 2, 1, 0]);
    }
}
