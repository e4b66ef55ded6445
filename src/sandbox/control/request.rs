//! Changes by the control API, and their entries in the audit log.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::activity::{AuditEntry, Source};
use super::audit::client;
use super::rejection::Rejection;
use crate::sandbox::{Platform, Sandbox};

/// A change that the control API was requested to make.
pub(crate) struct Change {
    source: Source,
    client: Option<String>,
    action: &'static str,
    pub(super) target: String,
}

impl Change {
    /// An action that the platform's own portal offers.
    pub(crate) fn console(headers: &HeaderMap, action: &'static str, target: impl Into<String>) -> Self {
        Self::by(Source::Console, headers, action, target)
    }

    /// A change of the sandbox.
    pub(super) fn by(source: Source, headers: &HeaderMap, action: &'static str, target: impl Into<String>) -> Self {
        Self {
            source,
            client: client(headers),
            action,
            target: target.into(),
        }
    }
}

impl<P: Platform> Sandbox<P> {
    /// Records a change and returns its answer.
    pub(crate) fn finish(&self, change: Change, outcome: Result<Response, Rejection>) -> Response {
        let answer = outcome.unwrap_or_else(Rejection::into_response);
        self.activity.record(AuditEntry {
            sequence: 0,
            at: self.clock.now(),
            source: change.source,
            actor: "console".to_owned(),
            client: change.client,
            action: change.action.to_owned(),
            target: change.target,
            outcome: answer.status().as_u16(),
        });
        answer
    }
}
