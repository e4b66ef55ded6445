//! Striim Cloud's REST API for tokens: a typed method per endpoint of "Managing API tokens in Striim
//! Cloud".
//!
//! The document shows few answers. What it shows is required; what it does not show is read leniently.

mod answer;
mod managed_by;
mod spelling;

use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

pub(super) use managed_by::{check as check_managed_by, is_marked};
pub(super) use spelling::is_same_name;

use crate::platform::sha256::sha256;
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
/// Every method ends within its [`Operation`] and fails with an [`Error`] that says whether the
/// platform may have acted. A 404 is [`Error::is_not_found`]; for a deletion it means success.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    managed_by: Option<String>,
}

/// A service account and its token as the list shows them, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The name, unique in the account and case-sensitive: the key for rotation and deletion.
    pub name: String,
    /// The number of the present value, not of the service account: a rotation changes it.
    pub token_id: Option<i64>,
    /// The description, without the managed-by mark.
    pub description: Option<String>,
    /// The owner in the managed-by mark of the description, if there is one.
    pub managed_by: Option<String>,
    /// When the value expires; `None` for legacy tokens, which never expire, and if it is unreadable.
    pub expires_at: Option<Timestamp>,
    /// The expiry as the platform spells it, if it cannot be parsed.
    pub unreadable_expiry: Option<String>,
    /// When it was last rotated, as the platform spells it (with nine digits of fraction).
    pub updated_at: Option<String>,
    /// The platform's id of the user who rotated it last.
    pub updated_by: Option<i64>,
}

/// Returns the service account of that name.
pub(super) fn find<'a>(accounts: &'a [ServiceAccount], name: &str) -> Option<&'a ServiceAccount> {
    accounts.iter().find(|account| account.name == name)
}

/// A user's personal access token (PAT) as the platform shows it, without the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserToken {
    /// The user's address, if the answer has it.
    pub email: Option<String>,
    /// The user's id, if the answer has it.
    pub user_id: Option<i64>,
    /// The number of the present value: a rotation changes it.
    pub token_id: Option<i64>,
    /// When the value expires; `None` for legacy tokens, which never expire, and if it is unreadable.
    pub expires_at: Option<Timestamp>,
    /// The expiry as the platform spells it, if it cannot be parsed.
    pub unreadable_expiry: Option<String>,
    /// When it was last rotated, as the platform spells it.
    pub updated_at: Option<String>,
    /// The platform's id of the user who rotated it last.
    pub updated_by: Option<i64>,
}

/// An answer about a user's personal access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserTokenReading {
    /// The user has this token.
    Present(UserToken),
    /// The answer is that the user has none. It may be that of a gateway.
    Missing {
        /// Whether the answer names the user, which a gateway could not do.
        names_user: bool,
    },
}

/// A value that was just issued by a creation or rotation. The platform shows it only once.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The value. Never empty.
    pub token: SecretString,
    /// The number of the value.
    pub token_id: Option<i64>,
    /// When it expires; `None` if the answer does not say so, or not readably.
    pub expires_at: Option<Timestamp>,
    /// When it was rotated, as the platform spells it; `None` after creation.
    pub updated_at: Option<String>,
    /// The platform's id of the user who rotated it.
    pub updated_by: Option<i64>,
    /// The difference, if the answer names another owner than the request.
    pub mismatch: Option<Mismatch>,
}

/// The difference between a request and an answer that names another owner. The value is kept
/// nevertheless, because it is shown only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The kind of owner.
    pub key: OwnerKey,
    /// The owner in the request.
    pub requested: String,
    /// The owner in the answer.
    pub answered: String,
    /// Whether both keys are the same owner in different spellings.
    pub is_same: bool,
}

/// The key of a token's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerKey {
    /// The name of a service account.
    Name,
    /// The email address of a user.
    Email,
}

impl IssuedToken {
    /// Whether the answer names another owner than the request, and not only another spelling.
    pub fn names_another(&self) -> bool {
        self.mismatch.as_ref().is_some_and(|mismatch| !mismatch.is_same)
    }

