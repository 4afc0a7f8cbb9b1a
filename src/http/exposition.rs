//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;
use std::time::Duration;

use super::metrics_names::Metric;
use crate::model::Timestamp;

/// The media type of the text.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A sample's number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Whole: a count, or a flag.
    Whole(u64),
    /// With decimals: a time.
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Number {
    fn from(flag: bool) -> Self {
        Self::Whole(flag.into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<Duration> for Number {
    /// In seconds.
    fn from(time: Duration) -> Self {
        Self::Real(time.as_secs_f64())
    }
}

impl From<Timestamp> for Number {
    /// In seconds since 1970 UTC.
    fn from(time: Timestamp) -> Self {
        Self::Real(Duration::from_millis(time.millis()).as_secs_f64())
    }
}

/// A text that grows by families: all samples of one metric, below its help and kind.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// A metric's samples, which `write` gives. To be called once for each metric.
    pub(super) fn family(&mut self, metric: &Metric, write: impl FnOnce(&mut Family<'_>)) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {} {}", metric.name, Escaped(metric.help, Where::Help));
        let _ = writeln!(self.0, "# TYPE {} {}", metric.name, metric.kind.word());
        write(&mut Family { text: &mut self.0, metric });
    }

    /// A metric with one sample and no label.
    pub(super) fn single(&mut self, metric: &Metric, number: impl Into<Number>) {
        self.family(metric, |family| family.sample([], number));
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Where one metric's samples go.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    metric: &'a Metric,
}

impl Family<'_> {
    /// One sample; `values` are those of the metric's labels, in their order.
    pub(super) fn sample<const N: usize>(&mut self, values: [&str; N], number: impl Into<Number>) {
        debug_assert_eq!(N, self.metric.labels.len(), "{}", self.metric.name);
        self.text.push_str(self.metric.name);
        for (place, (label, value)) in self.metric.labels.iter().zip(values).enumerate() {
            let open = if place == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{}\"", Escaped(value, Where::Label));
        }
        if N > 0 {
            self.text.push('}');
        }
        let _ = match number.into() {
            Number::Whole(number) => writeln!(self.text, " {number}"),
            Number::Real(number) => writeln!(self.text, " {number}"),
        };
    }
}

/// Where a text stands; quotes end a label's value, but not a help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Help,
    Label,
}

/// A text that cannot end where it stands.
struct Escaped<'a>(&'a str, Where);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.1 == Where::Label => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics_names::Kind;
    use super::*;

    #[test]
    fn labels_and_help_cannot_break_out_of_their_line() {
        let metric = Metric { name: "m", kind: Kind::Gauge, labels: &["a", "b"], help: "A \"help\"\nof \\ two lines." };
        let mut text = Exposition::default();
        text.family(&metric, |family| family.sample(["x\"} 1\nm 2", "C:\\ção"], 3_u64));
        assert_eq!(
            text.finish(),
            "# HELP m A \"help\"\\nof \\\\ two lines.\n# TYPE m gauge\nm{a=\"x\\\"} 1\\nm 2\",b=\"C:\\\\ção\"} 3\n"
        );
    }

    #[test]
    fn numbers_are_exact_and_times_are_seconds() {
        let metric = Metric { name: "m", kind: Kind::Gauge, labels: &[], help: "H." };
        let number = |number: Number| {
            let mut text = Exposition::default();
            text.single(&metric, number);
            text.finish().lines().last().unwrap().to_owned()
        };
        assert_eq!(number(u64::MAX.into()), "m 18446744073709551615");
        assert_eq!(number(true.into()), "m 1");
        assert_eq!(number(Duration::from_micros(1500).into()), "m 0.0015");
        assert_eq!(number(Timestamp::from_millis(1_795_401_067_250).into()), "m 1795401067.25");
    }
}
