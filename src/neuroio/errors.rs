//! Failed requests as diagnostics.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// The diagnostic for a request that did not succeed.
pub(super) fn failure(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// What each status means here is not documented, beyond that it is an error from 400 on, with a message.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => Some(
            "The token that the provider works with (its argument `api_token`, or NEUROIO_API_TOKEN) was rejected: it \
             may have been mistyped, deactivated or deleted, or it was a temporary one and has expired; or it is of a kind \
             that may not do this. Nothing was removed from the state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "A token of another account or space cannot be seen with this `api_token`. If nothing can be found, check \
             the provider's `base_url`.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run again later, or give the provider a longer `retry_timeout`.")
        }
        (Some(status), _) if status.is_redirection() => {
            Some("Redirects are not followed, because the token would go with them. Check the provider's `base_url`.")
        }
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run again later."),
        (None, Kind::Connect(_)) => {
            Some("Check the provider's `base_url`, the network, and HTTPS_PROXY where a proxy is needed.")
        }
        (None, Kind::Timeout(_)) => Some("Run again, or give the provider a longer `request_timeout`."),
        (None, Kind::WouldExceedDeadline { .. }) => Some("Run again, or give the provider a longer `retry_timeout`."),
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "This is not the answer that NeuroIO's clients know. Check that the provider's `base_url` is that of the API.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
