//! Budgets: refusals before a stream starts, and the spending of turns.

use std::time::Duration;

use causerie_domain::Usd;
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    a_send_beyond_the_budget_is_refused_before_its_stream,
    the_cost_of_an_answer_counts_at_its_end,
    the_remaining_budget_is_in_a_header_and_in_me,
    turns_of_a_fork_count_in_the_budget,
    a_group_and_a_key_have_budgets_of_their_own,
    concurrent_sends_do_not_overspend,
    a_repeated_send_reserves_nothing,
    a_looked_up_cost_corrects_the_spending,
    a_model_without_a_price_is_refused_under_a_budget,
    every_change_of_a_budget_has_an_audit_event,
    a_malformed_limit_is_refused,
}

/// Maximum cost of a short message to a simulated model: 4096 output tokens at two millionths of a dollar, and the
/// input.
const ABOUT_ONE_SEND: &str = "0.0085";

async fn put(client: &Client, path: &str, body: &Value) -> Result<Reply> {
    Reply::fetch(client.request(Method::PUT, path).json(body)).await
}

async fn limit(app: &TestApp, of: &str, limit: &str) -> Result<Value> {
    put(&app.root, &format!("/budgets/{of}"), &json!({ "period": "month", "limit": limit })).await?.json(200)
}

fn usd(value: &Value) -> Result<Usd> {
    Ok(value.as_str().context("an amount is text")?.parse()?)
}

/// Creates a user with a key, and returns the path of the user's budget below `/budgets/`.
async fn user_with_id(app: &TestApp, name: &str) -> Result<(Client, String)> {
    let (id, client) = create_user(app, name).await?;
    Ok((client, format!("user/{id}")))
}

async fn own(client: &Client, subject: &str) -> Result<Value> {
    let me = client.get("/me").await?.json(200)?;
    let budgets = me["budgets"].as_array().context("a list of budgets")?;
    budgets.iter().find(|budget| budget["subject"] == subject).cloned().context("there is such a budget")
}

async fn a_send_beyond_the_budget_is_refused_before_its_stream(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    let chat = eve.chat("echo").await?;
    limit(&app, &budget, "0.001").await?;
    for accept in ["text/event-stream", "application/json"] {
        let reply = Reply::fetch(chat.message_request("Hello").header("accept", accept)).await?;
        let problem = reply.problem(402, "budget_exceeded")?;
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.header("x-budget-left"), Some("0.001"));
        assert_eq!((&problem["subject"], &problem["period"]), (&json!("user"), &json!("month")));
        assert_eq!((&problem["limit"], &problem["left"]), (&json!("0.001"), &json!("0.001")));
        ensure!(usd(&problem["needed"])? > Usd::from_pico(8_000_000_000), "{problem}");
        assert!(problem["resets_at"].is_string());
    }
    assert_eq!(app.upstream().count_chat(), 0);
    assert_eq!(chat.messages().await?.len(), 0, "nothing is stored");
    let usage = eve.get("/usage?group_by=user").await?.json(200)?;
    assert_eq!(usage["total"]["requests"], 0, "{usage}");
    app.stop().await
}

async fn the_cost_of_an_answer_counts_at_its_end(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").tool("fails", "sim/unauthorized").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    stream.read_to("start").await?;
    let running = own(&eve, "user").await?;
    assert_eq!(running["spent"], "0");
    ensure!(usd(&running["reserved"])? > Usd::from_pico(8_000_000_000), "{running}");
    app.upstream().open("gate");
    let cost = stream.read_to_end().await?.frame_data("data-usage")?["data"]["cost"].clone();
    let ended = own(&eve, "user").await?;
    assert_eq!((&ended["spent"], &ended["reserved"]), (&cost, &json!("0")));
    let left = usd(&json!("1"))?.checked_sub(usd(&cost)?).context("a small amount")?;
    assert_eq!(ended["left"], left.to_string());

    eve.chat("fails").await?.send_and_read("Hello").await?;
    assert_eq!(own(&eve, "user").await?, ended, "a refused request has no cost and no reservation");
    app.stop().await
}

