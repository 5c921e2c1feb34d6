//! Operator of users, groups, memberships and invitations.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;
use serde_json::{Value, json};

use crate::e2e::access_matrix::{column, create_user};

causerie_testkit::on_both_databases! {
    users_are_created_changed_and_deleted,
    invalid_users_are_not_created,
    the_last_admin_cannot_be_removed,
    deleting_a_user_cancels_turns_and_keeps_usage,
    an_invitation_reveals_no_users_and_is_accepted_by_its_address,
    an_invitation_is_declined_by_its_address,
    memberships_are_changed_and_ended,
    a_group_with_a_model_cannot_be_deleted,
    lists_are_paged,
}

async fn users_are_created_changed_and_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let path = format!("/users/{id}");
    let seen = carol.get(&path).await?.json(200)?;
    assert_eq!(
        (&seen["email"], &seen["role"], &seen["status"], &seen["group_ids"], &seen["locale"]),
        (&json!("carol@example.org"), &json!("user"), &json!("active"), &json!([]), &Value::Null)
    );
    assert_eq!(app.root.get(&path).await?.json(200)?, seen);
    app.ada.get(&path).await?.problem(404, "not_found")?;
    assert_eq!(column(&carol.get("/users").await?.json(200)?, "id"), [json!(id)]);

    let changed = carol.patch(&path, &json!({ "name": "Carol", "locale": "pt-BR" })).await?.json(200)?;
    assert_eq!((&changed["name"], &changed["locale"]), (&json!("Carol"), &json!("pt-BR")));
    assert_eq!(carol.get("/me").await?.json(200)?["user"]["name"], "Carol", "at once");
    assert_eq!(carol.patch(&path, &json!({ "locale": null })).await?.json(200)?["locale"], Value::Null);
    assert_eq!(carol.patch(&path, &json!({})).await?.json(200)?["name"], "Carol");
    for own in
        [json!({ "role": "admin" }), json!({ "status": "active" }), json!({ "email": "c@example.org" })]
    {
        carol.patch(&path, &own).await?.problem(403, "forbidden")?;
    }
    app.root.patch(&path, &json!({ "email": "ADA@example.org" })).await?.problem(409, "email_taken")?;
    let twice = json!({ "email": "Carol@Example.org", "name": "x" });
    app.root.post("/users", &twice).await?.problem(409, "email_taken")?;

    app.root.patch(&path, &json!({ "status": "disabled" })).await?.json(200)?;
    carol.get("/me").await?.problem(401, "unauthenticated")?;
    app.root.patch(&path, &json!({ "status": "active" })).await?.json(200)?;
    carol.get("/me").await?.json(200)?;
    assert_eq!(app.root.delete(&path).await?.status, 204);
    carol.get("/me").await?.problem(401, "unauthenticated")?;
    app.root.get(&path).await?.problem(404, "not_found")?;
    app.stop().await
}

async fn invalid_users_are_not_created(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, _) = create_user(&app, "carol").await?;
    let before = app.root.get("/users").await?.json(200)?;
    let rows = [
        (json!({ "email": "x@example.org" }), vec!["/name"]),
        (json!({ "email": "x", "name": "" }), vec!["/email", "/name"]),
        (json!({ "email": "x@example.org", "name": "x", "role": "owner" }), vec!["/role"]),
        (json!({ "email": "x@example.org", "name": "x", "id": id }), vec!["/id"]),
        (json!({ "email": "x@example.org", "name": "x\0" }), vec!["/name"]),
    ];
    for (body, places) in rows {
        let problem = app.root.post("/users", &body).await?.problem(400, "invalid_body")?;
        assert_eq!(places_of(&problem), places, "{body}");
    }
    let changes = [
        (json!({ "name": null }), vec!["/name"]),
        (json!({ "name": "x".repeat(201) }), vec!["/name"]),
        (json!({ "locale": "de_DE" }), vec!["/locale"]),
        (json!({ "status": "gone" }), vec!["/status"]),
        (json!({ "group_ids": [] }), vec!["/group_ids"]),
    ];
    for (body, places) in changes {
        let refused = app.root.patch(&format!("/users/{id}"), &body).await?;
        assert_eq!(places_of(&refused.problem(400, "invalid_body")?), places, "{body}");
    }
    assert_eq!(app.root.get("/users").await?.json(200)?, before);
    app.stop().await
}

fn places_of(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str()).collect()
}

