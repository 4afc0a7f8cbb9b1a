//! Reads typed values out of the spanned TOML tree, and gathers everything that is wrong instead of stopping at it.

use std::cell::{Cell, RefCell};
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::{ConfigError, Problem};
use super::schema::{self, Shape};
use super::source::Source;

/// Problems that are kept; a file with more is not a configuration, and the rest is only counted.
const MOST_PROBLEMS: usize = 100;

/// Longest text that a message repeats, in characters.
const LONGEST_ECHO: usize = 60;

/// Longest interval that is taken for meant.
const LONGEST_DURATION: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// What all sections share while one file is read.
pub(super) struct Reader<'r> {
    pub source: &'r Source<'r>,
    pub environment: &'r dyn Fn(&str) -> Option<String>,
    /// Relative paths in the file begin here.
    pub base_dir: &'r Path,
    problems: RefCell<Vec<(usize, Problem)>>,
    left_out: Cell<usize>,
    warnings: RefCell<Vec<(usize, String)>>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        source: &'r Source<'r>,
        environment: &'r dyn Fn(&str) -> Option<String>,
        base_dir: &'r Path,
    ) -> Self {
        Self {
            source,
            environment,
            base_dir,
            problems: RefCell::default(),
            left_out: Cell::new(0),
            warnings: RefCell::default(),
        }
    }

    /// Notes a mistake.
    pub(super) fn problem(&self, span: &Range<usize>, message: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() >= MOST_PROBLEMS {
            self.left_out.set(self.left_out.get().saturating_add(1));
            return;
        }
        let (line, column) = self.source.place(span.start);
        let excerpt = self.source.excerpt(span);
        problems.push((span.start, Problem { file: self.source.file().to_owned(), line, column, message, excerpt }));
    }

    /// Notes something to tell the operator that is no mistake.
    pub(super) fn warn(&self, span: &Range<usize>, message: &str) {
        let (line, column) = self.source.place(span.start);
        let text = format!("{}:{line}:{column}: {message}", self.source.file());
        self.warnings.borrow_mut().push((span.start, text));
    }

    /// The known word nearest to one that was written, when it is near enough to be meant.
    pub(super) fn nearest<'c>(&self, word: &str, known: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
        // Past the bound nobody would see it.
        if self.problems.borrow().len() >= MOST_PROBLEMS {
            return None;
        }
        nearest(word, known)
    }

    /// The warnings in the file's order, or what is wrong.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        let mut problems = self.problems.into_inner();
        if !problems.is_empty() {
            problems.sort_by_key(|(at, _)| *at);
            let problems = problems.into_iter().map(|(_, problem)| problem).collect();
            return Err(ConfigError::Invalid { problems, left_out: self.left_out.get() });
        }
        let mut warnings = self.warnings.into_inner();
        warnings.sort_by_key(|(at, _)| *at);
        Ok(warnings.into_iter().map(|(_, text)| text).collect())
    }

    /// What was found, as a message may say it: a value only where it cannot be a secret.
    pub(super) fn found(&self, span: &Range<usize>, value: &DeValue<'_>) -> String {
        let kind = match value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(array) if array.is_empty() => "an empty array",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        if self.source.hides(span) {
            return kind.to_owned();
        }
        match value {
            DeValue::String(text) => quote(text),
            DeValue::Integer(number) => clip(number.as_str()),
            DeValue::Float(number) => clip(number.as_str()),
            DeValue::Boolean(flag) => flag.to_string(),
            _ => kind.to_owned(),
        }
    }
}

