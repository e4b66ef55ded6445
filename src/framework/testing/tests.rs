//! Tests of the kit, with a provider that is written out at the level of the protocol so that it can break its rules.

mod calls;
mod plans;
mod things;
mod upgrades;
mod workspaces;
