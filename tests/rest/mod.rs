//! The REST client: with scripted answers and a paused clock, over TCP, and against the sandbox.

mod answers;
mod cancellation;
mod limits;
mod log;
mod network;
mod retries;
mod script;
mod secrets;
mod striim;
