//! Authentication by token, rate limits, CORS, and disabled authentication.

use std::num::NonZeroU32;

use causerie_domain::ports::{Authentication as _, ExternalId, Operator as _};
use causerie_identity::{Algorithm, FetchLimits};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use causerie_testkit::provider::{Provider, Signer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::{audit_stamp, column, create_user};

causerie_testkit::on_both_databases! {
    a_token_has_the_rights_of_its_user,
    a_token_provisions_a_user_if_that_is_enabled,
    sends_are_limited_per_user,
    no_choice_of_a_key_or_header_resets_the_count_of_sends,
    a_synchronization_counts_as_a_send_with_any_key,
    the_limit_of_a_group_applies_to_each_member,
    failed_authentications_are_limited_per_address,
    configured_origins_are_allowed_by_cors,
    without_authentication_requests_act_as_the_first_admin,
}

const ISSUER: &str = "https://id.example";

fn claims(subject: &str, email: &str) -> Value {
    // The year 2100, because the server uses the clock of the machine.
    json!({ "iss": ISSUER, "aud": "causerie", "sub": subject, "exp": 4_102_444_800_i64, "email": email })
}

/// Starts an app that accepts the tokens of a provider.
async fn start_with_provider(builder: TestAppBuilder, provider: &Provider) -> Result<TestApp> {
    let tokens = causerie_identity::Settings {
        issuer: ISSUER.to_owned(),
        audience: "causerie".to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: Algorithm::ALL.to_vec(),
        limits: FetchLimits::default(),
    };
    builder.tool("echo", "sim/echo").tokens(tokens).start().await
}

async fn a_token_has_the_rights_of_its_user(builder: TestAppBuilder) -> Result<()> {
    let signer = Signer::es256("k")?;
    let provider = Provider::start(&[&signer]).await?;
    let app = start_with_provider(builder, &provider).await?;
    let token = signer.token(&claims("a-1", "ada@example.org"))?;
    let client = app.anonymous().with_key(&token);
    client.get("/me").await?.problem(401, "unauthenticated")?;

    let store = app.database().store();
    let ada = store.user_by_email("ada@example.org").await?.context("ada is a user")?;
    let id = ExternalId { issuer: ISSUER.to_owned(), subject: "a-1".to_owned() };
    store.link(ada.id, id, audit_stamp()).await?;
    let me = client.get("/me").await?.json(200)?;
    assert_eq!((&me["user"]["email"], &me["scopes"]), (&json!("ada@example.org"), &json!([])));
    let chat = client.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    assert_eq!(chat.with_client(&app.ada).detail().await?["id"], chat.id.as_str());
    app.bob.get(&chat.path("")).await?.problem(404, "not_found")?;

    // A ticket that was requested with a token.
    let issued =
        Reply::fetch(client.request(Method::POST, &chat.path("/stream-tickets"))).await?.json(201)?;
    let path = chat.path(&format!("/stream?ticket={}", issued["ticket"].as_str().unwrap()));
    assert_eq!(app.anonymous().get(&path).await?.status, 204);
    // A token in a query parameter is refused, because addresses are logged.
    client.get(&format!("/me?access_token={token}")).await?.problem(401, "unauthenticated")?;
    let stranger = Signer::es256("k")?.token(&claims("a-1", "ada@example.org"))?;
    app.anonymous().with_key(&stranger).get("/me").await?.problem(401, "unauthenticated")?;
    app.stop().await
}

async fn a_token_provisions_a_user_if_that_is_enabled(builder: TestAppBuilder) -> Result<()> {
    let signer = Signer::eddsa("k")?;
    let provider = Provider::start(&[&signer]).await?;
    let builder = builder.settings(|settings| settings.http.access.auto_provision = true);
    let app = start_with_provider(builder, &provider).await?;
    let client_with =
        |claims: &Value| -> Result<Client> { Ok(app.anonymous().with_key(&signer.token(claims)?)) };
    let eve = client_with(&claims("e-1", "eve@id.example"))?;
    let (one, two) = tokio::join!(eve.get("/me"), eve.get("/me"));
    let (one, two) = (one?.json(200)?, two?.json(200)?);
    assert_eq!(one["user"], two["user"]);
    assert_eq!((&one["user"]["email"], &one["user"]["role"]), (&json!("eve@id.example"), &json!("user")));

    // An address from the provider does not select an existing user.
    client_with(&claims("e-2", "ada@example.org"))?.get("/me").await?.problem(401, "unauthenticated")?;
    let mut unverified = claims("e-3", "new@id.example");
    unverified["email_verified"] = json!(false);
    client_with(&unverified)?.get("/me").await?.problem(401, "unauthenticated")?;
    let mut with_role = claims("e-4", "root@id.example");
    with_role["role"] = json!("admin");
    assert_eq!(client_with(&with_role)?.get("/me").await?.json(200)?["roles"], json!(["user"]));
    app.stop().await
}

async fn no_choice_of_a_key_or_header_resets_the_count_of_sends(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (user, carol) = create_user(&app, "carol").await?;
    let mut keys = Vec::new();
    for (name, limit) in [("five", 5), ("four", 4)] {
        let group = app.root.post("/groups", &json!({ "name": name })).await?.json(201)?;
        let path = format!("/groups/{}", group["id"].as_str().context("an id")?);
        app.root.post(&format!("{path}/members"), &json!({ "user_id": user })).await?.json(201)?;
        app.root.patch(&path, &json!({ "requests_per_minute": limit })).await?.json(200)?;
        let new = json!({ "name": name, "group_id": group["id"] });
        let key = carol.post("/api-keys", &new).await?.json(201)?;
        keys.push(carol.with_key(key["key"].as_str().context("a key")?));
    }
    keys.push(carol.clone());
    let chats = [keys[0].chat("echo").await?, keys[1].chat("echo").await?, carol.chat("echo").await?];
    let mut accepted = 0;
    for turn in 0..120 {
        // A repeated or a new idempotency key, a forwarded address and a query change nothing.
        let send = chats[turn % 3].message_request("Hello").header("accept", "application/json");
        let send = send.header("idempotency-key", format!("k{turn}"));
        let send = send.header("x-forwarded-for", format!("192.0.2.{turn}"));
        let reply = Reply::fetch(send).await?;
        match reply.status {
            200 => accepted += 1,
            _ => drop(reply.problem(429, "rate_limited")?),
        }
    }
    // The test takes some seconds, and a token comes back every twelve.
    assert!((4..=8).contains(&accepted), "{accepted}");
    assert_eq!(app.upstream().count_chat(), accepted);
    app.stop().await
}

async fn a_synchronization_counts_as_a_send_with_any_key(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .settings(|settings| settings.http.access.sends_per_minute = NonZeroU32::new(2))
        .start()
        .await?;
    let synchronize = async || {
        let request = app.root.request(Method::POST, "/models/sync").header("idempotency-key", "k");
        Reply::fetch(request).await
    };
    for _ in 0..2 {
        synchronize().await?.json(200)?;
    }
    synchronize().await?.problem(429, "rate_limited")?;
    app.stop().await
}

async fn sends_are_limited_per_user(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.tool("echo", "sim/echo");
    let app = builder
        .settings(|settings| settings.http.access.sends_per_minute = NonZeroU32::new(2))
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    let send_with_key = async |key: &str| {
        Reply::fetch(
            chat.message_request("Hello").header("idempotency-key", key).header("accept", "application/json"),
        )
        .await
    };
    let first = send_with_key("one").await?;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.header("ratelimit-policy"), Some("\"sends\";q=2;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"sends\";r=1;t=30"));
    // Failed sends count as well, and have the headers.
    let nowhere = "/sessions/01990000-0000-7000-8000-000000000001/messages";
    let absent = app.ada.post(nowhere, &json!({ "content": "x" })).await?;
    absent.problem(404, "not_found")?;
    assert_eq!(absent.header("ratelimit"), Some("\"sends\";r=0;t=60"));

    let limited = send_with_key("two").await?;
    limited.problem(429, "rate_limited")?;
    let wait: u64 = limited.header("retry-after").context("no retry-after")?.parse()?;
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(
        limited.header("ratelimit").and_then(|limit| limit.strip_prefix("\"sends\";r=0;t=")),
        Some(&*wait.to_string())
    );
    let replayed = send_with_key("one").await?;
    assert_eq!(replayed.status, 200, "a repeated send is not limited: {}", replayed.body);
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(
        app.bob.chat("echo").await?.send_for_json("Hello").await?.status,
        200,
        "the limit is per user"
    );
    assert_eq!(app.ada.get("/sessions").await?.status, 200, "reads are not limited");
    app.stop().await
}

