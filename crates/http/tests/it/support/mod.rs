//! The whole HTTP side on a store in memory and a scripted upstream, for the tests of routes and streams.
#![allow(dead_code, reason = "each target uses its own part")]

#[path = "../../../src/testing/authentication.rs"]
pub(crate) mod authentication;
pub(crate) mod ports;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, test};
use causerie_domain::ports::{Authentication, ReapScope, StoreHealth};
use causerie_http::{AppParts, AppState, HttpSettings, configure};
use causerie_memory_store::MemoryStore;
use causerie_runtime::{Runtime, Stores, SystemClock, SystemIds};
use causerie_tool_definitions::parse_yaml;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use self::authentication::{NoTickets, SameBytes};
use self::ports::{Health, People, Upstream};

pub(crate) const TOOL: &str = "\
name: helper
version: 1.0.0
type: chat
title: Helper
behavior: Help.
model: sim/test
limits: {max_input_chars: 100, max_messages_per_session: 200}
";

/// The application and what stands behind it.
pub(crate) struct World {
    pub(crate) state: AppState,
    pub(crate) runtime: Runtime,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) health: Arc<Health>,
    pub(crate) people: Arc<People>,
}

pub(crate) async fn world(settings: HttpSettings) -> World {
    let upstream = Arc::new(Upstream::default());
    let gateway = Arc::clone(&upstream) as _;
    let runtime = Runtime::builder(Stores::of(&Arc::new(MemoryStore::new())), gateway)
        .build(Handle::current())
        .unwrap();
    runtime.sync_tools(vec![parse_yaml("helper.yaml", TOOL.as_bytes()).unwrap()]).await.unwrap();
    runtime.start(ReapScope::Everything).await.unwrap();
    let (people, health) = (Arc::new(People::new()), Arc::new(Health::default()));
    let parts = AppParts {
        runtime: runtime.clone(),
        identity: Arc::clone(&people.known) as Arc<dyn Authentication>,
        tickets: Arc::new(NoTickets),
        tokens: None,
        entropy: Arc::new(SameBytes),
        health: Arc::clone(&health) as Arc<dyn StoreHealth>,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        main: Handle::current(),
    };
    World { state: AppState::new(parts, settings), runtime, upstream, health, people }
}

impl World {
    /// The application, as a caller with the key of this person sees it.
    pub(crate) async fn caller(&self, person: &str) -> Caller {
        let state = self.state.clone();
        let service = Rc::new(test::init_service(App::new().configure(|app| configure(app, state))).await);
        let call = move |request: test::TestRequest| {
            let service = Rc::clone(&service);
            async move { test::call_service(&*service, request.to_request()).await }.boxed_local()
        };
        Caller { call: Box::new(call), key: self.people.key(person) }
    }
}

type Call = Box<dyn Fn(test::TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

/// A client of the application.
pub(crate) struct Caller {
    call: Call,
    key: String,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status, and the code of an error.
    pub(crate) fn outcome(&self) -> (u16, String) {
        let code = if self.status.is_success() { "".into() } else { self.json()["code"].clone() };
        (self.status.as_u16(), code.as_str().unwrap_or_default().to_owned())
    }
}

impl Caller {
    pub(crate) async fn send(&self, request: test::TestRequest) -> Answer {
        let response = self.open(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = test::read_body(response).await;
        Answer { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Sends a request and leaves the body of its answer unread.
    pub(crate) async fn open(&self, request: test::TestRequest) -> ServiceResponse {
        (self.call)(request).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> test::TestRequest {
        let request = test::TestRequest::with_uri(path).method(method);
        request.insert_header(("authorization", format!("Bearer {}", self.key)))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(self.request(method, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).set_json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).set_json(body)).await
    }

    /// A new session, as the path of its routes.
    pub(crate) async fn session(&self) -> String {
        let answer = self.post("/sessions", &json!({"tool": "helper"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        format!("/sessions/{}", answer.json()["id"].as_str().unwrap())
    }

    /// Sends a message and reads the whole stream.
    pub(crate) async fn say(&self, session: &str, content: &str) -> Answer {
        self.post(&format!("{session}/messages"), &json!({"content": content})).await
    }
}
