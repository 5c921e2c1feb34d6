//! Models and key. Generation records are tested together with accounting.

use super::client::{get, simulator};

#[tokio::test]
async fn models_are_listed_with_prices_and_limits() {
    let simulator = simulator();
    let answer = get(&simulator, "/models").await;
    assert_eq!(answer.status, Some(200));
    let list = answer.json();
    let models = list["data"].as_array().unwrap();
    assert_eq!(list["total_count"], models.len());
    assert!(list["links"]["next"].is_null());
    let find = |id: &str| models.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(find("sim/echo")["pricing"]["completion"], "0.000002");
    assert_eq!(find("sim/small-context")["context_length"], 1_000);
    let sonnet = find("anthropic/claude-sonnet-4.5");
    assert_eq!(sonnet["pricing"]["overrides"][0]["min_prompt_tokens"], 200_000);
    assert_eq!(sonnet["top_provider"]["max_completion_tokens"], 64_000);
    assert_eq!(sonnet["architecture"]["modality"], "text+image+file->text");
    assert_eq!(find("openrouter/auto")["pricing"]["prompt"], "-1");
    assert!(find("meta/muse-glimmer-30b")["top_provider"]["max_completion_tokens"].is_null());
    let alias = find("~anthropic/claude-haiku-latest");
    assert_eq!(alias["alias_target"]["slug"], "anthropic/claude-haiku-4.5");
}

#[tokio::test]
async fn the_key_has_no_limit() {
    let simulator = simulator();
    let key = get(&simulator, "/key").await.json();
    assert!(key["data"]["limit"].is_null() && key["data"]["label"].is_string());
}

#[tokio::test]
async fn unknown_generations_are_not_found() {
    let simulator = simulator();
    assert_eq!(get(&simulator, "/generation?id=gen-1-nobody").await.status, Some(404));
    assert_eq!(get(&simulator, "/generation").await.status, Some(400));
}
