//! The errors and warnings of a service token.

use crate::framework::{Diagnostic, Field};
use crate::startree::api::{AccessKey, InvalidAccessKey, Name};
use crate::token::{Expiry, Reason};

/// The warning of a plan that rotates the token.
pub(super) fn rotates(title: &str, access_key: &str, overlap: &Field<String>, reasons: &[Reason]) -> Diagnostic {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let deletion = match overlap.known() {
        Some(overlap) => format!(
            "The current token, {access_key}, remains valid for `overlap` = {overlap}; the first apply after that deletes it."
        ),
        None => format!(
            "The current token, {access_key}, is deleted in the same apply, although it can take up to an hour until all \
             services accept the new one. Set `overlap` to keep both valid for a while."
        ),
    };
    Diagnostic::warning(
        format!("{title} will be rotated"),
        format!("Reason: {}. A new token gets its roles. {deletion}", reasons.join("; ")),
    )
}

/// The warning of a plan that deletes the previous token.
pub(super) fn deletes_previous(title: &str, previous: &str, until: Option<&str>) -> Diagnostic {
    let since = until.and_then(|until| Expiry::parse(until).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Diagnostic::warning(
        format!("{title}: the previous token will be deleted"),
        format!(
            "The service token {previous} is due for deletion{since}. Its roles are revoked, and clients that still use it lose \
             access."
        ),
    )
}

/// The warning of a refresh that finds neither the token nor a previous one.
pub(super) fn deleted_outside(title: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        format!(
            "It is removed from the state. Its value (access key {access_key}) is no longer valid. If the resource is still \
             declared, the plan creates a new token."
        ),
    )
}

/// The warning of a refresh that finds the previous token but not the current one.
pub(super) fn falls_back(title: &str, previous: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was deleted outside Terraform"),
        format!(
            "The previous token, {previous}, still exists, and becomes the current one in the state, without a value. The plan \
             shows the next rotation."
        ),
    )
}

/// The warning of an import, which cannot read the value.
pub(super) fn value_unknown(access_key: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("The value of the service token {access_key} is unknown"),
        "The platform showed the value only when the token was created, so `token` and `secret_key` are null. Clients that \
         have the value can still use it. To get a value that Terraform knows, first apply with `rotation_triggers`, then \
         change them: that creates a new token and deletes this one.",
    )
}

/// The error of an import whose id is neither an access key nor an SRN.
pub(super) fn invalid_id(error: InvalidAccessKey) -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        format!(
            "Import a service token by its access key or its SRN. The id {error}. A whole token is not accepted, because it \
             would appear in logs."
        ),
    )
}

/// The error where the state's access key is invalid.
pub(super) fn unreadable_access_key(error: InvalidAccessKey) -> Diagnostic {
    Diagnostic::error(
        "Invalid access key in the state",
        format!(
            "The value of `access_key` {error}. The state was edited by hand: restore it, or import the token again."
        ),
    )
}

/// The warning of a refresh that finds the token without roles.
pub(super) fn has_no_role(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} has no role"),
        "A token without a role has no access. Assign it one with a `startree_role_assignment`.",
    )
}

/// The warning of a refresh that finds the rotation of a killed run.
pub(super) fn rotation_completed(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was rotated by a run that did not finish"),
        "The new token has its roles and is in Vault, in a secret that names the token that it replaces. It is now in the \
         state, and the next apply deletes the previous token.",
    )
}

/// The warning of a refresh that cannot determine whether the token exists.
pub(super) fn possibly_deleted(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} was not found, and stays in the state"),
        "The platform answers that there is no such service token. But it has found no other one either, so the request \
         itself may be wrong: the platform does not document its answer about a deleted token. If the Security Manager does \
         not list the token among the API Tokens, remove the resource from the state (`terraform state rm`).",
    )
}

/// The error of a deletion after which it is unknown whether the token exists.
pub(super) fn existence_unknown(access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        format!("It is unknown whether the service token {access_key} was deleted"),
        "The platform no longer finds it. But it has found no other service token either, so the request itself may be wrong. \
         Look for the token among the API Tokens in the Security Manager and delete it there if it is listed. Then remove the \
         resource from the state (`terraform state rm`).",
    )
}

