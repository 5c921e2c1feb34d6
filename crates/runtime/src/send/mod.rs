//! Sending a message: everything that can be refused is refused here, before anything is stored or sent.

mod cost_ceiling;
mod title;
mod validation;

use std::sync::Arc;

use causerie_domain::attachments::NewAttachment;
use causerie_domain::completion::{CompletionRequest, PromptMessage};
use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::messages::NewMessage;
use causerie_domain::models::Model;
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, IdempotencyKey, KeyedTurn, StoreError, TurnIds, TurnLease,
};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::turns::Turn;
use causerie_domain::usage::{OpenUsage, UsagePurpose};
use causerie_domain::{SessionId, Timestamp, UsageId, Usd};
use causerie_usage::CharsPerToken;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::cost_ceiling::{TokenLimits, ceiling_of};
use self::title::title_from;
use self::validation::{check_form, check_modalities};
use crate::attachments::prompt::{InputModalities, tokens_of};
use crate::authorization::{Access, Action};
use crate::context::{self, Context, ContextParts, FixedPrompt, ModelSize};
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::models::calibration::ratio_of;
use crate::runtime::Runtime;
use crate::tools::definitions::PinnedTool;
use crate::turn::log::TurnLog;
use crate::turn::reader::TurnReader;
use crate::turn::run::TurnRun;
use crate::turn::running::RunningTurn;
use causerie_tool_definitions::ToolDefinition;

/// The longest idempotency key, in characters.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// A message that was sent, and its answer as it comes.
#[derive(Debug)]
pub struct SendOutcome {
    /// The turn.
    pub turn: Turn,
    /// Follows it from its start.
    pub reader: TurnReader,
    /// What is left of the tightest budget that applies; none of a send that was repeated.
    pub budget_left: Option<Usd>,
}

/// The turn that a send begins, or the one its key has begun before.
enum Admission {
    New(Box<ValidatedSend>),
    Replay(Box<Turn>),
}

/// A send that nothing speaks against.
struct ValidatedSend {
    pinned: PinnedTool,
    model: String,
    known: Option<Arc<Model>>,
    max_output_tokens: u64,
    fitting: FixedPrompt,
    ratio: CharsPerToken,
    key: Option<IdempotencyKey>,
}

/// What the start of a turn's task needs beside the begun turn.
struct Launch {
    attachments: Vec<NewAttachment>,
    first: OpenUsage,
    /// An instant before the lease began.
    leased_at: Instant,
}

impl Runtime {
    /// Sends a message and begins its turn. The answer is written, stored and accounted whether or not anybody
    /// reads it, and also where the caller drops this call on its way.
    ///
    /// # Errors
    /// Any [`RuntimeError`]; then nothing was stored and nothing was sent.
    pub async fn send_message(
        &self,
        principal: &Principal,
        id: SessionId,
        message: NewMessage,
        idempotency_key: Option<String>,
    ) -> Result<SendOutcome, RuntimeError> {
        // Held until the turn has a task, so that a drain cannot pass between the two.
        let _about_to_begin = self.inner.turns.token();
        if self.is_draining() {
            return Err(RuntimeError::ShuttingDown);
        }
        let access = self.access(principal)?;
        access.messages(Action::Create)?;
        let session = self.known_session(&access, id).await?;
        let admitted = match self.admit(&access, &session, &message, idempotency_key.as_deref()).await? {
            Admission::New(admitted) => admitted,
            Admission::Replay(turn) => return Ok(self.replay(*turn)),
        };
        let begin = self.begin(principal, &session, &admitted, message);
        // A caller that goes away from here on must not leave a begun turn behind that nobody runs.
        let beginning = self.clone().begin_turn(begin, *admitted);
        let begun = self.inner.turns.spawn_on(beginning, &self.inner.handle).await;
        begun.map_err(|lost| RuntimeError::Internal(format!("a turn could not be begun: {lost}")))?
    }

