//! Plays all worlds, several at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oltwatch::incident::Kind;
use oltwatch::sim::trial::{Played, Score, Town, play};

use crate::Arguments;
use crate::people::People;
use crate::rows::Row;

/// Worlds that share a plant.
const SHARE: u32 = 8;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Sums of a row.
#[derive(Default)]
pub struct Sums {
    pub worlds: u32,
    pub kind: u32,
    pub one: u32,
    pub undetermined: u32,
    pub wrong: u32,
    pub missed: u32,
    pub cut_called: u32,
    pub plant_called: u32,
    pub groups_of_nothing: u32,
    pub drops_of_nothing: u32,
    /// Faults of cables: all, first, in the first three, inside of the stretch.
    pub located: [u32; 4],
    /// Milliseconds.
    pub delays: Vec<u64>,
    /// Metres.
    pub stretches: Vec<i32>,
    pub people: People,
    pub cpu: Duration,
}

impl Sums {
    fn take(&mut self, score: &Score, people: &People, cpu: Duration) {
        self.worlds += 1;
        for (sum, is) in [
            (&mut self.kind, score.kind),
            (&mut self.one, score.one),
            (&mut self.undetermined, score.undetermined),
            (&mut self.wrong, score.wrong),
            (&mut self.missed, score.missed),
            (&mut self.cut_called, score.cut_called),
            (&mut self.plant_called, score.plant_called),
        ] {
            *sum += u32::from(is);
        }
        self.groups_of_nothing += score.groups_of_nothing;
        self.drops_of_nothing += score.drops_of_nothing;
        for located in &score.located {
            let counts = [true, located.first, located.three, located.inside].map(u32::from);
            self.located.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            self.stretches.extend(located.stretch);
        }
        self.delays.extend(score.delays.iter().map(|delay| delay.as_millis() as u64));
        self.people.add(people);
        self.cpu += cpu;
    }

    fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.worlds, other.worlds),
            (&mut self.kind, other.kind),
            (&mut self.one, other.one),
            (&mut self.undetermined, other.undetermined),
            (&mut self.wrong, other.wrong),
            (&mut self.missed, other.missed),
            (&mut self.cut_called, other.cut_called),
            (&mut self.plant_called, other.plant_called),
            (&mut self.groups_of_nothing, other.groups_of_nothing),
            (&mut self.drops_of_nothing, other.drops_of_nothing),
        ] {
            *sum += more;
        }
        self.located.iter_mut().zip(other.located).for_each(|(sum, more)| *sum += more);
        self.delays.extend(other.delays);
        self.stretches.extend(other.stretches);
        self.people.add(&other.people);
        self.cpu += other.cpu;
    }
}

/// A run of worlds of one row that share a plant.
struct Job {
    row: usize,
    first: u32,
    worlds: u32,
}

/// Plays all rows; gives the sums of each. They do not depend on the number of threads.
pub fn play_all(rows: &[Row], threads: usize, arguments: &Arguments) -> Vec<Sums> {
    let mut jobs = Vec::new();
    for (row, of) in rows.iter().enumerate() {
        for first in (0..of.worlds).step_by(SHARE as usize) {
            jobs.push(Job { row, first, worlds: SHARE.min(of.worlds - first) });
        }
    }
    let sums: Mutex<Vec<Sums>> = Mutex::new(rows.iter().map(|_| Sums::default()).collect());
    let (next, played) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let all: u32 = rows.iter().map(|row| row.worlds).sum();
    let (began, told) = (Instant::now(), Mutex::new(Instant::now()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_job = play_job(&rows[job.row], job, arguments);
                    sums.lock().expect("nobody panics with it")[job.row].add(of_job);
                    let played = played.fetch_add(job.worlds as usize, Ordering::Relaxed) + job.worlds as usize;
                    let mut told = told.lock().expect("nobody panics with it");
                    if told.elapsed() >= TELL_EVERY {
                        *told = Instant::now();
                        let seconds = began.elapsed().as_secs_f64();
                        let left = seconds / played as f64 * (f64::from(all) - played as f64);
                        eprintln!("{played} of {all} worlds in {seconds:.0} s, some {left:.0} s to go");
                    }
                }
            });
        }
    });
    sums.into_inner().expect("nobody panicked with it")
}

fn play_job(row: &Row, job: &Job, arguments: &Arguments) -> Sums {
    let mut sums = Sums::default();
    let seed = |world: u32| (arguments.seed * 10_007 + row.number) * 1_000_003 + u64::from(world);
    let town = Town::new(&row.scene.plant(&row.around, seed(job.first))).expect("options within their range");
    for world in job.first..job.first + job.worlds {
        let Some(played) = play(&town, row.scene, &row.around, seed(world)) else { continue };
        let score = Score::of(&town, row.scene, &played);
        if arguments.verbose && !is_fine(&score) {
            print_world(row, seed(world), &score, &played);
        }
        sums.take(&score, &People::of(&town, &played), played.cpu);
    }
    sums
}

fn is_fine(score: &Score) -> bool {
    score.kind && score.one && !score.wrong && score.located.iter().all(|located| located.first)
}

fn print_world(row: &Row, seed: u64, score: &Score, played: &Played) {
    let around = &row.around;
    println!("{:?} seed {seed} gasp {} docs {} miss {}", row.scene, around.gasp, around.errors, around.missing);
    for truth in &played.truths {
        println!("   true: {:?} {:?}, {} clients, at {}", truth.kind, truth.spot, truth.clients.len(), truth.from);
    }
    println!("   {score:?}");
    for told in &played.told {
        if told.last.kind == Kind::Drop {
            continue;
        }
        let one = &told.last;
        let merged = if told.is_merged { " (became part of another)" } else { "" };
        println!("   said at {}: {:?}{merged}, {:.3}: {}", told.at, told.kinds, one.confidence, one.evidence);
        println!("      {:?}", one.place.as_ref().map(|place| (&place.element.name, place.metres_from_olt)));
        for other in &one.alternatives {
            let name = other.place.as_ref().and_then(|place| place.element.name.as_deref());
            println!("      or {:?} {:.3} {name:?}", other.kind, other.odds);
        }
    }
}
