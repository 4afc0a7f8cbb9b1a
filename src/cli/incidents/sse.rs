//! Server-sent events as a client takes them apart (WHATWG HTML, "Server-sent events"). No I/O: text in, events out.

/// Longest line that is waited for; the daemon's are far shorter.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerEvent {
    /// Its type; `message` where the server gives none.
    pub(super) kind: String,
    /// What it carries.
    pub(super) data: String,
}

/// A line is longer than any that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes text as it comes.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// What came after the last end of a line.
    rest: Vec<u8>,
    kind: String,
    data: Vec<String>,
    /// The id that the server gave last; what to name when the connection is lost.
    pub(super) last_id: Option<String>,
}

impl Parser {
    /// The events that are complete with this text.
    pub(super) fn take(&mut self, text: &[u8]) -> Result<Vec<ServerEvent>, TooLong> {
        let mut events = Vec::new();
        self.rest.extend_from_slice(text);
        let rest = std::mem::take(&mut self.rest);
        let mut lines = rest.split(|octet| *octet == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() {
                self.rest = line.to_vec();
                break;
            }
            events.extend(self.line(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))));
        }
        if self.rest.len() > LONGEST_LINE { Err(TooLong) } else { Ok(events) }
    }

    /// A connection was lost: what was not complete will come again.
    pub(super) fn reset(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
    }

    fn line(&mut self, line: &str) -> Option<ServerEvent> {
        if line.is_empty() {
            let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            return (!data.is_empty()).then(|| ServerEvent { kind, data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => self.data.push(value.to_owned()),
            "id" if !value.contains('\0') => self.last_id = Some(value.to_owned()),
            // A comment, the time after which to come again, or something that is not known here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> ServerEvent {
        ServerEvent { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_however_the_text_is_cut() {
        let text = "retry: 3000\nid: 5\n\n: still here\n\nid: 6\r\nevent: incident\r\ndata: {\"a\": \"é\"}\r\n\r\ndata\ndata:two\n\nid: 7\nevent: x\ndata: cut o";
        let expected = vec![event("incident", "{\"a\": \"é\"}"), event("message", "\ntwo")];
        for size in 1..=text.len() {
            let mut parser = Parser::default();
            let events: Vec<_> = text.as_bytes().chunks(size).flat_map(|part| parser.take(part).unwrap()).collect();
            assert_eq!(events, expected, "in parts of {size}");
            assert_eq!(parser.last_id.as_deref(), Some("7"));
        }
    }

    #[test]
    fn what_was_not_complete_when_a_connection_was_lost_is_forgotten() {
        let mut parser = Parser::default();
        assert_eq!(parser.take(b"id: 3\n\nevent: incident\ndata: half of").unwrap(), []);
        parser.reset();
        assert_eq!(parser.take(b"data: whole\n\n").unwrap(), [event("message", "whole")]);
        assert_eq!(parser.last_id.as_deref(), Some("3"));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.take(&vec![b'a'; LONGEST_LINE + 1]), Err(TooLong));
    }
}
