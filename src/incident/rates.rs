//! How often what happens: the priors. Inferred (`domain.md` 1.5), not measured; what they decide is measured by `benches/accuracy`.
//!
//! A rate that is off by a factor of ten moves odds by 2.3; each further ONU that lost light moves them by 7 or more. So they matter
//! where evidence is thin, and nowhere else.

/// A home without power for a while, in a minute: once in a day, each ONU.
pub(super) const HOME_POWER: f64 = 7e-4;
/// A drop or ONU that fails by itself, in a minute: once in a year.
pub(super) const DROP: f64 = 2e-6;
/// How much likelier that is of an ONU whose light was at its limit, or had fallen.
pub(super) const WEAK_FAILS: f64 = 50.0;
/// A cable that is cut, in a minute and kilometre: once in five years for ten kilometres.
pub(super) const CABLE_KM: f64 = 4e-8;
/// Least length that a cable is reckoned with: ends are handled more often than what hangs between.
pub(super) const LEAST_KM: f64 = 0.05;
/// One fibre of a cable alone, against all of it.
pub(super) const FIBRE_SHARE: f64 = 0.02;
/// A box that is destroyed, or a splitter or splice that fails, in a minute.
pub(super) const BOX: f64 = 1e-9;
/// A port or transceiver of an OLT: once in some twenty years.
pub(super) const PORT: f64 = 1e-7;
/// An ONU of a port that sends out of turn: as rare as a port that fails.
pub(super) const ROGUE: f64 = 1e-7;
/// How much likelier that is when the OLT has silenced one of the port for it.
pub(super) const FOUND_ROGUE: f64 = 1000.0;
/// Share of a port's ONUs that a rogue one drowns: those that it meets in time; nothing is known of it, so half.
pub(super) const JAMMED: f64 = 0.5;
/// A card.
pub(super) const CARD: f64 = 5e-8;
/// How much likelier a failed port or card makes a laser that went dark: a port that works has hardly one.
pub(super) const DARK_LASER: f64 = 400.0;
/// The same of one that shines on: transceivers wear out by their lasers, receivers hardly at all.
pub(super) const SHINING_LASER: f64 = 0.01;
/// A power outage of a street or block, in a minute: once in two years each.
pub(super) const OUTAGE: f64 = 1e-6;
/// A further box in the same outage, against one that is spared.
pub(super) const NEXT_BOX: f64 = 0.7;
/// Share of homes at a box at the border of an outage that are in it.
pub(super) const EDGE: f64 = 0.3;
/// A branch of a PON of which nothing is documented.
pub(super) const SOME_BRANCH: f64 = 1e-8;

/// Chance that an ONU behind a cut is read as up all the same, long after it.
pub(super) const LATE_UP: f64 = 0.005;
/// The same when it was read in the look in which the first loss was seen: it may have been read before the cut.
pub(super) const SAME_LOOK_UP: f64 = 0.1;
/// Chance that an ONU that lost light is told as having lost power.
pub(super) const WRONG_GASP: f64 = 0.01;
/// Share of homes in an outage that it reaches: the others have batteries.
pub(super) const REACHED: f64 = 0.85;
/// Chance that a client's way is documented wrongly, where nothing else is known of that.
pub(super) const WRONG_WAY: f64 = 0.03;
/// Documented ways that this is as sure as: with more of them, how many begin at a wrong PON says more.
pub(super) const SURE_WAYS: f64 = 100.0;
/// The least that it is taken for: nobody's documentation is without errors.
pub(super) const LEAST_WRONG_WAY: f64 = 0.003;
/// The same where its ranged distance speaks against it.
pub(super) const DOUBTED_WAY: f64 = 0.3;
/// Losses that make gasps as sure as they are taken for at most.
pub(super) const SUREST_GASPS: f64 = 40.0;
