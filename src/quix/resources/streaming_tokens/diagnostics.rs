//! The errors and warnings about streaming tokens.

use super::diff::Diff;
use crate::framework::Diagnostic;
use crate::rest::Error;

/// The warning of a plan that rotates. `is_settled` is false if the tokens were rotated outside of
/// an apply.
pub(super) fn will_rotate(
    workspace: &str,
    times: u8,
    reasons: &[(&'static str, String)],
    is_settled: bool,
) -> Diagnostic {
    let attribute = reasons.first().map_or("rotation_triggers", |(attribute, _)| attribute);
    let reasons: Vec<_> = reasons.iter().map(|(_, reason)| reason.as_str()).collect();
    let reasons = reasons.join("; ");
    let once_more = if is_settled {
        ""
    } else {
        " They were rotated outside since the last apply. This plan rotates them once more, which also revokes the token that \
         was token 2 after the last apply."
    };
    let (summary, detail) = if times > 1 {
        (
            format!("Both streaming tokens of {workspace:?} will be revoked"),
            format!(
                "This plan rotates the streaming tokens twice: {reasons}. A rotation revokes token 1 and moves token 2 into its \
                 place, so revoking token 2 revokes token 1 as well. Clients with either token are rejected until they get a new \
                 one.{once_more}"
            ),
        )
    } else {
        (
            format!("Token 1 of {workspace:?} will be revoked"),
            format!(
                "This plan rotates the streaming tokens: {reasons}. Token 1 is revoked. Within a few minutes, the platform rejects \
                 all clients that still use it: by default, all deployments that were not restarted since the last rotation, because \
                 Quix__Sdk__Token is token 1. Token 2 becomes token 1 and remains valid.{once_more}\n\nApply once all clients \
                 use token 2, or when they may be unavailable until they are restarted."
            ),
        )
    };
    Diagnostic::warning(summary, detail).on(attribute)
}

/// The warning of a plan that may rotate, depending on values that are known only at apply.
pub(super) fn may_rotate(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Token 1 of {workspace:?} may be revoked"),
        "`rotation_triggers`, `forced_rotation_triggers` or `revoke_sha256` has a value that is known only at apply. If a trigger \
         changes, or a current token is listed, the streaming tokens are rotated: token 1 is revoked, and token 2 takes its \
         place. If token 2 is listed, both are revoked.",
    )
}

/// The warning of a plan that creates the resource with hashes of tokens to revoke.
pub(super) fn create_may_rotate(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Streaming tokens of {workspace:?} may be revoked"),
        "The apply reads the current tokens. If `revoke_sha256` lists token 1, it rotates them once, which revokes token 1. If it \
         lists token 2, it rotates them twice, which revokes both.",
    )
    .on("revoke_sha256")
}

/// The warning of a plan with hashes that match no current token.
pub(super) fn none_listed(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("No streaming token of {workspace:?} is listed in revoke_sha256"),
        "Neither current token has one of these SHA-256 hashes, so they cause no rotation. Either the listed tokens are already \
         revoked, or they are not tokens of this environment, or the hash is of something else, such as the token with a line \
         break. `printf %s \"$TOKEN\" | sha256sum` prints the right one.",
    )
    .on("revoke_sha256")
}

/// The warning of a plan in which `rotation_triggers` changed, but token 1 of the last apply is
/// already revoked.
pub(super) fn rotated_before_plan(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        already_rotated(workspace),
        "`rotation_triggers` changed, but the token that was token 1 after the last apply is already revoked: by a run that was \
         killed before its state was written, or by another client. This plan does not rotate again. If the current token 1 must \
         be revoked as well, for instance because it leaked, change `forced_rotation_triggers`, or list its SHA-256 hash in \
         `revoke_sha256`.",
    )
    .on("rotation_triggers")
}

/// The warning of an apply that finds the token already revoked.
pub(super) fn rotated_before_apply(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        already_rotated(workspace),
        "Token 1, which this plan revokes, was revoked after the plan was created: by another client, or by an interrupted apply \
         of the same plan. Token 2 is now token 1, as planned. No rotation was sent, because it would revoke a second token.",
    )
}

fn already_rotated(workspace: &str) -> String {
    format!("The streaming tokens of {workspace:?} have been rotated already")
}

/// The warning of a refresh that found a difference to the state.
pub(super) fn drift(workspace: &str, diff: Diff) -> Option<Diagnostic> {
    let (summary, detail) = match diff {
        Diff::Unchanged => return None,
        Diff::Stale => return Some(stale_read(workspace)),
        Diff::RotatedOnce => (
            "were rotated outside of an apply",
            "Token 1 of the state is revoked, and token 2 of the state is now token 1. Either another client rotated them, or a \
             run was killed before its state was written.",
        ),
        Diff::RotatedMore => (
            "were rotated outside of an apply, more than once",
            "Token 1 of the state is revoked, and token 2 of the state is not token 1. Clients with a revoked token are rejected.",
        ),
        Diff::Inconsistent => (
            "changed in a way that no rotation explains",
            "Either the platform replaced one token in its place, or it shows the tokens in another order than before. Compare \
             them with the portal before the next rotation, which may revoke another token than the plan says.",
        ),
    };
    Some(Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} {summary}"),
        format!("{detail} The state is updated, and so is everything that refers to the tokens."),
    ))
}

