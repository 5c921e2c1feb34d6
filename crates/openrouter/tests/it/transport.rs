//! Connections that fail, stall and break, timeouts, and cancellation.

use std::time::Duration;

use causerie_domain::completion::{CompletionErrorKind, CompletionEvent, FinishReason, TimeoutKind};
use causerie_domain::ports::CompletionGateway;
use causerie_openrouter::{Attribution, OpenRouter, Settings, SettingsError, Timeouts};
use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::scripted_upstream::{KEY, Step, Upstream, chunk, client, head, last_chunk, response};
use crate::support::{Answer, hello, stream};

const HELLO: &str =
    r#"{"id":"gen-body","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}"#;
const KEEP_ALIVE: &str = ": OPENROUTER PROCESSING\n\n";

/// Long enough for a local connection, short for a test.
const SHORT: Duration = Duration::from_millis(80);

async fn complete(client: &OpenRouter) -> Answer {
    Answer::of(&client.complete(hello()).collect::<Vec<_>>().await)
}

async fn complete_with_script(script: Vec<Step>) -> Answer {
    complete(&Upstream::playing(vec![script]).await.client()).await
}

fn check_timeout(answer: &Answer, kind: TimeoutKind) {
    assert_eq!(answer.error().kind, CompletionErrorKind::Timeout(kind));
    assert!(answer.error().message.contains(kind.as_str()), "{}", answer.error().message);
    assert!(answer.error().retryable);
}

