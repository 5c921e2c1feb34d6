//! Crash tests: the program is stopped before and after each commit of a turn, and restarted.
//!
//! Afterwards an acknowledged message is stored once, its turn is closed with the flushed text, its stream has this
//! text and one end, the session accepts messages, and `causerie verify` finds no violation.

use crate::process::conversation::{Conversation, frames, text, turn_of};
use crate::process::{Program, RunningServer};
use causerie_testkit::database::TestDatabase;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// Requests of the client while the process crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Send,
    /// Sends a message and cancels the turn.
    Cancel,
    /// Creates, pauses, resumes, renames and deletes a session.
    Session,
    /// Leaves a turn of a crashed process; the process that closes it crashes as well.
    Reap,
}

/// Answer of twenty words within half a second.
const MODEL: &str = "sim/text?words=20&delay_ms=25";
const FAILING: &str = "sim/status?code=500&times=1";
/// Answer of sixty words within a second and a half, long enough for each random flush.
const LONGER: &str = "sim/text?words=60&delay_ms=25";
const SEEDS: [u64; 3] = [2026, 7, 42];
/// Short, because on PostgreSQL the next process waits for the lease of the crashed one; long enough for a busy
/// machine, on which a turn ends if it cannot renew its lease in time.
const LEASE_MS: &str = "3000";
/// Store steps that do not involve a turn, or read one before other steps that wait.
const WITHOUT_A_CHANGE: [&str; 3] = ["forks::fork", "attachments::delete", "turns::ended_before"];
/// The third flush has text; the first one may only have the generation id.
const AFTER_TEXT_IS_FLUSHED: &str = "turns::flush:after@3";

macro_rules! crashes {
    ($($name:ident: $point:literal, $scenario:ident, $model:ident;)+) => {
        /// Fail points of the crash tests.
        const POINTS: &[&str] = &[$($point),+];

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::crash(None, $point, super::Scenario::$scenario, super::$model);
                }
            )+

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn at_random_flushes() {
                for seed in super::SEEDS {
                    super::crash(None, &super::flush_of(seed), super::Scenario::Send, super::LONGER);
                }
            }
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = super::TestDatabase::postgres().await.unwrap() {
                        super::crash(Some(&database), $point, super::Scenario::$scenario, super::$model);
                    }
                }
            )+

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn at_random_flushes() {
                for seed in super::SEEDS {
                    if let Some(database) = super::TestDatabase::postgres().await.unwrap() {
                        super::crash(Some(&database), &super::flush_of(seed), super::Scenario::Send, super::LONGER);
                    }
                }
            }
        }
    };
}

crashes! {
    before_begin_turn: "turns::begin:before", Send, MODEL;
    after_begin_turn: "turns::begin:after", Send, MODEL;
    before_the_next_attempt: "turns::begin_attempt:before", Send, FAILING;
    after_the_next_attempt: "turns::begin_attempt:after", Send, FAILING;
    before_the_first_flush: "turns::flush:before", Send, MODEL;
    after_the_first_flush: "turns::flush:after", Send, MODEL;
    before_a_later_flush: "turns::flush:before@4", Send, MODEL;
    after_a_later_flush: "turns::flush:after@3", Send, MODEL;
    before_finish_turn: "turns::finish:before", Send, MODEL;
    after_finish_turn: "turns::finish:after", Send, MODEL;
    before_request_cancel: "turns::request_cancel:before", Cancel, MODEL;
    after_request_cancel: "turns::request_cancel:after", Cancel, MODEL;
    before_the_finish_of_a_cancelled_turn: "turns::finish:before", Cancel, MODEL;
    after_the_finish_of_a_cancelled_turn: "turns::finish:after", Cancel, MODEL;
    before_reap: "turns::reap:before", Reap, MODEL;
    after_reap: "turns::reap:after", Reap, MODEL;
    before_create_session: "sessions::create:before", Session, MODEL;
    after_create_session: "sessions::create:after", Session, MODEL;
    before_a_state_change: "sessions::change_state:before", Session, MODEL;
    after_a_state_change: "sessions::change_state:after", Session, MODEL;
    before_rename: "sessions::rename:before", Session, MODEL;
    after_rename: "sessions::rename:after", Session, MODEL;
    before_delete_session: "sessions::delete:before", Session, MODEL;
    after_delete_session: "sessions::delete:after", Session, MODEL;
}

/// Returns the fail point of a random flush that has text.
fn flush_of(seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let moment = ["before", "after"][rng.random_range(0..2)];
    format!("turns::flush:{moment}@{}", rng.random_range(4..=12))
}

/// Checks that a crash test stops the program before and after the commit of each step that writes. The macro that runs
/// a step sets the two fail points.
#[test]
fn every_commit_of_a_turn_has_a_crash_test() {
    let ports = [
        include_str!("../../../persistence/src/store/turns.rs"),
        include_str!("../../../persistence/src/store/sessions.rs"),
        include_str!("../../../persistence/src/store/forks.rs"),
        include_str!("../../../persistence/src/store/messages.rs"),
        include_str!("../../../persistence/src/store/attachments.rs"),
    ];
    let mut steps = 0;
    for call in ports.iter().flat_map(|port| port.split("transact!(self, ")) {
        let Some((mode @ ("Write" | "PriorityWrite"), step)) = call.split_once(", ") else { continue };
        let step = step.split('(').next().unwrap();
        steps += 1;
        for moment in ["before", "after"] {
            let point = format!("{step}:{moment}");
            let is_covered = POINTS.iter().any(|known| known.split('@').next() == Some(&point));
            assert!(is_covered || WITHOUT_A_CHANGE.contains(&step), "{mode} {point} is never reached");
        }
    }
    assert!(steps >= 10, "the ports are read: {steps}");
}

