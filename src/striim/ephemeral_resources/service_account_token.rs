//! `ephemeral.striim_service_account_token`: an account and its token for the time of a run.
//!
//! # Flow
//! Open removes what killed runs left over, and makes an account under a name of its own. Close revokes it.
//!
//! # Guarantees
//! - What Open made and cannot hand over, it revokes again. What neither Open nor Close could revoke ends by itself,
//!   `expires_in` after it was made, and the next Open with the same prefix removes it.
//! - Nobody else's account is touched ([`name`] says what proves that).
//!
//! # Assumptions
//! - The platform keeps the expiry that it is given, to the second. If it does not, what is left over stays until somebody
//!   removes it, and takes a place as long as it is listed.

mod name;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome};
use crate::platform::Session;
use crate::platform::attributes::check_name;
use crate::rest::Operation;
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, ServiceAccount};
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::failure;
use crate::striim::issue::Unmade;
use crate::striim::quota;
use crate::striim::service_account::{self, LIFETIME, check_description, has_no_mark};
use crate::striim::token_value;
use crate::token::{Expiry, parse_duration};

/// How long a token is valid if the configuration does not say.
const EXPIRES_IN: Duration = Duration::from_secs(60 * 60);

/// What administrators read in the portal if the configuration does not say.
const DESCRIPTION: &str = "For one run of Terraform, which revokes it";

/// A service account for the time of one run, and its token, which is in no plan and no state: for the configuration of another
/// provider, or for a write-only argument. Needs Terraform 1.10.
///
/// Terraform opens it in the plan **and** again in the apply: each creates a service account, and revokes it when all that
/// refers to it is done. As long as it is open it takes one of the three places for service account tokens that a Striim Cloud
/// account has, so leave it one, and let runs that use it follow each other.
///
/// When a run is interrupted, Terraform closes nothing, and the provider revokes the token as it ends. Where that does not come
/// about, as when all is killed at once, the token expires after `expires_in`, and the next run with the same `name_prefix`
/// then removes the account.
///
/// There is no ephemeral personal access token, because issuing one would revoke the one that its user has.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct EphemeralServiceAccountToken {
    /// What the service account's name begins with. A hyphen and 12 letters and digits follow, which no other has.
    #[attribute(required, length = name::PREFIX)]
    pub(in crate::striim) name_prefix: Field<String>,
    /// What it is for.
    #[attribute(optional, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// How long the token is valid if nothing revokes it, such as `30m`: longer than the longest run, at most 12 months.
    /// Default: `1h`.
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
    /// When the token expires if nothing revokes it.
    #[attribute(computed)]
    pub(in crate::striim) expires_at: Field<String>,
}

impl EphemeralServiceAccountToken {
    fn prefix(&self) -> &str {
        self.name_prefix.known().map_or("", String::as_str)
    }

    /// When a token that is issued now is to expire.
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
        expiry.ok_or_else(|| invalid("must be more than nothing and at most 12 months".to_owned()))
    }
}

/// What Close needs to know of what Open made.
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

    async fn issue(
        &self,
        context: &Context,
        connection: &Connection,
        operation: &Operation,
        config: &EphemeralServiceAccountToken,
        name: &str,
        expiry: Expiry,
    ) -> Result<IssuedToken, Diagnostics> {
        let new = NewServiceAccount {
            name,
            description: Some(config.description.known().map_or(DESCRIPTION, String::as_str)),
            expires_at: Some(expiry.instant()),
        };
        let alone = connection.lock_name(name).await;
        let created = connection.create(operation, &new).await;
        drop(alone);
        let unmade = match created {
            Ok(issued) => return Ok(issued),
            Err(unmade) => unmade,
        };
        let mut diagnostics = Diagnostics::from(why_not_opened(&unmade, self.now()));
        if unmade.left_behind
            && let Err(diagnostic) = end(connection, context, name, None).await
        {
            diagnostics.push(still_there(diagnostic, name, Some(expiry)));
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
            return Ok(not_yet(config));
        }
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let now = self.now();
        let expiry = config.expiry(now)?;
        check_description(&connection, &config.description)?;
        let accounts = connection.service_accounts(&operation).await?;
        let (orphans, others): (Vec<_>, Vec<_>) = accounts
            .iter()
            .cloned()
            .partition(|account| name::is_left_over(config.prefix(), account, now));
        for account in orphans {
            remove(&connection, context, &account, diagnostics).await;
        }
        let name = name::new(config.prefix(), expiry.instant());
        diagnostics.extend(connection.ledger.create(&name, &[], &others, now));
        diagnostics.extend(quota::last_place(&others, now));
        let issued = self
            .issue(context, &connection, &operation, &config, &name, expiry)
            .await?;
        diagnostics.extend(issued.mismatch.as_ref().map(token_value::mismatch));
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
            return Ok(()); // There was nothing to create yet.
        }
        let private = serde_json::from_slice(private).map_err(|_| {
            let detail = "Terraform did not bring back what the opening left. This is a bug; please report it.";
            Diagnostic::error("Unreadable private data", detail)
        });
        let Private { name, token_id } = private?;
        let ended = end(&*context.client()?, context, &name, token_id).await;
        Ok(ended.map_err(|diagnostic| still_there(diagnostic, &name, None))?)
    }
}

