//! Preparation of a send: its checks, its tool and model, the request that begins its turn, and the input of its context.

use std::sync::Arc;

use causerie_domain::UsageId;
use causerie_domain::attachments::NewAttachment;
use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::messages::{MessageView, NewMessage};
use causerie_domain::models::Model;
use causerie_domain::ports::{BeginTurn, IdempotencyKey, TurnLease};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::turns::{HistoryTrim, Turn};
use causerie_domain::usage::{OpenUsage, UsagePurpose};
use causerie_tool_definitions::{CacheMode, ToolDefinition};
use causerie_usage::CharsPerToken;

use super::cost_ceiling::{TokenLimits, cost_ceiling};
use super::idempotency::require_same_body;
use super::question::Question;
use super::title::title_from;
use super::validation::{check_form, check_modalities};
use crate::attachments::prompt::{InputModalities, tokens_of};
use crate::authorization::{Access, Action};
use crate::context::{self, ContextInput, FixedPrompt, ModelLimits};
use crate::core::error::RuntimeError;
use crate::models::calibration::ratio_of;
use crate::runtime::Runtime;
use crate::tools::definitions::PinnedTool;

/// Result of the validation of a send.
pub(super) enum Validation {
    New(Box<ValidatedSend>),
    /// The idempotency key belongs to this turn.
    Replay(Box<Turn>),
}

/// Send that has passed all checks of the runtime.
pub(super) struct ValidatedSend {
    pub(super) pinned: PinnedTool,
    pub(super) model: String,
    /// Entry of the model in the catalog.
    pub(super) catalog_model: Option<Arc<Model>>,
    pub(super) max_output_tokens: u64,
    pub(super) fixed: FixedPrompt,
    pub(super) ratio: CharsPerToken,
    pub(super) key: Option<IdempotencyKey>,
}

/// Tool and model of a send.
pub(super) struct SendTarget {
    pub(super) pinned: PinnedTool,
    pub(super) model: String,
    /// Entry of the model in the catalog.
    pub(super) catalog_model: Option<Arc<Model>>,
}

/// Stored part of the context of a send.
pub(super) struct StoredContext {
    pub(super) history: Vec<MessageView>,
    pub(super) earlier_messages: u64,
    /// Sequence number of the new message.
    pub(super) new_seq: i64,
    pub(super) history_from_seq: i64,
}

impl Runtime {
    /// Runs the checks of a send. The order is the precedence of their errors.
    pub(super) async fn validate_send(
        &self,
        access: &Access,
        session: &Session,
        tool: (Tool, ToolVersion),
        question: &Question,
    ) -> Result<Validation, RuntimeError> {
        let inner = &self.inner;
        let message = &question.message;
        // Ownership is checked before the state of the session, which has an error of its own below.
        access
            .require_message(Action::Create, &Session { state: SessionState::Active, ..session.clone() })?;
        let key = question.idempotency_key()?;
        if let Some(key) = &key {
            let since = self.keys_kept_since();
            if let Some(found) = inner.turn_store.turn_by_key(session.id, &key.key, since).await? {
                return Ok(Validation::Replay(Box::new(require_same_body(found, Some(key))?)));
            }
        }
        if session.state != SessionState::Active {
            return Err(RuntimeError::SessionNotActive(session.state));
        }
        let target = self.send_target(access, session, tool)?;
        let send = self.validate_message(target, message)?;
        Ok(Validation::New(Box::new(ValidatedSend { key, ..send })))
    }

    /// Returns the tool and the model of a send, if the principal may use them.
    pub(super) fn send_target(
        &self,
        access: &Access,
        session: &Session,
        (tool, version): (Tool, ToolVersion),
    ) -> Result<SendTarget, RuntimeError> {
        let inner = &self.inner;
        // Checked at the creation of the session too, but a membership can end and another API key may be used.
        access.require_account(session.group_id)?;
        let pinned = inner.parsed(tool, version)?;
        access.require_tool(Action::Use, &pinned.tool)?;
        let definition = &pinned.definition;
        let model = definition.model.clone().unwrap_or_else(|| inner.settings.default_model.clone());
        for id in std::iter::once(&model).chain(&definition.fallback_models) {
            access.require_model(id, inner.catalog.get(id).as_deref(), inner.settings.catalog_only)?;
        }
        let catalog_model = inner.catalog.get(&model);
        Ok(SendTarget { pinned, model, catalog_model })
    }

