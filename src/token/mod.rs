//! What every token shares: when it ends, how durations are written, and what time it is.

mod clock;
mod duration;
mod expiry;

pub use clock::Clock;
pub use duration::{InvalidDuration, parse_duration};
pub use expiry::{Expiry, ExpiryProblem, InvalidExpiry, Lifetime};
