//! `action.quix_revoke_personal_access_token`: revokes a personal access token of the provider's
//! user.
//!
//! # Guarantees
//! - The token is reported as revoked only after a list that no longer has it.
//! - If the user has no other valid token, it is the provider's own, and is not revoked.

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress};
use crate::platform::Session;
use crate::quix::api::{InvalidTokenId, PersonalAccessToken, TokenId};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;
use crate::quix::resources::personal_access_token::delete::{delete, find};
use crate::quix::token_filter::has_expired;

/// Revokes a personal access token of the provider's user, for example after a leak. The token is
/// rejected at once.
///
/// Invoke it with `terraform apply -invoke=action.quix_revoke_personal_access_token.<label>`, or by
/// an `action_trigger` in a resource's `lifecycle`. If the user has no such token, the action
/// succeeds with a warning.
///
/// ~> **The platform does not show which token is the provider's own.** The action refuses to revoke
/// it only if the user has no other valid token. Otherwise compare the id in the portal first.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Config {
    /// The token's id. The data source `quix_personal_access_tokens` lists the ids.
    #[attribute(required, check = is_id)]
    id: Field<String>,
}

fn is_id(id: &str) -> Result<(), InvalidTokenId> {
    id.parse::<TokenId>().map(drop)
}

pub(in crate::quix) struct RevokePersonalAccessToken {
    session: Session,
}

impl RevokePersonalAccessToken {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Returns the token, if the user has it.
    ///
    /// # Errors
    /// The list cannot be read, or the token is the provider's own.
    async fn find(
        &self,
        context: &Context,
        connection: &Connection,
        id: &TokenId,
    ) -> Result<Option<PersonalAccessToken>, Diagnostic> {
        let tokens = connection
            .fetch_personal_access_tokens(&connection.operation(context))
            .await;
        let tokens = tokens.map_err(|error| request_failed(&error))?;
        let Some(token) = find(&tokens, id) else {
            return Ok(None);
        };
        let now = self.session.clock().now();
        let mut others = tokens.iter().filter(|other| other.id != *id);
        match others.all(|other| has_expired(other, now)) && !has_expired(token, now) {
            true => Err(own_token(id)),
            false => Ok(Some(token.clone())),
        }
    }
}

impl Action for RevokePersonalAccessToken {
    type Config = Config;
    type Client = Connection;

    const TYPE: &'static str = "quix_revoke_personal_access_token";

    async fn plan(&self, context: &Context, config: &Config) -> Result<(), Diagnostics> {
        let (Some(id), Some(connection)) = (config.id.known(), context.known_client()) else {
            return Ok(());
        };
        let Ok(id) = id.parse() else { return Ok(()) };
        context.report(match self.find(context, &connection, &id).await {
            Ok(Some(token)) => {
                let name = token.name.as_deref().unwrap_or("without a name");
                Diagnostic::warning(
                    format!("The personal access token {id} will be revoked"),
                    format!(
                        "Its name is {name:?}. It is rejected at once, even if it is in use. If it is the provider's own token, \
                         the rest of this run fails."
                    ),
                )
            }
            Ok(None) => has_none(&id),
            // The invocation reports it as an error.
            Err(error) => error.as_warning(),
        });
        Ok(())
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress) -> Result<(), Diagnostics> {
        let connection = context.client()?;
        let id: TokenId = config
            .id
            .get()?
            .parse()
            .map_err(|error| Diagnostic::invalid("id", error))?;
        progress
            .send(format!("The personal access token {id}: looking it up"))
            .await;
        if self.find(context, &connection, &id).await?.is_none() {
            context.report(has_none(&id));
            return Ok(());
        }
        delete(&connection, &connection.operation(context), &id).await?;
        progress
            .send(format!("The personal access token {id} is revoked"))
            .await;
        Ok(())
    }
}

fn has_none(id: &TokenId) -> Diagnostic {
    Diagnostic::warning(
        format!("The personal access token {id} does not exist"),
        "There is nothing to revoke: the token is revoked already, or it belongs to another user. The platform shows and revokes \
         only the tokens of the provider's own user.",
    )
    .on("id")
}

fn own_token(id: &TokenId) -> Diagnostic {
    Diagnostic::error(
        "The provider uses this token",
        format!(
            "The user has no other valid personal access token than {id}, so it is the provider's own credential. Revoking it \
             would make the rest of this run fail. Configure the provider with another token of the same user and run again, or \
             revoke it in the portal."
        ),
    )
    .on("id")
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::quix::tests::{provider_with, sandbox};
    use crate::sandbox::Fault;
    use crate::sandbox::quix::{Options, Role, Sandbox};

    async fn invoke(
        sandbox: &Sandbox,
        bearer: &SecretString,
        id: &str,
    ) -> crate::framework::testing::Outcome<Vec<String>> {
        let provider = provider_with(sandbox, bearer);
        let config = json!({ "id": id });
        Workspace::new()
            .invoke_action(provider, RevokePersonalAccessToken::TYPE, config)
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn invocation_revokes_the_token_until_it_is_not_listed() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        for answer in [None, Some(200), Some(404)] {
            let token = sandbox.add_personal_access_token(&bearer, "ci", None).unwrap();
            let fault =
                answer.map(|status| Fault::answer(status).on("DELETE", &format!("/profile/tokens/{}", token.id)));
            fault.into_iter().for_each(|fault| sandbox.fault(fault));
            invoke(&sandbox, &bearer, &token.id.to_uppercase()).await.succeeds();
            assert!(!sandbox.is_live(token.value.expose_secret()));
            invoke(&sandbox, &bearer, &token.id)
                .await
                .succeeds()
                .warns("does not exist");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn invocation_refuses_the_only_valid_token() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        let own = sandbox.personal_access_tokens(&bearer).remove(0);
        invoke(&sandbox, &bearer, &own.id)
            .await
            .fails("The provider uses this token");
        assert!(sandbox.is_live(bearer.expose_secret()));
        // Another user's token is not found.
        let other = sandbox.add_user(Role::Viewer);
        let other = sandbox.personal_access_tokens(&other).remove(0);
        invoke(&sandbox, &bearer, &other.id)
            .await
            .succeeds()
            .warns("another user");
        assert!(sandbox.is_live(other.value.expose_secret()));
    }
}
