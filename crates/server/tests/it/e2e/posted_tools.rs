//! Tools that are posted, and definitions that are reloaded.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    a_posted_tool_is_used_in_the_version_of_each_session,
    errors_of_a_posted_tool_have_a_position,
    posting_a_tool_needs_permission,
    a_disabled_tool_accepts_no_messages,
    files_are_reloaded_without_a_restart,
}

fn yaml(version: &str, behavior: &str) -> String {
    format!(
        "name: posted\nversion: {version}\ntype: chat\ntitle: Posted\nbehavior: {behavior}\nmodel: sim/gated?words=1\n"
    )
}

async fn post(by: &Client, kind: &str, text: impl Into<String>) -> Result<Reply> {
    let request = by.request(Method::POST, "/tools").header("content-type", kind);
    Reply::fetch(request.body(text.into())).await
}

async fn a_posted_tool_is_used_in_the_version_of_each_session(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    app.upstream().open("gate");
    let admin = &app.root;
    let first = post(admin, "application/yaml", yaml("1.0.0", "Be kind.")).await?;
    assert_eq!(first.header("location"), Some("/tools/posted"));
    let first = first.json(201)?;
    assert_eq!(first["owner_id"], admin.get("/me").await?.json(200)?["user"]["id"]);
    let old = app.ada.chat("posted").await?;
    assert_eq!(post(admin, "text/yaml; charset=utf-8", yaml("1.0.0", "Be kind.")).await?.json(200)?, first);
    post(admin, "application/yaml", yaml("1.0.0", "Be rude.")).await?.problem(409, "version_conflict")?;

    let mut changed = first["definition"].clone();
    changed["version"] = "1.1.0".into();
    changed["behavior"] = "Be brief.".into();
    let second = post(admin, "application/json", changed.to_string()).await?.json(201)?;
    assert_eq!((&second["id"], &second["version"]), (&first["id"], &json!("1.1.0")));
    let new = app.ada.chat("posted").await?;
    old.send_and_read("Hello").await?;
    new.send_and_read("Hello").await?;
    let requests = app.upstream().requests();
    let chats = requests.iter().filter(|request| request.is_chat());
    let behaviors: Vec<_> = chats.map(|request| request.messages()[0].1.clone()).collect();
    assert_eq!(behaviors, ["Be kind.", "Be brief."]);

    let page = app.ada.get("/tools/posted/versions?limit=1").await?.json(200)?;
    assert_eq!(page["data"][0]["version"], "1.1.0");
    let cursor = page["next_cursor"].as_str().context("there is another")?;
    let rest = app.ada.get(&format!("/tools/posted/versions?cursor={cursor}")).await?.json(200)?;
    assert_eq!((&rest["data"][0]["version"], &rest["next_cursor"]), (&json!("1.0.0"), &Value::Null));
    assert_eq!(rest["data"][0]["definition"], first["definition"]);
    app.ada.get("/tools/nothing/versions").await?.problem(404, "not_found")?;
    app.stop().await
}

async fn errors_of_a_posted_tool_have_a_position(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("filed", "sim/echo").start().await?;
    let admin = &app.root;
    let place = async |kind: &str, text: &str| -> Result<Vec<Value>> {
        let problem = post(admin, kind, text).await?.problem(400, "invalid_body")?;
        let places = problem["errors"].as_array().context("errors")?;
        Ok(places.iter().map(|one| json!([one["pointer"], one["line"], one["column"]])).collect())
    };
    let twice = "{\"name\":\"a\",\n \"name\":\"b\", \"version\":\"1.0.0\",\"type\":\"chat\",\"title\":\"T\",\"behavior\":\"B\"}";
    assert_eq!(place("application/json", twice).await?, [json!(["/name", 2, 2])]);
    let typo = yaml("1.0.0", "B").replace("title", "titel");
    assert_eq!(place("application/yaml", &typo).await?, [json!(["/title", 1, 1]), json!(["/titel", 4, 1])]);
    assert_eq!(place("application/yaml", "a: [").await?.len(), 1);
    assert_eq!(place("application/json", "").await?.len(), 1);
    let product = yaml("1.0.0", "B").replace("type: chat", "type: product");
    assert_eq!(place("application/yaml", &product).await?, [json!(["/type", 3, 7])]);

    post(admin, "text/plain", yaml("1.0.0", "B")).await?.problem(415, "unsupported_media_type")?;
    let large = yaml("1.0.0", &"b".repeat(256 * 1024));
    let problem = post(admin, "application/yaml", large).await?.problem(413, "tool_too_large")?;
    assert_eq!(problem["limit"], 256 * 1024);
    post(admin, "application/yaml", "b".repeat(1 << 21)).await?.problem(413, "payload_too_large")?;
    let filed = yaml("9.0.0", "B").replace("name: posted", "name: filed");
    post(admin, "application/yaml", filed).await?.problem(409, "name_taken")?;
    let listed = app.ada.get("/tools").await?.json(200)?;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "nothing was stored");
    app.stop().await
}

