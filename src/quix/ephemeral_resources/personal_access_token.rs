//! Ephemeral `quix_personal_access_token`: a personal access token for the duration of one run.
//!
//! # Flow
//! - Open deletes orphans of killed runs, and creates a token under a name of its own.
//! - Close deletes it.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - A token that neither Open nor Close could delete expires `expires_in` after its creation, and
//!   the next Open with the same prefix deletes it.
//! - No token of another origin is deleted: its name ([`ephemeral_name`]) proves the origin.
//!
//! # Assumptions
//! - The platform keeps the requested expiry, to the second. Otherwise an orphan stays in the list,
//!   expired, until a user deletes it.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Field, Model, Opened, Outcome, Set};
use crate::platform::attributes::{check_name, is_positive_duration, known_duration};
use crate::platform::{Session, ephemeral_name};
use crate::quix::api::TokenId;
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;
use crate::quix::resources::personal_access_token::create::{Creation, create, mark};
use crate::quix::resources::personal_access_token::delete::delete;
use crate::rest::Operation;
use crate::token::Expiry;

/// The default of `expires_in`.
const EXPIRES_IN: Duration = Duration::from_secs(60 * 60);

/// Creates a personal access token of the provider's user for the duration of one run. Its value is
/// in no plan and no state. Use it to configure another provider, or in a write-only argument.
///
/// Terraform opens the resource in the plan **and** again in the apply. Each time, the provider
/// creates a token, and deletes it when everything that refers to it is done.
///
/// When a run is interrupted, Terraform does not close the resource, and the provider deletes the
/// token when it exits. If the provider is killed as well, the token expires after `expires_in`, and
/// the next run with the same `name_prefix` deletes it from the list.
///
/// The provider needs a personal access token itself. The platform's requests are not documented:
/// see the [resource](../resources/personal_access_token.md).
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct EphemeralPersonalAccessToken {
    /// The beginning of the token's name. A hyphen and 12 letters and digits follow, which make the
    /// name unique. Use a different prefix for each configuration.
    #[attribute(required, length = 1..=50)]
    name_prefix: Field<String>,
    /// The scopes of the token, which the provider passes on unchanged. Quix does not document their
    /// names. Default: none are sent, and the platform decides.
    #[attribute(optional)]
    scopes: Field<Set<String>>,
    /// The lifetime of the token, such as `30m`: longer than the longest run. Default: `1h`.
    #[attribute(optional, check = is_positive_duration)]
    expires_in: Field<String>,
    /// The token's name.
    #[attribute(computed)]
    name: Field<String>,
    /// The token's id.
    #[attribute(computed)]
    id: Field<String>,
    /// The token's value, for use as a bearer token.
    #[attribute(computed)]
    token: Field<SecretString>,
    /// When the token expires.
    #[attribute(computed)]
    expires_at: Field<String>,
}

impl EphemeralPersonalAccessToken {
    fn prefix(&self) -> &str {
        self.name_prefix.known().map_or("", String::as_str)
    }
}

/// Implements the ephemeral `quix_personal_access_token`.
pub(in crate::quix) struct PersonalAccessTokenEphemeral {
    session: Session,
}

impl PersonalAccessTokenEphemeral {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl EphemeralResource for PersonalAccessTokenEphemeral {
    type Model = EphemeralPersonalAccessToken;
    type Client = Connection;

    const TYPE: &'static str = "quix_personal_access_token";

    fn validate(&self, config: &EphemeralPersonalAccessToken, diagnostics: &mut Diagnostics) {
        if let Some(prefix) = config.name_prefix.known() {
            check_name("name_prefix", prefix, diagnostics);
        }
    }

