//! The errors and warnings of a service token.

use crate::framework::{Diagnostic, Field};
use crate::startree::api::AccessKey;
use crate::token::{Expiry, Reason};

/// The warning of a plan that rotates.
pub(super) fn rotates(what: &str, access_key: &str, overlap: &Field<String>, reasons: &[Reason]) -> Diagnostic {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let revocation = match overlap.known() {
        Some(overlap) => format!(
            "The present one, {access_key}, stays valid for `overlap` = {overlap}; the first apply after that revokes it."
        ),
        None => format!(
            "The present one, {access_key}, is revoked in the same apply, although it may take up to an hour until the \
             new one is let in everywhere. With `overlap` both are valid for a while."
        ),
    };
    Diagnostic::warning(
        format!("{what} is to be rotated"),
        format!(
            "Why: {}. A new token takes over its roles. {revocation}",
            reasons.join("; ")
        ),
    )
}

/// The warning of a plan that revokes the token before the present one.
pub(super) fn revokes_previous(what: &str, previous: &str, until: Option<&str>) -> Diagnostic {
    let since = until.and_then(|until| Expiry::parse(until).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Diagnostic::warning(
        format!("{what}: the one before it is to be revoked"),
        format!(
            "The service token {previous} is due to end{since}: it loses its roles and is deleted, and whoever still uses it \
             loses access."
        ),
    )
}

/// The warning of a refresh that finds neither the token nor one before it.
pub(super) fn gone(what: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} was deleted outside Terraform"),
        format!(
            "It leaves the state. Its value, access key {access_key}, is no longer valid. While it is declared, the plan creates \
             it again."
        ),
    )
}

/// The warning of a refresh that finds only the token before the present one.
pub(super) fn falls_back(what: &str, previous: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} was deleted outside Terraform"),
        format!(
            "The one before it, {previous}, is still there, and takes its place in the state without a value. A plan \
             says what it does about it."
        ),
    )
}

/// The warning of an import, which cannot know the value.
pub(super) fn value_unknown(access_key: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("The value of the service token {access_key} is not known"),
        "The platform showed it once, when it was created, so `token` and `secret_key` stay null. The value remains valid \
         where it is in use. For one that Terraform knows, change `rotation_triggers`, once they are recorded: that creates \
         another token and revokes this one.",
    )
}

/// The warning of a refresh that a token is of no use.
pub(super) fn unusable(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has no role"),
        "A token without a role is let in nowhere. Give it one with a `startree_role_assignment`.",
    )
}

/// The warning of a refresh that found what a killed run has done.
pub(super) fn taken_over(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} was rotated by a run that did not come to its end"),
        "The new token has its roles and is in Vault, where it says which one it came after. It is taken over; the next \
         apply revokes the one before it.",
    )
}

/// The warning of a rotation whose old token is still there.
pub(super) fn stays(what: &str, access_key: &AccessKey, why: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{what}: the one before it could not be revoked"),
        format!(
            "The new one is in place, and {access_key} is still valid; the next apply revokes it. {}: {}",
            why.summary, why.detail
        ),
    )
}

/// The warning of a plan that finds what may be left of a killed run.
pub(super) fn left_over(what: &str, twin: &AccessKey) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has a twin"),
        format!(
            "The service token {twin} has the same description and the same roles. It may be what a rotation has made whose \
             run was killed: then nobody knows its value. If nobody uses it, delete it in the Security Manager."
        ),
    )
}

/// The warning of a plan that rotates the token that the provider itself works with.
pub(super) fn rotates_own(what: &str) -> Diagnostic {
    Diagnostic::warning(
        "The provider works with this token",
        format!(
            "{what} is the one that the provider itself was given. Before the next run, give it the new value (its argument \
             `token`, or STARTREE_TOKEN). In this run it goes on with whichever works: if the new one is not let in yet, the \
             present one is revoked by the next apply."
        ),
    )
}

/// The refusal to end the token that the provider itself works with.
pub(super) fn own(what: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        "The provider works with this token",
        format!(
            "{what} (access key {access_key}) is the one that the provider itself was given, and revoking it would cut short \
             whatever else this run has to do. Give the provider another token (its argument `token`, or STARTREE_TOKEN) and \
             run again; after a rotation, the new one. Or take the resource out of the state (`terraform state rm`) and delete \
             the token in the Security Manager."
        ),
    )
}

/// The warning of a plan that rotates a token whose roles cannot be read now.
pub(super) fn roles_unknown(what: &str, why: &Diagnostic) -> Diagnostic {
    Diagnostic::warning(
        format!("{what}: its roles could not be read"),
        format!(
            "A rotation gives the new token all roles of the present one. If they cannot be read when the plan is applied, \
             the apply fails before it creates anything, and the present token stays. {}: {}",
            why.summary, why.detail
        ),
    )
}
