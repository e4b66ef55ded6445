//! `action.striim_revoke_personal_access_token`: revokes a user's personal access token (PAT).
//!
//! # Guarantees
//! - The provider's own PAT is not revoked.
//! - By address: the PAT is reported as revoked only after a read that no longer shows it.
//! - By number: the platform documents no lookup, so the revocation is requested twice, because a single
//!   answer may be a proxy's.

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress};
use crate::rest::Operation;
use crate::striim::api::{Api, Owner};
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::{cannot_revoke_own_token, pat_of};
use crate::striim::errors::request_failed;
use crate::striim::pat;

/// Revokes the personal access token of a user, for example after a leak or when the user leaves. The token stops working at
/// once. Only administrators can revoke other users' tokens.
///
/// Invoke it with `terraform apply -invoke=action.striim_revoke_personal_access_token.<label>`, or by an `action_trigger` in a
/// resource's `lifecycle`. If the user has no token, the action succeeds with a warning. It refuses to revoke the provider's
/// own token.
#[derive(Model, Clone, Debug, Default)]
#[model(exactly_one_of("email", "user_id"))]
pub(in crate::striim) struct Config {
    /// The user's email address.
    #[attribute(optional, length = 1..)]
    email: Field<String>,
    /// The platform's number of the user. Prefer `email`, with which the provider can confirm the revocation by a read.
    #[attribute(optional)]
    user_id: Field<i64>,
}

pub(in crate::striim) struct RevokePersonalAccessToken;

impl Config {
    /// Returns the token's name for messages.
    fn what(&self) -> String {
        match (self.email.known(), self.user_id.known()) {
            (Some(email), _) => pat_of(Some(email)),
            (None, Some(id)) => format!("The personal access token of user {id}"),
            (None, None) => "The personal access token".to_owned(),
        }
    }
}

impl Action for RevokePersonalAccessToken {
    type Config = Config;
    type Client = Connection;

    const TYPE: &'static str = "striim_revoke_personal_access_token";

    async fn plan(&self, context: &Context, config: &Config) -> Result<(), Diagnostics> {
        let (Some(email), Some(connection)) = (config.email.known(), context.known_client()) else {
            return Ok(());
        };
        let operation = connection.operation(context);
        // Errors are ignored here: the invocation reports them.
        let Ok(found) = pat::find(&connection.api, &operation, Some(email)).await else {
            return Ok(());
        };
        context.report(match found.token {
            None => has_none(&config.what()),
            Some(_) if found.own => cannot_revoke_own_token(&config.what()).as_warning(),
            Some(_) => Diagnostic::warning(
                format!("{} will be revoked", config.what()),
                "It stops working at once, even if it is in use.",
            ),
        });
        Ok(())
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress) -> Result<(), Diagnostics> {
        let connection = context.client()?;
        // Serialises rotations and revocations.
        let _last_issued = connection.planned_pats.last_issued.lock().await;
        let operation = connection.operation(context);
        let what = config.what();
        let api = &connection.api;
        let revoke = async {
            match (config.email.known(), config.user_id.known()) {
                (Some(email), None) => revoke_by_email(api, &operation, email, &what).await,
                (None, Some(id)) => revoke_by_number(api, &operation, *id, &what).await,
                // Arguments that were unknown during validation are known now.
                _ => Err(Diagnostic::invalid(
                    "email",
                    "exactly one of this and `user_id` must be set",
                )),
            }
        };
        progress.send(format!("{what}: looking it up")).await;
        match revoke.await? {
            true => progress.send(format!("{what} is revoked")).await,
            false => context.report(has_none(&what)),
        }
        Ok(())
    }
}

/// Revokes the PAT of the user with this address. Returns whether it existed.
async fn revoke_by_email(api: &Api, operation: &Operation, email: &str, what: &str) -> Result<bool, Diagnostic> {
    let found = pat::find(api, operation, Some(email))
        .await
        .map_err(|error| request_failed(&error))?;
    let Some(token) = found.token else {
        return Ok(false);
    };
    if found.own {
        return Err(cannot_revoke_own_token(what));
    }
    pat::revoke(api, operation, &token, Some(email)).await?;
    Ok(true)
}

