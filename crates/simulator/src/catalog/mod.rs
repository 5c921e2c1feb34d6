//! Prices of models, and a list of real models with unusual entries.

mod models;

use crate::wire::credits::Credits;
pub(crate) use models::{ListedModel, REAL_MODELS, SCENARIO_PRICES, SMALL_CONTEXT};

/// Prices in USD per token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prices {
    pub(crate) prompt: Credits,
    pub(crate) completion: Credits,
    pub(crate) cache_read: Credits,
    pub(crate) cache_write: Credits,
}

/// Returns the model id in the answer: the dated name of a listed model, the selected model of a router or alias,
/// otherwise the requested id.
pub(crate) fn served_as(id: &str) -> String {
    find(id).map_or(id, |model| model.served_as).to_owned()
}

/// Returns the prices for a prompt of `prompt_tokens` tokens. Unlisted ids have the prices of scenarios.
pub(crate) fn prices(id: &str, prompt_tokens: u64) -> Prices {
    let text = match find(id) {
        None if without_parameters(id).ends_with(":free") => models::FREE,
        None => SCENARIO_PRICES,
        // A router has no price of its own; the price of the selected model applies.
        Some(router) if router.prices.prompt.starts_with('-') => {
            REAL_MODELS.iter().find(|model| model.canonical_slug == router.served_as).unwrap_or(router).prices
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
        // Without a cache price, cached tokens cost as much as other prompt tokens.
        cache_read: price(text.cache_read.unwrap_or(prompt)),
        cache_write: price(text.cache_write.unwrap_or(prompt)),
    }
}

/// Returns the listed model of an id, ignoring parameters and unlisted variants such as `:nitro`.
fn find(id: &str) -> Option<&'static ListedModel> {
    let id = without_parameters(id);
    let listed = |id: &str| REAL_MODELS.iter().find(|model| model.id == id);
    listed(id).or_else(|| listed(id.split_once(':').filter(|(_, variant)| *variant != "free")?.0))
}

fn without_parameters(id: &str) -> &str {
    id.split_once('?').map_or(id, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_a_scenario_do_not_change_its_price() {
        assert_eq!(prices("sim/slow?words=3", 1).completion, prices("sim/slow", 1).completion);
        assert_eq!(prices("sim/echo:free", 1).completion, Credits::default());
        assert_eq!(prices("openai/gpt-5-mini:nitro", 1).prompt, prices("openai/gpt-5-mini", 1).prompt);
        assert_eq!(prices("openai/gpt-5-mini:free", 1).prompt, Credits::default());
    }

    #[test]
    fn the_higher_tier_applies_above_its_threshold() {
        let prompt = |tokens| prices("anthropic/claude-sonnet-4.5", tokens).prompt.to_string();
        assert_eq!(prompt(200_000), "0.000003");
        assert_eq!(prompt(200_001), "0.000006");
    }
}
