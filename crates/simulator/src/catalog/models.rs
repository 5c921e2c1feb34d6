//! Entries of the model list; data of the real models as of August 2026.

/// A model in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedModel {
    pub(crate) id: &'static str,
    pub(crate) canonical_slug: &'static str,
    /// Model id in answers.
    pub(crate) served_as: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) context_length: Option<u64>,
    pub(crate) max_completion_tokens: Option<u64>,
    pub(crate) input_modalities: &'static [&'static str],
    pub(crate) prices: ListedPrices,
    pub(crate) alias_target: Option<(&'static str, &'static str)>,
}

/// Listed prices: decimal text in USD per token or per search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedPrices {
    pub(crate) prompt: &'static str,
    pub(crate) completion: &'static str,
    pub(crate) cache_read: Option<&'static str>,
    pub(crate) cache_write: Option<&'static str>,
    pub(crate) web_search: Option<&'static str>,
    /// Number of prompt tokens above which other prices apply, and those prompt and completion prices.
    pub(crate) above_prompt_tokens: Option<(u64, &'static str, &'static str)>,
}

pub(crate) const SCENARIO_PRICES: ListedPrices = ListedPrices {
    prompt: "0.000001",
    completion: "0.000002",
    cache_read: Some("0.0000001"),
    cache_write: Some("0.00000125"),
    web_search: None,
    above_prompt_tokens: None,
};

pub(crate) const FREE: ListedPrices = ListedPrices {
    prompt: "0",
    completion: "0",
    cache_read: None,
    cache_write: None,
    web_search: None,
    above_prompt_tokens: None,
};

/// Context length of `sim/small-context`, which refuses longer inputs.
pub(crate) const SMALL_CONTEXT: u64 = 1_000;

pub(crate) const REAL_MODELS: &[ListedModel] = &[
    ListedModel {
        id: "anthropic/claude-sonnet-4.5",
        canonical_slug: "anthropic/claude-4.5-sonnet-20250929",
        served_as: "anthropic/claude-4.5-sonnet-20250929",
        name: "Anthropic: Claude Sonnet 4.5",
        description: "Listed with higher prices for long prompts.",
        context_length: Some(1_000_000),
        max_completion_tokens: Some(64_000),
        input_modalities: &["text", "image", "file"],
        prices: ListedPrices {
            prompt: "0.000003",
            completion: "0.000015",
            cache_read: Some("0.0000003"),
            cache_write: Some("0.00000375"),
            web_search: Some("0.01"),
            above_prompt_tokens: Some((200_000, "0.000006", "0.0000225")),
        },
        alias_target: None,
    },
    ListedModel {
        id: "anthropic/claude-haiku-4.5",
        canonical_slug: "anthropic/claude-4.5-haiku-20251001",
        served_as: "anthropic/claude-4.5-haiku-20251001",
        name: "Anthropic: Claude Haiku 4.5",
        description: "Listed with cache prices.",
        context_length: Some(200_000),
        max_completion_tokens: Some(64_000),
        input_modalities: &["text", "image", "file"],
        prices: HAIKU,
        alias_target: None,
    },
    ListedModel {
        id: "~anthropic/claude-haiku-latest",
        canonical_slug: "~anthropic/claude-haiku-latest",
        served_as: "anthropic/claude-4.5-haiku-20251001",
        name: "Anthropic Claude Haiku Latest",
        description: "An alias that moves with the family.",
        context_length: Some(200_000),
        max_completion_tokens: Some(64_000),
        input_modalities: &["text", "image", "file"],
        prices: HAIKU,
        alias_target: Some(("anthropic/claude-haiku-4.5", "Anthropic: Claude Haiku 4.5")),
    },
    ListedModel {
        id: "openai/gpt-5-mini",
        canonical_slug: "openai/gpt-5-mini-2025-08-07",
        served_as: "openai/gpt-5-mini-2025-08-07",
        name: "OpenAI: GPT-5 Mini",
        description: "Listed with a cache-read price only.",
        context_length: Some(400_000),
        max_completion_tokens: Some(128_000),
        input_modalities: &["text", "image", "file"],
        prices: ListedPrices {
            prompt: "0.00000025",
            completion: "0.000002",
            cache_read: Some("0.000000025"),
            web_search: Some("0.01"),
            ..FREE
        },
        alias_target: None,
    },
    ListedModel {
        id: "google/gemini-3.6-flash",
        canonical_slug: "google/gemini-3.6-flash-20260721",
        served_as: "google/gemini-3.6-flash-20260721",
        name: "Google: Gemini 3.6 Flash",
        description: "Listed with a price of sixteen fractional digits.",
        context_length: Some(1_048_576),
        max_completion_tokens: Some(65_536),
        input_modalities: &["text", "image", "video", "file", "audio"],
        prices: ListedPrices {
            prompt: "0.00000075",
            completion: "0.00000375",
            cache_read: Some("0.000000075"),
            cache_write: Some("0.0000000416666666666667"),
            web_search: Some("0.014"),
            above_prompt_tokens: None,
        },
        alias_target: None,
    },
    ListedModel {
        id: "deepseek/deepseek-v4-flash",
        canonical_slug: "deepseek/deepseek-v4-flash-20260423",
        served_as: "deepseek/deepseek-v4-flash-20260423",
        name: "DeepSeek: DeepSeek V4 Flash 0423",
        description: "Listed with prices below a ten-millionth of a dollar.",
        context_length: Some(1_048_576),
        max_completion_tokens: Some(384_000),
        input_modalities: &["text"],
        prices: ListedPrices {
            prompt: "0.00000006986",
            completion: "0.00000013972",
            cache_read: Some("0.000000013972"),
            ..FREE
        },
        alias_target: None,
    },
    ListedModel {
        id: "meta/muse-glimmer-30b",
        canonical_slug: "meta/muse-glimmer-30b-20260810",
        served_as: "meta/muse-glimmer-30b-20260810",
        name: "Meta: Muse Glimmer 30B",
        description: "Listed without an output limit.",
        context_length: Some(131_072),
        max_completion_tokens: None,
        input_modalities: &["text", "image"],
        prices: ListedPrices {
            prompt: "0.00000035",
            completion: "0.0000015",
            cache_read: Some("0.00000004"),
            ..FREE
        },
        alias_target: None,
    },
    ListedModel {
        id: "dots-studio/dots-3-note-preview:free",
        canonical_slug: "dots-studio/dots-3-note-preview-20260813",
        served_as: "dots-studio/dots-3-note-preview-20260813:free",
        name: "Dots Studio: Dots3-Note Preview (free)",
        description: "Listed as free.",
        context_length: Some(512_000),
        max_completion_tokens: Some(512_000),
        input_modalities: &["text", "image"],
        prices: FREE,
        alias_target: None,
    },
    ListedModel {
        id: "openrouter/auto",
        canonical_slug: "openrouter/auto",
        served_as: "openai/gpt-5-mini-2025-08-07",
        name: "Auto Router",
        description: "A router: its price depends on the selected model.",
        context_length: Some(2_000_000),
        max_completion_tokens: None,
        input_modalities: &["text", "image", "file"],
        prices: ListedPrices { prompt: "-1", completion: "-1", ..FREE },
        alias_target: None,
    },
];

const HAIKU: ListedPrices = ListedPrices {
    prompt: "0.000001",
    completion: "0.000005",
    cache_read: Some("0.0000001"),
    cache_write: Some("0.00000125"),
    web_search: Some("0.01"),
    above_prompt_tokens: None,
};
