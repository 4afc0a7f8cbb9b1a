use proptest::prelude::*;

use super::super::testing::{Agent, Reply, Seen, World, oid, target};
use super::super::{ErrorStatus, Oid, SnmpError, Target, Value, VarBind};

const ROOT: &str = "1.3.6.1.4.1.9";

fn names(rows: std::ops::RangeInclusive<u32>) -> Vec<Oid> {
    rows.map(|row| oid(ROOT).child(&[1, row])).collect()
}

fn assert_values(got: &[VarBind], asked: &[Oid]) {
    assert_eq!(got.len(), asked.len());
    for (got, asked) in got.iter().zip(asked) {
        assert_eq!(got.oid, *asked);
        assert_eq!(got.value, Value::Integer(100_000 + i64::from(*asked.arcs().last().unwrap())));
    }
}

fn lie(agent: &mut Agent, lie: impl FnMut(&Seen, Reply) -> Reply + Send + 'static) {
    agent.lie = Some(Box::new(lie));
}

#[test]
fn more_names_than_a_datagram_holds_are_split_and_keep_their_order() {
    let mut agent = Agent::table(ROOT, 1, 500);
    let mut asked = names(1..=500);
    asked.reverse();
    assert_values(&World::v2c(&target(), &mut agent).fetch(false, &asked).unwrap(), &asked);
    assert!((8..20).contains(&agent.seen.len()), "{}", agent.seen.len());
}

#[test]
fn too_big_and_cut_answers_are_asked_for_again_in_parts() {
    for (too_big, most) in [(1, 99), (7, 99), (99, 1), (99, 5), (6, 4)] {
        let mut agent = Agent { too_big, most, ..Agent::table(ROOT, 1, 100) };
        let asked = names(1..=100);
        assert_values(&World::v2c(&target(), &mut agent).fetch(false, &asked).unwrap(), &asked);
    }
}

#[test]
fn a_poisoned_cell_becomes_an_exception_and_costs_few_requests() {
    for names_poison in [true, false] {
        let poison = vec![oid(ROOT).child(&[1, 7])];
        let mut agent = Agent { poison, names_poison, ..Agent::table(ROOT, 1, 30) };
        let mut world = World::v2c(&target(), &mut agent);
        let got = world.fetch(false, &names(1..=30)).unwrap();
        assert_eq!(got[6].value, Value::NoSuchInstance);
        assert_eq!(got.iter().filter(|varbind| varbind.value.is_exception()).count(), 1);
        assert_eq!(world.device.counters().poisoned, 1);
        drop(world);
        assert!(agent.seen.len() <= if names_poison { 3 } else { 14 }, "{}", agent.seen.len());
    }
}

#[test]
fn exceptions_stand_in_their_places() {
    let mut agent = Agent::table(ROOT, 1, 2);
    let asked = [oid(ROOT).child(&[1, 1]), oid(ROOT).child(&[5, 5]), oid(ROOT).child(&[1, 2])];
    let mut world = World::v2c(&target(), &mut agent);
    let got = world.fetch(false, &asked).unwrap();
    assert_eq!(got[1], VarBind { oid: asked[1].clone(), value: Value::NoSuchInstance });
    let next = world.fetch(true, &asked).unwrap();
    assert_eq!(next[0].oid, asked[2]);
    assert_eq!(next[1].value, Value::EndOfMibView);
}

#[test]
fn snmpv1_agents_that_name_the_missing_one_are_understood() {
    let mut agent = Agent::table(ROOT, 1, 9);
    lie(&mut agent, |seen, honest| match &honest {
        Reply::Varbinds(varbinds) => match varbinds.iter().position(|(_, value)| value.is_exception()) {
            Some(position) => Reply::Error { status: 2, index: i32::try_from(position + 1).unwrap() },
            None => honest,
        },
        _ => panic!("{seen:?}"),
    });
    let got = World::v2c(&target(), &mut agent).fetch(false, &names(8..=11)).unwrap();
    assert!(!got[0].value.is_exception() && !got[1].value.is_exception());
    assert_eq!([&got[2].value, &got[3].value], [&Value::NoSuchObject, &Value::NoSuchObject]);
}

