//! Integrity checks: the rows of a table are checked against the integrity rules in batches.
//!
//! Each rule is one statement over a range of ids, so neither the duration nor the memory of a transaction depends on
//! the size of the store. Related rows are found through an index.

use std::time::Duration;

use causerie_domain::ports::{
    CheckedRows, IntegrityCheck, IntegrityReport, IntegrityRule, UnsettledUsage, UnsettledUsageRow, Violation,
};
use causerie_domain::{Timestamp, TurnId, UsageId};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use uuid::Uuid;

use super::{CLOCK, Conn, RunQueryDsl};
use crate::error::QueryError;
use crate::types::{IdParam, SqlId, id_param};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlId)]
    id: IdParam,
}

/// The rows of a batch: their number, and the range of their ids.
struct Range {
    count: u64,
    after: Uuid,
    last: Uuid,
}

pub(crate) async fn check(conn: &mut Conn, part: &IntegrityCheck) -> Result<IntegrityReport, QueryError> {
    let Some(range) = range(conn, part).await? else {
        return Ok(IntegrityReport { checked: 0, violations: Vec::new(), last: None });
    };
    let mut violations = Vec::new();
    for rule in IntegrityRule::ALL.iter().copied().filter(|rule| rule.rows() == part.rows) {
        for row in broken(conn, rule, &range, part.limit).await? {
            violations.push(Violation { rule, id: row.id.into() });
        }
    }
    let more = range.count == u64::from(part.limit);
    Ok(IntegrityReport { checked: range.count, violations, last: more.then_some(range.last) })
}

async fn range(conn: &mut Conn, part: &IntegrityCheck) -> Result<Option<Range>, QueryError> {
    let after = part.after.unwrap_or(Uuid::nil());
    let ids = format!("SELECT id FROM {} WHERE id > $1 ORDER BY id LIMIT $2", table(part.rows));
    let rows: Vec<Row> = diesel::sql_query(ids)
        .bind::<SqlId, _>(id_param(after))
        .bind::<BigInt, _>(i64::from(part.limit))
        .load(conn)
        .await?;
    let count = rows.len() as u64;
    Ok(rows.last().map(|row| Range { count, after, last: row.id.into() }))
}

async fn broken(
    conn: &mut Conn,
    rule: IntegrityRule,
    range: &Range,
    limit: u32,
) -> Result<Vec<Row>, QueryError> {
    let (table, broken) = (table(rule.rows()), condition(rule).replace("NOW", CLOCK));
    let rows = format!(
        "SELECT t.id AS id FROM {table} t WHERE t.id > $1 AND t.id <= $2 AND ({broken}) ORDER BY t.id LIMIT $3"
    );
    let rows = diesel::sql_query(rows)
        .bind::<SqlId, _>(id_param(range.after))
        .bind::<SqlId, _>(id_param(range.last))
        .bind::<BigInt, _>(i64::from(limit));
    Ok(rows.load(conn).await?)
}

const fn table(rows: CheckedRows) -> &'static str {
    match rows {
        CheckedRows::Sessions => "sessions",
        CheckedRows::Turns => "turns",
        CheckedRows::Messages => "messages",
        CheckedRows::Ledger => "ai_usage",
        CheckedRows::Budgets => "budgets",
    }
}

