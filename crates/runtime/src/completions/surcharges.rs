//! Parameters that add to the price or name further models.

use serde_json::value::RawValue;

use super::members::{Members, Tree, elements, string};
use super::validation::object_at;
use crate::core::error::RuntimeError;

/// Plugins that cost nothing beside tokens.
const FREE_PLUGINS: [&str; 3] = ["context-compression", "moderation", "response-healing"];
/// Service tiers that cost at most the listed price.
const LISTED_TIERS: [&str; 3] = ["auto", "default", "flex"];

/// Models and presets that a request names beside `model`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NamedModels {
    /// Position and id of each model.
    pub(super) models: Vec<(String, String)>,
    /// Position of the first preset.
    pub(super) preset: Option<String>,
}

/// Returns the parameter that adds a price which no reservation can bound; `None` if there is none. `models` are
/// the models that may answer.
pub(super) fn unbounded_price<'m>(
    members: &Members<'_>,
    models: impl IntoIterator<Item = &'m str>,
) -> Result<Option<String>, RuntimeError> {
    // `:nitro` selects the priority tier, `:online` a web search.
    let is_dearer = |id: &str| id.ends_with(":nitro") || id.ends_with(":online") || id.contains("@preset/");
    if models.into_iter().any(is_dearer) {
        return Ok(Some("model".to_owned()));
    }
    for name in ["web_search_options", "prediction", "preset"] {
        if members.get(name).is_some() {
            return Ok(Some(name.to_owned()));
        }
    }
    if let Some(tier) = members.get("service_tier").and_then(string)
        && !LISTED_TIERS.contains(&tier.as_str())
    {
        return Ok(Some("service_tier".to_owned()));
    }
    let modalities = members.get("modalities").and_then(elements).unwrap_or_default();
    if modalities.iter().any(|one| string(one.get()).as_deref() != Some("text")) {
        return Ok(Some("modalities".to_owned()));
    }
    for (index, plugin) in
        members.get("plugins").and_then(elements).unwrap_or_default().into_iter().enumerate()
    {
        let at = format!("/plugins/{index}");
        let plugin = object_at(&at, plugin.get())?;
        let id = plugin.get("id").and_then(string).unwrap_or_default();
        if plugin.get("enabled") != Some("false") && !FREE_PLUGINS.contains(&id.as_str()) {
            return Ok(Some(format!("plugins[{index}]")));
        }
    }
    if let Some((index, _)) = server_tools(members)?.first() {
        return Ok(Some(format!("tools[{index}]")));
    }
    let provider = members.get("provider").map(|json| object_at("/provider", json)).transpose()?;
    for name in ["order", "only"] {
        let listed = provider.as_ref().and_then(|provider| provider.get(name)).and_then(elements);
        // `openai/priority` names a tier of a provider.
        let is_dearer = |slug: &&RawValue| {
            let slug = string(slug.get()).unwrap_or_default().to_ascii_lowercase();
            ["/priority", "/fast", "/scale"].iter().any(|tier| slug.contains(tier))
        };
        if listed.unwrap_or_default().iter().any(is_dearer) {
            return Ok(Some(format!("provider.{name}")));
        }
    }
    Ok(None)
}

/// Returns the models and presets in the parameters: in `models`, `preset`, the plugins and the tools that the upstream
/// runs. In the latter two, every member whose name contains `model` or `preset` names one.
///
/// # Errors
/// [`RuntimeError::Invalid`].
pub(super) fn named_models(members: &Members<'_>) -> Result<NamedModels, RuntimeError> {
    let mut named = NamedModels::default();
    for (index, id) in members.get("models").and_then(elements).unwrap_or_default().into_iter().enumerate() {
        named.add(format!("/models/{index}"), string(id.get()).unwrap_or_default());
    }
    if members.get("preset").is_some() {
        named.preset = Some("/preset".to_owned());
    }
    for (index, plugin) in
        members.get("plugins").and_then(elements).unwrap_or_default().into_iter().enumerate()
    {
        named.add_all(&format!("/plugins/{index}"), plugin.get())?;
    }
    for (index, tool) in server_tools(members)? {
        named.add_all(&format!("/tools/{index}"), tool)?;
    }
    Ok(named)
}

impl NamedModels {
    fn add(&mut self, at: String, id: String) {
        if is_preset(&id) {
            self.preset.get_or_insert(at);
        } else {
            self.models.push((at, id));
        }
    }

    /// Adds what a plugin or a tool names at any depth.
    fn add_all(&mut self, at: &str, json: &str) -> Result<(), RuntimeError> {
        let tree =
            serde_json::from_str(json).map_err(|error| RuntimeError::invalid(at, error.to_string()))?;
        self.add_value(at, &tree, false);
        Ok(())
    }

