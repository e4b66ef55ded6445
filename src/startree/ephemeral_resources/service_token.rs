//! Ephemeral `startree_service_token`: a service token with its roles for the time of a run.
//!
//! # Flow
//! Open removes what killed runs left over, makes a token and gives it its roles. Close takes them from it and revokes it.
//!
//! # Guarantees
//! - The value is in no plan and no state.
//! - What Open made and cannot hand out, it revokes again; what Close could not revoke, it tells.
//! - What neither did, because all was killed, the next Open with the same prefix removes once its `lifetime` is over, if it
//!   has one of the same roles. Nobody else's token is touched ([`ephemeral_description`] says what proves that).
//!
//! # Assumptions
//! - The platform tells the description of a token. If it does not, what killed runs left stays, and does not end by
//!   itself, until a person deletes it.
//! - A token that has no role yet when its run is killed is found by nothing, and let in nowhere.

mod description;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::framework::{Diagnostic, Diagnostics, EphemeralResource, Failed, Field, Model, Opened, Outcome, Set};
use crate::platform::Session;
use crate::platform::attributes::{is_positive_duration, known_duration};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Told};
use crate::startree::connection::{Connection, Context};
use crate::startree::resources::service_token::{give, make, revoke};
use crate::token::Expiry;

/// How long a run takes at most if the configuration does not say.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// A service token with its roles for the time of one run, in no plan and no state: for the configuration of another
/// provider, or for a write-only argument. Needs Terraform 1.10.
///
/// Terraform opens it in the plan **and** again in the apply: each creates a token and assigns the roles to it, and takes the
/// roles away and revokes it when all that refers to it is done. **It may take up to an hour** until the platform lets a token
/// in everywhere that has just got its role; what uses it at once must be ready to try again.
///
/// The platform's tokens do not expire. When a run is interrupted, Terraform closes nothing, and the provider revokes the
/// token as it ends. Where that does not come about, as when all is killed at once, the next run with the same
/// `description_prefix` and one of the same roles removes it after its `lifetime`. It recognises it by its description;
/// whether the platform reports that of a token is not documented, and where it does not, such a token has to be deleted in
/// the Security Manager.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct EphemeralServiceToken {
    /// What the token's description begins with. That it is for one run, and until when, follows. Another text for each
    /// configuration.
    #[attribute(required, check = is_not_blank)]
    description_prefix: Field<String>,
    /// The names of the roles that it gets, at least one: without, it would be let in nowhere.
    #[attribute(required, check = are_roles)]
    roles: Field<Set<String>>,
    /// How long a run takes at most, such as `30m`: after that, another run takes the token for an orphan. Default: `1h`.
    #[attribute(optional, check = is_positive_duration)]
    lifetime: Field<String>,
    /// What the token is known by: its user name.
    #[attribute(computed)]
    access_key: Field<String>,
    /// The token's password.
    #[attribute(computed)]
    secret_key: Field<SecretString>,
    /// The token's value, to be sent as a bearer.
    #[attribute(computed)]
    token: Field<SecretString>,
    /// From when on another run takes it for an orphan.
    #[attribute(computed)]
    ends_at: Field<String>,
}

fn is_not_blank(prefix: &str) -> Result<(), &'static str> {
    let is_blank = prefix.trim().is_empty();
    (!is_blank).then_some(()).ok_or("must not be empty")
}

fn are_roles(roles: &Set<String>) -> Result<(), String> {
    if roles.is_empty() {
        return Err("must name at least one role: a token without is let in nowhere".to_owned());
    }
    names(roles).map(drop)
}

fn names(roles: &Set<String>) -> Result<Vec<Name>, String> {
    let name = |role: &String| Name::existing(role).map_err(|error| format!("a name {error}; one is {role:?}"));
    roles.iter().map(name).collect()
}

impl EphemeralServiceToken {
    fn prefix(&self) -> &str {
        self.description_prefix.known().map_or("", String::as_str)
    }

    fn roles(&self) -> Result<Vec<Name>, Diagnostic> {
        names(self.roles.get()?).map_err(|problem| Diagnostic::invalid("roles", problem))
    }

