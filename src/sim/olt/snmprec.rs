//! Reads captures in the `.snmprec` format: one row a line, `OID|type|value`.
//!
//! The type is the number of the BER tag (2 INTEGER, 4 OCTET STRING, 5 NULL, 6 OBJECT IDENTIFIER, 64 IpAddress,
//! 65 Counter32, 66 Gauge32, 67 TimeTicks, 68 Opaque, 70 Counter64), alone or with one letter: `x`, the value is hex;
//! `e`, it holds escapes such as `\x00`, `\n`, `\\`. Without a letter the octets stand as they are. The value begins
//! after the second `|` and may hold further ones. Empty lines and lines that begin with `#` are passed over.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::Path;

use super::error::SimError;
use crate::snmp::{Oid, Value};

/// Most bytes of a capture.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Most bytes of a line, its end not counted.
const MAX_LINE: u64 = 64 * 1024;
/// Most mistakes that are kept word for word; the others are counted.
const MAX_MISTAKES: usize = 1000;
/// Most characters of a wrong text that a message shows.
const SHOWN: usize = 40;

/// What to do about lines with a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMistake {
    /// All mistakes together are an error.
    #[default]
    Refuse,
    /// The good lines are kept, and the mistakes are told beside them.
    KeepGoodLines,
}

/// A line with something wrong: what was expected there and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// What a capture holds.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// Its rows, sorted by sub-identifiers whatever the file's order. Of an OID given twice the first is kept.
    pub rows: BTreeMap<Oid, Value>,
    /// Lines that were left out: at most 1000 of them.
    pub mistakes: Vec<Mistake>,
    /// Lines that were left out beyond those.
    pub more_mistakes: usize,
    /// Lines that say a row again with the same value, as recordings made in parts do: reported, and harmless. At most
    /// 1000 of them.
    pub repeats: Vec<Mistake>,
}

impl Capture {
    /// Reads a file of at most 256 MiB.
    ///
    /// # Errors
    /// An unreadable or too large file; with [`OnMistake::Refuse`] also every line that is no row.
    pub fn read(path: &Path, on_mistake: OnMistake) -> Result<Self, SimError> {
        let file = File::open(path).map_err(|source| SimError::ReadCapture { path: path.to_owned(), source })?;
        Self::parse(BufReader::new(file), &path.display().to_string(), on_mistake)
    }

    /// Reads a capture from anywhere; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`Capture::read`].
    pub fn parse(mut input: impl BufRead, name: &str, on_mistake: OnMistake) -> Result<Self, SimError> {
        let mut rows: BTreeMap<Oid, (Value, usize)> = BTreeMap::new();
        let mut capture = Self::default();
        let mut line = Vec::new();
        let mut bytes = 0_u64;
        let mut number = 0_usize;
        loop {
            let taken = next_line(&mut input, &mut line)
                .map_err(|source| SimError::ReadCapture { path: name.into(), source })?;
            if taken == 0 {
                break;
            }
            number = number.saturating_add(1);
            bytes = bytes.saturating_add(taken);
            if bytes > MAX_BYTES {
                return Err(SimError::CaptureTooLarge { name: name.to_owned(), limit: MAX_BYTES });
            }
            let row = if u64::try_from(line.len()).unwrap_or(u64::MAX) > MAX_LINE {
                Err(format!("a line of at most {MAX_LINE} bytes was expected, found one of {taken}"))
            } else {
                parse_line(&line)
            };
            let (oid, value) = match row {
                Ok(None) => continue,
                Ok(Some(row)) => row,
                Err(problem) => {
                    capture.refuse(name, number, problem);
                    continue;
                }
            };
            match rows.entry(oid) {
                Entry::Vacant(free) => {
                    free.insert((value, number));
                }
                Entry::Occupied(taken) => {
                    let (held, first) = taken.get();
                    let again =
                        format!("each OID was expected once, found {} again (first on line {first})", taken.key());
                    if *held != value {
                        capture.refuse(name, number, format!("{again} with another value"));
                    } else if capture.repeats.len() < MAX_MISTAKES {
                        capture.repeats.push(Mistake { file: name.to_owned(), line: number, problem: again });
                    }
                }
            }
        }
        if on_mistake == OnMistake::Refuse && !capture.mistakes.is_empty() {
            return Err(SimError::Mistakes { mistakes: capture.mistakes, more: capture.more_mistakes });
        }
        capture.rows = rows.into_iter().map(|(oid, (value, _))| (oid, value)).collect();
        Ok(capture)
    }

