//! Invalid, unusual and very large bodies.

use serde_json::Value;

use super::client::{Answer, completion, simulator, stream};

#[tokio::test]
async fn an_invalid_event_is_sent_among_valid_ones() {
    let simulator = simulator();
    let check = async |kind: &str, is_wrong: fn(&[u8]) -> bool| {
        let answer = stream(&simulator, &format!("sim/garbage?after=1&words=2&kind={kind}")).await;
        assert!(answer.complete, "{kind}");
        let events: Vec<&[u8]> = answer
            .body
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_prefix(b"data: "))
            .collect();
        let parse = |event: &[u8]| serde_json::from_slice::<Value>(event).ok();
        assert_eq!(parse(events[0]).unwrap()["choices"][0]["delta"]["content"], "the ", "{kind}");
        assert!(is_wrong(events[1]), "{kind}: {}", String::from_utf8_lossy(events[1]));
        assert_eq!(parse(events[2]).unwrap()["choices"][0]["delta"]["content"], "café", "{kind}");
        assert_eq!(events.last().unwrap(), b"[DONE]");

        let document = completion(&simulator, &format!("sim/garbage?kind={kind}")).await;
        assert_eq!(document.status, Some(200));
        assert!(is_wrong(document.body.trim_ascii_start()), "{kind}");
    };
    check("malformed", |event| serde_json::from_slice::<Value>(event).is_err() && event.starts_with(b"{"))
        .await;
    check("glued", |event| String::from_utf8_lossy(event).contains("}cdata: {")).await;
    check("utf8", |event| std::str::from_utf8(event).is_err()).await;
    check("text", |event| event == b"hello").await;
    check("array", |event| event == b"[]").await;
}

#[tokio::test]
async fn a_page_and_plain_text_can_have_status_200() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/garbage?kind=words").await;
    assert_eq!((answer.status, answer.text().as_str()), (Some(200), "no healthy upstream"));
    let answer = stream(&simulator, "sim/garbage?kind=html").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (Some(200), "text/html"));
    assert!(answer.text().starts_with("<!DOCTYPE html>"));
}

/// Parses any framing that the standard allows: an independent check that unusual framing is valid.
fn events(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    for line in lines.split('\n') {
        match line.split_once(':') {
            _ if line.is_empty() => {
                events.extend((!data.is_empty()).then(|| std::mem::take(&mut data).join("\n")))
            }
            Some(("data", value)) => data.push(value.strip_prefix(' ').unwrap_or(value)),
            _ => {}
        }
    }
    events
}

#[tokio::test]
async fn unusual_framing_has_the_same_events() {
    let simulator = simulator();
    let plain = stream(&simulator, "sim/echo").await.content();
    let check = async |parameters: &str, mark: &str| {
        let answer = stream(&simulator, &format!("sim/framing?{parameters}")).await;
        assert!(answer.text().contains(mark), "{parameters}: {:?}", answer.text());
        let mut events = events(&answer);
        assert_eq!(events.pop().as_deref(), Some("[DONE]"), "{parameters}");
        let content: String = events
            .iter()
            .map(|event| serde_json::from_str::<Value>(event).unwrap())
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(content, plain, "{parameters}");
    };
    check("newline=crlf", "\r\n\r\n").await;
    check("newline=cr", "PROCESSING\r\r").await;
    check("bom=yes", "\u{feff}: OPENROUTER").await;
    check("space=no", "\ndata:{").await;
    check("lines=many", ",\ndata: \"object\"").await;
    check("fields=yes", "event: message\nid: 7\nretry: 1000\n").await;
    check("comments=between", "\n\n: OPENROUTER PROCESSING\n\ndata: ").await;
    check("id=number", "{\"id\":1").await;
    check("role=no", "\"delta\":{\"content\":\"You \"}").await;
    check("write=1", "[DONE]\n\n").await;
}

#[tokio::test]
async fn the_last_line_ends_can_be_missing() {
    let simulator = simulator();
    for (end, text) in [("line", "\n\ndata: [DONE]\n"), ("bare", "\n\ndata: [DONE]")] {
        let answer = stream(&simulator, &format!("sim/framing?end={end}")).await;
        assert!(answer.complete && answer.text().ends_with(text), "{end}");
    }
}

#[tokio::test]
async fn the_size_of_writes_can_be_limited() {
    let simulator = simulator();
    let unlimited = stream(&simulator, "sim/framing?write=1000000").await;
    let pieces = stream(&simulator, "sim/framing?write=7").await;
    assert_eq!(events(&unlimited).len(), events(&pieces).len());
    simulator.wait_until_idle().await.unwrap();
    let sent = simulator.requests()[1].chunks_sent;
    assert!(sent >= pieces.body.len() as u64 / 7, "{sent} pieces of {} bytes", pieces.body.len());
}

#[tokio::test]
async fn a_line_can_be_very_long() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/huge-line?bytes=3000000").await;
    assert_eq!(answer.chunks()[0]["choices"][0]["delta"]["content"].as_str().unwrap().len(), 3_000_000);
    assert!(answer.is_done());
}

#[tokio::test]
async fn heartbeats_precede_an_answer_that_is_not_streamed_or_are_the_whole_body() {
    let simulator = simulator();
    let answer = completion(&simulator, "sim/heartbeats?keepalives=7").await;
    assert!(answer.text().starts_with(&format!("{}{{", "\n         \n".repeat(7))));
    assert!(answer.json()["choices"][0]["message"]["content"].is_string());
    let answer = completion(&simulator, "sim/heartbeats?body=no").await;
    assert!(answer.complete && answer.text() == "\n         \n".repeat(20));
    assert_eq!(stream(&simulator, "sim/heartbeats").await.comments(), 20);
}
