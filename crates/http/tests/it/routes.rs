//! Routes: access, refusals and responses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use crate::support::ports::{completed, text};
use crate::support::{Client, test_app};
use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use causerie_domain::completion::{CompletionErrorKind, TimeoutKind};
use causerie_http::HttpSettings;
use serde_json::{Value, json};

const MISSING_ID: &str = "01990000-0000-7000-8000-000000000001";

/// Returns every operation of the document, with ids of missing resources.
fn documented() -> Vec<(Method, String)> {
    let document = serde_json::to_value(causerie_http::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{id}", MISSING_ID).replace("{slug}", "nothing");
            operations.push((method.to_uppercase().parse().unwrap(), path));
        }
    }
    operations
}

#[tokio::test]
async fn without_a_credential_all_routes_except_public_ones_return_the_same_response() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let mut responses = Vec::new();
    for (method, path) in documented() {
        let response = ada.send(TestRequest::with_uri(&path).method(method.clone())).await;
        if ["/healthz", "/readyz", "/openapi.json"].contains(&path.as_str()) {
            assert_eq!(response.status, 200, "{method} {path}");
            continue;
        }
        if path == "/sign-in" {
            assert_eq!(response.outcome(), (403, "forbidden".to_owned()), "the peer is unknown");
            continue;
        }
        assert_eq!(response.header("www-authenticate"), "Bearer", "{method} {path}");
        if path.starts_with("/v1/") {
            assert_eq!(response.status, 401, "{method} {path}");
            assert_eq!(response.json()["error"]["code"], "unauthenticated", "{method} {path}");
            continue;
        }
        assert_eq!(response.outcome(), (401, "unauthenticated".to_owned()), "{method} {path}");
        assert_eq!(response.header("content-type"), "application/problem+json");
        let mut body = response.json();
        assert_eq!(body["request_id"].take(), response.header("x-request-id"));
        responses.push(body);
    }
    assert!(responses.len() > 10);
    responses.dedup();
    assert_eq!(responses.len(), 1, "{responses:?}");
}

#[tokio::test]
async fn missing_resources_and_those_of_other_users_get_the_same_response() {
    let app = test_app(HttpSettings::default()).await;
    let (ada, bob) = (app.client("ada").await, app.client("bob").await);
    let session = ada.session().await;
    let turn = ada.send_message(&session, "hi").await.text;
    let turn = turn.split("\"turn_id\":\"").nth(1).unwrap().split('"').next().unwrap();
    let ids = [session.trim_start_matches("/sessions/"), turn];
    let without_id = |mut body: Value| {
        body["request_id"].take();
        body
    };
    // Routes of administration need a store that this application does not have; the access matrix of the server tests them.
    let is_of_conversations =
        |path: &str| ["/sessions", "/turns", "/attachments"].iter().any(|own| path.starts_with(own));
    let has_id = |(_, path): &(Method, String)| path.contains(MISSING_ID) && is_of_conversations(path);
    for (method, path) in documented().into_iter().filter(has_id) {
        let own_id = if path.starts_with("/turns") { ids[1] } else { ids[0] };
        let body = match path.rsplit('/').next() {
            Some("messages" | "quote") => json!({"content": "hi"}),
            Some("forks") => json!({"from_seq": 1}),
            _ => json!({"title": "mine"}),
        };
        let mut responses = Vec::new();
        for id in [MISSING_ID, own_id, "none", "01990000000070008000000000000001"] {
            let response =
                bob.send(bob.request(method.clone(), &path.replace(MISSING_ID, id)).set_json(&body)).await;
            assert_eq!(response.outcome(), (404, "not_found".to_owned()), "{method} {path} {id}");
            responses.push(without_id(response.json()));
        }
        responses.dedup();
        assert_eq!(responses.len(), 1, "{method} {path}: {responses:?}");
    }
    assert_eq!(ada.get(&session).await.json()["title"], "hi");
}

#[tokio::test]
async fn unknown_paths_and_methods_return_problems() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    for path in ["/session", "/sessions/", "/sessions/x/y", "/v2", "/%00"] {
        assert_eq!(ada.get(path).await.outcome(), (404, "not_found".to_owned()), "{path}");
    }
    let response = ada.call(Method::PUT, "/sessions").await;
    assert_eq!(response.outcome(), (405, "method_not_allowed".to_owned()));
    assert_eq!(response.header("allow"), "POST, GET, HEAD");
    let anonymous = ada.send(TestRequest::delete().uri("/me")).await;
    assert_eq!((anonymous.status.as_u16(), anonymous.header("allow")), (405, "GET, HEAD"));
}

