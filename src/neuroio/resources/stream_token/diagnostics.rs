//! The errors and warnings about stream tokens.

use std::time::Duration;

use crate::framework::Diagnostic;
use crate::neuroio::api::{InvalidTokenId, StreamToken, TokenId};
use crate::neuroio::errors::request_failed;
use crate::neuroio::quota::{Excess, LIMIT};
use crate::rest::Error;
use crate::token::{Expiry, HumanDuration, Reason};

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

/// The warning of a plan that rotates the provider's own API token. `keeps_current` if the current
/// token remains valid for an overlap.
pub(super) fn rotates_own_credential(keeps_current: bool) -> Diagnostic {
    let consequence = if keeps_current {
        "This run continues with the current token. Before `overlap` has passed, configure the provider with the new value: \
         the provider does not delete its own token."
    } else {
        "This run continues with the new token. Before the next run, configure the provider with the new value, because the \
         current one is deleted."
    };
    Diagnostic::warning(
        "The provider authenticates with this token",
        format!(
            "This stream token is the provider's own `api_token`. {consequence} Its argument is `api_token`, its environment \
             variable NEUROIO_API_TOKEN."
        ),
    )
}

/// The warning of a plan that rotates the token. `keeps_current` is the overlap, if there is one.
pub(super) fn rotates(title: &str, reasons: &[Reason], keeps_current: Option<&str>) -> Diagnostic {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let deletion = match keeps_current {
        Some(overlap) => format!(
            "The current token remains valid for `overlap` = {overlap}, unless it expires before; the first apply after that \
             deletes it."
        ),
        None => {
            "The current token is deleted in the same apply, after the new one was created. Set `overlap` to keep both \
                 valid for a while."
                .to_owned()
        }
    };
    Diagnostic::warning(
        format!("{title} will be rotated"),
        format!(
            "Reason: {}. A new token with another value replaces it. {deletion}",
            reasons.join("; ")
        ),
    )
}

/// The warning of a plan that deletes the previous token, which was due at `since`.
pub(super) fn deletes_previous(title: &str, previous: TokenId, since: Option<&str>) -> Diagnostic {
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Diagnostic::warning(
        format!("{title}: the previous token will be deleted"),
        format!("The stream token {previous} is due for deletion{since}. Clients that still use it will be rejected."),
    )
}

/// The warning of a plan that finds a temporary token about to expire.
pub(super) fn expires_soon(title: &str, expires_at: &str, left: Duration) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} expires in {}", HumanDuration(left)),
        format!(
            "The platform rejects it from {expires_at} on, and only the first plan after that rotates it. Set `rotate_before` \
             to rotate it in time."
        ),
    )
}

/// The warning of a refresh that finds the previous token but not the current one.
pub(super) fn falls_back(title: &str, previous: TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        format!(
            "The previous token, {previous}, still exists, and becomes the current one in the state. If the resource is still \
             declared, the plan rotates it."
        ),
    )
}

/// The warning of a rotation whose previous token could not be deleted.
pub(super) fn predecessor_not_deleted(title: &str, id: TokenId, cause: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{title}: the previous token could not be deleted"),
        format!(
            "The new token is in the state. The previous one, {id}, may still be valid; the next apply deletes it. {}: {}",
            cause.summary, cause.detail
        ),
    )
}

/// Adds to the error of a rotation that the current token did not change.
pub(super) fn add_predecessor_unchanged(error: &mut Diagnostic, id: TokenId) {
    let note = format!("\n\nThe current token, {id}, did not change.");
    error.detail.push_str(&note);
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
    let (summary, mut consequence) = if excess.fits_after_deletions {
        (
            "This plan stays within the limit of permanent tokens only if it deletes tokens first",
            "The creations succeed only after the deletions. They may fail with `create_before_destroy`, or if Terraform runs \
             both at the same time."
                .to_owned(),
        )
    } else {
        (
            "This plan exceeds the limit of permanent tokens",
            "The platform rejects the creations beyond the limit. It is not documented whether deactivated tokens count."
                .to_owned(),
        )
    };
    let rotated = match excess.rotated {
        0 => String::new(),
        rotated => {
            consequence.push_str(
                " A rotation creates a token before it deletes the current one, and with `overlap` both remain for a while. If \
                 its creation is rejected, the current token does not change. To delete the current token first, although \
                 clients are rejected until they have the new value, run `terraform apply -replace=<address>`.",
            );
            format!(", rotates {rotated}")
        }
    };
    let detail = format!(
        "An account or space may have {LIMIT} permanent tokens. It has {}, and this plan creates {}{rotated} and deletes {} so \
         far. {consequence} Existing permanent tokens:\n{}",
        existing.len(),
        excess.created,
        excess.deleted,
        list(existing)
    );
    Diagnostic::warning(summary, detail).on("permanent")
}