/// The candidate nearest to `word`, when it is near enough to be meant.
pub(super) fn nearest<'c>(word: &str, known: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Longer words are no misspelling, and comparing them is slow.
    const LONGEST: usize = 64;
    /// More candidates than an operator's file holds.
    const MOST: usize = 2000;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let word = plain(word);
    let length = word.chars().count();
    known
        .into_iter()
        .take(MOST)
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let other = plain(candidate);
            let distance = strsim::damerau_levenshtein(&word, &other);
            let begins =
                length.min(other.chars().count()) >= 3 && (other.starts_with(&word) || word.starts_with(&other));
            // Two letters in six may be wrong; one in a shorter word, if another is right.
            let allowed = (length / 3).max(usize::from(length > 1));
            (distance <= allowed || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "…"?`, or nothing.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()
}

/// Words as a list for a message: `"a", "b" or "c"`.
pub(super) fn alternatives<'c>(words: impl IntoIterator<Item = &'c str>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => String::new(),
    }
}

/// A text in quotes, bounded, with control characters spelled out.
pub(super) fn quote(text: &str) -> String {
    if text.chars().count() <= LONGEST_ECHO {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST_ECHO).collect();
    format!("{start:?}…")
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST_ECHO).collect()
}

/// An integer, when it is one in range.
fn as_i64(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// One section of the file.
pub(super) struct Section<'r> {
    pub reader: &'r Reader<'r>,
    shape: &'static Shape,
    /// Its header, with the name that the operator chose, if it has one.
    header: String,
    /// Whether keys that its shape does not list are mistakes.
    closed: bool,
    table: &'r DeTable<'r>,
    /// Where to say that something is missing: the header.
    pub span: Range<usize>,
}

impl<'r> Section<'r> {
    /// A section of this shape; its unknown keys are noted at once.
    pub(super) fn new(
        reader: &'r Reader<'r>,
        shape: &'static Shape,
        table: &'r DeTable<'r>,
        span: Range<usize>,
    ) -> Self {
        Self::named(reader, shape, shape.header.to_owned(), table, span)
    }

    /// Like [`new`](Self::new), for one that is written with this header.
    pub(super) fn named(
        reader: &'r Reader<'r>,
        shape: &'static Shape,
        header: String,
        table: &'r DeTable<'r>,
        span: Range<usize>,
    ) -> Self {
        let section = Self { header, closed: true, ..Self::open(reader, shape, table, span) };
        for key in section.unknown_keys() {
            reader.problem(&key.span(), section.unknown_key(key.get_ref()));
        }
        section
    }

    /// A section that may have keys that its shape does not list.
    pub(super) fn open(
        reader: &'r Reader<'r>,
        shape: &'static Shape,
        table: &'r DeTable<'r>,
        span: Range<usize>,
    ) -> Self {
        Self { reader, shape, header: shape.header.to_owned(), closed: false, table, span }
    }

    fn unknown_keys(&self) -> impl Iterator<Item = &'r Spanned<std::borrow::Cow<'r, str>>> {
        let known = self.shape.keys;
        self.table.keys().filter(move |key| !known.contains(&key.get_ref().as_ref()))
    }

    /// Whether an unknown key looks like this one; then this one is not missing, and that was said.
    fn has_misspelt(&self, key: &str) -> bool {
        let known = self.shape.keys.iter().copied();
        self.closed
            && self.unknown_keys().any(|unknown| self.reader.nearest(unknown.get_ref(), known.clone()) == Some(key))
    }

    fn unknown_key(&self, key: &str) -> String {
        let known = self.shape.keys;
        let help = match self.reader.nearest(key, known.iter().copied()) {
            Some(near) => did_you_mean(Some(near)),
            None => match schema::home_of(key, self.shape) {
                Some(home) => format!("; it belongs into {home}"),
                None => format!("; its keys are {}", known.join(", ")),
            },
        };
        format!("{} has no key {}{help}", self.header, quote(key))
    }

    fn get(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        debug_assert!(self.shape.keys.contains(&key), "{} does not list {key}", self.shape.header);
        self.table.get(key)
    }

    /// Where the value of a key stands; `None` when it is absent.
    pub(super) fn at(&self, key: &str) -> Option<Range<usize>> {
        self.get(key).map(Spanned::span)
    }

    /// Notes a mistake in the value of a key that is there.
    pub(super) fn wrong(&self, key: &str, message: &str) {
        if let Some(span) = self.at(key) {
            self.reader.problem(&span, format!("{}: {message}", self.name(key)));
        }
    }

    /// Notes that a key is missing, unless it is there, misspelt or wrong, which was said.
    pub(super) fn require(&self, key: &str, expected: &str) {
        self.require_one(&[key], &format!("lacks {key:?}: expected {expected}"));
    }

    /// Notes in these words that every one of some keys is missing, if so.
    pub(super) fn require_one(&self, keys: &[&str], message: &str) {
        if !keys.iter().any(|key| self.get(key).is_some() || self.has_misspelt(key)) {
            self.reader.problem(&self.span, format!("{} {message}", self.header));
        }
    }

    /// A key's name for messages.
    pub(super) fn name(&self, key: &str) -> String {
        if self.shape.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.shape.path) }
    }

    /// The value of a key, if `convert` takes it. Else a mistake is noted, with the hint that `convert` returns.
    pub(super) fn read<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&'r DeValue<'r>) -> Result<T, String>,
    ) -> Option<At<T>> {
        let entry = self.get(key)?;
        match convert(entry.get_ref()) {
            Ok(value) => Some(At { value, span: entry.span() }),
            Err(hint) => {
                let found = self.reader.found(&entry.span(), entry.get_ref());
                let message = format!("{}: expected {expected}, found {found}{hint}", self.name(key));
                self.reader.problem(&entry.span(), message);
                None
            }
        }
    }

    /// A string that `check` takes; `check` returns a hint, beginning with `; `, or nothing.
    pub(super) fn text<T>(
        &self,
        key: &str,
        expected: &str,
        check: impl FnOnce(&'r str) -> Result<T, String>,
    ) -> Option<At<T>> {
        self.read(key, expected, |value| check(value.as_str().ok_or_else(String::new)?))
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let names = || words.iter().map(|(name, _)| *name);
        self.read(key, &alternatives(names()), |value| {
            let Some(text) = value.as_str() else {
                // `version = 3` lacks only its quotes.
                let number = value.as_integer().map(|number| number.as_str());
                return Err(did_you_mean(names().find(|name| number == Some(*name))));
            };
            let found = words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
            found.ok_or_else(|| did_you_mean(self.reader.nearest(text, names())))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.read(key, "true or false", |value| value.as_bool().ok_or_else(String::new)).map(|at| at.value)
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &expected, |value| {
            let number = as_i64(value).and_then(|number| u32::try_from(number).ok());
            number.filter(|number| range.contains(number)).ok_or_else(String::new)
        })
        .map(|at| at.value)
    }

    /// A number that `check` takes, whole or not; never an infinity or a NaN.
    pub(super) fn number(&self, key: &str, expected: &str, check: impl FnOnce(f64) -> bool) -> Option<At<f64>> {
        self.read(key, expected, |value| {
            let number = match value {
                DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
                // Levels, ratios and rates are far below where an f64 loses whole numbers.
                DeValue::Integer(_) => as_i64(value).and_then(|number| i32::try_from(number).ok()).map(f64::from),
                _ => None,
            };
            number.filter(|number| number.is_finite() && check(*number)).ok_or_else(String::new)
        })
    }

    /// A human duration above zero.
    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        self.duration_from(key, "a duration above zero such as \"90s\" or \"15m\"", Duration::from_nanos(1))
    }

    /// A human duration; zero is one.
    pub(super) fn duration_or_zero(&self, key: &str) -> Option<Duration> {
        self.duration_from(key, "a duration such as \"90s\" or \"15m\"", Duration::ZERO)
    }

    fn duration_from(&self, key: &str, expected: &str, least: Duration) -> Option<Duration> {
        self.read(key, expected, |value| {
            if let Some(number) = as_i64(value) {
                return Err(if number > 0 { format!("; did you mean \"{number}s\"?") } else { String::new() });
            }
            let text = value.as_str().ok_or_else(String::new)?;
            let duration = humantime::parse_duration(text).map_err(|error| format!(": {error}"))?;
            if duration > LONGEST_DURATION {
                return Err("; ten years are the longest".to_owned());
            }
            Some(duration).filter(|duration| *duration >= least).ok_or_else(String::new)
        })
        .map(|at| at.value)
    }

    /// A list, item by item with its place; an empty list when it is absent or wrong.
    pub(super) fn list(&self, key: &str, expected: &str) -> Option<At<&'r DeArray<'r>>> {
        self.read(key, expected, |value| value.as_array().filter(|list| !list.is_empty()).ok_or_else(String::new))
    }

    /// Whether a key is there and holds a list of nothing.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.get(key).and_then(|value| value.get_ref().as_array()).is_some_and(|list| list.is_empty())
    }

    /// A subsection of this shape.
    pub(super) fn section(&self, key: &str, shape: &'static Shape) -> Option<Section<'r>> {
        let table = self.read(key, &format!("a section {}", shape.header), |value| {
            value
                .as_table()
                .ok_or_else(|| if value.is_array() { "; is it in double brackets?".to_owned() } else { String::new() })
        })?;
        Some(Section::new(self.reader, shape, table.value, table.span))
    }

    /// A table whose keys are names that the operator chose.
    pub(super) fn names(&self, key: &str, expected: &str) -> Option<At<&'r DeTable<'r>>> {
        self.read(key, expected, |value| value.as_table().ok_or_else(String::new))
    }

    /// Sections of this shape, in the file's order.
    pub(super) fn sections(&self, key: &str, shape: &'static Shape) -> Vec<Section<'r>> {
        self.tables(key, shape).into_iter().map(|at| Section::new(self.reader, shape, at.value, at.span)).collect()
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, key: &str, shape: &'static Shape) -> Vec<At<&'r DeTable<'r>>> {
        let expected = format!("sections {}", shape.header);
        let list = self.read(key, &expected, |value| {
            value.as_array().ok_or_else(|| {
                if value.is_table() { "; one of several needs double brackets".to_owned() } else { String::new() }
            })
        });
        let mut tables = Vec::new();
        for item in list.iter().flat_map(|list| list.value.iter()) {
            match item.get_ref() {
                DeValue::Table(value) => tables.push(At { value, span: item.span() }),
                other => {
                    let found = self.reader.found(&item.span(), other);
                    self.reader
                        .problem(&item.span(), format!("{}: expected {expected}, found {found}", self.name(key)));
                }
            }
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_proposed() {
        let known = ["token_file", "token_env", "mode", "aes128", "sha1"];
        for (word, near) in [
            ("tokn_file", Some("token_file")),
            ("token-env", Some("token_env")),
            ("Mode", Some("mode")),
            ("aes", Some("aes128")),
            ("sha", Some("sha1")),
            ("interval", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
        assert_eq!(nearest(&"m".repeat(1_000_000), known), None);
    }

    #[test]
    fn words_are_listed_as_one_says_them() {
        assert_eq!(alternatives(["a"]), r#""a""#);
        assert_eq!(alternatives(["a", "b", "c"]), r#""a", "b" or "c""#);
    }
}
