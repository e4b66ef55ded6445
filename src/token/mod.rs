//! The rules that all tokens share: expiry, rotation and its reasons, durations, and the clock.

mod clock;
mod duration;
mod expiry;
mod instant;
mod pair;
mod rotation;

pub use clock::{Clock, Skew};
pub use duration::{InvalidDuration, parse_duration};
pub use expiry::{Expiry, ExpiryProblem, InvalidExpiry, Lifetime};
pub(crate) use instant::read_instant;
pub use pair::{Pair, Slot};
pub(crate) use rotation::Rough;
pub use rotation::{
    Declared, Ends, Issued, Keeper, Present, PresentValue, Reason, aged, changed_triggers, follows_the_clock,
    has_ended, reasons,
};
