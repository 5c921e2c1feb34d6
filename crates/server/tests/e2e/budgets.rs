//! Budgets: what is refused before a stream begins, and what counts afterwards.

use std::time::Duration;

use causerie_domain::Usd;
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::matrix::person;

causerie_testkit::on_both_databases! {
    a_send_beyond_the_budget_is_refused_before_its_stream,
    what_an_answer_costs_counts_when_it_ends,
    what_is_left_stands_in_the_head_and_in_me,
    a_fork_and_a_further_send_in_it_count,
    a_group_and_a_key_have_budgets_of_their_own,
    sends_at_once_do_not_overspend,
    a_repeated_send_reserves_nothing_more,
    a_looked_up_cost_corrects_what_was_spent,
    a_model_without_a_price_is_refused_under_a_budget,
    every_change_of_a_budget_is_in_the_log,
    a_limit_out_of_form_is_refused,
}

/// What a short send to a simulated model may cost: 4096 tokens of output at two millionths of a dollar, and input.
const ABOUT_ONE_SEND: &str = "0.0085";

async fn put(client: &Client, path: &str, body: &Value) -> Result<Reply> {
    Reply::to(client.request(Method::PUT, path).json(body)).await
}

async fn limit(app: &TestApp, of: &str, limit: &str) -> Result<Value> {
    put(&app.root, &format!("/budgets/{of}"), &json!({ "period": "month", "limit": limit })).await?.json(200)
}

fn usd(value: &Value) -> Result<Usd> {
    Ok(value.as_str().context("an amount is text")?.parse()?)
}

/// A user with a key, and the path of its budget below `/budgets/`.
async fn somebody(app: &TestApp, name: &str) -> Result<(Client, String)> {
    let (id, client) = person(app, name).await?;
    Ok((client, format!("user/{id}")))
}

async fn own(client: &Client, subject: &str) -> Result<Value> {
    let me = client.get("/me").await?.json(200)?;
    let budgets = me["budgets"].as_array().context("a list of budgets")?;
    budgets.iter().find(|budget| budget["subject"] == subject).cloned().context("there is such a budget")
}

