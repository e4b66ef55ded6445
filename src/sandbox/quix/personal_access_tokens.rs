//! Personal access tokens of users, as Quix's own Postman collection of 2023 shows them: the value
//! is in the answer to the creation only, and there is no update.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Sandbox;
use super::api::{HandlerResult, bearer};
use super::management::personal_view;
use super::refusal::Refusal;
use super::state::{Caller, Portal, Role};
use crate::sandbox::status_code;

/// What the collection leaves open about personal access tokens. A robust client must work with
/// each value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PersonalAccessTokenOptions {
    /// The status that rejects a second token of the same name; `None` if names need not be unique.
    #[serde(with = "status_code::optional")]
    #[schemars(with = "Option<u16>", range(min = 100, max = 999))]
    pub unique_names: Option<StatusCode>,
    /// The maximum number of tokens of a user.
    pub limit: Option<TokenLimit>,
    /// The longest lifetime. A later expiry is shortened, or rejected if `rejects_late_expiry`.
    pub longest_lifetime: Option<SignedDuration>,
    /// Whether an expiry after the longest lifetime is rejected.
    pub rejects_late_expiry: bool,
    /// The lifetime of a token whose creation names no expiry; `None` if it never expires.
    pub default_lifetime: Option<SignedDuration>,
    /// Whether a creation must name the expiry.
    pub requires_expiry: bool,
    /// Whether the list spells ids in upper case, other than the answer to the creation.
    pub upper_case_ids: bool,
    /// The time by which the list lags behind.
    pub list_lag: SignedDuration,
    /// Whether the list contains expired tokens.
    pub lists_expired: bool,
    /// Whether the platform keeps the fraction of a second of an expiry.
    pub keeps_fraction: bool,
    /// Whether the list is in an envelope.
    pub has_envelope: bool,
    /// The status of a successful creation.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub created: StatusCode,
    /// The status of the deletion of a token that does not exist.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub missing: StatusCode,
}

/// The maximum number of a user's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenLimit {
    /// The number.
    pub tokens: usize,
    /// The status that rejects a further token.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub status: StatusCode,
}

impl Default for PersonalAccessTokenOptions {
    fn default() -> Self {
        Self {
            unique_names: None,
            limit: None,
            longest_lifetime: None,
            rejects_late_expiry: false,
            default_lifetime: None,
            requires_expiry: false,
            upper_case_ids: false,
            list_lag: SignedDuration::ZERO,
            lists_expired: true,
            keeps_fraction: true,
            has_envelope: false,
            created: StatusCode::OK,
            missing: StatusCode::NOT_FOUND,
        }
    }
}

/// Options that together show every behaviour that the collection leaves open about personal access
/// tokens.
#[must_use]
pub fn personal_access_token_variants() -> Vec<PersonalAccessTokenOptions> {
    vec![
        PersonalAccessTokenOptions::default(),
        PersonalAccessTokenOptions {
            unique_names: Some(StatusCode::CONFLICT),
            upper_case_ids: true,
            created: StatusCode::CREATED,
            keeps_fraction: false,
            ..PersonalAccessTokenOptions::default()
        },
        PersonalAccessTokenOptions {
            unique_names: Some(StatusCode::BAD_REQUEST),
            has_envelope: true,
            missing: StatusCode::OK,
            lists_expired: false,
            longest_lifetime: Some(SignedDuration::from_hours(24 * 365)),
            ..PersonalAccessTokenOptions::default()
        },
        PersonalAccessTokenOptions {
            list_lag: SignedDuration::from_secs(3),
            default_lifetime: Some(SignedDuration::from_hours(24 * 30)),
            ..PersonalAccessTokenOptions::default()
        },
    ]
}

/// A personal access token, as tests see it.
#[derive(Clone, Debug)]
pub struct PersonalAccessToken {
    /// The platform's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The scopes of the request that created it; `None` if it had none.
    pub scopes: Option<Vec<String>>,
    /// The expiry; `None` if the token never expires.
    pub expires_at: Option<Timestamp>,
    /// The value.
    pub value: SecretString,
    pub(super) created_at: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) user: String,
    pub(super) role: Role,
}

impl PersonalAccessToken {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.deleted_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// The row in the list.
    fn row(&self, options: &PersonalAccessTokenOptions) -> Value {
        let id = match options.upper_case_ids {
            true => self.id.to_uppercase(),
            false => self.id.clone(),
        };
        json!({
            "id": id,
            "name": self.name,
            "createdAt": format!("{:.3}", self.created_at),
            "expiresAt": self.expires_at.map(|expiry| format!("{expiry:.3}")),
        })
    }
}

/// The tokens of all users, including deleted ones that the list may still contain.
#[derive(Debug, Default)]
pub(super) struct PersonalAccessTokens(Vec<PersonalAccessToken>);

