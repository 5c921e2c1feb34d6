//! Stored rules, and the abilities of a client.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::{Dump, create_user};

causerie_testkit::on_both_databases! {
    stored_rules_apply_immediately_and_in_order,
    rules_that_cannot_be_evaluated_are_refused,
    stored_rules_that_cannot_be_evaluated_allow_nothing,
    larger_rules_than_a_request_may_store_still_apply,
    concurrent_replacements_are_decided_about_the_rules_that_they_replace,
    stored_rules_never_override_the_guard,
    abilities_are_the_rules_that_the_server_applies,
    abilities_of_a_user_are_listed_with_their_layers,
}

async fn put(app: &TestApp, path: &str, rules: Value) -> Result<Reply> {
    Reply::fetch(app.root.request(Method::PUT, path).json(&json!({ "rules": rules }))).await
}

async fn stored_rules_apply_immediately_and_in_order(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("text", "sim/text").start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = group["id"].as_str().context("an id")?.to_owned();
    app.root.post(&format!("/groups/{group}/members"), &json!({ "user_id": id })).await?.json(201)?;
    let slugs = async || -> Result<Vec<Value>> {
        let page = carol.get("/tools").await?.json(200)?;
        Ok(page["data"].as_array().into_iter().flatten().map(|tool| tool["slug"].clone()).collect())
    };
    assert_eq!(slugs().await?, ["echo", "text"]);

    let (of_group, of_user) = (format!("/groups/{group}/rules"), format!("/users/{id}/rules"));
    let forbid =
        json!([{ "action": ["read", "use"], "subject": "Tool", "inverted": true, "reason": "not_here" }]);
    assert_eq!(put(&app, &of_group, forbid.clone()).await?.json(200)?["rules"], forbid);
    carol.get("/tools").await?.problem(403, "forbidden")?;
    app.ada.get("/tools").await?.json(200)?;

    let allow = json!([
        { "action": ["read", "use"], "subject": "Tool", "conditions": { "slug": "echo" } },
        { "action": "read", "subject": "User", "conditions": { "id": "${user.id}" }, "fields": ["id"] },
    ]);
    put(&app, &of_user, allow.clone()).await?.json(200)?;
    assert_eq!(app.root.get(&of_user).await?.json(200)?["rules"], allow);
    assert_eq!(slugs().await?, ["echo"], "the rules of a user follow those of the group");
    carol.get("/tools/text").await?.problem(404, "not_found")?;
    carol.chat("echo").await?;
    let refused = carol.post("/sessions", &json!({ "tool": "text" })).await?.problem(404, "not_found")?;
    assert_eq!(refused["errors"][0]["pointer"], "/tool");

    put(&app, &of_user, json!([])).await?.json(200)?;
    put(&app, &of_group, json!([])).await?.json(200)?;
    assert_eq!(slugs().await?, ["echo", "text"]);
    app.stop().await
}

async fn rules_that_cannot_be_evaluated_are_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let path = format!("/users/{id}/rules");
    let good = json!({ "action": "read", "subject": "Tool" });
    for bad in [
        json!({ "action": "see", "subject": "Tool" }),
        json!({ "action": "read", "subject": "Tools" }),
        json!({ "action": "read", "subject": "Tool", "conditions": { "title": "x" } }),
        json!({ "action": "read", "subject": "Tool", "conditions": { "$or": [] } }),
        json!({ "action": "read", "subject": "Tool", "conditions": { "slug": { "$regex": "^e" } } }),
        json!({ "action": "read", "subject": "Tool", "conditions": { "slug": "${user.email}" } }),
        json!({ "action": "read", "subject": "Tool", "fields": ["secret"] }),
    ] {
        let refused = put(&app, &path, json!([good, bad])).await?.problem(400, "invalid_body")?;
        assert_eq!(refused["errors"][0]["pointer"], "/rules/1", "{refused}");
    }
    let refused = put(&app, &path, json!([{ "action": "read", "condition": {} }])).await?;
    assert_eq!(refused.problem(400, "invalid_body")?["errors"][0]["pointer"], "/rules/0/condition");
    put(&app, &path, json!(vec![&good; 200])).await?.json(200)?;
    put(&app, &path, json!([])).await?.json(200)?;
    let refused = put(&app, &path, json!(vec![good; 201])).await?.problem(400, "invalid_body")?;
    assert_eq!(refused["errors"][0]["pointer"], "/rules", "{refused}");
    assert_eq!(app.root.get(&path).await?.json(200)?["rules"], json!([]));
    carol.get("/tools").await?.json(200)?;
    app.stop().await
}

