//! Rows of `turns` and `segments`.

use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::failure::FailureCode;
use causerie_domain::ports::{KeyedTurn, StoreError};
use causerie_domain::turns::{Segment, Turn, TurnFailure};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{count, json, micros, parse_variant, sanitized};
use crate::error::corrupt;
use crate::schema::{segments, turns};
use crate::types::{IdParam, id_param};

/// A turn without its idempotency key.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = turns, check_for_backend(Pg, Sqlite), treat_none_as_default_value = false)]
pub(crate) struct TurnRow {
    id: IdParam,
    session_id: IdParam,
    user_message_id: IdParam,
    assistant_message_id: IdParam,
    assistant_seq: i64,
    status: String,
    owner: IdParam,
    model: String,
    cancel_requested: bool,
    failure_code: Option<String>,
    failure_detail: Option<String>,
    failure_retry_after_us: Option<i64>,
    failure_retryable: Option<bool>,
    finish_reason: Option<String>,
    context: Option<String>,
    started_at: i64,
    ended_at: Option<i64>,
}

/// A turn with the hash of the request body that began it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = turns, check_for_backend(Pg, Sqlite))]
pub(crate) struct KeyedTurnRow {
    #[diesel(embed)]
    turn: TurnRow,
    body_hash: Option<String>,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = segments, check_for_backend(Pg, Sqlite))]
pub(crate) struct SegmentRow {
    position: i64,
    kind: String,
    text: String,
}

impl TryFrom<TurnRow> for Turn {
    type Error = StoreError;

    fn try_from(row: TurnRow) -> Result<Self, StoreError> {
        let retry_after = row
            .failure_retry_after_us
            .map(|span| count("turns.failure_retry_after_us", span).map(Duration::from_micros))
            .transpose()?;
        let failure = match row.failure_code {
            Some(code) => {
                let code: FailureCode = parse_variant("turns.failure_code", &code)?;
                Some(TurnFailure {
                    code,
                    detail: row.failure_detail.unwrap_or_default(),
                    retry_after,
                    // Rows of earlier versions have no value of their own.
                    retryable: row.failure_retryable.unwrap_or(code.is_retryable()),
                })
            }
            None => None,
        };
        Ok(Turn {
            id: row.id.into(),
            session_id: row.session_id.into(),
            user_message_id: row.user_message_id.into(),
            assistant_message_id: row.assistant_message_id.into(),
            assistant_seq: row.assistant_seq,
            status: parse_variant("turns.status", &row.status)?,
            owner: row.owner.into(),
            model: row.model,
            cancel_requested: row.cancel_requested,
            failure,
            finish_reason: row.finish_reason,
            context: row.context.map(|text| json::context(&text)).transpose()?,
            started_at: Timestamp::from_micros(row.started_at),
            ended_at: row.ended_at.map(Timestamp::from_micros),
        })
    }
}

impl TryFrom<Turn> for TurnRow {
    type Error = StoreError;

    fn try_from(turn: Turn) -> Result<Self, StoreError> {
        // Without `..`: a field that is not stored does not compile.
        let Turn {
            id,
            session_id,
            user_message_id,
            assistant_message_id,
            assistant_seq,
            status,
            owner,
            model,
            cancel_requested,
            failure,
            finish_reason,
            context,
            started_at,
            ended_at,
        } = turn;
        let failure = failure.as_ref();
        Ok(TurnRow {
            id: id_param(id),
            session_id: id_param(session_id),
            user_message_id: id_param(user_message_id),
            assistant_message_id: id_param(assistant_message_id),
            assistant_seq,
            status: status.as_str().to_owned(),
            owner: id_param(owner),
            model,
            cancel_requested,
            failure_code: failure.map(|failure| failure.code.as_str().to_owned()),
            failure_detail: failure.map(|failure| sanitized(&failure.detail).into_owned()),
            failure_retry_after_us: failure.and_then(|failure| failure.retry_after).map(micros),
            failure_retryable: failure.map(|failure| failure.retryable),
            finish_reason: finish_reason.as_deref().map(|reason| sanitized(reason).into_owned()),
            context: context.as_ref().map(json::context_text).transpose()?,
            started_at: started_at.as_micros(),
            ended_at: ended_at.map(Timestamp::as_micros),
        })
    }
}

impl TryFrom<KeyedTurnRow> for KeyedTurn {
    type Error = StoreError;

    fn try_from(row: KeyedTurnRow) -> Result<Self, StoreError> {
        let body_hash = row
            .body_hash
            .ok_or_else(|| corrupt("turns.body_hash is null while turns.idempotency_key is not"))?;
        Ok(KeyedTurn { turn: row.turn.try_into()?, body_hash })
    }
}

impl SegmentRow {
    pub(crate) fn position(&self) -> i64 {
        self.position
    }
}

impl TryFrom<SegmentRow> for Segment {
    type Error = StoreError;

    fn try_from(row: SegmentRow) -> Result<Self, StoreError> {
        Ok(Segment {
            position: count("segments.position", row.position)?,
            kind: parse_variant("segments.kind", &row.kind)?,
            text: row.text,
        })
    }
}
