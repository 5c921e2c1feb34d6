//! Who comes in, how often, and through which browser.

use std::num::NonZeroU32;

use causerie_domain::ports::{Administration as _, Authentication as _, ExternalId};
use causerie_identity::{Algorithm, FetchLimits};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, Reply, TestApp, TestAppBuilder};
use causerie_testkit::provider::{Provider, Signer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::matrix::{column, person, stamp};

causerie_testkit::on_both_databases! {
    a_token_opens_what_its_user_may_do,
    a_newcomer_becomes_a_user_only_where_that_is_wanted,
    sends_are_limited_for_each_user,
    a_group_grants_its_members_a_limit_of_its_own,
    wrong_credentials_are_limited_for_each_address,
    scripts_of_configured_origins_may_ask,
    without_authentication_the_first_administrator_asks,
}

const ISSUER: &str = "https://id.example";

fn claims(subject: &str, email: &str) -> Value {
    // The year 2100: the server's clock is the machine's.
    json!({ "iss": ISSUER, "aud": "causerie", "sub": subject, "exp": 4_102_444_800_i64, "email": email })
}

/// An app that accepts the tokens of a provider.
async fn accepting(on: TestAppBuilder, provider: &Provider) -> Result<TestApp> {
    let tokens = causerie_identity::Settings {
        issuer: ISSUER.to_owned(),
        audience: "causerie".to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: Algorithm::ALL.to_vec(),
        limits: FetchLimits::default(),
    };
    on.tool("echo", "sim/echo").tokens(tokens).start().await
}

async fn a_token_opens_what_its_user_may_do(on: TestAppBuilder) -> Result<()> {
    let signer = Signer::es256("k")?;
    let provider = Provider::start(&[&signer]).await?;
    let app = accepting(on, &provider).await?;
    let token = signer.token(&claims("a-1", "ada@example.org"))?;
    let client = app.nobody().with_key(&token);
    client.get("/me").await?.problem(401, "unauthenticated")?;

    let store = app.database().store();
    let ada = store.user_by_email("ada@example.org").await?.context("ada is a user")?;
    let id = ExternalId { issuer: ISSUER.to_owned(), subject: "a-1".to_owned() };
    store.link(ada.id, id, stamp()).await?;
    let me = client.get("/me").await?.json(200)?;
    assert_eq!((&me["user"]["email"], &me["scopes"]), (&json!("ada@example.org"), &json!([])));
    let chat = client.chat("echo").await?;
    chat.say("Hello").await?;
    assert_eq!(chat.as_seen_by(&app.ada).detail().await?["id"], chat.id.as_str());
    app.bob.get(&chat.path("")).await?.problem(404, "not_found")?;

    // A ticket of somebody who came with a token.
    let issued = Reply::to(client.request(Method::POST, &chat.path("/stream-tickets"))).await?.json(201)?;
    let path = chat.path(&format!("/stream?ticket={}", issued["ticket"].as_str().unwrap()));
    assert_eq!(app.nobody().get(&path).await?.status, 204);
    // A token in an address is as good as published.
    client.get(&format!("/me?access_token={token}")).await?.problem(401, "unauthenticated")?;
    let stranger = Signer::es256("k")?.token(&claims("a-1", "ada@example.org"))?;
    app.nobody().with_key(&stranger).get("/me").await?.problem(401, "unauthenticated")?;
    app.stop().await
}

async fn a_newcomer_becomes_a_user_only_where_that_is_wanted(on: TestAppBuilder) -> Result<()> {
    let signer = Signer::eddsa("k")?;
    let provider = Provider::start(&[&signer]).await?;
    let on = on.settings(|settings| settings.access.auto_provision = true);
    let app = accepting(on, &provider).await?;
    let as_of = |claims: &Value| -> Result<Client> { Ok(app.nobody().with_key(&signer.token(claims)?)) };
    let eve = as_of(&claims("e-1", "eve@id.example"))?;
    let (one, two) = tokio::join!(eve.get("/me"), eve.get("/me"));
    let (one, two) = (one?.json(200)?, two?.json(200)?);
    assert_eq!(one["user"], two["user"]);
    assert_eq!((&one["user"]["email"], &one["user"]["role"]), (&json!("eve@id.example"), &json!("user")));

    // Whoever may choose an address at the provider chooses no user here.
    as_of(&claims("e-2", "ada@example.org"))?.get("/me").await?.problem(401, "unauthenticated")?;
    let mut unverified = claims("e-3", "new@id.example");
    unverified["email_verified"] = json!(false);
    as_of(&unverified)?.get("/me").await?.problem(401, "unauthenticated")?;
    let mut with_role = claims("e-4", "root@id.example");
    with_role["role"] = json!("admin");
    assert_eq!(as_of(&with_role)?.get("/me").await?.json(200)?["roles"], json!(["user"]));
    app.stop().await
}

async fn sends_are_limited_for_each_user(on: TestAppBuilder) -> Result<()> {
    let on = on.tool("echo", "sim/echo");
    let app = on.settings(|settings| settings.access.sends_per_minute = NonZeroU32::new(2)).start().await?;
    let chat = app.ada.chat("echo").await?;
    let keyed = async |key: &str| {
        Reply::to(chat.sending("Hello").header("idempotency-key", key).header("accept", "application/json"))
            .await
    };
    let first = keyed("one").await?;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.header("ratelimit-policy"), Some("\"sends\";q=2;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"sends\";r=1;t=30"));
    // Whatever becomes of it, it was counted, and the answer says so.
    let nowhere = "/sessions/01990000-0000-7000-8000-000000000001/messages";
    let absent = app.ada.post(nowhere, &json!({ "content": "x" })).await?;
    absent.problem(404, "not_found")?;
    assert_eq!(absent.header("ratelimit"), Some("\"sends\";r=0;t=60"));

    let limited = keyed("two").await?;
    limited.problem(429, "rate_limited")?;
    let wait: u64 = limited.header("retry-after").context("the wait is told")?.parse()?;
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(
        limited.header("ratelimit").and_then(|limit| limit.strip_prefix("\"sends\";r=0;t=")),
        Some(&*wait.to_string())
    );
    let replayed = keyed("one").await?;
    assert_eq!(replayed.status, 200, "a repeated send is not asked for anything: {}", replayed.body);
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(
        app.bob.chat("echo").await?.ask("Hello").await?.status,
        200,
        "everybody has a limit of their own"
    );
    assert_eq!(app.ada.get("/sessions").await?.status, 200, "reading is not sending");
    app.stop().await
}

