//! Grants: no operation gives away more than the caller may do through its credential.

use std::collections::BTreeSet;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::{Dump, Principals, documented};

causerie_testkit::on_both_databases! {
    every_operation_that_gives_something_away_refuses_more_than_the_caller_has,
    limits_that_bind_the_caller_are_lowered_and_not_raised,
    a_grant_within_the_own_rights_succeeds,
}

/// Operations that give nothing away: they read, they take away, or they change only what belongs to the caller.
const HARMLESS: &str = "
    GET /healthz, GET /readyz, GET /openapi.json, POST /sign-in, GET /me, GET /me/abilities,
    GET /tools, POST /tools, GET /tools/{slug}, DELETE /tools/{slug}, GET /tools/{slug}/versions,
    GET /models, POST /models/sync, POST /sessions, GET /sessions, GET /sessions/{id}, PATCH /sessions/{id},
    DELETE /sessions/{id}, PATCH /sessions/{id}/pause, PATCH /sessions/{id}/resume, PATCH /sessions/{id}/complete,
    GET /sessions/{id}/messages, POST /sessions/{id}/messages,
    POST /api/chat, GET /api/chat/{session_id}/stream, POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id},
    POST /sessions/{id}/quote, POST /sessions/{id}/regenerate, GET /sessions/{id}/stream,
    GET /sessions/{id}/attachments, DELETE /attachments/{id}, POST /sessions/{id}/forks, GET /sessions/{id}/forks,
    GET /sessions/{id}/lineage, POST /sessions/{id}/stream-tickets, POST /sessions/{id}/cancel, GET /turns/{id},
    GET /turns/{id}/context, GET /turns/{id}/stream, GET /usage, GET /usage/records, GET /audit/sessions, GET /audit/events,
    GET /users, GET /users/{id}, DELETE /users/{id}, GET /users/{id}/abilities, GET /users/{id}/rules, POST /groups, GET /groups,
    GET /groups/{id}, GET /groups/{id}/rules, GET /groups/{id}/members, POST /groups/{id}/members/me,
    DELETE /groups/{id}/members/me, GET /groups/{id}/invitations, DELETE /groups/{id}/invitations/{email},
    GET /api-keys, GET /api-keys/{id}, DELETE /api-keys/{id}, GET /budgets/user/{id}, GET /budgets/group/{id},
    GET /budgets/api_key/{id}
";

/// Ids that the requests name.
struct Names {
    principals: Principals,
    root: String,
    /// Disabled admin.
    retired: String,
}

/// Caller with its user and its API key.
struct Caller {
    who: String,
    client: Client,
    user: String,
    key: String,
}

/// Request that gives more away than a scoped key or a delegated admin has.
struct Gift {
    operation: &'static str,
    /// Scope of the key of an admin that is refused.
    scope: &'static str,
    request: fn(&Names, &Caller) -> (String, Value),
}

macro_rules! grant_cases {
    ($($operation:literal, $scope:literal, |$names:ident, $caller:ident| $path:expr, $body:expr;)+) => {
        vec![$(Gift {
            operation: $operation,
            scope: $scope,
            request: |$names, $caller| { let _ = ($names, $caller); ($path, $body) },
        },)+]
    };
}

fn grant_cases() -> Vec<Gift> {
    grant_cases! {
        "PATCH /models/{id}", "update:Model", |n, c| "/models/sim/text".to_owned(), json!({ "enabled": true });
        "POST /users", "manage:User", |n, c| "/users".to_owned(), json!({ "email": "new@example.org", "name": "New", "role": "admin" });
        "PATCH /users/{id}", "manage:User", |n, c| format!("/users/{}", c.user), json!({ "role": "admin" });
        "PATCH /users/{id}", "manage:User", |n, c| format!("/users/{}", n.root), json!({ "email": "mine@example.org" });
        "PATCH /users/{id}", "manage:User", |n, c| format!("/users/{}", n.retired), json!({ "status": "active" });
        "PUT /users/{id}/rules", "manage:User", |n, c| format!("/users/{}/rules", c.user), json!({ "rules": [{ "action": "manage", "subject": "all" }] });
        "PATCH /groups/{id}", "manage:Group", |n, c| format!("/groups/{}", n.principals.group), json!({ "requests_per_minute": 1000 });
        "DELETE /groups/{id}", "manage:Group", |n, c| format!("/groups/{}", n.principals.group), Value::Null;
        "PUT /groups/{id}/rules", "manage:Group", |n, c| format!("/groups/{}/rules", n.principals.group), json!({ "rules": [{ "action": "manage", "subject": "all" }] });
        "PUT /groups/{id}/rules", "manage:Group", |n, c| format!("/groups/{}/rules", n.principals.group), json!({ "rules": [] });
        "POST /groups/{id}/members", "manage:Group", |n, c| format!("/groups/{}/members", n.principals.other_group), json!({ "user_id": c.user, "role": "admin" });
        "POST /groups/{id}/members", "manage:Group", |n, c| format!("/groups/{}/members", n.principals.other_group), json!({ "email": "mine@example.org" });
        "PATCH /groups/{id}/members/{user_id}", "manage:Group", |n, c| format!("/groups/{}/members/{}", n.principals.other_group, c.user), json!({ "role": "admin" });
        "DELETE /groups/{id}/members/{user_id}", "manage:Group", |n, c| format!("/groups/{}/members/{}", n.principals.group, n.principals.user), Value::Null;
        "POST /api-keys", "manage:ApiKey", |n, c| "/api-keys".to_owned(), json!({ "name": "n", "user_id": n.root });
        "POST /api-keys", "manage:ApiKey", |n, c| "/api-keys".to_owned(), json!({ "name": "n", "user_id": n.root, "scopes": ["manage:ApiKey", "read:User"] });
        "PUT /budgets/user/{id}", "manage:User", |n, c| format!("/budgets/user/{}", c.user), json!({ "period": "day", "limit": "5" });
        "DELETE /budgets/user/{id}", "manage:User", |n, c| format!("/budgets/user/{}", c.user), Value::Null;
        "PUT /budgets/group/{id}", "manage:Group", |n, c| format!("/budgets/group/{}", n.principals.group), json!({ "period": "day", "limit": "5" });
        "DELETE /budgets/group/{id}", "manage:Group", |n, c| format!("/budgets/group/{}", n.principals.group), Value::Null;
        "PUT /budgets/api_key/{id}", "manage:ApiKey", |n, c| format!("/budgets/api_key/{}", c.key), json!({ "period": "day", "limit": "5" });
        "DELETE /budgets/api_key/{id}", "manage:ApiKey", |n, c| format!("/budgets/api_key/{}", c.key), Value::Null;
    }
}

