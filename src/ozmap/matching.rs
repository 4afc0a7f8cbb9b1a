//! Which client an ONU belongs to. Pure. What cannot be told for sure is a result too, and is never written.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use regex::Regex;
use serde::Serialize;

use super::directory::{Directory, Found};
use super::ids::ClientId;
use crate::config::{MatchBy, Ozmap};
use crate::model::{Mac, OnuId, PonId, Serial};

/// What is known of an ONU that a client could share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnuIdentity {
    /// Which ONU.
    pub onu: OnuId,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name or description on the OLT.
    pub name: Option<Arc<str>>,
    /// Its PON port, for print.
    pub pon: Option<PonId>,
    /// Its number on the PON, for print.
    pub number: Option<u32>,
}

/// An ONU and its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The ONU's place in the list that was matched.
    pub onu: usize,
    /// The client.
    pub client: ClientId,
    /// The key that they share.
    pub by: MatchBy,
}

/// A match that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ambiguity {
    /// The ONU's key is in OZmap at several clients.
    ManyClients {
        /// The ONU's place in the list that was matched.
        onu: usize,
        /// Which key.
        by: MatchBy,
        /// Its value.
        key: String,
        /// The clients.
        clients: Vec<ClientId>,
    },
    /// Several ONUs lead to one client.
    ManyOnus {
        /// The client.
        client: ClientId,
        /// The ONUs' places in the list that was matched, each with the key that led to the client.
        onus: Vec<(usize, MatchBy)>,
    },
}

/// All ONUs against all clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// One ONU, one client, installed: these may be written. In the ONUs' order.
    pub matched: Vec<Match>,
    /// One ONU, one client, but the client is a reservation (`implanted` is false): never written.
    pub not_implanted: Vec<Match>,
    /// Places of ONUs that no client shares a key with.
    pub unmatched: Vec<usize>,
    /// Never written.
    pub ambiguous: Vec<Ambiguity>,
    /// Installed clients that no ONU leads to, and that no ambiguity names. Sorted.
    pub clients_without_onu: Vec<ClientId>,
}

impl Matches {
    /// How many were matched by each key.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::from([("serial", 0), ("mac", 0), ("code", 0), ("pppoe", 0)]);
        for one in &self.matched {
            *counts.entry(key_word(one.by)).or_default() += 1;
        }
        counts
    }
}

/// The config's word for a key.
#[must_use]
pub const fn key_word(by: MatchBy) -> &'static str {
    match by {
        MatchBy::Serial => "serial",
        MatchBy::Mac => "mac",
        MatchBy::Code => "code",
        MatchBy::Pppoe => "pppoe",
    }
}

/// By which keys ONUs and clients are matched.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The keys, in this order.
    pub order: &'a [MatchBy],
    /// The part of an ONU's name that is the client code.
    pub code_pattern: Option<&'a Regex>,
    /// The part of an ONU's name that is the PPPoE user.
    pub pppoe_pattern: Option<&'a Regex>,
}

impl<'a> From<&'a Ozmap> for Rule<'a> {
    fn from(config: &'a Ozmap) -> Self {
        Self {
            order: &config.match_by,
            code_pattern: config.code_pattern.as_ref(),
            pppoe_pattern: config.pppoe_pattern.as_ref(),
        }
    }
}

/// The key in an ONU's name: the pattern's first group, or its whole match; without a pattern, the name.
#[must_use]
pub fn key_in<'a>(name: &'a str, pattern: Option<&Regex>) -> Option<&'a str> {
    let code = match pattern {
        None => name,
        Some(pattern) => {
            let found = pattern.captures(name)?;
            found.get(1).or_else(|| found.get(0))?.as_str()
        }
    };
    Some(code.trim()).filter(|code| !code.is_empty())
}

/// Matches ONUs with clients. Each ONU's keys are tried in the rule's order, and the first one that anybody in OZmap has
/// decides: when several have it, no later key makes up for that.
#[must_use]
pub fn match_onus<T: Borrow<OnuIdentity>>(onus: &[T], directory: &Directory, rule: Rule<'_>) -> Matches {
    let mut matches = Matches::default();
    let mut claims: Vec<(ClientId, usize, MatchBy)> = Vec::with_capacity(onus.len());
    let mut named: HashSet<ClientId> = HashSet::new();
    for (place, onu) in onus.iter().enumerate() {
        match find(onu.borrow(), directory, rule) {
            None => matches.unmatched.push(place),
            Some((by, _, Found::One(client))) => claims.push((client.id, place, by)),
            Some((by, key, Found::Many(clients))) => {
                named.extend(&clients);
                let key = key.into_owned();
                matches.ambiguous.push(Ambiguity::ManyClients { onu: place, by, key, clients });
            }
            Some((_, _, Found::Nobody)) => {}
        }
    }
    // Both are in the clients' order from here on, and are gone through together.
    claims.sort_unstable_by_key(|(client, place, _)| (*client, *place));
    let mut claims = claims.as_slice();
    for client in directory.clients() {
        let (onus, rest) = claims.split_at(claims.partition_point(|(id, ..)| *id <= client.id));
        claims = rest;
        match onus {
            [] if client.implanted && !named.contains(&client.id) => matches.clients_without_onu.push(client.id),
            [] => {}
            [(id, onu, by)] => {
                let one = Match { onu: *onu, client: *id, by: *by };
                if client.implanted { matches.matched.push(one) } else { matches.not_implanted.push(one) }
            }
            several => {
                let onus = several.iter().map(|(_, onu, by)| (*onu, *by)).collect();
                matches.ambiguous.push(Ambiguity::ManyOnus { client: client.id, onus });
            }
        }
    }
    matches.matched.sort_unstable_by_key(|one| one.onu);
    matches.not_implanted.sort_unstable_by_key(|one| one.onu);
    matches
}

