//! Failures of the upstream: the response to the client, the stored turn, its cost, and the number of requests.
//!
//! There is a test for each code with which a turn can fail. `upstream.rs` tests the refusals of the limits on upstream
//! requests.

mod broken_responses;
mod refused_requests;
mod statuses;

use std::time::Duration;

use causerie_domain::Secret;
use causerie_server::settings::{Settings, Upstream};
use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder, format_usage};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_rejected_upstream_key_is_not_shown,
    a_short_retry_after_is_respected,
    turns_succeed_after_an_outage,
}

/// Expected failure.
struct Expected {
    code: &'static str,
    /// Status of the response if it is one document.
    status: u16,
    /// `retryable` or `final`, with the seconds to wait.
    again: &'static str,
    detail: &'static str,
    /// Text before the failure.
    text: &'static str,
    /// Usage of the turn without the model.
    usage: &'static str,
    /// Upstream requests per send.
    requests: usize,
}

/// Failure that most cases share: without text, without cost, and not retried.
const REFUSED: Expected = Expected {
    code: "",
    status: 502,
    again: "final",
    detail: "",
    text: "",
    usage: "0+0 0 calculated",
    requests: 1,
};

/// Sends a message as a stream and as a document, and checks both failures.
async fn check(builder: TestAppBuilder, model: &str, expected: Expected) -> Result<()> {
    let app = builder.tool("tool", model).start().await?;
    check_tool(&app, "tool", model, expected).await?;
    app.stop().await
}

async fn check_tool(app: &TestApp, tool: &str, model: &str, expected: Expected) -> Result<()> {
    let chat = app.ada.chat(tool).await?;
    let transcript = chat.send_and_read("Hello").await?;
    let Expected { code, status, again, detail, text, usage, requests } = expected;
    let at = text.chars().count();
    let mut lines = vec![format!("start seq=2 model={model} from=0 @0")];
    if !text.is_empty() {
        lines.push("text-start 0 @0".to_owned());
        lines.push(format!("text-delta {} @{at}", json!(text)));
        lines.push(format!("text-end 0 @{at}"));
    }
    lines.push(format!("data-error {code} {again} @{at}"));
    lines.push(format!("data-usage {model} {usage} @{at}"));
    lines.push(format!("error {} @end", json!(detail)));
    lines.push("[DONE] @end".to_owned());
    assert_eq!(transcript.merged_lines(), lines);
    assert_eq!(app.upstream().count(model), requests, "requests of the stream");
    let rows = app.ada.get(&format!("/usage/records?session={}", chat.id)).await?.json(200)?;
    assert_eq!(rows["data"].as_array().map(Vec::len), Some(requests), "each attempt has a usage row");

    let failed = format!("2 assistant failed {}", json!(text));
    assert_eq!(chat.history().await?, [r#"1 user completed "Hello""#, &failed]);
    assert_eq!(format_usage(&chat.last_message().await?["usage"]), format!("{model} {usage}"));
    check_turn(app, &transcript.turn_id, code, detail, again).await?;
    let session = chat.detail().await?;
    assert_eq!((&session["state"], &session["active_turn_id"]), (&json!("active"), &Value::Null));

    let document_chat = app.ada.chat(tool).await?;
    let refused = document_chat.send_for_json("Hello").await?;
    let problem = refused.problem(status, code)?;
    assert_eq!(problem["detail"], detail);
    assert_eq!(problem["turn_id"], document_chat.last_message().await?["turn_id"]);
    let wait = again.split_whitespace().rev().nth(1).filter(|_| again.ends_with(" s"));
    assert_eq!(refused.header("retry-after"), wait);
    assert_eq!(app.upstream().count(model), 2 * requests, "requests of both sends");
    assert_eq!(document_chat.history().await?, chat.history().await?);
    assert_eq!(format_usage(&document_chat.last_message().await?["usage"]), format!("{model} {usage}"));
    Ok(())
}

/// Checks that the stored turn has the failure of the stream.
async fn check_turn(app: &TestApp, turn: &str, code: &str, detail: &str, again: &str) -> Result<()> {
    let turn = app.ada.get(&format!("/turns/{turn}")).await?.json(200)?;
    let failure = turn["failure"].as_object().context("a failed turn has a failure")?;
    assert_eq!(turn["status"], "failed");
    assert_eq!((&failure["code"], &failure["detail"]), (&json!(code), &json!(detail)));
    let word = if failure["retryable"] == true { "retryable" } else { "final" };
    let wait = failure.get("retry_after").map_or(String::new(), |wait| format!(" after {wait} s"));
    assert_eq!(format!("{word}{wait}"), again);
    Ok(())
}

async fn a_rejected_upstream_key_is_not_shown(builder: TestAppBuilder) -> Result<()> {
    let wrong = |settings: &mut Settings| {
        if let Upstream::Gateway { api_key, .. } = &mut settings.upstream.upstream {
            *api_key = Some(Secret::new("sk-or-v1-hunter2"));
        }
    };
    let app = builder.tool("echo", "sim/echo").settings(wrong).start().await?;
    let chat = app.ada.chat("echo").await?;
    let refused = chat.send_for_json("Hello").await?;
    refused.problem(502, "upstream_authentication")?;
    let transcript = chat.send_and_read("Hello").await?;
    let seen = format!("{refused:?} {transcript:?} {}", chat.detail().await?);
    assert!(!seen.contains("hunter2"), "{seen}");
    app.stop().await
}

async fn a_short_retry_after_is_respected(builder: TestAppBuilder) -> Result<()> {
    let model = "sim/rate-limited?retry_after=1&times=1";
    let app = builder.tool("limited", model).start().await?;
    let chat = app.ada.chat("limited").await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.last_message().await?["status"], "completed");
    let [first, second] = app.upstream().requests_for(model).try_into().expect("two requests");
    assert!(second.started_at - first.started_at >= Duration::from_secs(1), "{first:?} {second:?}");
    app.stop().await
}

async fn turns_succeed_after_an_outage(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    app.upstream().fail_all(Fault::Status(503))?;
    chat.send_for_json("one").await?.problem(503, "upstream_unavailable")?;
    app.upstream().fail_all(Fault::RateLimited { retry_after: Some(60) })?;
    let limited = chat.send_for_json("two").await?;
    limited.problem(503, "upstream_rate_limited")?;
    assert_eq!(limited.header("retry-after"), Some("60"));
    app.upstream().recover();
    let answer = chat.send_for_json("three").await?.json(200)?;
    assert_eq!(answer["message"]["seq"], 6);
    let statuses: Vec<_> = chat.messages().await?.iter().map(|message| message["status"].clone()).collect();
    assert_eq!(
        json!(statuses),
        json!(["completed", "failed", "completed", "failed", "completed", "completed"])
    );
    app.stop().await
}