    fn refuse(&mut self, file: &str, line: usize, problem: String) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push(Mistake { file: file.to_owned(), line, problem });
        } else {
            self.more_mistakes = self.more_mistakes.saturating_add(1);
        }
    }
}

/// Puts the next line into `line`, without its end and cut to what a line may hold, and gives how many bytes it took
/// from the input: none at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    // Two more than a line may hold: its end.
    let mut taken = u64::try_from(input.take(MAX_LINE + 2).read_until(b'\n', line)?).unwrap_or(u64::MAX);
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if taken == MAX_LINE + 2 {
        taken = taken.saturating_add(skip_line(input)?);
    }
    Ok(taken)
}

/// Skips to the line's end in the reader's own buffer.
fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0_u64;
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |position| position.saturating_add(1));
        let over = buffer.is_empty() || end.is_some();
        input.consume(used);
        skipped = skipped.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
        if over || skipped > MAX_BYTES {
            return Ok(skipped);
        }
    }
}

/// A row, nothing for a line that says nothing, or what was expected and what was found.
fn parse_line(line: &[u8]) -> Result<Option<(Oid, Value)>, String> {
    if line.trim_ascii().is_empty() || line.first() == Some(&b'#') {
        return Ok(None);
    }
    let mut fields = line.splitn(3, |byte| *byte == b'|');
    let (Some(oid), Some(kind), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(format!("OID|type|value was expected, found {}", shown(line)));
    };
    let oid = std::str::from_utf8(oid)
        .ok()
        .and_then(|text| text.parse::<Oid>().ok())
        .ok_or_else(|| format!("an OID such as 1.3.6.1.2.1.1.3.0 was expected, found {}", shown(oid)))?;
    parse_value(kind.trim_ascii(), value).map(|value| Some((oid, value)))
}

/// How the value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Plain,
    Hex,
    Escaped,
}

fn parse_value(kind: &[u8], value: &[u8]) -> Result<Value, String> {
    let (number, notation) = match kind {
        [number @ .., b'x'] => (number, Notation::Hex),
        [number @ .., b'e'] => (number, Notation::Escaped),
        number => (number, Notation::Plain),
    };
    match number {
        b"2" => whole(value, notation, i64::from(i32::MIN), i64::from(i32::MAX)).map(Value::Integer),
        b"4" => octets(value, notation).map(|octets| Value::OctetString(octets.into())),
        b"5" if value.is_empty() => Ok(Value::Null),
        b"5" => Err(format!("nothing was expected as the value of type 5, found {}", shown(value))),
        b"6" if notation == Notation::Plain => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Value::ObjectId)
            .ok_or_else(|| format!("an OID was expected as the value of type 6, found {}", shown(value))),
        b"64" => address(value, notation).map(Value::IpAddress),
        b"65" => unsigned32(value, notation).map(Value::Counter32),
        b"66" => unsigned32(value, notation).map(Value::Gauge32),
        b"67" => unsigned32(value, notation).map(Value::TimeTicks),
        b"68" => octets(value, notation).map(|octets| Value::Opaque(octets.into())),
        b"70" => whole(value, notation, 0, u64::MAX).map(Value::Counter64),
        _ if kind.contains(&b':') => {
            Err(format!("a value was expected, found the variation module {}, which only snmpsim can run", shown(kind)))
        }
        _ => Err(format!(
            "a type of 2, 4, 5, 6, 64, 65, 66, 67, 68 or 70, with x or e after it where the value is hex or escaped, \
             was expected, found {}",
            shown(kind)
        )),
    }
}

fn unsigned32(value: &[u8], notation: Notation) -> Result<u32, String> {
    whole(value, notation, 0, u64::from(u32::MAX)).and_then(|number| {
        u32::try_from(number).map_err(|_| format!("a number below 2^32 was expected, found {}", shown(value)))
    })
}

/// A whole number within the bounds, in hex where the notation says so.
fn whole<T>(value: &[u8], notation: Notation, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + TryFrom<i128> + PartialOrd + fmt::Display + Copy,
{
    let refuse = || {
        let form = if notation == Notation::Hex { " in hex" } else { "" };
        format!("a whole number from {least} to {most}{form} was expected, found {}", shown(value))
    };
    let text = std::str::from_utf8(value.trim_ascii()).map_err(|_| refuse())?;
    let number = match notation {
        Notation::Plain => text.parse::<T>().map_err(|_| refuse())?,
        Notation::Hex => i128::from_str_radix(text.trim_start_matches("0x"), 16)
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(refuse)?,
        Notation::Escaped => return Err(format!("a type without e was expected for a number, found {}", shown(value))),
    };
    if number < least || number > most { Err(refuse()) } else { Ok(number) }
}

fn address(value: &[u8], notation: Notation) -> Result<[u8; 4], String> {
    let found = match notation {
        Notation::Plain => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.trim().parse::<Ipv4Addr>().ok())
            .map(|address| address.octets()),
        Notation::Hex | Notation::Escaped => octets(value, notation)?.try_into().ok(),
    };
    found.ok_or_else(|| format!("an IPv4 address was expected as the value of type 64, found {}", shown(value)))
}