    /// From when on nobody needs a token that is made now.
    fn end(&self, now: Timestamp) -> Expiry {
        let lifetime = known_duration(&self.lifetime).unwrap_or(LIFETIME);
        Expiry::at(now.checked_add(lifetime).unwrap_or(Timestamp::MAX))
    }
}

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
        let end = config.end(now);
        let description = description::new(config.prefix(), end);
        let issued = make(&connection, &operation, &description).await?;
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
        match give(&connection, &operation, &roles, &issued.access_key).await {
            Ok(()) => Ok(opened),
            Err(why) => Err(Failed::from(why.on("roles")).leaving(opened)),
        }
    }

    async fn close(&self, context: &Context, private: &[u8]) -> Result<(), Diagnostics> {
        if private.is_empty() {
            return Ok(()); // Nothing was created.
        }
        let access_key = std::str::from_utf8(private).ok().and_then(|text| text.parse().ok());
        let access_key: AccessKey = access_key.ok_or_else(|| {
            let detail = "Terraform did not bring back what the opening left. This is a bug; please report it.";
            Diagnostic::error("Unreadable private data", detail)
        })?;
        let connection = context.client()?;
        // Even if Terraform is interrupted: an interrupted run is to leave no orphan.
        let revoked = revoke(&connection, &connection.cleanup_operation(), &access_key).await;
        Ok(revoked.map_err(|mut why| {
            why.detail.push_str(&format!(
                "\n\nThe ephemeral service token {access_key} may still be there, and does not expire. Delete it in the \
                 Security Manager; or leave that to the next run with the same `description_prefix` after its `lifetime`."
            ));
            why
        })?)
    }
}

/// What stands for a token while the provider's configuration is unknown.
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

/// Deletes what killed runs left among the tokens that have one of the roles. A failure is not in the way of this run.
async fn delete_orphans(
    connection: &Connection,
    operation: &Operation,
    context: &Context,
    config: &EphemeralServiceToken,
    roles: &[Name],
    now: Timestamp,
) {
    let Ok(holdings) = connection.holdings(operation).await else {
        return; // Errors are ignored here: the rest of the opening reports them.
    };
    let mut keys: Vec<_> = holdings
        .iter()
        .filter(|holding| roles.contains(&holding.role))
        .collect();
    keys.sort_by(|a, b| a.access_key.cmp(&b.access_key));
    keys.dedup_by(|a, b| a.access_key == b.access_key);
    for holding in keys {
        let told = connection.tokens.read(operation, &holding.access_key).await;
        if let Ok(Told::Text(text)) = told
            && description::is_left_over(config.prefix(), &text, now)
        {
            tracing::info!(
                "removing the service token {}, which a run has left over",
                holding.access_key
            );
            let removed = revoke(connection, operation, &holding.access_key).await;
            context.diagnostics().extend(removed.err().map(Diagnostic::as_warning));
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

        /// As Terraform does when it was interrupted.
        async fn close(&self, (connection, opened): (Connection, Open)) -> Run<()> {
            connection.stop().await.unwrap();
            connection.close_ephemeral(opened).await
        }

        /// The tokens there are, but for the provider's.
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
    async fn what_is_opened_works_until_it_is_closed_in_every_shape_of_answers() {
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
    async fn private_data_of_an_opened_token_holds_no_secret() {
        let world = World::new(Options::default());
        let ephemeral = ServiceTokenEphemeral::new(Session::new(world.sandbox.clock()));
        let context = crate::startree::tests::context(&world.sandbox);
        let opened = EphemeralResource::open(&ephemeral, &context, config()).await.unwrap();
        let secret = opened.result.secret_key.into_known().unwrap();
        assert!(!String::from_utf8_lossy(&opened.private).contains(secret.expose_secret()));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_answer_is_lost_nothing_with_power_is_left() {
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
    async fn what_cannot_be_given_its_roles_is_revoked_again() {
        let world = World::new(Options::default());
        world.sandbox.delete_role_outside("writer");
        let run = world.open().await;
        assert!(run.value.is_none());
        assert_eq!(run.diagnostics[0].attribute.as_deref(), Some("roles"));
        assert!(world.descriptions().is_empty());
        assert_eq!(world.subjects("reader"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_revoked_is_told_and_removed_once_its_time_is_over() {
        let world = World::new(Options::default());
        let opened = world.open().await.succeeds().value.unwrap();
        world.sandbox.fault(Fault::answer(403).on("POST", UNASSIGN));
        world.close(opened).await.fails("may still be there").fails("403");
        let somebody_elses = world.sandbox.add_token();
        world
            .sandbox
            .assign_outside("reader", Subject::token(&somebody_elses.access_key));

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
                .any(|token| token.access_key == somebody_elses.access_key)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_killed_leaves_nothing_for_long() {
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
    async fn while_the_provider_waits_nothing_is_made_and_nothing_is_closed() {
        let world = World::new(Options::default());
        let unknown = Value::Map([("token".to_owned(), Value::Unknown)].into());
        let provider = provider(&world.sandbox, &world.sandbox.add_administrator().bearer());
        let workspace = Workspace::new().with_provider(unknown);
        let run = workspace.open_ephemeral(provider, TYPE, config()).await;
        let (connection, opened) = run.reports_nothing().value.unwrap();
        let result = model(&opened);
        assert!(result.token.is_unknown() && result.description_prefix == "run".into());
        connection.close_ephemeral(opened).await.reports_nothing();
        assert!(world.descriptions().is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_on_its_argument() {
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
