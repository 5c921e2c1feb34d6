//! Turns in responses.

use causerie_domain::turns::{ContextReport, Turn, TurnFailure};
use serde::Serialize;
use utoipa::ToSchema;

use super::messages::MessageDto;
use super::usage::UsageDto;
use super::values::{FailureCodeDto, Id, TimestampDto, TurnStatusDto};
use crate::error::whole_seconds;

/// A user message and its answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turn)]
pub(crate) struct TurnDto {
    id: Id,
    session_id: Id,
    /// The user message.
    user_message_id: Id,
    /// The answer.
    assistant_message_id: Id,
    /// Number of the answer in the session.
    seq: i64,
    status: TurnStatusDto,
    /// The requested model.
    model: String,
    /// Whether a cancellation was requested.
    cancel_requested: bool,
    /// Why the model stopped.
    finish_reason: Option<String>,
    /// Reason of a failed turn.
    failure: Option<FailureDto>,
    /// Messages that were sent to the model, and messages that were omitted to fit its context.
    context: Option<ContextDto>,
    started_at: TimestampDto,
    ended_at: Option<TimestampDto>,
}

impl From<Turn> for TurnDto {
    fn from(turn: Turn) -> Self {
        TurnDto {
            id: turn.id.into(),
            session_id: turn.session_id.into(),
            user_message_id: turn.user_message_id.into(),
            assistant_message_id: turn.assistant_message_id.into(),
            seq: turn.assistant_seq,
            status: turn.status.into(),
            model: turn.model,
            cancel_requested: turn.cancel_requested,
            finish_reason: turn.finish_reason,
            failure: turn.failure.as_ref().map(FailureDto::from),
            context: turn.context.map(ContextDto::from),
            started_at: turn.started_at.into(),
            ended_at: turn.ended_at.map(TimestampDto::from),
        }
    }
}

/// Why a turn failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TurnFailure)]
pub(crate) struct FailureDto {
    code: FailureCodeDto,
    detail: String,
    /// Whether the same message may succeed when it is sent again later.
    retryable: bool,
    /// Seconds to wait before a retry, if the upstream names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

impl From<&TurnFailure> for FailureDto {
    fn from(failure: &TurnFailure) -> Self {
        FailureDto {
            code: failure.code.into(),
            detail: failure.detail.clone(),
            retryable: failure.retryable,
            retry_after: failure.retry_after.map(whole_seconds),
        }
    }
}

/// Messages that were sent to the model, and messages that were omitted to fit its context.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ContextReport)]
pub(crate) struct ContextDto {
    /// Number of messages sent, including the new one and excluding the system message.
    messages_sent: u32,
    /// Number of older messages that were omitted.
    messages_dropped: u32,
    /// Estimated number of input tokens.
    estimated_tokens: u32,
    /// True if the context length of the model is unknown, so that 8192 tokens are assumed; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    context_length_assumed: bool,
    /// Number in the session of the first message that was sent; without history, that of the new message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    first_seq: Option<i64>,
    /// True if the history begins at another message than in the previous request of the session; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl From<ContextReport> for ContextDto {
    fn from(report: ContextReport) -> Self {
        ContextDto {
            messages_sent: report.messages_sent,
            messages_dropped: report.messages_dropped,
            estimated_tokens: report.estimated_tokens,
            context_length_assumed: report.context_length_assumed,
            first_seq: report.first_seq,
            cut: report.is_cut,
        }
    }
}

/// A turn, if there is one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnAnswer {
    /// The turn; null if none is running.
    pub(crate) turn: Option<TurnDto>,
}

/// A message and its complete answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeAnswer {
    /// The user message.
    pub(crate) user_message: MessageDto,
    /// The answer.
    pub(crate) message: MessageDto,
    /// The turn, which has ended.
    pub(crate) turn: TurnDto,
    /// Tokens and cost of the answer.
    pub(crate) usage: Option<UsageDto>,
}
