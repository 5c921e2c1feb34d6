//! Valid definition of a tool.

mod canonical;

use causerie_domain::completion::{Parameters, ReasoningParameters};
use causerie_domain::ports::NewToolVersion;
use causerie_domain::tools::ToolType;
use causerie_domain::{GroupId, Timestamp, ToolId, ToolVersionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use self::canonical::{canonical_json, content_hash};
use crate::keys::DEFAULT_HISTORY_MESSAGES;

/// Number of earlier messages that are sent if a definition has no `history.max_messages`.
pub const DEFAULT_MAX_MESSAGES: u32 = DEFAULT_HISTORY_MESSAGES;

/// Definition of a tool. Texts are not trimmed.
///
/// Deserialization with serde checks the shape only; files of authors are read with [`parse_yaml`](crate::parse_yaml).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDefinition {
    /// Unique name in URLs.
    pub name: String,
    /// Semantic version.
    pub version: String,
    #[serde(rename = "type", with = "tool_type")]
    pub tool_type: ToolType,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// System message.
    pub behavior: String,
    /// Model id; `None` for the default model of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Models that answer if the first one fails, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback_models: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub parameters: ToolParameters,
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: History,
    /// Prompt cache; `None` for [`CacheMode::Auto`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMode>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// First message of each session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    /// Data for clients, never sent to a model.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// Parameters of the model. Absent parameters are not sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolParameters {
    /// From 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number>,
    /// From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<Number>,
    /// Maximum number of output tokens, at least 1; `None` for the default of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Up to four stop sequences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub reasoning: Reasoning,
}

/// Parameters of the reasoning of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoning {
    /// One of the values of the upstream, such as `low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}

/// Limits of the history that is sent with a new message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Maximum number of earlier messages; `None` for [`DEFAULT_MAX_MESSAGES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_messages: Option<u32>,
    /// Maximum number of estimated tokens of these messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Place of the cuts; `None` for [`Trim::Auto`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trim: Option<Trim>,
}

/// Place of the cuts in a history that exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trim {
    /// Blocks if the model has a lower price for cached input, otherwise a sliding window.
    #[default]
    Auto,
    /// The first message stays the same until a limit is exceeded, then at most half of the limit remains.
    Block,
    /// The most recent turns that fit the limits are sent.
    Sliding,
}

/// Use of the prompt cache of models that cache only up to breakpoints in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// Breakpoints are set.
    #[default]
    Auto,
    /// No breakpoints are set.
    Off,
}

/// Limits of new messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of characters of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input_chars: Option<u64>,
    /// Maximum number of messages of a session, answers and greeting included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_messages_per_session: Option<u32>,
}

/// Columns of a stored tool version that are not part of its definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionMetadata {
    /// Id of the tool; used if the name is new.
    pub tool_id: ToolId,
    /// Id of the version; used if the version is new.
    pub version_id: ToolVersionId,
    /// Group of the tool; `None` for all users.
    pub group_id: Option<GroupId>,
    /// User who posted the definition; `None` for files.
    pub owner_id: Option<UserId>,
    pub created_at: Timestamp,
}

impl ToolDefinition {
    /// Reads the canonical text of a definition, the output of [`canonical_json`].
    ///
    /// # Errors
    /// The text is not JSON or has another shape.
    pub fn from_canonical(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the version to store.
    pub fn to_version(&self, metadata: VersionMetadata) -> NewToolVersion {
        let VersionMetadata { tool_id, version_id, group_id, owner_id, created_at } = metadata;
        let definition = canonical_json(self);
        NewToolVersion {
            tool_id,
            version_id,
            slug: self.name.clone(),
            tool_type: self.tool_type,
            group_id,
            owner_id,
            version: self.version.clone(),
            title: self.title.clone(),
            content_hash: content_hash(&definition),
            definition,
            created_at,
        }
    }
}

impl History {
    /// Returns the maximum number of earlier messages, with the default applied.
    pub fn effective_max_messages(&self) -> u32 {
        self.max_messages.unwrap_or(DEFAULT_MAX_MESSAGES)
    }
}

impl From<&ToolParameters> for Parameters {
    /// Converts all parameters except `max_output_tokens`, which is a separate field of a request.
    fn from(parameters: &ToolParameters) -> Self {
        Parameters {
            temperature: parameters.temperature.clone(),
            top_p: parameters.top_p.clone(),
            seed: parameters.seed,
            stop: parameters.stop.clone(),
            reasoning: parameters
                .reasoning
                .effort
                .clone()
                .map(|effort| ReasoningParameters { effort: Some(effort), ..ReasoningParameters::default() }),
            ..Parameters::default()
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Serialization of `ToolType`, a domain type without serde.
mod tool_type {
    use causerie_domain::tools::ToolType;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(value: &ToolType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ToolType, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
