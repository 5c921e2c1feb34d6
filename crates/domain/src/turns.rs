//! Turns: a user message and its answer.

use std::time::Duration;

use crate::completion::CompletionError;
use crate::failure::FailureCode;
use crate::messages::{MessageStatus, Part, PartKind};
use crate::string_enum::string_enum;
use crate::{InstanceId, MessageId, SessionId, Timestamp, TurnId};

string_enum! {
    /// Status of a turn. All statuses except `running` are final.
    TurnStatus, "turn status", {
        Running = "running",
        Completed = "completed",
        /// Cancelled by a user; the partial text is kept.
        Cancelled = "cancelled",
        /// Failed; the partial text is kept.
        Failed = "failed",
        /// Ended with its process; the flushed text is kept.
        Interrupted = "interrupted",
    }
}

impl TurnStatus {
    /// Returns the status of the answer of a turn in this status.
    pub const fn of_message(self) -> MessageStatus {
        match self {
            TurnStatus::Running => MessageStatus::Pending,
            TurnStatus::Completed => MessageStatus::Completed,
            TurnStatus::Cancelled => MessageStatus::Cancelled,
            TurnStatus::Failed => MessageStatus::Failed,
            TurnStatus::Interrupted => MessageStatus::Interrupted,
        }
    }
}

/// Failure of a turn, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFailure {
    pub code: FailureCode,
    /// Sentence for users, without secrets. For a turn it has no text of the provider.
    pub detail: String,
    /// Wait that the upstream asks for.
    pub retry_after: Option<Duration>,
    /// Whether the same message may succeed when it is sent again later.
    pub retryable: bool,
}

impl TurnFailure {
    /// Creates a failure that is as retryable as its code usually is.
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        TurnFailure { code, detail: detail.into(), retry_after: None, retryable: code.is_retryable() }
    }
}

impl From<CompletionError> for TurnFailure {
    fn from(error: CompletionError) -> Self {
        TurnFailure {
            code: error.failure_code(),
            detail: error.message,
            retry_after: error.retry_after,
            retryable: error.retryable,
        }
    }
}

/// Report on the context that was sent to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextReport {
    /// Messages in the request, including the new message and excluding the system message.
    pub messages_sent: u32,
    /// Messages of the history that were left out.
    pub messages_dropped: u32,
    /// Estimated tokens of the request.
    pub estimated_tokens: u32,
    /// Whether the context length of the model is unknown and 8192 was assumed.
    pub context_length_assumed: bool,
    /// Sequence number of the first stored message that was sent; without history, that of the new message. `None` in
    /// reports of earlier versions.
    pub first_seq: Option<i64>,
    /// Whether the history begins at another message than in the previous request of the session.
    pub is_cut: bool,
}

string_enum! {
    /// Place of the cut in a history that exceeds a limit.
    HistoryTrim, "history trim", {
        /// The first message stays the same until a limit is exceeded, then at most half of the limit remains.
        Block = "block",
        /// The most recent turns that fit a limit remain.
        Sliding = "sliding",
    }
}

/// Turn: a user message and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub id: TurnId,
    pub session_id: SessionId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    /// Sequence number of the answer.
    pub assistant_seq: i64,
    pub status: TurnStatus,
    /// Instance that runs the turn or ran it.
    pub owner: InstanceId,
    /// Requested model.
    pub model: String,
    pub cancel_requested: bool,
    pub failure: Option<TurnFailure>,
    /// Finish reason in the normalised words of the upstream.
    pub finish_reason: Option<String>,
    /// Context report, once the request is built.
    pub context: Option<ContextReport>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// Segment: streamed text, or one file, that was flushed to the store during the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Number of characters (Unicode scalar values) of reasoning and text before the segment, and of files.
    pub position: u64,
    pub kind: PartKind,
    /// Text, or the URL of the file.
    pub text: String,
}

impl Segment {
    /// Returns the position after the segment.
    pub fn end(&self) -> u64 {
        self.position + self.kind.length(&self.text)
    }

    /// Removes the text before a position within the segment. A position before the segment changes nothing.
    pub fn skip_to(&mut self, position: u64) {
        let Some(skipped) = position.checked_sub(self.position).filter(|skipped| *skipped > 0) else {
            return;
        };
        let byte = self.kind.byte_offset(&self.text, skipped);
        self.text.drain(..byte);
        self.position = position;
    }
}

/// Joins segments to the parts of an answer. Segments must be ordered by position.
pub fn parts_of(segments: &[Segment]) -> Vec<Part> {
    let mut parts = Vec::new();
    for segment in segments {
        crate::messages::push_part(&mut parts, segment.kind, &segment.text);
    }
    parts
}
