//! Frames of a stream, with their order and ids.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::TestAppBuilder;
use std::time::Duration;

causerie_testkit::on_both_databases! {
    frames_are_sent_as_the_upstream_sends_text,
    reasoning_precedes_the_answer,
    comments_are_sent_while_the_upstream_is_silent,
    finish_reasons_of_the_upstream_are_translated,
    nul_characters_are_replaced_before_positions_are_counted,
}

async fn frames_are_sent_as_the_upstream_sends_text(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("tool", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("tool").await?;
    let mut stream = chat.send("Hello").await?;

    let mut lines = Vec::new();
    for word in ["the ", "café ", "opens"] {
        app.upstream().wait_until_held("gate", 1).await?;
        app.upstream().release("gate", 1);
        stream.read_to("text-delta").await?;
        lines.push(word);
    }
    let transcript = stream.read_to_end().await?;
    assert_eq!(
        transcript.lines,
        [
            "start seq=2 model=sim/gated?words=3 from=0 @0",
            "text-start 0 @0",
            r#"text-delta "the " @4"#,
            r#"text-delta "café " @9"#,
            r#"text-delta "opens" @14"#,
            "text-end 0 @14",
            "data-usage sim/gated?words=3 4+4 0.000012 reported @14",
            "finish stop completed @end",
            "[DONE] @end",
        ]
    );
    assert_eq!(
        chat.history().await?,
        [r#"1 user completed "Hello""#, r#"2 assistant completed "the café opens""#]
    );

    let start = transcript.frame_data("start")?;
    let [question, answer] = chat.messages().await?.try_into().expect("a question and an answer");
    assert_eq!(start["messageId"], answer["id"]);
    assert_eq!(start["messageMetadata"]["user_message_id"], question["id"]);
    assert_eq!(start["messageMetadata"]["session_id"], chat.id.as_str());
    assert_eq!(answer["turn_id"], transcript.turn_id.as_str());
    let usage = &transcript.frame_data("data-usage")?["data"];
    assert_eq!(&transcript.frame_data("finish")?["messageMetadata"]["usage"], usage);
    assert_eq!(&answer["usage"], usage);
    app.stop().await
}

async fn reasoning_precedes_the_answer(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("tool", "sim/reasoning?thoughts=2&words=2").start().await?;
    let chat = app.ada.chat("tool").await?;
    assert_eq!(
        chat.send_and_read("Why?").await?.merged_lines(),
        [
            "start seq=2 model=sim/reasoning?thoughts=2&words=2 from=0 @0",
            "reasoning-start 0 @0",
            r#"reasoning-delta "the café" @8"#,
            "reasoning-end 0 @8",
            "text-start 1 @8",
            r#"text-delta "the café" @16"#,
            "text-end 1 @16",
            "data-usage sim/reasoning?thoughts=2&words=2 3+4 0.000011 reported @16",
            "finish stop completed @end",
            "[DONE] @end",
        ]
    );
    let answer = chat.last_message().await?;
    assert_eq!(answer["content"], "the café");
    let parts = serde_json::json!([
        {"type": "reasoning", "text": "the café"},
        {"type": "text", "text": "the café"},
    ]);
    assert_eq!(answer["parts"], parts);
    app.stop().await
}

async fn comments_are_sent_while_the_upstream_is_silent(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("tool", "sim/text?words=2&gate=head&gate_at=head")
        .settings(|settings| settings.http.streams.keep_alive = Duration::from_millis(20))
        .start()
        .await?;
    let mut stream = app.ada.chat("tool").await?.send("Hello").await?;
    assert_eq!(
        stream.next_line().await?.as_deref(),
        Some("start seq=2 model=sim/text?words=2&gate=head&gate_at=head from=0 @0")
    );
    assert_eq!(stream.next_line().await?.as_deref(), Some(": keep-alive"));
    assert_eq!(stream.next_line().await?.as_deref(), Some(": keep-alive"));
    app.upstream().open("head");
    assert_eq!(stream.read_to_end().await?.text, "the café");
    app.stop().await
}

async fn finish_reasons_of_the_upstream_are_translated(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("length", "sim/length")
        .tool("filter", "sim/content-filter")
        .tool("refusal", "sim/refusal")
        .tool("call", "sim/tool-call")
        .start()
        .await?;
    for (tool, finish, text) in [
        (
            "length",
            "finish length completed @end",
            "the café opens at noon 東京 listens naïvely while Ωmega 🦀 counts every grain of sand the café opens at",
        ),
        ("filter", "finish content-filter completed @end", "the café opens at noon"),
        ("refusal", "finish stop completed @end", "I would rather not help with this."),
    ] {
        let chat = app.ada.chat(tool).await?;
        let transcript = chat.send_and_read("Hello").await?;
        assert_eq!(transcript.lines.iter().rev().nth(1).map(String::as_str), Some(finish), "{tool}");
        assert_eq!(transcript.text, text, "{tool}");
        let answer = chat.last_message().await?;
        assert_eq!(
            (answer["status"].as_str(), answer["content"].as_str()),
            (Some("completed"), Some(text)),
            "{tool}"
        );
    }
    // No function is offered, so a call is an invalid answer.
    let chat = app.ada.chat("call").await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.last_message().await?["status"].as_str(), Some("failed"));
    app.stop().await
}

async fn nul_characters_are_replaced_before_positions_are_counted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("tool", "sim/text?chars=16&letters=nul").start().await?;
    let chat = app.ada.chat("tool").await?;
    let transcript = chat.send_and_read("Hello").await?;
    assert_eq!(transcript.text, "abc def\u{fffd}abc def\u{fffd}");
    assert_eq!(chat.last_message().await?["content"], transcript.text);
    app.stop().await
}
