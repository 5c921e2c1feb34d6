//! Sessions: creation, reads, titles, states and lists.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::TestAppBuilder;
use serde_json::{Value, json};

use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    a_session_is_created_and_read,
    a_greeting_is_the_first_message,
    the_first_message_sets_the_title,
    a_title_is_set_and_removed,
    state_changes_are_validated_and_idempotent,
    an_inactive_session_accepts_no_message,
    a_running_turn_continues_after_pause_and_completion,
    deleting_a_session_cancels_its_turn,
    lists_are_paged_by_latest_activity,
    messages_are_paged_in_both_directions,
}

async fn a_session_is_created_and_read(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let created = app.ada.post("/sessions", &json!({ "tool": "echo", "title": "Primes" })).await?;
    let session = created.json(201)?;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(path.as_str()));
    let expected = [
        ("tool", json!("echo")),
        ("tool_version", json!("1.0.0")),
        ("state", json!("active")),
        ("title", json!("Primes")),
        ("group_id", Value::Null),
        ("active_turn_id", Value::Null),
        ("ended_at", Value::Null),
    ];
    for (member, value) in expected {
        assert_eq!(session[member], value, "{member}");
    }
    assert_eq!(session["user_id"], app.ada.get("/me").await?.json(200)?["user"]["id"]);

    let mut detail = app.ada.get(&path).await?.json(200)?;
    assert_eq!(detail["messages"].take(), json!([]));
    let nothing = json!({
        "messages": 0, "input_tokens": 0, "output_tokens": 0, "cost": "0",
        "cached_tokens": 0, "cache_write_tokens": 0, "cache_saved": "0",
    });
    assert_eq!(detail["totals"].take(), nothing);
    let by_id = app.ada.post("/sessions", &json!({ "tool": session["tool_id"] })).await?.json(201)?;
    assert_eq!(by_id["tool"], "echo");
    app.stop().await
}

async fn a_greeting_is_the_first_message(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::GREETING).start().await?;
    let chat = app.ada.chat("greeting").await?;
    let [greeting] = chat.messages().await?.try_into().expect("one message");
    assert_eq!(greeting["turn_id"], Value::Null);
    assert_eq!(greeting["usage"], Value::Null);

    let start = chat.send_and_read("Hello").await?;
    assert_eq!(start.frame_data("start")?["messageMetadata"]["seq"], 3);
    let [greeting, question, _] = chat.history().await?.try_into().expect("three messages");
    assert_eq!(greeting, r#"1 assistant completed "How can I help?""#);
    assert_eq!(question, r#"2 user completed "Hello""#);
    let sent = app.upstream().requests_for("sim/echo")[0].messages();
    let sent: Vec<_> = sent.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect();
    assert_eq!(sent, [("system", "Be kind.\n\nHow can I help?"), ("user", "Hello")]);
    assert_eq!(chat.detail().await?["totals"]["messages"], 3);
    app.stop().await
}

async fn the_first_message_sets_the_title(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    assert_eq!(chat.detail().await?["title"], Value::Null);
    chat.send_and_read("What is a prime?\nI forgot.").await?;
    chat.send_and_read("And an odd one?").await?;
    assert_eq!(chat.detail().await?["title"], "What is a prime?");
    app.stop().await
}

async fn a_title_is_set_and_removed(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let path = app.ada.chat("echo").await?.path("");
    for (body, expected) in [
        (json!({ "title": "x".repeat(200) }), json!("x".repeat(200))),
        (json!({}), json!("x".repeat(200))),
        (json!({ "title": null }), Value::Null),
    ] {
        assert_eq!(app.ada.patch(&path, &body).await?.json(200)?["title"], expected);
        assert_eq!(app.ada.get(&path).await?.json(200)?["title"], expected);
    }
    for wrong in [json!({ "title": "x".repeat(201) }), json!({ "title": " " })] {
        let problem = app.ada.patch(&path, &wrong).await?.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], "/title");
    }
    assert_eq!(app.ada.get(&path).await?.json(200)?["title"], Value::Null);
    app.stop().await
}

async fn state_changes_are_validated_and_idempotent(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let steps = [
        ("resume", "active"),
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "active"),
        ("pause", "paused"),
        ("complete", "completed"),
        ("complete", "completed"),
    ];
    for (step, state) in steps {
        let session = chat.change_state(step).await?.json(200)?;
        assert_eq!(session["state"], state, "{step}");
        assert_eq!(session["ended_at"].is_string(), state == "completed", "{step}");
    }
    let completed = chat.detail().await?;
    for step in ["pause", "resume"] {
        let problem = chat.change_state(step).await?;
        assert_eq!(problem.problem(409, "invalid_state")?["state"], "completed", "{step}");
    }
    assert_eq!(chat.detail().await?, completed);
    app.stop().await
}

