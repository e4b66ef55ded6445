//! `data.startree_service_token`: an existing service token, without its value.
//!
//! # Flow
//! Read fetches the token, then the assignments of every role: the API has no request for the roles
//! of one token. The assignments are cached and shared by all tokens of a run.
//!
//! # Guarantees
//! - `roles` is complete: if the assignments of a role cannot be read, the read fails.
//!
//! # Assumptions
//! - The list of roles and the lists of assignments are complete. A list that says that it is one
//!   page of several is an error.

use crate::framework::{DataSource, Diagnostic, Diagnostics, Field, Model, Set};
use crate::startree::api::{AccessKey, InvalidAccessKey, Name, Reported, Srn, Subject};
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::role_grants::assignment_id;
use crate::startree::token_existence::{self, Existence};
use crate::token::Expiry;

/// Reads a service token by its access key: its description, the time of its creation and its
/// roles. The value is not available: the platform shows it only once.
///
/// The platform has no list of service tokens, and no list of the roles of one token. The provider
/// therefore reads the assignments of every role, one request each. All service tokens of a run
/// share the answers.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct ServiceToken {
    /// The access key: the part of the token between `st-` and the next hyphen. Never give the
    /// whole token. A rotation creates a token with another access key.
    #[attribute(required, check = is_access_key)]
    access_key: Field<String>,
    /// The SRN of the token: `srn2:service-token#<access_key>`.
    #[attribute(computed)]
    id: Field<String>,
    /// The description as the Security Manager shows it. After a rotation with `overlap`, it ends in
    /// `(after <access key of the previous token>)`. Null if the platform does not report it.
    #[attribute(computed)]
    description: Field<String>,
    /// When the token was created, in UTC. Null if the platform does not report it in a format that
    /// can be read.
    #[attribute(computed)]
    created_at: Field<String>,
    /// The names of the token's roles. Without a role, the token has no access.
    #[attribute(computed)]
    roles: Field<Set<String>>,
    /// The assignments of the roles, sorted by role.
    #[attribute(computed)]
    assignments: Field<Vec<TokenAssignment>>,
}

/// An element of `assignments`.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct TokenAssignment {
    /// The name of the role.
    #[attribute(computed)]
    role: Field<String>,
    /// The ID to import the assignment as a `startree_role_assignment`.
    #[attribute(computed)]
    id: Field<String>,
}

fn is_access_key(text: &str) -> Result<(), InvalidAccessKey> {
    text.parse::<AccessKey>().map(drop)
}

/// Implements `startree_service_token`.
pub(in crate::startree) struct ServiceTokenDataSource;

impl DataSource for ServiceTokenDataSource {
    type Model = ServiceToken;
    type Client = Connection;

    const TYPE: &'static str = "startree_service_token";

    async fn read(&self, context: &Context, config: ServiceToken) -> Result<ServiceToken, Diagnostics> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let access_key = config.access_key.get()?.parse();
        let access_key: AccessKey = access_key.map_err(|error| Diagnostic::invalid("access_key", error))?;
        let found = token_existence::check(&connection, &operation, &access_key).await;
        let token = match found.map_err(|error| failure(&error))? {
            Existence::Exists(token) => token,
            Existence::Absent => return Err(not_found(&connection.environment, &access_key).into()),
            Existence::Unknown => return Err(not_found_uncertain(&connection.environment, &access_key).into()),
        };
        let roles = connection.roles_of(&operation, &access_key).await;
        let mut roles = roles.map_err(|error| failure(&error))?;
        roles.sort();
        roles.dedup();
        Ok(ServiceToken {
            id: Srn::ServiceToken(&access_key).to_string().into(),
            description: match token.description {
                Reported::Value(description) => description.into(),
                Reported::Absent => Field::Null,
            },
            created_at: token.created_at.map(|at| Expiry::at(at).to_string()).into(),
            roles: Field::Known(roles.iter().map(ToString::to_string).collect()),
            assignments: roles
                .iter()
                .map(|role| assignment(role, &access_key))
                .collect::<Vec<_>>()
                .into(),
            ..config
        })
    }
}

fn assignment(role: &Name, access_key: &AccessKey) -> TokenAssignment {
    TokenAssignment {
        role: role.as_str().into(),
        id: assignment_id(role, &Subject::token(access_key)).into(),
    }
}

/// The error where the platform demonstrably does not have the token.
fn not_found(environment: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        "Service token not found",
        format!(
            "The environment {environment:?} has no service token with the access key {access_key}. It may be mistyped, or the \
             token was deleted or rotated: a rotation creates a token with another access key. For a token that this \
             configuration manages, refer to `startree_service_token.<name>.access_key`. For any other, look among the API \
             Tokens in the Security Manager."
        ),
    )
    .on("access_key")
}

