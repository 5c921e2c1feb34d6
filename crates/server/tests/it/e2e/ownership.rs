//! Sessions of other users are not found.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Client, Reply, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_foreign_session_is_not_found,
    a_foreign_session_with_a_running_turn_is_not_found,
    without_a_valid_key_nothing_is_returned,
    lists_contain_own_resources_only,
}

/// Returns requests about a session and a turn.
fn routes(session: &str, turn: &str) -> Vec<(Method, String, Value)> {
    let message = json!({ "content": "Hello" });
    let routes = [
        (Method::GET, format!("/sessions/{session}"), Value::Null),
        (Method::PATCH, format!("/sessions/{session}"), json!({ "title": "Mine" })),
        (Method::DELETE, format!("/sessions/{session}"), Value::Null),
        (Method::PATCH, format!("/sessions/{session}/pause"), Value::Null),
        (Method::PATCH, format!("/sessions/{session}/resume"), Value::Null),
        (Method::PATCH, format!("/sessions/{session}/complete"), Value::Null),
        (Method::GET, format!("/sessions/{session}/messages"), Value::Null),
        (Method::POST, format!("/sessions/{session}/messages"), message),
        (Method::GET, format!("/sessions/{session}/stream"), Value::Null),
        (Method::GET, format!("/sessions/{session}/stream?starting_after={turn}:0"), Value::Null),
        (Method::POST, format!("/sessions/{session}/cancel"), Value::Null),
        (Method::POST, format!("/sessions/{session}/forks"), json!({ "from_seq": 1 })),
        (Method::GET, format!("/sessions/{session}/forks"), Value::Null),
        (Method::GET, format!("/sessions/{session}/lineage"), Value::Null),
        (Method::GET, format!("/sessions/{session}/attachments"), Value::Null),
        (Method::GET, format!("/turns/{turn}"), Value::Null),
        (Method::GET, format!("/turns/{turn}/stream"), Value::Null),
    ];
    routes.into()
}

async fn ask(client: &Client, (method, path, body): &(Method, String, Value)) -> Result<Reply> {
    let request = client.request(method.clone(), path);
    Reply::fetch(if body.is_null() { request } else { request.json(body) }).await
}

/// Returns a response without the values that differ between requests.
fn without_request_id(mut problem: Value) -> Value {
    problem["request_id"].take();
    problem
}

async fn a_foreign_session_is_not_found(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let turn = chat.send_and_read("Hello").await?.turn_id;
    let before = (chat.detail().await?, app.bob.get("/sessions").await?.json(200)?);

    let nowhere = "01990000-0000-7000-8000-000000000001";
    for ((foreign, absent), wrong) in routes(&chat.id, &turn)
        .into_iter()
        .zip(routes(nowhere, nowhere))
        .zip(routes("not-an-id", "not-an-id"))
    {
        let received = ask(&app.bob, &foreign).await?.problem(404, "not_found")?;
        let of_absent = ask(&app.bob, &absent).await?.problem(404, "not_found")?;
        assert_eq!(without_request_id(received), without_request_id(of_absent), "{foreign:?}");
        if !wrong.1.contains('?') {
            ask(&app.bob, &wrong).await?.problem(404, "not_found")?;
        }
    }
    assert_eq!(
        (chat.detail().await?, app.bob.get("/sessions").await?.json(200)?),
        before,
        "nothing was stored"
    );
    assert_eq!(app.upstream().count_chat(), 1, "nothing was sent");
    app.stop().await
}

async fn a_foreign_session_with_a_running_turn_is_not_found(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    for route in routes(&chat.id, &stream.transcript().turn_id) {
        ask(&app.bob, &route).await?.problem(404, "not_found")?;
    }
    app.upstream().open("gate");
    assert_eq!(stream.read_to_end().await?.text, "the café");
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn without_a_valid_key_nothing_is_returned(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let turn = chat.send_and_read("Hello").await?.turn_id;
    let before = chat.detail().await?;
    let key = app.ada.key();
    let mut routes = routes(&chat.id, &turn);
    routes.extend([
        (Method::POST, "/sessions".to_owned(), json!({ "tool": "echo" })),
        (Method::GET, "/sessions".to_owned(), Value::Null),
        (Method::GET, "/tools".to_owned(), Value::Null),
        (Method::GET, "/models".to_owned(), Value::Null),
        (Method::GET, "/me".to_owned(), Value::Null),
    ]);
    let flipped: String = key.chars().rev().collect();
    let last = if key.ends_with('a') { "b" } else { "a" };
    let almost = format!("{}{last}", &key[..key.len() - 1]);
    for client in [
        app.anonymous(),
        app.anonymous().with_key("nonsense"),
        app.anonymous().with_key(&flipped),
        app.anonymous().with_key(&almost),
        app.anonymous().with_key(&format!("{key} {key}")),
    ] {
        for route in &routes {
            let refused = ask(&client, route).await?;
            refused.problem(401, "unauthenticated")?;
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
            assert!(!refused.body.contains(key), "{}", refused.body);
        }
    }
    // A key in a query parameter is refused.
    app.anonymous().get(&format!("/me?api_key={key}")).await?.problem(401, "unauthenticated")?;
    assert_eq!(chat.detail().await?, before, "nothing was stored");
    assert_eq!(app.upstream().count_chat(), 1, "nothing was sent");
    app.stop().await
}

async fn lists_contain_own_resources_only(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (hers, his) = (app.ada.chat("echo").await?, app.bob.chat("echo").await?);
    for (client, own) in [(&app.ada, &hers), (&app.bob, &his)] {
        let listed = client.get("/sessions").await?.json(200)?;
        let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, [json!(own.id)]);
    }
    // A cursor grants no access to the rows after it.
    let other = app.ada.chat("echo").await?;
    let page = app.ada.get("/sessions?limit=1").await?.json(200)?;
    assert_eq!(page["data"][0]["id"], other.id.as_str());
    let cursor = page["next_cursor"].as_str().unwrap();
    let behind = app.bob.get(&format!("/sessions?cursor={cursor}")).await?.json(200)?;
    for row in behind["data"].as_array().unwrap() {
        assert_eq!(row["id"], his.id.as_str());
    }
    app.stop().await
}