/// The first key that anybody has, its value, and who has it.
fn find<'a>(
    onu: &'a OnuIdentity,
    directory: &'a Directory,
    rule: Rule<'_>,
) -> Option<(MatchBy, Cow<'a, str>, Found<'a>)> {
    let named = |pattern| onu.name.as_deref().and_then(|name| key_in(name, pattern));
    rule.order.iter().find_map(|by| {
        let (key, found): (Cow<'a, str>, _) = match by {
            MatchBy::Serial => onu.serial.as_ref().map(|serial| (serial.as_str().into(), directory.by_serial(serial))),
            MatchBy::Mac => onu.mac.map(|mac| (mac.to_string().into(), directory.by_mac(mac))),
            MatchBy::Code => named(rule.code_pattern).map(|code| (code.into(), directory.by_code(code))),
            MatchBy::Pppoe => named(rule.pppoe_pattern).map(|user| (user.into(), directory.by_pppoe(user))),
        }?;
        (found != Found::Nobody).then_some((*by, key, found))
    })
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::model::{OltId, OnuKey};

    pub(crate) fn onu(olt: &str, n: u32, serial: &str, mac: &str, name: &str) -> OnuIdentity {
        OnuIdentity {
            onu: OnuId { olt: OltId::new(olt), key: OnuKey::new(&[n]) },
            serial: serial.parse().ok(),
            mac: mac.parse().ok(),
            name: (!name.is_empty()).then(|| Arc::from(name)),
            pon: "0/1/0".parse().ok(),
            number: Some(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::{client_id, directory, row};
    use super::testing::onu;
    use super::*;

    const ORDER: Rule<'_> = by(&[MatchBy::Serial, MatchBy::Mac, MatchBy::Code]);

    const fn by(order: &[MatchBy]) -> Rule<'_> {
        Rule { order, code_pattern: None, pppoe_pattern: None }
    }

    #[test]
    fn keys_are_tried_in_the_configured_order() {
        let directory =
            directory([row(1, "ZTEG00000001", "", "10"), row(2, "", "aa:bb:cc:00:00:02", "20"), row(3, "", "", "30")]);
        let onus = [
            onu("a", 1, "5A54454700000001", "aa:bb:cc:00:00:99", "x"),
            onu("a", 2, "ZTEG000000FF", "AABB.CC00.0002", "30"),
            onu("a", 3, "ZTEG000000FE", "", " 30 "),
            onu("a", 4, "ZTEG000000FD", "aa:bb:cc:00:00:98", "40"),
            onu("a", 5, "", "", ""),
        ];
        let matches = match_onus(&onus, &directory, ORDER);
        let found: Vec<_> = matches.matched.iter().map(|one| (one.onu, one.client, one.by)).collect();
        assert_eq!(
            found,
            [(0, client_id(1), MatchBy::Serial), (1, client_id(2), MatchBy::Mac), (2, client_id(3), MatchBy::Code)]
        );
        assert_eq!(matches.unmatched, [3, 4]);
        assert_eq!(matches.clients_without_onu, []);
        assert_eq!(matches.by_key(), BTreeMap::from([("serial", 1), ("mac", 1), ("code", 1), ("pppoe", 0)]));

        let code_first = match_onus(&onus, &directory, by(&[MatchBy::Code, MatchBy::Mac]));
        assert!(code_first.ambiguous.iter().any(|one| matches!(one,
            Ambiguity::ManyOnus { client, onus } if *client == client_id(3) && onus.len() == 2)));
        assert_eq!(code_first.clients_without_onu, [client_id(1), client_id(2)]);
    }

    #[test]
    fn a_key_of_two_clients_settles_nothing_even_with_a_later_key() {
        let directory =
            directory([row(1, "ZTEG00000001", "", "10"), row(2, "ztegc-0000 001", "", "20"), row(3, "", "", "30")]);
        let doubled = super::super::directory::testing::directory([
            row(1, "ZTEG00000001", "", "10"),
            row(2, "ZTEG-00000001", "", "20"),
        ]);
        let onus = [onu("a", 1, "ZTEG00000001", "", "10")];
        let matches = match_onus(&onus, &doubled, ORDER);
        assert_eq!(matches.matched, []);
        assert!(matches!(matches.ambiguous.as_slice(),
            [Ambiguity::ManyClients { onu: 0, by: MatchBy::Serial, key, clients }]
            if key == "ZTEG00000001" && clients.len() == 2));
        assert_eq!(matches.clients_without_onu, []);
        assert_eq!(match_onus(&onus, &directory, ORDER).matched.len(), 1);
    }

    #[test]
    fn two_onus_on_one_client_settle_nothing_even_across_olts() {
        let directory = directory([row(1, "ZTEG00000001", "", "10")]);
        let onus = [onu("a", 1, "ZTEG00000001", "", ""), onu("b", 1, "ZTEG00000001", "", "")];
        let matches = match_onus(&onus, &directory, ORDER);
        assert_eq!((matches.matched.len(), matches.ambiguous.len(), matches.unmatched.len()), (0, 1, 0));
    }

    #[test]
    fn a_reservation_is_not_a_match_to_write_and_not_missing_either() {
        let mut reserved = row(1, "ZTEG00000001", "", "10");
        reserved.client.implanted = false;
        let mut idle = row(2, "ZTEG00000002", "", "20");
        idle.client.implanted = false;
        let directory = directory([reserved, idle]);
        let matches = match_onus(&[onu("a", 1, "ZTEG00000001", "", "")], &directory, ORDER);
        assert_eq!((matches.matched.len(), matches.not_implanted.len()), (0, 1));
        assert_eq!(matches.clients_without_onu, []);
    }

    #[test]
    fn a_pppoe_user_in_the_name_leads_to_its_client() {
        let mut one = row(1, "", "", "10");
        one.client.pppoe = Some("Maria.Souza@isp".to_owned());
        let directory = directory([one, row(2, "", "", "20")]);
        let pattern = Regex::new(r"user=(\S+)").unwrap();
        let rule = Rule { pppoe_pattern: Some(&pattern), ..by(&[MatchBy::Pppoe, MatchBy::Code]) };
        let onus = [onu("a", 1, "", "", "user=maria.souza@isp slot 3"), onu("a", 2, "", "", "20")];
        let found: Vec<_> = match_onus(&onus, &directory, rule).matched.iter().map(|one| one.by).collect();
        assert_eq!(found, [MatchBy::Pppoe, MatchBy::Code]);
    }

    #[test]
    fn the_code_is_the_patterns_group_or_its_match() {
        let group = Regex::new(r"^(\d+)\s").unwrap();
        let whole = Regex::new(r"\d{3,}").unwrap();
        assert_eq!(key_in("10452 Maria", Some(&group)), Some("10452"));
        assert_eq!(key_in("Maria 10452", Some(&group)), None);
        assert_eq!(key_in("Maria 10452", Some(&whole)), Some("10452"));
        assert_eq!(key_in("  A-1|x ", None), Some("A-1|x"));
        assert_eq!(key_in("  ", None), None);
        assert_eq!(key_in("x", Some(&Regex::new("(y)?").unwrap())), None);
    }

    #[test]
    fn every_onu_and_every_client_ends_in_exactly_one_place() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let pick = |random: &mut fastrand::Rng| {
                let n = random.u32(0..12);
                if n == 0 { String::new() } else { format!("ZTEG{n:08X}") }
            };
            let directory = directory((0..random.u32(0..14)).map(|n| {
                let mut row = row(n, &pick(&mut random), "", &random.u32(0..12).to_string());
                row.client.implanted = random.u32(0..5) > 0;
                row
            }));
            let onus: Vec<OnuIdentity> = (0..random.u32(0..14))
                .map(|n| onu("a", n, &pick(&mut random), "", &random.u32(0..16).to_string()))
                .collect();
            let matches = match_onus(&onus, &directory, ORDER);
            let mut places: Vec<usize> = matches.unmatched.clone();
            places.extend(matches.matched.iter().chain(&matches.not_implanted).map(|one| one.onu));
            for one in &matches.ambiguous {
                match one {
                    Ambiguity::ManyClients { onu, .. } => places.push(*onu),
                    Ambiguity::ManyOnus { onus, .. } => places.extend(onus.iter().map(|(place, _)| *place)),
                }
            }
            places.sort_unstable();
            assert_eq!(places, (0..onus.len()).collect::<Vec<_>>());
            let mut clients: Vec<ClientId> = matches.matched.iter().map(|one| one.client).collect();
            let matched = clients.len();
            clients.sort_unstable();
            clients.dedup();
            assert_eq!(clients.len(), matched, "a client was matched twice");
            assert!(matches.clients_without_onu.iter().all(|id| !clients.contains(id)));
        }
    }
}
