//! The answers: the documented content, in the layout that the options select.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::account::{ServiceAccount, User};
use super::mint::{Token, Update};
use super::options::{
    DeleteAnswer, Envelope, ErrorBody, Instants, ListUpdated, Options, PatStatus, SuccessCode, ToggleAnswer,
};
use super::refusal::Refusal;

impl Options {
    pub(super) fn service_accounts<'a>(&self, accounts: impl IntoIterator<Item = &'a ServiceAccount>) -> Response {
        let rows = accounts.into_iter().map(|account| self.row(account)).collect();
        json_answer(StatusCode::OK, &wrap(self.list, "service-accounts", rows))
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
        json_answer(self.create.into(), &object.into())
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
        json_answer(self.rotate.into(), &object.into())
    }

    /// The answer to a deletion; `what` names the deleted object.
    pub(super) fn deleted(&self, what: &str) -> Response {
        match self.delete {
            DeleteAnswer::NoContent => StatusCode::NO_CONTENT.into_response(),
            DeleteAnswer::Empty => StatusCode::OK.into_response(),
            DeleteAnswer::Body => json_answer(StatusCode::OK, &json!({ "message": format!("{what} is revoked") })),
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
        json_answer(StatusCode::OK, &wrap(self.user_token, "user-token", object.into()))
    }

    pub(super) fn pat_status(&self, enabled: bool) -> Response {
        let word = if enabled { "ENABLED" } else { "DISABLED" };
        let status = match self.pat_status {
            PatStatus::Flag => json!({ "enabled": enabled }),
            PatStatus::UpperWord => json!({ "status": word }),
            PatStatus::LowerWord => json!({ "status": word.to_ascii_lowercase() }),
            PatStatus::BareFlag => json!(enabled),
        };
        json_answer(StatusCode::OK, &status)
    }

    pub(super) fn toggled(&self, enabled: bool) -> Response {
        match self.toggle {
            ToggleAnswer::Status => self.pat_status(enabled),
            ToggleAnswer::Empty => StatusCode::OK.into_response(),
            ToggleAnswer::NoContent => StatusCode::NO_CONTENT.into_response(),
        }
    }

    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let (status, message) = (refusal.status(), refusal.to_string());
        let mut answer = match self.errors {
            ErrorBody::Message => json_answer(status, &json!({ "message": message })),
            ErrorBody::Nested => json_answer(status, &json!({ "error": { "message": message } })),
            ErrorBody::Plain => (status, message).into_response(),
            ErrorBody::Empty => status.into_response(),
        };
        if let (Refusal::TooMany { retry_after }, true) = (refusal, self.retry_after) {
            let seconds = retry_after.as_secs() + i64::from(retry_after.subsec_nanos() > 0);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }

    pub(super) fn instant(&self, at: Timestamp) -> String {
        match self.instants {
            Instants::Zulu => at.to_string(),
            Instants::Fraction => format!("{at:.3}"),
            Instants::Milliseconds => at.as_millisecond().to_string(),
            Instants::Local => at.to_string().trim_end_matches('Z').to_owned(),
            Instants::Offset => at.display_with_offset(jiff::tz::Offset::UTC).to_string(),
        }
    }
}

impl Refusal {
    /// The documented status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
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
        self.put_some("expires-at", token.expires_at.map(|end| self.options.instant(end)));
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

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