    async fn open(
        &self,
        context: &Context,
        config: EphemeralPersonalAccessToken,
    ) -> Outcome<Opened<EphemeralPersonalAccessToken>> {
        if context.is_config_unknown() {
            return Ok(unknown(config));
        }
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let now = self.session.clock().now();
        delete_orphans(&connection, &operation, config.prefix(), now, diagnostics).await?;
        let lifetime = known_duration(&config.expires_in).unwrap_or(EXPIRES_IN);
        let end = Expiry::at(now.checked_add(lifetime).unwrap_or(Timestamp::MAX));
        let name = ephemeral_name::new(config.prefix(), end.instant());
        let scopes: Option<Vec<_>> = config.scopes.known().map(|scopes| scopes.iter().cloned().collect());
        let new = Creation {
            name: &name,
            expires_at: Some(mark(end.instant())),
            scopes: scopes.as_deref(),
            may_extend_name: false,
        };
        let issued = create(&connection, &operation, &new, diagnostics).await?;
        let expires_at = issued.token.expires_at.map_or(end, Expiry::at);
        Ok(Opened {
            private: issued.token.id.as_str().as_bytes().to_vec(),
            renew_at: None,
            result: EphemeralPersonalAccessToken {
                name: name.into(),
                id: issued.token.id.as_str().into(),
                token: issued.value.into(),
                expires_at: expires_at.to_string().into(),
                ..config
            },
        })
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        if private.is_empty() {
            return Ok(()); // The configuration was unknown, and no token was created.
        }
        let id = std::str::from_utf8(private).ok().and_then(|text| text.parse().ok());
        let id: TokenId = id.ok_or_else(|| {
            let detail = "Terraform did not return the private data that the provider stored at open. This is a bug; please \
                          report it.";
            Diagnostic::error("Unreadable private data", detail)
        })?;
        let connection = context.client()?;
        // An interrupt does not stop this: it would leave an orphan.
        let deleted = delete(&connection, &connection.cleanup_operation(), &id).await;
        Ok(deleted.map_err(|mut error| {
            error.detail.push_str(&format!(
                "\n\nThe ephemeral personal access token {id} may still exist, and is valid until it expires. Delete it in the \
                 portal. Otherwise the next run with the same `name_prefix` deletes it once it has expired."
            ));
            error
        })?)
    }
}

/// Returns unknown values for a token, while the provider's configuration is unknown.
fn unknown(config: EphemeralPersonalAccessToken) -> Opened<EphemeralPersonalAccessToken> {
    Opened {
        private: Vec::new(),
        renew_at: None,
        result: EphemeralPersonalAccessToken {
            name: Field::Unknown,
            id: Field::Unknown,
            token: Field::Unknown,
            expires_at: Field::Unknown,
            ..config
        },
    }
}

/// Deletes the orphans of killed runs, which have expired. A failed deletion is only a warning.
async fn delete_orphans(
    connection: &Connection,
    operation: &Operation,
    prefix: &str,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Result<(), Diagnostic> {
    let tokens = connection.personal_access_tokens(operation).await;
    let tokens = tokens.map_err(|error| request_failed(&error))?;
    let orphans = tokens.iter().filter(|token| {
        let name = token.name.as_deref().unwrap_or_default();
        ephemeral_name::is_orphan(prefix, name, token.expires_at, now)
    });
    for orphan in orphans {
        tracing::info!(
            "deleting the personal access token {}, an orphan of an earlier run",
            orphan.id
        );
        let deleted = delete(connection, operation, &orphan.id).await;
        diagnostics.extend(deleted.err().map(Diagnostic::as_warning));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::platform::testing::lost_answers;
    use crate::quix::tests::{provider_with, sandbox};
    use crate::sandbox::Fault;
    use crate::sandbox::quix::{Options, Role, Sandbox, personal_access_token_variants};

    const TYPE: &str = PersonalAccessTokenEphemeral::TYPE;

    fn config() -> serde_json::Value {
        json!({ "name_prefix": "run", "scopes": ["read"] })
    }

    fn names(sandbox: &Sandbox, bearer: &SecretString) -> Vec<String> {
        let tokens = sandbox.personal_access_tokens(bearer).into_iter();
        tokens
            .map(|token| token.name)
            .filter(|name| name != "initial")
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn open_creates_a_token_and_close_deletes_it() {
        for personal_access_tokens in personal_access_token_variants() {
            let sandbox = sandbox(Options {
                personal_access_tokens,
                ..Options::default()
            });
            let bearer = sandbox.add_user(Role::Viewer);
            sandbox.advance(SignedDuration::from_mins(1));
            let workspace = Workspace::new();
            let read = workspace.read_ephemeral(provider_with(&sandbox, &bearer), TYPE, config());
            let read = read.await.succeeds().model::<EphemeralPersonalAccessToken>();
            assert!(read.name.known().unwrap().starts_with("run-"));
            assert!(!sandbox.is_live(read.token.known().unwrap().expose_secret()));
            assert!(names(&sandbox, &bearer).is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn open_and_close_survive_lost_answers() {
        for fault in lost_answers("{}") {
            let sandbox = sandbox(Options::default());
            let bearer = sandbox.add_user(Role::Viewer);
            sandbox.fault(fault.clone().on("POST", "/profile/tokens"));
            let provider = provider_with(&sandbox, &bearer);
            let workspace = Workspace::new();
            let read = workspace.read_ephemeral(provider, TYPE, config());
            read.await.succeeds();
            assert!(names(&sandbox, &bearer).is_empty(), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn orphan_of_a_killed_run_is_deleted_once_it_has_expired() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        let open = async |sandbox: &Sandbox| {
            let provider = provider_with(sandbox, &bearer);
            Workspace::new().read_ephemeral(provider, TYPE, config()).await
        };
        let end = sandbox.clock().now() + SignedDuration::from_hours(1);
        let orphan = ephemeral_name::new("run", end);
        for (name, expires_at) in [(&*orphan, Some(end)), ("run-production", Some(end)), ("run", None)] {
            sandbox.add_personal_access_token(&bearer, name, expires_at);
        }
        open(&sandbox).await.succeeds();
        assert_eq!(names(&sandbox, &bearer), [&orphan, "run-production", "run"]);
        sandbox.advance(SignedDuration::from_hours(1));
        open(&sandbox).await.succeeds();
        assert_eq!(names(&sandbox, &bearer), ["run-production", "run"]);
    }

    #[tokio::test(start_paused = true)]
    async fn open_with_unreadable_list_creates_nothing() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        sandbox.fault(Fault::answer(403).on("GET", "/profile/tokens").times(100));
        let provider = provider_with(&sandbox, &bearer);
        let read = Workspace::new().read_ephemeral(provider, TYPE, config()).await;
        assert!(read.has_errors());
        assert!(names(&sandbox, &bearer).is_empty());
    }
}
