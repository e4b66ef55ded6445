//! The API: the documented endpoints, and the published ones of streaming tokens.
//!
//! Requests are validated strictly: another version, or a query or a body that no client sends, is
//! rejected, so that a provider cannot rely on it. Requests as in the documentation's samples and
//! the Python client are accepted, such as `bearer` in any case and a missing version.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::options::{Paths, Rotated};
use super::refusal::Refusal;
use super::state::{Caller, Portal, Workspace};
use super::{Sandbox, personal_access_tokens, zip};

/// The certificate of the brokers' authority, whose key was discarded. Kafka clients reject an
/// invalid certificate before they connect.
const CERTIFICATE: &str = include_str!("certificate.pem");

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/workspaces", get(list))
        .route("/workspaces/{id}", get(read))
        .route("/workspaces/{id}/broker/librdkafka", get(broker))
        .route("/workspaces/{id}/certificates", get(certificates))
        .route("/auth/permissions/query", get(permission))
        .route("/auth/token/details", get(token_details))
        .route("/auth/token/roles", get(token_roles))
        .route("/{id}/topics", get(topics))
        .route("/workspaces/{id}/sdktokens", get(tokens))
        .route("/workspaces/{id}/sdktokens/rotate", post(rotate))
        .route("/sandbox-tokens", get(tokens_by_query).put(rotate_by_query))
        .merge(personal_access_tokens::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

pub(super) type HandlerResult = Result<Response, Refusal>;

impl Sandbox {
    /// Authenticates the request and handles it for the token's owner.
    pub(super) fn serve(
        &self,
        headers: &HeaderMap,
        handle: impl FnOnce(&mut Portal, &Caller, Timestamp) -> HandlerResult,
    ) -> Response {
        self.with(|portal, now| {
            let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            let answer = match bearer(headers).and_then(|token| portal.caller(token, now)) {
                None => Err(Refusal::Unauthenticated),
                Some(_) if text("x-version").is_some_and(|version| version != "2.0") => {
                    Err(Refusal::Invalid("The version is not supported."))
                }
                Some(caller) => handle(portal, &caller, now),
            };
            answer.unwrap_or_else(|refusal| portal.options.rejected(&refusal))
        })
    }
}

/// Returns the token in the `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl Portal {
    /// Returns the workspace with this id if the caller may read it.
    fn workspace(&self, id: &str, caller: &Caller) -> Result<&Workspace, Refusal> {
        let workspace = self.workspaces.get(id).ok_or(Refusal::NotFound)?;
        caller.may_read(id).then_some(workspace).ok_or(Refusal::Forbidden)
    }

    /// Returns 404 unless the platform has the endpoints of this layout.
    fn require_paths(&self, paths: Paths) -> Result<(), Refusal> {
        (self.options.paths == paths).then_some(()).ok_or(Refusal::NotFound)
    }

    fn read_tokens(&self, id: &str, caller: &Caller, now: Timestamp) -> HandlerResult {
        let workspace = self.workspace(id, caller)?;
        if !caller.may_read_tokens(self.options.readers) {
            return Err(Refusal::Forbidden);
        }
        Ok(Json(self.options.tokens(workspace.visible_tokens(now))).into_response())
    }

    fn rotate_tokens(&mut self, id: &str, caller: &Caller, now: Timestamp, body: &[u8]) -> HandlerResult {
        self.workspace(id, caller)?;
        if !caller.may_rotate() {
            return Err(Refusal::Forbidden);
        }
        if !body.is_empty() {
            return Err(Refusal::Invalid("The body must be empty."));
        }
        let new = self.rotate(id, now).ok_or(Refusal::NotFound)?;
        let workspace = self.workspaces.get(id).ok_or(Refusal::NotFound)?;
        Ok(match self.options.rotated {
            Rotated::Tokens => Json(self.options.tokens(workspace.tokens())).into_response(),
            Rotated::NewToken => (StatusCode::CREATED, Json(new.expose_secret())).into_response(),
            Rotated::Empty => StatusCode::OK.into_response(),
            Rotated::NoContent => StatusCode::NO_CONTENT.into_response(),
        })
    }
}

async fn list(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        let is_shown = |id: &str| match caller {
            Caller::User(_) => portal.options.users_list_workspaces,
            Caller::Workspace(own) => own == id,
        };
        let workspaces = portal.workspaces.iter().filter(|(id, _)| is_shown(id));
        let rows: Vec<_> = workspaces
            .map(|(id, workspace)| portal.options.workspace(id, workspace))
            .collect();
        Ok(Json(rows).into_response())
    })
}

async fn read(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        let workspace = portal.workspace(&id, caller)?;
        Ok(Json(portal.options.workspace(&id, workspace)).into_response())
    })
}

