//! Everything that can go wrong upstream: what the client is told, what is stored, what it cost, how often was asked.

use std::time::Duration;

use causerie_domain::Secret;
use causerie_server::settings::{Settings, Upstream};
use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder, usage_in_words};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    upstream_rate_limited,
    upstream_rate_limited_without_a_wait,
    upstream_rate_limited_for_the_day,
    upstream_unavailable,
    upstream_unavailable_by_a_dropped_connection,
    upstream_unavailable_in_the_middle,
    model_unavailable,
    upstream_timeout_of_the_first_byte,
    upstream_timeout_of_silence,
    upstream_timeout_of_keep_alives_without_progress,
    upstream_timeout_of_the_whole,
    context_length_exceeded,
    content_moderated,
    upstream_invalid_request,
    upstream_invalid_response,
    upstream_invalid_response_in_the_middle,
    upstream_interrupted,
    empty_response,
    upstream_authentication,
    upstream_payment_required,
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
    let chat = app.ada.chat("tool").await?;
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

    let failed = format!("2 assistant failed {}", json!(text));
    assert_eq!(chat.history().await?, [r#"1 user completed "Hello""#, &failed]);
    assert_eq!(usage_in_words(&chat.latest().await?["usage"]), format!("{model} {usage}"));
    check_turn(&app, &transcript.turn_id, code, detail, again).await?;
    let session = chat.detail().await?;
    assert_eq!((&session["state"], &session["active_turn_id"]), (&json!("active"), &Value::Null));

    let beside = app.ada.chat("tool").await?;
    let refused = beside.ask("Hello").await?;
    let problem = refused.problem(status, code)?;
    assert_eq!(problem["detail"], detail);
    assert_eq!(problem["turn_id"], beside.latest().await?["turn_id"]);
    let wait = again.split_whitespace().rev().nth(1).filter(|_| again.ends_with(" s"));
    assert_eq!(refused.header("retry-after"), wait);
    assert_eq!(app.upstream().count(model), 2 * requests, "requests of both");
    assert_eq!(beside.history().await?, chat.history().await?);
    assert_eq!(usage_in_words(&beside.latest().await?["usage"]), format!("{model} {usage}"));
    app.stop().await
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

async fn upstream_rate_limited(on: TestAppBuilder) -> Result<()> {
    // A wait longer than the longest that is waited for is told.
    let expected = Expected {
        code: "upstream_rate_limited",
        status: 503,
        again: "retryable after 20 s",
        detail: "the rate limit of the model is reached",
        ..REFUSED
    };
    check(on, "sim/rate-limited?retry_after=20", expected).await
}

async fn upstream_rate_limited_without_a_wait(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_rate_limited",
        status: 503,
        again: "retryable",
        detail: "the rate limit of the model is reached",
        requests: 2,
        ..REFUSED
    };
    check(on, "sim/rate-limited?form=none", expected).await
}

async fn upstream_rate_limited_for_the_day(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("daily", "sim/rate-limited?form=daily").start().await?;
    let chat = app.ada.chat("daily").await?;
    let refused = chat.ask("Hello").await?;
    let problem = refused.problem(503, "upstream_rate_limited")?;
    assert_eq!(problem["detail"], "the daily limit of the upstream account is reached");
    let wait: u64 = refused.header("retry-after").context("the wait is told")?.parse()?;
    assert!(wait <= 86_400, "until midnight: {wait}");
    assert_eq!(app.upstream().count_chat(), 1, "trying again does not help");
    app.stop().await
}

async fn upstream_unavailable(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the model's provider is unavailable or failed (status 500)",
        requests: 2,
        ..REFUSED
    };
    check(on, "sim/status?code=500", expected).await
}

async fn upstream_unavailable_by_a_dropped_connection(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the connection to the upstream broke before the answer began",
        // Nobody has said that it was not charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(on, "sim/drop", expected).await
}

async fn upstream_unavailable_in_the_middle(on: TestAppBuilder) -> Result<()> {
    // What a reader has begun to see is not begun again.
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the model's provider is unavailable or failed (status 502)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(on, "sim/error-mid-stream?after=3", expected).await
}

async fn model_unavailable(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "model_unavailable",
        status: 503,
        again: "retryable",
        detail: "no provider serves the model",
        ..REFUSED
    };
    check(on, "sim/no-endpoints", expected).await
}

async fn upstream_timeout_of_the_first_byte(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| settings.upstream.clocks.first_byte = Duration::from_millis(300));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no answer from the upstream within 300ms (clock first_byte)",
        // Nobody has said that it was not charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(on, "sim/stall?at=head", expected).await
}

async fn upstream_timeout_of_silence(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| settings.upstream.clocks.idle = Duration::from_millis(600));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no further byte from the upstream within 600ms (clock idle_bytes)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(on, "sim/stall?after=3", expected).await
}

async fn upstream_timeout_of_keep_alives_without_progress(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| settings.upstream.clocks.progress = Duration::from_millis(600));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no progress of the answer within 600ms (clock idle_progress)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(on, "sim/stall?after=3&keepalive_ms=20", expected).await
}

async fn upstream_timeout_of_the_whole(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| settings.upstream.clocks.total = Duration::from_millis(800));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no end of the answer within 800ms (clock total)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(on, "sim/stall?after=3&keepalive_ms=20", expected).await
}

async fn context_length_exceeded(on: TestAppBuilder) -> Result<()> {
    // Nothing is left that could be left out.
    let expected = Expected {
        code: "context_length_exceeded",
        status: 422,
        detail: "the messages need 4 tokens, and the model takes 3",
        ..REFUSED
    };
    check(on, "sim/context-length?limit=3", expected).await
}

async fn content_moderated(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "content_moderated",
        status: 422,
        detail: "the upstream refused the content",
        ..REFUSED
    };
    check(on, "sim/moderation", expected).await
}

async fn upstream_invalid_request(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_request",
        detail: "the upstream rejects the request (status 400)",
        ..REFUSED
    };
    check(on, "sim/status?code=400", expected).await
}

async fn upstream_invalid_response(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_response",
        again: "retryable",
        detail: "the upstream answered with a web page",
        // Nobody has said that it was not charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(on, "sim/garbage?kind=html", expected).await
}

async fn upstream_invalid_response_in_the_middle(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_response",
        again: "retryable",
        detail: "an event of the answer is not valid JSON",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(on, "sim/garbage?after=3", expected).await
}

async fn upstream_interrupted(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_interrupted",
        again: "retryable",
        detail: "the connection broke before the end",
        text: "the café opens ",
        // This id is listed, so what came has a price.
        usage: "12+4 0.00002 pending",
        ..REFUSED
    };
    check(on, "sim/cut-mid-stream", expected).await
}

async fn empty_response(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "empty_response",
        again: "retryable",
        detail: "the model answered nothing",
        usage: "8+0 0.000008 reported",
        requests: 2,
        ..REFUSED
    };
    // An empty answer is tried again once, however many tries there may be.
    check(on.settings(|settings| settings.upstream.max_retries = 5), "sim/empty", expected).await
}

async fn upstream_authentication(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_authentication",
        detail: "the upstream refuses our key or its permissions",
        ..REFUSED
    };
    check(on, "sim/unauthorized", expected).await
}

async fn upstream_payment_required(on: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_payment_required",
        detail: "the upstream account has no credit for this request",
        ..REFUSED
    };
    check(on, "sim/payment", expected).await
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