/// Checks all paths of the document, and the fixed ones.
#[tokio::test]
async fn a_method_without_an_operation_is_answered_with_the_methods_of_the_path() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in documented() {
        let methods = paths.entry(path).or_default();
        methods.insert(method.to_string());
        if method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
    }
    for path in ["/docs", "/docs/", "/docs/index.html", "/docs/nothing"] {
        paths.insert(path.to_owned(), BTreeSet::from(["GET".to_owned(), "HEAD".to_owned()]));
    }
    assert!(paths.contains_key("/healthz") && paths.contains_key("/openapi.json"));
    for (path, methods) in &paths {
        let mut refused = 0;
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if methods.contains(method) {
                continue;
            }
            let response = ada.call(method.parse().unwrap(), path).await;
            assert_eq!(response.status, 405, "{method} {path}");
            if method != "HEAD" {
                let body = response.json();
                let error = if path.starts_with("/v1/") { &body["error"] } else { &body };
                assert_eq!(error["code"], "method_not_allowed", "{method} {path}");
            }
            let allowed = response.header("allow").split(", ").map(str::to_owned).collect();
            assert_eq!(*methods, allowed, "{method} {path}");
            assert!(!response.header("x-request-id").is_empty(), "{method} {path}");
            refused += 1;
        }
        assert!(refused > 3, "{path}");
    }
}

/// Checks all routes with query parameters.
#[tokio::test]
async fn a_parameter_that_is_not_percent_encoded_utf8_is_refused_by_name() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    let document = serde_json::to_value(causerie_http::openapi()).unwrap();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                let path = path.replace("{id}", session.trim_start_matches("/sessions/"));
                let path = path.replace("{slug}", "helper");
                // These need a user with other rights, or a store that this application does not have.
                if path.starts_with("/audit") || path.starts_with("/groups") || method == "post" {
                    continue;
                }
                let method = method.to_uppercase().parse().unwrap();
                let response = ada.call(method, &format!("{path}?{name}=%FF")).await;
                assert_eq!(response.outcome(), (400, "invalid_parameter".to_owned()), "{path} {name}");
                assert_eq!(response.json()["parameter"], name, "{path}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

#[tokio::test]
async fn a_route_without_a_body_ignores_one() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    for (method, path) in [
        (Method::GET, "/me".to_owned()),
        (Method::PATCH, format!("{session}/pause")),
        (Method::PATCH, format!("{session}/resume")),
        (Method::POST, format!("{session}/cancel")),
        (Method::DELETE, session.clone()),
    ] {
        let large = "{oops".repeat(1_000_000);
        let request = ada.request(method.clone(), &path).set_payload(large);
        let response = ada.send(request).await;
        assert!(response.status.is_success(), "{method} {path}: {}", response.text);
    }
}

#[tokio::test]
async fn the_target_of_options_without_a_path_is_unknown() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let response = ada.send(TestRequest::with_uri("*").method(Method::OPTIONS)).await;
    assert_eq!(response.outcome(), (404, "not_found".to_owned()));
    assert_eq!(response.json()["request_id"], response.header("x-request-id"));
}

#[tokio::test]
async fn every_response_has_a_request_id_and_a_valid_one_of_the_client_is_kept() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let longest = "a".repeat(64);
    for given in ["req-1", "A.b_c-9", &longest] {
        let response =
            ada.send(TestRequest::with_uri("/healthz").insert_header(("x-request-id", given))).await;
        assert_eq!(response.header("x-request-id"), given);
    }
    let too_long = "a".repeat(65);
    for given in ["", "a b", "a\"b", "ä", &too_long] {
        let response =
            ada.send(TestRequest::with_uri("/nothing").insert_header(("x-request-id", given))).await;
        assert_eq!(response.header("x-request-id").len(), 36, "{given:?}");
        assert_eq!(response.json()["request_id"], response.header("x-request-id"));
    }
}

