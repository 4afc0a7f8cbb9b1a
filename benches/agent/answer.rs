//! From a request's octets to a reply's: v2c, GET, GETNEXT and GETBULK, trimmed to the reply cap as RFC 3416 4.2.3 says.

use super::table::Table;
use super::wire::{self, Element, Reader};

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
const GET_BULK: u8 = 0xa5;
const NO_SUCH_INSTANCE: u8 = 0x81;
const END_OF_MIB_VIEW: u8 = 0x82;

/// Writes the reply to a request, and gives the number of its varbinds; `None` when the request is none for us.
/// Lengths above the varbinds have the three-octet form, as net-snmp's have, so that a header has one size.
pub fn answer(table: &Table, request: &[u8], cap: usize, reply: &mut Vec<u8>) -> Option<usize> {
    let mut message = Reader::new(wire::contents(request));
    let version = message.element()?;
    let community = message.element()?;
    let pdu = message.element()?;
    if version.body != [1] || community.body != b"public" {
        return None;
    }
    reply.clear();
    // Outer 4, version 3, community.
    let head = 4 + 3 + community.whole.len();
    reply.resize(head, 0);
    let count = answer_pdu(table, pdu, cap, reply)?;
    let length = reply.len();
    put_at(reply, 0, &[&header(0x30, length - 4), version.whole, community.whole]);
    Some(count)
}

/// Puts the PDU of a reply at the end of what is there, as far as the whole stays within the cap.
pub fn answer_pdu(table: &Table, pdu: Element<'_>, cap: usize, reply: &mut Vec<u8>) -> Option<usize> {
    let mut fields = Reader::new(pdu.body);
    let id = fields.element()?;
    let (first, second) = (wire::number(fields.element()?.body), wire::number(fields.element()?.body));
    let mut list = Reader::new(fields.element()?.body);
    let start = reply.len();
    // PDU 4, id, two numbers 6, list 4.
    let head = start + 4 + id.whole.len() + 6 + 4;
    reply.resize(head, 0);
    let mut names = [&[][..]; 128];
    let mut asked = 0;
    while let (Some(varbind), Some(name)) = (list.element(), names.get_mut(asked)) {
        *name = Reader::new(varbind.body).element()?.body;
        asked += 1;
    }
    let names = &names[..asked];
    let count = match pdu.tag {
        GET => {
            for name in names {
                match table.find(name).and_then(|row| table.row(row)) {
                    Some(row) => reply.extend_from_slice(row),
                    None => put_exception(reply, name, NO_SUCH_INSTANCE),
                }
            }
            asked
        }
        GET_NEXT => bulk(table, names, asked, 0, cap, reply),
        GET_BULK => bulk(table, names, first, second, cap, reply),
        _ => return None,
    };
    let length = reply.len();
    let (pdu, list) = (header(0xa2, length - start - 4), header(0x30, length - head));
    put_at(reply, start, &[&pdu, id.whole, &[2, 1, 0, 2, 1, 0], &list]);
    Some(count)
}

/// Writes parts over what stands from `at` on.
pub fn put_at(reply: &mut [u8], at: usize, parts: &[&[u8]]) {
    let mut at = at;
    for part in parts {
        reply[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

fn bulk(
    table: &Table,
    names: &[&[u8]],
    non_repeaters: usize,
    repetitions: usize,
    cap: usize,
    reply: &mut Vec<u8>,
) -> usize {
    let mut count = 0;
    let mut starts = [0; 128];
    for (start, name) in starts.iter_mut().zip(names) {
        *start = table.after(name);
    }
    let (once, many) = names.split_at(non_repeaters.min(names.len()));
    let cells = (0..once.len()).map(|column| (column, 0));
    let more = (0..repetitions)
        .flat_map(|repetition| (once.len()..once.len() + many.len()).map(move |column| (column, repetition)));
    for (column, repetition) in cells.chain(more) {
        let before = reply.len();
        match table.row(starts[column] + repetition) {
            Some(row) => reply.extend_from_slice(row),
            None => put_exception(reply, names[column], END_OF_MIB_VIEW),
        }
        if reply.len() > cap {
            reply.truncate(before);
            return count;
        }
        count += 1;
    }
    count
}

/// Tag and length of an element, in four octets.
pub fn header(tag: u8, length: usize) -> [u8; 4] {
    let [.., high, low] = length.to_be_bytes();
    [tag, 0x82, high, low]
}

fn put_exception(reply: &mut Vec<u8>, name: &[u8], tag: u8) {
    let length = u8::try_from(name.len()).expect("a short name");
    reply.extend_from_slice(&[0x30, length + 4, 0x06, length]);
    reply.extend_from_slice(name);
    reply.extend_from_slice(&[tag, 0]);
}
