//! Servers that stop, start again, and stand beside each other.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_stop_lets_a_running_answer_finish,
    what_cannot_finish_in_time_is_interrupted_with_its_text,
    everything_is_there_after_a_restart,
    many_conversations_at_once_lose_nothing,
}

/// Asks until the server says that it takes nothing new. Nothing else tells when its stop has begun.
async fn draining(client: &Client) -> Result<()> {
    while client.get("/readyz").await?.status == 200 {}
    Ok(())
}

async fn a_stop_lets_a_running_answer_finish(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    let (nobody, upstream, other) = (app.nobody(), app.upstream().clone(), app.ada.chat("gated").await?);
    let meanwhile = async {
        draining(&nobody).await?;
        let refused = other.ask("Hello").await?;
        refused.problem(503, "shutting_down")?;
        assert!(refused.header("retry-after").is_some());
        let reader = chat.resume(None).await?.context("the turn runs")?;
        upstream.open("gate");
        let (stream, reader) = tokio::try_join!(stream.rest(), reader.rest())?;
        assert_eq!(stream.text, "the café");
        assert_eq!(reader.folded(), stream.folded());
        Ok(())
    };
    tokio::try_join!(meanwhile, app.stop())?;
    Ok(())
}

async fn what_cannot_finish_in_time_is_interrupted_with_its_text(on: TestAppBuilder) -> Result<()> {
    let app = on
        .tool("gated", "sim/gated")
        .settings(|settings| settings.runtime.drain = Duration::from_millis(100))
        .start()
        .await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let (whole, app) = tokio::try_join!(stream.rest(), app.restart())?;
    let folded = whole.folded();
    assert_eq!(folded[2], r#"text-delta "the " @4"#);
    assert_eq!(folded[folded.len() - 2], "finish other interrupted @end");

    let chat = chat.as_seen_by(&app.ada);
    assert_eq!(chat.history().await?[1], r#"2 assistant interrupted "the ""#);
    let replay =
        EventStream::to(app.ada.request(Method::GET, &format!("/turns/{}/stream", whole.turn_id))).await?;
    assert_eq!(replay.rest().await?.text, "the ");
    app.upstream().open("gate");
    chat.say("Go on").await?;
    assert_eq!(chat.messages().await?.len(), 4);
    app.stop().await
}

async fn everything_is_there_after_a_restart(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("thinker", "sim/reasoning?thoughts=3&words=5").start().await?;
    let chat = app.ada.chat("thinker").await?;
    let keyed = |client: &Client| {
        let send = chat.as_seen_by(client).sending("Hello");
        send.header("idempotency-key", "k")
    };
    let whole = EventStream::to(keyed(&app.ada)).await?.rest().await?;
    let before = chat.detail().await?;

    let app = app.restart().await?;
    let chat = chat.as_seen_by(&app.ada);
    assert_eq!(chat.detail().await?, before);
    let again = EventStream::to(keyed(&app.ada)).await?.rest().await?;
    assert_eq!((&again.turn_id, again.folded()), (&whole.turn_id, whole.folded()));
    for frame in &whole.frames {
        let Some(rest) = chat.resume(Some(&frame.id)).await? else {
            assert!(frame.id.ends_with(":end"), "{frame:?}");
            continue;
        };
        let rest = rest.rest().await?;
        let position: usize = frame.id.rsplit(':').next().context("a position")?.parse()?;
        assert_eq!(rest.text, whole.text.chars().skip(position).collect::<String>());
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn many_conversations_at_once_lose_nothing(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("words", "sim/text?words=30").start().await?;
    let talk = async || -> Result<()> {
        let chat = app.ada.chat("words").await?;
        for _ in 0..3 {
            assert_eq!(chat.say("Hello").await?.text.split(' ').count(), 30);
        }
        assert_eq!(chat.messages().await?.len(), 6);
        Ok(())
    };
    let talks = futures_util::future::join_all((0..24).map(|_| talk())).await;
    talks.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(app.upstream().count_chat(), 72);
    app.stop().await
}

mod on_one_database_alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_server_on_sqlite_is_refused() -> Result<()> {
        let app = TestApp::on_sqlite().await?.start().await?;
        let refused = app.beside().await.map(drop);
        assert!(refused.is_err_and(|error| format!("{error:#}").contains("another process")));
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn servers_beside_each_other_serve_the_same_turns() -> Result<()> {
        let Some(on) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = on.tool("gated", "sim/gated?words=3").start().await?;
        let beside = app.beside().await?;
        let here = app.ada.chat("gated").await?;
        let there = here.as_seen_by(&beside.ada);
        let mut live = EventStream::to(here.sending("Hello").header("idempotency-key", "k")).await?;
        app.upstream().release("gate", 1);
        live.read_to("text-delta").await?;

        let refused = there.ask("And now?").await?.problem(409, "turn_in_progress")?;
        assert_eq!(refused["turn_id"], live.transcript().turn_id.as_str());
        let attached = EventStream::to(there.sending("Hello").header("idempotency-key", "k")).await?;
        let from = format!("{}:2", live.transcript().turn_id);
        let resumed = there.resume(Some(&from)).await?.context("the turn runs")?;
        app.upstream().open("gate");
        let (live, attached, resumed) = tokio::try_join!(live.rest(), attached.rest(), resumed.rest())?;
        assert_eq!((&attached.turn_id, attached.folded()), (&live.turn_id, live.folded()));
        assert_eq!(resumed.text, "e café opens");
        assert_eq!(app.upstream().count_chat(), 1);
        beside.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_cancel_reaches_the_server_that_runs_the_turn() -> Result<()> {
        let Some(on) = TestApp::on_postgres().await? else { return Ok(()) };
        let lease = |settings: &mut causerie_server::settings::Settings| {
            settings.runtime.lease = Duration::from_secs(3);
        };
        let app = on.tool("gated", "sim/gated").settings(lease).start().await?;
        let beside = app.beside().await?;
        let chat = app.ada.chat("gated").await?;
        let mut live = chat.send("Hello").await?;
        app.upstream().release("gate", 1);
        live.read_to("text-delta").await?;
        let turn = chat.as_seen_by(&beside.ada).cancel().await?;
        assert_eq!((&turn["status"], &turn["failure"]), (&json!("cancelled"), &Value::Null));
        assert_eq!(
            live.rest().await?.lines.iter().rev().nth(1).map(String::as_str),
            Some("abort cancelled @end")
        );
        app.upstream().wait_until(|requests| requests.iter().any(|request| request.client_closed())).await?;
        assert_eq!(chat.history().await?[1], r#"2 assistant cancelled "the ""#);
        beside.stop().await;
        app.stop().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_of_many_sends_to_two_servers_begins_the_turn() -> Result<()> {
        let Some(on) = TestApp::on_postgres().await? else { return Ok(()) };
        let app = on.tool("echo", "sim/echo").start().await?;
        let beside = app.beside().await?;
        let chats = [app.ada.chat("echo").await?, app.ada.chat("echo").await?];
        for chat in &chats {
            let send = |client: &Client| {
                let request = chat.as_seen_by(client).sending("Hello");
                Reply::to(request.header("idempotency-key", "k").header("accept", "application/json"))
            };
            let (a, b, c, d) =
                tokio::try_join!(send(&app.ada), send(&beside.ada), send(&app.ada), send(&beside.ada))?;
            let first = a.json(200)?;
            for other in [b, c, d] {
                assert_eq!(other.json(200)?, first);
            }
            assert_eq!(chat.messages().await?.len(), 2);
        }
        assert_eq!(app.upstream().count_chat(), 2);
        beside.stop().await;
        app.stop().await
    }
}
