use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::job::AnyJob;
use super::super::testing::{Agent, Reply, Seen, World, oid, table_walk, target, write_varbinds};
use super::super::{ErrorStatus, Oid, SnmpError, Target, Value, Walk, Walked};

const ROOT: &str = "1.3.6.1.4.1.9";

fn indices(walked: &Walked, column: usize) -> Vec<u32> {
    walked.columns[column].rows.iter().map(|(index, _)| index[0]).collect()
}

/// Every column holds rows 1 to `rows` with the values of [`Agent::table`], and ended normally.
fn assert_whole(walked: &Walked, rows: u32) {
    for (position, column) in walked.columns.iter().enumerate() {
        assert_eq!(column.end, Ok(()), "{}", column.column);
        assert_eq!(indices(walked, position), (1..=rows).collect::<Vec<_>>(), "{}", column.column);
        let number = *column.column.arcs().last().unwrap();
        for (index, value) in &column.rows {
            assert_eq!(value, Value::Integer(i64::from(number * 100_000 + index[0])));
        }
    }
}

fn lie(agent: &mut Agent, lie: impl FnMut(&Seen, Reply) -> Reply + Send + 'static) {
    agent.lie = Some(Box::new(lie));
}

#[test]
fn reads_all_columns_in_lock_step_with_few_requests() {
    let mut agent = Agent::table(ROOT, 8, 500);
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 8);
    assert_whole(&walked, 500);
    // 4000 varbinds of about 20 octets in answers of about 1200 to 1400.
    assert!(walked.pdus <= 75, "{}", walked.pdus);
    assert!(agent.seen.iter().all(|seen| seen.tag == 0xa5 && seen.names.len() == 8 && seen.repetitions >= 1));
}

#[test]
fn columns_end_each_for_itself() {
    // Column 1 is sparse, column 2 empty, column 3 ends the MIB, column 4 does not exist.
    let mut agent = Agent::new((1..=50_u32).flat_map(|row| {
        let sparse = (row % 7 == 0).then(|| (oid(ROOT).child(&[1, row]), Value::Gauge32(row)));
        sparse.into_iter().chain([(oid(ROOT).child(&[3, row]), Value::Counter64(u64::from(row)))])
    }));
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 4);
    assert!(walked.is_complete());
    assert_eq!(indices(&walked, 0), [7, 14, 21, 28, 35, 42, 49]);
    assert_eq!([1, 3].map(|column| walked.columns[column].rows.len()), [0, 0]);
    assert_eq!(indices(&walked, 2), (1..=50).collect::<Vec<_>>());
}

#[test]
fn stays_within_a_prefix_and_stops_before_an_index() {
    let cells = (1..=4_u32).flat_map(|pon| (1..=30_u32).map(move |onu| (pon, onu)));
    let mut agent = Agent::new(cells.map(|(pon, onu)| (oid(ROOT).child(&[1, pon, onu]), Value::Null)));
    let mut world = World::v2c(&target(), &mut agent);
    let within = world.walk(Walk { within: vec![3], ..table_walk(ROOT, 1) });
    assert!(within.is_complete() && within.columns[0].rows.len() == 30);
    assert!(within.columns[0].rows.iter().all(|(index, _)| index[0] == 3));
    let until = world.walk(Walk { stop_before: Some(vec![2, 11]), ..table_walk(ROOT, 1) });
    assert!(until.is_complete());
    assert_eq!(until.columns[0].rows.iter().last().unwrap().0.as_ref(), [2, 10]);
    assert_eq!(until.columns[0].rows.len(), 40);
}

#[test]
fn nothing_to_walk_asks_nothing() {
    let mut agent = Agent::table(ROOT, 1, 1);
    let walked = World::v2c(&target(), &mut agent).walk(Walk { columns: Vec::new(), ..table_walk(ROOT, 1) });
    assert_eq!((walked.columns.len(), walked.pdus), (0, 0));
}

