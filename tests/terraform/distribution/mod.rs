//! Installing a release from the folders that `cargo release` lays out.
//!
//! Only on Linux: elsewhere Terraform does not trust the authority in `SSL_CERT_FILE`.

mod mirror;
mod refusals;
mod registry;
mod site;
mod upgrade;
