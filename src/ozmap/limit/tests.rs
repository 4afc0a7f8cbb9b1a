use std::sync::Arc;

use tokio::sync::watch;

use super::*;

fn gate(per_second: f64, burst: u32) -> Arc<Gate> {
    Arc::new(Gate::new(per_second, burst, Timing::default()))
}

async fn goes(gate: &Gate, urgency: Urgency, outcome: Outcome) {
    let pass = gate.pass(urgency, &StopSignal::never()).await.unwrap();
    pass.settle(Kind::Write, outcome);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_never_exceeded_in_any_window() {
    let gate = gate(2.0, 5);
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..25 {
        goes(&gate, Urgency::Background, Outcome::Answered).await;
        times.push(start.elapsed());
    }
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            let allowed = 5.0 + 2.0 * (*to - *from).as_secs_f64() + 0.01;
            let went = f64::from(u32::try_from(last - first + 1).unwrap());
            assert!(went <= allowed, "{went} requests from {from:?} to {to:?}");
        }
    }
    let whole = times.last().unwrap().as_secs_f64();
    assert!((10.0..10.5).contains(&whole), "25 requests with a burst of 5 at 2/s took {whole} s");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_more_urgent_goes_first_however_long_others_wait() {
    let gate = gate(1.0, 1);
    goes(&gate, Urgency::Background, Outcome::Answered).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for urgency in [
        Urgency::Power,
        Urgency::Background,
        Urgency::Background,
        Urgency::Background,
        Urgency::Recovery,
        Urgency::Error,
    ] {
        let (gate, order) = (gate.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            if let Some(pass) = gate.pass(urgency, &StopSignal::never()).await {
                order.lock().unwrap().push(urgency);
                pass.settle(Kind::Write, Outcome::Answered);
            }
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    use Urgency::{Background, Error, Recovery};
    // The power gave up: it comes again when there is room.
    assert_eq!(*order.lock().unwrap(), [Error, Recovery, Background, Background, Background]);
}

#[tokio::test(start_paused = true)]
async fn a_power_goes_at_once_when_there_is_room_and_else_waits_no_longer_than_a_second() {
    let gate = gate(0.1, 1);
    goes(&gate, Urgency::Power, Outcome::Answered).await;
    let start = Instant::now();
    assert!(gate.pass(Urgency::Power, &StopSignal::never()).await.is_none());
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn pages_that_take_for_ever_take_no_place_of_a_write() {
    let gate = gate(1000.0, 100);
    let mut pages = Vec::new();
    for _ in 0..READS {
        pages.push(gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap());
    }
    let never = StopSignal::never();
    let one_more = gate.pass(Urgency::Background, &never);
    assert!(tokio::time::timeout(Duration::from_secs(60), one_more).await.is_err());
    let mut writes = Vec::new();
    for _ in 0..WRITES {
        writes.push(gate.pass(Urgency::Recovery, &StopSignal::never()).await.unwrap());
    }
    let view = gate.view();
    assert_eq!((view.reads_in_flight, view.writes_in_flight), (READS, WRITES));
    let one_more = gate.pass(Urgency::Error, &never);
    assert!(tokio::time::timeout(Duration::from_secs(60), one_more).await.is_err());
    // And a write that waits for its place holds up no read.
    pages.pop();
    let waits = gate.clone();
    let waits = tokio::spawn(async move { waits.pass(Urgency::Error, &StopSignal::never()).await.is_some() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    pages.push(gate.pass(Urgency::Background, &never).await.unwrap());
    drop((pages, writes));
    assert!(waits.await.unwrap());
    assert!(gate.pass(Urgency::Background, &StopSignal::never()).await.is_some());
    assert_eq!(gate.view().writes_in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_holds_everybody_and_a_stop_frees_them() {
    let gate = gate(1000.0, 10);
    goes(&gate, Urgency::Error, Outcome::Busy(Some(Duration::from_secs(30)))).await;
    let start = Instant::now();
    assert!((29..=30).contains(&gate.closed_for().as_secs()));
    goes(&gate, Urgency::Error, Outcome::Busy(Some(Duration::from_secs(3600)))).await;
    assert!(start.elapsed() >= Duration::from_secs(30));
    let (stop, receiver) = watch::channel(false);
    let signal = StopSignal(vec![receiver]);
    let start = Instant::now();
    let (passed, ()) = tokio::join!(gate.pass(Urgency::Error, &signal), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send(true).unwrap();
    });
    assert!(passed.is_none() && start.elapsed() < Duration::from_secs(2) && signal.given());
}

#[tokio::test(start_paused = true)]
async fn refusals_stretch_the_gaps_and_calm_shrinks_them_again() {
    let gate = gate(2.0, 5);
    goes(&gate, Urgency::Error, Outcome::Busy(None)).await;
    assert!((gate.view().requests_per_second - 1.0).abs() < 1e-6);
    let start = Instant::now();
    for _ in 0..10 {
        goes(&gate, Urgency::Error, Outcome::Answered).await;
    }
    // Half the rate, a little more with each answer, and no burst.
    let took = start.elapsed();
    assert!((Duration::from_secs(8)..Duration::from_secs(10)).contains(&took), "{took:?}");
    for _ in 0..600 {
        goes(&gate, Urgency::Error, Outcome::Answered).await;
    }
    assert!((gate.view().share - 1.0).abs() < 1e-6);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_gone_sees_one_request_a_pause_and_all_of_them_when_it_is_back() {
    let gate = gate(1000.0, 100);
    for _ in 0..5 {
        goes(&gate, Urgency::Background, Outcome::Silent { in_time: true }).await;
    }
    assert_eq!(gate.view().host, HostState::LeftAlone);
    assert!(gate.closed_for() > Duration::from_millis(400));
    let went = Arc::new(Mutex::new(Vec::new()));
    let back = Instant::now() + Duration::from_secs(120);
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (gate, went) = (gate.clone(), went.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                let pass = gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap();
                let began = Instant::now();
                went.lock().unwrap().push(began);
                // Each takes a while, in which the others must not go.
                tokio::time::sleep(Duration::from_millis(200)).await;
                let is_back = began >= back;
                let outcome = if is_back { Outcome::Answered } else { Outcome::Gone };
                pass.settle(Kind::Page, outcome);
                if is_back {
                    return;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let went = went.lock().unwrap();
    let (while_gone, after): (Vec<Instant>, Vec<Instant>) = went.iter().partition(|at| **at < back);
    // Pauses double from a second to a minute.
    assert!((4..=9).contains(&while_gone.len()), "{}", while_gone.len());
    assert!(while_gone.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(700)));
    assert_eq!(after.len(), 4);
    assert_eq!(gate.view().host, HostState::Up);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_blocks_nobody() {
    let gate = gate(1000.0, 100);
    for _ in 0..5 {
        goes(&gate, Urgency::Background, Outcome::Gone).await;
    }
    let probe = gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap();
    assert_eq!(gate.view().host, HostState::Probed);
    drop(probe);
    goes(&gate, Urgency::Background, Outcome::Answered).await;
    assert_eq!(gate.view().host, HostState::Up);
}

#[test]
fn a_rate_that_is_no_rate_is_the_slowest() {
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let _ = gate(per_second, 0);
        let _ = gate(per_second, u32::MAX);
    }
}
