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
    /// The answer exceeded its size limit. It ends like one that reached its maximum number of tokens.
    Cut,
}

impl ResponseBuilder {
    /// Creates the final event, with everything that was retained for it.
    ///
    /// An answer with a finish reason is complete, however its connection ended: only usage may be missing. An answer
    /// without one is interrupted, unless the upstream ended it. An error takes precedence over both.
    pub(super) fn into_end(mut self, termination: Termination) -> CompletionEnd {
        if self.has_impossible_counts {
            let (provider, model) = (self.identity.provider.as_deref(), self.identity.model.as_deref());
            tracing::warn!(provider, model, "usage with impossible token counts; the counts are ignored");
        }
        if let Termination::Cut = termination {
            self.finish.reason = Some(FinishReason::Length);
            self.finish.truncated = true;
        }
        let finished = self.finish.reason.is_some();
        let outcome = match termination {
            Termination::Failed(error) => Err(error),
            Termination::Interrupted(error) if !finished => Err(error),
            Termination::Completed | Termination::Interrupted(_) | Termination::Cut => self.outcome(),
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
        let has_content = self.content.is_visible || !self.function_calls.is_empty();
        let error = match &finish.reason {
            Some(FinishReason::Error) => CompletionError::new(
                CompletionErrorKind::Unavailable,
                "the model's provider failed without saying why",
            ),
            Some(FinishReason::ContentFilter) if !has_content => {
                CompletionError::new(CompletionErrorKind::Moderated, "the upstream refused the content")
            }
            _ if has_content => {
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
            _ => self.empty_answer(),
        };
        Err(error)
    }

    /// Returns the error of an answer without a visible character. It may be asked for again if nothing of it arrived
    /// and the upstream counted no output tokens, which a repetition would cost again.
    fn empty_answer(&self) -> CompletionError {
        let message = if self.finish.truncated {
            "the model reached its maximum output length before it answered"
        } else {
            "the model answered nothing"
        };
        let output_tokens = self.usage.as_ref().and_then(|usage| usage.tokens.output).unwrap_or(0);
        CompletionError {
            retryable: !self.content.has_pieces && !self.finish.truncated && output_tokens == 0,
            ..CompletionError::new(CompletionErrorKind::Empty, message)
        }
    }

    /// Returns the finish reason. Tool calls take precedence over `stop`, which some providers send after them.
    fn finish_reason(&self) -> Option<FinishReason> {
        match &self.finish.reason {
            Some(FinishReason::Stop) if !self.function_calls.is_empty() => Some(FinishReason::ToolCalls),
            reason => reason.clone(),
        }
    }
}
