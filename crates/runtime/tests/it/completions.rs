//! Completions without a session: relay, accounting, retries, repeated requests, abandoned clients and refusals.

use std::time::Duration;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetSubject};
use causerie_domain::completion::{CompletionErrorKind, CompletionEvent};
use causerie_domain::failure::FailureCode;
use causerie_domain::models::{CatalogModel, Pricing};
use causerie_domain::ports::{Budgets, Ids, Models};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::usage::{CostBasis, UsageOutcome, UsagePurpose};
use causerie_domain::users::Role;
use causerie_domain::{AuditEventId, Filter, Timestamp, Usd};
use causerie_memory_store::MemoryStore;
use causerie_runtime::{
    AnswerEvent, AnswerOutcome, Completion, CompletionReader, CompletionSettings, NewCompletion,
    OnDisconnect, RuntimeError, Settings, SystemIds,
};
use causerie_tool_definitions::parse_yaml;
use serde_json::{Value, json};

use crate::support::scripted_gateway::{Step, chunk, fail, finish, finish_chunk, identified};
use crate::support::{TOOL, World, user, world, world_on_store};

const GRACE: Duration = Duration::from_secs(10);

fn body(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": true})
}

fn new(body: &Value) -> NewCompletion {
    NewCompletion { body: body.to_string(), ..NewCompletion::default() }
}

fn keyed(body: &Value, key: &str) -> NewCompletion {
    NewCompletion { idempotency_key: Some(key.to_owned()), ..new(body) }
}

fn retry(body: &Value) -> NewCompletion {
    NewCompletion { is_retry: true, ..new(body) }
}

impl World {
    async fn complete(&self, principal: &Principal, new: NewCompletion) -> Completion {
        self.runtime.complete(principal, new).await.unwrap()
    }

    async fn refusal(&self, principal: &Principal, body: &Value) -> RuntimeError {
        self.runtime.complete(principal, new(body)).await.unwrap_err()
    }

    /// Returns outcome and attempt of each closed row, and `None` for an open one.
    fn rows(&self) -> Vec<Option<(UsageOutcome, u32)>> {
        let rows = self.store.completions().into_iter();
        rows.map(|(open, closed)| closed.map(|closed| (closed.outcome, open.attempt))).collect()
    }

    async fn set_budget(&self, principal: &Principal, limit: i64) {
        let subject = BudgetSubject::User(principal.user.id);
        let budget = Budget { subject, period: BudgetPeriod::Day, limit: Usd::from_pico(limit) };
        let event_id = AuditEventId::from_uuid(SystemIds.next());
        let at = Timestamp::from_micros(0);
        let stamp = AuditStamp { event_id, actor_id: None, api_key_id: None, at };
        self.store.set_budget(budget, &Filter::Everything, stamp).await.unwrap();
    }
}

/// Reads an answer to its end. Returns its texts and its outcome.
async fn read(reader: &mut CompletionReader) -> (String, AnswerOutcome) {
    let mut text = String::new();
    loop {
        match reader.next().await {
            AnswerEvent::Chunks(chunks) => {
                for chunk in chunks {
                    let chunk: Value = serde_json::from_str(&chunk).unwrap();
                    text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
                }
            }
            AnswerEvent::Ended(end) => return (text, end.outcome),
        }
    }
}

async fn text(completion: &mut Completion) -> String {
    let (text, outcome) = read(&mut completion.reader).await;
    assert_eq!(outcome, AnswerOutcome::Completed);
    text
}

