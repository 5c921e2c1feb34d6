//! Prompt caches: requests that begin like the previous one, breakpoints, and what both save.

use std::collections::{BTreeMap, BTreeSet};

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::context_costs::{AUTOMATIC, EXPLICIT, Plan, compare};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    requests_have_equal_bytes_until_a_declared_cut,
    breakpoints_are_sent_to_models_that_need_them,
    a_session_has_the_same_provider_for_each_request,
}

/// Returns the messages of each chat request as JSON text, without breakpoints: a text with a mark is compared as a
/// plain text.
fn sent(app: &TestApp) -> Vec<Vec<String>> {
    let requests = app.upstream().requests();
    let bodies = requests.iter().filter(|request| request.is_chat()).map(|request| &request.body);
    let plain = |message: &Value| {
        let mut message = message.clone();
        if message["content"].as_array().is_some_and(|parts| parts.len() == 1) {
            message["content"] = message["content"][0]["text"].take();
        }
        message.to_string()
    };
    bodies.map(|body| body["messages"].as_array().into_iter().flatten().map(plain).collect()).collect()
}

/// Returns the indices of the messages of the last request that have a breakpoint.
fn marked(app: &TestApp) -> Vec<usize> {
    let request = app.upstream().requests().pop().expect("a request");
    let messages = request.body["messages"].as_array().cloned().unwrap_or_default();
    let is_marked = |message: &Value| message["content"][0]["cache_control"] == json!({"type": "ephemeral"});
    (0..messages.len()).filter(|index| is_marked(&messages[*index])).collect()
}

async fn requests_have_equal_bytes_until_a_declared_cut(builder: TestAppBuilder) -> Result<()> {
    let tools = [(AUTOMATIC, "block"), (AUTOMATIC, "sliding"), (EXPLICIT, "block")];
    let plans = tools.map(|(model, trim)| Plan { model, trim, max_messages: 8, turns: 0 });
    let builder = plans.iter().fold(builder, |builder, plan| builder.definition(&plan.definition()));
    let app = builder.start().await?;
    for plan in &plans {
        app.upstream().clear();
        let chat = app.ada.chat(&plan.tool()).await?;
        let mut cuts = Vec::new();
        for turn in 0..12 {
            let transcript = chat.send_and_read(&"long question ".repeat(turn * 37 % 11 * 20 + 1)).await?;
            let turn = app.ada.get(&format!("/turns/{}", transcript.turn_id)).await?.json(200)?;
            cuts.push(turn["context"]["cut"] == true);
            ensure!(turn["context"]["first_seq"].is_u64(), "{turn}");
        }
        let requests = sent(&app);
        ensure!(requests.len() == cuts.len(), "{} requests", requests.len());
        for (index, pair) in requests.windows(2).enumerate() {
            let begins_alike = pair[1].starts_with(&pair[0]);
            ensure!(begins_alike != cuts[index + 1], "{plan:?}: request {}: {:?}", index + 1, cuts);
        }
        // Eight messages are the history of the fifth turn; four remain at the sixth.
        let expected = match plan.trim {
            "block" => [5, 8, 11].as_slice(),
            _ => &[5, 6, 7, 8, 9, 10, 11],
        };
        let found: Vec<usize> = (0..cuts.len()).filter(|index| cuts[*index]).collect();
        ensure!(found == expected, "{plan:?}: cuts at {found:?}");
    }
    app.stop().await
}

async fn breakpoints_are_sent_to_models_that_need_them(builder: TestAppBuilder) -> Result<()> {
    let definition = |name: &str, model: &str, behavior: &str, more: &str| {
        format!(
            "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: {behavior}\nmodel: {model}\n{more}\n"
        )
    };
    let long = "Be kind. ".repeat(700);
    let app = builder
        .definition(&definition("explicit", EXPLICIT, long.trim(), ""))
        .definition(&definition("short", EXPLICIT, "Be kind.", ""))
        .definition(&definition("off", EXPLICIT, long.trim(), "cache: off"))
        .definition(&definition("automatic", AUTOMATIC, long.trim(), ""))
        .start()
        .await?;
    for (tool, first, second) in [
        ("explicit", &[0, 1][..], &[0, 3][..]),
        ("short", &[], &[]),
        ("off", &[], &[]),
        ("automatic", &[], &[]),
    ] {
        let chat = app.ada.chat(tool).await?;
        chat.send_and_read("one").await?;
        ensure!(marked(&app) == first, "{tool}: {:?}", marked(&app));
        let usage = chat.send_and_read("two").await?.frame_data("data-usage")?["data"].clone();
        ensure!(marked(&app) == second, "{tool}: {:?}", marked(&app));
        let cached = usage["cached_tokens"].as_u64().context("cached tokens")?;
        let is_read = matches!(tool, "explicit" | "automatic");
        ensure!((cached > 1024) == is_read, "{tool}: {usage}");
        let request = app.upstream().requests().pop().context("a request")?;
        assert_eq!(request.body["session_id"], chat.id.as_str());
        assert_eq!(request.body.get("provider"), None, "an order of providers would end the stickiness");
    }
    app.stop().await
}

async fn a_session_has_the_same_provider_for_each_request(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", AUTOMATIC).providers(3).start().await?;
    for _ in 0..12 {
        let chat = app.ada.chat("words").await?;
        for content in ["one", "two", "three"] {
            chat.send_and_read(content).await?;
        }
    }
    let records = app.ada.get("/usage/records?limit=100").await?.json(200)?;
    let mut providers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in records["data"].as_array().into_iter().flatten() {
        let provider = record["provider"].as_str().context("a provider")?;
        let session = record["session_id"].as_str().context("a session")?;
        providers.entry(session.to_owned()).or_default().insert(provider.to_owned());
    }
    ensure!(providers.len() == 12, "{records}");
    ensure!(providers.values().all(|found| found.len() == 1), "{providers:?}");
    let all: BTreeSet<&String> = providers.values().flatten().collect();
    ensure!(all.len() > 1, "all sessions have the provider {all:?}");
    app.stop().await
}

#[tokio::test]
async fn blocks_save_at_least_sixty_percent_of_the_input_of_a_long_conversation() -> Result<()> {
    for model in [AUTOMATIC, EXPLICIT] {
        for comparison in compare(model, &[20]).await? {
            let (_, block) = comparison.block;
            let sliding = comparison.sliding;
            // 60 turns of 300 tokens, of which the last 20 messages are sent.
            ensure!((150_000..200_000).contains(&sliding.tokens), "{sliding:?}");
            ensure!(block.saving(&sliding) >= 60, "{model}: {block:?} and {sliding:?}");
            ensure!(block.saving_per_token(&sliding) >= 50, "{model}: {block:?} and {sliding:?}");
        }
    }
    Ok(())
}
