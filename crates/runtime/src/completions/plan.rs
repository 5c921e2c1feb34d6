//! The plan of a completion: the request to send, its usage row, and the maximum cost to reserve.

use std::iter;

use causerie_domain::completion::RelayRequest;
use causerie_domain::ports::{BeginCompletion, IdempotencyKey};
use causerie_domain::principal::Principal;
use causerie_domain::usage::{OpenUsage, UsagePurpose};
use causerie_domain::{UsageId, Usd};

use super::compose::{Additions, MAX_TOKENS, compose};
use super::members::Members;
use super::registry::RequestIdentity;
use super::size::InputSize;
use super::surcharges::unbounded_price;
use super::target::Target;
use crate::context::{ModelLimits, token_budget};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::send::cost_ceiling::{TokenLimits, cost_ceiling};
use crate::send::pseudonym;

/// Request that has passed all checks.
pub(super) struct Plan {
    pub(super) begin: BeginCompletion,
    pub(super) request: RelayRequest,
    pub(super) max_tokens: Option<u64>,
}

impl Runtime {
    /// Builds the request and its usage row.
    pub(super) fn plan(
        &self,
        principal: &Principal,
        members: &Members<'_>,
        target: &Target,
        identity: &RequestIdentity,
        is_limited: bool,
    ) -> Result<Plan, RuntimeError> {
        let inner = &self.inner;
        let definition = target.tool.as_ref().map(|tool| tool.definition.as_ref());
        let of_models = || iter::once(target.model.as_str()).chain(target.models.iter().map(String::as_str));
        if is_limited && let Some(parameter) = unbounded_price(members, of_models())? {
            return Err(RuntimeError::UnboundedPrice { parameter });
        }
        let of_tool = definition.and_then(|definition| definition.parameters.max_output_tokens);
        let given = max_tokens_of(members, is_limited)?;
        let max_given = given.map(|given| of_tool.map_or(given, |limit| given.min(limit))).or(of_tool);
        let listed = target.catalog_model.as_ref().map(|model| &model.catalog);
        let limits = ModelLimits {
            context_length: listed.and_then(|model| model.context_length),
            max_completion_tokens: listed.and_then(|model| model.max_completion_tokens),
        };
        let added = (is_limited && max_given.is_none())
            .then(|| token_budget(limits, inner.settings.default_max_output_tokens).max_output_tokens);
        let mut size = InputSize::of(members);
        if let Some(definition) = definition {
            size.add_text(&definition.behavior);
        }
        let user = pseudonym(&principal.user.id.to_string());
        let additions = Additions { model: &target.model, max_tokens: added, user: &user };
        let body_bytes = members.iter().map(|(name, json)| name.len() + json.len() + 4).sum();
        let body = compose(members, definition, additions, body_bytes)?;
        let max_cost = max_given.or(added).zip(size.max_tokens()).and_then(|(output, input)| {
            self.max_cost(of_models(), TokenLimits { fixed: input, history: 0, output }, size.images())
        });
        let usage = OpenUsage {
            id: UsageId::next(inner.ids.as_ref()),
            user_id: principal.user.id,
            group_id: principal.key_group_id(),
            tool_id: target.tool.as_ref().map(|pinned| pinned.tool.id),
            session_id: None,
            turn_id: None,
            message_id: None,
            api_key_id: principal.api_key_id(),
            purpose: UsagePurpose::Completion,
            attempt: 1,
            model: target.model.clone(),
            estimated_input_tokens: size.estimated_tokens(target.ratio()),
            prices: listed.map(|model| model.pricing.clone()),
            created_at: inner.clock.now(),
        };
        let key = identity.key.clone();
        let begin = BeginCompletion {
            usage,
            key: key.map(|key| IdempotencyKey { key, body_hash: identity.body_hash.clone() }),
            keys_kept_since: self.keys_kept_since(),
            lease: inner.completion_lease(),
            max_cost,
        };
        let (model, requester) = (target.model.clone(), principal.requester());
        Ok(Plan { begin, request: RelayRequest { model, body: body.into(), requester }, max_tokens: added })
    }

    /// Returns the maximum cost over all models that may answer; `None` if a price is unknown.
    fn max_cost<'m>(
        &self,
        models: impl Iterator<Item = &'m str>,
        limits: TokenLimits,
        images: u64,
    ) -> Option<Usd> {
        let models: Vec<_> = models.map(|id| self.inner.catalog.get(id)).collect();
        let prices = || models.iter().map(|model| model.as_ref().map(|model| &model.catalog.pricing));
        let text = cost_ceiling(prices(), limits)?.base;
        let per_image = prices().flatten().filter_map(|prices| prices.image).max().unwrap_or_default();
        text.checked_add(per_image.checked_mul(images)?)
    }
}

/// Returns the largest maximum of output tokens that a request has.
///
/// # Errors
/// [`RuntimeError::Invalid`] for a maximum that is no limit, where the cost must be bounded.
fn max_tokens_of(members: &Members<'_>, is_limited: bool) -> Result<Option<u64>, RuntimeError> {
    let mut max = None;
    for name in MAX_TOKENS {
        let Some(given) = members.get(name) else { continue };
        match given.parse::<u64>() {
            Ok(given) if given > 0 => max = max.max(Some(given)),
            _ if is_limited => {
                return Err(RuntimeError::invalid(format!("/{name}"), "is no limit, and a budget applies"));
            }
            _ => {}
        }
    }
    Ok(max)
}
