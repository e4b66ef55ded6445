//! Records every changing request to a platform's API in the audit log.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::activity::{AuditEntry, Source};
use super::rejection::{Rejection, read_query};
use crate::sandbox::{Platform, Sandbox};

/// A changing request to a platform's API.
#[derive(Debug)]
pub struct AuditedRequest {
    /// The method.
    pub method: Method,
    /// The path and the query. The path is relative to the API's base path.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The audit log's description of a request. It contains no value of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// The owner of the credential.
    pub actor: String,
    /// The action, such as `rotate`.
    pub action: &'static str,
    /// The object, such as `service account ci`.
    pub target: String,
}

impl AuditedRequest {
    /// The method and the segments of the path, decoded.
    pub(crate) fn endpoint(&self) -> (&str, Vec<String>) {
        let segments = self.uri.path().split('/').skip(1);
        let decoded = segments.map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into());
        (self.method.as_str(), decoded.collect())
    }

    /// The text at a key of the JSON body; empty if there is none.
    pub(crate) fn body_text(&self, key: &str) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The text of a parameter of the query.
    pub(crate) fn query_text(&self, name: &str) -> Option<String> {
        let parameters: Vec<(String, String)> = read_query(&self.uri).unwrap_or_default();
        parameters
            .into_iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }
}

/// Executes a request, and records it if it may change something. Its description is made first, because
/// the request may revoke its own credential.
pub(crate) async fn record<P: Platform>(State(sandbox): State<Sandbox<P>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is incomplete or too large").into_response();
    };
    let audited_request = AuditedRequest {
        method: head.method.clone(),
        uri: head.uri.clone(),
        headers: head.headers.clone(),
        body: body.clone(),
    };
    let audited = sandbox.with(|platform, now| platform.audited(&audited_request, now));
    let answer = next.run(Request::from_parts(head, Body::from(body))).await;
    if let Some(Audited { actor, action, target }) = audited {
        sandbox.activity.record(AuditEntry {
            sequence: 0,
            at: sandbox.clock.now(),
            source: Source::Api,
            actor,
            client: client(&audited_request.headers),
            action: action.to_owned(),
            target,
            outcome: answer.status().as_u16(),
        });
    }
    answer
}

/// The limit of axum for the bodies of requests.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The program that sent a request.
pub(super) fn client(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.to_owned())
}
