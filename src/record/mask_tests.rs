use super::*;

fn mask() -> Mask {
    Mask::new([7; 32])
}

fn text(value: &Value) -> String {
    String::from_utf8(value.octets().unwrap().to_vec()).unwrap()
}

fn octets(text: &str) -> Value {
    Value::OctetString(text.as_bytes().into())
}

#[test]
fn one_serial_is_one_made_up_serial_in_every_spelling() {
    let mut mask = mask();
    let binary = Value::OctetString([0x48, 0x57, 0x54, 0x43, 0x7D, 0x46, 0x30, 0xC3].into());
    let Value::OctetString(masked) = mask.value(&Holds::Serial, &binary) else { panic!() };
    let canonical = Serial::from_octets(&masked).unwrap();
    assert!(canonical.as_str().starts_with("HWTC") && canonical.as_str() != "HWTC7D4630C3");
    for spelling in ["HWTC7D4630C3", "hwtc7d4630c3", "HWTC-7D4630C3", "485754437D4630C3", "1,HWTC7D4630C3"] {
        let masked = text(&mask.value(&Holds::Serial, &octets(spelling)));
        assert_eq!(masked.len(), spelling.len());
        let serial = masked.rsplit(',').next().unwrap().parse::<Serial>().unwrap();
        assert_eq!(serial, canonical, "{spelling} {masked}");
    }
    // In a name, and in an index.
    let name = text(&mask.value(&Holds::Name, &octets("Maria HWTC7D4630C3")));
    assert!(name.ends_with(canonical.as_str()) && !name.contains("Maria"), "{name}");
    let index: Vec<u32> = b"HWTC7D4630C3".iter().map(|octet| u32::from(*octet)).collect();
    let masked: Vec<u8> = mask.index(&index).iter().map(|octet| u8::try_from(*octet).unwrap()).collect();
    assert_eq!(masked, canonical.as_str().as_bytes());
    let unknown = mask.unknown_index(&[&[3, 12], &index[..]].concat());
    assert_eq!(unknown[2..], masked.iter().map(|octet| u32::from(*octet)).collect::<Vec<_>>());
    assert_eq!(text(&mask.unknown(&octets("HWTC7D4630C3"))), canonical.as_str());
    // As a number, and never the same for two.
    let number = mask.value(&Holds::SerialNumber("ZNTS".to_owned()), &Value::Integer(11_259_375));
    assert!(number != Value::Integer(11_259_375) && (0..=0x7fff_ffff).contains(&number.integer().unwrap()));
}

#[test]
fn macs_keep_their_maker() {
    let mut mask = mask();
    let Value::OctetString(masked) =
        mask.value(&Holds::Mac, &Value::OctetString([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc].into()))
    else {
        panic!()
    };
    assert!(masked.starts_with(&[0, 0x11, 0x22]) && masked[3..] != [0xaa, 0xbb, 0xcc]);
    let mac = Mac::from_octets(&masked).unwrap();
    for spelling in ["00:11:22:aa:bb:cc", "0011.22AA.BBCC", "001122aabbcc"] {
        let masked = text(&mask.value(&Holds::Mac, &octets(spelling)));
        assert_eq!((masked.len(), masked.parse::<Mac>().unwrap()), (spelling.len(), mac));
    }
    assert_eq!(text(&mask.value(&Holds::Serial, &octets("001122aabbcc"))).parse::<Mac>().unwrap(), mac);
}

#[test]
fn names_keep_their_shape_and_ports_what_the_profile_reads() {
    let mut mask = mask();
    let name = text(&mask.value(&Holds::Name, &octets("10452 Maria Lúcia (10.20.30.40)")));
    assert_eq!(name.len(), "10452 Maria Lúcia (10.20.30.40)".len());
    assert!(
        name[..5].bytes().all(|b| b.is_ascii_digit()) && name.as_bytes()[5] == b' ' && name.ends_with(')'),
        "{name}"
    );
    assert!(!name.contains("Maria") && !name.contains("10.20.30.40"), "{name}");
    assert_eq!(name, text(&mask.value(&Holds::Name, &octets("10452 Maria Lúcia (10.20.30.40)"))));
    for nothing in ["", "N/A", "--", "-"] {
        assert_eq!(text(&mask.value(&Holds::Name, &octets(nothing))), nothing);
    }
    let ports = Holds::Port(vec![Regex::new(r"(?i)^gpon ?(\d+)/(\d+)/(\d+) onu (\d+)").unwrap()]);
    let port = text(&mask.value(&ports, &octets("gpon 0/0/1 onu 5 Maria")));
    assert!(port.starts_with("gpon 0/0/1 onu 5 ") && !port.contains("Maria") && port.len() == 22, "{port}");
    assert_eq!(text(&mask.value(&ports, &octets("GigabitEthernet0/1"))), "GigabitEthernet0/1");
    assert_ne!(text(&mask.value(&ports, &octets("uplink of Maria"))), "uplink of Maria");
}

#[test]
fn of_columns_that_nobody_knows_readings_stay_and_texts_go() {
    let mut mask = mask();
    for kept in
        ["-21.30", "0.01 mW (-20.50 dBm)", "41.0 C", "online", "dying-gasp", "N/A", "gpon_1/2/1", "GPON0/2:1", "3.28 V"]
    {
        assert_eq!(text(&mask.unknown(&octets(kept))), kept);
    }
    for gone in ["Maria da Silva", "48999123456", "10.20.30.40", "aa:bb:cc:dd:ee:ff", "rua-das-flores-12"] {
        assert_ne!(text(&mask.unknown(&octets(gone))), gone);
    }
    assert_ne!(mask.unknown(&Value::IpAddress([192, 0, 2, 7])), Value::IpAddress([192, 0, 2, 7]));
    assert_eq!(mask.unknown(&Value::IpAddress([255, 255, 255, 0])), Value::IpAddress([255, 255, 255, 0]));
    assert_eq!(mask.unknown(&Value::Integer(-2137)), Value::Integer(-2137));
    // A date and time of 8 octets is nobody.
    let date = Value::OctetString([0x07, 0xea, 11, 26, 1, 2, 3, 0].into());
    assert_eq!(mask.unknown(&date), date);
    assert_eq!(text(&mask.told(&octets("Huawei Integrated Access Software"))), "Huawei Integrated Access Software");
}

#[test]
fn no_two_become_one_and_another_recording_has_others() {
    let mut mask = mask();
    let mut seen = HashSet::new();
    for n in 0..3_000_u32 {
        assert!(seen.insert(text(&mask.value(&Holds::Serial, &octets(&format!("HWTC{n:08X}"))))));
    }
    let other = text(&Mask::new([8; 32]).value(&Holds::Serial, &octets("HWTC00000001")));
    assert_ne!(other, text(&mask.value(&Holds::Serial, &octets("HWTC00000001"))));
}
