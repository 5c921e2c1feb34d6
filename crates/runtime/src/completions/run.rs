//! Runs a completion: requests until one answers or the completion fails, then the closed usage row, then the end of
//! the log.
//!
//! A completion runs in a tracked task on the main runtime, so that it outlives its client.

use std::any::Any;
use std::sync::Arc;

use causerie_domain::UsageId;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, GenerationInfo, RelayChunk,
    RelayRequest,
};
use causerie_domain::failure::FailureCode;
use causerie_domain::ports::{NextCompletionAttempt, TurnStoreError};
use causerie_domain::turns::TurnFailure;
use causerie_domain::usage::{CloseUsage, OpenUsage, UsageOutcome, UsageProgress};
use causerie_usage::{CharsPerToken, EstimatedTokens, RequestEnd, settle};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::log::{AnswerOutcome, CompletionLog};
use super::running::{RunningCompletion, RunningGuard};
use super::settings::{CompletionSettings, OnDisconnect};
use crate::core::clock::monotonic;
use crate::runtime::RuntimeInner;
use crate::turn::attempt::storable;
use crate::turn::lease_retry::retry_until_lease_expires;
use crate::turn::quotations::without_quotations_of;
use crate::turn::retry::{FailedAttempt, RetryPolicy, pause_before_retry};
use crate::turn::running::Stop;
use crate::usage::estimates::FIRST_LOOKUP_DELAY;

/// Maximum number of chunks without content that are held back at the start of an answer.
const MAX_HELD_CHUNKS: usize = 32;

/// Begun completion that is to be run.
#[derive(Debug)]
pub(super) struct CompletionRun {
    pub(super) inner: Arc<RuntimeInner>,
    pub(super) running: Arc<RunningCompletion>,
    pub(super) guard: RunningGuard,
    pub(super) end_guard: EndGuard,
    pub(super) log: Arc<CompletionLog>,
    pub(super) ratio: CharsPerToken,
    /// Released with the body.
    pub(super) permit: Option<Arc<dyn Any + Send + Sync>>,
}

/// Request of a completion in progress.
#[derive(Debug)]
struct Attempt {
    usage: OpenUsage,
    progress: UsageProgress,
    started_at: Instant,
    text_bytes: usize,
    /// Chunks before the first content. A request without content can be repeated, so they are held back.
    held: Vec<RelayChunk>,
    has_finish: bool,
}

/// End of a request.
enum AttemptEnd {
    Ended(Box<CompletionEnd>),
    Stopped(Stop),
}

impl CompletionRun {
    /// Runs the completion and ends its log exactly once, also after a panic.
    pub(super) async fn run(self, request: RelayRequest, first: OpenUsage) {
        let mut run = self;
        let mut attempt = Attempt::new(first);
        let (outcome, end) = run.complete(request, &mut attempt).await;
        let usage_outcome = match (&outcome, &end) {
            (AnswerOutcome::Completed, _) => UsageOutcome::Completed,
            (_, Some(_)) => UsageOutcome::Failed,
            (AnswerOutcome::Failed(_), None) => UsageOutcome::Cancelled,
            (AnswerOutcome::Interrupted | AnswerOutcome::NotStored, None) => UsageOutcome::Interrupted,
        };
        let close = attempt.close(usage_outcome, end.as_deref(), run.ratio, run.inner.clock.now());
        let stored = run
            .until_lease_expires(|| {
                run.inner.completion_store.finish_completion(run.inner.instance, close.clone())
            })
            .await;
        let outcome = match stored {
            Ok(()) => outcome,
            Err(TurnStoreError::Lost) => AnswerOutcome::Interrupted,
            Err(TurnStoreError::Store(error)) => {
                tracing::error!(usage = %close.id, %error, "storing the end of a completion failed; the reaper closes it");
                AnswerOutcome::NotStored
            }
        };
        drop(run.guard);
        run.log.end(outcome);
        drop(run.end_guard);
    }

