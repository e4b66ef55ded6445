//! Creation of service accounts, also where an answer is lost.
//!
//! The platform shows a value once, and the API has no idempotency key. A creation whose answer is
//! lost may have created an account whose value is unknown.
//!
//! # Flow
//! Create, where a recent list shows the name as free. After a lost answer, fetch the list. If the
//! account exists and matches the request, it is the one just created: rotate it for a known value.
//! If it does not exist, create again.
//!
//! # Guarantees
//! - A returned value is the one that works.
//! - A creation never rotates an account that existed before; nor one with another description, or
//!   with another expiry if the list was older than [`RECENT`]: another client has created that since.
//! - Everything ends within the operation. [`CreateError::may_exist`] reports an account that may
//!   exist without a known value, so that the state records it.
//!
//! # Assumptions
//! - No other client creates the same account, with the same description, within the same seconds.
//! - Names are unique in the account (Striim's document: "A unique name for the service account").

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::error::CreateError;
use super::locked::LockedAccount;
use super::rotate::rotate;
use crate::platform::Recent;
use crate::rest::Operation;
use crate::striim::api::{Api, IssuedToken, NewServiceAccount, OwnToken, ServiceAccount, find, is_same_name};
use crate::striim::connection::{Connection, Context};
use crate::striim::lost_answer::{fetch_after_pause, for_another};

/// The maximum age of a list that shows without another request that an account did not exist before the creation.
const RECENT: Duration = Duration::from_secs(2);

/// The number and the length of the pauses in which a creation waits for a deletion that frees its name.
const DELETION_PAUSES: u32 = 25;
const DELETION_PAUSE: Duration = Duration::from_millis(200);

/// Waits for a deletion in this run that frees a name: Terraform deletes and creates concurrently.
pub(in crate::striim) async fn wait_for_deletion(connection: &Connection, context: &Context, name: &str) {
    let operation = connection.operation(context);
    let Ok(cached) = connection.cached_accounts(&operation).await else {
        return;
    };
    let is_taken = find(&cached.items, name).is_some_and(|account| !connection.api.manages(account));
    for _ in 0..DELETION_PAUSES {
        if !is_taken || connection.planned_accounts.has_deleted(name) || operation.pause(DELETION_PAUSE).await.is_err()
        {
            return;
        }
    }
}

impl LockedAccount<'_> {
    /// Creates the service account, and its token.
    ///
    /// # Errors
    /// Returns the last failed request, and whether the account may exist.
    pub(in crate::striim) async fn create(&self, new: &NewServiceAccount<'_>) -> Result<IssuedToken, CreateError> {
        let cached = self.connection.cached_accounts(&self.operation).await;
        let before = cached.map_err(CreateError::without_effect)?;
        let created = create(&self.connection.api, &self.operation, new, &before).await;
        self.cache(new, &created).await;
        created
    }

    /// Creates the service account, and deletes first an account that the list hides and that holds
    /// its name.
    ///
    /// # Errors
    /// Returns the last failed request, and whether the account may exist.
    pub(in crate::striim) async fn create_over_hidden(
        &self,
        new: &NewServiceAccount<'_>,
    ) -> Result<IssuedToken, CreateError> {
        match self.create(new).await {
            Err(error) if error.may_be_hidden(new.name) => self.recreate(new).await,
            created => created,
        }
    }

    /// Creates a service account that was deleted, or that has expired and is no longer listed.
    ///
    /// # Errors
    /// Returns the last failed request, and whether the account may exist.
    pub(super) async fn recreate(&self, new: &NewServiceAccount<'_>) -> Result<IssuedToken, CreateError> {
        let created = recreate(&self.connection.api, &self.operation, new).await;
        self.cache(new, &created).await;
        created
    }

    /// Enters the outcome of a creation in the cached list.
    async fn cache(&self, new: &NewServiceAccount<'_>, created: &Result<IssuedToken, CreateError>) {
        match created {
            Ok(issued) => self.connection.cache_created(new, issued).await,
            Err(_) => self.connection.invalidate(),
        }
    }
}