async fn a_group_grants_its_members_a_limit_of_its_own(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let ((id, carol), (admin_id, admin)) = (person(&app, "carol").await?, person(&app, "boss").await?);
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    assert_eq!(group["requests_per_minute"], Value::Null);
    let path = format!("/groups/{}", group["id"].as_str().context("an id")?);
    for (user, role) in [(&id, "member"), (&admin_id, "admin")] {
        let member = json!({ "user_id": user, "role": role });
        app.root.post(&format!("{path}/members"), &member).await?.json(201)?;
    }
    let chat = carol.chat("echo").await?;
    assert_eq!(
        chat.ask("Hello").await?.header("ratelimit"),
        None,
        "without any limit there is nothing to tell"
    );

    for wrong in [json!(0), json!(1_000_001), json!("2"), json!(-1), json!(1.5)] {
        let refused = app.root.patch(&path, &json!({ "requests_per_minute": wrong })).await?;
        let problem = refused.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], "/requests_per_minute", "{wrong}");
    }
    let two = json!({ "requests_per_minute": 2 });
    // Its own admin renames it, and raises nobody's limit: not alone, and not beside a name.
    admin.patch(&path, &two).await?.problem(403, "forbidden")?;
    let both = json!({ "name": "Mine", "requests_per_minute": null });
    admin.patch(&path, &both).await?.problem(403, "forbidden")?;
    carol.patch(&path, &two).await?.problem(403, "forbidden")?;
    assert_eq!(carol.get(&path).await?.json(200)?, group, "nothing was stored");
    assert_eq!(app.root.patch(&path, &two).await?.json(200)?["requests_per_minute"], 2);
    assert_eq!(admin.patch(&path, &json!({ "name": "Ours" })).await?.json(200)?["requests_per_minute"], 2);

    for (remaining, reset) in [(1, 30), (0, 60)] {
        let sent = chat.ask("Hello").await?;
        sent.json(200)?;
        assert_eq!(sent.header("ratelimit-policy"), Some("\"sends\";q=2;w=60"));
        let told = sent.header("ratelimit").context("the limit is told")?;
        assert_eq!(told, format!("\"sends\";r={remaining};t={reset}"));
    }
    let before = chat.history().await?;
    let limited = chat.ask("Hello").await?;
    limited.problem(429, "rate_limited")?;
    let wait: u64 = limited.header("retry-after").context("the wait is told")?.parse()?;
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(limited.header("ratelimit").is_some_and(|told| told.starts_with("\"sends\";r=0;t=")));
    assert_eq!(chat.history().await?, before, "nothing was stored");
    assert_eq!(admin.chat("echo").await?.ask("Hello").await?.status, 200, "each member has its own");
    assert_eq!(app.ada.chat("echo").await?.ask("Hello").await?.header("ratelimit"), None);

    let none = json!({ "requests_per_minute": null });
    assert_eq!(app.root.patch(&path, &none).await?.json(200)?["requests_per_minute"], Value::Null);
    assert_eq!(chat.ask("Hello").await?.header("ratelimit"), None);
    let events = format!("/audit/events?subject_id={}", group["id"].as_str().context("an id")?);
    let details = column(&app.root.get(&events).await?.json(200)?, "detail");
    assert_eq!((&details[0], &details[1], &details[2]), (&none, &json!({ "name": "Ours" }), &two));
    app.stop().await
}

