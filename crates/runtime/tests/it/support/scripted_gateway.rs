//! Upstream with one script per request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::Usd;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, Finish,
    FinishReason, GenerationInfo, GenerationRecord, RelayChunk, RelayRequest, ToolCall,
};
use causerie_domain::models::CatalogListing;
use causerie_domain::ports::{CompletionGateway, CompletionStream};
use causerie_domain::usage::{ReportedUsage, TokenCounts};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// One step of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Event(CompletionEvent),
    /// Waits for [`ScriptedGateway::open_gate`].
    Gate,
    Pause(Duration),
}

/// Upstream that answers each request with the next script, or with `ok` if there is none.
#[derive(Debug)]
pub(crate) struct ScriptedGateway {
    scripts: Mutex<VecDeque<Vec<Step>>>,
    outage: Mutex<Option<(Instant, CompletionError)>>,
    requests: Mutex<Vec<CompletionRequest>>,
    relayed: Mutex<Vec<RelayRequest>>,
    gate: Arc<Semaphore>,
    dropped: Arc<Mutex<u32>>,
    records: Mutex<VecDeque<Record>>,
    /// Times and generations of the look-ups.
    lookups: Mutex<Vec<(Instant, String)>>,
}

/// Response to a look-up.
pub(crate) type Record = Result<Option<GenerationRecord>, CompletionError>;

impl Default for ScriptedGateway {
    fn default() -> Self {
        ScriptedGateway {
            scripts: Mutex::default(),
            outage: Mutex::default(),
            requests: Mutex::default(),
            relayed: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
            dropped: Arc::default(),
            records: Mutex::default(),
            lookups: Mutex::default(),
        }
    }
}

impl ScriptedGateway {
    pub(crate) fn enqueue(&self, script: Vec<Step>) {
        self.scripts.lock().unwrap().push_back(script);
    }

    /// Sets the responses to the next look-ups. The last one is repeated; without any, no record exists.
    pub(crate) fn set_records(&self, records: impl IntoIterator<Item = Record>) {
        *self.records.lock().unwrap() = records.into_iter().collect();
    }

    /// Returns the times of all look-ups.
    pub(crate) fn lookups(&self) -> Vec<Instant> {
        self.lookups.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    /// Returns the instant of the first look-up of a generation.
    pub(crate) fn first_lookup_of(&self, id: &str) -> Option<Instant> {
        let lookups = self.lookups.lock().unwrap();
        lookups.iter().find(|(_, looked_up)| looked_up == id).map(|(at, _)| *at)
    }

    /// Refuses all requests for a time. Returns the end of this time.
    pub(crate) fn refuse_for(&self, duration: Duration, error: CompletionError) -> Instant {
        let end = Instant::now() + duration;
        *self.outage.lock().unwrap() = Some((end, error));
        end
    }

    fn refusal(&self) -> Option<Vec<Step>> {
        let outage = self.outage.lock().unwrap();
        let (_, error) = outage.as_ref().filter(|(end, _)| Instant::now() < *end)?;
        Some(vec![fail_with(error.clone())])
    }

    /// Continues one script that waits at a gate.
    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    pub(crate) fn requests(&self) -> Vec<CompletionRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the relayed requests.
    pub(crate) fn relayed(&self) -> Vec<RelayRequest> {
        self.relayed.lock().unwrap().clone()
    }

    /// Returns the events of the next script, or of `default` if there is none.
    fn play(&self, default: Vec<Step>) -> CompletionStream {
        let script = self.refusal().or_else(|| self.scripts.lock().unwrap().pop_front());
        let script = script.unwrap_or(default);
        let guard = DropGuard { dropped: Arc::clone(&self.dropped), ended: false };
        let gate = Arc::clone(&self.gate);
        let steps = stream::unfold((script.into_iter(), gate, guard), |(mut steps, gate, mut guard)| async {
            loop {
                match steps.next()? {
                    Step::Event(event) => {
                        guard.ended = matches!(event, CompletionEvent::Ended(_));
                        return Some((event, (steps, gate, guard)));
                    }
                    Step::Gate => gate.acquire().await.unwrap().forget(),
                    Step::Pause(pause) => tokio::time::sleep(pause).await,
                }
            }
        });
        steps.boxed()
    }

    /// Returns the number of requests that were dropped before their end.
    pub(crate) fn dropped(&self) -> u32 {
        *self.dropped.lock().unwrap()
    }
}

#[async_trait]
impl CompletionGateway for ScriptedGateway {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        self.requests.lock().unwrap().push(request);
        self.play(vec![text("ok"), finish()])
    }

