//! The answers to successful requests: the documented content, in the layout that the options
//! select.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::options::{DeleteAnswer, Envelope, Instants, ListUpdated, Options, PatStatus, SuccessCode, ToggleAnswer};
use super::state::ServiceAccount;
use super::token::{Token, Update};
use super::user::User;

impl Options {
    pub(super) fn service_accounts<'a>(&self, accounts: impl IntoIterator<Item = &'a ServiceAccount>) -> Response {
        let rows = accounts.into_iter().map(|account| self.row(account)).collect();
        Json(wrap(self.list, "service-accounts", rows)).into_response()
    }

    fn row(&self, account: &ServiceAccount) -> Value {
        let token = &account.token;
        let updated = match self.list_updated {
            ListUpdated::Never => None,
            ListUpdated::AfterRotation => Some(token.updated).filter(|updated| updated.rotated),
            ListUpdated::Always => Some(token.updated),
        };
        let mut row = Object::new(self);
        if self.list_token_id {
            row.put("token-id", token.id);
        }
        row.put("name", account.name.as_str());
        row.put_some("description", account.description.as_deref());
        row.put_expiry(token);
        if self.list_updated != ListUpdated::Never {
            row.put_update(updated);
        }
        row.into()
    }

    pub(super) fn created(&self, account: &ServiceAccount) -> Response {
        let mut object = Object::new(self);
        object.put("token-id", account.token.id);
        object.put("name", account.name.as_str());
        object.put("token", account.token.value.expose_secret());
        object.put_expiry(&account.token);
        (StatusCode::from(self.create), Json(Value::from(object))).into_response()
    }

    pub(super) fn rotated(&self, account: &ServiceAccount) -> Response {
        let mut object = Object::new(self);
        object.put("name", account.name.as_str());
        self.rotated_token(object, &account.token)
    }

    pub(super) fn pat_rotated(&self, user: &User, pat: &Token) -> Response {
        let mut object = Object::new(self);
        object.put("email", user.email.as_str());
        self.rotated_token(object, pat)
    }

    fn rotated_token(&self, mut object: Object<'_>, token: &Token) -> Response {
        object.put("token-id", token.id);
        object.put("token", token.value.expose_secret());
        object.put_update(Some(token.updated));
        object.put_expiry(token);
        (StatusCode::from(self.rotate), Json(Value::from(object))).into_response()
    }

    /// The answer to a deletion of the object with this name.
    pub(super) fn deleted(&self, name: &str) -> Response {
        match self.delete {
            DeleteAnswer::NoContent => StatusCode::NO_CONTENT.into_response(),
            DeleteAnswer::Empty => StatusCode::OK.into_response(),
            DeleteAnswer::Body => Json(json!({ "message": format!("{name} is revoked") })).into_response(),
        }
    }

    pub(super) fn pat(&self, user: &User, pat: &Token) -> Response {
        let mut object = Object::new(self);
        object.put("token-id", pat.id);
        if self.user_token_names_user {
            object.put("user-id", user.id);
            object.put("email", user.email.as_str());
        }
        object.put_expiry(pat);
        object.put_update(Some(pat.updated));
        Json(wrap(self.user_token, "user-token", object.into())).into_response()
    }

    pub(super) fn pat_status(&self, enabled: bool) -> Response {
        let word = if enabled { "ENABLED" } else { "DISABLED" };
        let status = match self.pat_status {
            PatStatus::Flag => json!({ "enabled": enabled }),
            PatStatus::UpperWord => json!({ "status": word }),
            PatStatus::LowerWord => json!({ "status": word.to_ascii_lowercase() }),
            PatStatus::BareFlag => json!(enabled),
        };
        Json(status).into_response()
    }

    pub(super) fn toggled(&self, enabled: bool) -> Response {
        match self.toggle {
            ToggleAnswer::Status => self.pat_status(enabled),
            ToggleAnswer::Empty => StatusCode::OK.into_response(),
            ToggleAnswer::NoContent => StatusCode::NO_CONTENT.into_response(),
        }
    }

    fn instant(&self, at: Timestamp) -> String {
        match self.instants {
            Instants::Zulu => at.to_string(),
            Instants::Fraction => format!("{at:.3}"),
            Instants::Milliseconds => at.as_millisecond().to_string(),
            Instants::Local => at.to_string().trim_end_matches('Z').to_owned(),
            Instants::Offset => at.display_with_offset(jiff::tz::Offset::UTC).to_string(),
        }
    }
}

impl From<SuccessCode> for StatusCode {
    fn from(code: SuccessCode) -> Self {
        match code {
            SuccessCode::Ok => Self::OK,
            SuccessCode::Created => Self::CREATED,
        }
    }
}

/// A JSON object that omits absent values or sets them to null, as the options select.
struct Object<'a> {
    options: &'a Options,
    fields: Map<String, Value>,
}

impl<'a> Object<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            fields: Map::new(),
        }
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        match value {
            Some(value) => self.put(key, value),
            None if self.options.nulls => self.put(key, Value::Null),
            None => {}
        }
    }

    fn put_expiry(&mut self, token: &Token) {
        self.put_some(
            "expires-at",
            token.expires_at.map(|expiry| self.options.instant(expiry)),
        );
    }

    fn put_update(&mut self, updated: Option<Update>) {
        self.put_some("updated-at", updated.map(|updated| format!("{:.9}", updated.at)));
        self.put_some("updated-by", updated.map(|updated| updated.by));
    }
}

impl From<Object<'_>> for Value {
    fn from(object: Object<'_>) -> Self {
        Self::Object(object.fields)
    }
}

fn wrap(envelope: Envelope, key: &str, content: Value) -> Value {
    match envelope {
        Envelope::Bare => content,
        Envelope::Wrapped => json!({ key: content }),
    }
}
