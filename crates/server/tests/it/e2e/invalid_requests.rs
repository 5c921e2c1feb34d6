//! Invalid requests: each gets its code and the pointers of its errors, and stores nothing.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    an_invalid_message_stores_nothing,
    an_invalid_session_stores_nothing,
    an_invalid_change_stores_nothing,
    a_body_that_is_not_json_is_refused,
    a_lone_surrogate_is_refused_with_its_position,
    a_body_over_the_limit_is_refused,
    a_tool_can_have_a_lower_limit,
    wrong_parameters_are_named,
    an_absent_resource_is_not_found,
    text_of_every_kind_is_stored,
}

/// Body, and the pointers of its errors.
type Row = (Value, &'static [&'static str]);

/// Sends each body, and checks that nothing has changed.
async fn check(app: &TestApp, method: Method, path: &str, rows: &[Row]) -> Result<()> {
    let look =
        async || -> Result<_> { Ok((app.ada.get("/sessions").await?.json(200)?, everything(app).await?)) };
    let before = look().await?;
    for (body, pointers) in rows {
        let reply = Reply::fetch(app.ada.request(method.clone(), path).json(body)).await?;
        let problem = reply.problem(400, "invalid_body").map_err(|error| error.context(body.to_string()))?;
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let given: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap_or("?")).collect();
        assert_eq!(given, *pointers, "{body}: {problem}");
    }
    assert_eq!(look().await?, before, "something was stored");
    assert_eq!(app.upstream().count_chat(), 0, "something was sent");
    Ok(())
}

/// Returns each session of the user with its messages and totals.
async fn everything(app: &TestApp) -> Result<Vec<Value>> {
    let mut details = Vec::new();
    for session in app.ada.get("/sessions").await?.json(200)?["data"].as_array().unwrap() {
        let path = format!("/sessions/{}", session["id"].as_str().unwrap());
        details.push(app.ada.get(&path).await?.json(200)?);
    }
    Ok(details)
}

/// Returns an attachment with one member changed.
fn attachment(member: &str, value: Value) -> Value {
    let mut file = json!({
        "filename": "a.png", "mime_type": "image/png", "size": 1, "storage_provider": "s3", "storage_key": "k",
    });
    file[member] = value;
    json!({ "content": "Hello", "attachments": [file] })
}

async fn an_invalid_message_stores_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let rows: &[Row] = &[
        (json!({}), &["/content"]),
        (json!({ "content": null }), &["/content"]),
        (json!({ "content": 5 }), &["/content"]),
        (json!({ "content": ["Hello"] }), &["/content"]),
        (json!({ "content": "" }), &["/content"]),
        (json!({ "content": " \n\t " }), &["/content"]),
        (json!({ "content": "a\0b" }), &["/content"]),
        (json!({ "content": "Hello", "role": "system" }), &["/role"]),
        (json!({ "content": "Hello", "seq": 7 }), &["/seq"]),
        (json!({ "content": "Hello", "a/b~c": 1 }), &["/a~1b~0c"]),
        (json!({ "content": "Hello", "meta": [] }), &["/meta"]),
        (json!({ "content": "Hello", "meta": { "k": ["\0"] } }), &["/meta/k/0"]),
        (json!({ "content": "Hello", "attachments": {} }), &["/attachments"]),
        (json!({ "content": "Hello", "attachments": [[]] }), &["/attachments/0"]),
        (json!({ "content": "Hello", "attachments": [{}] }), &["/attachments/0/filename"]),
        (attachment("more", json!(1)), &["/attachments/0/more"]),
        (attachment("size", json!("1")), &["/attachments/0/size"]),
        (attachment("storage_provider", json!("ftp")), &["/attachments/0/storage_provider"]),
        (attachment("filename", json!("a\0")), &["/attachments/0/filename"]),
        (json!([]), &[""]),
        (json!("Hello"), &[""]),
        (json!(null), &[""]),
    ];
    check(&app, Method::POST, &chat.path("/messages"), rows).await?;
    app.stop().await
}

async fn an_invalid_session_stores_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let rows: &[Row] = &[
        (json!({}), &["/tool"]),
        (json!({ "tool": 5 }), &["/tool"]),
        (json!({ "tool": "" }), &["/tool"]),
        (json!({ "tool": "echo\0" }), &["/tool"]),
        (json!({ "tool": "No name" }), &["/tool"]),
        (json!({ "tool": "echo", "title": "x".repeat(201) }), &["/title"]),
        (json!({ "tool": "echo", "title": "" }), &["/title"]),
        (json!({ "tool": "echo", "title": 5 }), &["/title"]),
        (json!({ "tool": "echo", "group_id": "mine" }), &["/group_id"]),
        (json!({ "tool": "echo", "user_id": "me" }), &["/user_id"]),
        (json!({ "tool": "echo", "state": "completed" }), &["/state"]),
        (json!([{ "tool": "echo" }]), &[""]),
    ];
    check(&app, Method::POST, "/sessions", rows).await?;
    for absent in ["nonsense", "01990000-0000-7000-8000-000000000001"] {
        let problem =
            app.ada.post("/sessions", &json!({ "tool": absent })).await?.problem(404, "not_found")?;
        assert_eq!(problem["errors"][0]["pointer"], "/tool", "{absent}");
    }
    app.stop().await
}