#[test]
fn answers_that_are_cut_short_lose_nothing() {
    for most in [1, 2, 3, 7, 8, 9, 20] {
        let mut agent = Agent { most, ..Agent::table(ROOT, 8, 60) };
        let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 8);
        assert_whole(&walked, 60);
        // The size that the agent gives is learnt: nearly every answer is as full as it lets it be.
        let minimum = (8 * 60_usize).div_ceil(most);
        assert!(walked.pdus <= u64::try_from(minimum * 13 / 10 + 12).unwrap(), "{most}: {}", walked.pdus);
    }
}

#[test]
fn too_big_makes_it_ask_for_less_and_remember() {
    for too_big in [1, 3, 8, 20] {
        let mut agent = Agent { too_big, ..Agent::table(ROOT, 8, 60) };
        let mut world = World::v2c(&target(), &mut agent);
        assert_whole(&world.walk_table(ROOT, 8), 60);
        let refused = world.device.counters().too_big;
        assert!(refused > 0);
        assert_whole(&world.walk_table(ROOT, 8), 60);
    }
}

#[test]
fn a_cell_that_the_agent_fails_at_is_stepped_over() {
    for names_poison in [true, false] {
        let poison = vec![oid(ROOT).child(&[2, 17]), oid(ROOT).child(&[3, 40])];
        let mut agent = Agent { poison, names_poison, ..Agent::table(ROOT, 4, 60) };
        let mut world = World::v2c(&target(), &mut agent);
        let walked = world.walk_table(ROOT, 4);
        assert!(walked.is_complete(), "{walked:?}");
        for (position, column) in walked.columns.iter().enumerate() {
            assert_eq!(indices(&walked, position), (1..=60).collect::<Vec<_>>());
            let skipped: Vec<u32> =
                column.rows.iter().filter(|(_, value)| value.is_exception()).map(|(index, _)| index[0]).collect();
            assert_eq!(skipped, [vec![], vec![17], vec![40], vec![]][position], "column {position}");
        }
        assert_eq!(world.device.counters().poisoned, 2);
    }
}

#[test]
fn a_column_that_always_fails_ends_with_the_agents_error_and_the_others_are_whole() {
    let poison = (1..=60).map(|row| oid(ROOT).child(&[1, row])).collect();
    let mut agent = Agent { poison, ..Agent::table(ROOT, 3, 60) };
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 3);
    assert_eq!([1, 2].map(|column| walked.columns[column].rows.len()), [60, 60]);
    assert_eq!([1, 2].map(|column| walked.columns[column].end.is_ok()), [true, true]);
    let Err(SnmpError::Agent { status: ErrorStatus::GenErr, oid: Some(at), .. }) = &walked.columns[0].end else {
        panic!("{:?}", walked.columns[0].end)
    };
    assert!(at.to_string().starts_with("1.3.6.1.4.1.9.1"));
    assert!(walked.pdus < 100, "{}", walked.pdus);
}

#[test]
fn a_lone_column_that_fails_names_where() {
    let mut agent = Agent { poison: vec![oid(ROOT).child(&[1, 9])], ..Agent::table(ROOT, 1, 60) };
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 1);
    assert_eq!(indices(&walked, 0), (1..9).collect::<Vec<_>>());
    let error = walked.columns[0].end.clone().unwrap_err();
    assert_eq!(error.to_string(), "the agent at 192.0.2.1:161 answered genErr at 1.3.6.1.4.1.9.1.8");
}

