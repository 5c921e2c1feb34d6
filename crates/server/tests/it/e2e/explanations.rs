//! What turns sent to the model: `GET /turns/{id}/context`.

use std::sync::Arc;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, EventStream, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::e2e::access_matrix::create_user;
use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    every_body_is_built_again_byte_for_byte,
    each_attempt_has_its_own_body,
    later_changes_do_not_change_an_explanation,
    a_body_that_cannot_be_built_again_is_not_given,
    an_explanation_names_each_message_and_what_was_left_out,
    cached_messages_are_named,
    an_attempt_has_its_clocks_its_outcome_and_its_prices,
    a_reader_of_answers_does_not_see_questions,
    only_readers_of_the_messages_see_an_explanation,
}

/// Bodies of the chat requests that the upstream has received, as text.
fn received(app: &TestApp) -> Vec<String> {
    let requests: Vec<Arc<_>> = app.upstream().requests();
    let chats = requests.iter().filter(|request| request.is_chat());
    chats.map(|request| String::from_utf8(request.raw_body.to_vec()).expect("a body of text")).collect()
}

async fn explained(chat: &Chat, turn: &str, query: &str) -> Result<Value> {
    chat.client().get(&format!("/turns/{turn}/context{query}")).await?.json(200)
}

/// Sends a body or regenerates, and returns the id of the turn.
async fn run(chat: &Chat, route: &str, body: &Value) -> Result<String> {
    let request = chat.client().request(Method::POST, &chat.path(route)).json(body);
    Ok(EventStream::open(request).await?.read_to_end().await?.turn_id)
}

/// Checks that the explanation of a turn has exactly these bodies, and their hashes.
async fn has_bodies(chat: &Chat, turn: &str, bodies: &[String]) -> Result<Value> {
    let explanation = explained(chat, turn, "?include=body").await?;
    let attempts = explanation["attempts"].as_array().context("attempts")?;
    let found: Vec<&str> = attempts.iter().filter_map(|attempt| attempt["body"].as_str()).collect();
    ensure!(found.len() == bodies.len(), "{} of {}: {explanation}", found.len(), bodies.len());
    for ((attempt, found), expected) in attempts.iter().zip(&found).zip(bodies) {
        assert_eq!(found, expected);
        assert_eq!(attempt["request_sha256"], hex::encode(Sha256::digest(expected.as_bytes())));
    }
    let without = explained(chat, turn, "").await?;
    ensure!(without["attempts"][0].get("body").is_none(), "{without}");
    assert_eq!(without["messages"], explanation["messages"]);
    Ok(explanation)
}

const MARKED: &str = "
name: marked
version: 1.0.0
type: chat
title: Marked
model: anthropic/claude-sonnet-4.5
history: {max_messages: 6, trim: block}
behavior: |
";