async fn broker(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        let workspace = portal.workspace(&id, caller)?;
        let keeps_alive = if portal.options.settings_are_strings {
            json!("true")
        } else {
            json!(true)
        };
        let mut settings = BTreeMap::from([
            ("bootstrap.servers", json!("kafka-1.sandbox:9093,kafka-2.sandbox:9093")),
            ("security.protocol", json!("SASL_SSL")),
            ("sasl.mechanism", json!("SCRAM-SHA-256")),
            ("sasl.username", json!(id)),
            ("sasl.password", json!(workspace.password.expose_secret())),
        ]);
        if portal.options.has_other_settings {
            settings.insert("socket.keepalive.enable", keeps_alive);
        }
        if portal.options.has_certificate {
            settings.insert("ssl.ca.cert", json!(STANDARD.encode(CERTIFICATE)));
        }
        Ok(Json(settings).into_response())
    })
}

/// Returns a ZIP archive with the certificate of the broker's authority, or an empty body if there
/// is none.
async fn certificates(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        portal.workspace(&id, caller)?;
        if !portal.options.has_certificate {
            return Ok(StatusCode::OK.into_response());
        }
        let archive = zip::archive("ca.cert", CERTIFICATE.as_bytes());
        Ok(([(header::CONTENT_TYPE, "application/zip")], archive).into_response())
    })
}

/// Returns the details of the caller's token. The Python client shows the endpoint; its content is
/// not documented.
async fn token_details(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |_, caller, _| {
        let workspace = match caller {
            Caller::User(_) => None,
            Caller::Workspace(id) => Some(id),
        };
        Ok(Json(json!({"roles": roles(caller), "workspaceId": workspace})).into_response())
    })
}

async fn token_roles(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |_, caller, _| Ok(Json(roles(caller)).into_response()))
}

fn roles(caller: &Caller) -> Vec<String> {
    match caller {
        Caller::User(role) => vec![role.to_string()],
        Caller::Workspace(_) => vec!["Streaming".to_owned()],
    }
}

/// Returns an empty list.
async fn topics(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        portal.workspace(&id, caller)?;
        Ok(Json(json!([])).into_response())
    })
}

async fn permission(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    sandbox.serve(&headers, |portal, caller, _| {
        let names: Vec<_> = query.keys().map(String::as_str).collect();
        if names != ["permission", "resourceId", "resourceType"] {
            return Err(Refusal::Invalid(
                "permission, resourceId and resourceType are required.",
            ));
        }
        let parameter = |name: &str| query.get(name).map_or("", String::as_str);
        if !RESOURCE_TYPES.contains(&parameter("resourceType")) || !PERMISSIONS.contains(&parameter("permission")) {
            return Err(Refusal::Invalid("There is no such resource type or permission."));
        }
        let id = parameter("resourceId");
        let exists = parameter("resourceType") != "Workspace" || portal.workspaces.contains_key(id);
        Ok(Json(exists && caller.may_read(id) && caller.has_permission(parameter("permission"))).into_response())
    })
}

/// "The type of resource to check."
const RESOURCE_TYPES: [&str; 9] = [
    "Organisation",
    "Repository",
    "Workspace",
    "Topic",
    "Deployment",
    "User",
    "Session",
    "Plugin",
    "Billing",
];

/// "The permission to check."
const PERMISSIONS: [&str; 6] = ["Create", "Read", "Update", "Delete", "Write", "All"];

async fn tokens(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    sandbox.serve(&headers, |portal, caller, now| {
        portal.require_paths(Paths::Published)?;
        portal.read_tokens(&id, caller, now)
    })
}

async fn rotate(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id): Path<String>, body: Bytes) -> Response {
    sandbox.serve(&headers, |portal, caller, now| {
        portal.require_paths(Paths::Published)?;
        portal.rotate_tokens(&id, caller, now, &body)
    })
}

type WorkspaceQuery = Query<BTreeMap<String, String>>;

async fn tokens_by_query(State(sandbox): State<Sandbox>, headers: HeaderMap, Query(query): WorkspaceQuery) -> Response {
    sandbox.serve(&headers, |portal, caller, now| {
        portal.require_paths(Paths::ByQuery)?;
        portal.read_tokens(workspace_in_query(&query)?, caller, now)
    })
}

async fn rotate_by_query(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Query(query): WorkspaceQuery,
    body: Bytes,
) -> Response {
    sandbox.serve(&headers, |portal, caller, now| {
        portal.require_paths(Paths::ByQuery)?;
        portal.rotate_tokens(workspace_in_query(&query)?, caller, now, &body)
    })
}

fn workspace_in_query(query: &BTreeMap<String, String>) -> Result<&str, Refusal> {
    let id = query.get("workspaceId").filter(|_| query.len() == 1);
    id.map(String::as_str)
        .ok_or(Refusal::Invalid("workspaceId is required."))
}

async fn not_found(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|portal, _| portal.options.rejected(&Refusal::NotFound))
}

async fn method_not_allowed(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|portal, _| portal.options.rejected(&Refusal::MethodNotAllowed))
}
