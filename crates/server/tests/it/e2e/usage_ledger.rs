//! The usage ledger with many rows, and with a database that refuses its writes.

use std::collections::BTreeSet;
use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, is_sqlite};
use reqwest::Method;
use serde_json::json;

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    an_export_of_thousands_has_every_row_once,
    without_an_open_usage_row_no_request_is_sent,
    a_usage_row_that_cannot_be_closed_fails_its_turn_and_is_kept,
    a_group_admin_sees_costs_but_no_messages,
}

/// Adds a trigger that refuses inserts into the usage ledger, or updates of it.
async fn refuse(app: &TestApp, sql: &mut RawConnection, event: &str) -> Result<()> {
    let statement = match is_sqlite(app.database().store()) {
        true => format!(
            "CREATE TRIGGER refuse BEFORE {event} ON ai_usage BEGIN SELECT RAISE(ABORT, 'no'); END"
        ),
        false => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
             CREATE TRIGGER refuse BEFORE {event} ON ai_usage FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    };
    sql.run(&statement).await
}

async fn accept(app: &TestApp, sql: &mut RawConnection) -> Result<()> {
    let table = if is_sqlite(app.database().store()) { "" } else { " ON ai_usage" };
    sql.run(&format!("DROP TRIGGER refuse{table}")).await
}

async fn an_export_of_thousands_has_every_row_once(builder: TestAppBuilder) -> Result<()> {
    const ROWS: usize = 2_500;
    let app = builder.tool("echo", "sim/echo").start().await?;
    app.ada.chat("echo").await?.send_and_read("Hello").await?;
    let mut sql = RawConnection::open(app.database()).await?;
    let (numbers, id) = match is_sqlite(app.database().store()) {
        true => (
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"),
            "randomblob(16)",
        ),
        false => (format!("WITH n(i) AS (SELECT generate_series(1, {ROWS}))"), "gen_random_uuid()"),
    };
    // Seven rows each have the same time, so that pages end between rows of equal times.
    sql.run(&format!(
        "INSERT INTO ai_usage (id, user_id, purpose, attempt, model, generation_id, state, outcome,
             estimated_input_tokens, cost, basis, created_at, closed_at)
         {numbers} SELECT {id}, u.user_id, 'chat', 1, 'many', 'many-' || n.i, 'closed', 'completed', 0, n.i,
             'reported', u.created_at - n.i / 7, u.created_at
         FROM n, (SELECT user_id, created_at FROM ai_usage LIMIT 1) u"
    ))
    .await?;
    let request = app.ada.request(Method::GET, "/usage/records?model=many").header("accept", "text/csv");
    let reply = Reply::fetch(request).await?;
    assert_eq!(reply.status, 200);
    let mut reader = csv::Reader::from_reader(reply.body.as_bytes());
    let place = reader.headers()?.iter().position(|name| name == "generation_id").context("a column")?;
    let lines: Vec<String> =
        reader.records().map(|line| Ok(line?[place].to_owned())).collect::<Result<_>>()?;
    let received: BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len(), received.len()), (ROWS, ROWS));
    app.stop().await
}

async fn without_an_open_usage_row_no_request_is_sent(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let mut sql = RawConnection::open(app.database()).await?;
    refuse(&app, &mut sql, "INSERT").await?;
    let reply = chat.send_for_json("Hello").await?;
    ensure!(reply.status >= 500, "{} {}", reply.status, reply.body);
    assert_eq!((app.upstream().count_chat(), chat.messages().await?.len()), (0, 0));
    accept(&app, &mut sql).await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.messages().await?.len(), 2);
    app.stop().await
}

async fn a_usage_row_that_cannot_be_closed_fails_its_turn_and_is_kept(builder: TestAppBuilder) -> Result<()> {
    let short = |settings: &mut causerie_server::settings::Settings| {
        settings.runtime.lease = Duration::from_secs(3);
        settings.runtime.reconcile_interval = Duration::from_millis(20);
    };
    let app = builder.tool("gated", "sim/gated").settings(short).start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut sql = RawConnection::open(app.database()).await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    refuse(&app, &mut sql, "UPDATE OF state").await?;
    app.upstream().open("gate");
    let received = stream.read_to_end().await?.merged_lines();
    ensure!(received.iter().any(|line| line.starts_with("data-error internal")), "{received:#?}");
    ensure!(!received.iter().any(|line| line.starts_with("finish")), "{received:#?}");
    assert_eq!(sql.count("ai_usage").await?, 1, "the usage row is kept");
    accept(&app, &mut sql).await?;
    let app = app.restart().await?;
    let chat = chat.with_client(&app.ada);
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let latest = chat.last_message().await?;
            if latest["status"] == "interrupted" && latest["usage"]["basis"] != "pending" {
                return Ok::<_, anyhow::Error>(latest);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let latest = waited.await.context("the turn was not closed")??;
    ensure!(latest["usage"]["cost"].is_string(), "the cost is recorded: {latest}");
    app.stop().await
}

async fn a_group_admin_sees_costs_but_no_messages(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (owner, ada) = create_user(&app, "owner").await?;
    let (admin, head) = create_user(&app, "head").await?;
    let group = app.root.post("/groups", &json!({ "name": "ours" })).await?.json(201)?;
    let group = group["id"].as_str().context("a group has an id")?;
    for (user, role) in [(&owner, "member"), (&admin, "admin")] {
        let member = json!({ "user_id": user, "role": role });
        app.root.post(&format!("/groups/{group}/members"), &member).await?.json(201)?;
    }
    let new = json!({ "tool": "echo", "group_id": group });
    let session = ada.post("/sessions", &new).await?.json(201)?;
    let session = session["id"].as_str().context("a session has an id")?;
    let send = ada.request(Method::POST, &format!("/sessions/{session}/messages"));
    let answer =
        Reply::fetch(send.header("accept", "application/json").json(&json!({ "content": "a secret" })));
    let usage = answer.await?.json(200)?["usage"].take();
    ada.chat("echo").await?.send_and_read("on my own account").await?;

    let report = head.get("/usage?group_by=group,user").await?.json(200)?;
    assert_eq!(report["data"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!((&report["data"][0]["group"], &report["data"][0]["user"]), (&json!(group), &json!(owner)));
    assert_eq!(report["total"]["cost"], usage["cost"]);
    let records = head.get("/usage/records").await?.json(200)?;
    assert_eq!(records["data"].as_array().map(Vec::len), Some(1));
    let audit = head.get("/audit/sessions").await?;
    assert_eq!(audit.json(200)?["data"][0]["id"], session);
    ensure!(!audit.body.contains("secret"));
    head.get(&format!("/sessions/{session}")).await?.problem(403, "forbidden")?;
    app.stop().await
}
