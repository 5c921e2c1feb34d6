//! Tests of the body of `POST /api/chat`.

use serde_json::{Value, json};

use super::*;

const ID: &str = "6f0cdb5e-2f3c-4c5a-9d5e-0123456789ab";
const MAX: usize = 1024;

fn parse(body: &Value) -> Result<(ChatSend, ChatOrigin), Problem> {
    let text = body.to_string();
    serde_json::from_str::<ChatBody<'_>>(&text).unwrap().into_send(None, MAX)
}

fn text(id: &str, role: &str, text: &str) -> Value {
    json!({"id": id, "role": role, "parts": [{"type": "text", "text": text}]})
}

fn body(messages: &Value) -> Value {
    json!({"id": ID, "messages": messages, "trigger": "submit-message"})
}

fn code(body: &Value) -> Code {
    parse(body).unwrap_err().code
}

#[test]
fn the_last_user_message_is_the_new_one() {
    let messages = json!([
        text("u1", "user", "One"),
        {"id": "a1", "role": "assistant", "parts": [{"type": "step-start"}, {"type": "text", "text": "Answer"}], "metadata": {"seq": 2}},
        {"id": "u2", "role": "user", "metadata": {"at": 1}, "parts": [
            {"type": "text", "text": "Two", "state": "done"},
            {"type": "data-note", "data": {"text": "no"}},
            {"type": "text", "text": " parts"},
        ]},
    ]);
    let mut body = body(&messages);
    body["extra"] = json!({"of": ["the app"]});
    let (send, _) = parse(&body).unwrap();
    assert_eq!(send.message.content, "Two parts");
    assert_eq!(send.client_id.as_deref(), Some("u2"));
    assert_eq!(send.session_id.to_string(), ID);
    assert_eq!((send.trigger, send.new_session), (ChatTrigger::Submit, None));
}

#[test]
fn the_history_is_skipped_without_a_copy() {
    let image = format!("data:image/png;base64,{}", "A".repeat(4 << 20));
    let messages = json!([
        text("u1", "user", &"x".repeat(2 << 20)),
        {"id": "a1", "role": "assistant", "parts": [{"type": "file", "mediaType": "image/png", "url": image}]},
        text("u2", "user", "Two"),
    ]);
    let text = body(&messages).to_string();
    let body: ChatBody<'_> = serde_json::from_str(&text).unwrap();
    let (index, message) = body.messages.last_user.as_ref().unwrap();
    assert_eq!((*index, body.messages.count), (2, 3));
    // All texts of the body are slices of it.
    let parts = message.parts.unwrap().get();
    assert!(text.as_bytes().as_ptr_range().contains(&parts.as_ptr()), "the parts are a slice of the body");
    assert!(matches!(message.role, Cow::Borrowed(_)) && matches!(message.id, Some(Text(Cow::Borrowed(_)))));
    let (send, _) = body.into_send(None, MAX).unwrap();
    assert!(send.message.content.capacity() < 64);
}

#[test]
fn files_of_https_become_attachments() {
    let file = |url: &str, name: Option<&str>| {
        let mut part = json!({"type": "file", "mediaType": "image/png", "url": url});
        if let Some(name) = name {
            part["filename"] = json!(name);
        }
        part
    };
    let parts = json!([
        file("https://files.example/a/cat.png?size=1", None),
        {"type": "text", "text": "Look"},
        file("https://files.example/", Some("dog.png")),
        file("https://files.example", None),
    ]);
    let (send, origin) = parse(&body(&json!([{"id": "u", "role": "user", "parts": parts}]))).unwrap();
    let names: Vec<&str> = send.message.attachments.iter().map(|file| file.filename.as_str()).collect();
    assert_eq!(names, ["cat.png", "dog.png", "file"]);
    assert!(send.message.attachments.iter().all(|file| file.size.is_none()));
    let locate = |pointer: &str| {
        let error = FieldError { pointer: pointer.to_owned(), detail: "no".to_owned() };
        origin.locate(error).pointer
    };
    assert_eq!(locate("/attachments/1/storage_key"), "/messages/0/parts/2/url");
    assert_eq!(locate("/attachments/2/mime_type"), "/messages/0/parts/3/mediaType");
    assert_eq!(locate("/attachments"), "/messages/0/parts");
    assert_eq!(locate("/content"), "/messages/0/parts");
    assert_eq!(locate("/tool"), "/tool");
}