#[tokio::test]
async fn readiness_depends_on_the_store_and_the_drain() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    assert_eq!(ada.get("/readyz").await.json(), json!({"status": "ok"}));
    app.health.is_unavailable.store(true, Ordering::SeqCst);
    assert_eq!(ada.get("/readyz").await.outcome(), (503, "store_unavailable".to_owned()));
    app.health.is_unavailable.store(false, Ordering::SeqCst);
    app.health.is_full.store(true, Ordering::SeqCst);
    let refused = ada.get("/readyz").await;
    assert_eq!(refused.outcome(), (503, "store_unavailable".to_owned()));
    assert_eq!(refused.json()["detail"], "the disk of the database is full");
    app.health.is_full.store(false, Ordering::SeqCst);
    let session = ada.session().await;
    app.runtime.stop_sends();
    assert_eq!(ada.get("/readyz").await.outcome(), (503, "shutting_down".to_owned()));
    assert_eq!(ada.get("/healthz").await.status, 200);
    let refused = ada.send_message(&session, "hi").await;
    assert_eq!(refused.outcome(), (503, "shutting_down".to_owned()));
    assert_eq!(refused.header("retry-after"), "2");
}

#[tokio::test]
async fn a_user_reads_its_account_the_tools_and_the_models() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let me = ada.get("/me").await.json();
    assert_eq!(me["user"]["email"], "ada@example.org");
    assert_eq!((&me["roles"], &me["groups"], &me["scopes"]), (&json!(["user"]), &json!([]), &json!([])));
    let tools = ada.get("/tools").await.json();
    assert_eq!(tools["data"][0]["slug"], "helper");
    assert_eq!(tools["next_cursor"], Value::Null);
    let tool = ada.get("/tools/helper").await.json();
    assert_eq!((&tool["version"], &tool["definition"]["model"]), (&json!("1.0.0"), &json!("sim/test")));
    assert_eq!(ada.get("/tools/nothing").await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(ada.get("/tools/%00").await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(ada.get("/models").await.json(), json!({"data": [], "next_cursor": null}));
}

#[tokio::test]
async fn administrators_synchronize_the_catalog_and_a_failure_keeps_the_old_one() {
    let app = test_app(HttpSettings::default()).await;
    let (root, ada) = (app.client("root").await, app.client("ada").await);
    let ids = async || {
        let models = ada.get("/models").await.json()["data"].take();
        models.as_array().unwrap().iter().map(|model| model["id"].clone()).collect::<Vec<_>>()
    };
    app.upstream.set_catalog(Ok("sim/one"));
    assert_eq!(ada.call(Method::POST, "/models/sync").await.outcome(), (403, "forbidden".to_owned()));
    let done = root.call(Method::POST, "/models/sync").await;
    assert_eq!((done.status.as_u16(), done.json()), (200, json!({"models": 1, "rejected": 0})));
    assert_eq!(ids().await, ["sim/one"]);
    let pricing = ada.get("/models").await.json()["data"][0]["pricing"].take();
    assert_eq!((&pricing["audio"], &pricing["image_token"]), (&json!("0.5"), &Value::Null));

    for (kind, expected) in [
        (CompletionErrorKind::Unavailable, (503, "upstream_unavailable".to_owned())),
        (CompletionErrorKind::InvalidResponse, (502, "upstream_invalid_response".to_owned())),
        (CompletionErrorKind::Timeout(TimeoutKind::FirstByte), (504, "upstream_timeout".to_owned())),
    ] {
        app.upstream.set_catalog(Err(kind));
        let failed = root.call(Method::POST, "/models/sync").await;
        assert_eq!((failed.outcome(), &failed.json()["detail"]), (expected, &json!("the upstream is away")));
        assert_eq!(ids().await, ["sim/one"]);
    }
    app.upstream.set_catalog(Ok("sim/two"));
    root.call(Method::POST, "/models/sync").await;
    assert_eq!(ids().await, ["sim/one", "sim/two"], "a model that is no longer listed is kept");
}

#[tokio::test]
async fn a_session_changes_its_state() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let made = ada.post("/sessions", &json!({"tool": "helper", "title": "Primes", "group_id": null})).await;
    assert_eq!(made.status, 201);
    let session = made.header("location").to_owned();
    let body = made.json();
    assert_eq!((&body["tool"], &body["tool_version"]), (&json!("helper"), &json!("1.0.0")));
    assert_eq!((&body["state"], &body["title"]), (&json!("active"), &json!("Primes")));
    assert_eq!(body["started_at"].as_str().unwrap().len(), "2026-06-08T18:46:03.250000Z".len());

    assert_eq!(ada.patch(&session, &json!({"title": "Odd primes"})).await.json()["title"], "Odd primes");
    assert_eq!(ada.patch(&session, &json!({})).await.json()["title"], "Odd primes");
    assert_eq!(ada.patch(&session, &json!({"title": null})).await.json()["title"], Value::Null);

    let change_state = async |action: &str| ada.call(Method::PATCH, &format!("{session}/{action}")).await;
    assert_eq!(change_state("pause").await.json()["state"], "paused");
    assert_eq!(change_state("pause").await.json()["state"], "paused");
    assert_eq!(ada.send_message(&session, "hi").await.outcome(), (409, "session_not_active".to_owned()));
    assert_eq!(change_state("resume").await.json()["state"], "active");
    assert_eq!(change_state("complete").await.json()["state"], "completed");
    let refused = change_state("resume").await;
    assert_eq!(refused.outcome(), (409, "invalid_state".to_owned()));
    assert_eq!(refused.json()["state"], "completed");

    assert_eq!(ada.call(Method::DELETE, &session).await.status, 204);
    assert_eq!(ada.get(&session).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(ada.get("/sessions").await.json()["data"], json!([]));
}

#[tokio::test]
async fn lists_are_paged_to_their_end_in_order() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(ada.session().await);
    }
    made.reverse();
    assert_eq!(
        read_all_pages(&ada, "/sessions?limit=2&state=active", |row| format!(
            "/sessions/{}",
            row["id"].as_str().unwrap()
        ))
        .await,
        made
    );
    assert_eq!(ada.get("/sessions?state=paused").await.json()["data"], json!([]));
    assert_eq!(ada.get("/sessions?tool=nothing").await.json()["data"], json!([]));
    assert_eq!(ada.get("/sessions?limit=5").await.json()["next_cursor"], Value::Null);

    for word in ["one", "two", "three"] {
        ada.send_message(&made[0], word).await;
    }
    let seq = |row: &Value| row["seq"].to_string();
    let path = format!("{}/messages", made[0]);
    assert_eq!(read_all_pages(&ada, &format!("{path}?limit=2"), seq).await, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(
        read_all_pages(&ada, &format!("{path}?limit=4&after_seq=1"), seq).await,
        ["2", "3", "4", "5", "6"]
    );
    assert_eq!(
        read_all_pages(&ada, &format!("{path}?limit=2&before_seq=6"), seq).await,
        ["4", "5", "2", "3", "1"]
    );
    assert_eq!(
        read_all_pages(&ada, &format!("{path}?limit=2&after_seq=1&before_seq=5"), seq).await,
        ["2", "3", "4"]
    );
    let refused =
        ["limit=0", "limit=101", "cursor=00", "cursor=zz", "after_seq=x", "state=active", "limit=1&limit=2"];
    for query in refused {
        let response = ada.get(&format!("{path}?{query}")).await;
        assert_eq!(response.outcome(), (400, "invalid_parameter".to_owned()), "{query}");
        assert_eq!(response.json()["parameter"], query.split('=').next().unwrap());
    }
}

