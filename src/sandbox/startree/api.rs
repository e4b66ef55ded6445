//! The RBAC Manager's API: exactly the endpoints on the page *Using the RBAC API*.
//!
//! Requests are validated strictly: a body that the page does not show is rejected, so that a
//! provider cannot rely on it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::Sandbox;
use super::refusal::Refusal;
use super::state::{Caller, Environment, Subject};

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/policies", get(list_policies).post(create_policy))
        .route(
            "/policies/{srn}",
            get(read_policy).put(update_policy).delete(delete_policy),
        )
        .route("/roles", get(list_roles).post(create_role))
        .route("/roles/{srn}", get(read_role).delete(delete_role))
        .route("/roles/{srn}/policies", get(list_attached))
        .route("/roles/{srn}/attach-policy", post(attach))
        .route("/roles/{srn}/detach-policy", post(detach))
        .route("/roles/{srn}/assignments", get(list_assignments))
        .route("/roles/{srn}/create-assignment", post(assign))
        .route("/roles/{srn}/delete-assignment", post(unassign))
        .route("/service-tokens", post(create_token))
        .route("/service-tokens/{srn}", get(read_token).delete(delete_token))
        .fallback(no_endpoint)
        .method_not_allowed_fallback(method_not_allowed)
}

impl Sandbox {
    /// Authenticates an administrator and handles the request.
    fn serve(
        &self,
        headers: &HeaderMap,
        handle: impl FnOnce(&mut Environment, Timestamp) -> Result<Response, Refusal>,
    ) -> Response {
        self.with(|environment, now| {
            let answer = match bearer(headers).and_then(|value| environment.caller(value)) {
                Some(Caller::Administrator) => handle(environment, now),
                Some(Caller::Other) => Err(Refusal::Forbidden),
                None => Err(Refusal::Unauthenticated),
            };
            answer.unwrap_or_else(|refusal| environment.options.rejected(refusal))
        })
    }
}

/// Returns the bearer token of the request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "Bearer")
}

/// Returns the credentials of this scheme. Its name is case-insensitive (RFC 9110, 11.1): the
/// documentation also shows `bearer`.
pub(super) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (found, credentials) = header.split_once(' ')?;
    found
        .eq_ignore_ascii_case(scheme)
        .then(|| credentials.trim_start_matches(' '))
}

/// Returns the name in the SRN of an object of this kind.
fn name_in_srn<'a>(srn: &'a str, kind: &str) -> Result<&'a str, Refusal> {
    let name = srn.strip_prefix("srn2:").and_then(|srn| srn.strip_prefix(kind));
    name.and_then(|name| name.strip_prefix('#'))
        .filter(|name| !name.is_empty())
        .ok_or(Refusal::Invalid("The SRN is not valid."))
}

fn read_body<T: for<'a> Deserialize<'a>>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Refusal> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type.and_then(|found| found.split(';').next()) != Some("application/json") {
        return Err(Refusal::UnsupportedMediaType);
    }
    serde_json::from_slice(bytes).map_err(|_| Refusal::Invalid("The body is not valid."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewPolicy {
    name: String,
    description: Option<String>,
    policy_document_json: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PolicyUpdate {
    description: Option<String>,
    policy_document_json: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    name: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PolicyBody {
    policy_srn: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SubjectBody {
    subject: String,
    subject_type: String,
}

impl SubjectBody {
    fn subject(self) -> Result<Subject, Refusal> {
        let subject = Subject::new(&self.subject_type, &self.subject);
        if !subject.has_valid_type() || self.subject.is_empty() {
            return Err(Refusal::Invalid("The subject is not valid."));
        }
        Ok(subject)
    }
}

type Srn = Path<String>;

async fn list_policies(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let options = &environment.options;
        let rows = environment.policies.keys().map(|name| options.policy_row(name));
        Ok(options.list("policies", rows.collect()))
    })
}

async fn create_policy(State(sandbox): State<Sandbox>, headers: HeaderMap, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, now| {
        let NewPolicy {
            name,
            description,
            policy_document_json,
        } = read_body(&headers, &bytes)?;
        environment.create_policy(&name, description, policy_document_json, now)?;
        let policy = environment.policies.get(&name).ok_or(Refusal::NotFound)?;
        Ok(environment.options.created(environment.options.policy(&name, policy)))
    })
}

async fn read_policy(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let name = name_in_srn(&srn, "policy")?;
        let policy = environment.policies.get(name).ok_or(Refusal::NotFound)?;
        Ok(environment.options.object(environment.options.policy(name, policy)))
    })
}

