//! Running turns: one at a time, stopped by cancel and by nothing else.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{EventStream, Reply, TestApp, TestAppBuilder, usage_in_words};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_second_message_waits_for_the_first,
    one_of_many_messages_at_once_is_taken,
    a_cancelled_answer_keeps_its_text_and_closes_the_upstream,
    a_cancel_before_the_first_word,
    a_cancel_while_a_retry_is_waited_for,
    a_cancel_where_nothing_runs,
    a_cancelled_answer_as_one_document,
    a_client_that_leaves_changes_nothing,
    a_client_that_leaves_before_the_first_word_changes_nothing,
    a_client_that_leaves_a_document_changes_nothing,
    many_readers_see_the_same,
}

async fn a_second_message_waits_for_the_first(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=2").start().await?;
    let (chat, other) = (app.ada.chat("gated").await?, app.ada.chat("gated").await?);
    let first = chat.send("one").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    let before = chat.detail().await?;
    for refused in [Reply::to(chat.sending("two")).await?, chat.ask("two").await?] {
        let problem = refused.problem(409, "turn_in_progress")?;
        assert_eq!(problem["turn_id"], before["active_turn_id"]);
    }
    assert_eq!(chat.detail().await?, before, "nothing was stored");
    assert_eq!(app.upstream().count_chat(), 1, "nothing was sent");
    let beside = other.send("elsewhere").await?;
    app.upstream().open("gate");
    first.rest().await?;
    beside.rest().await?;
    chat.say("two").await?;
    let history = chat.history().await?;
    assert_eq!(history.len(), 4);
    assert_eq!(history[2], r#"3 user completed "two""#);
    app.stop().await
}

async fn one_of_many_messages_at_once_is_taken(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=1").start().await?;
    let chat = app.ada.chat("gated").await?;
    let send = |content: &'static str| {
        let request = chat.sending(content).header("prefer", "respond-async");
        Reply::to(request)
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
    EventStream::to(app.ada.request(Method::GET, &path)).await?.rest().await?;
    assert_eq!(chat.messages().await?.len(), 2);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_cancelled_answer_keeps_its_text_and_closes_the_upstream(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 2);
    stream.read_to("text-delta").await?;
    while stream.transcript().text != "the café " {
        stream.read_to("text-delta").await?;
    }
    let turn = chat.cancel().await?;
    assert_eq!((&turn["status"], &turn["cancel_requested"]), (&json!("cancelled"), &json!(true)));
    let transcript = stream.rest().await?;
    assert_eq!(
        transcript.folded(),
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
    upstream_is_left_at_once(&app).await?;
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.history().await?[1], r#"2 assistant cancelled "the café ""#);
    assert_eq!(chat.latest().await?["usage"], transcript.data_of("data-usage")?["data"]);
    assert_eq!(app.ada.get(&format!("/turns/{}", transcript.turn_id)).await?.json(200)?, turn);
    assert_eq!(chat.cancel().await?, Value::Null, "it does not run any more");

    app.upstream().open("gate");
    chat.say("Go on").await?;
    let sent = app.upstream().requests_for("sim/gated")[1].messages();
    assert_eq!(sent[2], ("assistant".to_owned(), "the café ".to_owned()), "the cut answer is history");
    app.stop().await
}

/// The upstream sees the connection closed, long before any clock could have done it.
async fn upstream_is_left_at_once(app: &TestApp) -> Result<()> {
    let closed = app.upstream().wait_until(|requests| requests.iter().any(|request| request.client_closed()));
    Ok(tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .context("the connection is still there")??)
}

async fn a_cancel_before_the_first_word(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/text?gate=gate&gate_at=head").start().await?;
    let chat = app.ada.chat("gated").await?;
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    assert_eq!(chat.cancel().await?["status"], "cancelled");
    let lines = stream.rest().await?.lines;
    assert_eq!(lines.last().map(String::as_str), Some("[DONE] @end"));
    assert_eq!(lines[lines.len() - 2], "abort cancelled @end");
    upstream_is_left_at_once(&app).await?;
    assert_eq!(chat.history().await?[1], r#"2 assistant cancelled """#);

    app.upstream().open("gate");
    chat.say("Again").await?;
    let sent = app.upstream().requests_for("sim/text?gate=gate&gate_at=head")[1].messages();
    let roles: Vec<_> = sent.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "user"], "an answer without text is not sent, its question is");
    app.stop().await
}

async fn a_cancel_while_a_retry_is_waited_for(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("limited", "sim/rate-limited?retry_after=4").start().await?;
    let chat = app.ada.chat("limited").await?;
    let stream = chat.send("Hello").await?;
    app.upstream()
        .wait_until(|requests| requests.iter().any(|request| request.is_chat() && !request.is_running()))
        .await?;
    assert_eq!(chat.cancel().await?["status"], "cancelled");
    assert_eq!(
        stream.rest().await?.lines.iter().rev().nth(1).map(String::as_str),
        Some("abort cancelled @end")
    );
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_cancel_where_nothing_runs(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    assert_eq!(chat.cancel().await?, Value::Null);
    chat.say("Hello").await?;
    assert_eq!(chat.cancel().await?, Value::Null);
    assert_eq!(chat.latest().await?["status"], "completed");
    app.stop().await
}

async fn a_cancelled_answer_as_one_document(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let cancel = async {
        app.upstream().wait_until_held("gate", 1).await?;
        app.upstream().release("gate", 1);
        let mut reader = chat.resume(None).await?.expect("a running turn");
        reader.read_to("text-delta").await?;
        chat.cancel().await
    };
    let (answer, _) = tokio::try_join!(chat.ask("Hello"), cancel)?;
    let answer = answer.json(200)?;
    assert_eq!(
        (&answer["turn"]["status"], &answer["message"]["status"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    assert_eq!(answer["message"]["content"], "the ");
    app.stop().await
}

async fn a_client_that_leaves_changes_nothing(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let cursor = stream.last()?.id.clone();
    drop(stream);
    app.upstream().open("gate");
    let rest = chat.resume(Some(&cursor)).await?.expect("the rest of the answer").rest().await?;
    assert_eq!(rest.text, "café opens");
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

async fn a_client_that_leaves_before_the_first_word_changes_nothing(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    drop(chat.send("Hello").await?);
    app.upstream().wait_until_held("gate", 1).await?;
    app.upstream().open("gate");
    app.upstream().wait_until_idle().await?;
    // The turn runs a moment longer than its request: until its end is stored.
    if let Some(stream) = chat.resume(None).await? {
        stream.rest().await?;
    }
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

async fn a_client_that_leaves_a_document_changes_nothing(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    tokio::select! {
        answer = chat.ask("Hello") => panic!("the gate is closed: {answer:?}"),
        held = app.upstream().wait_until_held("gate", 1) => held?,
    }
    let reader = chat.resume(None).await?.expect("a running turn");
    app.upstream().open("gate");
    assert_eq!(reader.rest().await?.text, "the café opens");
    check_paid_once(&app, &chat).await?;
    app.stop().await
}

/// The one answer is there, whole, from one request, with the cost of that one.
async fn check_paid_once(app: &TestApp, chat: &causerie_testkit::app::Chat) -> Result<()> {
    assert_eq!(chat.history().await?[1], r#"2 assistant completed "the café opens""#);
    let usage = &chat.latest().await?["usage"];
    assert_eq!(usage_in_words(usage), "sim/gated?words=3 4+4 0.000012 reported");
    assert_eq!(chat.detail().await?["totals"]["cost"], "0.000012");
    assert_eq!(app.upstream().count_chat(), 1);
    assert!(!app.upstream().requests_for("sim/gated?words=3")[0].client_closed());
    Ok(())
}

async fn many_readers_see_the_same(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut readers = vec![chat.send("Hello").await?];
    for _ in 0..10 {
        app.upstream().release("gate", 1);
        readers.push(chat.resume(None).await?.expect("a running turn"));
    }
    app.upstream().open("gate");
    let mut expected = None;
    for reader in readers {
        let folded = reader.rest().await?.folded();
        assert_eq!(&folded, expected.get_or_insert_with(|| folded.clone()));
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}