    async fn begin_turn(self, begin: BeginTurn, admitted: ValidatedSend) -> Result<SendOutcome, RuntimeError> {
        let leased_at = monotonic();
        let launch =
            Launch { attachments: begin.message.attachments.clone(), first: begin.usage.clone(), leased_at };
        // The turn may have begun although the store fails to say so. Asked again it says so, or begins it now.
        let begun = match self.inner.ledger.begin_turn(begin.clone()).await {
            Err(BeginTurnError::Store(StoreError::Unavailable(_))) => {
                self.inner.ledger.begin_turn(begin).await
            }
            begun => begun,
        };
        match begun {
            Ok(begun) => Ok(self.launch(begun, &admitted, launch)),
            Err(BeginTurnError::KeyUsed(keyed)) => {
                let turn = same_body(*keyed, admitted.key.as_ref())?;
                Ok(self.replay(turn))
            }
            Err(error) => Err(refusal(error)),
        }
    }

    /// The checks of a send, in the order in which their answers matter to a client.
    async fn admit(
        &self,
        access: &Access,
        session: &Session,
        new: &NewMessage,
        key: Option<&str>,
    ) -> Result<Admission, RuntimeError> {
        let inner = &self.inner;
        // Whose session it is comes before anything about it; its state has an answer of its own below.
        access
            .require_message(Action::Create, &Session { state: SessionState::Active, ..session.clone() })?;
        let key = key.map(|key| keyed(key, new)).transpose()?;
        if let Some(key) = &key {
            let since = self.keys_kept_since();
            if let Some(found) = inner.ledger.turn_by_key(session.id, &key.key, since).await? {
                return Ok(Admission::Replay(Box::new(same_body(found, Some(key))?)));
            }
        }
        if session.state != SessionState::Active {
            return Err(RuntimeError::SessionNotActive(session.state));
        }
        // The account was checked when the session was made; a membership can end, and keys differ.
        access.require_account(session.group_id)?;
        let pinned = inner.pinned_tool(session.tool_version_id).await?;
        access.require_tool(Action::Use, &pinned.tool)?;
        let definition = &pinned.definition;
        let model = definition.model.clone().unwrap_or_else(|| inner.settings.default_model.clone());
        for id in std::iter::once(&model).chain(&definition.fallback_models) {
            access.require_model(id, inner.catalog.get(id).as_deref(), inner.settings.catalog_only)?;
        }
        let known = inner.catalog.get(&model);
        check_form(new, definition.limits.max_input_chars, inner.settings.attachment_hosts)?;
        let accepted = InputModalities::by(known.as_deref());
        check_modalities(new, &model, &accepted)?;

        let size = ModelSize {
            context_length: known.as_ref().and_then(|model| model.catalog.context_length),
            max_completion_tokens: known.as_ref().and_then(|model| model.catalog.max_completion_tokens),
        };
        let wanted =
            definition.parameters.max_output_tokens.unwrap_or(inner.settings.default_max_output_tokens);
        let budget = context::divide(size, wanted);
        let ratio = ratio_of(&model, known.as_ref().and_then(|model| model.millichars_per_token));
        let attached = tokens_of(&new.attachments, &accepted);
        let fitting = context::fits(&definition.behavior, &new.content, attached, budget, ratio)?;
        let max_output_tokens = budget.max_output_tokens;
        let admitted = ValidatedSend { pinned, model, known, max_output_tokens, fitting, ratio, key };
        Ok(Admission::New(Box::new(admitted)))
    }

