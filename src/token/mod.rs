//! The rules that all tokens share: expiry, rotation and its reasons, durations, and the clock.

mod clock;
mod duration;
mod expiry;
mod instant;
mod overlap;
mod pair;
mod rotation;

pub use clock::{Clock, Skew};
pub use duration::{InvalidDuration, parse_duration};
pub use expiry::{Expiry, ExpiryProblem, InvalidExpiry, Lifetime};
pub(crate) use instant::read_instant;
pub use overlap::Deletion;
pub use pair::{Pair, Slot};
pub(crate) use rotation::HumanDuration;
pub use rotation::{
    Actual, Desired, ExpiryPolicy, Issued, Reason, Storage, ValueStatus, changed_triggers, fixed_expiry_has_passed,
    is_computed_from_now, reasons, too_old,
};