/// Checks lists whose pages the store ends early, so that a short page need not be the last one.
#[tokio::test]
async fn lists_of_large_messages_are_paged_to_their_end() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    // A message has its text twice. The second answer alone is larger than a page.
    let path = format!("{session}/messages");
    for size in [1_500_000, 4_500_000, 1_500_000] {
        let script = app.upstream.script_next();
        script.send(text(&"x".repeat(size))).await.unwrap();
        script.send(completed()).await.unwrap();
        let send = ada.request(Method::POST, &path).insert_header(("accept", "application/json"));
        let answer = ada.send(send.set_json(json!({"content": "Go on"}))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["message"]["content"].as_str().map(str::len), Some(size));
    }
    let seq = |row: &Value| row["seq"].to_string();
    assert_eq!(read_all_pages(&ada, &format!("{path}?limit=100"), seq).await, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(
        read_all_pages(&ada, &format!("{path}?limit=100&before_seq=6"), seq).await,
        ["5", "4", "1", "2", "3"]
    );
}

/// Reads all pages of a list, in order.
async fn read_all_pages(caller: &Client, path: &str, read: impl Fn(&Value) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = caller.get(&next).await.json();
        let rows = page["data"].as_array().unwrap_or_else(|| panic!("{next}: {page}"));
        found.extend(rows.iter().map(&read));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn invalid_bodies_are_refused_and_nothing_is_stored() {
    let app = test_app(HttpSettings { max_body_bytes: 2000, ..HttpSettings::default() }).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    let path = format!("{session}/messages");
    let check = async |content_type: &str, body: &str, status: u16, code: &str, pointer: Option<&str>| {
        let request = ada.request(Method::POST, &path).insert_header(("content-type", content_type));
        let response = ada.send(request.set_payload(body.to_owned())).await;
        assert_eq!(response.outcome(), (status, code.to_owned()), "{body}");
        assert_eq!(response.json()["errors"][0]["pointer"].as_str(), pointer, "{body}");
    };
    let json = "application/json";
    check("text/plain", r#"{"content": "hi"}"#, 415, "unsupported_media_type", None).await;
    check(json, &format!(r#"{{"content": "{}"}}"#, "a".repeat(2000)), 413, "payload_too_large", None).await;
    check(json, "{", 400, "invalid_body", None).await;
    check(json, r#"{"content": 1}"#, 400, "invalid_body", Some("/content")).await;
    check(json, r#"{"content": "a", "role": "system"}"#, 400, "invalid_body", Some("/role")).await;
    check(json, r#"{"content": "a\u0000"}"#, 400, "invalid_body", Some("/content")).await;
    check(json, r#"{"content": ""}"#, 400, "invalid_body", Some("/content")).await;
    check(json, r#"["a"]"#, 400, "invalid_body", Some("")).await;
    let long = format!(r#"{{"content": "{}"}}"#, "a".repeat(101));
    check(json, &long, 422, "message_too_long", None).await;
    let file = r#"{"content": "a", "attachments": [{"filename": "a", "mime_type": "b/c", "size": 1,
        "storage_provider": "ftp", "storage_key": "k"}]}"#;
    check(json, file, 400, "invalid_body", Some("/attachments/0/storage_provider")).await;
    assert_eq!(ada.get(&path).await.json()["data"], json!([]));
    assert_eq!(app.upstream.requests(), 0);

    let unknown = ada.post("/sessions", &json!({"tool": "helper", "user_id": MISSING_ID})).await;
    assert_eq!(unknown.json()["errors"][0]["pointer"], "/user_id");
    let no_id = ada.post("/sessions", &json!({"tool": "helper", "group_id": "mine"})).await;
    assert_eq!(no_id.json()["errors"][0]["pointer"], "/group_id");
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn the_document_is_served_with_swagger_ui() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    assert_eq!(
        ada.get("/openapi.json").await.json(),
        serde_json::to_value(causerie_http::openapi()).unwrap()
    );
    let moved = ada.get("/docs").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (308, "docs/"));
    let page = ada.get("/docs/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"));
    assert_eq!(ada.call(Method::HEAD, "/docs").await.status, 308);
    assert_eq!(ada.call(Method::HEAD, "/docs/").await.status, 200);
    assert!(ada.get("/docs/swagger-initializer.js").await.text.contains("../openapi.json"));
    assert_eq!(ada.get("/docs/nothing.js").await.outcome(), (404, "not_found".to_owned()));
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn swagger_ui_is_sent_compressed_to_clients_that_accept_gzip() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let plain = ada.get("/docs/swagger-ui.css").await;
    assert_eq!((plain.header("content-type"), plain.header("vary")), ("text/css", "accept-encoding"));
    assert!(plain.text.contains(".swagger-ui"));
    for (accepted, encoding) in
        [("gzip, br", Some("gzip")), ("br, gzip;q=0.5", Some("gzip")), ("gzip;q=0", None)]
    {
        let request = ada.request(Method::GET, "/docs/swagger-ui.css");
        let response = ada.open(request.insert_header(("accept-encoding", accepted))).await;
        let found = response.headers().get("content-encoding").map(|encoding| encoding.to_str().unwrap());
        assert_eq!(found, encoding, "{accepted}");
        let body = test::read_body(response).await;
        match encoding {
            // A gzip file ends with the size of the data.
            Some(_) => {
                let (_, size) = body.split_last_chunk().unwrap();
                assert_eq!(u32::from_le_bytes(*size) as usize, plain.text.len());
            }
            None => assert_eq!(body, plain.text),
        }
    }
}