    fn begin(
        &self,
        principal: &Principal,
        session: &Session,
        admitted: &ValidatedSend,
        message: NewMessage,
    ) -> BeginTurn {
        let inner = &self.inner;
        let ids = inner.ids.as_ref();
        let now = inner.clock.now();
        let definition = &admitted.pinned.definition;
        let turn = TurnIds::draw(ids, session.id, &message);
        BeginTurn {
            user_id: principal.user.id,
            key: admitted.key.clone(),
            keys_kept_since: self.keys_kept_since(),
            title: title_from(&message.content),
            message,
            lease: TurnLease { owner: inner.instance, duration: inner.settings.lease },
            usage: OpenUsage {
                id: UsageId::next(ids),
                user_id: principal.user.id,
                group_id: session.group_id,
                tool_id: Some(session.tool_id),
                session_id: Some(session.id),
                turn_id: Some(turn.turn_id),
                message_id: Some(turn.assistant_message_id),
                api_key_id: principal.api_key_id(),
                purpose: UsagePurpose::Chat,
                attempt: 1,
                model: admitted.model.clone(),
                estimated_input_tokens: admitted.fitting.tokens,
                prices: admitted.known.as_ref().map(|model| model.catalog.pricing.clone()),
                created_at: now,
            },
            ids: turn,
            ceiling: self.ceiling(admitted),
            history: definition.history.effective_max_messages(),
            max_messages: definition.limits.max_messages_per_session,
            now,
        }
    }

    /// What the turn may cost at most; `None` where a price is unknown.
    fn ceiling(&self, admitted: &ValidatedSend) -> Option<CostCeiling> {
        let definition = &admitted.pinned.definition;
        let fallbacks = definition.fallback_models.iter().map(|id| self.inner.catalog.get(id));
        let models: Vec<_> = std::iter::once(admitted.known.clone()).chain(fallbacks).collect();
        let (fixed, history) = admitted.fitting.parts(definition.history.max_tokens);
        let most = TokenLimits { fixed, history, output: admitted.max_output_tokens };
        ceiling_of(models.iter().map(|model| model.as_ref().map(|model| &model.catalog.pricing)), most)
    }

    /// Builds the request and runs the turn in a tracked task of the main runtime.
    fn launch(&self, begun: BegunTurn, admitted: &ValidatedSend, launch: Launch) -> SendOutcome {
        let inner = &self.inner;
        let definition = &admitted.pinned.definition;
        let parts = ContextParts {
            behavior: definition.behavior.clone(),
            history: begun.history,
            earlier_messages: u64::try_from(begun.user_message.seq - 1).unwrap_or(0),
            content: begun.user_message.content,
            attachments: launch.attachments,
            max_history_tokens: definition.history.max_tokens,
            ratio: admitted.ratio,
            accepted: InputModalities::by(admitted.known.as_deref()),
            replayed_models: ids_of(&admitted.model, admitted.known.as_deref()),
        };
        let Context { messages, report } = context::build(&parts, admitted.fitting);
        let request = CompletionRequest {
            model: admitted.model.clone(),
            fallback_models: self.fallbacks_for(&messages, definition),
            messages,
            parameters: (&definition.parameters).into(),
            max_tokens: admitted.max_output_tokens,
            user: Some(pseudonym(&begun.session.user_id.to_string())),
            session: Some(begun.session.id.to_string()),
        };
        let log = Arc::new(TurnLog::new(self.turn_start(&begun.turn), Some(report)));
        let running = Arc::new(RunningTurn::new(Arc::clone(&log), launch.leased_at));
        inner.running.insert(Arc::clone(&running));
        if launch.leased_at.elapsed() > inner.settings.lease / 6 {
            // It waited long to begin, so a good part of the lease may be gone: what there is to flush renews it.
            inner.flusher.notify(0);
        }
        let run = TurnRun { inner: Arc::clone(inner), running, turn: begun.turn.clone(), parts, request };
        // The row was opened in the transaction that read the history: what is sent now is known only since.
        let first = OpenUsage { estimated_input_tokens: report.estimated_tokens.into(), ..launch.first };
        inner.flusher.notify(0);
        inner.turns.spawn_on(run.run(first), &inner.handle);
        let reader = TurnReader::live(log, 0, inner.stored_turn_source());
        SendOutcome { turn: begun.turn, reader, budget_left: begun.budget_left }
    }

