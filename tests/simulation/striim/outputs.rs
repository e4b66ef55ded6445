//! The outputs of a run and the search for values in them: log lines of every level, diagnostics, plans and states without
//! their sensitive attributes, and requests without the bearer.

use std::cell::{Ref, RefCell};
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once};

use secrecy::{ExposeSecret as _, SecretString};
use token_providers::framework::testing::Observer;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

thread_local! {
    /// The log of this thread, which runs one simulated scenario.
    static LOGGED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The outputs of one scenario.
#[derive(Default)]
pub(crate) struct Outputs {
    /// The diagnostics, oldest first.
    diagnostics: RefCell<Vec<String>>,
    shown: Arc<Mutex<String>>,
    /// The standard error of processes.
    followed: RefCell<Vec<JoinHandle<Vec<u8>>>>,
}

impl Outputs {
    /// The outputs of a new scenario.
    pub(crate) fn new() -> Self {
        static LOGGING: Once = Once::new();
        LOGGING.call_once(|| {
            // As in the provider's log, without events of libraries.
            let ours = Targets::new().with_target("token_providers", LevelFilter::TRACE);
            let subscriber = tracing_subscriber::registry().with(Log.with_filter(ours));
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
        });
        LOGGED.take();
        Self::default()
    }

    pub(crate) fn record(&self, diagnostic: String) {
        self.show(&diagnostic);
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn diagnostics(&self) -> Ref<'_, [String]> {
        Ref::map(self.diagnostics.borrow(), Vec::as_slice)
    }

    pub(crate) fn show(&self, text: &str) {
        self.observer()(text);
    }

    /// Reads the standard error of a process until it exits.
    pub(crate) fn follow(&self, mut errors: ChildStderr) {
        self.followed.borrow_mut().push(tokio::spawn(async move {
            let mut written = Vec::new();
            let _ = errors.read_to_end(&mut written).await;
            written
        }));
    }

    /// An observer for the testing kit.
    pub(crate) fn observer(&self) -> Observer {
        let shown = self.shown.clone();
        Arc::new(move |text| {
            let mut shown = shown.lock().unwrap();
            shown.push_str(text);
            shown.push('\n');
        })
    }

    /// Returns the length of the outputs, and a line with one of the values, if there is one.
    pub(crate) async fn search(&self, values: &[SecretString]) -> (usize, Option<String>) {
        let mut outputs = std::mem::take(&mut *self.shown.lock().unwrap());
        for written in self.followed.take() {
            let written = written.await.unwrap_or_default();
            outputs.push_str(&String::from_utf8_lossy(&written));
        }
        LOGGED.with_borrow_mut(|logged| outputs.push_str(&logged.split_off(0)));
        let parts: Vec<_> = values.iter().flat_map(|value| parts(value.expose_secret())).collect();
        let leak = parts.iter().find_map(|part| outputs.find(part));
        let line = leak.map(|at| {
            let start = outputs[..at].rfind('\n').map_or(0, |end| end + 1);
            let end = outputs[at..].find('\n').map_or(outputs.len(), |end| at + end);
            outputs[start..end].to_owned()
        });
        (outputs.len(), line)
    }
}

/// Half a value is a leak, too.
fn parts(value: &str) -> [&str; 2] {
    let (head, tail) = value.split_at(value.len() / 2);
    [head, tail]
}

/// Records every event and span of this thread.
struct Log;

impl<S: Subscriber> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        log(|fields| attributes.record(fields));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        log(|fields| values.record(fields));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        log(|fields| event.record(fields));
    }
}

fn log(record: impl FnOnce(&mut Fields<'_>)) {
    LOGGED.with_borrow_mut(|logged| {
        record(&mut Fields(logged));
        logged.push('\n');
    });
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}
