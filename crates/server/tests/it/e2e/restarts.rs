//! Stops, restarts and several servers on one database.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_stop_waits_for_a_running_turn,
    a_turn_that_exceeds_the_drain_timeout_is_interrupted_with_its_text,
    a_restart_keeps_all_data,
    concurrent_sessions_lose_no_data,
}

/// Waits until the server refuses new requests, which is the only sign that its shutdown has begun.
async fn draining(client: &Client) -> Result<()> {
    while client.get("/readyz").await?.status == 200 {}
    Ok(())
}

async fn a_stop_waits_for_a_running_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    let (anonymous, upstream, other) =
        (app.anonymous(), app.upstream().clone(), app.ada.chat("gated").await?);
    let meanwhile = async {
        draining(&anonymous).await?;
        let refused = other.send_for_json("Hello").await?;
        refused.problem(503, "shutting_down")?;
        assert!(refused.header("retry-after").is_some());
        let reader = chat.resume(None).await?.context("the turn runs")?;
        upstream.open("gate");
        let (stream, reader) = tokio::try_join!(stream.read_to_end(), reader.read_to_end())?;
        assert_eq!(stream.text, "the café");
        assert_eq!(reader.merged_lines(), stream.merged_lines());
        Ok(())
    };
    tokio::try_join!(meanwhile, app.stop())?;
    Ok(())
}

async fn a_turn_that_exceeds_the_drain_timeout_is_interrupted_with_its_text(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder
        .tool("gated", "sim/gated")
        .settings(|settings| settings.runtime.drain = Duration::from_millis(100))
        .start()
        .await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let (whole, app) = tokio::try_join!(stream.read_to_end(), app.restart())?;
    let folded = whole.merged_lines();
    assert_eq!(folded[2], r#"text-delta "the " @4"#);
    assert_eq!(folded[folded.len() - 2], "finish other interrupted @end");

    let chat = chat.with_client(&app.ada);
    assert_eq!(chat.history().await?[1], r#"2 assistant interrupted "the ""#);
    let replay =
        EventStream::open(app.ada.request(Method::GET, &format!("/turns/{}/stream", whole.turn_id))).await?;
    assert_eq!(replay.read_to_end().await?.text, "the ");
    app.upstream().open("gate");
    chat.send_and_read("Go on").await?;
    assert_eq!(chat.messages().await?.len(), 4);
    app.stop().await
}

async fn a_restart_keeps_all_data(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("thinker", "sim/reasoning?thoughts=3&words=5").start().await?;
    let chat = app.ada.chat("thinker").await?;
    let send_with_key = |client: &Client| {
        let send = chat.with_client(client).message_request("Hello");
        send.header("idempotency-key", "k")
    };
    let whole = EventStream::open(send_with_key(&app.ada)).await?.read_to_end().await?;
    let before = chat.detail().await?;

    let app = app.restart().await?;
    let chat = chat.with_client(&app.ada);
    assert_eq!(chat.detail().await?, before);
    let again = EventStream::open(send_with_key(&app.ada)).await?.read_to_end().await?;
    assert_eq!((&again.turn_id, again.merged_lines()), (&whole.turn_id, whole.merged_lines()));
    for frame in &whole.frames {
        let Some(rest) = chat.resume(Some(&frame.id)).await? else {
            assert!(frame.id.ends_with(":end"), "{frame:?}");
            continue;
        };
        let rest = rest.read_to_end().await?;
        let position: usize = frame.id.rsplit(':').next().context("a position")?.parse()?;
        assert_eq!(rest.text, whole.text.chars().skip(position).collect::<String>());
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn concurrent_sessions_lose_no_data(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=30").start().await?;
    let conversation = async || -> Result<()> {
        let chat = app.ada.chat("words").await?;
        for _ in 0..3 {
            assert_eq!(chat.send_and_read("Hello").await?.text.split(' ').count(), 30);
        }
        assert_eq!(chat.messages().await?.len(), 6);
        Ok(())
    };
    let conversations = futures_util::future::join_all((0..24).map(|_| conversation())).await;
    conversations.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(app.upstream().count_chat(), 72);
    app.stop().await
}

mod on_one_database_alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_server_on_sqlite_is_refused() -> Result<()> {
        let app = TestApp::on_sqlite().await?.start().await?;
        let refused = app.start_instance().await.map(drop);
        assert!(refused.is_err_and(|error| format!("{error:#}").contains("another process")));
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn servers_beside_each_other_serve_the_same_turns() -> Result<()> {
        let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = builder.tool("gated", "sim/gated?words=3").start().await?;
        let instance = app.start_instance().await?;
        let here = app.ada.chat("gated").await?;
        let there = here.with_client(&instance.ada);
        let mut live =
            EventStream::open(here.message_request("Hello").header("idempotency-key", "k")).await?;
        app.upstream().release("gate", 1);
        live.read_to("text-delta").await?;

        let refused = there.send_for_json("And now?").await?.problem(409, "turn_in_progress")?;
        assert_eq!(refused["turn_id"], live.transcript().turn_id.as_str());
        let attached =
            EventStream::open(there.message_request("Hello").header("idempotency-key", "k")).await?;
        let from = format!("{}:2", live.transcript().turn_id);
        let resumed = there.resume(Some(&from)).await?.context("the turn runs")?;
        app.upstream().open("gate");
        let (live, attached, resumed) =
            tokio::try_join!(live.read_to_end(), attached.read_to_end(), resumed.read_to_end())?;
        assert_eq!((&attached.turn_id, attached.merged_lines()), (&live.turn_id, live.merged_lines()));
        assert_eq!(resumed.text, "e café opens");
        assert_eq!(app.upstream().count_chat(), 1);
        instance.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_cancel_reaches_the_server_that_runs_the_turn() -> Result<()> {
        let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
        let lease = |settings: &mut causerie_server::settings::Settings| {
            settings.runtime.lease = Duration::from_secs(3);
        };
        let app = builder.tool("gated", "sim/gated").settings(lease).start().await?;
        let instance = app.start_instance().await?;
        let chat = app.ada.chat("gated").await?;
        let mut live = chat.send("Hello").await?;
        app.upstream().release("gate", 1);
        live.read_to("text-delta").await?;
        let turn = chat.with_client(&instance.ada).cancel().await?;
        assert_eq!((&turn["status"], &turn["failure"]), (&json!("cancelled"), &Value::Null));
        assert_eq!(
            live.read_to_end().await?.lines.iter().rev().nth(1).map(String::as_str),
            Some("abort cancelled @end")
        );
        app.upstream().wait_until(|requests| requests.iter().any(|request| request.client_closed())).await?;
        assert_eq!(chat.history().await?[1], r#"2 assistant cancelled "the ""#);
        instance.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_of_many_sends_to_two_servers_begins_the_turn() -> Result<()> {
        let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = builder.tool("echo", "sim/echo").start().await?;
        let instance = app.start_instance().await?;
        let chats = [app.ada.chat("echo").await?, app.ada.chat("echo").await?];
        for chat in &chats {
            let send = |client: &Client| {
                let request = chat.with_client(client).message_request("Hello");
                Reply::fetch(request.header("idempotency-key", "k").header("accept", "application/json"))
            };
            let (a, b, c, d) =
                tokio::try_join!(send(&app.ada), send(&instance.ada), send(&app.ada), send(&instance.ada))?;
            let first = a.json(200)?;
            for other in [b, c, d] {
                assert_eq!(other.json(200)?, first);
            }
            assert_eq!(chat.messages().await?.len(), 2);
        }
        assert_eq!(app.upstream().count_chat(), 2);
        instance.stop().await;
        app.stop().await
    }
}
