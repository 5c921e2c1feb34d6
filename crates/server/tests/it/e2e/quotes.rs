//! Quotes: what a send would be and cost, `POST /sessions/{id}/quote`.

use std::num::NonZeroU32;

use causerie_domain::Usd;
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;
use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    a_quote_has_the_numbers_of_the_send_that_follows,
    a_quote_stores_nothing_and_asks_nobody,
    a_quote_has_the_refusal_of_the_send,
    a_send_beyond_the_rate_limit_is_foretold_and_not_counted,
    the_expected_answer_is_that_of_the_tools_last_answers,
    a_cost_is_bounded_by_its_quote,
    the_expected_cached_tokens_are_read,
    a_quote_names_no_cost_without_a_price,
}

async fn quote_of(chat: &Chat, body: &Value) -> Result<Value> {
    chat.client().post(&chat.path("/quote"), body).await?.json(200)
}

async fn quote(chat: &Chat, content: &str) -> Result<Value> {
    quote_of(chat, &json!({ "content": content })).await
}

fn usd(value: &Value) -> Result<Usd> {
    Ok(value.as_str().context("an amount is text")?.parse()?)
}

/// Quotes a message, sends it, and compares the numbers with those of the turn and of the frame `data-context`.
async fn send_as_quoted(chat: &Chat, body: &Value) -> Result<(Value, Value)> {
    let quoted = quote_of(chat, body).await?;
    ensure!(quoted["refusal"].is_null(), "{quoted}");
    let request = chat.client().request(Method::POST, &chat.path("/messages")).json(body);
    let transcript = causerie_testkit::app::EventStream::open(request).await?.read_to_end().await?;
    let turn = chat.client().get(&format!("/turns/{}", transcript.turn_id)).await?.json(200)?;
    let mut reports = vec![turn["context"].clone()];
    if let Ok(frame) = transcript.frame_data("data-context") {
        reports.push(frame["data"].clone());
    }
    for report in reports {
        for (in_quote, in_report) in [
            ("messages_sent", "messages_sent"),
            ("messages_dropped", "messages_dropped"),
            ("estimated_input_tokens", "estimated_tokens"),
        ] {
            assert_eq!(quoted[in_quote], report[in_report], "{in_quote}: {quoted} {report}");
        }
    }
    assert_eq!(quoted["model"], turn["model"]);
    Ok((quoted, turn))
}

async fn a_quote_has_the_numbers_of_the_send_that_follows(builder: TestAppBuilder) -> Result<()> {
    let block = tools::LIMITED_HISTORY
        .replace("forgetful", "blocks")
        .replace("{max_messages: 3}", "{max_messages: 8, max_tokens: 400, trim: block}");
    let builder = builder.definition(tools::LIMITED_HISTORY).definition(&block).definition(tools::GREETING);
    let app = builder.tool("fails", "sim/unauthorized").start().await?;
    for tool in ["forgetful", "blocks", "greeting", "fails"] {
        let chat = app.ada.chat(tool).await?;
        for turn in 0..9 {
            let content = "a question ".repeat(turn * 37 % 11 + 1);
            let mut body = json!({ "content": content });
            if turn == 3 {
                body["attachments"] = json!([{
                    "filename": "i.png", "mime_type": "image/png", "size": 9000,
                    "storage_provider": "url", "storage_key": "https://example.org/i.png",
                }]);
            }
            if turn == 5 {
                Reply::fetch(chat.client().request(Method::POST, &chat.path("/regenerate"))).await?;
            }
            send_as_quoted(&chat, &body).await?;
        }
        let fork = chat.client().post(&chat.path("/forks"), &json!({ "from_seq": 8 })).await?.json(201)?;
        let id = fork["id"].as_str().context("an id")?;
        let quoted = app.ada.post(&format!("/sessions/{id}/quote"), &json!({ "content": "Hi" })).await?;
        let quoted = quoted.json(200)?;
        let sent = app.ada.post(&format!("/sessions/{id}/messages"), &json!({ "content": "Hi" })).await?;
        ensure!(sent.status == 200, "{}", sent.body);
        let messages = app.ada.get(&format!("/sessions/{id}/messages?limit=100")).await?.json(200)?;
        let last = messages["data"].as_array().and_then(|all| all.last()).context("an answer")?;
        let turn = last["turn_id"].as_str().context("a turn")?;
        let turn = app.ada.get(&format!("/turns/{turn}")).await?.json(200)?;
        assert_eq!(quoted["messages_sent"], turn["context"]["messages_sent"]);
        assert_eq!(quoted["estimated_input_tokens"], turn["context"]["estimated_tokens"]);
    }
    app.stop().await
}

