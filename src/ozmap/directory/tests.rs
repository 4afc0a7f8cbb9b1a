use super::testing::{client_id, directory, row};
use super::*;

#[test]
fn every_key_finds_its_client_in_every_spelling() {
    let directory = directory((0..500).map(|n| {
        row(n, &format!("ztegc{n:07x}"), &format!("aabb.cc{:02x}.{n:04x}", n % 256), format!(" A-{n} |ç").trim())
    }));
    assert_eq!(directory.len(), 500);
    for n in 0..500 {
        let serial: Serial = format!("5A544547C{n:07X}").parse().unwrap();
        let mac: Mac = format!("AA-BB-CC-{:02X}-{:02X}-{:02X}", n % 256, n / 256, n % 256).parse().unwrap();
        for found in [directory.by_serial(&serial), directory.by_mac(mac), directory.by_code(&format!("  A-{n} |ç "))]
        {
            assert!(matches!(found, Found::One(client) if client.id == client_id(n)), "{n} {found:?}");
        }
        assert_eq!(directory.client(client_id(n)).unwrap().id, client_id(n));
    }
    assert_eq!(directory.by_serial(&"ZTEGFFFFFFFF".parse().unwrap()), Found::Nobody);
    assert_eq!(directory.by_code("a-1 |ç"), Found::Nobody);
    assert_eq!(directory.client(client_id(999)), None);
}

#[test]
fn a_pppoe_user_is_found_without_regard_to_capitals() {
    let user = |n: u32, user: &str| {
        let mut row = row(n, "", "", "");
        row.client.pppoe = Some(user.to_owned());
        row
    };
    let rows = (0..100).map(|n| user(n, &format!("Maria{n}@ISP.example")));
    let directory = directory(rows.chain([user(200, "joao@isp.example"), user(201, "JOAO@isp.example")]));
    let found = |text: &str| directory.by_pppoe(text);
    assert!(matches!(found(" mARIA7@isp.EXAMPLE "), Found::One(client) if client.id == client_id(7)));
    assert!(matches!(found("joao@isp.example"), Found::Many(ids) if ids.len() == 2));
    assert_eq!(found("7@isp.example"), Found::Nobody);
}

#[test]
fn what_is_read_again_wins_and_the_rest_stays() {
    let old = directory((0..10).map(|n| row(n, &format!("ZTEG{n:08X}"), "", &n.to_string())));
    let mut moved = row(3, "ZTEGAAAAAAAA", "", "3");
    moved.box_id = Some("65c000000000000000000001".parse().unwrap());
    let mut red = row(4, "ZTEG00000004", "", "4").client;
    red.status = Some(Status::Error);
    let stranger = row(77, "ZTEG00000077", "", "77").client;
    let changes = Changes {
        properties: vec![moved.clone(), row(20, "ZTEG00000014", "", "20")],
        clients: vec![moved.client.clone(), red, stranger],
        read_at: Some(Timestamp::from_millis(2_000)),
    };
    let (new, touched) = old.renewed_with(changes);
    assert_eq!(touched, [client_id(3), client_id(4), client_id(20)]);
    assert_eq!((new.len(), new.renewed(), old.len()), (11, 3, 10));
    assert_eq!(new.by_serial(&"ZTEG00000003".parse().unwrap()), Found::Nobody);
    let found = new.by_serial(&"ZTEGAAAAAAAA".parse().unwrap());
    assert!(matches!(found, Found::One(client) if client.box_id == moved.box_id));
    assert_eq!(new.client(client_id(4)).unwrap().status, Some(Status::Error));
    assert_eq!(old.client(client_id(4)).unwrap().status, Some(Status::Ok));
    let ids: Vec<ClientId> = new.clients().map(|client| client.id).collect();
    assert_eq!(ids, (0..10).chain([20]).map(client_id).collect::<Vec<_>>());
    assert_eq!((new.read_at().millis(), new.renewed_at().millis()), (1_000, 2_000));
    // Once more: the newest counts.
    let mut green = row(4, "ZTEG00000004", "", "4").client;
    green.status = None;
    let (newer, touched) = new.renewed_with(Changes { clients: vec![green], ..Changes::default() });
    assert_eq!((touched, newer.len()), (vec![client_id(4)], 11));
    assert_eq!(newer.client(client_id(4)).unwrap().status, None);
    // A key that two clients share is worthless also when they stand in different parts.
    let twin = row(5, "ZTEG00000006", "", "5");
    let (twins, _) = newer.renewed_with(Changes { properties: vec![twin], ..Changes::default() });
    assert!(matches!(twins.by_serial(&"ZTEG00000006".parse().unwrap()), Found::Many(ids) if ids.len() == 2));
}

#[test]
fn changes_that_reads_of_changes_do_not_bring_are_counted() {
    let at = |n: u32, millis: u64| {
        let mut row = row(n, "", "", "");
        row.client.updated_at = Some(Timestamp::from_millis(millis));
        row
    };
    let old = directory([at(1, 100), at(2, 100), at(3, 100)]);
    let new = directory([at(1, 100), at(2, 500), at(3, 900), at(4, 500)]);
    assert_eq!(old.missed(&new, Timestamp::from_millis(600)), 1);
    assert_eq!(new.newest_change(Timestamp::from_millis(600)).millis(), 500);
}

#[test]
fn a_key_of_two_clients_names_both_and_neither() {
    let directory = directory([
        row(1, "ZTEGC1B2F8FC", "", "7"),
        row(2, "5A544547C1B2F8FC", "", "7"),
        row(3, "ztegc1b2f8fc", "", "8"),
        row(4, "", "", ""),
    ]);
    let Found::Many(mut ids) = directory.by_serial(&"ZTEGC1B2F8FC".parse().unwrap()) else { panic!() };
    ids.sort();
    assert_eq!(ids, [client_id(1), client_id(2), client_id(3)]);
    assert!(matches!(directory.by_code("7"), Found::Many(ids) if ids.len() == 2));
    assert_eq!(directory.by_code(""), Found::Nobody);
}

#[test]
fn a_directory_comes_back_from_its_octets_and_says_that_it_is_old() {
    let read = directory((0..300).rev().map(|n| row(n, &format!("ZTEG{n:08X}"), "", &n.to_string())));
    let mut octets: Vec<(ClientId, Vec<u8>)> = read.to_octets().collect();
    octets[7].1.pop();
    let back = Directory::from_octets(read.read_at(), octets.iter().map(|(id, octets)| (*id, &octets[..])));
    assert_eq!((back.len(), back.is_kept(), read.is_kept()), (299, true, false));
    assert!(back.clients().all(|client| read.client(client.id) == Some(client)));
    assert!(matches!(back.by_code("8"), Found::One(client) if client.id == client_id(8)));
}

#[test]
fn a_client_in_two_houses_is_one_client() {
    let mut second = row(1, "ZTEGC1B2F8FC", "", "7");
    second.id = "65bfffffffffffffffffffff".parse().unwrap();
    second.client.status = Some(Status::Error);
    let first = row(1, "ZTEGC1B2F8FC", "", "7");
    let directory = directory([first.clone(), second, first.clone()]);
    let clients: Vec<ClientEntry<'_>> = directory.clients().collect();
    let [client] = clients.as_slice() else { panic!("{directory:?}") };
    assert_eq!((client.properties, client.property), (2, first.id));
    assert_eq!(directory.report().repeated, 1);
    assert!(matches!(directory.by_serial(&"ZTEGC1B2F8FC".parse().unwrap()), Found::One(_)));
}
