//! The program stopped at every commit of a turn, before it and after it, and started again.
//!
//! What must hold then: a message whose send was answered is there, once; its turn is closed and keeps what was
//! flushed; a resume tells that text and one honest end; the session goes on; `causerie verify` finds nothing.
#![cfg(test)]

mod program;

use causerie_testkit::database::TestDatabase;
use program::talk::{Talk, frames, text, turn_of};
use program::{Program, Served};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// What the client does while the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Sends a message.
    Send,
    /// Sends a message and cancels the answer.
    Cancel,
    /// Makes a session, pauses it, resumes it, renames it and deletes it.
    Session,
    /// Leaves a turn to a dead process; the one that closes it dies as well.
    Reap,
}

/// Twenty words over half a second, from a model that fails the first time it is asked.
const MODEL: &str = "sim/text?words=20&delay_ms=25";
const FAILING: &str = "sim/status?code=500&times=1";
/// Sixty words over a second and a half: long enough for every flush that a seed can choose.
const LONGER: &str = "sim/text?words=60&delay_ms=25";
const SEEDS: [u64; 3] = [2026, 7, 42];
/// Short, because on PostgreSQL the next process waits for the lease of the dead one; long enough for a busy machine,
/// where a turn that cannot renew it stops.
const LEASE_MS: &str = "3000";
/// Steps of conversations that no turn takes part in.
const NOT_OF_A_TURN: [&str; 2] = ["forks::fork", "attachments::delete"];
/// By the third flush there is text. The first may have only the upstream's id.
const TEXT_IS_KEPT: &str = "turns::flush:after@3";

macro_rules! crashes {
    ($($name:ident: $point:literal, $scene:ident, $model:ident;)+) => {
        /// The points at which a process is stopped here.
        const POINTS: &[&str] = &[$($point),+];

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::crash(None, $point, super::Scene::$scene, super::$model);
                }
            )+

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn at_flushes_that_seeds_choose() {
                for seed in super::SEEDS {
                    super::crash(None, &super::flush_of(seed), super::Scene::Send, super::LONGER);
                }
            }
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = super::TestDatabase::postgres().await.unwrap() {
                        super::crash(Some(&database), $point, super::Scene::$scene, super::$model);
                    }
                }
            )+

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn at_flushes_that_seeds_choose() {
                for seed in super::SEEDS {
                    if let Some(database) = super::TestDatabase::postgres().await.unwrap() {
                        super::crash(Some(&database), &super::flush_of(seed), super::Scene::Send, super::LONGER);
                    }
                }
            }
        }
    };
}

crashes! {
    before_a_turn_is_begun: "turns::begin:before", Send, MODEL;
    after_a_turn_is_begun: "turns::begin:after", Send, MODEL;
    before_the_next_attempt: "turns::begin_attempt:before", Send, FAILING;
    after_the_next_attempt: "turns::begin_attempt:after", Send, FAILING;
    before_the_first_flush: "turns::flush:before", Send, MODEL;
    after_the_first_flush: "turns::flush:after", Send, MODEL;
    before_a_later_flush: "turns::flush:before@4", Send, MODEL;
    after_a_later_flush: "turns::flush:after@3", Send, MODEL;
    before_a_turn_is_ended: "turns::finish:before", Send, MODEL;
    after_a_turn_is_ended: "turns::finish:after", Send, MODEL;
    before_a_cancel_is_noted: "turns::request_cancel:before", Cancel, MODEL;
    after_a_cancel_is_noted: "turns::request_cancel:after", Cancel, MODEL;
    before_a_cancelled_turn_is_ended: "turns::finish:before", Cancel, MODEL;
    after_a_cancelled_turn_is_ended: "turns::finish:after", Cancel, MODEL;
    before_a_turn_is_reaped: "turns::reap:before", Reap, MODEL;
    after_a_turn_is_reaped: "turns::reap:after", Reap, MODEL;
    before_a_session_is_made: "sessions::create:before", Session, MODEL;
    after_a_session_is_made: "sessions::create:after", Session, MODEL;
    before_a_session_changes: "sessions::change_state:before", Session, MODEL;
    after_a_session_changes: "sessions::change_state:after", Session, MODEL;
    before_a_session_is_renamed: "sessions::rename:before", Session, MODEL;
    after_a_session_is_renamed: "sessions::rename:after", Session, MODEL;
    before_a_session_is_deleted: "sessions::delete:before", Session, MODEL;
    after_a_session_is_deleted: "sessions::delete:after", Session, MODEL;
}

/// The flush of a long answer at which a seed stops the process: there is text by then.
fn flush_of(seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let moment = ["before", "after"][rng.random_range(0..2)];
    format!("turns::flush:{moment}@{}", rng.random_range(4..=12))
}

