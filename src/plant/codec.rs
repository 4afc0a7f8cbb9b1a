//! A route as octets, for the store: a version, the fields, a CRC-32 over both.
//!
//! Numbers are LEB128, signed ones in zigzag; ids and names that come again are given by their number. A route of fifty elements takes
//! about 1 kB, most of it ids. Whatever the octets are, reading ends and allocates no more than a few times their length.

use std::collections::HashMap;
use std::sync::Arc;

use super::RouteError;
use super::route::{HeadEnd, Hop, HopKind, MAX_HOPS, MAX_NAME, Named, Parent, ParentKind, Route};
use crate::model::{Dbm, Decibels, ElementId, Metres};

/// The version that is written here, and the only one that is read.
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// What says in a hop's first octet that a field follows; its low four bits are the kind.
const HAS_PORT: u8 = 0x10;
const HAS_PARENT: u8 = 0x20;
const HAS_LOSS: u8 = 0x40;
/// In a parent's octet, whose low four bits are its kind.
const HAS_LENGTH: u8 = 0x10;
/// In a route's first octet.
const REACHED: u8 = 1;
const HAS_HEAD_END: u8 = 2;
const HAS_LAUNCH: u8 = 4;
const HAS_TOTAL: u8 = 8;

impl Route {
    /// The octets.
    ///
    /// # Errors
    /// [`RouteError::TooManyHops`] or [`RouteError::LongName`] when it is beyond what is kept.
    pub fn encode(&self) -> Result<Box<[u8]>, RouteError> {
        if self.hops.len() > MAX_HOPS {
            return Err(RouteError::TooManyHops(self.hops.len()));
        }
        let mut writer = Writer { octets: vec![VERSION], ids: HashMap::new(), names: HashMap::new() };
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        writer.octets.push(
            flag(self.pon_reached, REACHED)
                | flag(self.head_end.is_some(), HAS_HEAD_END)
                | flag(self.launch.is_some(), HAS_LAUNCH)
                | flag(self.loss.is_some(), HAS_TOTAL),
        );
        if let Some(head_end) = &self.head_end {
            for named in [&head_end.olt, &head_end.slot, &head_end.pon] {
                writer.named(named)?;
            }
        }
        if let Some(launch) = self.launch {
            writer.signed(launch.thousandths());
        }
        if let Some(loss) = self.loss {
            writer.signed(loss.thousandths());
        }
        writer.number(self.hops.len() as u64);
        let mut distance = 0_i32;
        for hop in &self.hops {
            writer.octets.push(
                (hop.kind as u8)
                    | flag(hop.port.is_some(), HAS_PORT)
                    | flag(hop.parent.is_some(), HAS_PARENT)
                    | flag(hop.loss.is_some(), HAS_LOSS),
            );
            writer.named(&hop.element)?;
            if let Some(port) = hop.port {
                writer.number(u64::from(port));
            }
            if let Some(parent) = &hop.parent {
                writer.octets.push((parent.kind as u8) | flag(parent.length.is_some(), HAS_LENGTH));
                writer.named(&parent.named)?;
                if let Some(length) = parent.length {
                    writer.signed(length.thousandths());
                }
            }
            if let Some(loss) = hop.loss {
                writer.signed(loss.thousandths());
            }
            writer.signed(hop.distance.thousandths().wrapping_sub(distance));
            distance = hop.distance.thousandths();
        }
        let sum = checksum(&writer.octets);
        writer.octets.extend(sum.to_le_bytes());
        Ok(writer.octets.into_boxed_slice())
    }

    /// From octets that [`Route::encode`] made.
    ///
    /// # Errors
    /// [`RouteError`] when they are of another version, cut off, changed, or not such octets at all.
    pub fn decode(octets: &[u8]) -> Result<Self, RouteError> {
        let version = octets.first().copied().ok_or(RouteError::Checksum)?;
        if version != VERSION {
            return Err(RouteError::Version { found: version, known: VERSION });
        }
        let (content, sum) = octets.split_last_chunk::<CHECKSUM>().ok_or(RouteError::Checksum)?;
        if checksum(content) != u32::from_le_bytes(*sum) {
            return Err(RouteError::Checksum);
        }
        let mut reader = Reader { rest: content.get(1..).unwrap_or_default(), ids: Vec::new(), names: Vec::new() };
        let route = reader.route()?;
        if reader.rest.is_empty() { Ok(route) } else { Err(RouteError::Field("what follows the last element")) }
    }
}

fn checksum(octets: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(octets);
    sum.sum()
}

