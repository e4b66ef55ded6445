//! What happened in a sandbox: the audit log, the faults that struck, and those who watch.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use crate::sandbox::Effect;

/// A change that was requested, whether it was made or rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AuditEntry {
    /// The number of the entry, ascending from 1 without gaps.
    pub sequence: u64,
    /// The time by the sandbox's clock.
    pub at: Timestamp,
    /// The interface of the request.
    pub source: Source,
    /// The owner of the credential, or `console`.
    pub actor: String,
    /// The program that sent the request: the first 120 characters of its `User-Agent`.
    pub client: Option<String>,
    /// The action, such as `rotate`.
    pub action: String,
    /// The object of the action, such as `service account ci`.
    pub target: String,
    /// The HTTP status of the answer.
    pub outcome: u16,
}

/// The interface of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The platform's API.
    Api,
    /// An action that the platform's own portal offers.
    Console,
    /// A change of the sandbox itself: seeds, options and faults.
    Control,
    /// A move of the clock.
    Clock,
}

/// A fault that affected a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StruckFault {
    /// The time by the sandbox's clock.
    pub at: Timestamp,
    /// The method of the request.
    pub method: String,
    /// The path of the request, relative to the base URL.
    pub path: String,
    /// The effect for the client.
    pub effect: Effect,
}

/// A message to those who watch.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Audit(AuditEntry),
    Fault(StruckFault),
    Clock(Timestamp),
}

/// The activity of a sandbox. Clones share it. Its memory is bounded.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    events: broadcast::Sender<Event>,
    /// The number of changes of tokens or of the overview.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    audit: VecDeque<AuditEntry>,
    last_sequence: u64,
    struck: VecDeque<StruckFault>,
}

/// The number of audit entries that are remembered.
const AUDIT_CAPACITY: usize = 10_000;

/// The number of struck faults that are remembered.
const STRUCK_CAPACITY: usize = 100;

/// The number of events that a watcher may lag behind.
const EVENT_CAPACITY: usize = 256;

/// The length to which texts of clients are shortened.
const MAX_TEXT: usize = 120;

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Shared {
            log: Mutex::default(),
            events: broadcast::Sender::new(EVENT_CAPACITY),
            changes: watch::Sender::new(0),
        }))
    }
}

impl Activity {
    /// Adds an entry to the audit log and numbers it.
    pub(crate) fn record(&self, mut entry: AuditEntry) {
        for text in [&mut entry.actor, &mut entry.action, &mut entry.target] {
            shorten(text);
        }
        entry.client.iter_mut().for_each(shorten);
        let mut log = self.lock();
        log.last_sequence = log.last_sequence.saturating_add(1);
        entry.sequence = log.last_sequence;
        push_bounded(&mut log.audit, entry.clone(), AUDIT_CAPACITY);
        // Sent under the lock, so that watchers see entries in their order. An error means that there are none.
        let _ = self.0.events.send(Event::Audit(entry));
        drop(log);
        self.changed();
    }

    /// Replaces the audit log by the one of an earlier run, within the log's capacity.
    pub(super) fn restore(&self, entries: Vec<AuditEntry>) {
        let mut log = self.lock();
        log.last_sequence = entries.last().map_or(0, |entry| entry.sequence);
        log.audit = entries.into();
        let excess = log.audit.len().saturating_sub(AUDIT_CAPACITY);
        log.audit.drain(..excess);
    }

    /// Records a fault that affects a request now.
    pub(crate) fn struck(&self, mut fault: StruckFault) {
        shorten(&mut fault.path);
        push_bounded(&mut self.lock().struck, fault.clone(), STRUCK_CAPACITY);
        let _ = self.0.events.send(Event::Fault(fault));
    }

    /// Announces that the clock was moved.
    pub(crate) fn clock_moved(&self, now: Timestamp) {
        let _ = self.0.events.send(Event::Clock(now));
        self.changed();
    }

