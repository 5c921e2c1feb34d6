//! The log on standard error: human-readable on a terminal, otherwise one JSON object per line.
//!
//! Standard output is reserved for the output of subcommands, such as a key or the OpenAPI document.

use std::io::{self, IsTerminal as _, Write};
use std::panic;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, fmt};

use crate::settings::{LogFormat, LogSettings};

/// Installs the log of the process. An existing log, such as that of an embedding program, stays in place.
pub(crate) fn install(settings: &LogSettings) {
    let terminal = io::stderr().is_terminal();
    let format = match settings.format {
        LogFormat::Auto if terminal => LogFormat::Human,
        LogFormat::Auto => LogFormat::Json,
        format => format,
    };
    // It fails only if another log is installed, which then stays.
    let _ = subscriber(settings, format, Terminal(terminal), io::stderr).try_init();
}

/// Logs panics with their place and their message.
pub(crate) fn install_panic_hook() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let message = panicked.payload_as_str().map(without_values);
        tracing::error!(place, message, "panic");
    }));
}

/// Returns the part of the message of a panic before the values that it shows, such as a text that was cut within a
/// character.
fn without_values(message: &str) -> &str {
    let ends = [": ", " of `", "\"", "\n"].into_iter().filter_map(|end| message.find(end));
    &message[..ends.min().unwrap_or(message.len())]
}

#[derive(Debug, Clone, Copy)]
struct Terminal(bool);

fn subscriber<W>(
    settings: &LogSettings,
    format: LogFormat,
    Terminal(terminal): Terminal,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w, Writer: Write> + Send + Sync + 'static,
{
    // The layer itself respects NO_COLOR on a terminal.
    let lines = fmt::layer().with_writer(writer);
    let lines = if terminal { lines } else { lines.with_ansi(false) };
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Auto | LogFormat::Human => lines.boxed(),
    };
    Registry::default().with(lines.with_filter(settings.filter.clone()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use causerie_domain::Secret;

    use super::*;

    /// A writer that keeps its output for the test.
    #[derive(Debug, Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let settings = LogSettings { filter: filter.parse().unwrap(), format };
        let log = subscriber(&settings, format, Terminal(false), move || writer.clone());
        tracing::subscriber::with_default(log, || {
            let key = Secret::new("hunter2");
            tracing::info!(%key, also = ?key, "key read");
            tracing::debug!("detail");
        });
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_an_object_without_secrets() {
        let log = logged("info", LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["message"], "key read");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["key"], "***");
        assert!(!log.contains("hunter2"));
    }

    #[test]
    fn a_human_line_is_text_without_secrets() {
        let log = logged("info", LogFormat::Human);
        assert!(log.contains("INFO") && log.contains("key read"), "{log}");
        assert!(!log.contains("hunter2") && !log.contains("detail"), "{log}");
    }

    #[test]
    fn messages_of_panics_show_no_values() {
        let panicked = |panics: fn()| -> String {
            let payload = panic::catch_unwind(panics).unwrap_err();
            payload.downcast::<String>().map_or_else(|_| String::new(), |message| *message)
        };
        let cut = panicked(|| _ = &"the secret é"[std::hint::black_box(12)..]);
        let unwrapped = panicked(|| _ = std::hint::black_box(Err::<u8, _>("the secret")).expect("a value"));
        let unequal = panicked(|| assert_eq!("the secret", std::hint::black_box("another")));
        for (message, kept) in [(cut, "byte index"), (unwrapped, "a value"), (unequal, "assertion")] {
            let logged = without_values(&message);
            assert!(message.contains("secret") && !logged.contains("secret"), "{message}");
            assert!(logged.contains(kept) || logged.contains("index 12"), "{logged}");
        }
    }

    #[test]
    fn the_filter_decides_what_is_logged() {
        assert!(logged("debug", LogFormat::Human).contains("detail"));
        assert_eq!(logged("causerie_runtime=trace", LogFormat::Human), "");
    }
}
