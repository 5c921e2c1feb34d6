//! Sends: validation of a message, the start of its turn, and replays of known idempotency keys.
//!
//! All refusals happen before a row is stored or a request is sent.

pub(crate) mod chat;
pub(crate) mod cost_ceiling;
mod idempotency;
mod preparation;
mod question;
mod quote;
mod title;
mod validation;

use std::sync::Arc;

use causerie_domain::attachments::NewAttachment;
use causerie_domain::completion::{CompletionRequest, PromptMessage};
use causerie_domain::messages::NewMessage;
use causerie_domain::ports::{BeginTurn, BeginTurnError, BegunTurn, SessionWithTool, StoreError};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::Session;
use causerie_domain::turns::Turn;
use causerie_domain::usage::OpenUsage;
use causerie_domain::{SessionId, Timestamp, Usd};
use causerie_fair_share::on_behalf_of;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::idempotency::MAX_IDEMPOTENCY_KEY_CHARS;
use self::idempotency::require_same_body;
use self::preparation::{StoredContext, ValidatedSend, Validation, context_input};
use self::question::Question;
pub use self::quote::{ExpectedOutput, Quote, QuoteEstimate};
use crate::attachments::prompt::InputModalities;
use crate::authorization::{Access, Action, ReaderRight, ReaderScope};
use crate::context::{self, Context};
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::turn::log::TurnLog;
use crate::turn::reader::TurnReader;
use crate::turn::request_form::{RequestForm, SentQuestion};
use crate::turn::run::TurnRun;
use crate::turn::running::RunningTurn;
use causerie_tool_definitions::ToolDefinition;

/// Turn of a sent message, and a reader of its answer.
#[derive(Debug)]
pub struct SendOutcome {
    pub turn: Turn,
    /// Reader from the start of the turn.
    pub reader: TurnReader,
    /// Right that the reader depends on.
    pub right: ReaderRight,
    /// Remainder of the budget with the least left; `None` without a budget and for a replay.
    pub budget_left: Option<Usd>,
}

impl SendOutcome {
    /// Sets the right of the reader. A send requires the right to create messages and not the right to read them.
    fn with_right(mut self, access: &Access, session: &Session) -> Self {
        self.right = match access.require_answer(session, &self.turn) {
            Ok(()) => ReaderRight::Read,
            Err(_) => ReaderRight::Create,
        };
        self
    }

    /// Returns the scope of the reader.
    pub fn scope(&self) -> ReaderScope {
        ReaderScope::Turn { turn_id: self.turn.id, session_id: self.turn.session_id, right: self.right }
    }
}

/// Data for the task of a turn, besides the begun turn.
struct Launch {
    attachments: Vec<NewAttachment>,
    /// Usage row of the first attempt.
    first_usage: OpenUsage,
    /// Time before the lease was taken.
    leased_at: Instant,
}

/// Send to a session, before its checks.
struct StartedSend {
    access: Arc<Access>,
    stored: SessionWithTool,
    /// Held until the turn has a task, so that a drain waits for it.
    _in_progress: TaskTrackerToken,
}

impl Runtime {
    /// Sends a message and starts its turn. The turn runs, is stored and is accounted even if the reader or the future
    /// of this call is dropped.
    ///
    /// The idempotency key has up to 255 characters. A repeated key returns the existing turn.
    ///
    /// # Errors
    /// Any [`RuntimeError`]; then no message is stored and no request is sent.
    pub async fn send_message(
        &self,
        principal: &Principal,
        id: SessionId,
        message: NewMessage,
        idempotency_key: Option<String>,
    ) -> Result<SendOutcome, RuntimeError> {
        let sent = async {
            let send = self.start_send(principal, id).await?;
            let question = Question { message, stored: None, key: idempotency_key };
            self.answer(principal, &send.access, send.stored, question).await
        };
        sent.await.map_err(|error| self.shutdown_or(error))
    }