async fn the_remaining_budget_is_in_a_header_and_in_me(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    let chat = eve.chat("echo").await?;
    assert_eq!(chat.send_for_json("Hello").await?.header("x-budget-left"), None, "no budget applies");
    assert_eq!(eve.get("/me").await?.json(200)?["budgets"], json!([]));
    let set = limit(&app, &budget, "1").await?;
    ensure!(usd(&set["spent"])? > Usd::ZERO, "earlier usage counts: {set}");
    assert_eq!(own(&eve, "user").await?, set);
    assert_eq!(app.root.get(&format!("/budgets/{budget}")).await?.json(200)?, set);
    let reply = chat.send_for_json("Again").await?;
    reply.json(200)?;
    let received: Usd = reply.header("x-budget-left").context("no x-budget-left header")?.parse()?;
    ensure!(received < usd(&set["left"])?, "the reservation is subtracted");
    ensure!(received < usd(&own(&eve, "user").await?["left"])?, "the reservation is released");
    app.stop().await
}

async fn turns_of_a_fork_count_in_the_budget(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    let before = own(&eve, "user").await?;
    let path = chat.path("/forks");
    let fork = eve.post(&path, &json!({ "from_seq": 2 })).await?.json(201)?;
    assert_eq!(own(&eve, "user").await?, before, "copies have no usage");
    let fork = fork["id"].as_str().context("a fork has an id")?;
    let send = eve
        .request(Method::POST, &format!("/sessions/{fork}/messages"))
        .header("accept", "application/json")
        .json(&json!({ "content": "And now?" }));
    let cost = Reply::fetch(send).await?.json(200)?["usage"]["cost"].take();
    let after = usd(&before["spent"])?.checked_add(usd(&cost)?).context("a small amount")?;
    assert_eq!(own(&eve, "user").await?["spent"], after.to_string());
    app.stop().await
}

async fn a_group_and_a_key_have_budgets_of_their_own(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, eve) = create_user(&app, "eve").await?;
    let group = app.root.post("/groups", &json!({ "name": "ours" })).await?.json(201)?["id"].take();
    let group = group.as_str().context("a group has an id")?;
    let members = format!("/groups/{group}/members");
    app.root.post(&members, &json!({ "user_id": id, "role": "member" })).await?.json(201)?;
    let created = eve.post("/api-keys", &json!({ "name": "k", "group_id": group })).await?.json(201)?;
    let key = created["id"].as_str().context("a key has an id")?;
    let bound = eve.with_key(created["key"].as_str().context("the key is shown")?);
    for (of, amount) in
        [(format!("user/{id}"), "3"), (format!("group/{group}"), "2"), (format!("api_key/{key}"), "1")]
    {
        limit(&app, &of, amount).await?;
    }
    bound.chat("echo").await?.send_and_read("Hello").await?;
    let me = bound.get("/me").await?.json(200)?;
    let spent: Vec<&Value> =
        me["budgets"].as_array().context("a list")?.iter().map(|one| &one["spent"]).collect();
    ensure!(spent.len() == 3 && spent.iter().all(|one| *one == spent[0] && **one != "0"), "{me}");
    eve.chat("echo").await?.send_and_read("Hello").await?;
    ensure!(own(&bound, "user").await?["spent"] != own(&bound, "group").await?["spent"]);
    limit(&app, &format!("api_key/{key}"), "0.00001").await?;
    let refused = bound.chat("echo").await?.send_for_json("Hello").await?;
    assert_eq!(refused.problem(402, "budget_exceeded")?["subject"], "api_key");
    let deleted = app.root.delete(&format!("/budgets/api_key/{key}")).await?;
    assert_eq!(deleted.status, 204);
    bound.chat("echo").await?.send_and_read("Hello").await?;
    app.root.get(&format!("/budgets/api_key/{key}")).await?.problem(404, "not_found")?;
    app.stop().await
}

async fn concurrent_sends_do_not_overspend(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    let each: Usd = ABOUT_ONE_SEND.parse()?;
    let whole = each.checked_mul(10).context("a small amount")?;
    limit(&app, &budget, &whole.to_string()).await?;
    let mut chats = Vec::new();
    for _ in 0..50 {
        chats.push(eve.chat("gated").await?);
    }
    let send = async |number: usize| {
        Reply::fetch(chats[number].message_request("Hello").header("prefer", "respond-async")).await
    };
    let replies = try_join_all((0..50).map(send)).await?;
    let mut begun = Vec::new();
    for (number, reply) in replies.iter().enumerate() {
        match reply.status {
            202 => begun.push(number),
            _ => drop(reply.problem(402, "budget_exceeded")?),
        }
    }
    let state = own(&eve, "user").await?;
    let (reserved, left) = (usd(&state["reserved"])?, usd(&state["left"])?);
    assert_eq!(reserved.checked_add(left), Some(whole), "{state}");
    let count = u64::try_from(begun.len())?;
    let one = Usd::from_pico(reserved.pico() / i64::try_from(count)?);
    assert_eq!(one.checked_mul(count), Some(reserved), "all turns reserve the same amount");
    ensure!(left < one, "another turn would exceed the budget: {state}");
    app.upstream().open("gate");
    let mut cost = Usd::ZERO;
    for number in begun {
        if let Some(stream) = chats[number].resume(None).await? {
            stream.read_to_end().await?;
        }
        cost = cost.saturating_add(usd(&chats[number].last_message().await?["usage"]["cost"])?);
    }
    let state = own(&eve, "user").await?;
    assert_eq!((usd(&state["spent"])?, &state["reserved"]), (cost, &json!("0")));
    ensure!(cost <= whole);
    app.stop().await
}

