//! Every operation of the document, asked by everybody: the answers of the rules, and nothing stored by a refusal.

mod cast;
mod dump;
mod table;

use std::collections::BTreeSet;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::Value;

pub(crate) use cast::{Cast, column, person, stamp};
pub(crate) use dump::Dump;
use table::{ABOUT_ONESELF, OPEN, Row, rows};

causerie_testkit::on_both_databases! {
    every_operation_has_its_rows,
    a_foreign_id_is_tried_in_every_place,
    everybody_gets_the_answer_of_the_rules_and_a_refusal_stores_nothing,
    what_is_allowed_is_done,
}

/// Scopes of which no operation needs both.
const NARROW: [&str; 2] = ["fork:Session", "read:Usage"];

/// Who asks: nobody, a malformed, a revoked and an expired key, one that is too narrow, another user, a member of
/// another group, an admin of the group, an admin of the installation, and the owner.
const PRINCIPALS: usize = 10;

async fn started(on: TestAppBuilder) -> Result<TestApp> {
    on.tool("echo", "sim/echo").start().await
}

async fn ask(client: &Client, row: &Row, cast: &Cast) -> Result<Reply> {
    let (method, _) = row.operation.split_once(' ').context("an operation has a method")?;
    let request = client.request(Method::from_bytes(method.as_bytes())?, &(row.path)(cast));
    let body = (row.body)(cast);
    Reply::to(if body.is_null() { request } else { request.json(&body) }).await
}

/// The operations of the document, and whether each needs rights of its caller.
async fn documented(app: &TestApp) -> Result<BTreeSet<String>> {
    let document = app.nobody().get("/openapi.json").await?.json(200)?;
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

async fn every_operation_has_its_rows(on: TestAppBuilder) -> Result<()> {
    let app = started(on).await?;
    let documented = documented(&app).await?;
    let stated: BTreeSet<String> = rows().iter().map(|row| row.operation.to_owned()).collect();
    for operation in &documented {
        ensure!(
            stated.contains(operation),
            "{operation} has no row in tests/e2e/matrix/table.rs: say there what it answers to everybody"
        );
    }
    for operation in &stated {
        ensure!(documented.contains(operation), "{operation} has a row, but the document does not know it");
    }
    app.stop().await
}

/// Wherever an operation takes an id, in its path or its body, some row has one there that is nothing of its caller's.
async fn a_foreign_id_is_tried_in_every_place(on: TestAppBuilder) -> Result<()> {
    let app = started(on).await?;
    let cast = Cast::new(&app, 0).await?;
    let document = app.nobody().get("/openapi.json").await?.json(200)?;
    let (rows, mut places, mut untried) = (rows(), 0, Vec::new());
    for operation in documented(&app).await? {
        let (method, path) = operation.split_once(' ').context("an operation has a method")?;
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
            if !of_operation().any(|row| is_foreign(&row) && (row.body)(&cast)[member].is_string()) {
                untried.push(format!("{member} in the body of {operation}"));
            }
        }
    }
    ensure!(untried.is_empty(), "no row has a foreign id as {untried:#?}");
    println!("{places} places of ids");
    app.stop().await
}

async fn everybody_gets_the_answer_of_the_rules_and_a_refusal_stores_nothing(
    on: TestAppBuilder,
) -> Result<()> {
    let app = started(on).await?;
    let cast = Cast::new(&app, 0).await?;
    let no_credential = [
        ("nobody", app.nobody()),
        ("malformed", app.nobody().with_key("csr_nonsense")),
        ("revoked", cast.revoked().await?),
        ("expired", cast.expired(&app).await?),
    ];
    let narrow = [cast.narrow(NARROW[0]).await?, cast.narrow(NARROW[1]).await?];
    let document = app.nobody().get("/openapi.json").await?.json(200)?;
    let mut stored = Dump::of(app.database()).await?;
    let before = stored.rows().await?;
    let (mut cells, mut left, mut mistakes) = (0, 0, Vec::new());
    let rows = rows();
    for row in &rows {
        let (method, path) = row.operation.split_once(' ').context("an operation has a method")?;
        let asks = &document["paths"][path][method.to_lowercase()]["x-asks"];
        let asked =
            format!("{}:{}", asks["action"].as_str().unwrap_or(""), asks["subject"].as_str().unwrap_or(""));
        let too_narrow = if asked == NARROW[0] { &narrow[1] } else { &narrow[0] };
        let is_open = OPEN.contains(&row.operation);
        let needs_no_right = is_open || ABOUT_ONESELF.contains(&row.operation);
        let mut expected: Vec<(&str, &Client, u16)> = no_credential
            .iter()
            .map(|(who, client)| (*who, client, if is_open { 200 } else { 401 }))
            .collect();
        expected.push(("too narrow a key", too_narrow, if needs_no_right { 200 } else { 403 }));
        let people = [&cast.other, &cast.outsider, &cast.group_admin, &app.root, &cast.owner];
        let names =
            ["another user", "a member of another group", "the group's admin", "an admin", "the owner"];
        expected.extend(
            names
                .into_iter()
                .zip(people)
                .zip(row.answers)
                .map(|((who, client), status)| (who, client, status)),
        );
        for (who, client, status) in expected {
            // What changes something has a cast of its own in the other test.
            let changes = status < 300 && method != "GET";
            if changes {
                left += 1;
                continue;
            }
            cells += 1;
            let reply = ask(client, row, &cast).await?;
            if let Some(mistake) = judge(&reply, status)? {
                mistakes.push(format!("{} ({}) by {who}: {mistake}", row.operation, (row.path)(&cast)));
            }
        }
        let after = stored.rows().await?;
        if after != before {
            let changed: Vec<_> = after.symmetric_difference(&before).collect();
            mistakes.push(format!(
                "{} ({}) has stored something: {changed:#?}",
                row.operation,
                (row.path)(&cast)
            ));
            break;
        }
    }
    ensure!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    ensure!(cells + left == rows.len() * PRINCIPALS, "every row is asked by everybody");
    let operations = documented(&app).await?.len();
    println!(
        "{operations} operations x {PRINCIPALS} principals in {} rows: {} cells",
        rows.len(),
        cells + left
    );
    println!("{cells} of them store nothing");
    app.stop().await
}

async fn what_is_allowed_is_done(on: TestAppBuilder) -> Result<()> {
    let app = started(on).await?;
    let (mut cells, mut mistakes) = (0, Vec::new());
    for row in &rows() {
        let is_read = row.operation.starts_with("GET ");
        for (place, status) in row.answers.into_iter().enumerate() {
            if is_read || status >= 300 {
                continue;
            }
            cells += 1;
            let cast = Cast::new(&app, cells).await?;
            let client = [&cast.other, &cast.outsider, &cast.group_admin, &app.root, &cast.owner][place];
            let reply = ask(client, row, &cast).await?;
            if let Some(mistake) = judge(&reply, status)? {
                mistakes.push(format!("{} by number {place}: {mistake}", row.operation));
            }
        }
    }
    ensure!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    println!("{cells} cells that change something");
    app.stop().await
}

/// What is wrong with an answer. Refusals have one form, and a 401 tells nothing.
fn judge(reply: &Reply, status: u16) -> Result<Option<String>> {
    if reply.status != status {
        return Ok(Some(format!("{status} was expected, not {} {}", reply.status, reply.body)));
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
    Ok((problem["code"] != code || !is_bearer).then(|| format!("{code} was expected, not {problem}")))
}
