//! Graceful shutdown of a process with running turns.

use std::fs;

use crate::process::conversation::{Conversation, frames, text};
use crate::process::{Program, Stream};
use causerie_testkit::database::TestDatabase;

#[test]
fn a_stop_ends_every_turn_cleanly_on_sqlite() {
    check_stop(Program::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_every_turn_cleanly_on_postgres() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    check_stop(Program::new().with("DATABASE_URL", database.url()));
}

/// Stops a server while some turns end within the drain timeout and others cannot: some hang after their first text,
/// and one has not received any.
fn check_stop(program: Program) {
    let program = program.with("CAUSERIE_DRAIN_MS", "4000").with("CAUSERIE_TOOLS_DIR", "tools");
    fs::create_dir(program.path("tools")).unwrap();
    let tools = [
        ("quick", "sim/slow?words=20"),
        ("stuck", "sim/text?words=3&gate=end&gate_at=end"),
        ("silent", "sim/text?words=3&gate=head&gate_at=head"),
    ];
    for (name, model) in tools {
        let head = format!("name: {name}\nversion: 1.0.0\ntype: chat\ntitle: {name}\n");
        let tool = format!("{head}behavior: Be kind.\nmodel: \"{model}\"\n");
        fs::write(program.path(&format!("tools/{name}.yaml")), tool).unwrap();
    }
    let served = program.serve();
    let conversations = ["quick", "quick", "stuck", "stuck", "silent"];
    let conversations = conversations.map(|tool| Conversation::with_tool(&program, &served, tool));
    let body = r#"{"content":"Hello"}"#;
    let send = |conversation: &Conversation| {
        served.stream("POST", &conversation.path("/messages"), &conversation.headers(""), body).unwrap()
    };
    let mut streams: Vec<Stream> = conversations.iter().map(send).collect();
    for (stream, seen) in streams.iter_mut().zip(["text-delta", "text-delta", "opens", "opens", "start"]) {
        assert!(stream.read_to(seen), "{}", stream.seen);
    }

    served.signal("TERM");
    served.wait_until("/readyz", 503);
    let refused = conversations[4].send(&served, "And now?", "");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains(r#""code":"shutting_down""#), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("\r\nretry-after: "), "{refused}");
    let mut received = Vec::new();
    for mut stream in streams {
        while stream.read_more() {}
        let ends: Vec<_> = frames(&stream.seen)
            .iter()
            .filter(|frame| frame["type"] == "finish")
            .map(|frame| frame["messageMetadata"]["status"].as_str().unwrap().to_owned())
            .collect();
        assert!(stream.seen.contains("[DONE]"), "{}", stream.seen);
        received.push((ends.join(" "), text(&stream.seen)));
    }
    let (code, log) = served.wait();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("drain deadline reached"), "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(matches!(line["level"].as_str(), Some("TRACE" | "DEBUG" | "INFO" | "WARN")), "{line}");
    }
    let ends: Vec<_> = received.iter().map(|(end, _)| end.as_str()).collect();
    assert_eq!(ends, ["completed", "completed", "interrupted", "interrupted", "interrupted"]);

    let served = program.serve();
    for (conversation, (status, text)) in conversations.iter().zip(&received) {
        let messages = conversation.messages(&served);
        assert_eq!(messages.len(), 2, "a refused message is not stored");
        assert_eq!(messages[1]["status"], status.as_str());
        assert_eq!(messages[1]["content"], text.as_str());
    }
    served.stop();
    assert_eq!(program.run(&["verify"]).code, 0);
}
