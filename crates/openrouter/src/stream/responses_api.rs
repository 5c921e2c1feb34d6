//! The events of the Responses API, which differ by their `type`.
//!
//! The client requests chat completions only, but some gateways answer in this format.

use causerie_domain::completion::{CompletionError, CompletionEvent};
use serde_json::Value;

use super::content::ContentKind;
use super::response_builder::ResponseBuilder;
use crate::error;
use crate::wire::chunk::FunctionDelta;
use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

wire_objects! {
    struct TypedEvent<'a> {
        delta: RawField<'a>,
        item: RawField<'a>,
        annotation: RawField<'a>,
        response: RawField<'a>,
    }

    struct Item<'a> {
        kind = "type": RawField<'a>,
        call_id: RawField<'a>,
        name: RawField<'a>,
        arguments: RawField<'a>,
        /// Image in Base64.
        result: RawField<'a>,
    }

    struct Response<'a> {
        id: RawField<'a>,
        model: RawField<'a>,
        provider: RawField<'a>,
        usage: RawField<'a>,
        incomplete_details: RawField<'a>,
    }

    struct IncompleteDetails<'a> {
        reason: RawField<'a>,
    }
}

impl ResponseBuilder {
    /// Adds an event whose type begins with `response.`. Types without content are ignored.
    ///
    /// # Errors
    /// The error of a failed response.
    pub(super) fn add_responses_event(
        &mut self,
        kind: &str,
        json: &str,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        let event: TypedEvent<'_> = serde_json::from_str(json).unwrap_or_default();
        let response: Response<'_> = raw_field::object(event.response);
        let text = || raw_field::marked_text(event.delta);
        let before = (out.len(), self.annotations.len());
        self.recognized = true;
        self.update_identity(response.id, response.model, response.provider, out);
        self.set_usage(response.usage);
        match kind {
            "response.output_text.delta" => self.push_content(ContentKind::Text, text(), out),
            "response.refusal.delta" => self.push_content(ContentKind::Refusal, text(), out),
            "response.reasoning_text.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning.delta" => {
                let text = text().filter(|_| self.reasoning.accepts_text());
                self.push_content(ContentKind::Reasoning, text, out);
            }
            "response.output_text.annotation.added" => {
                self.retained_bytes =
                    self.retained_bytes.saturating_add(raw_field::parsed_size(event.annotation));
                let annotation = event.annotation.filter(|_| !self.is_oversized());
                self.annotations
                    .extend(annotation.and_then(|raw| raw_field::parse_lossy::<Value>(raw.get())));
            }
            "response.output_item.done" => self.add_output_item(&raw_field::object(event.item), out),
            "response.completed" => self.set_finish(Some("stop"), Some("completed")),
            "response.incomplete" => {
                let details: IncompleteDetails<'_> = raw_field::object(response.incomplete_details);
                let native = raw_field::non_empty_text(details.reason);
                let filtered = native.as_deref() == Some("content_filter");
                self.set_finish(Some(if filtered { "content_filter" } else { "length" }), native.as_deref());
            }
            "response.failed" => {
                return Err(error::from_failed_response(event.response.map_or("{}", |raw| raw.get())));
            }
            _ => {}
        }
        if (out.len(), self.annotations.len()) != before {
            self.progress += 1;
        }
        Ok(())
    }

    fn add_output_item(&mut self, item: &Item<'_>, out: &mut Vec<CompletionEvent>) {
        match raw_field::text(item.kind).as_deref() {
            Some("function_call") => {
                let function = FunctionDelta { name: item.name, arguments: item.arguments };
                let added = self.function_calls.add_call(item.call_id, &function);
                self.count_call(added);
                self.progress += 1;
            }
            Some("image_generation_call") => {
                if let Some(data) = raw_field::non_empty_text(item.result) {
                    self.content.push_image(format!("data:image/png;base64,{data}"), out);
                }
            }
            _ => {}
        }
    }
}
