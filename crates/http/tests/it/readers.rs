//! Open readers of turns: their rights are decided again while they read.

use std::time::Duration;

use crate::support::ports::{completed, text};
use crate::support::{Client, TestApp, test_app};
use actix_web::body::MessageBody as _;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use causerie_domain::Timestamp;
use causerie_domain::ports::ApiKeyRecord;
use causerie_domain::users::UserStatus;
use causerie_http::HttpSettings;
use serde_json::json;
use tokio::time::Instant;

const MAX_DELAY: Duration = Duration::from_secs(5);

fn send(client: &Client, session: &str) -> TestRequest {
    client.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}))
}

async fn body(response: ServiceResponse) -> String {
    let body = actix_web::test::read_body(response).await;
    String::from_utf8(body.to_vec()).unwrap()
}

fn revoke_key(record: &mut ApiKeyRecord) {
    record.key.revoked_at = Some(Timestamp::from_micros(1));
}

fn disable_user(record: &mut ApiKeyRecord) {
    record.access.user.status = UserStatus::Disabled;
}

fn prohibit_reading(record: &mut ApiKeyRecord) {
    record.access.rules = vec![r#"{"action":"read","subject":"Message","inverted":true}"#.to_owned()];
}

fn restore(record: &mut ApiKeyRecord) {
    record.key.revoked_at = None;
    record.access.user.status = UserStatus::Active;
    record.access.rules.clear();
}

type RecordChange = fn(&mut ApiKeyRecord);

/// Changes that take the right to read, with the code and the status of the refusal.
const CHANGES: [(RecordChange, &str, u16); 3] = [
    (revoke_key, "unauthenticated", 401),
    (disable_user, "unauthenticated", 401),
    (prohibit_reading, "forbidden", 403),
];

async fn app_with_session() -> (TestApp, Client, String) {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    (app, ada, session)
}

#[tokio::test(start_paused = true)]
async fn streams_end_within_seconds_of_the_loss_of_rights_and_the_turn_continues() {
    for (change, code, _) in CHANGES {
        let (app, ada, session) = app_with_session().await;
        let upstream = app.upstream.script_next();
        let own = ada.open(send(&ada, &session)).await;
        let follower = ada.open(ada.request(Method::GET, &format!("{session}/stream"))).await;
        let change_later = async {
            upstream.send(text("Hel")).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            app.users.store.change(change);
            Instant::now()
        };
        let (own, follower, changed_at) = tokio::join!(body(own), body(follower), change_later);
        assert!(changed_at.elapsed() <= MAX_DELAY, "{:?}", changed_at.elapsed());
        for stream in [&own, &follower] {
            let error = format!(r#"{{"type":"data-error","data":{{"code":"{code}","retryable":false}}}}"#);
            let (before, after) = stream.split_once(&error).unwrap_or_else(|| panic!("{stream}"));
            assert!(before.contains(r#""delta":"Hel""#), "{before}");
            assert!(after.contains("event: error\n"), "{after}");
            assert!(after.ends_with("data: [DONE]\n\n"), "{after}");
            assert!(!stream.contains(":end"), "{stream}");
        }
        upstream.send(text("lo")).await.unwrap();
        upstream.send(completed()).await.unwrap();
        app.users.store.change(restore);
        let last_id = own.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
        let resumed = ada.request(Method::GET, &format!("{session}/stream"));
        let rest = body(ada.open(resumed.insert_header(("last-event-id", last_id))).await).await;
        assert!(rest.contains(r#""delta":"lo""#) && rest.contains(r#""status":"completed""#), "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_waits_for_a_document_ends_with_the_refusal() {
    for (change, code, status) in CHANGES {
        let (app, ada, session) = app_with_session().await;
        let upstream = app.upstream.script_next();
        let waiting = ada.send(send(&ada, &session).insert_header(("accept", "application/json")));
        let change_later = async {
            upstream.send(text("Hel")).await.unwrap();
            tokio::time::sleep(Duration::from_secs(30)).await;
            app.users.store.change(change);
            Instant::now()
        };
        let (answer, changed_at) = tokio::join!(waiting, change_later);
        assert!(changed_at.elapsed() <= MAX_DELAY, "{:?}", changed_at.elapsed());
        assert_eq!(answer.outcome(), (status, code.to_owned()));
        upstream.send(completed()).await.unwrap();
        app.users.store.change(restore);
        // Waits for the end of the turn.
        ada.get(&format!("{session}/stream")).await;
        let page = ada.get(&format!("{session}/messages")).await.json();
        assert_eq!(page["data"][1]["content"], "Hel");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_only_send_reads_its_own_answer() {
    let app = test_app(HttpSettings::default()).await;
    app.users.store.change(|record| {
        let scopes = ["create:Session", "create:Message", "use:Tool", "use:Model"];
        record.key.scopes = scopes.map(str::to_owned).to_vec();
    });
    let ada = app.client("ada").await;
    let session = ada.session().await;
    let upstream = app.upstream.script_next();
    let own = ada.open(send(&ada, &session)).await;
    let followed = ada.get(&format!("{session}/stream")).await;
    assert_eq!(followed.outcome(), (403, "forbidden".to_owned()));
    upstream.send(text("Hel")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    upstream.send(completed()).await.unwrap();
    let own = body(own).await;
    assert!(own.contains(r#""status":"completed""#), "{own}");
}

#[tokio::test(start_paused = true)]
async fn the_readers_of_a_principal_are_decided_together() {
    let (app, ada, session) = app_with_session().await;
    let upstream = app.upstream.script_next();
    let mut streams = vec![ada.open(send(&ada, &session)).await];
    for _ in 0..50 {
        streams.push(ada.open(ada.request(Method::GET, &format!("{session}/stream"))).await);
    }
    upstream.send(text("Hel")).await.unwrap();
    let before = app.users.store.decisions();
    tokio::time::sleep(Duration::from_secs(40)).await;
    let decisions = app.users.store.decisions() - before;
    assert!((8..=10).contains(&decisions), "{decisions}");
    upstream.send(completed()).await.unwrap();
    for stream in streams {
        assert!(!stream.response().body().size().is_eof());
        assert!(body(stream).await.contains(r#""status":"completed""#));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = app.users.store.decisions();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(app.users.store.decisions(), after, "nothing is decided without readers");
    app.state.finished().await;
}