/// The warning of a rotation whose previous token could not be deleted.
pub(super) fn predecessor_not_deleted(title: &str, access_key: &AccessKey, cause: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{title}: the previous token could not be deleted"),
        format!(
            "The new token is in place. The previous one, {access_key}, is still valid; the next apply deletes it. {}: {}",
            cause.summary, cause.detail
        ),
    )
}

/// The warning of a plan that finds a possible orphan of a killed run. `lacking` are the roles that
/// only the orphan has.
pub(super) fn possible_orphan(title: &str, orphan: &AccessKey, lacking: &[&str]) -> Diagnostic {
    let roles = match lacking {
        [] => "the same roles".to_owned(),
        _ => format!("more roles ({lacking:?})"),
    };
    let mut detail = format!(
        "The service token {orphan} has the same description and {roles}. A rotation may have created it in a run that was \
         killed; then its value is lost. If it is not in use, delete it in the Security Manager."
    );
    if !lacking.is_empty() {
        detail.push_str(
            " That run may have revoked these roles of the current token. The rotation transfers only the roles that the \
             current token has: assign it the missing ones before the apply.",
        );
    }
    Diagnostic::warning(format!("{title} may have an orphan"), detail)
}

/// The error of a rotation whose current token was deleted after the plan.
pub(super) fn deleted_before_rotation(access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        "The current token was deleted after the plan",
        format!(
            "The service token {access_key} no longer exists, so its roles cannot be transferred to a new one. Another user or \
             another run may have deleted or rotated it. No token was created. Run again: the plan shows the deletion and \
             creates a token."
        ),
    )
}

/// The warning of a plan that rotates the token that the provider uses.
pub(super) fn rotates_own_token(title: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider uses this token",
        format!(
            "{title} is the provider's own credential. Before the next run, configure the provider with the new value (argument \
             `token`, or STARTREE_TOKEN). This run switches to the new token if the platform already accepts it. Otherwise \
             the next apply deletes the current one."
        ),
    )
}

/// The error of a deletion of the token that the provider uses.
pub(super) fn uses_own_token(title: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        "The provider uses this token",
        format!(
            "{title} (access key {access_key}) is the provider's own credential. Deleting it would make the rest of this run \
             fail. Configure the provider with another token (argument `token`, or STARTREE_TOKEN; after a rotation, the new \
             one) and run again. Or remove the resource from the state (`terraform state rm`) and delete the token in the \
             Security Manager."
        ),
    )
}

/// The warning of a plan that rotates a token whose roles cannot be read.
pub(super) fn roles_unknown(title: &str, cause: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{title}: its roles could not be read"),
        format!(
            "A rotation assigns all roles of the current token to the new one. If the apply cannot read them either, it fails \
             before it creates a token, and the current one remains valid. {}: {}",
            cause.summary, cause.detail
        ),
    )
}

/// The error of a rotation whose new token lost a role before the previous token was deleted.
pub(super) fn successor_lost_role(role: &Name, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        format!("The new token lost the role {:?}", role.as_str()),
        format!(
            "The role was assigned to {access_key}, but the platform no longer lists the assignment. Another user or another \
             run may have revoked it."
        ),
    )
}

/// Adds to the error of a creation that it may have left an orphan.
pub(super) fn add_possible_orphan(error: &mut Diagnostic, description: &str) {
    error.detail.push_str(&format!(
        "\n\nIf the platform created it, a service token with the description {description:?} exists whose value is lost. It \
         has no role, and therefore no access. The API has no list to find it in: look among the API Tokens in the Security \
         Manager, and delete it there."
    ));
}

/// Adds to the error of a creation that the new token was deleted again.
pub(super) fn add_cleanup_succeeded(error: &mut Diagnostic) {
    error.detail.push_str("\n\nThe new token was deleted again.");
}

/// Adds to the error of a creation that the new token could not be deleted again.
pub(super) fn add_cleanup_failed(error: &mut Diagnostic, access_key: &AccessKey, cause: &Diagnostic) {
    error.detail.push_str(&format!(
        "\n\nThe new token, {access_key}, could not be deleted again: {}. {} It is in the state, and the next apply deletes \
         it.",
        cause.summary, cause.detail
    ));
}
