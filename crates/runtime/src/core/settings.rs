//! What can be set about the runtime, with the defaults that suit a single instance.

use std::time::Duration;

use causerie_usage::LOOKUP_WINDOW;

use crate::attachments::url_policy::HostPolicy;

/// Settings of the runtime. Every field has a default that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The model of tools that name none.
    pub default_model: String,
    /// Output tokens of tools that name no maximum.
    pub default_max_output_tokens: u64,
    /// Tries of one turn beyond the first, before its first delta.
    pub max_retries: u32,
    /// A longer wait is told to the reader instead of waited for.
    pub max_retry_wait: Duration,
    /// No further try of a turn begins later than this after its first.
    pub turn_deadline: Duration,
    /// How long a turn is its owner's without renewal. Renewed each third of it.
    pub lease: Duration,
    /// How far the store may be behind the stream.
    pub flush_interval: Duration,
    /// Text waiting to be flushed, over all turns, that is flushed at once.
    pub flush_bytes: usize,
    /// How long a cancel waits for the turn's owner.
    pub cancel_wait: Duration,
    /// How often a reader of another instance's turn looks into the store.
    pub poll_interval: Duration,
    /// For how long an idempotency key is kept.
    pub idempotency_window: Duration,
    /// Generation records that one process asks the upstream for in a minute; not zero.
    pub lookups_per_minute: u32,
    /// For how long after its end a request's generation record is asked for.
    pub lookup_window: Duration,
    /// How often the ledger is searched for rows to price or to look up.
    pub reconcile_interval: Duration,
    /// Whether models that the catalogue does not list are refused.
    pub catalog_only: bool,
    /// Which hosts the addresses of attachments may name.
    pub attachment_hosts: HostPolicy,
    /// Whether admins may read other people's conversations. Every such read is then recorded.
    pub admin_reads_content: bool,
    /// A mark in every answer's metadata, such as that a simulator answers.
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
            answer_mark: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_another_instance_waits_for_300_ms_at_most() {
        let settings = Settings::default();
        assert!(settings.flush_interval + settings.poll_interval <= Duration::from_millis(300));
    }
}
