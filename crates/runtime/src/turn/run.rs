//! Running a turn: attempt after attempt until there is an answer or a reason, then one transaction, then the end.
//!
//! This runs in a tracked task on the main runtime, never inside a response: readers come and go, the turn stays.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::UsageId;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionRequest, Finish,
};
use causerie_domain::failure::FailureCode;
use causerie_domain::messages::MessageMeta;
use causerie_domain::ports::{FinishTurn, NextAttempt, TurnLedgerError};
use causerie_domain::turns::{Turn, TurnFailure, TurnStatus};
use causerie_domain::usage::{OpenUsage, UsageOutcome};
use serde_json::Value;

use super::attempt::{Attempt, AttemptEnd, storable};
use super::close::close_usage;
use super::event::TurnEnd;
use super::lease_retry::retry_until_lease_expires;
use super::log::Ending;
use super::retry::{Failed, RetryPolicy, pause_before_retry};
use super::running::{RunningTurn, Stop};
use crate::context::{self, Context, ContextParts, Refused};
use crate::core::clock::monotonic;
use crate::models::calibration::Observation;
use crate::runtime::RuntimeInner;

/// A turn that was begun and is to be run to its end.
#[derive(Debug)]
pub(crate) struct TurnRun {
    pub(crate) inner: Arc<RuntimeInner>,
    pub(crate) running: Arc<RunningTurn>,
    /// The turn as it was begun.
    pub(crate) turn: Turn,
    /// What the request's messages were built from.
    pub(crate) parts: ContextParts,
    pub(crate) request: CompletionRequest,
}

/// How the conversation with the upstream came out.
#[derive(Debug)]
struct Outcome {
    status: TurnStatus,
    failure: Option<TurnFailure>,
    end: Option<Box<CompletionEnd>>,
}

impl TurnRun {
    /// Runs the turn and ends its log, exactly once, whatever happens.
    pub(crate) async fn run(self, first: OpenUsage) {
        let on_panic = EndGuard(&self);
        let mut attempt = Attempt::new(first, self.parts.ratio);
        self.running.note_progress(attempt.usage.id, attempt.progress.clone());
        let mut request = self.request.clone();
        let outcome = self.converse(&mut attempt, &mut request).await;
        let observed = Observation::of(&request, outcome.end.as_deref());
        let finish = self.finish_of(&attempt, outcome);
        let answered_by = finish.meta.model.clone();
        let ending = self.store(finish).await;
        self.running.log.end(ending);
        drop(on_panic);
        if let (Some(model), Some(observed)) = (answered_by, observed) {
            self.inner.calibrate(&model, observed).await;
        }
    }

    /// Attempts until one gives an answer, or until there is no point in another.
    /// Leaves behind the request as it was sent last.
    async fn converse(&self, attempt: &mut Attempt, request: &mut CompletionRequest) -> Outcome {
        let inner = &self.inner;
        inner.retry_budget.earn();
        let deadline = monotonic() + inner.settings.turn_deadline;
        let mut retries = 0;
        let mut rebuilt = false;
        let mut estimated_input = attempt.usage.estimated_input_tokens;
        loop {
            let stream = inner.gateway.complete(request.clone());
            let end = match attempt.follow(stream, &self.running, inner).await {
                AttemptEnd::Ended(end) => end,
                AttemptEnd::Stopped(reason) => return Outcome::stopped(reason),
            };
            let error = match &end.outcome {
                Ok(_) => return Outcome { status: TurnStatus::Completed, failure: None, end: Some(end) },
                Err(error) => error,
            };
            log_failure(&self.turn, error, retries);
            let delta_seen = self.running.log.length() > 0;
            let smaller = (!rebuilt && !delta_seen).then(|| self.smaller_context(error)).flatten();
            if let Some(context) = smaller {
                rebuilt = true;
                estimated_input = context.report.estimated_tokens.into();
                self.running.note_context(context.report);
                request.messages = context.messages;
            } else {
                let failed = Failed { error, retries, delta_seen };
                let pause = pause_before_retry(RetryPolicy::from(&inner.settings), &failed, rand::random())
                    .filter(|pause| monotonic() + *pause < deadline)
                    .filter(|_| inner.retry_budget.spend(monotonic()));
                let Some(pause) = pause else {
                    return Outcome::failed(error.clone(), end);
                };
                tokio::select! {
                    biased;
                    reason = self.running.stopped() => {
                        return Outcome { end: Some(end), ..Outcome::stopped(reason) };
                    }
                    () = tokio::time::sleep(pause) => retries += 1,
                }
            }
            if let Err(outcome) = self.next_attempt(attempt, end, estimated_input).await {
                return outcome;
            }
        }
    }

    /// A smaller context, where the upstream refused this one for its size and something can be left out.
    fn smaller_context(&self, error: &CompletionError) -> Option<Context> {
        let CompletionErrorKind::ContextLength { limit, requested } = error.kind else { return None };
        let sent = self.running.log.context()?;
        context::rebuild(&self.parts, &sent, Refused { limit, counted: requested })
    }

