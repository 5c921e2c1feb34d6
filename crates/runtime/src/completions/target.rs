//! The model or tool of a request, with the rights and the limits that apply to it.

use std::sync::Arc;

use causerie_domain::models::{Model, strip_routing_suffix};
use causerie_domain::principal::Principal;
use causerie_permissions::SubjectType;
use causerie_usage::CharsPerToken;

use super::TOOL_PREFIX;
use super::members::{Members, elements, string};
use super::surcharges::{is_preset, named_models};
use super::validation::{list, object_at};
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::models::calibration::ratio_of;
use crate::runtime::{Runtime, RuntimeInner};
use crate::tools::definitions::PinnedTool;

/// Model or tool of a request, which the principal may use.
pub(super) struct Target {
    pub(super) tool: Option<PinnedTool>,
    pub(super) model: String,
    pub(super) catalog_model: Option<Arc<Model>>,
    /// All models that may answer.
    pub(super) models: Vec<String>,
}

impl Runtime {
    /// Returns the model or tool of a request. All models that the request names must be allowed.
    pub(super) async fn target(
        &self,
        access: &Access,
        principal: &Principal,
        members: &Members<'_>,
    ) -> Result<Target, RuntimeError> {
        let inner = &self.inner;
        access.require_account(principal.key_group_id())?;
        let requested = members.get("model").and_then(string).unwrap_or_default();
        let named = named_models(members)?;
        let mut models = Vec::new();
        let (tool, model) = match requested.strip_prefix(TOOL_PREFIX) {
            None => (None, requested),
            Some(slug) => {
                if members.get("debug").is_some() {
                    // The upstream would echo the system message of the tool.
                    return Err(RuntimeError::invalid("/debug", "is not available with a tool"));
                }
                let tool = self.usable_tool(access, slug).await.map_err(|error| match error {
                    RuntimeError::Invalid(_) | RuntimeError::NoSuchTool => {
                        RuntimeError::NoSuchModel(requested.clone())
                    }
                    error => error,
                })?;
                let pinned = inner.pinned_tool(tool.current.id).await?;
                models.extend(pinned.definition.fallback_models.iter().cloned());
                let model = pinned.definition.model.clone();
                let model = model.unwrap_or_else(|| inner.settings.default_model.clone());
                (Some(pinned), model)
            }
        };
        let is_preset = tool.is_none() && is_preset(&model);
        if is_preset || named.preset.is_some() {
            // A preset can select any model and any parameter.
            access.require_type(Action::Manage, SubjectType::Model)?;
        }
        models.extend(named.models.into_iter().map(|(_, id)| id));
        for id in std::iter::once(&model).chain(&models) {
            let known = inner.catalog.get(id);
            if known.is_none() && (!is_spelled_as_id(id) || !inner.may_exist(id)) {
                return Err(RuntimeError::NoSuchModel(id.clone()));
            }
            access.require_model(id, known.as_deref(), inner.settings.catalog_only)?;
            if known.is_none() {
                // The upstream may accept a spelling that the catalog lacks. Rules about the model apply to it, too.
                let base = base_id(id);
                access.require_model(&base, inner.catalog.get(&base).as_deref(), false)?;
            }
        }
        let catalog_model = inner.catalog.get(&model);
        if let Some(tool) = &tool {
            check_message_length(members, tool)?;
        }
        require_parameters(members, catalog_model.as_deref())?;
        Ok(Target { tool, model, catalog_model, models })
    }
}

impl Target {
    /// Returns the characters per token of the model.
    pub(super) fn ratio(&self) -> CharsPerToken {
        ratio_of(&self.model, self.catalog_model.as_ref().and_then(|model| model.millichars_per_token))
    }
}

impl RuntimeInner {
    /// Returns whether a model outside the catalog may exist: it has the form of an id, as `author/name`.
    fn may_exist(&self, id: &str) -> bool {
        !self.settings.catalog_only && (strip_routing_suffix(id).contains('/') || self.catalog.is_empty())
    }
}