/// Revokes the PAT of the user with this number. Returns whether it existed.
async fn revoke_by_number(api: &Api, operation: &Operation, id: i64, what: &str) -> Result<bool, Diagnostic> {
    // The request fails if the provider uses a service account, which is not a user and has no PAT.
    let own = api.user_token(operation, None).await.ok().flatten();
    if own.is_some_and(|own| own.user_id == Some(id)) {
        return Err(cannot_revoke_own_token(what));
    }
    let revoke = async || match api.revoke_user_token(operation, Owner::UserId(id)).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(request_failed(&error)),
    };
    let was_there = revoke().await?;
    if was_there {
        // The first answer may have been a proxy's.
        revoke().await?;
    }
    Ok(was_there)
}

fn has_none(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} does not exist"),
        "There is nothing to revoke: the token is revoked already, or no user has this address or number. Check it in \
         the portal.",
    )
    .on("email")
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::framework::{DynAction, Model};
    use crate::sandbox::Fault;
    use crate::sandbox::striim::{Options, Role, Sandbox, User};
    use crate::striim::tests::{connection_with, context, invoke, lost_answers, plan, sandbox};

    const DELETE: (&str, &str) = ("DELETE", "/user-token");
    const JO: &str = "jo@acme.example";

    /// Adds a user with a personal access token.
    fn add(sandbox: &Sandbox, email: &str, role: Role) -> (User, SecretString) {
        (
            sandbox.add_user(email, role),
            sandbox.add_user_token(email, None).unwrap(),
        )
    }

    fn by_email() -> Config {
        Config {
            email: JO.into(),
            user_id: Field::Null,
        }
    }

    fn by_number(user: &User) -> Config {
        Config {
            email: Field::Null,
            user_id: user.id.into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pat_is_revoked_by_address_or_number_after_lost_answers() {
        for fault in lost_answers() {
            for is_by_email in [true, false] {
                let sandbox = sandbox(Options::default());
                let (user, value) = add(&sandbox, JO, Role::Regular);
                sandbox.fault(fault.clone().on(DELETE.0, DELETE.1));
                let config = if is_by_email { by_email() } else { by_number(&user) };
                let (shown, diagnostics) = invoke(&RevokePersonalAccessToken, &context(&sandbox), config).await;
                let is_reported = shown.last().unwrap().ends_with("is revoked");
                assert!(!is_reported || !sandbox.is_live(value.expose_secret()), "{fault:?}");
                assert!(
                    is_reported || diagnostics.iter().count() == 1,
                    "{fault:?}: {diagnostics:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answer_of_a_proxy_is_not_reported_as_revocation() {
        let sandbox = sandbox(Options::default());
        add(&sandbox, JO, Role::Regular);
        sandbox.fault(Fault::answer(204).on(DELETE.0, DELETE.1).times(100));
        let (shown, diagnostics) = invoke(&RevokePersonalAccessToken, &context(&sandbox), by_email()).await;
        assert!(
            diagnostics.iter().next().unwrap().summary.contains("still exists"),
            "{diagnostics:?}"
        );
        assert_eq!(shown.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn own_pat_is_not_revoked() {
        let sandbox = sandbox(Options::default());
        let (user, value) = add(&sandbox, JO, Role::Admin);
        let action = RevokePersonalAccessToken;
        let context = Context::with_client(connection_with(&sandbox, &value));
        assert!(plan(&action, &context, &by_email()).await[0].contains("provider uses this token"));
        for config in [by_email(), by_number(&user)] {
            let (_, diagnostics) = invoke(&action, &context, config).await;
            assert!(diagnostics.has_errors());
            assert!(sandbox.is_live(value.expose_secret()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn user_without_pat_is_a_warning() {
        let sandbox = sandbox(Options::default());
        let user = sandbox.add_user(JO, Role::Regular);
        let (action, context) = (RevokePersonalAccessToken, context(&sandbox));
        assert!(plan(&action, &context, &by_email()).await[0].contains("does not exist"));
        for config in [by_email(), by_number(&user)] {
            let (_, diagnostics) = invoke(&action, &context, config).await;
            assert!(!diagnostics.has_errors() && diagnostics.iter().count() == 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn exactly_one_of_address_and_number_is_required() {
        let config = |email: Field<String>, user_id| Config { email, user_id };
        for (config, errors) in [
            (config(JO.into(), Field::Null), 0),
            (config(Field::Null, 7.into()), 0),
            (config(Field::Unknown, Field::Null), 0),
            (config(Field::Null, Field::Null), 1),
            (config(JO.into(), 7.into()), 1),
            (config("".into(), Field::Null), 1),
        ] {
            let diagnostics = DynAction::validate(&RevokePersonalAccessToken, &config.clone().into_value());
            assert_eq!(diagnostics.iter().count(), errors, "{config:?}");
        }
    }
}