/// Returns the SQL condition of a row `t` that violates the rule, valid in both databases. `NOW` stands for the store's
/// clock.
const fn condition(rule: IntegrityRule) -> &'static str {
    match rule {
        // Numbers are unique and start at 1: there is no gap if the count equals the highest number.
        IntegrityRule::Numbering => {
            "t.next_seq - 1 <> (SELECT COUNT(*) FROM messages m WHERE m.session_id = t.id)
             OR t.next_seq - 1 <> (SELECT COALESCE(MAX(m.seq), 0) FROM messages m WHERE m.session_id = t.id)"
        }
        IntegrityRule::ActiveTurn => {
            "t.active_turn_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turns r
                 WHERE r.id = t.active_turn_id AND r.session_id = t.id AND r.status = 'running')"
        }
        IntegrityRule::Totals => {
            "EXISTS (SELECT 1 FROM ai_usage u WHERE u.session_id = t.id
                 AND NOT EXISTS (SELECT 1 FROM turns r WHERE r.id = u.turn_id AND r.session_id = t.id))
             OR EXISTS (SELECT 1 FROM turns r JOIN ai_usage u ON u.turn_id = r.id
                 WHERE r.session_id = t.id AND u.session_id IS DISTINCT FROM t.id)"
        }
        IntegrityRule::Lease => {
            "t.status = 'running' AND NOT EXISTS (SELECT 1 FROM sessions s
                 WHERE s.id = t.session_id AND s.active_turn_id = t.id AND s.lease_until > NOW)"
        }
        IntegrityRule::Answer => {
            "NOT EXISTS (SELECT 1 FROM messages m
                 WHERE m.id = t.user_message_id AND m.session_id = t.session_id AND m.role = 'user'
                     AND (m.turn_id = t.id AND m.seq = t.assistant_seq - 1
                         OR m.turn_id IS DISTINCT FROM t.id AND m.seq < t.assistant_seq - 1
                             AND NOT EXISTS (SELECT 1 FROM messages b WHERE b.session_id = t.session_id
                                 AND b.seq > m.seq AND b.seq < t.assistant_seq AND b.superseded_by IS NULL)))
             OR NOT EXISTS (SELECT 1 FROM messages m
                 WHERE m.id = t.assistant_message_id AND m.session_id = t.session_id AND m.turn_id = t.id
                     AND m.role = 'assistant' AND m.seq = t.assistant_seq
                     AND m.status = CASE t.status WHEN 'running' THEN 'pending' ELSE t.status END)"
        }
        IntegrityRule::Requests => {
            "(SELECT COUNT(*) FROM ai_usage u WHERE u.turn_id = t.id) = 0
             OR (SELECT COUNT(*) FROM ai_usage u WHERE u.turn_id = t.id)
                 <> (SELECT MAX(u.attempt) FROM ai_usage u WHERE u.turn_id = t.id)
             OR (SELECT COUNT(*) FROM ai_usage u WHERE u.turn_id = t.id)
                 <> (SELECT COUNT(DISTINCT u.attempt) FROM ai_usage u WHERE u.turn_id = t.id)"
        }
        IntegrityRule::OpenRequest => {
            "(SELECT COUNT(*) FROM ai_usage u WHERE u.turn_id = t.id AND u.state = 'open')
                 <> CASE t.status WHEN 'running' THEN 1 ELSE 0 END"
        }
        IntegrityRule::Segments => {
            "t.status <> 'running' AND EXISTS (SELECT 1 FROM segments g WHERE g.turn_id = t.id)"
        }
        IntegrityRule::SegmentOrder => {
            "t.status = 'running' AND EXISTS (SELECT 1 FROM
                 (SELECT s.position, SUM(s.length) OVER (ORDER BY s.position) - s.length AS before_it
                  FROM (SELECT g.position, CASE g.kind WHEN 'file' THEN 1 ELSE LENGTH(g.text) END AS length
                        FROM segments g WHERE g.turn_id = t.id) s) p
                 WHERE p.position <> p.before_it)"
        }
        IntegrityRule::MessageTurn => {
            "CASE WHEN t.turn_id IS NULL THEN t.status = 'pending' ELSE NOT EXISTS (SELECT 1 FROM turns r
                 WHERE r.id = t.turn_id AND r.session_id = t.session_id
                     AND (r.user_message_id = t.id OR r.assistant_message_id = t.id)
                     AND (t.status <> 'pending' OR r.status = 'running')) END"
        }
        IntegrityRule::Orphaned => {
            "t.state = 'open' AND (t.lease_until IS NULL OR t.lease_until <= NOW)
             AND NOT EXISTS (SELECT 1 FROM turns r WHERE r.id = t.turn_id AND r.status = 'running')"
        }
        IntegrityRule::Links => {
            "EXISTS (SELECT 1 FROM turns r WHERE r.id = t.turn_id
                 AND (r.session_id IS DISTINCT FROM t.session_id
                     OR r.assistant_message_id IS DISTINCT FROM t.message_id))"
        }
        IntegrityRule::Tokens => "t.total_tokens IS DISTINCT FROM t.input_tokens + t.output_tokens",
        IntegrityRule::Cost => {
            "t.basis IN ('reported', 'looked_up') AND t.cost IS DISTINCT FROM t.reported_cost
             OR t.basis = 'calculated' AND t.cost IS DISTINCT FROM t.calculated_cost"
        }
        // An interrupted request without a price is not a violation: the reconciler prices it.
        IntegrityRule::Lookup => {
            "t.basis = 'pending' AND t.next_lookup_at IS NULL
             AND (t.outcome <> 'interrupted' OR t.cost IS NOT NULL)"
        }
        // The upper and the lower 32 bits are summed separately, which cannot overflow. A window holds at most 2^62 - 1.
        IntegrityRule::Spent => {
            "EXISTS (SELECT 1 FROM budget_windows w WHERE w.budget_id = t.id AND
                 (SELECT CASE WHEN s.high >= 1073741824 THEN w.spent <> 4611686018427387903
                     ELSE s.high <> (w.spent >> 32) OR s.low <> (w.spent & 4294967295) END
                  FROM (SELECT h.high + (h.low >> 32) AS high, h.low & 4294967295 AS low FROM
                      (SELECT CAST(COALESCE(SUM(u.cost >> 32), 0) AS BIGINT) AS high,
                          CAST(COALESCE(SUM(u.cost & 4294967295), 0) AS BIGINT) AS low
                       FROM ai_usage u
                       WHERE (u.user_id = t.user_id OR u.group_id = t.group_id OR u.api_key_id = t.api_key_id)
                           AND u.created_at >= w.starts_at AND u.created_at < w.ends_at) h) s))"
        }
        IntegrityRule::Reserved => {
            "EXISTS (SELECT 1 FROM budget_windows w WHERE w.budget_id = t.id AND
                 (SELECT s.high <> (w.reserved >> 32) OR s.low <> (w.reserved & 4294967295)
                  FROM (SELECT h.high + (h.low >> 32) AS high, h.low & 4294967295 AS low FROM
                      (SELECT CAST(COALESCE(SUM(u.reserved >> 32), 0) AS BIGINT) AS high,
                          CAST(COALESCE(SUM(u.reserved & 4294967295), 0) AS BIGINT) AS low
                       FROM ai_usage u
                       WHERE (u.user_id = t.user_id OR u.group_id = t.group_id OR u.api_key_id = t.api_key_id)
                           AND u.created_at >= w.starts_at AND u.created_at < w.ends_at
                           AND u.cost IS NULL) h) s))"
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct UnsettledLine {
    #[diesel(sql_type = SqlId)]
    id: IdParam,
    #[diesel(sql_type = Bool)]
    is_open: bool,
    #[diesel(sql_type = BigInt)]
    age: i64,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Nullable<SqlId>)]
    turn_id: Option<IdParam>,
    #[diesel(sql_type = Nullable<Text>)]
    generation_id: Option<String>,
}

