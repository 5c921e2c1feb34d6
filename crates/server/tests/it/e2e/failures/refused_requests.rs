//! Requests that the upstream refuses, for each failure code.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;

use super::{Expected, REFUSED, check};

causerie_testkit::on_both_databases! {
    upstream_rate_limited,
    upstream_rate_limited_without_retry_after,
    upstream_rate_limited_for_the_day,
    upstream_unavailable,
    model_unavailable,
    context_length_exceeded,
    content_moderated,
    upstream_invalid_request,
    upstream_authentication,
    upstream_payment_required,
}

async fn upstream_rate_limited(builder: TestAppBuilder) -> Result<()> {
    // A wait above the maximum is passed to the client.
    let expected = Expected {
        code: "upstream_rate_limited",
        status: 503,
        again: "retryable after 20 s",
        detail: "the rate limit of the model is reached",
        ..REFUSED
    };
    check(builder, "sim/rate-limited?retry_after=20", expected).await
}

async fn upstream_rate_limited_without_retry_after(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_rate_limited",
        status: 503,
        again: "retryable",
        detail: "the rate limit of the model is reached",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/rate-limited?form=none", expected).await
}

async fn upstream_rate_limited_for_the_day(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("daily", "sim/rate-limited?form=daily").start().await?;
    let chat = app.ada.chat("daily").await?;
    let refused = chat.send_for_json("Hello").await?;
    let problem = refused.problem(503, "upstream_rate_limited")?;
    assert_eq!(problem["detail"], "the daily limit of the upstream account is reached");
    let wait: u64 = refused.header("retry-after").context("no retry-after")?.parse()?;
    assert!(wait <= 86_400, "until midnight: {wait}");
    // The code is that of a limit per minute, which a later send can pass.
    let turn = chat.last_message().await?["turn_id"].as_str().context("a turn")?.to_owned();
    let turn = app.ada.get(&format!("/turns/{turn}")).await?.json(200)?;
    assert_eq!(turn["failure"]["retryable"], false);
    assert_eq!(app.upstream().count_chat(), 1, "trying again does not help");
    app.stop().await
}

async fn upstream_unavailable(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the model's provider is unavailable or failed (status 500)",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/status?code=500", expected).await
}

async fn model_unavailable(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "model_unavailable",
        status: 503,
        detail: "no provider serves the model",
        ..REFUSED
    };
    check(builder, "sim/no-endpoints", expected).await
}

async fn context_length_exceeded(builder: TestAppBuilder) -> Result<()> {
    // There is no history to drop.
    let expected = Expected {
        code: "context_length_exceeded",
        status: 422,
        detail: "the messages need 4 tokens, and the model takes 3",
        ..REFUSED
    };
    check(builder, "sim/context-length?limit=3", expected).await
}

async fn content_moderated(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "content_moderated",
        status: 422,
        detail: "the upstream refused the content",
        ..REFUSED
    };
    check(builder, "sim/moderation", expected).await
}

async fn upstream_invalid_request(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_request",
        detail: "the upstream rejects the request (status 400)",
        ..REFUSED
    };
    check(builder, "sim/status?code=400", expected).await
}

async fn upstream_authentication(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_authentication",
        detail: "the upstream rejects the API key or its permissions",
        ..REFUSED
    };
    check(builder, "sim/unauthorized", expected).await
}

async fn upstream_payment_required(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_payment_required",
        detail: "the upstream account has no credit for this request",
        ..REFUSED
    };
    check(builder, "sim/payment", expected).await
}
