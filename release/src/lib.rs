//! Turns the providers' programs and documentation into what a release publishes: `cargo release --help`.
//!
//! A release of one provider is a directory of files ([`ReleaseFiles`]) with the names and contents that the Terraform
//! Registry requires. Everything is reproducible: the same sources give the same bytes.

mod archive;
mod checksums;
mod hash;
mod manifest;
mod mirror;
mod platform;
mod public_key;
mod published;
mod registry;
mod release_files;
#[cfg(test)]
mod testing;

pub use archive::{Archive, Entry};
pub use checksums::Checksums;
pub use hash::Sha256Hash;
pub use mirror::Mirror;
pub use platform::Platform;
pub use public_key::PublicKey;
pub use registry::{Files, Registry};
pub use release_files::ReleaseFiles;