    fn relay(&self, request: RelayRequest) -> CompletionStream {
        self.relayed.lock().unwrap().push(request);
        self.play(vec![chunk("ok"), finish_chunk(), finish()])
    }

    async fn generation(&self, id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        self.lookups.lock().unwrap().push((Instant::now(), id.to_owned()));
        let mut records = self.records.lock().unwrap();
        match records.len() {
            0 => Ok(None),
            1 => records[0].clone(),
            _ => records.pop_front().unwrap(),
        }
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        Ok(CatalogListing::default())
    }
}

struct DropGuard {
    dropped: Arc<Mutex<u32>>,
    ended: bool,
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        *self.dropped.lock().unwrap() += u32::from(!self.ended);
    }
}

pub(crate) fn text(text: &str) -> Step {
    Step::Event(CompletionEvent::Text(text.to_owned()))
}

pub(crate) fn reasoning(text: &str) -> Step {
    Step::Event(CompletionEvent::Reasoning(text.to_owned()))
}

/// Returns a chunk with a piece of text.
pub(crate) fn chunk(text: &str) -> Step {
    relayed(
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#),
        !text.is_empty(),
        false,
    )
}

/// Returns the chunk with the finish reason.
pub(crate) fn finish_chunk() -> Step {
    let json = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    relayed(json.to_owned(), false, true)
}

fn relayed(json: String, has_content: bool, has_finish: bool) -> Step {
    let text_bytes = if has_content { json.len() } else { 0 };
    Step::Event(CompletionEvent::Chunk(RelayChunk { json, has_content, has_finish, text_bytes }))
}

pub(crate) fn identified(generation_id: &str) -> Step {
    let info = GenerationInfo { generation_id: Some(generation_id.to_owned()), ..GenerationInfo::default() };
    Step::Event(CompletionEvent::Identified(info))
}

/// Returns a generation record with 20 input and 10 output tokens and this cost in pico-USD.
pub(crate) fn record(cost: Option<i64>) -> Option<GenerationRecord> {
    let tokens = TokenCounts { input: Some(20), output: Some(10), ..TokenCounts::default() };
    let usage = ReportedUsage { tokens, cost: cost.map(Usd::from_pico), ..ReportedUsage::default() };
    Some(GenerationRecord { model: None, provider: None, usage, cancelled: true })
}

/// Returns a successful end with 10 input tokens, 5 output tokens and a cost of 0.000123 USD.
pub(crate) fn finish() -> Step {
    finish_with(Finish { reason: Some(FinishReason::Stop), native_reason: None, truncated: false })
}

/// Returns the end that [`finish`] returns, with another number of input tokens.
pub(crate) fn finish_of(input: u64) -> Step {
    let Step::Event(CompletionEvent::Ended(mut end)) = finish() else { unreachable!("the step is an end") };
    end.usage = end.usage.map(|usage| {
        let tokens = TokenCounts { input: Some(input), ..usage.tokens };
        ReportedUsage { tokens, ..usage }
    });
    Step::Event(CompletionEvent::Ended(end))
}

/// Returns the end that [`finish`] returns, with another finish reason.
pub(crate) fn finish_with(finish: Finish) -> Step {
    let tokens = TokenCounts { input: Some(10), output: Some(5), ..TokenCounts::default() };
    let usage = ReportedUsage { tokens, cost: Some(Usd::from_pico(123_000_000)), ..ReportedUsage::default() };
    Step::Event(CompletionEvent::Ended(Box::new(CompletionEnd {
        outcome: Ok(finish),
        usage: Some(usage),
        reasoning_details: None,
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    })))
}

/// Returns a successful end with a call of a function.
pub(crate) fn finish_with_call() -> Step {
    let Step::Event(CompletionEvent::Ended(mut end)) = finish() else { unreachable!("the step is an end") };
    let (name, arguments) = ("search".to_owned(), "{}".to_owned());
    end.tool_calls = vec![ToolCall { id: None, name, arguments, complete: true }];
    Step::Event(CompletionEvent::Ended(end))
}

pub(crate) fn fail(kind: CompletionErrorKind) -> Step {
    fail_with(CompletionError::new(kind, "refused by the script"))
}

pub(crate) fn fail_with(error: CompletionError) -> Step {
    Step::Event(CompletionEvent::Ended(Box::new(CompletionEnd {
        outcome: Err(error),
        usage: None,
        reasoning_details: None,
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    })))
}
