//! Two hundred concurrent requests to two servers: the database decides each conflict once.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, Reply, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use serde_json::Value;

causerie_testkit::on_both_databases! {
    many_sends_with_one_key_begin_one_turn,
    one_of_many_sends_without_a_key_begins_a_turn,
    a_cancel_concurrent_with_the_end_has_one_result,
}

const MANY: usize = 200;

async fn many_sends_with_one_key_begin_one_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=5").start().await?;
    let chat = app.ada.chat("words").await?;
    one_turn_of_many(&app, &[chat]).await?;
    app.stop().await
}

async fn one_turn_of_many(app: &TestApp, servers: &[Chat]) -> Result<()> {
    let send = async |number: usize| {
        let send = servers[number % servers.len()].message_request("Hello").header("idempotency-key", "k");
        EventStream::open(send).await?.read_to_end().await
    };
    let received = try_join_all((0..MANY).map(send)).await?;
    for other in &received {
        assert_eq!(
            (&other.turn_id, other.merged_lines()),
            (&received[0].turn_id, received[0].merged_lines())
        );
    }
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(servers[0].messages().await?.len(), 2);
    Ok(())
}

async fn one_of_many_sends_without_a_key_begins_a_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    one_turn_and_refusals(&app, &[chat]).await?;
    app.stop().await
}

async fn one_turn_and_refusals(app: &TestApp, servers: &[Chat]) -> Result<()> {
    let send = async |number: usize| {
        let send = servers[number % servers.len()].message_request("Hello").header("prefer", "respond-async");
        Reply::fetch(send).await
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
    stream.read_to_end().await?;
    assert_eq!(servers[0].messages().await?.len(), 2);
    assert_eq!(app.upstream().count_chat(), 1);
    Ok(())
}

async fn a_cancel_concurrent_with_the_end_has_one_result(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    for round in 1..=25 {
        let stream = chat.send("Hello").await?;
        app.upstream().wait_until_held("gate", 1).await?;
        let cancel = async {
            // Later rounds cancel later.
            for _ in 0..round * 40 {
                tokio::task::yield_now().await;
            }
            chat.cancel().await
        };
        app.upstream().release("gate", 1);
        let (received, cancelled) = tokio::try_join!(stream.read_to_end(), cancel)?;
        let end = received.frames.iter().rev().nth(1).context("an end")?;
        let answer = chat.last_message().await?;
        let status = answer["status"].as_str().context("a status")?;
        match status {
            "completed" => {
                assert_eq!(end.data["messageMetadata"]["status"], "completed", "{:?}", received.lines)
            }
            "cancelled" => assert_eq!(end.data["type"], "abort", "{:?}", received.lines),
            other => panic!("{other}: {:?}", received.lines),
        }
        assert_eq!(answer["content"], received.text, "the received text is stored");
        assert!(cancelled == Value::Null || cancelled["status"] == status, "{cancelled} and {status}");
        assert_eq!(chat.messages().await?.len(), 2 * round);
    }
    app.stop().await
}

mod across_servers {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_sends_with_one_key_begin_one_turn() -> Result<()> {
        let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = builder.tool("words", "sim/text?words=5").start().await?;
        let instance = app.start_instance().await?;
        let chat = app.ada.chat("words").await?;
        one_turn_of_many(&app, &[chat.clone(), chat.with_client(&instance.ada)]).await?;
        instance.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_of_many_sends_without_a_key_begins_a_turn() -> Result<()> {
        let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = builder.tool("gated", "sim/gated?words=1").start().await?;
        let instance = app.start_instance().await?;
        let chat = app.ada.chat("gated").await?;
        one_turn_and_refusals(&app, &[chat.clone(), chat.with_client(&instance.ada)]).await?;
        instance.stop().await;
        app.stop().await
    }
}