async fn a_repeated_send_reserves_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    limit(&app, &budget, ABOUT_ONE_SEND).await?;
    let chat = eve.chat("gated").await?;
    let send_with_key = || chat.message_request("Hello").header("idempotency-key", "k");
    let mut first = EventStream::open(send_with_key()).await?;
    first.read_to("start").await?;
    let state = own(&eve, "user").await?;
    let again = EventStream::open(send_with_key()).await?;
    assert_eq!(own(&eve, "user").await?, state, "a replay does not check budgets");
    app.upstream().open("gate");
    first.read_to_end().await?;
    again.read_to_end().await?;
    app.stop().await
}

async fn a_looked_up_cost_corrects_the_spending(builder: TestAppBuilder) -> Result<()> {
    let with_fast_reconciliation =
        builder.settings(|settings| settings.runtime.reconcile_interval = Duration::from_millis(20));
    let app = with_fast_reconciliation.tool("silent", "sim/no-usage").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("silent").await?;
    let received = chat.send_and_read("Hello").await?.frame_data("data-usage")?["data"].clone();
    assert_eq!(received["basis"], "pending");
    let settled = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let usage = chat.last_message().await?["usage"].take();
            if usage["basis"] != "pending" {
                return Ok::<_, anyhow::Error>(usage);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let usage = settled.await.context("the cost stays pending")??;
    assert_eq!(usage["basis"], "looked_up");
    assert_eq!(own(&eve, "user").await?["spent"], usage["cost"]);
    app.stop().await
}

async fn a_model_without_a_price_is_refused_under_a_budget(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("unlisted", "sim/text?words=1").start().await?;
    let (eve, budget) = user_with_id(&app, "eve").await?;
    let chat = eve.chat("unlisted").await?;
    chat.send_and_read("Hello").await?;
    limit(&app, &budget, "1").await?;
    let problem = chat.send_for_json("Again").await?.problem(402, "budget_exceeded")?;
    assert_eq!(problem["needed"], Value::Null);
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("unknown")), "{problem}");
    app.stop().await
}

async fn every_change_of_a_budget_has_an_audit_event(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, _) = create_user(&app, "eve").await?;
    limit(&app, &format!("user/{id}"), "1.50").await?;
    assert_eq!(app.root.delete(&format!("/budgets/user/{id}")).await?.status, 204);
    app.root.delete(&format!("/budgets/user/{id}")).await?.problem(404, "not_found")?;
    let log = app.root.get(&format!("/audit/events?subject_id={id}")).await?.json(200)?;
    let received: Vec<(&Value, &Value)> = log["data"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| (&one["action"], &one["detail"]))
        .collect();
    assert_eq!(received[0], (&json!("budget.delete"), &json!({})));
    assert_eq!(received[1], (&json!("budget.set"), &json!({ "period": "month", "limit": "1.5" })));
    app.stop().await
}

async fn a_malformed_limit_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, eve) = create_user(&app, "eve").await?;
    let path = format!("/budgets/user/{id}");
    for body in [
        json!({ "period": "day", "limit": "-1" }),
        json!({ "period": "day", "limit": "1000000.1" }),
        json!({ "period": "day", "limit": 5 }),
        json!({ "period": "day", "limit": "five" }),
        json!({ "period": "day", "limit": "0.0000000000001" }),
        json!({ "period": "week", "limit": "5" }),
        json!({ "limit": "5" }),
        json!({ "period": "day", "limit": "5", "user_id": id }),
    ] {
        put(&app.root, &path, &body).await?.problem(400, "invalid_body")?;
    }
    app.root.get(&path).await?.problem(404, "not_found")?;
    put(&eve, &path, &json!({ "period": "day", "limit": "5" })).await?.problem(403, "forbidden")?;
    app.stop().await
}