async fn every_body_is_built_again_byte_for_byte(builder: TestAppBuilder) -> Result<()> {
    let marked = format!("{MARKED}  {}\n", "Be kind and \"precise\" — ü. ".repeat(200));
    let builder = builder.definition(tools::ALL_SETTINGS).definition(tools::GREETING).definition(&marked);
    let builder = builder.definition(tools::LIMITED_HISTORY).tool("thinks", "sim/reasoning");
    let app = builder.tool("fails", "sim/unauthorized").start().await?;
    for tool in ["explicit", "greeting", "marked", "forgetful", "thinks", "fails"] {
        app.upstream().clear();
        let chat = app.ada.chat(tool).await?;
        let mut turns = Vec::new();
        for number in 0..7 {
            let content = format!("{number} \u{1F980} \"quoted\"\n\t{}", "long ".repeat(number * 300 % 900));
            let mut body = json!({ "content": content });
            if number == 2 {
                body["attachments"] = json!([
                    {"filename": "i.png", "mime_type": "image/png", "size": 9000,
                     "storage_provider": "url", "storage_key": "https://example.org/i.png"},
                    {"filename": "a.pdf", "mime_type": "application/pdf", "size": 9000,
                     "storage_provider": "url", "storage_key": "https://example.org/a.pdf"},
                ]);
            }
            let sends_files = chat.client().post(&chat.path("/quote"), &body).await?.json(200)?;
            if sends_files["refusal"]["code"] == "modality_not_supported" {
                body = json!({ "content": content });
            }
            turns.push(run(&chat, "/messages", &body).await?);
            if number % 3 == 1 {
                turns.push(run(&chat, "/regenerate", &json!({})).await?);
            }
        }
        let bodies = received(&app);
        ensure!(bodies.len() == turns.len(), "{tool}: {} of {}", bodies.len(), turns.len());
        for (turn, body) in turns.iter().zip(bodies) {
            has_bodies(&chat, turn, &[body]).await.with_context(|| tool.to_owned())?;
        }
        let fork = chat.client().post(&chat.path("/forks"), &json!({ "from_seq": 7 })).await?.json(201)?;
        let mut copy = chat.clone();
        copy.id = fork["id"].as_str().context("an id")?.to_owned();
        let turn = run(&copy, "/messages", &json!({ "content": "And?" })).await?;
        let body = received(&app).pop().context("a request")?;
        has_bodies(&copy, &turn, &[body]).await.with_context(|| format!("fork of {tool}"))?;
    }
    app.stop().await
}

async fn each_attempt_has_its_own_body(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("less", "sim/context-length?limit=30&chars=80").start().await?;
    let chat = app.ada.chat("less").await?;
    for content in ["one", "two"] {
        chat.send_and_read(content).await?;
    }
    app.upstream().clear();
    let turn = run(&chat, "/messages", &json!({ "content": "three" })).await?;
    let bodies = received(&app);
    ensure!(bodies.len() == 2 && bodies[0] != bodies[1], "{bodies:?}");
    let explanation = has_bodies(&chat, &turn, &bodies).await?;
    let attempts = &explanation["attempts"];
    assert_eq!(attempts[0]["failure_code"], "context_length_exceeded", "{attempts}");
    ensure!(attempts[0]["messages_sent"].as_u64() > attempts[1]["messages_sent"].as_u64(), "{attempts}");
    let second = explained(&chat, &turn, "?include=body&attempt=2").await?;
    ensure!(second["attempts"][0].get("body").is_none(), "{second}");
    assert_eq!(second["attempts"][1]["body"], json!(bodies[1]));
    let path = format!("/turns/{turn}/context?include=all");
    chat.client().get(&path).await?.problem(400, "invalid_parameter")?;
    app.stop().await
}

async fn later_changes_do_not_change_an_explanation(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::LIMITED_HISTORY).start().await?;
    let chat = app.ada.chat("forgetful").await?;
    let mut explanations = Vec::new();
    for content in ["one", "two", "three"] {
        let turn = run(&chat, "/messages", &json!({ "content": content })).await?;
        let body = received(&app).pop().context("a request")?;
        explanations.push((turn.clone(), has_bodies(&chat, &turn, &[body]).await?));
    }
    // The last answer becomes superseded, later turns cut the history, and the tool changes and is deleted.
    for _ in 0..2 {
        run(&chat, "/regenerate", &json!({})).await?;
    }
    for content in ["four", "five"] {
        run(&chat, "/messages", &json!({ "content": content })).await?;
    }
    let changed = tools::LIMITED_HISTORY.replace("Be kind.", "Be rude.").replace("1.0.0", "1.1.0");
    app.reload_with("0.yaml", &changed).await?;
    app.root.patch("/models/sim/echo", &json!({ "enabled": false })).await?.json(200)?;
    for (turn, before) in &explanations {
        assert_eq!(&explained(&chat, turn, "?include=body").await?, before);
    }
    let deleted = app.root.delete("/tools/forgetful").await?;
    ensure!(deleted.status == 204 || deleted.status == 409, "{}", deleted.body);
    for (turn, before) in &explanations {
        assert_eq!(&explained(&chat, turn, "?include=body").await?, before);
    }
    let app = app.restart().await?;
    for (turn, before) in &explanations {
        let after = app.ada.get(&format!("/turns/{turn}/context?include=body")).await?.json(200)?;
        assert_eq!(&after, before, "after a restart");
    }
    app.stop().await
}

