//! HEAD requests, and the token estimate of a context.

use causerie_domain::Filter;
use causerie_domain::ports::Models as _;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Reply, TestApp, TestAppBuilder};
use reqwest::Method;

causerie_testkit::on_both_databases! {
    head_has_the_headers_of_get_without_a_body,
    the_token_estimate_adapts_to_counted_tokens,
}

async fn head_has_the_headers_of_get_without_a_body(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    stream.read_to("start").await?;
    for path in ["/me".to_owned(), "/tools".to_owned(), chat.path(""), "/healthz".to_owned()] {
        let (get, head) =
            (app.ada.get(&path).await?, Reply::fetch(app.ada.request(Method::HEAD, &path)).await?);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for name in ["content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    // HEAD of a stream returns before the end of the stream.
    let head = Reply::fetch(app.ada.request(Method::HEAD, &chat.path("/stream"))).await?;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let foreign = Reply::fetch(app.bob.request(Method::HEAD, &chat.path(""))).await?;
    assert_eq!((foreign.status, foreign.body.as_str()), (404, ""));
    app.upstream().open("gate");
    stream.read_to_end().await?;
    app.stop().await
}

async fn the_token_estimate_adapts_to_counted_tokens(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/echo").start().await?;
    let mut errors = Vec::new();
    for _ in 0..12 {
        errors.push(error_of_estimate(&app).await?);
    }
    let (first, last) = (errors[0], errors[errors.len() - 1]);
    assert!(last < first && last <= 12, "the error in percent went {errors:?}");
    let app = app.restart().await?;
    let models = app.database().store().models(&Filter::Everything).await?;
    let learnt = models.iter().filter(|model| model.millichars_per_token.is_some());
    assert_eq!(learnt.count(), 1, "the estimate of a model that has answered");
    let kept = error_of_estimate(&app).await?;
    assert!(kept <= 12, "the error in percent went {errors:?}, and was {kept} after a restart");
    app.stop().await
}

/// Returns the error of the estimate of a request, in percent of the counted tokens.
async fn error_of_estimate(app: &TestApp) -> Result<i64> {
    // The estimate starts at four characters per token; the simulator counts differently.
    let text = "1234567890 ".repeat(200);
    let answer = app.ada.chat("words").await?.send_for_json(&text).await?.json(200)?;
    let estimated = answer["turn"]["context"]["estimated_tokens"].as_i64().context("an estimate")?;
    let counted = answer["usage"]["input_tokens"].as_i64().context("a count")?;
    Ok((estimated - counted).abs() * 100 / counted)
}
