//! Forms of the request of a turn: what is left out after the upstream has refused it.
//!
//! The upstream does not name the message that it refuses. An earlier user message that was part of an accepted request is
//! not the reason; all others may be. A refused request is therefore repeated once without the earlier user messages that
//! the upstream has never accepted. If that request is accepted, they are withheld from later requests. If it is refused,
//! or if there are none, the new message is the reason and is withheld. In both cases, the next message has a request that
//! the upstream can accept.

use causerie_domain::completion::{CompletionError, CompletionErrorKind};
use causerie_domain::messages::MessageMarks;
use causerie_domain::turns::ContextReport;

use crate::context::{self, Context, ContextInput, ContextRefusal, FixedPrompt, LeftOut};

/// Form of the last request of a turn.
#[derive(Debug, Clone)]
pub(crate) struct RequestForm {
    left_out: LeftOut,
    /// Whether the history was cut because the upstream refused the size of the request.
    was_cut: bool,
    fixed: FixedPrompt,
    report: ContextReport,
    has_reasoning: bool,
    /// Sequence numbers of the earlier user messages in the request that were not accepted before.
    unaccepted: Vec<i64>,
    /// Sequence numbers of the earlier user messages that were left out because they were not accepted before.
    suspected: Vec<i64>,
}

/// User message that a turn answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentQuestion {
    pub(crate) seq: i64,
    /// Whether it is marked as accepted and is not withheld, so that its answer changes no mark.
    pub(crate) is_marked: bool,
}

/// Returns whether the upstream refused the content or the form of a request.
pub(super) fn is_refusal_of_content(error: &CompletionError) -> bool {
    matches!(error.kind, CompletionErrorKind::InvalidRequest | CompletionErrorKind::Moderated)
}

impl RequestForm {
    /// Returns the form of the first request of a turn.
    pub(crate) fn of(context: &Context) -> Self {
        RequestForm {
            left_out: LeftOut::default(),
            was_cut: false,
            fixed: context.fixed,
            report: context.report,
            has_reasoning: context.has_reasoning(),
            unaccepted: context.unaccepted.clone(),
            suspected: Vec::new(),
        }
    }

    /// Returns the context of another request after a refusal; `None` if the refusal has no reason that another context
    /// removes. Each part is left out only once.
    pub(super) fn after_refusal(&mut self, error: &CompletionError, input: &ContextInput) -> Option<Context> {
        let context = match error.kind {
            CompletionErrorKind::ContextLength { limit, requested } if !self.was_cut => {
                self.was_cut = true;
                let refusal = ContextRefusal { limit, counted: requested };
                context::rebuild(input, self.left_out, &self.report, refusal)?
            }
            CompletionErrorKind::InvalidRequest if self.has_reasoning => {
                self.left_out.reasoning = true;
                context::build_without(input, self.left_out, self.fixed)
            }
            _ if is_refusal_of_content(error) && !self.unaccepted.is_empty() => {
                self.left_out.unaccepted = true;
                self.suspected = std::mem::take(&mut self.unaccepted);
                context::build_without(input, self.left_out, self.fixed)
            }
            _ => return None,
        };
        self.fixed = context.fixed;
        self.report = context.report;
        self.has_reasoning = context.has_reasoning();
        self.unaccepted.clone_from(&context.unaccepted);
        Some(context)
    }

    /// Returns whether a refusal is the fault of the new message: all earlier user messages in the request were accepted
    /// before.
    pub(super) fn is_question_blamed(&self) -> bool {
        self.unaccepted.is_empty()
    }

    /// Returns the marks of user messages after the request was accepted.
    pub(super) fn accepted(&self, question: SentQuestion) -> MessageMarks {
        let question = (!question.is_marked).then_some(question.seq);
        let accepted = self.unaccepted.iter().copied().chain(question).collect();
        MessageMarks { accepted, withheld: self.suspected.clone() }
    }
}
