//! Pages of lists and their cursors.

use std::io;

use causerie_domain::page::fitting_rows;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageDto<T: ToSchema> {
    data: Vec<T>,
    /// Value of `cursor` for the next page; null on the last page.
    next_cursor: Option<String>,
}

impl<T: ToSchema> PageDto<T> {
    /// Creates a page. `next` is the cursor of its last row if more rows follow.
    pub(crate) fn new<K: PageCursor>(rows: impl IntoIterator<Item = impl Into<T>>, next: Option<&K>) -> Self {
        PageDto { data: rows.into_iter().map(Into::into).collect(), next_cursor: next.map(K::cursor) }
    }

    /// Creates a page of at most [`MAX_PAGE_BYTES`](causerie_domain::page::MAX_PAGE_BYTES) of JSON, but at least one row.
    /// If it ends early, the cursor is that of its last row.
    pub(crate) fn bounded<R: Into<T>, K: PageCursor>(
        rows: Vec<R>,
        key: impl Fn(&R) -> K,
        next: Option<K>,
    ) -> Self
    where
        T: Serialize,
    {
        let all = rows.len();
        let (cursors, mut data): (Vec<K>, Vec<T>) =
            rows.into_iter().map(|row| (key(&row), row.into())).unzip();
        data.truncate(fitting_rows(data.iter().map(json_size)));
        let next = match data.len() {
            kept if kept < all => kept.checked_sub(1).and_then(|last| cursors.get(last)).map(K::cursor),
            _ => next.as_ref().map(K::cursor),
        };
        PageDto { data, next_cursor: next }
    }
}

/// Returns the size of a value as JSON, in bytes.
pub(crate) fn json_size(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A value that cannot be serialized has no size; the response reports the error.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Position of a row in a list.
///
/// Cursors are opaque to clients: the name of the list and the text of the position, in hexadecimal. With the name,
/// the cursor of another list is refused.
pub(crate) trait PageCursor: Sized {
    /// Name of the list.
    const LIST: &'static str;

    /// Returns the position as text.
    fn to_text(&self) -> String;

    /// Parses the result of [`PageCursor::to_text`].
    fn from_text(text: &str) -> Option<Self>;

    /// Returns the cursor of the page that starts after this position.
    fn cursor(&self) -> String {
        hex::encode(format!("{} {}", Self::LIST, self.to_text()))
    }

    /// Parses the result of [`PageCursor::cursor`]; `None` if the text is not a cursor of this list.
    fn from_cursor(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        // No position contains U+0000, and PostgreSQL refuses it in queries.
        if text.contains('\0') {
            return None;
        }
        Self::from_text(text.strip_prefix(Self::LIST)?.strip_prefix(' ')?)
    }
}

/// Implements [`PageCursor`] for an id by which a list is ordered.
macro_rules! id_cursor {
    ($id:ident in $list:literal) => {
        impl PageCursor for $id {
            const LIST: &'static str = $list;

            fn to_text(&self) -> String {
                self.to_string()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}
pub(super) use id_cursor;

/// Declares the cursor of a list that is ordered by a text.
macro_rules! text_cursor {
    ($(#[$meta:meta])* $name:ident in $list:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) String);

        impl PageCursor for $name {
            const LIST: &'static str = $list;

            fn to_text(&self) -> String {
                self.0.clone()
            }

            fn from_text(text: &str) -> Option<Self> {
                Some($name(text.to_owned()))
            }
        }
    };
}
pub(super) use text_cursor;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use causerie_domain::ports::SessionCursor;

    use super::*;
    use crate::dto::messages::MessageCursor;
    use crate::dto::tools::ToolCursor;

    #[derive(Debug, Serialize, ToSchema)]
    struct Row(String);

    fn key(row: &Row) -> ToolCursor {
        ToolCursor(row.0.clone())
    }

    #[test]
    fn a_page_ends_early_if_its_rows_are_large() {
        let row = |size: usize| Row("x".repeat(size));
        let check = |sizes: &[usize], kept: usize, has_next: bool| {
            let rows: Vec<Row> = sizes.iter().map(|size| row(*size)).collect();
            let page: PageDto<Row> = PageDto::bounded(rows, key, None);
            assert_eq!((page.data.len(), page.next_cursor.is_some()), (kept, has_next), "{sizes:?}");
        };
        const MIB: usize = 1024 * 1024;
        check(&[], 0, false);
        check(&[10, 10], 2, false);
        check(&[3 * MIB, 2 * MIB], 1, true);
        check(&[9 * MIB], 1, false);
        check(&[9 * MIB, 1], 1, true);
    }

    fn check_cursor<K: PageCursor + PartialEq + Debug>(key: K) {
        assert_eq!(K::from_cursor(&key.cursor()), Some(key));
    }

    #[test]
    fn a_cursor_is_parsed_from_its_text() {
        let id = "01990000-0000-7000-8000-000000000001".parse().unwrap();
        check_cursor(SessionCursor { last_activity_at: causerie_domain::Timestamp::from_micros(-5), id });
        check_cursor(MessageCursor::After(7));
        check_cursor(MessageCursor::Before(1));
        check_cursor(ToolCursor("a b".to_owned()));
    }

    #[test]
    fn cursors_of_other_lists_and_invalid_ones_are_refused() {
        let of_messages = MessageCursor::After(7).cursor();
        assert_eq!(SessionCursor::from_cursor(&of_messages), None);
        assert_eq!(ToolCursor::from_cursor(&hex::encode("tools a\0b")), None);
        for cursor in ["", "x", "00", "7", "ff", &hex::encode("sessions 5"), &hex::encode("sessions 5 me")] {
            assert_eq!(SessionCursor::from_cursor(cursor), None, "{cursor}");
        }
    }
}