    /// The fallback models that take all that is sent. One that does not would only refuse it, in another one's place.
    fn fallbacks_for(&self, messages: &[PromptMessage], definition: &ToolDefinition) -> Vec<String> {
        let takes = |id: &&String| {
            let accepted = InputModalities::by(self.inner.catalog.get(id).as_deref());
            messages.iter().all(|message| accepted.takes_all_of(message))
        };
        definition.fallback_models.iter().filter(takes).cloned().collect()
    }

    fn replay(&self, turn: Turn) -> SendOutcome {
        SendOutcome { reader: self.reader(turn.clone(), 0), turn, budget_left: None }
    }

    fn keys_kept_since(&self) -> Timestamp {
        self.inner.clock.now().before(self.inner.settings.idempotency_window)
    }
}

/// The key of a send with the hash of all that was sent, so that another body is noticed.
fn keyed(key: &str, new: &NewMessage) -> Result<IdempotencyKey, RuntimeError> {
    if key.is_empty() || key.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS || key.contains(char::is_control) {
        let detail = format!("is not 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters");
        return Err(RuntimeError::invalid("/idempotency_key", detail));
    }
    let attachments: Vec<Value> = new.attachments.iter().map(as_json).collect();
    // The members stand in a fixed order, and serde_json sorts the keys of every map.
    let body = json!([new.content, attachments, new.meta]);
    Ok(IdempotencyKey { key: key.to_owned(), body_hash: sha256(&body.to_string()) })
}

fn as_json(file: &NewAttachment) -> Value {
    let provider = file.storage_provider.as_str();
    json!([file.filename, file.mime_type, file.size, provider, file.storage_key, file.meta])
}

fn same_body(found: KeyedTurn, key: Option<&IdempotencyKey>) -> Result<Turn, RuntimeError> {
    match key {
        Some(key) if key.body_hash == found.body_hash => Ok(found.turn),
        _ => Err(RuntimeError::IdempotencyKeyReused),
    }
}

fn refusal(error: BeginTurnError) -> RuntimeError {
    match error {
        BeginTurnError::NotFound => RuntimeError::NotFound,
        BeginTurnError::NotActive(state) => RuntimeError::SessionNotActive(state),
        BeginTurnError::InProgress(turn) => RuntimeError::TurnInProgress(turn),
        BeginTurnError::KeyUsed(_) => RuntimeError::IdempotencyKeyReused,
        BeginTurnError::Full(limit) => RuntimeError::SessionFull(limit),
        BeginTurnError::OverBudget(refusal) => RuntimeError::BudgetExceeded(refusal),
        BeginTurnError::Store(error) => RuntimeError::Store(error),
    }
}

impl From<context::TooLarge> for RuntimeError {
    fn from(error: context::TooLarge) -> Self {
        RuntimeError::ContextLengthExceeded { limit: error.limit, needed: error.needed }
    }
}

/// The ids under which the asked model answers: its own, and the dated one it stands for.
fn ids_of(asked: &str, known: Option<&Model>) -> Vec<String> {
    let dated = known.and_then(|model| model.catalog.canonical_slug.clone());
    std::iter::once(asked.to_owned()).chain(dated).collect()
}

/// A stable name for a user that says nothing about the user to the upstream.
fn pseudonym(user: &str) -> String {
    sha256(&format!("causerie user {user}"))[..32].to_owned()
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_body_sees_every_part_of_it() {
        let hash = |new: &NewMessage| keyed("k", new).unwrap().body_hash;
        let plain = NewMessage { content: "a".to_owned(), ..NewMessage::default() };
        let other = NewMessage { content: "b".to_owned(), ..NewMessage::default() };
        let meta = serde_json::Map::from_iter([("k".to_owned(), json!(1))]);
        let marked = NewMessage { meta, ..plain.clone() };
        assert_eq!(hash(&plain), hash(&plain.clone()));
        assert_ne!(hash(&plain), hash(&other));
        assert_ne!(hash(&plain), hash(&marked));
    }

    #[test]
    fn keys_out_of_form_are_refused() {
        for key in ["", "a\nb", &"k".repeat(256)] {
            assert!(keyed(key, &NewMessage::default()).is_err(), "{key:?}");
        }
    }
}
