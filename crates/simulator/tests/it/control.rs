//! Handle of the simulator: records, waits, gates, outages and stop.

use std::time::Duration;

use causerie_simulator::{Fault, Options, Outcome, Simulator, SimulatorError};
use futures_util::future::join_all;
use serde_json::json;
use tokio::net::TcpStream;

use super::client::{ask, chat, completion, get, request, send, send_raw, simulator, stream};

#[tokio::test]
async fn requests_are_recorded_without_their_key() {
    let simulator = simulator();
    let body = chat("sim/echo", true);
    let headers = "authorization: Bearer sk-or-v1-secret\r\nhttp-referer: https://example.org\r\n\
                   x-openrouter-title: Test\r\ncookie: a=b\r\n";
    let answer =
        send(&simulator, "POST", "/chat/completions", &body.to_string(), headers).await.finish().await;
    get(&simulator, "/models?q=x").await;
    simulator.wait_until_idle().await.unwrap();

    let requests = simulator.requests();
    let [chat, models] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((chat.number, models.number), (1, 2));
    assert_eq!((chat.method.as_str(), chat.path.as_str()), ("POST", "/api/v1/chat/completions"));
    assert_eq!(models.path, "/api/v1/models?q=x");
    assert_eq!(*chat.body, body);
    assert_eq!(chat.messages(), [("user".to_owned(), "Hello there!".to_owned())]);
    assert_eq!(chat.model.as_deref(), Some("sim/echo"));
    assert_eq!(chat.headers["authorization"], "Bearer");
    assert_eq!(chat.headers["x-openrouter-title"], "Test");
    assert!(!chat.headers.contains_key("cookie"));
    assert!(!format!("{requests:?}").contains("secret"));
    assert_eq!((chat.status, chat.outcome), (Some(200), Some(Outcome::Complete)));
    assert_eq!(chat.generation_id.as_ref(), Some(&answer.headers["x-generation-id"]));
    assert!(chat.started_at <= chat.ended_at.unwrap());
    // A comment, the deltas, two events with the finish reason, and [DONE].
    assert_eq!(chat.chunks_sent, 1 + answer.chunks().len() as u64 + 1);
    assert_eq!((simulator.count("sim/echo"), simulator.count_chat(), simulator.total()), (1, 1, 2));

    simulator.clear();
    assert_eq!((simulator.requests().len(), simulator.count_chat(), simulator.total()), (0, 0, 2));
}

#[tokio::test]
async fn only_the_latest_requests_are_recorded() {
    let simulator = Simulator::start(Options { recorded_requests: 2, ..Options::default() }).unwrap();
    for model in ["sim/text?key=1", "sim/text?key=2", "sim/text?key=3"] {
        completion(&simulator, model).await;
    }
    let models: Vec<_> = simulator.requests().iter().filter_map(|request| request.model.clone()).collect();
    assert_eq!(models, ["sim/text?key=2", "sim/text?key=3"]);
    assert_eq!(simulator.total(), 3);
}

#[tokio::test]
async fn a_wait_times_out() {
    let options = Options { wait_timeout: Duration::from_millis(10), ..Options::default() };
    let simulator = Simulator::start(options).unwrap();
    let error = simulator.wait_for_count("sim/echo", 1).await.unwrap_err();
    assert!(matches!(error, SimulatorError::TimedOut(_)));
    assert_eq!(error.to_string(), "the awaited condition was not met within 10ms");
}

#[tokio::test]
async fn a_gate_releases_single_deltas() {
    let simulator = simulator();
    let mut connection = ask(&simulator, &chat("sim/gated?gate=step&words=4", true)).await;
    simulator.wait_until_held("step", 1).await.unwrap();
    assert_eq!(simulator.requests()[0].chunks_sent, 1, "only the comment");
    simulator.release("step", 2);
    connection.read_until("café").await;
    simulator.wait_until_held("step", 1).await.unwrap();
    assert_eq!(simulator.requests()[0].chunks_sent, 3);
    assert!(simulator.requests()[0].is_running());
    simulator.open("step");
    assert_eq!(connection.finish().await.content(), "the café opens at");
}

#[tokio::test]
async fn a_gate_works_at_each_position() {
    let simulator = simulator();
    for (place, sent) in [("head", 0), ("first", 1), ("2", 3), ("end", 5)] {
        let gate = format!("at-{place}");
        let model = format!("sim/text?words=4&gate={gate}&gate_at={place}");
        let connection = ask(&simulator, &chat(&model, true)).await;
        simulator.wait_until_held(&gate, 1).await.unwrap();
        let request = simulator.requests_for(&model)[0].clone();
        assert_eq!(request.chunks_sent, sent, "{place}");
        assert_eq!(request.status.is_some(), place != "head");
        simulator.release(&gate, 1);
        assert!(connection.finish().await.is_done(), "{place}");
    }
    assert_eq!(stream(&simulator, "sim/text?gate=a&gate_at=nowhere").await.status, Some(400));
}

