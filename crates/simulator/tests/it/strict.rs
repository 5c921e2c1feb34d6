//! Modes of a provider that refuses some forms and contents of a request.

use serde_json::{Value, json};

use super::client::{ask, simulator};

/// Returns the status of a request with some messages.
async fn status(model: &str, messages: Value) -> Option<u16> {
    let simulator = simulator();
    let request = json!({ "model": model, "stream": true, "messages": messages });
    ask(&simulator, &request).await.finish().await.status
}

fn user(content: impl Into<Value>) -> Value {
    json!({ "role": "user", "content": content.into() })
}

fn assistant(content: &str) -> Value {
    json!({ "role": "assistant", "content": content })
}

#[tokio::test]
async fn each_mode_refuses_what_it_names_and_accepts_the_rest() {
    let image = |address: &str| user(json!([{ "type": "image_url", "image_url": { "url": address } }]));
    let thought = |signature: &str| {
        json!([user("a"), {
            "role": "assistant", "content": "b",
            "reasoning_details": [{ "type": "reasoning.text", "signature": signature }],
        }, user("c")])
    };
    let system = json!({ "role": "system", "content": "s" });
    for (mode, refused, accepted) in [
        (
            "alternating",
            json!([system, user("a"), user("b")]),
            json!([system, user("a"), assistant("b"), user("c")]),
        ),
        ("user-first", json!([system, assistant("a"), user("b")]), json!([system, user("a")])),
        (
            "no-empty",
            json!([user("a"), assistant("\u{200B}"), user("b")]),
            json!([user("a"), assistant("b")]),
        ),
        ("no-empty", json!([user(json!([{ "type": "text", "text": "" }]))]), json!([user("a")])),
        (
            "text",
            json!([user("it is refused."), assistant("a"), user("b")]),
            json!([user("a"), assistant("refused")]),
        ),
        ("file", json!([image("https://a.example/refused.png")]), json!([image("https://a.example/b.png")])),
        ("reasoning", thought("another"), thought("strict-1")),
    ] {
        let model = format!("sim/strict?mode={mode}");
        assert_eq!(status(&model, refused).await, Some(400), "{mode}");
        assert_eq!(status(&model, accepted).await, Some(200), "{mode}");
    }
    assert_eq!(status("sim/strict?mode=text&as=moderated", json!([user("refused")])).await, Some(403));
    assert_eq!(status("sim/strict?mode=text&refuses=b", json!([user("refused")])).await, Some(200));
}

#[tokio::test]
async fn the_last_word_of_the_user_selects_the_answer() {
    let simulator = simulator();
    let answer = async |text: &str| {
        let request = json!({ "model": "sim/strict", "stream": true, "messages": [user(text)] });
        ask(&simulator, &request).await.finish().await
    };
    assert!(answer("Hello").await.content().starts_with("You said: Hello"));
    assert_eq!(answer("Hello #sim/text?words=1").await.content(), "the");
    assert_eq!(answer("Hello #sim/status?code=503").await.status, Some(503));
    assert_eq!(answer("Hello #sim/unknown").await.status, Some(400));
}
