//! Progress of long work: a bar on standard error, where that is a terminal.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All bars of the process, so that lines written meanwhile do not tear them.
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Does something on the terminal while no bar is drawn.
pub(super) fn aside<R>(work: impl FnOnce() -> R) -> R {
    match BARS.get() {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// A bar that is gone when this is dropped. Draws nothing where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Counts up to `steps`; 0 when nobody knows how many there are.
    pub(super) fn new(what: &'static str, steps: usize) -> Self {
        let bar = BARS.get_or_init(MultiProgress::new).add(ProgressBar::no_length());
        bar.set_prefix(what);
        let this = Self(bar);
        this.set_steps(steps);
        this.0.enable_steady_tick(Duration::from_millis(120));
        this
    }

    fn set_steps(&self, steps: usize) {
        let template = if steps == 0 {
            "{spinner} {prefix} {pos} {elapsed} {wide_msg}"
        } else {
            self.0.set_length(u64::try_from(steps).unwrap_or(u64::MAX));
            "{spinner} {prefix} [{bar:24}] {pos}/{len} {elapsed} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.progress_chars("=> "));
        }
    }

    /// One step is done.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// So many are done, of so many, if anybody knows.
    pub(super) fn at(&self, done: usize, of: Option<usize>) {
        if let Some(of) = of
            && self.0.length() != u64::try_from(of).ok()
        {
            self.set_steps(of);
        }
        self.0.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// What is being done now.
    pub(super) fn say(&self, what: impl Into<Cow<'static, str>>) {
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
