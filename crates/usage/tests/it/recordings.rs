//! The cost of recorded answers, calculated from their tokens and the prices at the time.
//!
//! The figures are copied from the recorded bodies that `openrouter/tests` decodes; prices are USD per million tokens.
//! The upstream multiplies in binary floats, so its figure can differ by less than the last digit it prints.

use causerie_domain::models::Pricing;
use causerie_domain::usage::{CostBasis, ReportedUsage, TokenCounts, UsageOutcome};
use causerie_domain::{Timestamp, Usd};
use causerie_usage::{EstimatedTokens, RequestEnd, settle};

/// A recorded answer: its tokens as `[input, cached, cache_write, output, reasoning]`.
struct Bill {
    file: &'static str,
    tokens: [u64; 5],
    cost: Option<&'static str>,
    charge: Option<&'static str>,
    is_byok: bool,
}

const fn bill(file: &'static str, tokens: [u64; 5], cost: &'static str) -> Bill {
    Bill { file, tokens, cost: Some(cost), charge: None, is_byok: false }
}

/// USD per million tokens: prompt, completion, cache read, cache write; empty where the catalogue lists none.
type Prices = [&'static str; 4];

const HAIKU: Prices = ["1", "5", "0.1", "1.25"];
const SONNET: Prices = ["3", "15", "0.3", "3.75"];
const OPUS: Prices = ["5", "25", "0.5", "6.25"];
const GEMINI_FLASH: Prices = ["0.3", "2.5", "0.03", "0.083333"];
const GPT_4O_MINI: Prices = ["0.15", "0.6", "0.075", ""];
const O3: Prices = ["2", "8", "0.5", ""];
const O4_MINI: Prices = ["1.1", "4.4", "0.275", ""];
const GROK_4: Prices = ["3", "15", "0.75", ""];
const GPT_4_1_MINI: Prices = ["0.4", "1.6", "0.1", ""];
const FREE: Prices = ["0", "0", "", ""];

#[test]
fn a_calculated_cost_equals_the_reported_one() {
    let check = |bill: Bill, prices: Prices| {
        let settled = settle_bill(&bill, prices);
        assert_eq!(settled.basis, CostBasis::Reported, "{}", bill.file);
        assert_eq!(settled.calculated, settled.reported, "{}", bill.file);
        assert_eq!(settled.cost.map(|cost| cost.to_string()).as_deref(), bill.cost, "{}", bill.file);
    };
    check(bill("json_cache_write.json", [2572, 0, 2569, 63, 0], "0.01058775"), SONNET);
    check(bill("json_cache_read_and_write.json", [2649, 2569, 79, 100, 0], "0.00256995"), SONNET);
    check(bill("text_usage_chunk_empty_choices.sse", [254, 0, 0, 5, 0], "0.000837"), SONNET);
    check(bill("reasoning_claude_signature.sse", [43, 0, 0, 36, 13], "0.000669"), SONNET);
    check(bill("text_haiku_two_finish_chunks.sse", [15, 0, 0, 9, 0], "0.00006"), HAIKU);
    check(bill("tool_call_haiku_bedrock.sse", [633, 0, 0, 75, 0], "0.001008"), HAIKU);
    check(bill("tool_call_with_reasoning.sse", [626, 0, 0, 106, 54], "0.001156"), HAIKU);
    check(bill("json_content_null_stop.json", [633, 0, 0, 9, 0], "0.000678"), HAIKU);
    check(bill("tool_parallel_opus5.sse", [425, 0, 0, 63, 0], "0.0037"), OPUS);
    check(bill("cached_tokens_stream.sse", [4597, 4480, 0, 4, 0], "0.00035595"), GPT_4O_MINI);
    check(bill("logprobs.sse", [12, 0, 0, 2, 0], "0.000003"), GPT_4O_MINI);
    check(bill("reasoning_o3_encrypted.sse", [9, 0, 0, 104, 0], "0.00085"), O3);
    check(
        bill("json_length_content_null_reasoning_exhausted.json", [57, 0, 0, 1984, 1984], "0.0087923"),
        O4_MINI,
    );
    check(bill("text_grok4_fallback_cached_encrypted.sse", [687, 679, 0, 187, 118], "0.00333825"), GROK_4);
    // More reasoning than output, and an error after the tokens; the model is free.
    check(bill("error_inband_400_after_length.sse", [43, 0, 0, 10, 11], "0"), FREE);
}

#[test]
fn tokens_read_and_written_are_charged_for_both() {
    // The price of a write has more digits than a pico-dollar holds (0.08333… per million), hence the difference:
    // a third of a pico-dollar for each of 2161 tokens.
    let overlap = bill(
        "json_gemini_cache_read_write_overlap.json",
        [2168, 2161, 2161, 100, 0],
        "0.0004970133333333333",
    );
    let settled = settle_bill(&overlap, GEMINI_FLASH);
    assert_eq!(settled.reported, Some(Usd::from_pico(497_013_333)));
    assert_eq!(settled.calculated, Some(Usd::from_pico(497_012_613)));
}

#[test]
fn for_an_own_key_the_charge_of_the_provider_is_the_cost() {
    let own_key = Bill {
        file: "json_byok_cost_zero.json",
        tokens: [326, 0, 0, 91, 0],
        cost: Some("0"),
        charge: Some("0.0003253"),
        is_byok: true,
    };
    let settled = settle_bill(&own_key, GEMINI_FLASH);
    assert_eq!(settled.cost, Some(Usd::from_pico(325_300_000)));
    assert_eq!(settled.calculated, settled.cost);
}

#[test]
fn fees_of_server_tools_are_in_the_reported_cost_only() {
    let search = Bill {
        charge: Some("0.0133176"),
        ..bill("server_tool_web_search_cost.sse", [8174, 0, 0, 30, 0], "0.0133176")
    };
    let settled = settle_bill(&search, GPT_4_1_MINI);
    assert_eq!(settled.cost.map(|cost| cost.to_string()).as_deref(), Some("0.0133176"));
    // One search, for a cent.
    let fee = settled.cost.zip(settled.calculated).and_then(|(cost, tokens)| cost.checked_sub(tokens));
    assert_eq!(fee.map(|fee| fee.to_string()).as_deref(), Some("0.01"));
    // `is_byok` is absent here, so the charge is not added.
    let annotated = Bill {
        charge: Some("0.0006509169"),
        ..bill("web_search_annotations_stream.sse", [2317, 0, 0, 53, 0], "0.0076509169000000005")
    };
    let settled = settle_bill(&annotated, ["0.2574", "1.0287", "", ""]);
    assert_eq!(settled.cost, Some(Usd::from_pico(7_650_916_900)));
    assert_eq!(settled.calculated, Some(Usd::from_pico(650_916_900)));
}

#[test]
fn an_answer_without_a_reported_cost_is_calculated() {
    let legacy = Bill {
        file: "json_legacy_usage_no_cost.json",
        tokens: [695, 0, 0, 55, 0],
        cost: None,
        charge: None,
        is_byok: false,
    };
    let settled = settle_bill(&legacy, SONNET);
    assert_eq!((settled.basis, settled.reported), (CostBasis::Calculated, None));
    assert_eq!(settled.cost.map(|cost| cost.to_string()).as_deref(), Some("0.00291"));
}

fn settle_bill(bill: &Bill, prices: Prices) -> causerie_domain::usage::Settlement {
    let [input, cached, cache_write, output, reasoning] = bill.tokens.map(Some);
    let money = |text: &str| Usd::parse_rounding(text).unwrap();
    let reported = ReportedUsage {
        tokens: TokenCounts { input, output, cached, cache_write, reasoning },
        cost: bill.cost.map(money),
        upstream_inference_cost: bill.charge.map(money),
        is_byok: bill.is_byok,
    };
    let [prompt, completion, cache_read, cache_write] = prices.map(per_token);
    let prices = Pricing { prompt, completion, cache_read, cache_write, ..Pricing::default() };
    settle(&RequestEnd {
        outcome: UsageOutcome::Completed,
        refused: false,
        reported: Some(&reported),
        generation_known: false,
        estimated: EstimatedTokens::default(),
        prices: Some(&prices),
        sent_at: Timestamp::from_micros(1_780_944_363_250_000),
    })
    .settlement
}

fn per_token(per_million: &str) -> Option<Usd> {
    (!per_million.is_empty()).then(|| format!("{per_million}e-6").parse().unwrap())
}
