//! An answer under way: takes chunk after chunk, gives out what is new in each, and keeps the rest for the end.

use causerie_domain::completion::{CompletionError, CompletionEvent, FinishReason, Identity};
use causerie_domain::usage::ReportedUsage;
use serde_json::Value;

use super::reasoning::Reasoning;
use super::tools::ToolCalls;
use crate::error;
use crate::wire::chunk::{Choice, Chunk, Delta};
use crate::wire::leaf::{self, Leaf};
use crate::wire::usage;

/// All that is known of an answer so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assembly {
    pub(super) identity: Identity,
    /// The id came with the HTTP head; the body's is the same one, or a provider's own.
    id_is_settled: bool,
    pub(super) said: Said,
    pub(super) reasoning: Reasoning,
    pub(super) tools: ToolCalls,
    pub(super) annotations: Vec<Value>,
    pub(super) finish: Finishing,
    pub(super) usage: Option<ReportedUsage>,
    /// Whether anything looked like a completion at all.
    pub(super) recognised: bool,
    /// Grows with everything that brings the answer forward.
    pub(super) progress: u64,
    /// Bytes of what is kept for the end.
    pub(super) kept: usize,
}

/// What the reader got.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) text: bool,
    pub(super) refusal: bool,
}

/// What was said about the end. It is said more than once, and not always the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Finishing {
    pub(super) reason: Option<FinishReason>,
    pub(super) native: Option<String>,
    pub(super) truncated: bool,
}

/// Which form an answer has: the fields of a choice differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Streamed,
    Whole,
}

impl Assembly {
    /// Takes the id that came with the HTTP head.
    pub(super) fn settle_id(&mut self, id: String, out: &mut Vec<CompletionEvent>) {
        self.id_is_settled = true;
        self.identity.generation_id = Some(id.clone());
        out.push(CompletionEvent::Identified(Identity { generation_id: Some(id), ..Identity::default() }));
    }

    /// Takes a chunk or a whole answer.
    ///
    /// # Errors
    /// The error that the chunk carries, at its top or in a choice. What else it carried is taken first: usage
    /// and the last piece of text come beside errors.
    pub(super) fn absorb(
        &mut self,
        chunk: &Chunk<'_>,
        form: Form,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        self.identify(chunk.id, chunk.model, chunk.provider, out);
        self.take_usage(chunk.usage);
        let choices = || chunk.choices.iter().flatten().flatten();
        self.recognised |= chunk.choices.is_some() || chunk.usage.is_some();
        for choice in choices().filter(|choice| leaf::count(choice.index).unwrap_or(0) == 0) {
            self.take_choice(choice, form, out);
        }
        let errors = [chunk.error].into_iter().chain(choices().map(|choice| choice.error));
        match errors.flatten().find_map(|error| error::in_band(error.get())) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Says what became known of who answers.
    pub(super) fn identify(
        &mut self,
        id: Leaf<'_>,
        model: Leaf<'_>,
        provider: Leaf<'_>,
        out: &mut Vec<CompletionEvent>,
    ) {
        let id = id.filter(|_| !self.id_is_settled);
        let news = Identity {
            generation_id: learn(&mut self.identity.generation_id, id),
            model: learn(&mut self.identity.model, model),
            provider: learn(&mut self.identity.provider, provider),
        };
        self.id_is_settled |= news.generation_id.is_some();
        if news != Identity::default() {
            out.push(CompletionEvent::Identified(news));
        }
    }

    /// Takes a usage object: a snapshot, so the last one that says anything counts.
    pub(super) fn take_usage(&mut self, usage: Leaf<'_>) {
        if let Some(usage) = usage::reported(usage) {
            self.usage = Some(usage);
            self.progress += 1;
        }
    }

    pub(super) fn push_text(&mut self, text: Option<String>, out: &mut Vec<CompletionEvent>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.said.text = true;
            out.push(CompletionEvent::Text(text));
        }
    }

    pub(super) fn push_refusal(&mut self, text: Option<String>, out: &mut Vec<CompletionEvent>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.said.refusal = true;
            out.push(CompletionEvent::Refusal(text));
        }
    }

    /// Takes a finish reason: the last one counts, a cut once seen stays.
    pub(super) fn take_finish(&mut self, reason: Option<&str>, native: Option<&str>) {
        if let Some(native) = native {
            self.finish.native = Some(native.to_owned());
        }
        if let Some(reason) = reason {
            self.finish.reason = Some(FinishReason::from(reason));
            self.progress += 1;
        }
        // Providers call a cut tool call finished; only their own word tells.
        let cut = |word| matches!(word, "length" | "max_output_tokens" | "max_tokens" | "MAX_TOKENS");
        self.finish.truncated |= reason == Some("length") || native.is_some_and(cut);
    }

    fn take_choice(&mut self, choice: &Choice<'_>, form: Form, out: &mut Vec<CompletionEvent>) {
        let before = (out.len(), self.kept);
        let media = match (form, &choice.delta, &choice.message) {
            (Form::Streamed, Some(delta), _) => {
                self.kept += self.tools.absorb(delta);
                self.take_delta(delta, out)
            }
            (Form::Whole, _, Some(message)) => {
                self.kept += self.tools.absorb_message(message);
                self.take_delta(message, out)
            }
            _ => false,
        };
        if (out.len(), self.kept) != before || media {
            self.progress += 1;
        }
        self.take_finish(
            leaf::word(choice.finish_reason).as_deref(),
            leaf::word(choice.native_finish_reason).as_deref(),
        );
    }

    /// Takes all of a delta but its tool calls; true where it brought images or sound, which nobody is given.
    fn take_delta(&mut self, delta: &Delta<'_>, out: &mut Vec<CompletionEvent>) -> bool {
        self.kept += self.reasoning.absorb(delta, out);
        self.push_text(content(delta.content), out);
        self.push_refusal(content(delta.refusal), out);
        let annotations = leaf::list(delta.annotations).filter(|annotations| !annotations.is_empty());
        if let Some(annotations) = annotations {
            self.kept += leaf::size(delta.annotations);
            self.annotations.extend(annotations);
        }
        delta.images.is_some() || delta.audio.is_some()
    }
}

/// Takes a word that is new or has changed.
fn learn(known: &mut Option<String>, leaf: Leaf<'_>) -> Option<String> {
    let word = leaf::word(leaf).filter(|word| known.as_deref() != Some(word.as_ref()))?;
    *known = Some(word.into_owned());
    known.clone()
}

/// Content is a text or a list of parts, of which the texts count.
fn content(leaf: Leaf<'_>) -> Option<String> {
    if !leaf?.get().starts_with('[') {
        return leaf::text(leaf).map(|text| text.into_owned());
    }
    let parts = leaf::list(leaf)?;
    Some(parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect())
}
