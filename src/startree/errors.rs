//! Failed requests as diagnostics.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// Returns the diagnostic for a failed request.
pub(super) fn failure(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// Returns advice about a failed request. The platform does not document its status codes, so
/// they are interpreted as in HTTP.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => Some(
            "The platform rejected the provider's token (argument `token`, or STARTREE_TOKEN). It may be mistyped or deleted, or \
             its roles do not allow this request. A role can take up to an hour to take effect. Nothing was removed from the \
             state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "It does not exist in this environment. If no object is found at all, check the provider's `environment` or \
             `base_url`, and that role-based access control is enabled in the environment.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run again later, or set a longer `retry_timeout` in the provider.")
        }
        (Some(status), _) if status.is_redirection() => Some(
            "Redirects are not followed, because they would send the token to another server. Check the provider's \
             `environment` or `base_url`.",
        ),
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run again later."),
        (None, Kind::Connect(_)) => {
            Some("Check the provider's `environment` or `base_url`, the network, and HTTPS_PROXY if a proxy is needed.")
        }
        (None, Kind::Timeout(_)) => Some("Run again, or set a longer `request_timeout` in the provider."),
        (None, Kind::WouldExceedDeadline { .. }) => Some("Run again, or set a longer `retry_timeout` in the provider."),
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "The answer does not match StarTree's documentation. Check that the provider's `environment` or `base_url` is that of \
             the RBAC Manager.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
