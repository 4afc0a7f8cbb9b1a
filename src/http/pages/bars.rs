//! Small bars: what parts a whole has, and where a level lies on its scale.

use maud::{Markup, html};

use super::format::level_class;
use crate::config::ThresholdRule;
use crate::model::{Dbm, Level};

/// The scale of levels: what every receiver's window lies in.
pub(super) const LEAST: i32 = -36;
/// Its other end.
pub(super) const MOST: i32 = -2;

/// Width of a level's bar in its own units.
const WIDTH: f64 = 170.0;

/// Where a power lies on the scale, from 0 to [`WIDTH`].
fn across(power: Dbm) -> f64 {
    let share = (power.get() - f64::from(LEAST)) / f64::from(MOST - LEAST);
    (share.clamp(0.0, 1.0) * WIDTH * 10.0).round() / 10.0
}

/// The parts of a whole, side by side. Nothing is shown of a whole of nothing.
pub(super) fn parts(label: &str, parts: &[(&str, u64)]) -> Markup {
    let total: u64 = parts.iter().map(|(_, count)| count).sum();
    // Thousandths of the whole; a part that is there at all stays visible.
    let width = |count: u64| if count == 0 { 0 } else { (count * 1000 / total.max(1)).max(12) };
    let mut from = 0;
    let placed: Vec<(&str, u64, u64)> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| {
            let at = from;
            from += width(*count);
            (*class, at, width(*count))
        })
        .collect();
    html! {
        @if total > 0 {
            svg.parts viewBox={ "0 0 " (from) " 8" } preserveAspectRatio="none" role="img" aria-label=(label) {
                @for (class, at, width) in placed { rect class={ "fill-" (class) } x=(at) width=(width) height="8" {} }
            }
        }
    }
}

/// What is the same in all bars of one rule: the good field, the weak ones beside it, and the receiver's limits. Each bar refers
/// to it by `id`.
pub(super) fn scale(id: &str, rule: Option<&ThresholdRule>) -> Markup {
    html! {
        symbol id=(id) viewBox={ "0 0 " (WIDTH) " 12" } {
            rect.track width=(WIDTH) height="12" {}
            @if let Some(rule) = rule {
                @let (least, most) = (across(rule.window.sensitivity), across(rule.window.overload));
                @let (weak, strong) = (across(rule.window.sensitivity + rule.weak_margin), across(rule.window.overload - rule.weak_margin));
                rect.fill-weak-soft x=(least) width=(round(most - least)) height="12" {}
                rect.fill-good-soft x=(weak) width=(round(strong - weak)) height="12" {}
                path.limit d={ "M" (least) " 0v12M" (most) " 0v12" } {}
            }
        }
    }
}

fn round(value: f64) -> f64 {
    (value.max(0.0) * 10.0).round() / 10.0
}

/// A level on its scale, by the scale's id.
pub(super) fn level(scale: &str, power: Option<Dbm>, level: Level) -> Markup {
    html! {
        svg.level viewBox={ "0 0 " (WIDTH) " 12" } preserveAspectRatio="none" aria-hidden="true" {
            use href={ "#" (scale) } {}
            @if let Some(power) = power {
                @let at = across(power);
                rect class={ "fill-" (level_class(level)) } y="4" width=(at) height="4" {}
                rect class={ "fill-" (level_class(level)) } x=(round(at - 1.5)) width="3" height="12" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_stands_where_its_power_is_on_the_scale() {
        let at = |power: f64| across(Dbm::new(power).unwrap());
        assert!((at(f64::from(LEAST)) - 0.0).abs() < 0.01 && (at(f64::from(MOST)) - WIDTH).abs() < 0.01);
        assert!((at(-19.0) - WIDTH / 2.0).abs() < 0.01);
        assert!((at(-60.0) - 0.0).abs() < 0.01, "beyond the scale is its end");
    }

    #[test]
    fn a_part_that_is_there_stays_visible_and_nothing_makes_no_bar() {
        let bar = parts("x", &[("good", 99_999), ("down", 1), ("unread", 0)]).into_string();
        assert!(bar.contains("fill-down") && !bar.contains("fill-unread"), "{bar}");
        assert!(bar.contains("width=\"12\""), "{bar}");
        assert_eq!(parts("x", &[("good", 0)]).into_string(), "");
    }

    #[test]
    fn the_limits_of_a_rule_are_drawn_where_they_are() {
        let scale = scale("s", Some(&ThresholdRule::default())).into_string();
        assert!(scale.contains("M45 0v12M140 0v12"), "-27 and -8 dBm: {scale}");
    }
}
