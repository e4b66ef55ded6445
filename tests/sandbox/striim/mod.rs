//! The sandbox of Striim Cloud follows the document *Managing API tokens*.

mod answer_layouts;
mod audit;
mod control;
mod faults;
mod pat_status;
mod pats;
mod platform;
mod rate_limits;
mod roles;
mod service_accounts;
