//! Access matrix: the response to each operation of the API for each principal. A refused request stores nothing.

mod dump;
mod principals;
mod table;

use std::collections::BTreeSet;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::Value;

pub(crate) use dump::Dump;
pub(crate) use principals::{Principals, audit_stamp, column, create_user};
use table::{AUTHENTICATED_ONLY, ONE_TIME_CODE, PUBLIC, Row, rows};

causerie_testkit::on_both_databases! {
    every_operation_has_its_rows,
    every_id_of_an_operation_is_tested_with_a_foreign_one,
    every_principal_gets_the_expected_status_and_a_refusal_stores_nothing,
    allowed_changes_succeed,
    the_least_scopes_answer_or_are_refused_without_an_effect,
    a_send_needs_no_right_to_read,
}

/// Two scopes; no operation needs both.
const NARROW: [&str; 2] = ["fork:Session", "read:Usage"];

/// Number of principals: no credential, a malformed, a revoked and an expired key, a key without the scope, another
/// user, a member of another group, an admin of the group, an admin of the installation, and the owner.
const PRINCIPALS: usize = 10;

async fn start_app(builder: TestAppBuilder) -> Result<TestApp> {
    builder.tool("echo", "sim/echo").start().await
}

async fn ask(client: &Client, row: &Row, principals: &Principals) -> Result<Reply> {
    let (method, _) = row.operation.split_once(' ').context("the operation has no method")?;
    let request = client.request(Method::from_bytes(method.as_bytes())?, &(row.path)(principals));
    let body = (row.body)(principals);
    Reply::fetch(if body.is_null() { request } else { request.json(&body) }).await
}

