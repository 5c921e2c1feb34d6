//! Usage reports and exports, and the users that may read them.

use causerie_domain::{GroupId, Timestamp, UsageId, Usd, UserId};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_report_is_the_sum_of_its_answers,
    each_user_sees_permitted_rows_only,
    invalid_queries_are_refused,
    groups_and_rows_are_paged,
    an_export_is_valid_csv,
    days_follow_the_time_zone,
    a_price_change_does_not_affect_past_usage,
    auditors_see_no_messages,
}

const BY_ALL: &str = "/usage?group_by=day,model,tool,user,group,session";

async fn report(client: &Client, path: &str) -> Result<Value> {
    client.get(path).await?.json(200)
}

fn rows(list: &Value) -> &[Value] {
    list["data"].as_array().map_or(&[], Vec::as_slice)
}

async fn a_report_is_the_sum_of_its_answers(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("silent", "sim/no-usage").start().await?;
    assert_eq!(report(&app.ada, "/usage").await?["data"], json!([]));
    let (mut cost, mut tokens, mut sessions) = (Usd::ZERO, 0, Vec::new());
    for tool in ["echo", "silent"] {
        let chat = app.ada.chat(tool).await?;
        for content in ["one", "two"] {
            let usage = chat.send_and_read(content).await?.frame_data("data-usage")?["data"].clone();
            cost = cost.checked_add(usage["cost"].as_str().context("cost")?.parse()?).context("a sum")?;
            tokens += usage["total_tokens"].as_u64().unwrap_or(0);
        }
        let detail = chat.detail().await?;
        let of_session = report(&app.ada, &format!("/usage?session={}", chat.id)).await?;
        assert_eq!(of_session["total"]["cost"], detail["totals"]["cost"]);
        assert_eq!(of_session["total"]["input_tokens"], detail["totals"]["input_tokens"]);
        sessions.push(chat.id.clone());
    }
    let whole = report(&app.ada, BY_ALL).await?;
    assert_eq!(whole["total"]["cost"], cost.to_string());
    assert_eq!((&whole["total"]["total_tokens"], &whole["total"]["requests"]), (&json!(tokens), &json!(4)));
    assert_eq!(whole["total"]["requests_by_basis"]["reported"], 2);
    assert_eq!(whole["total"]["requests_by_basis"]["pending"], 2, "shown apart: {whole}");
    assert_eq!((rows(&whole).len(), &whole["next_cursor"]), (2, &Value::Null));
    for row in rows(&whole) {
        assert!(sessions.contains(&row["session"].as_str().unwrap_or_default().to_owned()), "{row}");
        assert_eq!(row["group"], Value::Null);
        assert_eq!(row["model"] == "sim/echo", row["tool"] == "echo");
        assert!(row["day"].as_str().is_some_and(|day| day.len() == 10));
    }
    for group_by in ["day", "tool,day", "session,user,model", "group", "user,group,tool,session"] {
        let grouped = report(&app.ada, &format!("/usage?group_by={group_by}")).await?;
        let by_model = group_by.contains("model");
        assert_eq!(grouped["total"]["cost"], whole["total"]["cost"], "{group_by}");
        assert_eq!(grouped["total"]["drift"].is_object(), by_model, "{group_by}");
        let fields = rows(&grouped)[0].as_object().context("a group")?;
        for field in ["day", "model", "tool", "user", "group", "session"] {
            assert_eq!(fields.contains_key(field), group_by.split(',').any(|by| by == field), "{group_by}");
        }
    }
    app.stop().await
}

/// Creates a group whose first member is its admin. The members must not have sent requests before, because the rights
/// of a key are cached for a short time.
async fn make_group(app: &TestApp, members: &[&str]) -> Result<String> {
    let id: GroupId = "01990000-0000-7000-8000-00000000aaaa".parse()?;
    let mut sql = RawConnection::open(app.database()).await?;
    let group = uuid_literal(app.database().store(), id.as_uuid());
    sql.run(&format!("INSERT INTO groups (id, name, created_at) VALUES ({group}, 'ours', 1)")).await?;
    for (number, member) in members.iter().enumerate() {
        let role = if number == 0 { "admin" } else { "member" };
        sql.run(&format!(
            "INSERT INTO memberships (user_id, group_id, role, status, created_at) \
             SELECT id, {group}, '{role}', 'active', 1 FROM users WHERE email = '{member}@example.org'"
        ))
        .await?;
    }
    Ok(id.to_string())
}

