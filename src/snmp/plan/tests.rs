use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::testing::{Agent, World, oid, table_walk, target};
use super::super::{SnmpError, Target, Value};
use super::*;

const ROOT: &str = "1.3.6.1.4.1.2011.6.128.1.1.2.43.1";

/// Columns 1 to `columns`; each PON has its index and then so many ONUs.
fn pons(columns: u32, pons: &[(u32, u32)]) -> Agent {
    let cells = pons.iter().flat_map(|(pon, onus)| (0..*onus).map(move |onu| [4_194_304_000 + pon * 256, onu]));
    let cells: Vec<[u32; 2]> = cells.collect();
    Agent::new((1..=columns).flat_map(|column| {
        cells
            .clone()
            .into_iter()
            .map(move |[pon, onu]| (oid(ROOT).child(&[column, pon, onu]), Value::Integer(-2_000 - i64::from(onu))))
    }))
}

fn wide() -> Target {
    Target { window: 2, max_repetitions: 1_000, ..target() }
}

fn octets(walked: &Walked) -> usize {
    walked.columns.iter().map(|column| column.rows.len()).sum()
}

#[test]
fn cuts_stand_at_pons_and_make_parts_of_about_equal_size() {
    let mut agent = pons(2, &[(0, 100), (1, 30), (2, 60), (3, 10), (4, 128)]);
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 2);
    let plan = Plan::of(&walked, 1, 2);
    let [one, other] = plan.chains.as_slice() else { panic!("{plan:?}") };
    assert_eq!((one.rows, other.rows), (Some(190), Some(138)));
    let cut = Some(vec![4_194_304_000 + 3 * 256]);
    assert_eq!((&one.after, &one.until, &other.after, &other.until), (&None, &cut, &cut, &None));
    assert_eq!(Plan::of(&walked, 1, 64).parts(), 4, "parts are as near to equal as PONs and a least size allow");
    let anywhere = Plan::of(&walked, 0, 4);
    assert_eq!(anywhere.chains.iter().map(|chain| chain.rows.unwrap()).collect::<Vec<_>>(), [82; 4]);
    for none in [Plan::of(&walked, 1, 1), Plan::of(&walked, 9, 2), Plan::of(&Walked { columns: vec![], pdus: 0 }, 1, 2)]
    {
        assert!(none.parts() <= 2, "{none:?}");
    }
}

#[test]
fn onus_that_appear_between_parts_or_leave_are_seen_as_they_are() {
    let known = [(0, 70), (2, 70), (4, 70), (6, 70)];
    let mut agent = pons(4, &known);
    let mut world = World::v2c(&wide(), &mut agent);
    let before = world.walk_table(ROOT, 4);
    drop(world);
    for now in [
        vec![(0, 70), (1, 1), (2, 71), (3, 5), (4, 70), (5, 9), (6, 70), (7, 40)],
        vec![(0, 70), (2, 70), (3, 128), (4, 70), (6, 70)],
        vec![(0, 1), (6, 1)],
        vec![(4, 70), (6, 70)],
        vec![(0, 70), (2, 70)],
        vec![(9, 300)],
        vec![],
    ] {
        let mut agent = pons(4, &now);
        let unsplit = World::v2c(&target(), &mut agent).walk_table(ROOT, 4);
        for pon_numbers in [0, 1] {
            for chains in [2, 3, 4] {
                let plan = Plan::of(&before, pon_numbers, chains);
                assert!(plan.parts() > 1);
                let mut world = World::v2c(&wide(), &mut agent);
                let split = world.walk_by(&table_walk(ROOT, 4), &plan, 2);
                assert!(split.is_complete());
                for (one, other) in split.columns.iter().zip(&unsplit.columns) {
                    assert_eq!((&one.column, &one.rows), (&other.column, &other.rows), "{now:?}");
                }
            }
        }
    }
}

#[test]
fn a_planned_walk_keeps_two_requests_at_the_olt_and_takes_few_more_than_the_fewest() {
    let many: Vec<(u32, u32)> = (0..32).map(|pon| (pon, 128)).collect();
    let mut agent = pons(8, &many);
    // What a reply of 1400 octets holds: 44 varbinds of about 30.
    agent.most = 44;
    let fewest = (8 * 4_096_u64).div_ceil(44);
    let mut world = World::v2c(&wide(), &mut agent);
    let walk = table_walk(ROOT, 8);
    let first = world.walk_by(&walk, &Plan::default(), 2);
    assert!(first.is_complete() && octets(&first) == 8 * 4_096);
    let plan = Plan::of(&first, 1, 2);
    let start = world.now;
    let second = world.walk_by(&walk, &plan, 2);
    assert_eq!(second.columns, first.columns);
    for walked in [&first, &second] {
        assert!(walked.pdus * 100 <= fewest * 105, "{} of {fewest}", walked.pdus);
    }
    // The agent is never idle: its service time is all that counts, but for one round trip.
    let floor = world.service * u32::try_from(second.pdus).unwrap() + Duration::from_millis(2);
    assert!(world.now - start <= floor.mul_f64(1.05), "{:?} of {floor:?}", world.now - start);
    assert_eq!(world.most_at_agent, 2);
}

