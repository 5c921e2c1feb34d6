//! Running turns: at most one per session, ended by a cancel but not by a closed connection.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{EventStream, Reply, TestApp, TestAppBuilder, format_usage};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_second_message_is_refused_while_a_turn_runs,
    one_of_many_concurrent_messages_is_accepted,
    a_cancelled_turn_keeps_its_text_and_closes_the_upstream_request,
    a_cancel_before_the_first_delta,
    a_cancel_before_a_retry,
    a_cancel_without_a_running_turn,
    a_cancelled_turn_as_one_document,
    a_closed_stream_does_not_affect_the_turn,
    a_stream_closed_before_the_first_delta_does_not_affect_the_turn,
    a_closed_document_request_does_not_affect_the_turn,
    many_readers_receive_the_same_frames,
}

async fn a_second_message_is_refused_while_a_turn_runs(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let (chat, other) = (app.ada.chat("gated").await?, app.ada.chat("gated").await?);
    let first = chat.send("one").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    let before = chat.detail().await?;
    for refused in [Reply::fetch(chat.message_request("two")).await?, chat.send_for_json("two").await?] {
        let problem = refused.problem(409, "turn_in_progress")?;
        assert_eq!(problem["turn_id"], before["active_turn_id"]);
    }
    assert_eq!(chat.detail().await?, before, "nothing was stored");
    assert_eq!(app.upstream().count_chat(), 1, "nothing was sent");
    let other_stream = other.send("elsewhere").await?;
    app.upstream().open("gate");
    first.read_to_end().await?;
    other_stream.read_to_end().await?;
    chat.send_and_read("two").await?;
    let history = chat.history().await?;
    assert_eq!(history.len(), 4);
    assert_eq!(history[2], r#"3 user completed "two""#);
    app.stop().await
}

async fn one_of_many_concurrent_messages_is_accepted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    let send = |content: &'static str| {
        let request = chat.message_request(content).header("prefer", "respond-async");
        Reply::fetch(request)
    };
    let (a, b, c, d) = tokio::try_join!(send("a"), send("b"), send("c"), send("d"))?;
    let (taken, refused): (Vec<_>, Vec<_>) = [a, b, c, d].into_iter().partition(|reply| reply.status == 202);
    assert_eq!(taken.len(), 1);
    let turn = taken[0].json(202)?["turn"].take();
    for reply in refused {
        assert_eq!(reply.problem(409, "turn_in_progress")?["turn_id"], turn["id"]);
    }
    app.upstream().open("gate");
    let path = format!("/turns/{}/stream", turn["id"].as_str().unwrap());
    EventStream::open(app.ada.request(Method::GET, &path)).await?.read_to_end().await?;
    assert_eq!(chat.messages().await?.len(), 2);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_cancelled_turn_keeps_its_text_and_closes_the_upstream_request(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 2);
    stream.read_to("text-delta").await?;
    while stream.transcript().text != "the café " {
        stream.read_to("text-delta").await?;
    }
    let turn = chat.cancel().await?;
    assert_eq!((&turn["status"], &turn["cancel_requested"]), (&json!("cancelled"), &json!(true)));
    let transcript = stream.read_to_end().await?;
    assert_eq!(
        transcript.merged_lines(),
        [
            "start seq=2 model=sim/gated from=0 @0",
            "text-start 0 @0",
            r#"text-delta "the café " @9"#,
            "text-end 0 @9",
            "data-usage sim/gated 12+3 0.000018 pending @9",
            "abort cancelled @end",
            "[DONE] @end",
        ]
    );
    check_upstream_closed(&app).await?;
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.history().await?[1], r#"2 assistant cancelled "the café ""#);
    assert_eq!(chat.last_message().await?["usage"], transcript.frame_data("data-usage")?["data"]);
    assert_eq!(app.ada.get(&format!("/turns/{}", transcript.turn_id)).await?.json(200)?, turn);
    assert_eq!(chat.cancel().await?, Value::Null, "it does not run any more");

    app.upstream().open("gate");
    chat.send_and_read("Go on").await?;
    let sent = app.upstream().requests_for("sim/gated")[1].messages();
    assert_eq!(sent[2], ("assistant".to_owned(), "the café ".to_owned()), "the cut answer is history");
    app.stop().await
}

/// Checks that the upstream connection is closed before any timeout.
async fn check_upstream_closed(app: &TestApp) -> Result<()> {
    let closed = app.upstream().wait_until(|requests| requests.iter().any(|request| request.client_closed()));
    Ok(tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .context("the connection is still there")??)
}

