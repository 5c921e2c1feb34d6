//! A PostgreSQL server on which something hangs: others' locks, and statements that do not end.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder};

use crate::raw::Raw;

/// A statement may take a second and wait half of it for a lock; a turn that is not renewed is lost after three.
async fn app() -> Result<Option<TestAppBuilder>> {
    let Some(on) = TestApp::on_postgres().await? else { return Ok(None) };
    Ok(Some(on.tool("gated", "sim/gated?words=3").settings(|settings| {
        settings.store.statement = Duration::from_secs(1);
        settings.runtime.lease = Duration::from_secs(3);
    })))
}

const LOCK_TURNS: &str = "BEGIN; SELECT id FROM turns FOR UPDATE;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_row_is_locked_for_a_while_ends_when_it_is_free_and_nobody_hangs() -> Result<()> {
    let Some(on) = app().await? else { return Ok(()) };
    let on = on.settings(|settings| settings.runtime.lease = Duration::from_secs(30));
    let app = on.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let mut other = Raw::to(app.database()).await?;
    other.run(LOCK_TURNS).await?;
    // Whoever needs that row is told so soon, and the others go on.
    let refused = app.ada.request(reqwest::Method::POST, &chat.path("/cancel"));
    let refused = causerie_testkit::app::Reply::to(refused).await?;
    refused.problem(503, "store_unavailable")?;
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.ada.chat("gated").await?.history().await?, [""; 0]);
    app.upstream().open("gate");
    while stream.transcript().text != "the café opens" {
        stream.line().await?;
    }
    other.run("COMMIT;").await?;
    let whole = stream.rest().await?;
    assert!(whole.lines.iter().any(|line| line.starts_with("finish stop completed")), "{:#?}", whole.lines);
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_row_stays_locked_ends_with_an_error_from_which_its_reader_can_come_back() -> Result<()>
{
    let Some(on) = app().await? else { return Ok(()) };
    let app = on.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let mut other = Raw::to(app.database()).await?;
    other.run(LOCK_TURNS).await?;
    app.upstream().release("gate", 1);
    let told = stream.rest().await?;
    assert!(told.data_of("error").is_ok(), "{:#?}", told.lines);
    assert_eq!(told.data_of("data-error")?["data"]["code"], "internal");
    let last = told.frames.last().context("a frame")?.id.clone();
    assert_eq!(last, format!("{}:{}", told.turn_id, told.text.chars().count()), "nothing is over yet");
    other.run("COMMIT;").await?;

    let truth = chat.resume(Some(&last)).await?.context("the end is still to be told")?.rest().await?;
    let end = &truth.lines[truth.lines.len() - 2];
    assert_eq!(end, "finish other interrupted @end");
    let stored = chat.latest().await?;
    assert_eq!(stored["status"], "interrupted");
    let kept = stored["content"].as_str().context("an answer has text")?;
    let has = match truth.data_of("start")?["messageMetadata"]["from"].as_u64() {
        Some(0) => truth.text.clone(),
        _ => format!("{}{}", told.text, truth.text),
    };
    assert_eq!(has, kept);
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_does_not_end_is_ended_and_the_send_refused() -> Result<()> {
    let Some(on) = app().await? else { return Ok(()) };
    let app = on.start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut other = Raw::to(app.database()).await?;
    other
        .run(
            "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$; \
             CREATE TRIGGER hang BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION hang();",
        )
        .await?;
    let refused = chat.ask("Hello").await?;
    refused.problem(503, "store_unavailable")?;
    other.run("DROP TRIGGER hang ON messages;").await?;
    assert!(chat.history().await?.is_empty(), "a refused send is stored nowhere");
    app.upstream().open("gate");
    assert_eq!(chat.say("Hello").await?.text, "the café opens");
    app.stop().await
}