/// What stands for a token while the provider does not know yet where to make it.
fn not_yet(config: EphemeralServiceAccountToken) -> Opened<EphemeralServiceAccountToken> {
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

/// Deletes the orphan of a killed run. If that fails, it only takes a place of the quota.
async fn remove(connection: &Connection, context: &Context, account: &ServiceAccount, diagnostics: &mut Diagnostics) {
    tracing::info!("deleting {:?}, the orphan of a killed run", account.name);
    if let Err(diagnostic) = end(connection, context, &account.name, account.token_id).await {
        diagnostics.push(diagnostic.as_warning());
    }
}

/// Revokes it, even if Terraform is interrupted: an interrupted run is to leave no orphan.
async fn end(connection: &Connection, context: &Context, name: &str, token_id: Option<i64>) -> Result<(), Diagnostic> {
    service_account::end(connection, &context.detached(), name, &Field::Null, &token_id.into()).await
}

fn why_not_opened(unmade: &Unmade, now: Timestamp) -> Diagnostic {
    let mut diagnostic = failure(&unmade.error);
    if let Some(accounts) = unmade.accounts.as_ref().filter(|_| unmade.is_conflict()) {
        diagnostic.detail.push_str("\n\n");
        diagnostic.detail.push_str(&quota::exhausted(accounts, now));
        diagnostic.detail.push_str(
            "\n\nAn ephemeral token takes one of these places while it is open, in the plan and again in the apply.",
        );
    }
    diagnostic.on("name_prefix")
}

/// What becomes of an account that could not be revoked.
fn still_there(mut diagnostic: Diagnostic, name: &str, expiry: Option<Expiry>) -> Diagnostic {
    let end = expiry.map(|expiry| format!(", at {expiry}")).unwrap_or_default();
    diagnostic.detail.push_str(&format!(
        "\n\nThe ephemeral service account {name:?} may still be there. Its token ends by itself{end}, and the next run with \
         the same `name_prefix` then removes it. To have its place at once, revoke it in the portal."
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
    async fn what_is_opened_works_until_it_is_closed_whatever_is_lost() {
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
    async fn an_opening_that_fails_leaves_nothing_behind() {
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
    async fn what_cannot_be_revoked_is_told_with_what_becomes_of_it() {
        let sandbox = sandbox(Options::default());
        let (opened, _) = open(&sandbox).await;
        sandbox.fault(Fault::answer(500).on(DELETE.0, DELETE.1).times(1_000));
        let diagnostics = close(&sandbox, &opened.unwrap().private).await;
        let told = diagnostics.iter().next().unwrap().to_string();
        assert!(
            told.contains(&names(&sandbox)[0]) && told.contains("ends by itself"),
            "{told}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_killed_runs_left_over_is_removed_once_it_has_ended_and_nothing_else_is() {
        let sandbox = sandbox(Options::default());
        sandbox.set_options(|options| options.quota = 10);
        let now = sandbox.clock().now();
        let (left, _) = open(&sandbox).await;
        let left = left.unwrap().result.name.into_known().unwrap();
        for (name, minutes) in [("run-production22", 30), ("run", 30), ("runner", 30)] {
            sandbox.add_service_account(name, Some(now + SignedDuration::from_mins(minutes)));
        }
        for (minutes, is_there) in [(59, true), (2, false)] {
            sandbox.advance(SignedDuration::from_mins(minutes));
            let (opened, _) = open(&sandbox).await;
            close(&sandbox, &opened.unwrap().private).await;
            assert_eq!(names(&sandbox).contains(&left), is_there);
            assert_eq!(names(&sandbox).len(), if is_there { 4 } else { 3 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_says_what_it_costs() {
        let sandbox = sandbox(Options::default());
        let (opened, diagnostics) = open(&sandbox).await;
        assert_eq!(diagnostics.iter().count(), 0);
        close(&sandbox, &opened.unwrap().private).await;

        sandbox.add_service_account("ci", None);
        let (opened, diagnostics) = open(&sandbox).await;
        let told = diagnostics.iter().next().unwrap().to_string();
        assert!(
            told.contains("takes the last place") && told.contains("\"ci\""),
            "{told}"
        );
        close(&sandbox, &opened.unwrap().private).await;

        sandbox.add_service_account("cd", None);
        let (opened, diagnostics) = open(&sandbox).await;
        assert!(opened.is_none());
        let told = diagnostics.into_iter().last().unwrap().to_string();
        assert!(
            told.contains("quota of 3") && told.contains("in the plan and again in the apply"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn while_the_provider_waits_nothing_is_made_and_nothing_is_closed() {
        let sandbox = sandbox(Options::default());
        let context = Context::configured(Configured::Unknown("token"));
        let opened = EphemeralResource::open(&ephemeral(&sandbox), &context, config()).await;
        let Opened { result, private, .. } = opened.unwrap();
        assert!(result.token.is_unknown() && result.name_prefix == Field::from("run"));
        DynEphemeralResource::close(&ephemeral(&sandbox), &context, &private).await;
        assert!(context.take_diagnostics().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_argument_that_the_platform_would_refuse_is_refused() {
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
