//! Ephemeral `startree_service_token`: a service token with roles for the duration of one run.
//!
//! # Flow
//! - Open deletes orphans of killed runs, creates a token and assigns the roles to it.
//! - Close revokes the roles and deletes the token.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - If Open fails after it created a token, it deletes it again. If Close cannot delete the token,
//!   it reports that.
//! - An orphan of a killed run is deleted by the next Open with the same prefix and one of the same
//!   roles, once its `lifetime` is over. No other token is deleted; [`description`] says what
//!   proves an orphan.
//!
//! # Assumptions
//! - The platform reports the description of a token. If it does not, orphans remain, and do not
//!   expire, until a user deletes them.
//! - A token that has no role yet when its run is killed is found by no request, and has no access.

mod description;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Failed, Field, Model, Opened, Outcome, Set};
use crate::platform::Session;
use crate::platform::attributes::{is_positive_duration, known_duration};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Reported};
use crate::startree::connection::{Connection, Context};
use crate::startree::resources::service_token::{assign_roles, delete, issue};
use crate::token::Expiry;

/// The default of `lifetime`.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Creates a service token with roles for the duration of one run. Its value is in no plan and no
/// state. Use it to configure another provider, or in a write-only argument.
///
/// ~> **It can take up to an hour** until all services accept a token whose role was just assigned.
/// Clients that use it at once must retry.
///
/// Terraform opens the resource in the plan **and** again in the apply. Each time, the provider
/// creates a token and assigns the roles to it, and deletes it when everything that refers to it is
/// done.
///
/// The platform's tokens do not expire. When a run is interrupted, Terraform does not close the
/// resource, and the provider deletes the token when it exits. If the provider is killed as well,
/// the token is an orphan. The next run with the same `description_prefix` and one of the same
/// roles deletes it after its `lifetime`. It recognises the orphan by its description. The platform
/// does not document whether it reports descriptions; if it does not, delete orphans in the
/// Security Manager.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct EphemeralServiceToken {
    /// The beginning of the token's description, followed by its purpose and the end of its
    /// lifetime. Use a different prefix for each configuration.
    #[attribute(required, check = is_not_blank)]
    description_prefix: Field<String>,
    /// The names of the token's roles, at least one: a token without a role has no access.
    #[attribute(required, check = are_roles)]
    roles: Field<Set<String>>,
    /// The maximum duration of a run, such as `30m`. After that, other runs treat the token as an
    /// orphan. Default: `1h`.
    #[attribute(optional, check = is_positive_duration)]
    lifetime: Field<String>,
    /// The access key, which identifies the token and is its user name.
    #[attribute(computed)]
    access_key: Field<String>,
    /// The secret key, which is the token's password.
    #[attribute(computed)]
    secret_key: Field<SecretString>,
    /// The token's value, for use as a bearer token.
    #[attribute(computed)]
    token: Field<SecretString>,
    /// When other runs begin to treat the token as an orphan.
    #[attribute(computed)]
    ends_at: Field<String>,
}

fn is_not_blank(prefix: &str) -> Result<(), &'static str> {
    let is_blank = prefix.trim().is_empty();
    (!is_blank).then_some(()).ok_or("must not be empty")
}

fn are_roles(roles: &Set<String>) -> Result<(), String> {
    if roles.is_empty() {
        return Err("must name at least one role: a token without a role has no access".to_owned());
    }
    names(roles).map(drop)
}

fn names(roles: &Set<String>) -> Result<Vec<Name>, String> {
    let name =
        |role: &String| Name::existing(role).map_err(|error| format!("has the invalid name {role:?}: it {error}"));
    roles.iter().map(name).collect()
}

impl EphemeralServiceToken {
    fn prefix(&self) -> &str {
        self.description_prefix.known().map_or("", String::as_str)
    }

    fn roles(&self) -> Result<Vec<Name>, Diagnostic> {
        names(self.roles.get()?).map_err(|problem| Diagnostic::invalid("roles", problem))
    }

