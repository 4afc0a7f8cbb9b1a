use proptest::prelude::*;

use super::*;

fn linear(factor: f64, offset: f64, decimals: u32) -> Scale {
    Scale { factor, offset, signed16: false, magnitude: false, milliwatts: false, text: None, decimals }
}

fn text(value: &str) -> Value {
    Value::OctetString(value.as_bytes().into())
}

fn text_scale(unit: &str) -> Scale {
    let find = Regex::new(&format!(r"(?i)([-+]?\d+(?:\.\d+)?)\s*{}", regex::escape(unit))).unwrap();
    Scale { text: Some(TextNumber { find, format: "{}".to_owned() }), ..linear(1.0, 0.0, 2) }
}

fn rx(scales: Vec<Scale>, sentinels: Vec<i64>) -> NumberDecoder {
    NumberDecoder { scales, sentinels, plausible: (-50.0, 10.0), usual: (-40.0, -5.0) }
}

/// Worked examples of `olt-snmp.md`, by its sections.
#[test]
fn worked_examples_of_every_kind_of_scale() {
    let huawei_olt_rx = rx(vec![linear(0.01, -100.0, 2)], vec![2_147_483_647]);
    for (raw, level) in [(8775, -12.25), (8413, -15.87), (8565, -14.35), (8630, -13.70)] {
        assert_eq!(huawei_olt_rx.decode(&Value::Integer(raw), 0), Ok(level), "section 1, {raw}");
    }
    assert_eq!(
        huawei_olt_rx.decode(&Value::Integer(2_147_483_647), 0),
        Err(Unread::Sentinel(2_147_483_647.into())),
        "section 1"
    );

    let zte = rx(vec![Scale { signed16: true, ..linear(0.002, -30.0, 3) }], vec![65_535]);
    for (raw, level) in [(5635, -18.73), (6227, -17.546), (5340, -19.32), (6901, -16.198), (65_536 - 1000, -32.0)] {
        assert_eq!(zte.decode(&Value::Integer(raw), 0), Ok(level), "section 2, {raw}");
    }
    assert_eq!(zte.decode(&Value::Integer(65_535), 0), Err(Unread::Sentinel(65_535.into())), "section 2");

    let axos = rx(vec![Scale { milliwatts: true, ..linear(0.0001, 0.0, 2) }], vec![]);
    for (raw, level) in [(301, -15.21), (43_032, 6.34), (537, -12.70)] {
        assert_eq!(axos.decode(&Value::Integer(raw), 0), Ok(level), "section 13, {raw}");
    }
    assert_eq!(axos.decode(&Value::Integer(0), 0), Err(Unread::NoValue), "section 13: 0 is no light");

    let vsol = rx(vec![text_scale("dBm")], vec![]);
    assert_eq!(vsol.decode(&text("0.03 mW (-14.61 dBm)"), 0), Ok(-14.61), "section 5");
    assert_eq!(text_scale("dbm").decode(&text("6.56 dbm")), Ok(6.56), "section 5");
    assert_eq!(text_scale("").decode(&text("27.84 .C")), Ok(27.84), "section 5");
    assert_eq!(vsol.decode(&text("N/A"), 0), Err(Unread::NoValue), "section 9");
    assert_eq!(vsol.decode(&text("-inf"), 0), Err(Unread::NoValue), "section 11");

    let parks = rx(vec![Scale { magnitude: true, ..linear(0.01, 0.0, 2) }], vec![0]);
    assert_eq!(parks.decode(&Value::Integer(2638), 0), Ok(-26.38), "section 10");

    let ufiber = rx(vec![linear(0.01, 0.0, 2)], vec![0]);
    assert_eq!(ufiber.decode(&Value::Integer(-2481), 0), Ok(-24.81), "section 14");
}

#[test]
fn the_whole_column_chooses_the_scale() {
    let bdcom = rx(vec![linear(0.1, 0.0, 1), linear(0.002, 0.0, 3)], vec![]);
    let tenths = [Value::Integer(-240), Value::Integer(-181), Value::Integer(-65_535)];
    let fine = [Value::Integer(-12_000), Value::Integer(-11_500), Value::Integer(-450)];
    assert_eq!(bdcom.choose(tenths.iter()), 0);
    assert_eq!(bdcom.choose(fine.iter()), 1);
    assert_eq!(bdcom.decode(&fine[2], 1), Ok(-0.9));
    assert_eq!(bdcom.choose([].iter()), 0);
    // Both are plausible; -26.4 dBm is usual and -2.64 is not.
    let magnitude = |factor, decimals| Scale { magnitude: true, ..linear(factor, 0.0, decimals) };
    let parks = rx(vec![magnitude(0.01, 2), magnitude(0.1, 1)], vec![0]);
    assert_eq!(parks.choose([Value::Integer(264), Value::Integer(0)].iter()), 1);
    assert_eq!(parks.choose([Value::Integer(2638), Value::Integer(0)].iter()), 0);
}

