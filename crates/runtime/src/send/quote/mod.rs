//! Quotes: what a send would be and cost, by the code that sends. Nothing is stored, and no request is sent.

mod cached;
mod outputs;

use causerie_domain::messages::NewMessage;
use causerie_domain::ports::{SessionWithTool, TurnPreview};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::turns::ContextReport;
use causerie_domain::{SessionId, Timestamp, Usd};
use causerie_usage::{TokenBuckets, cost_of};

use self::cached::{CacheUse, expected_cached_tokens};
pub use self::outputs::ExpectedOutput;
use super::cost_ceiling::TokenLimits;
use super::question::Question;
use super::{StoredContext, ValidatedSend, begin_turn_error, context_input};
use crate::authorization::Action;
use crate::context;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// What a send would be and cost.
#[derive(Debug)]
pub struct Quote {
    /// Model that would be asked; `None` if a rule refuses the tool or the model.
    pub model: Option<String>,
    /// Size and cost; `None` if the message itself is refused, so that there is no request.
    pub estimate: Option<QuoteEstimate>,
    /// Remainder of the budget with the least left; `None` without a budget or an estimate.
    pub budget_left: Option<Usd>,
    /// Refusal that the send would get.
    pub refusal: Option<RuntimeError>,
}

/// Size and cost of a request, and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteEstimate {
    /// Report of the context that would be sent.
    pub context: ContextReport,
    /// Input tokens that the provider is expected to read from its cache.
    pub cached_tokens: u64,
    /// Maximum output tokens of the request.
    pub max_output_tokens: u64,
    pub output: ExpectedOutput,
    /// Cost with the median answer and the expected cached tokens; `None` if a price of the model is unknown.
    pub expected_cost: Option<Usd>,
    /// Cost with the longest answer, at the highest prices of the models that may answer; `None` if one is unknown.
    pub max_cost: Option<Usd>,
}

impl Runtime {
    /// Returns what [`Runtime::send_message`] would send, what the answer is expected to cost and costs at most, and the
    /// refusal that the send would get. Nothing is stored, and no request is sent.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] and [`RuntimeError::Forbidden`] without the right to send messages in the session,
    /// [`RuntimeError::UserDisabled`], and failures of the store.
    pub async fn quote(
        &self,
        principal: &Principal,
        id: SessionId,
        message: NewMessage,
    ) -> Result<Quote, RuntimeError> {
        let access = self.access(principal)?;
        access.messages(Action::Create)?;
        let stored = self.known_session_with_tool(&access, id).await?;
        let SessionWithTool { session, tool, version } = stored;
        access
            .require_message(Action::Create, &Session { state: SessionState::Active, ..session.clone() })?;
        let mut quote = Quote { model: None, estimate: None, budget_left: None, refusal: None };
        if self.is_draining() {
            quote.refuse(RuntimeError::ShuttingDown)?;
        }
        if session.state != SessionState::Active {
            quote.refuse(RuntimeError::SessionNotActive(session.state))?;
        }
        let target = match self.send_target(&access, &session, (tool, version)) {
            Ok(target) => target,
            Err(error) => return quote.refused(error),
        };
        quote.model = Some(target.model.clone());
        let send = match self.validate_message(target, &message) {
            Ok(send) => send,
            Err(error) => return quote.refused(error),
        };
        if let Some(active) = session.active_turn_id
            && self.inner.running.get(active).is_some()
        {
            quote.refuse(RuntimeError::TurnInProgress(active))?;
        }
        let question = Question { message: message.clone(), stored: None, key: None };
        let begin = self.begin_request(principal, &session, &send, question);
        let now = begin.now;
        let mut preview = self.inner.turn_store.preview_turn(begin).await.map_err(begin_turn_error)?;
        if let Some(refusal) = preview.refusal.take() {
            quote.refuse(begin_turn_error(refusal))?;
        }
        quote.budget_left = preview.budget_left;
        quote.estimate = Some(self.estimate(&send, message, preview, now));
        Ok(quote)
    }

    /// Builds the request, and returns its size and its cost.
    fn estimate(
        &self,
        send: &ValidatedSend,
        message: NewMessage,
        preview: TurnPreview,
        now: Timestamp,
    ) -> QuoteEstimate {
        let stored = StoredContext {
            history: preview.history,
            earlier_messages: preview.earlier_messages,
            new_seq: preview.session.next_seq,
            history_from_seq: preview.session.history_from_seq,
        };
        let input = context_input(send, stored, message.content, message.attachments);
        let built = context::build(&input, send.fixed);
        let report = built.report;
        let prices = send.catalog_model.as_ref().map(|model| &model.catalog.pricing);
        let cache = CacheUse { model: &send.model, prices, now };
        let cached_tokens = expected_cached_tokens(&input, &report, cache);
        let output = ExpectedOutput::of(&preview.recent_outputs, send.max_output_tokens);
        let estimated = u64::from(report.estimated_tokens);
        let uncached = estimated.saturating_sub(cached_tokens);
        // The text up to the last mark is written to the cache, and the new message is the last one with a mark.
        let is_written = built.messages.last().is_some_and(|message| message.cache_breakpoint);
        let tokens = TokenBuckets {
            uncached_input: if is_written { 0 } else { uncached },
            cache_write: if is_written { uncached } else { 0 },
            cache_read: cached_tokens,
            output_text: output.p50,
            ..TokenBuckets::default()
        };
        let limits = TokenLimits { fixed: estimated, history: 0, output: send.max_output_tokens };
        QuoteEstimate {
            context: report,
            cached_tokens,
            max_output_tokens: send.max_output_tokens,
            output,
            expected_cost: prices.and_then(|prices| cost_of(&tokens, prices, now)),
            max_cost: self.cost_ceiling_of(send, limits).map(|ceiling| ceiling.base),
        }
    }
}

impl Quote {
    /// Adds a refusal. The first one is kept, as a send is refused for it.
    ///
    /// # Errors
    /// The error, if it is a failure and no refusal.
    fn refuse(&mut self, error: RuntimeError) -> Result<(), RuntimeError> {
        match error {
            RuntimeError::Store(_) | RuntimeError::Internal(_) | RuntimeError::UserDisabled => Err(error),
            refusal => {
                self.refusal.get_or_insert(refusal);
                Ok(())
            }
        }
    }

    /// Returns the quote of a send that is refused before there is a request.
    ///
    /// # Errors
    /// The error, if it is a failure and no refusal.
    fn refused(mut self, error: RuntimeError) -> Result<Self, RuntimeError> {
        self.refuse(error)?;
        Ok(self)
    }
}
