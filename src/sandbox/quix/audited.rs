//! The sandbox's audit log: the description of each changing request.

use jiff::Timestamp;

use super::api::bearer;
use super::state::{Caller, Portal};
use crate::sandbox::control::{Audited, AuditedRequest};

impl Portal {
    pub(super) fn describe(&self, request: &AuditedRequest, now: Timestamp) -> Audited {
        let (method, path) = request.endpoint();
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let (action, target) = match (method, path.as_slice()) {
            ("POST", ["profile", "tokens"]) => {
                ("create", format!("personal access token {}", request.body_text("name")))
            }
            ("DELETE", ["profile", "tokens", id]) => {
                let found = self
                    .personal_access_tokens
                    .existing()
                    .find(|token| token.id.eq_ignore_ascii_case(id));
                let name = found.map_or(*id, |token| token.name.as_str());
                ("revoke", format!("personal access token {name}"))
            }
            ("POST", ["workspaces", id, "sdktokens", "rotate"]) => ("rotate", format!("streaming tokens of {id}")),
            ("PUT", ["sandbox-tokens"]) => {
                let id = request.query_text("workspaceId").unwrap_or_default();
                ("rotate", format!("streaming tokens of {id}"))
            }
            _ => ("request", request.uri.path().to_owned()),
        };
        let bearer = bearer(&request.headers);
        let actor = match bearer.and_then(|value| self.caller(value, now)) {
            None => "unknown".to_owned(),
            Some(Caller::Workspace(id)) => format!("streaming token of {id}"),
            Some(Caller::User(role)) => {
                let token = bearer.and_then(|value| self.personal_access_tokens.holder(value, now));
                format!("{} ({role})", token.map_or("user", |token| token.name.as_str()))
            }
        };
        Audited { actor, action, target }
    }
}
