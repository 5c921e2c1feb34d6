//! The entries of the model list: facts of the real ones are those of August 2026.

use crate::scenario::Scenario;

/// One entry, before it becomes JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) id: &'static str,
    pub(super) canonical_slug: &'static str,
    /// The id that answers carry.
    pub(super) served_as: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) context_length: Option<u64>,
    pub(super) max_completion_tokens: Option<u64>,
    pub(super) input_modalities: &'static [&'static str],
    pub(super) prices: PriceTexts,
    pub(super) alias_target: Option<(&'static str, &'static str)>,
}

/// Prices as they are listed: decimal text, USD per token or per search.
#[derive(Clone, Copy, Debug)]
pub(super) struct PriceTexts {
    pub(super) prompt: &'static str,
    pub(super) completion: &'static str,
    pub(super) cache_read: Option<&'static str>,
    pub(super) cache_write: Option<&'static str>,
    pub(super) web_search: Option<&'static str>,
    /// Above so many prompt tokens: prompt price, completion price.
    pub(super) above_prompt_tokens: Option<(u64, &'static str, &'static str)>,
}

pub(super) const PRICES_OF_A_SCENARIO: PriceTexts = PriceTexts {
    prompt: "0.000001",
    completion: "0.000002",
    cache_read: Some("0.0000001"),
    cache_write: Some("0.00000125"),
    web_search: None,
    above_prompt_tokens: None,
};

pub(super) const FREE: PriceTexts = PriceTexts {
    prompt: "0",
    completion: "0",
    cache_read: None,
    cache_write: None,
    web_search: None,
    above_prompt_tokens: None,
};

/// The context length of `sim/small-context`, which refuses what is longer.
pub(crate) const SMALL_CONTEXT: u64 = 1_000;

pub(super) fn of_scenario(scenario: &'static Scenario) -> Listed {
    let small = scenario.name() == "small-context";
    Listed {
        id: scenario.model,
        canonical_slug: scenario.model,
        served_as: scenario.model,
        name: scenario.model,
        description: scenario.summary,
        context_length: Some(if small { SMALL_CONTEXT } else { 128_000 }),
        max_completion_tokens: Some(if small { 500 } else { 16_384 }),
        input_modalities: &["text", "image", "file"],
        prices: PRICES_OF_A_SCENARIO,
        alias_target: None,
    }
}

pub(super) const REAL: &[Listed] = &[
    Listed {
        id: "anthropic/claude-sonnet-4.5",
        canonical_slug: "anthropic/claude-4.5-sonnet-20250929",
        served_as: "anthropic/claude-4.5-sonnet-20250929",
        name: "Anthropic: Claude Sonnet 4.5",
        description: "Listed with a dearer tier for long prompts.",
        context_length: Some(1_000_000),
        max_completion_tokens: Some(64_000),
        input_modalities: &["text", "image", "file"],
        prices: PriceTexts {
            prompt: "0.000003",
            completion: "0.000015",
            cache_read: Some("0.0000003"),
            cache_write: Some("0.00000375"),
            web_search: Some("0.01"),
            above_prompt_tokens: Some((200_000, "0.000006", "0.0000225")),
        },
        alias_target: None,
    },
    Listed {
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
    Listed {
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
    Listed {
        id: "openai/gpt-5-mini",
        canonical_slug: "openai/gpt-5-mini-2025-08-07",
        served_as: "openai/gpt-5-mini-2025-08-07",
        name: "OpenAI: GPT-5 Mini",
        description: "Listed with a cache-read price only.",
        context_length: Some(400_000),
        max_completion_tokens: Some(128_000),
        input_modalities: &["text", "image", "file"],
        prices: PriceTexts {
            prompt: "0.00000025",
            completion: "0.000002",
            cache_read: Some("0.000000025"),
            web_search: Some("0.01"),
            ..FREE
        },
        alias_target: None,
    },
    Listed {
        id: "google/gemini-3.6-flash",
        canonical_slug: "google/gemini-3.6-flash-20260721",
        served_as: "google/gemini-3.6-flash-20260721",
        name: "Google: Gemini 3.6 Flash",
        description: "Listed with a price of sixteen fractional digits.",
        context_length: Some(1_048_576),
        max_completion_tokens: Some(65_536),
        input_modalities: &["text", "image", "video", "file", "audio"],
        prices: PriceTexts {
            prompt: "0.00000075",
            completion: "0.00000375",
            cache_read: Some("0.000000075"),
            cache_write: Some("0.0000000416666666666667"),
            web_search: Some("0.014"),
            above_prompt_tokens: None,
        },
        alias_target: None,
    },
    Listed {
        id: "deepseek/deepseek-v4-flash",
        canonical_slug: "deepseek/deepseek-v4-flash-20260423",
        served_as: "deepseek/deepseek-v4-flash-20260423",
        name: "DeepSeek: DeepSeek V4 Flash 0423",
        description: "Listed with prices below a ten-millionth of a dollar.",
        context_length: Some(1_048_576),
        max_completion_tokens: Some(384_000),
        input_modalities: &["text"],
        prices: PriceTexts {
            prompt: "0.00000006986",
            completion: "0.00000013972",
            cache_read: Some("0.000000013972"),
            ..FREE
        },
        alias_target: None,
    },
    Listed {
        id: "meta/muse-glimmer-30b",
        canonical_slug: "meta/muse-glimmer-30b-20260810",
        served_as: "meta/muse-glimmer-30b-20260810",
        name: "Meta: Muse Glimmer 30B",
        description: "Listed without an output limit.",
        context_length: Some(131_072),
        max_completion_tokens: None,
        input_modalities: &["text", "image"],
        prices: PriceTexts {
            prompt: "0.00000035",
            completion: "0.0000015",
            cache_read: Some("0.00000004"),
            ..FREE
        },
        alias_target: None,
    },
    Listed {
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
    Listed {
        id: "openrouter/auto",
        canonical_slug: "openrouter/auto",
        served_as: "openai/gpt-5-mini-2025-08-07",
        name: "Auto Router",
        description: "A router: its price is unknown until it has chosen.",
        context_length: Some(2_000_000),
        max_completion_tokens: None,
        input_modalities: &["text", "image", "file"],
        prices: PriceTexts { prompt: "-1", completion: "-1", ..FREE },
        alias_target: None,
    },
];

const HAIKU: PriceTexts = PriceTexts {
    prompt: "0.000001",
    completion: "0.000005",
    cache_read: Some("0.0000001"),
    cache_write: Some("0.00000125"),
    web_search: Some("0.01"),
    above_prompt_tokens: None,
};
