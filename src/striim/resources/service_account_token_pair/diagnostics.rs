//! The diagnostics of `striim_service_account_token_pair`.

use jiff::Timestamp;

use crate::framework::{Diagnostic, Severity};
use crate::platform::rotation_policy::listed;
use crate::striim::api::ServiceAccount;
use crate::striim::diagnostics::list;
use crate::striim::quota::QUOTA;
use crate::token::{Expiry, HumanDuration, Reason};

pub(super) use crate::striim::diagnostics::{
    DeclaredBy, cannot_revoke_own_token, create_failed, name_taken, recreates_orphan, reissue_failed, token_of,
};

/// The name of a pair in messages.
pub(super) fn pair_of(name: &str) -> String {
    format!("The pair of tokens {name:?}")
}

/// The service account that gets the new value of a rotation.
pub(super) enum Rotated {
    Created,
    /// The account exists, and its present value is not in the state.
    UnknownValue,
    KnownValue,
}

/// The account whose value stays valid in a rotation.
pub(super) struct Remaining<'a> {
    pub(super) name: &'a str,
    pub(super) expiry: Option<Expiry>,
    /// Whether the value stays where it was stored before the declared storage changed.
    pub(super) stays_in_former_storage: bool,
}

/// The warning of a plan that rotates.
pub(super) fn will_rotate(
    pair: &str,
    (name, rotated): (&str, Rotated),
    remaining: Option<Remaining<'_>>,
    reasons: &[Reason],
) -> Diagnostic {
    let effect = match rotated {
        Rotated::Created => format!("Service account {name:?} is created, and its value becomes `current`."),
        Rotated::UnknownValue => format!(
            "Service account {name:?} gets a new value, which becomes `current`; a value that it has now is revoked."
        ),
        Rotated::KnownValue => format!(
            "Service account {name:?} gets a new value, which becomes `current`; the one that it has now stops working \
             at that moment."
        ),
    };
    let remaining = remaining.map(|remaining| {
        let name = remaining.name;
        let until = remaining.expiry.map(|expiry| format!(", until {expiry} at the latest"));
        let until = until.unwrap_or_default();
        let place = match remaining.stays_in_former_storage {
            true => " It stays where it is stored now until the next rotation revokes it.",
            false => "",
        };
        format!(" That of {name:?} is not touched, and is `previous`{until}.{place}")
    });
    Diagnostic::warning(
        format!("{} will be rotated", pair_of(pair)),
        format!(
            "Why, of its current value: {}. {effect}{}",
            listed(reasons),
            remaining.unwrap_or_default()
        ),
    )
}

/// The warning of a plan that rotates an existing account which the state does not have.
pub(super) fn adopts(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The service account {name:?} will be adopted"),
        "A service account of that name exists and is not in the state: an interrupted run left it, or another client \
         created it. The name belongs to the pair, so the apply rotates the token, which revokes its present value.",
    )
}

/// The warning of a refresh that finds an account under a name of the pair which the state does not have.
pub(super) fn found(pair: &str, name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!(
            "{} has a service account that the state did not know: {name:?}",
            pair_of(pair)
        ),
        "An interrupted run left it, or another client created it. The name belongs to the pair, so it is `previous` now, \
         with a value that Terraform does not know: the next rotation issues another one, and destroying the pair deletes it.",
    )
}

/// The warning of a refresh that finds another value than the delivered one.
pub(super) fn rotated_outside(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{} was rotated outside Terraform", token_of(name)),
        "The value that Terraform delivered to Vault no longer works, and Terraform does not know the present one. The next \
         plan shows whether it issues a new value.",
    )
    .on("vault")
}

/// The warning that a value expires before the next rotation revokes it.
pub(super) fn short_overlap(pair: &str, overlap: HumanDuration) -> Diagnostic {
    Diagnostic::warning(
        format!("The overlap of the pair {pair:?} is short"),
        format!(
            "A value is replaced after `rotate_every` and expires after `expires_in`, so its users have {overlap} after a \
             rotation to fetch the new one, less the delay of the apply. With `rotate_every` at most half of `expires_in`, \
             it remains valid until the next rotation."
        ),
    )
    .on("rotate_every")
}

/// The error of an apply whose plan would now revoke the only valid value.
pub(super) fn outdated_plan(pair: &str) -> Diagnostic {
    Diagnostic::error(
        "The plan is out of date",
        format!(
            "Since the plan for the pair {pair:?} was created, a value that it keeps has expired or was revoked. Nothing \
             was rotated. Run again for a new plan."
        ),
    )
}

/// The error of an apply that finds the second name of a pair taken.
pub(super) fn second_name_taken(pair: &str, name: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        ..name_taken(name, DeclaredBy::Pair(pair), false)
    }
}

/// The error of an import of a pair that does not exist.
pub(super) fn no_such_pair(pair: &str, [first, second]: [&str; 2]) -> Diagnostic {
    Diagnostic::error(
        "No such pair",
        format!(
            "There is neither a service account {first:?} nor {second:?} to import as the pair {pair:?}. Names are \
             case-sensitive."
        ),
    )
}

/// The warning of an import, which cannot read the values.
pub(super) fn values_unknown_after_import(pair: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("The values of the pair of tokens {pair:?} are not known"),
        "The platform showed them once, when they were issued, so `current.token` and `previous.token` stay null. They remain \
         valid where they are in use. The next apply records `expires_in`; a rotation, by `rotate_every` or a change of \
         `rotation_triggers`, issues a value that Terraform knows and revokes the older of the two.",
    )
}

/// The advice for a `moved` block from a single token.
pub(super) fn moved_from_token([first, second]: [&str; 2]) -> String {
    format!(
        "The pair has two service accounts, named such as {first:?} and {second:?}, and a service account cannot be renamed. \
         Declare the pair next to the token, distribute `current.token`, and only then remove the token: so a valid value is \
         available all the time. The three together use up the account's quota."
    )
}

/// The warning that the quota is used up before a later rotation creates a service account.
pub(super) fn no_quota_for_rotation(name: &str, accounts: &[ServiceAccount], now: Timestamp) -> Diagnostic {
    Diagnostic::warning(
        "No quota for a second service account",
        format!(
            "The first rotation creates the service account {name:?}. A Striim Cloud account may have {QUOTA} active service \
             account tokens, and this plan uses them all: the rotation would be rejected. The account has:\n{}\n\n\
             Revoke a token that is no longer needed before the rotation is due.",
            list(accounts, now)
        ),
    )
}
