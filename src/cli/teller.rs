//! Lines of a story on standard output, with the time since its beginning.

use std::io::Write;
use std::time::Instant;

use anstyle::{AnsiColor, Style};

/// Tells what happens.
#[derive(Debug)]
pub(super) struct Teller {
    began: Instant,
    color: bool,
}

impl Teller {
    pub(super) fn new(color: bool) -> Self {
        Self { began: Instant::now(), color }
    }

    fn line(&self, mark: &str, style: Style, text: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        let (on, off) = if self.color {
            (style.render().to_string(), style.render_reset().to_string())
        } else {
            Default::default()
        };
        // A reader that went away is no reason to fail: the story goes on for whoever looks at the pages.
        let _ = writeln!(std::io::stdout().lock(), "{seconds:6.1} s  {on}{mark}{off} {text}");
    }

    /// A plain line.
    pub(super) fn say(&self, text: &str) {
        self.line(" ", Style::new(), text);
    }

    /// A line below another.
    pub(super) fn item(&self, text: &str) {
        self.line("   ", Style::new(), text);
    }

    /// Something that happens to the network.
    pub(super) fn event(&self, text: &str) {
        self.line("!", Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold(), text);
    }

    /// Something that went as it should.
    pub(super) fn good(&self, text: &str) {
        self.line("✓", Style::new().fg_color(Some(AnsiColor::Green.into())).bold(), text);
    }

    /// Something that did not.
    pub(super) fn bad(&self, text: &str) {
        self.line("✗", Style::new().fg_color(Some(AnsiColor::Red.into())).bold(), text);
    }
}
