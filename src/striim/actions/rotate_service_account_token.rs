//! `action.striim_rotate_service_account_token`: gives a service account a new value, and hands it over to Vault.
//!
//! # Flow
//! Prove that Vault may be written to; rotate; write after exactly what was seen ([`delivery`]).
//!
//! # Guarantees
//! - The value is in no state, plan, log or progress: Vault alone has it.
//! - Nothing is rotated that could not be delivered, as far as that can be known before.
//! - A token of a configuration that hands it over to the same place goes on as before: the next refresh finds the delivery.
//!
//! # Assumptions
//! - No resource keeps the value in a state. If one does, its next plan finds that value dead, and rotates.

use jiff::Timestamp;

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress, Schema};
use crate::platform::Session;
use crate::platform::delivery::{self, Secret, VaultDestination};
use crate::striim::api::find;
use crate::striim::connection::{Connection, Context};
use crate::striim::labels::{LABELS, service_account};
use crate::striim::quota::ending;
use crate::striim::rotation::RotationPolicy;
use crate::striim::service_account::{LIFETIME, no_such_account, rotate, token_of, why_not_rotated};
use crate::striim::token_value;
use crate::token::Expiry;
use crate::vault::Entry;

/// Gives a service account a new value and hands it over to HashiCorp Vault, and to nobody else: after a leak, or as often as a
/// schedule asks for it. The old value stops working at once. Needs Terraform 1.14.
///
/// Invoke it with `terraform apply -invoke=action.striim_rotate_service_account_token.<label>`, or by an `action_trigger` in a
/// resource's `lifecycle`.
///
/// It goes together with a `striim_service_account_token` that hands its value over to the same place in Vault, and with
/// service accounts that no configuration manages. Where the value is kept in a state, let the resource rotate: this action
/// would leave a value there that no longer works, and the next plan would rotate again.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Config {
    /// The service account's name, which is case-sensitive.
    #[attribute(required, length = 1..)]
    name: Field<String>,
    /// How long the new value is valid, such as `90d`; at most 12 months. Default: the account's.
    #[attribute(optional)]
    expires_in: Field<String>,
    // The schema describes it.
    #[attribute(required)]
    vault: Field<VaultDestination>,
}

const VAULT: &str = "The secret in HashiCorp Vault to hand the value over to. The provider proves that it may write there \
     before it rotates, and does not touch a secret that another program wrote.";

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
        delivery::described(Config::schema(), &LABELS).describe("vault", VAULT)
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        config.policy().validate(LIFETIME, self.now(), diagnostics);
        delivery::validate(&LABELS, &config.vault, diagnostics);
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
            format!("{} is to be rotated", token_of(name)),
            format!(
                "The present value ({}) stops working at once, wherever it is in use. The new one goes to Vault.",
                ending(account, self.now())
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
        let mut latest = connection.lock_name(name).await;
        let operation = connection.operation(context);
        let accounts = connection.fetch_accounts(&operation).await?;
        let account = find(&accounts, name).ok_or_else(|| no_such_account("to rotate", name, &accounts))?;
        let owner = service_account(name, account.token_id).by_action();
        progress.send("Proving that Vault may be written to").await;
        let (writer, vault) = (&connection.vault, &config.vault);
        let ready = writer.prepare(&operation, vault, owner, diagnostics).await?;
        let ready = ready.ok_or_else(|| Diagnostic::invalid("vault", "must say where the value goes"))?;
        progress
            .send(format!("Rotating the token of service account {name:?}"))
            .await;
        let (instant, token_id) = (expires_at.map(Expiry::instant), account.token_id);
        let old = &Field::Null;
        let rotated = rotate(&connection, &operation, name, instant, old, token_id, diagnostics).await;
        let issued = rotated.map_err(|error| why_not_rotated(name, &error))?;
        diagnostics.extend(issued.mismatch.as_ref().map(token_value::mismatch));
        *latest = Some(issued.token.clone());
        progress.send("Handing the new value over to Vault").await;
        let expiry = issued.expires_at.map(Expiry::at).or(expires_at);
        let note = expiry.map(|expiry| expiry.to_string());
        let secret = Secret {
            value: &issued.token,
            name,
            id: issued.token_id.map(Entry::Number),
            note: note.as_deref(),
            generation: Some(ready.generation.saturating_add(1)),
        };
        let written = ready.write(&operation, &token_of(name), secret).await;
        let version = written.map_err(value_lost)?;
        progress
            .send(format!("Version {version} of the secret holds the new value"))
            .await;
        Ok(())
    }
}

fn value_lost(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .detail
        .push_str("\n\nThe token has a new value, and nobody knows it. Invoke the action again: it makes another and hands that over.");
    diagnostic
}
