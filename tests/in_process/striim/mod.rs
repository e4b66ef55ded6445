//! Striim Cloud's provider.

mod adoption;
mod data_sources;
mod delivery;
mod drift;
mod encryption;
mod errors;
mod expiry;
mod managed_by;
mod pat_status;
mod personal_access_token;
mod quota;
mod rotation;
mod service_account_token;
mod token_data_source;
mod validation;
mod world;
mod year;
