//! Frames of a stream: the "UI message stream" of the AI SDK, version 1, limited to what its versions 6 and 7
//! accept.

use causerie_domain::messages::{PartKind, media_type};
use causerie_domain::turns::TurnFailure;
use causerie_runtime::TurnStart;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dto::Id;
use crate::dto::turns::ContextDto;
use crate::dto::usage::UsageDto;
use crate::dto::values::FailureCodeDto;
use crate::error::whole_seconds;

/// A frame of the stream: one JSON object in a `data:` line. The last line of every stream is `data: [DONE]`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schema(as = StreamFrame)]
pub(crate) enum Frame<'a> {
    /// The first frame. It is sent again, with `from` 0, if the stored turn has less text than was streamed.
    Start {
        #[serde(rename = "messageId")]
        message_id: Id,
        #[serde(rename = "messageMetadata")]
        metadata: StartMetadata<'a>,
    },
    /// Earlier messages were omitted to fit the context of the model.
    DataContext { data: ContextDto },
    /// A text part starts. After a resume it can be a part that the client already has.
    TextStart { id: &'a str },
    /// A piece of the answer.
    TextDelta { id: &'a str, delta: &'a str },
    /// A part of the answer ends.
    TextEnd { id: &'a str },
    /// A reasoning part starts.
    ReasoningStart { id: &'a str },
    /// A piece of reasoning.
    ReasoningDelta { id: &'a str, delta: &'a str },
    /// A reasoning part ends.
    ReasoningEnd { id: &'a str },
    /// A file of the answer, such as a generated image. It takes one position.
    File {
        /// A `data:` URL, or the address of the file.
        url: &'a str,
        #[serde(rename = "mediaType")]
        media_type: &'a str,
    },
    /// The tokens and cost of the answer, once they are stored.
    DataUsage { data: UsageDto },
    /// Reason of a failure; the frame `error` follows.
    DataError { data: ErrorData },
    /// The end of a complete answer, or of one that a server shutdown interrupted.
    Finish {
        #[serde(rename = "finishReason")]
        reason: FinishReasonDto,
        #[serde(rename = "messageMetadata")]
        metadata: FinishMetadata,
    },
    /// The end of a failed turn. SendOutcome as the event `error`.
    Error {
        #[serde(rename = "errorText")]
        text: &'a str,
    },
    /// The end of a cancelled turn.
    Abort { reason: &'static str },
}

impl<'a> Frame<'a> {
    /// Returns the first frame of a stream.
    pub(crate) fn start(start: &'a TurnStart) -> Self {
        Frame::Start {
            message_id: start.assistant_message_id.into(),
            metadata: StartMetadata {
                session_id: start.session_id.into(),
                turn_id: start.turn_id.into(),
                user_message_id: start.user_message_id.into(),
                seq: start.seq,
                model: &start.model,
                from: start.from,
                answered_by: start.mark.as_deref(),
            },
        }
    }

    /// Returns the frame of a file.
    pub(crate) fn file(url: &'a str) -> Self {
        Frame::File { url, media_type: media_type(url) }
    }

    /// Returns the first frame of a part; `None` for a file, which is one frame.
    pub(crate) fn part_start(kind: PartKind, id: &'a str) -> Option<Self> {
        match kind {
            PartKind::Text => Some(Frame::TextStart { id }),
            PartKind::Reasoning => Some(Frame::ReasoningStart { id }),
            PartKind::File => None,
        }
    }

    pub(crate) fn part_delta(kind: PartKind, id: &'a str, delta: &'a str) -> Self {
        match kind {
            PartKind::Text => Frame::TextDelta { id, delta },
            PartKind::Reasoning => Frame::ReasoningDelta { id, delta },
            PartKind::File => Frame::file(delta),
        }
    }

    /// Returns the last frame of a part; `None` for a file, which is one frame.
    pub(crate) fn part_end(kind: PartKind, id: &'a str) -> Option<Self> {
        match kind {
            PartKind::Text => Some(Frame::TextEnd { id }),
            PartKind::Reasoning => Some(Frame::ReasoningEnd { id }),
            PartKind::File => None,
        }
    }

    /// Returns the SSE event name; `None` means the default, `message`.
    pub(crate) fn event(&self) -> Option<&'static str> {
        match self {
            Frame::Error { .. } => Some("error"),
            _ => None,
        }
    }
}

/// Metadata of an answer at its start.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartMetadata<'a> {
    session_id: Id,
    turn_id: Id,
    user_message_id: Id,
    /// Number of the answer in the session.
    seq: i64,
    /// The requested model.
    model: &'a str,
    /// The position at which the stream continues. At 0, clients discard the text that they have of this answer.
    from: u64,
    /// Present if another component than the upstream answers, such as `simulator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answered_by: Option<&'a str>,
}

/// Why the model stopped, in the terms of the AI SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = FinishReason)]
pub(crate) enum FinishReasonDto {
    Stop,
    Length,
    ContentFilter,
    ToolCalls,
    Error,
    Other,
}

impl FinishReasonDto {
    /// Converts the normalized finish reason of the upstream.
    pub(crate) fn of(reason: Option<&str>) -> Self {
        match reason {
            Some("stop") => FinishReasonDto::Stop,
            Some("length") => FinishReasonDto::Length,
            Some("content_filter") => FinishReasonDto::ContentFilter,
            Some("tool_calls") => FinishReasonDto::ToolCalls,
            Some("error") => FinishReasonDto::Error,
            _ => FinishReasonDto::Other,
        }
    }
}

/// How an answer ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum FinishMetadata {
    /// The answer is complete.
    Completed {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        usage: Option<UsageDto>,
    },
    /// A server shutdown interrupted the answer.
    Interrupted {},
}

/// Reason why a stream ends before its turn: the rights of the reader are decided again while it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefusalCode)]
pub(crate) enum RefusalCodeDto {
    /// The credential is no longer valid.
    Unauthenticated,
    /// The right to read the answer was withdrawn.
    Forbidden,
}

/// Code of an error in a stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = StreamErrorCode)]
pub(crate) enum ErrorCodeDto {
    Failure(FailureCodeDto),
    Refusal(RefusalCodeDto),
}

/// Reason of a failed turn, or of a stream that ends before its turn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorData {
    code: ErrorCodeDto,
    /// Whether the same message may succeed when it is sent again later.
    retryable: bool,
    /// Seconds to wait before a retry, if the upstream names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

impl ErrorData {
    /// Returns the reason of a stream that ends before its turn.
    pub(crate) fn refused(code: RefusalCodeDto) -> Self {
        ErrorData { code: ErrorCodeDto::Refusal(code), retryable: false, retry_after: None }
    }
}

impl From<&TurnFailure> for ErrorData {
    fn from(failure: &TurnFailure) -> Self {
        ErrorData {
            code: ErrorCodeDto::Failure(failure.code.into()),
            retryable: failure.retryable,
            retry_after: failure.retry_after.map(whole_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_reasons_have_the_names_of_the_sdk() {
        let check = |reason: Option<&str>, expected: &str| {
            assert_eq!(serde_json::to_value(FinishReasonDto::of(reason)).unwrap(), expected, "{reason:?}");
        };
        check(Some("stop"), "stop");
        check(Some("length"), "length");
        check(Some("content_filter"), "content-filter");
        check(Some("tool_calls"), "tool-calls");
        check(Some("error"), "error");
        check(Some("eos"), "other");
        check(None, "other");
    }
}
