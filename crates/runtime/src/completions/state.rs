//! Completions of one instance: those that run, and those whose answers are kept.

use std::sync::Arc;

use super::registry::Registry;
use super::running::RunningCompletions;
use super::settings::CompletionSettings;

/// Completions of one instance.
#[derive(Debug)]
pub(crate) struct Completions {
    pub(super) registry: Registry,
    pub(super) running: Arc<RunningCompletions>,
}

impl Completions {
    pub(crate) fn new(settings: CompletionSettings) -> Self {
        Completions {
            registry: Registry::new(settings.replay_window, settings.max_replay_bytes),
            running: Arc::default(),
        }
    }

    /// Stops all completions because the process shuts down. Returns their number.
    pub(crate) fn stop_all(&self) -> usize {
        self.running.stop_all()
    }
}
