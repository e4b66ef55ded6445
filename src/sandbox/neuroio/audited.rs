//! The sandbox's audit log: the description of each changing request.

use http::HeaderMap;
use jiff::Timestamp;

use super::api::bearer;
use super::state::{NeuroIo, Realm};
use crate::sandbox::control::{Audited, AuditedRequest};

impl NeuroIo {
    pub(super) fn describe(&self, request: &AuditedRequest, now: Timestamp) -> Audited {
        let realm = bearer(&request.headers).and_then(|value| self.realm_of(value, now));
        let (method, path) = request.endpoint();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let (action, target) = match (method, path.as_slice()) {
            ("POST", ["streams", "tokens", ""]) => ("create", "stream token".to_owned()),
            ("DELETE", ["streams", "tokens", ""] | ["streams", "tokens", "", ""]) => {
                ("revoke", "all stream tokens".to_owned())
            }
            ("DELETE", ["streams", "tokens", id_or_key, ..]) => ("revoke", self.named(realm.as_ref(), id_or_key)),
            ("PATCH" | "PUT", ["streams", "tokens", id_or_key, ..]) => {
                let body = String::from_utf8_lossy(&request.body);
                let action = if body.contains("true") {
                    "activate"
                } else {
                    "deactivate"
                };
                (action, self.named(realm.as_ref(), id_or_key))
            }
            _ => ("request", request.uri.path().to_owned()),
        };
        Audited {
            actor: self.actor(&request.headers, realm),
            action,
            target,
        }
    }

    /// A token as the log names it. The path may contain its value, which is never logged.
    fn named(&self, realm: Option<&Realm>, id_or_key: &str) -> String {
        match realm.and_then(|realm| self.find(realm, id_or_key)) {
            Some(token) => format!("stream token {}", token.id),
            None => "unknown stream token".to_owned(),
        }
    }

    fn actor(&self, headers: &HeaderMap, realm: Option<Realm>) -> String {
        let Some(realm) = realm else {
            return "unknown".to_owned();
        };
        match bearer(headers).and_then(|value| self.find(&realm, value)) {
            Some(token) => format!("stream token {}", token.id),
            None => format!("API token of the {realm}"),
        }
    }
}
