//! Tests of the testing kit. Their provider implements the protocol directly, so that it can
//! violate its rules.

mod calls;
mod plans;
mod things;
mod upgrades;
mod workspaces;