#[test]
fn data_urls_and_invalid_texts_are_refused_by_name() {
    let check = |part: Value, pointer: &str| {
        let message = json!({"id": "u", "role": "user", "parts": [{"type": "step-start"}, part]});
        let problem = parse(&body(&json!([message]))).unwrap_err();
        assert_eq!(problem.code, Code::InvalidBody);
        let shown = format!("{problem:?}");
        assert!(shown.contains(&format!("\"{pointer}\"")), "{shown}");
    };
    let url = format!("DATA:image/png;base64,{}", "A".repeat(4096));
    check(json!({"type": "file", "mediaType": "image/png", "url": url}), "/messages/0/parts/1/url");
    check(json!({"type": "text", "text": "a\0"}), "/messages/0/parts/1/text");
    let name = json!({"type": "file", "mediaType": "a/b", "url": "https://a.example/", "filename": "\0"});
    check(name, "/messages/0/parts/1/filename");
    check(json!(5), "/messages/0/parts");
}

#[test]
fn an_id_that_is_no_uuid_is_refused_with_a_sentence() {
    let mut body = body(&json!([text("u", "user", "Hello")]));
    body["id"] = json!("PKfEw9rjLmBqsx2o");
    let shown = format!("{:?}", parse(&body).unwrap_err());
    assert!(shown.contains("crypto.randomUUID()") && shown.contains("\"/id\""), "{shown}");
}

#[test]
fn an_edit_and_a_chat_without_a_new_message_need_a_fork() {
    let user = text("u", "user", "Hello");
    let mut edited = body(&json!([user]));
    edited["messageId"] = json!("u");
    assert_eq!(code(&edited), Code::ForkRequired);
    assert_eq!(code(&body(&json!([user, text("a", "assistant", "Hi")]))), Code::ForkRequired);
    assert_eq!(code(&body(&json!([text("a", "assistant", "Hi")]))), Code::ForkRequired);
    assert_eq!(code(&body(&json!([]))), Code::InvalidBody);
}

#[test]
fn another_answer_is_one_to_the_last_user_message() {
    let mut body = body(&json!([text("u", "user", "Hello"), text("a", "assistant", "Hi")]));
    body["trigger"] = json!("regenerate-message");
    let (send, _) = parse(&body).unwrap();
    assert_eq!(send.trigger, ChatTrigger::Regenerate { of: None, key: None });
    body["messageId"] = json!("a");
    let (send, _) = parse(&body).unwrap();
    assert_eq!(send.trigger, ChatTrigger::Regenerate { of: Some("a".to_owned()), key: None });
    assert_eq!(send.client_id.as_deref(), Some("u"));
}

#[test]
fn a_message_has_the_size_of_other_bodies() {
    let long = |length: usize| body(&json!([text("u", "user", &"x".repeat(length))]));
    assert!(parse(&long(MAX)).is_ok());
    assert_eq!(code(&long(MAX + 1)), Code::PayloadTooLarge);
    let id = "i".repeat(256);
    assert_eq!(code(&body(&json!([text(&id, "user", "Hello")]))), Code::InvalidBody);
}

#[test]
fn a_tool_names_the_session_to_create() {
    let mut body = body(&json!([text("u", "user", "Hello")]));
    body["tool"] = json!("socratic-tutor");
    let (send, _) = parse(&body).unwrap();
    let new = send.new_session.unwrap();
    assert_eq!((new.tool.as_str(), new.title, new.group_id), ("socratic-tutor", None, None));
}
