//! Recorded completions, streamed and whole, each compared with its known content.

mod table;

use causerie_domain::Usd;
use causerie_domain::completion::{CompletionErrorKind, Finish, FinishReason};
use causerie_domain::usage::{ReportedUsage, TokenCounts};
use serde_json::Value;

use crate::support::{Answer, answer, events, recording, recordings};

/// An expected text: the number of its characters, its beginning and its end.
#[derive(Debug, Clone, Copy)]
struct ExpectedText(usize, &'static str, &'static str);

impl From<&'static str> for ExpectedText {
    fn from(text: &'static str) -> Self {
        ExpectedText(text.chars().count(), text, text)
    }
}

impl From<(usize, &'static str, &'static str)> for ExpectedText {
    fn from((chars, start, end): (usize, &'static str, &'static str)) -> Self {
        ExpectedText(chars, start, end)
    }
}

impl ExpectedText {
    fn check(self, text: &str, what: &str) {
        let ExpectedText(chars, start, end) = self;
        assert_eq!(text.chars().count(), chars, "{what}: {text:?}");
        assert!(text.starts_with(start) && text.ends_with(end), "{what}: {text:?}");
    }
}

/// The expected content of a recording.
#[derive(Debug)]
struct Expected {
    file: &'static str,
    outcome: Result<Finish, CompletionErrorKind>,
    identity: [Option<&'static str>; 3],
    reasoning: ExpectedText,
    text: ExpectedText,
    refusal: ExpectedText,
    tools: Vec<(&'static str, &'static str, ExpectedText)>,
    details: Option<usize>,
    annotations: usize,
    usage: Option<ReportedUsage>,
}

fn finished(file: &'static str, reason: &str, native: &str) -> Expected {
    let finish = Finish {
        reason: Some(FinishReason::from(reason)),
        native_reason: known(native).map(str::to_owned),
        truncated: false,
    };
    expected(file, Ok(finish))
}

fn failed(file: &'static str, kind: CompletionErrorKind) -> Expected {
    expected(file, Err(kind))
}

fn expected(file: &'static str, outcome: Result<Finish, CompletionErrorKind>) -> Expected {
    Expected {
        file,
        outcome,
        identity: [None; 3],
        reasoning: "".into(),
        text: "".into(),
        refusal: "".into(),
        tools: Vec::new(),
        details: None,
        annotations: 0,
        usage: None,
    }
}

/// Returns a text of the table; `-` means none.
fn known(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

impl Expected {
    /// Sets generation id, model and provider.
    fn by(self, id: &'static str, model: &'static str, provider: &'static str) -> Self {
        Expected { identity: [id, model, provider].map(known), ..self }
    }

    fn reasoning(self, text: impl Into<ExpectedText>) -> Self {
        Expected { reasoning: text.into(), ..self }
    }

    fn text(self, text: impl Into<ExpectedText>) -> Self {
        Expected { text: text.into(), ..self }
    }

    fn refusal(self, text: impl Into<ExpectedText>) -> Self {
        Expected { refusal: text.into(), ..self }
    }

    fn tool(mut self, id: &'static str, name: &'static str, arguments: impl Into<ExpectedText>) -> Self {
        self.tools.push((id, name, arguments.into()));
        self
    }

    fn truncated(self) -> Self {
        Expected { outcome: self.outcome.map(|finish| Finish { truncated: true, ..finish }), ..self }
    }

    /// Sets the number of reasoning records after their pieces are joined.
    fn details(self, count: usize) -> Self {
        Expected { details: Some(count), ..self }
    }

    fn annotations(self, count: usize) -> Self {
        Expected { annotations: count, ..self }
    }

    /// Sets the counts of input, output, cached, cache write and reasoning tokens, the cost, and the upstream cost.
    fn used(self, tokens: &str, cost: &str, upstream: &str) -> Self {
        let count = |text: &str| known(text).map(|text| text.parse().unwrap());
        let amount = |text: &str| known(text).map(|text| text.parse::<Usd>().unwrap());
        let tokens: Vec<Option<u64>> = tokens.split(' ').map(count).collect();
        let [input, output, cached, cache_write, reasoning] = tokens[..] else { panic!("five counts") };
        let usage = ReportedUsage {
            tokens: TokenCounts { input, output, cached, cache_write, reasoning },
            cost: amount(cost),
            upstream_inference_cost: amount(upstream),
            is_byok: false,
        };
        Expected { usage: Some(usage), ..self }
    }

    fn byok(self) -> Self {
        Expected { usage: self.usage.map(|usage| ReportedUsage { is_byok: true, ..usage }), ..self }
    }

    fn check(&self, found: &Answer) {
        let file = self.file;
        let outcome = found.end.outcome.as_ref().map_err(|error| error.kind.clone());
        assert_eq!(outcome, self.outcome.as_ref().map_err(Clone::clone), "{file}");
        let found_identity = &found.identity;
        let identity = [&found_identity.generation_id, &found_identity.model, &found_identity.provider]
            .map(|text| text.as_deref());
        assert_eq!(identity, self.identity, "{file}");
        self.reasoning.check(&found.reasoning, file);
        self.text.check(&found.text, file);
        self.refusal.check(&found.refusal, file);
        assert_eq!(found.end.tool_calls.len(), self.tools.len(), "{file}");
        for (call, (id, name, arguments)) in found.end.tool_calls.iter().zip(&self.tools) {
            assert_eq!((call.id.as_deref(), call.name.as_str()), (Some(*id), *name), "{file}");
            arguments.check(&call.arguments, file);
            let is_complete = self.outcome.as_ref().is_ok_and(|finish| !finish.truncated);
            assert_eq!(call.complete, is_complete, "{file}");
        }
        let details = found.end.reasoning_details.as_ref().map(|details| details.as_array().unwrap().len());
        assert_eq!(details, self.details, "{file}");
        assert_eq!(found.end.annotations.len(), self.annotations, "{file}");
        assert_eq!(found.end.usage, self.usage, "{file}");
    }
}

/// Returns whether a recording is not a completion; `documents` and `error_statuses` read those.
fn is_other_document(file: &str) -> bool {
    [
        "error_4",
        "doc_error_",
        "doc_credits",
        "doc_generation",
        "doc_key",
        "doc_model",
        "generation_",
        "models_",
    ]
    .iter()
    .any(|prefix| file.starts_with(prefix))
}

#[test]
fn every_recorded_completion_decodes_to_its_known_content() {
    let table = table::table();
    for expected in &table {
        expected.check(&answer(recording(expected.file)));
    }
    let files = recordings(".sse").into_iter().chain(recordings(".json"));
    let mut untested: Vec<String> = files.filter(|file| !is_other_document(file)).collect();
    untested.retain(|file| table.iter().all(|expected| expected.file != file));
    assert_eq!(untested, Vec::<String>::new(), "recordings without an expectation");
}

#[test]
fn one_byte_at_a_time_gives_the_same_events() {
    for file in recordings(".sse") {
        let body = recording(&file);
        assert_eq!(events(body.chunks(1)), events([&body[..]]), "{file}");
    }
}

#[test]
fn carriage_returns_give_the_same_events() {
    for file in recordings(".sse") {
        let body = String::from_utf8(recording(&file)).unwrap();
        for line_end in ["\r\n", "\r"] {
            let other = body.replace('\n', line_end);
            assert_eq!(events([other.as_bytes()]), events([body.as_bytes()]), "{file} with {line_end:?}");
            assert_eq!(
                events(other.as_bytes().chunks(1)),
                events([body.as_bytes()]),
                "{file} with {line_end:?}"
            );
        }
    }
}

#[test]
fn signatures_and_encrypted_records_are_kept_verbatim() {
    let details = |file| answer(recording(file)).end.reasoning_details.unwrap();
    let signed = details("reasoning_claude_signature.sse");
    assert_eq!(signed[0]["text"], "This is a simple arithmetic question. 2+2 equals 4.");
    assert!(
        signed[0]["signature"]
            .as_str()
            .is_some_and(|signature| signature.starts_with("Et0BCkgIChACGAIqQA2s"))
    );
    let encrypted = details("reasoning_o3_encrypted.sse");
    assert_eq!(encrypted[0]["type"], "reasoning.encrypted");
    assert!(encrypted[0]["data"].as_str().is_some_and(|data| data.len() > 1_000));
}

#[test]
fn citations_are_kept_verbatim() {
    let citations = answer(recording("web_search_annotations_stream.sse")).end.annotations;
    assert!(citations.iter().all(|citation| citation["type"] == "url_citation"));
    assert!(citations.iter().all(|citation| citation["url_citation"]["url"].is_string()));
    assert_ne!(citations[0], Value::Null);
}