impl PersonalAccessTokens {
    /// Returns the valid token with this value.
    pub(super) fn holder(&self, value: &str, now: Timestamp) -> Option<&PersonalAccessToken> {
        let mut tokens = self.0.iter();
        tokens.find(|token| token.value.expose_secret() == value && token.is_valid(now))
    }

    /// Returns the role of the user with this value.
    pub(super) fn role(&self, value: &str, now: Timestamp) -> Option<Role> {
        self.holder(value, now).map(|token| token.role)
    }

    /// Returns the tokens that exist.
    pub(super) fn existing(&self) -> impl Iterator<Item = &PersonalAccessToken> {
        self.0.iter().filter(|token| token.deleted_at.is_none())
    }

    /// Returns a token of the first administrator.
    pub(super) fn administrator(&self) -> Option<&PersonalAccessToken> {
        self.existing().find(|token| token.role == Role::Admin)
    }

    /// Returns the tokens of a user that exist.
    pub(super) fn of_user(&self, user: &str) -> impl Iterator<Item = &PersonalAccessToken> {
        self.existing().filter(move |token| token.user == user)
    }

    fn delete(&mut self, user: &str, id: &str, now: Timestamp) -> Option<PersonalAccessToken> {
        let mut own = self.0.iter_mut().filter(|token| token.user == user);
        let found = own.find(|token| token.deleted_at.is_none() && token.id.eq_ignore_ascii_case(id))?;
        found.deleted_at = Some(now);
        Some(found.clone())
    }
}

pub(super) fn uuid() -> String {
    let hex = |count| -> String { std::iter::repeat_with(|| fastrand::digit(16)).take(count).collect() };
    format!("{}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// The body of a creation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Creation {
    pub(super) name: String,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) scopes: Option<Vec<String>>,
}

impl Portal {
    /// Creates a user with this role and a personal access token that never expires.
    pub(super) fn add_user(&mut self, role: Role, now: Timestamp) -> SecretString {
        let creation = Creation {
            name: "initial".to_owned(),
            expires_at: None,
            scopes: None,
        };
        self.issue((uuid(), role), creation, now).value
    }

    fn issue(&mut self, (user, role): (String, Role), creation: Creation, now: Timestamp) -> PersonalAccessToken {
        let token = PersonalAccessToken {
            id: uuid(),
            name: creation.name,
            scopes: creation.scopes,
            expires_at: creation.expires_at,
            value: Self::random_value("pat-"),
            created_at: now,
            deleted_at: None,
            user,
            role,
        };
        self.add_token(token.clone());
        token
    }

    pub(super) fn add_token(&mut self, token: PersonalAccessToken) {
        self.issued.push(token.value.clone());
        self.personal_access_tokens.0.push(token);
    }

    /// Deletes a user's token, and returns whether it existed.
    pub(super) fn delete_token(&mut self, user: &str, id: &str, now: Timestamp) -> bool {
        let deleted = self.personal_access_tokens.delete(user, id, now);
        if let Some(deleted) = &deleted {
            self.ended.push(personal_view(deleted, now), now);
        }
        deleted.is_some()
    }

    /// Forgets the deleted tokens that the list no longer contains.
    pub(super) fn forget_deleted_tokens(&mut self, now: Timestamp) {
        let as_of = now
            .checked_sub(self.options.personal_access_tokens.list_lag)
            .unwrap_or(now);
        let tokens = &mut self.personal_access_tokens.0;
        tokens.retain(|token| token.deleted_at.is_none_or(|deleted| as_of < deleted));
    }

    /// Creates a token for the owner of `caller`.
    pub(super) fn create_token(
        &mut self,
        caller: &PersonalAccessToken,
        mut creation: Creation,
        now: Timestamp,
    ) -> Result<PersonalAccessToken, Refusal> {
        let options = self.options.personal_access_tokens.clone();
        if creation.name.trim().is_empty() {
            return Err(Refusal::Invalid("The name is required."));
        }
        if creation.expires_at.is_none() && options.requires_expiry {
            return Err(Refusal::Invalid("The expiry is required."));
        }
        if creation.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(Refusal::Invalid("The expiry must be in the future."));
        }
        let after = |lifetime: Option<SignedDuration>| lifetime.and_then(|lifetime| now.checked_add(lifetime).ok());
        if let (Some(expiry), Some(latest)) = (creation.expires_at, after(options.longest_lifetime))
            && expiry > latest
        {
            if options.rejects_late_expiry {
                return Err(Refusal::Invalid("The expiry is too far in the future."));
            }
            creation.expires_at = Some(latest);
        }
        creation.expires_at = creation.expires_at.or_else(|| after(options.default_lifetime));
        if !options.keeps_fraction {
            let whole = |expiry: Timestamp| Timestamp::from_second(expiry.as_second()).unwrap_or(expiry);
            creation.expires_at = creation.expires_at.map(whole);
        }
        let own: Vec<_> = self.personal_access_tokens.of_user(&caller.user).collect();
        if let Some(status) = options.unique_names
            && own.iter().any(|token| token.name == creation.name)
        {
            return Err(Refusal::Rejected(status, "A token with this name exists already."));
        }
        if let Some(TokenLimit { tokens, status }) = options.limit
            && own.len() >= tokens
        {
            return Err(Refusal::Rejected(status, "The user has the maximum number of tokens."));
        }
        Ok(self.issue((caller.user.clone(), caller.role), creation, now))
    }
}

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/profile", get(profile))
        .route("/profile/tokens", get(list).post(create))
        .route("/profile/tokens/{id}", delete(revoke))
}