#[test]
fn a_first_walk_is_cut_at_the_pons_that_are_listed_and_gives_the_same_whatever_stands_there() {
    let listed = |pons: &[u32]| -> Vec<Vec<u32>> { pons.iter().map(|pon| vec![4_194_304_000 + pon * 256]).collect() };
    for none in [listed(&[]), listed(&[3])] {
        assert_eq!(Plan::at_pons(&none, 4), Plan::default());
    }
    assert_eq!(Plan::at_pons(&listed(&[1, 2, 3]), 1), Plan::default());
    let plan = Plan::at_pons(&listed(&[0, 1, 2, 3, 4, 5, 6, 7]), 4);
    let cuts: Vec<_> = plan.chains.iter().map(|chain| (chain.after.clone(), chain.until.clone())).collect();
    let at = |pon: u32| listed(&[pon]).pop();
    assert_eq!(cuts, [(None, at(2)), (at(2), at(4)), (at(4), at(6)), (at(6), None)]);
    for onus in [[70, 3, 0, 128, 9, 9, 40, 64], [0; 8], [0, 0, 0, 0, 0, 0, 0, 128], [128, 0, 0, 0, 0, 0, 0, 0]] {
        let table: Vec<(u32, u32)> = (0..).zip(onus).collect();
        let mut agent = pons(4, &table);
        let unsplit = World::v2c(&target(), &mut agent).walk_table(ROOT, 4);
        let split = World::v2c(&wide(), &mut agent).walk_by(&table_walk(ROOT, 4), &plan, 2);
        for (one, other) in split.columns.iter().zip(&unsplit.columns) {
            assert_eq!((&one.column, &one.rows, &one.end), (&other.column, &other.rows, &Ok(())), "{onus:?}");
        }
    }
}

#[test]
fn a_first_walk_that_is_cut_keeps_the_olt_busy_with_few_more_requests_than_the_fewest() {
    for columns in [1, 4] {
        let many: Vec<(u32, u32)> = (0..32).map(|pon| (pon, 128)).collect();
        let listed: Vec<Vec<u32>> = many.iter().map(|(pon, _)| vec![4_194_304_000 + pon * 256]).collect();
        let mut agent = pons(columns, &many);
        agent.most = 44;
        let mut world = World::v2c(&wide(), &mut agent);
        let start = world.now;
        let walked = world.walk_by(&table_walk(ROOT, columns), &Plan::at_pons(&listed, 4), 2);
        assert!(walked.is_complete() && octets(&walked) == usize::try_from(columns * 4_096).unwrap());
        let fewest = (u64::from(columns) * 4_096).div_ceil(44);
        assert!(walked.pdus <= fewest * 105 / 100 + 1, "{} of {fewest}", walked.pdus);
        // Of two milliseconds each; the first eight are asked for one by one, two more milliseconds away.
        let floor = Duration::from_millis(2 * walked.pdus + 2 + 8 * 2);
        assert!(world.now - start <= floor.mul_f64(1.02), "{:?} of {floor:?}", world.now - start);
        let rows: Vec<Vec<u32>> = walked.columns[0].rows.iter().map(|(index, _)| index.to_vec()).collect();
        assert_eq!(Plan::of_rows(&rows, 1, 2), Plan::of(&walked, 1, 2));
    }
}

#[test]
fn without_a_plan_columns_go_side_by_side_and_come_back_in_their_order() {
    let walk = table_walk(ROOT, 5);
    for (window, groups) in [(1, vec![5]), (2, vec![3, 2]), (8, vec![3, 2])] {
        let parts = parts(&walk, &Plan::default(), window);
        assert_eq!(parts.iter().map(|part| part.walk.columns.len()).collect::<Vec<_>>(), groups);
    }
    let mut agent = pons(5, &[(1, 90)]);
    let walked = World::v2c(&wide(), &mut agent).walk_by(&walk, &Plan::default(), 2);
    let columns: Vec<&Oid> = walked.columns.iter().map(|column| &column.column).collect();
    assert_eq!(columns, walk.columns.iter().collect::<Vec<_>>());
    assert!(walked.is_complete() && octets(&walked) == 450);
}

#[test]
fn an_error_in_one_part_is_the_columns_and_rows_of_all_parts_are_kept() {
    let known = [(0, 100), (1, 100)];
    let mut agent = pons(1, &known);
    let before = World::v2c(&target(), &mut agent).walk_table(ROOT, 1);
    let mut agent = pons(1, &known);
    agent.poison = vec![oid(ROOT).child(&[1, 4_194_304_000, 50])];
    let plan = Plan::of(&before, 1, 2);
    let walked = World::v2c(&wide(), &mut agent).walk_by(&table_walk(ROOT, 1), &plan, 2);
    assert!(matches!(walked.columns[0].end, Err(SnmpError::Agent { .. })));
    assert_eq!(walked.columns[0].rows.len(), 150);
    let mut agent = pons(1, &known);
    let few = Walk { max_rows: 120, ..table_walk(ROOT, 1) };
    let walked = World::v2c(&wide(), &mut agent).walk_by(&few, &plan, 2);
    assert!(matches!(walked.columns[0].end, Err(SnmpError::Endless { rows: 100, .. })));
}

proptest! {
    /// Whatever was known and whatever is there now, a planned walk reads what is there.
    #[test]
    fn every_plan_gives_what_an_unsplit_walk_gives(
        known in prop::collection::btree_map(0..6_u32, 1..90_u32, 1..6),
        now in prop::collection::btree_map(0..6_u32, 1..90_u32, 0..6),
        pon_numbers in 0..3_usize,
        chains in 1..6_u32,
        most in 3..60_usize,
    ) {
        let list = |pons: &BTreeMap<u32, u32>| pons.iter().map(|(pon, onus)| (*pon, *onus)).collect::<Vec<_>>();
        let mut before = pons(2, &list(&known));
        let plan = Plan::of(&World::v2c(&target(), &mut before).walk_table(ROOT, 2), pon_numbers, chains);
        let mut agent = pons(2, &list(&now));
        agent.most = most;
        let unsplit = World::v2c(&target(), &mut agent).walk_table(ROOT, 2);
        let split = World::v2c(&wide(), &mut agent).walk_by(&table_walk(ROOT, 2), &plan, 2);
        prop_assert_eq!(split.columns, unsplit.columns);
    }
}