#[test]
fn an_agent_that_stands_still_or_goes_back_is_stopped_by_name() {
    for back in [20_u32, 15] {
        let mut agent = Agent::table(ROOT, 2, 60);
        lie(&mut agent, move |_, honest| match honest {
            Reply::Varbinds(varbinds) => Reply::Varbinds(
                varbinds
                    .into_iter()
                    .map(|(name, value)| {
                        if name == oid(ROOT).child(&[1, 21]) {
                            (oid(ROOT).child(&[1, back]), value)
                        } else {
                            (name, value)
                        }
                    })
                    .collect(),
            ),
            other => other,
        });
        let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 2);
        assert_eq!(indices(&walked, 0), (1..=20).collect::<Vec<_>>());
        let expected = SnmpError::NotIncreasing {
            address: "192.0.2.1:161".to_owned(),
            after: oid(ROOT).child(&[1, 20]),
            given: oid(ROOT).child(&[1, back]),
        };
        assert_eq!(walked.columns[0].end, Err(expected));
        assert_eq!((walked.columns[1].rows.len(), &walked.columns[1].end), (60, &Ok(())));
    }
}

#[test]
fn a_jump_back_out_of_the_column_is_no_normal_end() {
    let mut agent = Agent::table(ROOT, 1, 30);
    lie(&mut agent, |_, honest| match honest {
        Reply::Varbinds(varbinds) => Reply::Varbinds(
            varbinds
                .into_iter()
                .map(
                    |(name, value)| {
                        if value.is_exception() { (oid("1.3.6.1.2.1.1.1.0"), Value::Null) } else { (name, value) }
                    },
                )
                .collect(),
        ),
        other => other,
    });
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 1);
    assert_eq!(walked.columns[0].rows.len(), 30);
    assert!(
        matches!(&walked.columns[0].end, Err(SnmpError::NotIncreasing { given, .. }) if *given == oid("1.3.6.1.2.1.1.1.0"))
    );
}

#[test]
fn an_endless_table_is_stopped_at_its_bound_by_name() {
    let mut agent = Agent::table(ROOT, 1, 1);
    lie(&mut agent, |seen, _| {
        let last = seen.names[0].suffix_of(&oid(ROOT).child(&[1])).unwrap().first().copied().unwrap_or(0);
        let rows =
            (1..=u32::try_from(seen.repetitions).unwrap()).map(|row| (oid(ROOT).child(&[1, last + row]), Value::Null));
        Reply::Varbinds(rows.collect())
    });
    let walked = World::v2c(&target(), &mut agent).walk(Walk { max_rows: 1000, ..table_walk(ROOT, 1) });
    assert_eq!(walked.columns[0].rows.len(), 1000);
    let error = walked.columns[0].end.clone().unwrap_err();
    assert!(matches!(error, SnmpError::Endless { rows: 1000, .. }), "{error:?}");
    assert!(error.to_string().contains("1.3.6.1.4.1.9.1"));
}

#[test]
fn an_agent_without_getbulk_is_walked_with_getnext_and_not_tried_again_that_day() {
    let mut agent = Agent { no_bulk: true, ..Agent::table(ROOT, 3, 20) };
    let mut world = World::v2c(&target(), &mut agent);
    // Its GETNEXT is known to work, so it is alive.
    world.fetch(true, &[oid(ROOT)]).unwrap();
    assert_whole(&world.walk_table(ROOT, 3), 20);
    let before = world.device.counters();
    assert_whole(&world.walk_table(ROOT, 3), 20);
    let after = world.device.counters();
    assert_eq!(after.timeouts, before.timeouts);
    assert_eq!(after.sent - before.sent, 21);
    world.now += Duration::from_secs(25 * 3600);
    world.walk_table(ROOT, 3);
    assert!(world.device.counters().timeouts > after.timeouts, "GETBULK gets another chance a day later");
}

#[test]
fn an_agent_that_is_silent_at_large_requests_is_asked_for_less() {
    let mut agent = Agent { silent_above: 6, ..Agent::table(ROOT, 8, 40) };
    let mut world = World::v2c(&target(), &mut agent);
    world.fetch(true, &[oid(ROOT)]).unwrap();
    assert_whole(&world.walk_table(ROOT, 8), 40);
}

