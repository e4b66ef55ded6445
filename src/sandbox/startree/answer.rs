//! The answers: the documented content, in the layout that the options select.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::environment::{Policy, Role, ServiceToken, Subject};
use super::options::{Attached, Document, Envelope, ErrorBody, Options, Srns, SubjectTypes, Success};

/// The reason the platform rejects a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthenticated,
    Forbidden,
    /// The addressed object does not exist.
    Absent,
    /// The endpoint does not exist.
    NoEndpoint,
    NotAllowed,
    MediaType,
    Invalid(&'static str),
    /// The name is in use.
    Taken,
    /// The assignment or attachment exists already.
    AlreadyDone,
    InUse(&'static str),
}

impl Options {
    pub(super) fn refused(&self, refusal: Refusal) -> Response {
        let (status, message) = match refusal {
            Refusal::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized."),
            Refusal::Forbidden => (StatusCode::FORBIDDEN, "Access denied."),
            Refusal::Absent => (self.absent, "The resource does not exist."),
            Refusal::NoEndpoint => (StatusCode::NOT_FOUND, "There is no such endpoint."),
            Refusal::NotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed."),
            Refusal::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type."),
            Refusal::Invalid(problem) => (StatusCode::BAD_REQUEST, problem),
            Refusal::Taken => (self.taken, "The name is in use."),
            Refusal::AlreadyDone => (StatusCode::CONFLICT, "The relation exists already."),
            Refusal::InUse(by) => (self.in_use, by),
        };
        match self.errors {
            ErrorBody::Message => (status, Json(json!({ "message": message }))).into_response(),
            ErrorBody::Spring => {
                let body = json!({"timestamp": "2027-01-01T00:00:00Z", "status": status.as_u16(), "error": message});
                (status, Json(body)).into_response()
            }
            ErrorBody::Plain => (status, message).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }

    /// The answer to a creation of `thing`.
    pub(super) fn created(&self, thing: Value) -> Response {
        let status = match self.success {
            Success::Ok => StatusCode::OK,
            Success::Precise => StatusCode::CREATED,
        };
        if self.echoes {
            (status, Json(self.wrapped(thing))).into_response()
        } else {
            status.into_response()
        }
    }

    /// The answer to a deletion, or to a change without content to return.
    pub(super) fn done(&self) -> Response {
        match self.success {
            Success::Ok if self.echoes => Json(json!({"message": "Done."})).into_response(),
            Success::Ok => StatusCode::OK.into_response(),
            Success::Precise => StatusCode::NO_CONTENT.into_response(),
        }
    }

    pub(super) fn one(&self, thing: Value) -> Response {
        Json(self.wrapped(thing)).into_response()
    }

    pub(super) fn list(&self, name: &str, rows: Vec<Value>) -> Response {
        let list = match self.list {
            Envelope::Bare => json!(rows),
            Envelope::Named => json!({ name: rows }),
            Envelope::Data => json!({"data": rows, "status": "OK"}),
            Envelope::Page => json!({"totalElements": rows.len(), "content": rows, "last": true}),
        };
        Json(list).into_response()
    }

    /// The answer to the creation of a service token, the only one that contains a secret.
    pub(super) fn issued(&self, token: &ServiceToken) -> Response {
        let status = match self.success {
            Success::Ok => StatusCode::OK,
            Success::Precise => StatusCode::CREATED,
        };
        let shown = json!({
            "accessKey": token.access_key,
            "secretKey": token.secret_key.expose_secret(),
            "bearerToken": token.bearer().expose_secret(),
        });
        (status, Json(self.wrapped(shown))).into_response()
    }

    pub(super) fn token(&self, token: &ServiceToken) -> Value {
        let mut row = Map::new();
        row.insert("accessKey".to_owned(), token.access_key.as_str().into());
        if self.srns != Srns::Seldom {
            row.insert("srn".to_owned(), self.srn("service-token", &token.access_key).into());
        }
        if self.tells_descriptions {
            row.insert("description".to_owned(), token.description.clone().into());
        }
        row.insert("createdAt".to_owned(), token.created.to_string().into());
        row.into()
    }

    pub(super) fn role(&self, name: &str, role: &Role) -> Value {
        let mut row = Map::new();
        row.insert("name".to_owned(), name.into());
        if self.srns != Srns::Seldom {
            row.insert("srn".to_owned(), self.srn("role", name).into());
        }
        if self.tells_descriptions {
            row.insert("description".to_owned(), role.description.clone().into());
        }
        row.into()
    }

    pub(super) fn policy(&self, name: &str, policy: &Policy) -> Value {
        let parsed = || serde_json::from_str::<Value>(&policy.document).unwrap_or_default();
        let document = match self.document {
            Document::AsSent => policy.document.as_str().into(),
            Document::Respelled => format!("{:#}", parsed()).into(),
            Document::Json => parsed(),
        };
        json!({
            "name": name,
            "srn": self.srn("policy", name),
            "description": policy.description,
            "policyDocumentJson": document,
            "createdAt": policy.created.to_string(),
            "updatedAt": policy.updated.to_string(),
        })
    }

    /// A policy as it appears in the list of policies.
    pub(super) fn summary(&self, name: &str) -> Value {
        json!({"name": name, "srn": self.srn("policy", name)})
    }

    /// A policy as it appears in the list of a role's policies.
    pub(super) fn attached(&self, name: &str) -> Value {
        match self.attached {
            Attached::Rows => self.summary(name),
            Attached::PolicySrns => json!({"policySrn": self.srn("policy", name)}),
            Attached::Texts => self.srn("policy", name).into(),
        }
    }

    pub(super) fn assignment(&self, role: &str, subject: &Subject) -> Value {
        let subject_type = match self.subject_types {
            SubjectTypes::AsSent => subject.subject_type.clone(),
            SubjectTypes::Shouting => subject.subject_type.to_ascii_uppercase().replace('-', "_"),
        };
        json!({"subject": subject.subject, "subjectType": subject_type, "roleSrn": self.srn("role", role)})
    }

    fn srn(&self, kind: &str, name: &str) -> String {
        match self.srns {
            Srns::Encoded => format!("srn2:{kind}%23{}", utf8_percent_encode(name, NON_ALPHANUMERIC)),
            Srns::Plain | Srns::Seldom => format!("srn2:{kind}#{name}"),
        }
    }

    fn wrapped(&self, thing: Value) -> Value {
        if self.wraps { json!({ "data": thing }) } else { thing }
    }
}