    /// Sends the request until an attempt succeeds or no retry is allowed.
    async fn complete(
        &mut self,
        request: RelayRequest,
        attempt: &mut Attempt,
    ) -> (AnswerOutcome, Option<Box<CompletionEnd>>) {
        let inner = Arc::clone(&self.inner);
        let (model, user) = (request.model.clone(), request.requester.user_id);
        inner.retry_budgets.deposit(&model, user, monotonic());
        let deadline = monotonic() + inner.settings.turn_deadline;
        let abandoned = Self::abandoned(Arc::clone(&self.log), inner.settings.completions);
        tokio::pin!(abandoned);
        let mut request = Some(request);
        let mut retries = 0;
        loop {
            let end = match self.follow(attempt, &mut request, abandoned.as_mut()).await {
                AttemptEnd::Ended(end) => end,
                AttemptEnd::Stopped(reason) => return (stopped(reason), None),
            };
            let error = match &end.outcome {
                Ok(_) => {
                    self.release_held(attempt);
                    return (AnswerOutcome::Completed, Some(end));
                }
                Err(error) => error,
            };
            let output_tokens = end.usage.as_ref().and_then(|usage| usage.tokens.output).unwrap_or(0);
            let delta_sent = self.log.has_chunks();
            let failed = FailedAttempt { error, retries, delta_sent, output_tokens };
            let pause = pause_before_retry(RetryPolicy::from(&inner.settings), &failed, rand::random())
                .filter(|pause| monotonic() + *pause < deadline)
                .filter(|_| request.is_some() && inner.retry_budgets.withdraw(&model, user, monotonic()));
            let Some(pause) = pause else {
                // An empty answer with a finish reason, such as `length`, is the answer of the model.
                if error.kind == CompletionErrorKind::Empty && attempt.has_finish {
                    self.release_held(attempt);
                    return (AnswerOutcome::Completed, Some(end));
                }
                let reason = self.log_failure(attempt, error, request.as_ref(), retries);
                // The reason can repeat the instructions of a tool in other words.
                let reason = reason.filter(|_| attempt.usage.tool_id.is_none());
                return (AnswerOutcome::Failed(failure(error, reason)), Some(end));
            };
            self.log_failure(attempt, error, request.as_ref(), retries);
            tokio::select! {
                biased;
                reason = self.running.stopped() => return (stopped(reason), Some(end)),
                () = abandoned.as_mut() => return (cancelled(), Some(end)),
                () = tokio::time::sleep(pause) => retries += 1,
            }
            if let Err(outcome) = Box::pin(self.next_attempt(attempt, &end)).await {
                return (outcome, Some(end));
            }
        }
    }

