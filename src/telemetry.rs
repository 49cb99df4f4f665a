//! Logs: one JSON object a line for the cluster's log store, or plain lines for a person at a terminal. Always to stderr, so that
//! a command's output stays clean.
//!
//! The JSON is flat: the fields of all spans around an event stand beside its message, so that a search for `cluster="db"` finds
//! every line of that cluster. tracing-subscriber's own JSON nests spans, hence the small formatter here.

use std::{collections::BTreeMap, fmt, io::IsTerminal};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tracing::{Event, Subscriber, warn};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter,
        format::{JsonFields, Writer},
    },
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// The environment variable with the filter, as in `info,stylobate::lease=debug`.
pub const FILTER_VARIABLE: &str = "STYLOBATE_LOG";

/// The filter when the variable is absent or wrong.
const DEFAULT_FILTER: &str = "info";

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: `time`, `level`, `message`, `target`, then the fields of the event and its spans.
    Json,
    /// Level, message and fields; in colour on a terminal unless `NO_COLOR` is set.
    Human,
}

/// Starts logging for the whole process. A second call changes nothing and does not panic, so that tests and library users may
/// all call it. Returns whether this call took effect.
pub fn init(format: Format) -> bool {
    let wanted = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let (filter, fault) = filter(&wanted);
    let started = match format {
        Format::Json => json(filter, std::io::stderr).try_init().is_ok(),
        Format::Human => human(filter).try_init().is_ok(),
    };
    if let (true, Some(fault)) = (started, fault) {
        warn!("failed to read {FILTER_VARIABLE}='{wanted}': {fault}; logging at '{DEFAULT_FILTER}' instead");
    }
    started
}

/// The filter that `wanted` describes, or the default and why.
fn filter(wanted: &str) -> (EnvFilter, Option<String>) {
    if wanted.trim().is_empty() {
        return (EnvFilter::new(DEFAULT_FILTER), None);
    }
    match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(fault) => (EnvFilter::new(DEFAULT_FILTER), Some(fault.to_string())),
    }
}

fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .event_format(FlatJson)
        .fmt_fields(JsonFields::new())
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

fn human(filter: EnvFilter) -> impl Subscriber + Send + Sync {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    tracing_subscriber::fmt()
        .compact()
        .without_time()
        .with_target(false)
        .with_ansi(colour)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .finish()
}

/// One line. The named fields come first, so that a person can read raw lines too.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    message: Value,
    target: &'a str,
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
}

/// The names that [`Line`] gives; a field of the same name is renamed, as a JSON object may have each name once.
const OWN_NAMES: [&str; 3] = ["time", "level", "target"];

/// Formats an event and its spans as one flat JSON object.
struct FlatJson;

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = BTreeMap::new();
        // From the outermost span inwards, so that the nearest value of a name wins.
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(text) = span.extensions().get::<FormattedFields<N>>() {
                merge(&mut fields, &text.fields);
            }
        }
        let mut text = String::new();
        ctx.format_fields(Writer::new(&mut text), event)?;
        merge(&mut fields, &text);
        for name in OWN_NAMES {
            if let Some(value) = fields.remove(name) {
                fields.insert(format!("field.{name}"), value);
            }
        }
        let line = Line {
            // Milliseconds order the lines of one process well enough, and are readable.
            time: format!("{:.3}", Timestamp::now()),
            level: event.metadata().level().as_str(),
            message: fields.remove("message").unwrap_or_default(),
            target: event.metadata().target(),
            fields,
        };
        writeln!(out, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// Adds the fields in `text`, which [`JsonFields`] wrote; what is no JSON object has no fields.
fn merge(fields: &mut BTreeMap<String, Value>, text: &str) {
    if let Ok(Value::Object(more)) = serde_json::from_str(text) {
        fields.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{info, info_span};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, act: impl FnOnce()) -> Vec<Value> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = json(super::filter(filter).0, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn fields_of_all_spans_stand_beside_the_message() {
        let lines = logged("info", || {
            let _outer =
                info_span!("reconcile", namespace = "shop", cluster = "db", step = "observe").entered();
            let _inner = info_span!("apply", step = "apply").entered();
            info!(kind = "Service", count = 2, level = "own", "applied \"it\"");
        });
        let line = lines[0].as_object().unwrap();
        assert_eq!(line["message"], "applied \"it\"");
        assert_eq!(line["level"], "INFO");
        assert_eq!((&line["namespace"], &line["cluster"]), (&"shop".into(), &"db".into()));
        assert_eq!(line["step"], "apply", "the nearest span wins");
        assert_eq!((&line["kind"], &line["count"]), (&"Service".into(), &2.into()));
        assert_eq!(line["field.level"], "own");
        let time = line["time"].as_str().unwrap();
        assert!(
            time.parse::<Timestamp>().is_ok() && time.len() == "2026-11-21T12:00:00.000Z".len(),
            "{time}"
        );
    }

    #[test]
    fn the_filter_is_obeyed_and_a_wrong_one_is_replaced() {
        let lines = logged("warn", || {
            info!("hidden");
            warn!("shown");
        });
        assert_eq!(lines.len(), 1);
        let (used, fault) = filter("info,=nonsense=");
        assert_eq!(used.to_string(), DEFAULT_FILTER);
        assert!(fault.is_some());
        assert_eq!(filter(" ").1, None);
    }

    #[test]
    fn a_second_start_is_harmless() {
        let first = init(Format::Human);
        assert!(!init(Format::Json), "the first one stays");
        assert!(first || !init(Format::Human));
    }
}
