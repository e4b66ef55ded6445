//! Describes failed requests: what was attempted, what the platform answered, and what to do.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::platform;
use crate::rest::{Error, Kind};

/// Describes a failed request. The advice follows Striim Cloud's documentation ("API error responses",
/// "Rate limits").
pub(super) fn request_failed(error: &Error) -> Diagnostic {
    platform::request_failed(error, advice)
}

fn advice(error: &Error) -> Option<&'static str> {
    if let Some(status) = error.status() {
        return match status {
            StatusCode::BAD_REQUEST => Some("The platform rejected the request as invalid: check the arguments."),
            StatusCode::UNAUTHORIZED => Some(
                "The provider's own token (its argument `token`, or STRIIM_TOKEN) is not valid: it may be mistyped, \
                 rotated, revoked or expired. Configure a valid one. Nothing was removed from the state.",
            ),
            StatusCode::FORBIDDEN => Some(
                "The provider's own token may belong to another account than the one in the URL, or lack administrator \
                 privileges. Use a service account token of this account, or the personal access token of one of its \
                 administrators. Nothing was removed from the state.",
            ),
            StatusCode::NOT_FOUND => Some(
                "Check the name, which is case-sensitive, or the email address. If all requests fail like this, check \
                 the provider's `base_url`.",
            ),
            StatusCode::CONFLICT => Some("The request conflicts with the present state of the account."),
            StatusCode::TOO_MANY_REQUESTS => Some(
                "The platform allows ten creations and rotations, thirty revocations and five toggles of the status a \
                 minute. Wait a minute and run again, or give the provider a longer `retry_timeout`.",
            ),
            status if status.is_redirection() => Some(
                "Redirects are not followed, because they would forward the token. Check the provider's `account`, \
                 `cloud` or `base_url`.",
            ),
            status if status.is_server_error() => Some("The platform has a problem. Run again later."),
            _ => None,
        };
    }
    match error.cause() {
        Kind::Connect(_) => Some(
            "Check the provider's `account`, `cloud` or `base_url`, the network, and HTTPS_PROXY if a proxy is \
             needed.",
        ),
        Kind::Timeout(_) => Some("Run again, or give the provider a longer `request_timeout`."),
        Kind::WouldExceedDeadline { .. } => Some(
            "The platform allows ten creations and rotations, thirty revocations and five toggles of the status a \
             minute. Run again, or give the provider a longer `retry_timeout`.",
        ),
        Kind::Unreadable { .. } | Kind::TooLarge(_) => Some(
            "The answer differs from Striim Cloud's documentation. Check that the provider's `base_url` is the address of \
             the API, not of the portal or a proxy.",
        ),
        Kind::Cancelled => Some("Terraform was interrupted."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_request_is_reported_as_interrupted_by_terraform() {
        let error = Error::new("read the service accounts", Kind::Cancelled, false);
        let shown = request_failed(&error);
        assert!(shown.detail.ends_with("Terraform was interrupted."), "{shown}");
    }
}
