//! Tests that the sandboxes follow the documentation of their platforms, with every layout of
//! answers.
mod control;
mod faults;
mod governance;
mod limits;
mod neuroio;
mod personal;
mod platform;
mod program;
mod quix;
mod roles;
mod service_accounts;
mod shapes;
mod startree;
mod tcp;
mod vault;
