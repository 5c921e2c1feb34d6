//! Settings of the log.

use clap::Args;
use tracing_subscriber::filter::Targets;

use super::setting::{Setting, SettingErrors, setting};

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Which events are logged.
    pub filter: Targets,
    /// The format of a line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable if standard error is a terminal, otherwise JSON.
    Auto,
    /// Human-readable text.
    Human,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    // actix_http logs failures of single connections at ERROR: a client that sends half a request, or a scenario of the
    // simulator that breaks a stream, would fill the log.
    /// Log filter: a level, or levels by module such as `warn,causerie_runtime=debug`.
    #[arg(long, env = "CAUSERIE_LOG", value_name = "FILTER", value_parser = setting(filter))]
    #[arg(default_value = "info,actix_server=warn,actix_http=off")]
    log: Setting<Targets>,
    /// Log format on standard error: auto (human on a terminal, otherwise json), human or json.
    #[arg(long, env = "CAUSERIE_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    #[arg(value_parser = setting(format))]
    log_format: Setting<LogFormat>,
}

impl LogArgs {
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<LogSettings> {
        let filter = errors.take(self.log);
        let format = errors.take(self.log_format);
        Some(LogSettings { filter: filter?, format: format? })
    }
}

fn filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|_| "a log filter, such as info or warn,causerie_runtime=debug".to_owned())
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("auto, human or json".to_owned()),
    }
}