/// Returns whether a text has the form of an id: printable ASCII without wildcards and without segments that name
/// nothing.
fn is_spelled_as_id(id: &str) -> bool {
    let is_named = |segment: &str| !segment.trim_matches('.').is_empty();
    let is_literal = |byte: u8| byte.is_ascii_graphic() && !b"*[]{}\\".contains(&byte);
    id.bytes().all(is_literal) && id.split(['?', '#']).next().unwrap_or_default().split('/').all(is_named)
}

/// Returns the id of the model that an id without an entry in the catalog may name: its author and name in lower case,
/// without variants, suffixes, parameters and prefixes.
fn base_id(id: &str) -> String {
    let id = id.trim_start_matches('~').split([':', '?', '#']).next().unwrap_or_default();
    let start = id.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    id[start..].to_ascii_lowercase()
}

/// Checks the length of the user messages against the limit of a tool.
fn check_message_length(members: &Members<'_>, tool: &PinnedTool) -> Result<(), RuntimeError> {
    let Some(limit) = tool.definition.limits.max_input_chars else { return Ok(()) };
    for message in list(members, "messages")? {
        let Ok(message) = serde_json::from_str::<Members<'_>>(message.get()) else { continue };
        if message.get("role").and_then(string).as_deref() != Some("user") {
            continue;
        }
        let content = message.get("content").unwrap_or_default();
        let texts: Vec<String> = match elements(content) {
            Some(parts) => parts
                .iter()
                .filter_map(|part| {
                    serde_json::from_str::<Members<'_>>(part.get()).ok()?.get("text").and_then(string)
                })
                .collect(),
            None => string(content).into_iter().collect(),
        };
        let given = texts.iter().map(|text| text.chars().count() as u64).sum();
        if given > limit {
            return Err(RuntimeError::MessageTooLong { limit, given });
        }
    }
    Ok(())
}

/// Parameters that a model of the catalog may lack, with their name in the catalog. The catalog lists
/// `parallel_tool_calls`, `prediction` and the maxima of tokens for some of the models that take them, so that their
/// absence means nothing.
const LISTED_PARAMETERS: &[(&str, &str)] = &[
    ("frequency_penalty", "frequency_penalty"),
    ("include_reasoning", "include_reasoning"),
    ("logit_bias", "logit_bias"),
    ("logprobs", "logprobs"),
    ("min_p", "min_p"),
    ("presence_penalty", "presence_penalty"),
    ("reasoning", "reasoning"),
    ("reasoning_effort", "reasoning"),
    ("repetition_penalty", "repetition_penalty"),
    ("response_format", "response_format"),
    ("seed", "seed"),
    ("stop", "stop"),
    ("structured_outputs", "structured_outputs"),
    ("temperature", "temperature"),
    ("tool_choice", "tool_choice"),
    ("tools", "tools"),
    ("top_a", "top_a"),
    ("top_k", "top_k"),
    ("top_logprobs", "top_logprobs"),
    ("top_p", "top_p"),
    ("verbosity", "verbosity"),
];

/// Refuses a parameter that the model lacks, if the request has `provider.require_parameters`.
fn require_parameters(members: &Members<'_>, model: Option<&Model>) -> Result<(), RuntimeError> {
    let provider = members.get("provider").map(|json| object_at("/provider", json)).transpose()?;
    let is_required = provider.is_some_and(|provider| provider.get("require_parameters") == Some("true"));
    let supported = model.map(|model| &model.catalog.supported_parameters).filter(|list| !list.is_empty());
    let (true, Some(supported)) = (is_required, supported) else { return Ok(()) };
    let lacks = |listed: &str| !supported.iter().any(|one| one == listed);
    let missing =
        LISTED_PARAMETERS.iter().find(|(name, listed)| members.get(name).is_some() && lacks(listed));
    let format =
        members.get("response_format").map(|json| object_at("/response_format", json)).transpose()?;
    let has_schema =
        format.is_some_and(|format| format.get("type").and_then(string).as_deref() == Some("json_schema"));
    match missing.map(|(name, _)| *name) {
        None if has_schema && lacks("structured_outputs") => {
            Err(RuntimeError::invalid("/response_format/type", "is not supported by the model: json_schema"))
        }
        Some(name) => Err(RuntimeError::invalid(format!("/{name}"), "is not supported by the model")),
        None => Ok(()),
    }
}