async fn user_id(client: &Client) -> Result<UserId> {
    let me = client.get("/me").await?.json(200)?;
    Ok(me["user"]["id"].as_str().context("a user has an id")?.parse()?)
}

async fn each_user_sees_permitted_rows_only(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let group = make_group(&app, &["ada", "bob"]).await?;
    let alone = app.bob.chat("echo").await?;
    alone.send_and_read("for me").await?;
    let new = json!({ "tool": "echo", "group_id": group });
    let shared = app.bob.post("/sessions", &new).await?.json(201)?;
    let shared = shared["id"].as_str().context("an id")?.to_owned();
    let sent = app.bob.post(&format!("/sessions/{shared}/messages"), &json!({ "content": "for us" })).await?;
    assert_eq!(sent.status, 200);
    let bob = user_id(&app.bob).await?.to_string();

    let count = async |client: &Client, path: &str| -> Result<_> {
        Ok(report(client, path).await?["total"]["requests"].as_u64())
    };
    let listed = async |client: &Client, path: &str| -> Result<_> {
        let list = report(client, path).await?;
        Ok(rows(&list).iter().map(|row| row["session_id"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(count(&app.bob, "/usage").await?, Some(2));
    // The admin of the group sees the usage within the group only.
    assert_eq!(count(&app.ada, "/usage").await?, Some(1));
    assert_eq!(count(&app.root, "/usage").await?, Some(2));
    assert_eq!(listed(&app.ada, "/usage/records").await?, [json!(shared)]);
    assert_eq!(listed(&app.root, "/usage/records").await?, [json!(shared), json!(alone.id)]);
    assert_eq!(listed(&app.bob, "/usage/records").await?.len(), 2);
    assert_eq!(count(&app.ada, &format!("/usage?user={bob}")).await?, Some(1));
    assert_eq!(count(&app.ada, &format!("/usage?session={}", alone.id)).await?, Some(0));
    assert_eq!(count(&app.root, &format!("/usage?group={group}")).await?, Some(1));
    assert_eq!(count(&app.root, "/usage?tool=nonsense").await?, Some(0));
    assert_eq!(count(&app.root, "/usage?tool=echo").await?, Some(2));

    app.anonymous().get("/usage").await?.problem(401, "unauthenticated")?;
    app.anonymous().get("/usage/records").await?.problem(401, "unauthenticated")?;
    app.stop().await
}

async fn invalid_queries_are_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    app.ada.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    let cursor = |list: &Value| list["next_cursor"].as_str().unwrap_or_default().to_owned();
    let of_rows = cursor(&report(&app.ada, "/usage/records?limit=1").await?);
    let of_sessions = cursor(&report(&app.ada, "/sessions?limit=1").await?);
    assert!(!of_rows.is_empty() && !of_sessions.is_empty());
    for route in ["/usage", "/usage/records"] {
        for (question, parameter) in [
            ("from=yesterday", "from"),
            ("from=2026-02-30", "from"),
            ("from=", "from"),
            ("to=2026-11-22T10:00", "to"),
            ("from=2026-11-02&to=2026-11-01", "from"),
            ("tz=Europe/Atlantis", "tz"),
            ("tz=..%2F..%2Fetc%2Fpasswd", "tz"),
            ("user=ada", "user"),
            ("group=1", "group"),
            ("session=x", "session"),
            ("model=a%00", "model"),
            ("tool=a%00", "tool"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("cursor=zz", "cursor"),
            (&format!("cursor={of_sessions}"), "cursor"),
            ("sort=cost", "sort"),
            ("from=2026-11-01&from=2026-11-02", "from"),
        ] {
            let problem =
                app.ada.get(&format!("{route}?{question}")).await?.problem(400, "invalid_parameter")?;
            assert_eq!(problem["parameter"], parameter, "{route}?{question}");
        }
    }
    for (question, parameter) in [
        ("group_by=", "group_by"),
        ("group_by=hour", "group_by"),
        ("group_by=day,day", "group_by"),
        ("group_by=day&from=2020-01-01", "group_by"),
        (&format!("cursor={of_rows}"), "cursor"),
    ] {
        let problem = app.ada.get(&format!("/usage?{question}")).await?.problem(400, "invalid_parameter")?;
        assert_eq!(problem["parameter"], parameter, "{question}");
    }
    let by_group = app.ada.get("/usage/records?group_by=day").await?.problem(400, "invalid_parameter")?;
    assert_eq!(by_group["parameter"], "group_by");
    let html = app.ada.request(Method::GET, "/usage/records").header("accept", "text/html");
    Reply::fetch(html).await?.problem(406, "not_acceptable")?;
    for question in ["limit=0", "user=me", "tool=%00", "cursor=zz", "title=x"] {
        let problem =
            app.root.get(&format!("/audit/sessions?{question}")).await?.problem(400, "invalid_parameter")?;
        assert_eq!(Some(problem["parameter"].as_str().unwrap_or_default()), question.split('=').next());
    }
    app.stop().await
}

async fn groups_and_rows_are_paged(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    for _ in 0..3 {
        let chat = app.ada.chat("echo").await?;
        chat.send_and_read("one").await?;
        chat.send_and_read("two").await?;
    }
    for (path, size) in [("/usage?group_by=session,model", 3), ("/usage/records?model=sim/echo", 6)] {
        let whole = report(&app.ada, path).await?;
        assert_eq!(rows(&whole).len(), size);
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = report(&app.ada, &format!("{path}&limit=2{cursor}")).await?;
            assert_eq!(page["total"], whole["total"]);
            paged.extend(rows(&page).iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, rows(&whole));
    }
    let page = report(&app.ada, "/usage?group_by=session&limit=1").await?;
    let cursor = page["next_cursor"].as_str().context("there are more")?;
    let other = app.ada.get(&format!("/usage?group_by=user&cursor={cursor}")).await?;
    assert_eq!(other.problem(400, "invalid_parameter")?["parameter"], "cursor");
    app.stop().await
}

async fn an_export_is_valid_csv(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    chat.send_and_read("one").await?;
    chat.send_and_read("two").await?;
    let mut sql = RawConnection::open(app.database()).await?;
    let hostile = "=HYPERLINK(\"http://evil\"), \"click\"\nnow";
    sql.run(&format!("UPDATE ai_usage SET provider = '{hostile}'")).await?;
    let table = async |question: &str| {
        let request = app.ada.request(Method::GET, &format!("/usage/records{question}"));
        Reply::fetch(request.header("accept", "text/csv")).await
    };
    let reply = table("").await?;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let mut reader = csv::Reader::from_reader(reply.body.as_bytes());
    let columns = reader.headers()?.clone();
    let lines: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    let listed = report(&app.ada, "/usage/records").await?;
    assert_eq!((lines.len(), rows(&listed).len()), (2, 2));
    for (line, row) in lines.iter().zip(rows(&listed)) {
        let members = row.as_object().context("a row")?;
        assert_eq!(columns.len(), members.len());
        for (column, cell) in columns.iter().zip(line) {
            let value = match &members[column] {
                Value::Null => String::new(),
                Value::String(text) if column == "provider" => format!("'{text}"),
                Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            assert_eq!(cell, value, "{column}");
        }
    }
    assert_eq!(table("?limit=1").await?.body.matches("gen-").count(), 1);
    assert_eq!(table("?model=none").await?.body.lines().count(), 1, "the header of the columns");
    table("?from=x").await?.problem(400, "invalid_parameter")?;
    app.stop().await
}

async fn days_follow_the_time_zone(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let mut sql = RawConnection::open(app.database()).await?;
    // End of daylight saving time in Berlin: midnight is at 22:00 UTC before and at 23:00 UTC after it.
    let instants =
        ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"];
    for content in instants {
        chat.send_and_read(content).await?;
    }
    let listed = report(&app.ada, "/usage/records").await?;
    for (row, instant) in rows(&listed).iter().zip(instants) {
        let id: UsageId = row["id"].as_str().context("an id")?.parse()?;
        let (id, at) = (uuid_literal(app.database().store(), id.as_uuid()), instant.parse::<Timestamp>()?);
        sql.run(&format!("UPDATE ai_usage SET created_at = {} WHERE id = {id}", at.as_micros())).await?;
    }
    let days = async |question: &str| -> Result<Vec<(String, u64)>> {
        let found = report(&app.ada, &format!("/usage?group_by=day&{question}")).await?;
        let days = rows(&found).iter().map(|row| {
            (row["day"].as_str().unwrap_or_default().to_owned(), row["requests"].as_u64().unwrap_or(0))
        });
        Ok(days.collect())
    };
    let named = |days: &[(&str, u64)]| -> Vec<(String, u64)> {
        days.iter().map(|(day, requests)| ((*day).to_owned(), *requests)).collect()
    };
    let october = "from=2026-10-01&to=2026-11-01";
    assert_eq!(days(october).await?, named(&[("2026-10-24", 2), ("2026-10-25", 2)]));
    let berlin = [("2026-10-24", 1), ("2026-10-25", 2), ("2026-10-26", 1)];
    assert_eq!(days(&format!("{october}&tz=Europe/Berlin")).await?, named(&berlin));
    let of_day = "from=2026-10-25&to=2026-10-26&tz=Europe/Berlin";
    assert_eq!(days(of_day).await?, named(&[("2026-10-25", 2)]));
    let of_hour = "from=2026-10-24T22:00:00Z&to=2026-10-24T22:00:01%2B00:00";
    assert_eq!(days(of_hour).await?, named(&[("2026-10-24", 1)]));
    app.stop().await
}

async fn a_price_change_does_not_affect_past_usage(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("silent", "sim/no-usage").start().await?;
    app.ada.chat("silent").await?.send_and_read("Hello").await?;
    let before = report(&app.ada, BY_ALL).await?;
    assert_ne!(before["total"]["cost"], "0");
    let mut sql = RawConnection::open(app.database()).await?;
    sql.run("UPDATE ai_models SET prompt_price = 999, completion_price = NULL, price_overrides = '[]'")
        .await?;
    assert_eq!(report(&app.ada, BY_ALL).await?, before);
    let app = app.restart().await?;
    assert_eq!(report(&app.ada, BY_ALL).await?, before);
    app.stop().await
}

async fn auditors_see_no_messages(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.bob.chat("echo").await?;
    chat.send_and_read("a secret of mine").await?;
    let renamed = app.bob.patch(&chat.path(""), &json!({ "title": "a secret title" })).await?;
    assert_eq!(renamed.status, 200);
    app.ada.chat("echo").await?;

    let reply = app.root.get("/audit/sessions").await?;
    let list = reply.json(200)?;
    assert!(!reply.body.contains("secret"), "{}", reply.body);
    let totals = chat.detail().await?["totals"].take();
    let of_bob = rows(&list).iter().find(|row| row["id"] == chat.id.as_str()).context("bob's session")?;
    assert_eq!(of_bob["user_id"], user_id(&app.bob).await?.to_string());
    assert_eq!((&of_bob["tool"], &of_bob["cost"]), (&json!("echo"), &totals["cost"]));
    assert_eq!(of_bob["input_tokens"], totals["input_tokens"]);
    assert_eq!(rows(&list).len(), 2);
    let first = report(&app.root, "/audit/sessions?limit=1").await?;
    let rest = format!("/audit/sessions?cursor={}", first["next_cursor"].as_str().context("a cursor")?);
    assert_eq!([rows(&first), rows(&report(&app.root, &rest).await?)].concat(), rows(&list));
    let path = format!("/audit/sessions?user={}", user_id(&app.ada).await?);
    assert_eq!(rows(&report(&app.root, &path).await?).len(), 1);

    app.bob.get("/audit/sessions").await?.problem(403, "forbidden")?;
    app.bob.delete(&chat.path("")).await?;
    assert_eq!(
        rows(&report(&app.root, "/audit/sessions").await?).len(),
        1,
        "a deleted session is not listed"
    );
    assert_eq!(report(&app.bob, "/usage").await?["total"]["cost"], totals["cost"], "its cost is kept");
    app.stop().await
}
