//! Names, titles, file names and e-mail addresses: characters that deceive are refused with their field.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    each_field_refuses_characters_that_deceive,
    a_derived_title_is_cleaned,
}

const REFUSED: [&str; 11] = [
    "a\nb",
    "a\u{7}",
    "\u{85}",
    "exe.\u{202E}gpj",
    "\u{2066}a\u{2069}",
    "a\u{200B}b",
    "\u{FEFF}a",
    "\u{200D}\u{AD}",
    "\u{FFF9}a\u{FFFB}",
    "co\u{AD}operate",
    "ad\u{200D}min",
];
const ALLOWED: [&str; 4] = ["Ada", "👩\u{200D}👩\u{200D}👧", "می\u{200C}خواهم", "שלום\u{200F}"];

/// Field of a request: method, path, body, and the pointer of the field.
struct Field {
    method: Method,
    path: String,
    body: Value,
    pointer: &'static str,
}

impl Field {
    fn new(method: Method, path: impl Into<String>, pointer: &'static str, body: Value) -> Self {
        Field { method, path: path.into(), body, pointer }
    }

    /// Sends the request with a text in the field.
    async fn send(&self, app: &TestApp, text: &str) -> Result<Reply> {
        let mut body = self.body.clone();
        *body.pointer_mut(self.pointer).context("the body has the field")? = json!(text);
        Reply::fetch(app.root.request(self.method.clone(), &self.path).json(&body)).await
    }
}

async fn each_field_refuses_characters_that_deceive(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (user, _) = create_user(&app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let group = format!("/groups/{}", group["id"].as_str().context("an id")?);
    let chat = app.root.chat("echo").await?;
    chat.send_for_json("Hello").await?.json(200)?;
    let file = json!({
        "filename": "?", "mime_type": "text/plain", "size": 1, "storage_provider": "s3", "storage_key": "k",
    });
    let message = json!({ "content": "Hello", "attachments": [file] });
    let tool =
        json!({ "name": "t", "version": "1.0.0", "type": "chat", "title": "?", "behavior": "Be kind." });
    let (post, patch) = (Method::POST, Method::PATCH);
    let names = [
        Field::new(post.clone(), "/groups", "/name", json!({ "name": "?" })),
        Field::new(patch.clone(), group.clone(), "/name", json!({ "name": "?" })),
        Field::new(patch.clone(), format!("/users/{user}"), "/name", json!({ "name": "?" })),
        Field::new(post.clone(), "/api-keys", "/name", json!({ "name": "?" })),
        Field::new(post.clone(), "/sessions", "/title", json!({ "tool": "echo", "title": "?" })),
        Field::new(patch.clone(), chat.path(""), "/title", json!({ "title": "?" })),
        Field::new(post.clone(), chat.path("/forks"), "/title", json!({ "from_seq": 2, "title": "?" })),
        Field::new(post.clone(), chat.path("/messages"), "/attachments/0/filename", message),
    ];
    for field in &names {
        for text in REFUSED {
            let problem = field.send(&app, text).await?.problem(400, "invalid_body")?;
            assert_eq!(problem["errors"][0]["pointer"], field.pointer, "{} {text:?}", field.path);
        }
        for text in ALLOWED {
            let reply = field.send(&app, text).await?;
            assert!(reply.status < 300, "{} {text:?}: {}", field.path, reply.body);
        }
    }
    let title = Field::new(post.clone(), "/tools", "/title", tool);
    let addresses = [
        Field::new(post.clone(), "/users", "/email", json!({ "email": "?", "name": "x" })),
        Field::new(patch, format!("/users/{user}"), "/email", json!({ "email": "?" })),
        Field::new(post, format!("{group}/members"), "/email", json!({ "email": "?" })),
    ];
    for text in REFUSED {
        let problem = title.send(&app, text).await?.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], "/title", "{text:?}");
        for field in &addresses {
            let problem =
                field.send(&app, &format!("{text}@example.org")).await?.problem(400, "invalid_body")?;
            assert_eq!(problem["errors"][0]["pointer"], "/email", "{} {text:?}", field.path);
        }
    }
    // Joiners and variation selectors are of use in names, and deceive in addresses.
    for text in [ALLOWED[1], ALLOWED[2], ALLOWED[3], "ada\u{FE0F}"] {
        for field in &addresses {
            let problem =
                field.send(&app, &format!("{text}@example.org")).await?.problem(400, "invalid_body")?;
            assert_eq!(problem["errors"][0]["pointer"], "/email", "{} {text:?}", field.path);
        }
    }
    app.stop().await
}

async fn a_derived_title_is_cleaned(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let content = "\u{200B}\n\u{2066}Re\u{202E}ad\u{2069}\tme\u{7} 👩\u{200D}👧";
    chat.send_for_json(content).await?.json(200)?;
    assert_eq!(chat.detail().await?["title"], "Read me 👩\u{200D}👧");
    assert_eq!(chat.messages().await?[0]["content"], content);
    app.stop().await
}
