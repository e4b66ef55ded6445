//! The sandbox's audit log: the description of each changing request.

use jiff::Timestamp;

use super::api::bearer;
use super::caller::{Caller, UserRef};
use super::state::Account;
use crate::sandbox::control::{Audited, AuditedRequest};

impl Account {
    pub(super) fn describe(&self, request: &AuditedRequest, now: Timestamp) -> Audited {
        let caller = self.authenticate(bearer(&request.headers), now).ok();
        let pat_of = |email: Option<String>| {
            let email = email.or_else(|| match &caller {
                Some(Caller::User(user)) => Some(user.email.clone()),
                _ => None,
            });
            format!(
                "personal access token of {}",
                email.as_deref().unwrap_or("an unknown user")
            )
        };
        let service_account = |name: &str| format!("service account {name}");
        let query = |name| request.query_text(name);
        let (action, target) = match (request.method.as_str(), request.uri.path()) {
            ("POST", "/service-account") => ("create", service_account(&request.body_text("name"))),
            ("POST", "/service-account/rotate") => ("rotate", service_account(&request.body_text("name"))),
            ("DELETE", "/service-account") => ("revoke", service_account(&query("name").unwrap_or_default())),
            ("POST", "/user-token/rotate") => {
                let email = Some(request.body_text("email")).filter(|email| !email.is_empty());
                ("rotate", pat_of(email))
            }
            ("DELETE", "/user-token") => {
                let by_id = || {
                    self.user(UserRef::Id(query("user-id")?.parse().ok()?))
                        .map(|user| user.email.clone())
                };
                ("revoke", pat_of(query("email").or_else(by_id)))
            }
            ("PATCH", "/user-token/status") => {
                let action = if self.pats_enabled { "disable" } else { "enable" };
                (action, "personal access tokens".to_owned())
            }
            (_, path) => ("request", path.to_owned()),
        };
        Audited {
            actor: caller.as_ref().map_or_else(|| "unknown".to_owned(), described),
            action,
            target,
        }
    }
}

fn described(caller: &Caller) -> String {
    match caller {
        Caller::User(user) => user.email.clone(),
        Caller::ServiceAccount { name, .. } => format!("{name} (service account)"),
        Caller::Console => "console".to_owned(),
    }
}
