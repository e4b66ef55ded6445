//! Striim Cloud's REST API for tokens, typed: every endpoint of "Managing API tokens in Striim Cloud".
//!
//! The document shows few answers, so what it does not show is read tolerantly; what it does show is
//! insisted on. Nothing here knows Terraform.

mod answer;
mod managed_by;
mod spelling;

use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

pub(super) use managed_by::{check as check_managed_by, is_marked};
pub(super) use spelling::is_same_name;

use crate::rest::{Answer, Client, Error, Kind, Operation, RateLimit, Request, RetrySafety, Unreadable};

/// "Creation and rotation of PATs and service account tokens: 10 requests per minute."
const ISSUING: RateLimit = RateLimit::per_minute("token creation and rotation", 10);
/// "Revocation of PATs and service account tokens: 30 requests per minute."
const REVOKING: RateLimit = RateLimit::per_minute("token revocation", 30);
/// "Toggling PAT usage on or off: 5 requests per minute."
const TOGGLING: RateLimit = RateLimit::per_minute("PAT toggling", 5);

/// "A description of the token's purpose (maximum 255 characters)" (Striim Cloud, "Create a service account token").
pub(super) const MAX_DESCRIPTION: usize = 255;

/// The API of one Striim Cloud account.
///
/// Every method ends within its [`Operation`] and fails with an [`Error`] that tells whether the platform may have
/// acted. A 404 is [`Error::is_not_found`]: for a deletion the caller takes it for success.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    managed_by: Option<String>,
}

/// A service account and its token, as the list tells of them: without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Unique in the account, case-sensitive; the key for rotation and deletion.
    pub name: String,
    /// Names the present value, not the service account: a rotation changes it.
    pub token_id: Option<i64>,
    /// As given at creation, without the mark.
    pub description: Option<String>,
    /// Who manages it, where its description bears a mark that tells.
    pub managed_by: Option<String>,
    /// When the value expires; `None` for legacy tokens, which never do, and where it is unreadable.
    pub expires_at: Option<Timestamp>,
    /// The expiry as the platform spells it, where that cannot be read.
    pub unreadable_expiry: Option<String>,
    /// When it was last rotated, as the platform spells it (with nine digits of fraction).
    pub updated_at: Option<String>,
    /// Who rotated it last: the platform's id of a user.
    pub updated_by: Option<i64>,
}

/// The service account of that name.
pub(super) fn find<'a>(accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| account.name == name)
}

/// What is known about a user's personal access token (PAT): not its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserToken {
    /// Whose it is, where the platform says so.
    pub email: Option<String>,
    /// The user's id, where the platform says so.
    pub user_id: Option<i64>,
    /// Names the present value: a rotation changes it.
    pub token_id: Option<i64>,
    /// When the value expires; `None` for legacy tokens, which never do, and where it is unreadable.
    pub expires_at: Option<Timestamp>,
    /// The expiry as the platform spells it, where that cannot be read.
    pub unreadable_expiry: Option<String>,
    /// When it was last rotated, as the platform spells it.
    pub updated_at: Option<String>,
    /// Who rotated it last: the platform's id of a user.
    pub updated_by: Option<i64>,
}

/// An answer about a user's personal access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserTokenReading {
    /// The user has this one.
    Present(UserToken),
    /// The answer is that there is none. A gateway may have given it.
    Missing {
        /// Whether the answer names the user, which a gateway does not know.
        names_user: bool,
    },
}

/// A new value, just made by creation or rotation: the only time that the platform tells it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The value. Never empty.
    pub token: SecretString,
    /// Names the value.
    pub token_id: Option<i64>,
    /// When it ends; `None` where the platform does not say. An unreadable instant does not cost the value.
    pub expires_at: Option<Timestamp>,
    /// When it was rotated, as the platform spells it; `None` after creation.
    pub updated_at: Option<String>,
    /// Who rotated it: the platform's id of a user.
    pub updated_by: Option<i64>,
    /// Whom the answer says that the value is for, where that is not whom it was requested for.
    pub mismatch: Option<Mismatch>,
}

/// An answer with a new value names another owner than the request. The value is kept all the same: it is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What the owner is known by.
    pub key: OwnerKey,
    /// The owner in the request.
    pub requested: String,
    /// The owner in the answer.
    pub answered: String,
    /// Whether it is the same owner in another spelling.
    pub is_same: bool,
}

/// What the owner of a value is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerKey {
    /// The name of a service account.
    Name,
    /// The email address of a user.
    Email,
}

