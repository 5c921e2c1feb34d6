//! Objects of the API: each carries every field that rules may name, so that a browser decides as the server does.

use causerie_permissions::{FieldType, Registry, SubjectType};
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    every_object_carries_the_fields_that_rules_may_name,
}

/// Answers with objects of one type, and the pointers of the objects in them.
struct Answers {
    subject: SubjectType,
    pointers: &'static [&'static str],
    bodies: Vec<Value>,
}

async fn every_object_carries_the_fields_that_rules_may_name(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    for subject in SubjectType::ALL {
        for answers in answers(&app, *subject).await? {
            check(&answers)?;
        }
    }
    app.stop().await
}

/// Returns real answers with objects of a type.
async fn answers(app: &TestApp, subject: SubjectType) -> Result<Vec<Answers>> {
    let get = async |path: &str| app.root.get(path).await?.json(200);
    let chat = app.root.chat("echo").await?;
    let sent = chat.send_for_json("Hello").await?.json(200)?;
    let path = |below: &str| chat.path(below);
    let pages = |bodies| Answers { subject, pointers: &["/data/0"], bodies };
    let objects = |bodies| Answers { subject, pointers: &[""], bodies };
    Ok(match subject {
        SubjectType::Session => {
            let created = app.root.post("/sessions", &json!({ "tool": "echo" })).await?.json(201)?;
            let renamed = app.root.patch(&path(""), &json!({ "title": "x" })).await?.json(200)?;
            let fork = app.root.post(&path("/forks"), &json!({ "from_seq": 2 })).await?.json(201)?;
            let lineage = format!("/sessions/{}/lineage", fork["id"].as_str().context("an id")?);
            let lists = ["/sessions", &path("/forks"), &lineage, "/audit/sessions"];
            let mut listed = Vec::new();
            for list in lists {
                listed.push(get(list).await?);
            }
            vec![objects(vec![created, renamed, fork, get(&path("")).await?]), pages(listed)]
        }
        SubjectType::Message => vec![
            Answers { subject, pointers: &["/user_message", "/message"], bodies: vec![sent] },
            Answers {
                subject,
                pointers: &["/messages/0", "/messages/1"],
                bodies: vec![get(&path("")).await?],
            },
            pages(vec![get(&path("/messages")).await?]),
        ],
        SubjectType::Tool => {
            vec![pages(vec![get("/tools").await?]), objects(vec![get("/tools/echo").await?])]
        }
        SubjectType::Model => {
            let changed = app.root.patch("/models/sim/echo", &json!({ "enabled": true })).await?.json(200)?;
            vec![pages(vec![get("/models").await?]), objects(vec![changed])]
        }
        SubjectType::Usage => vec![pages(vec![get("/usage/records").await?])],
        SubjectType::User => {
            let (id, _) = create_user(app, "carol").await?;
            vec![
                pages(vec![get("/users").await?]),
                objects(vec![get(&format!("/users/{id}")).await?]),
                Answers { subject, pointers: &["/user"], bodies: vec![get("/me").await?] },
            ]
        }
        SubjectType::Group => {
            let created = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
            let one = format!("/groups/{}", created["id"].as_str().context("an id")?);
            vec![objects(vec![created, get(&one).await?]), pages(vec![get("/groups").await?])]
        }
        SubjectType::ApiKey => {
            let created = app.root.post("/api-keys", &json!({ "name": "x" })).await?.json(201)?;
            let one = format!("/api-keys/{}", created["id"].as_str().context("an id")?);
            vec![objects(vec![created, get(&one).await?]), pages(vec![get("/api-keys").await?])]
        }
    })
}

/// Checks that each object has each field of its type, with a value that rules can test.
fn check(answers: &Answers) -> Result<()> {
    let registry = Registry::builtin();
    let schema = registry.subject(answers.subject.as_str()).context("the subject is registered")?;
    for body in &answers.bodies {
        for pointer in answers.pointers {
            let object = body.pointer(pointer).with_context(|| format!("no {pointer} in {body}"))?;
            for field in &schema.fields {
                let value = object.get(&field.name);
                let value =
                    value.with_context(|| format!("{} has no {}: {object}", schema.name, field.name))?;
                let fits = match field.field_type {
                    FieldType::Required(_) => !value.is_null() && !value.is_array(),
                    FieldType::Nullable(_) => !value.is_array(),
                    FieldType::List(_) => value.is_array(),
                };
                ensure!(fits, "{} of {} is {value}", field.name, schema.name);
            }
        }
    }
    Ok(())
}
