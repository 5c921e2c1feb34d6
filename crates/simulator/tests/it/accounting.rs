//! Usage, cost and generation records. The prices of scenarios are 0.000001 and 0.000002 USD per token.

use causerie_simulator::Simulator;
use serde_json::{Value, json};

use super::client::{Answer, ask, chat, completion, get, simulator, stream};

async fn record(simulator: &Simulator, answer: &Answer) -> Answer {
    get(simulator, &format!("/generation?id={}", answer.headers["x-generation-id"])).await
}

#[tokio::test]
async fn usage_and_record_follow_the_documented_rules() {
    let simulator = simulator();
    // The input has twelve characters, the output ten.
    for answer in
        [stream(&simulator, "sim/text?chars=10").await, completion(&simulator, "sim/text?chars=10").await]
    {
        let usage = match answer.headers["content-type"].as_str() {
            "text/event-stream" => answer.usage(),
            _ => answer.json()["usage"].clone(),
        };
        assert_eq!(
            usage,
            json!({
                "prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6, "cost": 0.000009, "is_byok": false,
                "prompt_tokens_details":
                    { "cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0 },
                "cost_details": {
                    "upstream_inference_cost": 0.000009, "upstream_inference_prompt_cost": 0.000003,
                    "upstream_inference_completions_cost": 0.000006,
                },
                "completion_tokens_details": { "reasoning_tokens": 0, "image_tokens": 0, "audio_tokens": 0 },
            })
        );
        assert!(answer.text().contains("\"cost\":0.000009,"), "the digits are plain");
        simulator.wait_until_idle().await.unwrap();
        let record = record(&simulator, &answer).await;
        assert!(record.text().contains("\"total_cost\":0.000009,"));
        let data = record.json()["data"].clone();
        assert_eq!(data["id"], answer.headers["x-generation-id"].as_str());
        assert_eq!(
            (&data["native_tokens_prompt"], &data["native_tokens_completion"]),
            (&json!(3), &json!(3))
        );
        assert_eq!((&data["cancelled"], &data["finish_reason"]), (&json!(false), &json!("stop")));
        assert!(data["created_at"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test]
async fn listed_models_have_the_listed_prices() {
    let simulator = simulator();
    let check = async |model: &str, cost: &str| {
        let answer = stream(&simulator, &format!("{model}?chars=4")).await;
        assert!(answer.text().contains(&format!("\"cost\":{cost},")), "{model}: {}", answer.usage());
    };
    check("anthropic/claude-haiku-4.5", "0.000008").await;
    check("deepseek/deepseek-v4-flash", "0.0000003493").await;
    check("somebody/something:free", "0").await;
}

#[tokio::test]
async fn usage_has_each_form() {
    let simulator = simulator();
    let last = async |parameters: &str, reasons: usize| {
        let answer = stream(&simulator, &format!("sim/usage?{parameters}")).await;
        assert_eq!(answer.finish_reasons().len(), reasons, "{parameters}");
        assert!(answer.is_done(), "{parameters}");
        answer.chunks().pop().unwrap()
    };
    assert_eq!(last("shape=2026", 2).await["choices"][0]["finish_reason"], "stop");
    assert_eq!(last("shape=2026-03", 1).await["choices"], json!([]));
    let of_2025 = last("shape=2025", 1).await;
    assert!(of_2025["choices"][0]["finish_reason"].is_null() && of_2025["usage"]["cost"].is_number());
    assert_eq!(last("shape=legacy", 1).await["usage"].as_object().unwrap().len(), 3);
    let with_finish = last("shape=with-finish", 1).await;
    assert!(with_finish["usage"]["cost"].is_number() && with_finish["choices"][0]["finish_reason"] == "stop");
    let absent = last("shape=null", 2).await;
    assert!(absent.get("usage").is_some_and(Value::is_null));
    assert_eq!(last("shape=empty", 2).await["usage"], json!({}));
    let document =
        async |shape: &str| completion(&simulator, &format!("sim/usage?shape={shape}")).await.json();
    assert!(document("null").await.get("usage").is_some_and(Value::is_null));
    assert_eq!(document("empty").await["usage"], json!({}));
    assert_eq!(document("legacy").await["usage"].as_object().unwrap().len(), 3);
    assert_eq!(last("reasoning=99", 2).await["usage"]["completion_tokens_details"]["reasoning_tokens"], 99);
}

#[tokio::test]
async fn cost_can_be_written_in_any_notation() {
    let simulator = simulator();
    for literal in ["6e-05", "0", "null", "0.0076509169000000005", "1.5e3"] {
        let answer = stream(&simulator, &format!("sim/usage?cost={literal}")).await;
        if literal == "null" {
            assert_eq!(answer.status, Some(400), "null is no number");
        } else {
            assert!(answer.text().contains(&format!("\"cost\":{literal},")), "{literal}");
        }
    }
}

#[tokio::test]
async fn usage_may_be_missing_and_looked_up_after_some_misses() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/no-usage?words=4&misses=2").await;
    assert!(answer.chunks().iter().all(|chunk| chunk.get("usage").is_none()));
    assert_eq!(answer.finish_reasons(), ["stop"]);
    assert!(answer.is_done());
    simulator.wait_until_idle().await.unwrap();
    for status in [404, 404, 200, 200] {
        assert_eq!(record(&simulator, &answer).await.status, Some(status));
    }
    let document = completion(&simulator, "sim/no-usage").await;
    assert!(document.json().get("usage").is_none());
}

#[tokio::test]
async fn with_a_provider_key_of_the_customer_the_cost_is_the_fee() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/byok?chars=8&fee=0.00000025").await;
    let usage = answer.usage();
    assert!(answer.text().contains("\"cost\":0.00000025,"));
    assert_eq!(usage["is_byok"], true);
    assert_eq!(usage["cost_details"]["upstream_inference_cost"], 0.000007);
    let record = record(&simulator, &answer).await.json();
    assert_eq!(record["data"]["upstream_inference_cost"], 0.000007);
    assert_eq!(stream(&simulator, "sim/byok").await.usage()["cost"], 0);
}

#[tokio::test]
async fn cached_tokens_are_part_of_the_prompt_with_prices_of_their_own() {
    let simulator = simulator();
    // 3 x 0.000001 + 1000 x 0.0000001 + 200 x 0.00000125 + 1 x 0.000002
    let answer = stream(&simulator, "sim/cache?chars=4").await;
    let usage = answer.usage();
    assert_eq!(usage["prompt_tokens"], 1_203);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 1_000);
    assert_eq!(usage["prompt_tokens_details"]["cache_write_tokens"], 200);
    assert!(answer.text().contains("\"cost\":0.000355,"), "{usage}");
    // 3 x 0.000001 + 100 x 0.0000001 + 100 x 0.00000125 + 1 x 0.000002
    let answer = stream(&simulator, "sim/cache?chars=4&read=100&overlap=yes").await;
    assert_eq!(answer.usage()["prompt_tokens"], 103);
    assert_eq!(answer.usage()["prompt_tokens_details"]["cache_write_tokens"], 100);
    assert!(answer.text().contains("\"cost\":0.00014,"));
}

#[tokio::test]
async fn an_aborted_stream_is_recorded_as_cancelled_and_costs_the_sent_part() {
    let simulator = simulator();
    let model = "sim/gated?gate=abort&gate_at=2&chars=40&piece=4";
    let mut connection = ask(&simulator, &chat(model, true)).await;
    connection.read_until("\"index\":0").await;
    simulator.wait_until_held("abort", 1).await.unwrap();
    let id = simulator.requests()[0].generation_id.clone().unwrap();
    assert_eq!(
        get(&simulator, &format!("/generation?id={id}")).await.status,
        Some(404),
        "it is still running"
    );

    drop(connection);
    simulator.wait_until(|requests| requests[0].client_closed()).await.unwrap();
    let record = get(&simulator, &format!("/generation?id={id}")).await;
    let data = &record.json()["data"];
    assert_eq!(data["cancelled"], true);
    assert!(data["finish_reason"].is_null());
    assert_eq!(data["native_tokens_completion"], 2, "two deltas of four characters");
    assert!(record.text().contains("\"total_cost\":0.000007,"));
}

#[tokio::test]
async fn an_aborted_answer_that_is_not_streamed_is_billed_in_full() {
    let simulator = simulator();
    let connection = ask(&simulator, &chat("sim/gated?chars=40", false)).await;
    simulator.wait_until_held("gate", 1).await.unwrap();
    drop(connection);
    simulator.wait_until(|requests| requests[0].client_closed()).await.unwrap();
    let id = simulator.requests()[0].generation_id.clone().unwrap();
    let data = get(&simulator, &format!("/generation?id={id}")).await.json()["data"].clone();
    assert_eq!((&data["cancelled"], &data["native_tokens_completion"]), (&json!(false), &json!(10)));
}

#[tokio::test]
async fn failed_answers_cost_nothing_and_refused_ones_have_no_record() {
    let simulator = simulator();
    let failed = stream(&simulator, "sim/error-mid-stream").await;
    let data = record(&simulator, &failed).await.json()["data"].clone();
    assert_eq!((&data["total_cost"], &data["finish_reason"]), (&json!(0), &json!("error")));
    assert!(!stream(&simulator, "sim/rate-limited").await.headers.contains_key("x-generation-id"));
}