fn octets(value: &[u8], notation: Notation) -> Result<Vec<u8>, String> {
    match notation {
        Notation::Plain => Ok(value.to_vec()),
        Notation::Hex => unhex(value),
        Notation::Escaped => unescape(value),
    }
}

fn unhex(value: &[u8]) -> Result<Vec<u8>, String> {
    let value = value.trim_ascii();
    value
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| format!("an even number of hex digits was expected, found {}", shown(value)))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|number| u8::try_from(number).ok())
}

fn unescape(value: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let octet = match rest.next() {
            Some(plain @ (b'\\' | b'\'' | b'"')) => Some(plain),
            Some(b'a') => Some(0x07),
            Some(b'b') => Some(0x08),
            Some(b'f') => Some(0x0c),
            Some(b'n') => Some(b'\n'),
            Some(b'r') => Some(b'\r'),
            Some(b't') => Some(b'\t'),
            Some(b'v') => Some(0x0b),
            Some(b'x') => match (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit)) {
                (Some(high), Some(low)) => Some(high << 4 | low),
                _ => None,
            },
            _ => None,
        };
        out.push(octet.ok_or_else(|| {
            format!("escapes of the forms \\xHH, \\n, \\r, \\t, \\a, \\b, \\f, \\v, \\\\, \\', \\\" were expected, found {}", shown(value))
        })?);
    }
    Ok(out)
}

