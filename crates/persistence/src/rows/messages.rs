//! Rows of `messages`.

use causerie_domain::messages::{Message, Part, PartKind, push_part};
use causerie_domain::ports::StoreError;
use causerie_domain::{MessageId, SessionId, Timestamp, TurnId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{json, parse_variant};
use crate::schema::messages;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(Pg, Sqlite))]
pub(crate) struct MessageRow {
    pub(crate) id: MessageId,
    session_id: SessionId,
    turn_id: Option<TurnId>,
    role: String,
    seq: i64,
    status: String,
    content: String,
    parts: String,
    reasoning_details: Option<String>,
    meta: String,
    created_at: i64,
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        let details = row.reasoning_details;
        Ok(Message {
            id: row.id,
            session_id: row.session_id,
            turn_id: row.turn_id,
            role: parse_variant("messages.role", &row.role)?,
            seq: row.seq,
            status: parse_variant("messages.status", &row.status)?,
            content: row.content,
            parts: json::parts(&row.parts)?,
            reasoning_details: details
                .map(|text| json::value("messages.reasoning_details", &text))
                .transpose()?,
            meta: json::meta(&row.meta)?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

/// The parts of a message with text only.
pub(crate) fn text_parts(content: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    push_part(&mut parts, PartKind::Text, content);
    parts
}
