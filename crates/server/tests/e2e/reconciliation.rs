//! What an answer cost that did not say so: asked for afterwards, until it is known.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, TestApp, TestAppBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_cancelled_answer_costs_what_its_record_says,
    a_record_that_is_late_is_asked_for_again,
    what_is_never_found_keeps_what_stood_in_for_it,
    a_restart_goes_on_looking,
    instances_ask_once_for_each_row,
    a_silent_answer_is_estimated_at_the_prices_of_the_model_that_served,
    a_refused_attempt_leaves_the_cost_as_certain_as_it_was,
}

/// No look-up takes this long. What it is waited for is seen in the store only.
const PATIENCE: Duration = Duration::from_secs(60);

fn quick(on: TestAppBuilder) -> TestAppBuilder {
    on.settings(|settings| settings.runtime.reconcile_interval = Duration::from_millis(20))
}

/// The usage of the latest answer, once it is no longer pending.
async fn settled(chat: &Chat) -> Result<Value> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let usage = chat.latest().await?["usage"].take();
            if usage["basis"] != "pending" {
                return Ok(usage);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.context("the cost stays pending")?
}

/// How often the record of a generation was asked for.
fn lookups(app: &TestApp, usage: &Value) -> usize {
    let id = usage["generation_id"].as_str().unwrap_or("?");
    let asked = format!("/generation?id={id}");
    app.upstream().requests().iter().filter(|request| request.path.ends_with(&asked)).count()
}

/// Sends a message, cancels the answer after its first word, and gives the usage as it is told then.
async fn cancelled(app: &TestApp, chat: &Chat) -> Result<Value> {
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    chat.cancel().await?;
    let usage = stream.rest().await?.data_of("data-usage")?["data"].clone();
    ensure!(usage["basis"] == "pending", "{usage}");
    Ok(usage)
}

async fn a_cancelled_answer_costs_what_its_record_says(on: TestAppBuilder) -> Result<()> {
    let app = quick(on.tool("gated", "sim/gated")).start().await?;
    let chat = app.ada.chat("gated").await?;
    let told = cancelled(&app, &chat).await?;
    let usage = settled(&chat).await?;
    assert_eq!(usage["basis"], "looked_up");
    let tokens = |member: &str| usage[member].as_u64().expect("the record has counted");
    // The prices of a simulated model: one and two millionths of a dollar.
    let micros = tokens("input_tokens") + 2 * tokens("output_tokens");
    assert_eq!(usage["cost"], format!("0.{micros:06}").trim_end_matches('0'));
    assert_eq!(chat.detail().await?["totals"]["cost"], usage["cost"]);
    assert_eq!(lookups(&app, &told), 1);
    app.stop().await
}

async fn a_record_that_is_late_is_asked_for_again(on: TestAppBuilder) -> Result<()> {
    let app = quick(on.tool("late", "sim/no-usage?misses=1")).start().await?;
    let chat = app.ada.chat("late").await?;
    let told = chat.say("Hello").await?.data_of("data-usage")?["data"].clone();
    assert_eq!(settled(&chat).await?["basis"], "looked_up");
    assert_eq!(lookups(&app, &told), 2);
    app.stop().await
}

async fn what_is_never_found_keeps_what_stood_in_for_it(on: TestAppBuilder) -> Result<()> {
    let app = quick(on.tool("text", "sim/text").tool("unlisted", "sim/no-usage?misses=9"))
        .settings(|settings| settings.runtime.lookup_window = Duration::from_millis(1))
        .start()
        .await?;
    // Calculated: tokens were counted, without a cost. Nobody keeps a record of such an old answer.
    let unpriced = app.ada.chat("unlisted").await?;
    let told = unpriced.say("Hello").await?.data_of("data-usage")?["data"].clone();
    assert_eq!((&told["cost"], &told["basis"]), (&Value::Null, &json!("pending")));
    let usage = settled(&unpriced).await?;
    assert_eq!((&usage["cost"], &usage["basis"]), (&Value::Null, &json!("unknown")));
    assert_eq!(lookups(&app, &told), 1);

    app.upstream()
        .fail_all(causerie_simulator::Fault::Scenario("sim/usage?shape=legacy&misses=9".to_owned()))?;
    let priced = app.ada.chat("text").await?;
    let told = priced.say("Hello").await?.data_of("data-usage")?["data"].clone();
    let usage = settled(&priced).await?;
    assert_eq!((&usage["cost"], &usage["basis"]), (&told["cost"], &json!("calculated")));
    app.stop().await
}

async fn a_restart_goes_on_looking(on: TestAppBuilder) -> Result<()> {
    let app = quick(on.tool("late", "sim/no-usage?misses=1")).start().await?;
    let chat = app.ada.chat("late").await?;
    let told = chat.say("Hello").await?.data_of("data-usage")?["data"].clone();
    app.upstream()
        .wait_until(|requests| {
            requests.iter().any(|request| request.path.contains("/generation?") && request.ended_at.is_some())
        })
        .await?;
    let app = app.restart().await?;
    let chat = chat.as_seen_by(&app.ada);
    assert_eq!(settled(&chat).await?["basis"], "looked_up");
    assert!(lookups(&app, &told) >= 2);
    app.stop().await
}

async fn instances_ask_once_for_each_row(on: TestAppBuilder) -> Result<()> {
    let app = quick(on.tool("silent", "sim/no-usage").tool("late", "sim/no-usage?misses=1")).start().await?;
    if app.database().url().starts_with("sqlite") {
        return app.stop().await;
    }
    let other = app.beside().await?;
    let mut chats = Vec::new();
    for (tool, expected) in [("silent", 1), ("late", 2)] {
        for _ in 0..6 {
            let chat = app.ada.chat(tool).await?;
            let told = chat.say("Hello").await?.data_of("data-usage")?["data"].clone();
            chats.push((chat, told, expected));
        }
    }
    for (chat, told, expected) in &chats {
        assert_eq!(settled(chat).await?["basis"], "looked_up");
        assert_eq!(lookups(&app, told), *expected, "once each time it is due");
    }
    other.stop().await;
    app.stop().await
}

async fn a_silent_answer_is_estimated_at_the_prices_of_the_model_that_served(
    on: TestAppBuilder,
) -> Result<()> {
    let app = on.tool("other", "sim/no-usage?served=openai/gpt-5-mini-2025-08-07").start().await?;
    let chat = app.ada.chat("other").await?;
    let usage = chat.say("Hello").await?.data_of("data-usage")?["data"].clone();
    let tokens = |member: &str| usage[member].as_u64().expect("an estimate");
    // Listed at 0.25 and 2 dollars a million.
    let nanos = 250 * tokens("input_tokens") + 2000 * tokens("output_tokens");
    assert_eq!(usage["cost"], format!("0.{nanos:09}").trim_end_matches('0'));
    assert_eq!(usage["basis"], "pending");
    app.stop().await
}

async fn a_refused_attempt_leaves_the_cost_as_certain_as_it_was(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("again", "sim/status?code=500&times=1").start().await?;
    let chat = app.ada.chat("again").await?;
    chat.say("Hello").await?;
    let usage = chat.latest().await?["usage"].take();
    assert_eq!(usage["basis"], "reported", "{usage}");
    app.stop().await
}