/// Creates a service account and its token. `before` is what the account had.
async fn create(
    api: &Api,
    operation: &Operation,
    new: &NewServiceAccount<'_>,
    before: &Recent<ServiceAccount>,
) -> Result<IssuedToken, CreateError> {
    let existed = find(&before.items, new.name).is_some();
    let mut absent_at = before.requested_at;
    let mut lost = 0;
    loop {
        let is_recent = absent_at.elapsed() <= RECENT;
        let (error, doubtful) = match api.create_service_account(operation, new).await {
            Ok(issued) if issued.names_another() => (for_another("create", new.name), Some(issued)),
            Ok(issued) => return Ok(issued),
            Err(error) => (error, None),
        };
        let is_conflict = error.status() == Some(StatusCode::CONFLICT);
        if !error.is_ambiguous() && (lost == 0 || !is_conflict) {
            // Rejected. After a lost answer the account may exist, unless only its name was in the way.
            let accounts = if is_conflict {
                api.list_service_accounts(operation).await.ok().map(Arc::from)
            } else {
                Some(before.items.clone())
            };
            return Err(CreateError {
                error,
                accounts,
                may_exist: lost > 0 && !existed,
            });
        }
        let requested_at = Instant::now();
        let accounts = match (fetch_after_pause(api, operation, lost).await, &doubtful) {
            (Ok(accounts), _) => accounts,
            // No list contradicts such a value, so it is kept.
            (Err(_), Some(_)) if lost == 0 => return doubtful.ok_or_else(|| CreateError::without_effect(error)),
            (Err(_), _) => {
                return Err(CreateError {
                    error,
                    accounts: None,
                    may_exist: !existed,
                });
            }
        };
        if let Some(issued) = doubtful
            && may_be_of(&issued, &before.items, &accounts, new.name)
        {
            return Ok(issued);
        }
        let matches = |account: &ServiceAccount| api.may_be(new, account) && (is_recent || has_expiry_of(new, account));
        let is_listed = find(&accounts, new.name).is_some();
        if let Some(created) = created_since(&before.items, &accounts, new.name).filter(|created| matches(created)) {
            let name = created.name.clone();
            tracing::warn!("the answer to the creation of {name:?} was lost: rotating it for a known value");
            let rotated = rotate(api, operation, &name, new.expires_at, OwnToken::No).await;
            return rotated.map_err(|error| CreateError {
                error,
                accounts: Some(accounts.into()),
                may_exist: true,
            });
        }
        if is_listed || is_conflict {
            return Err(CreateError {
                error,
                accounts: Some(accounts.into()),
                may_exist: false,
            });
        }
        tracing::warn!("the creation of {:?} had no effect: trying again", new.name);
        absent_at = requested_at;
        lost += 1;
    }
}

/// Creates a service account whose name an account may hold that the list does not show.
///
/// An expired account may be listed no longer and still hold its name, so it is deleted first.
async fn recreate(api: &Api, operation: &Operation, new: &NewServiceAccount<'_>) -> Result<IssuedToken, CreateError> {
    let requested_at = Instant::now();
    let listed = api.list_service_accounts(operation).await;
    let items: Arc<[_]> = listed.map_err(CreateError::without_effect)?.into();
    if find(&items, new.name).is_none() {
        match api.delete_service_account(operation, new.name).await {
            Err(error) if !error.is_not_found() => return Err(CreateError::without_effect(error)),
            _ => {}
        }
    }
    create(api, operation, new, &Recent { items, requested_at }).await
}

/// Whether a value that was issued for another name may be that of the requested account.
///
/// It may, if an account was created since `before` that has the token of the value; or its name or
/// the requested one, and no other token.
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

/// Returns the account that was created under this name since `before`, however the platform spells it.
fn created_since<'a>(
    before: &[ServiceAccount],
    accounts: &'a [ServiceAccount],
    name: &str,
) -> Option<&'a ServiceAccount> {
    let is_new = |account: &&ServiceAccount| find(before, &account.name).is_none();
    let exact = accounts.iter().filter(is_new).find(|account| account.name == name);
    exact.or_else(|| {
        let mut spelled = accounts.iter().filter(is_new);
        spelled.find(|account| is_same_name(&account.name, name))
    })
}

