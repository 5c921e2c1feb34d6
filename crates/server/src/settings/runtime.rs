//! Settings of turns, tool definitions and cost reconciliation.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::setting::{Setting, SettingError, SettingErrors, optional, setting};
use super::values::{milliseconds, path, positive, switch, whole};

/// Settings of turns, tool definitions and cost reconciliation.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Folder of tool definitions; `None` for `./tool-definitions` or the built-in ones.
    pub tools_dir: Option<PathBuf>,
    /// Whether addresses of attachments may name private and local hosts, also over plain http.
    pub allow_private_urls: bool,
    /// Time that running turns have to end after a stop signal.
    pub drain: Duration,
    /// Duration of a turn's lease without renewal.
    pub lease: Duration,
    /// Interval at which the text of running turns is written to the store.
    pub flush_interval: Duration,
    /// Unwritten bytes over all turns that trigger a write before the interval ends.
    pub flush_bytes: usize,
    /// Maximum number of look-ups of generation records per minute.
    pub lookups_per_minute: NonZeroU32,
    /// Time after the end of a request during which its generation record is looked up.
    pub lookup_window: Duration,
    /// Interval at which the ledger is searched for pending costs.
    pub reconcile_interval: Duration,
    /// Whether admins may read the conversations of other users.
    pub admin_reads_content: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Runtime")]
pub(crate) struct RuntimeArgs {
    /// Folder of tool definitions [default: ./tool-definitions if it exists, otherwise the built-in ones].
    #[arg(
        long,
        env = "CAUSERIE_TOOLS_DIR",
        value_name = "DIR",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(value_parser = optional(path))]
    tools_dir: Setting<Option<PathBuf>>,
    /// Allow attachment addresses of private and local hosts, also over plain http.
    #[arg(long, env = "CAUSERIE_ALLOW_PRIVATE_URLS", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    allow_private_urls: Setting<bool>,
    /// Time, in milliseconds, that running turns have to end after SIGTERM. Then they are closed as interrupted.
    #[arg(long, env = "CAUSERIE_DRAIN_MS", value_name = "MS", default_value = "30000")]
    #[arg(value_parser = setting(milliseconds))]
    drain_ms: Setting<Duration>,
    /// Duration of a turn's lease, in milliseconds. After a crash of an instance, other instances wait this long before
    /// they close its turns. It must be at least ten times the flush interval [default: 15000; 60000 on SQLite, which has
    /// no other instances].
    #[arg(long, env = "CAUSERIE_LEASE_MS", value_name = "MS", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(milliseconds))]
    lease_ms: Setting<Option<Duration>>,
    /// Interval, in milliseconds, at which the text of running turns is written to the store. A crash loses at most the
    /// text of this time.
    #[arg(long, env = "CAUSERIE_FLUSH_INTERVAL_MS", value_name = "MS", default_value = "50")]
    #[arg(value_parser = setting(milliseconds))]
    flush_interval_ms: Setting<Duration>,
    /// Unwritten bytes, over all turns, that trigger a write before the interval ends.
    #[arg(long, env = "CAUSERIE_FLUSH_BYTES", value_name = "BYTES", default_value = "16384")]
    #[arg(value_parser = setting(whole::<usize>(1..=1 << 30)))]
    flush_bytes: Setting<usize>,
    /// Maximum number of look-ups of generation records per minute. They give the cost of interrupted answers.
    #[arg(long, env = "AI_LOOKUPS_PER_MINUTE", value_name = "COUNT", default_value = "120")]
    #[arg(value_parser = setting(positive(60_000)))]
    ai_lookups_per_minute: Setting<NonZeroU32>,
    /// Time, in milliseconds, after the end of a request during which its generation record is looked up. Then the
    /// calculated or estimated cost becomes final.
    #[arg(long, env = "AI_LOOKUP_WINDOW_MS", value_name = "MS", default_value = "86400000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_lookup_window_ms: Setting<Duration>,
    /// Interval, in milliseconds, at which the ledger is searched for pending costs.
    #[arg(long, env = "CAUSERIE_RECONCILE_INTERVAL_MS", value_name = "MS", default_value = "1000")]
    #[arg(value_parser = setting(milliseconds))]
    reconcile_interval_ms: Setting<Duration>,
    /// Allow admins to read the conversations of other users. Each read is written to the audit log first.
    #[arg(long, env = "CAUSERIE_ADMIN_READS_CONTENT", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    admin_reads_content: Setting<bool>,
}

/// Duration of a lease on PostgreSQL, where other instances wait for its end.
const SHARED_LEASE: Duration = Duration::from_secs(15);

/// Duration of a lease on SQLite. No other instance waits for its end, so a turn survives a longer time in which the file
/// cannot be written.
const EXCLUSIVE_LEASE: Duration = Duration::from_mins(1);

impl RuntimeArgs {
    /// Parses the settings. `is_shared` is whether other instances can use the store.
    pub(crate) fn read(self, is_shared: bool, errors: &mut SettingErrors) -> Option<RuntimeSettings> {
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

        let default_lease = if is_shared { SHARED_LEASE } else { EXCLUSIVE_LEASE };
        let (lease, flush_interval) = (lease?.unwrap_or(default_lease), flush_interval?);
        if lease < flush_interval * 10 {
            errors.add(SettingError::new(
                "CAUSERIE_LEASE_MS (--lease-ms) must be at least ten times CAUSERIE_FLUSH_INTERVAL_MS \
                 (--flush-interval-ms), or leases expire before they are renewed",
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
