//! The model list: every scenario as a model, and a few real ones with the oddities their entries have.

mod listed;

use serde_json::{Value, json};

use crate::credits::Credits;
use crate::scenario;
pub(crate) use listed::SMALL_CONTEXT;
use listed::{Listed, PRICES_OF_A_SCENARIO, REAL};

/// USD per token, ready to multiply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prices {
    pub(crate) prompt: Credits,
    pub(crate) completion: Credits,
    pub(crate) cache_read: Credits,
    pub(crate) cache_write: Credits,
}

/// The body of `GET /models`, in the shape of 2026.
pub(crate) fn listing() -> Value {
    let scenarios = scenario::all().map(|scenario| entry(&listed::of_scenario(scenario)));
    let models: Vec<Value> = scenarios.chain(REAL.iter().map(entry)).collect();
    json!({ "total_count": models.len(), "links": { "next": null }, "data": models })
}

/// The id under which the answer says it was made: listed models run under their dated name, routers and aliases
/// under that of the model they chose, all others under the id that was sent.
pub(crate) fn served_as(id: &str) -> String {
    find(id).map_or(id, |model| model.served_as).to_owned()
}

/// The prices at which a prompt of so many tokens is billed; ids that are not listed cost what a scenario costs.
pub(crate) fn prices(id: &str, prompt_tokens: u64) -> Prices {
    let text = match find(id) {
        None if without_parameters(id).ends_with(":free") => listed::FREE,
        None => PRICES_OF_A_SCENARIO,
        // A router has no price of its own: the chosen model's counts.
        Some(router) if router.prices.prompt.starts_with('-') => {
            REAL.iter().find(|model| model.canonical_slug == router.served_as).unwrap_or(router).prices
        }
        Some(model) => model.prices,
    };
    let (prompt, completion) = match text.above_prompt_tokens {
        Some((above, prompt, completion)) if prompt_tokens > above => (prompt, completion),
        _ => (text.prompt, text.completion),
    };
    let price = |text: &str| Credits::parse(text).unwrap_or_default();
    Prices {
        prompt: price(prompt),
        completion: price(completion),
        // Where no price is listed for the cache, cached tokens cost what all tokens cost.
        cache_read: price(text.cache_read.unwrap_or(prompt)),
        cache_write: price(text.cache_write.unwrap_or(prompt)),
    }
}

/// The listed model of an id: parameters do not matter, nor does a variant that is not listed itself (`:nitro`).
fn find(id: &str) -> Option<&'static Listed> {
    let id = without_parameters(id);
    let listed = |id: &str| REAL.iter().find(|model| model.id == id);
    listed(id).or_else(|| listed(id.split_once(':').filter(|(_, variant)| *variant != "free")?.0))
}

fn without_parameters(id: &str) -> &str {
    id.split_once('?').map_or(id, |(id, _)| id)
}

fn entry(model: &Listed) -> Value {
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
        "supported_parameters": ["max_tokens", "reasoning", "stop", "temperature", "tools", "top_p"],
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

fn pricing(model: &Listed) -> Value {
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

    #[test]
    fn parameters_of_a_scenario_do_not_change_its_price() {
        assert_eq!(prices("sim/slow?words=3", 1).completion, prices("sim/slow", 1).completion);
        assert_eq!(prices("sim/echo:free", 1).completion, Credits::default());
        assert_eq!(prices("openai/gpt-5-mini:nitro", 1).prompt, prices("openai/gpt-5-mini", 1).prompt);
        assert_eq!(prices("openai/gpt-5-mini:free", 1).prompt, Credits::default());
    }

    #[test]
    fn the_dearer_tier_begins_above_its_bound() {
        let prompt = |tokens| prices("anthropic/claude-sonnet-4.5", tokens).prompt.to_string();
        assert_eq!(prompt(200_000), "0.000003");
        assert_eq!(prompt(200_001), "0.000006");
    }
}
