//! Two processes on one PostgreSQL database, whose clocks differ by fourteen seconds.

use crate::process::Program;
use crate::process::conversation::{Conversation, frames, text, turn_of};
use causerie_testkit::database::TestDatabase;

/// Clock offset that is longer than any lease here. A lease that used the clock of the process would expire too early
/// or too late.
const FAST: [(&str, &str); 1] = [("CAUSERIE_CLOCK_AHEAD_MS", "7000")];
const SLOW: [(&str, &str); 1] = [("CAUSERIE_CLOCK_AHEAD_MS", "-7000")];

/// Returns a program whose answers have a word each 50 ms, with a lease of two seconds.
fn program(database: &TestDatabase, model: &str) -> Program {
    Program::new()
        .with("DATABASE_URL", database.url())
        .with("AI_DEFAULT_MODEL", model)
        .with("CAUSERIE_LEASE_MS", "2000")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_of_one_process_is_read_resumed_and_cancelled_at_another() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    let program = program(&database, "sim/slow?words=100");
    for [here, there] in [[FAST, SLOW], [SLOW, FAST]] {
        let (owner, other) = (program.serve_with(&here), program.serve_with(&there));
        let conversation = Conversation::create(&program, &owner);
        let body = r#"{"content":"Hello"}"#;
        let mut live =
            owner.stream("POST", &conversation.path("/messages"), &conversation.headers("k"), body).unwrap();
        assert!(live.read_to("text-delta"), "{}", live.seen);
        let turn = turn_of(&live.seen).unwrap();

        let follow = |from: &str| {
            let headers = format!("{}last-event-id: {turn}:{from}\r\n", conversation.headers(""));
            other.stream("GET", &conversation.path("/stream"), &headers, "").unwrap()
        };
        let (mut all, mut rest) = (follow("0"), follow("3"));
        for reader in [&mut all, &mut rest] {
            assert!(reader.read_to("text-delta"), "{}", reader.seen);
        }
        assert!(!live.seen.contains("[DONE]"), "the readers start while the turn runs");
        let again =
            other.stream("POST", &conversation.path("/messages"), &conversation.headers("k"), body).unwrap();
        let cancelled = conversation.cancel(&other);
        assert!(cancelled.contains(r#""status":"cancelled""#), "{cancelled}");
        let mut received = Vec::new();
        for mut reader in [live, all, rest, again] {
            while reader.read_more() {}
            assert_eq!(turn_of(&reader.seen).as_ref(), Some(&turn));
            let ends = frames(&reader.seen).iter().filter(|frame| frame["type"] == "abort").count();
            assert_eq!(ends, 1, "{}", reader.seen);
            received.push(text(&reader.seen));
        }
        assert_eq!(received[1], received[0]);
        assert_eq!(received[2], received[0].chars().skip(3).collect::<String>());
        assert_eq!(received[3], received[0]);
        owner.stop();
        other.stop();
    }
    assert_eq!(program.run(&["verify"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_of_a_killed_process_is_closed_by_another() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    let program = program(&database, "sim/slow?words=60");
    for [here, there] in [[FAST, SLOW], [SLOW, FAST]] {
        let (owner, other) = (program.serve_with(&here), program.serve_with(&there));
        let conversation = Conversation::create(&program, &owner);
        let body = r#"{"content":"Hello"}"#;
        let mut live =
            owner.stream("POST", &conversation.path("/messages"), &conversation.headers("k"), body).unwrap();
        while text(&live.seen).split(' ').count() < 12 {
            assert!(live.read_more(), "{}", live.seen);
        }
        owner.kill();
        // The other process sends the turn to its end, and closes it when the lease has expired.
        let received = conversation.send_until_accepted(&other, "Hello", "k");
        assert_eq!(turn_of(&received), turn_of(&live.seen));
        let (kept, seen) = (text(&received), text(&live.seen));
        assert!(!kept.is_empty() && (seen.starts_with(&kept) || kept.starts_with(&seen)), "{kept}\n{seen}");
        assert!(received.contains(r#""status":"interrupted""#), "{received}");
        let next = conversation.send_until_accepted(&other, "And now?", "next");
        assert!(next.contains(r#""status":"completed""#), "{next}");
        assert_eq!(conversation.messages(&other).len(), 4);
        other.stop();
    }
    assert_eq!(program.run(&["verify"]).code, 0);
}

/// Checks the end of the stream of a process that is suspended while it has sent more text than it has stored: it
/// flushes twice a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_process_sends_the_stored_end_of_a_turn_that_another_closed() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    let program = program(&database, "sim/slow?words=600")
        .with("CAUSERIE_LEASE_MS", "5000")
        .with("CAUSERIE_FLUSH_INTERVAL_MS", "500");
    let (owner, other) = (program.serve(), program.serve());
    let conversation = Conversation::create(&program, &owner);
    let body = r#"{"content":"Hello"}"#;
    let mut live =
        owner.stream("POST", &conversation.path("/messages"), &conversation.headers("k"), body).unwrap();
    while text(&live.seen).split(' ').count() < 30 {
        assert!(live.read_more(), "{}", live.seen);
    }
    owner.signal("STOP");
    let kept = conversation.send_until_accepted(&other, "Hello", "k");
    owner.signal("CONT");
    while live.read_more() {}

    let frames = frames(&live.seen);
    assert_eq!(frames.iter().filter(|frame| frame["type"] == "finish").count(), 1, "{}", live.seen);
    assert!(live.seen.contains(r#""status":"interrupted""#), "{}", live.seen);
    assert_eq!(text(&live.seen), text(&kept), "{}", live.seen);
    let turn = turn_of(&live.seen).unwrap();
    assert!(live.seen.contains(&format!("id: {turn}:end\ndata: [DONE]")), "{}", live.seen);
    let stored = conversation.messages(&other).remove(1);
    assert_eq!(stored["content"], text(&kept));
    // The owner has released the session, so it accepts the next message.
    let mut next =
        owner.stream("POST", &conversation.path("/messages"), &conversation.headers("next"), body).unwrap();
    assert!(next.read_to("text-delta"), "{}", next.seen);
    assert!(conversation.cancel(&owner).contains(r#""status":"cancelled""#));
    owner.stop();
    other.stop();
    assert_eq!(program.run(&["verify"]).code, 0);
}