/// Returns the operations of the OpenAPI document.
pub(crate) async fn documented(app: &TestApp) -> Result<BTreeSet<String>> {
    let document = app.anonymous().get("/openapi.json").await?.json(200)?;
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("the document has paths")? {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item[method].is_object() {
                operations.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    Ok(operations)
}

async fn every_operation_has_its_rows(builder: TestAppBuilder) -> Result<()> {
    let app = start_app(builder).await?;
    let documented = documented(&app).await?;
    let listed: BTreeSet<String> = rows().iter().map(|row| row.operation.to_owned()).collect();
    for operation in &documented {
        ensure!(
            listed.contains(operation),
            "{operation} has no row in tests/it/e2e/access_matrix/table.rs: add one with its response to each principal"
        );
    }
    for operation in &listed {
        ensure!(documented.contains(operation), "{operation} has a row, but is not in the document");
    }
    app.stop().await
}

/// Checks that for each id in the path or the body of an operation a row has an id of another user.
async fn every_id_of_an_operation_is_tested_with_a_foreign_one(builder: TestAppBuilder) -> Result<()> {
    let app = start_app(builder).await?;
    let principals = Principals::new(&app, 0).await?;
    let document = app.anonymous().get("/openapi.json").await?.json(200)?;
    let (rows, mut places, mut untried) = (rows(), 0, Vec::new());
    for operation in documented(&app).await? {
        let (method, path) = operation.split_once(' ').context("the operation has no method")?;
        let of_operation = || rows.iter().filter(|row| row.operation == operation);
        let is_foreign = |row: &&Row| row.answers[0] >= 400 || row.answers[1] >= 400;
        for part in path.split('/').filter(|part| part.starts_with('{')) {
            places += 1;
            if !of_operation().any(|row| is_foreign(&row)) {
                untried.push(format!("{part} of {operation}"));
            }
        }
        let body =
            &document["paths"][path][method.to_lowercase()]["requestBody"]["content"]["application/json"];
        let name =
            body["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        let members = document["components"]["schemas"][name]["properties"].as_object();
        let takes_id = |schema: &Value| schema.to_string().contains("#/components/schemas/Id\"");
        for (member, _) in members.into_iter().flatten().filter(|(_, schema)| takes_id(schema)) {
            places += 1;
            if !of_operation().any(|row| is_foreign(&row) && (row.body)(&principals)[member].is_string()) {
                untried.push(format!("{member} in the body of {operation}"));
            }
        }
    }
    ensure!(untried.is_empty(), "no row has a foreign id as {untried:#?}");
    println!("{places} ids in paths and bodies");
    app.stop().await
}

async fn every_principal_gets_the_expected_status_and_a_refusal_stores_nothing(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = start_app(builder).await?;
    let principals = Principals::new(&app, 0).await?;
    let no_credential = [
        ("no credential", app.anonymous()),
        ("malformed", app.anonymous().with_key("csr_nonsense")),
        ("revoked", principals.revoked().await?),
        ("expired", principals.expired(&app).await?),
    ];
    let narrow = [principals.narrow(NARROW[0]).await?, principals.narrow(NARROW[1]).await?];
    let document = app.anonymous().get("/openapi.json").await?.json(200)?;
    let mut stored = Dump::open(app.database()).await?;
    let before = stored.rows().await?;
    let (mut cells, mut skipped, mut mismatches) = (0, 0, Vec::new());
    let rows = rows();
    for row in &rows {
        let (method, path) = row.operation.split_once(' ').context("the operation has no method")?;
        let required = &document["paths"][path][method.to_lowercase()]["x-asks"];
        let required_right = format!(
            "{}:{}",
            required["action"].as_str().unwrap_or(""),
            required["subject"].as_str().unwrap_or("")
        );
        let without_scope = if required_right == NARROW[0] { &narrow[1] } else { &narrow[0] };
        let is_public = PUBLIC.contains(&row.operation);
        let needs_no_permission = is_public || AUTHENTICATED_ONLY.contains(&row.operation);
        let mut expected: Vec<(&str, &Client, u16)> = no_credential
            .iter()
            .map(|(who, client)| (*who, client, if is_public { 200 } else { 401 }))
            .collect();
        expected.push((
            "a key without the scope",
            without_scope,
            match row.operation {
                ONE_TIME_CODE => 401,
                _ if needs_no_permission => 200,
                _ => 403,
            },
        ));
        let clients =
            [&principals.other, &principals.outsider, &principals.group_admin, &app.root, &principals.owner];
        let names =
            ["another user", "a member of another group", "an admin of the group", "an admin", "the owner"];
        expected.extend(
            names
                .into_iter()
                .zip(clients)
                .zip(row.answers)
                .map(|((who, client), status)| (who, client, status)),
        );
        for (who, client, status) in expected {
            // Changes are tested by the other test, each with principals of its own.
            let changes = status < 300 && method != "GET";
            if changes {
                skipped += 1;
                continue;
            }
            cells += 1;
            let reply = ask(client, row, &principals).await?;
            if let Some(mismatch) = check_reply(&reply, status)? {
                mismatches.push(format!(
                    "{} ({}) by {who}: {mismatch}",
                    row.operation,
                    (row.path)(&principals)
                ));
            }
        }
        let after = stored.rows().await?;
        if after != before {
            let changed: Vec<_> = after.symmetric_difference(&before).collect();
            mismatches.push(format!("{} ({}) stored {changed:#?}", row.operation, (row.path)(&principals)));
            break;
        }
    }
    ensure!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    ensure!(cells + skipped == rows.len() * PRINCIPALS, "not every principal was tested for each row");
    let operations = documented(&app).await?.len();
    println!(
        "{operations} operations x {PRINCIPALS} principals in {} rows: {} cells",
        rows.len(),
        cells + skipped
    );
    println!("{cells} of them are reads or refusals");
    app.stop().await
}

async fn allowed_changes_succeed(builder: TestAppBuilder) -> Result<()> {
    let app = start_app(builder).await?;
    let (mut cells, mut mismatches) = (0, Vec::new());
    for row in &rows() {
        let is_read = row.operation.starts_with("GET ");
        for (place, status) in row.answers.into_iter().enumerate() {
            if is_read || status >= 300 {
                continue;
            }
            cells += 1;
            let principals = Principals::new(&app, cells).await?;
            let client = [
                &principals.other,
                &principals.outsider,
                &principals.group_admin,
                &app.root,
                &principals.owner,
            ][place];
            let reply = ask(client, row, &principals).await?;
            if let Some(mismatch) = check_reply(&reply, status)? {
                mismatches.push(format!("{} by number {place}: {mismatch}", row.operation));
            }
        }
    }
    ensure!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    println!("{cells} cells are changes");
    app.stop().await
}

/// Checks that an operation, called with a key that has exactly its right, succeeds with its answer, or is refused
/// before it stores anything or calls the upstream.
async fn the_least_scopes_answer_or_are_refused_without_an_effect(builder: TestAppBuilder) -> Result<()> {
    let app = start_app(builder).await?;
    let document = app.anonymous().get("/openapi.json").await?.json(200)?;
    let mut stored = Dump::open(app.database()).await?;
    let mut mismatches = Vec::new();
    for (number, row) in rows().iter().enumerate().filter(|(_, row)| row.answers[4] < 300) {
        let (method, path) = row.operation.split_once(' ').context("the operation has no method")?;
        let asks = &document["paths"][path][method.to_lowercase()]["x-asks"];
        let (Some(action), Some(subject)) = (asks["action"].as_str(), asks["subject"].as_str()) else {
            continue;
        };
        let principals = Principals::new(&app, 1000 + number).await?;
        let client = principals.narrow(&format!("{action}:{subject}")).await?;
        let before = (stored.rows().await?, app.upstream().count_chat());
        let reply = ask(&client, row, &principals).await?;
        let is_unchanged = before == (stored.rows().await?, app.upstream().count_chat());
        // A list of models contains the tools that its reader may use, which is a second right.
        let is_hidden = reply.status == 404 && row.operation == "GET /v1/models/{id}";
        if !(reply.status == row.answers[4] || (reply.status == 403 || is_hidden) && is_unchanged) {
            mismatches.push(format!("{}: {} {}", row.operation, reply.status, reply.body));
        }
    }
    ensure!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    app.stop().await
}

async fn a_send_needs_no_right_to_read(builder: TestAppBuilder) -> Result<()> {
    let app = start_app(builder).await?;
    let principals = Principals::new(&app, 0).await?;
    let new = serde_json::json!({ "name": "send", "scopes": ["create:Message", "use:Tool", "use:Model"] });
    let created = principals.owner.post("/api-keys", &new).await?.json(201)?;
    let client = principals.owner.with_key(created["key"].as_str().context("the response has no key")?);
    let path = format!("/sessions/{}/messages", principals.session);
    let send = |header: (&'static str, &'static str)| {
        let request = client.request(Method::POST, &path).header(header.0, header.1);
        Reply::fetch(request.json(&serde_json::json!({ "content": "Hello" })))
    };
    let whole = send(("accept", "application/json")).await?.json(200)?;
    ensure!(
        whole["message"]["role"] == "assistant" && whole["user_message"]["content"] == "Hello",
        "{whole}"
    );
    let streamed = send(("accept", "text/event-stream")).await?;
    ensure!(streamed.status == 200 && streamed.body.contains("[DONE]"), "{}", streamed.body);
    ensure!(send(("prefer", "respond-async")).await?.status == 202, "the turn is named");
    client.get(&path).await?.problem(403, "forbidden")?;

    let reader = principals.narrow("read:Session").await?;
    let session = reader.get(&format!("/sessions/{}", principals.session)).await?.json(200)?;
    ensure!(session["messages"] == serde_json::json!([]), "{session}");
    app.stop().await
}

/// Compares a response with the expected status, and checks the code of a refusal.
fn check_reply(reply: &Reply, status: u16) -> Result<Option<String>> {
    if reply.status != status {
        return Ok(Some(format!("expected {status}, not {} {}", reply.status, reply.body)));
    }
    let code = match status {
        400 => "invalid_body",
        401 => "unauthenticated",
        403 => "forbidden",
        404 => "not_found",
        _ => return Ok(None),
    };
    let problem: Value = serde_json::from_str(&reply.body)?;
    let is_bearer = status != 401 || reply.header("www-authenticate") == Some("Bearer");
    // Below `/v1` the code is that of an error of OpenAI.
    let given = problem.get("code").unwrap_or(&problem["error"]["code"]);
    let is_code = given == code || given == "model_not_found" && status == 404;
    Ok((!is_code || !is_bearer).then(|| format!("expected {code}, not {problem}")))
}
