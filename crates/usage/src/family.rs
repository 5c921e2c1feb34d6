//! Families of tokenizers, with the initial number of characters per token in English prose.
//!
//! The source of the numbers is in `docs/decisions/token-estimate.md`. Counts reported for a model correct them later.

/// Models that share a tokenizer or have similar ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenizerFamily {
    /// OpenAI: GPT and the o-series.
    Gpt,
    /// Anthropic.
    Claude,
    /// Google: Gemini and Gemma.
    Gemini,
    /// Meta's Llama 3 and later, and models derived from it.
    Llama,
    /// Mistral AI.
    Mistral,
    /// Alibaba.
    Qwen,
    /// DeepSeek.
    DeepSeek,
    /// All others, and routers that choose the model.
    Other,
}

/// Substrings of model ids and their families; the first match decides. A model that is distilled into another one
/// has the tokenizer of the latter, so Llama and Qwen come before DeepSeek.
const ID_PATTERNS: [(&str, TokenizerFamily); 15] = [
    ("llama", TokenizerFamily::Llama),
    ("qwen", TokenizerFamily::Qwen),
    ("qwq", TokenizerFamily::Qwen),
    ("hermes", TokenizerFamily::Llama),
    ("sonar", TokenizerFamily::Llama),
    ("claude", TokenizerFamily::Claude),
    ("anthropic/", TokenizerFamily::Claude),
    ("gemini", TokenizerFamily::Gemini),
    ("gemma", TokenizerFamily::Gemini),
    ("google/", TokenizerFamily::Gemini),
    ("mistral", TokenizerFamily::Mistral),
    ("mixtral", TokenizerFamily::Mistral),
    ("deepseek", TokenizerFamily::DeepSeek),
    ("openai/", TokenizerFamily::Gpt),
    ("gpt-", TokenizerFamily::Gpt),
];

impl TokenizerFamily {
    /// Returns the family of a model by its id.
    pub fn of(model: &str) -> Self {
        let id = model.to_ascii_lowercase();
        let found = ID_PATTERNS.iter().find(|(word, _)| id.contains(word));
        found.map_or(TokenizerFamily::Other, |(_, family)| *family)
    }

    /// Returns the characters of English prose per token, in thousandths.
    pub(crate) const fn millichars(self) -> u32 {
        match self {
            TokenizerFamily::Gpt | TokenizerFamily::Gemini | TokenizerFamily::Other => 4000,
            TokenizerFamily::Llama => 3900,
            TokenizerFamily::Claude | TokenizerFamily::Mistral | TokenizerFamily::Qwen => 3500,
            TokenizerFamily::DeepSeek => 3300,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TokenizerFamily::{Claude, DeepSeek, Gemini, Gpt, Llama, Mistral, Other, Qwen};
    use super::*;

    #[test]
    fn a_model_belongs_to_the_family_whose_tokenizer_it_has() {
        let check = |model: &str, family: TokenizerFamily| {
            assert_eq!(TokenizerFamily::of(model), family, "{model}");
        };
        check("openai/gpt-5-mini-2025-08-07", Gpt);
        check("openai/o3", Gpt);
        check("openai/gpt-oss-120b:free", Gpt);
        check("anthropic/claude-4.6-sonnet-20260217", Claude);
        check("~anthropic/claude-haiku-latest", Claude);
        check("google/gemini-2.5-flash:nitro", Gemini);
        check("google/gemma-3-27b-it", Gemini);
        check("meta-llama/llama-3.3-70b-instruct", Llama);
        check("nvidia/Llama-3.1-Nemotron-Ultra-253B", Llama);
        check("nousresearch/hermes-4-405b", Llama);
        check("perplexity/sonar", Llama);
        check("mistralai/devstral-small-2505", Mistral);
        check("mistralai/mixtral-8x22b-instruct", Mistral);
        check("qwen/qwen3-max", Qwen);
        check("qwen/qwq-32b", Qwen);
        check("deepseek/deepseek-v4-flash", DeepSeek);
        check("deepseek/deepseek-r1-distill-llama-70b", Llama);
        check("deepseek/deepseek-r1-0528-qwen3-8b:free", Qwen);
        check("x-ai/grok-4", Other);
        check("openrouter/auto", Other);
        check("", Other);
    }
}
