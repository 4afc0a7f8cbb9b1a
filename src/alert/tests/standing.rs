//! What an Alertmanager is to hold.

use super::*;

const EVERY: Duration = Duration::from_secs(60);

fn ids(standing: &mut Standing, now: Timestamp) -> Vec<(String, u64)> {
    let (firing, _) = standing.firing(now);
    firing.iter().map(|one| (one.notice.id.to_string(), one.ends_at.millis() / 1000 - START.millis() / 1000)).collect()
}

#[test]
fn what_fires_ends_soon_unless_it_is_sent_again_and_its_end_is_repeated_for_five_minutes() {
    let mut standing = Standing::new(&hook(), EVERY);
    let open = cut(1, 48);
    standing.observe(&arcs(std::slice::from_ref(&open)), at(0));
    assert_eq!(ids(&mut standing, at(0)), [("incident-1".to_owned(), 210)]);
    assert_eq!(ids(&mut standing, at(60)), [("incident-1".to_owned(), 270)]);
    let over = arcs(&[cleared(&open, at(100))]);
    for second in [100, 200, 399] {
        standing.observe(&over, at(second));
        assert_eq!(ids(&mut standing, at(second)), [("incident-1".to_owned(), 100)]);
    }
    standing.observe(&over, at(400));
    assert_eq!(ids(&mut standing, at(400)), []);
    standing.observe(&over, at(401));
    assert_eq!(ids(&mut standing, at(401)), [], "and does not come back");
}

#[test]
fn what_nobody_follows_any_more_ends() {
    let mut standing = Standing::new(&hook(), EVERY);
    standing.observe(&arcs(&[cut(1, 48)]), at(0));
    ids(&mut standing, at(0));
    standing.observe(&[], at(30));
    assert_eq!(ids(&mut standing, at(40)), [("incident-1".to_owned(), 30)]);
}

#[test]
fn the_gates_hold_here_too() {
    let mut config = hook();
    config.after = Duration::from_secs(20);
    let mut standing = Standing::new(&config, EVERY);
    let drop = Notice { kind: AlertOn::Drop, ..cut(2, 1) };
    standing.observe(&arcs(&[cut(1, 48), drop]), at(0));
    assert_eq!(standing.firing(at(0)), (Vec::new(), Some(at(20))));
    assert_eq!(ids(&mut standing, at(20)).len(), 1);
    // One that is over before it was sent is not sent at all.
    let short = cut(3, 9);
    standing.observe(&arcs(std::slice::from_ref(&short)), at(30));
    standing.observe(&arcs(&[cleared(&short, at(35))]), at(35));
    assert!(!ids(&mut standing, at(60)).iter().any(|(id, _)| id == "incident-3"));
}
