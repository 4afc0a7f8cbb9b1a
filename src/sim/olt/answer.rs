//! Answers a request from rows: GET, GETNEXT, GETBULK and SET as RFC 3416 (4.2) and, for v1, RFC 1157 want them.
//! Pure.

use super::codec::{EncodeError, Envelope, ErrorStatus, Message, PduKind, Version, encode_varbind};
use super::source::{Source, Trouble};
use crate::snmp::{Oid, Value};

/// A reply as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub datagram: Vec<u8>,
    pub varbinds: usize,
    /// The error-status.
    pub status: i32,
}

/// How a request ends early.
enum Stop {
    /// With an error-status at the varbind of this position, counted from 0.
    Error(ErrorStatus, usize),
    TooBig,
    Silence,
}

impl Source<'_> {
    /// The reply, or nothing where an agent stays silent.
    pub(super) fn answer(&self, request: &Message) -> Option<Reply> {
        let mut list = List::new(request, self.limit());
        let done = match request.pdu.kind {
            PduKind::Get => self.get(request, &mut list),
            PduKind::GetNext => self.get_next(request, &mut list),
            PduKind::GetBulk => self.get_bulk(request, &mut list),
            PduKind::Set => self.refuse_to_set(request),
            PduKind::Response | PduKind::Inform | PduKind::Trap | PduKind::Report => Err(Stop::Silence),
        };
        match done {
            Ok(()) => Some(list.into_reply()),
            Err(Stop::Error(status, position)) => self.error(request, status, position),
            Err(Stop::TooBig) => self.too_big(request),
            Err(Stop::Silence) => None,
        }
    }

    fn limit(&self) -> usize {
        self.lies.too_big_over.map_or(self.reply_cap, |most| most.min(self.reply_cap))
    }

    fn get(&self, request: &Message, list: &mut List<'_>) -> Result<(), Stop> {
        for (position, varbind) in request.pdu.varbinds.iter().enumerate() {
            let value = self.value(&varbind.oid).map_err(|trouble| trouble.stop(position))?;
            if request.version == Version::V1 && (value.is_exception() || matches!(*value, Value::Counter64(_))) {
                return Err(Stop::Error(ErrorStatus::NoSuchName, position));
            }
            list.push_or_fail(&varbind.oid, &value, position)?;
        }
        Ok(())
    }

    fn get_next(&self, request: &Message, list: &mut List<'_>) -> Result<(), Stop> {
        for (position, varbind) in request.pdu.varbinds.iter().enumerate() {
            let (oid, value) =
                self.successor(request.version, &varbind.oid).map_err(|trouble| trouble.stop(position))?;
            if request.version == Version::V1 && value.is_exception() {
                return Err(Stop::Error(ErrorStatus::NoSuchName, position));
            }
            list.push_or_fail(&oid, &value, position)?;
        }
        Ok(())
    }

    /// RFC 3416, 4.2.3: the non-repeaters once, the others again and again from where they are, cut to what fits.
    fn get_bulk(&self, request: &Message, list: &mut List<'_>) -> Result<(), Stop> {
        let asked = &request.pdu.varbinds;
        // Negative numbers count as zero.
        let non_repeaters = usize::try_from(request.pdu.error_status).unwrap_or(0).min(asked.len());
        let repetitions = usize::try_from(request.pdu.error_index).unwrap_or(0);
        let most = self.lies.max_varbinds.unwrap_or(usize::MAX);
        let (once, repeated) = asked.split_at_checked(non_repeaters).unwrap_or((asked, &[]));
        for (position, varbind) in once.iter().enumerate() {
            if list.varbinds >= most {
                return Ok(());
            }
            let (oid, value) =
                self.successor(request.version, &varbind.oid).map_err(|trouble| trouble.stop(position))?;
            if !self.push_bulk(list, &oid, &value, position)? {
                return Ok(());
            }
        }
        let mut cursors: Vec<Oid> = repeated.iter().map(|varbind| varbind.oid.clone()).collect();
        for _ in 0..repetitions {
            let mut all_ended = true;
            for (number, cursor) in cursors.iter_mut().enumerate() {
                if list.varbinds >= most {
                    return Ok(());
                }
                let position = non_repeaters.saturating_add(number);
                let (oid, value) = self.successor(request.version, cursor).map_err(|trouble| trouble.stop(position))?;
                if !self.push_bulk(list, &oid, &value, position)? {
                    return Ok(());
                }
                all_ended &= *value == Value::EndOfMibView;
                *cursor = oid;
            }
            // Once every column has ended, further repetitions could only say so again, and may be left out.
            if all_ended {
                break;
            }
        }
        Ok(())
    }

    /// Whether there was room for it. That not even one fits, or that this agent never trims, is tooBig.
    fn push_bulk(&self, list: &mut List<'_>, oid: &Oid, value: &Value, position: usize) -> Result<bool, Stop> {
        match list.push(oid, value) {
            Ok(true) => Ok(true),
            Ok(false) if list.varbinds == 0 || self.lies.too_big_over.is_some() => Err(Stop::TooBig),
            Ok(false) => Ok(false),
            Err(_) => Err(Trouble::Fails.stop(position)),
        }
    }

    /// The agent lets nobody write.
    fn refuse_to_set(&self, request: &Message) -> Result<(), Stop> {
        let Some(first) = request.pdu.varbinds.first() else { return Ok(()) };
        let known = self.rows.get(&first.oid).is_some() || self.rows.missing(&first.oid) == Value::NoSuchInstance;
        let status = match (request.version, known) {
            (Version::V1, _) => ErrorStatus::NoSuchName,
            (Version::V2c, true) => ErrorStatus::NotWritable,
            (Version::V2c, false) => ErrorStatus::NoAccess,
        };
        Err(Stop::Error(status, 0))
    }

    /// An error repeats the request's own varbinds.
    fn error(&self, request: &Message, status: ErrorStatus, position: usize) -> Option<Reply> {
        let index = i32::try_from(position.saturating_add(1)).unwrap_or(i32::MAX);
        match echo(request, Envelope::response(request, status, index), status) {
            Some(reply) if reply.datagram.len() <= self.reply_cap => Some(reply),
            _ => self.too_big(request),
        }
    }

    /// v2c: no varbinds. v1: the request's. Where even that does not fit, silence.
    fn too_big(&self, request: &Message) -> Option<Reply> {
        let status = ErrorStatus::TooBig;
        let envelope = Envelope::response(request, status, 0);
        let reply = match request.version {
            Version::V1 => echo(request, envelope, status)?,
            Version::V2c => Reply { datagram: envelope.wrap(&[]), varbinds: 0, status: status.number() },
        };
        (reply.datagram.len() <= self.reply_cap).then_some(reply)
    }
}