async fn update_policy(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, now| {
        let PolicyUpdate {
            description,
            policy_document_json,
        } = read_body(&headers, &bytes)?;
        environment.update_policy(name_in_srn(&srn, "policy")?, description, policy_document_json, now)?;
        Ok(environment.options.done())
    })
}

async fn delete_policy(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        environment.delete_policy(name_in_srn(&srn, "policy")?)?;
        Ok(environment.options.done())
    })
}

async fn list_roles(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let options = &environment.options;
        let rows = environment.roles.iter().map(|(name, role)| options.role(name, role));
        Ok(options.list("roles", rows.collect()))
    })
}

async fn create_role(State(sandbox): State<Sandbox>, headers: HeaderMap, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let NewRole { name, description } = read_body(&headers, &bytes)?;
        environment.create_role(&name, description)?;
        let role = environment.role(&name)?;
        Ok(environment.options.created(environment.options.role(&name, role)))
    })
}

async fn read_role(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let name = name_in_srn(&srn, "role")?;
        let role = environment.role(name)?;
        Ok(environment.options.object(environment.options.role(name, role)))
    })
}

async fn delete_role(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        environment.delete_role(name_in_srn(&srn, "role")?)?;
        Ok(environment.options.done())
    })
}

async fn list_attached(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let options = &environment.options;
        let policies = &environment.role(name_in_srn(&srn, "role")?)?.policies;
        Ok(options.list(
            "policies",
            policies.iter().map(|name| options.attached_row(name)).collect(),
        ))
    })
}

async fn attach(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let PolicyBody { policy_srn } = read_body(&headers, &bytes)?;
        environment.attach(name_in_srn(&srn, "role")?, name_in_srn(&policy_srn, "policy")?)?;
        Ok(environment.options.done())
    })
}

async fn detach(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let PolicyBody { policy_srn } = read_body(&headers, &bytes)?;
        environment.detach(name_in_srn(&srn, "role")?, name_in_srn(&policy_srn, "policy")?)?;
        Ok(environment.options.done())
    })
}

async fn list_assignments(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let options = &environment.options;
        let name = name_in_srn(&srn, "role")?;
        let subjects = environment.role(name)?.subjects();
        let rows = subjects.map(|subject| options.assignment(name, subject));
        Ok(options.list("assignments", rows.collect()))
    })
}

async fn assign(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, now| {
        let subject = read_body::<SubjectBody>(&headers, &bytes)?.subject()?;
        environment.assign(name_in_srn(&srn, "role")?, subject, now)?;
        Ok(environment.options.done())
    })
}

async fn unassign(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, now| {
        let subject = read_body::<SubjectBody>(&headers, &bytes)?.subject()?;
        environment.unassign(name_in_srn(&srn, "role")?, subject, now)?;
        Ok(environment.options.done())
    })
}

async fn create_token(State(sandbox): State<Sandbox>, headers: HeaderMap, bytes: Bytes) -> Response {
    sandbox.serve(&headers, |environment, now| {
        let NewToken { description } = read_body(&headers, &bytes)?;
        let token = environment.create_token(description, now);
        Ok(environment.options.issued(&token))
    })
}

async fn read_token(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, _| {
        let access_key = name_in_srn(&srn, "service-token")?;
        let token = environment.tokens.get(access_key).ok_or(Refusal::NotFound)?;
        Ok(environment.options.object(environment.options.token(token)))
    })
}

async fn delete_token(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(srn): Srn) -> Response {
    sandbox.serve(&headers, |environment, now| {
        environment.delete_token(name_in_srn(&srn, "service-token")?, now)?;
        Ok(environment.options.done())
    })
}

async fn no_endpoint(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|environment, _| environment.options.rejected(Refusal::NoEndpoint))
}

async fn method_not_allowed(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|environment, _| environment.options.rejected(Refusal::MethodNotAllowed))
}