    /// Starts a send to a session: refuses it during a shutdown, and without the right to create messages.
    async fn start_send(&self, principal: &Principal, id: SessionId) -> Result<StartedSend, RuntimeError> {
        let in_progress = self.inner.turns.token();
        if self.is_draining() {
            return Err(RuntimeError::ShuttingDown);
        }
        let access = self.access(principal)?;
        access.messages(Action::Create)?;
        let stored = self.known_session_with_tool(&access, id).await?;
        Ok(StartedSend { access, stored, _in_progress: in_progress })
    }

    /// Checks a send, and starts the turn that answers its message.
    async fn answer(
        &self,
        principal: &Principal,
        access: &Access,
        SessionWithTool { session, tool, version }: SessionWithTool,
        question: Question,
    ) -> Result<SendOutcome, RuntimeError> {
        let session = &session;
        let send = match self.validate_send(access, session, (tool, version), &question).await? {
            Validation::New(send) => send,
            Validation::Replay(turn) => return Ok(self.replay(*turn).with_right(access, session)),
        };
        // The store compares the lease with its clock, which can jump; this process knows that the turn runs.
        if let Some(active) = session.active_turn_id
            && self.inner.running.get(active).is_some()
        {
            return Err(RuntimeError::TurnInProgress(active));
        }
        let begin = self.begin_request(principal, session, &send, question);
        // A task of its own, so that a dropped future of the caller does not leave a begun turn without a task.
        let task = on_behalf_of(session.requester(), self.clone().begin_turn(begin, *send));
        let outcome = self.inner.turns.spawn_on(task, &self.inner.handle).await;
        let outcome = outcome.map_err(|error| {
            RuntimeError::Internal(format!("the task that begins the turn failed: {error}"))
        })?;
        Ok(outcome?.with_right(access, session))
    }

    async fn begin_turn(self, begin: BeginTurn, send: ValidatedSend) -> Result<SendOutcome, RuntimeError> {
        let leased_at = monotonic();
        let launch = Launch {
            attachments: begin.message.attachments.clone(),
            first_usage: begin.usage.clone(),
            leased_at,
        };
        // The transaction may have been committed although the call failed. The repeated call returns the begun turn,
        // or begins it. A call without effect is not repeated: it has used up its time in the store.
        let begun = match self.inner.turn_store.begin_turn(begin.clone()).await {
            Err(BeginTurnError::Store(error @ StoreError::Unavailable(_))) if !error.is_rolled_back() => {
                self.inner.turn_store.begin_turn(begin).await
            }
            begun => begun,
        };
        match begun {
            Ok(begun) => Ok(self.launch(begun, &send, launch)),
            Err(BeginTurnError::KeyUsed(keyed)) => {
                let turn = require_same_body(*keyed, send.key.as_ref())?;
                Ok(self.replay(turn))
            }
            Err(error) => Err(begin_turn_error(error)),
        }
    }

    /// Builds the request and starts the task of the turn.
    fn launch(&self, begun: BegunTurn, send: &ValidatedSend, launch: Launch) -> SendOutcome {
        let inner = &self.inner;
        let definition = &send.pinned.definition;
        let stored = StoredContext {
            history: begun.history,
            earlier_messages: begun.earlier_messages,
            new_seq: begun.user_message.seq,
            history_from_seq: begun.session.history_from_seq,
        };
        let input = context_input(send, stored, begun.user_message.content, launch.attachments);
        let context = context::build(&input, send.fixed);
        let form = RequestForm::of(&context);
        let Context { messages, report, history, .. } = context;
        let composition = Composition {
            model: send.model.clone(),
            fallback_models: self.fallbacks_for(&messages, definition),
            messages,
            max_tokens: send.max_output_tokens,
        };
        let request = composed(&begun.session, definition, composition);
        let log = Arc::new(TurnLog::new(self.turn_start(&begun.turn), Some(report)));
        let running = Arc::new(RunningTurn::new(Arc::clone(&log), request.requester, launch.leased_at));
        inner.running.insert(Arc::clone(&running));
        if launch.leased_at.elapsed() > inner.settings.lease / 6 {
            // A slow start may have used a large part of the lease. The flush renews it.
            inner.flusher.notify(0);
        }
        let run = TurnRun {
            inner: Arc::clone(inner),
            running,
            session: begun.session,
            turn: begun.turn.clone(),
            question: SentQuestion {
                seq: begun.user_message.seq,
                is_marked: begun.user_message.accepted && begun.user_message.withheld_from.is_none(),
            },
            context_input: input,
            form,
            request,
            history,
        };
        // The transaction that opened the row also read the history, so the tokens of the history are known only now.
        let first =
            OpenUsage { estimated_input_tokens: report.estimated_tokens.into(), ..launch.first_usage };
        inner.flusher.notify(0);
        let requester = run.request.requester;
        inner.turns.spawn_on(on_behalf_of(requester, run.into_task(first)), &inner.handle);
        let reader = TurnReader::live(log, 0, inner.stored_turn_source());
        SendOutcome { turn: begun.turn, reader, right: ReaderRight::Read, budget_left: begun.budget_left }
    }

