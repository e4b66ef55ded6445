//! Turns the providers' programs and documentation into what a release publishes: `cargo release --help`.
//!
//! A release of one provider is a directory of files ([`ReleaseFiles`]) with the names and contents that the Terraform
//! Registry requires. Everything is reproducible: the same sources give the same bytes.

mod archive;
mod changelog;
mod checksums;
mod contents;
mod gpg;
mod hash;
mod links;
mod manifest;
mod mirror;
mod platform;
pub mod program;
mod project;
mod public_key;
mod published;
mod registry;
mod release_files;
pub mod repository;
pub mod sbom;
mod signature;
#[cfg(test)]
mod testing;

pub use archive::{Archive, Entry};
pub use checksums::Checksums;
pub use contents::contents;
pub use hash::Sha256Hash;
pub use mirror::{Mirror, PUBLIC_REGISTRIES};
pub use platform::Platform;
pub use project::{Project, host_target};
pub use public_key::PublicKey;
pub use registry::{Files, Registry};
pub use release_files::ReleaseFiles;
pub use signature::SigningKey;

/// The namespace of all providers in registries: that of the organisation on GitHub that has their repositories.
pub const NAMESPACE: &str = "token-providers";