async fn a_quote_stores_nothing_and_asks_nobody(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, eve) = create_user(&app, "eve").await?;
    limit(&app, &id, "1").await?;
    let chat = eve.chat("echo").await?;
    let before = chat.detail().await?;
    let quoted = quote(&chat, "Hello").await?;
    assert_eq!(quoted, quote(&chat, "Hello").await?, "a quote changes no quote");
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 0);
    assert_eq!(eve.get("/usage").await?.json(200)?["total"]["requests"], 0);
    assert_eq!((&quoted["budget_left"], &quoted["messages_sent"]), (&json!("1"), &json!(1)));
    assert_eq!(
        quoted["expected_output_tokens"],
        json!({"p50": 300, "p90": 1500, "samples": 0, "guess": true})
    );
    assert_eq!((&quoted["max_output_tokens"], &quoted["estimated_cached_tokens"]), (&json!(4096), &json!(0)));
    let me = eve.get("/me").await?.json(200)?;
    assert_eq!(me["budgets"][0]["reserved"], "0", "{me}");
    app.stop().await
}

async fn limit(app: &TestApp, user: &str, amount: &str) -> Result<()> {
    let path = format!("/budgets/user/{user}");
    let body = json!({ "period": "month", "limit": amount });
    Reply::fetch(app.root.request(Method::PUT, &path).json(&body)).await?.json(200)?;
    Ok(())
}

/// Checks that the quote of a message has the refusal that its send gets, and all its members.
async fn refused(chat: &Chat, content: &str, status: u16, code: &str) -> Result<Value> {
    let quoted = quote(chat, content).await?;
    let mut problem = chat.send_for_json(content).await?.problem(status, code)?;
    let mut refusal = quoted["refusal"].clone();
    for body in [&mut problem, &mut refusal] {
        // The amount that is left is the same; the request has an id of its own.
        body.as_object_mut().context("an object")?.remove("request_id");
    }
    assert_eq!(refusal, problem, "{quoted}");
    Ok(quoted)
}

async fn a_quote_has_the_refusal_of_the_send(builder: TestAppBuilder) -> Result<()> {
    let builder =
        builder.tool("gated", "sim/gated").tool("small", "sim/small-context").tool("echo", "sim/echo");
    let app = builder.definition(tools::LIMITED_INPUT).start().await?;
    let (id, eve) = create_user(&app, "eve").await?;
    let narrow = eve.chat("narrow").await?;
    let long = refused(&narrow, &"x".repeat(11), 422, "message_too_long").await?;
    assert_eq!((&long["model"], &long["messages_sent"]), (&json!("sim/echo"), &Value::Null));
    refused(&narrow, " ", 400, "invalid_body").await?;
    for _ in 0..2 {
        narrow.send_and_read("x").await?;
    }
    let full = refused(&narrow, "x", 409, "session_full").await?;
    assert_eq!(full["messages_sent"], 5, "a refused send has a size: {full}");
    let small = eve.chat("small").await?;
    refused(&small, &"word ".repeat(2000), 422, "context_length_exceeded").await?;

    let paused = eve.chat("echo").await?;
    paused.change_state("pause").await?;
    let closed = refused(&paused, "Hello", 409, "session_not_active").await?;
    ensure!(closed["cost"]["at_most"].is_string(), "{closed}");
    paused.change_state("resume").await?;
    limit(&app, &id, "0.001").await?;
    let quoted = refused(&paused, "Hello", 402, "budget_exceeded").await?;
    ensure!(quoted["budget_left"].is_string() && quoted["messages_sent"] == 1, "{quoted}");
    limit(&app, &id, "100").await?;
    let gated = eve.chat("gated").await?;
    let stream = gated.send("Hello").await?;
    refused(&gated, "And?", 409, "turn_in_progress").await?;
    gated.cancel().await?;
    stream.read_to_end().await?;

    let model = async |change: Value| app.root.patch("/models/sim/echo", &change).await?.json(200);
    model(json!({ "enabled": false })).await?;
    let disabled = refused(&paused, "Hello", 403, "forbidden").await?;
    assert_eq!((&disabled["model"], &disabled["cost"]), (&Value::Null, &Value::Null), "{disabled}");
    model(json!({ "enabled": true })).await?;
    app.root.delete("/tools/echo").await?;
    let reply = paused.send_for_json("Hello").await?;
    ensure!(reply.status >= 400, "the tool is disabled: {}", reply.body);
    let quoted = quote(&paused, "Hello").await?;
    assert_eq!(quoted["refusal"]["status"], reply.status, "{quoted}");

    let foreign = narrow.with_client(&app.bob);
    let path = foreign.path("/quote");
    app.bob.post(&path, &json!({ "content": "x" })).await?.problem(404, "not_found")?;
    eve.post(&path, &json!({ "content": "x", "model": "y" })).await?.problem(400, "invalid_body")?;
    app.stop().await
}

