//! Terraform providers for the API tokens of streaming platforms.
//!
//! Each folder is a module; `docs/ARCHITECTURE.md` says which may depend on which.
//!
//! Each platform is a feature of the same name, and all of them are enabled by default. Without them
//! (`--no-default-features`) the crate consists of [`plugin`], [`framework`] and [`redaction`].

// `platform`, `rest` and `token` are shared: a build for some of the platforms leaves a part of them unused, and that
// is no defect. The default build has all platforms, and reports what none of them uses.

// The interface of `framework` has types of these crates.
#[doc(no_inline)]
pub use {jiff, secrecy, serde_json, tokio_util};

// The derived code names the crate, here as in any other.
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