    fn add_value(&mut self, at: &str, value: &Tree, is_name: bool) {
        match value {
            Tree::Text(id) if is_name => self.add(at.to_owned(), id.clone()),
            Tree::List(all) => all.iter().for_each(|one| self.add_value(at, one, is_name)),
            Tree::Object(all) => {
                for (name, value) in all {
                    let lower = name.to_ascii_lowercase();
                    if lower.contains("preset") {
                        self.preset.get_or_insert_with(|| format!("{at}/{name}"));
                    }
                    self.add_value(&format!("{at}/{name}"), value, lower.contains("model"));
                }
            }
            _ => {}
        }
    }
}

/// Returns whether a model id names a preset, which can select any model and any parameter.
pub(super) fn is_preset(id: &str) -> bool {
    id.contains("@preset/")
}

/// Returns the tools that the upstream runs itself, with their index: all but functions of the caller.
fn server_tools<'a>(members: &Members<'a>) -> Result<Vec<(usize, &'a str)>, RuntimeError> {
    let mut found = Vec::new();
    for (index, tool) in members.get("tools").and_then(elements).unwrap_or_default().into_iter().enumerate() {
        let kind = object_at(&format!("/tools/{index}"), tool.get())?.get("type").and_then(string);
        if !matches!(kind.as_deref(), Some("function" | "custom")) {
            found.push((index, tool.get()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with<T>(name: &str, value: Value, read: impl FnOnce(&Members<'_>) -> T) -> T {
        read(&serde_json::from_str(&json!({name: value}).to_string()).unwrap())
    }

    #[test]
    fn what_adds_an_unbounded_price_is_named() {
        for (name, value, expected) in [
            ("plugins", json!([{"id": "response-healing"}, {"id": "web"}]), Some("plugins[1]")),
            ("plugins", json!([{"id": "web", "enabled": false}]), None),
            ("tools", json!([{"type": "function"}, {"type": "openrouter:web_search"}]), Some("tools[1]")),
            ("tools", json!([{"type": "function"}]), None),
            ("service_tier", json!("priority"), Some("service_tier")),
            ("service_tier", json!("flex"), None),
            ("modalities", json!(["text", "image"]), Some("modalities")),
            ("modalities", json!(["text"]), None),
            ("web_search_options", json!({}), Some("web_search_options")),
            ("provider", json!({"order": ["openai/priority"]}), Some("provider.order")),
            ("provider", json!({"only": ["openai/Priority"]}), Some("provider.only")),
            ("provider", json!({"only": ["openai"]}), None),
        ] {
            let found = with(name, value.clone(), |members| unbounded_price(members, ["a/b"]).unwrap());
            assert_eq!(found.as_deref(), expected, "{name} {value}");
        }
        for (model, is_dearer) in
            [("a/b:online", true), ("a/b:nitro", true), ("a/b:floor", false), ("@preset/x", true)]
        {
            let found = with("user", json!("u"), |members| unbounded_price(members, ["a/b", model]).unwrap());
            assert_eq!(found.is_some(), is_dearer, "{model}");
        }
    }

    #[test]
    fn every_model_that_a_request_names_is_found() {
        let named = |name: &str, value: Value| with(name, value, |members| named_models(members).unwrap());
        let models = |name: &str, value: Value| {
            named(name, value).models.into_iter().map(|(at, id)| format!("{at}={id}")).collect::<Vec<_>>()
        };
        assert_eq!(models("models", json!(["a/b", "c/d"])), ["/models/0=a/b", "/models/1=c/d"]);
        let plugin =
            json!([{"id": "fusion", "analysis_models": ["a/b"], "deep": {"MODEL": "c/d", "text": "e/f"}}]);
        assert_eq!(
            models("plugins", plugin),
            ["/plugins/0/analysis_models=a/b", "/plugins/0/deep/MODEL=c/d"]
        );
        let tools = json!([{"type": "function", "function": {"name": "f", "model": "x"}},
            {"type": "openrouter:advisor", "parameters": {"model": "a/b"}}]);
        assert_eq!(models("tools", tools), ["/tools/1/parameters/model=a/b"]);
        assert_eq!(named("models", json!(["a/b@preset/x"])).preset.as_deref(), Some("/models/0"));
        assert_eq!(named("preset", json!("x")).preset.as_deref(), Some("/preset"));
        assert!(named("plugins", json!([{"preset": "x"}])).preset.is_some());
    }

    #[test]
    fn escapes_and_repeated_members_hide_nothing() {
        let members: Members<'_> =
            serde_json::from_str(r#"{"provider":{"order":["openai/\u0070riority"]}}"#).unwrap();
        let found = unbounded_price(&members, ["a/b"]).unwrap();
        assert_eq!(found.as_deref(), Some("provider.order"));
        let tool = r#"{"tools":[{"type":"x","parameters":{"model":"a/b","m\u006fdel":"c/d"}}]}"#;
        let named = named_models(&serde_json::from_str(tool).unwrap()).unwrap();
        assert_eq!(named.models.len(), 2);
        for unreadable in [r#""\ud800""#, "1e999", &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            let tool = format!(r#"{{"tools":[{{"type":"x","model":"a/b","y":{unreadable}}}]}}"#);
            let members = serde_json::from_str(&tool).unwrap();
            assert!(named_models(&members).is_err(), "{unreadable}");
        }
    }
}