async fn larger_rules_than_a_request_may_store_still_apply(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("text", "sim/text").start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let path = format!("/users/{id}/rules");
    let mut slugs: Vec<String> = (0..20_000).map(|number| format!("other-{number}")).collect();
    slugs.push("text".to_owned());
    let conditions = json!({ "slug": { "$in": slugs } });
    let rule = json!({ "action": "read", "subject": "Tool", "conditions": conditions, "inverted": true });

    let refused = put(&app, &path, json!([rule])).await?;
    let answer = refused.problem(400, "invalid_body")?;
    assert_eq!(answer["errors"][0]["pointer"], "/rules", "{answer}");
    assert_eq!(answer["errors"][1]["pointer"], "/rules/0/conditions", "{answer}");
    assert!(refused.body.len() < 1024, "{}", refused.body.len());

    // An earlier version could have stored it.
    let literal = uuid_literal(app.database().store(), id.parse()?);
    let mut raw = RawConnection::open(app.database()).await?;
    raw.run(&format!("INSERT INTO user_rules (user_id, position, rule) VALUES ({literal}, 0, '{rule}')"))
        .await?;
    assert_eq!(app.root.get(&path).await?.json(200)?["rules"], json!([rule]));
    let page = carol.get("/tools").await?.json(200)?;
    assert_eq!(page["data"].as_array().context("a list")?.len(), 1, "{page}");
    carol.get("/tools/text").await?.problem(404, "not_found")?;
    put(&app, &path, json!([])).await?.json(200)?;
    carol.get("/tools/text").await?.json(200)?;
    app.stop().await
}

async fn concurrent_replacements_are_decided_about_the_rules_that_they_replace(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.start().await?;
    let (id, _) = create_user(&app, "carol").await?;
    let path = format!("/users/{id}/rules");
    let rules = |number: usize| json!([{ "action": "read", "subject": "Tool", "inverted": true, "reason": number.to_string() }]);
    let replies = join_all((0..4).map(|number| put(&app, &path, rules(number)))).await;
    for (number, reply) in replies.into_iter().enumerate() {
        assert_eq!(reply?.json(200)?["rules"], rules(number));
    }
    let events = app.root.get("/audit/events?limit=100").await?.json(200)?;
    let events = events["data"].as_array().context("a list")?;
    let replaced = events.iter().filter(|event| event["action"] == "rules.replace");
    let details: Vec<&Value> = replaced.map(|event| &event["detail"]).collect();
    assert_eq!(details.len(), 4, "{details:?}");
    // Newest first: each change has replaced the rules of the one before.
    for pair in details.windows(2) {
        assert_eq!(pair[0]["replaced"], pair[1]["rules"]);
    }
    app.stop().await
}

async fn stored_rules_that_cannot_be_evaluated_allow_nothing(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let mut raw = RawConnection::open(app.database()).await?;
    // Rules that the API refuses but that another program or an earlier version could have stored.
    let unevaluable = [
        "no rule",
        r#"{ "action": "see", "subject": "Tool" }"#,
        r#"{ "action": "manage", "subject": "all", "conditions": { "$or": [] } }"#,
        r#"{ "action": "read", "subject": "Usage", "conditions": { "title": "x" } }"#,
        r#"{ "action": "read", "subject": "Tool", "conditions": { "slug": { "$regex": "^e" } } }"#,
        r#"{ "action": "read", "subject": "Tool", "conditions": { "slug": "${user.email}" } }"#,
    ];
    for (number, rule) in unevaluable.into_iter().enumerate() {
        let (id, carol) = create_user(&app, &format!("carol-{number}")).await?;
        let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
        let group = group["id"].as_str().context("an id")?;
        app.root.post(&format!("/groups/{group}/members"), &json!({ "user_id": id })).await?.json(201)?;
        // A rule of the user, or of the group of the user.
        let (owner, of) = if number % 2 == 0 { ("user", id.as_str()) } else { ("group", group) };
        let literal = uuid_literal(app.database().store(), of.parse()?);
        let table = format!("{owner}_rules ({owner}_id, position, rule)");
        raw.run(&format!("INSERT INTO {table} VALUES ({literal}, 0, '{rule}')")).await?;

        let before = Dump::open(app.database()).await?.rows().await?;
        for path in [
            "/me/abilities",
            "/tools",
            "/tools/echo",
            "/models",
            "/sessions",
            "/usage",
            "/usage/records",
            "/users",
            "/groups",
            "/api-keys",
            "/audit/sessions",
            "/audit/events",
            &format!("/users/{id}"),
        ] {
            let refused = carol.get(path).await?;
            refused.problem(500, "internal").with_context(|| format!("{path} by {rule}"))?;
            assert!(!refused.body.contains("rule"), "what is wrong is for the log: {}", refused.body);
        }
        carol.post("/sessions", &json!({ "tool": "echo" })).await?.problem(500, "internal")?;
        carol.post("/api-keys", &json!({ "name": "n" })).await?.problem(500, "internal")?;
        carol.patch(&format!("/users/{id}"), &json!({ "name": "x" })).await?.problem(500, "internal")?;
        assert_eq!(Dump::open(app.database()).await?.rows().await?, before, "nothing was stored");

        app.ada.get("/tools").await?.json(200)?;
        put(&app, &format!("/{owner}s/{of}/rules"), json!([])).await?.json(200)?;
        carol.get("/tools").await?.json(200)?;
    }
    app.stop().await
}

