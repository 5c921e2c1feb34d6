//! Runs a turn: attempts until one answers or the turn fails, then one transaction that stores the end, then the end
//! of the log.
//!
//! A turn runs in a tracked task on the main runtime, not in a response, so that it does not depend on its readers.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::UsageId;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionRequest, Finish,
};
use causerie_domain::failure::FailureCode;
use causerie_domain::messages::{MessageMarks, MessageMeta};
use causerie_domain::ports::{FinishTurn, NextAttempt, TurnStoreError};
use causerie_domain::prompt_caches::{CacheMiss, LastRequest};
use causerie_domain::sessions::Session;
use causerie_domain::turn_requests::SeqRanges;
use causerie_domain::turns::{Turn, TurnFailure, TurnStatus};
use causerie_domain::usage::{CloseUsage, OpenUsage, UsageOutcome};
use serde_json::Value;

use super::attempt::{Attempt, AttemptEnd, storable};
use super::close_usage::close_usage;
use super::event::TurnEnd;
use super::lease_retry::retry_until_lease_expires;
use super::log::Ending;
use super::prompt_cache::SentRequest;
use super::quotations::without_quotations;
use super::request_form::{RequestForm, SentQuestion, is_refusal_of_content};
use super::retry::{FailedAttempt, RetryPolicy, pause_before_retry};
use super::running::{RunningTurn, Stop};
use crate::context::{self, ContextInput};
use crate::core::clock::monotonic;
use crate::models::calibration::Observation;
use crate::runtime::RuntimeInner;

/// Stored turn that is to be run.
#[derive(Debug)]
pub(crate) struct TurnRun {
    pub(crate) inner: Arc<RuntimeInner>,
    pub(crate) running: Arc<RunningTurn>,
    /// Session when the turn began.
    pub(crate) session: Session,
    /// Turn at its start.
    pub(crate) turn: Turn,
    pub(crate) question: SentQuestion,
    /// Input from which the messages of the request were built.
    pub(crate) context_input: ContextInput,
    /// Form of the first request.
    pub(crate) form: RequestForm,
    pub(crate) request: CompletionRequest,
    /// Sequence numbers of the history in the request.
    pub(crate) history: SeqRanges,
}

/// Result of the attempts of a turn.
#[derive(Debug)]
struct Outcome {
    status: TurnStatus,
    failure: Option<TurnFailure>,
    end: Option<Box<CompletionEnd>>,
}

impl TurnRun {
    /// Returns the task that runs the turn. It is as large as its largest state for as long as the answer streams, so what
    /// is rarely awaited, or only at the end, is boxed, and the arguments are owned once: an async function keeps its
    /// arguments beside the variables to which it moves them.
    pub(crate) fn into_task(self, first: OpenUsage) -> impl Future<Output = ()> + Send {
        let mut attempt = Attempt::new(first, self.context_input.ratio);
        async move { self.run(&mut attempt).await }
    }

    /// Runs the turn and ends its log exactly once, also after a panic.
    async fn run(&self, attempt: &mut Attempt) {
        let on_panic = EndGuard(self);
        self.running.set_progress(attempt.usage.id, attempt.progress.clone());
        let mut request = self.request.clone();
        let mut form = self.form.clone();
        let outcome = self.complete(attempt, &mut request, &mut form).await;
        let observed = Observation::of(&request, outcome.end.as_deref());
        let finish = Box::new(self.finish_request(attempt, outcome, &form, &request));
        let answered_by = finish.meta.model.clone();
        let ending = self.store(finish).await;
        // A client that has read the end finds the corrected ratio.
        if let Some((model, seen)) = answered_by.zip(observed) {
            self.inner.calibrate(&model, seen);
        }
        self.running.log.end(ending);
        drop(on_panic);
    }

