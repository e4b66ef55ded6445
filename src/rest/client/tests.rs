//! The client against a platform that follows a script, under a paused clock.

mod answers;
mod cancellation;
mod limits;
mod log;
mod retries;
pub(crate) mod script;
mod secrets;
