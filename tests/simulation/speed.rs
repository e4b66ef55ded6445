//! The two speeds of every simulation.

/// How a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// All in this process, under tokio's paused clock.
    Simulated,
    /// The provider's process, the platform on TCP.
    Real,
}

/// How many real scenarios each core runs at a time: they wait more than they work.
pub(crate) const AT_A_TIME: usize = 16;
