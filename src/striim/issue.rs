//! Making values: creation and rotation that end right although an answer may be lost.
//!
//! The platform shows a value once and knows no idempotency keys. A creation whose answer is lost has made an account
//! whose value nobody knows; a rotation whose answer is lost has ended the value that was in use.
//!
//! # Flow
//! - *Create*, where a recent list shows the name as free. Lost answer: fetch the list; if the account is there now and is
//!   as it was to be created, it is the one just made, and rotating it brings a value; if it is not there, create again.
//! - *Rotate*, a service account or a PAT: rotate. Lost answer: rotate again; only the last answer's value works, and
//!   that is the one returned.
//!
//! # Guarantees
//! - A value that is returned is the one that works.
//! - An account that was there before is never rotated by a creation; nor is one with another description, or where the
//!   list was older than [`MOMENTS`] with another expiry, which another client has created since.
//! - All ends within the operation. What may have been made then is told by [`Unmade::left_behind`], so that it can be
//!   recorded instead of forgotten.
//! - A rotation is not sent again with a value that it may have ended: the provider's own token is rotated once only, and
//!   one that may be its own again only if the platform still takes the value to ask with.
//!
//! # Assumptions
//! - No other client creates the same account, with the same description, within the same moments.
//! - Names are unique in the account (Striim's document: "A unique name for the service account").

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::api::{Api, IssuedToken, NewServiceAccount, Own, ServiceAccount, find, is_same_name};
use crate::platform::Recent;
use crate::rest::{Error, Kind, Operation, OutOfTime};

/// How old a list may be to prove by itself that an account which is there now was not there before the creation.
const MOMENTS: Duration = Duration::from_secs(2);

/// Why no value came of a creation.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) error: Error,
    /// The service accounts as last seen, if they were.
    pub(super) accounts: Option<Arc<[ServiceAccount]>>,
    /// Whether an account of ours is or may be there, without a value that anybody knows.
    pub(super) left_behind: bool,
}

impl Unmade {
    /// Whether the name is taken, or the quota used up. Which status says so is not documented: 409 may, and 400, which
    /// is for any argument that is wrong, only where the message is about the name or the quota, or where there is none.
    pub(super) fn is_conflict(&self) -> bool {
        match self.error.status() {
            Some(StatusCode::CONFLICT) => true,
            Some(StatusCode::BAD_REQUEST) => self.error.platform_message().is_none_or(tells_conflict),
            _ => false,
        }
    }

    /// Whether an account that the list does not show may hold the name: one that has expired may do so.
    pub(super) fn may_be_hidden(&self, name: &str) -> bool {
        let accounts = self.accounts.as_ref();
        self.is_conflict() && !self.left_behind && accounts.is_some_and(|accounts| find(accounts, name).is_none())
    }

    pub(super) fn nothing(error: Error) -> Self {
        Self {
            error,
            accounts: None,
            left_behind: false,
        }
    }
}

/// Whether the message of a 400 is about a name that is taken or a quota, and not about another argument.
fn tells_conflict(message: &str) -> bool {
    const TAKEN: [&str; 5] = ["already exist", "exists", "is taken", "already in use", "duplicate"];
    const QUOTA: [&str; 6] = ["quota", "limit", "maximum", "at most", "too many", "unique"];
    const OTHER: [&str; 6] = ["expir", "descri", "date", "month", "day", "character"];
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    has(&TAKEN) || (has(&QUOTA) && !has(&OTHER))
}

/// How long to wait before asking again after the `n`th lost answer, counted from 0.
fn pause(n: u32) -> Duration {
    Duration::from_secs(1 << n.min(5))
}