#[tokio::test]
async fn a_stream_is_read_to_its_end_and_identified_by_its_headers() {
    let script = vec![
        head(),
        chunk(KEEP_ALIVE),
        chunk(&stream(&[HELLO, STOP])),
        chunk("data: [DONE]\n\n"),
        last_chunk(),
    ];
    let answer = complete_with_script(script).await;
    assert_eq!((answer.text.as_str(), answer.identity.generation_id.as_deref()), ("Hello", Some("gen-head")));
    assert_eq!(answer.end.outcome.unwrap().reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn the_request_has_key_and_attribution_and_is_sent_once() {
    let upstream = Upstream::playing(vec![vec![]]).await;
    let client = client(Settings {
        base_url: upstream.url.clone(),
        attribution: Attribution {
            referer: Some("https://example.org".to_owned()),
            title: Some("Café".to_owned()),
            categories: vec!["one".to_owned(), "two".to_owned()],
        },
        ..Settings::default()
    });
    complete(&client).await;
    let requests = upstream.requests();
    assert_eq!(requests.len(), 1, "a request that the upstream may have read is not sent again");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v1/chat/completions HTTP/1.1"), "{head}");
    let expected = [
        format!("authorization: Bearer {KEY}"),
        "http-referer: https://example.org".to_owned(),
        "x-openrouter-title: Café".to_owned(),
        "x-openrouter-categories: one,two".to_owned(),
        "content-type: application/json".to_owned(),
    ];
    for line in expected {
        assert!(head.contains(&line), "{line} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["max_tokens"], &body["stream"]), (&64.into(), &true.into()));
    assert!(body.get("stream_options").is_none() && body.get("usage").is_none());
}

#[tokio::test]
async fn nothing_is_sent_before_the_stream_is_polled() {
    let upstream = Upstream::playing(vec![vec![]]).await;
    drop(upstream.client().complete(hello()));
    assert_eq!(upstream.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_connection_is_a_network_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = complete(&client(Settings { base_url, ..Settings::default() })).await;
    assert_eq!(answer.error().kind, CompletionErrorKind::Network);
    assert!(answer.error().retryable && answer.error().provider_text.is_some());
}

#[tokio::test]
async fn a_connection_that_closes_before_the_response_head_is_a_network_error() {
    for script in [vec![], vec![Step::Reset], vec![Step::Send(b"HTTP/1.1 200".to_vec())]] {
        assert_eq!(
            complete_with_script(script.clone()).await.error().kind,
            CompletionErrorKind::Network,
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_is_a_network_error() {
    let answer = complete_with_script(vec![Step::Send(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())]).await;
    assert_eq!(answer.error().kind, CompletionErrorKind::Network);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_answer_interrupts_it_and_keeps_its_text() {
    for end in [vec![], vec![Step::Reset], vec![last_chunk()]] {
        let mut script = vec![head(), chunk(&stream(&[HELLO])), Step::Wait(SHORT)];
        script.extend(end);
        let answer = complete_with_script(script.clone()).await;
        assert_eq!(answer.error().kind, CompletionErrorKind::Interrupted, "{script:?}");
        assert_eq!(answer.text, "Hello");
        assert_eq!(answer.error().request_id.as_deref(), Some("gen-head"));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_finish_reason_is_not_a_failure() {
    let answer =
        complete_with_script(vec![head(), chunk(&stream(&[HELLO, STOP])), Step::Wait(SHORT), Step::Reset])
            .await;
    assert_eq!((answer.text.as_str(), answer.end.usage), ("Hello", None));
    assert!(answer.end.outcome.is_ok());
}

#[tokio::test]
async fn the_connect_timeout_runs_while_no_connection_is_accepted() {
    // A listener with a full queue lets further connections wait for ever.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(connection) = timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(connection.unwrap());
    }
    let timeouts = Timeouts { connect: SHORT, ..Timeouts::default() };
    let answer = complete(&client(Settings {
        base_url: format!("http://{address}"),
        timeouts,
        ..Settings::default()
    }))
    .await;
    check_timeout(&answer, TimeoutKind::Connect);
}

#[tokio::test]
async fn the_first_byte_timeout_runs_without_a_head_and_without_a_body() {
    for script in [vec![Step::Hang], vec![head(), Step::Hang]] {
        let upstream = Upstream::playing(vec![script]).await;
        let client = upstream.client_with(Timeouts { first_byte: SHORT, ..Timeouts::default() });
        check_timeout(&complete(&client).await, TimeoutKind::FirstByte);
        upstream.departure().await;
    }
}

#[tokio::test]
async fn the_idle_bytes_timeout_runs_in_silence() {
    let upstream = Upstream::playing(vec![vec![head(), chunk(&stream(&[HELLO])), Step::Hang]]).await;
    let answer = complete(&upstream.client_with(Timeouts { idle_bytes: SHORT, ..Timeouts::default() })).await;
    check_timeout(&answer, TimeoutKind::IdleBytes);
    assert_eq!(answer.text, "Hello");
    upstream.departure().await;
}

#[tokio::test]
async fn the_idle_progress_timeout_runs_through_keep_alives() {
    let empty_delta =
        stream(&[r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#]);
    for keep_alive in [KEEP_ALIVE, &empty_delta] {
        let mut script = vec![head(), chunk(&stream(&[HELLO]))];
        for _ in 0..200 {
            script.extend([Step::Wait(Duration::from_millis(5)), chunk(keep_alive)]);
        }
        let upstream = Upstream::playing(vec![script]).await;
        let timeouts =
            Timeouts { idle_bytes: Duration::from_secs(5), idle_progress: SHORT, ..Timeouts::default() };
        check_timeout(&complete(&upstream.client_with(timeouts)).await, TimeoutKind::IdleProgress);
    }
}

#[tokio::test]
async fn the_total_timeout_runs_through_progress() {
    let mut script = vec![head()];
    for _ in 0..200 {
        script.extend([Step::Wait(Duration::from_millis(5)), chunk(&stream(&[HELLO]))]);
    }
    let upstream = Upstream::playing(vec![script]).await;
    let answer = complete(&upstream.client_with(Timeouts { total: SHORT, ..Timeouts::default() })).await;
    check_timeout(&answer, TimeoutKind::Total);
    assert!(answer.text.starts_with("HelloHello"));
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection_at_once() {
    // The first event has the hash of the body.
    for (script, events) in [
        (vec![Step::Hang], 1),
        (vec![head(), Step::Hang], 2),
        (vec![head(), chunk(&stream(&[HELLO])), Step::Hang], 3),
    ] {
        let upstream = Upstream::playing(vec![script]).await;
        let client = upstream.client();
        let mut stream = client.complete(hello());
        for _ in 0..events {
            assert!(stream.next().await.is_some());
        }
        // The request is in progress even if its answer has no event yet.
        assert!(timeout(SHORT, stream.next()).await.is_err());
        drop(stream);
        upstream.departure().await;
    }
}

#[tokio::test]
async fn the_connection_is_closed_when_the_final_event_is_returned() {
    let error = stream(&[r#"{"error":{"code":500,"message":"no"}}"#]);
    let upstream = Upstream::playing(vec![vec![head(), chunk(&error), Step::Hang]]).await;
    let mut events = upstream.client().complete(hello());
    while let Some(event) = events.next().await {
        if matches!(event, CompletionEvent::Ended(_)) {
            break;
        }
    }
    upstream.departure().await;
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none(), "further polls are harmless");
}

#[tokio::test]
async fn a_connection_is_reused_after_a_complete_answer() {
    // The upstream counts requests per connection. On a reused connection the script does not answer the second
    // request, so that it times out and is not counted.
    let script =
        [head(), chunk(&stream(&[HELLO, STOP])), chunk("data: [DONE]\n\n"), last_chunk(), Step::Hang];
    let upstream = Upstream::playing(vec![script.to_vec()]).await;
    let client = upstream.client_with(Timeouts { first_byte: SHORT, ..Timeouts::default() });
    assert!(complete(&client).await.end.outcome.is_ok());
    tokio::task::yield_now().await;
    check_timeout(&complete(&client).await, TimeoutKind::FirstByte);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Upstream::playing(vec![vec![]]).await;
    let moved = response(307, &[("location", &target.url)], b"");
    let answer = complete(&Upstream::answering(moved).await.client()).await;
    assert_eq!(answer.error().kind, CompletionErrorKind::InvalidResponse);
    assert!(!answer.error().retryable);
    assert_eq!(target.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn the_configured_proxy_is_used() {
    let proxy = Upstream::answering(response(200, &[], stream(&[HELLO, STOP]).as_bytes())).await;
    let address = proxy.url.trim_end_matches("/api/v1").to_owned();
    let base_url = "http://upstream.invalid/v1".to_owned();
    let answer = complete(&client(Settings { base_url, proxy: Some(address), ..Settings::default() })).await;
    assert_eq!(answer.text, "Hello");
    assert!(proxy.requests()[0].starts_with("POST http://upstream.invalid/v1/chat/completions"));
}

#[test]
fn unusable_settings_are_rejected_without_showing_secrets() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refused = |settings| OpenRouter::new(settings).unwrap_err();
    let key = Some(causerie_domain::Secret::new("line\nbreak"));
    let error = refused(Settings { api_key: key, ..Settings::default() });
    assert!(matches!(error, SettingsError::Header(_)) && !format!("{error} {error:?}").contains("break"));
    assert!(matches!(
        refused(Settings { base_url: "openrouter".to_owned(), ..Settings::default() }),
        SettingsError::BaseUrl { .. }
    ));
    assert!(matches!(
        refused(Settings { proxy: Some("http://".to_owned()), ..Settings::default() }),
        SettingsError::Proxy(_)
    ));
    let shown = format!("{:?}", client(Settings::default()));
    assert!(!shown.contains(KEY), "{shown}");
}

const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"cost":0.00006}}"#;

#[tokio::test]
async fn a_complete_answer_on_an_open_connection_ends_after_the_end_timeout() {
    let timeouts = Timeouts { end: SHORT, ..Timeouts::default() };
    let document = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"cost":0.00006}}"#;
    let (start, rest) = document.split_at(60);
    for script in [
        vec![head(), chunk(&stream(&[HELLO, STOP, USAGE])), Step::Hang],
        vec![
            head(),
            chunk(&stream(&[HELLO, STOP])),
            Step::Wait(SHORT * 2),
            chunk(&stream(&[USAGE])),
            Step::Hang,
        ],
        vec![head(), chunk(document), Step::Hang],
        vec![head(), chunk(start), Step::Wait(SHORT * 2), chunk(rest), Step::Hang],
    ] {
        let upstream = Upstream::playing(vec![script.clone()]).await;
        let answer =
            timeout(Duration::from_secs(10), complete(&upstream.client_with(timeouts))).await.unwrap();
        assert_eq!(answer.text, "Hello", "{script:?}");
        assert_eq!(answer.end.outcome.unwrap().reason, Some(FinishReason::Stop));
        assert_eq!(answer.end.usage.unwrap().tokens.input, Some(7));
        upstream.departure().await;
    }
}

#[tokio::test]
async fn keep_alives_after_a_complete_answer_do_not_extend_it() {
    let timeouts = Timeouts { end: SHORT * 3, ..Timeouts::default() };
    let mut script = vec![head(), chunk(&stream(&[HELLO, STOP, USAGE]))];
    script.extend((0..100).flat_map(|_| [Step::Wait(SHORT), chunk(KEEP_ALIVE)]));
    let upstream = Upstream::playing(vec![script]).await;
    let answer = timeout(SHORT * 60, complete(&upstream.client_with(timeouts))).await.unwrap();
    assert!(answer.end.outcome.is_ok());
}

#[tokio::test]
async fn an_error_on_an_open_connection_ends_after_the_end_timeout() {
    let timeouts = Timeouts { end: SHORT, ..Timeouts::default() };
    let head = b"HTTP/1.1 402 No\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let script = vec![Step::Send(head), chunk(r#"{"error":{"code":402,"message":"no"}}"#), Step::Hang];
    let upstream = Upstream::playing(vec![script]).await;
    let answer = timeout(Duration::from_secs(10), complete(&upstream.client_with(timeouts))).await.unwrap();
    assert_eq!(answer.error().kind, CompletionErrorKind::PaymentRequired);
}
