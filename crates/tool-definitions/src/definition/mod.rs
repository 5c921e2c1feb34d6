//! A definition that was found to be right.

mod canonical;

use causerie_domain::completion::{Parameters, ReasoningParameters};
use causerie_domain::ports::NewToolVersion;
use causerie_domain::tools::ToolType;
use causerie_domain::{GroupId, Timestamp, ToolId, ToolVersionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub use self::canonical::{canonical_json, content_hash};
use crate::rules::HISTORY_MESSAGES;

/// How many earlier messages are sent where a definition does not say.
pub const DEFAULT_MAX_MESSAGES: u32 = HISTORY_MESSAGES;

/// A tool as its author describes it. Texts are exactly as they were written, never trimmed.
///
/// Reading one with serde checks its shape only; authors' files go through [`parse_yaml`](crate::parse_yaml).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDefinition {
    /// The unique name in addresses.
    pub name: String,
    /// The semantic version.
    pub version: String,
    /// What the tool does with a message.
    #[serde(rename = "type", with = "tool_type")]
    pub tool_type: ToolType,
    /// The title shown to people.
    pub title: String,
    /// What it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The system message.
    pub behavior: String,
    /// The model; none for the installation's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Models that answer when the first cannot, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback_models: Vec<String>,
    /// How the model writes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parameters: ToolParameters,
    /// How much of the conversation is sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: History,
    /// What is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// The first message of every conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    /// Whatever else is said about the tool.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// How the model writes. Absent parameters are not sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolParameters {
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<Number>,
    /// Output tokens at most, at least 1; none for the installation's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// For repeatable answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Up to four texts that end the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How much the model thinks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reasoning: Reasoning,
}

/// How much the model thinks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoning {
    /// The upstream's word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}

/// How much of the conversation is sent with a new message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Earlier messages at most; none for [`DEFAULT_MAX_MESSAGES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_messages: Option<u32>,
    /// Estimated tokens of those messages at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Characters of a message at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input_chars: Option<u64>,
    /// Messages of a conversation at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_messages_per_session: Option<u32>,
}

/// Whose a definition becomes when it is stored, and under which ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The tool's id, if the name is new.
    pub tool_id: ToolId,
    /// The version's id, if the version is new.
    pub version_id: ToolVersionId,
    /// The group it belongs to; none for everyone.
    pub group_id: Option<GroupId>,
    /// Who posts it; none for files.
    pub owner_id: Option<UserId>,
    /// When it is stored.
    pub created_at: Timestamp,
}

impl ToolDefinition {
    /// Reads what [`canonical_json`] wrote.
    ///
    /// # Errors
    /// Where the text is no definition.
    pub fn from_canonical(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The version to store.
    pub fn to_version(&self, placement: Placement) -> NewToolVersion {
        let Placement { tool_id, version_id, group_id, owner_id, created_at } = placement;
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
    /// How many earlier messages are sent at most.
    pub fn messages(&self) -> u32 {
        self.max_messages.unwrap_or(DEFAULT_MAX_MESSAGES)
    }
}

impl From<&ToolParameters> for Parameters {
    /// All but the output tokens, which a request states beside its parameters.
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

/// The domain's words carry no serde, so the format spells them here.
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
