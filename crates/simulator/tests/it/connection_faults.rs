//! Connections that stall or break, and errors inside a response.

use causerie_simulator::Outcome;
use serde_json::{Value, json};

use super::client::{Answer, ask, chat, completion, simulator, stream};

#[tokio::test]
async fn a_cut_stream_delivers_all_events_before_the_cut() {
    let simulator = simulator();
    let check = async |parameters: &str, complete: bool, content: &str, reasons: usize, done: bool| {
        let answer = stream(&simulator, &format!("sim/cut-mid-stream?words=4&{parameters}")).await;
        assert_eq!(answer.status, Some(200), "{parameters}");
        assert_eq!(answer.complete, complete, "{parameters}");
        let whole_events = answer.text().rsplit_once("\n\n").map(|(head, _)| head.len()).unwrap_or_default();
        let answer = Answer { body: answer.body[..whole_events].to_vec(), ..answer };
        assert_eq!(answer.content(), content, "{parameters}");
        assert_eq!(answer.finish_reasons().len(), reasons, "{parameters}");
        assert_eq!(answer.data().last().is_some_and(|text| text == "[DONE]"), done, "{parameters}");
    };
    check("after=2", false, "the café ", 0, false).await;
    check("after=0", false, "", 0, false).await;
    check("after=99", false, "the café opens at", 0, false).await;
    check("after=2&how=inside", false, "the café ", 0, false).await;
    check("after=2&how=clean", true, "the café ", 0, false).await;
    check("after=2&how=done", true, "the café ", 0, true).await;
    check("at=finish", false, "the café opens at", 1, false).await;
    check("at=finish&how=clean", true, "the café opens at", 1, false).await;
    check("at=usage&how=clean", true, "the café opens at", 2, false).await;
}

#[tokio::test]
async fn a_cut_answer_that_is_not_streamed_has_at_most_whitespace() {
    let simulator = simulator();
    for (how, complete) in [("abrupt", false), ("inside", false), ("clean", true)] {
        let answer = completion(&simulator, &format!("sim/cut-mid-stream?how={how}")).await;
        assert_eq!(answer.complete, complete, "{how}");
        assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    }
}

#[tokio::test]
async fn a_dropped_connection_sends_no_byte() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/drop").await;
    assert_eq!(answer.status, None);
    simulator.wait_until_idle().await.unwrap();
    assert_eq!(simulator.requests()[0].outcome, Some(Outcome::Cut));
    assert_eq!(simulator.requests()[0].status, None);
}

#[tokio::test]
async fn an_error_ends_the_stream_in_each_form() {
    let simulator = simulator();
    let last = async |parameters: &str, content: &str| {
        let answer = stream(&simulator, &format!("sim/error-mid-stream?{parameters}")).await;
        assert!(answer.complete, "{parameters}");
        assert_eq!(answer.content(), content, "{parameters}");
        (answer.chunks().pop().unwrap(), answer)
    };
    let (event, answer) = last("", "the café opens ").await;
    assert_eq!(event["error"]["code"], 502);
    assert_eq!(answer.finish_reasons(), ["error"]);
    assert!(!answer.is_done());

    let (event, _) = last("form=string&after=1", "the ").await;
    assert_eq!(event["error"]["code"], "server_error");

    let (event, answer) = last("form=envelope&after=0&code=429", "").await;
    assert_eq!(event["error"]["code"], 429);
    assert!(event.get("id").is_none() && event.get("choices").is_none());
    assert_eq!(answer.chunks().len(), 1, "it is the first event");

    let (event, _) = last("form=no-code", "the café opens ").await;
    assert!(event["error"].get("code").is_none() && event["error"]["message"].is_string());

    let (event, _) = last("form=no-choices", "the café opens ").await;
    assert_eq!(event["choices"], json!([]));

    let (event, _) = last("form=choice", "the café opens ").await;
    assert_eq!(event["choices"][0]["error"]["code"], 502);
    assert!(event.get("error").is_none() && event["choices"][0]["finish_reason"].is_null());

    let (event, answer) = last("form=after-length&code=400", "the café opens ").await;
    assert_eq!(event["error"]["message"], "Token limit reached");
    assert_eq!(event["usage"]["cost"], 0);
    assert_eq!(answer.finish_reasons(), ["length"]);
    assert!(answer.is_done());
}

#[tokio::test]
async fn an_error_that_is_not_streamed_has_status_200() {
    let simulator = simulator();
    let envelope = completion(&simulator, "sim/error-mid-stream").await;
    assert_eq!(envelope.status, Some(200));
    assert_eq!(envelope.json()["error"]["code"], 502);
    let choice = completion(&simulator, "sim/error-mid-stream?form=choice&words=2").await.json();
    assert_eq!(choice["choices"][0]["error"]["code"], 502);
    assert_eq!(choice["choices"][0]["message"]["content"], "the café");
    assert!(choice["choices"][0]["finish_reason"].is_null());
}

#[tokio::test]
async fn a_stalled_answer_stays_silent_until_the_client_closes() {
    let simulator = simulator();
    // A comment or a heartbeat is sent first.
    for (model, streamed, sent) in
        [("sim/stall?after=2", true, 3), ("sim/stall?after=0", true, 1), ("sim/stall?after=2", false, 1)]
    {
        simulator.clear();
        let connection = ask(&simulator, &chat(model, streamed)).await;
        simulator
            .wait_until(|requests| requests.first().is_some_and(|request| request.chunks_sent == sent))
            .await
            .unwrap();
        assert!(simulator.requests()[0].is_running());
        drop(connection);
        simulator.wait_until(|requests| requests[0].client_closed()).await.unwrap();
        assert_eq!(simulator.requests()[0].chunks_sent, sent, "{model}");
    }
}

#[tokio::test]
async fn a_stall_before_the_head_sends_no_head() {
    let simulator = simulator();
    let mut connection = ask(&simulator, &chat("sim/stall?at=head", true)).await;
    simulator.wait_for_count("sim/stall?at=head", 1).await.unwrap();
    assert!(connection.is_silent().await);
    drop(connection);
    simulator.wait_until(|requests| requests[0].client_closed()).await.unwrap();
    assert_eq!(simulator.requests()[0].status, None);
}

#[tokio::test]
async fn keep_alives_continue_during_a_stall() {
    let simulator = simulator();
    for (streamed, beat) in [(true, ": OPENROUTER PROCESSING\n\n"), (false, "\n         \n")] {
        simulator.clear();
        let connection = ask(&simulator, &chat("sim/stall?after=1&keepalive_ms=2", streamed)).await;
        simulator
            .wait_until(|requests| requests.first().is_some_and(|request| request.chunks_sent > 6))
            .await
            .unwrap();
        simulator.cut_running();
        let text = connection.finish().await.text();
        // The cut can drop the last one.
        assert!(text.matches(beat).count() >= 4, "{text:?}");
        assert!(text.ends_with(beat));
        assert_eq!(text.matches("data: ").count(), usize::from(streamed));
    }
}

#[tokio::test]
async fn thinking_sends_keep_alives_and_then_the_answer() {
    let simulator = simulator();
    let model = "sim/thinking?for_ms=20&every_ms=5&words=2";
    let answer = stream(&simulator, model).await;
    assert_eq!(answer.comments(), 1 + 4);
    assert_eq!(answer.content(), "the café");
    assert!(answer.is_done());
    let answer = completion(&simulator, model).await;
    assert!(answer.text().starts_with(&"\n         \n".repeat(5)));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "the café");
}
