//! Deletions of objects that are in use all the time: each comes to pass, and no request is answered with a 5xx.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, Client, TestApp, TestAppBuilder};
use causerie_testkit::database::RawConnection;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::e2e::access_matrix::{column, create_user};

causerie_testkit::on_both_databases! {
    a_user_who_keeps_sending_is_deleted,
    a_user_whose_turn_does_not_end_stays_disabled,
    a_disabled_user_sends_nothing_from_any_instance,
    a_session_that_is_in_use_is_deleted,
    a_group_that_is_in_use_is_deleted,
    a_key_that_is_in_use_is_revoked,
    a_tool_that_is_in_use_is_disabled,
}

/// Longest duration of a deletion and of the requests that it ends.
const SOON: Duration = Duration::from_secs(60);

/// Pause of a client between two requests.
const PACE: Duration = Duration::from_millis(10);

/// Requests that are repeated until one is refused for good.
type Loops = JoinSet<Result<u16>>;

/// Sends messages until one is refused with another status than 200, 409 or 429. Returns this status.
async fn send_until_refused(chat: Chat) -> Result<u16> {
    loop {
        let reply = chat.send_for_json("Hello").await?;
        ensure!(reply.status < 500, "{} {}", reply.status, reply.body);
        if ![200, 409, 429].contains(&reply.status) {
            return Ok(reply.status);
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Creates sessions until one is refused. Returns its status.
async fn create_until_refused(client: Client, tool: &'static str) -> Result<u16> {
    loop {
        let reply = client.post("/sessions", &json!({ "tool": tool })).await?;
        ensure!(reply.status < 500, "{} {}", reply.status, reply.body);
        if ![201, 429].contains(&reply.status) {
            return Ok(reply.status);
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Starts senders in new sessions and waits until each turn has begun.
async fn senders(client: &Client, tool: &str, count: usize) -> Result<(Loops, Vec<Chat>)> {
    let chats = try_join_all((0..count).map(|_| client.chat(tool))).await?;
    let mut loops = JoinSet::new();
    for chat in &chats {
        loops.spawn(send_until_refused(chat.clone()));
    }
    for chat in &chats {
        while chat.messages().await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok((loops, chats))
}

/// Waits for the ends of loops and returns their statuses.
async fn statuses(loops: Loops) -> Result<Vec<u16>> {
    let ended = tokio::time::timeout(SOON, loops.join_all()).await.context("requests are still accepted")?;
    ended.into_iter().collect()
}

async fn a_user_who_keeps_sending_is_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("slow", "sim/slow?words=400").tool("quick", "sim/text?words=2").start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let (mut loops, _) = senders(&carol, "slow", 2).await?;
    let (quick, _) = senders(&carol, "quick", 2).await?;
    loops.spawn(create_until_refused(carol.clone(), "quick"));
    // On SQLite there is one server only.
    let instance = app.start_instance().await.ok();
    if let Some(instance) = &instance {
        let elsewhere = instance.ada.with_key(carol.key());
        let (others, _) = senders(&elsewhere, "slow", 2).await?;
        loops.spawn(async move { Ok(statuses(others).await?.into_iter().max().unwrap_or_default()) });
        loops.spawn(create_until_refused(elsewhere, "quick"));
    }
    let deleted = tokio::time::timeout(SOON, app.root.delete(&format!("/users/{id}"))).await??;
    assert_eq!(deleted.status, 204, "{}", deleted.body);
    let refused = [statuses(loops).await?, statuses(quick).await?].concat();
    assert!(refused.iter().all(|status| [401, 404].contains(status)), "{refused:?}");
    let events = app.root.get(&format!("/audit/events?subject_id={id}")).await?.json(200)?;
    let actions = column(&events, "action");
    assert_eq!(actions[..2], [json!("user.delete"), json!("user.update")]);
    if let Some(instance) = instance {
        instance.stop().await;
    }
    app.stop().await
}

async fn a_user_whose_turn_does_not_end_stays_disabled(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("slow", "sim/slow?words=400")
        .settings(|settings| settings.runtime.lease = Duration::from_secs(60))
        .start()
        .await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let chat = carol.chat("slow").await?;
    let mut stream = chat.send("Hello").await?;
    stream.read_to("text-delta").await?;
    let turn = chat.detail().await?["active_turn_id"].clone();
    // The turn of an instance that hangs: it is not flushed, and its lease has not expired.
    RawConnection::open(app.database()).await?.run("UPDATE turns SET owner = session_id").await?;
    let path = format!("/users/{id}");
    let pending = app.root.delete(&path).await?.problem(409, "turn_in_progress")?;
    assert_eq!(pending["turn_id"], turn);
    assert_eq!(app.root.get(&path).await?.json(200)?["status"], "disabled");
    carol.get("/me").await?.problem(401, "unauthenticated")?;
    app.stop().await
}

async fn a_disabled_user_sends_nothing_from_any_instance(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let Ok(instance) = app.start_instance().await else { return app.stop().await };
    let (id, carol) = create_user(&app, "carol").await?;
    let elsewhere = instance.ada.with_key(carol.key());
    let chat = elsewhere.chat("echo").await?;
    chat.send_for_json("Hello").await?.json(200)?;
    let disabled = json!({ "status": "disabled" });
    app.root.patch(&format!("/users/{id}"), &disabled).await?.json(200)?;
    // The other instance may have the key in its cache.
    chat.send_for_json("Hello").await?.problem(401, "unauthenticated")?;
    assert_eq!(app.upstream().count_chat(), 1);
    instance.stop().await;
    app.stop().await
}

async fn a_session_that_is_in_use_is_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("slow", "sim/slow?words=400").start().await?;
    let (mut loops, chats) = senders(&app.ada, "slow", 2).await?;
    for chat in &chats {
        loops.spawn(send_until_refused(chat.clone()));
        assert_eq!(app.ada.delete(&chat.path("")).await?.status, 204);
    }
    assert_eq!(statuses(loops).await?, [404; 4]);
    // No turn has begun after the deletion: the upstream is idle.
    app.stop().await
}

/// Creates a group with a member and a key of the member that is bound to the group.
async fn group_key(app: &TestApp) -> Result<(String, Client)> {
    let (user, member) = create_user(app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = group["id"].as_str().context("an id")?.to_owned();
    app.root.post(&format!("/groups/{group}/members"), &json!({ "user_id": user })).await?.json(201)?;
    let key = member.post("/api-keys", &json!({ "name": "lab", "group_id": group })).await?.json(201)?;
    Ok((group, member.with_key(key["key"].as_str().context("a key")?)))
}

async fn a_group_that_is_in_use_is_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("quick", "sim/text?words=2").start().await?;
    let (group, key) = group_key(&app).await?;
    let (mut loops, _) = senders(&key, "quick", 3).await?;
    loops.spawn(create_until_refused(key.clone(), "quick"));
    assert_eq!(app.root.delete(&format!("/groups/{group}")).await?.status, 204);
    let refused = statuses(loops).await?;
    assert!(refused.iter().all(|status| [401, 403, 404].contains(status)), "{refused:?}");
    app.stop().await
}

async fn a_key_that_is_in_use_is_revoked(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("quick", "sim/text?words=2").start().await?;
    let key = app.ada.post("/api-keys", &json!({ "name": "laptop" })).await?.json(201)?;
    let client = app.ada.with_key(key["key"].as_str().context("a key")?);
    let (mut loops, _) = senders(&client, "quick", 3).await?;
    loops.spawn(create_until_refused(client, "quick"));
    let path = format!("/api-keys/{}", key["id"].as_str().context("an id")?);
    assert_eq!(app.ada.delete(&path).await?.status, 204);
    assert_eq!(statuses(loops).await?, [401; 4]);
    app.stop().await
}

async fn a_tool_that_is_in_use_is_disabled(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("quick", "sim/text?words=2").start().await?;
    let (loops, chats) = senders(&app.ada, "quick", 3).await?;
    assert_eq!(app.root.delete("/tools/quick").await?.status, 204);
    assert_eq!(statuses(loops).await?, [403; 3]);
    let refused = chats[0].send_for_json("Hello").await?.problem(403, "forbidden")?;
    assert_eq!(refused["reason"], "disabled");
    // A fork is a new session. For a user who may not read the tool, it does not exist.
    let fork = app.ada.post(&chats[0].path("/forks"), &json!({ "from_seq": 2 })).await?;
    assert_eq!(fork.problem(403, "forbidden")?["reason"], "disabled");
    let tool = &chats[0].detail().await?["tool_id"];
    for name in [&json!("quick"), tool] {
        let new = json!({ "tool": name });
        let absent = app.ada.post("/sessions", &new).await?.problem(404, "not_found")?;
        assert_eq!(absent["errors"][0]["pointer"], "/tool");
        let refused = app.root.post("/sessions", &new).await?.problem(403, "forbidden")?;
        assert_eq!(refused["reason"], "disabled");
    }
    assert_eq!(app.ada.get("/tools").await?.json(200)?["data"], Value::Array(Vec::new()));
    app.stop().await
}