async fn an_inactive_session_accepts_no_message(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    for (step, state) in [("pause", "paused"), ("complete", "completed")] {
        let chat = app.ada.chat("echo").await?;
        chat.change_state(step).await?.json(200)?;
        let before = chat.detail().await?;
        assert_eq!(chat.send_for_json("Hello").await?.problem(409, "session_not_active")?["state"], state);
        assert_eq!(chat.detail().await?, before);
    }
    assert_eq!(app.upstream().count_chat(), 0);
    app.stop().await
}

async fn a_running_turn_continues_after_pause_and_completion(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    for (step, state) in [("pause", "paused"), ("complete", "completed")] {
        let chat = app.ada.chat("gated").await?;
        let stream = chat.send("Hello").await?;
        app.upstream().wait_until_held("gate", 1).await?;
        chat.change_state(step).await?.json(200)?;
        app.upstream().release("gate", 2);
        assert_eq!(stream.read_to_end().await?.text, "the café");
        assert_eq!(chat.history().await?[1], r#"2 assistant completed "the café""#);
        let session = chat.detail().await?;
        assert_eq!((&session["state"], &session["active_turn_id"]), (&json!(state), &Value::Null));
    }
    app.stop().await
}

async fn deleting_a_session_cancels_its_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let (chat, other) = (app.ada.chat("gated").await?, app.ada.chat("gated").await?);
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    let deleted = app.ada.delete(&chat.path("")).await?;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(
        stream.read_to_end().await?.lines.iter().rev().nth(1).map(String::as_str),
        Some("abort cancelled @end")
    );
    app.upstream().wait_until(|requests| requests.iter().any(|request| request.client_closed())).await?;

    for path in [chat.path(""), chat.path("/messages"), chat.path("/stream")] {
        app.ada.get(&path).await?.problem(404, "not_found")?;
    }
    app.ada.delete(&chat.path("")).await?.problem(404, "not_found")?;
    let listed = app.ada.get("/sessions").await?.json(200)?;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["id"], other.id.as_str());
    app.stop().await
}

async fn lists_are_paged_by_latest_activity(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("text", "sim/text").start().await?;
    let mut chats = Vec::new();
    for number in 0..5 {
        chats.push(app.ada.chat(if number == 4 { "text" } else { "echo" }).await?);
    }
    app.bob.chat("echo").await?;
    // Activity moves the oldest session to the front of the list.
    chats[0].send_and_read("Hello").await?;
    chats[1].change_state("complete").await?.json(200)?;

    let check = async |query: &str, expected: &[&[usize]]| -> Result<()> {
        let mut cursor = String::new();
        for (number, page) in expected.iter().enumerate() {
            let answer = app.ada.get(&format!("/sessions?{query}{cursor}")).await?.json(200)?;
            let ids: Vec<_> =
                answer["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
            let expected_ids: Vec<_> = page.iter().map(|index| json!(chats[*index].id)).collect();
            assert_eq!(ids, expected_ids, "page {number} of {query}");
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => assert_eq!(number, expected.len() - 1, "{query} ends too early"),
            }
        }
        Ok(())
    };
    check("limit=2", &[&[0, 4], &[3, 2], &[1]]).await?;
    check("limit=5", &[&[0, 4, 3, 2, 1]]).await?;
    check("", &[&[0, 4, 3, 2, 1]]).await?;
    check("limit=2&state=active", &[&[0, 4], &[3, 2]]).await?;
    check("state=completed", &[&[1]]).await?;
    check("state=paused", &[&[]]).await?;
    check("limit=3&tool=echo", &[&[0, 3, 2], &[1]]).await?;
    check("tool=text", &[&[4]]).await?;
    check("tool=nonsense", &[&[]]).await?;
    app.stop().await
}

async fn messages_are_paged_in_both_directions(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    for content in ["one", "two", "three"] {
        chat.send_and_read(content).await?;
    }
    let check = async |query: &str, expected: &[&[i64]]| -> Result<()> {
        let mut cursor = String::new();
        for (number, page) in expected.iter().enumerate() {
            let path = chat.path(&format!("/messages?{query}{cursor}"));
            let answer = app.ada.get(&path).await?.json(200)?;
            let given: Vec<_> =
                answer["data"].as_array().unwrap().iter().map(|row| row["seq"].clone()).collect();
            assert_eq!(json!(given), json!(page), "page {number} of {query}");
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => assert_eq!(number, expected.len() - 1, "{query} ends too early"),
            }
        }
        Ok(())
    };
    check("", &[&[1, 2, 3, 4, 5, 6]]).await?;
    check("limit=4", &[&[1, 2, 3, 4], &[5, 6]]).await?;
    check("limit=3", &[&[1, 2, 3], &[4, 5, 6]]).await?;
    check("after_seq=2&limit=3", &[&[3, 4, 5], &[6]]).await?;
    check("before_seq=6&limit=2", &[&[4, 5], &[2, 3], &[1]]).await?;
    check("after_seq=1&before_seq=4", &[&[2, 3]]).await?;
    check("after_seq=6", &[&[]]).await?;
    app.stop().await
}
