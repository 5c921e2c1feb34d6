//! How turns are run and tools are found.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::setting::{Setting, SettingError, SettingErrors, optional, setting};
use super::values::{milliseconds, path, positive, switch, whole};

/// How turns are run and tools are found.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// The folder of tool definitions, if one was named.
    pub tools_dir: Option<PathBuf>,
    /// Whether addresses of attachments may name private and local hosts.
    pub allow_private_urls: bool,
    /// How long running turns may take to end after a stop signal.
    pub drain: Duration,
    /// How long a turn is its instance's without renewal.
    pub lease: Duration,
    /// How far the store may be behind a stream.
    pub flush_interval: Duration,
    /// Text waiting for the store, over all turns, that is written at once.
    pub flush_bytes: usize,
    /// Generation records that are asked for in a minute.
    pub lookups_per_minute: NonZeroU32,
    /// For how long after its end a request's generation record is asked for.
    pub lookup_window: Duration,
    /// How often the ledger is searched for costs to learn.
    pub reconcile_interval: Duration,
    /// Whether admins may read other people's conversations.
    pub admin_reads_content: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Runtime")]
pub(crate) struct RuntimeArgs {
    /// The folder of tool definitions [default: ./tool-definitions if it exists, else those built in].
    #[arg(
        long,
        env = "CAUSERIE_TOOLS_DIR",
        value_name = "DIR",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(value_parser = optional(path))]
    tools_dir: Setting<Option<PathBuf>>,
    /// Whether addresses of attachments may name private and local hosts, and those over plain http, too.
    #[arg(long, env = "CAUSERIE_ALLOW_PRIVATE_URLS", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    allow_private_urls: Setting<bool>,
    /// How long running turns may take to end after SIGTERM; then they are closed as interrupted.
    #[arg(long, env = "CAUSERIE_DRAIN_MS", value_name = "MS", default_value = "30000")]
    #[arg(value_parser = setting(milliseconds))]
    drain_ms: Setting<Duration>,
    /// How long a turn stays its instance's without renewal: after a crash, other instances wait this long.
    #[arg(long, env = "CAUSERIE_LEASE_MS", value_name = "MS", default_value = "15000")]
    #[arg(value_parser = setting(milliseconds))]
    lease_ms: Setting<Duration>,
    /// How far the store may be behind a stream: what a crash can cost of an answer.
    #[arg(long, env = "CAUSERIE_FLUSH_INTERVAL_MS", value_name = "MS", default_value = "50")]
    #[arg(value_parser = setting(milliseconds))]
    flush_interval_ms: Setting<Duration>,
    /// Text waiting for the store, over all turns, that is written without waiting for the interval.
    #[arg(long, env = "CAUSERIE_FLUSH_BYTES", value_name = "BYTES", default_value = "16384")]
    #[arg(value_parser = setting(whole::<usize>(1..=1 << 30)))]
    flush_bytes: Setting<usize>,
    /// Generation records asked for in a minute, to learn what cut answers cost.
    #[arg(long, env = "AI_LOOKUPS_PER_MINUTE", value_name = "COUNT", default_value = "120")]
    #[arg(value_parser = setting(positive(60_000)))]
    ai_lookups_per_minute: Setting<NonZeroU32>,
    /// How long after its end a request's record is asked for; then the calculated or estimated cost is final.
    #[arg(long, env = "AI_LOOKUP_WINDOW_MS", value_name = "MS", default_value = "86400000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_lookup_window_ms: Setting<Duration>,
    /// How often the ledger is searched for costs to learn.
    #[arg(long, env = "CAUSERIE_RECONCILE_INTERVAL_MS", value_name = "MS", default_value = "1000")]
    #[arg(value_parser = setting(milliseconds))]
    reconcile_interval_ms: Setting<Duration>,
    /// Whether admins may read other people's conversations. Every such read is written to the audit log first.
    #[arg(long, env = "CAUSERIE_ADMIN_READS_CONTENT", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    admin_reads_content: Setting<bool>,
}

impl RuntimeArgs {
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<RuntimeSettings> {
        let tools_dir = errors.take(self.tools_dir);
        let allow_private_urls = errors.take(self.allow_private_urls);
        let drain = errors.take(self.drain_ms);
        let lease = errors.take(self.lease_ms);
        let flush_interval = errors.take(self.flush_interval_ms);
        let flush_bytes = errors.take(self.flush_bytes);
        let lookups_per_minute = errors.take(self.ai_lookups_per_minute);
        let lookup_window = errors.take(self.ai_lookup_window_ms);
        let reconcile_interval = errors.take(self.reconcile_interval_ms);
        let admin_reads_content = errors.take(self.admin_reads_content);

        let (lease, flush_interval) = (lease?, flush_interval?);
        if lease < flush_interval * 10 {
            errors.add(SettingError::new(
                "CAUSERIE_LEASE_MS (--lease-ms) must be at least ten times CAUSERIE_FLUSH_INTERVAL_MS \
                 (--flush-interval-ms), or turns are lost while they are renewed",
            ));
            return None;
        }
        Some(RuntimeSettings {
            tools_dir: tools_dir?,
            allow_private_urls: allow_private_urls?,
            drain: drain?,
            lease,
            flush_interval,
            flush_bytes: flush_bytes?,
            lookups_per_minute: lookups_per_minute?,
            lookup_window: lookup_window?,
            reconcile_interval: reconcile_interval?,
            admin_reads_content: admin_reads_content?,
        })
    }
}
