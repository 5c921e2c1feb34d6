//! Complete answers, and the regular ends of an answer.

use serde_json::json;

use super::client::{ask, chat, completion, simulator, stream};

#[tokio::test]
async fn an_echo_contains_the_last_user_message_and_the_history() {
    let simulator = simulator();
    let request = json!({ "model": "sim/echo", "stream": true, "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "First" },
        { "role": "assistant", "content": "…" },
        { "role": "user", "content": [{ "type": "text", "text": "Grüße 🦀" }, { "type": "image_url" }] },
    ] });
    let answer = ask(&simulator, &request).await.finish().await;

    assert_eq!(answer.status, Some(200));
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(
        answer.content(),
        "You said: Grüße 🦀\n\n(I was sent 4 messages: 1 system, 2 user, 1 assistant.)"
    );
    assert!(answer.is_done());
    assert_eq!(answer.comments(), 1);
    assert!(answer.chunks().len() > 10, "it comes word by word");
}

#[tokio::test]
async fn other_model_ids_get_an_echo_with_the_dated_name_of_the_model() {
    let simulator = simulator();
    for (model, served) in [
        ("anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20250929"),
        ("openrouter/auto", "openai/gpt-5-mini-2025-08-07"),
        ("somebody/something:nitro", "somebody/something:nitro"),
    ] {
        let answer = stream(&simulator, model).await;
        assert!(answer.content().starts_with("You said: Hello there!"), "{model}");
        assert_eq!(answer.chunks()[0]["model"], served);
        let document = completion(&simulator, model).await.json();
        assert_eq!(document["model"], served);
        assert_eq!(document["choices"][0]["message"]["content"], answer.content());
    }
}

#[tokio::test]
async fn a_stream_has_the_form_of_2026() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/text?words=3").await;
    let id = &answer.headers["x-generation-id"];
    for chunk in answer.chunks() {
        assert_eq!(chunk["id"], id.as_str());
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert!(chunk["created"].is_u64());
        assert_eq!(chunk["choices"][0]["delta"]["role"], "assistant");
    }
    assert_eq!(answer.content(), "the café opens");
    assert_eq!(answer.finish_reasons(), ["stop", "stop"]);
    let last = answer.chunks().pop().unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 4);
    assert!(last["service_tier"].is_null() && last.get("service_tier").is_some());

    let other = stream(&simulator, "sim/text?words=3").await;
    assert_ne!(&other.headers["x-generation-id"], id);
    assert_eq!(other.content(), answer.content());
}

#[tokio::test]
async fn texts_have_the_requested_length_and_characters() {
    let simulator = simulator();
    let check = async |model: &str, characters: usize, bytes: usize, deltas: usize| {
        let answer = stream(&simulator, model).await;
        let content = answer.content();
        assert_eq!((content.chars().count(), content.len()), (characters, bytes), "{model}");
        // Two further events contain the finish reason.
        assert_eq!(answer.chunks().len(), deltas + 2, "{model}");
    };
    check("sim/text?chars=100&letters=plain&piece=10", 100, 100, 10).await;
    check("sim/text?chars=10&letters=mixed&piece=1", 10, 25, 10).await;
    check("sim/text?words=16", 82, 92, 16).await;
    check("sim/text?chars=0", 0, 0, 0).await;
    assert!(stream(&simulator, "sim/text?chars=16&letters=nul").await.content().contains('\0'));
    assert!(stream(&simulator, "sim/text?chars=16&letters=emoji").await.content().contains('\u{200d}'));
}

#[tokio::test]
async fn slow_answers_have_delays() {
    let simulator = simulator();
    let begin = std::time::Instant::now();
    let answer = stream(&simulator, "sim/slow?words=4&delay_ms=20").await;
    assert!(begin.elapsed().as_millis() >= 80);
    assert_eq!(answer.content(), "the café opens at");
    let begin = std::time::Instant::now();
    assert!(completion(&simulator, "sim/slow?words=4&delay_ms=20").await.complete);
    assert!(begin.elapsed().as_millis() >= 80);
    let begin = std::time::Instant::now();
    assert!(stream(&simulator, "sim/slow-headers?head_ms=50").await.is_done());
    assert!(begin.elapsed().as_millis() >= 50);
}

