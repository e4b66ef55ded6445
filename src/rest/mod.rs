//! One HTTP client for all platforms: bearer, timeouts, retries, rate limits, redaction, error answers.
//!
//! A request goes the same way whatever the platform: [`Request`] describes it, [`Client`] waits for the
//! [`RateLimit`]'s turn, sends it through the [`Transport`], reads a bounded answer and, where that is safe, repeats
//! it, all within one [`Operation`]. Every failure is an [`Error`] that says what was tried and whether the platform
//! may have acted.

mod base_url;
mod client;
mod connect_error;
mod credential;
pub(crate) mod envelope;
mod error;
mod error_body;
mod limiter;
mod operation;
mod paging;
mod request;
mod retry;
mod sanitise;
mod transport;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use client::{Answer, Client, Options};
pub use connect_error::ConnectError;
pub use credential::{Credential, InvalidCredential};
pub use error::{Error, Kind, Unreadable};
pub use limiter::RateLimit;
pub use operation::{Operation, Over};
pub use request::Request;
pub use retry::RetrySafety;
pub use transport::{Body, BoxError, Destination, Roots, Transport};