async fn a_body_that_cannot_be_built_again_is_not_given(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let file = json!({
        "filename": "i.png", "mime_type": "image/png", "size": 9000,
        "storage_provider": "url", "storage_key": "https://example.org/i.png",
    });
    let turn = run(&chat, "/messages", &json!({ "content": "See", "attachments": [file] })).await?;
    let later = run(&chat, "/messages", &json!({ "content": "And?" })).await?;
    let bodies = received(&app);
    has_bodies(&chat, &turn, &bodies[..1]).await?;
    let files = app.ada.get(&chat.path("/attachments")).await?.json(200)?;
    let file = files["data"][0]["id"].as_str().context("an attachment")?;
    ensure!(app.ada.delete(&format!("/attachments/{file}")).await?.status == 204);
    for turn in [&turn, &later] {
        let explanation = explained(&chat, turn, "?include=body").await?;
        let attempt = &explanation["attempts"][0];
        assert_eq!((attempt.get("body"), &attempt["body_unavailable"]), (None, &json!("file_deleted")));
        ensure!(attempt["request_sha256"].is_string(), "the hash remains: {attempt}");
    }
    // Requests after the deletion do not have the file, and can be built.
    let without = run(&chat, "/messages", &json!({ "content": "Now?" })).await?;
    has_bodies(&chat, &without, &received(&app)[2..]).await?;
    app.stop().await
}

async fn an_explanation_names_each_message_and_what_was_left_out(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::ALL_SETTINGS).definition(tools::LIMITED_HISTORY).start().await?;
    let chat = app.ada.chat("forgetful").await?;
    for content in ["one", "two"] {
        run(&chat, "/messages", &json!({ "content": content })).await?;
    }
    run(&chat, "/regenerate", &json!({})).await?;
    let turn = run(&chat, "/messages", &json!({ "content": "three" })).await?;
    let messages = chat.messages().await?;
    let explanation = explained(&chat, &turn, "").await?;
    let sent = explanation["messages"].as_array().context("messages")?;
    let expected = [
        (json!("system"), Value::Null, "system"),
        (messages[2]["id"].clone(), json!(3), "user"),
        (messages[4]["id"].clone(), json!(5), "assistant"),
        (messages[5]["id"].clone(), json!(6), "user"),
    ];
    ensure!(sent.len() == expected.len(), "{explanation}");
    let mut tokens = 0;
    for (sent, (id, seq, role)) in sent.iter().zip(expected) {
        assert_eq!((&sent["id"], &sent["seq"], &sent["role"]), (&id, &seq, &json!(role)));
        tokens += sent["tokens"].as_u64().context("tokens")?;
    }
    assert_eq!(explanation["context"]["estimated_tokens"], tokens);
    assert_eq!(
        explanation["left_out"],
        json!([
            {"from_seq": 1, "to_seq": 2, "reason": "cut"},
            {"from_seq": 4, "to_seq": 4, "reason": "superseded"},
        ])
    );
    let explicit = app.ada.chat("explicit").await?;
    let turn = run(&explicit, "/messages", &json!({ "content": "Hello" })).await?;
    let explanation = explained(&explicit, &turn, "").await?;
    let parameters = &explanation["parameters"];
    assert_eq!((&parameters["temperature"], &parameters["seed"]), (&json!(0.3), &json!(7)));
    assert_eq!(parameters["reasoning"]["effort"], "low");
    assert_eq!((&explanation["attempts"][0]["max_tokens"], &parameters["top_k"]), (&json!(64), &Value::Null));
    assert_eq!(explanation["attempts"][0]["fallback_models"], json!(["sim/echo"]));
    app.stop().await
}