async fn stored_rules_never_override_the_guard(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    put(&app, &format!("/users/{id}/rules"), json!([{ "action": "manage", "subject": "all" }]))
        .await?
        .json(200)?;
    let chat = app.ada.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    let refused = carol.get(&chat.path("")).await?.problem(403, "forbidden")?;
    assert_eq!(refused["reason"], "conversation_is_private");
    let refused = chat.with_client(&carol).send_for_json("Hi").await?.problem(403, "forbidden")?;
    assert_eq!(refused["reason"], "not_session_owner");
    carol.get("/users").await?.json(200)?;
    app.stop().await
}

async fn abilities_are_the_rules_that_the_server_applies(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let rule = json!({ "action": "read", "subject": "Group", "conditions": { "id": { "$in": "${user.group_ids}" } }, "inverted": true });
    put(&app, &format!("/users/{id}/rules"), json!([rule])).await?.json(200)?;
    let answer = carol.get("/me/abilities").await?;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    let tag = answer.header("etag").context("a tag")?.to_owned();
    let abilities = answer.json(200)?;
    assert_eq!((&abilities["casl"], format!("{}", abilities["etag"])), (&json!(7), tag.clone()));
    let rules = abilities["rules"].as_array().context("a list")?;
    assert!(!answer.body.contains("${"), "placeholders are replaced");
    assert!(
        rules.iter().any(|rule| rule["conditions"]["id"]["$in"] == json!([]) && rule["inverted"] == true)
    );
    assert_eq!(rules.last().and_then(|rule| rule["reason"].as_str()), Some("keys_are_replaced_not_changed"));

    let ask = |tag: &str| carol.request(Method::GET, "/me/abilities").header("if-none-match", tag);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let unchanged = Reply::fetch(ask(&known)).await?;
        assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""), "{known}");
    }
    assert_eq!(Reply::fetch(ask("\"x\"")).await?.status, 200);

    let packed = carol.get("/me/abilities?format=packed").await?.json(200)?;
    assert_eq!(packed["rules"].as_array().map(Vec::len), Some(rules.len()));
    assert_eq!(packed["rules"][0][0], "read,use");
    assert_ne!(packed["etag"], abilities["etag"]);
    carol.get("/me/abilities?format=zip").await?.problem(400, "invalid_parameter")?;

    let narrow =
        carol.post("/api-keys", &json!({ "name": "n", "scopes": ["read:Usage"] })).await?.json(201)?;
    let narrow = carol.with_key(narrow["key"].as_str().context("a key")?);
    let narrowed = narrow.get("/me/abilities").await?.json(200)?;
    let all = narrowed["rules"].as_array().context("a list")?;
    assert!(!all.is_empty() && all.iter().all(|rule| rule["subject"] == "Usage"), "{narrowed}");
    app.stop().await
}

async fn abilities_of_a_user_are_listed_with_their_layers(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = group["id"].as_str().context("an id")?.to_owned();
    let member = json!({ "user_id": id, "role": "admin" });
    app.root.post(&format!("/groups/{group}/members"), &member).await?.json(201)?;
    let (of_group, of_user) = (
        json!({ "action": "read", "subject": "Model", "conditions": { "group_id": { "$in": "${user.group_ids}" } } }),
        json!({ "action": "use", "subject": "Tool", "conditions": { "slug": "echo" }, "inverted": true, "reason": "not_here" }),
    );
    put(&app, &format!("/groups/{group}/rules"), json!([of_group])).await?.json(200)?;
    put(&app, &format!("/users/{id}/rules"), json!([of_user])).await?.json(200)?;

    let path = format!("/users/{id}/abilities");
    let answer = app.root.get(&path).await?;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    let listed = answer.json(200)?;
    assert_eq!(listed["casl"], 7);
    let mut rules = listed["rules"].as_array().context("a list")?.clone();
    let layers: Vec<String> = rules
        .iter_mut()
        .filter_map(|rule| rule.as_object_mut()?.remove("layer")?.as_str().map(str::to_owned))
        .collect();
    let own = carol.get("/me/abilities").await?.json(200)?;
    assert_eq!(Some(&rules), own["rules"].as_array(), "the rules are those that the server applies");
    let mut order = layers.clone();
    order.dedup();
    assert_eq!(order, ["user", "group_admin", "group_rules", "user_rules", "guard"]);
    let of_layer =
        |layer: &str| layers.iter().position(|each| each == layer).map(|index| rules[index].clone());
    assert_eq!(of_layer("group_rules").context("a rule")?["conditions"]["group_id"]["$in"], json!([group]));
    assert_eq!(of_layer("user_rules").context("a rule")?["reason"], "not_here");

    let root = app.root.get("/me").await?.json(200)?;
    let root = root["user"]["id"].as_str().context("an id")?.to_owned();
    let of_root = app.root.get(&format!("/users/{root}/abilities")).await?.json(200)?;
    assert!(
        of_root["rules"].as_array().into_iter().flatten().any(|rule| rule["layer"] == "admin"),
        "{of_root}"
    );
    carol.get(&path).await?.problem(403, "forbidden")?;
    app.stop().await
}