/// Every step of these ports that writes has a point before its commit and one after it, by the macro that runs it.
#[test]
fn no_commit_of_a_turn_is_left_out() {
    let ports = [
        include_str!("../../persistence/src/store/turns.rs"),
        include_str!("../../persistence/src/store/sessions.rs"),
        include_str!("../../persistence/src/store/forks.rs"),
        include_str!("../../persistence/src/store/messages.rs"),
        include_str!("../../persistence/src/store/attachments.rs"),
    ];
    let mut steps = 0;
    for call in ports.iter().flat_map(|port| port.split("transact!(self, ")) {
        let Some((mode @ ("Write" | "PriorityWrite"), step)) = call.split_once(", ") else { continue };
        let step = step.split('(').next().unwrap();
        steps += 1;
        for moment in ["before", "after"] {
            let point = format!("{step}:{moment}");
            let is_covered = POINTS.iter().any(|known| known.split('@').next() == Some(&point));
            assert!(is_covered || NOT_OF_A_TURN.contains(&step), "{mode} {point} is never reached");
        }
    }
    assert!(steps >= 10, "the ports are read: {steps}");
}

fn crash(database: Option<&TestDatabase>, point: &str, scene: Scene, model: &str) {
    let mut program = Program::new().with("AI_DEFAULT_MODEL", model).with("CAUSERIE_LEASE_MS", LEASE_MS);
    if let Some(database) = database {
        program = program.with("DATABASE_URL", database.url());
    }
    let served = program.serve();
    let talk = Talk::begin(&program, &served);
    let whole = text(&talk.say(&served, "Before", "before"));
    served.stop();

    let seen = live_and_die(&program, &talk, point, scene);

    let served = program.serve();
    let mut exchanges = 2;
    if scene != Scene::Session {
        exchanges += 1;
        // Under its key the message is found again, or taken now if it never was.
        let told = talk.say(&served, "During", "during");
        let turn = turn_of(&told).unwrap();
        assert!(turn_of(&seen).is_none_or(|answered| answered == turn), "{seen}\n{told}");
        has_one_end(&told);
        assert_eq!(text(&talk.replay(&served, &turn)), text(&told));
        let messages = talk.messages(&served);
        assert_eq!(messages[2]["content"], "During");
        assert_eq!(messages[3]["status"], status(point, scene), "{told}");
        assert_eq!(stored_text(&messages[3]), text(&told));
        let flushed = point.contains('@') || scene == Scene::Reap;
        assert!(!flushed || !text(&told).is_empty(), "what was flushed is kept: {told}");
        assert!(model == FAILING || whole.starts_with(&text(&told)), "{told}");
    }
    let after = talk.say(&served, "After", "after");
    assert!(after.contains(r#""status":"completed""#), "{after}");
    assert_eq!(talk.messages(&served).len(), 2 * exchanges);
    served.stop();
    let verified = program.run(&["verify"]);
    assert_eq!((verified.code, verified.stdout.starts_with("whole")), (0, true), "{}", verified.stdout);
}

/// A process that dies at the point. Gives what the sender of the message saw.
fn live_and_die(program: &Program, talk: &Talk, point: &str, scene: Scene) -> String {
    let hook = [("CAUSERIE_FAIL_POINT", point)];
    if scene == Scene::Reap {
        let served = program.serve_with(&[("CAUSERIE_FAIL_POINT", TEXT_IS_KEPT)]);
        let seen = talk.send(&served, "During", "during");
        served.died();
        // Only a lease that has run out is reaped. The audit sees that it has.
        while !program.run(&["verify"]).stdout.contains("[lease]") {}
        assert!(program.try_serve(&hook).is_err(), "the start closes the turn, and dies of it");
        return seen;
    }
    let served = program.serve_with(&hook);
    let seen = match scene {
        Scene::Send | Scene::Reap => talk.send(&served, "During", "during"),
        Scene::Cancel => {
            let seen = read_some(talk, &served);
            talk.cancel(&served);
            seen
        }
        Scene::Session => {
            change_another_session(talk, &served);
            String::new()
        }
    };
    served.died();
    seen
}

/// Sends the message and reads until there is text.
fn read_some(talk: &Talk, served: &Served) -> String {
    let body = r#"{"content":"During"}"#;
    let mut stream = served.stream("POST", &talk.path("/messages"), &talk.headers("during"), body).unwrap();
    assert!(stream.read_to("text-delta"), "{}", stream.seen);
    stream.seen
}

/// Makes a session and does everything to it that writes. The process dies on the way.
fn change_another_session(talk: &Talk, served: &Served) {
    let made = served.attempt("POST", "/sessions", &talk.headers(""), r#"{"tool":"general-assistant"}"#);
    let Some((_, rest)) = made.split_once(r#"{"id":""#) else { return };
    let path = format!("/sessions/{}", &rest[..36]);
    served.attempt("PATCH", &format!("{path}/pause"), &talk.headers(""), "");
    served.attempt("PATCH", &path, &talk.headers(""), r#"{"title":"Another"}"#);
    served.attempt("DELETE", &path, &talk.headers(""), "");
}

/// How the turn stands in the end.
fn status(point: &str, scene: Scene) -> &'static str {
    match point {
        "turns::finish:after" if scene == Scene::Cancel => "cancelled",
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