#[test]
fn answers_to_other_names_are_not_believed() {
    let mut agent = Agent::table(ROOT, 1, 9);
    lie(&mut agent, |_, honest| match honest {
        Reply::Varbinds(mut varbinds) => {
            varbinds.reverse();
            Reply::Varbinds(varbinds)
        }
        other => other,
    });
    let asked = names(1..=9);
    assert_values(&World::v2c(&target(), &mut agent).fetch(false, &asked).unwrap(), &asked);
    let mut agent = Agent::table(ROOT, 1, 9);
    lie(&mut agent, |_, _| Reply::Varbinds(vec![(oid("1.3.6.1.1"), Value::Null)]));
    let got = World::v2c(&target(), &mut agent).fetch(false, &names(1..=2)).unwrap();
    assert!(got.iter().all(|varbind| varbind.value == Value::NoSuchInstance));
}

#[test]
fn a_get_next_that_goes_back_is_an_error_that_names_it() {
    let mut agent = Agent::table(ROOT, 1, 9);
    lie(&mut agent, |_, _| Reply::Varbinds(vec![(oid("1.3.6.1.1"), Value::Null)]));
    let error = World::v2c(&target(), &mut agent).fetch(true, &names(3..=3)).unwrap_err();
    assert!(matches!(error, SnmpError::NotIncreasing { given, .. } if given == oid("1.3.6.1.1")));
}

#[test]
fn a_refusal_of_everything_is_an_error() {
    let mut agent = Agent::table(ROOT, 1, 9);
    lie(&mut agent, |_, _| Reply::Error { status: 16, index: 2 });
    let error = World::v2c(&target(), &mut agent).fetch(false, &names(1..=9)).unwrap_err();
    let Err(SnmpError::Agent { status, oid: Some(at), .. }) = Err::<(), _>(error) else { panic!() };
    assert_eq!((status, at), (ErrorStatus::AuthorizationError, oid(ROOT).child(&[1, 2])));
}

#[test]
fn a_silence_at_many_is_tried_with_fewer_and_a_dead_olt_costs_only_its_tries() {
    let mut agent = Agent { silent_above: 3, ..Agent::table(ROOT, 1, 20) };
    let mut world = World::v2c(&target(), &mut agent);
    world.fetch(false, &names(1..=1)).unwrap();
    let asked = names(1..=20);
    assert_values(&world.fetch(false, &asked).unwrap(), &asked);
    let mut dead = Agent { community: "another".to_owned(), ..Agent::table(ROOT, 1, 20) };
    let mut world = World::v2c(&target(), &mut dead);
    assert!(matches!(world.fetch(false, &asked), Err(SnmpError::NoAnswer { tries: 4, .. })));
    assert_eq!(world.device.counters().sent, 4);
}

proptest! {
    #[test]
    fn every_name_gets_one_answer_from_any_agent_that_answers(
        rows in prop::collection::vec(1..40_u32, 0..80),
        poison in prop::collection::vec(1..40_u32, 0..5),
        most in 1..20_usize,
        too_big in 1..20_usize,
        names_poison: bool,
        next: bool,
    ) {
        let poison = poison.iter().map(|row| oid(ROOT).child(&[1, *row])).collect();
        let mut agent = Agent { poison, most, too_big, names_poison, ..Agent::table(ROOT, 1, 30) };
        let asked: Vec<Oid> = rows.iter().map(|row| oid(ROOT).child(&[1, *row])).collect();
        let got = World::v2c(&Target { retries: 0, ..target() }, &mut agent).fetch(next, &asked).unwrap();
        prop_assert_eq!(got.len(), asked.len());
        if !next {
            prop_assert!(got.iter().zip(&asked).all(|(got, asked)| got.oid == *asked));
        }
    }
}
