//! The stream of events: what happens in the sandbox, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::activity::{AuditEntry, Event};
use super::management::TokenManagement;
use super::rejection::{Rejection, read_query};
use crate::sandbox::Sandbox;

/// The time within which several changes are announced once.
const COALESCING: Duration = Duration::from_millis(200);

/// The interval of comments that keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// Repeats the audit entries after this sequence number first.
    after: Option<u64>,
}

/// Streams events. Audit entries that the client has missed come first: those after the `Last-Event-ID`
/// that a browser sends when it reconnects, or after the parameter `after`.
pub(super) async fn stream<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Rejection> {
    let After { after } = read_query(&uri)?;
    let last_event_id = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let (missed, events) = sandbox.activity.subscribe(last_event_id.or(after));
    let watcher = Watcher {
        missed: missed.into(),
        events,
        changes: sandbox.activity.changes(),
    };
    let stream = futures_util::stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Watcher {
    missed: VecDeque<AuditEntry>,
    events: broadcast::Receiver<Event>,
    changes: watch::Receiver<u64>,
}

impl Watcher {
    /// The next event; `None` if the sandbox is gone.
    async fn next(&mut self) -> Option<sse::Event> {
        if let Some(entry) = self.missed.pop_front() {
            return Some(audit(&entry));
        }
        tokio::select! {
            biased;
            received = self.events.recv() => match received {
                Ok(Event::Audit(entry)) => Some(audit(&entry)),
                Ok(Event::Fault(fault)) => Some(event("fault", &fault)),
                Ok(Event::Clock(now)) => Some(event("clock", &json!({ "now": now }))),
                // The client is slow: it fetches the present state instead.
                Err(RecvError::Lagged(_)) => Some(change()),
                Err(RecvError::Closed) => None,
            },
            changed = coalesced(&mut self.changes) => changed.then(change),
        }
    }
}

/// Waits for a change, and for others shortly after it. Returns false if the sandbox is gone. It may be
/// dropped at any time: the change is marked as seen at the end.
async fn coalesced(changes: &mut watch::Receiver<u64>) -> bool {
    let mut waiting = changes.clone();
    if waiting.changed().await.is_err() {
        return false;
    }
    tokio::time::sleep(COALESCING).await;
    changes.borrow_and_update();
    true
}

fn audit(entry: &AuditEntry) -> sse::Event {
    event("audit", entry).id(entry.sequence.to_string())
}

fn change() -> sse::Event {
    event("change", &json!({}))
}

fn event(name: &str, data: &impl Serialize) -> sse::Event {
    let event = sse::Event::default().event(name);
    // These types always serialise.
    event.json_data(data).unwrap_or_default()
}
