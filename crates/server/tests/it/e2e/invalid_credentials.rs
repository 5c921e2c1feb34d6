//! Invalid credentials: all get the same response as a request without a credential.

use causerie_domain::ports::{Authentication as _, ExternalId, Operator as _};
use causerie_identity::{Algorithm, FetchLimits};
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Client, Reply, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use causerie_testkit::provider::{Provider, Signer, token_with_signature};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::e2e::access_matrix::{Principals, audit_stamp, create_user};

causerie_testkit::on_both_databases! {
    all_401_responses_are_identical,
}

const ISSUER: &str = "https://id.example";

/// Returns the status, the headers except `date`, and the body of a response to a request with a fixed id.
async fn answer(request: RequestBuilder) -> Result<(u16, Vec<(String, String)>, String)> {
    let reply = Reply::fetch(request.header("x-request-id", "the-same")).await?;
    let headers = reply.headers.iter().filter(|(name, _)| *name != "date");
    let received = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let mut received: Vec<_> = received.collect();
    received.sort();
    Ok((reply.status, received, reply.body))
}

fn claims(subject: &str) -> Value {
    json!({ "iss": ISSUER, "aud": "causerie", "sub": subject, "exp": 4_102_444_800_i64 })
}

fn but(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

async fn all_401_responses_are_identical(builder: TestAppBuilder) -> Result<()> {
    let (signer, stranger) = (Signer::es256("k")?, Signer::es256("k")?);
    let provider = Provider::start(&[&signer]).await?;
    let tokens = causerie_identity::Settings {
        issuer: ISSUER.to_owned(),
        audience: "causerie".to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: Algorithm::ALL.to_vec(),
        limits: FetchLimits::default(),
    };
    let app = builder.tool("echo", "sim/echo").tokens(tokens).start().await?;
    let principals = Principals::new(&app, 0).await?;
    let anonymous = app.anonymous();
    let store = app.database().store();

    let known = principals.owner.key();
    let (head, secret) = known.rsplit_once('_').context("a key has parts")?;
    let (disabled_id, disabled) = create_user(&app, "disabled").await?;
    let (_, deleted) = create_user(&app, "deleted").await?;
    let deleted_id = deleted.get("/me").await?.json(200)?["user"]["id"].clone();
    let link = |subject: &str| ExternalId { issuer: ISSUER.to_owned(), subject: subject.to_owned() };
    store.link(disabled_id.parse()?, link("disabled"), audit_stamp()).await?;
    let ada = store.user_by_email("ada@example.org").await?.context("ada is a user")?;
    store.link(ada.id, link("ada"), audit_stamp()).await?;
    let good = signer.token(&claims("ada"))?;
    anonymous.with_key(&good).get("/me").await?.json(200)?;

    let issued = async |client: &Client, session: &str| -> Result<String> {
        let request = client.request(Method::POST, &format!("/sessions/{session}/stream-tickets"));
        let issued = Reply::fetch(request).await?.json(201)?;
        Ok(issued["ticket"].as_str().context("a ticket")?.to_owned())
    };
    let ticket = issued(&principals.owner, &principals.session).await?;
    let created = principals.owner.post("/api-keys", &json!({ "name": "short" })).await?.json(201)?;
    let short = principals.owner.with_key(created["key"].as_str().context("a key")?);
    let of_revoked = issued(&short, &principals.session).await?;
    let key = created["id"].as_str().context("an id")?;
    ensure!(principals.owner.delete(&format!("/api-keys/{key}")).await?.status == 204);
    let other = principals.owner.chat("echo").await?;
    let over = issued(&principals.owner, &other.id).await?;
    let literal = uuid_literal(store, other.id.parse()?);
    let end = format!("UPDATE stream_tickets SET expires_at = 1 WHERE session_id = {literal}");
    RawConnection::open(app.database()).await?.run(&end).await?;
    app.root.patch(&format!("/users/{disabled_id}"), &json!({ "status": "disabled" })).await?.json(200)?;
    ensure!(
        app.root.delete(&format!("/users/{}", deleted_id.as_str().context("an id")?)).await?.status == 204
    );

    let of_ada = |path: &str| anonymous.request(Method::GET, path);
    let shown = |line: &str| of_ada("/me").header("authorization", line.to_owned());
    let bearer = |credential: &str| shown(&format!("Bearer {credential}"));
    let stream = format!("/sessions/{}/stream", principals.session);
    let followed = |ticket: &str| of_ada(&format!("{stream}?ticket={ticket}"));
    let refused = [
        ("an empty header", shown("")),
        ("a scheme alone", shown("Bearer")),
        ("another scheme", shown(&format!("Basic {known}"))),
        ("no scheme", shown(known)),
        ("two headers", bearer(known).header("authorization", format!("Bearer {known}"))),
        ("nonsense", bearer("nonsense")),
        ("half a key", bearer(head)),
        ("an unknown key", bearer(&format!("csr_abcdefABC123_{secret}"))),
        ("a wrong secret", bearer(&format!("{head}_{}", "s".repeat(43)))),
        ("a revoked key", bearer(principals.revoked().await?.key())),
        ("an expired key", bearer(principals.expired(&app).await?.key())),
        ("a disabled user's key", bearer(disabled.key())),
        ("a deleted user's key", bearer(deleted.key())),
        ("a key in the address", of_ada(&format!("/me?api_key={known}"))),
        ("a key in the header and in the address", of_ada(&format!("/me?key={known}")).bearer_auth(known)),
        ("no token", bearer("eyJ.e30.x")),
        (
            "a token without a signature",
            bearer(&token_with_signature(&json!({ "alg": "none", "kid": "k" }), &claims("ada"), |_| {
                Vec::new()
            })),
        ),
        ("a stranger's token", bearer(&stranger.token(&claims("ada"))?)),
        ("an unknown key's token", bearer(&Signer::es256("x")?.token(&claims("ada"))?)),
        ("an expired token", bearer(&signer.token(&but(claims("ada"), "exp", json!(1)))?)),
        ("a token of tomorrow", bearer(&signer.token(&but(claims("ada"), "nbf", json!(4_102_444_799_i64)))?)),
        ("another issuer's token", bearer(&signer.token(&but(claims("ada"), "iss", json!("https://x")))?)),
        ("another audience's token", bearer(&signer.token(&but(claims("ada"), "aud", json!("x")))?)),
        ("a token of an unknown user", bearer(&signer.token(&claims("unknown"))?)),
        ("a disabled user's token", bearer(&signer.token(&claims("disabled"))?)),
        ("a token in the address", of_ada(&format!("/me?access_token={good}"))),
        ("a ticket as a key", bearer(&ticket)),
        ("a ticket elsewhere", of_ada(&format!("/me?ticket={ticket}"))),
        ("an empty ticket", followed("")),
        ("a malformed ticket", followed("cst_x")),
        ("an unknown ticket", followed(&format!("cst_{}", "x".repeat(43)))),
        ("a ticket of another turn", of_ada(&format!("/turns/{}/stream?ticket={ticket}", principals.user))),
        ("a ticket of a revoked key", followed(&of_revoked)),
        ("a ticket whose time is over", of_ada(&other.path(&format!("/stream?ticket={over}")))),
        ("a ticket and a key", followed(&ticket).bearer_auth(known)),
    ];
    let of_nothing = answer(of_ada("/me")).await?;
    assert_eq!(of_nothing.0, 401);
    ensure!(of_nothing.1.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())));
    for (what, request) in refused {
        assert_eq!(answer(request).await?, of_nothing, "{what}");
    }
    // The valid credentials of this test are accepted.
    assert_eq!(answer(followed(&ticket)).await?.0, 204);
    assert_eq!(answer(bearer(known)).await?.0, 200);
    app.stop().await
}