async fn the_last_admin_cannot_be_removed(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let root = app.root.get("/me").await?.json(200)?["user"]["id"].as_str().context("an id")?.to_owned();
    let path = format!("/users/{root}");
    let users = app.root.get("/users?limit=100").await?.json(200)?;
    let founder = users["data"].as_array().context("a page")?.iter();
    let founder =
        founder.clone().find(|user| user["email"] == "admin@localhost").context("the first start")?;
    let founder = format!("/users/{}", founder["id"].as_str().context("an id")?);
    app.root.patch(&founder, &json!({ "status": "disabled" })).await?.json(200)?;
    for change in [json!({ "role": "user" }), json!({ "status": "disabled" })] {
        app.root.patch(&path, &change).await?.problem(409, "last_admin")?;
    }
    app.root.delete(&path).await?.problem(409, "last_admin")?;
    assert_eq!(app.root.get("/me").await?.json(200)?["user"]["role"], "admin");

    // Two admins delete each other concurrently; one of them remains.
    let (other, second) = create_user(&app, "second").await?;
    app.root.patch(&format!("/users/{other}"), &json!({ "role": "admin" })).await?.json(200)?;
    let (theirs, demote) = (format!("/users/{other}"), json!({ "role": "user" }));
    let (one, two) = tokio::join!(app.root.patch(&theirs, &demote), second.patch(&path, &demote));
    let statuses = [one?.status, two?.status];
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    app.stop().await
}

async fn deleting_a_user_cancels_turns_and_keeps_usage(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let chat = carol.chat("gated").await?;
    let mut stream = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    assert_eq!(app.root.delete(&format!("/users/{id}")).await?.status, 204);
    let mut rows = crate::e2e::access_matrix::Dump::open(app.database()).await?;
    let rows = rows.rows().await?;
    let count = |table: &str| rows.iter().filter(|row| row.starts_with(&format!("{table} "))).count();
    assert_eq!((count("sessions"), count("messages"), count("turns"), count("ai_usage")), (0, 0, 0, 1));
    app.upstream().open("gate");
    app.stop().await
}

async fn an_invitation_reveals_no_users_and_is_accepted_by_its_address(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.start().await?;
    let (admin, boss) = create_user(&app, "boss").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = group["id"].as_str().context("an id")?;
    let members = format!("/groups/{group}/members");
    app.root.post(&members, &json!({ "user_id": admin, "role": "admin" })).await?.json(201)?;

    let known = boss.post(&members, &json!({ "email": "ada@example.org" })).await?.json(202)?;
    let unknown = boss.post(&members, &json!({ "email": "zed@example.org" })).await?.json(202)?;
    let without_address = |mut answer: Value| {
        answer["email"].take();
        answer
    };
    assert_eq!(without_address(known), without_address(unknown));
    let invited = boss.get(&format!("/groups/{group}/invitations")).await?.json(200)?;
    assert_eq!(column(&invited, "email"), [json!("ada@example.org"), json!("zed@example.org")]);
    assert_eq!(boss.get(&members).await?.json(200)?["data"].as_array().map(Vec::len), Some(1));

    let mine = app.ada.get("/me").await?.json(200)?;
    assert_eq!((&mine["invitations"][0]["group_id"], &mine["groups"]), (&json!(group), &json!([])));
    let accept = format!("{members}/me");
    app.bob.post(&accept, &Value::Null).await?.problem(404, "not_found")?;
    assert_eq!(app.ada.post(&accept, &Value::Null).await?.status, 204);
    app.ada.post(&accept, &Value::Null).await?.problem(404, "not_found")?;
    let mine = app.ada.get("/me").await?.json(200)?;
    assert_eq!((&mine["invitations"], &mine["groups"][0]["role"]), (&json!([]), &json!("member")));

    // An admin of the group sees the profile of its members only.
    let seen = boss.get(&members).await?.json(200)?;
    let ada = seen["data"].as_array().context("a page")?.iter().find(|row| row["role"] == "member");
    let user = ada.context("ada is a member")?["user"].as_object().context("a user")?.clone();
    assert_eq!(user.keys().collect::<Vec<_>>(), ["group_ids", "id", "name", "status"]);

    let zed = format!("/groups/{group}/invitations/ZED@example.org");
    assert_eq!(boss.delete(&zed).await?.status, 204);
    boss.delete(&zed).await?.problem(404, "not_found")?;
    for (body, status) in [
        (json!({}), 400),
        (json!({ "email": "x", "user_id": admin }), 400),
        (json!({ "email": "nonsense" }), 400),
        (json!({ "user_id": "nonsense" }), 400),
        (json!({ "user_id": admin }), 403),
    ] {
        assert_eq!(boss.post(&members, &body).await?.status, status, "{body}");
    }
    app.stop().await
}