async fn the_limit_of_a_group_applies_to_each_member(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let ((id, carol), (admin_id, admin)) =
        (create_user(&app, "carol").await?, create_user(&app, "boss").await?);
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    assert_eq!(group["requests_per_minute"], Value::Null);
    let path = format!("/groups/{}", group["id"].as_str().context("an id")?);
    for (user, role) in [(&id, "member"), (&admin_id, "admin")] {
        let member = json!({ "user_id": user, "role": role });
        app.root.post(&format!("{path}/members"), &member).await?.json(201)?;
    }
    let chat = carol.chat("echo").await?;
    assert_eq!(
        chat.send_for_json("Hello").await?.header("ratelimit"),
        None,
        "without a limit there is no header"
    );

    for wrong in [json!(0), json!(1_000_001), json!("2"), json!(-1), json!(1.5)] {
        let refused = app.root.patch(&path, &json!({ "requests_per_minute": wrong })).await?;
        let problem = refused.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], "/requests_per_minute", "{wrong}");
    }
    let two = json!({ "requests_per_minute": 2 });
    // An admin of the group may rename it but not change its limit, alone or with a name.
    admin.patch(&path, &two).await?.problem(403, "forbidden")?;
    let both = json!({ "name": "Mine", "requests_per_minute": null });
    admin.patch(&path, &both).await?.problem(403, "forbidden")?;
    carol.patch(&path, &two).await?.problem(403, "forbidden")?;
    assert_eq!(carol.get(&path).await?.json(200)?, group, "nothing was stored");
    assert_eq!(app.root.patch(&path, &two).await?.json(200)?["requests_per_minute"], 2);
    assert_eq!(admin.patch(&path, &json!({ "name": "Ours" })).await?.json(200)?["requests_per_minute"], 2);

    for (remaining, reset) in [(1, 30), (0, 60)] {
        let sent = chat.send_for_json("Hello").await?;
        sent.json(200)?;
        assert_eq!(sent.header("ratelimit-policy"), Some("\"sends\";q=2;w=60"));
        let received = sent.header("ratelimit").context("no ratelimit header")?;
        assert_eq!(received, format!("\"sends\";r={remaining};t={reset}"));
    }
    let before = chat.history().await?;
    let limited = chat.send_for_json("Hello").await?;
    limited.problem(429, "rate_limited")?;
    let wait: u64 = limited.header("retry-after").context("no retry-after")?.parse()?;
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(limited.header("ratelimit").is_some_and(|received| received.starts_with("\"sends\";r=0;t=")));
    assert_eq!(chat.history().await?, before, "nothing was stored");
    assert_eq!(
        admin.chat("echo").await?.send_for_json("Hello").await?.status,
        200,
        "the limit is per member"
    );
    assert_eq!(app.ada.chat("echo").await?.send_for_json("Hello").await?.header("ratelimit"), None);

    let none = json!({ "requests_per_minute": null });
    assert_eq!(app.root.patch(&path, &none).await?.json(200)?["requests_per_minute"], Value::Null);
    assert_eq!(chat.send_for_json("Hello").await?.header("ratelimit"), None);
    let events = format!("/audit/events?subject_id={}", group["id"].as_str().context("an id")?);
    let details = column(&app.root.get(&events).await?.json(200)?, "detail");
    assert_eq!((&details[0], &details[1], &details[2]), (&none, &json!({ "name": "Ours" }), &two));
    app.stop().await
}

