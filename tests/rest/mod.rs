//! The REST layer from outside: against scripted answers with a paused clock, over real TCP, and
//! against the sandbox.

mod answers;
mod cancellation;
mod limits;
mod log;
mod network;
mod retries;
mod script;
mod secrets;
mod striim;