impl IssuedToken {
    /// Whether the answer names an owner that is not the one of the request, however it is spelled.
    pub fn names_another(&self) -> bool {
        self.mismatch.as_ref().is_some_and(|mismatch| !mismatch.is_same)
    }

    /// Whether the platform shows that its present token is not this one.
    pub fn is_not(&self, token_id: Option<i64>) -> bool {
        self.token_id
            .zip(token_id)
            .is_some_and(|(issued, present)| issued != present)
    }
}

impl OwnerKey {
    /// As answers call it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
        }
    }
}

/// Whether personal access tokens may be used in the account at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatStatus {
    /// Whether they may.
    pub enabled: bool,
}

/// What a service account is created with.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NewServiceAccount<'a> {
    /// 3 to 30 characters, unique in the account.
    pub name: &'a str,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// At most 12 months ahead, sent in whole seconds; without it the account's default holds.
    #[serde(
        rename = "expires-at",
        skip_serializing_if = "Option::is_none",
        serialize_with = "whole_seconds"
    )]
    pub expires_at: Option<Timestamp>,
}

/// Whether a rotation ends the value that [the API works with](Api::works_with). If it does, the API goes on with the new
/// one, and what it is asked meanwhile waits for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It does not.
    No,
    /// It does.
    Yes,
    /// Nobody here knows the value that is rotated. The platform is asked afterwards.
    Perhaps,
}

/// Whose PAT is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The caller, by the own email address.
    Email(&'a str),
    /// Another user, by an administrator.
    UserId(i64),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Rotation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_seconds")]
    expires_at: Option<Timestamp>,
}