    /// Checks the message of a send, and divides the context of the model.
    pub(super) fn validate_message(
        &self,
        target: SendTarget,
        message: &NewMessage,
    ) -> Result<ValidatedSend, RuntimeError> {
        let SendTarget { pinned, model, catalog_model } = target;
        let inner = &self.inner;
        let definition = &pinned.definition;
        check_form(message, definition.limits.max_input_chars, inner.settings.attachment_hosts)?;
        let accepted = InputModalities::of(catalog_model.as_deref());
        check_modalities(message, &model, &accepted)?;

        let listed = catalog_model.as_ref().map(|model| &model.catalog);
        let limits = ModelLimits {
            context_length: listed.and_then(|model| model.context_length),
            max_completion_tokens: listed.and_then(|model| model.max_completion_tokens),
        };
        let requested_output =
            definition.parameters.max_output_tokens.unwrap_or(inner.settings.default_max_output_tokens);
        let budget = context::token_budget(limits, requested_output);
        let ratio = ratio_of(&model, catalog_model.as_ref().and_then(|model| model.millichars_per_token));
        let attached = tokens_of(&message.attachments, &accepted);
        let system = context::system_text(&definition.behavior, definition.greeting.as_deref());
        let fixed = context::fixed_prompt(&system, &message.content, attached, budget, ratio)?;
        let max_output_tokens = budget.max_output_tokens;
        Ok(ValidatedSend { pinned, model, catalog_model, max_output_tokens, fixed, ratio, key: None })
    }

    /// Builds the request that begins the turn in the store.
    pub(super) fn begin_request(
        &self,
        principal: &Principal,
        session: &Session,
        send: &ValidatedSend,
        question: Question,
    ) -> BeginTurn {
        let inner = &self.inner;
        let ids = inner.ids.as_ref();
        let now = inner.clock.now();
        let definition = &send.pinned.definition;
        let turn = question.turn_ids(ids, session.id);
        let Question { message, stored, key: _ } = question;
        BeginTurn {
            user_id: principal.user.id,
            key: send.key.clone(),
            keys_kept_since: self.keys_kept_since(),
            title: if stored.is_none() { title_from(&message.content) } else { None },
            message,
            answers_again: stored.map(|stored| stored.seq),
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
                model: send.model.clone(),
                estimated_input_tokens: send.fixed.tokens,
                prices: send.catalog_model.as_ref().map(|model| model.catalog.pricing.clone()),
                created_at: now,
            },
            ids: turn,
            ceiling: self.cost_ceiling(send),
            max_history_messages: definition.history.effective_max_messages(),
            trim: trim_of(send),
            max_messages: definition.limits.max_messages_per_session,
            now,
        }
    }

    /// Returns the maximum cost of the turn; `None` if a price is unknown.
    fn cost_ceiling(&self, send: &ValidatedSend) -> Option<CostCeiling> {
        let definition = &send.pinned.definition;
        let (fixed, history) = send.fixed.input_limits(definition.history.max_tokens);
        self.cost_ceiling_of(send, TokenLimits { fixed, history, output: send.max_output_tokens })
    }

    /// Returns the maximum cost of these tokens; `None` if a price is unknown.
    pub(super) fn cost_ceiling_of(&self, send: &ValidatedSend, limits: TokenLimits) -> Option<CostCeiling> {
        let definition = &send.pinned.definition;
        let fallbacks = definition.fallback_models.iter().map(|id| self.inner.catalog.get(id));
        let models: Vec<_> = std::iter::once(send.catalog_model.clone()).chain(fallbacks).collect();
        let prices = models.iter().map(|model| model.as_ref().map(|model| &model.catalog.pricing));
        cost_ceiling(prices, limits)
    }
}

/// Returns the input from which the context of a send is built.
pub(super) fn context_input(
    send: &ValidatedSend,
    stored: StoredContext,
    content: String,
    attachments: Vec<NewAttachment>,
) -> ContextInput {
    let definition = &send.pinned.definition;
    let StoredContext { history, earlier_messages, new_seq, history_from_seq } = stored;
    ContextInput {
        system: context::system_text(&definition.behavior, definition.greeting.as_deref()).into_owned(),
        has_greeting: definition.greeting.is_some(),
        history,
        earlier_messages,
        new_seq,
        content,
        attachments,
        max_history_messages: definition.history.effective_max_messages(),
        max_history_tokens: definition.history.max_tokens,
        trim: trim_of(send),
        history_from_seq,
        min_cached_tokens: min_cached_tokens(definition, send),
        ratio: send.ratio,
        accepted: InputModalities::of(send.catalog_model.as_deref()),
        replayed_models: model_ids(&send.model, send.catalog_model.as_deref()),
    }
}

/// Returns how the history of the turn is cut.
fn trim_of(send: &ValidatedSend) -> HistoryTrim {
    let prices = send.catalog_model.as_ref().map(|model| &model.catalog.pricing);
    context::trim_of(&send.pinned.definition.history, prices)
}

/// Returns the minimum tokens of a prefix that ends with a breakpoint; `None` if no breakpoints are sent.
fn min_cached_tokens(definition: &ToolDefinition, send: &ValidatedSend) -> Option<u64> {
    match definition.cache.unwrap_or_default() {
        CacheMode::Auto => {
            context::min_cached_tokens(&send.model, &send.catalog_model.as_ref()?.catalog.pricing)
        }
        CacheMode::Off => None,
    }
}

/// Returns the ids under which the requested model can answer: its own, and its dated id in the catalog.
fn model_ids(requested: &str, catalog_model: Option<&Model>) -> Vec<String> {
    let dated = catalog_model.and_then(|model| model.catalog.canonical_slug.clone());
    std::iter::once(requested.to_owned()).chain(dated).collect()
}