async fn an_invitation_is_declined_by_its_address(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (admin, boss) = create_user(&app, "boss").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = group["id"].as_str().context("an id")?;
    let members = format!("/groups/{group}/members");
    app.root.post(&members, &json!({ "user_id": admin, "role": "admin" })).await?.json(201)?;
    boss.post(&members, &json!({ "email": "ADA@example.org" })).await?.json(202)?;

    let mine = format!("{members}/me");
    app.bob.delete(&mine).await?.problem(404, "not_found")?;
    assert_eq!(app.ada.delete(&mine).await?.status, 204);
    app.ada.delete(&mine).await?.problem(404, "not_found")?;
    app.ada.post(&mine, &Value::Null).await?.problem(404, "not_found")?;
    let seen = app.ada.get("/me").await?.json(200)?;
    assert_eq!((&seen["invitations"], &seen["groups"]), (&json!([]), &json!([])));
    let left = boss.get(&format!("/groups/{group}/invitations")).await?.json(200)?;
    assert_eq!(left["data"], json!([]));
    let events = app.root.get(&format!("/audit/events?subject_id={group}")).await?.json(200)?;
    let declined = events["data"].as_array().context("a page")?;
    let declined = declined.iter().find(|event| event["action"] == "member.uninvite").context("an event")?;
    assert_eq!(declined["actor_id"], app.ada.get("/me").await?.json(200)?["user"]["id"]);

    // A membership ends first, and its open invitation next.
    boss.post(&members, &json!({ "email": "ada@example.org" })).await?.json(202)?;
    assert_eq!(app.ada.post(&mine, &Value::Null).await?.status, 204);
    boss.post(&members, &json!({ "email": "ada@example.org" })).await?.json(202)?;
    for status in [204, 204, 404] {
        assert_eq!(app.ada.delete(&mine).await?.status, status);
    }
    app.stop().await
}

async fn memberships_are_changed_and_ended(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (carol_id, carol) = create_user(&app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let path = format!("/groups/{}", group["id"].as_str().context("an id")?);
    let member = format!("{path}/members/{carol_id}");
    app.root.patch(&member, &json!({ "role": "admin" })).await?.problem(404, "not_found")?;
    app.root.post(&format!("{path}/members"), &json!({ "user_id": carol_id })).await?.json(201)?;
    carol.patch(&path, &json!({ "name": "Mine" })).await?.problem(403, "forbidden")?;
    assert_eq!(app.root.patch(&member, &json!({ "role": "admin" })).await?.status, 204);
    assert_eq!(carol.patch(&path, &json!({ "name": "Mine" })).await?.json(200)?["name"], "Mine");
    carol.patch(&path, &json!({ "name": "" })).await?.problem(400, "invalid_body")?;
    assert_eq!(carol.delete(&format!("{path}/members/me")).await?.status, 204);
    carol.get(&path).await?.problem(404, "not_found")?;
    carol.delete(&format!("{path}/members/me")).await?.problem(404, "not_found")?;
    app.root.delete(&member).await?.problem(404, "not_found")?;
    assert_eq!(app.root.delete(&path).await?.status, 204);
    app.root.delete(&path).await?.problem(404, "not_found")?;
    app.stop().await
}

async fn a_group_with_a_model_cannot_be_deleted(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let id = group["id"].as_str().context("an id")?;
    let model = "/models/sim/echo";
    let chat = app.ada.chat("echo").await?;
    let given = app.root.patch(model, &json!({ "group_id": id, "restricted": true })).await?.json(200)?;
    assert_eq!((&given["group_id"], &given["restricted"]), (&json!(id), &json!(true)));
    chat.send_for_json("Hello").await?.problem(403, "forbidden")?;
    app.root.delete(&format!("/groups/{id}")).await?.problem(409, "group_in_use")?;
    app.root.get(&format!("/groups/{id}")).await?.json(200)?;
    // The slash may be percent-encoded.
    let back = json!({ "group_id": null, "restricted": false });
    app.root.patch("/models/sim%2Fecho", &back).await?.json(200)?;
    chat.send_for_json("Hello").await?.json(200)?;
    app.root.patch(model, &json!({ "enabled": false })).await?.json(200)?;
    assert_eq!(chat.send_for_json("Hello").await?.problem(403, "forbidden")?["reason"], "disabled");
    for wrong in [json!({ "enabled": null }), json!({ "enabled": "no" }), json!({ "id": "x" })] {
        app.root.patch(model, &wrong).await?.problem(400, "invalid_body")?;
    }
    assert_eq!(app.root.delete(&format!("/groups/{id}")).await?.status, 204);
    app.stop().await
}

async fn lists_are_paged(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    for number in 0..3 {
        app.root.post("/groups", &json!({ "name": format!("g{number}") })).await?.json(201)?;
        create_user(&app, &format!("p{number}")).await?;
    }
    for list in ["/groups", "/users", "/api-keys", "/audit/events"] {
        let whole = column(&app.root.get(&format!("{list}?limit=100")).await?.json(200)?, "id");
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.root.get(&format!("{list}?limit=2{cursor}")).await?.json(200)?;
            found.extend(column(&page, "id"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, whole, "{list}");
        assert!(found.len() >= 3, "{list}");
        app.root.get(&format!("{list}?cursor=00")).await?.problem(400, "invalid_parameter")?;
        app.root.get(&format!("{list}?name=x")).await?.problem(400, "invalid_parameter")?;
    }
    app.stop().await
}