async fn a_send_beyond_the_budget_is_refused_before_its_stream(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    let chat = eve.chat("echo").await?;
    limit(&app, &budget, "0.001").await?;
    for accept in ["text/event-stream", "application/json"] {
        let reply = Reply::to(chat.sending("Hello").header("accept", accept)).await?;
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

async fn what_an_answer_costs_counts_when_it_ends(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").tool("fails", "sim/unauthorized").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    stream.read_to("start").await?;
    let running = own(&eve, "user").await?;
    assert_eq!(running["spent"], "0");
    ensure!(usd(&running["reserved"])? > Usd::from_pico(8_000_000_000), "{running}");
    app.upstream().open("gate");
    let cost = stream.rest().await?.data_of("data-usage")?["data"]["cost"].clone();
    let ended = own(&eve, "user").await?;
    assert_eq!((&ended["spent"], &ended["reserved"]), (&cost, &json!("0")));
    let left = usd(&json!("1"))?.checked_sub(usd(&cost)?).context("a small amount")?;
    assert_eq!(ended["left"], left.to_string());

    eve.chat("fails").await?.say("Hello").await?;
    assert_eq!(own(&eve, "user").await?, ended, "a refused request costs nothing and holds nothing back");
    app.stop().await
}

async fn what_is_left_stands_in_the_head_and_in_me(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    let chat = eve.chat("echo").await?;
    assert_eq!(chat.ask("Hello").await?.header("x-budget-left"), None, "no budget applies");
    assert_eq!(eve.get("/me").await?.json(200)?["budgets"], json!([]));
    let set = limit(&app, &budget, "1").await?;
    ensure!(usd(&set["spent"])? > Usd::ZERO, "what was spent before counts: {set}");
    assert_eq!(own(&eve, "user").await?, set);
    assert_eq!(app.root.get(&format!("/budgets/{budget}")).await?.json(200)?, set);
    let reply = chat.ask("Again").await?;
    reply.json(200)?;
    let told: Usd = reply.header("x-budget-left").context("the head says what is left")?.parse()?;
    ensure!(told < usd(&set["left"])?, "the reservation is taken off");
    ensure!(told < usd(&own(&eve, "user").await?["left"])?, "it is released");
    app.stop().await
}

async fn a_fork_and_a_further_send_in_it_count(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("echo").await?;
    chat.say("Hello").await?;
    let before = own(&eve, "user").await?;
    let path = chat.path("/forks");
    let fork = eve.post(&path, &json!({ "from_seq": 2 })).await?.json(201)?;
    assert_eq!(own(&eve, "user").await?, before, "copies cost nothing");
    let fork = fork["id"].as_str().context("a fork has an id")?;
    let send = eve
        .request(Method::POST, &format!("/sessions/{fork}/messages"))
        .header("accept", "application/json")
        .json(&json!({ "content": "And now?" }));
    let cost = Reply::to(send).await?.json(200)?["usage"]["cost"].take();
    let after = usd(&before["spent"])?.checked_add(usd(&cost)?).context("a small amount")?;
    assert_eq!(own(&eve, "user").await?["spent"], after.to_string());
    app.stop().await
}

async fn a_group_and_a_key_have_budgets_of_their_own(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (id, eve) = person(&app, "eve").await?;
    let group = app.root.post("/groups", &json!({ "name": "ours" })).await?.json(201)?["id"].take();
    let group = group.as_str().context("a group has an id")?;
    let members = format!("/groups/{group}/members");
    app.root.post(&members, &json!({ "user_id": id, "role": "member" })).await?.json(201)?;
    let made = eve.post("/api-keys", &json!({ "name": "k", "group_id": group })).await?.json(201)?;
    let key = made["id"].as_str().context("a key has an id")?;
    let bound = eve.with_key(made["key"].as_str().context("the key is shown")?);
    for (of, amount) in
        [(format!("user/{id}"), "3"), (format!("group/{group}"), "2"), (format!("api_key/{key}"), "1")]
    {
        limit(&app, &of, amount).await?;
    }
    bound.chat("echo").await?.say("Hello").await?;
    let me = bound.get("/me").await?.json(200)?;
    let spent: Vec<&Value> =
        me["budgets"].as_array().context("a list")?.iter().map(|one| &one["spent"]).collect();
    ensure!(spent.len() == 3 && spent.iter().all(|one| *one == spent[0] && **one != "0"), "{me}");
    eve.chat("echo").await?.say("Hello").await?;
    ensure!(own(&bound, "user").await?["spent"] != own(&bound, "group").await?["spent"]);
    limit(&app, &format!("api_key/{key}"), "0.00001").await?;
    let refused = bound.chat("echo").await?.ask("Hello").await?;
    assert_eq!(refused.problem(402, "budget_exceeded")?["subject"], "api_key");
    let deleted = app.root.delete(&format!("/budgets/api_key/{key}")).await?;
    assert_eq!(deleted.status, 204);
    bound.chat("echo").await?.say("Hello").await?;
    app.root.get(&format!("/budgets/api_key/{key}")).await?.problem(404, "not_found")?;
    app.stop().await
}

async fn sends_at_once_do_not_overspend(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    let each: Usd = ABOUT_ONE_SEND.parse()?;
    let whole = each.checked_mul(10).context("a small amount")?;
    limit(&app, &budget, &whole.to_string()).await?;
    let mut chats = Vec::new();
    for _ in 0..50 {
        chats.push(eve.chat("gated").await?);
    }
    let send = async |number: usize| {
        Reply::to(chats[number].sending("Hello").header("prefer", "respond-async")).await
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
    assert_eq!(one.checked_mul(count), Some(reserved), "all reserve alike");
    ensure!(left < one, "no further one would fit: {state}");
    app.upstream().open("gate");
    let mut cost = Usd::ZERO;
    for number in begun {
        if let Some(stream) = chats[number].resume(None).await? {
            stream.rest().await?;
        }
        cost = cost.saturating_add(usd(&chats[number].latest().await?["usage"]["cost"])?);
    }
    let state = own(&eve, "user").await?;
    assert_eq!((usd(&state["spent"])?, &state["reserved"]), (cost, &json!("0")));
    ensure!(cost <= whole);
    app.stop().await
}

async fn a_repeated_send_reserves_nothing_more(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    limit(&app, &budget, ABOUT_ONE_SEND).await?;
    let chat = eve.chat("gated").await?;
    let keyed = || chat.sending("Hello").header("idempotency-key", "k");
    let mut first = EventStream::to(keyed()).await?;
    first.read_to("start").await?;
    let state = own(&eve, "user").await?;
    let again = EventStream::to(keyed()).await?;
    assert_eq!(own(&eve, "user").await?, state, "a replay is answered before any budget is asked");
    app.upstream().open("gate");
    first.rest().await?;
    again.rest().await?;
    app.stop().await
}

async fn a_looked_up_cost_corrects_what_was_spent(on: TestAppBuilder) -> Result<()> {
    let quick = on.settings(|settings| settings.runtime.reconcile_interval = Duration::from_millis(20));
    let app = quick.tool("silent", "sim/no-usage").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    limit(&app, &budget, "1").await?;
    let chat = eve.chat("silent").await?;
    let told = chat.say("Hello").await?.data_of("data-usage")?["data"].clone();
    assert_eq!(told["basis"], "pending");
    let settled = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let usage = chat.latest().await?["usage"].take();
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

async fn a_model_without_a_price_is_refused_under_a_budget(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("unlisted", "sim/text?words=1").start().await?;
    let (eve, budget) = somebody(&app, "eve").await?;
    let chat = eve.chat("unlisted").await?;
    chat.say("Hello").await?;
    limit(&app, &budget, "1").await?;
    let problem = chat.ask("Again").await?.problem(402, "budget_exceeded")?;
    assert_eq!(problem["needed"], Value::Null);
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("unknown")), "{problem}");
    app.stop().await
}

async fn every_change_of_a_budget_is_in_the_log(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (id, _) = person(&app, "eve").await?;
    limit(&app, &format!("user/{id}"), "1.50").await?;
    assert_eq!(app.root.delete(&format!("/budgets/user/{id}")).await?.status, 204);
    app.root.delete(&format!("/budgets/user/{id}")).await?.problem(404, "not_found")?;
    let log = app.root.get(&format!("/audit/events?subject_id={id}")).await?.json(200)?;
    let told: Vec<(&Value, &Value)> = log["data"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| (&one["action"], &one["detail"]))
        .collect();
    assert_eq!(told[0], (&json!("budget.delete"), &json!({})));
    assert_eq!(told[1], (&json!("budget.set"), &json!({ "period": "month", "limit": "1.5" })));
    app.stop().await
}

async fn a_limit_out_of_form_is_refused(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (id, eve) = person(&app, "eve").await?;
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