#[tokio::test]
async fn a_refusal_can_be_held_at_a_gate() {
    let simulator = simulator();
    let connection = ask(&simulator, &chat("sim/status?code=503&gate=late&gate_at=head", true)).await;
    simulator.wait_until_held("late", 1).await.unwrap();
    simulator.open("late");
    assert_eq!(connection.finish().await.status, Some(503));
}

#[tokio::test]
async fn an_outage_affects_every_route_until_it_ends() {
    let simulator = simulator();
    let status =
        async || (stream(&simulator, "sim/echo").await.status, get(&simulator, "/models").await.status);
    simulator.fail_all(Fault::RateLimited { retry_after: Some(3) }).unwrap();
    assert_eq!(status().await, (Some(429), Some(429)));
    assert_eq!(stream(&simulator, "sim/echo").await.headers["retry-after"], "3");
    simulator.fail_all(Fault::RateLimited { retry_after: None }).unwrap();
    assert!(!stream(&simulator, "sim/echo").await.headers.contains_key("retry-after"));
    simulator.fail_all(Fault::Status(503)).unwrap();
    assert_eq!(status().await, (Some(503), Some(503)));
    simulator.fail_all(Fault::Dropped).unwrap();
    assert_eq!(status().await, (None, None));
    simulator.fail_all(Fault::Scenario("sim/cut-mid-stream?how=clean".to_owned())).unwrap();
    let cut = stream(&simulator, "sim/echo").await;
    assert_eq!(cut.headers["content-type"], "text/event-stream");
    assert!(cut.complete && !cut.is_done());
    simulator.fail_all(Fault::Silent).unwrap();
    let held = ask(&simulator, &chat("sim/echo?key=held", true)).await;
    simulator.wait_for_count("sim/echo?key=held", 1).await.unwrap();
    simulator.recover();
    assert_eq!(status().await, (Some(200), Some(200)));
    assert!(stream(&simulator, "sim/echo").await.is_done());
    drop(held);

    let wrong = simulator.fail_all(Fault::Scenario("sim/nothing".to_owned())).unwrap_err();
    assert_eq!(wrong.to_string(), "no such fault: sim/nothing is not a valid model ID");
    assert!(simulator.fail_all(Fault::Status(200)).is_err());
}

#[tokio::test]
async fn hundreds_of_requests_are_counted_during_an_outage() {
    let simulator = simulator();
    simulator.fail_all(Fault::Status(429)).unwrap();
    let outage = join_all((0..300).map(|_| stream(&simulator, "sim/text"))).await;
    assert!(outage.iter().all(|answer| answer.status == Some(429)));
    simulator.recover();
    let after = join_all((0..300).map(|_| stream(&simulator, "sim/text"))).await;
    assert!(after.iter().all(|answer| answer.is_done()));
    assert_eq!(simulator.count("sim/text"), 600);
    let mut ids: Vec<_> = after.iter().map(|answer| &answer.headers["x-generation-id"]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 300);
}

#[tokio::test]
async fn running_answers_can_be_cut() {
    let simulator = simulator();
    let mut streaming = ask(&simulator, &chat("sim/gated?gate=never&gate_at=2", true)).await;
    streaming.read_until("café").await;
    let waiting = ask(&simulator, &chat("sim/stall?at=head", true)).await;
    simulator.wait_for_count("sim/stall?at=head", 1).await.unwrap();
    simulator.cut_running();
    let answer = streaming.finish().await;
    assert!(!answer.complete && answer.content() == "the café ");
    assert_eq!(waiting.finish().await.status, None);
    simulator.wait_until_idle().await.unwrap();
    assert!(simulator.requests().iter().all(|request| request.outcome == Some(Outcome::Stopped)));
    assert!(stream(&simulator, "sim/echo").await.is_done(), "later requests are not touched");
}

#[tokio::test]
async fn a_stop_cuts_running_answers_and_releases_the_port() {
    let simulator = simulator();
    let address = simulator.base_url()["http://".len()..].trim_end_matches("/api/v1").to_owned();
    let mut streaming = ask(&simulator, &chat("sim/gated?gate=never&gate_at=1", true)).await;
    streaming.read_until("the ").await;
    simulator.stop().await;
    assert!(!streaming.finish().await.complete);
    assert!(TcpStream::connect(&address).await.is_err());

    let again = Simulator::start(Options { listen: address.parse().unwrap(), ..Options::default() }).unwrap();
    assert!(stream(&again, "sim/echo").await.is_done());
}

#[test]
fn an_address_in_use_is_an_error() {
    let simulator = simulator();
    let listen = simulator.base_url()["http://".len()..].trim_end_matches("/api/v1").parse().unwrap();
    let error = Simulator::start(Options { listen, ..Options::default() }).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {listen}"));
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let simulator = simulator();
    let body = json!({ "model": "sim/text?words=1", "messages": [] }).to_string();
    let text = request("POST", "/chat/completions", &body, "");
    let connection = send_raw(&simulator, &format!("{text}{text}")).await;
    simulator.wait_for_count("sim/text?words=1", 2).await.unwrap();
    assert!(connection.finish().await.complete);
}
