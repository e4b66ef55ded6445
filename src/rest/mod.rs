//! The HTTP client of all platforms: authentication, timeouts, retries, rate limits and redaction.
//!
//! A [`Request`] describes a call. The [`Client`] waits for its turn under the [`RateLimit`], sends
//! it through the [`Transport`], reads a bounded answer and retries where that is safe, all within
//! one [`Operation`]. Every failure is an [`Error`] that names the attempted action and whether the
//! platform may have acted on it.

mod base_url;
mod client;
mod connect_error;
mod credential;
mod destination;
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
pub(crate) use client::within;
pub use client::{Answer, Client, Options};
pub use connect_error::{BoxError, ConnectError};
pub use credential::{Credential, InvalidCredential};
pub use destination::{Destination, Roots};
pub use error::{Error, Kind, Unreadable};
pub use limiter::RateLimit;
pub use operation::{Operation, OutOfTime};
pub use request::Request;
pub use retry::RetrySafety;
pub use transport::{Body, Transport};
