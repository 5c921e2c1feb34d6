//! Requests whose beginning the provider does not read from its cache: the reason, and what caches save.

use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Error, Result, ensure};
use causerie_testkit::app::context_costs::{AUTOMATIC, EXPLICIT};
use causerie_testkit::app::{Chat, Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_request_that_reads_its_beginning_has_no_reason,
    a_change_of_the_history_is_the_reason,
    a_change_outside_of_the_history_is_the_reason,
    another_provider_is_the_reason,
    savings_are_exact_in_answers_sessions_and_reports,
}

/// Prices of the automatic model per token, in pico-dollars.
const INPUT_PICO: i64 = 250_000;
const CACHED_PICO: i64 = 25_000;

/// Returns a text of more than 1024 tokens that begins with a word.
fn long(word: &str) -> String {
    format!("{word}{}", " and a long question".repeat(300))
}

/// Sends a message, checks that all representations of its answer agree, and returns its usage.
async fn usage_of(chat: &Chat, content: &str) -> Result<Value> {
    let transcript = chat.send_and_read(content).await?;
    let usage = transcript.frame_data("data-usage")?["data"].clone();
    let stored = chat.last_message().await?["usage"].clone();
    let context = chat.client().get(&format!("/turns/{}/context", transcript.turn_id)).await?.json(200)?;
    let attempt = &context["attempts"][0];
    for member in ["cache_miss", "cache_saved", "cached_tokens", "cache_write_tokens"] {
        ensure!(usage.get(member).is_some(), "{member}: {usage}");
        assert_eq!(usage[member], stored[member], "{member} of the message");
        assert_eq!(usage[member], attempt[member], "{member} of the context");
    }
    Ok(usage)
}

async fn miss(chat: &Chat, content: &str) -> Result<Value> {
    Ok(usage_of(chat, content).await?["cache_miss"].clone())
}

async fn regenerate(chat: &Chat) -> Result<()> {
    let request = chat.client().request(Method::POST, &chat.path("/regenerate"));
    Reply::fetch(request.header(ACCEPT, "application/json")).await.map(drop)
}

async fn a_request_that_reads_its_beginning_has_no_reason(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("automatic", AUTOMATIC)
        .tool("explicit", EXPLICIT)
        .tool("none", "sim/echo")
        .start()
        .await?;
    for tool in ["automatic", "explicit"] {
        let chat = app.ada.chat(tool).await?;
        assert_eq!(miss(&chat, "Short").await?, Value::Null, "the first request");
        assert_eq!(miss(&chat, &long("One")).await?, Value::Null, "the beginning was too short");
        for word in ["Two", "Three"] {
            let usage = usage_of(&chat, &long(word)).await?;
            assert_eq!(usage["cache_miss"], Value::Null, "{tool}");
            ensure!(usage["cached_tokens"].as_u64() > Some(1024), "{usage}");
        }
        regenerate(&chat).await?;
        let again = chat.last_message().await?["usage"].clone();
        assert_eq!(again["cache_miss"], Value::Null, "another answer to the same message");
        ensure!(again["cached_tokens"].as_u64() > Some(1024), "{again}");
    }
    let chat = app.ada.chat("none").await?;
    assert_eq!(miss(&chat, &long("One")).await?, Value::Null);
    // The catalog lists a price of cached input, but the provider of this model has no cache.
    assert_eq!(miss(&chat, &long("Two")).await?, "unknown");
    app.stop().await
}

async fn a_change_of_the_history_is_the_reason(builder: TestAppBuilder) -> Result<()> {
    let tool = |name: &str, model: &str, history: &str| {
        format!(
            "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: Be kind.\nmodel: {model}\n\
             history: {history}\n"
        )
    };
    let app = builder
        .definition(&tool("automatic", AUTOMATIC, "{max_messages: 4, trim: block}"))
        .definition(&tool("explicit", EXPLICIT, "{max_messages: 4, trim: block}"))
        .settings(|settings| settings.upstream.max_retries = 0)
        .start()
        .await?;
    for name in ["automatic", "explicit"] {
        let cut = app.ada.chat(name).await?;
        for (word, expected) in [
            ("One", json!(null)),
            ("Two", json!(null)),
            ("Three", json!(null)),
            ("Four", json!("cut")),
            ("Five", json!(null)),
        ] {
            assert_eq!(miss(&cut, &long(&format!("{name} {word}"))).await?, expected, "{name} {word}");
        }

        let withheld = app.ada.chat(name).await?;
        assert_eq!(miss(&withheld, &long("Once accepted")).await?, Value::Null);
        app.upstream().fail_all(Fault::Scenario("sim/strict?mode=text&refuses=accepted".to_owned()))?;
        regenerate(&withheld).await?;
        app.upstream().recover();
        assert_eq!(miss(&withheld, &long("Next")).await?, "withheld", "{name}");
        assert_eq!(miss(&withheld, &long("And then")).await?, Value::Null, "{name}");
    }

    // An automatic cache still reads the text of a merged message up to the text that was added.
    for (name, expected) in [("automatic", json!(null)), ("explicit", json!("merged"))] {
        let merged = app.ada.chat(name).await?;
        assert_eq!(miss(&merged, &long("Merged later")).await?, Value::Null);
        app.upstream().fail_all(Fault::Status(503))?;
        regenerate(&merged).await?;
        app.upstream().recover();
        assert_eq!(miss(&merged, &long("Next")).await?, expected, "{name}");
    }
    app.stop().await
}

