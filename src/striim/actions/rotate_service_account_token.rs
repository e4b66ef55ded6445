//! `action.striim_rotate_service_account_token`: rotates the token of a service account, and writes the
//! new value to Vault.
//!
//! # Flow
//! Checks that the secret in Vault is writable, rotates the token, and writes the value as the next version
//! of the secret ([`delivery`]).
//!
//! # Guarantees
//! - The value is in no state, plan, log or progress message, only in Vault.
//! - No token is rotated if the provider can detect that the value could not be written to Vault.
//! - A resource with the same path in Vault keeps its token: the next refresh reads the new value there.
//!
//! # Assumptions
//! - No state contains the value. If one does, its next plan finds that value revoked, and
//!   rotates.

use jiff::Timestamp;

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress, Schema};
use crate::platform::Session;
use crate::platform::delivery::{self, Secret, VaultDestination};
use crate::platform::rotation_policy::RotationPolicy;
use crate::striim::api::find;
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::{expiry_in_words, issued_for_another, no_such_account, rotate_failed, token_of};
use crate::striim::secret_owner::{FIELD_NAMES, service_account};
use crate::striim::service_account::LIFETIME;
use crate::striim::service_account::locked::LockedAccount;
use crate::striim::token_value::KnownToken;
use crate::token::Expiry;
use crate::vault::Entry;

/// Rotates the token of a service account and writes the new value to HashiCorp Vault only: after a leak, or on a schedule.
/// The old value stops working at once.
///
/// Invoke it with `terraform apply -invoke=action.striim_rotate_service_account_token.<label>`, or by an `action_trigger` in a
/// resource's `lifecycle`.
///
/// It suits a `striim_service_account_token` whose value is delivered to the same place in Vault, and service accounts that no
/// configuration manages. If the value is in a state, let the resource rotate: this action would revoke the value in the state,
/// and the next plan would rotate again.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Config {
    /// The service account's name, which is case-sensitive.
    #[attribute(required, length = 1..)]
    name: Field<String>,
    /// How long the new value is valid, such as `90d`; at most 12 months. Default: the account's.
    #[attribute(optional)]
    expires_in: Field<String>,
    // Described by the schema.
    #[attribute(required)]
    vault: Field<VaultDestination>,
}

const VAULT: &str = "The secret in HashiCorp Vault to write the value to. The provider checks that it may write there before it \
     rotates, and does not change a secret of another program.";

impl Config {
    fn policy(&self) -> RotationPolicy {
        RotationPolicy {
            expires_in: self.expires_in.clone(),
            ..RotationPolicy::default()
        }
    }
}

pub(in crate::striim) struct RotateServiceAccountToken {
    session: Session,
}

impl RotateServiceAccountToken {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }
}

impl Action for RotateServiceAccountToken {
    type Config = Config;
    type Client = Connection;

    const TYPE: &'static str = "striim_rotate_service_account_token";

    fn schema(&self) -> Schema {
        delivery::described(Config::schema(), &FIELD_NAMES).describe("vault", VAULT)
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        config.policy().validate(LIFETIME, self.now(), diagnostics);
        delivery::validate(&FIELD_NAMES, &config.vault, diagnostics);
    }

    async fn plan(&self, context: &Context, config: &Config) -> Result<(), Diagnostics> {
        let (Some(name), Some(connection)) = (config.name.known(), context.known_client()) else {
            return Ok(());
        };
        let operation = connection.operation(context);
        // Errors are ignored here: the invocation reports them.
        let Ok(accounts) = connection.service_accounts(&operation).await else {
            return Ok(());
        };
        let diagnostics = &mut *context.diagnostics();
        let Some(account) = find(&accounts, name) else {
            diagnostics.push(no_such_account("to rotate", name, &accounts).as_warning());
            return Ok(());
        };
        let owner = service_account(name, account.token_id).by_action();
        let writer = &connection.vault;
        writer.plan(&operation, &config.vault, owner, diagnostics).await;
        diagnostics.push(Diagnostic::warning(
            format!("{} will be rotated", token_of(name)),
            format!(
                "The present value ({}) stops working at once, even if it is in use. The new one is written to Vault.",
                expiry_in_words(account, self.now())
            ),
        ));
        Ok(())
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress) -> Result<(), Diagnostics> {
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let name = config.name.get()?;
        let connection = context.client()?;
        let expires_at = config.policy().expiry_to_send(self.now(), LIFETIME)?;
        let mut locked = LockedAccount::lock(&connection, context, name).await;
        let accounts = connection.fetch_accounts(locked.operation()).await?;
        let account = find(&accounts, name).ok_or_else(|| no_such_account("to rotate", name, &accounts))?;
        let owner = service_account(name, account.token_id).by_action();
        progress.send("Checking that the secret in Vault is writable").await;
        let (writer, vault) = (&connection.vault, &config.vault);
        let permit = writer.prepare(locked.operation(), vault, owner, diagnostics).await?;
        let permit = permit.ok_or_else(|| Diagnostic::invalid("vault", "must name the secret"))?;
        progress
            .send(format!("Rotating the token of service account {name:?}"))
            .await;
        let known = KnownToken {
            value: &Field::Null,
            token_id: account.token_id,
        };
        let rotated = locked.rotate(expires_at.map(Expiry::instant), known, diagnostics).await;
        let issued = rotated.map_err(|error| rotate_failed(name, &error))?;
        diagnostics.extend(issued.mismatch.as_ref().map(issued_for_another));
        locked.record_issued(&issued);
        progress.send("Writing the new value to Vault").await;
        let expiry = issued.expires_at.map(Expiry::at).or(expires_at);
        let note = expiry.map(|expiry| expiry.to_string());
        let secret = Secret {
            value: &issued.token,
            name,
            id: issued.token_id.map(Entry::Number),
            note: note.as_deref(),
            generation: Some(permit.generation.saturating_add(1)),
        };
        let written = permit.write(locked.operation(), &token_of(name), secret).await;
        let version = written.map_err(value_lost)?;
        progress
            .send(format!("Version {version} of the secret holds the new value"))
            .await;
        Ok(())
    }
}

/// Completes the error of a delivery after the rotation.
fn value_lost(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.detail.push_str(
        "\n\nThe token has a new value, which is lost. Invoke the action again: it issues another value and writes that to \
         Vault.",
    );
    diagnostic
}
