//! Settings of the runtime. The defaults suit a single instance.

use std::time::Duration;

use causerie_usage::LOOKUP_WINDOW;

use crate::attachments::url_policy::HostPolicy;
use crate::completions::settings::CompletionSettings;

/// Settings of the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Model for tools without `model`.
    pub default_model: String,
    /// Maximum output tokens for tools without `max_output_tokens`.
    pub default_max_output_tokens: u64,
    /// Maximum number of retries of a turn. A turn is retried only before its first delta.
    pub max_retries: u32,
    /// Maximum wait before a retry. If the upstream asks for a longer wait, the turn fails and reports the wait.
    pub max_retry_wait: Duration,
    /// Period after the first attempt of a turn in which further attempts may start.
    pub turn_deadline: Duration,
    /// Duration of the lease of a turn. The owner renews it after each third of this time.
    pub lease: Duration,
    /// Maximum delay between a delta and its flush to the store.
    pub flush_interval: Duration,
    /// Bytes of unflushed text of all turns that cause an immediate flush.
    pub flush_bytes: usize,
    /// Maximum wait of a cancellation for the owner of the turn.
    pub cancel_wait: Duration,
    /// Interval at which readers poll the store for turns of other instances.
    pub poll_interval: Duration,
    /// Period in which an idempotency key is kept.
    pub idempotency_window: Duration,
    /// Maximum look-ups of generation records per minute and process; not zero.
    pub lookups_per_minute: u32,
    /// Period after the end of a request in which its generation record is looked up.
    pub lookup_window: Duration,
    /// Interval at which the reconciler searches the ledger for rows to price or to look up.
    pub reconcile_interval: Duration,
    /// Whether models outside the catalog are refused.
    pub catalog_only: bool,
    /// Hosts that URLs of attachments may name.
    pub attachment_hosts: HostPolicy,
    /// Whether admins may read sessions of other users. Each such read is recorded as an audit event.
    pub admin_reads_content: bool,
    /// Completions without a session.
    pub completions: CompletionSettings,
    /// Mark in the metadata of each answer, such as `simulator`.
    pub answer_mark: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            default_model: "openrouter/auto".to_owned(),
            default_max_output_tokens: 4096,
            max_retries: 2,
            max_retry_wait: Duration::from_secs(10),
            turn_deadline: Duration::from_secs(600),
            lease: Duration::from_secs(15),
            flush_interval: Duration::from_millis(50),
            flush_bytes: 16 * 1024,
            cancel_wait: Duration::from_secs(5),
            poll_interval: Duration::from_millis(200),
            idempotency_window: Duration::from_secs(24 * 60 * 60),
            lookups_per_minute: 120,
            lookup_window: LOOKUP_WINDOW,
            reconcile_interval: Duration::from_secs(1),
            catalog_only: false,
            attachment_hosts: HostPolicy::Public,
            admin_reads_content: false,
            completions: CompletionSettings::default(),
            answer_mark: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_on_another_instance_receive_text_within_300_ms() {
        let settings = Settings::default();
        assert!(settings.flush_interval + settings.poll_interval <= Duration::from_millis(300));
    }
}