    /// Closes the ledger row of an attempt that failed and opens the next one, in one step.
    async fn next_attempt(
        &self,
        attempt: &mut Attempt,
        end: Box<CompletionEnd>,
        estimated_input_tokens: u64,
    ) -> Result<(), Outcome> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let open = OpenUsage {
            id: UsageId::next(inner.ids.as_ref()),
            attempt: attempt.usage.attempt + 1,
            estimated_input_tokens,
            created_at: now,
            ..attempt.usage.clone()
        };
        let close = close_usage(attempt, UsageOutcome::Failed, Some(&end), &[], now);
        let next = NextAttempt { turn_id: self.turn.id, owner: inner.instance, close, open: open.clone() };
        let begun = retry_until_lease_expires(&self.running, inner.settings.lease, || {
            inner.ledger.begin_attempt(next.clone())
        })
        .await;
        match begun {
            Ok(()) => {
                *attempt = Attempt::new(open, attempt.ratio);
                Ok(())
            }
            Err(TurnLedgerError::Lost) => Err(Outcome::stopped(Stop::Lost)),
            Err(TurnLedgerError::Store(error)) => {
                tracing::warn!(turn = %self.turn.id, %error, "no further attempt, the ledger cannot take it");
                Err(Outcome { status: TurnStatus::Failed, failure: Some(internal()), end: Some(end) })
            }
        }
    }

    fn finish_of(&self, attempt: &Attempt, outcome: Outcome) -> FinishTurn {
        let inner = &self.inner;
        let now = inner.clock.now();
        let Outcome { status, failure, end } = outcome;
        let parts = self.running.log.parts();
        let finish = end.as_ref().and_then(|end| end.outcome.as_ref().ok());
        let finish_reason = finish.and_then(finish_word);
        // The row tells of the request: one that had failed by itself before its turn was stopped, failed.
        let usage_outcome = match status {
            _ if finish.is_some() => UsageOutcome::Completed,
            _ if end.is_some() => UsageOutcome::Failed,
            TurnStatus::Cancelled => UsageOutcome::Cancelled,
            _ => UsageOutcome::Interrupted,
        };
        let usage = close_usage(attempt, usage_outcome, end.as_deref(), &parts, now);
        FinishTurn {
            turn_id: self.turn.id,
            owner: inner.instance,
            status,
            failure,
            context: self.running.log.context(),
            meta: MessageMeta {
                model: usage.progress.model_served.clone().or_else(|| Some(self.turn.model.clone())),
                tokens: usage.tokens.total(),
                latency_ms: Some(milliseconds(now.since(self.turn.started_at))),
                finish_reason: finish_reason.clone(),
                extractions: None,
                other: inner
                    .settings
                    .answer_mark
                    .iter()
                    .map(|mark| (ANSWER_MARK.to_owned(), Value::from(mark.as_str())))
                    .collect(),
            },
            finish_reason,
            parts,
            reasoning_details: end.and_then(|end| end.reasoning_details),
            usage,
            ended_at: now,
        }
    }

    /// Stores the end of the turn. Where the store does not take it, the lease runs out for the reaper.
    async fn store(&self, finish: FinishTurn) -> Ending {
        let inner = &self.inner;
        let stored = retry_until_lease_expires(&self.running, inner.settings.lease, || {
            inner.ledger.finish_turn(finish.clone())
        })
        .await;
        match stored {
            Ok((turn, usage)) => Ending::Here(Box::new(TurnEnd { turn, usage: Some(usage) })),
            Err(TurnLedgerError::Lost) => Ending::InStore,
            Err(TurnLedgerError::Store(error)) => {
                tracing::error!(turn = %self.turn.id, %error, "the end of a turn is left to the reaper");
                self.unstored()
            }
        }
    }

    /// The end of a turn that could not be stored: it still runs, as far as the store knows.
    fn unstored(&self) -> Ending {
        let turn = Turn { failure: Some(internal()), ..self.turn.clone() };
        Ending::Here(Box::new(TurnEnd { turn, usage: None }))
    }
}

/// Takes the turn out of the running ones when its task ends, also by a panic: its readers are then told of a
/// fault, and its lease runs out for the reaper.
struct EndGuard<'a>(&'a TurnRun);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        let TurnRun { inner, running, .. } = self.0;
        // The first end counts: this is for a turn that has none.
        running.log.end(self.0.unstored());
        inner.running.remove(running.id());
    }
}

/// The key under which an answer's metadata carries the runtime's mark.
pub(crate) const ANSWER_MARK: &str = "answered_by";

impl Outcome {
    fn stopped(reason: Stop) -> Self {
        let status = match reason {
            Stop::Cancelled => TurnStatus::Cancelled,
            Stop::Draining | Stop::Lost => TurnStatus::Interrupted,
        };
        Outcome { status, failure: None, end: None }
    }

    fn failed(error: CompletionError, end: Box<CompletionEnd>) -> Self {
        let failure =
            TurnFailure { code: error.failure_code(), detail: error.message, retry_after: error.retry_after };
        Outcome { status: TurnStatus::Failed, failure: Some(failure), end: Some(end) }
    }
}

/// The upstream's normalised word, but `length` where the output was cut whatever the word claims.
fn finish_word(finish: &Finish) -> Option<String> {
    if finish.truncated {
        return Some("length".to_owned());
    }
    finish.reason.as_ref().map(|reason| storable(reason.as_str()).into_owned())
}

fn internal() -> TurnFailure {
    TurnFailure {
        code: FailureCode::Internal,
        detail: "the answer could not be stored".to_owned(),
        retry_after: None,
    }
}

fn log_failure(turn: &Turn, error: &CompletionError, retries: u32) {
    let provider_text = error.provider_text.as_deref();
    let (kind, status, request_id) = (&error.kind, error.status, error.request_id.as_deref());
    match kind {
        CompletionErrorKind::Authentication | CompletionErrorKind::PaymentRequired => {
            tracing::error!(turn = %turn.id, ?kind, status, request_id, provider_text, retries, "upstream refused us");
        }
        _ => {
            tracing::warn!(turn = %turn.id, ?kind, status, request_id, provider_text, retries, "attempt failed")
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