async fn an_invalid_change_stores_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let rows: &[Row] = &[
        (json!({ "title": 5 }), &["/title"]),
        (json!({ "title": "" }), &["/title"]),
        (json!({ "title": "x".repeat(201) }), &["/title"]),
        (json!({ "title": "a\0" }), &["/title"]),
        (json!({ "state": "completed" }), &["/state"]),
        (json!({ "title": "Mine", "user_id": null }), &["/user_id"]),
    ];
    check(&app, Method::PATCH, &chat.path(""), rows).await?;
    app.stop().await
}

async fn a_body_that_is_not_json_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let before = chat.detail().await?;
    let send = async |content_type: Option<&str>, body: &'static [u8]| {
        let request = app.ada.request(Method::POST, &chat.path("/messages")).body(body);
        Reply::fetch(match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        })
        .await
    };
    let good = br#"{"content":"Hello"}"#;
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("text/json")]
    {
        send(content_type, good).await?.problem(415, "unsupported_media_type")?;
    }
    let json = Some("application/json");
    for (body, line, column) in [
        (&b""[..], 1, 0),
        (b"{", 1, 1),
        (b"{\"content\":\n \"Hello\",}", 2, 10),
        (b"{\"content\": 'Hello'}", 1, 13),
        (b"{\"content\": \"Hello\"} {}", 1, 22),
        (b"{\"content\": \"\xff\"}", 1, 14),
        (b"content=Hello", 1, 1),
    ] {
        let problem = send(json, body).await?.problem(400, "invalid_body")?;
        assert_eq!((&problem["line"], &problem["column"]), (&json!(line), &json!(column)), "{problem}");
    }
    let twice = send(json, br#"{"content":"a","content":"b"}"#).await?.problem(400, "invalid_body")?;
    assert_eq!(twice["errors"][0]["pointer"], "/content");
    let packed = app.ada.request(Method::POST, &chat.path("/messages"));
    let packed = packed.header("content-type", "application/json").header("content-encoding", "gzip");
    Reply::fetch(packed.body(&good[..])).await?.problem(415, "unsupported_media_type")?;
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 0);
    app.stop().await
}

