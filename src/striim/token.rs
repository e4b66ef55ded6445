//! `data.striim_token`: a token that exists, without its value.

use async_trait::async_trait;
use jiff::Timestamp;

use super::api::ServiceAccount;
use super::failure::failure;
use super::service_account::token_of;
use super::session::Session;
use crate::framework::{Attribute, Context, DataSource, Diagnostic, Diagnostics, Field, Schema, Type, model};
use crate::platform::attributes::{argument, at_most_one};
use crate::token::Expiry;

model! {
    /// The attributes of `data.striim_token`.
    pub(super) struct Model {
        name: String,
        email: String,
        r#type: String,
        token_id: i64,
        description: String,
        managed_by: String,
        expires_at: String,
        expired: bool,
        legacy: bool,
        updated_at: String,
    }
}

pub(super) struct Token {
    session: Session,
}

impl Token {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// The time after an answer, by which the platform's is known.
    fn now(&self, diagnostics: &mut Diagnostics) -> Timestamp {
        self.session.report_skew(diagnostics);
        self.session.clock().now()
    }
}

#[async_trait]
impl DataSource for Token {
    type Model = Model;

    const TYPE: &'static str = "striim_token";

    fn schema(&self) -> Schema {
        Schema::new(
            "Looks up a token: that of a service account by `name`, a user's personal access token by `email` \
             (administrators only), or with neither the personal access token of the user whom the provider works as. \
             It does not bring the value: the platform shows that only when it is made.",
            [
                Attribute::optional("name", Type::String, "The name of a service account, case-sensitive."),
                Attribute::optional(
                    "email",
                    Type::String,
                    "The email address of a user. Not together with `name`.",
                ),
                Attribute::computed("type", Type::String, "`service_account` or `personal`."),
                Attribute::computed("token_id", Type::Number, "The platform's number for the present value."),
                Attribute::computed(
                    "description",
                    Type::String,
                    "The description of a service account; null for a personal access token.",
                ),
                Attribute::computed(
                    "managed_by",
                    Type::String,
                    "Who manages a service account, where the mark at the end of its description tells: the \
                     `managed_by` of the provider that created it. Null otherwise.",
                ),
                Attribute::computed(
                    "expires_at",
                    Type::String,
                    "When it ends, in UTC; null for a legacy token.",
                ),
                Attribute::computed("expired", Type::Bool, "Whether it has ended."),
                Attribute::computed(
                    "legacy",
                    Type::Bool,
                    "Whether it has no expiry, as tokens have that are older than the platform's mandatory expiries.",
                ),
                Attribute::computed(
                    "updated_at",
                    Type::String,
                    "When it was last changed, as the platform spells it.",
                ),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        diagnostics.extend(at_most_one(&[
            argument("name", &config.name),
            argument("email", &config.email),
        ]));
        for (attribute, value) in [("name", &config.name), ("email", &config.email)] {
            if value.known().is_some_and(String::is_empty) {
                diagnostics.push(
                    Diagnostic::error(
                        format!("Empty {attribute}"),
                        format!("`{attribute}` must not be empty."),
                    )
                    .on(attribute),
                );
            }
        }
    }

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        if let Some(name) = config.name.known() {
            let accounts = connection.look(&operation, diagnostics).await?;
            let now = self.now(diagnostics);
            let account = accounts.iter().find(|account| account.name == *name);
            let account = diagnostics.ok(account.ok_or_else(|| {
                Diagnostic::error(
                    "No such service account",
                    format!("There is no service account named {name:?}. Names are case-sensitive."),
                )
                .on("name")
            }))?;
            return Some(Model {
                r#type: "service_account".into(),
                token_id: account.token_id.into(),
                description: account.description.clone().into(),
                managed_by: account.managed_by.clone().into(),
                updated_at: account.updated_at.clone().into(),
                ..with_expiry(config, ending_of_account(account, now, diagnostics))
            });
        }
        let email = config.email.known().map(String::as_str);
        let token = connection.api.user_token(&operation, email).await;
        let now = self.now(diagnostics);
        let token = diagnostics.ok(token.map_err(|error| failure(&error)))?;
        let token = diagnostics.ok(token.ok_or_else(|| {
            let whose = email.map_or("The provider's own user".to_owned(), |email| {
                format!("The user {email:?}")
            });
            Diagnostic::error(
                "No personal access token",
                format!(
                    "{whose} has no personal access token in this account. A provider that works with a service \
                         account token has none of its own: set `email` or `name`."
                ),
            )
        }))?;
        let what = email.map_or("The provider's own token".to_owned(), |email| {
            format!("The personal access token of {email:?}")
        });
        let ending = Ending::of(
            &what,
            token.expires_at,
            token.unreadable_expiry.as_deref(),
            now,
            diagnostics,
        );
        Some(Model {
            r#type: "personal".into(),
            token_id: token.token_id.into(),
            updated_at: token.updated_at.into(),
            ..with_expiry(config, ending)
        })
    }
}

/// The end of a service account's token.
pub(super) fn ending_of_account(account: &ServiceAccount, now: Timestamp, diagnostics: &mut Diagnostics) -> Ending {
    let unreadable = account.unreadable_expiry.as_deref();
    Ending::of(
        &token_of(&account.name),
        account.expires_at,
        unreadable,
        now,
        diagnostics,
    )
}

fn with_expiry(config: Model, ending: Ending) -> Model {
    let Ending {
        expires_at,
        expired,
        legacy,
    } = ending;
    Model {
        expires_at,
        expired,
        legacy,
        ..config
    }
}

/// The attributes that tell of a token's end, in every data source.
pub(super) struct Ending {
    pub(super) expires_at: Field<String>,
    pub(super) expired: Field<bool>,
    pub(super) legacy: Field<bool>,
}

impl Ending {
    /// The end of a token, as seen from `now`. Without an expiry it is a legacy token; with one that cannot be read it is
    /// neither a legacy token nor known to have expired.
    pub(super) fn of(
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
                    "The platform spells it {spelled:?}, which is not an instant with an offset such as \
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
