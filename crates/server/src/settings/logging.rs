//! What the program says of itself, and in which form.

use clap::Args;
use tracing_subscriber::filter::Targets;

use super::setting::{Setting, SettingErrors, setting};

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Which events are logged.
    pub filter: Targets,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people where standard error is a terminal, otherwise JSON.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    // actix_http speaks of single connections at ERROR: anybody who sends half a request, or an upstream in the
    // simulator that breaks off as it was asked to, would fill the log with them.
    /// What to log: a level, or levels by module such as `warn,causerie_runtime=debug`.
    #[arg(long, env = "CAUSERIE_LOG", value_name = "FILTER", value_parser = setting(filter))]
    #[arg(default_value = "info,actix_server=warn,actix_http=off")]
    log: Setting<Targets>,
    /// The form of the log on standard error: auto (human on a terminal, otherwise json), human or json.
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