async fn a_lone_surrogate_is_refused_with_its_position(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let before = everything(&app).await?;
    let (messages, session) = (chat.path("/messages"), chat.path(""));
    let routes = [
        (Method::POST, messages.as_str(), r#"{"content": "?"}"#),
        (Method::POST, &messages, r#"{"content": "a", "meta": {"?": 1}}"#),
        (Method::POST, &messages, r#"{"content": "a", "meta": {"k": [{"?": null}]}}"#),
        (Method::POST, &messages, r#"{"content": "a", "?": 1}"#),
        (Method::POST, "/sessions", r#"{"tool": "?"}"#),
        (Method::PATCH, &session, r#"{"title": "?"}"#),
        (Method::POST, "/users", r#"{"email": "?@example.org", "name": "x"}"#),
        (Method::POST, "/groups", r#"{"name": "?"}"#),
        (Method::POST, "/api-keys", r#"{"name": "x", "scopes": ["?"]}"#),
        (Method::POST, "/tools", r#"{"name": "echo", "behavior": "?"}"#),
    ];
    let lone = [r"\ud83d", r"\uDE00", r"\ud83d ", r"\ud83d\u0041", r"\ude00\ud83d", r"\ud83d\ud83d\ude00"];
    for (method, path, template) in routes {
        for half in lone {
            let body = template.replace('?', half);
            let request = app.root.request(method.clone(), path).header("content-type", "application/json");
            let problem = Reply::fetch(request.body(body.clone())).await?.problem(400, "invalid_body")?;
            let error = if path == "/tools" { &problem["errors"][0] } else { &problem };
            assert_eq!(error["line"], 1, "{path} {body}: {problem}");
            let column = error["column"].as_u64().unwrap_or_default() as usize;
            let start = template.find('?').unwrap_or_default();
            assert!((start..=start + half.len() + 2).contains(&column), "{path} {body}: {problem}");
        }
    }
    assert_eq!(everything(&app).await?, before);
    let whole = app.ada.post(&messages, &json!({ "content": "😀", "meta": { "😀": "😀" } })).await?;
    assert_eq!(whole.status, 200);
    assert_eq!(chat.messages().await?[0]["content"], "😀");
    app.stop().await
}

async fn a_body_over_the_limit_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .settings(|settings| settings.http.max_body_bytes = 2048)
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    let before = chat.detail().await?;
    let message = |size: usize| {
        let around = json!({ "content": "" }).to_string().len();
        json!({ "content": "x".repeat(size - around) })
    };
    let problem =
        app.ada.post(&chat.path("/messages"), &message(2049)).await?.problem(413, "payload_too_large")?;
    assert_eq!(problem["limit"], 2048);
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 0);
    assert_eq!(app.ada.post(&chat.path("/messages"), &message(2048)).await?.status, 200);
    app.stop().await
}

async fn a_tool_can_have_a_lower_limit(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::LIMITED_INPUT).start().await?;
    let chat = app.ada.chat("narrow").await?;
    // The limit counts characters, not bytes.
    let long = chat.send_for_json("ääääääääää!").await?.problem(422, "message_too_long")?;
    assert_eq!((&long["limit"], &long["given"]), (&json!(10), &json!(11)));
    chat.send_and_read("ääääääääää").await?;
    chat.send_and_read("two").await?;
    let full = chat.send_for_json("three").await?.problem(409, "session_full")?;
    assert_eq!(full["limit"], 4);
    assert_eq!(chat.messages().await?.len(), 4);
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn wrong_parameters_are_named(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    for _ in 0..2 {
        chat.send_and_read("Hello").await?;
    }
    app.ada.chat("echo").await?;
    let page = app.ada.get("/sessions?limit=1").await?.json(200)?;
    let of_sessions = page["next_cursor"].as_str().unwrap();
    let page = app.ada.get(&chat.path("/messages?limit=1")).await?.json(200)?;
    let of_messages = page["next_cursor"].as_str().unwrap();
    for (path, parameter) in [
        ("/sessions?limit=0".to_owned(), "limit"),
        ("/sessions?limit=101".to_owned(), "limit"),
        ("/sessions?limit=many".to_owned(), "limit"),
        ("/sessions?limit=1&limit=2".to_owned(), "limit"),
        ("/sessions?state=open".to_owned(), "state"),
        ("/sessions?state=".to_owned(), "state"),
        ("/sessions?sort=title".to_owned(), "sort"),
        ("/sessions?cursor=x".to_owned(), "cursor"),
        ("/sessions?cursor=".to_owned(), "cursor"),
        (format!("/sessions?cursor={of_messages}"), "cursor"),
        (format!("/sessions?cursor={}", &of_sessions[2..]), "cursor"),
        ("/sessions?tool=a%00".to_owned(), "tool"),
        (chat.path("/messages?after_seq=one"), "after_seq"),
        (chat.path("/messages?before_seq=99999999999999999999"), "before_seq"),
        (chat.path(&format!("/messages?cursor={of_sessions}")), "cursor"),
        (chat.path("/messages?role=user"), "role"),
        ("/tools?limit=0".to_owned(), "limit"),
        ("/models?cursor=zz".to_owned(), "cursor"),
    ] {
        let problem = app.ada.get(&path).await?.problem(400, "invalid_parameter")?;
        assert_eq!(problem["parameter"], parameter, "{path}");
    }
    app.stop().await
}

async fn an_absent_resource_is_not_found(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    for path in ["/nonsense", "/sessions/", "/sessions/x/y/z", "/tools/nonsense", "/tools/%00", "/turns/5"] {
        app.ada.get(path).await?.problem(404, "not_found")?;
    }
    let put = Reply::fetch(app.ada.request(Method::PUT, "/sessions")).await?;
    put.problem(405, "method_not_allowed")?;
    assert_eq!(put.header("allow"), Some("POST, GET, HEAD"));
    let given = app.ada.request(Method::GET, "/nonsense").header("x-request-id", "mine-7");
    assert_eq!(Reply::fetch(given).await?.problem(404, "not_found")?["request_id"], "mine-7");
    app.stop().await
}

async fn text_of_every_kind_is_stored(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    for title in ["'; drop table sessions; --", "👩🏽‍🚀", "%_\\", "\u{200f}שלום", "Ünïcödé \u{10ffff}"]
    {
        let session =
            app.ada.post("/sessions", &json!({ "tool": "echo", "title": title })).await?.json(201)?;
        assert_eq!(session["title"], title);
    }
    assert_eq!(app.ada.get("/sessions").await?.json(200)?["data"].as_array().map(Vec::len), Some(5));
    for tool in ["'", "%25", "_", "echo'%20or%20'1'='1", "%F0%9F%A6%80"] {
        let listed = app.ada.get(&format!("/sessions?tool={tool}")).await?.json(200)?;
        assert_eq!(listed["data"], json!([]), "{tool}");
    }
    app.stop().await
}