/// The conditions of the partial indexes of open rows, of rows to look up and of unpriced rows. The texts must equal
/// those of the indexes.
const OPEN: &str = "state = 'open'";
const TO_LOOK_UP: &str = "next_lookup_at IS NOT NULL";
const UNPRICED: &str = "basis = 'pending' AND next_lookup_at IS NULL";

pub(crate) async fn unsettled(conn: &mut Conn, limit: &u32) -> Result<UnsettledUsage, QueryError> {
    let columns = format!(
        "id, state = 'open' AS is_open, {CLOCK} - created_at AS age, created_at, turn_id, generation_id"
    );
    let rows = format!(
        "SELECT {columns} FROM ai_usage WHERE {OPEN} UNION ALL SELECT {columns} FROM ai_usage WHERE {TO_LOOK_UP}
         UNION ALL SELECT {columns} FROM ai_usage WHERE {UNPRICED}
         ORDER BY created_at, id LIMIT $1"
    );
    let rows: Vec<UnsettledLine> =
        diesel::sql_query(rows).bind::<BigInt, _>(i64::from(*limit)).load(conn).await?;
    Ok(UnsettledUsage {
        open: count(conn, OPEN).await?,
        pending: count(conn, TO_LOOK_UP).await? + count(conn, UNPRICED).await?,
        oldest: rows.into_iter().map(UnsettledUsageRow::from).collect(),
    })
}

async fn count(conn: &mut Conn, condition: &str) -> Result<u64, QueryError> {
    let counted: Count =
        diesel::sql_query(format!("SELECT COUNT(*) AS count FROM ai_usage WHERE {condition}"))
            .get_result(conn)
            .await?;
    Ok(counted.count.unsigned_abs())
}

impl From<UnsettledLine> for UnsettledUsageRow {
    fn from(line: UnsettledLine) -> Self {
        UnsettledUsageRow {
            id: UsageId::from_uuid(line.id.into()),
            open: line.is_open,
            // The clocks of instances differ, so an age may be negative.
            age: Duration::from_micros(u64::try_from(line.age).unwrap_or_default()),
            created_at: Timestamp::from_micros(line.created_at),
            turn_id: line.turn_id.map(|turn| TurnId::from_uuid(turn.into())),
            generation_id: line.generation_id,
        }
    }
}