impl Api {
    /// The API behind `client`, whose base URL ends in `/api/v1`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            managed_by: None,
        }
    }

    /// The same, marking each service account that it creates as managed by this.
    #[must_use]
    pub fn managed_by(self, managed_by: Option<String>) -> Self {
        Self { managed_by, ..self }
    }

    /// Whether it marks the service accounts that it creates.
    pub fn marks(&self) -> bool {
        self.managed_by.is_some()
    }

    /// Whether a service account bears the mark of this API: the proof of whose it is.
    pub fn manages(&self, account: &ServiceAccount) -> bool {
        self.marks() && account.managed_by == self.managed_by
    }

    /// What the list will show of a service account that was created as `new`.
    pub(super) fn as_created(&self, new: &NewServiceAccount<'_>, issued: &IssuedToken) -> ServiceAccount {
        ServiceAccount {
            name: issued
                .mismatch
                .as_ref()
                .map_or(new.name, |mismatch| &mismatch.answered)
                .to_owned(),
            token_id: issued.token_id,
            description: new.description.map(str::to_owned),
            managed_by: self.managed_by.clone(),
            expires_at: issued.expires_at.or(new.expires_at),
            unreadable_expiry: None,
            updated_at: issued.updated_at.clone(),
            updated_by: issued.updated_by,
        }
    }

    /// Whether a listed service account may be the one that was created as `new`, by all that the list shows of it but the
    /// expiry.
    pub(super) fn may_be(&self, new: &NewServiceAccount<'_>, listed: &ServiceAccount) -> bool {
        let shows_description = listed.description.is_some() || listed.managed_by.is_some();
        let text = |description: Option<&str>| description.unwrap_or_default().trim().to_owned();
        let is_same = text(listed.description.as_deref()) == text(new.description);
        is_same_name(&listed.name, new.name) && (!shows_description || is_same && listed.managed_by == self.managed_by)
    }

    /// How many characters of a description are left beside the mark.
    pub fn room_for_description(&self) -> usize {
        MAX_DESCRIPTION.saturating_sub(self.managed_by.as_deref().map_or(0, managed_by::length))
    }

    /// Whether this is the token that the API is called with.
    pub async fn works_with(&self, token: &SecretString) -> bool {
        self.client.uses_secret(token).await
    }

    /// All service accounts: `GET /service-accounts`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_service_accounts(&self, operation: &Operation) -> Result<Vec<ServiceAccount>, Error> {
        let request = list_request();
        let accounts = self.client.fetch(operation, &request, answer::service_accounts).await?;
        if accounts.is_empty() && !self.is_called_by_user(operation).await? {
            let reason = "it is empty, although it has to show the service account that the provider works as; is the \
                          base URL right, is a proxy in between?";
            let kind = Kind::Unreadable {
                status: StatusCode::OK,
                reason: reason.into(),
            };
            return Err(Error::new("list the service accounts", kind, false));
        }
        Ok(accounts)
    }

    /// Whether the API is called with a user's token: else it is that of a service account.
    async fn is_called_by_user(&self, operation: &Operation) -> Result<bool, Error> {
        match self.user_token(operation, None).await {
            Ok(own) => Ok(own.is_some()),
            Err(error) if matches!(error.status(), Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a service account with its token: `POST /service-account`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 409 where the name or the account's quota of three is taken.
    pub async fn create_service_account(
        &self,
        operation: &Operation,
        new: &NewServiceAccount<'_>,
    ) -> Result<IssuedToken, Error> {
        let tried = format!("create the service account {:?}", new.name);
        let description = new.description.filter(|description| !description.is_empty());
        let marked = self.managed_by.as_deref();
        let marked = marked.map(|managed_by| managed_by::mark(description, managed_by));
        let request = Request::new(Method::POST, tried, &["service-account"])
            .json(&NewServiceAccount {
                description: marked.as_deref().or(description),
                ..*new
            })
            .limit(&ISSUING);
        let request = required(request, "name", new.name);
        self.client
            .fetch(operation, &request, |answer| {
                answer::issued_token(answer, OwnerKey::Name, Some(new.name))
            })
            .await
            .inspect(|issued| self.client.redact(&issued.token))
    }

    /// Gives a service account a new value and ends the old one at once: `POST /service-account/rotate`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such service account.
    pub async fn rotate_service_account(
        &self,
        operation: &Operation,
        name: &str,
        expires_at: Option<Timestamp>,
        own: Own,
    ) -> Result<IssuedToken, Error> {
        let tried = format!("rotate the token of the service account {name:?}");
        let request = Request::new(Method::POST, tried, &["service-account", "rotate"])
            .json(&Rotation {
                name: Some(name),
                email: None,
                expires_at,
            })
            .limit(&ISSUING);
        let request = required(request, "name", name);
        let read = |answer| answer::issued_token(answer, OwnerKey::Name, Some(name));
        self.issue(operation, &request, read, own).await
    }

    /// Sends a rotation.
    async fn issue(
        &self,
        operation: &Operation,
        request: &Request,
        read: impl Fn(Answer) -> Result<IssuedToken, Unreadable>,
        own: Own,
    ) -> Result<IssuedToken, Error> {
        let probe = list_request();
        let probe = match own {
            Own::No => {
                let issued = self.client.fetch(operation, request, read).await;
                return issued.inspect(|issued| self.client.redact(&issued.token));
            }
            Own::Yes => None,
            Own::Perhaps => Some(&probe),
        };
        self.client
            .rotate_credential(operation, request, read, |issued: &IssuedToken| &issued.token, probe)
            .await
    }

    /// Deletes a service account and ends its value: `DELETE /service-account?name=`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such service account.
    pub async fn delete_service_account(&self, operation: &Operation, name: &str) -> Result<(), Error> {
        let request = Request::new(
            Method::DELETE,
            format!("delete the service account {name:?}"),
            &["service-account"],
        )
        .query("name", name)
        .limit(&REVOKING);
        let request = required(request, "name", name);
        self.client.send(operation, &request).await.map(drop)
    }

    /// The PAT of the caller, or for an administrator that of the user with this email address; `None` where there
    /// is none: `GET /user-token[?email=]`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn read_user_token(&self, operation: &Operation, email: Option<&str>) -> Result<UserTokenReading, Error> {
        let mut request = Request::new(Method::GET, format!("read {}", pat_of(email)), &["user-token"]);
        if let Some(email) = email {
            request = request.query("email", email);
        }
        let read = |answer| answer::user_token(answer, email);
        match self.client.fetch(operation, &request, read).await {
            Ok(Some(token)) => Ok(UserTokenReading::Present(token)),
            Ok(None) => Ok(UserTokenReading::Missing { names_user: false }),
            Err(error) if error.is_not_found() => {
                let names_user = email
                    .zip(error.platform_message())
                    .is_some_and(|(email, message)| is_said_of(message, email));
                Ok(UserTokenReading::Missing { names_user })
            }
            Err(error) => Err(error),
        }
    }

    /// The same, without telling what speaks for an absence. By itself it proves nothing: see `pat::find`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn user_token(&self, operation: &Operation, email: Option<&str>) -> Result<Option<UserToken>, Error> {
        match self.read_user_token(operation, email).await? {
            UserTokenReading::Present(token) => Ok(Some(token)),
            UserTokenReading::Missing { .. } => Ok(None),
        }
    }

    /// Gives a user a new PAT and ends the present one at once: `POST /user-token/rotate`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rotate_user_token(
        &self,
        operation: &Operation,
        email: Option<&str>,
        expires_at: Option<Timestamp>,
        own: Own,
    ) -> Result<IssuedToken, Error> {
        let mut request = Request::new(
            Method::POST,
            format!("rotate {}", pat_of(email)),
            &["user-token", "rotate"],
        )
        .json(&Rotation {
            name: None,
            email,
            expires_at,
        })
        .limit(&ISSUING);
        if let Some(email) = email {
            request = required(request, "email", email);
        }
        let read = |answer| answer::issued_token(answer, OwnerKey::Email, email);
        self.issue(operation, &request, read, own).await
    }

    /// Revokes a PAT: `DELETE /user-token?email=` or `?user-id=`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such PAT.
    pub async fn revoke_user_token(&self, operation: &Operation, owner: Owner<'_>) -> Result<(), Error> {
        let (whose, key, value) = match owner {
            Owner::Email(email) => (pat_of(Some(email)), "email", email.to_owned()),
            Owner::UserId(id) => (
                format!("the personal access token of user {id}"),
                "user-id",
                id.to_string(),
            ),
        };
        let request = Request::new(Method::DELETE, format!("revoke {whose}"), &["user-token"])
            .query(key, &value)
            .limit(&REVOKING);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Whether PATs may be used in the account: `GET /user-token/status`.
    ///
    /// # Errors
    ///
    /// [`Error`], also where the answer says neither yes nor no.
    pub async fn pat_status(&self, operation: &Operation) -> Result<PatStatus, Error> {
        let tried = "read whether personal access tokens are enabled";
        let request = Request::new(Method::GET, tried, &["user-token", "status"]);
        self.client.fetch(operation, &request, answer::pat_status).await
    }

    /// Turns PATs on where they are off, and off where they are on: `PATCH /user-token/status`. The request does not
    /// say which, so the caller reads before and after. Answers to what it has turned them, if the platform tells.
    ///
    /// # Errors
    ///
    /// [`Error`]; where it [is ambiguous](Error::is_ambiguous), reading again tells.
    pub async fn toggle_pat_status(&self, operation: &Operation) -> Result<Option<PatStatus>, Error> {
        let tried = "turn personal access tokens on or off";
        let request = Request::new(Method::PATCH, tried, &["user-token", "status"])
            .limit(&TOGGLING)
            .retry(RetrySafety::Unsafe);
        let answer = self.client.send(operation, &request).await?;
        Ok(answer::pat_status(answer).ok())
    }
}

