//! A client as octets, for the database, and back. Pure. What cannot be read back is left out: it comes with the next read.

use super::directory::ClientEntry;
use super::ids::{ClientId, ElementId, PropertyId, Status};
use super::rows::{ClientRow, PropertyRow};
use crate::model::{Dbm, Mac, Timestamp};

/// The shape below. A row of another version is as if it were not there.
const VERSION: u8 = 1;

/// Which of the parts that may be missing are there, and the two truth values.
mod flag {
    pub(super) const MAC: u16 = 1;
    pub(super) const BOX: u16 = 1 << 1;
    pub(super) const CONNECTOR: u16 = 1 << 2;
    pub(super) const PORT: u16 = 1 << 3;
    pub(super) const POTENCY: u16 = 1 << 4;
    pub(super) const COORDS: u16 = 1 << 5;
    pub(super) const UPDATED: u16 = 1 << 6;
    pub(super) const PROPERTY_UPDATED: u16 = 1 << 7;
    pub(super) const STATUS: u16 = 1 << 8;
    pub(super) const IS_ERROR: u16 = 1 << 9;
    pub(super) const IMPLANTED: u16 = 1 << 10;
}

/// Version, flags, property, number of houses, what the flags name in their order, then four texts, each with its length
/// before it: code, name, serial, PPPoE user. Numbers begin with their least octet.
pub(super) fn pack(client: &ClientEntry<'_>) -> Vec<u8> {
    let flags = [
        (client.mac.is_some(), flag::MAC),
        (client.box_id.is_some(), flag::BOX),
        (client.connector.is_some(), flag::CONNECTOR),
        (client.port.is_some(), flag::PORT),
        (client.potency_read.is_some(), flag::POTENCY),
        (client.coords.is_some(), flag::COORDS),
        (client.updated_at.is_some(), flag::UPDATED),
        (client.property_updated_at.is_some(), flag::PROPERTY_UPDATED),
        (client.status.is_some(), flag::STATUS),
        (client.status == Some(Status::Error), flag::IS_ERROR),
        (client.implanted, flag::IMPLANTED),
    ];
    let flags = flags.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag);
    let mut octets = Vec::with_capacity(128);
    octets.push(VERSION);
    octets.extend(u16::to_le_bytes(flags));
    octets.extend(client.property.octets());
    octets.extend(client.properties.to_le_bytes());
    octets.extend(client.mac.iter().flat_map(|mac| mac.octets()));
    octets.extend(client.box_id.iter().chain(&client.connector).flat_map(|id| id.octets()));
    octets.extend(client.port.iter().flat_map(|port| port.to_le_bytes()));
    octets.extend(client.potency_read.iter().flat_map(|power| power.thousandths().to_le_bytes()));
    octets.extend(client.coords.iter().flatten().flat_map(|degrees| degrees.to_le_bytes()));
    let times = client.updated_at.iter().chain(&client.property_updated_at);
    octets.extend(times.flat_map(|time| time.millis().to_le_bytes()));
    for text in [client.code, client.name, client.serial, client.pppoe] {
        let text = text.unwrap_or_default();
        // The parser takes no text that is longer than 512 octets.
        let length = u16::try_from(text.len()).unwrap_or(0);
        octets.extend(length.to_le_bytes());
        octets.extend(text.bytes().take(length.into()));
    }
    octets
}

