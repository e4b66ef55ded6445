//! Log lines as Terraform reads them from a plugin's standard error: hclog's JSON, one object per
//! line.
//!
//! Only events of known crates are written: this one, the provider's, and those that the provider
//! names. Other libraries log what they send and receive, which includes secrets.

use std::any::type_name;
use std::fmt::Debug;
use std::io::{self, Write};
use std::panic;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::ProviderInfo;

/// The name of this crate.
const THIS_CRATE: &str = env!("CARGO_CRATE_NAME");

/// hclog's key for the message of an event.
const MESSAGE: &str = "@message";

/// The longest line. Terraform splits a line of 64 KiB or more, and none of its parts is JSON.
const MAX_LINE: usize = (64 << 10) - 1;

/// The number of characters of a message that fit into a line, whatever they are: JSON needs six
/// bytes for some.
const SAFE_MESSAGE: usize = 10_000;

/// Starts logging for the provider `P` if the environment enables it; `variable` looks up an
/// environment variable.
pub(super) fn init<P>(info: &ProviderInfo, variable: impl Fn(&str) -> Option<String>) {
    let level = level(variable);
    if level == LevelFilter::OFF {
        return;
    }
    let layer = Hclog(to_stderr).with_filter(filter(level, targets::<P>(info)));
    // It fails if the program has set up a subscriber of its own, which then takes precedence.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// The targets whose events are written: this crate, the crate that defines `P`, and those that the
/// provider names.
fn targets<P>(info: &ProviderInfo) -> Vec<&'static str> {
    // Without an override, an event's target is its module's path, which begins with the crate as
    // the name of a type does.
    let provider = type_name::<P>().split("::").next();
    let own = [THIS_CRATE].into_iter().chain(provider);
    own.chain(info.log_targets.iter().copied()).collect()
}

/// Enables events up to `level` in `targets` and the modules below them. Unlike the filters of
/// `tracing_subscriber`, it does not take a target for a prefix of other crates' names: `http` does
/// not enable `http_body`.
fn filter(level: LevelFilter, targets: Vec<&'static str>) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    let is_enabled = move |metadata: &Metadata<'_>| {
        *metadata.level() <= level
            && targets.iter().any(|target| {
                let below = metadata.target().strip_prefix(target);
                below.is_some_and(|path| path.is_empty() || path.starts_with("::"))
            })
    };
    FilterFn::new(is_enabled).with_max_level_hint(level)
}

/// The level for providers, by Terraform's rules: off by default, and the highest for an unknown
/// value.
fn level(variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let Some(value) = set("TF_LOG_PROVIDER").or_else(|| set("TF_LOG")) else {
        return LevelFilter::OFF;
    };
    match value.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Replaces the message that Rust prints for a panic with a log line that has only its source
/// location. The panic's message could contain a secret, and Terraform takes a line that starts
/// with "panic:" for a crash of the plugin.
pub(super) fn report_panics() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        to_stderr(&panic_line(&location));
    }));
}

fn panic_line(location: &str) -> String {
    let message = format!("panic in the provider at {location}; please report this bug");
    let fields = Map::from_iter([(MESSAGE.to_owned(), message.into())]);
    line(Timestamp::now(), Level::ERROR, THIS_CRATE, fields)
}

fn to_stderr(line: &str) {
    // An error is ignored: there is no place to report it.
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

/// Formats one line, with its line feed. A line that would be too long is reduced to the beginning
/// of its message.
fn line(now: Timestamp, level: Level, module: &str, mut fields: Map<String, Value>) -> String {
    let head = [
        ("@level", level.as_str().to_ascii_lowercase()),
        ("@module", module.to_owned()),
        // go-plugin accepts exactly six digits.
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

/// The fields of an event or a span. The message of an event is one of them.
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

    use tracing::{debug, info, info_span};
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::Filter;

    use super::*;

    #[test]
    fn level_follows_rules_of_terraform() {
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

    /// Runs `work` and returns the lines that it logs, parsed as JSON.
    fn written(work: impl FnOnce()) -> Vec<Value> {
        written_by(FilterFn::new(|_| true), work)
    }

    /// Runs `work` and returns the lines that it logs through `filter`.
    fn written_by<F>(filter: F, work: impl FnOnce()) -> Vec<Value>
    where
        F: Filter<Registry> + Send + Sync + 'static,
    {
        let lines = Arc::new(Mutex::new(String::new()));
        let writer = lines.clone();
        let layer = Hclog(move |line: &str| writer.lock().unwrap().push_str(line)).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let lines = lines.lock().unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn targets_include_this_crate_crate_of_provider_and_named_ones() {
        struct Notes;
        let info = ProviderInfo::new("acme/notes", "1.0.0").with_log_targets(&["acme_client"]);
        assert_eq!(targets::<Notes>(&info), [THIS_CRATE, THIS_CRATE, "acme_client"]);
        // Any type of another crate represents a provider that is defined there.
        assert_eq!(targets::<Vec<Notes>>(&info), [THIS_CRATE, "alloc", "acme_client"]);
    }

    #[test]
    fn filter_enables_only_named_crates() {
        let events = written_by(filter(LevelFilter::INFO, vec!["notes", "acme_client::session"]), || {
            info!(target: "notes", "root");
            info!(target: "notes::create", "module");
            debug!(target: "notes", "level");
            info!(target: "notes_http", "prefix");
            info!(target: "acme_client::session", "named module");
            info!(target: "acme_client::wire", "other module");
            info!(target: "h2::codec", "library");
        });
        let messages: Vec<&Value> = events.iter().map(|event| &event[MESSAGE]).collect();
        assert_eq!(messages, ["root", "module", "named module"]);
    }

    #[test]
    fn event_includes_fields_of_its_spans() {
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
    fn event_without_text_has_empty_message() {
        let events = written(|| info!(status = 200));
        assert_eq!(events[0]["@message"], "");
    }

    #[test]
    fn timestamp_has_six_fractional_digits() {
        for (time, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.123456Z"),
        ] {
            let line = line(time.parse().unwrap(), Level::INFO, "m", Map::new());
            assert!(line.contains(&format!(r#""@timestamp":"{expected}""#)), "{line}");
        }
    }

    #[test]
    fn line_is_shorter_than_64_kib() {
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
    fn panic_is_logged_as_error_with_its_location() {
        let object: Value = serde_json::from_str(&panic_line("src/x.rs:1:2")).unwrap();
        assert_eq!(object["@level"], "error");
        let message = object[MESSAGE].as_str().unwrap();
        assert!(message.contains("src/x.rs:1:2"), "{message}");
        // Terraform takes lines with these prefixes for a crash.
        assert!(
            !message.starts_with("panic: ") && !message.starts_with("fatal error: "),
            "{message}"
        );
    }
}
