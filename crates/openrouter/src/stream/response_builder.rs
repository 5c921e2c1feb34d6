//! Builds a response from its chunks: emits what is new in each chunk and retains the rest for the end.

use std::collections::HashSet;

use causerie_domain::completion::{CompletionError, CompletionEvent, FinishReason, GenerationInfo};
use causerie_domain::usage::ReportedUsage;
use serde_json::Value;

use super::content::{ContentKind, EmittedContent};
use super::function_calls::FunctionCalls;
use super::parts::{self, Piece};
use super::reasoning::Reasoning;
use crate::error;
use crate::settings::SizeLimits;
use crate::wire::chunk::{Choice, Chunk, Delta};
use crate::wire::elements::Elements;
use crate::wire::raw_field::{self, RawField};
use crate::wire::surrogates::Marked;
use crate::wire::usage;

/// The state of a response in progress.
#[derive(Debug, Clone)]
pub(super) struct ResponseBuilder {
    pub(super) identity: GenerationInfo,
    /// Whether the generation id is final: it came with the HTTP headers, or the body has named one. A later id in
    /// the body is the same one or a provider's own.
    id_is_final: bool,
    pub(super) content: EmittedContent,
    pub(super) reasoning: Reasoning,
    pub(super) function_calls: FunctionCalls,
    pub(super) annotations: Vec<Value>,
    pub(super) finish: FinishState,
    pub(super) usage: Option<ReportedUsage>,
    /// Whether the usage had token counts that cannot be.
    pub(super) has_impossible_counts: bool,
    /// Whether any chunk was recognized as part of a completion.
    pub(super) recognized: bool,
    /// Counter that grows with each progress of the answer.
    pub(super) progress: u64,
    /// Number of bytes that are retained until the end.
    pub(super) retained_bytes: usize,
    /// Whether chunks are relayed and not decoded.
    pub(super) is_relayed: bool,
    /// Size of the relayed text in bytes of JSON.
    pub(super) relayed_text_bytes: usize,
    pub(super) limits: SizeLimits,
}

/// The finish reasons so far. Providers send them more than once, and not always the same.
#[derive(Debug, Clone, Default)]
pub(super) struct FinishState {
    pub(super) reason: Option<FinishReason>,
    pub(super) native: Option<String>,
    pub(super) truncated: bool,
}

/// The field in which a choice has its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChoiceFormat {
    /// `delta`: a chunk of a stream.
    Delta,
    /// `message`: a whole completion.
    Message,
}

impl ResponseBuilder {
    /// Creates the builder of an empty response.
    pub(super) fn new(limits: SizeLimits) -> Self {
        ResponseBuilder {
            identity: GenerationInfo::default(),
            id_is_final: false,
            content: EmittedContent::new(limits),
            reasoning: Reasoning::default(),
            function_calls: FunctionCalls::default(),
            annotations: Vec::new(),
            finish: FinishState::default(),
            usage: None,
            has_impossible_counts: false,
            recognized: false,
            progress: 0,
            retained_bytes: 0,
            is_relayed: false,
            relayed_text_bytes: 0,
            limits,
        }
    }

    /// Returns whether the answer is complete: the finish reason and usage have arrived.
    pub(super) fn is_answered(&self) -> bool {
        self.finish.reason.is_some() && self.usage.is_some()
    }

    /// Returns whether the data that is retained until the end exceeds its limit.
    pub(super) fn is_oversized(&self) -> bool {
        self.retained_bytes > self.limits.max_body_bytes
    }

    /// Sets the generation id of the HTTP headers.
    pub(super) fn set_header_id(&mut self, id: String, out: &mut Vec<CompletionEvent>) {
        self.id_is_final = true;
        self.identity.generation_id = Some(id.clone());
        out.push(CompletionEvent::Identified(GenerationInfo {
            generation_id: Some(id),
            ..GenerationInfo::default()
        }));
    }

    /// Adds a chunk or a whole completion.
    ///
    /// # Errors
    /// The error in the chunk, at its top level or in a choice. The rest of the chunk is added first: usage and the
    /// last piece of text come beside errors.
    pub(super) fn add_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        format: ChoiceFormat,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        self.update_identity(chunk.id, chunk.model, chunk.provider, out);
        self.set_usage(chunk.usage);
        let choices = || chunk.choices.iter().flat_map(Elements::iter);
        self.recognized |= chunk.choices.is_some() || chunk.usage.is_some();
        for choice in choices().filter(|choice| raw_field::count(choice.index).unwrap_or(0) == 0) {
            self.add_choice(choice, format, out);
        }
        let errors = [chunk.error].into_iter().chain(choices().map(|choice| choice.error));
        match errors.flatten().find_map(|error| error::from_error_field(error.get())) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Updates the identity and emits the fields that are new or changed.
    pub(super) fn update_identity(
        &mut self,
        id: RawField<'_>,
        model: RawField<'_>,
        provider: RawField<'_>,
        out: &mut Vec<CompletionEvent>,
    ) {
        let id = id.filter(|_| !self.id_is_final);
        let changes = GenerationInfo {
            generation_id: update(&mut self.identity.generation_id, id),
            model: update(&mut self.identity.model, model),
            provider: update(&mut self.identity.provider, provider),
        };
        self.id_is_final |= changes.generation_id.is_some();
        if changes != GenerationInfo::default() {
            out.push(CompletionEvent::Identified(changes));
        }
    }

