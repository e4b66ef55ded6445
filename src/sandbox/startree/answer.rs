//! The answers to successful requests: the documented content, in the layout that the options
//! select.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::options::{Attached, CreationTime, Document, Envelope, Options, Srns, SubjectTypes, Success};
use super::state::{Policy, Role, ServiceToken, Subject};

impl Options {
    /// The answer to the creation of `object`.
    pub(super) fn created(&self, object: Value) -> Response {
        let status = match self.success {
            Success::Ok => StatusCode::OK,
            Success::Precise => StatusCode::CREATED,
        };
        if self.returns_objects {
            (status, Json(self.wrapped(object))).into_response()
        } else {
            status.into_response()
        }
    }

    /// The answer to a deletion, or to a change without content to return.
    pub(super) fn done(&self) -> Response {
        match self.success {
            Success::Ok if self.returns_objects => Json(json!({"message": "Done."})).into_response(),
            Success::Ok => StatusCode::OK.into_response(),
            Success::Precise => StatusCode::NO_CONTENT.into_response(),
        }
    }

    /// The answer to a read of `object`.
    pub(super) fn object(&self, object: Value) -> Response {
        Json(self.wrapped(object)).into_response()
    }

    /// The answer with a list, named `name` in the layouts that have a name.
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
        let issued = json!({
            "accessKey": token.access_key,
            "secretKey": token.secret_key.expose_secret(),
            "bearerToken": token.bearer().expose_secret(),
        });
        (status, Json(self.wrapped(issued))).into_response()
    }

    pub(super) fn token(&self, token: &ServiceToken) -> Value {
        let mut row = Map::new();
        row.insert("accessKey".to_owned(), token.access_key.as_str().into());
        if self.srns != Srns::PoliciesOnly {
            row.insert("srn".to_owned(), self.srn("service-token", &token.access_key).into());
        }
        if self.returns_descriptions {
            row.insert("description".to_owned(), token.description.clone().into());
        }
        match self.creation_time {
            CreationTime::Rfc3339 => drop(row.insert("createdAt".to_owned(), token.created.to_string().into())),
            CreationTime::Milliseconds => {
                row.insert("creationTime".to_owned(), token.created.as_millisecond().into());
            }
            CreationTime::Absent => {}
        }
        row.into()
    }

    pub(super) fn role(&self, name: &str, role: &Role) -> Value {
        let mut row = Map::new();
        row.insert("name".to_owned(), name.into());
        if self.srns != Srns::PoliciesOnly {
            row.insert("srn".to_owned(), self.srn("role", name).into());
        }
        if self.returns_descriptions {
            row.insert("description".to_owned(), role.description.clone().into());
        }
        row.into()
    }

    pub(super) fn policy(&self, name: &str, policy: &Policy) -> Value {
        let parsed = || serde_json::from_str::<Value>(&policy.document).unwrap_or_default();
        let document = match self.document {
            Document::AsSent => policy.document.as_str().into(),
            Document::Reformatted => format!("{:#}", parsed()).into(),
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

    /// A row in the list of policies.
    pub(super) fn policy_row(&self, name: &str) -> Value {
        json!({"name": name, "srn": self.srn("policy", name)})
    }

    /// A row in the list of a role's policies.
    pub(super) fn attached_row(&self, name: &str) -> Value {
        match self.attached {
            Attached::Rows => self.policy_row(name),
            Attached::PolicySrns => json!({"policySrn": self.srn("policy", name)}),
            Attached::Strings => self.srn("policy", name).into(),
        }
    }

    pub(super) fn assignment(&self, role: &str, subject: &Subject) -> Value {
        let subject_type = match self.subject_types {
            SubjectTypes::AsSent => subject.subject_type.clone(),
            SubjectTypes::UpperSnakeCase => subject.subject_type.to_ascii_uppercase().replace('-', "_"),
        };
        json!({"subject": subject.subject, "subjectType": subject_type, "roleSrn": self.srn("role", role)})
    }

    fn srn(&self, kind: &str, name: &str) -> String {
        match self.srns {
            Srns::Encoded => format!("srn2:{kind}%23{}", utf8_percent_encode(name, NON_ALPHANUMERIC)),
            Srns::Plain | Srns::PoliciesOnly => format!("srn2:{kind}#{name}"),
        }
    }

    fn wrapped(&self, object: Value) -> Value {
        if self.wraps_objects {
            json!({ "data": object })
        } else {
            object
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn row_of_a_token_has_its_srn_in_the_configured_format() {
        let token = ServiceToken {
            access_key: "Xk-1".to_owned(),
            secret_key: "secret".into(),
            description: None,
            created: Timestamp::UNIX_EPOCH,
        };
        for (srns, expected) in [
            (Srns::Plain, json!("srn2:service-token#Xk-1")),
            (Srns::Encoded, json!("srn2:service-token%23Xk%2D1")),
            (Srns::PoliciesOnly, Value::Null),
        ] {
            let options = Options {
                srns,
                ..Options::default()
            };
            assert_eq!(options.token(&token)["srn"], expected, "{srns:?}");
        }
    }
}
