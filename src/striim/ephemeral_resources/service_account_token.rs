//! `ephemeral.striim_service_account_token`: a service account and its token for the time of a run.
//!
//! # Flow
//! Open deletes the orphans of killed runs, and creates a service account under a name of its own.
//! Close deletes it, which revokes the token.
//!
//! # Guarantees
//! - Open deletes an account that it created and cannot return. A token that neither Open nor Close
//!   could revoke expires `expires_in` after its creation, and the next Open with the same prefix deletes
//!   the account.
//! - No account of another origin is deleted: its name ([`ephemeral_name`]) proves ownership.
//!
//! # Assumptions
//! - The platform keeps the requested expiry, to the second. Otherwise an orphan stays until it is deleted
//!   by hand, and counts against the quota as long as it is listed.

mod diagnostics;

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome};
use crate::platform::attributes::check_name;
use crate::platform::{Session, ephemeral_name};
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, ServiceAccount};
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::{issued_for_another, quota_used_up};
use crate::striim::errors::request_failed;
use crate::striim::quota::{QUOTA, is_active};
use crate::striim::service_account::LIFETIME;
use crate::striim::service_account::error::CreateError;
use crate::striim::service_account::locked::LockedAccount;
use crate::striim::service_account::plan::{check_description, has_no_mark};
use crate::striim::token_value::KnownToken;
use crate::token::{Expiry, parse_duration};

/// The length of a prefix: with a hyphen and the suffix at most 30 characters.
const PREFIX: RangeInclusive<usize> = 1..=17;

/// How long a token is valid by default.
const EXPIRES_IN: Duration = Duration::from_secs(60 * 60);

/// The default description, which the portal shows.
const DESCRIPTION: &str = "For one run of Terraform, which revokes it";

/// Creates a service account and its token for the duration of one run. The token is in no plan and no state. Use it in the
/// configuration of another provider, or for a write-only argument.
///
/// Terraform opens it in the plan **and** again in the apply: each creates a service account, and deletes it once everything
/// that refers to it is done. While it is open, it uses one of the three places for service account tokens of a Striim Cloud
/// account. Keep one place free, and do not run concurrently what uses it.
///
/// When a run is interrupted, Terraform closes no ephemeral resource, and the provider revokes the token before it exits. If
/// the provider is killed as well, the token expires after `expires_in`, and the next run with the same `name_prefix` deletes
/// the account.
///
/// There is no ephemeral personal access token, because issuing one would revoke the user's present token.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct EphemeralServiceAccountToken {
    /// The prefix of the service account's name. A hyphen and 12 letters and digits follow, which make the name unique.
    #[attribute(required, length = PREFIX)]
    pub(in crate::striim) name_prefix: Field<String>,
    /// The description of the service account.
    #[attribute(optional, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// The lifetime of the token, such as `30m`: longer than the longest run, at most 12 months. Default: `1h`.
    #[attribute(optional)]
    pub(in crate::striim) expires_in: Field<String>,
    /// The service account's name.
    #[attribute(computed)]
    pub(in crate::striim) name: Field<String>,
    /// The token's value.
    #[attribute(computed)]
    pub(in crate::striim) token: Field<SecretString>,
    /// The platform's number for the value.
    #[attribute(computed)]
    pub(in crate::striim) token_id: Field<i64>,
    /// When the token expires.
    #[attribute(computed)]
    pub(in crate::striim) expires_at: Field<String>,
}

impl EphemeralServiceAccountToken {
    fn prefix(&self) -> &str {
        self.name_prefix.known().map_or("", String::as_str)
    }

    /// Returns the expiry of a token that is issued now.
    fn expiry(&self, now: Timestamp) -> Result<Expiry, Diagnostic> {
        let invalid = |problem: String| Diagnostic::invalid("expires_in", problem);
        let duration = match self.expires_in.known() {
            Some(text) => parse_duration(text).map_err(|error| invalid(format!("{error}; it is {text:?}")))?,
            None => EXPIRES_IN,
        };
        let instant = now.checked_add(duration).ok();
        let expiry = instant
            .map(Expiry::at)
            .filter(|expiry| expiry.check(now, LIFETIME).is_ok());
        expiry.ok_or_else(|| invalid("must be more than zero and at most 12 months".to_owned()))
    }
}

/// The private data that Open leaves for Close.
#[derive(Deserialize)]
struct Private {
    name: String,
    token_id: Option<i64>,
}

pub(in crate::striim) struct ServiceAccountTokenEphemeral {
    session: Session,
}

