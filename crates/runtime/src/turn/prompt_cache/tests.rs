//! Reasons for which a provider does not read the beginning of a request from its cache.

use std::time::Duration;

use causerie_domain::completion::Parameters;
use causerie_domain::principal::Requester;
use causerie_domain::usage::{CostBasis, Settlement, TokenCounts, UsageOutcome, UsageProgress};
use causerie_domain::{UsageId, Usd, UserId};
use uuid::Uuid;

use super::*;
use crate::context::tests::{conversation, input_with};
use crate::context::{Context, TokenBudget, build, fixed_prompt};

const SENT: Timestamp = Timestamp::from_micros(1_000_000);
const MODEL: &str = "openai/gpt-5-mini";

/// Request that has ended, and everything that it is judged by.
#[derive(Clone)]
struct Ended {
    tool_version_id: ToolVersionId,
    input: ContextInput,
    request: CompletionRequest,
    history: SeqRanges,
    first_seq: i64,
    sent_at: Timestamp,
    prices: Pricing,
    usage: CloseUsage,
}

impl Ended {
    /// Creates a request that follows these messages, with 2000 counted tokens.
    fn after(texts: &[&str]) -> Self {
        Ended::of(input_with(&conversation(1, texts), None))
    }

    fn of(input: ContextInput) -> Self {
        let budget =
            TokenBudget { input_tokens: 10_000, max_output_tokens: 10, context_length_assumed: false };
        let fixed = fixed_prompt(&input.system, &input.content, 0, budget, input.ratio).unwrap();
        let Context { messages, report, history, .. } = build(&input, fixed);
        let tokens = TokenCounts { input: Some(2000), cached: Some(0), ..TokenCounts::default() };
        Ended {
            tool_version_id: ToolVersionId::from_uuid(Uuid::nil()),
            request: CompletionRequest {
                model: MODEL.to_owned(),
                fallback_models: Vec::new(),
                messages,
                parameters: Parameters::default(),
                max_tokens: 10,
                user: None,
                session: None,
                requester: Requester { user_id: UserId::from_uuid(Uuid::nil()), group_id: None },
            },
            input,
            history,
            first_seq: report.first_seq.unwrap(),
            sent_at: SENT,
            prices: Pricing {
                prompt: Some(Usd::from_pico(10)),
                cache_read: Some(Usd::from_pico(1)),
                cache_write: Some(Usd::from_pico(12)),
                ..Pricing::default()
            },
            usage: CloseUsage {
                id: UsageId::from_uuid(Uuid::nil()),
                outcome: UsageOutcome::Completed,
                failure: None,
                progress: UsageProgress {
                    model_served: Some("served".to_owned()),
                    provider: Some("One".to_owned()),
                    ..UsageProgress::default()
                },
                tokens,
                settlement: Settlement {
                    cost: None,
                    basis: CostBasis::Unknown,
                    reported: None,
                    calculated: None,
                    cache_saved: None,
                },
                duration: Duration::ZERO,
                closed_at: SENT,
                cache_miss: None,
                next_lookup_at: None,
            },
        }
    }

    fn sent(&self) -> SentRequest<'_> {
        SentRequest {
            tool_version_id: self.tool_version_id,
            request: &self.request,
            input: &self.input,
            history: &self.history,
            first_seq: self.first_seq,
            answer_seq: self.input.new_seq + 1,
            sent_at: self.sent_at,
            prices: Some(&self.prices),
            usage: &self.usage,
        }
    }

    fn miss_after(&self, last: &Ended) -> Option<CacheMiss> {
        self.sent().cache_miss(&last.sent().last_request())
    }

    fn changed(&self, change: impl FnOnce(&mut Ended)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

#[test]
fn the_first_difference_is_the_reason() {
    // The new message of the first request is the third one of the history of the second.
    let last = Ended::after(&["a", "b"]);
    let next = Ended::after(&["a", "b", "new", "d"]);
    let check = |next: Ended, expected| assert_eq!(next.miss_after(&last), Some(expected));
    check(next.clone(), CacheMiss::Unknown);
    check(
        next.changed(|next| next.tool_version_id = ToolVersionId::from_uuid(Uuid::max())),
        CacheMiss::ToolVersion,
    );
    check(next.changed(|next| next.request.model = "other/model".to_owned()), CacheMiss::Model);
    let other = || Some("other".to_owned());
    check(next.changed(|next| next.usage.progress.model_served = other()), CacheMiss::Model);
    check(next.changed(|next| next.usage.progress.provider = other()), CacheMiss::Provider);
    let later = next.changed(|next| next.sent_at = SENT + CACHE_TIME);
    check(later.clone(), CacheMiss::Idle);
    check(later.changed(|next| next.usage.progress.provider = other()), CacheMiss::Provider);
    let again = last.changed(|again| again.input.content.clear());
    check(again, CacheMiss::Unknown);

    let input = input_with(&conversation(1, &["a", "b", "new", "d"]), None);
    let cut = ContextInput { max_history_messages: 2, ..input.clone() };
    check(Ended::of(cut), CacheMiss::Cut);
    let mut withheld = ContextInput { content: "other".to_owned(), ..input.clone() };
    withheld.history[2].message.withheld_from = Some(5);
    check(Ended::of(withheld.clone()), CacheMiss::Withheld);
    withheld.history[2].message.withheld_from = Some(4);
    check(Ended::of(withheld), CacheMiss::Unknown);
    let mut merged = input.clone();
    merged.history[3].message.content.clear();
    check(Ended::of(merged), CacheMiss::Merged);
    let merged_earlier = Ended::after(&["a", "b", "new", "", "e", "f"]);
    check(merged_earlier, CacheMiss::Merged);
    let mut changed = input;
    changed.history[0].message.content = "A".to_owned();
    check(Ended::of(changed), CacheMiss::Unknown);
}

#[test]
fn a_beginning_that_was_read_or_not_expected_has_no_reason() {
    let last = Ended::after(&["a", "b"]);
    let next = Ended::after(&["a", "b", "new", "d"]);
    // The provider keeps whole steps of 2000 tokens: 1920.
    for (cached, expected) in [
        (None, None),
        (Some(0), Some(CacheMiss::Unknown)),
        (Some(959), Some(CacheMiss::Unknown)),
        (Some(960), None),
    ] {
        let next = next.changed(|next| next.usage.tokens.cached = cached);
        assert_eq!(next.miss_after(&last), expected, "{cached:?}");
    }
    let short = last.changed(|last| last.usage.tokens.input = Some(1023));
    assert_eq!(next.miss_after(&short), None);
    let not_cheaper = last.changed(|last| last.prices.cache_read = last.prices.prompt);
    assert_eq!(next.miss_after(&not_cheaper), None);
}

#[test]
fn a_model_with_breakpoints_keeps_what_they_mark() {
    let marked = |marks: &[usize]| {
        let ended = Ended::after(&["a", "b"]).changed(|ended| {
            ended.request.model = "anthropic/claude-sonnet-4.5".to_owned();
            for mark in marks {
                ended.request.messages[*mark].cache_breakpoint = true;
            }
        });
        ended.sent().last_request()
    };
    assert_eq!(marked(&[0, 3]).kept_tokens, 2000);
    // The system message has two characters, and four tokens around it.
    assert_eq!(marked(&[0]).kept_tokens, 6);
    assert_eq!(marked(&[]).kept_tokens, 0);
    assert_eq!(marked(&[0, 3]).sha256, marked(&[]).sha256, "breakpoints are no text");
}
