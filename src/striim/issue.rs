//! Making values: creation and rotation that end right although an answer may be lost.
//!
//! The platform shows a value once and knows no idempotency keys. A creation whose answer is lost has made an account
//! whose value nobody knows; a rotation whose answer is lost has ended the value that was in use.
//!
//! # Flow
//! - *Create*: look that the name is free; create. Lost answer: look again; if the account is there now, it is the one
//!   just made, and rotating it brings a value; if it is not, create again.
//! - *Rotate*, a service account or a PAT: rotate. Lost answer: rotate again; only the last answer's value works, and
//!   that is the one returned.
//!
//! # Guarantees
//! - A value that is returned is the one that works.
//! - An account that was there before is never rotated by a creation.
//! - All ends within the operation. What may have been made then is told by [`Unmade::left_behind`], so that it can be
//!   recorded instead of forgotten.
//! - A rotation is not sent again with a value that it may have ended: the provider's own token is rotated once only, and
//!   one that may be its own again only if the platform still takes the value to ask with.
//!
//! # Assumptions
//! - Nobody else creates an account of the same name within the same moments.
//! - Names are unique in the account (Striim's document: "A unique name for the service account").

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use super::api::{Api, IssuedToken, NewServiceAccount, Own, ServiceAccount, is_same_name};
use crate::rest::{Error, Kind, Operation, Over};

/// Why no value came of a creation.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) error: Error,
    /// The service accounts as last seen, if they were.
    pub(super) accounts: Option<Vec<ServiceAccount>>,
    /// Whether an account of ours is or may be there, without a value that anybody knows.
    pub(super) left_behind: bool,
}

impl Unmade {
    /// Whether the name may be taken, or the quota used up: which status says so is not documented.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(
            self.error.status(),
            Some(StatusCode::CONFLICT | StatusCode::BAD_REQUEST)
        )
    }

    /// Whether an account that the list does not show may hold the name: one that has expired may do so.
    pub(super) fn may_be_hidden(&self, name: &str) -> bool {
        let accounts = self.accounts.as_ref();
        self.is_conflict() && !self.left_behind && accounts.is_some_and(|accounts| !is_among(accounts, name))
    }

    fn nothing(error: Error) -> Self {
        Self {
            error,
            accounts: None,
            left_behind: false,
        }
    }
}

/// How long to wait before asking again after the `n`th lost answer, counted from 0.
fn pause(n: u32) -> Duration {
    Duration::from_secs(1 << n.min(5))
}

/// Makes a service account, and a value with it.
///
/// # Errors
/// [`Unmade`]; with 409 where the name is taken or the quota used up.
pub(super) async fn create(
    api: &Api,
    operation: &Operation,
    new: &NewServiceAccount<'_>,
) -> Result<IssuedToken, Unmade> {
    let before = api.list_service_accounts(operation).await.map_err(Unmade::nothing)?;
    let was_there = is_among(&before, new.name);
    let mut lost = 0;
    loop {
        let (error, doubtful) = match api.create_service_account(operation, new).await {
            Ok(issued) if issued.names_another() => (about_another("create", new.name), Some(issued)),
            Ok(issued) => return Ok(issued),
            Err(error) => (error, None),
        };
        let conflict = error.status() == Some(StatusCode::CONFLICT);
        if !error.is_ambiguous() && (lost == 0 || !conflict) {
            // A refusal. After a lost answer it may still be there, unless only its name were in the way.
            let accounts = if conflict {
                api.list_service_accounts(operation).await.ok()
            } else {
                Some(before)
            };
            return Err(Unmade {
                error,
                accounts,
                left_behind: lost > 0 && !was_there,
            });
        }
        let accounts = match (look(api, operation, lost).await, &doubtful) {
            (Ok(accounts), _) => accounts,
            // Nothing has ever spoken against such a value, so it is kept.
            (Err(_), Some(_)) if lost == 0 => return doubtful.ok_or_else(|| Unmade::nothing(error)),
            (Err(_), _) => {
                return Err(Unmade {
                    error,
                    accounts: None,
                    left_behind: !was_there,
                });
            }
        };
        if let Some(issued) = doubtful
            && may_be_of(&issued, &before, &accounts, new.name)
        {
            return Ok(issued);
        }
        let is_there = is_among(&accounts, new.name);
        if let Some(name) = made_since(&before, &accounts, new.name) {
            tracing::warn!("the answer to the creation of {name:?} was lost: rotating it to have a value");
            let rotated = rotate(api, operation, &name, new.expires_at, Own::No).await;
            return rotated.map_err(|error| Unmade {
                error,
                accounts: Some(accounts),
                left_behind: true,
            });
        }
        if is_there || conflict {
            return Err(Unmade {
                error,
                accounts: Some(accounts),
                left_behind: false,
            });
        }
        tracing::warn!("the creation of {:?} came to nothing: trying again", new.name);
        lost += 1;
    }
}

