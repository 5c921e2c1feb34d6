//! Tools of a group: visibility, use, posting, and the end of a membership.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    a_group_tool_is_visible_to_members_only,
    a_former_member_keeps_sessions_but_cannot_use_the_tool,
    a_rule_can_allow_a_user_to_post_group_tools,
}

/// Group with one member.
struct Group {
    id: String,
    member: Client,
    member_path: String,
}

impl Group {
    async fn new(app: &TestApp, name: &str, role: &str) -> Result<Self> {
        let group = app.root.post("/groups", &json!({ "name": name })).await?.json(201)?;
        let id = group["id"].as_str().context("an id")?.to_owned();
        let (user, member) = create_user(app, &format!("member-of-{name}")).await?;
        let group = Group { member_path: format!("/groups/{id}/members/{user}"), id, member };
        group.join(app, role).await?;
        Ok(group)
    }

    async fn join(&self, app: &TestApp, role: &str) -> Result<()> {
        let (members, user) = self.member_path.rsplit_once('/').context("a path")?;
        app.root.post(members, &json!({ "user_id": user, "role": role })).await?.json(201)?;
        Ok(())
    }
}

async fn post(by: &Client, group: Option<&str>, name: &str, version: &str) -> Result<Reply> {
    let text = format!(
        "name: {name}\nversion: {version}\ntype: chat\ntitle: T\nbehavior: Version {version}.\nmodel: sim/echo\n"
    );
    let path = group.map_or("/tools".to_owned(), |group| format!("/tools?group_id={group}"));
    let request = by.request(Method::POST, &path).header("content-type", "application/yaml");
    Reply::fetch(request.body(text)).await
}

async fn slugs(client: &Client) -> Result<Vec<Value>> {
    let page = client.get("/tools").await?.json(200)?;
    Ok(page["data"].as_array().into_iter().flatten().map(|tool| tool["slug"].clone()).collect())
}

/// Checks that a client gets the same responses as for an absent tool.
async fn check_unknown(client: &Client, tool: &Value) -> Result<()> {
    assert_eq!(slugs(client).await?, Vec::<Value>::new());
    for path in ["/tools/ours", "/tools/ours/versions"] {
        client.get(path).await?.problem(404, "not_found")?;
    }
    for named in [&json!("ours"), &tool["id"]] {
        let refused = client.post("/sessions", &json!({ "tool": named })).await?;
        assert_eq!(refused.problem(404, "not_found")?["errors"][0]["pointer"], "/tool");
    }
    Ok(())
}

async fn a_group_tool_is_visible_to_members_only(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (ours, theirs) =
        (Group::new(&app, "ours", "member").await?, Group::new(&app, "theirs", "admin").await?);
    let tool = post(&app.root, Some(&ours.id), "ours", "1.0.0").await?.json(201)?;
    assert_eq!(tool["group_id"], ours.id.as_str());

    assert_eq!(slugs(&ours.member).await?, ["ours"]);
    assert_eq!(ours.member.get("/tools/ours").await?.json(200)?["group_id"], ours.id.as_str());
    ours.member.get("/tools/ours/versions").await?.json(200)?;
    let chat = ours.member.chat("ours").await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.messages().await?.len(), 2);
    for stranger in [&app.ada, &theirs.member] {
        check_unknown(stranger, &tool).await?;
    }
    assert_eq!(slugs(&app.root).await?, ["ours"], "an admin manages all tools");
    app.stop().await
}

async fn a_former_member_keeps_sessions_but_cannot_use_the_tool(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let ours = Group::new(&app, "ours", "member").await?;
    let tool = post(&app.root, Some(&ours.id), "ours", "1.0.0").await?.json(201)?;
    let chat = ours.member.chat("ours").await?;
    chat.send_and_read("Hello").await?;
    post(&app.root, Some(&ours.id), "ours", "2.0.0").await?.json(201)?;

    assert_eq!(app.root.delete(&ours.member_path).await?.status, 204);
    check_unknown(&ours.member, &tool).await?;
    chat.send_for_json("Still there?").await?.problem(403, "forbidden")?;
    assert_eq!(app.upstream().count_chat(), 1, "nothing was sent");
    let kept = chat.detail().await?;
    assert_eq!((&kept["tool_version"], &kept["totals"]["messages"]), (&json!("1.0.0"), &json!(2)));

    ours.join(&app, "member").await?;
    chat.send_and_read("Back again").await?;
    let request = app.upstream().requests().pop().context("a request")?;
    assert_eq!(request.messages()[0].1, "Version 1.0.0.", "the session keeps its version");
    assert_eq!(ours.member.get("/tools/ours").await?.json(200)?["version"], "2.0.0");
    app.stop().await
}

async fn a_rule_can_allow_a_user_to_post_group_tools(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (ours, theirs) =
        (Group::new(&app, "ours", "admin").await?, Group::new(&app, "theirs", "admin").await?);
    // The built-in rules do not allow an admin of a group to post tools.
    post(&ours.member, Some(&ours.id), "ours", "1.0.0").await?.problem(403, "forbidden")?;
    let of_own_groups = json!({ "group_id": { "$in": "${user.admin_group_ids}" } });
    let rules = json!([{ "action": ["create", "delete"], "subject": "Tool", "conditions": of_own_groups }]);
    for group in [&ours.id, &theirs.id] {
        let request = app.root.request(Method::PUT, &format!("/groups/{group}/rules"));
        Reply::fetch(request.json(&json!({ "rules": rules }))).await?.json(200)?;
    }

    post(&ours.member, Some(&ours.id), "ours", "1.0.0").await?.json(201)?;
    post(&ours.member, Some(&ours.id), "ours", "1.1.0").await?.json(201)?;
    for elsewhere in [None, Some(theirs.id.as_str())] {
        post(&ours.member, elsewhere, "more", "1.0.0").await?.problem(403, "forbidden")?;
    }
    post(&theirs.member, Some(&theirs.id), "ours", "9.0.0").await?.problem(409, "name_taken")?;
    theirs.member.delete("/tools/ours").await?.problem(404, "not_found")?;
    assert_eq!(slugs(&app.root).await?, ["ours"]);
    assert_eq!(ours.member.get("/tools/ours").await?.json(200)?["version"], "1.1.0");
    assert_eq!(ours.member.delete("/tools/ours").await?.status, 204);
    app.stop().await
}
