//! Failed requests as diagnostics.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// The diagnostic for a request that did not succeed.
pub(super) fn failure(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// Which statuses the platform answers with is not documented; this is what they mean of any API.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => Some(
            "The token that the provider works with (its argument `token`, or STARTREE_TOKEN) is not let in: it may have been \
             mistyped or revoked, or its roles do not allow this. What a role allows may take up to an hour to be known. \
             Nothing was removed from the state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "There is no such thing in this environment. If nothing can be found, check the provider's `environment` or \
             `base_url`, and that role-based access control is enabled in the environment.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run again later, or give the provider a longer `retry_timeout`.")
        }
        (Some(status), _) if status.is_redirection() => Some(
            "Redirects are not followed, because the token would go with them. Check the provider's `environment` or \
             `base_url`.",
        ),
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run again later."),
        (None, Kind::Connect(_)) => Some(
            "Check the provider's `environment` or `base_url`, the network, and HTTPS_PROXY where a proxy is needed.",
        ),
        (None, Kind::Timeout(_)) => Some("Run again, or give the provider a longer `request_timeout`."),
        (None, Kind::WouldExceedDeadline { .. }) => Some("Run again, or give the provider a longer `retry_timeout`."),
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "This is not an answer that StarTree's documentation lets one expect. Check that the provider's `environment` or \
             `base_url` is that of the RBAC Manager.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
