//! Failed requests as diagnostics.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// The diagnostic for a request that did not succeed.
pub(super) fn failure(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

/// What each status means here is not documented, beyond that rotating is for administrators.
fn advice(error: &Error) -> Option<&'static str> {
    match (error.status(), error.cause()) {
        (Some(StatusCode::UNAUTHORIZED), _) => Some(
            "The token that the provider works with (its argument `token`, or Quix__Sdk__Token) was rejected: it may have been \
             mistyped or revoked, or, if it is a streaming token, rotated. Nothing was removed from the \
             state.",
        ),
        (Some(StatusCode::FORBIDDEN), _) => Some(
            "The token that the provider works with is valid, but may not do this. Only users with the role Admin can \
             rotate streaming tokens, and perhaps only they can read them: that takes a personal access token of such a user. \
             A streaming token works in its own environment only. Nothing was removed from the state.",
        ),
        (Some(StatusCode::NOT_FOUND), _) => Some(
            "Check the environment's id, which is not its name, and whether the token may see that environment. If nothing \
             can be found, check the provider's `portal_api`, and for streaming tokens its `streaming_tokens_path` and \
             `rotate_streaming_tokens_path`. Nothing was removed from the state; if the environment is gone, have Terraform \
             forget what it had with `terraform state rm`.",
        ),
        (Some(StatusCode::METHOD_NOT_ALLOWED), _) => Some(
            "The path is there, but not for this method. A method can be put before the provider's \
             `rotate_streaming_tokens_path`, such as `PUT /…`.",
        ),
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Some("Run again later, or give the provider a longer `retry_timeout`.")
        }
        (Some(status), _) if status.is_redirection() => {
            Some("Redirects are not followed, because the token would go with them. Check the provider's `portal_api`.")
        }
        (Some(status), _) if status.is_server_error() => Some("The platform has a problem. Run again later."),
        (None, Kind::Connect(_)) => {
            Some("Check the provider's `portal_api`, the network, and HTTPS_PROXY where a proxy is needed.")
        }
        (None, Kind::Timeout(_)) => Some("Run again, or give the provider a longer `request_timeout`."),
        (None, Kind::WouldExceedDeadline { .. }) => Some("Run again, or give the provider a longer `retry_timeout`."),
        (None, Kind::Unreadable { .. } | Kind::TooLarge(_)) => Some(
            "This is not the answer that is documented, or, of streaming tokens, none that could be expected. Check the \
             provider's `portal_api`, and for streaming tokens its `streaming_tokens_path`.",
        ),
        (None, Kind::Cancelled) => Some("Terraform was interrupted."),
        _ => None,
    }
}
