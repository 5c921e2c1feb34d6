//! PostgreSQL with locked rows and statements that do not end.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use causerie_testkit::database::RawConnection;

/// Prepares a server on PostgreSQL on which statements time out after a second, waits for locks after a quarter of it, and leases
/// after three seconds.
async fn app() -> Result<Option<TestAppBuilder>> {
    let Some(builder) = TestApp::on_postgres().await? else { return Ok(None) };
    Ok(Some(builder.tool("gated", "sim/gated?words=3").settings(|settings| {
        settings.store.database.statement_timeout = Duration::from_secs(1);
        settings.runtime.lease = Duration::from_secs(3);
    })))
}

const LOCK_TURNS: &str = "BEGIN; SELECT id FROM turns FOR UPDATE;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_ends_after_a_temporary_lock_of_its_row() -> Result<()> {
    let Some(builder) = app().await? else { return Ok(()) };
    let builder = builder.settings(|settings| settings.runtime.lease = Duration::from_secs(30));
    let app = builder.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let mut other = RawConnection::open(app.database()).await?;
    other.run(LOCK_TURNS).await?;
    // A request that needs the row fails within the lock timeout, and others succeed.
    let refused = app.ada.request(reqwest::Method::POST, &chat.path("/cancel"));
    let refused = causerie_testkit::app::Reply::fetch(refused).await?;
    refused.problem(503, "store_unavailable")?;
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.ada.chat("gated").await?.history().await?, [""; 0]);
    app.upstream().open("gate");
    while stream.transcript().text != "the café opens" {
        stream.next_line().await?;
    }
    other.run("COMMIT;").await?;
    let whole = stream.read_to_end().await?;
    assert!(whole.lines.iter().any(|line| line.starts_with("finish stop completed")), "{:#?}", whole.lines);
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_with_a_locked_row_ends_with_an_error_and_can_be_read_later() -> Result<()> {
    let Some(builder) = app().await? else { return Ok(()) };
    let app = builder.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let mut other = RawConnection::open(app.database()).await?;
    other.run(LOCK_TURNS).await?;
    app.upstream().release("gate", 1);
    let received = stream.read_to_end().await?;
    assert!(received.frame_data("error").is_ok(), "{:#?}", received.lines);
    assert_eq!(received.frame_data("data-error")?["data"]["code"], "internal");
    let last = received.frames.last().context("a frame")?.id.clone();
    assert_eq!(
        last,
        format!("{}:{}", received.turn_id, received.text.chars().count()),
        "nothing is over yet"
    );
    other.run("COMMIT;").await?;

    let truth = chat.resume(Some(&last)).await?.context("the stream has ended")?.read_to_end().await?;
    let end = &truth.lines[truth.lines.len() - 2];
    assert_eq!(end, "finish other interrupted @end");
    let stored = chat.last_message().await?;
    assert_eq!(stored["status"], "interrupted");
    let kept = stored["content"].as_str().context("an answer has text")?;
    let has = match truth.frame_data("start")?["messageMetadata"]["from"].as_u64() {
        Some(0) => truth.text.clone(),
        _ => format!("{}{}", received.text, truth.text),
    };
    assert_eq!(has, kept);
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_timeout_refuses_the_send() -> Result<()> {
    let Some(builder) = app().await? else { return Ok(()) };
    let app = builder.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut other = RawConnection::open(app.database()).await?;
    other
        .run(
            "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$; \
             CREATE TRIGGER hang BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION hang();",
        )
        .await?;
    let refused = chat.send_for_json("Hello").await?;
    refused.problem(503, "store_unavailable")?;
    other.run("DROP TRIGGER hang ON messages;").await?;
    assert!(chat.history().await?.is_empty(), "a refused message is not stored");
    app.upstream().open("gate");
    assert_eq!(chat.send_and_read("Hello").await?.text, "the café opens");
    app.stop().await
}