    /// Announces that tokens or the overview may have changed.
    pub(crate) fn changed(&self) {
        self.0.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The entries after this sequence number, oldest first; without a number, the latest ones.
    pub(crate) fn audit(&self, after: Option<u64>, limit: usize) -> Vec<AuditEntry> {
        let log = self.lock();
        let skipped = match after {
            Some(after) => log.audit.partition_point(|entry| entry.sequence <= after),
            None => log.audit.len().saturating_sub(limit),
        };
        log.audit.iter().skip(skipped).take(limit).cloned().collect()
    }

    /// The latest faults that struck, oldest first.
    pub(super) fn latest_struck(&self) -> Vec<StruckFault> {
        self.lock().struck.iter().cloned().collect()
    }

    /// Subscribes to events, and returns the audit entries after this sequence number that precede them.
    pub(super) fn subscribe(&self, after: Option<u64>) -> (Vec<AuditEntry>, broadcast::Receiver<Event>) {
        let log = self.lock();
        let events = self.0.events.subscribe();
        let missed = log
            .audit
            .iter()
            .filter(|entry| after.is_some_and(|after| entry.sequence > after));
        (missed.cloned().collect(), events)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, capacity: usize) {
    if queue.len() == capacity {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(target: &str) -> AuditEntry {
        AuditEntry {
            sequence: 0,
            at: Timestamp::UNIX_EPOCH,
            source: Source::Api,
            actor: "terraform".to_owned(),
            client: None,
            action: "create".to_owned(),
            target: target.to_owned(),
            outcome: 200,
        }
    }

    fn sequences(entries: &[AuditEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.sequence).collect()
    }

    #[test]
    fn audit_log_is_bounded_and_read_in_parts() {
        let activity = Activity::default();
        for _ in 0..AUDIT_CAPACITY + 5 {
            activity.record(entry("ci"));
        }
        let last = AUDIT_CAPACITY as u64 + 5;
        assert_eq!(activity.audit(None, usize::MAX).len(), AUDIT_CAPACITY);
        assert_eq!(sequences(&activity.audit(None, 2)), [last - 1, last]);
        assert_eq!(sequences(&activity.audit(Some(0), 2)), [6, 7]);
        assert_eq!(sequences(&activity.audit(Some(last - 1), 9)), [last]);
        assert_eq!(activity.audit(Some(last), 9), []);
    }

    #[test]
    fn restored_audit_log_is_bounded_and_continues_its_numbers() {
        let activity = Activity::default();
        let entries = (1..=AUDIT_CAPACITY as u64 + 5).map(|sequence| AuditEntry {
            sequence,
            ..entry("ci")
        });
        activity.restore(entries.collect());
        assert_eq!(activity.audit(None, usize::MAX).len(), AUDIT_CAPACITY);
        activity.record(entry("next"));
        let last = AUDIT_CAPACITY as u64 + 6;
        assert_eq!(sequences(&activity.audit(None, 2)), [last - 1, last]);
    }

    #[test]
    fn restored_number_at_its_limit_causes_no_panic() {
        let activity = Activity::default();
        activity.restore(vec![AuditEntry {
            sequence: u64::MAX,
            ..entry("ci")
        }]);
        activity.record(entry("next"));
        assert_eq!(activity.audit(None, 2).len(), 2);
    }

    #[test]
    fn subscription_misses_and_repeats_no_entry() {
        let activity = Activity::default();
        activity.record(entry("first"));
        activity.record(entry("second"));
        let (missed, mut events) = activity.subscribe(Some(1));
        assert_eq!(sequences(&missed), [2]);
        activity.record(entry("third"));
        assert!(matches!(events.try_recv(), Ok(Event::Audit(entry)) if entry.sequence == 3));
        assert!(activity.subscribe(None).0.is_empty());
    }

    #[test]
    fn long_texts_of_clients_are_shortened() {
        let activity = Activity::default();
        activity.record(entry(&"ä".repeat(1_000_000)));
        assert_eq!(activity.audit(None, 1)[0].target.chars().count(), MAX_TEXT + 1);
    }
}
