//! The sandbox's audit log: the description of each changing request.

use super::api::bearer;
use super::state::Environment;
use crate::sandbox::control::{Audited, AuditedRequest};

impl Environment {
    pub(super) fn describe(&self, request: &AuditedRequest) -> Audited {
        let (method, path) = request.endpoint();
        let path: Vec<_> = path.iter().map(|segment| name(segment)).collect();
        let body = |key| request.body_text(key);
        let policy = || name(&body("policySrn")).to_owned();
        let subject = || format!("{} {}", body("subjectType"), body("subject"));
        let (action, target) = match (method, path.as_slice()) {
            ("POST", ["policies"]) => ("create", format!("policy {}", body("name"))),
            ("PUT", ["policies", name]) => ("update", format!("policy {name}")),
            ("DELETE", ["policies", name]) => ("delete", format!("policy {name}")),
            ("POST", ["roles"]) => ("create", format!("role {}", body("name"))),
            ("DELETE", ["roles", name]) => ("delete", format!("role {name}")),
            ("POST", ["roles", role, "attach-policy"]) => ("attach", format!("policy {} to role {role}", policy())),
            ("POST", ["roles", role, "detach-policy"]) => ("detach", format!("policy {} from role {role}", policy())),
            ("POST", ["roles", role, "create-assignment"]) => ("assign", format!("role {role} to {}", subject())),
            ("POST", ["roles", role, "delete-assignment"]) => ("unassign", format!("role {role} from {}", subject())),
            ("POST", ["service-tokens"]) => ("create", format!("service token {}", body("description"))),
            ("DELETE", ["service-tokens", key]) => ("revoke", format!("service token {key}")),
            _ => ("request", request.uri.path().to_owned()),
        };
        let token = bearer(&request.headers).and_then(|value| self.token_with_value(value));
        let actor = token.map(|token| match &token.description {
            Some(description) => format!("{description} (service token {})", token.access_key),
            None => format!("service token {}", token.access_key),
        });
        Audited {
            actor: actor.unwrap_or_else(|| "unknown".to_owned()),
            action,
            target: target.trim_end().to_owned(),
        }
    }
}

/// The name in an SRN, or the text itself.
fn name(srn: &str) -> &str {
    srn.split_once('#').map_or(srn, |(_, name)| name)
}