#[test]
fn a_column_that_is_met_with_silence_does_not_cost_the_others() {
    let mut agent = Agent::table(ROOT, 4, 30);
    let dead = oid(ROOT).child(&[3]);
    lie(&mut agent, move |seen, honest| {
        if seen.names.iter().any(|name| name.suffix_of(&dead).is_some()) { Reply::Silence } else { honest }
    });
    let mut world = World::v2c(&target(), &mut agent);
    world.fetch(true, &[oid(ROOT)]).unwrap();
    let walked = world.walk_table(ROOT, 4);
    let whole: Vec<bool> = walked.columns.iter().map(|column| column.end.is_ok() && column.rows.len() == 30).collect();
    assert_eq!(
        whole,
        [true, true, false, true],
        "{:?}",
        walked.columns.iter().map(|column| &column.end).collect::<Vec<_>>()
    );
    assert!(walked.columns[2].end.as_ref().is_err_and(SnmpError::is_silence));
}

#[test]
fn an_olt_that_dies_leaves_what_was_read_and_a_bounded_number_of_requests() {
    let mut agent = Agent::table(ROOT, 8, 500);
    let mut left = 10;
    lie(&mut agent, move |_, honest| {
        left -= i32::from(left > 0);
        if left > 0 { honest } else { Reply::Silence }
    });
    let mut world = World::v2c(&target(), &mut agent);
    let walked = world.walk_table(ROOT, 8);
    for column in &walked.columns {
        assert!(!column.rows.is_empty() && column.rows.len() < 500);
        assert!(matches!(&column.end, Err(SnmpError::NoAnswer { .. })), "{:?}", column.end);
    }
    assert!(walked.pdus <= 9 + 2 + 2 + 4 + 4, "{}", walked.pdus);
}

#[test]
fn an_olt_that_never_answers_costs_no_more_than_its_tries() {
    let mut agent = Agent { community: "another".to_owned(), ..Agent::table(ROOT, 8, 5) };
    let mut world = World::v2c(&target(), &mut agent);
    let start = world.now;
    let walked = world.walk_table(ROOT, 8);
    assert_eq!(walked.pdus, 4);
    assert_eq!(world.now - start, Duration::from_secs(2 + 4 + 8 + 15));
    for column in walked.columns {
        let Err(SnmpError::NoAnswer { tries, waited, .. }) = column.end else { panic!("{:?}", column.end) };
        assert_eq!((tries, waited), (4, Duration::from_secs(29)));
    }
}

#[test]
fn values_that_cannot_be_decoded_keep_their_places() {
    let mut agent = Agent::table(ROOT, 2, 20);
    for (row, tag) in [(3, 0x45), (4, 0x47), (5, 0x02), (6, 0x01), (20, 0x42)] {
        agent.tree.insert(oid(ROOT).child(&[1, row]), Value::Undecoded { tag });
    }
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 2);
    assert!(walked.is_complete());
    assert_eq!(indices(&walked, 0), (1..=20).collect::<Vec<_>>());
    let undecoded = walked.columns[0].rows.iter().filter(|(_, value)| matches!(value, Value::Undecoded { .. })).count();
    assert_eq!((undecoded, walked.columns[1].rows.len()), (5, 20));
}

#[test]
fn a_list_that_breaks_off_is_read_on_from_where_it_broke() {
    let mut agent = Agent::table(ROOT, 2, 50);
    lie(&mut agent, |_, honest| match honest {
        Reply::Varbinds(varbinds) if varbinds.len() > 4 => {
            let mut octets = write_varbinds(&varbinds[..5]);
            octets.truncate(octets.len() - 3);
            Reply::Raw(octets)
        }
        other => other,
    });
    assert_whole(&World::v2c(&target(), &mut agent).walk_table(ROOT, 2), 50);
}

