//! Rules: the keys of a definition and their values. The checks and the JSON Schema are derived from them.

mod table;
mod text_format;

pub(super) use self::table::{DEFAULT_HISTORY_MESSAGES, DEFINITION};
pub(super) use self::text_format::TextFormat;
pub use self::text_format::is_slug;

/// Key of a mapping.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) required: bool,
    /// Help text of the key in editors.
    pub(super) description: &'static str,
    pub(super) rule: Rule,
}

/// Rule for a value.
#[derive(Debug)]
pub(super) enum Rule {
    Text {
        format: TextFormat,
        max_chars: Option<usize>,
    },
    /// One of several texts.
    Enum {
        values: &'static [&'static str],
        /// Values that are refused as not supported yet.
        unsupported: &'static [&'static str],
    },
    /// Whole number in a range.
    Integer {
        min: i64,
        max: i64,
        /// Value of an absent key.
        default: Option<u32>,
    },
    /// Number in a range, with or without a fraction.
    Number {
        min: i32,
        max: i32,
    },
    List {
        items: &'static Rule,
        max_items: Option<usize>,
    },
    /// Mapping with these keys only.
    Mapping(&'static [Field]),
    /// Mapping with any keys and values.
    AnyMapping,
}