async fn failed_authentications_are_limited_per_address(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.settings(|settings| {
        settings.http.access.failures_per_minute = NonZeroU32::new(2);
        settings.http.access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let app = builder.start().await?;
    let from = async |address: &str, key: &str| {
        let client = app.anonymous().with_key(key);
        Reply::fetch(client.request(Method::GET, "/me").header("x-forwarded-for", address)).await
    };
    let wrong = format!("csr_abcdefABC123_{}", "s".repeat(43));
    for _ in 0..2 {
        from("192.0.2.1", &wrong).await?.problem(401, "unauthenticated")?;
    }
    let limited = from("192.0.2.1", &wrong).await?;
    limited.problem(429, "rate_limited")?;
    assert!(limited.header("retry-after").is_some());
    assert_eq!(from("192.0.2.1", app.ada.key()).await?.status, 200, "a valid key is accepted");
    assert_eq!(from("192.0.2.2", app.ada.key()).await?.status, 200);
    // The address is the last one of the header, which the proxy added, not those of the client.
    from("203.0.113.9, 192.0.2.1", &wrong).await?.problem(429, "rate_limited")?;
    app.stop().await
}

async fn configured_origins_are_allowed_by_cors(builder: TestAppBuilder) -> Result<()> {
    let builder = builder
        .settings(|settings| settings.http.access.cors_origins = vec!["https://app.example".to_owned()]);
    let app = builder.tool("echo", "sim/echo").start().await?;
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = app.anonymous().request(method, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Reply::fetch(request.header("access-control-request-headers", "authorization,content-type")).await
    };
    for path in ["/sessions", "/sessions/x/messages", "/turns/x/stream", "/me", "/openapi.json", "/nowhere"] {
        let answer = ask(Method::OPTIONS, path, "https://app.example").await?;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,content-type"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let other = ask(Method::OPTIONS, path, "https://app.example.evil").await?;
        assert!(other.status >= 400 && other.header("access-control-allow-origin").is_none(), "{path}");
    }
    let refused = ask(Method::GET, "/me", "https://app.example").await?;
    refused.problem(401, "unauthenticated")?;
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("https://app.example"),
        "errors have the header"
    );
    assert!(refused.header("access-control-expose-headers").is_some_and(|all| all.contains("ratelimit")));
    assert_eq!(refused.header("vary"), Some("origin"));

    let page = app.anonymous().get("/docs/").await?;
    let policy = page.header("content-security-policy").context("a page has a policy")?;
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    app.stop().await
}

async fn without_authentication_requests_act_as_the_first_admin(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .settings(|settings| settings.http.access.auth_disabled = true)
        .start()
        .await?;
    let anonymous = app.anonymous();
    let me = anonymous.get("/me").await?.json(200)?;
    assert_eq!((&me["user"]["email"], &me["roles"]), (&json!("admin@localhost"), &json!(["user", "admin"])));
    anonymous.chat("echo").await?.send_and_read("Hello").await?;
    assert_eq!(app.ada.get("/me").await?.json(200)?["user"]["email"], "ada@example.org");
    anonymous.with_key("nonsense").get("/me").await?.problem(401, "unauthenticated")?;
    for (name, value) in
        [("host", "evil.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
    {
        let request = anonymous.request(Method::GET, "/me").header(name, value);
        Reply::fetch(request).await?.problem(403, "forbidden")?;
    }
    app.stop().await
}