impl Trouble {
    const fn stop(self, position: usize) -> Stop {
        match self {
            Self::Fails => Stop::Error(ErrorStatus::GenErr, position),
            Self::Hangs => Stop::Silence,
        }
    }
}

fn echo(request: &Message, envelope: Envelope<'_>, status: ErrorStatus) -> Option<Reply> {
    let mut list = Vec::new();
    for varbind in &request.pdu.varbinds {
        encode_varbind(&mut list, &varbind.oid, &varbind.value).ok()?;
    }
    Some(Reply { datagram: envelope.wrap(&list), varbinds: request.pdu.varbinds.len(), status: status.number() })
}

/// The varbinds of a reply, kept within its cap.
struct List<'a> {
    envelope: Envelope<'a>,
    limit: usize,
    encoded: Vec<u8>,
    varbinds: usize,
}

impl<'a> List<'a> {
    fn new(request: &'a Message, limit: usize) -> Self {
        let envelope = Envelope::response(request, ErrorStatus::NoError, 0);
        Self { envelope, limit, encoded: Vec::new(), varbinds: 0 }
    }

    /// Appends a varbind if there is room.
    fn push(&mut self, oid: &Oid, value: &Value) -> Result<bool, EncodeError> {
        let before = self.encoded.len();
        encode_varbind(&mut self.encoded, oid, value)?;
        if self.envelope.size(self.encoded.len()) > self.limit {
            self.encoded.truncate(before);
            return Ok(false);
        }
        self.varbinds = self.varbinds.saturating_add(1);
        Ok(true)
    }