#[test]
fn empty_and_broken_answers_end_as_malformed() {
    for reply in
        [Reply::Varbinds(Vec::new()), Reply::Raw(vec![0x30, 0x05, 0x06]), Reply::Raw(vec![0x30, 0x02, 0x05, 0x00])]
    {
        let mut agent = Agent::table(ROOT, 2, 50);
        let mut answers = 0;
        lie(&mut agent, move |_, honest| {
            answers += 1;
            if answers > 1 { reply.clone() } else { honest }
        });
        let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 2);
        for column in &walked.columns {
            assert!(!column.rows.is_empty());
            assert!(matches!(&column.end, Err(SnmpError::Malformed { .. })), "{:?}", column.end);
        }
        assert!(walked.pdus < 20, "{}", walked.pdus);
    }
}

#[test]
fn a_name_that_is_no_oid_ends_its_column_only() {
    let mut agent = Agent::table(ROOT, 1, 50);
    lie(&mut agent, |_, _| Reply::Raw(vec![0x30, 0x06, 0x06, 0x02, 0x2b, 0x86, 0x05, 0x00]));
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 1);
    let Err(SnmpError::Malformed { oid: Some(at), .. }) = &walked.columns[0].end else { panic!("{walked:?}") };
    assert_eq!(*at, oid(ROOT).child(&[1]));
}

#[test]
fn no_such_name_ends_a_column_as_snmpv1_agents_mean_it() {
    let mut agent = Agent::table(ROOT, 2, 5);
    let end = oid(ROOT).child(&[1, 5]);
    lie(&mut agent, move |seen, honest| match seen.names.iter().position(|name| *name == end) {
        Some(position) => Reply::Error { status: 2, index: i32::try_from(position + 1).unwrap() },
        None => match honest {
            Reply::Varbinds(varbinds) => Reply::Varbinds(varbinds.into_iter().take(seen.names.len()).collect()),
            other => other,
        },
    });
    assert_whole(&World::v2c(&target(), &mut agent).walk_table(ROOT, 2), 5);
}

#[test]
fn refusals_name_what_was_refused() {
    let mut agent = Agent::table(ROOT, 3, 5);
    lie(&mut agent, |_, _| Reply::Error { status: 16, index: 0 });
    let walked = World::v2c(&target(), &mut agent).walk_table(ROOT, 3);
    assert_eq!(walked.pdus, 1);
    assert!(walked.columns.iter().all(|column| {
        matches!(&column.end, Err(SnmpError::Agent { status: ErrorStatus::AuthorizationError, oid: Some(_), .. }))
    }));
}

#[test]
fn loss_duplicates_and_reordering_change_nothing_but_time() {
    for seed in 0..10 {
        let mut agent = Agent::table(ROOT, 4, 200);
        let mut world = World::v2c(&Target { retries: 9, window: 2, max_repetitions: 5, ..target() }, &mut agent);
        world.network.random = fastrand::Rng::with_seed(seed);
        world.network.loss = 0.1;
        world.network.duplicates = 0.2;
        world.network.delay = (Duration::from_millis(1), Duration::from_millis(800));
        // Answers are on their way for longer than waits are known to need.
        world.at_most = None;
        let jobs = (1..=4).map(|column| {
            AnyJob::Walk(Box::new(super::WalkJob::new(Walk {
                columns: vec![oid(ROOT).child(&[column])],
                ..table_walk(ROOT, 1)
            })))
        });
        for outcome in world.run(jobs.collect()) {
            let super::super::job::Outcome::Walked(walked) = outcome else { panic!("{outcome:?}") };
            assert_whole(&walked, 200);
        }
        let counters = world.device.counters();
        assert!(counters.retries > 0 && counters.late + counters.foreign > 0, "{counters:?}");
        assert!(counters.most_in_flight <= 2);
    }
}

/// What a random liar does with an honest answer.
#[derive(Debug, Clone)]
enum Whim {
    Honest,
    Silent,
    Error(i32, i32),
    Cut(usize),
    Swap(usize, usize),
    Repeat(usize),
    Rename(usize, u32, u32),
    Octets(Vec<u8>),
}