struct Writer {
    octets: Vec<u8>,
    ids: HashMap<ElementId, u64>,
    names: HashMap<Arc<str>, u64>,
}

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.octets.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.octets.push((number & 0x7f) as u8);
    }

    fn signed(&mut self, number: i32) {
        self.number(u64::from(((number << 1) ^ (number >> 31)).cast_unsigned()));
    }

    /// Of id and name each: 0 for none, 1 for a new one that follows, else two more than its number.
    fn named(&mut self, named: &Named) -> Result<(), RouteError> {
        let known = self.ids.len() as u64;
        match named.id {
            None => self.octets.push(0),
            Some(id) => match self.ids.get(&id).copied() {
                Some(number) => self.number(number + 2),
                None => {
                    self.ids.insert(id, known);
                    self.octets.push(1);
                    self.octets.extend(id.octets());
                }
            },
        }
        let known = self.names.len() as u64;
        match &named.name {
            None => self.octets.push(0),
            Some(name) if name.len() > MAX_NAME => return Err(RouteError::LongName(name.len())),
            Some(name) => match self.names.get(name).copied() {
                Some(number) => self.number(number + 2),
                None => {
                    self.names.insert(name.clone(), known);
                    self.octets.push(1);
                    self.number(name.len() as u64);
                    self.octets.extend(name.as_bytes());
                }
            },
        }
        Ok(())
    }
}

/// Every step fails when the octets have ended.
struct Reader<'a> {
    rest: &'a [u8],
    ids: Vec<ElementId>,
    names: Vec<Arc<str>>,
}

impl Reader<'_> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let octet = self.octet()?;
            number |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i32> {
        let number = u32::try_from(self.number()?).ok()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn named(&mut self) -> Option<Named> {
        let id = match self.number()? {
            0 => None,
            1 => {
                let (octets, rest) = self.rest.split_first_chunk::<12>()?;
                self.rest = rest;
                let id = ElementId::from_octets(*octets);
                self.ids.push(id);
                Some(id)
            }
            known => Some(*self.ids.get(usize::try_from(known - 2).ok()?)?),
        };
        let name = match self.number()? {
            0 => None,
            1 => {
                let length = usize::try_from(self.number()?).ok().filter(|length| *length <= MAX_NAME)?;
                let (octets, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                let name: Arc<str> = Arc::from(std::str::from_utf8(octets).ok()?);
                self.names.push(name.clone());
                Some(name)
            }
            known => Some(self.names.get(usize::try_from(known - 2).ok()?)?.clone()),
        };
        Some(Named { id, name })
    }

    fn hop(&mut self, distance: &mut i32) -> Option<Hop> {
        let flags = self.octet().filter(|flags| flags & 0x80 == 0)?;
        let kind = *HopKind::ALL.get(usize::from(flags & 0x0f))?;
        let element = self.named()?;
        let port = if flags & HAS_PORT == 0 { None } else { Some(u16::try_from(self.number()?).ok()?) };
        let parent = if flags & HAS_PARENT == 0 { None } else { Some(self.parent()?) };
        let loss = if flags & HAS_LOSS == 0 { None } else { Some(Decibels::from_thousandths(self.signed()?)) };
        *distance = distance.wrapping_add(self.signed()?);
        Some(Hop { kind, element, port, parent, loss, distance: Metres::from_thousandths(*distance) })
    }

    fn parent(&mut self) -> Option<Parent> {
        let flags = self.octet().filter(|flags| flags & 0xe0 == 0)?;
        let kind = *ParentKind::ALL.get(usize::from(flags & 0x0f))?;
        let named = self.named()?;
        let length = if flags & HAS_LENGTH == 0 { None } else { Some(Metres::from_thousandths(self.signed()?)) };
        Some(Parent { kind, named, length })
    }

    fn route(&mut self) -> Result<Route, RouteError> {
        let flags = self.octet().filter(|flags| flags & 0xf0 == 0).ok_or(RouteError::Field("the head"))?;
        let head_end = if flags & HAS_HEAD_END == 0 {
            None
        } else {
            let mut named = || self.named().ok_or(RouteError::Field("the port"));
            Some(HeadEnd { olt: named()?, slot: named()?, pon: named()? })
        };
        let mut power = |bit: u8| match flags & bit {
            0 => Ok(None),
            _ => self.signed().map(Some).ok_or(RouteError::Field("a power")),
        };
        let launch = power(HAS_LAUNCH)?.map(Dbm::from_thousandths);
        let loss = power(HAS_TOTAL)?.map(Decibels::from_thousandths);
        let count = self.number().ok_or(RouteError::Field("the number of elements"))?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > MAX_HOPS {
            return Err(RouteError::TooManyHops(count));
        }
        // An element takes four octets at least: a count that promises more reserves nothing.
        let mut hops = Vec::with_capacity(count.min(self.rest.len() / 4));
        let mut distance = 0;
        for _ in 0..count {
            hops.push(self.hop(&mut distance).ok_or(RouteError::Field("an element"))?);
        }
        Ok(Route { head_end, pon_reached: flags & REACHED != 0, launch, loss, hops })
    }
}
