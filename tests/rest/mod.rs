//! The REST client over TCP, and Striim's API against the sandbox and scripted answers.

mod network;
#[allow(dead_code, reason = "the unit tests of the client use all of it")]
#[path = "../../src/rest/client/tests/script.rs"]
mod script;
mod striim;
