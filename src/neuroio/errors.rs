//! Diagnostics for failed requests.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// Describes a failed request with advice for this platform.
pub(super) fn request_failed(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// NeuroIO documents no meaning of each status, only that a status from 400 on is an error with a
/// message.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => Some(
            "The provider's API token (argument `api_token` or NEUROIO_API_TOKEN) was rejected. It may be mistyped, \
             deactivated or deleted; if it is a temporary token, it may have expired; or its kind does not allow this \
             request. Nothing was removed from the state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "An `api_token` gives no access to tokens of another account or space. If nothing can be found, check the \
             provider's `base_url`.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run Terraform again later, or increase the provider's `retry_timeout`.")
        }
        (Some(status), _) if status.is_redirection() => Some(
            "The provider does not follow redirects, because that would send its token to another address. Check the \
             provider's `base_url`.",
        ),
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run Terraform again later."),
        (None, Kind::Connect(_)) => {
            Some("Check the provider's `base_url`, the network, and HTTPS_PROXY if a proxy is required.")
        }
        (None, Kind::Timeout(_)) => Some("Run Terraform again, or increase the provider's `request_timeout`."),
        (None, Kind::WouldExceedDeadline { .. }) => {
            Some("Run Terraform again, or increase the provider's `retry_timeout`.")
        }
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "NeuroIO's public clients do not expect such an answer. Check that the provider's `base_url` is the address of \
             the API.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
