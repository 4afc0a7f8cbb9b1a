//! The file's text: from a byte to a line and column, and what of a line may be shown.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::schema;

/// A text with the name that it goes by in messages.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    /// Byte at which each line begins.
    line_starts: Vec<usize>,
    /// Characters that begin before every [`STRIDE`]th byte, so that a place in a line of megabytes is found at once.
    characters: Vec<usize>,
    /// Every key and scalar of the parsed tree in the text's order; empty when the text is no TOML.
    scalars: Vec<Scalar>,
}

/// A key or a scalar value.
struct Scalar {
    span: Range<usize>,
    hidden: bool,
}

/// Longer lines are not shown, in octets.
const LONGEST_EXCERPT: usize = 160;

/// Bytes between two counts of characters.
const STRIDE: usize = 256;

/// What stands in an excerpt for a value that is not shown.
const MASK: &str = "…";

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        let counts = text.as_bytes().chunks(STRIDE).scan(0, |before, chunk| {
            let here = *before;
            *before += begun_in(chunk);
            Some(here)
        });
        let characters = counts.collect();
        Self { file, text, line_starts, characters, scalars: Vec::new() }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    /// Learns from the parsed text which of its values may be shown.
    pub(super) fn learn(&mut self, root: &DeTable<'_>) {
        collect(root, "", &mut self.scalars);
        self.scalars.sort_by_key(|scalar| scalar.span.start);
    }

    /// Whether the value at this place must not be shown.
    pub(super) fn hides(&self, span: &Range<usize>) -> bool {
        let at = self.scalars.partition_point(|scalar| scalar.span.start < span.start);
        self.scalars.get(at).is_none_or(|scalar| scalar.span.start != span.start || scalar.hidden)
    }

    /// Line and column, both from 1, of a byte; columns count characters.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.line(at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        (line, self.characters_before(at).saturating_sub(self.characters_before(start)) + 1)
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at.min(self.text.len())).max(1)
    }

    fn characters_before(&self, at: usize) -> usize {
        let stride = at / STRIDE;
        let rest = self.text.as_bytes().get(stride * STRIDE..at).unwrap_or_default();
        self.characters.get(stride).copied().unwrap_or_default() + begun_in(rest)
    }

    /// The bytes of the line that holds a byte, without its newline.
    fn line_around(&self, at: usize) -> Option<(usize, &'a str)> {
        let line = self.line(at);
        let start = self.line_starts.get(line - 1).copied()?;
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let content = self.text.get(start..end)?.trim_end();
        let shown = content.len() <= LONGEST_EXCERPT && !content.chars().any(|c| c.is_control() && c != '\t');
        shown.then_some((start, content))
    }

    /// The line at `span` with a line of carets below it. Values that may not be shown and comments (which may hold an
    /// old secret) are left out. `None` when nothing of use can be shown.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Option<String> {
        let (start, content) = self.line_around(span.start)?;
        if span.start == span.end || content.trim().is_empty() {
            return None;
        }
        let end = start + content.len();
        let mut shown = String::new();
        let mut caret: Option<Range<usize>> = None;
        let first = self.scalars.partition_point(|scalar| scalar.span.end <= start);
        let mut scalars = self.scalars.get(first..).unwrap_or_default().iter().peekable();
        let mut masked_until = start;
        for (offset, character) in content.char_indices() {
            let at = start + offset;
            while scalars.peek().is_some_and(|scalar| scalar.span.end <= at) {
                scalars.next();
            }
            let inside = scalars.peek().filter(|scalar| scalar.span.contains(&at));
            if character == '#' && inside.is_none() {
                break;
            }
            let column = shown.chars().count();
            if at >= masked_until {
                match inside.filter(|scalar| scalar.hidden) {
                    Some(scalar) => {
                        shown.push_str(MASK);
                        masked_until = scalar.span.end;
                    }
                    None => shown.push(if character == '\t' { ' ' } else { character }),
                }
            }
            if span.contains(&at) && at < end {
                // Inside a masked value every character stands at the mask.
                let last = shown.chars().count().max(1);
                caret = Some(caret.map_or(column.min(last - 1), |caret| caret.start)..last);
            }
        }
        let caret = caret?;
        Some(underlined(&shown, &caret))
    }

    /// Like [`excerpt`](Self::excerpt) where the text is no TOML, so that nobody can say where a string or a comment
    /// begins. Shown are only a bare value up to the mistake in it, behind a key that only ever holds harmless values, and the header
    /// of a known section up to the mistake.
    pub(super) fn raw_excerpt(&self, span: &Range<usize>) -> Option<String> {
        let (start, content) = self.line_around(span.start)?;
        let from = span.start.checked_sub(start)?;
        let (before, rest) = content.split_at_checked(from)?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let column = before.chars().count();
        if let Some(header) = before.trim_start().strip_prefix('[') {
            let header = header.trim_start_matches('[');
            let section = header.split(|c| !is_word(c)).next().unwrap_or_default();
            let plain = header.chars().all(|c| is_word(c) || matches!(c, '.' | ']'));
            let known = schema::ROOT.keys.contains(&section) && plain;
            return known.then(|| underlined(before, &(column..column + 1)));
        }
        let (key, begun) = before.split_once('=')?;
        let value = rest.get(..span.len()).unwrap_or(rest);
        let harmless = schema::is_always_harmless(key.trim())
            && begun.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '+' | '-'))
            && !value.is_empty()
            && !schema::sounds_secret(value)
            && !value.contains(['@', '#']);
        let shown = format!("{before}{value}").replace('\t', " ");
        harmless.then(|| underlined(&shown, &(column..column + value.chars().count())))
    }
}

