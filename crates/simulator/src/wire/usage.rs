//! Usage object of 2026, and its older form without accounting.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::wire::credits::Credits;

/// Form of the member `usage`.
#[derive(Clone, Debug)]
pub(crate) enum UsageMember {
    Full(Box<Usage>),
    /// `"usage": null`
    Null,
    /// `"usage": {}`
    Empty,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) total_tokens: u64,
    #[serde(flatten)]
    pub(crate) accounting: Option<Accounting>,
}

/// Members of usage that responses until October 2025 do not have.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Accounting {
    pub(crate) cost: JsonNumber,
    pub(crate) is_byok: bool,
    pub(crate) prompt_tokens_details: PromptDetails,
    pub(crate) cost_details: CostDetails,
    pub(crate) completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PromptDetails {
    pub(crate) cached_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    pub(crate) audio_tokens: u64,
    pub(crate) video_tokens: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CostDetails {
    pub(crate) upstream_inference_cost: Credits,
    pub(crate) upstream_inference_prompt_cost: Credits,
    pub(crate) upstream_inference_completions_cost: Credits,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CompletionDetails {
    pub(crate) reasoning_tokens: u64,
    pub(crate) image_tokens: u64,
    pub(crate) audio_tokens: u64,
}

/// Number as JSON text: an exact amount, or a literal from a parameter.
#[derive(Clone, Debug)]
pub(crate) enum JsonNumber {
    Exact(Credits),
    Literal(String),
}

impl Serialize for UsageMember {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Full(usage) => usage.serialize(serializer),
            Self::Null => serializer.serialize_none(),
            Self::Empty => serde_json::Map::new().serialize(serializer),
        }
    }
}

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(credits) => credits.serialize(serializer),
            Self::Literal(text) => {
                RawValue::from_string(text.clone()).map_err(S::Error::custom)?.serialize(serializer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_usage_has_three_members() {
        let usage = Usage { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, accounting: None };
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(text, r#"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#);
    }

    #[test]
    fn a_literal_is_serialized_unchanged() {
        let text = serde_json::to_string(&JsonNumber::Literal("6e-05".to_owned())).unwrap();
        assert_eq!(text, "6e-05");
    }
}