    /// Sends the request until an attempt succeeds or no retry is allowed. Leaves the last request in `request`, and its
    /// form in `form`.
    async fn complete(
        &self,
        attempt: &mut Attempt,
        request: &mut CompletionRequest,
        form: &mut RequestForm,
    ) -> Outcome {
        let inner = &self.inner;
        let (model, user) = (request.model.clone(), request.requester.user_id);
        inner.retry_budgets.deposit(&model, user, monotonic());
        let deadline = monotonic() + inner.settings.turn_deadline;
        let mut retries = 0;
        let mut estimated_input = attempt.usage.estimated_input_tokens;
        let mut history = self.history.clone();
        loop {
            attempt.set_request(context::recorded(
                &self.context_input,
                request,
                &history,
                attempt.usage.attempt,
            ));
            let stream = inner.gateway.complete(request.clone());
            let end = match attempt.follow(stream, &self.running, inner).await {
                AttemptEnd::Ended(end) => end,
                AttemptEnd::Stopped(reason) => return Outcome::stopped(reason),
            };
            let error = match &end.outcome {
                Ok(_) => return Outcome { status: TurnStatus::Completed, failure: None, end: Some(end) },
                Err(error) => error,
            };
            self.log_failure(error, request, &end, retries);
            let delta_sent = self.running.log.length() > 0;
            let other = if delta_sent { None } else { form.after_refusal(error, &self.context_input) };
            if let Some(context) = other {
                estimated_input = context.report.estimated_tokens.into();
                self.running.set_context(context.report);
                request.messages = context.messages;
                history = context.history;
            } else {
                let output_tokens = end.usage.as_ref().and_then(|usage| usage.tokens.output).unwrap_or(0);
                let failed = FailedAttempt { error, retries, delta_sent, output_tokens };
                let pause = pause_before_retry(RetryPolicy::from(&inner.settings), &failed, rand::random())
                    .filter(|pause| monotonic() + *pause < deadline)
                    .filter(|_| inner.retry_budgets.withdraw(&model, user, monotonic()));
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
            if let Err(outcome) = Box::pin(self.next_attempt(attempt, end, estimated_input)).await {
                return outcome;
            }
        }
    }

    /// Logs a failed attempt, without what the text of the upstream quotes from the conversation.
    fn log_failure(
        &self,
        error: &CompletionError,
        request: &CompletionRequest,
        end: &CompletionEnd,
        retries: u32,
    ) {
        let turn = self.turn.id;
        let provider_text = error.provider_text.as_deref();
        let provider_text =
            provider_text.map(|text| without_quotations(text, request, &self.running.log.parts(), end));
        let (kind, status, request_id) = (&error.kind, error.status, error.request_id.as_deref());
        match kind {
            CompletionErrorKind::Authentication | CompletionErrorKind::PaymentRequired => {
                tracing::error!(
                    %turn, ?kind, status, request_id, provider_text, retries,
                    "upstream refused the API key or has no credit"
                );
            }
            _ => tracing::warn!(%turn, ?kind, status, request_id, provider_text, retries, "attempt failed"),
        }
    }

    /// Closes the ledger row of a failed attempt and opens the row of the next one, in one transaction.
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
        let opened = retry_until_lease_expires(self.running.renewed_at(), inner.settings.lease, || {
            inner.turn_store.begin_attempt(next.clone())
        })
        .await;
        match opened {
            Ok(()) => {
                *attempt = Attempt::new(open, attempt.ratio);
                Ok(())
            }
            Err(TurnStoreError::Lost) => Err(Outcome::stopped(Stop::Lost)),
            Err(TurnStoreError::Store(error)) => {
                tracing::warn!(turn = %self.turn.id, %error, "opening the ledger row of a retry failed; the turn fails");
                // The turn ends with the failure of the attempt that cannot be repeated.
                let failure =
                    end.outcome.as_ref().err().cloned().map_or_else(storing_failed, TurnFailure::from);
                Err(Outcome { status: TurnStatus::Failed, failure: Some(failure), end: Some(end) })
            }
        }
    }

    fn finish_request(
        &self,
        attempt: &Attempt,
        outcome: Outcome,
        form: &RequestForm,
        request: &CompletionRequest,
    ) -> FinishTurn {
        let inner = &self.inner;
        let now = inner.clock.now();
        let Outcome { status, failure, end } = outcome;
        let parts = self.running.log.parts();
        let error = end.as_ref().and_then(|end| end.outcome.as_ref().err());
        // An empty answer shows that the request was accepted, as any other answer does.
        let is_accepted = !parts.is_empty()
            || end.is_some() && error.is_none_or(|error| error.kind == CompletionErrorKind::Empty);
        let marks = match is_accepted {
            true => form.accepted(self.question),
            false => self.marks_of_failure(error, form),
        };
        let finish = end.as_ref().and_then(|end| end.outcome.as_ref().ok());
        let finish_reason = finish.and_then(finish_reason_of);
        // The row has the outcome of the request: one that failed before its turn was stopped is recorded as failed.
        let usage_outcome = match status {
            _ if finish.is_some() => UsageOutcome::Completed,
            _ if end.is_some() => UsageOutcome::Failed,
            TurnStatus::Cancelled => UsageOutcome::Cancelled,
            _ => UsageOutcome::Interrupted,
        };
        let usage = close_usage(attempt, usage_outcome, end.as_deref(), &parts, now);
        let (cache_miss, last_request) = self.prompt_cache(attempt, request, &usage, is_accepted);
        let usage = CloseUsage { cache_miss, ..usage };
        FinishTurn {
            turn_id: self.turn.id,
            session_id: self.turn.session_id,
            answer_seq: self.turn.assistant_seq,
            owner: inner.instance,
            status,
            failure,
            context: self.running.log.context(),
            requests: self.running.requests(),
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
            marks,
            last_request,
            reasoning_details: end.and_then(|end| end.reasoning_details),
            usage,
            ended_at: now,
        }
    }

