//! The diagnostics of `striim_personal_access_token`.

use http::StatusCode;
use jiff::Timestamp;

use crate::framework::Diagnostic;
use crate::striim::api::UserToken;
use crate::striim::errors::request_failed;
use crate::striim::pat::RotateError;
use crate::token::Expiry;

pub(super) use crate::striim::diagnostics::{
    absence_unconfirmed, cannot_revoke_own_token, pat_of, rotates_own_token, unknown_user,
};

/// Warns that the creation revokes the user's present value.
pub(super) fn revokes_present(what: &str, token: &UserToken, now: Timestamp) -> Diagnostic {
    let expiry = match token.expires_at.map(Expiry::at) {
        Some(expiry) if expiry.has_passed(now) => format!("expired at {expiry}"),
        Some(expiry) => format!("would expire at {expiry}"),
        None if token.unreadable_expiry.is_some() => "has an expiry that cannot be read".to_owned(),
        None => "has no expiry".to_owned(),
    };
    Diagnostic::warning(
        format!("{what} will be revoked and replaced"),
        format!(
            "It exists and {expiry}. Creating this resource rotates it: the present value stops working at that moment. To \
             manage it without rotating it, import it."
        ),
    )
}

/// Warns that the user has no token to rotate.
pub(super) fn has_none(address: Option<&str>) -> Diagnostic {
    Diagnostic::warning(
        "No personal access token to rotate",
        format!(
            "{} does not exist, and the platform's API cannot create one, only rotate it. Whether a rotation creates a first \
             token is not documented. {}",
            pat_of(address),
            advice_without_token(address)
        ),
    )
}

/// Returns the advice for a user who has no token.
fn advice_without_token(address: Option<&str>) -> &'static str {
    match address {
        Some(_) => {
            "If the apply fails, ask the user to create one in the portal (Token Management, Personal Token), and then run \
             again or import it."
        }
        None => {
            "A provider with the token of a service account has no user. Set `email`, or configure the provider \
             with the personal access token itself."
        }
    }
}

/// Describes a failed rotation. `has_default_expiry`: whether the configuration sets no expiry.
pub(super) fn rotate_failed(
    address: Option<&str>,
    RotateError { error, is_disabled }: &RotateError,
    own: bool,
    has_default_expiry: bool,
) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    let more = if *is_disabled {
        "Personal access tokens are disabled in the account. Enable them with a `striim_pat_status`, and reference it in \
         `depends_on` of this resource."
    } else if error.is_ambiguous() && own {
        "If it did, the provider's own token no longer works, and the new value is lost. In that case issue another token in \
         the portal, and configure the provider with it."
    } else if error.is_ambiguous() {
        "If it did, the value that was in use no longer works, and the new one is lost. Run again to rotate once more."
    } else if error.is_not_found() {
        advice_without_token(address)
    } else if error.status() == Some(StatusCode::BAD_REQUEST) && has_default_expiry {
        "The platform may require an expiry: set `expires_in` or `expires_at`."
    } else if error.status() == Some(StatusCode::FORBIDDEN) && address.is_some() && !own {
        "The platform's documentation says that administrators can manage other users' tokens, and elsewhere that they can \
         only revoke them. If it rejects this rotation, configure the provider with the user's own token."
    } else {
        return diagnostic;
    };
    diagnostic.detail.push_str("\n\n");
    diagnostic.detail.push_str(more);
    diagnostic
}

/// Warns that the plan issues a value while personal access tokens are disabled.
pub(super) fn disabled_now() -> Diagnostic {
    Diagnostic::warning(
        "Personal access tokens are disabled",
        "They are disabled in the account now, so the platform will reject the request for one. If a `striim_pat_status` in \
         this configuration enables them, reference it in `depends_on` of this resource.",
    )
}

/// The error of an import of a token that does not exist.
pub(super) fn nothing_to_import(address: Option<&str>, own: &str) -> Diagnostic {
    Diagnostic::error(
        "No personal access token",
        format!(
            "{} does not exist, so it cannot be imported. Import by the user's email address; or by {own:?}, if the provider \
             works with the personal access token itself.",
            pat_of(address)
        ),
    )
}

/// Warns that an import cannot read the value.
pub(super) fn value_unknown_after_import(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what}: its value is not known"),
        "The platform showed it only when it issued it, so `token` stays null. The value remains valid where it is in use. \
         To get a value that Terraform knows, rotate the token: change `expires_at`, or, once an apply has recorded them, \
         `expires_in` or `rotation_triggers`. The old value then stops working.",
    )
}
