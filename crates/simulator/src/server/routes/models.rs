//! `GET /models`: all scenarios, and some real models with unusual entries.

use serde_json::{Value, json};

use super::IncomingRequest;
use crate::catalog::{ListedModel, REAL_MODELS, SCENARIO_PRICES, SMALL_CONTEXT};
use crate::scenario::{self, Scenario};
use crate::script::Script;
use crate::server::state::State;

/// Answers `GET /models`. The route requires no key, as at the upstream.
pub(super) fn models(_: &State, _: &IncomingRequest) -> Script {
    Script::json(200, &listing())
}

/// Returns the body of `GET /models` in the form of 2026.
fn listing() -> Value {
    let scenarios = scenario::all().map(|scenario| entry(&scenario_model(scenario)));
    let models: Vec<Value> = scenarios.chain(REAL_MODELS.iter().map(entry)).collect();
    json!({ "total_count": models.len(), "links": { "next": null }, "data": models })
}

fn scenario_model(scenario: &'static Scenario) -> ListedModel {
    let small = scenario.name() == "small-context";
    ListedModel {
        id: scenario.model,
        canonical_slug: scenario.model,
        served_as: scenario.model,
        name: scenario.model,
        description: scenario.summary,
        context_length: Some(if small { SMALL_CONTEXT } else { 128_000 }),
        max_completion_tokens: Some(if small { 500 } else { 16_384 }),
        input_modalities: &["text", "image", "file"],
        prices: SCENARIO_PRICES,
        alias_target: None,
    }
}

fn entry(model: &ListedModel) -> Value {
    let mut entry = json!({
        "id": model.id,
        "canonical_slug": model.canonical_slug,
        "hugging_face_id": null,
        "name": model.name,
        "created": 1_750_000_000,
        "description": model.description,
        "context_length": model.context_length,
        "architecture": {
            "modality": format!("{}->text", model.input_modalities.join("+")),
            "input_modalities": model.input_modalities,
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": null,
        },
        "pricing": pricing(model),
        "top_provider": {
            "context_length": model.context_length,
            "max_completion_tokens": model.max_completion_tokens,
            "is_moderated": false,
        },
        "per_request_limits": null,
        "supported_parameters": supported_parameters(model),
        "default_parameters": {},
        "supported_voices": null,
        "knowledge_cutoff": null,
        "expiration_date": null,
        "links": { "details": format!("/api/v1/models/{}/endpoints", model.canonical_slug) },
    });
    if let Some((slug, name)) = model.alias_target {
        entry["alias_target"] = json!({ "slug": slug, "name": name });
    }
    entry
}

fn supported_parameters(model: &ListedModel) -> Vec<&'static str> {
    let mut parameters = vec!["max_tokens", "reasoning", "stop", "temperature", "tools", "top_p"];
    if model.id == "sim/assistant" {
        parameters.extend(["logprobs", "response_format", "seed", "structured_outputs", "tool_choice"]);
    }
    parameters
}

fn pricing(model: &ListedModel) -> Value {
    let mut pricing = json!({ "prompt": model.prices.prompt, "completion": model.prices.completion });
    let optional = [
        ("input_cache_read", model.prices.cache_read),
        ("input_cache_write", model.prices.cache_write),
        ("web_search", model.prices.web_search),
    ];
    for (key, price) in optional {
        if let Some(price) = price {
            pricing[key] = json!(price);
        }
    }
    if let Some((above, prompt, completion)) = model.prices.above_prompt_tokens {
        pricing["overrides"] =
            json!([{ "min_prompt_tokens": above, "prompt": prompt, "completion": completion }]);
    }
    pricing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{prices, served_as};
    use crate::wire::credits::Credits;

    #[test]
    fn every_scenario_is_a_model_with_prices_and_limits() {
        let listing = listing();
        let models = listing["data"].as_array().unwrap();
        assert_eq!(listing["total_count"], models.len());
        for scenario in scenario::all() {
            let id = scenario.model;
            let model = models.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("{id}"));
            assert!(model["context_length"].is_u64(), "{id}");
            assert!(model["top_provider"]["max_completion_tokens"].is_u64(), "{id}");
            assert_eq!(model["architecture"]["input_modalities"][0], "text", "{id}");
            assert!(Credits::parse(model["pricing"]["prompt"].as_str().unwrap()).is_some(), "{id}");
        }
    }

    #[test]
    fn a_router_has_no_price_and_runs_another_model() {
        let listing = listing();
        let models = listing["data"].as_array().unwrap();
        let auto = models.iter().find(|model| model["id"] == "openrouter/auto").unwrap();
        assert_eq!(auto["pricing"]["prompt"], "-1");
        assert_eq!(served_as("openrouter/auto"), "openai/gpt-5-mini-2025-08-07");
        assert_eq!(prices("openrouter/auto", 1).prompt, prices("openai/gpt-5-mini", 1).prompt);
        assert_ne!(prices("openrouter/auto", 1).prompt, Credits::default());
    }
}