async fn send(client: &Client, method: &str, path: &str, body: &Value) -> Result<Reply> {
    let request = client.request(Method::from_bytes(method.as_bytes())?, path);
    Reply::fetch(if body.is_null() { request } else { request.json(body) }).await
}

fn id(object: &Value) -> Result<String> {
    object["id"].as_str().map(str::to_owned).with_context(|| format!("{object} has an id"))
}

async fn own_id(client: &Client) -> Result<String> {
    id(&client.get("/me").await?.json(200)?["user"])
}

async fn create_key(client: &Client, scopes: &[&str]) -> Result<(Client, String)> {
    let created = client.post("/api-keys", &json!({ "name": "k", "scopes": scopes })).await?.json(201)?;
    let key = created["key"].as_str().context("the response has a key")?;
    Ok((client.with_key(key), id(&created)?))
}

/// Gives each caller a budget of one dollar for its user and its key, and the group a budget and a prohibition.
async fn prepare(app: &TestApp, names: &Names, callers: &[Caller]) -> Result<()> {
    let budget = json!({ "period": "day", "limit": "1" });
    let of_group = format!("/budgets/group/{}", names.principals.group);
    let mut paths = BTreeSet::from([of_group]);
    for Caller { user, key, .. } in callers {
        paths.extend([format!("/budgets/user/{user}"), format!("/budgets/api_key/{key}")]);
    }
    for path in paths {
        send(&app.root, "PUT", &path, &budget).await?.json(200)?;
    }
    let prohibition = json!({ "rules": [{ "action": "use", "subject": "Model", "conditions": { "id": "sim/none" }, "inverted": true }] });
    let path = format!("/groups/{}/rules", names.principals.group);
    send(&app.root, "PUT", &path, &prohibition).await?.json(200)?;
    app.root.patch("/models/sim/text", &json!({ "enabled": false })).await?.json(200)?;
    Ok(())
}

async fn names(app: &TestApp) -> Result<Names> {
    let principals = Principals::new(app, 0).await?;
    let root = own_id(&app.root).await?;
    let new = json!({ "email": "retired@example.org", "name": "Retired", "role": "admin" });
    let retired = id(&app.root.post("/users", &new).await?.json(201)?)?;
    app.root.patch(&format!("/users/{retired}"), &json!({ "status": "disabled" })).await?.json(200)?;
    let member = json!({ "user_id": root });
    app.root.post(&format!("/groups/{}/members", principals.group), &member).await?.json(201)?;
    Ok(Names { principals, root, retired })
}

/// Returns the admin of the group, to whom the administration of groups, users, keys and models is delegated.
async fn delegated(app: &TestApp, names: &Names) -> Result<Caller> {
    let client = &names.principals.group_admin;
    let user = own_id(client).await?;
    let rules = json!({ "rules": [
        { "action": "manage", "subject": ["Group", "User", "ApiKey"] },
        { "action": "update", "subject": "Model" },
    ] });
    send(&app.root, "PUT", &format!("/users/{user}/rules"), &rules).await?.json(200)?;
    let (client, key) = create_key(client, &[]).await?;
    Ok(Caller { who: "a delegated admin of the group".to_owned(), client, user, key })
}

