//! Reconciliation: costs that an answer did not report are looked up afterwards.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, TestApp, TestAppBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_cancelled_answer_has_the_cost_of_its_generation_record,
    a_missing_generation_record_is_looked_up_again,
    without_a_generation_record_the_estimate_is_final,
    look_ups_continue_after_a_restart,
    several_instances_look_up_each_row_once,
    an_answer_without_usage_is_estimated_with_the_prices_of_the_serving_model,
    a_refused_attempt_does_not_change_the_basis,
}

/// Timeout for the settlement of a cost, which is visible in the store only.
const TIMEOUT: Duration = Duration::from_secs(60);

fn with_fast_reconciliation(builder: TestAppBuilder) -> TestAppBuilder {
    builder.settings(|settings| settings.runtime.reconcile_interval = Duration::from_millis(20))
}

/// Returns the usage of the last answer when it is no longer pending.
async fn settled(chat: &Chat) -> Result<Value> {
    let waited = tokio::time::timeout(TIMEOUT, async {
        loop {
            let usage = chat.last_message().await?["usage"].take();
            if usage["basis"] != "pending" {
                return Ok(usage);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.context("the cost stays pending")?
}

/// Returns the number of look-ups of a generation record.
fn lookups(app: &TestApp, usage: &Value) -> usize {
    let id = usage["generation_id"].as_str().unwrap_or("?");
    let path = format!("/generation?id={id}");
    app.upstream().requests().iter().filter(|request| request.path.ends_with(&path)).count()
}

/// Sends a message, cancels the turn after the first text, and returns the usage of the response.
async fn cancelled(app: &TestApp, chat: &Chat) -> Result<Value> {
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    chat.cancel().await?;
    let usage = stream.read_to_end().await?.frame_data("data-usage")?["data"].clone();
    ensure!(usage["basis"] == "pending", "{usage}");
    Ok(usage)
}

async fn a_cancelled_answer_has_the_cost_of_its_generation_record(builder: TestAppBuilder) -> Result<()> {
    let app = with_fast_reconciliation(builder.tool("gated", "sim/gated")).start().await?;
    let chat = app.ada.chat("gated").await?;
    let received = cancelled(&app, &chat).await?;
    let usage = settled(&chat).await?;
    assert_eq!(usage["basis"], "looked_up");
    let tokens = |member: &str| usage[member].as_u64().expect("the record has counted");
    // Prices of the simulated model: one and two millionths of a dollar per token.
    let micros = tokens("input_tokens") + 2 * tokens("output_tokens");
    assert_eq!(usage["cost"], format!("0.{micros:06}").trim_end_matches('0'));
    assert_eq!(chat.detail().await?["totals"]["cost"], usage["cost"]);
    assert_eq!(lookups(&app, &received), 1);
    app.stop().await
}

async fn a_missing_generation_record_is_looked_up_again(builder: TestAppBuilder) -> Result<()> {
    let app = with_fast_reconciliation(builder.tool("late", "sim/no-usage?misses=1")).start().await?;
    let chat = app.ada.chat("late").await?;
    let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    assert_eq!(settled(&chat).await?["basis"], "looked_up");
    assert_eq!(lookups(&app, &received), 2);
    app.stop().await
}

async fn without_a_generation_record_the_estimate_is_final(builder: TestAppBuilder) -> Result<()> {
    let app =
        with_fast_reconciliation(builder.tool("text", "sim/text").tool("unlisted", "sim/no-usage?misses=9"))
            .settings(|settings| settings.runtime.lookup_window = Duration::from_millis(1))
            .start()
            .await?;
    // The answer has tokens but no cost, and the upstream has no record of such an old generation.
    let unpriced = app.ada.chat("unlisted").await?;
    let received = unpriced.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    assert_eq!((&received["cost"], &received["basis"]), (&Value::Null, &json!("pending")));
    let usage = settled(&unpriced).await?;
    assert_eq!((&usage["cost"], &usage["basis"]), (&Value::Null, &json!("unknown")));
    assert_eq!(lookups(&app, &received), 1);

    app.upstream()
        .fail_all(causerie_simulator::Fault::Scenario("sim/usage?shape=legacy&misses=9".to_owned()))?;
    let chat = app.ada.chat("text").await?;
    let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    let usage = settled(&chat).await?;
    assert_eq!((&usage["cost"], &usage["basis"]), (&received["cost"], &json!("calculated")));
    app.stop().await
}

async fn look_ups_continue_after_a_restart(builder: TestAppBuilder) -> Result<()> {
    let app = with_fast_reconciliation(builder.tool("late", "sim/no-usage?misses=1")).start().await?;
    let chat = app.ada.chat("late").await?;
    let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    app.upstream()
        .wait_until(|requests| {
            requests.iter().any(|request| request.path.contains("/generation?") && request.ended_at.is_some())
        })
        .await?;
    let app = app.restart().await?;
    let chat = chat.with_client(&app.ada);
    assert_eq!(settled(&chat).await?["basis"], "looked_up");
    assert!(lookups(&app, &received) >= 2);
    app.stop().await
}

async fn several_instances_look_up_each_row_once(builder: TestAppBuilder) -> Result<()> {
    let app = with_fast_reconciliation(
        builder.tool("silent", "sim/no-usage").tool("late", "sim/no-usage?misses=1"),
    )
    .start()
    .await?;
    if app.database().url().starts_with("sqlite") {
        return app.stop().await;
    }
    let other = app.start_instance().await?;
    let mut chats = Vec::new();
    for (tool, expected) in [("silent", 1), ("late", 2)] {
        for _ in 0..6 {
            let chat = app.ada.chat(tool).await?;
            let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
            chats.push((chat, received, expected));
        }
    }
    for (chat, received, expected) in &chats {
        assert_eq!(settled(chat).await?["basis"], "looked_up");
        assert_eq!(lookups(&app, received), *expected, "one look-up each time it is due");
    }
    other.stop().await;
    app.stop().await
}

async fn an_answer_without_usage_is_estimated_with_the_prices_of_the_serving_model(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("other", "sim/no-usage?served=openai/gpt-5-mini-2025-08-07").start().await?;
    let chat = app.ada.chat("other").await?;
    let usage = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    let tokens = |member: &str| usage[member].as_u64().expect("an estimate");
    // Catalog prices: 0.25 and 2 dollars per million tokens.
    let nanos = 250 * tokens("input_tokens") + 2000 * tokens("output_tokens");
    assert_eq!(usage["cost"], format!("0.{nanos:09}").trim_end_matches('0'));
    assert_eq!(usage["basis"], "pending");
    app.stop().await
}

async fn a_refused_attempt_does_not_change_the_basis(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("again", "sim/status?code=500&times=1").start().await?;
    let chat = app.ada.chat("again").await?;
    chat.send_and_read("Hello").await?;
    let usage = chat.last_message().await?["usage"].take();
    assert_eq!(usage["basis"], "reported", "{usage}");
    app.stop().await
}