    /// Returns the fallback models that accept all parts of the messages. The others would refuse the request.
    fn fallbacks_for(&self, messages: &[PromptMessage], definition: &ToolDefinition) -> Vec<String> {
        let accepts = |id: &&String| {
            let accepted = InputModalities::of(self.inner.catalog.get(id).as_deref());
            messages.iter().all(|message| accepted.accepts_all_of(message))
        };
        definition.fallback_models.iter().filter(accepts).cloned().collect()
    }

    /// Returns the outcome of a send whose turn exists.
    fn replay(&self, turn: Turn) -> SendOutcome {
        let reader = self.reader(turn.clone(), 0);
        SendOutcome { reader, turn, right: ReaderRight::Read, budget_left: None }
    }

    /// Returns the start of the period in which idempotency keys are kept.
    pub(crate) fn keys_kept_since(&self) -> Timestamp {
        self.inner.clock.now().before(self.inner.settings.idempotency_window)
    }
}

/// Parts of a request of a turn that depend on the time of the turn.
pub(crate) struct Composition {
    pub(crate) model: String,
    pub(crate) fallback_models: Vec<String>,
    pub(crate) messages: Vec<PromptMessage>,
    pub(crate) max_tokens: u64,
}

/// Returns a request of a turn. An explanation of the turn composes it again.
pub(crate) fn composed(
    session: &Session,
    definition: &ToolDefinition,
    composition: Composition,
) -> CompletionRequest {
    let Composition { model, fallback_models, messages, max_tokens } = composition;
    CompletionRequest {
        model,
        fallback_models,
        messages,
        parameters: (&definition.parameters).into(),
        max_tokens,
        user: Some(pseudonym(&session.user_id.to_string())),
        session: Some(session.id.to_string()),
        requester: session.requester(),
    }
}

fn begin_turn_error(error: BeginTurnError) -> RuntimeError {
    match error {
        BeginTurnError::NotFound => RuntimeError::NotFound,
        BeginTurnError::UserDisabled => RuntimeError::UserDisabled,
        BeginTurnError::NotActive(state) => RuntimeError::SessionNotActive(state),
        BeginTurnError::InProgress(turn) => RuntimeError::TurnInProgress(turn),
        BeginTurnError::KeyUsed(_) => RuntimeError::IdempotencyKeyReused,
        BeginTurnError::Full(limit) => RuntimeError::SessionFull(limit),
        BeginTurnError::NotLastQuestion => {
            RuntimeError::Store(StoreError::rolled_back("a message was sent at the same time"))
        }
        BeginTurnError::OverBudget(refusal) => RuntimeError::BudgetExceeded(refusal),
        BeginTurnError::Store(error) => RuntimeError::Store(error),
    }
}

impl From<context::PromptTooLarge> for RuntimeError {
    fn from(error: context::PromptTooLarge) -> Self {
        RuntimeError::ContextLengthExceeded { limit: error.limit, needed: error.needed }
    }
}

/// Returns a stable pseudonym of a user for the upstream.
pub(crate) fn pseudonym(user: &str) -> String {
    sha256(&format!("causerie user {user}"))[..32].to_owned()
}

pub(crate) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
