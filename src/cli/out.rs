//! The two outputs: results, and everything else.

use std::io::{self, IsTerminal, Write};

use super::args::ColorWhen;
use super::error::CliError;
use super::progress;

/// What results are written on: whether colours may be used there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    /// Whether standard output shows colours.
    pub(super) color: bool,
}

impl Paper {
    pub(super) fn new(color: ColorWhen) -> Self {
        Self { color: wants_color(color, io::stdout().is_terminal()) }
    }
}

/// Whether an output is coloured. `auto` heeds <https://no-color.org> and dumb terminals.
pub(super) fn wants_color(when: ColorWhen, terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Writes results to standard output, as they are.
///
/// # Errors
/// [`CliError::ReaderGone`] when nobody reads any more, [`CliError::System`] when it cannot be written otherwise.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// Writes results to standard output, piece by piece.
///
/// # Errors
/// As [`print`].
pub(super) fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
    progress::aside(|| {
        let mut out = io::BufWriter::new(io::stdout().lock());
        write(&mut out).and_then(|()| out.flush()).map_err(write_error)
    })
}

/// What a failed write of results means.
pub(super) fn write_error(source: io::Error) -> CliError {
    if source.kind() == io::ErrorKind::BrokenPipe {
        CliError::ReaderGone
    } else {
        CliError::System { what: "cannot write to standard output".to_owned(), source }
    }
}

/// Writes a line to standard error.
pub(super) fn note(text: &str) {
    progress::aside(|| {
        // There is nowhere left to tell that it cannot be written.
        let _ = writeln!(io::stderr().lock(), "{text}");
    });
}
