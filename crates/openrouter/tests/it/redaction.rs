//! Redaction: upstreams' error texts reach logs only, without keys, account ids and personal data.

use causerie_domain::ports::CompletionGateway;
use futures_util::StreamExt;

use crate::scripted_upstream::{KEY, Upstream, refusal, response};
use crate::support::{Answer, events, hello, recording};

#[tokio::test]
async fn no_error_contains_accounts_keys_or_user_text() {
    let quoted = format!(
        r#"{{"error":{{"code":401,"message":"Key {KEY} of user_2NbqAAAAAA is off, see sk-or-v1-abcdef"}}}}"#
    );
    let bodies = [
        (400, recording("error_400_context_length.json")),
        (403, recording("error_403_moderation.json")),
        (403, recording("error_403_provider_raw_json_string.json")),
        (402, recording("error_402_credits.json")),
        (401, quoted.into_bytes()),
        (500, br#"{"weird":true,"user_id":"user_2NbqAAAAAA","flagged_input":"my secret"}"#.to_vec()),
    ];
    for (status, body) in bodies {
        let error = refusal(status, &[], &body).await;
        let text = format!("{error} {error:?} {:?}", error.provider_text);
        for leak in ["user_", "flagged_input", "The beginning of", "my secret", "00000000-", "sk-or", KEY] {
            assert!(!text.contains(leak), "{leak} in {text}");
        }
    }
}

#[tokio::test]
async fn a_key_quoted_inside_a_response_is_redacted() {
    let quoted = format!(r#"{{"error":{{"code":401,"message":"Key {KEY} is off"}}}}"#);
    let cut = format!(r#"{{"error":{{"code":401,"message":"{}{KEY}"}}}}"#, "x".repeat(1_990));
    for body in [quoted.clone(), format!("data: {quoted}\n\n"), format!("no {KEY}\n\n"), cut] {
        let upstream = Upstream::answering(response(200, &[("x-request-id", KEY)], body.as_bytes())).await;
        let answer = Answer::of(&upstream.client().complete(hello()).collect::<Vec<_>>().await);
        let text = format!("{:?} {:?}", answer.error(), answer.error().provider_text);
        assert!(!text.contains("test-key") && text.contains("***"), "{text}");
    }
}

#[tokio::test]
async fn an_unparsable_body_is_cut_before_its_first_private_field() {
    let cut = br#"{"error":{"code":403,"message":"m","metadata":{"flagged_input":"my secret"#;
    let error = refusal(403, &[], cut).await;
    let text = error.provider_text.unwrap();
    assert!(text.contains("\"code\":403") && !text.contains("my secret"), "{text}");
}

#[tokio::test]
async fn the_message_never_quotes_the_provider_whose_text_goes_to_the_logs() {
    let body = r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"Google","raw":"quota of project x"}}}"#;
    let error = refusal(429, &[], body.as_bytes()).await;
    assert_eq!(error.message, "the rate limit of the model is reached");
    let logged = error.provider_text.clone().unwrap();
    assert!(logged.contains("quota of project x") && logged.contains("Google"), "{logged}");
    assert!(!format!("{error:?}").contains("quota"), "`Debug` does not show it");
    let page = refusal(502, &[], format!("<html>{}", "x".repeat(10_000)).as_bytes()).await;
    assert!(page.provider_text.is_some_and(|text| text.starts_with("<html>") && text.len() <= 500));
}

/// Keys and personal data in every escaped form, each with a part that must be redacted.
const ESCAPED: [(&str, &str); 13] = [
    (KEY, "1234"),
    ("test%2Dkey%2D1234", "1234"),
    ("test%252Dkey%252D1234", "1234"),
    (r"test\u002dkey\u002d1234", "1234"),
    (r"test\\u002Dkey-1234", "1234"),
    ("test&#45;key&#x2d;1234", "1234"),
    ("TEST-KEY-1234", "1234"),
    ("sk%2Dor%2Dv1%2Dabcdef", "abcdef"),
    ("Authorization: Bearer aB3.x/y", "aB3"),
    ("user_id=77123", "77123"),
    ("ada@example.org", "example"),
    ("ada%40example.org", "example"),
    (r"ada\u0040example.org", "example"),
];

#[tokio::test]
async fn escaped_keys_and_personal_data_are_redacted() {
    for (escaped, leak) in ESCAPED {
        let text = format!("no, {escaped} is off");
        let message = serde_json::json!({"error":{"code":502,"message":text}}).to_string();
        let inner = serde_json::json!({"error":{"text":text,"user_id":"u-77123"}}).to_string();
        let raw =
            serde_json::json!({"error":{"code":502,"message":"m","metadata":{"raw":inner}}}).to_string();
        let page = format!("<html>{text}</html>");
        for body in [&message, &raw, &page, &text] {
            let refused = refusal(502, &[], body.as_bytes()).await;
            let upstream = Upstream::answering(response(200, &[], body.as_bytes())).await;
            let found = Answer::of(&upstream.client().complete(hello()).collect::<Vec<_>>().await);
            for error in [&refused, found.error()] {
                let text = format!("{error} {error:?} {:?}", error.provider_text);
                assert!(
                    !text.contains(leak) && text.contains("***") && text.contains("is off"),
                    "{body}: {text}"
                );
            }
        }
    }
}

#[test]
fn private_data_at_a_truncation_or_between_reads_is_left_out() {
    for padding in 380..520 {
        for private in
            ["sk-or-v1-0123456789abcdef", "ada.lovelace@example.org", "00000000-1111-2222-3333-444444444444"]
        {
            let page =
                format!("<html>{} {private} and on", "x ".repeat(padding / 2) + &"y".repeat(padding % 2));
            for size in [7, 64, page.len()] {
                let found = Answer::of(&events(page.as_bytes().chunks(size)));
                let text = found.error().provider_text.clone().unwrap();
                assert!(text.len() <= 500, "{}", text.len());
                for part in ["sk-", "ada", "0000"] {
                    assert!(!text.contains(part), "{part} in {text}");
                }
            }
        }
    }
}