async fn a_cancel_before_the_first_delta(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/text?gate=gate&gate_at=head").start().await?;
    let chat = app.ada.chat("gated").await?;
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    assert_eq!(chat.cancel().await?["status"], "cancelled");
    let lines = stream.read_to_end().await?.lines;
    assert_eq!(lines.last().map(String::as_str), Some("[DONE] @end"));
    assert_eq!(lines[lines.len() - 2], "abort cancelled @end");
    check_upstream_closed(&app).await?;
    assert_eq!(chat.history().await?[1], r#"2 assistant cancelled """#);

    app.upstream().open("gate");
    chat.send_and_read("Again").await?;
    let sent = app.upstream().requests_for("sim/text?gate=gate&gate_at=head")[1].messages();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].1, "Hello\n\nAgain", "an answer without text is not sent, its question is");
    app.stop().await
}

async fn a_cancel_before_a_retry(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("limited", "sim/rate-limited?retry_after=4").start().await?;
    let chat = app.ada.chat("limited").await?;
    let stream = chat.send("Hello").await?;
    app.upstream()
        .wait_until(|requests| requests.iter().any(|request| request.is_chat() && !request.is_running()))
        .await?;
    assert_eq!(chat.cancel().await?["status"], "cancelled");
    assert_eq!(
        stream.read_to_end().await?.lines.iter().rev().nth(1).map(String::as_str),
        Some("abort cancelled @end")
    );
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_cancel_without_a_running_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    assert_eq!(chat.cancel().await?, Value::Null);
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.cancel().await?, Value::Null);
    assert_eq!(chat.last_message().await?["status"], "completed");
    app.stop().await
}

async fn a_cancelled_turn_as_one_document(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let cancel = async {
        app.upstream().wait_until_held("gate", 1).await?;
        app.upstream().release("gate", 1);
        let mut reader = chat.resume(None).await?.expect("a running turn");
        reader.read_to("text-delta").await?;
        chat.cancel().await
    };
    let (answer, _) = tokio::try_join!(chat.send_for_json("Hello"), cancel)?;
    let answer = answer.json(200)?;
    assert_eq!(
        (&answer["turn"]["status"], &answer["message"]["status"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    assert_eq!(answer["message"]["content"], "the ");
    app.stop().await
}

async fn a_closed_stream_does_not_affect_the_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let cursor = stream.last_frame()?.id.clone();
    drop(stream);
    app.upstream().open("gate");
    let rest = chat.resume(Some(&cursor)).await?.expect("the rest of the answer").read_to_end().await?;
    assert_eq!(rest.text, "café opens");
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

async fn a_stream_closed_before_the_first_delta_does_not_affect_the_turn(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    drop(chat.send("Hello").await?);
    app.upstream().wait_until_held("gate", 1).await?;
    app.upstream().open("gate");
    app.upstream().wait_until_idle().await?;
    // The turn ends after its request, when its end is stored.
    if let Some(stream) = chat.resume(None).await? {
        stream.read_to_end().await?;
    }
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

async fn a_closed_document_request_does_not_affect_the_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    tokio::select! {
        answer = chat.send_for_json("Hello") => panic!("the gate is closed: {answer:?}"),
        held = app.upstream().wait_until_held("gate", 1) => held?,
    }
    let reader = chat.resume(None).await?.expect("a running turn");
    app.upstream().open("gate");
    assert_eq!(reader.read_to_end().await?.text, "the café opens");
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

/// Checks that the answer is complete, from one request, and has its cost.
async fn check_paid_once(app: &TestApp, chat: &causerie_testkit::app::Chat) -> Result<()> {
    assert_eq!(chat.history().await?[1], r#"2 assistant completed "the café opens""#);
    let usage = &chat.last_message().await?["usage"];
    assert_eq!(format_usage(usage), "sim/gated?words=3 4+4 0.000012 reported");
    assert_eq!(chat.detail().await?["totals"]["cost"], "0.000012");
    assert_eq!(app.upstream().count_chat(), 1);
    assert!(!app.upstream().requests_for("sim/gated?words=3")[0].client_closed());
    Ok(())
}

async fn many_readers_receive_the_same_frames(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut readers = vec![chat.send("Hello").await?];
    for _ in 0..10 {
        app.upstream().release("gate", 1);
        readers.push(chat.resume(None).await?.expect("a running turn"));
    }
    app.upstream().open("gate");
    let mut expected = None;
    for reader in readers {
        let folded = reader.read_to_end().await?.merged_lines();
        assert_eq!(&folded, expected.get_or_insert_with(|| folded.clone()));
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}
