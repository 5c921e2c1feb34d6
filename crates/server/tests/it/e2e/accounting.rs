//! Cost of answers: exact, pending or unknown.

use causerie_domain::Usd;
use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder, format_usage};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    every_answer_has_tokens_and_a_cost,
    a_reported_cost_keeps_all_digits,
    a_provider_key_of_the_user_costs_fee_and_upstream_cost,
    cached_and_reasoning_tokens_are_reported,
    without_usage_the_cost_is_pending_with_an_estimate,
    without_a_reported_cost_the_calculated_one_is_pending,
    an_unknown_price_is_not_zero,
    a_refused_attempt_costs_nothing,
    totals_are_sums_over_all_answers,
    usage_names_the_serving_model,
    the_first_start_reads_the_catalog,
}

/// Prices of a simulated model per token.
const INPUT: Usd = Usd::from_pico(1_000_000);
const OUTPUT: Usd = Usd::from_pico(2_000_000);

/// Returns the tokens times the prices as text.
fn calculated_cost(usage: &Value) -> String {
    let tokens = |member: &str| usage[member].as_u64().expect("a count of tokens");
    let cost = INPUT
        .checked_mul(tokens("input_tokens"))
        .and_then(|input| input.checked_add(OUTPUT.checked_mul(tokens("output_tokens"))?));
    cost.expect("a small amount").to_string()
}

/// Returns the stored usage of one answer of a new session.
async fn usage_of(app: &TestApp, tool: &str) -> Result<Value> {
    let chat = app.ada.chat(tool).await?;
    let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    let stored = chat.last_message().await?["usage"].take();
    assert_eq!(stored, received);
    Ok(stored)
}

async fn every_answer_has_tokens_and_a_cost(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let mut inputs = Vec::new();
    for content in ["one", "two", "three"] {
        let usage = chat.send_and_read(content).await?.frame_data("data-usage")?["data"].clone();
        assert_eq!(chat.last_message().await?["usage"], usage);
        assert_eq!((&usage["cost"], &usage["basis"]), (&json!(calculated_cost(&usage)), &json!("reported")));
        let [input, output, total] =
            ["input_tokens", "output_tokens", "total_tokens"].map(|name| usage[name].as_u64());
        assert_eq!(total, input.zip(output).map(|(input, output)| input + output));
        assert_eq!(
            usage["generation_id"].as_str(),
            app.upstream().requests().last().unwrap().generation_id.as_deref()
        );
        inputs.push(input);
    }
    assert!(inputs.is_sorted() && inputs[0] < inputs[2], "the history is paid for, too: {inputs:?}");
    for question in chat.messages().await?.iter().step_by(2) {
        assert_eq!(question["usage"], Value::Null);
    }
    app.stop().await
}

