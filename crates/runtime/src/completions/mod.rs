//! Completions without a session, in the format of the upstream: what a client sends is passed on as given, and what the
//! upstream answers is relayed undecoded.

mod compose;
mod keeper;
mod log;
mod members;
mod offers;
mod plan;
mod registry;
mod run;
mod running;
pub(crate) mod settings;
mod size;
pub(crate) mod state;
mod surcharges;
mod target;
mod validation;
mod whole;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use causerie_domain::Usd;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{BeginCompletionError, StoreError};
use causerie_domain::principal::Principal;
use causerie_fair_share::on_behalf_of;
use causerie_usage::CharsPerToken;
use serde_json::Value;

use self::log::CompletionLog;
pub use self::log::{AnswerEnd, AnswerEvent, AnswerOutcome, CompletionReader};
use self::members::string;
pub use self::offers::OfferedModel;
use self::plan::Plan;
use self::registry::{Attached, RequestIdentity, RetryAttach};
use self::run::{CompletionRun, EndGuard};
use self::running::RunningCompletion;
pub use self::settings::{CompletionSettings, OnDisconnect};
use self::whole::WholeAnswer;
use crate::authorization::ReaderScope;
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::send::{MAX_IDEMPOTENCY_KEY_CHARS, sha256};

/// Time for which a retry waits for the reader of an equal request to go: the server can learn of a broken connection
/// after the client, and a request is begun to its end although its client has gone.
const RETRY_PATIENCE: Duration = Duration::from_secs(2);

/// Prefix of a model that names a tool.
pub const TOOL_PREFIX: &str = "tool:";

/// Completion to request.
#[derive(Clone, Default)]
pub struct NewCompletion {
    /// Body of a request for a chat completion, as JSON. `model` is the id of a model, or `tool:` and the name of a tool.
    pub body: String,
    /// Key under which a repetition receives the same answer; 1 to 255 printable characters.
    pub idempotency_key: Option<String>,
    /// Whether the client repeats a request whose answer it has not received.
    pub is_retry: bool,
    /// Value that is dropped with the body, for callers that limit the memory of bodies.
    pub body_permit: Option<Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for NewCompletion {
    // The body is the text of a conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCompletion")
            .field("body_bytes", &self.body.len())
            .field("is_retry", &self.is_retry)
            .finish_non_exhaustive()
    }
}

/// Answer of a completion in progress.
#[derive(Debug)]
pub struct Completion {
    /// Reader from the start of the answer.
    pub reader: CompletionReader,
    /// Right that the reader depends on.
    pub scope: ReaderScope,
    /// Whether the request asks for a stream.
    pub is_streamed: bool,
    /// Whether the stream ends with a chunk that has the usage.
    pub includes_usage: bool,
    /// Whether the answer is that of an earlier request, which costs nothing again.
    pub is_replayed: bool,
    /// Maximum number of output tokens that was added, because a budget applies and the request has none.
    pub max_tokens: Option<u64>,
    /// Remainder of the budget with the least left; `None` without a budget and for a replay.
    pub budget_left: Option<Usd>,
}

impl CompletionReader {
    /// Reads the answer to its end and returns it as one JSON object with the usage of the upstream.
    ///
    /// # Errors
    /// [`AnswerOutcome`], if it is not `Completed`.
    pub async fn whole(&mut self) -> Result<String, AnswerOutcome> {
        let mut answer = WholeAnswer::default();
        loop {
            match self.next().await {
                AnswerEvent::Chunks(chunks) => chunks.iter().for_each(|chunk| answer.add(chunk)),
                AnswerEvent::Ended(AnswerEnd { outcome: AnswerOutcome::Completed, usage }) => {
                    return Ok(answer.finish(usage.as_ref()));
                }
                AnswerEvent::Ended(AnswerEnd { outcome, .. }) => return Err(outcome),
            }
        }
    }
}

impl Runtime {
    /// Requests a completion. It runs and is accounted even if the reader or the future of this call is dropped; see
    /// [`OnDisconnect`].
    ///
    /// # Errors
    /// Any [`RuntimeError`]; then no row is stored and no request is sent.
    pub async fn complete(
        &self,
        principal: &Principal,
        new: NewCompletion,
    ) -> Result<Completion, RuntimeError> {
        // Held until the completion has a task, so that a drain waits for it.
        let _in_progress = self.inner.turns.token();
        if self.is_draining() {
            return Err(RuntimeError::ShuttingDown);
        }
        self.begin_or_attach(principal, new).await.map_err(|error| self.shutdown_or(error))
    }

