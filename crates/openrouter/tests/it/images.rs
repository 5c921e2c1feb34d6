//! Generated images: in deltas, in messages and in parts of the content.

use causerie_domain::completion::{CompletionErrorKind, CompletionEvent, FinishReason};
use causerie_openrouter::{SizeLimits, StreamDecoder, decode_response};

use crate::support::{Answer, HELLO, STOP, USAGE, answer, done, events, kind, reason};

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";
const WEBP: &str = "data:image/webp;base64,UklGRg==";

fn image(url: &str) -> serde_json::Value {
    serde_json::json!({"type": "image_url", "image_url": {"url": url}})
}

fn delta(content: serde_json::Value, images: &[&str]) -> String {
    let images: Vec<_> = images.iter().map(|url| image(url)).collect();
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": content, "images": images}}]})
        .to_string()
}

#[test]
fn images_of_a_stream_are_events_in_their_order() {
    let body = done(&[HELLO, &delta("".into(), &[PNG, WEBP]), &delta(" and".into(), &[]), STOP, USAGE]);
    let text = |text: &str| CompletionEvent::Text(text.to_owned());
    let image = |url: &str| CompletionEvent::Image(url.to_owned());
    for size in [1, 100, body.len()] {
        let found = events(body.as_bytes().chunks(size));
        assert_eq!(found[..found.len() - 1], [text("Hello"), image(PNG), image(WEBP), text(" and")]);
        assert_eq!(reason(&Answer::of(&found)), Some(FinishReason::Stop));
    }
}

#[test]
fn an_image_alone_is_an_answer() {
    let streamed = done(&[&delta("".into(), &[PNG]), STOP]);
    let parts = done(&[&delta(serde_json::json!([image(PNG)]), &[PNG]), STOP]);
    let document = serde_json::json!({"choices": [{
        "message": {"content": "", "images": [image(PNG)]}, "finish_reason": "stop"
    }]});
    let item = serde_json::json!({
        "type": "response.output_item.done",
        "item": {"type": "image_generation_call", "result": "iVBORw0KGgo="}
    });
    let responses = done(&[&item.to_string(), r#"{"type":"response.completed","response":{}}"#]);
    for body in [streamed, parts, document.to_string(), responses] {
        let found = answer(&body);
        assert_eq!(
            (found.images.as_slice(), reason(&found)),
            (&[PNG.to_owned()][..], Some(FinishReason::Stop))
        );
    }
}

#[test]
fn what_is_no_image_is_an_empty_answer() {
    for url in ["", "data:text/html,<script>", "javascript:alert(1)"] {
        let found = answer(done(&[&delta("".into(), &[url]), STOP]));
        assert_eq!((kind(&found), found.images.len()), (CompletionErrorKind::Empty, 0), "{url}");
    }
}

#[test]
fn images_beyond_their_limit_cut_the_answer() {
    let limits = SizeLimits { max_event_bytes: 1_000, ..SizeLimits::default() };
    let large = format!("data:image/png;base64,{}", "A".repeat(700));
    let chunk = delta("".into(), &[&large]);
    let mut decoder = StreamDecoder::new(limits);
    let mut found = decoder.push(done(&[chunk.as_str(); 10]).as_bytes());
    found.extend(decoder.finish(None));
    let found = Answer::of(&found);
    assert_eq!((found.images.len(), reason(&found)), (5, Some(FinishReason::Length)));
    assert!(found.end.outcome.unwrap().truncated);

    // A whole document may be larger than an event.
    let huge = format!("data:image/png;base64,{}", "A".repeat(1_000));
    let document = serde_json::json!({"choices": [{
        "message": {"content": "Here", "images": [image(&huge)]}, "finish_reason": "stop"
    }]});
    let found = Answer::of(&decode_response(document.to_string().as_bytes(), limits));
    assert_eq!((found.text.as_str(), found.images.len()), ("Here", 0));
    assert_eq!(reason(&found), Some(FinishReason::Length));
}

#[test]
fn many_tiny_images_and_many_nodes_are_bounded() {
    let urls: Vec<String> = (0..70_000).map(|number| format!("data:image/png,{number}")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let found = answer(done(&[&delta("".into(), &urls), STOP]));
    assert!(found.images.len() <= SizeLimits::default().max_answer_bytes / 100, "{}", found.images.len());
    assert_eq!(reason(&found), Some(FinishReason::Length));
    let nodes = format!(r#"{{"choices":[{{"delta":{{"images":[{}0]}}}}]}}"#, "[],".repeat(1_000_000));
    assert_eq!(kind(&answer(done(&[&nodes]))), CompletionErrorKind::InvalidResponse);
}
