//! Attachments: modalities of the model, lists and deletion.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, Client, Reply, TestAppBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    an_attachment_by_url_is_part_of_the_message,
    attachments_are_listed_and_deleted,
    private_addresses_are_refused,
    an_attachment_that_exceeds_the_context_is_refused,
    a_model_without_image_input_is_named,
    a_fallback_without_image_input_is_omitted_for_images,
}

fn picture(name: &str) -> Value {
    json!({
        "filename": name, "mime_type": "Image/PNG", "size": 1000,
        "storage_provider": "url", "storage_key": format!("https://example.org/{name}"),
    })
}

async fn send(chat: &Chat, by: &Client, attachments: Value) -> Result<Reply> {
    let body = json!({ "content": "Look", "attachments": attachments });
    let request = by.request(reqwest::Method::POST, &chat.path("/messages")).json(&body);
    Reply::fetch(request.header("accept", "application/json")).await
}

async fn an_attachment_by_url_is_part_of_the_message(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    let page = json!({
        "filename": "page.pdf", "mime_type": "application/pdf", "size": 320,
        "storage_provider": "url", "storage_key": "https://example.org/page.pdf",
    });
    let kept = json!({
        "filename": "notes.txt", "mime_type": "text/plain", "size": 3,
        "storage_provider": "local", "storage_key": "2026/notes.txt",
    });
    let answer = send(&chat, &app.ada, json!([picture("cat.png"), page, kept])).await?.json(200)?;
    let expected = json!([
        { "type": "text", "text": "Look" },
        { "type": "image_url", "image_url": { "url": "https://example.org/cat.png" } },
        { "type": "file", "file": { "filename": "page.pdf", "file_data": "https://example.org/page.pdf" } },
    ]);
    let sent = |number: usize| {
        let requests = app.upstream().requests();
        let mut chats = requests.iter().filter(|request| request.is_chat());
        chats.nth(number).map(|request| request.body["messages"].clone()).unwrap_or_default()
    };
    assert_eq!(sent(0)[1]["content"], expected);
    // An image counts as 1000 tokens, a file as one token per 32 bytes.
    let estimated = answer["turn"]["context"]["estimated_tokens"].as_u64().context("an estimate")?;
    assert!((1010..1050).contains(&estimated), "{estimated}");

    chat.send_and_read("And now?").await?;
    assert_eq!(sent(1)[1]["content"], expected, "the attachment is part of the history");
    let id = answer["user_message"]["attachments"][0]["id"].as_str().context("an id")?;
    assert_eq!(app.ada.delete(&format!("/attachments/{id}")).await?.status, 204);
    chat.send_and_read("Still there?").await?;
    assert_eq!(sent(2)[1]["content"].as_array().map(Vec::len), Some(2), "a deleted attachment is not sent");
    app.stop().await
}

async fn attachments_are_listed_and_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    send(&chat, &app.ada, json!([picture("a.png"), picture("b.png")])).await?.json(200)?;
    send(&chat, &app.ada, json!([picture("c.png")])).await?.json(200)?;
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.ada.get(&chat.path(&format!("/attachments?limit=2{cursor}"))).await?.json(200)?;
        listed.extend(page["data"].as_array().context("rows")?.clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let names: Vec<_> = listed.iter().filter_map(|file| file["filename"].as_str()).collect();
    assert_eq!(names, ["a.png", "b.png", "c.png"]);
    assert_eq!(listed[0], chat.messages().await?[0]["attachments"][0]);

    let path = format!("/attachments/{}", listed[0]["id"].as_str().context("an id")?);
    app.bob.delete(&path).await?.problem(404, "not_found")?;
    app.anonymous().delete(&path).await?.problem(401, "unauthenticated")?;
    app.ada.delete("/attachments/not-an-id").await?.problem(404, "not_found")?;
    assert_eq!(app.ada.delete(&path).await?.status, 204);
    app.ada.delete(&path).await?.problem(404, "not_found")?;
    let rest = app.ada.get(&chat.path("/attachments")).await?.json(200)?;
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(chat.messages().await?[0]["attachments"].as_array().map(Vec::len), Some(1));
    app.stop().await
}

async fn private_addresses_are_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    for address in [
        "http://example.org/cat.png",
        "https://localhost./cat.png",
        "https://0x7f000001/cat.png",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://user@example.org/cat.png",
    ] {
        let file = json!({ "storage_key": address });
        let mut given = picture("cat.png");
        given["storage_key"] = file["storage_key"].clone();
        let problem = send(&chat, &app.ada, json!([given])).await?.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], "/attachments/0/storage_key", "{problem}");
    }
    assert_eq!(chat.messages().await?.len(), 0, "nothing was stored");
    assert_eq!(app.upstream().count_chat(), 0, "nothing was sent");
    app.stop().await
}

async fn an_attachment_that_exceeds_the_context_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    let mut film = picture("film.mp4");
    film["mime_type"] = "video/mp4".into();
    film["size"] = json!(1_i64 << 40);
    send(&chat, &app.ada, json!([film])).await?.problem(422, "context_length_exceeded")?;
    assert_eq!(chat.messages().await?.len(), 0, "nothing was stored");
    app.stop().await
}

async fn a_model_without_image_input_is_named(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("reader", "deepseek/deepseek-v4-flash").start().await?;
    let chat = app.ada.chat("reader").await?;
    let problem = send(&chat, &app.ada, json!([picture("cat.png")])).await?;
    let problem = problem.problem(422, "modality_not_supported")?;
    assert_eq!(
        (&problem["modality"], &problem["model"]),
        (&json!("image"), &json!("deepseek/deepseek-v4-flash"))
    );
    assert_eq!(chat.messages().await?.len(), 0, "nothing was stored");
    assert_eq!(app.upstream().count_chat(), 0, "nothing was sent");
    app.stop().await
}

async fn a_fallback_without_image_input_is_omitted_for_images(builder: TestAppBuilder) -> Result<()> {
    let definition = "name: seer\nversion: 1.0.0\ntype: chat\ntitle: Seer\nbehavior: Be kind.\nmodel: sim/echo\n\
                      fallback_models: [deepseek/deepseek-v4-flash, sim/text, unlisted/model]\n";
    let app = builder.definition(definition).start().await?;
    let chat = app.ada.chat("seer").await?;
    let fallbacks = || {
        let request = app.upstream().requests().pop();
        request.map(|request| request.body["models"].clone()).unwrap_or_default()
    };
    let (all, seeing) = (
        json!(["deepseek/deepseek-v4-flash", "sim/text", "unlisted/model"]),
        json!(["sim/text", "unlisted/model"]),
    );
    chat.send_and_read("Words alone").await?;
    assert_eq!(fallbacks(), all);
    let answer = send(&chat, &app.ada, json!([picture("cat.png")])).await?.json(200)?;
    assert_eq!(fallbacks(), seeing, "an unlisted model is assumed to accept all modalities");
    chat.send_and_read("And now?").await?;
    assert_eq!(fallbacks(), seeing, "the image is in the history");
    let id = answer["user_message"]["attachments"][0]["id"].as_str().context("an id")?;
    assert_eq!(app.ada.delete(&format!("/attachments/{id}")).await?.status, 204);
    chat.send_and_read("Without it").await?;
    assert_eq!(fallbacks(), all);
    app.stop().await
}
