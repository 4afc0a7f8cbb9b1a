//! `oltwatch man`: one manual page for the whole tool.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::Cli;
use super::error::CliError;
use super::{Outcome, out};

pub(super) fn run() -> Result<Outcome, CliError> {
    let page = page().map_err(|source| CliError::System { what: "cannot make the manual page".to_owned(), source })?;
    out::print_with(|writer| writer.write_all(&page))?;
    Ok(Outcome::Done)
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        describe(subcommand, "oltwatch", &mut page)?;
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A section for a subcommand, with its own sections a step lower, then its subcommands.
fn describe(command: &Command, parent: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        for subcommand in command.get_subcommands() {
            describe(subcommand, &name, page)?;
        }
        return Ok(());
    }
    page.extend(format!(".SH \"{}\"\n", name.to_uppercase()).bytes());
    // What every subcommand takes is told once, above.
    let own = command.clone().mut_args(|argument| {
        let hidden = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(hidden)
    });
    let man = Man::new(own);
    let mut sections = Vec::new();
    man.render_description_section(&mut sections)?;
    man.render_synopsis_section(&mut sections)?;
    man.render_options_section(&mut sections)?;
    let sections = String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ");
    let sections = sections.strip_prefix(".SH ").map_or(sections.clone(), |rest| format!(".SS {rest}"));
    page.extend(sections.bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_section() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for section in ["OLTWATCH POLL", "OLTWATCH SIM OLT", "OLTWATCH OZMAP DIFF"] {
            assert!(page.contains(&format!(".SH \"{section}\"")), "{section}");
        }
        assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{}", &page[..20]);
    }
}
