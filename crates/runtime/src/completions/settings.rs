//! Settings of completions.

use std::time::Duration;

/// What happens to a completion whose client has gone away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The answer is read to its end.
    Finish,
    /// The request is cancelled at the upstream after [`CompletionSettings::grace`].
    Cancel,
}

/// Settings of completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletionSettings {
    pub on_disconnect: OnDisconnect,
    /// Time without a client after which a request is cancelled. A repeated request can attach until then.
    pub grace: Duration,
    /// Time after its end in which an answer is kept for repeated requests.
    pub replay_window: Duration,
    /// Memory of all answers that are kept for repeated requests, in bytes.
    pub max_replay_bytes: usize,
}

impl Default for CompletionSettings {
    fn default() -> Self {
        CompletionSettings {
            on_disconnect: OnDisconnect::Cancel,
            grace: Duration::from_secs(10),
            replay_window: Duration::from_secs(10 * 60),
            max_replay_bytes: 64 << 20,
        }
    }
}
