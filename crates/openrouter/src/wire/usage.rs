//! The usage object of completions and of responses.

use causerie_domain::usage::{ReportedUsage, TokenCounts};

use super::leaf::{self, Leaf};
use super::object::objects;

objects! {
    struct Usage<'a> {
        prompt_tokens: Leaf<'a>,
        completion_tokens: Leaf<'a>,
        prompt_tokens_details: Leaf<'a>,
        completion_tokens_details: Leaf<'a>,
        // The names of the responses surface. No aliases: gateways send both, and an alias would refuse the second.
        input_tokens: Leaf<'a>,
        output_tokens: Leaf<'a>,
        input_tokens_details: Leaf<'a>,
        output_tokens_details: Leaf<'a>,
        cost: Leaf<'a>,
        cost_details: Leaf<'a>,
        is_byok: Leaf<'a>,
    }

    struct PromptDetails<'a> {
        cached_tokens: Leaf<'a>,
        cache_write_tokens: Leaf<'a>,
    }

    struct CompletionDetails<'a> {
        reasoning_tokens: Leaf<'a>,
    }

    struct CostDetails<'a> {
        upstream_inference_cost: Leaf<'a>,
    }
}

/// What a usage object says; `None` where it says nothing, as `{}` and `null` do.
///
/// Totals are left out on purpose: they are the sum of input and output wherever they were ever seen.
pub(crate) fn reported(usage: Leaf<'_>) -> Option<ReportedUsage> {
    let usage: Usage<'_> = leaf::object(usage);
    let prompt: PromptDetails<'_> = leaf::object(usage.prompt_tokens_details.or(usage.input_tokens_details));
    let completion: CompletionDetails<'_> =
        leaf::object(usage.completion_tokens_details.or(usage.output_tokens_details));
    let cost: CostDetails<'_> = leaf::object(usage.cost_details);
    let reported = ReportedUsage {
        tokens: TokenCounts {
            input: leaf::count(usage.prompt_tokens.or(usage.input_tokens)),
            output: leaf::count(usage.completion_tokens.or(usage.output_tokens)),
            cached: leaf::count(prompt.cached_tokens),
            cache_write: leaf::count(prompt.cache_write_tokens),
            reasoning: leaf::count(completion.reasoning_tokens),
        },
        cost: leaf::amount(usage.cost),
        upstream_inference_cost: leaf::amount(cost.upstream_inference_cost),
        is_byok: leaf::flag(usage.is_byok).unwrap_or(false),
    };
    (reported != ReportedUsage::default()).then_some(reported)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn read(json: &str) -> Option<ReportedUsage> {
        reported(serde_json::from_str::<Option<&RawValue>>(json).unwrap())
    }

    #[test]
    fn nothing_said_is_nothing_reported() {
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
    fn a_spoilt_detail_does_not_hide_the_rest() {
        let usage =
            read(r#"{"prompt_tokens":7,"prompt_tokens_details":[],"cost":"0.5","is_byok":"no"}"#).unwrap();
        assert_eq!(usage.tokens.input, Some(7));
        assert_eq!(usage.tokens.cached, None);
        assert_eq!(usage.cost.unwrap().to_string(), "0.5");
        assert!(!usage.is_byok);
    }
}