    /// Sets the usage. Each usage object is a snapshot, so the last one with any value counts.
    pub(super) fn set_usage(&mut self, usage: RawField<'_>) {
        if let Some(decoded) = usage::decode(usage) {
            self.usage = Some(decoded.usage);
            self.has_impossible_counts = decoded.has_impossible_counts;
            self.progress += 1;
        }
    }

    /// Adds a piece of content.
    pub(super) fn push_content(
        &mut self,
        kind: ContentKind,
        piece: Option<Marked<String>>,
        out: &mut Vec<CompletionEvent>,
    ) {
        if let Some(piece) = piece {
            self.content.push(kind, piece, out);
        }
    }

    /// Counts a retained piece of a function call, which is part of the answer.
    pub(super) fn count_call(&mut self, bytes: usize) {
        self.retained_bytes = self.retained_bytes.saturating_add(bytes);
        self.content.count(bytes);
    }

    /// Sets the finish reason. The last reason counts; `truncated` is never reset.
    pub(super) fn set_finish(&mut self, reason: Option<&str>, native: Option<&str>) {
        if let Some(native) = native {
            self.finish.native = Some(bounded_reason(native).to_owned());
        }
        if let Some(reason) = reason {
            self.finish.reason = Some(FinishReason::from(bounded_reason(reason)));
            self.progress += 1;
        }
        // Providers report a truncated tool call as finished; only the native reason shows the truncation.
        let truncated =
            |reason| matches!(reason, "length" | "max_output_tokens" | "max_tokens" | "MAX_TOKENS");
        self.finish.truncated |= reason == Some("length") || native.is_some_and(truncated);
    }

    fn add_choice(&mut self, choice: &Choice<'_>, format: ChoiceFormat, out: &mut Vec<CompletionEvent>) {
        let before = (out.len(), self.retained_bytes);
        let has_media = match (format, &choice.delta, &choice.message) {
            (ChoiceFormat::Delta, Some(delta), _) => {
                let added = self.function_calls.add_delta(delta);
                self.count_call(added);
                self.add_content(delta, out)
            }
            (ChoiceFormat::Message, _, Some(message)) => {
                let added = self.function_calls.add_message(message);
                self.count_call(added);
                self.add_content(message, out)
            }
            _ => false,
        };
        if (out.len(), self.retained_bytes) != before || has_media {
            self.progress += 1;
        }
        self.set_finish(
            raw_field::non_empty_text(choice.finish_reason).as_deref(),
            raw_field::non_empty_text(choice.native_finish_reason).as_deref(),
        );
    }

    /// Adds everything in a delta except tool calls. Returns whether it has images or audio: not all of it is emitted.
    fn add_content(&mut self, delta: &Delta<'_>, out: &mut Vec<CompletionEvent>) -> bool {
        // Values are not parsed once their limit is exceeded: short JSON can be large in memory.
        self.retained_bytes = self.retained_bytes.saturating_add(raw_field::parsed_size(delta.annotations));
        let details_bytes = raw_field::parsed_size(delta.reasoning_details);
        let parts_bytes = parts::parsed_size(delta.content).max(raw_field::parsed_size(delta.images));
        if self.is_oversized() || details_bytes.max(parts_bytes) > self.limits.max_body_bytes {
            self.retained_bytes = usize::MAX;
            return false;
        }
        let (reasoning, has_new_records) = self.reasoning.add_delta(delta);
        self.retained_bytes +=
            if has_new_records { details_bytes } else { raw_field::byte_len(delta.reasoning_details) };
        self.push_content(ContentKind::Reasoning, reasoning, out);
        self.add_parts(delta, out);
        self.push_content(ContentKind::Refusal, text_of_parts(delta.refusal), out);
        self.annotations.extend(raw_field::array(delta.annotations).unwrap_or_default());
        delta.images.is_some() || delta.audio.is_some()
    }

    /// Adds the text and the images of a delta, in their order. Some gateways repeat the images of the content.
    fn add_parts(&mut self, delta: &Delta<'_>, out: &mut Vec<CompletionEvent>) {
        let mut sent = HashSet::new();
        for piece in parts::pieces(delta.content).into_iter().chain(parts::images(delta.images)) {
            match piece {
                Piece::Text(text) => self.content.push(ContentKind::Text, text, out),
                Piece::Image(url) if self.content.is_cut || sent.contains(&url) => {}
                Piece::Image(url) => {
                    self.content.push_image(url.clone(), out);
                    sent.insert(url);
                }
            }
        }
    }
}

/// Maximum length in bytes of the id, the model and the provider of an answer. Longer ones are ignored.
const MAX_IDENTITY_BYTES: usize = 256;
/// Maximum length in bytes of a finish reason. The rest of a longer one is left out.
const MAX_REASON_BYTES: usize = 64;

/// Returns the beginning of a finish reason.
fn bounded_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)]
}

/// Sets a text if it is new or changed, and returns the change.
fn update(known: &mut Option<String>, field: RawField<'_>) -> Option<String> {
    let text = raw_field::non_empty_text(field)?;
    if text.len() > MAX_IDENTITY_BYTES || known.as_deref() == Some(text.as_ref()) {
        return None;
    }
    *known = Some(text.into_owned());
    known.clone()
}

/// Reads a text, or a list of parts whose texts are joined.
fn text_of_parts(field: RawField<'_>) -> Option<Marked<String>> {
    let mut joined: Option<Marked<String>> = None;
    for piece in parts::pieces(field) {
        let Piece::Text(text) = piece else { continue };
        let joined = joined.get_or_insert_with(|| Marked::from(String::new()));
        joined.value.push_str(&text.value);
        joined.has_marks |= text.has_marks;
    }
    joined
}
