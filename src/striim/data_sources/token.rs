//! `data.striim_token`: an existing token, without its value.

use jiff::Timestamp;

use crate::framework::{DataSource, Diagnostic, Diagnostics, Field, Model};
use crate::platform::Session;
use crate::striim::api::ServiceAccount;
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::token_of;
use crate::striim::errors::request_failed;
use crate::token::Expiry;

/// Looks up a token: the token of a service account by `name`, a user's personal access token by `email` (administrators
/// only), or without arguments the personal access token of the provider's own user. The value is not available: the platform
/// shows it only when it issues it.
#[derive(Model, Clone, Debug, Default)]
#[model(conflicting("name", "email"))]
pub(in crate::striim) struct Token {
    /// The name of a service account, case-sensitive.
    #[attribute(optional, length = 1..)]
    name: Field<String>,
    /// The email address of a user.
    #[attribute(optional, length = 1..)]
    email: Field<String>,
    /// `service_account` or `personal`.
    #[attribute(computed)]
    r#type: Field<String>,
    /// The platform's number of the current value.
    #[attribute(computed)]
    token_id: Field<i64>,
    /// The description of a service account; null for a personal access token.
    #[attribute(computed)]
    description: Field<String>,
    /// The `managed_by` of the provider that created the service account, read from the mark in its description. Null
    /// without a mark.
    #[attribute(computed)]
    managed_by: Field<String>,
    #[attribute(flatten)]
    expiry: TokenExpiry,
    /// The time of the last change, in the platform's format.
    #[attribute(computed)]
    updated_at: Field<String>,
}

/// The expiry of a token, shared by the data sources.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct TokenExpiry {
    /// The expiry, in UTC; null for a legacy token.
    #[attribute(computed)]
    pub(in crate::striim) expires_at: Field<String>,
    /// Whether the token has expired.
    #[attribute(computed)]
    pub(in crate::striim) expired: Field<bool>,
    /// Whether the token has no expiry because it was created before the platform made expiries mandatory.
    #[attribute(computed)]
    pub(in crate::striim) legacy: Field<bool>,
}

pub(in crate::striim) struct TokenDataSource {
    session: Session,
}

impl TokenDataSource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Returns the time by the platform's clock. Call after a request: the `Date` of its answer corrects the clock.
    fn now(&self, diagnostics: &mut Diagnostics) -> Timestamp {
        self.session.report_skew(diagnostics);
        self.session.clock().now()
    }
}

impl DataSource for TokenDataSource {
    type Model = Token;
    type Client = Connection;

    const TYPE: &'static str = "striim_token";

    async fn read(&self, context: &Context, config: Token) -> Result<Token, Diagnostics> {
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        let operation = connection.operation(context);
        if let Some(name) = config.name.known() {
            let accounts = connection.service_accounts(&operation).await?;
            let now = self.now(diagnostics);
            let account = accounts.iter().find(|account| account.name == *name);
            let account = account.ok_or_else(|| {
                Diagnostic::error(
                    "No such service account",
                    format!("There is no service account named {name:?}. Names are case-sensitive."),
                )
                .on("name")
            })?;
            return Ok(Token {
                r#type: "service_account".into(),
                token_id: account.token_id.into(),
                description: account.description.clone().into(),
                managed_by: account.managed_by.clone().into(),
                expiry: expiry_of_account(account, now, diagnostics),
                updated_at: account.updated_at.clone().into(),
                ..config
            });
        }
        let email = config.email.known().map(String::as_str);
        let token = connection.api.user_token(&operation, email).await;
        let now = self.now(diagnostics);
        let token = token.map_err(|error| request_failed(&error))?.ok_or_else(|| {
            let user = email.map_or("The provider's own user".to_owned(), |email| {
                format!("The user {email:?}")
            });
            Diagnostic::error(
                "No personal access token",
                format!(
                    "{user} has no personal access token in this account. A provider that authenticates with a service \
                     account token has none of its own: set `email` or `name`."
                ),
            )
        })?;
        let what = email.map_or("The provider's own token".to_owned(), |email| {
            format!("The personal access token of {email:?}")
        });
        let unreadable = token.unreadable_expiry.as_deref();
        Ok(Token {
            r#type: "personal".into(),
            token_id: token.token_id.into(),
            expiry: TokenExpiry::of(&what, token.expires_at, unreadable, now, diagnostics),
            updated_at: token.updated_at.into(),
            ..config
        })
    }
}

/// Returns the expiry of a service account's token.
pub(in crate::striim) fn expiry_of_account(
    account: &ServiceAccount,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> TokenExpiry {
    let unreadable = account.unreadable_expiry.as_deref();
    let what = token_of(&account.name);
    TokenExpiry::of(&what, account.expires_at, unreadable, now, diagnostics)
}

impl TokenExpiry {
    /// Returns the expiry as of `now`. A token without an expiry is a legacy token. If the expiry is unreadable, the token
    /// counts neither as legacy nor as expired, and a warning is reported.
    pub(in crate::striim) fn of(
        what: &str,
        expires_at: Option<Timestamp>,
        unreadable: Option<&str>,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        if let Some(spelled) = unreadable {
            diagnostics.push(Diagnostic::warning(
                format!("{what} has an expiry that cannot be read"),
                format!(
                    "The platform answered {spelled:?}, which is not an instant with an offset such as \
                     2027-02-09T00:00:00Z. `expires_at` is null, and `expired` and `legacy` are false."
                ),
            ));
        }
        let expiry = expires_at.map(Expiry::at);
        Self {
            expires_at: expiry.map(|expiry| expiry.to_string()).into(),
            expired: expiry.is_some_and(|expiry| expiry.has_passed(now)).into(),
            legacy: (expiry.is_none() && unreadable.is_none()).into(),
        }
    }
}
