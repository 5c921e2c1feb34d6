//! Identifiers: one newtype per thing, each a UUIDv7, so that ids sort by time of creation.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a UUID")]
pub struct InvalidId {
    /// The text that was given.
    pub given: String,
}

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident,)+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID as it is.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                $name(uuid)
            }

            /// The UUID behind the id.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The next id of this kind.
            pub fn next(ids: &dyn crate::ports::Ids) -> Self {
                $name(ids.next())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Only the hyphenated form is an id: every other spelling would be a second name for one row.
                match (text.len(), Uuid::try_parse(text)) {
                    (36, Ok(uuid)) => Ok($name(uuid)),
                    _ => Err(InvalidId { given: text.chars().take(64).collect() }),
                }
            }
        }
    )+ };
}

id! {
    /// A person or a service that holds conversations.
    UserId,
    /// A group of users: tools, models, keys and budgets can belong to one.
    GroupId,
    /// An API key.
    ApiKeyId,
    /// A tool, across its versions.
    ToolId,
    /// One immutable version of a tool.
    ToolVersionId,
    /// A conversation.
    SessionId,
    /// A message of a conversation.
    MessageId,
    /// A message and its answer.
    TurnId,
    /// A file that a message refers to.
    AttachmentId,
    /// One upstream request in the ledger.
    UsageId,
    /// An entry of the audit log.
    AuditEventId,
    /// One running process. A restart is another instance.
    InstanceId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = SessionId::from_uuid(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "01990000-0000-7000-8000-000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in ["", "1", "01990000000070008000000000000001", "{01990000-0000-7000-8000-000000000001}"] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }
}
