//! The JSON of one stream event or of one whole completion, which differ only in `delta` and `message`.

use super::elements::Elements;
use super::object::wire_objects;
use super::raw_field::RawField;

wire_objects! {
    /// A chunk of a stream, or a whole completion.
    pub(crate) struct Chunk<'a> {
        pub(crate) id: RawField<'a>,
        pub(crate) model: RawField<'a>,
        pub(crate) provider: RawField<'a>,
        /// Absent in bare error envelopes, empty in usage and debug chunks; `null` entries are ignored.
        pub(crate) choices: Option<Elements<Choice<'a>>>,
        pub(crate) usage: RawField<'a>,
        pub(crate) error: RawField<'a>,
        /// Only events of the Responses API have a type.
        pub(crate) kind = "type": RawField<'a>,
    }

    pub(crate) struct Choice<'a> {
        pub(crate) index: RawField<'a>,
        pub(crate) delta: Option<Delta<'a>>,
        pub(crate) message: Option<Delta<'a>>,
        pub(crate) finish_reason: RawField<'a>,
        pub(crate) native_finish_reason: RawField<'a>,
        pub(crate) error: RawField<'a>,
    }

    /// The content of a chunk, or a whole message.
    pub(crate) struct Delta<'a> {
        pub(crate) content: RawField<'a>,
        pub(crate) refusal: RawField<'a>,
        pub(crate) reasoning: RawField<'a>,
        /// The name of `reasoning` in other gateways.
        pub(crate) reasoning_content: RawField<'a>,
        pub(crate) reasoning_details: RawField<'a>,
        pub(crate) tool_calls: Option<Elements<FunctionCallDelta<'a>>>,
        pub(crate) annotations: RawField<'a>,
        /// Generated images.
        pub(crate) images: RawField<'a>,
        /// Not emitted, but counted as progress.
        pub(crate) audio: RawField<'a>,
    }

    pub(crate) struct FunctionCallDelta<'a> {
        pub(crate) index: RawField<'a>,
        pub(crate) id: RawField<'a>,
        pub(crate) function: Option<FunctionDelta<'a>>,
    }

    pub(crate) struct FunctionDelta<'a> {
        pub(crate) name: RawField<'a>,
        /// JSON text as a string; some gateways send the object itself.
        pub(crate) arguments: RawField<'a>,
    }
}

impl<'a> Chunk<'a> {
    /// Parses one JSON object.
    ///
    /// # Errors
    /// A parser error for anything else; its text may quote the input.
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        // Within a completion a list can stand for an empty object, but not for the completion itself.
        if json.trim_start().starts_with('[') {
            return Err(serde::de::Error::custom("an array in place of an object"));
        }
        serde_json::from_str(json)
    }
}
