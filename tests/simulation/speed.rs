//! The two speeds of every simulation.

/// The execution of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// All in this process, under tokio's paused clock.
    Simulated,
    /// The provider's process, the platform on TCP.
    Real,
}

/// The number of real scenarios that each core runs concurrently, because they mostly wait.
pub(crate) const AT_A_TIME: usize = 16;