async fn every_operation_that_gives_something_away_refuses_more_than_the_caller_has(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("text", "sim/text").start().await?;
    let grant_cases = grant_cases();
    let giving: BTreeSet<String> = grant_cases.iter().map(|gift| gift.operation.to_owned()).collect();
    let harmless: BTreeSet<String> =
        HARMLESS.split(',').map(|operation| operation.trim().to_owned()).collect();
    let documented = documented(&app).await?;
    for operation in &documented {
        ensure!(
            giving.contains(operation) != harmless.contains(operation),
            "{operation} is in one of the lists of tests/it/e2e/grants.rs: operations that give something away, or not"
        );
    }
    ensure!(giving.len() + harmless.len() == documented.len(), "a list has an operation that does not exist");

    let names = names(&app).await?;
    let mut callers = vec![delegated(&app, &names).await?];
    for scope in grant_cases.iter().map(|gift| gift.scope).collect::<BTreeSet<_>>() {
        let (client, key) = create_key(&app.root, &[scope]).await?;
        callers.push(Caller { who: scope.to_owned(), client, user: names.root.clone(), key });
    }
    prepare(&app, &names, &callers).await?;
    let mut stored = Dump::open(app.database()).await?;
    let before = stored.rows().await?;
    let mut mismatches = Vec::new();
    for gift in &grant_cases {
        let (method, _) = gift.operation.split_once(' ').context("the operation has a method")?;
        for caller in
            [&callers[0]].into_iter().chain(callers.iter().filter(|caller| caller.who == gift.scope))
        {
            let (path, body) = (gift.request)(&names, caller);
            let reply = send(&caller.client, method, &path, &body).await?;
            let problem: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            if (reply.status, problem["reason"].as_str()) != (403, Some("beyond_own_rights")) {
                mismatches
                    .push(format!("{method} {path} {body} by {}: {} {problem}", caller.who, reply.status));
            }
        }
    }
    ensure!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    ensure!(stored.rows().await? == before, "a refused grant stored something");

    let path = format!("/users/{}/rules", callers[0].user);
    let rules = json!({ "rules": [{ "action": "manage", "subject": "User" }, { "action": "read", "subject": "all" }] });
    let problem = send(&callers[0].client, "PUT", &path, &rules).await?.problem(403, "forbidden")?;
    assert_eq!(problem["errors"][0]["pointer"], "/rules/1");
    app.stop().await
}

async fn limits_that_bind_the_caller_are_lowered_and_not_raised(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let names = names(&app).await?;
    let caller = delegated(&app, &names).await?;
    let group = format!("/groups/{}", names.principals.group);
    let rate = async |client: &Client, rate: Value| {
        client.patch(&group, &json!({ "requests_per_minute": rate })).await
    };
    rate(&app.root, json!(10)).await?.json(200)?;
    rate(&caller.client, json!(9)).await?.json(200)?;
    for raised in [json!(10), Value::Null] {
        let refused = rate(&caller.client, raised).await?.problem(403, "forbidden")?;
        assert_eq!(refused["reason"], "beyond_own_rights");
    }
    let own = format!("/budgets/user/{}", caller.user);
    let others = format!("/budgets/user/{}", names.principals.user);
    let set = async |path: &str, period: &str, limit: &str| {
        send(&caller.client, "PUT", path, &json!({ "period": period, "limit": limit })).await
    };
    set(&own, "month", "5").await?.json(200)?;
    set(&own, "month", "4").await?.json(200)?;
    set(&own, "month", "4.5").await?.problem(403, "forbidden")?;
    set(&own, "day", "1").await?.problem(403, "forbidden")?;
    caller.client.delete(&own).await?.problem(403, "forbidden")?;
    set(&others, "month", "5").await?.json(200)?;
    set(&others, "day", "6").await?.json(200)?;

    // A key with a budget creates no key without one.
    let of_key = format!("/budgets/api_key/{}", caller.key);
    set(&of_key, "day", "1").await?.json(200)?;
    let refused =
        caller.client.post("/api-keys", &json!({ "name": "n" })).await?.problem(403, "forbidden")?;
    assert_eq!(refused["reason"], "beyond_own_rights");
    app.stop().await
}

async fn a_grant_within_the_own_rights_succeeds(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let names = names(&app).await?;
    let caller = delegated(&app, &names).await?;
    let Principals { user, group, .. } = &names.principals;
    let rules = json!({ "rules": [
        { "action": "read", "subject": "Usage", "conditions": { "group_id": group } },
        { "action": "update", "subject": "Group" },
        { "action": "use", "subject": "Tool", "inverted": true, "conditions": { "slug": "other" } },
    ] });
    let path = format!("/groups/{group}/rules");
    send(&caller.client, "PUT", &path, &rules).await?.json(200)?;
    let (path, promotion) = (format!("/groups/{group}/members/{user}"), json!({ "role": "admin" }));
    assert_eq!(send(&caller.client, "PATCH", &path, &promotion).await?.status, 204);
    let narrow = json!({ "name": "n", "scopes": ["read:Usage"] });
    caller.client.post("/api-keys", &narrow).await?.json(201)?;
    // Everyone may leave a group, whatever it prohibits.
    assert_eq!(names.principals.owner.delete(&format!("/groups/{group}/members/me")).await?.status, 204);
    app.stop().await
}
