//! Upstream requests: the behavior of the tool, the history within the context length, and the new message.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{TestApp, TestAppBuilder};
use serde_json::json;

use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    the_whole_conversation_is_sent,
    a_tool_definition_determines_the_request,
    dropped_messages_are_the_oldest_and_are_reported,
    a_message_that_exceeds_the_context_is_refused,
    a_rejected_context_is_retried_with_fewer_messages,
    a_second_rejected_context_fails_the_turn,
    an_unknown_context_length_is_assumed_and_reported,
    content_is_sent_and_stored_unchanged,
    an_interrupted_answer_is_part_of_the_history,
    an_answer_without_text_is_not_part_of_the_history,
}

/// Returns the messages of an upstream request, one line each: `system Be kind.`
fn sent(app: &TestApp, request: usize) -> Vec<String> {
    let requests = app.upstream().requests();
    let chats: Vec<_> = requests.iter().filter(|request| request.is_chat()).collect();
    chats[request].messages().into_iter().map(|(role, text)| format!("{role} {text}")).collect()
}

async fn the_whole_conversation_is_sent(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=2").start().await?;
    let chat = app.ada.chat("words").await?;
    for content in ["one", "two", "three"] {
        chat.send_and_read(content).await?;
    }
    assert_eq!(sent(&app, 0), ["system Be kind.", "user one"]);
    assert_eq!(sent(&app, 1), ["system Be kind.", "user one", "assistant the café", "user two"]);
    assert_eq!(
        sent(&app, 2),
        ["system Be kind.", "user one", "assistant the café", "user two", "assistant the café", "user three"]
    );
    assert_eq!(
        chat.history().await?,
        [
            r#"1 user completed "one""#,
            r#"2 assistant completed "the café""#,
            r#"3 user completed "two""#,
            r#"4 assistant completed "the café""#,
            r#"5 user completed "three""#,
            r#"6 assistant completed "the café""#,
        ]
    );
    app.stop().await
}

async fn a_tool_definition_determines_the_request(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::ALL_SETTINGS).definition(tools::GREETING).start().await?;
    app.ada.chat("explicit").await?.send_and_read("Hello").await?;
    let request = app.upstream().requests().pop().expect("a request");
    let expected = [
        ("model", json!("sim/no-endpoints")),
        ("models", json!(["sim/echo"])),
        ("temperature", json!(0.3)),
        ("top_p", json!(1)),
        ("max_tokens", json!(64)),
        ("seed", json!(7)),
        ("stop", json!(["END"])),
        ("stream", json!(true)),
    ];
    for (member, value) in expected {
        assert_eq!(request.body[member], value, "{member} in {}", request.body);
    }
    assert_eq!(request.body["reasoning"]["effort"], "low");
    assert_eq!(request.messages()[0], ("system".to_owned(), "  Be kind.\n".to_owned()));
    assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer"));
    let user = request.body["user"].as_str().expect("a pseudonym");
    let ada = app.ada.get("/me").await?.json(200)?;
    assert!(!user.contains(ada["user"]["id"].as_str().unwrap()) && !user.contains("ada"), "{user}");

    app.ada.chat("greeting").await?.send_and_read("Hello").await?;
    let plain = app.upstream().requests().pop().expect("a request");
    assert_eq!(plain.body["max_tokens"], 4096, "the user is always sent");
    assert_eq!(plain.body["user"], user, "the pseudonym is stable");
    assert_eq!(plain.body.get("temperature"), None, "an omitted setting is not sent");
    app.stop().await
}

async fn dropped_messages_are_the_oldest_and_are_reported(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::LIMITED_HISTORY).start().await?;
    let chat = app.ada.chat("forgetful").await?;
    assert!(chat.send_and_read("one").await?.frame_data("data-context").is_err(), "no message was dropped");
    assert!(chat.send_and_read("two").await?.frame_data("data-context").is_err(), "no message was dropped");
    let third = chat.send_and_read("three").await?;
    assert_eq!(third.lines[1], "data-context sent=3 dropped=2 @0");
    let contents = sent(&app, 2);
    assert_eq!(contents[..2], ["system Be kind.", "user two"], "whole turns are dropped");
    assert_eq!(contents[3], "user three");
    let turn = app.ada.get(&format!("/turns/{}", third.turn_id)).await?.json(200)?;
    assert_eq!(
        (&turn["context"]["messages_sent"], &turn["context"]["messages_dropped"]),
        (&json!(3), &json!(2))
    );
    app.stop().await
}

