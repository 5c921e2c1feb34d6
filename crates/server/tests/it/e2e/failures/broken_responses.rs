//! Responses of the upstream that break off, stall or are invalid, and the text that was received before.

use std::time::Duration;

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::TestAppBuilder;

use super::{Expected, REFUSED, check};

causerie_testkit::on_both_databases! {
    upstream_unavailable_after_a_dropped_connection,
    upstream_unavailable_during_a_stream,
    upstream_timeout_of_the_first_byte,
    upstream_timeout_of_silence,
    upstream_timeout_of_keep_alives_without_progress,
    upstream_timeout_of_the_whole_request,
    upstream_invalid_response,
    upstream_invalid_response_in_plain_text,
    upstream_invalid_response_during_a_stream,
    upstream_interrupted,
    empty_response,
}

async fn upstream_unavailable_after_a_dropped_connection(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the connection to the upstream broke before the response began",
        // The request may have been charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/drop", expected).await
}

async fn upstream_unavailable_during_a_stream(builder: TestAppBuilder) -> Result<()> {
    // A turn that has sent text is not retried.
    let expected = Expected {
        code: "upstream_unavailable",
        status: 503,
        again: "retryable",
        detail: "the model's provider is unavailable or failed (status 502)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(builder, "sim/error-mid-stream?after=3", expected).await
}

async fn upstream_timeout_of_the_first_byte(builder: TestAppBuilder) -> Result<()> {
    let builder =
        builder.settings(|settings| settings.upstream.timeouts.first_byte = Duration::from_millis(300));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no answer from the upstream within 300ms (timeout first_byte)",
        // The request may have been charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/stall?at=head", expected).await
}

async fn upstream_timeout_of_silence(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| settings.upstream.timeouts.idle = Duration::from_millis(600));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no further byte from the upstream within 600ms (timeout idle_bytes)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(builder, "sim/stall?after=3", expected).await
}

async fn upstream_timeout_of_keep_alives_without_progress(builder: TestAppBuilder) -> Result<()> {
    let builder =
        builder.settings(|settings| settings.upstream.timeouts.progress = Duration::from_millis(600));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no progress of the answer within 600ms (timeout idle_progress)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(builder, "sim/stall?after=3&keepalive_ms=20", expected).await
}

async fn upstream_timeout_of_the_whole_request(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| settings.upstream.timeouts.total = Duration::from_millis(800));
    let expected = Expected {
        code: "upstream_timeout",
        status: 504,
        again: "retryable",
        detail: "no end of the answer within 800ms (timeout total)",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(builder, "sim/stall?after=3&keepalive_ms=20", expected).await
}

async fn upstream_invalid_response(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_response",
        again: "retryable",
        detail: "the upstream answered with a web page",
        // The request may have been charged.
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/garbage?kind=html", expected).await
}

async fn upstream_invalid_response_in_plain_text(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_response",
        again: "retryable",
        detail: "the upstream answered with plain text",
        usage: "0+0 0 estimated",
        requests: 2,
        ..REFUSED
    };
    check(builder, "sim/garbage?kind=words", expected).await
}

async fn upstream_invalid_response_during_a_stream(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_invalid_response",
        again: "retryable",
        detail: "an event of the answer is not valid JSON",
        text: "the café opens ",
        usage: "?+? ? pending",
        ..REFUSED
    };
    check(builder, "sim/garbage?after=3", expected).await
}

async fn upstream_interrupted(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "upstream_interrupted",
        again: "retryable",
        detail: "the connection broke before the end",
        text: "the café opens ",
        // The model is in the catalog, so the text has a price.
        usage: "12+4 0.00002 pending",
        ..REFUSED
    };
    check(builder, "sim/cut-mid-stream", expected).await
}

async fn empty_response(builder: TestAppBuilder) -> Result<()> {
    let expected = Expected {
        code: "empty_response",
        again: "retryable",
        detail: "the model answered nothing",
        usage: "8+0 0.000008 reported",
        requests: 2,
        ..REFUSED
    };
    // An empty response is retried once, whatever the maximum of retries.
    check(builder.settings(|settings| settings.upstream.max_retries = 5), "sim/empty", expected).await
}
