//! `data.quix_personal_access_tokens`: the personal access tokens of the provider's user, without
//! their values.

use jiff::Timestamp;

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::platform::Session;
use crate::platform::rotation_policy::unreadable_expiry;
use crate::quix::api::PersonalAccessToken;
use crate::quix::connection::{Connection, Context};
use crate::quix::token_filter::{TokenFilter, has_expired};
use crate::token::Expiry;

/// Lists the personal access tokens of the provider's user, including those that were created
/// outside Terraform. Values are not available: the platform shows them only when it creates a
/// token. It does not show scopes either.
///
/// Not documented by the platform: whether an expired token is still listed.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct PersonalAccessTokens {
    #[attribute(flatten)]
    filter: TokenFilter,
    /// The matching tokens, sorted by name.
    #[attribute(computed)]
    tokens: Field<Vec<ListedToken>>,
}

/// A matching token.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct ListedToken {
    /// The token's id.
    #[attribute(computed)]
    id: Field<String>,
    /// The token's name.
    #[attribute(computed)]
    name: Field<String>,
    /// When the token was created, in UTC.
    #[attribute(computed)]
    created_at: Field<String>,
    /// When the token expires, in UTC; null if it never does, or if the platform reports an expiry
    /// that cannot be read.
    #[attribute(computed)]
    expires_at: Field<String>,
    /// Whether the token has expired; null if its expiry cannot be read.
    #[attribute(computed)]
    expired: Field<bool>,
}

impl ListedToken {
    fn new(token: &PersonalAccessToken, now: Timestamp) -> Self {
        let text = |instant: Option<Timestamp>| instant.map(|at| Expiry::at(at).to_string()).into();
        Self {
            id: token.id.as_str().into(),
            name: token.name.clone().into(),
            created_at: text(token.created_at),
            expires_at: text(token.expires_at),
            expired: match token.unreadable_expiry {
                Some(_) => Field::Null,
                None => has_expired(token, now).into(),
            },
        }
    }
}

pub(in crate::quix) struct PersonalAccessTokensDataSource {
    session: Session,
}

impl PersonalAccessTokensDataSource {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl DataSource for PersonalAccessTokensDataSource {
    type Model = PersonalAccessTokens;
    type Client = Connection;

    const TYPE: &'static str = "quix_personal_access_tokens";

    async fn read(&self, context: &Context, config: PersonalAccessTokens) -> Result<PersonalAccessTokens, Diagnostics> {
        let (connection, clock) = (context.client()?, self.session.clock());
        let operation = connection.operation(context);
        let found = config.filter.find(&connection, &operation, clock).await?;
        self.session.report_skew(&mut context.diagnostics());
        for token in &found {
            if let Some(spelled) = &token.unreadable_expiry {
                context.report(unreadable_expiry(
                    &format!("The personal access token {}", token.id),
                    spelled,
                ));
            }
        }
        let now = clock.now();
        let tokens: Vec<_> = found.iter().map(|token| ListedToken::new(token, now)).collect();
        Ok(PersonalAccessTokens {
            tokens: tokens.into(),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Workspace;
    use crate::quix::tests::{provider_with, sandbox};
    use crate::sandbox::Fault;
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn read_returns_the_tokens_that_match_the_filter() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        let other = sandbox.add_user(Role::Admin);
        sandbox.add_personal_access_token(&other, "other", None);
        let day = |days: i64| Some(sandbox.clock().now() + SignedDuration::from_hours(24 * days));
        for (name, expires_at) in [("ci", day(1)), ("ci", day(30)), ("cd", day(60))] {
            sandbox.add_personal_access_token(&bearer, name, expires_at);
        }
        sandbox.advance(SignedDuration::from_hours(24));
        for (filter, found) in [
            (json!({}), "cd ci ci initial"),
            (json!({ "name": "ci" }), "ci ci"),
            (json!({ "expired": true }), "ci"),
            (json!({ "expired": false, "name": "ci" }), "ci"),
            (json!({ "expires_before": "2027-02-15T00:00:00Z" }), "ci ci"),
            (json!({ "name": "c" }), ""),
        ] {
            let provider = provider_with(&sandbox, &bearer);
            let workspace = Workspace::new();
            let read = workspace.read_data_source(provider, PersonalAccessTokensDataSource::TYPE, filter);
            let read = read.await.succeeds().model::<PersonalAccessTokens>();
            let tokens = read.tokens.into_known().unwrap();
            let names: Vec<_> = tokens.iter().filter_map(|token| token.name.known().cloned()).collect();
            assert_eq!(names.join(" "), found);
            assert!(
                tokens
                    .iter()
                    .all(|token| !token.created_at.is_null() && !token.expired.is_null())
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unreadable_expiry_is_a_warning() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_user(Role::Viewer);
        let list = r#"[{"id": "a", "name": "ci", "expiresAt": "soon"}]"#;
        sandbox.fault(Fault::answer(200).body(list).on("GET", "/profile/tokens"));
        let provider = provider_with(&sandbox, &bearer);
        let workspace = Workspace::new();
        let read = workspace.read_data_source(provider, PersonalAccessTokensDataSource::TYPE, json!({}));
        let read = read.await.succeeds().warns("cannot be read");
        let tokens = read.model::<PersonalAccessTokens>().tokens.into_known().unwrap();
        assert!(tokens[0].expires_at.is_null() && tokens[0].expired.is_null());
    }
}
