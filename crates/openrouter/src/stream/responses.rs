//! The events of the `/responses` surface, told apart by their `type`.
//!
//! The client asks for chat completions only. Gateways that answer in this shape exist all the same, and reading it
//! costs less than explaining an empty answer.

use causerie_domain::completion::{CompletionError, CompletionEvent};
use serde_json::Value;

use super::assembly::Assembly;
use crate::error;
use crate::wire::chunk::FunctionDelta;
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

objects! {
    struct TypedEvent<'a> {
        delta: Leaf<'a>,
        item: Leaf<'a>,
        annotation: Leaf<'a>,
        response: Leaf<'a>,
    }

    struct Item<'a> {
        kind = "type": Leaf<'a>,
        call_id: Leaf<'a>,
        name: Leaf<'a>,
        arguments: Leaf<'a>,
    }

    struct Response<'a> {
        id: Leaf<'a>,
        model: Leaf<'a>,
        provider: Leaf<'a>,
        usage: Leaf<'a>,
        incomplete_details: Leaf<'a>,
    }

    struct IncompleteDetails<'a> {
        reason: Leaf<'a>,
    }
}

impl Assembly {
    /// Takes an event whose type begins with `response.`; types without news are passed over.
    ///
    /// # Errors
    /// The error of a response that failed.
    pub(super) fn absorb_typed(
        &mut self,
        kind: &str,
        json: &str,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        let event: TypedEvent<'_> = serde_json::from_str(json).unwrap_or_default();
        let response: Response<'_> = leaf::object(event.response);
        let text = || leaf::text(event.delta).map(|text| text.into_owned());
        let before = (out.len(), self.annotations.len());
        self.recognised = true;
        self.identify(response.id, response.model, response.provider, out);
        self.take_usage(response.usage);
        match kind {
            "response.output_text.delta" => self.push_text(text(), out),
            "response.refusal.delta" => self.push_refusal(text(), out),
            "response.reasoning_text.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning.delta" => {
                text().into_iter().for_each(|text| self.reasoning.push_text(text, out));
            }
            "response.output_text.annotation.added" => {
                self.kept += leaf::size(event.annotation);
                self.annotations.extend(event.annotation.and_then(|raw| leaf::parse::<Value>(raw.get())));
            }
            "response.output_item.done" => self.take_item(&leaf::object(event.item)),
            "response.completed" => self.take_finish(Some("stop"), Some("completed")),
            "response.incomplete" => {
                let details: IncompleteDetails<'_> = leaf::object(response.incomplete_details);
                let native = leaf::word(details.reason);
                let filtered = native.as_deref() == Some("content_filter");
                self.take_finish(Some(if filtered { "content_filter" } else { "length" }), native.as_deref());
            }
            "response.failed" => {
                return Err(error::failed_response(event.response.map_or("{}", |raw| raw.get())));
            }
            _ => {}
        }
        if (out.len(), self.annotations.len()) != before {
            self.progress += 1;
        }
        Ok(())
    }

    fn take_item(&mut self, item: &Item<'_>) {
        if leaf::text(item.kind).as_deref() == Some("function_call") {
            let function = FunctionDelta { name: item.name, arguments: item.arguments };
            self.kept += self.tools.push_whole(item.call_id, &function);
            self.progress += 1;
        }
    }
}
