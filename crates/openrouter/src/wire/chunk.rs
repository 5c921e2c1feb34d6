//! One event of a stream, or one whole answer: they differ only in `delta` and `message`.

use super::leaf::Leaf;
use super::object::objects;

objects! {
    /// A streamed chunk or a whole completion.
    pub(crate) struct Chunk<'a> {
        pub(crate) id: Leaf<'a>,
        pub(crate) model: Leaf<'a>,
        pub(crate) provider: Leaf<'a>,
        /// Absent in bare error envelopes, empty in usage and debug chunks; `null` among them is none.
        pub(crate) choices: Option<Vec<Option<Choice<'a>>>>,
        pub(crate) usage: Leaf<'a>,
        pub(crate) error: Leaf<'a>,
        /// Only events of the newer surfaces have a type.
        pub(crate) kind = "type": Leaf<'a>,
    }

    pub(crate) struct Choice<'a> {
        pub(crate) index: Leaf<'a>,
        pub(crate) delta: Option<Delta<'a>>,
        pub(crate) message: Option<Delta<'a>>,
        pub(crate) finish_reason: Leaf<'a>,
        pub(crate) native_finish_reason: Leaf<'a>,
        pub(crate) error: Leaf<'a>,
    }

    /// What a chunk adds, or what a message is.
    pub(crate) struct Delta<'a> {
        pub(crate) content: Leaf<'a>,
        pub(crate) refusal: Leaf<'a>,
        pub(crate) reasoning: Leaf<'a>,
        /// Other gateways' name of `reasoning`.
        pub(crate) reasoning_content: Leaf<'a>,
        pub(crate) reasoning_details: Leaf<'a>,
        pub(crate) tool_calls: Option<Vec<Option<ToolDelta<'a>>>>,
        pub(crate) annotations: Leaf<'a>,
        /// Not passed on, but a sign of life.
        pub(crate) images: Leaf<'a>,
        /// Not passed on, but a sign of life.
        pub(crate) audio: Leaf<'a>,
    }

    pub(crate) struct ToolDelta<'a> {
        pub(crate) index: Leaf<'a>,
        pub(crate) id: Leaf<'a>,
        pub(crate) function: Option<FunctionDelta<'a>>,
    }

    pub(crate) struct FunctionDelta<'a> {
        pub(crate) name: Leaf<'a>,
        /// JSON text as a string; some gateways send the object itself.
        pub(crate) arguments: Leaf<'a>,
    }
}

impl<'a> Chunk<'a> {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// Of the parser, for everything that is not exactly one object; its text may quote the input.
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        // Within an answer a list can stand for an empty object; in the place of an answer it is none.
        if json.trim_start().starts_with('[') {
            return Err(serde::de::Error::custom("an array where an object belongs"));
        }
        serde_json::from_str(json)
    }
}
