//! Diagnostics for failed requests.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// Describes a failed request with advice for this platform.
pub(super) fn request_failed(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// Quix documents no meaning of each status, only that rotations require the role Admin.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED), _) => Some(
            "The provider's token (argument `token` or Quix__Sdk__Token) was rejected. It may be mistyped or revoked; if it \
             is a streaming token, it may have been rotated. Nothing was removed from the state.",
        ),
        (Some(StatusCode::FORBIDDEN), _) => Some(
            "The provider's token is valid, but does not allow this request. Only users with the role Admin can rotate \
             streaming tokens, and perhaps only they can read them: use a personal access token of such a user. A streaming \
             token works in its own environment only, and cannot manage personal access tokens: for these, use a personal \
             access token of the user. Nothing was removed from the state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "Check the environment's id, which is not its name, and whether the provider's token gives access to the \
             environment. If nothing can be found, check the provider's `portal_api`. If only streaming tokens cannot be \
             found, the platform may have other paths for them than it had in 2023: set the provider's \
             `streaming_tokens_path` and `rotate_streaming_tokens_path`. Nothing was removed from the state. If the \
             environment was deleted, remove its resources from the state with `terraform state rm`.",
        ),
        (Some(StatusCode::METHOD_NOT_ALLOWED), _) => Some(
            "The path exists, but does not support this method. The provider's `rotate_streaming_tokens_path` may begin with \
             a method, such as `PUT /…`.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run Terraform again later, or increase the provider's `retry_timeout`.")
        }
        (Some(status), _) if status.is_redirection() => Some(
            "The provider does not follow redirects, because that would send its token to another address. Check the \
             provider's `portal_api`.",
        ),
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run Terraform again later."),
        (None, Kind::Connect(_)) => {
            Some("Check the provider's `portal_api`, the network, and HTTPS_PROXY if a proxy is required.")
        }
        (None, Kind::Timeout(_)) => Some("Run Terraform again, or increase the provider's `request_timeout`."),
        (None, Kind::WouldExceedDeadline { .. }) => {
            Some("Run Terraform again, or increase the provider's `retry_timeout`.")
        }
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "The answer is not the documented one, or for streaming tokens, has no shape that the provider knows. Check the \
             provider's `portal_api`, and for streaming tokens its `streaming_tokens_path`.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
