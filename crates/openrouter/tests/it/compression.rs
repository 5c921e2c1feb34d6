//! Responses that are compressed although the request accepts `identity` only.

use std::io::Write as _;
use std::time::Duration;

use causerie_domain::completion::{CompletionErrorKind, CompletionEvent, FinishReason};
use causerie_domain::ports::CompletionGateway;
use causerie_openrouter::{Settings, SizeLimits};
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::scripted_upstream::{Step, Upstream, client, refusal, response};
use crate::support::{Answer, HELLO, STOP, USAGE, done, hello, stream};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn answer_to(response: Vec<u8>) -> (Answer, String) {
    let upstream = Upstream::answering(response).await;
    let answer = Answer::of(&upstream.client().complete(hello()).collect::<Vec<_>>().await);
    (answer, upstream.requests().remove(0))
}

#[tokio::test]
async fn compressed_streams_and_documents_are_decoded() {
    let document = br#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
    let events = done(&[HELLO, STOP, USAGE]).into_bytes();
    for body in [&document[..], &events] {
        for (encoding, body) in [("gzip", gzip(body)), ("deflate", zlib(body)), ("identity", body.to_vec())] {
            let (answer, request) = answer_to(response(200, &[("content-encoding", encoding)], &body)).await;
            assert_eq!(answer.text, "Hello", "{encoding}");
            assert_eq!(answer.end.outcome.unwrap().reason, Some(FinishReason::Stop));
            assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
        }
    }
}

#[tokio::test]
async fn events_of_a_compressed_stream_are_returned_as_they_arrive() {
    // Each event is one flushed block; the second one never comes.
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut compress = Compress::new(Compression::fast(), true);
    let mut block = Vec::with_capacity(4_096);
    compress.compress_vec(stream(&[HELLO]).as_bytes(), &mut block, FlushCompress::Sync).unwrap();
    let chunk = [format!("{:x}\r\n", block.len()).into_bytes(), block, b"\r\n".to_vec()].concat();
    let script = vec![Step::Send(head.as_bytes().to_vec()), Step::Send(chunk), Step::Hang];
    let upstream = Upstream::playing(vec![script]).await;
    let client = upstream.client();
    let mut events = client.complete(hello());
    let prepared = timeout(Duration::from_secs(5), events.next()).await.unwrap();
    assert!(matches!(prepared, Some(CompletionEvent::Prepared { .. })), "{prepared:?}");
    let first = timeout(Duration::from_secs(5), events.next()).await.unwrap();
    assert_eq!(first, Some(CompletionEvent::Text("Hello".to_owned())));
    drop(events);
    upstream.departure().await;
}

#[tokio::test]
async fn compressed_errors_are_decoded_and_classified() {
    let body = br#"{"error":{"code":402,"message":"Insufficient credits"}}"#;
    for (encoding, body) in [("gzip", gzip(body)), ("deflate", zlib(body))] {
        let error = refusal(402, &[("content-encoding", encoding)], &body).await;
        assert_eq!(error.kind, CompletionErrorKind::PaymentRequired);
        assert_eq!(error.provider_text.as_deref(), Some("Insufficient credits"), "{encoding}");
    }
}

#[tokio::test]
async fn a_decompressed_body_is_bounded() {
    let bomb = [&br#"{"choices":[{"message":{"content":""#[..], &vec![b'a'; 8 << 20]].concat();
    let headers = [("content-encoding", "gzip")];
    let upstream = Upstream::answering(response(200, &headers, &gzip(&bomb))).await;
    let size_limits = SizeLimits { max_body_bytes: 1 << 20, ..SizeLimits::default() };
    let client = client(Settings { base_url: upstream.url.clone(), size_limits, ..Settings::default() });
    let answer = Answer::of(&client.complete(hello()).collect::<Vec<_>>().await);
    assert_eq!(answer.error().kind, CompletionErrorKind::InvalidResponse);
    assert_eq!(answer.error().message, "the answer is larger than allowed");
    let error = client.models().await.unwrap_err();
    assert_eq!(error.message, "the upstream's response is larger than allowed");

    let error = refusal(500, &headers, &gzip(&bomb)).await;
    assert!(error.provider_text.unwrap_or_default().len() <= 2_000);
}

#[tokio::test]
async fn bytes_that_are_no_text_never_reach_the_log() {
    let body = gzip(done(&[HELLO, STOP]).as_bytes());
    // An unknown encoding, none, and a wrong one.
    for headers in [&[("content-encoding", "br")][..], &[], &[("content-encoding", "deflate")]] {
        for status in [200, 500] {
            let (answer, _) = answer_to(response(status, headers, &body)).await;
            let error = answer.error();
            let text = error.provider_text.as_deref().unwrap_or_default();
            let is_text = |text: &str| !text.contains(|one: char| one.is_control() || one == '\u{FFFD}');
            assert!(is_text(text) && is_text(&error.message), "{headers:?} {status} {text:?}");
        }
    }
}
