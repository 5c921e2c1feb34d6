//! Each error status of the upstream, with a JSON error, an HTML page, plain text or no body.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;

use super::{Expected, REFUSED, check_tool};

causerie_testkit::on_both_databases! {
    statuses_of_invalid_requests,
    statuses_of_the_account_and_the_model,
    statuses_of_a_failing_upstream,
    statuses_of_a_failing_provider,
}

/// Model, and the expected failure.
type Row = (&'static str, Expected);

async fn check_rows(builder: TestAppBuilder, rows: Vec<Row>) -> Result<()> {
    let named = |number: usize| format!("tool-{number}");
    let tools = rows.iter().enumerate();
    let app = tools
        .fold(builder, |builder, (number, (model, _))| builder.tool(&named(number), model))
        .start()
        .await?;
    for (number, (model, expected)) in rows.into_iter().enumerate() {
        check_tool(&app, &named(number), model, expected).await.with_context(|| model.to_owned())?;
    }
    app.stop().await
}

async fn statuses_of_invalid_requests(builder: TestAppBuilder) -> Result<()> {
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
    check_rows(builder, rows).await
}

async fn statuses_of_the_account_and_the_model(builder: TestAppBuilder) -> Result<()> {
    let ours = |model, code, detail| (model, Expected { code, detail, ..REFUSED });
    let key =
        |model| ours(model, "upstream_authentication", "the upstream rejects the API key or its permissions");
    let credit = "the upstream account has no credit for this request";
    let gone = |model| {
        let (code, detail) = ("model_unavailable", "no provider serves the model");
        (model, Expected { code, status: 503, detail, ..REFUSED })
    };
    let foreign = Expected {
        code: "upstream_invalid_response",
        detail: "the upstream's response is not a chat completion (status 404)",
        usage: "0+0 0 estimated",
        ..REFUSED
    };
    let rows = vec![
        key("sim/status?code=401&body=empty"),
        ours("sim/status?code=402&body=html", "upstream_payment_required", credit),
        key("sim/status?code=403&body=empty"),
        gone("sim/status?code=403&body=provider-object"),
        // Without an error object the answer is not the upstream's.
        ("sim/status?code=404&body=html", foreign),
        gone("sim/status?code=410"),
        gone("sim/unknown-model"),
    ];
    check_rows(builder, rows).await
}

fn failing(model: &'static str, detail: &'static str) -> Row {
    let code = "upstream_unavailable";
    (model, Expected { code, status: 503, again: "retryable", detail, requests: 2, ..REFUSED })
}

// The retry budget of an idle process is ten retries, and each row uses two.

async fn statuses_of_a_failing_upstream(builder: TestAppBuilder) -> Result<()> {
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
    check_rows(builder, rows).await
}

async fn statuses_of_a_failing_provider(builder: TestAppBuilder) -> Result<()> {
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
    check_rows(builder, rows).await
}
