//! Making values: creation and rotation that end right although an answer may be lost.
//!
//! The platform shows a value once and knows no idempotency keys. A creation whose answer is lost has made an account
//! whose value nobody knows; a rotation whose answer is lost has ended the value that was in use.
//!
//! # Flow
//! - *Create*: look that the name is free; create. Lost answer: look again; if the account is there now, it is the one
//!   just made, and rotating it brings a value; if it is not, create again.
//! - *Rotate*: rotate. Lost answer: rotate again; only the last answer's value works, and that is the one returned.
//!
//! # Guarantees
//! - A value that is returned is the one that works.
//! - An account that was there before is never rotated by a creation.
//! - All ends within the operation. What may have been made then is told by [`Unmade::left_behind`], so that it can be
//!   recorded instead of forgotten.
//! - The provider's own token is rotated once only: after a lost answer, the value to ask with may be dead.
//!
//! # Assumptions
//! - Nobody else creates an account of the same name within the same moments.
//! - Names are unique in the account (Striim's document: "A unique name for the service account").

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use super::api::{Api, IssuedToken, NewServiceAccount, ServiceAccount};
use crate::rest::{Error, Operation, Over};

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
        let error = match api.create_service_account(operation, new).await {
            Ok(issued) => return Ok(issued),
            Err(error) => error,
        };
        let conflict = error.status() == Some(StatusCode::CONFLICT);
        if !error.is_ambiguous() && (lost == 0 || !conflict) {
            // A refusal. After a lost answer it may still be there, unless only its name were in the way.
            let accounts = if conflict {
                api.list_service_accounts(operation).await.ok()
            } else {
                // Which status says that a name is taken is not documented.
                was_there.then_some(before)
            };
            return Err(Unmade {
                error,
                accounts,
                left_behind: lost > 0 && !was_there,
            });
        }
        let accounts = match look(api, operation, lost).await {
            Ok(accounts) => accounts,
            Err(_) => {
                return Err(Unmade {
                    error,
                    accounts: None,
                    left_behind: !was_there,
                });
            }
        };
        let is_there = is_among(&accounts, new.name);
        if is_there && !was_there {
            tracing::warn!(
                "the answer to the creation of {:?} was lost: rotating it to have a value",
                new.name
            );
            let rotated = rotate(api, operation, new.name, new.expires_at, false).await;
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

/// Gives a service account a new value; `own` if it is the token that the API works with.
///
/// # Errors
/// The last failure. If it is ambiguous, the value that was in use may be dead.
pub(super) async fn rotate(
    api: &Api,
    operation: &Operation,
    name: &str,
    expires_at: Option<Timestamp>,
    own: bool,
) -> Result<IssuedToken, Error> {
    let mut lost = 0;
    loop {
        match api.rotate_service_account(operation, name, expires_at, own).await {
            Err(error) if error.is_ambiguous() && !own => {
                if operation.pause(pause(lost)).await.is_err() {
                    return Err(error);
                }
                tracing::warn!("the answer to the rotation of {name:?} was lost: rotating again");
                lost += 1;
            }
            Err(error) if lost > 0 => return Err(error.after_an_ambiguous_one()),
            outcome => return outcome,
        }
    }
}

/// Waits a little and asks what is there, past any list seen before.
async fn look(api: &Api, operation: &Operation, lost: u32) -> Result<Vec<ServiceAccount>, Over> {
    operation.pause(pause(lost)).await?;
    api.list_service_accounts(operation).await.map_err(|_| Over)
}

fn is_among(accounts: &[ServiceAccount], name: &str) -> bool {
    accounts.iter().any(|account| account.name == name)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::sandbox::{Effect, Fault, Options, Sandbox};
    use crate::striim::testing::{api, operation, sandbox};

    const CREATE: (&str, &str) = ("POST", "/service-account");
    const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");

    fn new(name: &str) -> NewServiceAccount<'_> {
        NewServiceAccount {
            name,
            description: None,
            expires_at: None,
        }
    }

    /// Every way in which an answer is lost, before or after the platform acted.
    fn losses() -> Vec<Fault> {
        let page = Fault::answer(200)
            .header("content-type", "text/html")
            .body("<html>Sign in</html>");
        let seen = [
            Fault::new(Effect::Cut),
            Fault::new(Effect::Hang),
            Fault::answer(502),
            Fault::answer(503)
                .header("content-type", "text/html")
                .body("<html>Bad gateway</html>"),
            Fault::answer(200),
            Fault::answer(201).body("{"),
            Fault::answer(200).body(r#"{"name":"somebody-else","token":"x","token-id":1}"#),
            page,
        ];
        let after = seen.iter().cloned().map(Fault::after);
        seen.iter()
            .cloned()
            .chain(after)
            .chain([Fault::new(Effect::Truncate)])
            .collect()
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
        for losses_in_a_row in 1..4 {
            for fault in losses() {
                let sandbox = sandbox(Options::default());
                let before = sandbox.add_service_account("ci-pipeline", None);
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(losses_in_a_row));
                let issued = rotate(&api(&sandbox), &operation(), "ci-pipeline", None, false)
                    .await
                    .unwrap();
                assert_settled(&sandbox, &["ci-pipeline"], &issued, &fault);
                assert!(!sandbox.is_live(before.expose_secret()), "{fault:?}");
            }
        }
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
    async fn the_own_token_is_rotated_once_only() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1));
        let error = rotate(&api(&sandbox), &operation(), "terraform", None, true)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(sandbox.calls(ROTATE.0, ROTATE.1), 1);
    }
}