/// Whether a message is about the user with this address. One that quotes the request's URL is not: any server can do that.
fn is_said_of(message: &str, email: &str) -> bool {
    let message = message.to_lowercase();
    let quotes_url = ["email=", "user-token", "http:", "https:"]
        .iter()
        .any(|part| message.contains(part));
    message.contains(&email.to_lowercase()) && !quotes_url
}

fn list_request() -> Request {
    Request::new(Method::GET, "list the service accounts", &["service-accounts"])
}

fn pat_of(email: Option<&str>) -> String {
    match email {
        Some(email) => format!("the personal access token of {email:?}"),
        None => "the provider's own personal access token".to_owned(),
    }
}

/// Refuses a request whose key is empty: the platform might take it for another one.
fn required(request: Request, key: &str, value: &str) -> Request {
    if value.is_empty() {
        request.invalid(format!("the {key} is empty"))
    } else {
        request
    }
}

/// The platform's instants: UTC, `2027-02-09T00:00:00Z`. A fraction is cut off, so that no token outlives what was
/// asked for.
fn whole_seconds<S: serde::Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let second = instant.and_then(|instant| Timestamp::from_second(instant.as_second()).ok());
    second.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_about_a_user_only_in_words_of_its_own() {
        for (message, is_about) in [
            ("Bob@acme.example has no personal access token", true),
            ("no token for user bob@acme.example", true),
            ("no Route matched with those values", false),
            ("404 page not found", false),
            ("Cannot GET /api/v1/user-token?email=bob@acme.example", false),
            ("https://acme.striim.cloud/x?q=bob@acme.example was not found", false),
        ] {
            assert_eq!(is_said_of(message, "bob@acme.example"), is_about, "{message}");
        }
    }

    #[test]
    fn instants_are_sent_in_utc_and_whole_seconds() {
        for (instant, sent) in [
            ("2027-02-09T00:00:00Z", "2027-02-09T00:00:00Z"),
            ("2027-02-09T05:30:00.999999999+05:30", "2027-02-09T00:00:00Z"),
        ] {
            let new = NewServiceAccount {
                name: "ci",
                description: None,
                expires_at: Some(instant.parse().unwrap()),
            };
            assert_eq!(
                serde_json::to_value(new).unwrap(),
                serde_json::json!({"name": "ci", "expires-at": sent})
            );
        }
    }
}