/// The new tokens after a creation whose answer was lost, which may be orphans.
pub(super) struct Orphans {
    pub(super) new: Vec<StreamToken>,
    /// Whether the creation was that of a permanent token.
    pub(super) permanent: bool,
    /// The token that the created one was to replace.
    pub(super) predecessor: Option<TokenId>,
}

/// The error for a creation that the platform rejected. `permanent_tokens` are the existing ones,
/// if the limit may be the reason. `orphans` may stem from earlier attempts.
pub(super) fn create_rejected(error: &Error, permanent_tokens: &[StreamToken], orphans: &Orphans) -> Diagnostic {
    let mut diagnostic = request_failed(error);
    if permanent_tokens.len() >= LIMIT {
        let rotation = match orphans.predecessor {
            Some(_) => {
                " A rotation creates the new token first. To delete the current one first, although clients are rejected until \
                 they have the new value, run `terraform apply -replace=<address>`."
            }
            None => "",
        };
        diagnostic.detail.push_str(&format!(
            "\n\nAn account or space may have {LIMIT} permanent tokens, and these exist:\n{}\n\nDelete one that is no longer \
             needed.{rotation}",
            list(permanent_tokens)
        ));
        diagnostic = diagnostic.on("permanent");
    }
    if !orphans.new.is_empty() {
        diagnostic.detail.push_str(&format!("\n\n{}", orphans.describe()));
    }
    diagnostic
}

/// The error for a creation whose answer was lost.
pub(super) fn create_failed(error: &Error, orphans: &Orphans) -> Diagnostic {
    if orphans.new.is_empty() {
        return request_failed(error);
    }
    Diagnostic::error(
        format!("Could not {}", error.action()),
        format!("The answer was lost: {}. {}", error.kind(), orphans.describe()),
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

impl Orphans {
    /// Describes the tokens, and how to import or delete them.
    fn describe(&self) -> String {
        let expiry = if self.permanent {
            ""
        } else {
            " Temporary tokens expire within 24 hours."
        };
        let [first, ..] = &self.new[..] else {
            return String::new();
        };
        let id = first.id;
        let delete =
            format!("delete it, in NeuroIO's console or with `DELETE /v1/streams/tokens/{id}/`, and apply again.");
        let advice = match self.predecessor {
            Some(_) => delete,
            None => format!(
                "import it and apply again:\n\n  import {{\n    to = neuroio_stream_token.<label>\n    id = \"{id}\"\n  }}\n\nor \
                 {delete}"
            ),
        };
        format!(
            "New stream tokens since the request:{}\n\nThe platform does not record who created a token. Another client or \
             another `provider` block of this run may have created it, so it was not adopted. If neither did, \
             {advice}{expiry}",
            list(&self.new)
        )
    }
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
                rotated: 0,
                deleted: 0,
                fits_after_deletions,
            };
            let warning = limit_exceeded(&excess, &[]);
            assert!(warning.summary.contains(expected), "{warning}");
        }
    }

    #[test]
    fn orphans_are_imported_or_deleted_and_those_of_a_rotation_only_deleted() {
        for (permanent, predecessor, imports) in [
            (true, None, true),
            (false, None, true),
            (true, Some(tokens(1)[0].id), false),
        ] {
            let orphans = Orphans {
                new: tokens(2),
                permanent,
                predecessor,
            };
            let text = orphans.describe();
            assert_eq!(text.contains("id = \"1\""), imports, "{text}");
            assert!(text.contains("DELETE /v1/streams/tokens/1/"), "{text}");
            assert_eq!(text.contains("24 hours"), !permanent, "{text}");
        }
    }

    #[test]
    fn create_rejected_lists_the_permanent_tokens_at_the_limit_only() {
        let error = Error::new("create a stream token", Kind::Cancelled, false);
        for (count, is_limit) in [(4, false), (5, true)] {
            for predecessor in [None, Some(tokens(1)[0].id)] {
                let orphans = Orphans {
                    new: Vec::new(),
                    permanent: true,
                    predecessor,
                };
                let detail = create_rejected(&error, &tokens(count), &orphans).detail;
                assert_eq!(detail.contains("\n  - 1, "), is_limit, "{detail}");
                assert_eq!(
                    detail.contains("-replace"),
                    is_limit && predecessor.is_some(),
                    "{detail}"
                );
            }
        }
    }
}