/// Makes a service account that is ours to make although one of that name, which the list does not show, may be in the way:
/// one that has expired may be listed no longer and hold its name all the same, so it is revoked first.
///
/// # Errors
/// As [`create`].
pub(super) async fn create_again(
    api: &Api,
    operation: &Operation,
    new: &NewServiceAccount<'_>,
) -> Result<IssuedToken, Unmade> {
    let accounts = api.list_service_accounts(operation).await.map_err(Unmade::nothing)?;
    if !is_among(&accounts, new.name) {
        match api.delete_service_account(operation, new.name).await {
            Err(error) if !error.is_not_found() => return Err(Unmade::nothing(error)),
            _ => {}
        }
    }
    create(api, operation, new).await
}

/// Gives a service account a new value. An answer that names another one counts, unless the list shows that its value is not
/// the account's.
///
/// # Errors
/// The last failure. If it is ambiguous, the value that was in use may be dead.
pub(super) async fn rotate(
    api: &Api,
    operation: &Operation,
    name: &str,
    expires_at: Option<Timestamp>,
    own: Own,
) -> Result<IssuedToken, Error> {
    until_answered(api, operation, own, || async {
        let issued = api.rotate_service_account(operation, name, expires_at, own).await?;
        if own == Own::Yes || !issued.names_another() {
            return Ok(issued);
        }
        let may_be_its = |account: &ServiceAccount| {
            let has_token = account.token_id.is_some() && account.token_id == issued.token_id;
            has_token || is_same_name(&account.name, name) && !issued.is_not(account.token_id)
        };
        match api.list_service_accounts(operation).await {
            Ok(accounts) if !accounts.iter().any(may_be_its) => Err(about_another("rotate", name)),
            _ => Ok(issued),
        }
    })
    .await
}

/// The same for the PAT of the user with this address, or of the user whose token the API works with.
///
/// # Errors
/// As [`rotate`].
pub(super) async fn rotate_user_token(
    api: &Api,
    operation: &Operation,
    email: Option<&str>,
    expires_at: Option<Timestamp>,
    own: Own,
) -> Result<IssuedToken, Error> {
    until_answered(api, operation, own, || async {
        let issued = api.rotate_user_token(operation, email, expires_at, own).await?;
        if own == Own::Yes || !issued.names_another() {
            return Ok(issued);
        }
        let present = api.user_token(operation, email).await.ok().flatten();
        if present.is_some_and(|present| issued.is_not(present.token_id)) {
            Err(about_another("rotate", email.unwrap_or_default()))
        } else {
            Ok(issued)
        }
    })
    .await
}

/// Rotates until an answer comes, but never with a value that this may have ended.
async fn until_answered<F>(
    api: &Api,
    operation: &Operation,
    own: Own,
    rotate: impl Fn() -> F,
) -> Result<IssuedToken, Error>
where
    F: Future<Output = Result<IssuedToken, Error>>,
{
    let mut lost = 0;
    loop {
        let error = match rotate().await {
            Err(error) if error.is_ambiguous() => error,
            Err(error) if lost > 0 => return Err(error.after_an_ambiguous_one()),
            outcome => return outcome,
        };
        let may_ask_again = match own {
            Own::Yes => false,
            Own::No => operation.pause(pause(lost)).await.is_ok(),
            // If the list is still to be had, the value that the API works with was not ended.
            Own::Perhaps => look(api, operation, lost).await.is_ok(),
        };
        if !may_ask_again {
            return Err(error);
        }
        tracing::warn!("{error}; it may have been done all the same: rotating again");
        lost += 1;
    }
}

/// Waits a little and asks what is there, past any list seen before.
async fn look(api: &Api, operation: &Operation, lost: u32) -> Result<Vec<ServiceAccount>, Over> {
    operation.pause(pause(lost)).await?;
    api.list_service_accounts(operation).await.map_err(|_| Over)
}

/// Whether a value that was issued for another name may be the one of the account that was requested: one has come since
/// `before` that has its token, or its name, or the requested name and no other token.
fn may_be_of(issued: &IssuedToken, before: &[ServiceAccount], accounts: &[ServiceAccount], requested: &str) -> bool {
    let answered = issued.mismatch.as_ref().map(|mismatch| mismatch.answered.as_str());
    accounts
        .iter()
        .filter(|account| !is_among(before, &account.name))
        .any(|account| {
            let has_token = account.token_id.is_some() && account.token_id == issued.token_id;
            let is_named = answered == Some(&account.name) || account.name == requested;
            has_token || is_named && !issued.is_not(account.token_id)
        })
}

/// The failure of an answer that is about another owner than the request.
fn about_another(verb: &str, owner: &str) -> Error {
    let (status, reason) = (StatusCode::OK, format!("it is about another one than {owner:?}").into());
    Error::new(
        &format!("{verb} the token of {owner:?}"),
        Kind::Unreadable { status, reason },
        true,
    )
}

/// The name of the account that was made under this one since `before`: the platform may spell it in another way.
fn made_since(before: &[ServiceAccount], accounts: &[ServiceAccount], name: &str) -> Option<String> {
    let is_new = |account: &&ServiceAccount| !is_among(before, &account.name);
    let exact = accounts.iter().filter(is_new).find(|account| account.name == name);
    let made = exact.or_else(|| {
        let mut spelled = accounts.iter().filter(is_new);
        spelled.find(|account| is_same_name(&account.name, name))
    });
    made.map(|account| account.name.clone())
}

