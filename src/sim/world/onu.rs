//! One ONU: what keeps it from service, what its OLT says of it, and when it is back.

use crate::model::{Cause, Timestamp};

/// Since when an ONU is down, and why, as its OLT knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down {
    /// Since when.
    pub since: Timestamp,
    /// The OLT's word; not always the truth.
    pub cause: Cause,
}

/// What changes for an ONU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// One more or one less thing blocks its light.
    Dark(bool),
    /// Its mains fail or come back.
    Power(bool),
    /// It is switched off or on by a person.
    Disabled(bool),
    /// It is silenced as rogue, or let in again.
    Rogue(bool),
    /// A neighbour drowns its signal, or stops to.
    Jammed(bool),
    /// Its OLT is not running, or runs again.
    Headless(bool),
    /// dB more at 1490 nm, or less.
    Bent(f32),
}

/// One ONU's state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Onu {
    dark: u8,
    unpowered: u8,
    disabled: u8,
    rogue: u8,
    jammed: u8,
    headless: u8,
    /// dB at 1490 nm that bends take.
    pub(super) bent: f32,
    /// Whether it has to start anew when its mains are back.
    restarts: bool,
    /// Whether the OLT takes it in anew.
    taken_in: bool,
    down: Option<Down>,
    last_cause: Option<Cause>,
    /// Told apart by this: a return that was planned before the last change counts no more.
    epoch: u32,
}

/// How an ONU comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    /// Its light is back: ranging.
    Ranging,
    /// Its mains are back: it starts.
    Restart,
    /// Its OLT is back, and takes in all of them.
    Intake,
}

/// What an ONU wants after a change: to be woken, in this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wake {
    pub(super) how: Return,
    pub(super) epoch: u32,
}

impl Onu {
    /// Since when it is down, and why; `None` while it is up.
    #[must_use]
    pub const fn down(&self) -> Option<Down> {
        self.down
    }

    /// Why it was down last, or is.
    #[must_use]
    pub const fn last_cause(&self) -> Option<Cause> {
        self.last_cause
    }

    /// Whether it has mains or a battery.
    #[must_use]
    pub const fn is_powered(&self) -> bool {
        self.unpowered == 0
    }

    /// Applies a change at a time. `cause` is what the OLT says if this takes the ONU down; `weak` whether its light is too
    /// weak after the change.
    pub(super) fn apply(&mut self, now: Timestamp, change: Change, cause: Cause, weak: bool) -> Option<Wake> {
        let count = |counter: &mut u8, more: bool| {
            *counter = if more { counter.saturating_add(1) } else { counter.saturating_sub(1) };
        };
        match change {
            Change::Dark(more) => count(&mut self.dark, more),
            Change::Power(fails) => {
                count(&mut self.unpowered, fails);
                self.restarts |= fails;
            }
            Change::Disabled(more) => count(&mut self.disabled, more),
            Change::Rogue(more) => count(&mut self.rogue, more),
            Change::Jammed(more) => count(&mut self.jammed, more),
            Change::Headless(more) => {
                count(&mut self.headless, more);
                self.taken_in |= more;
            }
            Change::Bent(_) => {}
        }
        if self.is_kept_down(weak) {
            self.epoch = self.epoch.wrapping_add(1);
            if self.down.is_none() {
                self.down = Some(Down { since: now, cause });
                self.last_cause = Some(cause);
            } else if matches!(change, Change::Headless(true) | Change::Disabled(true) | Change::Rogue(true)) {
                // What the OLT does itself it knows; what it forgot in a restart it does not.
                self.down = self.down.map(|down| Down { cause, ..down });
                self.last_cause = Some(cause);
            }
            return None;
        }
        self.down?;
        self.epoch = self.epoch.wrapping_add(1);
        let how = match (self.restarts, self.taken_in) {
            (true, _) => Return::Restart,
            (false, true) => Return::Intake,
            (false, false) => Return::Ranging,
        };
        Some(Wake { how, epoch: self.epoch })
    }

    /// A planned return is due. Whether it came up.
    pub(super) fn wake(&mut self, wake: Wake) -> bool {
        if self.epoch != wake.epoch || self.down.is_none() {
            return false;
        }
        self.down = None;
        self.restarts = false;
        self.taken_in = false;
        true
    }

    const fn is_kept_down(&self, weak: bool) -> bool {
        weak || self.dark > 0
            || self.unpowered > 0
            || self.disabled > 0
            || self.rogue > 0
            || self.jammed > 0
            || self.headless > 0
    }
}
