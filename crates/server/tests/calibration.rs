//! The token estimate on recorded answers: how far it is off at first, and once it has seen what was counted.
//!
//! Recordings hold answers and not what was asked, so the answers' own text and output tokens are the sample: the
//! estimator is the same for both. Each model learns from its own answers alone, in 20 rounds.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;

use causerie_usage::{CharsPerToken, estimate_tokens, text_weight};
use serde_json::Value;

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../openrouter/tests/recordings");
/// Answers in text alone, of at least fifty tokens, whose count the upstream reported.
const ANSWERS: [&str; 8] = [
    "json_cache_read_and_write.json",
    "json_choice_error_502_finish_null.json",
    "json_gemini_cache_read_write_overlap.json",
    "json_leading_whitespace.json",
    "json_perplexity_citations.json",
    "reasoning_o3_encrypted.sse",
    "text_grok4_fallback_cached_encrypted.sse",
    "tool_answer_multibyte.sse",
];
const ROUNDS: usize = 20;

struct Sample {
    model: String,
    text: String,
    tokens: u64,
}

/// The documents of a recording: one, or those of a stream's events.
fn documents(recording: &str) -> Vec<Value> {
    let body = fs::read_to_string(format!("{RECORDINGS}/{recording}")).unwrap();
    match recording.ends_with(".sse") {
        true => {
            body.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok()).collect()
        }
        false => vec![serde_json::from_str(&body).unwrap()],
    }
}

fn sample(recording: &str) -> Sample {
    let mut sample = Sample { model: String::new(), text: String::new(), tokens: 0 };
    for document in documents(recording) {
        if let Some(model) = document["model"].as_str() {
            sample.model = model.to_owned();
        }
        let choice = &document["choices"][0];
        let said = choice["delta"]["content"].as_str().or(choice["message"]["content"].as_str());
        sample.text.push_str(said.unwrap_or_default());
        if let Some(output) = document["usage"]["completion_tokens"].as_u64() {
            let thought = document["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64();
            sample.tokens = output - thought.unwrap_or(0);
        }
    }
    sample
}

/// How far an estimate is off, in percent of what was counted.
fn error(sample: &Sample, ratio: CharsPerToken) -> u64 {
    estimate_tokens(&sample.text, ratio).abs_diff(sample.tokens) * 100 / sample.tokens
}

#[test]
fn the_estimate_is_closer_after_the_upstream_has_counted() {
    let samples: Vec<Sample> = ANSWERS.into_iter().map(sample).collect();
    let mut ratios: BTreeMap<&str, CharsPerToken> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for sample in &samples {
            let ratio = ratios.entry(&sample.model).or_insert(CharsPerToken::START);
            *ratio = ratio.after(text_weight(&sample.text), sample.tokens);
        }
    }
    let before: Vec<u64> = samples.iter().map(|sample| error(sample, CharsPerToken::START)).collect();
    let after: Vec<u64> = samples.iter().map(|sample| error(sample, ratios[sample.model.as_str()])).collect();
    assert_eq!(before, [38, 65, 27, 6, 0, 8, 4, 25], "percent at the start");
    assert_eq!(after, [4, 12, 2, 19, 0, 0, 1, 15], "percent after {ROUNDS} rounds");
    assert!(after.iter().sum::<u64>() < before.iter().sum());
}
