//! Text as every store keeps it.

use std::borrow::Cow;

/// Replaces U+0000, which PostgreSQL text cannot hold, by the replacement character.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}
