//! JSON of the upstream, independent of the wire structs of the client.

pub(crate) mod chunk;
pub(crate) mod completion;
pub(crate) mod credits;
pub(crate) mod error;
pub(crate) mod generation;
pub(crate) mod request;
pub(crate) mod usage;

/// Serializes a wire value.
///
/// This fails only for maps whose keys are not text, and no wire type has such a map.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
