//! The OpenAI-compatible API: answers, errors, models, repeated requests and accounting.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, bail, ensure};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

causerie_testkit::on_both_databases! {
    an_answer_is_that_of_the_upstream_and_has_one_row,
    a_stream_has_usage_only_if_it_is_asked_for,
    an_invalid_request_names_its_parameter_and_asks_nothing,
    every_error_has_the_format_of_openai,
    an_upstream_failure_has_the_status_of_its_class,
    an_error_after_the_first_chunk_is_an_error_event,
    models_and_tools_are_listed_and_found,
    a_tool_answers_with_its_behavior,
    the_body_has_a_limit_of_its_own_and_is_read_after_authentication,
    a_limit_of_requests_is_announced,
    an_answer_that_was_read_is_not_repeated_without_a_key,
    an_abandoned_request_is_cancelled_and_accounted,
}

const PATH: &str = "/v1/chat/completions";

fn body(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}

fn streamed(model: &str) -> Value {
    let mut body = body(model);
    body["stream"] = json!(true);
    body
}

/// Returns the data of the events of a stream.
fn events(body: &str) -> Vec<&str> {
    body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}

/// Returns the text of an answer, whole or streamed, which must be complete.
fn text(body: &str) -> Result<String> {
    if body.starts_with('{') {
        let whole: Value = serde_json::from_str(body)?;
        return Ok(whole["choices"][0]["message"]["content"].as_str().context("no text")?.to_owned());
    }
    let mut events = events(body);
    ensure!(events.pop() == Some("[DONE]"), "the stream has no end: {body}");
    let mut text = String::new();
    for event in events {
        let chunk: Value = serde_json::from_str(event)?;
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    Ok(text)
}

async fn records(app: &TestApp) -> Result<Vec<Value>> {
    let page = app.ada.get("/usage/records?limit=100").await?.json(200)?;
    Ok(page["data"].as_array().cloned().unwrap_or_default())
}

/// Waits until all rows of the ledger are closed, and returns them.
async fn closed_records(app: &TestApp, count: usize) -> Result<Vec<Value>> {
    for _ in 0..500 {
        let records = records(app).await?;
        if records.len() == count && records.iter().all(|row| !row["closed_at"].is_null()) {
            return Ok(records);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the rows are {:?}", records(app).await?)
}

async fn an_answer_is_that_of_the_upstream_and_has_one_row(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    let mut request = body("sim/echo");
    request["temperature"] = json!(0.5);
    request["something_new"] = json!({"a": [1]});
    let reply = app.ada.post(PATH, &request).await?;
    let answer = reply.json(200)?;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["choices"][0]["message"]["role"], "assistant");
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("Hello"));
    assert!(answer["usage"]["total_tokens"].is_u64() && answer["usage"]["cost"].is_number());
    let rows = closed_records(&app, 1).await?;
    assert_eq!((&rows[0]["session_id"], &rows[0]["purpose"]), (&Value::Null, &json!("completion")));
    assert_eq!(rows[0]["outcome"], "completed");
    assert_eq!(rows[0]["basis"], "reported");
    let paid: f64 = rows[0]["cost"].as_str().unwrap().parse()?;
    assert!((paid - answer["usage"]["cost"].as_f64().unwrap()).abs() < 1e-12);
    app.stop().await
}

async fn a_stream_has_usage_only_if_it_is_asked_for(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    let reply = app.ada.post(PATH, &streamed("sim/text?words=5")).await?;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!(text(&reply.body)?.split_whitespace().count(), 5);
    let with_usage =
        |body: &str| events(body).iter().filter(|event| event.contains("\"total_tokens\"")).count();
    assert_eq!(with_usage(&reply.body), 0);
    let finishes =
        events(&reply.body).iter().filter(|event| event.contains("\"finish_reason\":\"stop\"")).count();
    assert_eq!(finishes, 1, "{}", reply.body);
    let mut request = streamed("sim/text?words=5");
    request["stream_options"] = json!({"include_usage": true});
    let reply = app.ada.post(PATH, &request).await?;
    assert_eq!(with_usage(&reply.body), 1);
    let events = events(&reply.body);
    let last: Value = serde_json::from_str(events[events.len() - 2])?;
    assert_eq!(last["choices"], json!([]));
    assert!(last["id"].is_string() && last["usage"]["cost"].is_number(), "{last}");
    closed_records(&app, 2).await?;
    app.stop().await
}

async fn an_invalid_request_names_its_parameter_and_asks_nothing(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    let with = |name: &str, value: Value| {
        let mut body = body("sim/echo");
        body[name] = value;
        body
    };
    for (body, status, param) in [
        (with("messages", json!([])), 400, "messages"),
        (with("messages", json!([{"role": "wizard", "content": "a"}])), 400, "messages[0].role"),
        (with("messages", json!([{"role": "user", "content": 7}])), 400, "messages[0].content"),
        (with("messages", json!([{"role": "user", "content": "a\u{0}"}])), 400, "messages[0].content"),
        (with("n", json!(2)), 400, "n"),
        (with("temperature", json!("hot")), 400, "temperature"),
        (with("stream_options", json!({"include_usage": 1})), 400, "stream_options.include_usage"),
        (with("model", json!("gpt-nobody-has")), 404, "model"),
        (with("model", json!("tool:nobody-may-use")), 404, "model"),
        (json!({"messages": [{"role": "user", "content": "a"}]}), 400, "model"),
    ] {
        let reply = app.ada.post(PATH, &body).await?;
        let error = reply.json(status).map_err(|error| error.context(body.to_string()))?;
        assert_eq!(error["error"]["param"], param, "{body}: {error}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    for malformed in ["", "{", "[]", "null", "{\"model\":\"a\",\"model\":\"b\"}"] {
        let request = app.ada.request(Method::POST, PATH).header("content-type", "application/json");
        let error = Reply::fetch(request.body(malformed)).await?.json(400)?;
        assert_eq!(error["error"]["code"], "invalid_body", "{malformed}: {error}");
    }
    assert_eq!((records(&app).await?.len(), app.upstream().count_chat()), (0, 0));
    app.stop().await
}

async fn every_error_has_the_format_of_openai(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    let check =
        async |client: &Client, method: Method, path: &str, status: u16, code: &str| -> Result<Reply> {
            let reply = Reply::fetch(client.request(method, path)).await?;
            let error = reply.json(status)?;
            assert_eq!(error["error"]["code"], code, "{path}: {error}");
            for member in ["message", "type", "param"] {
                assert!(error["error"].get(member).is_some(), "{path}: {error}");
            }
            assert_eq!(reply.header("content-type"), Some("application/json"));
            assert!(reply.header("x-request-id").is_some());
            Ok(reply)
        };
    check(&app.anonymous(), Method::POST, PATH, 401, "unauthenticated").await?;
    check(&app.anonymous(), Method::GET, "/v1/models", 401, "unauthenticated").await?;
    for path in ["/v1", "/v1/", "/v1/responses", "/v1/embeddings", "/v1/chat"] {
        let reply = check(&app.ada, Method::POST, path, 404, "not_found").await?;
        assert!(reply.body.contains("/v1/chat/completions"), "{}", reply.body);
    }
    let reply = check(&app.ada, Method::GET, PATH, 405, "method_not_allowed").await?;
    assert_eq!(reply.header("allow"), Some("POST"));
    check(&app.ada, Method::DELETE, "/v1/models", 405, "method_not_allowed").await?;
    check(&app.ada, Method::POST, PATH, 415, "unsupported_media_type").await?;
    app.stop().await
}

async fn an_upstream_failure_has_the_status_of_its_class(app: TestAppBuilder) -> Result<()> {
    let app = app.settings(|settings| settings.upstream.max_retries = 0).start().await?;
    for (model, status, code, should_retry) in [
        ("sim/rate-limited?retry_after=7", 429, "upstream_rate_limited", None),
        ("sim/context-length", 400, "context_length_exceeded", None),
        ("sim/no-endpoints", 404, "model_unavailable", None),
        ("sim/moderation", 400, "content_moderated", None),
        ("sim/unauthorized", 502, "upstream_authentication", Some("false")),
        ("sim/status?code=500", 503, "upstream_unavailable", None),
    ] {
        for request in [body(model), streamed(model)] {
            let reply = app.ada.post(PATH, &request).await?;
            let error = reply.json(status).map_err(|error| error.context(model))?;
            assert_eq!(error["error"]["code"], code, "{model}");
            assert_eq!(reply.header("x-should-retry"), should_retry, "{model}");
            if status == 429 {
                assert_eq!(
                    (reply.header("retry-after"), reply.header("retry-after-ms")),
                    (Some("7"), Some("7000"))
                );
            }
        }
    }
    for row in closed_records(&app, 12).await? {
        assert_eq!(row["outcome"], "failed");
    }
    // The upstream validates the values of parameters: its reason helps, without what it quotes.
    let mut quoting = body("sim/status?code=400&body=quote");
    quoting["messages"][0]["content"] = json!("a text of sixteen characters and more");
    for (request, reason) in [(body("sim/echo?nonsense=1"), "nonsense"), (quoting, "rejects")] {
        let error = app.ada.post(PATH, &request).await?.json(400)?;
        let message = error["error"]["message"].as_str().context("a message")?;
        assert_eq!(error["error"]["code"], "upstream_invalid_request", "{error}");
        ensure!(message.contains(reason) && !message.contains("sixteen characters"), "{error}");
    }
    app.stop().await
}

async fn an_error_after_the_first_chunk_is_an_error_event(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    for model in ["sim/error-mid-stream", "sim/cut-mid-stream", "sim/garbage"] {
        let reply = app.ada.post(PATH, &streamed(model)).await?;
        assert_eq!(reply.status, 200, "{model}");
        let events = events(&reply.body);
        assert!(events.len() > 1 && !events.contains(&"[DONE]"), "{model}: {}", reply.body);
        let last: Value = serde_json::from_str(events[events.len() - 1])?;
        assert!(last["error"]["message"].is_string() && last["error"]["code"].is_string(), "{model}: {last}");
        assert!(!reply.body.contains("user_id"));
        let whole = app.ada.post(PATH, &body(model)).await?;
        assert!(whole.status >= 500, "{model}: {}", whole.body);
    }
    app.stop().await
}

async fn models_and_tools_are_listed_and_found(app: TestAppBuilder) -> Result<()> {
    let app = app.tool("echo", "sim/echo").start().await?;
    let list = app.ada.get("/v1/models").await?.json(200)?;
    assert_eq!(list["object"], "list");
    let ids: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    let model = ids.iter().find(|id| id.contains('/')).context("a model")?;
    let tool = ids.iter().find(|id| id.starts_with("tool:")).context("a tool")?;
    for id in [model.to_string(), model.replace('/', "%2F"), tool.to_string(), tool.replace(':', "%3A")] {
        let found = app.ada.get(&format!("/v1/models/{id}")).await?.json(200)?;
        assert_eq!((&found["object"], found["created"].is_i64()), (&json!("model"), true), "{id}");
        assert!([*model, *tool].contains(&found["id"].as_str().unwrap()));
    }
    let missing = app.ada.get("/v1/models/nobody/has-this").await?.json(404)?;
    assert_eq!(missing["error"]["code"], "model_not_found");
    for (scope, expected) in [("use:Tool", Some("tool:")), ("read:Model", Some("")), ("read:Session", None)] {
        let key = app.ada.post("/api-keys", &json!({ "name": scope, "scopes": [scope] })).await?.json(201)?;
        let reply = app.ada.with_key(key["key"].as_str().context("a key")?).get("/v1/models").await?;
        let Some(prefix) = expected else {
            reply.json(403)?;
            continue;
        };
        let listed = reply.json(200)?["data"].as_array().context("a list")?.clone();
        let ids = listed.iter().map(|model| model["id"].as_str().unwrap_or_default());
        let (tools, models): (Vec<_>, Vec<_>) = ids.partition(|id| id.starts_with("tool:"));
        assert_eq!((tools.is_empty(), models.is_empty()), (prefix.is_empty(), !prefix.is_empty()), "{scope}");
    }
    app.stop().await
}

async fn a_tool_answers_with_its_behavior(app: TestAppBuilder) -> Result<()> {
    let app = app.tool("echo", "sim/echo").start().await?;
    let list = app.ada.get("/v1/models").await?.json(200)?;
    let ids = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap());
    let tool = ids.into_iter().find(|id| id.starts_with("tool:")).context("a tool")?;
    app.ada.post(PATH, &body(tool)).await?.json(200)?;
    let rows = closed_records(&app, 1).await?;
    assert!(rows[0]["tool_id"].is_string() || rows[0]["tool"].is_string(), "{}", rows[0]);
    app.stop().await
}

async fn the_body_has_a_limit_of_its_own_and_is_read_after_authentication(app: TestAppBuilder) -> Result<()> {
    let app = app
        .settings(|settings| {
            settings.http.max_body_bytes = 1024;
            settings.http.max_client_body_bytes = 8192;
        })
        .start()
        .await?;
    let long = |chars: usize| json!({"model": "sim/echo", "messages": [{"role": "user", "content": "a".repeat(chars)}]});
    app.ada.post(PATH, &long(4000)).await?.json(200)?;
    let error = app.ada.post(PATH, &long(9000)).await?.json(413)?;
    assert_eq!(error["error"]["code"], "payload_too_large");
    // The head alone is answered.
    let mut connection = TcpStream::connect(app.ada.server()).await?;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 8000\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await?;
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HTTP/1.1 401");
    app.stop().await
}

async fn a_limit_of_requests_is_announced(app: TestAppBuilder) -> Result<()> {
    let app = app
        .settings(|settings| settings.http.access.sends_per_minute = std::num::NonZeroU32::new(2))
        .start()
        .await?;
    let reply = app.ada.post(PATH, &body("sim/echo")).await?;
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("1"));
    assert!(reply.header("x-ratelimit-reset-requests").is_some_and(|reset| reset.ends_with('s')));
    app.ada.post(PATH, &body("sim/echo")).await?.json(200)?;
    let refused = app.ada.post(PATH, &body("sim/echo")).await?;
    assert_eq!(refused.json(429)?["error"]["type"], "rate_limit_error");
    assert!(refused.header("retry-after").is_some() && refused.header("retry-after-ms").is_some());
    app.stop().await
}

/// Sends a request on a connection of its own and returns the connection.
async fn send(client: &Client, body: &Value, headers: &str) -> Result<TcpStream> {
    let mut connection = TcpStream::connect(client.server()).await?;
    let body = body.to_string();
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: causerie\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        client.key(),
        body.len()
    );
    connection.write_all(request.as_bytes()).await?;
    Ok(connection)
}

/// Reads a response up to a number of bytes, or to its end.
async fn read(connection: &mut TcpStream, limit: usize) -> Result<Vec<u8>> {
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while response.len() < limit && !is_complete(&response) {
        let wanted = (limit - response.len()).min(buffer.len());
        let read =
            tokio::time::timeout(Duration::from_secs(20), connection.read(&mut buffer[..wanted])).await??;
        if read == 0 {
            break;
        }
        response.extend_from_slice(&buffer[..read]);
    }
    Ok(response)
}

/// Returns whether a response is complete.
fn is_complete(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

async fn an_answer_that_was_read_is_not_repeated_without_a_key(app: TestAppBuilder) -> Result<()> {
    let app = app.start().await?;
    let retry = async |body: &Value| -> Result<bool> {
        let request = app.ada.request(Method::POST, PATH).header("x-stainless-retry-count", "1").json(body);
        let reply = Reply::fetch(request).await?;
        assert_eq!(reply.status, 200, "{}", reply.body);
        text(&reply.body)?;
        Ok(reply.header("x-causerie-replayed") == Some("true"))
    };
    for request in [body("sim/text?words=3&key=a"), streamed("sim/text?words=3&key=b")] {
        // The connection stays open.
        let mut connection = send(&app.ada, &request, "").await?;
        read(&mut connection, usize::MAX).await?;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        drop(connection);
        assert!(!retry(&request).await?, "{request}");
    }
    for request in [body("sim/text?words=3&key=c"), streamed("sim/text?words=3&key=d")] {
        // The connection carries another request at once.
        let mut connection = send(&app.ada, &request, "").await?;
        read(&mut connection, usize::MAX).await?;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        read(&mut connection, 12).await?;
        drop(connection);
        assert!(!retry(&request).await?, "{request}");
    }
    for request in [body("sim/text?words=3&key=e"), streamed("sim/text?words=3&key=f")] {
        // The connection breaks right after the last byte.
        let mut connection = send(&app.ada, &request, "").await?;
        read(&mut connection, usize::MAX).await?;
        drop(connection);
        assert!(retry(&request).await?, "{request}");
    }
    app.stop().await
}

async fn an_abandoned_request_is_cancelled_and_accounted(app: TestAppBuilder) -> Result<()> {
    let app = app
        .settings(|settings| settings.upstream.completions.grace = Duration::from_millis(300))
        .start()
        .await?;
    for (place, request) in
        [body("sim/slow?words=2000&delay_ms=100&key=a"), streamed("sim/slow?words=2000&delay_ms=100&key=b")]
            .into_iter()
            .enumerate()
    {
        let mut connection = send(&app.ada, &request, "").await?;
        if request["stream"] == true {
            read(&mut connection, 400).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        drop(connection);
        app.upstream().wait_until_idle().await?;
        let rows = closed_records(&app, place + 1).await?;
        assert_eq!(rows[0]["outcome"], "cancelled", "{}", rows[0]);
    }
    app.stop().await
}

/// Returns the places of a response at which connections are cut, at most `count`.
fn places(length: usize, count: usize) -> Vec<usize> {
    let step = (length / count).max(1);
    (1..length).step_by(step).collect()
}

async fn cut_everywhere(app: TestAppBuilder, is_streamed: bool, has_key: bool) -> Result<()> {
    let app = app.start().await?;
    let request = |key: usize| {
        let model = format!("sim/text?words=8&key={key}");
        if is_streamed { streamed(&model) } else { body(&model) }
    };
    let mut connection = send(&app.ada, &request(0), "").await?;
    let whole = read(&mut connection, usize::MAX).await?;
    drop(connection);
    let head = String::from_utf8_lossy(&whole).split("\r\n\r\n").next().unwrap_or_default().len();
    let mut places = places(whole.len(), 110);
    places.extend([1, 9, 13, head - 1, head + 2, head + 5, whole.len() - 1]);
    assert!(places.len() >= 100);
    for (number, place) in places.iter().enumerate() {
        let request = request(number + 1);
        let key = format!("key-{number}");
        let headers = if has_key { format!("idempotency-key: {key}\r\n") } else { String::new() };
        let mut connection = send(&app.ada, &request, &headers).await?;
        read(&mut connection, *place).await?;
        drop(connection);
        let retry = app.ada.request(Method::POST, PATH).json(&request);
        let retry = match has_key {
            true => retry.header("idempotency-key", &key),
            false => retry.header("x-stainless-retry-count", "1"),
        };
        let reply = Reply::fetch(retry).await?;
        ensure!(reply.status == 200, "cut at {place}: {} {}", reply.status, reply.body);
        let (replayed, text) = (reply.header("x-causerie-replayed"), text(&reply.body)?);
        assert_eq!(replayed, Some("true"), "cut at {place}");
        assert_eq!(text.split_whitespace().count(), 8, "cut at {place}: {text}");
        let model = request["model"].as_str().unwrap();
        assert_eq!(app.upstream().count(model), 1, "cut at {place}");
    }
    let rows = app.ada.get("/usage?group_by=model").await?.json(200)?;
    assert_eq!(rows["total"]["requests"], places.len() + 1, "{rows}");
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_an_sdk_attaches_wherever_a_whole_answer_is_cut() -> Result<()> {
    cut_everywhere(TestApp::on_sqlite().await?, false, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_an_sdk_attaches_wherever_a_stream_is_cut() -> Result<()> {
    cut_everywhere(TestApp::on_sqlite().await?, true, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_attaches_wherever_a_whole_answer_is_cut() -> Result<()> {
    cut_everywhere(TestApp::on_sqlite().await?, false, true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_attaches_wherever_a_stream_is_cut() -> Result<()> {
    cut_everywhere(TestApp::on_sqlite().await?, true, true).await
}