/// The beginning of what was found, printable, in quotes.
fn shown(found: &[u8]) -> String {
    let text = String::from_utf8_lossy(found);
    let mut short: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &[u8]) -> Result<Capture, SimError> {
        Capture::parse(text, "olt.snmprec", OnMistake::Refuse)
    }

    fn value(line: &str) -> Value {
        parse(line.as_bytes()).unwrap().rows.into_values().next().unwrap()
    }

    fn problem(line: &[u8]) -> String {
        match parse(line) {
            Err(SimError::Mistakes { mistakes, .. }) => mistakes[0].to_string(),
            other => panic!("no mistake in {line:?}: {other:?}"),
        }
    }

    fn text(octets: &[u8]) -> Value {
        Value::OctetString(octets.into())
    }

    #[test]
    fn every_type_is_read() {
        for (line, expected) in [
            ("1.3.6|2|-5", Value::Integer(-5)),
            ("1.3.6|2x|ff", Value::Integer(255)),
            ("1.3.6|4|a|b| c ", text(b"a|b| c ")),
            ("1.3.6|4|", text(b"")),
            ("1.3.6|4x|00Ff0a", text(&[0, 255, 10])),
            ("1.3.6|4e|\\x00P\\\\\\\"\\n", text(b"\0P\\\"\n")),
            (".1.3.6|5|", Value::Null),
            ("1.3.6|6|1.3.6.1", Value::ObjectId("1.3.6.1".parse().unwrap())),
            ("1.3.6|64|10.0.0.1", Value::IpAddress([10, 0, 0, 1])),
            ("1.3.6|64x|c0a80001", Value::IpAddress([192, 168, 0, 1])),
            ("1.3.6|64e|\\xc0\\xa8oo", Value::IpAddress([192, 168, 111, 111])),
            ("1.3.6|65|4294967295", Value::Counter32(u32::MAX)),
            ("1.3.6|66|7", Value::Gauge32(7)),
            ("1.3.6|67|1529053100", Value::TimeTicks(1_529_053_100)),
            ("1.3.6|68x|9f78", Value::Opaque([0x9f, 0x78].into())),
            ("1.3.6|70|18446744073709551615", Value::Counter64(u64::MAX)),
            ("1.3.6|70x|ffffffffffffffff", Value::Counter64(u64::MAX)),
            ("1.3.6|4|windows\r\n", text(b"windows")),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn a_mistake_names_the_line_what_was_expected_and_what_was_found() {
        for (line, expected) in [
            ("junk", "olt.snmprec:1: OID|type|value was expected, found \"junk\""),
            ("1.3.x|2|1", "an OID such as"),
            ("1.3.6|3|1", "found \"3\""),
            ("1.3.6|2:numeric|a", "variation module \"2:numeric\""),
            ("1.3.6|2|2147483648", "a whole number from -2147483648 to 2147483647 was expected, found \"2147483648\""),
            ("1.3.6|2e|1", "a type without e"),
            ("1.3.6|65|-1", "from 0 to 4294967295"),
            ("1.3.6|4x|0", "an even number of hex digits"),
            ("1.3.6|4x|0g", "an even number of hex digits"),
            ("1.3.6|4e|\\q", "escapes of the forms"),
            ("1.3.6|4e|\\x0", "escapes of the forms"),
            ("1.3.6|5|x", "nothing was expected"),
            ("1.3.6|6|", "an OID was expected"),
            ("1.3.6|64|10.0.0", "an IPv4 address"),
            ("1.3.6|64x|0a00", "an IPv4 address"),
        ] {
            assert!(problem(line.as_bytes()).contains(expected), "{line}: {}", problem(line.as_bytes()));
        }
    }

    #[test]
    fn all_mistakes_are_told_and_the_good_lines_can_be_kept() {
        let file = b"# a comment\n1.3.6.10|2|1\n\nbroken\n1.3.6.9|2|2\n1.3.6.10|2|3\n";
        let Err(SimError::Mistakes { mistakes, more: 0 }) = parse(file) else { panic!("mistakes were expected") };
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [4, 6]);
        assert!(mistakes[1].problem.contains("1.3.6.10 again (first on line 2)"), "{}", mistakes[1]);
        let kept = Capture::parse(&file[..], "f", OnMistake::KeepGoodLines).unwrap();
        assert_eq!(kept.mistakes.len(), 2);
        let rows: Vec<_> = kept.rows.iter().map(|(oid, value)| (oid.to_string(), value.clone())).collect();
        assert_eq!(rows, [("1.3.6.9".into(), Value::Integer(2)), ("1.3.6.10".into(), Value::Integer(1))]);
    }

    #[test]
    fn a_row_said_again_with_the_same_value_is_reported_and_harmless() {
        let capture = parse(b"1.3.6.1|2|1\n1.3.6.2|2|1\n1.3.6.1|2x|01\n").unwrap();
        assert_eq!((capture.rows.len(), capture.repeats.len()), (2, 1));
        assert_eq!(
            capture.repeats[0].to_string(),
            "olt.snmprec:3: each OID was expected once, found 1.3.6.1 again (first on line 1)"
        );
    }

    #[test]
    fn a_line_too_long_is_a_mistake_of_that_line_only() {
        let mut file = b"1.3.6.1|4|".to_vec();
        file.resize(200_000, b'a');
        file.extend_from_slice(b"\n1.3.6.2|2|1\n");
        let kept = Capture::parse(&file[..], "f", OnMistake::KeepGoodLines).unwrap();
        assert_eq!((kept.mistakes[0].line, kept.rows.len()), (1, 1));
        assert!(kept.mistakes[0].problem.contains("found one of 200001"), "{}", kept.mistakes[0]);

        let longest = usize::try_from(MAX_LINE).unwrap();
        for (length, good) in [(longest, 1), (longest + 1, 0)] {
            let mut line = b"1.3.6.1|4|".to_vec();
            line.resize(length, b'a');
            line.extend_from_slice(b"\r\n");
            let kept = Capture::parse(&line[..], "f", OnMistake::KeepGoodLines).unwrap();
            assert_eq!(kept.rows.len(), good, "{length}");
        }
    }

    #[test]
    fn mistakes_without_end_are_counted_not_kept() {
        let kept = Capture::parse(&b"x\n".repeat(5000)[..], "f", OnMistake::KeepGoodLines).unwrap();
        assert_eq!((kept.mistakes.len(), kept.more_mistakes), (1000, 4000));
        let refused = parse(&b"x\n".repeat(1001)).unwrap_err().to_string();
        assert!(refused.ends_with("… and 1 more lines with a mistake"), "{refused}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Capture::read(Path::new("/nowhere/olt.snmprec"), OnMistake::Refuse).unwrap_err();
        assert!(error.to_string().contains("/nowhere/olt.snmprec"), "{error}");
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(file in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&file);
        }

        #[test]
        fn no_value_makes_the_reader_panic(kind in "[0-9]{1,2}[xe]?", value in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut line = format!("1.3.6.1|{kind}|").into_bytes();
            line.extend_from_slice(&value);
            let _ = parse(&line);
        }
    }
}
