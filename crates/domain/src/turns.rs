//! Turns: one user message and its answer.

use std::time::Duration;

use crate::failure::FailureCode;
use crate::messages::{MessageStatus, Part, PartKind};
use crate::string_enum::string_enum;
use crate::{InstanceId, MessageId, SessionId, Timestamp, TurnId};

string_enum! {
    /// Where a turn stands. Everything but running is final.
    TurnStatus, "turn status", {
        /// Its answer is being written.
        Running = "running",
        /// Answered.
        Completed = "completed",
        /// Stopped by its user; the text so far is kept.
        Cancelled = "cancelled",
        /// Failed; the text so far is kept.
        Failed = "failed",
        /// Cut by the end of the process that ran it; the text that was flushed is kept.
        Interrupted = "interrupted",
    }
}

impl TurnStatus {
    /// The status of the answer of a turn in this status.
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

/// Why a turn failed, as its reader is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFailure {
    /// The stable code.
    pub code: FailureCode,
    /// A human sentence without secrets or provider text.
    pub detail: String,
    /// How long to wait before another try, where the upstream said so.
    pub retry_after: Option<Duration>,
}

/// What was sent to the model, and what was left out to make it fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextReport {
    /// Messages sent, the new one counted, the system message not.
    pub messages_sent: u32,
    /// Older messages left out of the last N.
    pub messages_dropped: u32,
    /// Estimated tokens of all that was sent.
    pub estimated_tokens: u32,
    /// Whether the model's context length is unknown, so that 8192 was assumed.
    pub context_length_assumed: bool,
}

/// One user message and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The id.
    pub id: TurnId,
    /// The conversation.
    pub session_id: SessionId,
    /// The message that was sent.
    pub user_message_id: MessageId,
    /// The answer.
    pub assistant_message_id: MessageId,
    /// The answer's place in the conversation.
    pub assistant_seq: i64,
    /// Where it stands.
    pub status: TurnStatus,
    /// The instance that runs it, or ran it.
    pub owner: InstanceId,
    /// The model that was asked.
    pub model: String,
    /// Whether someone asked it to stop.
    pub cancel_requested: bool,
    /// Why it failed.
    pub failure: Option<TurnFailure>,
    /// Why the model stopped, in the upstream's normalised words.
    pub finish_reason: Option<String>,
    /// What was sent, once it is known.
    pub context: Option<ContextReport>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A run of streamed text that was flushed to the store while its turn runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Characters (Unicode scalar values) of reasoning and text streamed before this run.
    pub position: u64,
    /// What kind of text it is.
    pub kind: PartKind,
    /// The text.
    pub text: String,
}

impl Segment {
    /// The position after it.
    pub fn end(&self) -> u64 {
        self.position + self.text.chars().count() as u64
    }
}

/// Puts flushed segments together to the parts of an answer. Segments must be in order of position.
pub fn parts_of(segments: &[Segment]) -> Vec<Part> {
    let mut parts = Vec::new();
    for segment in segments {
        crate::messages::push_part(&mut parts, segment.kind, &segment.text);
    }
    parts
}