/// Characters that begin in a piece of UTF-8: continuation octets begin none.
fn begun_in(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| **octet & 0xC0 != 0x80).count()
}

/// A line, and carets below some of its characters.
fn underlined(line: &str, caret: &Range<usize>) -> String {
    let indent = line.chars().take_while(|c| *c == ' ').count().min(caret.start);
    let line: String = line.chars().skip(indent).collect();
    format!("{}\n{}{}", line.trim_end(), " ".repeat(caret.start - indent), "^".repeat(caret.len().max(1)))
}

/// Keys and scalars of a table that stands at `path`. The parser bounds the depth.
fn collect(table: &DeTable<'_>, path: &str, scalars: &mut Vec<Scalar>) {
    for (key, value) in table {
        scalars.push(Scalar { span: key.span(), hidden: false });
        let name = key.get_ref().as_ref();
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        collect_value(
            value.span(),
            value.get_ref(),
            !schema::may_show_at(path, name, value.get_ref()),
            &below,
            scalars,
        );
    }
}

fn collect_value(span: Range<usize>, value: &DeValue<'_>, hidden: bool, path: &str, scalars: &mut Vec<Scalar>) {
    match value {
        DeValue::Table(table) => collect(table, path, scalars),
        DeValue::Array(array) => {
            for item in array.iter() {
                collect_value(item.span(), item.get_ref(), hidden, path, scalars);
            }
        }
        DeValue::String(text) => {
            // `user:password@host` and `https://host/?token=` are common ways to write an address.
            let carries = text.contains('@') || (text.contains("://") && text.contains('?'));
            scalars.push(Scalar { span, hidden: hidden || carries });
        }
        _ => scalars.push(Scalar { span, hidden }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        let mut source = Source::new("f.toml", text);
        source.learn(DeTable::parse(text).unwrap().get_ref());
        source
    }

    fn excerpt_at(text: &str, needle: &str) -> Option<String> {
        let start = text.find(needle).unwrap();
        source(text).excerpt(&(start..start + needle.len()))
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "a\né = 1\n");
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(2), (2, 1));
        assert_eq!(source.place(4), (2, 2));
        assert_eq!(source.place(999), (3, 1));
        let long = format!("x\n{}", "é".repeat(10_000));
        let source = Source::new("f", &long);
        for character in [0, 1, 127, 128, 129, 5000, 9999] {
            assert_eq!(source.place(2 + 2 * character), (2, character + 1));
        }
    }

    #[test]
    fn a_known_value_is_shown_with_carets_below_it() {
        assert_eq!(
            excerpt_at("\tozmap.mode = \"x#\" # note", "\"x#\"").unwrap(),
            "ozmap.mode = \"x#\"\n             ^^^^"
        );
    }

    #[test]
    fn values_that_may_be_secret_are_masked_wherever_they_stand() {
        let shown = excerpt_at("ozmap = { comunity = \"s3cret\", burst = 5 } # s3cret", "burst").unwrap();
        assert_eq!(shown, "ozmap = { comunity = …, burst = 5 }\n                        ^^^^^");
        let shown = excerpt_at("token = \"s3cret\"", "\"s3cret\"").unwrap();
        assert_eq!(shown, "token = …\n        ^");
        let shown = excerpt_at("url = \"https://u:s3cret@host\"", "s3cret").unwrap();
        assert_eq!(shown, "url = …\n      ^");
    }

    #[test]
    fn of_a_text_that_is_no_toml_only_harmless_lines_are_shown() {
        let of = |text: &'static str, span| Source::new("f", text).raw_excerpt(&span);
        assert_eq!(of("mode = write", 7..12).unwrap(), "mode = write\n       ^^^^^");
        assert_eq!(of("token = s3cret", 8..14), None);
        assert_eq!(of("s3cret", 0..6), None);
        assert_eq!(of("mode = x # s3cret", 7..8).unwrap(), "mode = x\n       ^");
        assert_eq!(of("mode = \"x\" s3cret", 11..17), None);
        assert_eq!(of("version = s3cret", 10..16), None);
        assert_eq!(of("[ozmap", 6..6).unwrap(), "[ozmap\n      ^");
        assert_eq!(of("listen = 1.2.3", 12..14).unwrap(), "listen = 1.2.3\n            ^^");
        assert_eq!(of("[ozmap s3cret]", 7..13), None);
        assert_eq!(of("[s3cret", 7..7), None);
    }
}
