//! The errors and warnings about stream tokens.

use crate::framework::Diagnostic;
use crate::neuroio::api::{InvalidTokenId, StreamToken, TokenId};
use crate::neuroio::errors::request_failed;
use crate::neuroio::quota::{Excess, LIMIT};
use crate::rest::Error;
use crate::token::Expiry;

/// The error for an import by something other than an id.
pub(super) fn not_an_id() -> Diagnostic {
    Diagnostic::error(
        "Not the id of a stream token",
        "A stream token is imported by its id, which is a number. Its value (`key`) is not accepted, because it would appear \
         in logs. The data source `neuroio_stream_tokens` lists the ids.",
    )
}

/// The error for a state that no operation of this provider writes.
pub(super) fn invalid_id_in_state(error: InvalidTokenId) -> Diagnostic {
    Diagnostic::error(
        "Invalid id in the state",
        format!(
            "The `id` of the stream token in the state is invalid: {error}. The state was edited by hand: remove the token \
             from it (`terraform state rm`) and import it again."
        ),
    )
}

/// The error for an operation that would revoke the provider's own API token.
pub(super) fn own_credential(verb: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot {verb} the provider's own API token"),
        format!(
            "This stream token is the provider's `api_token`. To {verb} it would lock the provider out. Give the provider \
             another token first. To remove this one from the state only, use a `removed` block or `terraform state rm`."
        ),
    )
}

/// The warning of a plan that replaces an expired token.
pub(super) fn expired(id: &str, expired_at: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The temporary stream token {id} has expired"),
        format!(
            "The platform rejects it since {expired_at}. This plan replaces it with a new token, which has another value and is \
             valid for 24 hours."
        ),
    )
}

/// The error for an update without effect.
pub(super) fn unchanged(id: TokenId) -> Diagnostic {
    Diagnostic::error(
        format!("The stream token {id} did not change"),
        "The platform confirmed the change of `is_active`, but still shows the previous value. Apply again.",
    )
    .on("is_active")
}

/// The warning of a plan that needs more permanent tokens than the limit allows.
pub(super) fn limit_exceeded(excess: &Excess, existing: &[StreamToken]) -> Diagnostic {
    let (summary, consequence) = if excess.fits_after_deletions {
        (
            "This plan stays within the limit of permanent tokens only if it deletes tokens first",
            "The creations succeed only after the deletions. They may fail with `create_before_destroy`, or if Terraform runs \
             both at the same time.",
        )
    } else {
        (
            "This plan exceeds the limit of permanent tokens",
            "The platform rejects the creations beyond the limit. It is not documented whether deactivated tokens count.",
        )
    };
    let detail = format!(
        "An account or space may have {LIMIT} permanent tokens. It has {}, and this plan creates {} and deletes {} so far. \
         {consequence} Existing permanent tokens:\n{}",
        existing.len(),
        excess.created,
        excess.deleted,
        list(existing)
    );
    Diagnostic::warning(summary, detail).on("permanent")
}

/// The error for a creation that the platform rejected. `permanent_tokens` are the existing ones,
/// if the limit may be the reason. `new` are the tokens that may be orphans of earlier attempts.
pub(super) fn create_rejected(
    error: &Error,
    permanent: bool,
    permanent_tokens: &[StreamToken],
    new: &[StreamToken],
) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    if permanent_tokens.len() >= LIMIT {
        diagnostic.detail.push_str(&format!(
            "\n\nAn account or space may have {LIMIT} permanent tokens, and these exist:\n{}\n\nDelete one that is no longer \
             needed.",
            list(permanent_tokens)
        ));
        diagnostic = diagnostic.on("permanent");
    }
    if !new.is_empty() {
        diagnostic
            .detail
            .push_str(&format!("\n\n{}", possible_orphans(new, permanent)));
    }
    diagnostic
}

/// The error for a creation whose answer was lost. `new` are the tokens that the platform lists
/// since then.
pub(super) fn create_failed(error: &Error, permanent: bool, new: &[StreamToken]) -> Diagnostic {
    if new.is_empty() {
        return request_failed(error);
    }
    Diagnostic::error(
        format!("Could not {}", error.action()),
        format!(
            "The answer was lost: {}. {}",
            error.kind(),
            possible_orphans(new, permanent)
        ),
    )
}

