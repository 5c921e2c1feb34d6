//! Limits on upstream requests, the model catalog, and usage rows of attempts.

use std::num::NonZeroU32;
use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, TestApp, TestAppBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    upstream_busy_at_the_limit_of_concurrent_requests,
    upstream_busy_at_the_limit_per_minute,
    upstream_busy_with_an_open_circuit,
    an_old_catalog_is_read_at_startup,
    a_recent_catalog_is_not_read_at_startup,
    an_admin_can_reload_the_catalog,
    a_dated_id_has_the_price_and_context_length_of_its_model,
    every_attempt_has_a_usage_row,
}

/// Checks that a refused turn has the same failure and wait as a stream and as a document, and costs nothing.
async fn check_busy(
    app: &TestApp,
    chat: &Chat,
    detail: &str,
    wait: std::ops::RangeInclusive<u64>,
) -> Result<()> {
    let requests_before = app.upstream().total();
    let refused = chat.send_for_json("as a document").await?;
    assert_eq!(refused.problem(503, "upstream_busy")?["detail"], detail);
    let received: u64 = refused.header("retry-after").context("no retry-after")?.parse()?;
    assert!(wait.contains(&received), "{received}");

    let received = chat.send_and_read("as a stream").await?;
    let failure = &received.frame_data("data-error")?["data"];
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("upstream_busy"), &json!(true)));
    let seconds = failure["retry_after"].as_u64().context("no retry-after")?;
    assert!(wait.contains(&seconds), "{failure}");
    assert_eq!(app.upstream().total(), requests_before, "nothing was sent");
    let answer = chat.last_message().await?;
    assert_eq!((&answer["status"], &answer["content"]), (&json!("failed"), &json!("")));
    assert_eq!(answer["usage"]["cost"], "0");
    Ok(())
}

async fn upstream_busy_at_the_limit_of_concurrent_requests(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| {
        settings.upstream.limits.max_concurrent_streams = NonZeroU32::MIN;
        settings.upstream.limits.max_queue_wait = Duration::from_millis(50);
    });
    let app = builder.tool("gated", "sim/gated?words=1").start().await?;
    let (first, second) = (app.ada.chat("gated").await?, app.ada.chat("gated").await?);
    let answer = first.send("one").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    check_busy(&app, &second, "too many requests to the upstream are in progress", 1..=1).await?;
    app.upstream().open("gate");
    answer.read_to_end().await?;
    second.send_for_json("again").await?.json(200)?;
    app.stop().await
}

async fn upstream_busy_at_the_limit_per_minute(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| {
        settings.upstream.limits.requests_per_minute = Some(NonZeroU32::MIN);
        settings.upstream.limits.max_queue_wait = Duration::from_millis(50);
    });
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    chat.send_for_json("one").await?.json(200)?;
    check_busy(&app, &chat, "too many requests to the upstream are in progress", 1..=60).await?;
    app.stop().await
}

async fn upstream_busy_with_an_open_circuit(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| {
        settings.upstream.limits.breaker_failure_threshold = NonZeroU32::MIN;
        settings.upstream.limits.breaker_open_duration = Duration::from_secs(50);
    });
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    app.upstream().fail_all(Fault::Status(503))?;
    // The second attempt finds the circuit open.
    chat.send_for_json("one").await?.problem(503, "upstream_busy")?;
    app.upstream().recover();
    check_busy(&app, &chat, "the upstream keeps failing, and requests are paused", 1..=50).await?;
    app.stop().await
}

/// Returns the prices of a model when the server has read the catalog.
async fn prices_of(app: &TestApp, model: &str) -> Result<Value> {
    let page = app.ada.get("/models?limit=100").await?.json(200)?;
    let models = page["data"].as_array().context("a page has data")?;
    let found = models.iter().find(|listed| listed["id"] == model).context("the model is listed")?;
    Ok(found["pricing"].clone())
}

fn catalog_requests(app: &TestApp) -> usize {
    app.upstream().requests().iter().filter(|request| request.path.ends_with("/models")).count()
}

async fn an_old_catalog_is_read_at_startup(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").catalog_age(Duration::from_hours(25)).start().await?;
    app.upstream()
        .wait_until(|requests| {
            requests.iter().filter(|request| request.path.ends_with("/models")).count() == 2
        })
        .await?;
    app.stop().await
}

