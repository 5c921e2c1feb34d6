//! The HTTP API on a store in memory and a scripted upstream.

mod documented;
pub(crate) mod ports;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, test};
use causerie_domain::ports::{Authentication, ReapScope, StoreHealth};
use causerie_http::{AppParts, AppState, HttpSettings, configure};
use causerie_memory_store::{ConstantEntropy, MemoryStore, NoTickets};
use causerie_runtime::{Runtime, Stores, SystemClock, SystemIds};
use causerie_tool_definitions::parse_yaml;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use self::ports::{Health, TestUsers, Upstream};

pub(crate) const TOOL: &str = "\
name: helper
version: 1.0.0
type: chat
title: Helper
behavior: Help.
model: sim/test
limits: {max_input_chars: 100, max_messages_per_session: 200}
";

/// An application and the fakes of its ports.
pub(crate) struct TestApp {
    pub(crate) state: AppState,
    pub(crate) runtime: Runtime,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) health: Arc<Health>,
    pub(crate) users: Arc<TestUsers>,
}

/// Starts an application with one tool and three users.
pub(crate) async fn test_app(settings: HttpSettings) -> TestApp {
    let upstream = Arc::new(Upstream::default());
    let gateway = Arc::clone(&upstream) as _;
    let runtime = Runtime::builder(Stores::of(&Arc::new(MemoryStore::new())), gateway)
        .build(Handle::current())
        .unwrap();
    runtime.sync_tools(vec![parse_yaml("helper.yaml", TOOL.as_bytes()).unwrap()]).await.unwrap();
    runtime.start(ReapScope::Everything).await.unwrap();
    let (users, health) = (Arc::new(TestUsers::new()), Arc::new(Health::default()));
    let parts = AppParts {
        runtime: runtime.clone(),
        authentication: Arc::clone(&users.store) as Arc<dyn Authentication>,
        tickets: Arc::new(NoTickets),
        tokens: None,
        entropy: Arc::new(ConstantEntropy),
        health: Arc::clone(&health) as Arc<dyn StoreHealth>,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        one_time_code: None,
        main: Handle::current(),
    };
    TestApp { state: AppState::new(parts, settings), runtime, upstream, health, users }
}

impl TestApp {
    /// Returns a client with the API key of a user.
    pub(crate) async fn client(&self, user: &str) -> Client {
        let state = self.state.clone();
        let service = Rc::new(test::init_service(App::new().configure(|app| configure(app, state))).await);
        let call = move |request: test::TestRequest| {
            let service = Rc::clone(&service);
            async move { test::call_service(&*service, request.to_request()).await }.boxed_local()
        };
        Client { call: Box::new(call), key: self.users.key(user) }
    }
}

type Call = Box<dyn Fn(test::TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

/// A client of the application.
pub(crate) struct Client {
    call: Call,
    key: String,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the status, and the code of an error.
    pub(crate) fn outcome(&self) -> (u16, String) {
        let code = if self.status.is_success() { "".into() } else { self.json()["code"].clone() };
        (self.status.as_u16(), code.as_str().unwrap_or_default().to_owned())
    }
}

impl Client {
    pub(crate) async fn send(&self, request: test::TestRequest) -> Response {
        let response = self.open(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = test::read_body(response).await;
        Response { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Sends a request and does not read the response body. The status must be that of a documented response.
    pub(crate) async fn open(&self, request: test::TestRequest) -> ServiceResponse {
        let response = (self.call)(request).await;
        documented::check(&response);
        response
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> test::TestRequest {
        let request = test::TestRequest::with_uri(path).method(method);
        request.insert_header(("authorization", format!("Bearer {}", self.key)))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Response {
        self.send(self.request(method, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::POST, path).set_json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::PATCH, path).set_json(body)).await
    }

    /// Creates a session and returns its path.
    pub(crate) async fn session(&self) -> String {
        let response = self.post("/sessions", &json!({"tool": "helper"})).await;
        assert_eq!(response.status, 201, "{}", response.text);
        format!("/sessions/{}", response.json()["id"].as_str().unwrap())
    }

    /// Sends a message and reads the complete stream.
    pub(crate) async fn send_message(&self, session: &str, content: &str) -> Response {
        self.post(&format!("{session}/messages"), &json!({"content": content})).await
    }
}