async fn wrong_credentials_are_limited_for_each_address(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| {
        settings.access.failures_per_minute = NonZeroU32::new(2);
        settings.access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let app = on.start().await?;
    let from = async |address: &str, key: &str| {
        let client = app.nobody().with_key(key);
        Reply::to(client.request(Method::GET, "/me").header("x-forwarded-for", address)).await
    };
    let wrong = format!("csr_abcdefABC123_{}", "s".repeat(43));
    for _ in 0..2 {
        from("192.0.2.1", &wrong).await?.problem(401, "unauthenticated")?;
    }
    let limited = from("192.0.2.1", &wrong).await?;
    limited.problem(429, "rate_limited")?;
    assert!(limited.header("retry-after").is_some());
    from("192.0.2.1", app.ada.key()).await?.problem(429, "rate_limited")?;
    assert_eq!(from("192.0.2.2", app.ada.key()).await?.status, 200);
    assert_eq!(from("192.0.2.1", app.ada.key()).await?.status, 200, "it is known by now");
    // The sender's own inventions come before what the proxy says.
    from("203.0.113.9, 192.0.2.1", &wrong).await?.problem(429, "rate_limited")?;
    app.stop().await
}

async fn scripts_of_configured_origins_may_ask(on: TestAppBuilder) -> Result<()> {
    let on = on.settings(|settings| settings.access.cors_origins = vec!["https://app.example".to_owned()]);
    let app = on.tool("echo", "sim/echo").start().await?;
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = app.nobody().request(method, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Reply::to(request.header("access-control-request-headers", "authorization,content-type")).await
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
        "scripts read errors"
    );
    assert!(refused.header("access-control-expose-headers").is_some_and(|all| all.contains("ratelimit")));
    assert_eq!(refused.header("vary"), Some("origin"));

    let page = app.nobody().get("/docs/").await?;
    let policy = page.header("content-security-policy").context("a page has a policy")?;
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    app.stop().await
}

async fn without_authentication_the_first_administrator_asks(on: TestAppBuilder) -> Result<()> {
    let app =
        on.tool("echo", "sim/echo").settings(|settings| settings.access.auth_disabled = true).start().await?;
    let nobody = app.nobody();
    let me = nobody.get("/me").await?.json(200)?;
    assert_eq!((&me["user"]["email"], &me["roles"]), (&json!("admin@localhost"), &json!(["user", "admin"])));
    nobody.chat("echo").await?.say("Hello").await?;
    assert_eq!(app.ada.get("/me").await?.json(200)?["user"]["email"], "ada@example.org");
    nobody.with_key("nonsense").get("/me").await?.problem(401, "unauthenticated")?;
    for (name, value) in
        [("host", "evil.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
    {
        let request = nobody.request(Method::GET, "/me").header(name, value);
        Reply::to(request).await?.problem(403, "forbidden")?;
    }
    app.stop().await
}
