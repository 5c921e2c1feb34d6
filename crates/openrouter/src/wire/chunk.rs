//! One event of a stream, or one whole answer: they differ only in `delta` and `message`.

use serde::Deserialize;

use super::leaf::Leaf;

/// A streamed chunk or a whole completion.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) id: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) model: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) provider: Leaf<'a>,
    /// Absent in bare error envelopes, empty in usage and debug chunks; `null` among them is none.
    #[serde(borrow)]
    pub(crate) choices: Option<Vec<Option<Choice<'a>>>>,
    #[serde(borrow)]
    pub(crate) usage: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) error: Leaf<'a>,
    /// Only events of the newer surfaces have a type.
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Leaf<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    #[serde(borrow)]
    pub(crate) index: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) finish_reason: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) native_finish_reason: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) error: Leaf<'a>,
}

/// What a chunk adds, or what a message is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) reasoning: Leaf<'a>,
    /// Other gateways' name of `reasoning`.
    #[serde(borrow)]
    pub(crate) reasoning_content: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) reasoning_details: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<Option<ToolDelta<'a>>>>,
    #[serde(borrow)]
    pub(crate) annotations: Leaf<'a>,
    /// Not passed on, but a sign of life.
    #[serde(borrow)]
    pub(crate) images: Leaf<'a>,
    /// Not passed on, but a sign of life.
    #[serde(borrow)]
    pub(crate) audio: Leaf<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolDelta<'a> {
    #[serde(borrow)]
    pub(crate) index: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) id: Leaf<'a>,
    #[serde(borrow)]
    pub(crate) function: Option<FunctionDelta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionDelta<'a> {
    #[serde(borrow)]
    pub(crate) name: Leaf<'a>,
    /// JSON text as a string; some gateways send the object itself.
    #[serde(borrow)]
    pub(crate) arguments: Leaf<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// Of the parser, for everything that is not exactly one object; its text may quote the input.
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        // A derived struct would also accept an array of its fields.
        if json.trim_start().starts_with('[') {
            return Err(serde::de::Error::custom("an array where an object belongs"));
        }
        serde_json::from_str(json)
    }
}