async fn posting_a_tool_needs_permission(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    // Permissions are checked before the body.
    post(&app.ada, "application/yaml", "a: [").await?.problem(403, "forbidden")?;
    app.ada.delete("/tools/nothing").await?.problem(403, "forbidden")?;
    post(&app.anonymous(), "application/yaml", yaml("1.0.0", "B")).await?.problem(401, "unauthenticated")?;
    let nowhere = "/tools?group_id=01990000-0000-7000-8000-000000000001";
    let request = app.root.request(Method::POST, nowhere).header("content-type", "application/yaml");
    let problem = Reply::fetch(request.body(yaml("1.0.0", "B"))).await?.problem(400, "invalid_parameter")?;
    assert_eq!(problem["parameter"], "group_id");
    assert_eq!(app.root.get("/tools").await?.json(200)?["data"], json!([]));
    app.stop().await
}

async fn a_disabled_tool_accepts_no_messages(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    app.upstream().open("gate");
    let admin = &app.root;
    admin.delete("/tools/posted").await?.problem(404, "not_found")?;
    post(admin, "application/yaml", yaml("1.0.0", "B")).await?.json(201)?;
    let chat = app.ada.chat("posted").await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(admin.delete("/tools/posted").await?.status, 204);
    assert_eq!(chat.send_for_json("Still there?").await?.problem(403, "forbidden")?["reason"], "disabled");
    let refused = app.ada.post("/sessions", &json!({ "tool": "posted" })).await?;
    refused.problem(404, "not_found")?;
    app.ada.get("/tools/posted").await?.problem(404, "not_found")?;
    assert_eq!(admin.get("/tools/posted").await?.json(200)?["enabled"], false);
    assert_eq!(chat.messages().await?.len(), 2, "the messages are kept");
    post(admin, "application/yaml", yaml("1.0.0", "B")).await?.json(200)?;
    chat.send_and_read("Back again").await?;
    app.stop().await
}

async fn files_are_reloaded_without_a_restart(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    app.reload_with("posted.yaml", &yaml("1.0.0", "Be kind.")).await?;
    let chat = app.ada.chat("posted").await?;
    let stream = chat.send("Hello").await?;
    app.upstream().wait_until_held("gate", 1).await?;
    app.reload_with("posted.yaml", &yaml("2.0.0", "Be brief.")).await?;
    let version =
        async || -> Result<Value> { Ok(app.ada.get("/tools/posted").await?.json(200)?["version"].clone()) };
    assert_eq!(version().await?, "2.0.0");
    app.reload_with("broken.yaml", "name: [").await?;
    app.reload_with("posted.yaml", &yaml("3.0.0", "Be rude.")).await?;
    assert_eq!(version().await?, "2.0.0", "one invalid file prevents the reload");
    app.upstream().open("gate");
    assert_eq!(stream.read_to_end().await?.text, "the", "the running turn is not affected");
    assert_eq!(chat.detail().await?["tool_version"], "1.0.0");
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_of_one_server_is_available_to_another() -> Result<()> {
    let Some(builder) = TestApp::on_postgres().await? else { return Ok(()) };
    let app = builder.start().await?;
    app.upstream().open("gate");
    let instance = app.start_instance().await?;
    for version in ["1.0.0", "1.1.0"] {
        post(&app.root, "application/yaml", yaml(version, "B")).await?.json(201)?;
        let chat = instance.ada.chat("posted").await?;
        chat.send_and_read("Hello").await?;
        assert_eq!(chat.detail().await?["tool_version"], version);
    }
    instance.stop().await;
    app.stop().await
}
