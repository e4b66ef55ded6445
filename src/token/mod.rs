//! What every token shares: when it ends, and what time it is.

mod clock;

pub use clock::Clock;
