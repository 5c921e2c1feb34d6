//! Pages of lists, and the opaque cursors between them.

use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{AttachmentCursor, SessionCursor, ToolVersionCursor};
use causerie_domain::{ApiKeyId, AuditEventId, GroupId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageDto<T: ToSchema> {
    data: Vec<T>,
    /// Give it as `cursor` to go on; null on the last page.
    next_cursor: Option<String>,
}

impl<T: ToSchema> PageDto<T> {
    /// A page, and where it goes on.
    pub(crate) fn new<K: PageCursor>(rows: impl IntoIterator<Item = impl Into<T>>, next: Option<&K>) -> Self {
        PageDto { data: rows.into_iter().map(Into::into).collect(), next_cursor: next.map(K::cursor) }
    }

    /// A page of a list that is whole in memory, by its keys.
    pub(crate) fn cut<R, K>(mut rows: Vec<R>, key: impl Fn(&R) -> K, page: PageRequest<K>) -> Self
    where
        R: Into<T>,
        K: PageCursor + Ord,
    {
        // Sorted here: a database may order text by the rules of a language, and cursors compare plainly.
        rows.sort_by_cached_key(&key);
        rows.retain(|row| page.after.as_ref().is_none_or(|After(last)| key(row) > *last));
        let page = Page::cut(rows, page.limit, key);
        PageDto::new(page.rows, page.next.as_ref())
    }
}

/// The place of a row in a list.
///
/// Cursors are opaque to clients: hexadecimal of the list's name and the key's text. The name keeps a cursor
/// from being taken for a place in another list.
pub(crate) trait PageCursor: Sized {
    /// The list.
    const LIST: &'static str;

    /// The key as text.
    fn to_text(&self) -> String;

    /// Reads what [`PageCursor::to_text`] wrote.
    fn from_text(text: &str) -> Option<Self>;

    /// The cursor that goes on after this place.
    fn cursor(&self) -> String {
        hex::encode(format!("{} {}", Self::LIST, self.to_text()))
    }

    /// Reads what [`PageCursor::cursor`] wrote; `None` if the text is not a cursor of this list.
    fn from_cursor(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        Self::from_text(text.strip_prefix(Self::LIST)?.strip_prefix(' ')?)
    }
}

impl PageCursor for SessionCursor {
    const LIST: &'static str = "sessions";

    fn to_text(&self) -> String {
        format!("{} {}", self.last_activity_at.as_micros(), self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once(' ')?;
        let last_activity_at = causerie_domain::Timestamp::from_micros(micros.parse().ok()?);
        Some(SessionCursor { last_activity_at, id: id.parse().ok()? })
    }
}

impl PageCursor for AttachmentCursor {
    const LIST: &'static str = "attachments";

    fn to_text(&self) -> String {
        format!("{} {}", self.seq, self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (seq, id) = text.split_once(' ')?;
        Some(AttachmentCursor { seq: seq.parse().ok()?, id: id.parse().ok()? })
    }
}

impl PageCursor for ToolVersionCursor {
    const LIST: &'static str = "versions";

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(ToolVersionCursor)
    }
}

/// Which way messages are paged through, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageCursor {
    /// Towards the latest, after this one.
    After(i64),
    /// Towards the earliest, before this one.
    Before(i64),
}

impl PageCursor for MessageCursor {
    const LIST: &'static str = "messages";

    fn to_text(&self) -> String {
        match self {
            MessageCursor::After(seq) => format!("after {seq}"),
            MessageCursor::Before(seq) => format!("before {seq}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (way, seq) = text.split_once(' ')?;
        match way {
            "after" => Some(MessageCursor::After(seq.parse().ok()?)),
            "before" => Some(MessageCursor::Before(seq.parse().ok()?)),
            _ => None,
        }
    }
}

/// Declares keys that are the id by which a list is sorted.
macro_rules! id_keys {
    ($($id:ident in $list:literal;)+) => { $(
        impl PageCursor for $id {
            const LIST: &'static str = $list;

            fn to_text(&self) -> String {
                self.to_string()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+ };
}

id_keys! {
    UserId in "users";
    GroupId in "groups";
    ApiKeyId in "api-keys";
    AuditEventId in "audit-events";
}

/// Declares keys that are the text by which a list is sorted.
macro_rules! text_keys {
    ($($(#[$meta:meta])* $name:ident in $list:literal;)+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    )+ };
}

text_keys! {
    /// A tool's slug.
    ToolCursor in "tools";
    /// A model's id.
    ModelCursor in "models";
    /// The address of an invitation.
    InvitationCursor in "invitations";
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    #[derive(Debug, Serialize, ToSchema)]
    struct Row(String);

    fn key(row: &Row) -> ToolCursor {
        ToolCursor(row.0.clone())
    }

    fn pages(slugs: &[&str], limit: u32) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let rows = slugs.iter().map(|slug| Row((*slug).to_owned())).collect();
            let page: PageDto<Row> = PageDto::cut(rows, key, PageRequest { limit, after });
            pages.push(page.data.into_iter().map(|row| row.0).collect());
            match page.next_cursor {
                Some(cursor) => after = PageCursor::from_cursor(&cursor).map(After),
                None => return pages,
            }
        }
    }

    #[test]
    fn a_list_in_memory_is_paged_to_its_end() {
        let check = |slugs: &[&str], limit: u32, expected: &[&[&str]]| {
            assert_eq!(pages(slugs, limit), expected, "{slugs:?} by {limit}");
        };
        check(&[], 2, &[&[]]);
        check(&["b", "a"], 2, &[&["a", "b"]]);
        check(&["c", "a", "b"], 2, &[&["a", "b"], &["c"]]);
        check(&["a", "B", "c"], 1, &[&["B"], &["a"], &["c"]]);
    }

    fn check_cursor<K: PageCursor + PartialEq + Debug>(key: K) {
        assert_eq!(K::from_cursor(&key.cursor()), Some(key));
    }

    #[test]
    fn a_cursor_reads_back_what_was_written() {
        let id = "01990000-0000-7000-8000-000000000001".parse().unwrap();
        check_cursor(SessionCursor { last_activity_at: causerie_domain::Timestamp::from_micros(-5), id });
        check_cursor(MessageCursor::After(7));
        check_cursor(MessageCursor::Before(1));
        check_cursor(ToolCursor("a b".to_owned()));
    }

    #[test]
    fn what_another_list_or_nobody_gave_is_no_cursor() {
        let of_messages = MessageCursor::After(7).cursor();
        assert_eq!(SessionCursor::from_cursor(&of_messages), None);
        for cursor in ["", "x", "00", "7", "ff", &hex::encode("sessions 5"), &hex::encode("sessions 5 me")] {
            assert_eq!(SessionCursor::from_cursor(cursor), None, "{cursor}");
        }
    }
}