async fn a_reported_cost_keeps_all_digits(builder: TestAppBuilder) -> Result<()> {
    let costs = [
        ("0.000000000001", "0.000000000001"),
        ("1e-7", "0.0000001"),
        ("1.2345E-4", "0.00012345"),
        ("7.6509169", "7.6509169"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.3"),
        ("0", "0"),
        ("123456.000000000001", "123456.000000000001"),
    ];
    let named = |number: usize| format!("cost-{number}");
    let mut builder = builder;
    for (number, (cost, _)) in costs.iter().enumerate() {
        builder = builder.tool(&named(number), &format!("sim/usage?cost={cost}"));
    }
    let app = builder.start().await?;
    for (number, (cost, expected)) in costs.iter().enumerate() {
        let usage = usage_of(&app, &named(number)).await?;
        assert_eq!((&usage["cost"], &usage["basis"]), (&json!(expected), &json!("reported")), "{cost}");
    }
    app.stop().await
}

async fn a_provider_key_of_the_user_costs_fee_and_upstream_cost(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("free", "sim/byok").tool("fee", "sim/byok?fee=0.0001").start().await?;
    let free = usage_of(&app, "free").await?;
    assert_eq!((&free["cost"], &free["basis"]), (&json!(calculated_cost(&free)), &json!("reported")));
    let fee = usage_of(&app, "fee").await?;
    let with_fee: Usd =
        calculated_cost(&fee).parse::<Usd>()?.checked_add("0.0001".parse()?).context("a small amount")?;
    assert_eq!((&fee["cost"], &fee["basis"]), (&json!(with_fee.to_string()), &json!("reported")));
    app.stop().await
}

async fn cached_and_reasoning_tokens_are_reported(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("cache", "sim/cache?read=1000&write=200")
        .tool("thinker", "sim/reasoning")
        .start()
        .await?;
    let cache = usage_of(&app, "cache").await?;
    assert_eq!(cache["cached_tokens"], 1000);
    assert!(cache["input_tokens"].as_u64() > Some(1200), "{cache}");
    let thinker = usage_of(&app, "thinker").await?;
    assert!(thinker["reasoning_tokens"].as_u64() > Some(0), "{thinker}");
    assert!(thinker["output_tokens"].as_u64() > thinker["reasoning_tokens"].as_u64(), "{thinker}");
    app.stop().await
}

async fn without_usage_the_cost_is_pending_with_an_estimate(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("silent", "sim/no-usage").start().await?;
    let usage = usage_of(&app, "silent").await?;
    assert_eq!((&usage["cost"], &usage["basis"]), (&json!(calculated_cost(&usage)), &json!("pending")));
    assert!(usage["generation_id"].is_string(), "by which it is looked up: {usage}");
    app.stop().await
}

async fn without_a_reported_cost_the_calculated_one_is_pending(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("text", "sim/text").start().await?;
    // The model has a price, and the response has tokens but no cost, as in 2025.
    app.upstream().fail_all(Fault::Scenario("sim/usage?shape=legacy".to_owned()))?;
    let usage = usage_of(&app, "text").await?;
    assert_eq!(
        format_usage(&usage),
        format!("sim/usage?shape=legacy 4+25 {} pending", calculated_cost(&usage))
    );
    app.stop().await
}

async fn an_unknown_price_is_not_zero(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("unlisted", "sim/no-usage?words=1").start().await?;
    let usage = usage_of(&app, "unlisted").await?;
    assert_eq!(format_usage(&usage), "sim/no-usage?words=1 ?+? ? pending");
    app.stop().await
}

async fn a_refused_attempt_costs_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("again", "sim/status?code=500&times=1").start().await?;
    let chat = app.ada.chat("again").await?;
    chat.send_and_read("Hello").await?;
    let answer = chat.last_message().await?;
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["usage"]["cost"], calculated_cost(&answer["usage"]));
    assert_eq!(chat.detail().await?["totals"]["cost"], answer["usage"]["cost"]);
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn totals_are_sums_over_all_answers(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("cut", "sim/usage?times=1&cost=0.5").start().await?;
    let chat = app.ada.chat("cut").await?;
    let mut expected = (0, 0, Usd::ZERO);
    for content in ["one", "two", "three"] {
        let usage = chat.send_and_read(content).await?.frame_data("data-usage")?["data"].clone();
        expected.0 += usage["input_tokens"].as_u64().context("input")?;
        expected.1 += usage["output_tokens"].as_u64().context("output")?;
        let cost = usage["cost"].as_str().context("cost")?.parse()?;
        expected.2 = expected.2.checked_add(cost).context("a small amount")?;
    }
    let totals = chat.detail().await?["totals"].take();
    let (input_tokens, output_tokens, cost) = (expected.0, expected.1, expected.2.to_string());
    assert!(cost.starts_with("0.5"), "{cost}");
    assert_eq!(
        totals,
        json!({
            "messages": 6, "input_tokens": input_tokens, "output_tokens": output_tokens, "cost": cost,
            "cached_tokens": 0, "cache_write_tokens": 0, "cache_saved": "0",
        })
    );
    app.stop().await
}

async fn usage_names_the_serving_model(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("fallback", "sim/fallback").start().await?;
    let chat = app.ada.chat("fallback").await?;
    let whole = chat.send_and_read("Hello").await?;
    assert_eq!(whole.frame_data("start")?["messageMetadata"]["model"], "sim/fallback");
    assert_eq!(whole.frame_data("data-usage")?["data"]["model"], "sim/backup-20260801");
    assert_eq!(chat.last_message().await?["meta"]["model"], "sim/backup-20260801");
    app.stop().await
}

async fn the_first_start_reads_the_catalog(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("silent", "sim/no-usage").without_catalog().start().await?;
    app.upstream()
        .wait_until(|requests| requests.iter().any(|request| request.path.ends_with("/models")))
        .await?;
    // The effect of the catalog on the server is only visible in its responses.
    let listed = loop {
        let page = app.ada.get("/models?limit=100").await?.json(200)?;
        if page["data"] != json!([]) {
            break page;
        }
    };
    let model = listed["data"].as_array().unwrap().iter().find(|model| model["id"] == "sim/no-usage");
    let pricing = &model.context("the model is listed")?["pricing"];
    assert_eq!((&pricing["prompt"], &pricing["completion"]), (&json!("0.000001"), &json!("0.000002")));
    app.stop().await
}
