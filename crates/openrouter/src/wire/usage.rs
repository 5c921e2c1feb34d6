//! The usage object of chat completions and of the Responses API.

use causerie_domain::usage::{ReportedUsage, TokenCounts};

use super::object::wire_objects;
use super::raw_field::{self, RawField};

wire_objects! {
    struct Usage<'a> {
        prompt_tokens: RawField<'a>,
        completion_tokens: RawField<'a>,
        prompt_tokens_details: RawField<'a>,
        completion_tokens_details: RawField<'a>,
        // The names of the Responses API. They are not aliases, because an alias rejects a document with both names.
        input_tokens: RawField<'a>,
        output_tokens: RawField<'a>,
        input_tokens_details: RawField<'a>,
        output_tokens_details: RawField<'a>,
        cost: RawField<'a>,
        cost_details: RawField<'a>,
        is_byok: RawField<'a>,
    }

    struct PromptDetails<'a> {
        cached_tokens: RawField<'a>,
        cache_write_tokens: RawField<'a>,
    }

    struct CompletionDetails<'a> {
        reasoning_tokens: RawField<'a>,
    }

    struct CostDetails<'a> {
        upstream_inference_cost: RawField<'a>,
    }
}

/// A decoded usage object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodedUsage {
    pub(crate) usage: ReportedUsage,
    /// Whether a token count is negative or larger than 2^53. All counts are left out then.
    pub(crate) has_impossible_counts: bool,
}

/// Decodes a usage object; `None` if it has no value, as `{}` and `null`.
///
/// Totals are not read: in all known responses they are the sum of input and output.
pub(crate) fn decode(usage: RawField<'_>) -> Option<DecodedUsage> {
    let usage: Usage<'_> = raw_field::object(usage);
    let prompt: PromptDetails<'_> =
        raw_field::object(usage.prompt_tokens_details.or(usage.input_tokens_details));
    let completion: CompletionDetails<'_> =
        raw_field::object(usage.completion_tokens_details.or(usage.output_tokens_details));
    let cost: CostDetails<'_> = raw_field::object(usage.cost_details);
    let counts = [
        usage.prompt_tokens.or(usage.input_tokens),
        usage.completion_tokens.or(usage.output_tokens),
        prompt.cached_tokens,
        prompt.cache_write_tokens,
        completion.reasoning_tokens,
    ];
    let has_impossible_counts = counts.into_iter().any(raw_field::is_impossible_count);
    let mut reported = ReportedUsage {
        tokens: TokenCounts {
            input: raw_field::count(usage.prompt_tokens.or(usage.input_tokens)),
            output: raw_field::count(usage.completion_tokens.or(usage.output_tokens)),
            cached: raw_field::count(prompt.cached_tokens),
            cache_write: raw_field::count(prompt.cache_write_tokens),
            reasoning: raw_field::count(completion.reasoning_tokens),
        },
        cost: raw_field::usd(usage.cost),
        upstream_inference_cost: raw_field::usd(cost.upstream_inference_cost),
        is_byok: raw_field::boolean(usage.is_byok).unwrap_or(false),
    };
    if has_impossible_counts {
        reported.tokens = TokenCounts::default();
    }
    let has_value = reported != ReportedUsage::default() || has_impossible_counts;
    has_value.then_some(DecodedUsage { usage: reported, has_impossible_counts })
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn read(json: &str) -> Option<ReportedUsage> {
        decode(serde_json::from_str::<Option<&RawValue>>(json).unwrap()).map(|decoded| decoded.usage)
    }

    #[test]
    fn one_impossible_count_voids_all_counts_and_no_cost() {
        for impossible in ["-1", "9007199254740993", "1e300"] {
            let json = format!(
                r#"{{"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{{"cached_tokens":{impossible}}},"cost":0.5}}"#
            );
            let usage = read(&json).unwrap();
            assert_eq!(usage.tokens, TokenCounts::default(), "{impossible}");
            assert!(usage.cost.is_some());
        }
    }

    #[test]
    fn a_usage_object_without_values_is_none() {
        for json in ["null", "{}", "[]", "\"?\"", r#"{"prompt_tokens":null}"#, r#"{"cost":null}"#] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn counts_under_both_names_are_read_once() {
        let usage = read(
            r#"{"prompt_tokens":7,"input_tokens":7,"completion_tokens":2,"output_tokens":2,"cost":0.5,
                "prompt_tokens_details":{"cached_tokens":3},"input_tokens_details":{"cached_tokens":3}}"#,
        );
        let usage = usage.unwrap();
        assert_eq!(
            (usage.tokens.input, usage.tokens.output, usage.tokens.cached),
            (Some(7), Some(2), Some(3))
        );
        assert!(usage.cost.is_some());
    }

    #[test]
    fn a_field_of_another_type_does_not_hide_the_others() {
        let usage =
            read(r#"{"prompt_tokens":7,"prompt_tokens_details":[],"cost":"0.5","is_byok":"no"}"#).unwrap();
        assert_eq!(usage.tokens.input, Some(7));
        assert_eq!(usage.tokens.cached, None);
        assert_eq!(usage.cost.unwrap().to_string(), "0.5");
        assert!(!usage.is_byok);
    }
}
