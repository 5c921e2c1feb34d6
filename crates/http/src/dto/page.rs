//! Pages of lists, and the opaque cursors between them.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{AttachmentCursor, SessionCursor, ToolVersionCursor};
use causerie_domain::{ApiKeyId, AuditEventId, GroupId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::request::Query;

/// The page that is asked for, of a list that nothing else can be asked of.
#[derive(Debug)]
pub(crate) struct PageOf<K>(pub(crate) PageRequest<K>);

impl<K: PageKey> PageOf<K> {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut query = Query::of(request)?;
        let page = PageRequest { limit: query.limit()?, after: K::of(&mut query)?.map(After) };
        query.finish()?;
        Ok(PageOf(page))
    }

    /// The page by the keys that are in those of the list.
    pub(crate) fn by<T>(self, key: impl FnOnce(K) -> T) -> PageRequest<T> {
        let PageRequest { limit, after } = self.0;
        PageRequest { limit, after: after.map(|After(last)| After(key(last))) }
    }
}

impl<K: PageKey> FromRequest for PageOf<K> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(PageOf::read(request))
    }
}

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
    pub(crate) fn new<K: PageKey>(rows: impl IntoIterator<Item = impl Into<T>>, next: Option<&K>) -> Self {
        PageDto { data: rows.into_iter().map(Into::into).collect(), next_cursor: next.map(write) }
    }

    /// A page of a list that is whole in memory, by its keys.
    pub(crate) fn cut<R, K>(mut rows: Vec<R>, key: impl Fn(&R) -> K, page: PageRequest<K>) -> Self
    where
        R: Into<T>,
        K: PageKey + Ord,
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
pub(crate) trait PageKey: Sized {
    /// The list.
    const LIST: &'static str;

    /// The key as text.
    fn to_text(&self) -> String;

    /// Reads what [`PageKey::to_text`] wrote.
    fn from_text(text: &str) -> Option<Self>;

    /// The cursor that goes on after this place.
    fn cursor(&self) -> String {
        write(self)
    }

    /// The place that a request's `cursor` names.
    fn of(query: &mut Query) -> Result<Option<Self>, Problem> {
        let refuse = || Problem::parameter("cursor", "it is none that this list has given");
        query.text("cursor").map(|text| read(&text).ok_or_else(refuse)).transpose()
    }
}

fn write<K: PageKey>(key: &K) -> String {
    hex::encode(format!("{} {}", K::LIST, key.to_text()))
}

fn read<K: PageKey>(cursor: &str) -> Option<K> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    K::from_text(text.strip_prefix(K::LIST)?.strip_prefix(' ')?)
}

impl PageKey for SessionCursor {
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

impl PageKey for AttachmentCursor {
    const LIST: &'static str = "attachments";

    fn to_text(&self) -> String {
        format!("{} {}", self.seq, self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (seq, id) = text.split_once(' ')?;
        Some(AttachmentCursor { seq: seq.parse().ok()?, id: id.parse().ok()? })
    }
}

impl PageKey for ToolVersionCursor {
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
pub(crate) enum MessageKey {
    /// Towards the latest, after this one.
    After(i64),
    /// Towards the earliest, before this one.
    Before(i64),
}

impl PageKey for MessageKey {
    const LIST: &'static str = "messages";

    fn to_text(&self) -> String {
        match self {
            MessageKey::After(seq) => format!("after {seq}"),
            MessageKey::Before(seq) => format!("before {seq}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (way, seq) = text.split_once(' ')?;
        match way {
            "after" => Some(MessageKey::After(seq.parse().ok()?)),
            "before" => Some(MessageKey::Before(seq.parse().ok()?)),
            _ => None,
        }
    }
}

/// Declares keys that are the id by which a list is sorted.
macro_rules! id_keys {
    ($($id:ident in $list:literal;)+) => { $(
        impl PageKey for $id {
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

        impl PageKey for $name {
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
    ToolKey in "tools";
    /// A model's id.
    ModelKey in "models";
    /// The address of an invitation.
    InvitationKey in "invitations";
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    #[derive(Debug, Serialize, ToSchema)]
    struct Row(String);

    fn key(row: &Row) -> ToolKey {
        ToolKey(row.0.clone())
    }

    fn pages(slugs: &[&str], limit: u32) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let rows = slugs.iter().map(|slug| Row((*slug).to_owned())).collect();
            let page: PageDto<Row> = PageDto::cut(rows, key, PageRequest { limit, after });
            pages.push(page.data.into_iter().map(|row| row.0).collect());
            match page.next_cursor {
                Some(cursor) => after = read(&cursor).map(After),
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

    fn check_cursor<K: PageKey + PartialEq + Debug>(key: K) {
        assert_eq!(read(&write(&key)), Some(key));
    }

    #[test]
    fn a_cursor_reads_back_what_was_written() {
        let id = "01990000-0000-7000-8000-000000000001".parse().unwrap();
        check_cursor(SessionCursor { last_activity_at: causerie_domain::Timestamp::from_micros(-5), id });
        check_cursor(MessageKey::After(7));
        check_cursor(MessageKey::Before(1));
        check_cursor(ToolKey("a b".to_owned()));
    }

    #[test]
    fn what_another_list_or_nobody_gave_is_no_cursor() {
        let of_messages = write(&MessageKey::After(7));
        assert_eq!(read::<SessionCursor>(&of_messages), None);
        for cursor in ["", "x", "00", "7", "ff", &hex::encode("sessions 5"), &hex::encode("sessions 5 me")] {
            assert_eq!(read::<SessionCursor>(cursor), None, "{cursor}");
        }
    }
}