async fn a_message_that_exceeds_the_context_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("small", "sim/small-context").start().await?;
    let chat = app.ada.chat("small").await?;
    let before = chat.detail().await?;
    for refused in [chat.send_for_json(&"word ".repeat(2000)).await?, {
        let request = chat.message_request(&"word ".repeat(2000));
        causerie_testkit::app::Reply::fetch(request).await?
    }] {
        let problem = refused.problem(422, "context_length_exceeded")?;
        let (limit, needed) = (problem["limit"].as_u64(), problem["needed"].as_u64());
        assert!(limit.is_some_and(|limit| (1..1000).contains(&limit)), "{problem}");
        assert!(needed > limit, "{problem}");
    }
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 0);
    chat.send_and_read("word").await?;
    app.stop().await
}

async fn a_rejected_context_is_retried_with_fewer_messages(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("less", "sim/context-length?limit=30&chars=80").start().await?;
    let chat = app.ada.chat("less").await?;
    for content in ["one", "two"] {
        chat.send_and_read(content).await?;
    }
    let third = chat.send_and_read("three").await?;
    assert_eq!(third.lines.last().map(String::as_str), Some("[DONE] @end"));
    let received = third.frame_data("data-context")?["data"].clone();
    assert_eq!(chat.last_message().await?["status"], "completed");
    let turn = app.ada.get(&format!("/turns/{}", third.turn_id)).await?.json(200)?;
    assert!(turn["context"]["messages_dropped"].as_u64() > Some(0), "{turn}");
    for member in ["messages_sent", "messages_dropped", "estimated_tokens"] {
        assert_eq!(received[member], turn["context"][member], "{member}");
    }
    assert_eq!(sent(&app, 3).last().map(String::as_str), Some("user three"));
    assert_eq!(app.upstream().count_chat(), 4, "the third message took two requests");
    app.stop().await
}

async fn a_second_rejected_context_fails_the_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("less", "sim/context-length?limit=3").start().await?;
    let chat = app.ada.chat("less").await?;
    for (content, requests) in [("first question", 1), ("second question", 2), ("third question", 2)] {
        let before = app.upstream().count_chat();
        let problem = chat.send_for_json(content).await?.problem(422, "context_length_exceeded")?;
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with("takes 3")), "{problem}");
        assert_eq!(app.upstream().count_chat() - before, requests, "there is no history to drop");
        let last = sent(&app, app.upstream().count_chat() - 1);
        assert_eq!(last, ["system Be kind.".to_owned(), format!("user {content}")]);
    }
    app.stop().await
}

async fn an_unknown_context_length_is_assumed_and_reported(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("listed", "sim/echo").tool("unlisted", "sim/text?words=1").start().await?;
    for (tool, assumed) in [("listed", json!(null)), ("unlisted", json!(true))] {
        let transcript = app.ada.chat(tool).await?.send_and_read("Hello").await?;
        let turn = app.ada.get(&format!("/turns/{}", transcript.turn_id)).await?.json(200)?;
        assert_eq!(turn["context"]["context_length_assumed"], assumed, "{tool}");
    }
    // Half of the 8192 tokens is reserved for the answer.
    let long = "word ".repeat(4000);
    app.ada.chat("listed").await?.send_for_json(&long).await?.json(200)?;
    let refused = app.ada.chat("unlisted").await?.send_for_json(&long).await?;
    assert_eq!(refused.problem(422, "context_length_exceeded")?["limit"], 4096);
    app.stop().await
}

async fn content_is_sent_and_stored_unchanged(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let contents = [
        "  two blanks\n\n\tand a tab \r\n",
        "👩🏽‍🚀 e\u{301} \u{200f}\u{feff} \u{1}",
        "<script>alert('\"')</script> -- \\u0041 %00 {{content}} ${x}",
        "'; drop table messages; --",
    ];
    for (number, content) in contents.iter().enumerate() {
        let chat = app.ada.chat("words").await?;
        chat.send_and_read(content).await?;
        assert_eq!(chat.messages().await?[0]["content"], *content);
        assert_eq!(sent(&app, number)[1], format!("user {content}"));
    }
    app.stop().await
}

async fn an_interrupted_answer_is_part_of_the_history(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("cut", "sim/cut-mid-stream?after=2&times=1").start().await?;
    let chat = app.ada.chat("cut").await?;
    chat.send_and_read("one").await?;
    chat.send_and_read("two").await?;
    assert_eq!(chat.history().await?[1], r#"2 assistant failed "the café ""#);
    assert_eq!(sent(&app, 1), ["system Be kind.", "user one", "assistant the café ", "user two"]);
    app.stop().await
}

async fn an_answer_without_text_is_not_part_of_the_history(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("refused", "sim/payment?times=1").start().await?;
    let chat = app.ada.chat("refused").await?;
    chat.send_and_read("one").await?;
    chat.send_and_read("two").await?;
    assert_eq!(chat.history().await?[1], r#"2 assistant failed """#);
    assert_eq!(sent(&app, 1), ["system Be kind.", "user one\n\ntwo"]);
    app.stop().await
}