    async fn begin_or_attach(
        &self,
        principal: &Principal,
        new: NewCompletion,
    ) -> Result<Completion, RuntimeError> {
        let members = validation::parse(&new.body)?;
        let identity = identity(principal, &new)?;
        let options =
            members.get("stream_options").map(|json| validation::object_at("/stream_options", json));
        let options = options.transpose()?.unwrap_or_default();
        let uses_tool = members.get("model").and_then(string).is_some_and(|id| id.starts_with(TOOL_PREFIX));
        let completion = |reader| Completion {
            reader,
            scope: ReaderScope::Completion { uses_tool },
            is_streamed: members.get("stream") == Some("true"),
            includes_usage: options.get("include_usage") == Some("true"),
            is_replayed: false,
            max_tokens: None,
            budget_left: None,
        };
        let access = self.access(principal)?;
        let target = self.target(&access, principal, &members).await?;
        if let Some(Attached { reader, max_tokens }) = self.attached(&identity, new.is_retry).await? {
            return Ok(Completion { is_replayed: true, max_tokens, ..completion(reader) });
        }
        let mut was_limited = false;
        loop {
            let subjects = BudgetSubject::of_request(
                Some(principal.user.id),
                principal.key_group_id(),
                principal.api_key_id(),
            );
            let is_limited = self.inner.completion_store.has_budget(subjects.collect()).await?;
            let plan = self.plan(principal, &members, &target, &identity, is_limited)?;
            let max_tokens = plan.max_tokens;
            // Registered before it is stored: a retry that arrives meanwhile waits for the reader of the first request.
            let registry = &self.inner.completions.registry;
            let log = Arc::new(CompletionLog::new(Arc::clone(&registry.memory)));
            if let Some(Attached { reader, max_tokens }) =
                registry.insert(identity.clone(), &log, max_tokens)?
            {
                return Ok(Completion { is_replayed: true, max_tokens, ..completion(reader) });
            }
            let end_guard = EndGuard { inner: Arc::clone(&self.inner), log };
            let task = self.clone().begin(plan, end_guard, new.body_permit.clone(), target.ratio());
            // A task of its own, so that a dropped future of the caller does not leave a begun completion without a task.
            let task =
                self.inner.turns.spawn_on(on_behalf_of(principal.requester(), task), &self.inner.handle);
            let begun = task.await.map_err(|error| {
                RuntimeError::Internal(format!("the task that begins the completion failed: {error}"))
            })?;
            match begun {
                Ok((reader, budget_left)) => {
                    return Ok(Completion { max_tokens, budget_left, ..completion(reader) });
                }
                // A budget was set in between.
                Err(BeginCompletionError::OverBudget(_)) if !is_limited && !was_limited => was_limited = true,
                Err(BeginCompletionError::KeyUsed(used)) if used.body_hash != identity.body_hash => {
                    return Err(RuntimeError::IdempotencyKeyReused);
                }
                Err(BeginCompletionError::KeyUsed(_)) => {
                    // The first request may have begun in this process since the look-up above.
                    return match self.attached(&identity, new.is_retry).await? {
                        Some(Attached { reader, max_tokens }) => {
                            Ok(Completion { is_replayed: true, max_tokens, ..completion(reader) })
                        }
                        None => Err(RuntimeError::AnswerNotKept),
                    };
                }
                Err(BeginCompletionError::UserDisabled) => return Err(RuntimeError::UserDisabled),
                Err(BeginCompletionError::OverBudget(refusal)) => {
                    return Err(RuntimeError::BudgetExceeded(refusal));
                }
                Err(BeginCompletionError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Returns the completion that a repeated request is attached to.
    async fn attached(
        &self,
        identity: &RequestIdentity,
        is_retry: bool,
    ) -> Result<Option<Attached>, RuntimeError> {
        let registry = &self.inner.completions.registry;
        if identity.key.is_some() {
            return registry.attach_by_key(identity);
        }
        if !is_retry {
            return Ok(None);
        }
        let deadline = monotonic() + RETRY_PATIENCE;
        loop {
            match registry.attach_retry(identity) {
                RetryAttach::Attached(attached) => return Ok(Some(attached)),
                RetryAttach::None => return Ok(None),
                RetryAttach::Busy(log) => {
                    let left = tokio::time::timeout_at(deadline, log.wait_until_read(false)).await;
                    if left.is_err() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Opens the usage row and starts the task of the completion.
    async fn begin(
        self,
        plan: Plan,
        end_guard: EndGuard,
        permit: Option<Arc<dyn Any + Send + Sync>>,
        ratio: CharsPerToken,
    ) -> Result<(CompletionReader, Option<Usd>), BeginCompletionError> {
        let inner = &self.inner;
        let Plan { begin, request, .. } = plan;
        let leased_at = monotonic();
        let log = Arc::clone(&end_guard.log);
        let reader = log.reader();
        // The transaction may have been committed although the call failed. The repeated call has the same result.
        let left = match inner.completion_store.begin_completion(begin.clone()).await {
            Err(BeginCompletionError::Store(error @ StoreError::Unavailable(_)))
                if !error.is_rolled_back() =>
            {
                inner.completion_store.begin_completion(begin.clone()).await
            }
            begun => begun,
        }?;
        let running = Arc::new(RunningCompletion::new(begin.usage.id, leased_at));
        let guard = inner.completions.running.insert(&running);
        let run = CompletionRun { inner: Arc::clone(inner), running, guard, end_guard, log, ratio, permit };
        let requester = request.requester;
        inner.turns.spawn_on(on_behalf_of(requester, run.run(request, begin.usage)), &inner.handle);
        Ok((reader, left))
    }
}

/// Returns the identity of a request. With a key, bodies are compared by their values, else by their bytes.
fn identity(principal: &Principal, new: &NewCompletion) -> Result<RequestIdentity, RuntimeError> {
    let Some(key) = &new.idempotency_key else {
        return Ok(RequestIdentity::new(principal, None, sha256(&new.body)));
    };
    if key.is_empty() || key.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS || key.contains(char::is_control) {
        let detail = format!("is not 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters");
        return Err(RuntimeError::invalid("/idempotency_key", detail));
    }
    // Deterministic: serde_json sorts the keys of maps.
    let body: Value = serde_json::from_str(&new.body)
        .map_err(|error| RuntimeError::invalid("", format!("is not JSON: {error}")))?;
    Ok(RequestIdentity::new(principal, Some(key.clone()), sha256(&body.to_string())))
}
