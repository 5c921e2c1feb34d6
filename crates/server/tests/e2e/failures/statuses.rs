//! Each status that the upstream refuses with, whatever its body: an envelope, a page, plain words or nothing.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;

use super::{Expected, REFUSED, check_tool};

causerie_testkit::on_both_databases! {
    statuses_that_blame_the_request,
    statuses_that_blame_us_or_the_model,
    statuses_of_a_failing_upstream,
    statuses_of_a_failing_provider,
}

/// A model, and what its failure comes to.
type Row = (&'static str, Expected);

async fn check_rows(on: TestAppBuilder, rows: Vec<Row>) -> Result<()> {
    let named = |number: usize| format!("tool-{number}");
    let tools = rows.iter().enumerate();
    let app = tools.fold(on, |on, (number, (model, _))| on.tool(&named(number), model)).start().await?;
    for (number, (model, expected)) in rows.into_iter().enumerate() {
        check_tool(&app, &named(number), model, expected).await.with_context(|| model.to_owned())?;
    }
    app.stop().await
}

async fn statuses_that_blame_the_request(on: TestAppBuilder) -> Result<()> {
    let row = |model, detail| (model, Expected { code: "upstream_invalid_request", detail, ..REFUSED });
    let moderated = Expected {
        code: "content_moderated",
        status: 422,
        detail: "the upstream refused the content",
        ..REFUSED
    };
    let rows = vec![
        row("sim/status?code=400&body=empty", "the upstream rejects the request (status 400)"),
        row("sim/status?code=409", "the upstream rejects the request (status 409)"),
        row("sim/status?code=412&body=text", "the upstream rejects the request (status 412)"),
        row("sim/status?code=413&body=html", "the upstream rejects the request (status 413)"),
        row("sim/status?code=418", "the upstream rejects the request (status 418)"),
        row("sim/status?code=422", "the upstream rejects the request (status 422)"),
        ("sim/guardrail", moderated),
    ];
    check_rows(on, rows).await
}

async fn statuses_that_blame_us_or_the_model(on: TestAppBuilder) -> Result<()> {
    let ours = |model, code, detail| (model, Expected { code, detail, ..REFUSED });
    let key =
        |model| ours(model, "upstream_authentication", "the upstream rejects the API key or its permissions");
    let credit = "the upstream account has no credit for this request";
    let gone = |model| {
        let (code, detail) = ("model_unavailable", "no provider serves the model");
        (model, Expected { code, status: 503, again: "retryable", detail, ..REFUSED })
    };
    let rows = vec![
        key("sim/status?code=401&body=empty"),
        ours("sim/status?code=402&body=html", "upstream_payment_required", credit),
        key("sim/status?code=403&body=empty"),
        gone("sim/status?code=403&body=provider-object"),
        gone("sim/status?code=404&body=html"),
        gone("sim/status?code=410"),
        gone("sim/unknown-model"),
    ];
    check_rows(on, rows).await
}

fn failing(model: &'static str, detail: &'static str) -> Row {
    let code = "upstream_unavailable";
    (model, Expected { code, status: 503, again: "retryable", detail, requests: 2, ..REFUSED })
}

// A process at rest has ten retries to give, and each row takes two.

async fn statuses_of_a_failing_upstream(on: TestAppBuilder) -> Result<()> {
    let rows = vec![
        failing("sim/status?code=408", "the model's provider is unavailable or failed (status 408)"),
        failing(
            "sim/status?code=500&body=text",
            "the model's provider is unavailable or failed (status 500)",
        ),
        failing(
            "sim/status?code=502&body=html",
            "the model's provider is unavailable or failed (status 502)",
        ),
        failing(
            "sim/status?code=503&body=empty",
            "the model's provider is unavailable or failed (status 503)",
        ),
    ];
    check_rows(on, rows).await
}

async fn statuses_of_a_failing_provider(on: TestAppBuilder) -> Result<()> {
    let rows = vec![
        failing("sim/status?code=504", "the model's provider is unavailable or failed (status 504)"),
        failing(
            "sim/status?code=524&body=html",
            "the model's provider is unavailable or failed (status 524)",
        ),
        failing("sim/status?code=529", "the model's provider is unavailable or failed (status 529)"),
        failing(
            "sim/status?code=599&body=empty",
            "the model's provider is unavailable or failed (status 599)",
        ),
    ];
    check_rows(on, rows).await
}