#[tokio::test]
async fn reasoning_is_sent_before_the_answer_in_each_style() {
    let simulator = simulator();
    let check = async |style: &str, kind: &str, thought: &str, part: &str| {
        let model = format!("sim/reasoning?thoughts=3&words=1&style={style}");
        let answer = stream(&simulator, &model).await;
        assert_eq!(answer.joined("delta/reasoning"), thought, "{style}");
        assert_eq!(answer.content(), "the");
        let chunks = answer.chunks();
        let details: Vec<_> =
            chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/reasoning_details/0")).collect();
        assert!(details.iter().all(|detail| detail["type"] == kind), "{details:?}");
        assert!(details.last().unwrap()[part].is_string(), "{details:?}");
        assert_eq!(
            answer.usage()["completion_tokens_details"]["reasoning_tokens"],
            thought.chars().count().div_ceil(4)
        );

        let message = completion(&simulator, &model).await.json()["choices"][0]["message"].clone();
        assert_eq!(message["reasoning"].as_str().unwrap_or_default(), thought);
        assert_eq!(message["reasoning_details"][0]["type"], kind);
        assert!(message["reasoning_details"][0][part].is_string());
    };
    check("signature", "reasoning.text", "the café opens", "signature").await;
    check("summary", "reasoning.summary", "the café opens", "summary").await;
    check("encrypted", "reasoning.encrypted", "", "data").await;
}

#[tokio::test]
async fn answers_have_each_finish_reason() {
    let simulator = simulator();
    let check = async |model: &str, reasons: [&str; 2], content: &str, refusal: &str| {
        let answer = stream(&simulator, model).await;
        assert_eq!(answer.finish_reasons(), reasons, "{model}");
        assert_eq!(answer.content(), content, "{model}");
        assert_eq!(answer.joined("delta/refusal"), refusal, "{model}");
        assert!(answer.is_done());

        let choice = completion(&simulator, model).await.json()["choices"][0].clone();
        assert_eq!(choice["finish_reason"], reasons[0], "{model}");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        assert_eq!(text(&choice["message"]["content"]), content, "{model}");
        assert_eq!(text(&choice["message"]["refusal"]), refusal, "{model}");
    };
    check("sim/length?words=2", ["length", "length"], "the café", "").await;
    check("sim/length?words=2&only_reasoning=yes", ["length", "length"], "", "").await;
    check("sim/refusal", ["stop", "stop"], "", "I would rather not help with this.").await;
    check("sim/content-filter", ["content_filter", "content_filter"], "the café opens at noon", "").await;
    check("sim/empty", ["stop", "stop"], "", "").await;
}

#[tokio::test]
async fn an_empty_answer_can_have_a_blank_finish_reason() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/empty?finish=none").await;
    assert_eq!(answer.finish_reasons(), [""; 0]);
    assert_eq!(answer.usage()["completion_tokens"], 0);
    assert!(answer.is_done());
    let choice = completion(&simulator, "sim/empty?finish=none").await.json()["choices"][0].clone();
    assert!(choice["finish_reason"].is_null() && choice["message"]["content"].is_null());
}

#[tokio::test]
async fn faults_can_be_limited_to_the_first_requests() {
    let simulator = simulator();
    let says_hello = |answer: super::client::Answer| answer.content().contains("Hello there!");
    assert!(!says_hello(stream(&simulator, "sim/empty-then-ok").await));
    assert!(says_hello(stream(&simulator, "sim/empty-then-ok").await));
    for (key, statuses) in [("a", [429, 429, 200, 200]), ("b", [429, 429, 200, 200])] {
        for status in statuses {
            let answer = stream(&simulator, &format!("sim/rate-limited?times=2&key={key}")).await;
            assert_eq!(answer.status, Some(status), "{key}");
        }
    }
}

#[tokio::test]
async fn a_fallback_model_answers_if_the_first_refuses() {
    let simulator = simulator();
    let answer = stream(&simulator, "sim/fallback").await;
    assert_eq!(answer.chunks()[0]["model"], "sim/backup-20260801");

    let mut request = chat("sim/status?code=503", true);
    request["models"] = json!(["sim/rate-limited", "sim/text?words=1", "sim/echo"]);
    let answer = ask(&simulator, &request).await.finish().await;
    assert_eq!(answer.content(), "the");
    assert_eq!(answer.chunks()[0]["model"], "sim/text?words=1");

    request["models"] = json!(["sim/rate-limited"]);
    assert_eq!(ask(&simulator, &request).await.finish().await.status, Some(429));
}