/// The error for a creation whose answer was lost, if the list cannot be read afterwards.
pub(super) fn create_outcome_unknown(error: &Error, permanent: bool, unreadable: &Error) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    let advice = if permanent {
        "If it was, the permanent token is in no state. Before the next apply, find it with the data source \
         `neuroio_stream_tokens`, and import or delete it."
    } else {
        "If it was, the temporary token is in no state. It expires within 24 hours."
    };
    diagnostic.detail.push_str(&format!(
        " Whether a token was created could not be determined: {}. {advice}",
        unreadable.kind()
    ));
    diagnostic
}

/// The warning after a creation that was repeated because an answer was lost. `others` are the new
/// tokens in addition to the created one. There is no warning if there are none.
pub(super) fn create_repeated(others: Result<Vec<StreamToken>, Error>) -> Option<Diagnostic> {
    let found = match others {
        Ok(others) if others.is_empty() => return None,
        Ok(others) => format!(
            "These tokens are new in addition to the one in the state:{}",
            list(&others)
        ),
        Err(unreadable) => format!(
            "Whether the lost creation created another token could not be determined: {}.",
            unreadable.kind()
        ),
    };
    Some(Diagnostic::warning(
        "A repeated creation may have created more than one stream token",
        format!(
            "The answer to a creation was lost, so the creation was repeated. {found}\n\nDelete a new token that belongs to no \
             other client. The data source `neuroio_stream_tokens` lists all tokens."
        ),
    ))
}

/// Describes the tokens that a lost creation may have left as orphans, and how to import or delete
/// them.
fn possible_orphans(new: &[StreamToken], permanent: bool) -> String {
    let expiry = if permanent {
        ""
    } else {
        " Temporary tokens expire within 24 hours."
    };
    let [first, ..] = new else { return String::new() };
    format!(
        "New stream tokens since the request:{}\n\nThe platform does not record who created a token. Another client or another \
         `provider` block of this run may have created it, so it was not adopted. If neither did, import it and apply \
         again:\n\n  import {{\n    to = neuroio_stream_token.<label>\n    id = \"{}\"\n  }}\n\nor delete it, in NeuroIO's \
         console or with `DELETE /v1/streams/tokens/{}/`, and apply again.{expiry}",
        list(new),
        first.id,
        first.id
    )
}

/// Lists tokens, one per line, oldest first.
fn list(tokens: &[StreamToken]) -> String {
    let mut tokens: Vec<_> = tokens.iter().collect();
    tokens.sort_by_key(|token| (token.created, token.id));
    let lines = tokens.into_iter().map(|token| {
        let created = token
            .created
            .map_or(String::new(), |at| format!(", created at {}", Expiry::at(at)));
        let deactivated = if token.is_active { "" } else { ", deactivated" };
        format!("\n  - {}{created}{deactivated}", token.id)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::Kind;

    fn tokens(count: u64) -> Vec<StreamToken> {
        let token = |number| StreamToken {
            id: u64::to_string(&number).parse().unwrap(),
            is_active: number != 2,
            created: format!("2027-01-0{number}T00:00:00.5Z").parse().ok(),
            expires: None,
        };
        (1..=count).map(token).collect()
    }

    #[test]
    fn list_shows_id_creation_and_deactivation() {
        assert_eq!(
            list(&tokens(2)),
            "\n  - 1, created at 2027-01-01T00:00:00Z\n  - 2, created at 2027-01-02T00:00:00Z, deactivated"
        );
    }

    #[test]
    fn limit_exceeded_distinguishes_whether_deletions_suffice() {
        for (fits_after_deletions, expected) in
            [(false, "exceeds the limit"), (true, "only if it deletes tokens first")]
        {
            let excess = Excess {
                created: 1,
                deleted: 0,
                fits_after_deletions,
            };
            let warning = limit_exceeded(&excess, &[]);
            assert!(warning.summary.contains(expected), "{warning}");
        }
    }

    #[test]
    fn create_rejected_lists_the_permanent_tokens_at_the_limit_only() {
        let error = Error::new("create a stream token", Kind::Cancelled, false);
        for (count, is_limit) in [(4, false), (5, true)] {
            let diagnostic = create_rejected(&error, true, &tokens(count), &[]);
            assert_eq!(diagnostic.detail.contains("\n  - 1, "), is_limit, "{diagnostic}");
        }
    }
}