/// The error where the platform finds neither the token nor any other one.
fn not_found_uncertain(environment: &str, access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        "Service token not found",
        format!(
            "The environment {environment:?} answers that it has no service token with the access key {access_key}. But it has \
             found no other service token either, so the request itself may be wrong: the platform does not document its \
             answer. Look for the token among the API Tokens in the Security Manager, and check the provider's `environment` \
             or `base_url`."
        ),
    )
    .on("access_key")
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::framework::Value;
    use crate::framework::testing::{Outcome, Workspace};
    use crate::sandbox::Fault;
    use crate::sandbox::startree::{CreationTime, Options, Sandbox, Subject as SandboxSubject};
    use crate::startree::tests::{option_variants, provider, sandbox};

    async fn read(sandbox: &Sandbox, access_key: &str) -> Outcome<Value> {
        read_with(sandbox, &sandbox.add_administrator().bearer(), access_key).await
    }

    async fn read_with(sandbox: &Sandbox, bearer: &SecretString, access_key: &str) -> Outcome<Value> {
        let provider = provider(sandbox, bearer);
        let config = ServiceToken {
            access_key: access_key.into(),
            ..ServiceToken::default()
        };
        Workspace::new()
            .read_data_source(provider, ServiceTokenDataSource::TYPE, config)
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn read_returns_description_creation_time_and_all_roles_for_every_response_format() {
        for options in option_variants() {
            let (reports_description, creation_time) = (options.returns_descriptions, options.creation_time);
            let sandbox = sandbox(options);
            let token = sandbox.add_token_described("Dashboards");
            for role in ["team/reader: 50% *", "writer"] {
                sandbox.add_role(role, None);
                sandbox.assign_outside(role, SandboxSubject::token(&token.access_key));
            }
            sandbox.assign_outside("writer", SandboxSubject::new("group", &token.access_key));
            let read = read(&sandbox, &token.access_key).await.model::<ServiceToken>();
            let described = reports_description.then(|| "Dashboards".to_owned());
            assert_eq!(read.description, described.into());
            let at = (creation_time != CreationTime::Absent).then(|| "2027-01-01T00:00:00Z".to_owned());
            assert_eq!(read.created_at, at.into());
            let expected = ["team/reader: 50% *", "writer"];
            assert_eq!(
                read.roles,
                Field::Known(expected.iter().map(ToString::to_string).collect())
            );
            let ids: Vec<_> = read.assignments.into_known().unwrap();
            let ids: Vec<_> = ids.into_iter().filter_map(|one| one.id.into_known()).collect();
            let id = |role: &str| format!("{role}/service-token/{}", token.access_key);
            assert_eq!(ids, expected.map(id));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn token_without_roles_has_empty_roles() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token();
        let read = read(&sandbox, &token.access_key).await.model::<ServiceToken>();
        assert_eq!(read.roles, Field::Known([].into_iter().collect()));
        assert_eq!(read.assignments.into_known().map(|list| list.len()), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn token_that_does_not_exist_is_an_error_on_the_access_key() {
        let sandbox = sandbox(Options::default());
        let read = read(&sandbox, "XkQBXKr652MV1VF9").await;
        let error = &read
            .fails("has no service token with the access key XkQBXKr652MV1VF9")
            .diagnostics[0];
        assert_eq!(error.attribute.as_deref(), Some("access_key"));
    }

    #[tokio::test(start_paused = true)]
    async fn not_found_without_another_token_names_the_providers_address() {
        let sandbox = sandbox(Options::default());
        let (own, token) = (sandbox.add_administrator(), sandbox.add_token());
        for key in [&own.access_key, &token.access_key] {
            let path = format!("/service-tokens/srn2:service-token%23{key}");
            sandbox.fault(Fault::answer(404).on("GET", &path).times(100));
        }
        let read = read_with(&sandbox, &own.bearer(), &token.access_key).await;
        read.fails("so the request itself may be wrong");
    }

    #[tokio::test(start_paused = true)]
    async fn unreadable_assignments_and_rejected_credentials_are_errors() {
        for fault in [
            Fault::answer(500)
                .on("GET", "/roles/srn2:role%23table-reader/assignments")
                .times(100),
            Fault::answer(403)
                .on("GET", "/roles/srn2:role%23table-reader/assignments")
                .times(100),
            Fault::answer(401).on("GET", "/roles").times(100),
        ] {
            let sandbox = sandbox(Options::default());
            let token = sandbox.add_token();
            sandbox.fault(fault.clone());
            assert!(read(&sandbox, &token.access_key).await.has_errors(), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whole_token_as_access_key_is_rejected_without_a_request_and_not_repeated() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token().bearer();
        let read = read(&sandbox, token.expose_secret()).await;
        let secret = token.expose_secret().rsplit('-').next().unwrap();
        assert!(read.has_errors() && !format!("{:?}", read.diagnostics).contains(secret));
        assert_eq!(sandbox.calls("GET", "/roles"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn read_sends_one_request_for_the_token_and_one_per_role() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token();
        let roles: Vec<_> = (0..20).map(|number| format!("role-{number}")).collect();
        for role in &roles {
            sandbox.add_role(role, None);
        }
        read(&sandbox, &token.access_key).await.succeeds();
        let token = format!("/service-tokens/srn2:service-token%23{}", token.access_key);
        let assignments = roles
            .iter()
            .map(|role| format!("/roles/srn2:role%23{role}/assignments"));
        for path in assignments.chain(["/roles".to_owned(), token]) {
            assert_eq!(sandbox.calls("GET", &path), 1, "{path}");
        }
    }
}
