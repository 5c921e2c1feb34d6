//! The JSON body of a completion request.
//!
//! Fields that the upstream documents as without effect (`stream_options`, `usage.include`) are not sent. Parameters
//! that the caller leaves out are not sent either, so that the model's defaults apply.

mod message;

use causerie_domain::completion::{CompletionRequest, Parameters, ReasoningParameters};
use serde::Serialize;
use serde_json::{Number, Value};

use self::message::Message;

/// Maximum length of a session id, in characters.
const MAX_SESSION_CHARS: usize = 256;

/// Maximum number of fallback models. The upstream rejects a request with more, which is worse than sending a request
/// without the last ones.
const MAX_FALLBACKS: usize = 3;

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    models: &'a [String],
    messages: Vec<Message<'a>>,
    stream: bool,
    /// Always sent: without it the upstream checks the account's credit against the model's maximum.
    max_tokens: u64,
    #[serde(flatten)]
    sampling: Sampling<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Sampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
struct Reasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude: Option<bool>,
}

/// Serializes a request for a streamed completion.
///
/// # Errors
/// The serializer's error, which does not occur for these types.
pub(crate) fn body(request: &CompletionRequest) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Body {
        model: &request.model,
        models: &request.fallback_models[..request.fallback_models.len().min(MAX_FALLBACKS)],
        messages: request.messages.iter().filter_map(Message::from_prompt).collect(),
        stream: true,
        max_tokens: request.max_tokens,
        sampling: Sampling::from(&request.parameters),
        user: request.user.as_deref(),
        session_id: request.session.as_deref().map(|id| id.chars().take(MAX_SESSION_CHARS).collect()),
    })
}

impl<'a> From<&'a Parameters> for Sampling<'a> {
    fn from(parameters: &'a Parameters) -> Self {
        Sampling {
            temperature: parameters.temperature.as_ref(),
            top_p: parameters.top_p.as_ref(),
            top_k: parameters.top_k,
            frequency_penalty: parameters.frequency_penalty.as_ref(),
            presence_penalty: parameters.presence_penalty.as_ref(),
            seed: parameters.seed,
            stop: &parameters.stop,
            reasoning: parameters.reasoning.as_ref().map(Reasoning::from),
            provider: parameters.provider.as_ref(),
        }
    }
}

