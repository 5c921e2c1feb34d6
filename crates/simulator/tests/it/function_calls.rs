//! Function calls.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Answer, completion, simulator, stream};

fn deltas(answer: &Answer) -> Vec<Value> {
    let chunks = answer.chunks();
    chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0").cloned()).collect()
}

#[tokio::test]
async fn pieces_of_a_call_join_to_json() {
    let simulator = simulator();
    for variant in ["pieces", "whole", "null-id"] {
        let model = format!("sim/tool-call?variant={variant}");
        let answer = stream(&simulator, &model).await;
        assert_eq!(answer.joined("delta/tool_calls/0/function/arguments"), r#"{"city":"Paris"}"#);
        assert!(answer.finish_reasons().iter().all(|reason| reason == "tool_calls"));
        assert_eq!(answer.content(), "");
        let document = completion(&simulator, &model).await.json();
        let message = &document["choices"][0]["message"];
        assert!(message["content"].is_null());
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"city":"Paris"}"#);
    }
}

#[tokio::test]
async fn each_variant_differs_in_the_documented_way() {
    let simulator = simulator();
    let parallel = deltas(&stream(&simulator, "sim/tool-call?variant=parallel").await);
    let indexes: BTreeSet<u64> = parallel.iter().map(|delta| delta["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1].into());

    let unindexed = deltas(&stream(&simulator, "sim/tool-call?variant=no-index").await);
    assert!(unindexed.iter().all(|delta| delta.get("index").is_none()));
    assert_eq!(unindexed.iter().filter(|delta| delta["id"].is_string()).count(), 2);

    let repeated = deltas(&stream(&simulator, "sim/tool-call?variant=null-id").await);
    assert!(repeated[1..].iter().all(|delta| delta.get("id").is_some_and(Value::is_null)));

    let conflict = stream(&simulator, "sim/tool-call?variant=conflict").await;
    assert_eq!(conflict.finish_reasons(), ["tool_calls", "stop", "stop"]);
}

#[tokio::test]
async fn a_truncated_call_is_invalid_json_and_only_its_native_reason_is_length() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/tool-truncated").await;
    let arguments = answer.joined("delta/tool_calls/0/function/arguments");
    assert!(!arguments.is_empty() && serde_json::from_str::<Value>(&arguments).is_err());
    assert_eq!(answer.finish_reasons(), ["tool_calls", "tool_calls"]);
    assert_eq!(answer.chunks().last().unwrap()["choices"][0]["native_finish_reason"], "length");
}