impl ServiceAccountTokenEphemeral {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Creates the service account, or deletes what a failed creation left.
    async fn create(
        &self,
        context: &Context,
        connection: &Connection,
        config: &EphemeralServiceAccountToken,
        name: &str,
        expiry: Expiry,
    ) -> Result<IssuedToken, Diagnostics> {
        let new = NewServiceAccount {
            name,
            description: Some(config.description.known().map_or(DESCRIPTION, String::as_str)),
            expires_at: Some(expiry.instant()),
        };
        let locked = LockedAccount::lock(connection, context, name).await;
        let created = locked.create(&new).await;
        drop(locked);
        let error = match created {
            Ok(issued) => return Ok(issued),
            Err(error) => error,
        };
        let mut diagnostics = Diagnostics::from(open_failed(&error, self.now()));
        if error.may_exist
            && let Err(diagnostic) = delete(connection, context, name, None).await
        {
            diagnostics.push(may_still_exist(diagnostic, name, Some(expiry)));
        }
        Err(diagnostics)
    }
}

impl EphemeralResource for ServiceAccountTokenEphemeral {
    type Model = EphemeralServiceAccountToken;
    type Client = Connection;

    const TYPE: &'static str = "striim_service_account_token";

    fn validate(&self, config: &EphemeralServiceAccountToken, diagnostics: &mut Diagnostics) {
        if let Some(prefix) = config.name_prefix.known() {
            check_name("name_prefix", prefix, diagnostics);
        }
        diagnostics.ok(config.expiry(self.now()));
    }

    async fn open(
        &self,
        context: &Context,
        config: EphemeralServiceAccountToken,
    ) -> Outcome<Opened<EphemeralServiceAccountToken>> {
        if context.is_config_unknown() {
            return Ok(unknown(config));
        }
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let connection = context.client()?;
        let now = self.now();
        let expiry = config.expiry(now)?;
        check_description(&connection, &config.description)?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let (orphans, others): (Vec<_>, Vec<_>) = accounts
            .iter()
            .cloned()
            .partition(|account| ephemeral_name::is_orphan(config.prefix(), &account.name, account.expires_at, now));
        for account in orphans {
            delete_orphan(&connection, context, &account, diagnostics).await;
        }
        let name = ephemeral_name::new(config.prefix(), expiry.instant());
        diagnostics.extend(connection.planned_accounts.create(&name, &[], &others, now));
        if others.iter().filter(|account| is_active(account, now)).count() + 1 == QUOTA {
            diagnostics.push(diagnostics::uses_up_quota(&others, now));
        }
        let issued = self.create(context, &connection, &config, &name, expiry).await?;
        diagnostics.extend(issued.mismatch.as_ref().map(issued_for_another));
        let private = json!({"name": name, "token_id": issued.token_id});
        let expires_at = issued.expires_at.map_or(expiry, Expiry::at);
        Ok(Opened {
            private: private.to_string().into_bytes(),
            renew_at: None,
            result: EphemeralServiceAccountToken {
                name: name.into(),
                token: issued.token.into(),
                token_id: issued.token_id.into(),
                expires_at: expires_at.to_string().into(),
                ..config
            },
        })
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        if private.is_empty() {
            return Ok(()); // Open created nothing while the configuration was unknown.
        }
        let private = serde_json::from_slice(private).map_err(|_| {
            let detail = "Terraform did not return the private data of the opening. This is a bug; please report it.";
            Diagnostic::error("Unreadable private data", detail)
        });
        let Private { name, token_id } = private?;
        let deleted = delete(&*context.client()?, context, &name, token_id).await;
        Ok(deleted.map_err(|diagnostic| may_still_exist(diagnostic, &name, None))?)
    }
}

/// The result while the provider's configuration is unknown.
fn unknown(config: EphemeralServiceAccountToken) -> Opened<EphemeralServiceAccountToken> {
    Opened {
        private: Vec::new(),
        renew_at: None,
        result: EphemeralServiceAccountToken {
            name: Field::Unknown,
            token: Field::Unknown,
            token_id: Field::Unknown,
            expires_at: Field::Unknown,
            ..config
        },
    }
}

/// Deletes the orphan of a killed run. A failure is a warning: the orphan only counts against the quota.
async fn delete_orphan(
    connection: &Connection,
    context: &Context,
    account: &ServiceAccount,
    diagnostics: &mut Diagnostics,
) {
    tracing::info!("deleting {:?}, the orphan of a killed run", account.name);
    if let Err(diagnostic) = delete(connection, context, &account.name, account.token_id).await {
        diagnostics.push(diagnostic.as_warning());
    }
}

