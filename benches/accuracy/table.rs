//! Prints sums.

use crate::rows::Row;
use crate::run::Sums;

fn share(part: u32, of: u32) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1}", 100.0 * f64::from(part) / f64::from(of)) }
}

fn rank<T: Copy + Default + Ord>(list: &[T], percent: usize) -> T {
    let mut list = list.to_vec();
    list.sort_unstable();
    let last = list.len().saturating_sub(1);
    list.get((list.len() * percent / 100).min(last)).copied().unwrap_or_default()
}

/// What the columns mean stands in `docs/accuracy.md`.
const HEAD: &str = "scene               gasp docs miss     | worlds |  kind first three inside   one undet wrong  miss  cut! plant! of0 | \
                    delay p50 p95 s | stretch p50 p95 m | PON rule: right wrong | box rule: right place wrong | ms";

pub fn print(rows: &[Row], sums: &[Sums]) {
    println!("{HEAD}");
    for (row, sums) in rows.iter().zip(sums) {
        let around = &row.around;
        let note = match (around.known, around.chains) {
            (false, _) => "gasp?",
            (_, Some(chains)) if chains > 0.5 => "chain",
            (_, Some(_)) => "even",
            _ => "",
        };
        let of = sums.worlds;
        let percent = |part: u32| share(part, of);
        let [cables, first, three, inside] = sums.located;
        let seconds = |rank: u64| rank as f64 / 1000.0;
        println!(
            "{:<19} {:.2} {:.2} {:.2} {note:<5} | {of:>6} | {:>5} {:>5} {:>5} {:>6} {:>5} {:>5} {:>5} {:>5} {:>5} {:>6} {:>3} | {:>9.0} {:>5.0} | {:>11} {:>5} | {:>15} {:>5} | {:>15} {:>5} {:>5} | {:>4.1}",
            format!("{:?}", row.scene),
            around.gasp,
            around.errors,
            around.missing,
            percent(sums.kind),
            share(first, cables),
            share(three, cables),
            share(inside, cables),
            percent(sums.one),
            percent(sums.undetermined),
            percent(sums.wrong),
            percent(sums.missed),
            percent(sums.cut_called),
            percent(sums.plant_called),
            sums.groups_of_nothing,
            seconds(rank(&sums.delays, 50)),
            seconds(rank(&sums.delays, 95)),
            rank(&sums.stretches, 50),
            rank(&sums.stretches, 95),
            percent(sums.people.pon_right),
            percent(sums.people.pon_wrong),
            percent(sums.people.box_right),
            percent(sums.people.box_place),
            percent(sums.people.box_wrong),
            sums.cpu.as_secs_f64() * 1000.0 / f64::from(of.max(1)),
        );
    }
}