#[test]
fn an_integer_may_come_as_a_text() {
    let hundredths = rx(vec![linear(0.01, 0.0, 2)], vec![0]);
    assert_eq!(hundredths.decode(&text(" -2137 "), 0), Ok(-21.37));
    assert_eq!(hundredths.decode(&text("0"), 0), Err(Unread::Sentinel(0.into())));
    assert_eq!(hundredths.decode(&text("--"), 0), Err(Unread::NoValue));
    assert_eq!(hundredths.decode(&text("-21.37"), 0), Err(Unread::Malformed));
    let of_text = rx(vec![Scale { factor: 0.01, ..text_scale("dBm") }], vec![]);
    assert_eq!(of_text.decode(&text("-2137 dBm"), 0), Ok(-21.37));
}

#[test]
fn unknown_numbers_of_an_enumeration_survive() {
    let words = WordDecoder {
        map: [("1".to_owned(), Word::State(OnuState::Up)), ("losi".to_owned(), Word::Cause(Cause::Optical))].into(),
        bits: vec![],
        sentinels: vec![-1],
        pattern: None,
    };
    assert_eq!(words.decode(&Value::Integer(1)), Ok(Word::State(OnuState::Up)));
    assert_eq!(words.decode(&text("LOSi")), Ok(Word::Cause(Cause::Optical)));
    assert_eq!(words.decode(&Value::Integer(77)), Err(Unread::UnknownValue(77.into())));
    assert_eq!(words.decode(&Value::Integer(-1)), Err(Unread::Sentinel((-1).into())));
    assert_eq!(words.decode(&text("--")), Err(Unread::NoValue));
    assert_eq!(words.decode(&text("on fire")), Err(Unread::Malformed));
    assert_eq!(words.decode(&Value::NoSuchInstance), Err(Unread::NoRow));
}

#[test]
fn bits_count_from_the_low_end_of_a_number_and_the_first_bit_of_octets() {
    let words = WordDecoder {
        map: [("0".to_owned(), Word::State(OnuState::Up))].into(),
        bits: vec![(18, Word::Cause(Cause::Power)), (1, Word::Cause(Cause::Optical))],
        sentinels: vec![],
        pattern: None,
    };
    assert_eq!(words.decode(&Value::Integer((1 << 18) | 2)), Ok(Word::Cause(Cause::Power)));
    assert_eq!(words.decode(&Value::Integer(2)), Ok(Word::Cause(Cause::Optical)));
    assert_eq!(words.decode(&Value::Integer(0)), Ok(Word::State(OnuState::Up)));
    assert_eq!(words.decode(&Value::OctetString([0x40].into())), Ok(Word::Cause(Cause::Optical)));
    assert_eq!(words.decode(&Value::OctetString([0, 0, 0x20].into())), Ok(Word::Cause(Cause::Power)));
}

#[test]
fn serials_come_as_octets_text_and_integers() {
    let octets = Value::OctetString([0x5A, 0x54, 0x45, 0x47, 0x00, 0x8E, 0xEB, 0x08].into());
    assert_eq!(Decoder::serial(&octets, None, None).unwrap().as_str(), "ZTEG008EEB08");
    let prefix = Regex::new(r"^\d+,(.*)$").unwrap();
    assert_eq!(Decoder::serial(&text("1,ZTEG008EEB08"), Some(&prefix), None).unwrap().as_str(), "ZTEG008EEB08");
    let number = Value::Gauge32(0x00AB_CDEF);
    assert_eq!(Decoder::serial(&number, None, Some("ZNTS")).unwrap().as_str(), "ZNTS00ABCDEF");
    assert_eq!(Decoder::serial(&Value::OctetString([0; 8].into()), None, None), Err(Unread::NoValue));
    assert_eq!(Decoder::serial(&text("--"), None, None), Err(Unread::NoValue));
}

#[test]
fn a_name_cannot_command_a_terminal() {
    let name = Decoder::text(&text("  Maria\u{1b}[31m\r\n Souza\0"), None).unwrap();
    assert_eq!(&*name, "Maria [31m   Souza");
    let latin = Value::OctetString([b'J', b'o', 0xE3, b'o'].into());
    assert_eq!(&*Decoder::text(&latin, None).unwrap(), "João");
}

proptest! {
    #[test]
    fn no_value_panics_or_escapes_its_window(octets in proptest::collection::vec(any::<u8>(), 0..40), number: i64) {
        let decoder = rx(vec![text_scale("dBm"), linear(0.01, 0.0, 2),
            Scale { milliwatts: true, ..linear(0.0001, 0.0, 2) }], vec![]);
        for raw in [Value::OctetString(octets.clone().into_boxed_slice()), Value::Integer(number)] {
            for scale in 0..4 {
                if let Ok(level) = decoder.decode(&raw, scale) {
                    prop_assert!((-50.0..=10.0).contains(&level));
                }
            }
            let _ = Decoder::serial(&raw, None, Some("ZNTS"));
            let _ = Decoder::mac(&raw, None);
            let _ = Decoder::text(&raw, None);
        }
    }

    #[test]
    fn encoding_is_the_inverse_of_decoding(hundredths in -5000_i32..1000) {
        let level = f64::from(hundredths) / 100.0;
        for scale in [linear(0.01, 0.0, 2), linear(0.01, -100.0, 2), text_scale("")] {
            prop_assert_eq!(scale.decode(&scale.encode(level).unwrap()), Ok(level));
        }
        let even = Scale { signed16: true, ..linear(0.002, -30.0, 3) };
        prop_assert_eq!(even.decode(&even.encode(level).unwrap()), Ok(level));
    }
}