    /// Reads the stream of a request until it ends or the completion is stopped. Dropping the stream closes the
    /// connection. Releases the body with the first content, after which no retry is allowed.
    async fn follow(
        &mut self,
        attempt: &mut Attempt,
        request: &mut Option<RelayRequest>,
        mut abandoned: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> AttemptEnd {
        let Some(sent) = request.clone() else { return AttemptEnd::Stopped(Stop::Lost) };
        let mut stream = self.inner.gateway.relay(sent);
        loop {
            let event = tokio::select! {
                biased;
                reason = self.running.stopped() => return AttemptEnd::Stopped(reason),
                () = abandoned.as_mut() => return AttemptEnd::Stopped(Stop::Cancelled),
                event = async {
                    self.log.wait_for_readers().await;
                    stream.next().await
                } => event,
            };
            match event {
                Some(CompletionEvent::Identified(info)) => self.identify(attempt, info),
                Some(CompletionEvent::Chunk(chunk)) => {
                    attempt.text_bytes = attempt.text_bytes.saturating_add(chunk.text_bytes);
                    attempt.has_finish |= chunk.has_finish;
                    let is_held = !chunk.has_content
                        && request.is_some()
                        && attempt.held.len() < MAX_HELD_CHUNKS
                        && !self.log.has_chunks();
                    if is_held {
                        attempt.held.push(chunk);
                        continue;
                    }
                    if attempt.progress.time_to_first_token.is_none() {
                        attempt.progress.time_to_first_token = Some(attempt.started_at.elapsed());
                        self.running.set_progress(attempt.progress.clone());
                        request.take();
                        self.permit.take();
                    }
                    self.release_held(attempt);
                    self.append(chunk);
                }
                Some(CompletionEvent::Usage(json)) => self.log.set_usage(json),
                Some(CompletionEvent::Ended(end)) => return AttemptEnd::Ended(end),
                // A relay decodes no content.
                Some(
                    CompletionEvent::Prepared { .. }
                    | CompletionEvent::Reasoning(_)
                    | CompletionEvent::Text(_)
                    | CompletionEvent::Refusal(_)
                    | CompletionEvent::Image(_),
                ) => {}
                None => {
                    let error = CompletionError::new(
                        CompletionErrorKind::InvalidResponse,
                        "the stream of the gateway had no end",
                    );
                    return AttemptEnd::Ended(Box::new(CompletionEnd::failed(error)));
                }
            }
        }
    }

    /// Waits until no client has read the answer for the time of grace; for ever if answers are always finished.
    async fn abandoned(log: Arc<CompletionLog>, settings: CompletionSettings) {
        if settings.on_disconnect == OnDisconnect::Finish {
            return std::future::pending().await;
        }
        loop {
            log.wait_until_read(false).await;
            let is_back = tokio::time::timeout(settings.grace, log.wait_until_read(true)).await.is_ok();
            if !is_back && log.abandon() {
                return;
            }
        }
    }

    fn identify(&self, attempt: &mut Attempt, info: GenerationInfo) {
        let progress = &mut attempt.progress;
        let update = |field: &mut Option<String>, value: Option<String>| {
            *field = value.map(|value| storable(&value).into_owned()).or(field.take());
        };
        update(&mut progress.generation_id, info.generation_id);
        update(&mut progress.model_served, info.model);
        update(&mut progress.provider, info.provider);
        let served = progress.model_served.as_deref();
        let substitute =
            served.and_then(|served| self.inner.catalog.substitute(&attempt.usage.model, served));
        progress.prices = substitute.map(|model| model.catalog.pricing.clone());
        self.running.set_progress(progress.clone());
        self.inner.completions.running.notify();
    }

    fn release_held(&self, attempt: &mut Attempt) {
        attempt.held.drain(..).for_each(|chunk| self.append(chunk));
    }

    fn append(&self, chunk: RelayChunk) {
        if self.log.append(chunk.json) {
            self.inner.completions.registry.make_room(&self.log);
        }
    }

    /// Closes the usage row of a failed request and opens the row of the next one, in one transaction.
    async fn next_attempt(&self, attempt: &mut Attempt, end: &CompletionEnd) -> Result<(), AnswerOutcome> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let open = OpenUsage {
            id: UsageId::next(inner.ids.as_ref()),
            attempt: attempt.usage.attempt + 1,
            created_at: now,
            ..attempt.usage.clone()
        };
        let close = attempt.close(UsageOutcome::Failed, Some(end), self.ratio, now);
        let next = NextCompletionAttempt { lease: inner.completion_lease(), close, open: open.clone() };
        let opened =
            self.until_lease_expires(|| inner.completion_store.next_completion_attempt(next.clone()));
        match opened.await {
            Ok(()) => {
                self.running.set_usage_id(open.id);
                *attempt = Attempt::new(open);
                Ok(())
            }
            Err(TurnStoreError::Lost) => Err(AnswerOutcome::Interrupted),
            Err(TurnStoreError::Store(error)) => {
                let usage = attempt.usage.id;
                tracing::warn!(%usage, %error, "opening the ledger row of a retry failed; the completion fails");
                Err(AnswerOutcome::NotStored)
            }
        }
    }

    /// Repeats a step of the store until the lease of the completion expires.
    async fn until_lease_expires<T, F>(&self, step: impl Fn() -> F) -> Result<T, TurnStoreError>
    where
        F: Future<Output = Result<T, TurnStoreError>>,
    {
        retry_until_lease_expires(self.running.renewed_at(), self.inner.settings.lease, step).await
    }

