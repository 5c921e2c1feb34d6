//! Decides the outcome of a response at its end.

use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, Finish, FinishReason,
};

use super::function_calls::Completeness;
use super::response_builder::ResponseBuilder;

/// How a response body ended.
#[derive(Debug)]
pub(super) enum Termination {
    /// The upstream ended the answer: `[DONE]`, or the last byte of a whole document.
    Completed,
    /// The body ended without `[DONE]`, the connection broke, or a timeout expired.
    Interrupted(CompletionError),
    /// The upstream reported an error, or sent data that cannot be decoded.
    Failed(CompletionError),
}

impl ResponseBuilder {
    /// Creates the final event, with everything that was retained for it.
    ///
    /// An answer with a finish reason is complete, however its connection ended: only usage may be missing. An answer
    /// without one is interrupted, unless the upstream ended it. An error takes precedence over both.
    pub(super) fn into_end(self, termination: Termination) -> CompletionEnd {
        let finished = self.finish.reason.is_some();
        let outcome = match termination {
            Termination::Failed(error) => Err(error),
            Termination::Interrupted(error) if !finished => Err(error),
            Termination::Completed | Termination::Interrupted(_) => self.outcome(),
        };
        let outcome = outcome.map_err(|error| CompletionError {
            request_id: error.request_id.or_else(|| self.identity.generation_id.clone()),
            ..error
        });
        let completeness = match &outcome {
            Ok(finish) if !finish.truncated => Completeness::Complete,
            _ => Completeness::Truncated,
        };
        CompletionEnd {
            outcome,
            usage: self.usage,
            reasoning_details: self.reasoning.into_details(),
            tool_calls: self.function_calls.into_calls(completeness),
            annotations: self.annotations,
        }
    }

    /// Decides the outcome of an answer that ended without an error.
    fn outcome(&self) -> Result<Finish, CompletionError> {
        let finish = &self.finish;
        let has_content = self.emitted.text || self.emitted.refusal || !self.function_calls.is_empty();
        let error = match &finish.reason {
            Some(FinishReason::Error) => CompletionError::new(
                CompletionErrorKind::Unavailable,
                "the model's provider failed without saying why",
            ),
            Some(FinishReason::ContentFilter) if !has_content => {
                CompletionError::new(CompletionErrorKind::Moderated, "the upstream refused the content")
            }
            // A truncated answer without text is not empty: its tokens were spent on reasoning, and a retry would
            // spend them again.
            _ if has_content || finish.truncated => {
                return Ok(Finish {
                    reason: self.finish_reason(),
                    native_reason: finish.native.clone(),
                    truncated: finish.truncated,
                });
            }
            _ if !self.recognized => CompletionError::new(
                CompletionErrorKind::InvalidResponse,
                "the upstream's response is not a chat completion",
            ),
            _ => CompletionError::new(CompletionErrorKind::Empty, "the model answered nothing"),
        };
        Err(error)
    }

    /// Returns the finish reason. Tool calls take precedence over `stop`, which some providers send after them.
    fn finish_reason(&self) -> Option<FinishReason> {
        match &self.finish.reason {
            Some(FinishReason::Stop) if !self.function_calls.is_empty() => Some(FinishReason::ToolCalls),
            reason => reason.clone(),
        }
    }
}
