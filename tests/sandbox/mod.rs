//! The sandboxes follow the documentation of their platforms, with every layout of answers.

mod clients;
mod console;
mod control;
mod neuroio;
mod program;
mod quix;
mod startree;
mod striim;
mod tcp;
mod vault;