fn crash(database: Option<&TestDatabase>, point: &str, scenario: Scenario, model: &str) {
    let mut program = Program::new().with("AI_DEFAULT_MODEL", model).with("CAUSERIE_LEASE_MS", LEASE_MS);
    if let Some(database) = database {
        program = program.with("DATABASE_URL", database.url());
    }
    let served = program.serve();
    let conversation = Conversation::create(&program, &served);
    let whole = text(&conversation.send_until_accepted(&served, "Before", "before"));
    served.stop();

    let seen = run_until_crash(&program, &conversation, point, scenario);

    let served = program.serve();
    let mut exchanges = 2;
    if scenario != Scenario::Session {
        exchanges += 1;
        // The repeated send finds the message by its idempotency key, or stores it if it was not stored before.
        let received = conversation.send_until_accepted(&served, "During", "during");
        let turn = turn_of(&received).unwrap();
        assert!(turn_of(&seen).is_none_or(|answered| answered == turn), "{seen}\n{received}");
        has_one_end(&received);
        assert_eq!(text(&conversation.replay(&served, &turn)), text(&received));
        let messages = conversation.messages(&served);
        assert_eq!(messages[2]["content"], "During");
        assert_eq!(messages[3]["status"], status(point, scenario), "{received}");
        assert_eq!(stored_text(&messages[3]), text(&received));
        let flushed = point.contains('@') || scenario == Scenario::Reap;
        assert!(!flushed || !text(&received).is_empty(), "the flushed text is kept: {received}");
        assert!(model == FAILING || whole.starts_with(&text(&received)), "{received}");
    }
    let after = conversation.send_until_accepted(&served, "After", "after");
    assert!(after.contains(r#""status":"completed""#), "{after}");
    assert_eq!(conversation.messages(&served).len(), 2 * exchanges);
    served.stop();
    let verified = program.run(&["verify"]);
    assert_eq!((verified.code, verified.stdout.starts_with("whole")), (0, true), "{}", verified.stdout);
}

/// Runs a process that crashes at a fail point, and returns the text that the client received.
fn run_until_crash(
    program: &Program,
    conversation: &Conversation,
    point: &str,
    scenario: Scenario,
) -> String {
    let hook = [("CAUSERIE_FAIL_POINT", point)];
    if scenario == Scenario::Reap {
        let served = program.serve_with(&[("CAUSERIE_FAIL_POINT", AFTER_TEXT_IS_FLUSHED)]);
        let seen = conversation.send(&served, "During", "during");
        served.died();
        // Only an expired lease is reaped; `verify` reports it when it has expired.
        while !program.run(&["verify"]).stdout.contains("[lease]") {}
        assert!(program.try_serve(&hook).is_err(), "the startup closes the turn and crashes");
        return seen;
    }
    let served = program.serve_with(&hook);
    let seen = match scenario {
        Scenario::Send | Scenario::Reap => conversation.send(&served, "During", "during"),
        Scenario::Cancel => {
            let seen = read_some(conversation, &served);
            conversation.cancel(&served);
            seen
        }
        Scenario::Session => {
            change_another_session(conversation, &served);
            String::new()
        }
    };
    served.died();
    seen
}

/// Sends a message and reads until the first text.
fn read_some(conversation: &Conversation, served: &RunningServer) -> String {
    let body = r#"{"content":"During"}"#;
    let mut stream = served
        .stream("POST", &conversation.path("/messages"), &conversation.headers("during"), body)
        .unwrap();
    assert!(stream.read_to("text-delta"), "{}", stream.seen);
    stream.seen
}

/// Calls each operation of a session that writes. The process crashes at one of them.
fn change_another_session(conversation: &Conversation, served: &RunningServer) {
    let created =
        served.attempt("POST", "/sessions", &conversation.headers(""), r#"{"tool":"general-assistant"}"#);
    let Some((_, rest)) = created.split_once(r#"{"id":""#) else { return };
    let path = format!("/sessions/{}", &rest[..36]);
    served.attempt("PATCH", &format!("{path}/pause"), &conversation.headers(""), "");
    served.attempt("PATCH", &path, &conversation.headers(""), r#"{"title":"Another"}"#);
    served.attempt("DELETE", &path, &conversation.headers(""), "");
}

/// Returns the expected status of the turn.
fn status(point: &str, scenario: Scenario) -> &'static str {
    match point {
        "turns::finish:after" if scenario == Scenario::Cancel => "cancelled",
        "turns::begin:before" | "turns::finish:after" => "completed",
        _ => "interrupted",
    }
}

fn has_one_end(stream: &str) {
    let frames = frames(stream);
    let is_end = |frame: &&Value| ["finish", "abort", "error"].iter().any(|end| frame["type"] == *end);
    assert_eq!(frames.iter().filter(is_end).count(), 1, "{stream}");
    assert_eq!(frames.last(), Some(&Value::Null), "{stream}");
}

fn stored_text(message: &Value) -> String {
    message["parts"].as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect()
}
