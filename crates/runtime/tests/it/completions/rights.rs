//! Models, tools, budgets and limits of a request.

use causerie_domain::Timestamp;
use causerie_domain::Usd;
use causerie_domain::completion::{CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent};
use causerie_domain::models::{CatalogModel, Pricing};
use causerie_domain::ports::Models;
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::Role;
use causerie_memory_store::MemoryStore;
use causerie_runtime::{AnswerOutcome, NewCompletion, RuntimeError, Settings};
use causerie_tool_definitions::parse_yaml;
use serde_json::{Value, json};

use super::{body, keyed, new, read, retry, text};
use crate::support::scripted_gateway::Step;
use crate::support::{TOOL, World, user, world, world_on_store};

fn model(id: &str, price: Option<i64>) -> CatalogModel {
    let price = price.map(Usd::from_pico);
    CatalogModel {
        id: id.to_owned(),
        canonical_slug: None,
        name: id.to_owned(),
        context_length: Some(1_000_000),
        max_completion_tokens: None,
        input_modalities: Vec::new(),
        output_modalities: Vec::new(),
        supported_parameters: vec!["temperature".to_owned()],
        pricing: Pricing { prompt: price, completion: price, ..Pricing::default() },
    }
}

async fn world_with_models() -> World {
    let store = MemoryStore::new();
    let models = vec![model("a/b", Some(1)), model("c/unpriced", None)];
    store.replace_catalog(models, Timestamp::from_micros(0)).await.unwrap();
    world_on_store(store, Settings::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_budget_bounds_the_answer_and_refuses_what_it_cannot_bound() {
    let world = world_with_models().await;
    let anna = user("anna");
    world.set_budget(&anna, 1_000_000_000).await;
    let mut completion = world.complete(&anna, new(&body("a/b"))).await;
    assert_eq!(completion.max_tokens, Some(4096));
    assert!(completion.budget_left.is_some());
    assert_eq!(text(&mut completion).await, "ok");
    let sent: Value = serde_json::from_str(&world.upstream.relayed()[0].body).unwrap();
    assert_eq!(sent["max_tokens"], 4096);
    let with = |name: &str, value: Value| {
        let mut body = body("a/b");
        body[name] = value;
        body
    };
    let limited = world.complete(&anna, new(&with("max_completion_tokens", json!(7)))).await;
    assert_eq!(limited.max_tokens, None);
    drop(limited);
    let requests = world.upstream.relayed().len();
    for (body, parameter) in [
        (with("tools", json!([{"type": "openrouter:web_search"}])), "tools[0]"),
        (with("plugins", json!([{"id": "web"}])), "plugins[0]"),
        (with("service_tier", json!("priority")), "service_tier"),
        (body("a/b:online"), "model"),
    ] {
        let refused = world.refusal(&anna, &body).await;
        let RuntimeError::UnboundedPrice { parameter: named } = refused else { panic!("{refused:?}") };
        assert_eq!(named, parameter);
    }
    let unpriced = world.refusal(&anna, &body("c/unpriced")).await;
    assert!(matches!(unpriced, RuntimeError::BudgetExceeded(_)), "{unpriced:?}");
    let large = world.refusal(&anna, &with("max_tokens", json!(2_000_000_000))).await;
    assert!(matches!(large, RuntimeError::BudgetExceeded(_)), "{large:?}");
    let none = world.refusal(&anna, &with("max_tokens", json!(-1))).await;
    assert!(matches!(none, RuntimeError::Invalid(_)), "{none:?}");
    assert_eq!(world.upstream.relayed().len(), requests, "a refusal asks nothing");
}

#[tokio::test(start_paused = true)]
async fn every_model_must_exist_and_be_allowed() {
    let world = world_with_models().await;
    let anna = user("anna");
    let unknown = world.refusal(&anna, &body("gpt-none")).await;
    assert!(matches!(unknown, RuntimeError::NoSuchModel(_)), "{unknown:?}");
    let no_tool = world.refusal(&anna, &body("tool:nothing")).await;
    assert!(matches!(&no_tool, RuntimeError::NoSuchModel(id) if id == "tool:nothing"), "{no_tool:?}");
    for preset in [body("@preset/x"), body("a/b@preset/x"), {
        let mut body = body("a/b");
        body["preset"] = json!("x");
        body
    }] {
        let refused = world.refusal(&anna, &preset).await;
        assert!(matches!(refused, RuntimeError::Forbidden { .. }), "{refused:?}");
        let mut admin = user("admin");
        admin.user.role = Role::Admin;
        world.complete(&admin, new(&preset)).await;
    }
    let forbidden = r#"{"action":"use","subject":"Model","conditions":{"id":"a/b"},"inverted":true}"#;
    let bound =
        Principal { rules: vec![forbidden.to_owned()], credential: Credential::Token, ..user("bound") };
    for body in [body("a/b"), {
        let mut body = body("c/unpriced");
        body["models"] = json!(["a/b"]);
        body
    }] {
        let refused = world.refusal(&bound, &body).await;
        assert!(matches!(refused, RuntimeError::Forbidden { .. }), "{refused:?}");
    }
    let mut strict = body("a/b");
    strict["provider"] = json!({"require_parameters": true});
    strict["temperature"] = json!(1);
    world.complete(&anna, new(&strict)).await;
    strict["seed"] = json!(1);
    let lacking = world.refusal(&anna, &strict).await;
    let RuntimeError::Invalid(errors) = lacking else { panic!("{lacking:?}") };
    assert_eq!(errors[0].pointer, "/seed");
    strict.as_object_mut().unwrap().remove("seed");
    strict["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {}}});
    let RuntimeError::Invalid(errors) = world.refusal(&anna, &strict).await else { panic!("no schema") };
    assert_eq!(errors[0].pointer, "/response_format");
}

/// Returns the same principal without the right to use a model.
fn without_model(principal: &Principal, id: &str) -> Principal {
    let rule = json!({"action": "use", "subject": "Model", "conditions": {"id": id}, "inverted": true});
    Principal { rules: vec![rule.to_string()], ..principal.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_repetition_needs_the_right_to_the_model() {
    let world = world_with_models().await;
    let (anna, body) = (Principal { credential: Credential::Token, ..user("anna") }, body("a/b"));
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    assert_eq!(text(&mut first).await, "ok");
    let bound = without_model(&anna, "a/b");
    for request in [keyed(&body, "k"), retry(&body)] {
        let refused = world.runtime.complete(&bound, request).await;
        assert!(matches!(refused, Err(RuntimeError::Forbidden { .. })), "{refused:?}");
    }
    assert!(world.complete(&anna, keyed(&body, "k")).await.is_replayed);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_model_is_forbidden_in_every_spelling() {
    let world = world_with_models().await;
    let anna = Principal { credential: Credential::Token, ..user("anna") };
    let bound = without_model(&anna, "a/b");
    for id in [
        "a/b",
        "A/b",
        "a/B",
        "~a/b",
        "a/b:free",
        "a/b:online",
        "A/B:Nitro",
        "a/b:unknown:free",
        "a//b",
        "a/./b",
        "a/b?x=1",
        "a/b#",
        "openrouter/a/b",
        "a/*",
        "a/[b]",
        "*/*",
        "a/b ",
        "a/\u{62}\u{301}",
    ] {
        for name in ["model", "models"] {
            let mut request = body(if name == "model" { id } else { "c/unpriced" });
            if name == "models" {
                request["models"] = json!([id]);
            }
            let refused = world.refusal(&bound, &request).await;
            let is_refused = matches!(refused, RuntimeError::Forbidden { .. } | RuntimeError::NoSuchModel(_));
            assert!(is_refused, "{name} {id}: {refused:?}");
        }
    }
    assert!(world.upstream.relayed().is_empty());
    // Other models with the same author or name are not concerned.
    for id in ["a/b-mini", "a/bb", "b/a"] {
        world.complete(&bound, new(&body(id))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_message_limit_of_a_tool_applies_in_every_spelling() {
    let world = world(Settings::default()).await;
    let limited = format!("{}limits:\n  max_input_chars: 5\n", TOOL.replace("helper", "brief"));
    let tools = [("helper.yaml", TOOL.to_owned()), ("brief.yaml", limited)];
    let tools = tools.map(|(name, yaml)| parse_yaml(name, yaml.as_bytes()).unwrap());
    world.runtime.sync_tools(tools.to_vec()).await.unwrap();
    let anna = user("anna");
    for message in [
        r#"{"role": "user", "content": "123456"}"#,
        r#"{"r\u006fle": "user", "content": "123456"}"#,
        r#"{"role": "us\u0065r", "content": "123456"}"#,
        r#"{"role": "user", "cont\u0065nt": "123456"}"#,
        r#"{"role": "user", "content": [{"type": "text", "text": "123"}, {"t\u0079pe": "text", "te\u0078t": "456"}]}"#,
    ] {
        let body = format!(r#"{{"model": "tool:brief", "messages": [{message}]}}"#);
        let request = NewCompletion { body, ..NewCompletion::default() };
        let refused = world.runtime.complete(&anna, request).await;
        let Err(RuntimeError::MessageTooLong { limit: 5, given: 6 }) = refused else {
            panic!("{message}: {refused:?}")
        };
    }
    assert!(world.upstream.relayed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tool_adds_its_behavior_and_its_model() {
    let world = world(Settings::default()).await;
    let anna = user("anna");
    let mut body = body("tool:helper");
    body["messages"] = json!([{"role": "system", "content": "Shout."}, {"role": "user", "content": "Hi"}]);
    let mut completion = world.complete(&anna, new(&body)).await;
    assert_eq!(text(&mut completion).await, "ok");
    let sent: Value = serde_json::from_str(&world.upstream.relayed()[0].body).unwrap();
    assert_eq!(sent["model"], "sim/test");
    assert_eq!(sent["messages"][0], json!({"role": "system", "content": "Help.\n\nShout."}));
    let (open, _) = world.store.completions().remove(0);
    assert!(open.tool_id.is_some() && open.model == "sim/test");
    let offered = world.runtime.offered_models(&anna).await.unwrap();
    assert!(offered.iter().any(|model| model.id == "tool:helper"));
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_refusal_is_given_except_for_tools() {
    let world = world(Settings { max_retries: 0, ..Settings::default() }).await;
    for (model, expected) in [("sim/test", "no: seed is not a number"), ("tool:helper", "no")] {
        let error = CompletionError {
            provider_text: Some("seed is not a number".to_owned()),
            ..CompletionError::new(CompletionErrorKind::InvalidRequest, "no")
        };
        let end = CompletionEvent::Ended(Box::new(CompletionEnd::failed(error)));
        world.upstream.enqueue(vec![Step::Event(end)]);
        let mut completion = world.complete(&user("anna"), new(&body(model))).await;
        let (_, AnswerOutcome::Failed(failure)) = read(&mut completion.reader).await else {
            panic!("the request is refused")
        };
        assert_eq!(failure.detail, expected, "{model}");
    }
}
