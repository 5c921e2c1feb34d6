//! Generated images: frames of the stream, parts of the stored answer, and their limit.

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::TestAppBuilder;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    images_are_streamed_stored_and_replayed,
    an_image_is_not_sent_upstream_again_and_is_copied_by_a_fork,
    images_beyond_their_limit_end_the_answer_as_a_length,
    large_images_of_one_user_interrupt_no_answer_of_another,
}

/// Returns the parts of a message, without the data of its images.
fn kinds(message: &Value) -> Vec<String> {
    let parts = message["parts"].as_array().into_iter().flatten();
    let kinds = parts.map(|part| match part["type"].as_str() {
        Some("file") => {
            let url = part["url"].as_str().unwrap_or_default();
            format!("{} {}", part["media_type"].as_str().unwrap_or_default(), &url[..url.len().min(22)])
        }
        _ => part["text"].as_str().unwrap_or_default().to_owned(),
    });
    kinds.collect()
}

const IMAGE: &str = "image/png data:image/png;base64,";

async fn images_are_streamed_stored_and_replayed(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("artist", "sim/image?images=2&words=2").start().await?;
    let chat = app.ada.chat("artist").await?;
    let whole = chat.send_and_read("A cat, please").await?;
    let file = whole.frame_data("file")?;
    assert_eq!(file["mediaType"], "image/png");
    let url = file["url"].as_str().context("a URL")?;
    assert!(url.starts_with("data:image/png;base64,iVBOR"), "{url}");
    let lines = whole.merged_lines();
    let at = |position: usize| format!("file image/png {url} @{position}");
    let text = "the café";
    let end = text.chars().count();
    let expected = [
        format!("text-delta {} @{end}", json!(text)),
        format!("text-end 0 @{end}"),
        at(end + 1),
        at(end + 2),
    ];
    assert_eq!(lines[2..6], expected, "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("finish stop completed")), "{lines:#?}");

    let message = chat.last_message().await?;
    assert_eq!(
        (&message["content"], kinds(&message)),
        (&json!(text), vec![text.to_owned(), IMAGE.into(), IMAGE.into()])
    );
    for position in 0..=end + 2 {
        let cursor = format!("{}:{position}", whole.turn_id);
        let rest = chat.resume(Some(&cursor)).await?.context("the end at least")?.read_to_end().await?;
        let files = rest.frames.iter().filter(|frame| frame.data["type"] == "file").count();
        assert_eq!(
            (rest.text.chars().count(), files),
            (end.saturating_sub(position), (end + 2 - position).min(2))
        );
        assert_eq!(rest.merged_lines().last(), lines.last());
    }
    let document = chat.send_for_json("Again").await?.json(200)?;
    assert_eq!(kinds(&document["message"]).len(), 3);
    app.stop().await
}

async fn an_image_is_not_sent_upstream_again_and_is_copied_by_a_fork(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("artist", "sim/image").start().await?;
    let chat = app.ada.chat("artist").await?;
    let first = chat.send_and_read("A cat, please").await?;
    assert!(first.merged_lines().iter().any(|line| line.starts_with("finish stop")), "an image is an answer");
    assert_eq!(app.upstream().count_chat(), 1, "it is not asked for again");
    chat.send_and_read("And now a dog").await?;
    let requests = app.upstream().requests();
    let texts: Vec<String> =
        requests.last().context("a request")?.messages().into_iter().map(|(_, text)| text).collect();
    assert!(!texts.iter().any(|text| text.contains("base64") || text.is_empty()), "{texts:?}");

    let fork = app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 2 })).await?.json(201)?;
    let path = format!("/sessions/{}", fork["id"].as_str().context("an id")?);
    let copy = app.ada.get(&path).await?.json(200)?;
    assert_eq!(kinds(&copy["messages"][1]), [IMAGE]);
    let page = app.ada.get(&chat.path("/messages")).await?.json(200)?;
    assert_eq!(kinds(&page["data"][1]), [IMAGE]);
    app.stop().await
}

async fn images_beyond_their_limit_end_the_answer_as_a_length(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("artist", "sim/image?images=20&bytes=40000&gate=end&gate_at=12")
        .settings(|settings| settings.upstream.max_event = 64 * 1024)
        .start()
        .await?;
    let chat = app.ada.chat("artist").await?;
    let whole = chat.send_and_read("Cats, please").await?;
    let files = whole.frames.iter().filter(|frame| frame.data["type"] == "file").count();
    assert_eq!(files, 4, "4 x 64 KiB have room for four images of 53 KB");
    let lines = whole.merged_lines();
    assert!(lines.iter().any(|line| line.starts_with("finish length completed")), "{lines:#?}");
    let message = chat.last_message().await?;
    assert_eq!((&message["status"], kinds(&message).len()), (&json!("completed"), 4));
    assert_eq!(message["usage"]["basis"], "pending", "the cost is looked up");
    assert_eq!(chat.detail().await?["active_turn_id"], Value::Null);
    app.stop().await
}

async fn large_images_of_one_user_interrupt_no_answer_of_another(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("artist", "sim/image?images=3&bytes=1500000")
        .tool("talker", "sim/slow?words=40")
        .start()
        .await?;
    let images = (0..2).map(async |_| {
        let chat = app.ada.chat("artist").await?;
        let message = chat.send_for_json("Cats, please").await?.json(200)?["message"].clone();
        ensure!((&message["status"], kinds(&message).len()) == (&json!("completed"), 3));
        Ok(())
    });
    let texts = (0..2).map(async |_| {
        let chat = app.bob.chat("talker").await?;
        let lines = chat.send_and_read("Talk, please").await?.merged_lines();
        ensure!(lines.iter().any(|line| line.starts_with("finish stop completed")), "{lines:#?}");
        Ok(())
    });
    futures_util::try_join!(try_join_all(images), try_join_all(texts))?;
    app.stop().await
}