async fn a_send_beyond_the_rate_limit_is_foretold_and_not_counted(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .settings(|settings| settings.http.access.sends_per_minute = NonZeroU32::new(2))
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    for _ in 0..2 {
        for _ in 0..3 {
            ensure!(quote(&chat, "Hello").await?["refusal"].is_null());
        }
        chat.send_and_read("Hello").await?;
    }
    let quoted = quote(&chat, "Hello").await?;
    assert_eq!(quoted["refusal"]["code"], "rate_limited", "{quoted}");
    ensure!(quoted["refusal"]["retry_after"].is_u64() && quoted["messages_sent"] == 5, "{quoted}");
    chat.send_for_json("Hello").await?.problem(429, "rate_limited")?;
    app.stop().await
}

async fn the_expected_answer_is_that_of_the_tools_last_answers(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.tool("short", "sim/text?words=4").tool("long", "sim/text?words=400");
    let app = builder.start().await?;
    let expected = async |client: &Client, tool: &str| -> Result<Value> {
        Ok(quote(&client.chat(tool).await?, "Hello").await?["expected_output_tokens"].clone())
    };
    for _ in 0..10 {
        app.ada.chat("short").await?.send_and_read("Hello").await?;
    }
    let tokens = app.ada.get("/usage/records?limit=1").await?.json(200)?["data"][0]["output_tokens"].clone();
    let known = json!({ "p50": tokens, "p90": tokens, "samples": 10 });
    assert_eq!(expected(&app.ada, "short").await?, known);
    assert_eq!(expected(&app.bob, "short").await?, known, "the answers are those of the tool");
    assert_eq!(expected(&app.ada, "long").await?["samples"], 0);
    app.stop().await
}

async fn a_cost_is_bounded_by_its_quote(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.tool("echo", "sim/echo").tool("text", "sim/text").tool("mini", "openai/gpt-5-mini");
    let app = builder.start().await?;
    for tool in ["echo", "text", "mini"] {
        let chat = app.ada.chat(tool).await?;
        for turn in 0..6 {
            let body = json!({ "content": "some words ".repeat(turn * 53 % 17 * 10 + 1) });
            let (quoted, _) = send_as_quoted(&chat, &body).await?;
            let answer = chat.last_message().await?;
            let cost = usd(&answer["usage"]["cost"])?;
            ensure!(cost <= usd(&quoted["cost"]["at_most"])?, "{quoted} {answer}");
            ensure!(usd(&quoted["cost"]["expected"])? <= usd(&quoted["cost"]["at_most"])?, "{quoted}");
        }
    }
    app.stop().await
}

async fn the_expected_cached_tokens_are_read(builder: TestAppBuilder) -> Result<()> {
    let tools = ["openai/gpt-5-mini", "anthropic/claude-sonnet-4.5"];
    let builder = builder.tool("automatic", tools[0]).tool("explicit", tools[1]);
    let app = builder.start().await?;
    for tool in ["automatic", "explicit"] {
        let chat = app.ada.chat(tool).await?;
        let mut found = Vec::new();
        for turn in 0..8 {
            let body = json!({ "content": format!("{turn} {}", "a long question ".repeat(60)) });
            let (quoted, _) = send_as_quoted(&chat, &body).await?;
            let answer = chat.last_message().await?;
            let expected = quoted["estimated_cached_tokens"].as_u64().context("a number")?;
            let read = answer["usage"]["cached_tokens"].as_u64().context("a number")?;
            found.push((expected, read));
        }
        let differ = |(expected, read): &(u64, u64)| expected.abs_diff(*read) * 5 > *read.max(expected) + 640;
        ensure!(!found.iter().any(differ), "{tool}: {found:?}");
        ensure!(found[6].0 > 1000 && found[0].0 == 0, "{tool}: {found:?}");
        // Another session has another beginning.
        let other = app.ada.chat(tool).await?;
        assert_eq!(quote(&other, "Hello").await?["estimated_cached_tokens"], 0);
    }
    app.stop().await
}

async fn a_quote_names_no_cost_without_a_price(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("unlisted", "sim/text?words=2").start().await?;
    let chat = app.ada.chat("unlisted").await?;
    let quoted = quote(&chat, "Hello").await?;
    assert_eq!(quoted["cost"], json!({ "expected": null, "at_most": null }), "{quoted}");
    ensure!(quoted["refusal"].is_null(), "{quoted}");
    app.stop().await
}
