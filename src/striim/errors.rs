//! Failed requests as diagnostics: what was tried, what the platform answered, and what to do.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// The diagnostic for a request that did not succeed. Advice on status codes is from Striim Cloud's document
/// ("API error responses", "Rate limits").
pub(super) fn failure(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

fn advice(error: &Error) -> Option<&'static str> {
    if let Some(status) = error.status() {
        return match status {
            StatusCode::BAD_REQUEST => Some("The platform found the request invalid: check the arguments."),
            StatusCode::UNAUTHORIZED => Some(
                "The token that the provider works with (its argument `token`, or STRIIM_TOKEN) is not valid: it may \
                 have been mistyped, rotated or revoked, or it has expired. Give the provider a valid one. Nothing \
                 was removed from the state.",
            ),
            StatusCode::FORBIDDEN => Some(
                "The token that the provider works with may belong to another account than the one in the URL, or it \
                 lacks administrator privileges. Use a service account token of this account, or the personal access \
                 token of one of its administrators. Nothing was removed from the state.",
            ),
            StatusCode::NOT_FOUND => Some(
                "Check the name, which is case-sensitive, or the email address; and if nothing can be found, the \
                 provider's `base_url`.",
            ),
            StatusCode::CONFLICT => Some("It conflicts with what exists in the account."),
            StatusCode::TOO_MANY_REQUESTS => Some(
                "The platform allows ten creations and rotations, thirty revocations and five turns of the toggle a \
                 minute. Wait a minute and run again, or give the provider a longer `retry_timeout`.",
            ),
            status if status.is_redirection() => Some(
                "Redirects are not followed, because the token would go with them. Check the provider's `account`, \
                 `cloud` or `base_url`.",
            ),
            status if status.is_server_error() => Some("The platform has a problem. Run again later."),
            _ => None,
        };
    }
    match error.cause() {
        Kind::Connect(_) => Some(
            "Check the provider's `account`, `cloud` or `base_url`, the network, and HTTPS_PROXY where a proxy is \
             needed.",
        ),
        Kind::Timeout(_) => Some("Run again, or give the provider a longer `request_timeout`."),
        Kind::WouldExceedDeadline { .. } => Some(
            "The platform allows ten creations and rotations, thirty revocations and five turns of the toggle a \
             minute. Run again, or give the provider a longer `retry_timeout`.",
        ),
        Kind::Unreadable { .. } | Kind::TooLarge(_) => Some(
            "This is not the answer that Striim Cloud documents. Check that the provider's `base_url` is that of the \
             API, not of the portal or a proxy.",
        ),
        Kind::Cancelled => Some("Terraform was interrupted."),
        _ => None,
    }
}