async fn cached_messages_are_named(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("mini", "openai/gpt-5-mini").tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("mini").await?;
    let mut turn = String::new();
    for number in 0..4 {
        let content = format!("{number} {}", "a long question ".repeat(100));
        turn = run(&chat, "/messages", &json!({ "content": content })).await?;
    }
    let explanation = explained(&chat, &turn, "").await?;
    let cached: Vec<Option<bool>> = explanation["messages"]
        .as_array()
        .context("messages")?
        .iter()
        .map(|message| message["cached"].as_bool())
        .collect();
    ensure!(cached.first() == Some(&Some(true)) && cached.last() == Some(&Some(false)), "{cached:?}");
    ensure!(cached.iter().filter(|cached| **cached == Some(true)).count() >= 4, "{cached:?}");
    app.stop().await
}

async fn an_attempt_has_its_clocks_its_outcome_and_its_prices(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("echo").await?;
    let turn = run(&chat, "/messages", &json!({ "content": "Hello" })).await?;
    let explanation = explained(&chat, &turn, "").await?;
    let attempt = &explanation["attempts"][0];
    let records = app.ada.get("/usage/records").await?.json(200)?;
    for (member, value) in records["data"][0].as_object().context("a record")? {
        assert_eq!(&attempt[member], value, "{member}");
    }
    ensure!(attempt["prices"]["prompt"].is_string() && attempt["duration_ms"].is_u64(), "{attempt}");
    assert_eq!((&explanation["turn_id"], &explanation["model"]), (&json!(turn), &json!("sim/echo")));

    let gated = app.ada.chat("gated").await?;
    let mut stream = gated.send("Hello").await?;
    // The upstream has received the request.
    app.upstream().release("gate", 2);
    stream.read_to("text-delta").await?;
    let turn = stream.transcript().turn_id.clone();
    let running = explained(&gated, &turn, "").await?;
    assert_eq!((&running["attempts"][0]["outcome"], &running["left_out"]), (&Value::Null, &json!([])));
    gated.cancel().await?;
    stream.read_to_end().await?;
    let body = received(&app).pop().context("a request")?;
    let ended = has_bodies(&gated, &turn, &[body]).await?;
    assert_eq!(ended["attempts"][0]["outcome"], "cancelled");
    app.stop().await
}

async fn a_reader_of_answers_does_not_see_questions(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, eve) = create_user(&app, "eve").await?;
    let chat = eve.chat("echo").await?;
    let turn = run(&chat, "/messages", &json!({ "content": "a secret" })).await?;
    let rules = json!({ "rules": [
        {"action": "read", "subject": "Message", "conditions": {"role": "user"}, "inverted": true},
    ]});
    let put = app.root.request(Method::PUT, &format!("/users/{id}/rules")).json(&rules);
    Reply::fetch(put).await?.json(200)?;
    let explanation = explained(&chat, &turn, "?include=body").await?;
    let text = explanation.to_string();
    ensure!(!text.contains("a secret") && explanation["messages"].is_null(), "{text}");
    assert_eq!(explanation["attempts"][0]["body_unavailable"], "message_missing");
    app.stop().await
}

async fn only_readers_of_the_messages_see_an_explanation(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let turn = run(&chat, "/messages", &json!({ "content": "Hello" })).await?;
    let path = format!("/turns/{turn}/context?include=body");
    app.bob.get(&path).await?.problem(404, "not_found")?;
    app.root.get(&path).await?.problem(403, "forbidden")?;
    app.anonymous().get(&path).await?.problem(401, "unauthenticated")?;
    ensure!(app.ada.delete(&chat.path("")).await?.status == 204);
    app.ada.get(&path).await?.problem(404, "not_found")?;
    app.stop().await
}