    /// Returns the marks of user messages after a request that was not accepted.
    fn marks_of_failure(&self, error: Option<&CompletionError>, form: &RequestForm) -> MessageMarks {
        let is_blamed = error.is_some_and(is_refusal_of_content) && form.is_question_blamed();
        let withheld = if is_blamed { vec![self.question.seq] } else { Vec::new() };
        MessageMarks { accepted: Vec::new(), withheld }
    }

    /// Returns the reason for which the provider did not read the beginning of the last request from its cache, and what
    /// the session stores of the request if it was accepted.
    fn prompt_cache(
        &self,
        attempt: &Attempt,
        request: &CompletionRequest,
        usage: &CloseUsage,
        is_accepted: bool,
    ) -> (Option<CacheMiss>, Option<LastRequest>) {
        let requests = self.running.requests();
        let of_attempt = requests.last().filter(|request| request.attempt == attempt.usage.attempt);
        let first_seq = self.running.log.context().and_then(|context| context.first_seq);
        let (Some(recorded), Some(first_seq)) = (of_attempt, first_seq) else { return (None, None) };
        let sent = SentRequest {
            tool_version_id: self.session.tool_version_id,
            request,
            input: &self.context_input,
            history: &recorded.history,
            first_seq,
            answer_seq: self.turn.assistant_seq,
            sent_at: attempt.usage.created_at,
            prices: attempt.progress.prices.as_ref().or(attempt.usage.prices.as_ref()),
            usage,
        };
        let miss = self.session.last_request.as_ref().and_then(|last| sent.cache_miss(last));
        (miss, is_accepted.then(|| sent.last_request()))
    }

    /// Stores the end of the turn. If that fails, the reaper closes the turn after its lease has expired.
    async fn store(&self, finish: Box<FinishTurn>) -> Ending {
        let inner = &self.inner;
        // The flusher renews the lease while a large answer is stored.
        let time = inner.settings.lease + LARGE_ANSWER_TIME.saturating_mul(large_megabytes(&finish));
        let stored = retry_until_lease_expires(self.running.renewed_at(), time, || {
            inner.turn_store.finish_turn((*finish).clone())
        })
        .await;
        match stored {
            Ok((turn, usage)) => Ending::Final(Box::new(TurnEnd { turn, usage: Some(usage) })),
            Err(TurnStoreError::Lost) => Ending::Superseded,
            Err(TurnStoreError::Store(error)) => {
                tracing::error!(turn = %self.turn.id, %error, "storing the end of a turn failed; the reaper closes it");
                self.unstored_end()
            }
        }
    }

    /// Returns the end of a turn that could not be stored. Its status is running, as in the store.
    fn unstored_end(&self) -> Ending {
        let turn = Turn { failure: Some(storing_failed()), ..self.turn.clone() };
        Ending::Final(Box::new(TurnEnd { turn, usage: None }))
    }
}

/// Time to store each further mebibyte of a large answer.
const LARGE_ANSWER_TIME: Duration = Duration::from_secs(1);

/// Returns the size of an answer in whole mebibytes.
fn large_megabytes(finish: &FinishTurn) -> u32 {
    let bytes: usize = finish.parts.iter().map(|part| part.text.len()).sum();
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

/// Removes the turn from the running turns when its task ends. After a panic, readers receive an internal failure,
/// and the reaper closes the turn after its lease has expired.
struct EndGuard<'a>(&'a TurnRun);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        let TurnRun { inner, running, .. } = self.0;
        // Has no effect if the log has ended.
        running.log.end(self.0.unstored_end());
        inner.running.remove(running.id());
    }
}

/// Key of [`Settings::answer_mark`](crate::Settings::answer_mark) in the metadata of an answer.
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
        Outcome { status: TurnStatus::Failed, failure: Some(error.into()), end: Some(end) }
    }
}

/// Returns the normalized finish reason of the upstream, or `length` if the output was truncated.
fn finish_reason_of(finish: &Finish) -> Option<String> {
    if finish.truncated {
        return Some("length".to_owned());
    }
    finish.reason.as_ref().map(|reason| storable(reason.as_str()).into_owned())
}

fn storing_failed() -> TurnFailure {
    TurnFailure::new(FailureCode::Internal, "the answer could not be stored")
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