fn whim() -> impl Strategy<Value = Whim> {
    prop_oneof![
        4 => Just(Whim::Honest),
        1 => Just(Whim::Silent),
        1 => (0..20_i32, -1..10_i32).prop_map(|(status, index)| Whim::Error(status, index)),
        1 => (0..20_usize).prop_map(Whim::Cut),
        1 => (0..20_usize, 0..20_usize).prop_map(|(one, other)| Whim::Swap(one, other)),
        1 => (0..20_usize).prop_map(Whim::Repeat),
        1 => (0..20_usize, 0..5_u32, 0..100_u32).prop_map(|(at, column, row)| Whim::Rename(at, column, row)),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Whim::Octets),
    ]
}

fn apply(whim: &Whim, honest: Reply) -> Reply {
    let Reply::Varbinds(mut varbinds) = honest else { return honest };
    match whim {
        Whim::Honest => {}
        Whim::Silent => return Reply::Silence,
        Whim::Error(status, index) => return Reply::Error { status: *status, index: *index },
        Whim::Cut(most) => varbinds.truncate(*most),
        Whim::Swap(one, other) if *one < varbinds.len() && *other < varbinds.len() => varbinds.swap(*one, *other),
        Whim::Repeat(at) if *at < varbinds.len() => {
            let again = varbinds[*at].clone();
            varbinds.insert(*at, again);
        }
        Whim::Rename(at, column, row) if *at < varbinds.len() => varbinds[*at].0 = oid(ROOT).child(&[*column, *row]),
        Whim::Swap(..) | Whim::Repeat(_) | Whim::Rename(..) => {}
        Whim::Octets(octets) => return Reply::Raw(octets.clone()),
    }
    Reply::Varbinds(varbinds)
}

proptest! {

    /// Whatever an agent says, a walk ends, its rows increase within their column, and errors keep what was read.
    #[test]
    fn a_lying_agent_ends_every_walk(whims in prop::collection::vec(whim(), 1..40)) {
        let mut agent = Agent::table(ROOT, 3, 30);
        let mut at = 0;
        lie(&mut agent, move |_, honest| {
            at += 1;
            apply(&whims[at % whims.len()], honest)
        });
        let mut world = World::v2c(&Target { retries: 1, ..target() }, &mut agent);
        let walked = world.walk(Walk { max_rows: 200, ..table_walk(ROOT, 3) });
        prop_assert_eq!(walked.columns.len(), 3);
        for column in &walked.columns {
            let indices: Vec<Box<[u32]>> = column.rows.iter().map(|(index, _)| index).collect();
            prop_assert!(indices.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    /// Honest agents of any shape are read exactly, whatever they cut off or refuse for size.
    #[test]
    fn any_table_of_an_honest_agent_is_read_exactly(
        cells in prop::collection::btree_set((1..4_u32, 1..6_u32, 0..9_u32), 0..80),
        most in 1..30_usize,
        too_big in 1..30_usize,
        repetitions in 0..50_u32,
    ) {
        let name = |cell: &(u32, u32, u32)| oid(ROOT).child(&[cell.0, cell.1, cell.2]);
        let tree: Vec<(Oid, Value)> = cells.iter().map(|cell| (name(cell), Value::Gauge32(cell.2))).collect();
        let mut agent = Agent { most, too_big, ..Agent::new(tree) };
        let walked = World::v2c(&Target { max_repetitions: repetitions, ..target() }, &mut agent).walk_table(ROOT, 3);
        prop_assert!(walked.is_complete());
        let read: BTreeSet<Oid> = walked
            .columns
            .iter()
            .flat_map(|column| column.rows.iter().map(|(index, _)| column.column.child(&index)))
            .collect();
        prop_assert_eq!(read, cells.iter().map(name).collect::<BTreeSet<_>>());
    }
}