/// Whether a listed account has the requested expiry, as far as both are known.
fn has_expiry_of(new: &NewServiceAccount<'_>, account: &ServiceAccount) -> bool {
    let expiries = new.expires_at.zip(account.expires_at);
    expiries.is_none_or(|(requested, listed)| requested.as_second() == listed.as_second())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::sandbox::striim::{Expired, Options, Sandbox};
    use crate::sandbox::{Effect, Fault};
    use crate::striim::api::{Mismatch, OwnerKey};
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

    /// Creates after fetching the list.
    async fn create(api: &Api, operation: &Operation, new: &NewServiceAccount<'_>) -> Result<IssuedToken, CreateError> {
        let before = listed(api).await;
        super::create(api, operation, new, &before).await
    }

    async fn listed(api: &Api) -> Recent<ServiceAccount> {
        Recent {
            requested_at: Instant::now(),
            items: api.list_service_accounts(&operation()).await.unwrap().into(),
        }
    }

    /// Asserts that the account has just these in addition to the provider's own, and that `value` works.
    fn assert_accounts(sandbox: &Sandbox, names: &[&str], value: &IssuedToken, fault: &Fault) {
        let existing: Vec<_> = sandbox
            .service_accounts()
            .into_iter()
            .map(|account| account.name)
            .collect();
        let actual: Vec<_> = existing
            .iter()
            .filter(|name| *name != "terraform")
            .map(String::as_str)
            .collect();
        assert_eq!(actual, names, "{fault:?}");
        assert!(sandbox.is_live(value.token.expose_secret()), "{fault:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn create_returns_working_value_after_lost_answers() {
        for (creations, rotations) in [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2), (2, 2)] {
            for fault in lost_answers() {
                let sandbox = sandbox(Options::default());
                sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(creations));
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(rotations));
                let issued = create(&api(&sandbox), &operation(), &new("ci-pipeline")).await.unwrap();
                assert_accounts(&sandbox, &["ci-pipeline"], &issued, &fault);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_returns_working_value_after_lost_answers() {
        for (losses_in_a_row, own) in [
            (1, OwnToken::No),
            (2, OwnToken::No),
            (3, OwnToken::No),
            (1, OwnToken::Unknown),
            (2, OwnToken::Unknown),
        ] {
            for fault in lost_answers() {
                let sandbox = sandbox(Options::default());
                let before = sandbox.add_service_account("ci-pipeline", None);
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(losses_in_a_row));
                let issued = rotate(&api(&sandbox), &operation(), "ci-pipeline", None, own)
                    .await
                    .unwrap();
                assert_accounts(&sandbox, &["ci-pipeline"], &issued, &fault);
                assert!(!sandbox.is_live(before.expose_secret()), "{fault:?}");
            }
        }
    }

    /// The lost rotation may have revoked the present value.
    #[tokio::test(start_paused = true)]
    async fn rejected_rotation_is_ambiguous_only_after_lost_answer() {
        for fault in lost_answers() {
            for losses in [0, 1] {
                let sandbox = sandbox(Options::default());
                sandbox.add_service_account("ci-pipeline", None);
                sandbox.fault(fault.clone().on(ROTATE.0, ROTATE.1).times(losses));
                sandbox.fault(Fault::answer(403).on(ROTATE.0, ROTATE.1));
                let error = rotate(&api(&sandbox), &operation(), "ci-pipeline", None, OwnToken::No)
                    .await
                    .unwrap_err();
                assert_eq!(error.is_ambiguous(), losses > 0, "{fault:?}");
            }
        }
    }

    #[test]
    fn misnamed_value_may_be_of_new_account_with_its_token_or_its_name_and_no_other_token() {
        let account = |name: &str, token_id| ServiceAccount {
            name: name.to_owned(),
            token_id,
            description: None,
            managed_by: None,
            expires_at: None,
            unreadable_expiry: None,
            updated_at: None,
            updated_by: None,
        };
        let issued = IssuedToken {
            token: "value".into(),
            token_id: Some(1),
            expires_at: None,
            updated_at: None,
            updated_by: None,
            mismatch: Some(Mismatch {
                key: OwnerKey::Name,
                requested: "ci".to_owned(),
                answered: "answered".to_owned(),
                is_same: false,
            }),
        };
        for (listed, expected) in [
            (account("third", Some(1)), true),
            (account("ci", None), true),
            (account("answered", None), true),
            (account("ci", Some(2)), false),
            (account("answered", Some(2)), false),
            (account("third", None), false),
        ] {
            let existed = std::slice::from_ref(&listed);
            assert_eq!(may_be_of(&issued, &[], existed, "ci"), expected, "{listed:?}");
            assert!(!may_be_of(&issued, existed, existed, "ci"), "{listed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn recreate_deletes_hidden_account_that_holds_the_name() {
        let sandbox = sandbox(Options {
            expired: Expired::Hidden,
            ..Options::default()
        });
        sandbox.add_service_account("ci-pipeline", Some(sandbox.clock().now() + Duration::from_secs(60)));
        sandbox.advance(Duration::from_secs(61).try_into().unwrap());
        let api = api(&sandbox);
        let refused = create(&api, &operation(), &new("ci-pipeline")).await.unwrap_err();
        assert!(!refused.may_exist && refused.may_be_hidden("ci-pipeline"));
        let issued = recreate(&api, &operation(), &new("ci-pipeline")).await.unwrap();
        assert!(sandbox.is_live(issued.token.expose_secret()));
    }

    #[tokio::test(start_paused = true)]
    async fn create_never_rotates_account_that_existed_before() {
        for fault in lost_answers() {
            let sandbox = sandbox(Options::default());
            let theirs = sandbox.add_service_account("ci-pipeline", None);
            sandbox.fault(fault.clone().on(CREATE.0, CREATE.1));
            let error = create(&api(&sandbox), &operation(), &new("ci-pipeline"))
                .await
                .unwrap_err();
            assert!(!error.may_exist, "{fault:?}");
            assert!(sandbox.is_live(theirs.expose_secret()), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn create_does_not_rotate_account_of_another_client_after_lost_answer() {
        let expiry = |sandbox: &Sandbox, days: u64| Some(sandbox.clock().now() + Duration::from_secs(days * 86_400));
        for (case, age, description, days, is_rotated) in [
            ("the same, by a recent list", 0, None, 30, true),
            ("the same, by an older list", 5, None, 30, true),
            ("another description", 0, Some("CI of the shop"), 30, false),
            ("another expiry, by a recent list", 0, None, 31, true),
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
    async fn create_reports_possible_orphan() {
        for fault in lost_answers() {
            let sandbox = sandbox(Options::default());
            let acted = fault.when == crate::sandbox::When::After || fault.effect == Effect::Truncate;
            sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(1_000));
            sandbox.fault(Fault::new(Effect::Cut).on(ROTATE.0, ROTATE.1).times(1_000));
            let error = create(&api(&sandbox), &operation(), &new("ci-pipeline"))
                .await
                .unwrap_err();
            assert!(error.may_exist || !acted, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_continues_with_new_value_of_unknown_own_token() {
        let sandbox = sandbox(Options::default());
        let api = api(&sandbox);
        rotate(&api, &operation(), "terraform", None, OwnToken::Unknown)
            .await
            .unwrap();
        api.list_service_accounts(&operation()).await.unwrap();

        // After a lost answer, nothing is sent again with the credential that may be revoked.
        sandbox.fault(Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1));
        let error = rotate(&api, &operation(), "terraform", None, OwnToken::Unknown)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(sandbox.calls(ROTATE.0, ROTATE.1), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn rotate_sends_own_token_once() {
        let sandbox = sandbox(Options::default());
        sandbox.fault(Fault::new(Effect::Cut).after().on(ROTATE.0, ROTATE.1));
        let error = rotate(&api(&sandbox), &operation(), "terraform", None, OwnToken::Yes)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(sandbox.calls(ROTATE.0, ROTATE.1), 1);
    }
}
