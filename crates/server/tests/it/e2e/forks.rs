//! Forks: a session that continues from an earlier message of another one.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, TestAppBuilder};
use serde_json::{Value, json};

use crate::e2e::tools;

causerie_testkit::on_both_databases! {
    a_fork_continues_after_its_last_message,
    a_running_turn_is_not_part_of_a_fork,
    forks_and_ancestors_are_listed_page_by_page,
    a_fork_outlives_its_parent,
    an_invalid_fork_is_refused,
    a_long_session_is_forked_completely,
}

async fn fork(chat: &Chat, by: &causerie_testkit::app::Client, from_seq: i64) -> Result<(Chat, Value)> {
    let session = by.post(&chat.path("/forks"), &json!({ "from_seq": from_seq })).await?.json(201)?;
    let id = session["id"].as_str().context("a session has an id")?.to_owned();
    let mut copy = chat.clone();
    copy.id = id;
    Ok((copy, session))
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect()
}

async fn a_fork_continues_after_its_last_message(builder: TestAppBuilder) -> Result<()> {
    let app = builder.definition(tools::GREETING).start().await?;
    let chat = app.ada.chat("greeting").await?;
    for content in ["one", "two"] {
        chat.send_and_read(content).await?;
    }
    let before = chat.messages().await?;
    let (copy, session) = fork(&chat, &app.ada, 3).await?;
    let parent = chat.detail().await?;
    for member in ["tool", "tool_id", "tool_version", "user_id", "group_id", "title"] {
        assert_eq!(session[member], parent[member], "{member}");
    }
    assert_eq!((&session["state"], &session["fork_from_seq"]), (&json!("active"), &json!(3)));
    assert_eq!(session["parent_session_id"], chat.id.as_str());
    assert_eq!(copy.history().await?, chat.history().await?[..3]);
    for message in copy.messages().await? {
        assert_eq!((&message["turn_id"], &message["usage"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(copy.detail().await?["totals"]["cost"], "0");

    copy.send_and_read("three").await?;
    let requests = app.upstream().requests();
    let sent: Vec<_> = requests.last().context("a request")?.messages();
    let texts: Vec<_> = sent.iter().map(|(_, text)| text.as_str()).collect();
    assert!(texts[0].ends_with("\n\nHow can I help?"), "{texts:?}");
    assert_eq!((texts[1], texts[3]), ("one", "three"));
    assert_eq!(chat.messages().await?, before, "the parent is unchanged");
    app.stop().await
}

async fn a_running_turn_is_not_part_of_a_fork(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut stream = chat.send("one").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    let (empty, _) = fork(&chat, &app.ada, 2).await?;
    assert_eq!(empty.history().await?, <[String; 0]>::default());
    app.upstream().open("gate");
    assert_eq!(stream.read_to_end().await?.text, "the café");
    let (whole, _) = fork(&chat, &app.ada, 2).await?;
    assert_eq!(whole.history().await?, chat.history().await?);
    assert_eq!(empty.history().await?, <[String; 0]>::default(), "the copy is unchanged");
    empty.send_and_read("one").await?;
    app.stop().await
}

async fn forks_and_ancestors_are_listed_page_by_page(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let root = app.ada.chat("words").await?;
    root.send_and_read("one").await?;
    let (child, _) = fork(&root, &app.ada, 2).await?;
    let (other, _) = fork(&root, &app.ada, 2).await?;
    let (grandchild, _) = fork(&child, &app.ada, 2).await?;
    let first = app.ada.get(&root.path("/forks?limit=1")).await?.json(200)?;
    let cursor = first["next_cursor"].as_str().context("there is another")?;
    let second = app.ada.get(&root.path(&format!("/forks?cursor={cursor}"))).await?.json(200)?;
    assert_eq!([ids(&first), ids(&second)].concat(), [&other.id, &child.id]);
    assert_eq!(second["next_cursor"], Value::Null);

    let first = app.ada.get(&grandchild.path("/lineage?limit=1")).await?.json(200)?;
    assert_eq!(ids(&first), [&child.id]);
    let cursor = first["next_cursor"].as_str().context("there is another")?;
    let second = app.ada.get(&grandchild.path(&format!("/lineage?cursor={cursor}"))).await?.json(200)?;
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![root.id.as_str()], &Value::Null));
    assert_eq!(ids(&app.ada.get(&root.path("/lineage")).await?.json(200)?), <[&str; 0]>::default());
    // A cursor is valid for the list that returned it.
    app.ada.get(&root.path(&format!("/forks?cursor={cursor}"))).await?.problem(400, "invalid_parameter")?;
    app.stop().await
}

async fn a_fork_outlives_its_parent(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let root = app.ada.chat("words").await?;
    root.send_and_read("one").await?;
    let (child, _) = fork(&root, &app.ada, 2).await?;
    let history = root.history().await?;
    assert_eq!(app.ada.delete(&root.path("")).await?.status, 204);
    let detail = child.detail().await?;
    assert_eq!((&detail["parent_session_id"], &detail["fork_from_seq"]), (&Value::Null, &json!(2)));
    assert_eq!(child.history().await?, history);
    assert_eq!(ids(&app.ada.get(&child.path("/lineage")).await?.json(200)?), <[&str; 0]>::default());
    child.send_and_read("two").await?;
    let (grandchild, _) = fork(&child, &app.ada, 4).await?;
    assert_eq!(grandchild.messages().await?.len(), 4);
    app.stop().await
}

async fn an_invalid_fork_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let chat = app.ada.chat("words").await?;
    let post = async |body: Value| app.ada.post(&chat.path("/forks"), &body).await;
    post(json!({ "from_seq": 1 })).await?.problem(422, "no_such_message")?;
    chat.send_and_read("one").await?;
    for from_seq in [-1, 0, 3, i64::MAX] {
        let problem = post(json!({ "from_seq": from_seq })).await?.problem(422, "no_such_message")?;
        assert_eq!(
            (&problem["messages"], &problem["errors"][0]["pointer"]),
            (&json!(2), &json!("/from_seq"))
        );
    }
    for (body, pointer) in [
        (json!({}), "/from_seq"),
        (json!({ "from_seq": "1" }), "/from_seq"),
        (json!({ "from_seq": 1.5 }), "/from_seq"),
        (json!({ "from_seq": 1, "user_id": "x" }), "/user_id"),
        (json!({ "from_seq": 1, "title": "x".repeat(201) }), "/title"),
    ] {
        let problem = post(body).await?.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(ids(&app.ada.get("/sessions").await?.json(200)?), [&chat.id], "nothing was stored");
    app.stop().await
}

async fn a_long_session_is_forked_completely(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=1").start().await?;
    let mut chat = app.ada.chat("words").await?;
    for content in ["one", "two", "three"] {
        chat.send_and_read(content).await?;
    }
    for _ in 0..3 {
        let (copy, _) = fork(&chat, &app.ada, 6).await?;
        assert_eq!(copy.history().await?, chat.history().await?);
        chat = copy;
    }
    let (first, second, third) =
        tokio::try_join!(fork(&chat, &app.ada, 6), fork(&chat, &app.ada, 6), fork(&chat, &app.ada, 4))?;
    assert_eq!((first.0.messages().await?.len(), third.0.messages().await?.len()), (6, 4));
    assert_ne!(first.0.id, second.0.id);
    app.stop().await
}
