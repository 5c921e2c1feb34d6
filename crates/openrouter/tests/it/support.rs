//! Shared helpers: recordings, requests, and answers assembled from events.

use causerie_domain::Requester;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, ContentPart,
    FinishReason, GenerationInfo, Parameters, PromptMessage,
};
use causerie_domain::messages::MessageRole;
use causerie_openrouter::{SizeLimits, StreamDecoder};

/// Returns the bytes of a recording.
pub(crate) fn recording(file: &str) -> Vec<u8> {
    let path = format!("{}/tests/recordings/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the names of all recordings with a file extension, sorted.
pub(crate) fn recordings(ending: &str) -> Vec<String> {
    let folder = std::fs::read_dir(format!("{}/tests/recordings", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// An answer assembled from its events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) identity: GenerationInfo,
    pub(crate) reasoning: String,
    pub(crate) text: String,
    pub(crate) refusal: String,
    /// URLs of images.
    pub(crate) images: Vec<String>,
    pub(crate) end: CompletionEnd,
}

impl Answer {
    /// Assembles an answer. Panics unless the last event, and no other, is the end.
    pub(crate) fn of(events: &[CompletionEvent]) -> Answer {
        let (last, before) = events.split_last().expect("there is an end");
        let CompletionEvent::Ended(end) = last else { panic!("the last event is not the end: {last:?}") };
        let mut answer = Answer {
            identity: GenerationInfo::default(),
            reasoning: String::new(),
            text: String::new(),
            refusal: String::new(),
            images: Vec::new(),
            end: (**end).clone(),
        };
        for event in before {
            match event {
                CompletionEvent::Prepared { .. } => {}
                CompletionEvent::Identified(changes) => {
                    let known = &mut answer.identity;
                    known.generation_id = changes.generation_id.clone().or(known.generation_id.take());
                    known.model = changes.model.clone().or(known.model.take());
                    known.provider = changes.provider.clone().or(known.provider.take());
                }
                CompletionEvent::Reasoning(text) => answer.reasoning.push_str(text),
                CompletionEvent::Text(text) => answer.text.push_str(text),
                CompletionEvent::Refusal(text) => answer.refusal.push_str(text),
                CompletionEvent::Image(url) => answer.images.push(url.clone()),
                CompletionEvent::Chunk(_) | CompletionEvent::Usage(_) => panic!("nothing is relayed"),
                CompletionEvent::Ended(_) => panic!("there are two ends"),
            }
        }
        answer
    }

    /// Returns the error of a failed answer.
    pub(crate) fn error(&self) -> &CompletionError {
        self.end.outcome.as_ref().expect_err("the answer failed")
    }
}

/// Decodes a body that is read in the given pieces, and returns its events.
pub(crate) fn events<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<CompletionEvent> {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    let mut events: Vec<_> = reads.into_iter().flat_map(|read| decoder.push(read)).collect();
    events.extend(decoder.finish(None));
    assert!(decoder.is_ended());
    events
}

/// Decodes a body that is read at once, and returns its answer.
pub(crate) fn answer(body: impl AsRef<[u8]>) -> Answer {
    Answer::of(&events([body.as_ref()]))
}

/// Returns a stream of events with the given data.
pub(crate) fn stream(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// Chunks with a text, a finish reason, and usage.
pub(crate) const HELLO: &str =
    r#"{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
pub(crate) const STOP: &str = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}"#;
pub(crate) const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"cost":0.00006}}"#;

/// Returns a stream of events with the given data, ended by `[DONE]`.
pub(crate) fn done(data: &[&str]) -> String {
    format!("{}data: [DONE]\n\n", stream(data))
}

/// Returns the kind of error of a failed answer.
pub(crate) fn kind(answer: &Answer) -> CompletionErrorKind {
    answer.error().kind.clone()
}

/// Returns the finish reason of a successful answer.
pub(crate) fn reason(answer: &Answer) -> Option<FinishReason> {
    answer.end.outcome.as_ref().unwrap().reason.clone()
}

/// Returns a request with the text `Hello`.
pub(crate) fn hello() -> CompletionRequest {
    CompletionRequest {
        model: "example/model".to_owned(),
        fallback_models: Vec::new(),
        messages: vec![PromptMessage {
            role: MessageRole::User,
            content: vec![ContentPart::Text("Hello".to_owned())],
            reasoning_details: None,
            cache_breakpoint: false,
        }],
        parameters: Parameters::default(),
        max_tokens: 64,
        user: None,
        session: None,
        requester: Requester::ANONYMOUS,
    }
}