    /// Whether the number of the present token shows that it is not this one.
    pub fn is_not(&self, token_id: Option<i64>) -> bool {
        self.token_id
            .zip(token_id)
            .is_some_and(|(issued, present)| issued != present)
    }
}

impl OwnerKey {
    /// The key's name in answers.
    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
        }
    }
}

/// The status of personal access tokens in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatStatus {
    /// Whether personal access tokens may be used.
    pub enabled: bool,
}

/// A service account to create.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NewServiceAccount<'a> {
    /// The name, of 3 to 30 characters, unique in the account.
    pub name: &'a str,
    /// The description, of at most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// The expiry, at most 12 months ahead, sent in whole seconds. Default: the account's.
    #[serde(
        rename = "expires-at",
        skip_serializing_if = "Option::is_none",
        serialize_with = "whole_seconds"
    )]
    pub expires_at: Option<Timestamp>,
}

/// Whether a rotation revokes [the credential of the API](Api::is_own_credential).
///
/// If it does, the API continues with the new value, and concurrent requests wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnToken {
    /// The rotation does not revoke it.
    No,
    /// The rotation revokes it.
    Yes,
    /// The rotated value is unknown. A request afterwards shows whether the credential was revoked.
    Unknown,
}

/// The user whose PAT is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The caller, by the caller's email address.
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
    /// Creates the API of `client`, whose base URL ends in `/api/v1`.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            managed_by: None,
        }
    }

    /// Sets the managed-by mark that each created service account gets.
    #[must_use]
    pub fn managed_by(self, managed_by: Option<String>) -> Self {
        Self { managed_by, ..self }
    }

    /// Whether created service accounts get a managed-by mark.
    pub fn marks(&self) -> bool {
        self.managed_by.is_some()
    }

    /// Whether a service account has this provider's managed-by mark, which proves ownership.
    pub fn manages(&self, account: &ServiceAccount) -> bool {
        self.marks() && account.managed_by == self.managed_by
    }

    /// Returns a created service account as the list will show it.
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

    /// Whether a listed service account may be the one that was created as `new`, by all attributes
    /// except the expiry.
    pub(super) fn may_be(&self, new: &NewServiceAccount<'_>, listed: &ServiceAccount) -> bool {
        let shows_description = listed.description.is_some() || listed.managed_by.is_some();
        let text = |description: Option<&str>| description.unwrap_or_default().trim().to_owned();
        let is_same = text(listed.description.as_deref()) == text(new.description);
        is_same_name(&listed.name, new.name) && (!shows_description || is_same && listed.managed_by == self.managed_by)
    }

    /// Returns the maximum length of a description in addition to the managed-by mark.
    pub fn max_description(&self) -> usize {
        MAX_DESCRIPTION.saturating_sub(self.managed_by.as_deref().map_or(0, managed_by::length))
    }

    /// Whether this is the token that the API is called with.
    pub async fn is_own_credential(&self, token: &SecretString) -> bool {
        self.client.uses_secret(token).await
    }

    /// Whether the API is called with the token that has this SHA-256 hash.
    pub(in crate::striim) async fn is_own_hash(&self, hash: &str) -> bool {
        sha256(self.client.credential().await.secret()) == hash
    }

    /// Returns all service accounts: `GET /service-accounts`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_service_accounts(&self, operation: &Operation) -> Result<Vec<ServiceAccount>, Error> {
        let request = list_request();
        let accounts = self.client.fetch(operation, &request, answer::service_accounts).await?;
        if accounts.is_empty() && !self.is_called_by_user(operation).await? {
            let reason = "it is empty, although it must contain the provider's own service account; is the \
                          base URL right, is a proxy in between?";
            let kind = Kind::Unreadable {
                status: StatusCode::OK,
                reason: reason.into(),
            };
            return Err(Error::new("list the service accounts", kind, false));
        }
        Ok(accounts)
    }

    /// Whether the API is called with a user's token, and not with that of a service account.
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
        let action = format!("create the service account {:?}", new.name);
        let description = new.description.filter(|description| !description.is_empty());
        let marked = self.managed_by.as_deref();
        let marked = marked.map(|managed_by| managed_by::mark(description, managed_by));
        let request = Request::new(Method::POST, action, &["service-account"])
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

    /// Issues a new value for a service account and revokes the old one at once:
    /// `POST /service-account/rotate`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 if the service account does not exist.
    pub async fn rotate_service_account(
        &self,
        operation: &Operation,
        name: &str,
        expires_at: Option<Timestamp>,
        own: OwnToken,
    ) -> Result<IssuedToken, Error> {
        let action = format!("rotate the token of the service account {name:?}");
        let request = Request::new(Method::POST, action, &["service-account", "rotate"])
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
        own: OwnToken,
    ) -> Result<IssuedToken, Error> {
        let probe = list_request();
        let probe = match own {
            OwnToken::No => {
                let issued = self.client.fetch(operation, request, read).await;
                return issued.inspect(|issued| self.client.redact(&issued.token));
            }
            OwnToken::Yes => None,
            OwnToken::Unknown => Some(&probe),
        };
        self.client
            .rotate_credential(operation, request, read, |issued: &IssuedToken| &issued.token, probe)
            .await
    }

    /// Deletes a service account and revokes its token: `DELETE /service-account?name=`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 if the service account does not exist.
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

    /// Returns the PAT of the caller, or for an administrator that of the user with this email address:
    /// `GET /user-token[?email=]`.
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
                    .is_some_and(|(email, message)| answer::message_names(message, email));
                Ok(UserTokenReading::Missing { names_user })
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the PAT as [`Api::read_user_token`] does, or `None`. That alone does not prove that the
    /// user has none: see `pat::find`.
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

    /// Issues a new PAT for a user and revokes the present one at once: `POST /user-token/rotate`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rotate_user_token(
        &self,
        operation: &Operation,
        email: Option<&str>,
        expires_at: Option<Timestamp>,
        own: OwnToken,
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
    /// [`Error`]; 404 if the PAT does not exist.
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

    /// Returns whether PATs may be used in the account: `GET /user-token/status`.
    ///
    /// # Errors
    ///
    /// [`Error`], also if the answer does not contain the status.
    pub async fn pat_status(&self, operation: &Operation) -> Result<PatStatus, Error> {
        let action = "read whether personal access tokens are enabled";
        let request = Request::new(Method::GET, action, &["user-token", "status"]);
        self.client.fetch(operation, &request, answer::pat_status).await
    }

    /// Toggles whether PATs may be used: `PATCH /user-token/status`. Returns the new status, if the
    /// answer contains it.
    ///
    /// The request has no argument, so the caller reads the status before and after.
    ///
    /// # Errors
    ///
    /// [`Error`]; if it [is ambiguous](Error::is_ambiguous), the caller has to read the status again.
    pub async fn toggle_pat_status(&self, operation: &Operation) -> Result<Option<PatStatus>, Error> {
        let action = "toggle whether personal access tokens are enabled";
        let request = Request::new(Method::PATCH, action, &["user-token", "status"])
            .limit(&TOGGLING)
            .retry(RetrySafety::Unsafe);
        let answer = self.client.send(operation, &request).await?;
        Ok(answer::pat_status(answer).ok())
    }
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

/// Rejects a request whose key is empty: the platform might treat it as another one.
fn required(request: Request, key: &str, value: &str) -> Request {
    if value.is_empty() {
        request.invalid(format!("the {key} is empty"))
    } else {
        request
    }
}

/// Serialises an instant as the platform expects it: UTC, `2027-02-09T00:00:00Z`. A fraction is cut
/// off, so that no token is valid longer than requested.
fn whole_seconds<S: serde::Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let second = instant.and_then(|instant| Timestamp::from_second(instant.as_second()).ok());
    second.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

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