/// Deletes the account, even if Terraform is interrupted, so that an interrupted run leaves no orphan.
async fn delete(
    connection: &Connection,
    context: &Context,
    name: &str,
    token_id: Option<i64>,
) -> Result<(), Diagnostic> {
    let known = KnownToken {
        value: &Field::Null,
        token_id,
    };
    let locked = LockedAccount::lock(connection, &context.detached(), name).await;
    locked.delete(known).await
}

/// The error of a creation.
fn open_failed(error: &CreateError, now: Timestamp) -> Diagnostic {
    let mut diagnostic = request_failed(&error.error);
    if let Some(accounts) = error.accounts.as_ref().filter(|_| error.is_conflict()) {
        diagnostic.detail.push_str("\n\n");
        diagnostic.detail.push_str(&quota_used_up(accounts, now));
        diagnostic.detail.push_str(
            "\n\nAn ephemeral token takes one of these places while it is open, in the plan and again in the apply.",
        );
    }
    diagnostic.on("name_prefix")
}

/// Completes the error of a failed deletion by what happens to the account.
fn may_still_exist(mut diagnostic: Diagnostic, name: &str, expiry: Option<Expiry>) -> Diagnostic {
    let at = expiry.map(|expiry| format!(", at {expiry}")).unwrap_or_default();
    diagnostic.detail.push_str(&format!(
        "\n\nThe ephemeral service account {name:?} may still exist. Its token expires{at}, and the next run with the same \
         `name_prefix` deletes it then. To free its place at once, revoke it in the portal."
    ));
    diagnostic
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::framework::{Configured, DynEphemeralResource};
    use crate::sandbox::striim::{Options, Sandbox};
    use crate::sandbox::{Effect, Fault};
    use crate::striim::tests::{context, lost_answers, sandbox};

    const CREATE: (&str, &str) = ("POST", "/service-account");
    const DELETE: (&str, &str) = ("DELETE", "/service-account");
    const ROTATE: (&str, &str) = ("POST", "/service-account/rotate");

    fn config() -> EphemeralServiceAccountToken {
        EphemeralServiceAccountToken {
            name_prefix: "run".into(),
            ..EphemeralServiceAccountToken::default()
        }
    }

    fn ephemeral(sandbox: &Sandbox) -> ServiceAccountTokenEphemeral {
        ServiceAccountTokenEphemeral::new(Session::new(sandbox.clock()))
    }

    async fn open(sandbox: &Sandbox) -> (Option<Opened<EphemeralServiceAccountToken>>, Diagnostics) {
        let context = context(sandbox);
        let opened = EphemeralResource::open(&ephemeral(sandbox), &context, config()).await;
        let opened = opened.map_err(|failed| {
            assert!(failed.leaves.is_none());
            context.diagnostics().extend(failed.diagnostics);
        });
        (opened.ok(), context.take_diagnostics())
    }

    async fn close(sandbox: &Sandbox, private: &[u8]) -> Diagnostics {
        let context = context(sandbox);
        // Terraform has been interrupted.
        context.cancellation.cancel();
        DynEphemeralResource::close(&ephemeral(sandbox), &context, private).await;
        context.take_diagnostics()
    }

    fn names(sandbox: &Sandbox) -> Vec<String> {
        let names = sandbox.service_accounts().into_iter().map(|account| account.name);
        names.filter(|name| name != "terraform").collect()
    }

    #[tokio::test(start_paused = true)]
    async fn token_is_valid_until_closed_after_lost_answers() {
        for (creations, rotations, revocations) in [(0, 0, 0), (1, 0, 0), (2, 1, 1), (0, 0, 2)] {
            for fault in lost_answers() {
                let sandbox = sandbox(Options::default());
                for ((method, path), times) in [(CREATE, creations), (ROTATE, rotations), (DELETE, revocations)] {
                    sandbox.fault(fault.clone().on(method, path).times(times));
                }
                let (opened, diagnostics) = open(&sandbox).await;
                assert!(!diagnostics.has_errors(), "{fault:?}: {diagnostics:?}");
                let Opened { result, private, .. } = opened.unwrap();
                let value = result.token.into_known().unwrap();
                assert!(sandbox.is_live(value.expose_secret()), "{fault:?}");
                assert_eq!(names(&sandbox), [result.name.into_known().unwrap()], "{fault:?}");
                assert!(
                    !String::from_utf8(private.clone())
                        .unwrap()
                        .contains(value.expose_secret())
                );

                let diagnostics = close(&sandbox, &private).await;
                assert!(!diagnostics.has_errors(), "{fault:?}: {diagnostics:?}");
                assert!(
                    !sandbox.is_live(value.expose_secret()) && names(&sandbox).is_empty(),
                    "{fault:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_open_leaves_no_orphan() {
        for fault in lost_answers() {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on(CREATE.0, CREATE.1).times(1_000));
            sandbox.fault(Fault::new(Effect::Cut).on(ROTATE.0, ROTATE.1).times(1_000));
            let (opened, diagnostics) = open(&sandbox).await;
            assert!(opened.is_none() && diagnostics.has_errors(), "{fault:?}");
            assert_eq!(names(&sandbox), <[&str; 0]>::default(), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_close_reports_expiry_of_the_account() {
        let sandbox = sandbox(Options::default());
        let (opened, _) = open(&sandbox).await;
        sandbox.fault(Fault::answer(500).on(DELETE.0, DELETE.1).times(1_000));
        let diagnostics = close(&sandbox, &opened.unwrap().private).await;
        let message = diagnostics.iter().next().unwrap().to_string();
        assert!(
            message.contains(&names(&sandbox)[0]) && message.contains("Its token expires"),
            "{message}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn open_deletes_only_expired_orphans_of_killed_runs() {
        let sandbox = sandbox(Options::default());
        sandbox.set_options(|options| options.quota = 10);
        let now = sandbox.clock().now();
        let (orphan, _) = open(&sandbox).await;
        let orphan = orphan.unwrap().result.name.into_known().unwrap();
        for (name, minutes) in [("run-production22", 30), ("run", 30), ("runner", 30)] {
            sandbox.add_service_account(name, Some(now + SignedDuration::from_mins(minutes)));
        }
        for (minutes, exists) in [(59, true), (2, false)] {
            sandbox.advance(SignedDuration::from_mins(minutes));
            let (opened, _) = open(&sandbox).await;
            close(&sandbox, &opened.unwrap().private).await;
            assert_eq!(names(&sandbox).contains(&orphan), exists);
            assert_eq!(names(&sandbox).len(), if exists { 4 } else { 3 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn open_warns_of_the_last_place_of_the_quota() {
        let sandbox = sandbox(Options::default());
        let (opened, diagnostics) = open(&sandbox).await;
        assert_eq!(diagnostics.iter().count(), 0);
        close(&sandbox, &opened.unwrap().private).await;

        sandbox.add_service_account("ci", None);
        let (opened, diagnostics) = open(&sandbox).await;
        let message = diagnostics.iter().next().unwrap().to_string();
        assert!(
            message.contains("uses up the quota") && message.contains("\"ci\""),
            "{message}"
        );
        close(&sandbox, &opened.unwrap().private).await;

        sandbox.add_service_account("cd", None);
        let (opened, diagnostics) = open(&sandbox).await;
        assert!(opened.is_none());
        let message = diagnostics.into_iter().last().unwrap().to_string();
        assert!(
            message.contains("quota of 3") && message.contains("in the plan and again in the apply"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn unknown_configuration_creates_and_deletes_nothing() {
        let sandbox = sandbox(Options::default());
        let context = Context::configured(Configured::Unknown("token"));
        let opened = EphemeralResource::open(&ephemeral(&sandbox), &context, config()).await;
        let Opened { result, private, .. } = opened.unwrap();
        assert!(result.token.is_unknown() && result.name_prefix == Field::from("run"));
        DynEphemeralResource::close(&ephemeral(&sandbox), &context, &private).await;
        assert!(context.take_diagnostics().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn arguments_that_the_platform_would_reject_are_invalid() {
        let sandbox = sandbox(Options::default());
        for (attribute, config) in [
            (
                "name_prefix",
                EphemeralServiceAccountToken {
                    name_prefix: "".into(),
                    ..config()
                },
            ),
            (
                "name_prefix",
                EphemeralServiceAccountToken {
                    name_prefix: "a-prefix-too-long-".into(),
                    ..config()
                },
            ),
            (
                "description",
                EphemeralServiceAccountToken {
                    description: "d".repeat(256).into(),
                    ..config()
                },
            ),
            (
                "expires_in",
                EphemeralServiceAccountToken {
                    expires_in: "soon".into(),
                    ..config()
                },
            ),
            (
                "expires_in",
                EphemeralServiceAccountToken {
                    expires_in: "0s".into(),
                    ..config()
                },
            ),
            (
                "expires_in",
                EphemeralServiceAccountToken {
                    expires_in: "400d".into(),
                    ..config()
                },
            ),
        ] {
            let diagnostics = DynEphemeralResource::validate(&ephemeral(&sandbox), &config.into_value());
            let error = diagnostics.iter().next().unwrap();
            assert_eq!(error.attribute.as_ref().unwrap(), &attribute);
        }
    }
}