    /// Appends a varbind; no room for it is tooBig.
    fn push_or_fail(&mut self, oid: &Oid, value: &Value, position: usize) -> Result<(), Stop> {
        match self.push(oid, value) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stop::TooBig),
            Err(_) => Err(Trouble::Fails.stop(position)),
        }
    }

    fn into_reply(self) -> Reply {
        Reply {
            datagram: self.envelope.wrap(&self.encoded),
            varbinds: self.varbinds,
            status: ErrorStatus::NoError.number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::codec::Pdu;
    use super::super::faults::Lies;
    use super::super::mib_view::Rows;
    use super::*;
    use crate::snmp::VarBind;

    /// Two scalars, a table of two columns with three rows, a Counter64 at the end.
    fn rows() -> Rows {
        [
            ("1.3.6.1.2.1.1.1.0", Value::OctetString((*b"an OLT").into())),
            ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(100)),
            ("1.3.6.1.4.1.7.1.2.1", Value::Integer(21)),
            ("1.3.6.1.4.1.7.1.2.2", Value::Integer(22)),
            ("1.3.6.1.4.1.7.1.2.3", Value::Integer(23)),
            ("1.3.6.1.4.1.7.1.3.1", Value::Integer(31)),
            ("1.3.6.1.4.1.7.1.3.2", Value::Integer(32)),
            ("1.3.6.1.4.1.7.1.3.3", Value::Integer(33)),
            ("1.3.6.1.4.1.7.1.4.1", Value::Counter64(u64::MAX)),
        ]
        .into_iter()
        .map(|(name, value)| (oid(name), value))
        .collect()
    }

    const C2: &str = "1.3.6.1.4.1.7.1.2";
    const C3: &str = "1.3.6.1.4.1.7.1.3";
    const LAST: &str = "1.3.6.1.4.1.7.1.4.1";

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn request(kind: PduKind, numbers: (i32, i32), names: &[&str]) -> Message {
        let varbinds = names.iter().map(|name| VarBind { oid: oid(name), value: Value::Null }).collect();
        let pdu = Pdu { kind, request_id: 77, error_status: numbers.0, error_index: numbers.1, varbinds };
        Message { version: Version::V2c, community: (*b"public").into(), pdu }
    }

    fn bulk(non_repeaters: i32, max_repetitions: i32, names: &[&str]) -> Message {
        request(PduKind::GetBulk, (non_repeaters, max_repetitions), names)
    }

    /// The reply, as its reader sees it.
    fn ask_with(lies: &Lies, reply_cap: usize, request: &Message) -> Option<Pdu> {
        let reply = Source { rows: &rows(), uptime: None, lies, reply_cap }.answer(request)?;
        assert!(reply.datagram.len() <= reply_cap);
        let message = Message::decode(&reply.datagram).unwrap();
        assert_eq!((message.version, &message.community), (request.version, &request.community));
        assert_eq!((message.pdu.kind, message.pdu.request_id), (PduKind::Response, 77));
        assert_eq!((message.pdu.varbinds.len(), message.pdu.error_status), (reply.varbinds, reply.status));
        Some(message.pdu)
    }

    fn ask(request: &Message) -> Pdu {
        ask_with(&Lies::default(), 1472, request).unwrap()
    }

    fn seen(pdu: &Pdu) -> Vec<String> {
        assert_eq!((pdu.error_status, pdu.error_index), (0, 0));
        pdu.varbinds.iter().map(|varbind| format!("{}={}", varbind.oid, varbind.value)).collect()
    }

    #[test]
    fn get_tells_values_missing_rows_and_missing_columns() {
        let names = [&format!("{C2}.2"), &format!("{C2}.9"), "1.3.6.1.4.1.7.1.9.1"];
        assert_eq!(
            seen(&ask(&request(PduKind::Get, (0, 0), &names))),
            [
                "1.3.6.1.4.1.7.1.2.2=22",
                "1.3.6.1.4.1.7.1.2.9=(no such instance)",
                "1.3.6.1.4.1.7.1.9.1=(no such object)"
            ]
        );
    }

    #[test]
    fn get_next_tells_the_row_after_and_the_end() {
        let pdu = ask(&request(PduKind::GetNext, (0, 0), &["1.3", &format!("{C2}.3"), LAST]));
        assert_eq!(
            seen(&pdu),
            ["1.3.6.1.2.1.1.1.0=\"an OLT\"", "1.3.6.1.4.1.7.1.3.1=31", "1.3.6.1.4.1.7.1.4.1=(end of MIB view)"]
        );
    }

    #[test]
    fn get_bulk_takes_non_repeaters_once_and_columns_in_lock_step() {
        let pdu = ask(&bulk(1, 2, &["1.3.6.1.2.1.1.3", C2, C3]));
        assert_eq!(
            seen(&pdu),
            [
                "1.3.6.1.2.1.1.3.0=100",
                "1.3.6.1.4.1.7.1.2.1=21",
                "1.3.6.1.4.1.7.1.3.1=31",
                "1.3.6.1.4.1.7.1.2.2=22",
                "1.3.6.1.4.1.7.1.3.2=32"
            ]
        );
        assert_eq!(ask(&bulk(9, 5, &[C2, C3])).varbinds.len(), 2);
        assert_eq!(ask(&bulk(-1, -5, &[C2])).varbinds.len(), 0);
        assert_eq!(ask(&bulk(0, 5, &[])).varbinds.len(), 0);
    }

    #[test]
    fn an_ended_column_repeats_its_end_beside_one_that_goes_on() {
        let pdu = ask(&bulk(0, 10, &[LAST, &format!("{C3}.2")]));
        assert_eq!(
            seen(&pdu),
            [
                "1.3.6.1.4.1.7.1.4.1=(end of MIB view)",
                "1.3.6.1.4.1.7.1.3.3=33",
                "1.3.6.1.4.1.7.1.4.1=(end of MIB view)",
                "1.3.6.1.4.1.7.1.4.1=18446744073709551615",
                "1.3.6.1.4.1.7.1.4.1=(end of MIB view)",
                "1.3.6.1.4.1.7.1.4.1=(end of MIB view)"
            ]
        );
    }

    #[test]
    fn a_bulk_reply_holds_as_much_as_fits_and_no_less() {
        let whole = ask(&bulk(0, i32::MAX, &["1.3"]));
        assert_eq!(whole.varbinds.len(), 10);
        let mut sizes = Vec::new();
        for cap in 60..400 {
            let pdu = ask_with(&Lies::default(), cap, &bulk(0, i32::MAX, &["1.3"])).unwrap();
            if pdu.error_status == 0 {
                assert_eq!(pdu.varbinds, whole.varbinds[..pdu.varbinds.len()]);
            } else {
                assert_eq!((pdu.error_status, pdu.error_index, pdu.varbinds.len()), (1, 0, 0));
            }
            sizes.push(pdu.varbinds.len());
        }
        assert!(sizes.is_sorted() && sizes.contains(&1) && sizes.contains(&5) && sizes.ends_with(&[10]), "{sizes:?}");
    }

    #[test]
    fn a_get_that_does_not_fit_is_too_big_and_one_that_cannot_even_say_so_is_dropped() {
        let names = [C2; 20];
        let get = request(PduKind::GetNext, (0, 0), &names);
        let pdu = ask_with(&Lies::default(), 200, &get).unwrap();
        assert_eq!((pdu.error_status, pdu.error_index, pdu.varbinds.len()), (1, 0, 0));
        assert!(ask_with(&Lies::default(), 20, &get).is_none());
        let v1 = Message { version: Version::V1, ..get };
        assert!(ask_with(&Lies::default(), 200, &v1).is_none(), "v1's tooBig repeats the request, which does not fit");
    }

    #[test]
    fn nobody_may_write() {
        for (name, status) in [(format!("{C2}.1"), 17), ("1.3.6.1.4.1.8.1.0".to_owned(), 6)] {
            let mut set = request(PduKind::Set, (0, 0), &[&name]);
            set.pdu.varbinds[0].value = Value::Integer(5);
            let pdu = ask(&set);
            assert_eq!((pdu.error_status, pdu.error_index), (status, 1));
            assert_eq!(pdu.varbinds, set.pdu.varbinds);
            let v1 = ask(&Message { version: Version::V1, ..set });
            assert_eq!(v1.error_status, 2);
        }
    }

    #[test]
    fn v1_says_no_such_name_and_passes_over_counters_of_64_bits() {
        let v1 = |kind, names: &[&str]| ask(&Message { version: Version::V1, ..request(kind, (0, 0), names) });
        let missing = v1(PduKind::Get, &["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.9.0"]);
        assert_eq!((missing.error_status, missing.error_index, missing.varbinds.len()), (2, 2, 2));
        assert_eq!(v1(PduKind::Get, &[LAST]).error_status, 2);
        assert_eq!(v1(PduKind::GetNext, &[&format!("{C3}.3")]).error_status, 2);
        assert_eq!(seen(&v1(PduKind::GetNext, &[C3])), ["1.3.6.1.4.1.7.1.3.1=31"]);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_gen_err_at_its_position() {
        let lies = Lies { gen_err_at: vec![oid(&format!("{C3}.2"))], ..Lies::default() };
        let pdu = ask_with(&lies, 1472, &bulk(0, 3, &[C2, C3])).unwrap();
        assert_eq!((pdu.error_status, pdu.error_index), (5, 2));
        assert_eq!(pdu.varbinds[1].oid, oid(C3));
        assert_eq!(ask_with(&lies, 1472, &bulk(0, 1, &[C2, C3])).unwrap().error_status, 0);
        let lies = Lies { hang_at: vec![oid(C3)], ..Lies::default() };
        assert!(ask_with(&lies, 1472, &request(PduKind::Get, (0, 0), &[&format!("{C3}.9")])).is_none());
        assert!(ask_with(&lies, 1472, &request(PduKind::GetNext, (0, 0), &[C2])).is_some());
    }

    #[test]
    fn an_agent_that_does_not_trim_says_too_big() {
        let lies = Lies { too_big_over: Some(150), ..Lies::default() };
        assert_eq!(ask_with(&lies, 1472, &bulk(0, 50, &["1.3"])).unwrap().error_status, 1);
        assert_eq!(ask_with(&lies, 1472, &bulk(0, 3, &["1.3"])).unwrap().varbinds.len(), 3);
        let lies = Lies { max_varbinds: Some(4), ..Lies::default() };
        assert_eq!(ask_with(&lies, 1472, &bulk(0, 50, &["1.3"])).unwrap().varbinds.len(), 4);
    }

    #[test]
    fn a_looping_walk_does_not_increase() {
        let lies = Lies { loop_at: Some(oid(&format!("{C2}.3"))), ..Lies::default() };
        let pdu = ask_with(&lies, 1472, &bulk(0, 6, &[C2])).unwrap();
        let last: Vec<_> = pdu.varbinds.iter().filter_map(|varbind| varbind.oid.arcs().last()).collect();
        assert_eq!(last, [&1, &2, &1, &2, &1, &2]);
        assert_eq!(ask_with(&lies, 1472, &bulk(0, 1, &[C3])).unwrap().varbinds[0].value, Value::Integer(31));
    }

    #[test]
    fn an_endless_table_never_leaves_its_column() {
        let lies = Lies { endless: Some(oid(C2)), ..Lies::default() };
        let pdu = ask_with(&lies, 1472, &bulk(0, 40, &[C2])).unwrap();
        assert_eq!(pdu.varbinds.len(), 40);
        assert!(pdu.varbinds.is_sorted_by(|one, next| one.oid < next.oid));
        assert!(pdu.varbinds.iter().all(|varbind| varbind.oid.suffix_of(&oid(C2)).is_some()));
        assert_eq!(pdu.varbinds[39].value, Value::Integer(23));
    }

    #[test]
    fn lies_about_counters_of_64_bits_do_not_hold_v1_for_ever() {
        for lies in [
            Lies { endless: Some(oid("1.3.6.1.4.1.7.1.4")), ..Lies::default() },
            Lies { loop_at: Some(oid(LAST)), ..Lies::default() },
        ] {
            let v1 = Message { version: Version::V1, ..request(PduKind::GetNext, (0, 0), &[LAST]) };
            assert_eq!(ask_with(&lies, 1472, &v1).unwrap().error_status, 2);
        }
    }

    #[test]
    fn a_value_without_a_form_on_the_wire_is_gen_err() {
        let mut rows = rows();
        rows.set(oid("1.3.6.1.4.1.7.1.2.2"), Value::ObjectId(Oid::new(&[9, 9])));
        let lies = Lies::default();
        let reply = Source { rows: &rows, uptime: None, lies: &lies, reply_cap: 1472 }
            .answer(&request(PduKind::GetNext, (0, 0), &[&format!("{C2}.1")]))
            .unwrap();
        assert_eq!(reply.status, 5);
    }
}
