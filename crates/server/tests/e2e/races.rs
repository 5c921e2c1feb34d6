//! Two hundred at once: what the database decides is decided once, whichever server is asked.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, Reply, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use serde_json::Value;

causerie_testkit::on_both_databases! {
    many_sends_with_one_key_are_one_turn,
    many_sends_without_a_key_are_one_turn_and_refusals,
    a_cancel_that_races_with_the_end_has_one_outcome,
}

const MANY: usize = 200;

async fn many_sends_with_one_key_are_one_turn(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("words", "sim/text?words=5").start().await?;
    let chat = app.ada.chat("words").await?;
    one_turn_of_many(&app, &[chat]).await?;
    app.stop().await
}

async fn one_turn_of_many(app: &TestApp, servers: &[Chat]) -> Result<()> {
    let send = async |number: usize| {
        let send = servers[number % servers.len()].sending("Hello").header("idempotency-key", "k");
        EventStream::to(send).await?.rest().await
    };
    let told = try_join_all((0..MANY).map(send)).await?;
    for other in &told {
        assert_eq!((&other.turn_id, other.folded()), (&told[0].turn_id, told[0].folded()));
    }
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(servers[0].messages().await?.len(), 2);
    Ok(())
}

async fn many_sends_without_a_key_are_one_turn_and_refusals(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    one_turn_and_refusals(&app, &[chat]).await?;
    app.stop().await
}

async fn one_turn_and_refusals(app: &TestApp, servers: &[Chat]) -> Result<()> {
    let send = async |number: usize| {
        let send = servers[number % servers.len()].sending("Hello").header("prefer", "respond-async");
        Reply::to(send).await
    };
    let replies = try_join_all((0..MANY).map(send)).await?;
    let (taken, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 202);
    assert_eq!((taken.len(), refused.len()), (1, MANY - 1));
    let turn = taken[0].json(202)?["turn"]["id"].take();
    for reply in refused {
        assert_eq!(reply.problem(409, "turn_in_progress")?["turn_id"], turn);
    }
    let stream = servers[0].resume(None).await?.context("the turn runs")?;
    app.upstream().open("gate");
    stream.rest().await?;
    assert_eq!(servers[0].messages().await?.len(), 2);
    assert_eq!(app.upstream().count_chat(), 1);
    Ok(())
}

async fn a_cancel_that_races_with_the_end_has_one_outcome(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    for round in 1..=25 {
        let stream = chat.send("Hello").await?;
        app.upstream().wait_until_held("gate", 1).await?;
        let cancel = async {
            // The later rounds give the end more of a start.
            for _ in 0..round * 40 {
                tokio::task::yield_now().await;
            }
            chat.cancel().await
        };
        app.upstream().release("gate", 1);
        let (told, cancelled) = tokio::try_join!(stream.rest(), cancel)?;
        let end = told.frames.iter().rev().nth(1).context("an end")?;
        let answer = chat.latest().await?;
        let status = answer["status"].as_str().context("a status")?;
        match status {
            "completed" => assert_eq!(end.data["messageMetadata"]["status"], "completed", "{:?}", told.lines),
            "cancelled" => assert_eq!(end.data["type"], "abort", "{:?}", told.lines),
            other => panic!("{other}: {:?}", told.lines),
        }
        assert_eq!(answer["content"], told.text, "what was told is what is kept");
        assert!(cancelled == Value::Null || cancelled["status"] == status, "{cancelled} and {status}");
        assert_eq!(chat.messages().await?.len(), 2 * round);
    }
    app.stop().await
}

mod across_servers {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_sends_with_one_key_are_one_turn() -> Result<()> {
        let Some(on) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = on.tool("words", "sim/text?words=5").start().await?;
        let beside = app.beside().await?;
        let chat = app.ada.chat("words").await?;
        one_turn_of_many(&app, &[chat.clone(), chat.as_seen_by(&beside.ada)]).await?;
        beside.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_sends_without_a_key_are_one_turn_and_refusals() -> Result<()> {
        let Some(on) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = on.tool("gated", "sim/gated?words=1").start().await?;
        let beside = app.beside().await?;
        let chat = app.ada.chat("gated").await?;
        one_turn_and_refusals(&app, &[chat.clone(), chat.as_seen_by(&beside.ada)]).await?;
        beside.stop().await;
        app.stop().await
    }
}
