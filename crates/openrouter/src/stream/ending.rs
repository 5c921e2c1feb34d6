//! What the end of an answer means.

use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, Finish, FinishReason,
};

use super::assembly::Assembly;
use super::tools::Wholeness;

/// How an answer stopped coming.
#[derive(Debug)]
pub(super) enum Ending {
    /// The upstream said that it is over: `[DONE]`, or the last byte of a whole answer.
    Said,
    /// The body ended and nobody said why, the connection broke, or a clock ran out.
    Broken(CompletionError),
    /// The upstream reported an error, or sent what cannot be read.
    Failed(CompletionError),
}

impl Assembly {
    /// The end, with all that was kept for it.
    ///
    /// An answer that finished is whole, however its connection ended: only its usage may be missing. One that did
    /// not finish is cut, unless the upstream said that it is over. An error wins over both.
    pub(super) fn end(self, ending: Ending) -> CompletionEnd {
        let finished = self.finish.reason.is_some();
        let outcome = match ending {
            Ending::Failed(error) => Err(error),
            Ending::Broken(error) if !finished => Err(error),
            Ending::Said | Ending::Broken(_) => self.judge(),
        };
        let outcome = outcome.map_err(|error| CompletionError {
            request_id: error.request_id.or_else(|| self.identity.generation_id.clone()),
            ..error
        });
        let answer = match &outcome {
            Ok(finish) if !finish.truncated => Wholeness::Whole,
            _ => Wholeness::Cut,
        };
        CompletionEnd {
            outcome,
            usage: self.usage,
            reasoning_details: self.reasoning.into_details(),
            tool_calls: self.tools.into_calls(answer),
            annotations: self.annotations,
        }
    }

    /// What an answer is that came to its end.
    fn judge(&self) -> Result<Finish, CompletionError> {
        let finish = &self.finish;
        let says_something = self.said.text || self.said.refusal || !self.tools.is_empty();
        let error = match &finish.reason {
            Some(FinishReason::Error) => CompletionError::new(
                CompletionErrorKind::Unavailable,
                "the model's provider failed without saying why",
            ),
            Some(FinishReason::ContentFilter) if !says_something => {
                CompletionError::new(CompletionErrorKind::Moderated, "the upstream refused the content")
            }
            // A cut answer without text is no empty answer: its tokens went into thoughts, and would again.
            _ if says_something || finish.truncated => {
                return Ok(Finish {
                    reason: self.reason(),
                    native_reason: finish.native.clone(),
                    truncated: finish.truncated,
                });
            }
            _ if !self.recognised => CompletionError::new(
                CompletionErrorKind::InvalidResponse,
                "the upstream's answer is not a chat completion",
            ),
            _ => CompletionError::new(CompletionErrorKind::Empty, "the model answered nothing"),
        };
        Err(error)
    }

    /// The reason, where tool calls count for more than the word `stop`, which some providers say after them.
    fn reason(&self) -> Option<FinishReason> {
        match &self.finish.reason {
            Some(FinishReason::Stop) if !self.tools.is_empty() => Some(FinishReason::ToolCalls),
            reason => reason.clone(),
        }
    }
}