    /// Logs a failed request, and returns the text of the upstream. The text has nothing that it quotes from the request;
    /// once the request is released there is none.
    fn log_failure(
        &self,
        attempt: &Attempt,
        error: &CompletionError,
        request: Option<&RelayRequest>,
        retries: u32,
    ) -> Option<String> {
        let usage = attempt.usage.id;
        let provider_text = error.provider_text.as_deref().zip(request).map(|(text, request)| {
            let body = serde_json::from_str(&request.body).unwrap_or_default();
            without_quotations_of(text, &body)
        });
        let (kind, status, request_id) = (&error.kind, error.status, error.request_id.as_deref());
        match kind {
            CompletionErrorKind::Authentication | CompletionErrorKind::PaymentRequired => {
                tracing::error!(
                    %usage, ?kind, status, request_id, provider_text, retries,
                    "upstream refused the API key or has no credit"
                );
            }
            _ => {
                tracing::warn!(%usage, ?kind, status, request_id, provider_text, retries, "request of a completion failed")
            }
        }
        provider_text
    }
}

/// Returns the failure of a completion. A refused request has the reason of the upstream, which validates the values of
/// parameters.
fn failure(error: &CompletionError, reason: Option<String>) -> TurnFailure {
    let mut failure = TurnFailure::from(error.clone());
    if let (CompletionErrorKind::InvalidRequest, Some(reason)) = (&error.kind, reason) {
        failure.detail = format!("{}: {reason}", failure.detail);
    }
    failure
}

impl Attempt {
    fn new(usage: OpenUsage) -> Self {
        Attempt {
            usage,
            progress: UsageProgress::default(),
            started_at: monotonic(),
            text_bytes: 0,
            held: Vec::new(),
            has_finish: false,
        }
    }

    /// Returns the closed row, with the reported or estimated tokens and cost.
    fn close(
        &self,
        outcome: UsageOutcome,
        end: Option<&CompletionEnd>,
        ratio: CharsPerToken,
        now: causerie_domain::Timestamp,
    ) -> CloseUsage {
        let error = end.and_then(|end| end.outcome.as_ref().err());
        let error = error.filter(|_| outcome != UsageOutcome::Completed);
        // The size of the text in JSON is slightly more than the number of its characters.
        let output = (self.text_bytes as u64).saturating_mul(1000).div_ceil(u64::from(ratio.millichars()));
        let settled = settle(&RequestEnd {
            outcome,
            refused: error.is_some_and(CompletionError::is_refusal),
            reported: end.and_then(|end| end.usage.as_ref()),
            generation_known: self.progress.generation_id.is_some(),
            estimated: EstimatedTokens { input: self.usage.estimated_input_tokens, output },
            prices: self.progress.prices.as_ref().or(self.usage.prices.as_ref()),
            sent_at: self.usage.created_at,
        });
        CloseUsage {
            id: self.usage.id,
            outcome,
            failure: error.map(CompletionError::failure_code),
            progress: self.progress.clone(),
            tokens: settled.tokens,
            settlement: settled.settlement,
            duration: self.started_at.elapsed(),
            closed_at: now,
            cache_miss: None,
            next_lookup_at: settled.lookup_due.then(|| now + FIRST_LOOKUP_DELAY),
        }
    }
}

/// Ends the log when the task of a completion ends, also by a panic.
#[derive(Debug)]
pub(super) struct EndGuard {
    pub(super) inner: Arc<RuntimeInner>,
    pub(super) log: Arc<CompletionLog>,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        // Has no effect if the log has ended.
        self.log.end(AnswerOutcome::NotStored);
        self.inner.completions.registry.end(&self.log);
    }
}

fn stopped(reason: Stop) -> AnswerOutcome {
    match reason {
        Stop::Cancelled => cancelled(),
        Stop::Draining | Stop::Lost => AnswerOutcome::Interrupted,
    }
}

/// Returns the outcome of a request that was cancelled. No client reads it.
fn cancelled() -> AnswerOutcome {
    AnswerOutcome::Failed(TurnFailure::new(FailureCode::UpstreamInterrupted, "the client went away"))
}