/// The warning of a refresh that read older tokens than the state has.
fn stale_read(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The platform shows streaming tokens of {workspace:?} from before the last rotation"),
        "The platform still shows token 1 of the state as token 2, as before the last rotation. The state has the tokens from the \
         answer to that rotation and is kept. If this persists for more than a few minutes, compare the tokens with the portal. To \
         adopt the tokens that the platform shows, remove the resource from the state (`terraform state rm`) and import it again.",
    )
}

/// The warning of a destroy, which revokes nothing.
pub(super) fn not_revoked(workspace: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The streaming tokens of {workspace:?} are removed from the state, but remain valid"),
        "An environment always has two streaming tokens, and only a rotation revokes one. Terraform removes them from the state; \
         clients can still use them.",
    )
}

/// The error for tokens that another client rotated between the plan and an apply that only stores
/// them.
pub(super) fn changed_since_plan(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} have changed since the plan was created"),
        "The apply read the tokens to store them as declared, but another client has rotated them. Nothing was rotated or stored. \
         Plan and apply again: the next plan shows the change.",
    )
}

/// The error for a token that cannot be encrypted.
pub(super) fn not_encrypted(problem: &str) -> Diagnostic {
    Diagnostic::error(
        "A streaming token could not be encrypted",
        format!("The token is not in the state: {problem}. The next apply reads it and encrypts it again."),
    )
    .on("age_recipients")
}

/// The error for a state that no operation of this provider writes.
pub(super) fn missing_in_state() -> Diagnostic {
    Diagnostic::error(
        "The state has no hashes of the streaming tokens",
        "The state of this resource always has the hashes of both tokens. It was edited by hand: remove the resource from it (`terraform state \
         rm`) and import it again.",
    )
}

/// The error for a rotation that would revoke the provider's own token.
pub(super) fn own_credential(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot revoke the provider's own token, which is a streaming token of {workspace:?}"),
        "After the rotation, the platform would reject the provider's `token` (or Quix__Sdk__Token, which is token 1). Give the \
         provider a personal access token: a rotation requires one of a user with the role Admin anyway.",
    )
}

/// The error for an apply that cannot continue because the result of an earlier rotation may not be
/// visible yet.
pub(super) fn not_settled(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("An earlier rotation of the streaming tokens of {workspace:?} is not visible yet"),
        "An earlier rotation was sent, and the platform may not show its result yet. Therefore no token was stored, and no other \
         rotation was sent, which could revoke token 2 as well. Apply again in a few minutes.",
    )
}

/// The error for tokens that another client rotated in addition.
pub(super) fn rotated_more_than_once(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} were rotated more than once"),
        "The planned token 1 is revoked, but the planned token 2 is not in its place: another client has rotated since the plan \
         was created. Clients with an earlier token are rejected. The state has both new tokens. Find out which client rotates, \
         give a new token to the rejected clients, and apply again for the changes that this error has prevented.",
    )
}

/// The error for tokens that changed in another way than by a rotation.
pub(super) fn inconsistent(workspace: &str) -> Diagnostic {
    Diagnostic::error(
        format!("The streaming tokens of {workspace:?} changed in a way that no rotation explains"),
        "A rotation revokes token 1 and makes token 2 token 1. The platform shows something else: it replaced one token in its \
         place, or shows the tokens in another order than before. It is unknown which of them a rotation revokes. Compare them \
         with the portal before the next rotation.",
    )
}

/// The error for a rotation after which the tokens cannot be read. `lost` is the error of the
/// rotation itself.
pub(super) fn rotate_outcome_unknown(workspace: &str, lost: Option<&Error>, unreadable: &Error) -> Diagnostic {
    let answer = match lost {
        Some(error) => format!("The answer to the rotation was lost: {}.", error.kind()),
        None => "The platform confirmed the rotation.".to_owned(),
    };
    Diagnostic::error(
        format!("Whether the streaming tokens of {workspace:?} were rotated is unknown"),
        format!(
            "{answer} The tokens could not be read afterwards: {}.\n\nIf they were rotated, token 1 is revoked and token 2 is \
             valid. Apply again: the apply reads the tokens first, and revokes no further token if token 1 is already revoked.",
            unreadable.kind()
        ),
    )
}

/// The error for a rotation without a visible effect. `lost` is the error of the rotation itself.
/// The next apply waits for it until `settles_after` minutes after it was sent.
pub(super) fn rotate_without_effect(workspace: &str, lost: Option<&Error>, settles_after: i64) -> Diagnostic {
    let (summary, answer) = match lost {
        Some(error) => (
            format!("Could not {}", error.action()),
            format!("The answer was lost: {}.", error.kind()),
        ),
        None => (
            format!("The streaming tokens of {workspace:?} did not change"),
            "The platform confirmed the rotation. A proxy or gateway may have answered in the platform's place, or the provider's \
             `rotate_streaming_tokens_path` belongs to another request."
                .to_owned(),
        ),
    };
    Diagnostic::error(
        summary,
        format!(
            "{answer} Half a minute later, both tokens are unchanged. The rotation was not repeated: if the first one takes effect \
             late, a second one would revoke token 2 as well.\n\nApply again: before the apply sends another rotation, it waits \
             until this one is visible, or until {settles_after} minutes after it was sent."
        ),
    )
}
