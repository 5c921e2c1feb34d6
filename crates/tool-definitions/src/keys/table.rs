//! Table of the keys of a definition.

use causerie_domain::tools::ToolType;

use super::{Field, Rule, TextFormat};

/// Default of `history.max_messages`.
pub(crate) const DEFAULT_HISTORY_MESSAGES: u32 = 20;

/// Maximum number of fallback models in a request to the upstream.
const MAX_FALLBACK_MODELS: usize = 3;

const MAX_COUNT: i64 = u32::MAX as i64;

const MODEL_ID: Rule = Rule::Text { format: TextFormat::ModelId, max_chars: Some(200) };

/// Keys of a definition, in the usual order of a file.
pub(crate) const DEFINITION: &[Field] = &[
    Field {
        key: "name",
        required: true,
        description: "Unique name of the tool in URLs.",
        rule: Rule::Text { format: TextFormat::Slug, max_chars: Some(64) },
    },
    Field {
        key: "version",
        required: true,
        description: "Semantic version. A changed definition needs a new version; existing sessions keep the version that they started with.",
        rule: Rule::Text { format: TextFormat::SemanticVersion, max_chars: Some(64) },
    },
    Field {
        key: "type",
        required: true,
        description: "Type of the tool. `chat`: conversations with several messages.",
        rule: Rule::Enum { values: &[ToolType::Chat.as_str()], unsupported: &[ToolType::Product.as_str()] },
    },
    Field {
        key: "title",
        required: true,
        description: "Title of the tool in user interfaces.",
        rule: Rule::Text { format: TextFormat::SingleLine, max_chars: Some(200) },
    },
    Field {
        key: "description",
        required: false,
        description: "Short explanation of the purpose of the tool for users.",
        rule: Rule::Text { format: TextFormat::NonBlank, max_chars: None },
    },
    Field {
        key: "behavior",
        required: true,
        description: "System message. It is sent before the conversation, without changes.",
        rule: Rule::Text { format: TextFormat::NonBlank, max_chars: None },
    },
    Field {
        key: "model",
        required: false,
        description: "Model id, such as `anthropic/claude-sonnet-4.5`. Default: the default model of the installation.",
        rule: MODEL_ID,
    },
    Field {
        key: "fallback_models",
        required: false,
        description: "Up to three models that answer, in this order, if the first model fails.",
        rule: Rule::List { items: &MODEL_ID, max_items: Some(MAX_FALLBACK_MODELS) },
    },
    Field {
        key: "parameters",
        required: false,
        description: "Parameters of the model. An absent parameter is not sent, and the default of the provider applies.",
        rule: Rule::Mapping(PARAMETERS),
    },
    Field {
        key: "history",
        required: false,
        description: "Limits of the conversation history that is sent with a new message.",
        rule: Rule::Mapping(HISTORY),
    },
    Field {
        key: "cache",
        required: false,
        description: "Prompt cache of models that cache only up to breakpoints in the request. `auto` (default): breakpoints are set. `off`: no breakpoints, for tools whose sessions rarely have a second message.",
        rule: Rule::Enum { values: &["auto", "off"], unsupported: &[] },
    },
    Field {
        key: "limits",
        required: false,
        description: "Limits of new messages. A message beyond a limit is refused.",
        rule: Rule::Mapping(LIMITS),
    },
    Field {
        key: "greeting",
        required: false,
        description: "First message of each session, from the assistant. It is part of the history.",
        rule: Rule::Text { format: TextFormat::NonBlank, max_chars: None },
    },
    Field {
        key: "meta",
        required: false,
        description: "Additional data for clients. It is never sent to a model.",
        rule: Rule::AnyMapping,
    },
];

const PARAMETERS: &[Field] = &[
    Field {
        key: "temperature",
        required: false,
        description: "Sampling temperature from 0 (most likely words) to 2 (most random).",
        rule: Rule::Number { min: 0, max: 2 },
    },
    Field {
        key: "top_p",
        required: false,
        description: "Nucleus sampling: only the most likely words with this total probability are considered.",
        rule: Rule::Number { min: 0, max: 1 },
    },
    Field {
        key: "max_output_tokens",
        required: false,
        description: "Maximum number of tokens of an answer, reasoning included.",
        rule: Rule::Integer { min: 1, max: MAX_COUNT, default: None },
    },
    Field {
        key: "seed",
        required: false,
        description: "Seed for repeatable answers, if the provider supports it.",
        rule: Rule::Integer { min: i64::MIN, max: i64::MAX, default: None },
    },
    Field {
        key: "stop",
        required: false,
        description: "Up to four stop sequences. An answer ends before the first one.",
        rule: Rule::List {
            items: &Rule::Text { format: TextFormat::NonEmpty, max_chars: None },
            max_items: Some(4),
        },
    },
    Field {
        key: "reasoning",
        required: false,
        description: "Reasoning before the answer, for models that support it.",
        rule: Rule::Mapping(REASONING),
    },
];

const REASONING: &[Field] = &[Field {
    key: "effort",
    required: false,
    description: "Effort of the reasoning: a higher value allows more reasoning tokens.",
    rule: Rule::Enum {
        values: &["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        unsupported: &[],
    },
}];

const HISTORY: &[Field] = &[
    Field {
        key: "max_messages",
        required: false,
        description: "Maximum number of earlier messages that are sent. With 0, each message is sent without history.",
        rule: Rule::Integer { min: 0, max: 10_000, default: Some(DEFAULT_HISTORY_MESSAGES) },
    },
    Field {
        key: "max_tokens",
        required: false,
        description: "Maximum number of estimated tokens of these messages. The context length of the model always applies.",
        rule: Rule::Integer { min: 1, max: MAX_COUNT, default: None },
    },
    Field {
        key: "trim",
        required: false,
        description: "Place of the cut in a history that exceeds a limit. `block`: the first message stays the same until a limit is exceeded, then at most half of the limit remains, so that the provider can cache the prompt. `sliding`: the most recent turns that fit are sent. `auto` (default): `block` if the model has a lower price for cached input, otherwise `sliding`.",
        rule: Rule::Enum { values: &["auto", "block", "sliding"], unsupported: &[] },
    },
];

const LIMITS: &[Field] = &[
    Field {
        key: "max_input_chars",
        required: false,
        description: "Maximum number of characters of a message.",
        rule: Rule::Integer { min: 1, max: MAX_COUNT, default: None },
    },
    Field {
        key: "max_messages_per_session",
        required: false,
        description: "Maximum number of messages of a session, answers and greeting included.",
        rule: Rule::Integer { min: 2, max: MAX_COUNT, default: None },
    },
];
