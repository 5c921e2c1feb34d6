//! Crash tests of completions without a session: the program is stopped before and after each commit, and restarted.
//!
//! Afterwards the ledger has one closed row per attempt that began, the key of an answer that was not stored can be used
//! again, and `causerie verify` finds no violation.

use std::time::{Duration, Instant};

use causerie_simulator::{Options, Simulator};
use causerie_testkit::database::TestDatabase;
use serde_json::{Value, json};

use crate::process::{Program, RunningServer, TIMEOUT};

/// Answer within half a second.
const SHORT: &str = "sim/text?words=20&delay_ms=25";
/// Answer that takes several renewals of its lease.
const LONG: &str = "sim/text?words=200&delay_ms=25";
const FAILING: &str = "sim/status?code=500&times=1";
/// Short, because on PostgreSQL the next process waits for the lease of the crashed one.
const LEASE_MS: &str = "3000";

/// Outcomes of the attempts of the request during which the program crashes.
type Outcomes = &'static [&'static str];

macro_rules! crashes {
    ($($name:ident: $point:literal, $model:ident => $outcomes:expr;)+) => {
        /// Fail points of the tests.
        const POINTS: &[&str] = &[$($point),+];

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::crash(None, $point, super::$model, &$outcomes);
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = super::TestDatabase::postgres().await.unwrap() {
                        super::crash(Some(&database), $point, super::$model, &$outcomes);
                    }
                }
            )+
        }
    };
}

crashes! {
    before_begin: "completions::begin:before", SHORT => [];
    after_begin: "completions::begin:after", SHORT => ["interrupted"];
    before_the_next_attempt: "completions::next_attempt:before", FAILING => ["interrupted"];
    after_the_next_attempt: "completions::next_attempt:after", FAILING => ["failed", "interrupted"];
    before_a_renewal: "completions::renew:before", LONG => ["interrupted"];
    after_a_renewal: "completions::renew:after@2", LONG => ["interrupted"];
    before_finish: "completions::finish:before", SHORT => ["interrupted"];
    after_finish: "completions::finish:after", SHORT => ["completed"];
    before_reap: "completions::reap:before", LONG => ["interrupted"];
    after_reap: "completions::reap:after", LONG => ["interrupted"];
}

#[test]
fn every_commit_of_a_completion_has_a_crash_test() {
    let port = include_str!("../../../persistence/src/store/completions.rs");
    let mut steps = 0;
    for call in port.split("transact!(self, ") {
        let Some(("Write" | "PriorityWrite", step)) = call.split_once(", ") else { continue };
        let step = step.split('(').next().unwrap();
        steps += 1;
        for moment in ["before", "after"] {
            let point = format!("{step}:{moment}");
            let is_covered = POINTS.iter().any(|known| known.split('@').next() == Some(&point));
            assert!(is_covered, "{point} is never reached");
        }
    }
    assert!(steps >= 5, "the port is read: {steps}");
}

fn crash(database: Option<&TestDatabase>, point: &str, model: &str, outcomes: Outcomes) {
    // It outlives the program, as the upstream does, so that costs can be looked up after the crash.
    let upstream = Simulator::start(Options::default()).unwrap();
    let mut program =
        Program::new().with("CAUSERIE_LEASE_MS", LEASE_MS).with("AI_GATEWAY_URL", upstream.base_url());
    if let Some(database) = database {
        program = program.with("DATABASE_URL", database.url());
    }
    let served = program.serve();
    let client = Client::of(&program);
    assert!(client.request(&served, SHORT, "before").contains("[DONE]"));
    served.stop();

    run_until_crash(&program, &client, point, model);

    let served = program.serve();
    let is_stored = outcomes.last() == Some(&"completed");
    let repeated = client.repeat(&served, model, "during", is_stored);
    let mut expected = [&["completed"], outcomes].concat();
    if is_stored {
        assert!(repeated.contains("answer_not_kept"), "{repeated}");
        assert!(repeated.contains("x-should-retry: false"), "{repeated}");
    } else {
        expected.push("completed");
    }
    let records = client.closed_records(&served, expected.len());
    let mut found: Vec<&str> = records.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    for outcome in expected {
        let place = found.iter().position(|one| *one == outcome);
        found.remove(place.unwrap_or_else(|| panic!("no row is {outcome}: {records:?}")));
    }
    // On a busy machine the repeated request can lose its short lease and be repeated once more.
    assert!(found.iter().all(|outcome| *outcome == "interrupted"), "{records:?}");
    served.stop();
    let verified = program.run(&["verify"]);
    assert_eq!((verified.code, verified.stdout.starts_with("whole")), (0, true), "{}", verified.stdout);
}

/// Runs a process that crashes at a fail point during a request.
fn run_until_crash(program: &Program, client: &Client, point: &str, model: &str) {
    let hook = [("CAUSERIE_FAIL_POINT", point)];
    if !point.starts_with("completions::reap") {
        let served = program.serve_with(&hook);
        client.request(&served, model, "during");
        served.died();
        return;
    }
    let served = program.serve_with(&[("CAUSERIE_FAIL_POINT", "completions::renew:after")]);
    client.request(&served, model, "during");
    served.died();
    // Only an expired lease is reaped; `verify` reports it when it has expired.
    while !program.run(&["verify"]).stdout.contains("[orphaned]") {}
    assert!(program.try_serve(&hook).is_err(), "the startup closes the row and crashes");
}

/// Client with the key of the first admin.
struct Client {
    key: String,
}

impl Client {
    fn of(program: &Program) -> Self {
        let key = std::fs::read_to_string(program.path("data/admin-key")).unwrap();
        Client { key: key.trim().to_owned() }
    }

    /// Sends a request with an idempotency key and reads the response until it ends or breaks off.
    fn request(&self, served: &RunningServer, model: &str, name: &str) -> String {
        let headers = format!("authorization: Bearer {}\r\nidempotency-key: {name}\r\n", self.key);
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        let body = json!({ "model": model, "messages": messages, "stream": true }).to_string();
        served.attempt("POST", "/v1/chat/completions", &headers, &body)
    }

    /// Repeats a request until it is answered, or once if its answer is stored.
    fn repeat(&self, served: &RunningServer, model: &str, name: &str, is_stored: bool) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let answer = self.request(served, model, name);
            if is_stored || answer.contains("[DONE]") {
                return answer;
            }
            assert!(Instant::now() < deadline, "the request was not answered: {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the ledger has at least this number of rows and all are closed and settled, and returns them. A row without a
    /// generation id, which was not received or not stored, has no cost that can be looked up.
    fn closed_records(&self, served: &RunningServer, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let page = served.get_as(&self.key, "/usage/records?limit=100").json();
            let records = page["data"].as_array().unwrap();
            let is_settled = |record: &Value| match record["generation_id"].is_null() {
                true => ["unknown", "calculated"].contains(&record["basis"].as_str().unwrap()),
                false => record["cost"].is_string(),
            };
            let is_closed = |record: &Value| !record["closed_at"].is_null() && is_settled(record);
            if records.len() >= count && records.iter().all(is_closed) {
                return records.clone();
            }
            assert!(Instant::now() < deadline, "{count} closed rows are expected: {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
