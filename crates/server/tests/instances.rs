//! Two processes on one PostgreSQL database, with clocks that differ by fourteen seconds.
#![cfg(test)]

mod program;

use causerie_testkit::database::TestDatabase;
use program::Program;
use program::talk::{Talk, frames, text, turn_of};

/// Longer than any lease here: who compared two machines' clocks would reap what runs, or keep what is dead.
const FAST: [(&str, &str); 1] = [("CAUSERIE_CLOCK_AHEAD_MS", "7000")];
const SLOW: [(&str, &str); 1] = [("CAUSERIE_CLOCK_AHEAD_MS", "-7000")];

/// A program that answers a word each 50 ms, with a lease of two seconds.
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
        let talk = Talk::begin(&program, &owner);
        let body = r#"{"content":"Hello"}"#;
        let mut live = owner.stream("POST", &talk.path("/messages"), &talk.headers("k"), body).unwrap();
        assert!(live.read_to("text-delta"), "{}", live.seen);
        let turn = turn_of(&live.seen).unwrap();

        let follow = |from: &str| {
            let headers = format!("{}last-event-id: {turn}:{from}\r\n", talk.headers(""));
            other.stream("GET", &talk.path("/stream"), &headers, "").unwrap()
        };
        let (mut all, mut rest) = (follow("0"), follow("3"));
        for reader in [&mut all, &mut rest] {
            assert!(reader.read_to("text-delta"), "{}", reader.seen);
        }
        assert!(!live.seen.contains("[DONE]"), "they follow while it runs");
        let again = other.stream("POST", &talk.path("/messages"), &talk.headers("k"), body).unwrap();
        let cancelled = talk.cancel(&other);
        assert!(cancelled.contains(r#""status":"cancelled""#), "{cancelled}");
        let mut told = Vec::new();
        for mut reader in [live, all, rest, again] {
            while reader.read_more() {}
            assert_eq!(turn_of(&reader.seen).as_ref(), Some(&turn));
            let ends = frames(&reader.seen).iter().filter(|frame| frame["type"] == "abort").count();
            assert_eq!(ends, 1, "{}", reader.seen);
            told.push(text(&reader.seen));
        }
        assert_eq!(told[1], told[0]);
        assert_eq!(told[2], told[0].chars().skip(3).collect::<String>());
        assert_eq!(told[3], told[0]);
        owner.stop();
        other.stop();
    }
    assert_eq!(program.run(&["verify"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_one_process_is_noticed_by_another() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    let program = program(&database, "sim/slow?words=60");
    for [here, there] in [[FAST, SLOW], [SLOW, FAST]] {
        let (owner, other) = (program.serve_with(&here), program.serve_with(&there));
        let talk = Talk::begin(&program, &owner);
        let body = r#"{"content":"Hello"}"#;
        let mut live = owner.stream("POST", &talk.path("/messages"), &talk.headers("k"), body).unwrap();
        while text(&live.seen).split(' ').count() < 12 {
            assert!(live.read_more(), "{}", live.seen);
        }
        owner.kill();
        // It is followed to its end at the other one, which closes it once the lease has run out.
        let told = talk.say(&other, "Hello", "k");
        assert_eq!(turn_of(&told), turn_of(&live.seen));
        let (kept, seen) = (text(&told), text(&live.seen));
        assert!(!kept.is_empty() && (seen.starts_with(&kept) || kept.starts_with(&seen)), "{kept}\n{seen}");
        assert!(told.contains(r#""status":"interrupted""#), "{told}");
        let next = talk.say(&other, "And now?", "next");
        assert!(next.contains(r#""status":"completed""#), "{next}");
        assert_eq!(talk.messages(&other).len(), 4);
        other.stop();
    }
    assert_eq!(program.run(&["verify"]).code, 0);
}

/// The owner writes to the store twice a second, so it has told more than it stored when it stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_slept_while_another_closed_its_turn_tells_its_reader_what_is_stored() {
    let Some(database) = TestDatabase::postgres().await.unwrap() else { return };
    let program = program(&database, "sim/slow?words=600")
        .with("CAUSERIE_LEASE_MS", "5000")
        .with("CAUSERIE_FLUSH_INTERVAL_MS", "500");
    let (owner, other) = (program.serve(), program.serve());
    let talk = Talk::begin(&program, &owner);
    let body = r#"{"content":"Hello"}"#;
    let mut live = owner.stream("POST", &talk.path("/messages"), &talk.headers("k"), body).unwrap();
    while text(&live.seen).split(' ').count() < 30 {
        assert!(live.read_more(), "{}", live.seen);
    }
    owner.signal("STOP");
    let kept = talk.say(&other, "Hello", "k");
    owner.signal("CONT");
    while live.read_more() {}

    let frames = frames(&live.seen);
    assert_eq!(frames.iter().filter(|frame| frame["type"] == "finish").count(), 1, "{}", live.seen);
    assert!(live.seen.contains(r#""status":"interrupted""#), "{}", live.seen);
    assert_eq!(text(&live.seen), text(&kept), "{}", live.seen);
    let turn = turn_of(&live.seen).unwrap();
    assert!(live.seen.contains(&format!("id: {turn}:end\ndata: [DONE]")), "{}", live.seen);
    let stored = talk.messages(&other).remove(1);
    assert_eq!(stored["content"], text(&kept));
    // The owner has let go of it: the session takes the next message there, too.
    let mut next = owner.stream("POST", &talk.path("/messages"), &talk.headers("next"), body).unwrap();
    assert!(next.read_to("text-delta"), "{}", next.seen);
    assert!(talk.cancel(&owner).contains(r#""status":"cancelled""#));
    owner.stop();
    other.stop();
    assert_eq!(program.run(&["verify"]).code, 0);
}
