//! Everything that can go wrong upstream: what the client is told, what is stored, what it cost, how often was asked.
//!
//! A failure for each code that a turn can fail with: refusals, each status of the upstream among them, and answers
//! that break, stall or mean nothing. `upstream.rs` has what our own upstream limits refuse.

mod breaks;
mod refusals;
mod statuses;

use std::time::Duration;

use causerie_domain::Secret;
use causerie_server::settings::{Settings, Upstream};
use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder, usage_in_words};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_refused_key_of_the_server_is_never_shown,
    a_wait_that_is_short_enough_is_kept,
    an_outage_ends_for_everybody,
}

/// A failure as it must be seen from every side.
struct Expected {
    code: &'static str,
    /// The status where the answer is one document.
    status: u16,
    /// `retryable` or `final`, with the seconds to wait.
    again: &'static str,
    detail: &'static str,
    /// The text that had come before.
    text: &'static str,
    /// The visible row of the ledger, without the model.
    usage: &'static str,
    /// Upstream requests of one send.
    requests: usize,
}

/// What most failures have in common: refused before any text, at no cost, and not asked again.
const REFUSED: Expected = Expected {
    code: "",
    status: 502,
    again: "final",
    detail: "",
    text: "",
    usage: "0+0 0 calculated",
    requests: 1,
};

/// Sends the same message twice, as a stream and for a document, and looks at every side of both failures.
async fn check(on: TestAppBuilder, model: &str, expected: Expected) -> Result<()> {
    let app = on.tool("tool", model).start().await?;
    check_tool(&app, "tool", model, expected).await?;
    app.stop().await
}

async fn check_tool(app: &TestApp, tool: &str, model: &str, expected: Expected) -> Result<()> {
    let chat = app.ada.chat(tool).await?;
    let transcript = chat.say("Hello").await?;
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
    assert_eq!(transcript.folded(), lines);
    assert_eq!(app.upstream().count(model), requests, "requests of the stream");
    let rows = app.ada.get(&format!("/usage/records?session={}", chat.id)).await?.json(200)?;
    assert_eq!(rows["data"].as_array().map(Vec::len), Some(requests), "each has a row of its own");

    let failed = format!("2 assistant failed {}", json!(text));
    assert_eq!(chat.history().await?, [r#"1 user completed "Hello""#, &failed]);
    assert_eq!(usage_in_words(&chat.latest().await?["usage"]), format!("{model} {usage}"));
    check_turn(app, &transcript.turn_id, code, detail, again).await?;
    let session = chat.detail().await?;
    assert_eq!((&session["state"], &session["active_turn_id"]), (&json!("active"), &Value::Null));

    let beside = app.ada.chat(tool).await?;
    let refused = beside.ask("Hello").await?;
    let problem = refused.problem(status, code)?;
    assert_eq!(problem["detail"], detail);
    assert_eq!(problem["turn_id"], beside.latest().await?["turn_id"]);
    let wait = again.split_whitespace().rev().nth(1).filter(|_| again.ends_with(" s"));
    assert_eq!(refused.header("retry-after"), wait);
    assert_eq!(app.upstream().count(model), 2 * requests, "requests of both");
    assert_eq!(beside.history().await?, chat.history().await?);
    assert_eq!(usage_in_words(&beside.latest().await?["usage"]), format!("{model} {usage}"));
    Ok(())
}

/// The turn says the same as its stream did.
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

async fn a_refused_key_of_the_server_is_never_shown(on: TestAppBuilder) -> Result<()> {
    let wrong = |settings: &mut Settings| {
        if let Upstream::Gateway { api_key, .. } = &mut settings.upstream.upstream {
            *api_key = Some(Secret::new("sk-or-v1-hunter2"));
        }
    };
    let app = on.tool("echo", "sim/echo").settings(wrong).start().await?;
    let chat = app.ada.chat("echo").await?;
    let refused = chat.ask("Hello").await?;
    refused.problem(502, "upstream_authentication")?;
    let transcript = chat.say("Hello").await?;
    let seen = format!("{refused:?} {transcript:?} {}", chat.detail().await?);
    assert!(!seen.contains("hunter2"), "{seen}");
    app.stop().await
}

async fn a_wait_that_is_short_enough_is_kept(on: TestAppBuilder) -> Result<()> {
    let model = "sim/rate-limited?retry_after=1&times=1";
    let app = on.tool("limited", model).start().await?;
    let chat = app.ada.chat("limited").await?;
    chat.say("Hello").await?;
    assert_eq!(chat.latest().await?["status"], "completed");
    let [first, second] = app.upstream().requests_for(model).try_into().expect("two requests");
    assert!(second.started_at - first.started_at >= Duration::from_secs(1), "{first:?} {second:?}");
    app.stop().await
}

async fn an_outage_ends_for_everybody(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    app.upstream().fail_all(Fault::Status(503))?;
    chat.ask("one").await?.problem(503, "upstream_unavailable")?;
    app.upstream().fail_all(Fault::RateLimited { retry_after: Some(60) })?;
    let limited = chat.ask("two").await?;
    limited.problem(503, "upstream_rate_limited")?;
    assert_eq!(limited.header("retry-after"), Some("60"));
    app.upstream().recover();
    let answer = chat.ask("three").await?.json(200)?;
    assert_eq!(answer["message"]["seq"], 6);
    let statuses: Vec<_> = chat.messages().await?.iter().map(|message| message["status"].clone()).collect();
    assert_eq!(
        json!(statuses),
        json!(["completed", "failed", "completed", "failed", "completed", "completed"])
    );
    app.stop().await
}
