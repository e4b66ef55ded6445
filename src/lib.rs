//! Terraform providers that manage API tokens of streaming platforms, and the framework they are
//! built on.
//!
//! Each folder is a module; `docs/ARCHITECTURE.md` lists the dependencies that are allowed between
//! them.
//!
//! Each platform is a Cargo feature of the same name, and all of them are enabled by default.
//! Without them (`--no-default-features`) the crate consists of [`plugin`], [`framework`] and
//! [`redaction`].

// The platforms share `platform`, `rest` and `token`. A build with only some of the platforms uses
// only a part of them, so unused code is allowed there. The default build reports it.

// Types of these crates appear in the public interface of `framework`.
#[doc(no_inline)]
pub use {jiff, secrecy, serde_json, tokio_util};

// The derive macro generates paths that begin with `::token_providers`, in this crate, too.
extern crate self as token_providers;

pub mod framework;
#[cfg(all(
    any(test, fuzzing),
    feature = "neuroio",
    feature = "quix",
    feature = "startree",
    feature = "striim"
))]
pub mod fuzz;
#[cfg(feature = "neuroio")]
pub mod neuroio;
#[cfg(feature = "platform")]
#[cfg_attr(not(feature = "default"), allow(dead_code, unused_imports))]
pub mod platform;
pub mod plugin;
pub mod prelude;
#[cfg(feature = "quix")]
pub mod quix;
pub mod redaction;
#[cfg(feature = "platform")]
#[cfg_attr(not(feature = "default"), allow(dead_code, unused_imports))]
pub mod rest;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "startree")]
pub mod startree;
#[cfg(feature = "striim")]
pub mod striim;
#[cfg(any(feature = "platform", feature = "sandbox"))]
#[cfg_attr(not(feature = "default"), allow(dead_code, unused_imports))]
pub mod token;
#[cfg(feature = "vault")]
pub mod vault;