impl<'a> From<&'a ReasoningParameters> for Reasoning<'a> {
    fn from(parameters: &'a ReasoningParameters) -> Self {
        Reasoning {
            effort: parameters.effort.as_deref(),
            max_tokens: parameters.max_tokens,
            exclude: parameters.exclude,
        }
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::Requester;
    use causerie_domain::completion::{ContentPart, PromptMessage};
    use causerie_domain::messages::MessageRole;
    use serde_json::json;

    use super::*;

    fn message(role: MessageRole, content: Vec<ContentPart>) -> PromptMessage {
        PromptMessage { role, content, reasoning_details: None, cache_breakpoint: false }
    }

    fn text(role: MessageRole, text: &str) -> PromptMessage {
        message(role, vec![ContentPart::Text(text.to_owned())])
    }

    fn request(messages: Vec<PromptMessage>) -> CompletionRequest {
        CompletionRequest {
            model: "a/b".to_owned(),
            fallback_models: Vec::new(),
            messages,
            parameters: Parameters::default(),
            max_tokens: 100,
            user: None,
            session: None,
            requester: Requester::ANONYMOUS,
        }
    }

    fn sent(request: &CompletionRequest) -> Value {
        serde_json::from_slice(&body(request).unwrap()).unwrap()
    }

    #[test]
    fn the_smallest_request_has_four_fields_including_max_tokens() {
        assert_eq!(
            sent(&request(vec![text(MessageRole::User, "Hi")])),
            json!({"model":"a/b","messages":[{"role":"user","content":"Hi"}],"stream":true,"max_tokens":100})
        );
    }

    #[test]
    fn every_parameter_is_sent() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        let everything = CompletionRequest {
            fallback_models: vec!["c/d".to_owned()],
            parameters: Parameters {
                temperature: Some(number("0.7")),
                top_p: Some(number("1")),
                top_k: Some(40),
                frequency_penalty: Some(number("-0.5")),
                presence_penalty: Some(number("0.25")),
                seed: Some(-3),
                stop: vec!["END".to_owned()],
                reasoning: Some(ReasoningParameters {
                    effort: Some("high".to_owned()),
                    max_tokens: None,
                    exclude: Some(true),
                }),
                provider: Some(json!({"order":["x"],"allow_fallbacks":false})),
            },
            user: Some("pseudonym".to_owned()),
            session: Some("s".repeat(300)),
            requester: Requester::ANONYMOUS,
            ..request(Vec::new())
        };
        assert_eq!(
            sent(&everything),
            json!({
                "model":"a/b","models":["c/d"],"messages":[],"stream":true,"max_tokens":100,"temperature":0.7,
                "top_p":1,"top_k":40,"frequency_penalty":-0.5,"presence_penalty":0.25,"seed":-3,"stop":["END"],
                "reasoning":{"effort":"high","exclude":true},
                "provider":{"order":["x"],"allow_fallbacks":false},
                "user":"pseudonym","session_id":"s".repeat(256),
            })
        );
    }

    #[test]
    fn no_more_fallback_models_are_sent_than_the_upstream_accepts() {
        let fallback_models = ["a/1", "a/2", "a/3", "a/4"].map(str::to_owned).to_vec();
        let many = CompletionRequest { fallback_models, ..request(Vec::new()) };
        assert_eq!(sent(&many)["models"], json!(["a/1", "a/2", "a/3"]));
    }

    #[test]
    fn content_other_than_one_text_is_sent_as_a_list() {
        let parts = message(
            MessageRole::User,
            vec![
                ContentPart::Text("See".to_owned()),
                ContentPart::ImageUrl("https://e.org/i.png".to_owned()),
                ContentPart::FileUrl { filename: "a.pdf".to_owned(), url: "https://e.org/a.pdf".to_owned() },
            ],
        );
        assert_eq!(
            sent(&request(vec![parts]))["messages"][0]["content"],
            json!([
                {"type":"text","text":"See"},
                {"type":"image_url","image_url":{"url":"https://e.org/i.png"}},
                {"type":"file","file":{"filename":"a.pdf","file_data":"https://e.org/a.pdf"}},
            ])
        );
    }

    #[test]
    fn a_breakpoint_marks_the_last_text_of_a_message_that_is_not_empty() {
        let marked = |content| {
            let prompt = PromptMessage { cache_breakpoint: true, ..message(MessageRole::User, content) };
            sent(&request(vec![prompt]))["messages"][0]["content"].clone()
        };
        let text = |text: &str| ContentPart::Text(text.to_owned());
        let image = || ContentPart::ImageUrl("https://e.org/i.png".to_owned());
        let mark = json!({"type":"ephemeral"});
        assert_eq!(marked(vec![text("Hi")]), json!([{"type":"text","text":"Hi","cache_control":mark}]));
        assert_eq!(
            marked(vec![text("See"), image()]),
            json!([
                {"type":"text","text":"See","cache_control":mark},
                {"type":"image_url","image_url":{"url":"https://e.org/i.png"}},
            ])
        );
        assert_eq!(marked(vec![text("")]), json!([{"type":"text","text":""}]));
        assert_eq!(marked(Vec::new()), json!(""));
    }

    #[test]
    fn equal_messages_are_equal_bytes_wherever_they_stand() {
        let parts =
            vec![ContentPart::Text("See".to_owned()), ContentPart::ImageUrl("https://e.org/i".to_owned())];
        let answer = PromptMessage {
            reasoning_details: Some(json!([{"type":"reasoning.text","text":"t","signature":"s"}])),
            ..text(MessageRole::Assistant, "Hi")
        };
        let all = [text(MessageRole::System, "Be kind."), message(MessageRole::User, parts), answer];
        let messages = |count: usize| -> String {
            let body = String::from_utf8(body(&request(all[..count].to_vec())).unwrap()).unwrap();
            let start = body.find("\"messages\":[").unwrap();
            body[start..body.rfind("],\"stream\"").unwrap()].to_owned()
        };
        assert!(messages(2).starts_with(&messages(1)) && messages(3).starts_with(&messages(2)));
        assert_eq!(messages(3), messages(3));
    }

    #[test]
    fn reasoning_records_are_sent_verbatim_and_only_if_present() {
        for details in [json!([]), json!([{"type":"reasoning.text","text":"t","signature":"s","index":0}])] {
            let replay = PromptMessage {
                reasoning_details: Some(details.clone()),
                ..text(MessageRole::Assistant, "Hi")
            };
            assert_eq!(sent(&request(vec![replay]))["messages"][0]["reasoning_details"], details);
        }
        for none in [None, Some(Value::Null)] {
            let plain = PromptMessage { reasoning_details: none, ..text(MessageRole::Assistant, "Hi") };
            assert_eq!(
                sent(&request(vec![plain]))["messages"][0],
                json!({"role":"assistant","content":"Hi"})
            );
        }
    }

    #[test]
    fn an_assistant_message_without_content_is_not_sent() {
        let empty = [message(MessageRole::Assistant, Vec::new()), text(MessageRole::Assistant, "")];
        let messages = empty.into_iter().chain([text(MessageRole::User, "")]).collect();
        assert_eq!(sent(&request(messages))["messages"], json!([{"role":"user","content":""}]));
    }
}
