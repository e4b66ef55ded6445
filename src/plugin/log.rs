//! Log lines as Terraform reads them from a plugin's standard error: hclog's JSON, one object a line.
//!
//! Only this package's own events are written. What libraries tell of the wire would carry secrets.

use std::fmt::Debug;
use std::io::{self, Write};
use std::panic;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The crate whose events are written.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// hclog's key for the text of an event.
const MESSAGE: &str = "@message";

/// Terraform takes a line of 64 KiB or more for several, of which none is JSON.
const MAX_LINE: usize = (64 << 10) - 1;

/// The part of a message, in characters, that fits into a line whatever the characters are: JSON writes six bytes for some.
const SAFE_MESSAGE: usize = 10_000;

/// Starts to log if the environment asks for it; `variable` looks up an environment variable.
pub(super) fn init(variable: impl Fn(&str) -> Option<String>) {
    let level = level(variable);
    if level == LevelFilter::OFF {
        return;
    }
    let subscriber =
        tracing_subscriber::registry().with(Hclog(to_stderr).with_filter(Targets::new().with_target(OURS, level)));
    // It fails where somebody else logs already; then they shall.
    let _ = subscriber.try_init();
}

/// The level for providers, by Terraform's rules: nothing unless asked for, and everything if the wish is not understood.
fn level(variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let Some(wish) = set("TF_LOG_PROVIDER").or_else(|| set("TF_LOG")) else {
        return LevelFilter::OFF;
    };
    match wish.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Replaces the message that Rust prints for a panic by a log line with its place. The panic's own message could hold a
/// secret, and Terraform would take a line that starts with "panic:" for a crash of the whole plugin.
pub(super) fn report_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        to_stderr(&defect(&place));
    }));
}

fn defect(place: &str) -> String {
    let message = format!("a defect of this provider at {place}; please report it");
    let fields = Map::from_iter([(MESSAGE.to_owned(), message.into())]);
    line(Timestamp::now(), Level::ERROR, OURS, fields)
}

fn to_stderr(line: &str) {
    // Nobody can be told that telling failed.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes events, with the fields of the spans around them, as hclog lines.
struct Hclog<W>(W);

impl<S, W> Layer<S> for Hclog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.0.extend(around.0.clone());
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        (self.0)(&line(Timestamp::now(), *metadata.level(), metadata.target(), fields.0));
    }
}

/// One line of the log, with its end. Of one that would be too long only the beginning of its message stays.
fn line(now: Timestamp, level: Level, module: &str, mut fields: Map<String, Value>) -> String {
    let head = [
        ("@level", level.as_str().to_ascii_lowercase()),
        ("@module", module.to_owned()),
        // go-plugin reads no other number of digits.
        ("@timestamp", format!("{now:.6}")),
    ];
    let head = head.map(|(key, value)| (key.to_owned(), Value::from(value)));
    fields.entry(MESSAGE).or_insert_with(|| "".into());
    fields.extend(head.clone());
    let mut line = Value::from(fields.clone()).to_string();
    if line.len() > MAX_LINE {
        let message: String = fields
            .get(MESSAGE)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .chars()
            .take(SAFE_MESSAGE)
            .collect();
        let mut short = Map::from_iter(head);
        short.insert(MESSAGE.to_owned(), message.into());
        short.insert("truncated".to_owned(), true.into());
        line = Value::from(short).to_string();
    }
    line.push('\n');
    line
}

/// The fields of an event or a span. An event's text is a field, too.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = if field.name() == "message" {
            MESSAGE
        } else {
            field.name()
        };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span};

    use super::*;

    #[test]
    fn the_level_follows_terraforms_rules() {
        for (provider, all, expected) in [
            (None, None, LevelFilter::OFF),
            (Some(""), Some(""), LevelFilter::OFF),
            (None, Some("info"), LevelFilter::INFO),
            (Some(""), Some("Warn"), LevelFilter::WARN),
            (Some("ERROR"), Some("TRACE"), LevelFilter::ERROR),
            (Some("off"), Some("TRACE"), LevelFilter::OFF),
            (Some("debug"), None, LevelFilter::DEBUG),
            (None, Some("JSON"), LevelFilter::TRACE),
            (None, Some("loud"), LevelFilter::TRACE),
        ] {
            let variable = |name: &str| match name {
                "TF_LOG_PROVIDER" => provider.map(str::to_owned),
                "TF_LOG" => all.map(str::to_owned),
                _ => None,
            };
            assert_eq!(level(variable), expected, "TF_LOG_PROVIDER={provider:?} TF_LOG={all:?}");
        }
    }

    /// What is written of the events of `work`, read as JSON.
    fn written(work: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(String::new()));
        let writer = lines.clone();
        let layer = Hclog(move |line: &str| writer.lock().unwrap().push_str(line));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let lines = lines.lock().unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_carries_its_fields_and_those_of_its_spans() {
        let events = written(|| {
            let _outer = info_span!("call", rpc = "plan", attempt = 1).entered();
            let _inner = info_span!("request", attempt = 2).entered();
            info!(status = 200, retried = true, "answered {}", "well");
        });
        let [event] = &events[..] else { panic!("{events:?}") };
        assert_eq!(event["@message"], "answered well");
        assert_eq!(event["@level"], "info");
        assert_eq!(event["@module"], module_path!());
        let fields = (&event["rpc"], &event["attempt"], &event["status"], &event["retried"]);
        assert_eq!(fields, (&"plan".into(), &2.into(), &200.into(), &true.into()));
    }

    #[test]
    fn an_event_without_text_has_an_empty_message() {
        let events = written(|| info!(status = 200));
        assert_eq!(events[0]["@message"], "");
    }

    #[test]
    fn the_time_has_six_digits_whatever_it_is() {
        for (time, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.123456Z"),
        ] {
            let line = line(time.parse().unwrap(), Level::INFO, "m", Map::new());
            assert!(line.contains(&format!(r#""@timestamp":"{expected}""#)), "{line}");
        }
    }

    #[test]
    fn a_line_ends_before_64_kib_whatever_is_in_it() {
        for text in ["x", "\u{1}", "𝄞", "\"", "\n"] {
            for field in [MESSAGE, "other"] {
                let fields = Map::from_iter([(field.to_owned(), text.repeat(70_000).into())]);
                let line = line(Timestamp::UNIX_EPOCH, Level::INFO, "m", fields);
                assert!(line.len() < 64 << 10, "{} bytes", line.len());
                assert_eq!(line.matches('\n').count(), 1);
                let object: Value = serde_json::from_str(&line).unwrap();
                assert!(object[MESSAGE].is_string());
                assert_eq!(object["truncated"], true);
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_that_names_its_place() {
        let object: Value = serde_json::from_str(&defect("src/x.rs:1:2")).unwrap();
        assert_eq!(object["@level"], "error");
        let message = object[MESSAGE].as_str().unwrap();
        assert!(message.contains("src/x.rs:1:2"), "{message}");
        // By these beginnings Terraform knows a crash.
        assert!(
            !message.starts_with("panic: ") && !message.starts_with("fatal error: "),
            "{message}"
        );
    }
}