/// Makes a service account, and a value with it. `before` is what there was.
///
/// # Errors
/// [`Unmade`]; with 409 where the name is taken or the quota used up.
pub(super) async fn create(
    api: &Api,
    operation: &Operation,
    new: &NewServiceAccount<'_>,
    before: &Recent<ServiceAccount>,
) -> Result<IssuedToken, Unmade> {
    let was_there = find(&before.items, new.name).is_some();
    let mut absent_at = before.requested_at;
    let mut lost = 0;
    loop {
        let is_recent = absent_at.elapsed() <= MOMENTS;
        let (error, doubtful) = match api.create_service_account(operation, new).await {
            Ok(issued) if issued.names_another() => (about_another("create", new.name), Some(issued)),
            Ok(issued) => return Ok(issued),
            Err(error) => (error, None),
        };
        let conflict = error.status() == Some(StatusCode::CONFLICT);
        if !error.is_ambiguous() && (lost == 0 || !conflict) {
            // A refusal. After a lost answer it may still be there, unless only its name were in the way.
            let accounts = if conflict {
                api.list_service_accounts(operation).await.ok().map(Arc::from)
            } else {
                Some(before.items.clone())
            };
            return Err(Unmade {
                error,
                accounts,
                left_behind: lost > 0 && !was_there,
            });
        }
        let asked = Instant::now();
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
            && may_be_of(&issued, &before.items, &accounts, new.name)
        {
            return Ok(issued);
        }
        let is_created = |account: &ServiceAccount| api.may_be(new, account) && (is_recent || ends_as(new, account));
        let is_there = find(&accounts, new.name).is_some();
        if let Some(made) = made_since(&before.items, &accounts, new.name).filter(|made| is_created(made)) {
            let name = made.name.clone();
            tracing::warn!("the answer to the creation of {name:?} was lost: rotating it to have a value");
            let rotated = rotate(api, operation, &name, new.expires_at, Own::No).await;
            return rotated.map_err(|error| Unmade {
                error,
                accounts: Some(accounts.into()),
                left_behind: true,
            });
        }
        if is_there || conflict {
            return Err(Unmade {
                error,
                accounts: Some(accounts.into()),
                left_behind: false,
            });
        }
        tracing::warn!("the creation of {:?} came to nothing: trying again", new.name);
        absent_at = asked;
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
    let asked = Instant::now();
    let items: Arc<[_]> = api
        .list_service_accounts(operation)
        .await
        .map_err(Unmade::nothing)?
        .into();
    if find(&items, new.name).is_none() {
        match api.delete_service_account(operation, new.name).await {
            Err(error) if !error.is_not_found() => return Err(Unmade::nothing(error)),
            _ => {}
        }
    }
    create(
        api,
        operation,
        new,
        &Recent {
            items,
            requested_at: asked,
        },
    )
    .await
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
            Err(error) if lost > 0 => return Err(error.mark_ambiguous()),
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
async fn look(api: &Api, operation: &Operation, lost: u32) -> Result<Vec<ServiceAccount>, OutOfTime> {
    operation.pause(pause(lost)).await?;
    api.list_service_accounts(operation).await.map_err(|_| OutOfTime)
}

/// Whether a value that was issued for another name may be the one of the account that was requested: one has come since
/// `before` that has its token, or its name, or the requested name and no other token.
fn may_be_of(issued: &IssuedToken, before: &[ServiceAccount], accounts: &[ServiceAccount], requested: &str) -> bool {
    let answered = issued.mismatch.as_ref().map(|mismatch| mismatch.answered.as_str());
    accounts
        .iter()
        .filter(|account| find(before, &account.name).is_none())
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

/// The account that was made under this name since `before`: the platform may spell it in another way.
fn made_since<'a>(before: &[ServiceAccount], accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    let is_new = |account: &&ServiceAccount| find(before, &account.name).is_none();
    let exact = accounts.iter().filter(is_new).find(|account| account.name == name);
    exact.or_else(|| {
        let mut spelled = accounts.iter().filter(is_new);
        spelled.find(|account| is_same_name(&account.name, name))
    })
}

/// Whether a service account ends when the one that was to be created does, as far as both are known.
fn ends_as(new: &NewServiceAccount<'_>, account: &ServiceAccount) -> bool {
    let expiries = new.expires_at.zip(account.expires_at);
    expiries.is_none_or(|(asked, listed)| asked.as_second() == listed.as_second())
}

#[cfg(test)]
mod tests {
    #[test]
    fn bad_request_is_conflict_only_where_its_message_is_about_name_or_quota() {
        for (message, expected) in [
            ("a service account named \"ci\" exists", true),
            ("Service account name already exists", true),
            ("Name is taken", true),
            ("name must be unique", true),
            ("the account has 3 active service accounts of at most 3", true),
            ("Token quota exceeded", true),
            ("expires-at must be within 12 months", false),
            ("expiresAt exceeds the maximum of 365 days", false),
            ("The expiration date has already passed", false),
            ("description: must have at most 255 characters", false),
            ("name: must have 3 to 30 characters", false),
            ("Bad Request", false),
        ] {
            assert_eq!(super::tells_conflict(message), expected, "{message}");
        }
    }

    use secrecy::ExposeSecret;

    use super::*;
    use crate::sandbox::striim::{Expired, Options, Sandbox};
    use crate::sandbox::{Effect, Fault};
    use crate::striim::tests::{api, lost_answers, operation, sandbox};

    const CREATE: (&str, &str) = ("POST", "/service-account");
    const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");

    fn new(name: &str) -> NewServiceAccount<'_> {
        NewServiceAccount {
            name,
            description: None,
            expires_at: None,
        }
    }

    /// A creation after a look at what there is.
    async fn create(api: &Api, operation: &Operation, new: &NewServiceAccount<'_>) -> Result<IssuedToken, Unmade> {
        let before = listed(api).await;
        super::create(api, operation, new, &before).await
    }

    async fn listed(api: &Api) -> Recent<ServiceAccount> {
        Recent {
            requested_at: Instant::now(),
            items: api.list_service_accounts(&operation()).await.unwrap().into(),
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
            for fault in lost_answers() {
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
            for fault in lost_answers() {
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
        for fault in lost_answers() {
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
    async fn account_of_another_client_is_not_rotated_after_lost_answer() {
        let expiry = |sandbox: &Sandbox, days: u64| Some(sandbox.clock().now() + Duration::from_secs(days * 86_400));
        for (case, age, description, days, is_rotated) in [
            ("the same, by a list of these moments", 0, None, 30, true),
            ("the same, by an older list", 5, None, 30, true),
            ("another description", 0, Some("CI of the shop"), 30, false),
            ("another expiry, by a list of these moments", 0, None, 31, true),
            ("another expiry, by an older list", 5, None, 31, false),
        ] {
            let sandbox = sandbox(Options::default());
            let api = api(&sandbox);
            let before = listed(&api).await;
            tokio::time::advance(Duration::from_secs(age)).await;
            let ours = NewServiceAccount {
                expires_at: expiry(&sandbox, 30),
                ..new("ci-pipeline")
            };
            let theirs = NewServiceAccount {
                description,
                expires_at: expiry(&sandbox, days),
                ..ours
            };
            let theirs = api.create_service_account(&operation(), &theirs).await.unwrap();
            sandbox.fault(Fault::new(Effect::Cut).on(CREATE.0, CREATE.1));
            let created = super::create(&api, &operation(), &ours, &before).await;
            assert_eq!(created.is_ok(), is_rotated, "{case}");
            assert_eq!(sandbox.is_live(theirs.token.expose_secret()), !is_rotated, "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_left_behind_is_told() {
        for fault in lost_answers() {
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
