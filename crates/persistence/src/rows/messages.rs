//! Rows of `messages`. A fork copies the rows without parsing their texts.

use causerie_domain::Timestamp;
use causerie_domain::messages::{Message, MessageSession};
use causerie_domain::ports::StoreError;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{checked_text, json, parse_variant};
use crate::schema::{messages, sessions};
use crate::types::{IdParam, id_param};

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = messages, check_for_backend(Pg, Sqlite), treat_none_as_default_value = false)]
pub(crate) struct MessageRow {
    pub(crate) id: IdParam,
    pub(crate) session_id: IdParam,
    pub(crate) turn_id: Option<IdParam>,
    role: String,
    seq: i64,
    status: String,
    content: String,
    parts: String,
    reasoning_details: Option<String>,
    meta: String,
    pub(crate) superseded_by: Option<i64>,
    created_at: i64,
    withheld_from: Option<i64>,
    accepted: bool,
}

impl MessageRow {
    /// Returns the size of the texts in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let details = self.reasoning_details.as_ref().map_or(0, String::len);
        (self.content.len() + self.parts.len() + details + self.meta.len()) as u64
    }
}

/// Columns of the session of a message.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg, Sqlite))]
pub(crate) struct MessageSessionRow {
    user_id: IdParam,
    group_id: Option<IdParam>,
    state: String,
}

impl TryFrom<MessageSessionRow> for MessageSession {
    type Error = StoreError;

    fn try_from(row: MessageSessionRow) -> Result<Self, StoreError> {
        Ok(MessageSession {
            user_id: row.user_id.into(),
            group_id: row.group_id.map(Into::into),
            state: parse_variant("sessions.state", &row.state)?,
        })
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        let details = row.reasoning_details;
        Ok(Message {
            id: row.id.into(),
            session_id: row.session_id.into(),
            turn_id: row.turn_id.map(Into::into),
            role: parse_variant("messages.role", &row.role)?,
            seq: row.seq,
            status: parse_variant("messages.status", &row.status)?,
            content: row.content,
            parts: json::parts(&row.parts)?,
            reasoning_details: details
                .map(|text| json::value("messages.reasoning_details", &text))
                .transpose()?,
            meta: json::meta(&row.meta)?,
            superseded_by: row.superseded_by,
            withheld_from: row.withheld_from,
            accepted: row.accepted,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

impl TryFrom<Message> for MessageRow {
    type Error = StoreError;

    fn try_from(message: Message) -> Result<Self, StoreError> {
        // Without `..`: a field that is not stored does not compile.
        let Message {
            id,
            session_id,
            turn_id,
            role,
            seq,
            status,
            content,
            parts,
            reasoning_details,
            meta,
            superseded_by,
            withheld_from,
            accepted,
            created_at,
        } = message;
        checked_text("messages.content", &content)?;
        Ok(MessageRow {
            id: id_param(id),
            session_id: id_param(session_id),
            turn_id: turn_id.map(id_param),
            role: role.as_str().to_owned(),
            seq,
            status: status.as_str().to_owned(),
            content,
            parts: json::parts_text(&parts)?,
            reasoning_details: reasoning_details.map(|details| details.to_string()),
            meta: json::meta_text(&meta),
            superseded_by,
            created_at: created_at.as_micros(),
            withheld_from,
            accepted,
        })
    }
}
