//! Text that all stores can store.

use std::borrow::Cow;

/// Replaces U+0000, which PostgreSQL text cannot contain, by the replacement character U+FFFD.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}