    /// Returns the end of the lifetime of a token that is created now.
    fn lifetime_end(&self, now: Timestamp) -> Expiry {
        let lifetime = known_duration(&self.lifetime).unwrap_or(DEFAULT_LIFETIME);
        Expiry::at(now.checked_add(lifetime).unwrap_or(Timestamp::MAX))
    }
}

/// Implements the ephemeral `startree_service_token`.
pub(in crate::startree) struct ServiceTokenEphemeral {
    session: Session,
}

impl ServiceTokenEphemeral {
    pub(in crate::startree) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl EphemeralResource for ServiceTokenEphemeral {
    type Model = EphemeralServiceToken;
    type Client = Connection;

    const TYPE: &'static str = "startree_service_token";

    async fn open(&self, context: &Context, config: EphemeralServiceToken) -> Outcome<Opened<EphemeralServiceToken>> {
        if context.is_config_unknown() {
            return Ok(unknown(config));
        }
        self.session.synchronise(context, &mut context.diagnostics()).await;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let roles = config.roles()?;
        let now = self.session.clock().now();
        delete_orphans(&connection, &operation, context, &config, &roles, now).await;
        let end = config.lifetime_end(now);
        let description = description::new(config.prefix(), end);
        let issued = issue(&connection, &operation, &description).await?;
        let opened = Opened {
            private: issued.access_key.as_str().as_bytes().to_vec(),
            renew_at: None,
            result: EphemeralServiceToken {
                access_key: issued.access_key.as_str().into(),
                token: issued.bearer().into(),
                secret_key: issued.secret_key.into(),
                ends_at: end.to_string().into(),
                ..config
            },
        };
        match assign_roles(&connection, &operation, &roles, &issued.access_key).await {
            Ok(()) => Ok(opened),
            Err(error) => Err(Failed::from(error.on("roles")).leaving(opened)),
        }
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        if private.is_empty() {
            return Ok(()); // The configuration was unknown, and no token was created.
        }
        let access_key = std::str::from_utf8(private).ok().and_then(|text| text.parse().ok());
        let access_key: AccessKey = access_key.ok_or_else(|| {
            let detail = "Terraform did not return the private data that the provider stored at open. This is a bug; please \
                          report it.";
            Diagnostic::error("Unreadable private data", detail)
        })?;
        let connection = context.client()?;
        // An interrupt does not stop this: it would leave an orphan.
        let deleted = delete(&connection, &connection.cleanup_operation(), &access_key).await;
        Ok(deleted.map_err(|mut error| {
            error.detail.push_str(&format!(
                "\n\nThe ephemeral service token {access_key} may still exist, and does not expire. Delete it in the Security \
                 Manager. Otherwise the next run with the same `description_prefix` deletes it after its `lifetime`."
            ));
            error
        })?)
    }
}

/// Returns unknown values for a token, while the provider's configuration is unknown.
fn unknown(config: EphemeralServiceToken) -> Opened<EphemeralServiceToken> {
    Opened {
        private: Vec::new(),
        renew_at: None,
        result: EphemeralServiceToken {
            access_key: Field::Unknown,
            secret_key: Field::Unknown,
            token: Field::Unknown,
            ends_at: Field::Unknown,
            ..config
        },
    }
}

/// Deletes orphans of killed runs among the tokens that have one of the roles. A failure is only a
/// warning.
async fn delete_orphans(
    connection: &Connection,
    operation: &Operation,
    context: &Context,
    config: &EphemeralServiceToken,
    roles: &[Name],
    now: Timestamp,
) {
    let Ok(grants) = connection.role_grants(operation).await else {
        return; // Errors are ignored here: the rest of Open reports them.
    };
    let candidates: BTreeSet<_> = grants
        .iter()
        .filter(|grant| roles.contains(&grant.role))
        .map(|grant| &grant.access_key)
        .collect();
    for access_key in candidates {
        if let Ok(token) = connection.tokens.read(operation, access_key).await
            && let Reported::Value(text) = token.description
            && description::is_orphan(config.prefix(), &text, now)
        {
            tracing::info!("deleting the service token {access_key}, an orphan of an earlier run");
            let deleted = delete(connection, operation, access_key).await;
            context.diagnostics().extend(deleted.err().map(Diagnostic::as_warning));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::framework::testing::{Connection, Opened as Open, Outcome as Run, Workspace};
    use crate::framework::{Severity, Value};
    use crate::platform::testing::lost_answers;
    use crate::sandbox::startree::{Options, Sandbox, Subject};
    use crate::sandbox::{Effect, Fault};
    use crate::startree::tests::{option_variants, provider, sandbox};

    const TYPE: &str = "startree_service_token";
    const ASSIGN: &str = "/roles/srn2:role%23reader/create-assignment";
    const UNASSIGN: &str = "/roles/srn2:role%23reader/delete-assignment";

    fn roles(roles: &[&str]) -> Field<Set<String>> {
        Field::Known(roles.iter().map(ToString::to_string).collect())
    }

    fn config() -> EphemeralServiceToken {
        EphemeralServiceToken {
            description_prefix: "run".into(),
            roles: roles(&["reader", "writer"]),
            ..EphemeralServiceToken::default()
        }
    }

    /// An environment with two roles.
    struct World {
        sandbox: Sandbox,
    }

    impl World {
        fn new(options: Options) -> Self {
            let sandbox = sandbox(options);
            for role in ["reader", "writer"] {
                sandbox.add_role(role, None);
                sandbox.attach_outside(role, "system-admin");
            }
            Self { sandbox }
        }

        async fn open(&self) -> Run<Option<(Connection, Open)>> {
            let provider = provider(&self.sandbox, &self.sandbox.add_administrator().bearer());
            Workspace::new().open_ephemeral(provider, TYPE, config()).await
        }

        /// Closes it after a stop request, as Terraform does when it is interrupted.
        async fn close(&self, (connection, opened): (Connection, Open)) -> Run<()> {
            connection.stop().await.unwrap();
            connection.close_ephemeral(opened).await
        }

        /// Returns the descriptions of all tokens but the provider's.
        fn descriptions(&self) -> Vec<String> {
            let tokens = self.sandbox.tokens().into_iter();
            let descriptions = tokens.filter_map(|token| token.description);
            descriptions.filter(|description| description != "Terraform").collect()
        }

        fn subjects(&self, role: &str) -> usize {
            self.sandbox.roles()[role].subjects().count()
        }
    }

    fn model(opened: &Open) -> EphemeralServiceToken {
        EphemeralServiceToken::from_value(&opened.value).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn opened_token_is_valid_until_close_for_every_response_format() {
        for options in option_variants() {
            let world = World::new(options);
            let (connection, opened) = world.open().await.reports_nothing().value.unwrap();
            let token = model(&opened).token.into_known().unwrap();
            assert!(world.sandbox.is_live(token.expose_secret()));
            assert_eq!((world.subjects("reader"), world.subjects("writer")), (1, 1));
            assert!(!token.expose_secret().contains("run"));
            world.close((connection, opened)).await.reports_nothing();
            assert!(world.descriptions().is_empty());
            assert_eq!((world.subjects("reader"), world.subjects("writer")), (0, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn private_data_contains_no_secret() {
        let world = World::new(Options::default());
        let ephemeral = ServiceTokenEphemeral::new(Session::new(world.sandbox.clock()));
        let context = crate::startree::tests::context(&world.sandbox);
        let opened = EphemeralResource::open(&ephemeral, &context, config()).await.unwrap();
        let secret = opened.result.secret_key.into_known().unwrap();
        assert!(!String::from_utf8_lossy(&opened.private).contains(secret.expose_secret()));
    }

    #[tokio::test(start_paused = true)]
    async fn lost_answers_leave_no_token_with_roles() {
        for fault in lost_answers(r#"{"message": "Done."}"#) {
            for (opening, closing) in [(1, 0), (0, 1), (2, 2)] {
                let world = World::new(Options::default());
                world.sandbox.fault(fault.clone().on("POST", ASSIGN).times(opening));
                world.sandbox.fault(fault.clone().on("POST", UNASSIGN).times(closing));
                let opened = world.open().await.succeeds().value.unwrap();
                world.close(opened).await.succeeds();
                assert!(world.descriptions().is_empty(), "{fault:?}");
                assert_eq!((world.subjects("reader"), world.subjects("writer")), (0, 0));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn open_deletes_the_token_if_a_role_cannot_be_assigned() {
        let world = World::new(Options::default());
        world.sandbox.delete_role_outside("writer");
        let run = world.open().await;
        assert!(run.value.is_none());
        assert_eq!(run.diagnostics[0].attribute.as_deref(), Some("roles"));
        assert!(world.descriptions().is_empty());
        assert_eq!(world.subjects("reader"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_close_is_reported_and_the_orphan_deleted_after_its_lifetime() {
        let world = World::new(Options::default());
        let opened = world.open().await.succeeds().value.unwrap();
        world.sandbox.fault(Fault::answer(403).on("POST", UNASSIGN));
        world.close(opened).await.fails("may still exist").fails("403");
        let foreign = world.sandbox.add_token();
        world
            .sandbox
            .assign_outside("reader", Subject::token(&foreign.access_key));

        world.sandbox.advance(SignedDuration::from_mins(59));
        let second = world.open().await.succeeds().value.unwrap();
        assert_eq!(world.descriptions().len(), 2, "the first may be in use");
        world.sandbox.advance(SignedDuration::from_mins(1));
        let third = world.open().await.reports_nothing().value.unwrap();
        assert_eq!(world.descriptions().len(), 2, "the second may be in use");
        for opened in [second, third] {
            world.close(opened).await.succeeds();
        }
        assert!(world.descriptions().is_empty());
        assert!(
            world
                .sandbox
                .tokens()
                .iter()
                .any(|token| token.access_key == foreign.access_key)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn orphan_of_a_killed_run_is_deleted_after_its_lifetime() {
        let world = World::new(Options::default());
        world.sandbox.fault(Fault::new(Effect::Hang).after().on("POST", ASSIGN));
        let killed = tokio::time::timeout(Duration::from_secs(5), world.open()).await;
        assert!(killed.is_err() && world.descriptions().len() == 1);
        world.sandbox.advance(SignedDuration::from_hours(1));
        let opened = world.open().await.succeeds().value.unwrap();
        assert_eq!(world.descriptions().len(), 1);
        world.close(opened).await.succeeds();
        assert!(world.descriptions().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn open_with_unknown_configuration_creates_no_token() {
        let world = World::new(Options::default());
        let unknown = Value::Map([("token".to_owned(), Value::Unknown)].into());
        let provider = provider(&world.sandbox, &world.sandbox.add_administrator().bearer());
        let workspace = Workspace::new().with_provider(unknown);
        let run = workspace.open_ephemeral(provider, TYPE, config()).await;
        let (connection, opened) = run.reports_nothing().value.unwrap();
        let result = model(&opened);
        assert!(result.token.is_unknown() && result.secret_key.is_unknown());
        assert!(result.access_key.is_unknown() && result.ends_at.is_unknown());
        assert_eq!(result.description_prefix, "run".into());
        connection.close_ephemeral(opened).await.reports_nothing();
        assert!(world.descriptions().is_empty());
    }

    #[test]
    fn invalid_arguments_are_rejected_on_their_attribute() {
        let with = |change: fn(&mut EphemeralServiceToken)| {
            let mut config = config();
            change(&mut config);
            config
        };
        for (attribute, config) in [
            (
                "description_prefix",
                with(|config| config.description_prefix = " ".into()),
            ),
            ("roles", with(|config| config.roles = roles(&[]))),
            ("roles", with(|config| config.roles = roles(&[""]))),
            ("lifetime", with(|config| config.lifetime = "0s".into())),
            ("lifetime", with(|config| config.lifetime = "soon".into())),
        ] {
            let diagnostics = EphemeralServiceToken::schema().validate(&config.into_value());
            let on: Vec<_> = diagnostics.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, [attribute]);
            assert!(diagnostics.iter().all(|error| error.severity == Severity::Error));
        }
    }
}