/// The row, and the number of houses; `None` when the octets are not ours or damaged.
pub(super) fn unpack(id: ClientId, octets: &[u8]) -> Option<(PropertyRow, u16)> {
    let mut rest = Rest(octets);
    let [version] = rest.take()?;
    if version != VERSION {
        return None;
    }
    let flags = u16::from_le_bytes(rest.take()?);
    let is = |flag: u16| flags & flag != 0;
    let property = PropertyId::from_octets(rest.take()?);
    let properties = u16::from_le_bytes(rest.take()?);
    let mac = rest.take_if(is(flag::MAC))?.map(|octets: [u8; 6]| Mac::from_octets(&octets)).transpose().ok()?;
    let box_id = rest.take_if(is(flag::BOX))?.map(ElementId::from_octets);
    let connector = rest.take_if(is(flag::CONNECTOR))?.map(ElementId::from_octets);
    let port = rest.take_if(is(flag::PORT))?.map(u16::from_le_bytes);
    let potency_read = rest.take_if(is(flag::POTENCY))?.map(|octets| Dbm::from_thousandths(i32::from_le_bytes(octets)));
    let mut degrees = |there: bool| Some(rest.take_if(there)?.map(f32::from_le_bytes));
    let coords = degrees(is(flag::COORDS))?.zip(degrees(is(flag::COORDS))?).map(|(lng, lat)| [lng, lat]);
    let mut time =
        |there: bool| Some(rest.take_if(there)?.map(|octets| Timestamp::from_millis(u64::from_le_bytes(octets))));
    let (updated_at, property_updated_at) = (time(is(flag::UPDATED))?, time(is(flag::PROPERTY_UPDATED))?);
    let mut text = || {
        let length = u16::from_le_bytes(rest.take()?);
        let text = std::str::from_utf8(rest.split(length.into())?).ok()?;
        Some(Some(text.to_owned()).filter(|text| !text.is_empty()))
    };
    let (code, name, serial, pppoe) = (text()?, text()?, text()?, text()?);
    if !rest.0.is_empty() {
        return None;
    }
    let status = is(flag::STATUS).then_some(if is(flag::IS_ERROR) { Status::Error } else { Status::Ok });
    let client = ClientRow {
        id,
        code,
        name,
        serial: serial.and_then(|serial| serial.parse().ok()),
        mac,
        pppoe,
        status,
        implanted: is(flag::IMPLANTED),
        updated_at,
    };
    let row = PropertyRow {
        id: property,
        box_id,
        connector,
        port,
        potency_read,
        coords,
        updated_at: property_updated_at,
        client,
    };
    Some((row, properties))
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn split(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.split(N)?.try_into().ok()
    }

    /// `Some(None)` where it is not there.
    #[allow(clippy::option_option)] // Absent, and broken off, are different things.
    fn take_if<const N: usize>(&mut self, there: bool) -> Option<Option<[u8; N]>> {
        if there { self.take().map(Some) } else { Some(None) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::directory::testing::{client_id, directory, row};
    use super::*;

    fn full() -> PropertyRow {
        let mut row = row(7, "ZTEGC1B2F8FC", "aa:bb:cc:dd:ee:ff", "A-7 |ç");
        row.box_id = "65c000000000000000000001".parse().ok();
        row.connector = "65c000000000000000000002".parse().ok();
        row.port = Some(9);
        row.potency_read = Dbm::new(-21.37).ok();
        row.coords = Some([-48.5, -27.5]);
        row.updated_at = Some(Timestamp::from_millis(5));
        row.client.updated_at = Some(Timestamp::from_millis(6));
        row.client.pppoe = Some("maria".to_owned());
        row.client.status = Some(Status::Error);
        row.client.implanted = false;
        row
    }

    #[test]
    fn a_client_comes_back_as_it_was() {
        for one in [full(), row(8, "", "", "")] {
            let directory = directory([one.clone()]);
            let entry = directory.clients().next().unwrap();
            assert_eq!(unpack(one.client.id, &pack(&entry)), Some((one, 1)));
        }
    }

    #[test]
    fn octets_that_break_off_or_go_on_or_are_of_another_version_are_none() {
        let directory = directory([full()]);
        let octets = pack(&directory.clients().next().unwrap());
        for length in 0..octets.len() {
            assert_eq!(unpack(client_id(7), &octets[..length]), None, "{length}");
        }
        assert_eq!(unpack(client_id(7), &[&octets[..], &[0]].concat()), None);
        assert_eq!(unpack(client_id(7), &[&[VERSION + 1], &octets[1..]].concat()), None);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(client_id(1), &[&[VERSION], &octets[..]].concat());
            let _ = unpack(client_id(1), &octets);
        }
    }
}
