use super::*;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn look(values: &[Value]) -> Option<Looks> {
    looks(&values.iter().collect::<Vec<_>>())
}

fn text(text: &str) -> Value {
    Value::OctetString(text.as_bytes().into())
}

#[test]
fn values_look_like_what_they_are() {
    for (values, expected) in [
        (vec![Value::Integer(-2137), Value::Integer(0), Value::Integer(-2544)], Some(Looks::Level("0.01 dBm"))),
        (vec![Value::Integer(-213), Value::Integer(-231)], Some(Looks::Level("0.1 dBm"))),
        (vec![Value::Integer(-21)], Some(Looks::Level("dBm"))),
        (vec![text("-21.37"), text("--")], Some(Looks::Level("dBm, as a text"))),
        (vec![text("0.01 mW (-20.50 dBm)")], Some(Looks::Level("dBm, as a text"))),
        (vec![text("HWTC7D4630C3")], Some(Looks::Serial)),
        (vec![Value::OctetString([0x48, 0x57, 0x54, 0x43, 0x7D, 0x46, 0x30, 0xC3].into())], Some(Looks::Serial)),
        (vec![Value::OctetString([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc].into())], Some(Looks::Mac)),
        (vec![text("aa:bb:cc:dd:ee:ff")], Some(Looks::Mac)),
        (vec![Value::Integer(1), Value::Integer(2), Value::Integer(1)], Some(Looks::State)),
        (vec![Value::Integer(1)], None),
        (vec![Value::Integer(4_194_304_000)], None),
        (vec![Value::Counter32(3), Value::Counter32(4)], None),
        (vec![text("Maria"), text("2.4.1")], None),
        (vec![Value::Integer(0), Value::Integer(2_147_483_647)], None),
    ] {
        assert_eq!(look(&values), expected, "{values:?}");
    }
}

#[test]
fn an_entry_is_a_one_above_the_column_as_deep_as_the_rows_allow() {
    let root = oid("1.3.6.1.4.1.9");
    let guess = |first: &str, second: &str| -> Vec<String> {
        entries(&root, &oid(first), Some(&oid(second))).iter().map(ToString::to_string).collect()
    };
    // Rows differ in the last number: the entry is the 1 of "25.1", never that of "12.1".
    assert_eq!(guess("1.3.6.1.4.1.9.12.1.25.1.4.3.1", "1.3.6.1.4.1.9.12.1.25.1.4.3.2")[0], "1.3.6.1.4.1.9.12.1.25.1");
    // Of ones in a row the uppermost comes first, as column 1 and slot 1 look alike.
    assert_eq!(guess("1.3.6.1.4.1.9.7.1.1.1.1", "1.3.6.1.4.1.9.7.1.1.1.2")[0], "1.3.6.1.4.1.9.7.1");
}

#[test]
fn single_values_are_passed_by_their_groups() {
    let row = |text: &str| (oid(text), Value::Integer(1));
    let rows = [row("1.3.6.1.4.1.9.1.1.0"), row("1.3.6.1.4.1.9.1.2.0"), row("1.3.6.1.4.1.9.2.1.5.7")];
    assert_eq!(leading_scalars(&rows), Some(2));
    assert_eq!(leading_scalars(&rows[2..]), None);
    // ONU 0 of a PON with a large number.
    assert_eq!(leading_scalars(&[row("1.3.6.1.4.1.9.46.1.15.4194320384.0")]), None);
}