fn is_among(accounts: &[ServiceAccount], name: &str) -> bool {
    accounts.iter().any(|account| account.name == name)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::sandbox::striim::{Expired, Options, Sandbox};
    use crate::sandbox::{Effect, Fault};
    use crate::striim::testing::{api, losses, operation, sandbox};

    const CREATE: (&str, &str) = ("POST", "/service-account");
    const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");

    fn new(name: &str) -> NewServiceAccount<'_> {
        NewServiceAccount {
            name,
            description: None,
            expires_at: None,
        }
    }

    /// The account has just these beside the provider's own, and `value` works.
    fn assert_settled(sandbox: &Sandbox, names: &[&str], value: &IssuedToken, fault: &Fault) {
        let there: Vec<_> = sandbox
            .service_accounts()
            .into_iter()
            .map(|account| account.name)
            .collect();
        let expected: Vec<_> = there
            .iter()
            .filter(|name| *name != "terraform")
            .map(String::as_str)
            .collect();
        assert_eq!(expected, names, "{fault:?}");
        assert!(sandbox.is_live(value.token.expose_secret()), "{fault:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_brings_a_value_that_works_whatever_is_lost() {
        for (creations, rotations) in [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2), (2, 2)] {
            for fault in losses() {
                let sandbox = sandbox(Options::default());
                sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(creations));
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(rotations));
                let issued = create(&api(&sandbox), &operation(), &new("ci-pipeline")).await.unwrap();
                assert_settled(&sandbox, &["ci-pipeline"], &issued, &fault);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotation_brings_a_value_that_works_whatever_is_lost() {
        for (losses_in_a_row, own) in [
            (1, Own::No),
            (2, Own::No),
            (3, Own::No),
            (1, Own::Perhaps),
            (2, Own::Perhaps),
        ] {
            for fault in losses() {
                let sandbox = sandbox(Options::default());
                let before = sandbox.add_service_account("ci-pipeline", None);
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(losses_in_a_row));
                let issued = rotate(&api(&sandbox), &operation(), "ci-pipeline", None, own)
                    .await
                    .unwrap();
                assert_settled(&sandbox, &["ci-pipeline"], &issued, &fault);
                assert!(!sandbox.is_live(before.expose_secret()), "{fault:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_a_hidden_account_holds_is_made_again() {
        let sandbox = sandbox(Options {
            expired: Expired::Hidden,
            ..Options::default()
        });
        sandbox.add_service_account("ci-pipeline", Some(sandbox.clock().now() + Duration::from_secs(60)));
        sandbox.advance(Duration::from_secs(61).try_into().unwrap());
        let api = api(&sandbox);
        let refused = create(&api, &operation(), &new("ci-pipeline")).await.unwrap_err();
        assert!(!refused.left_behind && refused.may_be_hidden("ci-pipeline"));
        let issued = create_again(&api, &operation(), &new("ci-pipeline")).await.unwrap();
        assert!(sandbox.is_live(issued.token.expose_secret()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_was_there_before_is_never_rotated_by_a_creation() {
        for fault in losses() {
            let sandbox = sandbox(Options::default());
            let theirs = sandbox.add_service_account("ci-pipeline", None);
            sandbox.fault(fault.clone().on(CREATE.0, CREATE.1));
            let unmade = create(&api(&sandbox), &operation(), &new("ci-pipeline"))
                .await
                .unwrap_err();
            assert!(!unmade.left_behind, "{fault:?}");
            assert!(sandbox.is_live(theirs.expose_secret()), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_left_behind_is_told() {
        for fault in losses() {
            let sandbox = sandbox(Options::default());
            let acted = fault.when == crate::sandbox::When::After || fault.effect == Effect::Truncate;
            sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(1_000));
            sandbox.fault(Fault::new(Effect::Cut).on(ROTATE.0, ROTATE.1).times(1_000));
            let unmade = create(&api(&sandbox), &operation(), &new("ci-pipeline"))
                .await
                .unwrap_err();
            assert!(unmade.left_behind || !acted, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_own_token_whose_value_nobody_knew_is_found_out_and_gone_on_with() {
        let sandbox = sandbox(Options::default());
        let api = api(&sandbox);
        rotate(&api, &operation(), "terraform", None, Own::Perhaps)
            .await
            .unwrap();
        api.list_service_accounts(&operation()).await.unwrap();

        // Its answer lost, nothing is sent again with the value that it ended.
        sandbox.fault(Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1));
        let error = rotate(&api, &operation(), "terraform", None, Own::Perhaps)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(sandbox.calls(ROTATE.0, ROTATE.1), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_own_token_is_rotated_once_only() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1));
        let error = rotate(&api(&sandbox), &operation(), "terraform", None, Own::Yes)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(sandbox.calls(ROTATE.0, ROTATE.1), 1);
    }
}