async fn a_recent_catalog_is_not_read_at_startup(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").catalog_age(Duration::from_hours(23)).start().await?;
    app.ada.chat("echo").await?.send_and_read("Hello").await?;
    let app = app.restart().await?;
    assert_eq!(catalog_requests(&app), 1, "only the request of the test");
    app.stop().await
}

async fn an_admin_can_reload_the_catalog(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let before = catalog_requests(&app);
    app.ada.post("/models/sync", &json!({})).await?.problem(403, "forbidden")?;
    assert_eq!(catalog_requests(&app), before);
    let synced = app.root.post("/models/sync", &json!({})).await?.json(200)?;
    assert_eq!(catalog_requests(&app), before + 1);
    let listed = app.ada.get("/models?limit=100").await?.json(200)?;
    assert_eq!(synced["models"].as_u64(), listed["data"].as_array().map(|all| all.len() as u64));

    app.upstream().fail_all(Fault::Status(503))?;
    let again = app.root.post("/models/sync", &json!({})).await?;
    assert!([200, 503].contains(&again.status), "{again:?}");
    assert_eq!(prices_of(&app, "sim/echo").await?["prompt"], "0.000001", "the old catalog is kept");
    app.stop().await
}

async fn a_dated_id_has_the_price_and_context_length_of_its_model(builder: TestAppBuilder) -> Result<()> {
    let dated = "openai/gpt-5-mini-2025-08-07";
    let builder = builder.settings(|settings| settings.upstream.catalog_only = true);
    let app = builder.tool("dated", dated).tool("unlisted", "openai/gpt-5-mini-2024-01-01").start().await?;
    app.ada.chat("unlisted").await?.send_for_json("Hello").await?.problem(403, "forbidden")?;

    // A response without usage is priced with the catalog.
    app.upstream().fail_all(Fault::Scenario(format!("sim/no-usage?served={dated}")))?;
    let chat = app.ada.chat("dated").await?;
    chat.send_and_read("Hello").await?;
    let usage = chat.last_message().await?["usage"].take();
    let prices = prices_of(&app, "openai/gpt-5-mini").await?;
    let price = |name: &str| -> Result<causerie_domain::Usd> {
        Ok(prices[name].as_str().context("a price")?.parse()?)
    };
    let tokens = |name: &str| usage[name].as_u64().context("a count");
    let input = price("prompt")?.checked_mul(tokens("input_tokens")?).context("small")?;
    let output = price("completion")?.checked_mul(tokens("output_tokens")?).context("small")?;
    assert_eq!(usage["cost"], input.checked_add(output).context("small")?.to_string());
    app.stop().await
}

async fn every_attempt_has_a_usage_row(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("empty", "sim/empty-then-ok")
        .tool("failing", "sim/status?code=500&times=1")
        .start()
        .await?;
    for (tool, first) in [("empty", "0.000004"), ("failing", "0")] {
        let chat = app.ada.chat(tool).await?;
        chat.send_and_read("Hello").await?;
        let turn = chat.last_message().await?["turn_id"].take();
        let page = app.ada.get(&format!("/usage/records?session={}", chat.id)).await?.json(200)?;
        let mut rows = page["data"].as_array().context("a page has data")?.clone();
        rows.sort_by_key(|row| row["attempt"].as_u64());
        let received: Vec<_> =
            rows.iter().map(|row| (&row["attempt"], &row["outcome"], &row["turn_id"])).collect();
        let (failed, completed) = (json!("failed"), json!("completed"));
        assert_eq!(received, [(&json!(1), &failed, &turn), (&json!(2), &completed, &turn)], "{tool}");
        assert_eq!(rows[0]["cost"], first, "{tool}");
        let sum = rows.iter().try_fold(causerie_domain::Usd::ZERO, |sum, row| {
            sum.checked_add(row["cost"].as_str()?.parse().ok()?)
        });
        let totals = chat.detail().await?["totals"]["cost"].take();
        assert_eq!(totals, sum.context("exact costs")?.to_string(), "{tool}");
    }
    assert_eq!(app.upstream().count_chat(), 4);
    app.stop().await
}