/// Changes the last request that a session has stored.
async fn edit_last_request(app: &TestApp, chat: &Chat, edit: impl FnOnce(&mut Value)) -> Result<()> {
    let mut raw = RawConnection::open(app.database()).await?;
    let id = uuid_literal(app.database().store(), chat.id.parse()?);
    let stored = raw.lines(&format!("SELECT last_request AS line FROM sessions WHERE id = {id}")).await?;
    let mut request: Value = serde_json::from_str(stored.first().context("a request")?)?;
    edit(&mut request);
    raw.run(&format!("UPDATE sessions SET last_request = '{request}' WHERE id = {id}")).await
}

async fn a_change_outside_of_the_history_is_the_reason(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("automatic", AUTOMATIC).start().await?;
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 4] = [
        ("unknown", |_| ()),
        ("idle", |request| {
            request["sent_at"] = json!(request["sent_at"].as_i64().unwrap_or(0) - 300_000_000)
        }),
        ("model", |request| request["model"] = json!("other/model")),
        ("tool_version", |request| request["tool_version"] = json!(uuid::Uuid::nil().to_string())),
    ];
    for (expected, edit) in edits {
        let chat = app.ada.chat("automatic").await?;
        assert_eq!(miss(&chat, &long(expected)).await?, Value::Null);
        edit_last_request(&app, &chat, edit).await?;
        app.upstream().pass_time_of_prompt_caches(Duration::from_secs(301));
        assert_eq!(miss(&chat, "Next").await?, expected);
    }
    app.stop().await
}

async fn another_provider_is_the_reason(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("automatic", AUTOMATIC).providers(3).start().await?;
    let chat = app.ada.chat("automatic").await?;
    chat.send_and_read(&long("One")).await?;
    let provider = async |session: &str| {
        let records = app.ada.get(&format!("/usage/records?session={session}")).await?.json(200)?;
        Ok::<_, Error>(records["data"][0]["provider"].clone())
    };
    let first = provider(&chat.id).await?;
    // The upstream chooses the provider of a session by its id, so some forks have another one than their parent.
    let mut others = 0;
    for _ in 0..16 {
        let fork = app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 2 })).await?.json(201)?;
        let mut copy = chat.clone();
        copy.id = fork["id"].as_str().context("an id")?.to_owned();
        let found = usage_of(&copy, "Next").await?;
        if provider(&copy.id).await? == first {
            assert_eq!(found["cache_miss"], Value::Null);
        } else if found["cached_tokens"] == 0 {
            // An earlier fork with the same provider has left the beginning there.
            assert_eq!(found["cache_miss"], "provider");
            others += 1;
        }
    }
    ensure!(others > 0, "all forks have the provider {first}");
    app.stop().await
}

async fn savings_are_exact_in_answers_sessions_and_reports(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("automatic", AUTOMATIC).tool("explicit", EXPLICIT).start().await?;
    let chat = app.ada.chat("automatic").await?;
    let mut saved = 0;
    for word in ["One", "Two", "Three"] {
        let usage = usage_of(&chat, &long(word)).await?;
        let cached = usage["cached_tokens"].as_i64().context("cached tokens")?;
        let pico = cached * (INPUT_PICO - CACHED_PICO);
        assert_eq!(usage["cache_saved"], dollars(pico), "{usage}");
        saved += pico;
    }
    ensure!(saved > 0, "nothing was read from the cache");

    // A write of the explicit model costs a quarter more than other input.
    let explicit = app.ada.chat("explicit").await?;
    let first = usage_of(&explicit, &long("One")).await?;
    let written = first["cache_write_tokens"].as_i64().context("written tokens")?;
    ensure!(written > 1024, "{first}");
    assert_eq!(first["cache_saved"], dollars(-written * 750_000), "{first}");
    let second = usage_of(&explicit, &long("Two")).await?;
    let (read, rewritten) = (second["cached_tokens"].as_i64(), second["cache_write_tokens"].as_i64());
    let expected = read.context("tokens")? * 2_700_000 - rewritten.context("tokens")? * 750_000;
    assert_eq!(second["cache_saved"], dollars(expected), "{second}");

    let totals = chat.detail().await?["totals"].clone();
    assert_eq!(totals["cache_saved"], dollars(saved), "{totals}");
    let of_explicit = explicit.detail().await?["totals"].clone();
    assert_eq!(of_explicit["cache_saved"], dollars(expected - written * 750_000), "{of_explicit}");
    let report = app.ada.get("/usage?group_by=session").await?.json(200)?;
    let groups = report["data"].as_array().context("groups")?;
    for (chat, totals) in [(&chat, &totals), (&explicit, &of_explicit)] {
        let group = groups.iter().find(|group| group["session"] == chat.id.as_str()).context("a group")?;
        for member in ["cache_saved", "cached_tokens", "cache_write_tokens"] {
            assert_eq!(group[member], totals[member], "{member}");
        }
    }
    let all = saved + expected - written * 750_000;
    assert_eq!(report["total"]["cache_saved"], dollars(all));

    let csv = app.ada.request(Method::GET, "/usage/records").header(ACCEPT, "text/csv");
    let csv = Reply::fetch(csv).await?;
    ensure!(csv.status == 200, "{}", csv.body);
    let mut lines = csv.body.lines();
    let header: Vec<&str> = lines.next().context("a header")?.split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).context("a column");
    let (saved_at, miss_at) = (column("cache_saved")?, column("cache_miss")?);
    let mut found: Vec<String> = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        found.push(fields[saved_at].trim_matches('"').to_owned());
        assert_eq!(fields[miss_at].trim_matches('"'), "");
    }
    ensure!(found.len() == 5 && found[0] == dollars(expected), "{found:?}");
    app.stop().await
}

/// Returns an amount as the API writes it: the shortest exact decimal text.
fn dollars(pico: i64) -> String {
    causerie_domain::Usd::from_pico(pico).to_string()
}
