//! `action.striim_rotate_service_account_token`: gives a service account a new value, and hands it over to Vault.
//!
//! # Flow
//! Prove that Vault may be written to; rotate; write after exactly what was seen ([`hand_over`]).
//!
//! # Guarantees
//! - The value is in no state, plan, log or progress: Vault alone has it.
//! - Nothing is rotated that could not be handed over, as far as that can be known before.
//! - A token of a configuration that hands it over to the same place goes on as before: the next refresh finds the delivery.
//!
//! # Assumptions
//! - No resource keeps the value in a state. If one does, its next plan finds that value dead, and rotates.

use async_trait::async_trait;
use jiff::Timestamp;

use super::api::find;
use super::kept;
use super::labels::{LABELS, service_account};
use super::quota::ending;
use super::rotation::Rotation;
use super::service_account::{LIFETIME, no_such_account, rotate, token_of, why_not_rotated};
use super::session::Session;
use crate::framework::{
    Action, Attribute, Context, Diagnostic, Diagnostics, Field, Presence, Progress, Schema, Type, model,
};
use crate::platform::attributes::invalid;
use crate::platform::hand_over::{self, Destination, Secret};
use crate::token::Expiry;
use crate::vault::Entry;

model! {
    /// The configuration of `action.striim_rotate_service_account_token`.
    pub(super) struct Config {
        name: String,
        expires_in: String,
        vault: Destination,
    }
}

impl Config {
    fn rotation(&self) -> Rotation<'_> {
        Rotation {
            expires_at: &Field::Null,
            expires_in: &self.expires_in,
            rotate_before: &Field::Null,
            rotation_triggers: &Field::Null,
            vault: &self.vault,
        }
    }
}

pub(super) struct RotateServiceAccountToken {
    session: Session,
}

impl RotateServiceAccountToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    async fn rotate(
        &self,
        context: &Context,
        config: &Config,
        name: &str,
        progress: &Progress,
        diagnostics: &mut Diagnostics,
    ) -> Option<()> {
        let connection = self.session.connection(diagnostics)?;
        let expires_at = diagnostics.ok(config.rotation().expiry_to_send(self.now(), LIFETIME))?;
        let mut latest = connection.alone_with(name).await;
        let operation = connection.operation(context);
        let accounts = diagnostics.ok(connection.look_afresh(&operation).await)?;
        let Some(account) = find(&accounts, name) else {
            diagnostics.push(no_such_account("to rotate", name, &accounts));
            return None;
        };
        let owner = service_account(name, account.token_id).by_action();
        progress.tell("Proving that Vault may be written to").await;
        let ready = connection
            .vault
            .prepare(&operation, &config.vault, owner, diagnostics)
            .await;
        let ready = diagnostics.ok(ready)?;
        let ready = diagnostics.ok(ready.ok_or_else(|| invalid("vault", "must say where the value goes")))?;
        progress
            .tell(format!("Rotating the token of service account {name:?}"))
            .await;
        let instant = expires_at.map(Expiry::instant);
        let rotated = rotate(
            &connection,
            &operation,
            name,
            instant,
            &Field::Null,
            account.token_id,
            diagnostics,
        )
        .await;
        let issued = diagnostics.ok(rotated.map_err(|error| why_not_rotated(name, &error)))?;
        diagnostics.extend(issued.mismatch.as_ref().map(kept::mismatch));
        *latest = Some(issued.token.clone());
        progress.tell("Handing the new value over to Vault").await;
        let ends = issued
            .expires_at
            .map(Expiry::at)
            .or(expires_at)
            .map(|expiry| expiry.to_string());
        let secret = Secret {
            value: &issued.token,
            name,
            id: issued.token_id.map(Entry::Number),
            note: ends.as_deref(),
            generation: Some(ready.generation.saturating_add(1)),
        };
        let written = ready.write(&operation, &token_of(name), secret).await;
        let version = diagnostics.ok(written.map_err(nobody_knows_it))?;
        progress
            .tell(format!("Version {version} of the secret holds the new value"))
            .await;
        Some(())
    }
}

#[async_trait]
impl Action for RotateServiceAccountToken {
    type Config = Config;

    const TYPE: &'static str = "striim_rotate_service_account_token";

    fn schema(&self) -> Schema {
        let [vault, _] = hand_over::attributes(&LABELS);
        Schema::new(
            "Gives a service account a new value and hands it over to HashiCorp Vault, and to nobody else: after a leak, or \
             as often as a schedule asks for it. The old value stops working at once. Needs Terraform 1.14.\n\n\
             Invoke it with `terraform apply -invoke=action.striim_rotate_service_account_token.<label>`, or by an \
             `action_trigger` in a resource's `lifecycle`.\n\n\
             It goes together with a `striim_service_account_token` that hands its value over to the same place in Vault, \
             and with service accounts that no configuration manages. Where the value is kept in a state, let the resource \
             rotate: this action would leave a dead value there, and the next plan would rotate again.",
            [
                Attribute::required(
                    "name",
                    Type::String,
                    "The service account's name, which is case-sensitive.",
                ),
                Attribute::optional(
                    "expires_in",
                    Type::String,
                    "How long the new value is to work, such as `90d`; at most 12 months. Default: the account's.",
                ),
                Attribute {
                    presence: Presence::Required,
                    description: "The secret in HashiCorp Vault to hand the value over to. The provider proves that it may write \
                                  there before it rotates, and does not touch a secret that somebody else wrote.".into(),
                    ..vault
                },
            ],
        )
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        if config.name.known().is_some_and(String::is_empty) {
            diagnostics.push(invalid("name", "must not be empty"));
        }
        config.rotation().validate(LIFETIME, self.now(), diagnostics);
        hand_over::validate(&LABELS, &config.vault, diagnostics);
    }

    async fn plan(&self, context: &Context, config: &Config, diagnostics: &mut Diagnostics) {
        let (Some(name), Some(connection)) = (config.name.known(), self.session.connected()) else {
            return;
        };
        // Errors are ignored here: the invocation reports them.
        let Ok(accounts) = connection.service_accounts(&connection.operation(context)).await else {
            return;
        };
        let Some(account) = find(&accounts, name) else {
            diagnostics.push(no_such_account("to rotate", name, &accounts).as_warning());
            return;
        };
        let owner = service_account(name, account.token_id).by_action();
        connection
            .vault
            .plan(&connection.operation(context), &config.vault, owner, diagnostics)
            .await;
        diagnostics.push(Diagnostic::warning(
            format!("{} is to be rotated", token_of(name)),
            format!(
                "The present value ({}) stops working at once, wherever it is in use. The new one goes to Vault.",
                ending(account, self.now())
            ),
        ));
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress, diagnostics: &mut Diagnostics) {
        self.session.synchronise(context, diagnostics).await;
        if let Some(name) = config.name.known() {
            self.rotate(context, &config, name, progress, diagnostics).await;
        }
    }
}

fn nobody_knows_it(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .detail
        .push_str("\n\nThe token has a new value, and nobody knows it. Invoke the action again: it makes another and hands that over.");
    diagnostic
}