fn settings(completions: CompletionSettings) -> Settings {
    Settings { completions, ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_relayed_and_has_one_row_without_a_session() {
    let world = world(Settings::default()).await;
    let anna = user("anna");
    let usage = Step::Event(CompletionEvent::Usage(r#"{"cost":1e-7}"#.to_owned()));
    world.upstream.enqueue(vec![
        identified("gen-1"),
        chunk(""),
        chunk("Hel"),
        chunk("lo"),
        finish_chunk(),
        usage,
        finish(),
    ]);
    let mut body = body("sim/test");
    body["temperature"] = json!(0.1);
    let mut completion = world.complete(&anna, new(&body)).await;
    assert!(completion.is_streamed && !completion.includes_usage && !completion.is_replayed);
    assert_eq!(text(&mut completion).await, "Hello");
    let AnswerEvent::Ended(end) = completion.reader.next().await else { panic!("the answer has ended") };
    assert_eq!(end.usage.as_deref(), Some(r#"{"cost":1e-7}"#));

    let sent: Value = serde_json::from_str(&world.upstream.relayed()[0].body).unwrap();
    assert_eq!(
        (&sent["model"], &sent["temperature"], &sent["stream"]),
        (&json!("sim/test"), &json!(0.1), &json!(true))
    );
    assert_eq!(sent.get("max_tokens"), None, "without a budget no maximum is added");
    let rows = world.store.completions();
    let [(open, Some(closed))] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((open.purpose, open.session_id, open.turn_id), (UsagePurpose::Completion, None, None));
    assert_eq!((open.user_id, open.model.as_str()), (anna.user.id, "sim/test"));
    assert_eq!((closed.outcome, closed.settlement.basis), (UsageOutcome::Completed, CostBasis::Reported));
    assert_eq!(closed.progress.generation_id.as_deref(), Some("gen-1"));
    assert!(closed.progress.time_to_first_token.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_one_document() {
    let world = world(Settings::default()).await;
    let usage = Step::Event(CompletionEvent::Usage(r#"{"total_tokens":3}"#.to_owned()));
    world.upstream.enqueue(vec![chunk("Hel"), chunk("lo"), finish_chunk(), usage, finish()]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let whole: Value = serde_json::from_str(&completion.reader.whole().await.unwrap()).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["total_tokens"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_is_repeated_before_the_first_content_with_a_row_of_its_own() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk(""), fail(CompletionErrorKind::Unavailable)]);
    world.upstream.enqueue(vec![chunk(""), chunk("b"), finish_chunk(), finish()]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    assert_eq!(text(&mut completion).await, "b");
    assert_eq!(world.rows(), [Some((UsageOutcome::Failed, 1)), Some((UsageOutcome::Completed, 2))]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_content_ends_the_answer() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk("a"), fail(CompletionErrorKind::Interrupted)]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let (text, outcome) = read(&mut completion.reader).await;
    let AnswerOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((text.as_str(), failure.code), ("a", FailureCode::UpstreamInterrupted));
    assert_eq!(world.rows(), [Some((UsageOutcome::Failed, 1))]);
    assert_eq!(world.upstream.relayed().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_with_a_finish_reason_is_the_answer() {
    let world = world(Settings { max_retries: 0, ..Settings::default() }).await;
    world.upstream.enqueue(vec![chunk(""), finish_chunk(), fail(CompletionErrorKind::Empty)]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    assert_eq!(text(&mut completion).await, "");
    assert_eq!(world.rows(), [Some((UsageOutcome::Completed, 1))]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_is_waited_for_and_then_cancelled() {
    let world = world(Settings::default()).await;
    let anna = user("anna");
    world.upstream.enqueue(vec![
        identified("gen-1"),
        chunk("a"),
        Step::Gate,
        chunk("b"),
        finish_chunk(),
        finish(),
    ]);
    let body = body("sim/test");
    let mut first = world.complete(&anna, new(&body)).await;
    assert!(matches!(first.reader.next().await, AnswerEvent::Chunks(_)));
    drop(first);
    tokio::time::sleep(GRACE / 2).await;
    let second = world.complete(&anna, retry(&body)).await;
    assert!(second.is_replayed);
    tokio::time::sleep(2 * GRACE).await;
    assert_eq!(world.rows(), [None], "a retry that reads keeps the request");
    drop(second);
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    assert_eq!((world.rows(), world.upstream.dropped()), (vec![Some((UsageOutcome::Cancelled, 1))], 1));
    let closed = world.store.completions().remove(0).1.unwrap();
    assert_eq!(closed.settlement.basis, CostBasis::Pending, "the cost is looked up");
    let mut third = world.complete(&anna, retry(&body)).await;
    assert!(!third.is_replayed, "a cancelled request cannot be attached to");
    assert_eq!(text(&mut third).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_finished_without_its_client() {
    let finish_it =
        CompletionSettings { on_disconnect: OnDisconnect::Finish, ..CompletionSettings::default() };
    let world = world(settings(finish_it)).await;
    world.upstream.enqueue(vec![chunk("a"), Step::Pause(10 * GRACE), chunk("b"), finish_chunk(), finish()]);
    drop(world.complete(&user("anna"), new(&body("sim/test"))).await);
    tokio::time::sleep(11 * GRACE).await;
    assert_eq!((world.rows(), world.upstream.dropped()), (vec![Some((UsageOutcome::Completed, 1))], 0));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_receives_the_same_answer() {
    let world = world(Settings::default()).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    let mut while_running = world.complete(&anna, keyed(&body, "k")).await;
    assert_eq!((text(&mut first).await, text(&mut while_running).await), ("ok".to_owned(), "ok".to_owned()));
    let mut later = world.complete(&anna, keyed(&body, "k")).await;
    assert!(later.is_replayed);
    assert_eq!(text(&mut later).await, "ok");
    assert_eq!((world.rows().len(), world.upstream.relayed().len()), (1, 1));

    let mut other = body.clone();
    other["seed"] = json!(1);
    let reused = world.runtime.complete(&anna, keyed(&other, "k")).await;
    assert!(matches!(reused, Err(RuntimeError::IdempotencyKeyReused)), "{reused:?}");
    let of_another = world.complete(&user("bob"), keyed(&body, "k")).await;
    assert!(!of_another.is_replayed);
    tokio::time::sleep(Duration::from_secs(601)).await;
    let gone = world.runtime.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(gone, Err(RuntimeError::AnswerNotKept)), "{gone:?}");
    let reused = world.runtime.complete(&anna, keyed(&other, "k")).await;
    assert!(matches!(reused, Err(RuntimeError::IdempotencyKeyReused)), "{reused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_asks_anew_after_a_failure() {
    let world = world(Settings { max_retries: 0, ..Settings::default() }).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(read(&mut first.reader).await.1, AnswerOutcome::Failed(_)));
    let mut second = world.complete(&anna, keyed(&body, "k")).await;
    assert!(!second.is_replayed);
    assert_eq!(text(&mut second).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_retry_attaches_to_the_newest_answer_that_nobody_has() {
    let world = world(Settings::default()).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    for answer in ["one", "two", "three"] {
        world.upstream.enqueue(vec![chunk(answer), finish_chunk(), finish()]);
    }
    let mut first = world.complete(&anna, new(&body)).await;
    let mut second = world.complete(&anna, new(&body)).await;
    let mut third = world.complete(&anna, new(&body)).await;
    assert_eq!((text(&mut first).await, text(&mut second).await), ("one".to_owned(), "two".to_owned()));
    assert_eq!(text(&mut third).await, "three");
    third.reader.set_delivered();
    drop((first, second, third));
    let mut retried = world.complete(&anna, retry(&body)).await;
    assert_eq!((retried.is_replayed, text(&mut retried).await.as_str()), (true, "two"));
    let mut other = world.complete(&anna, retry(&body)).await;
    assert_eq!((other.is_replayed, text(&mut other).await.as_str()), (true, "one"));
    let none_left = world.complete(&anna, retry(&body)).await;
    assert!(!none_left.is_replayed, "answers that are being read are not taken");
    drop((retried, other));
    let stranger = world.complete(&user("bob"), retry(&body)).await;
    assert!(!stranger.is_replayed);
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_within_a_bound() {
    let small = CompletionSettings { max_replay_bytes: 1, ..CompletionSettings::default() };
    let world = world(settings(small)).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    assert_eq!(text(&mut first).await, "ok");
    let again = world.runtime.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(again, Err(RuntimeError::AnswerNotKept)), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_interrupts_an_answer() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk("a"), Step::Gate]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let (_, answer) = tokio::join!(world.runtime.drain(Duration::from_secs(1)), read(&mut completion.reader));
    assert_eq!(answer, ("a".to_owned(), AnswerOutcome::Interrupted));
    assert_eq!(world.rows(), [Some((UsageOutcome::Interrupted, 1))]);
    let refused = world.refusal(&user("anna"), &body("sim/test")).await;
    assert!(matches!(refused, RuntimeError::ShuttingDown));
}

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