impl Sandbox {
    /// Handles a request of a user, with the token that the user presents.
    fn serve_user(
        &self,
        headers: &HeaderMap,
        handle: impl FnOnce(&mut Portal, &PersonalAccessToken, Timestamp) -> HandlerResult,
    ) -> Response {
        self.serve(headers, |portal, caller, now| {
            let Caller::User(_) = caller else {
                return Err(Refusal::Forbidden);
            };
            let holder = bearer(headers).and_then(|value| portal.personal_access_tokens.holder(value, now));
            let holder = holder.cloned().ok_or(Refusal::Unauthenticated)?;
            handle(portal, &holder, now)
        })
    }

    /// The personal access tokens that exist of the user with this one, in the order of their
    /// creation. The first is the one that the user was created with.
    pub fn personal_access_tokens(&self, value: &SecretString) -> Vec<PersonalAccessToken> {
        self.with(|portal, _| {
            let tokens = &portal.personal_access_tokens;
            let user = tokens
                .0
                .iter()
                .find(|token| token.value.expose_secret() == value.expose_secret());
            user.map(|user| tokens.of_user(&user.user).cloned().collect())
                .unwrap_or_default()
        })
    }

    /// Creates a personal access token for the user with this one, outside Terraform.
    pub fn add_personal_access_token(
        &self,
        value: &SecretString,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Option<PersonalAccessToken> {
        self.with(|portal, now| {
            let caller = portal
                .personal_access_tokens
                .holder(value.expose_secret(), now)?
                .clone();
            let creation = Creation {
                name: name.to_owned(),
                expires_at,
                scopes: None,
            };
            Some(portal.issue((caller.user, caller.role), creation, now))
        })
    }

    /// Deletes the personal access token with this id, outside Terraform. Returns whether it
    /// existed.
    pub fn remove_personal_access_token(&self, id: &str) -> bool {
        self.with(|portal, now| {
            let found = portal.personal_access_tokens.existing().find(|token| token.id == id);
            let user = found.map(|token| token.user.clone());
            user.is_some_and(|user| portal.delete_token(&user, id, now))
        })
    }
}

async fn profile(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve_user(&headers, |_, caller, now| {
        Ok(Json(json!({
            "userId": caller.user,
            "email": "user@sandbox.example",
            "firstName": "Sandbox",
            "lastName": "User",
            "createdAt": format!("{now:.3}"),
            "updatedAt": format!("{now:.3}"),
            "roles": [caller.role.to_string()],
        }))
        .into_response())
    })
}

async fn list(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve_user(&headers, |portal, caller, now| {
        let options = &portal.options.personal_access_tokens;
        let at = now.checked_sub(options.list_lag).unwrap_or(now);
        let own = portal
            .personal_access_tokens
            .0
            .iter()
            .filter(|token| token.user == caller.user);
        let existed = own.filter(|token| token.created_at <= at && token.deleted_at.is_none_or(|deleted| at < deleted));
        let shown = existed.filter(|token| options.lists_expired || token.expires_at.is_none_or(|expiry| at < expiry));
        let rows: Vec<_> = shown.map(|token| token.row(options)).collect();
        Ok(match options.has_envelope {
            true => Json(json!({ "items": rows })).into_response(),
            false => Json(rows).into_response(),
        })
    })
}

async fn create(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    sandbox.serve_user(&headers, |portal, caller, now| {
        let creation = serde_json::from_slice(&body).map_err(|_| Refusal::Invalid("The body is not valid."))?;
        let token = portal.create_token(caller, creation, now)?;
        let answer = json!({
            "id": token.id,
            "name": token.name,
            "createdAt": format!("{:.3}", token.created_at),
            "expiresAt": token.expires_at.map(|expiry| format!("{expiry:.3}")),
            "scopes": token.scopes.unwrap_or_default(),
            "value": token.value.expose_secret(),
        });
        Ok((portal.options.personal_access_tokens.created, Json(answer)).into_response())
    })
}

async fn revoke(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve_user(&headers, |portal, caller, now| {
        let missing = portal.options.personal_access_tokens.missing;
        match portal.delete_token(&caller.user, &id, now) {
            true => Ok(StatusCode::OK.into_response()),
            false if missing.is_success() => Ok(missing.into_response()),
            false => Err(Refusal::Rejected(missing, "There is no such token.")),
        }
    })
}
