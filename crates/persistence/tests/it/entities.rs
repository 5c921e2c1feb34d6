//! Whole rows: each column of a copied table reaches a fork or has a reason not to, and no field of a usage row is lost.

use causerie_domain::calendar::Span;
use causerie_domain::page::PageRequest;
use causerie_domain::ports::{UsageFilter, UsageRecordQuery, UsageReports};
use causerie_domain::usage::reports::UsageRecord;
use causerie_domain::{Filter, SessionId, Timestamp};
use causerie_persistence::Database;
use causerie_testkit::anyhow::{Context, Result, ensure};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::database::{RawConnection, uuid_literal};

causerie_testkit::store_tests!(
    each_column_is_copied_to_a_fork_or_has_a_reason,
    no_field_of_a_usage_row_is_lost
);

/// Tables of a session that a fork copies, with the columns that it does not copy and the reason.
const COPIED_TABLES: [(&str, &[(&str, &str)]); 3] = [
    (
        "sessions",
        &[
            ("id", "a fork is a session of its own"),
            ("user_id", "the user that forks is the owner"),
            ("state", "a fork is active"),
            ("active_turn_id", "turns are not copied"),
            ("lease_until", "turns are not copied"),
            ("parent_session_id", "names the parent"),
            ("fork_from_seq", "names the message of the parent"),
            ("started_at", "time of the fork"),
            ("ended_at", "a fork is active"),
            ("last_activity_at", "time of the fork"),
            ("deleted_at", "a deleted session is not forked"),
        ],
    ),
    (
        "messages",
        &[
            ("id", "a copy is a message of its own"),
            ("session_id", "names the fork"),
            ("turn_id", "turns are not copied"),
            (
                "superseded_by",
                "null without a further answer: contract `a_fork_copies_the_marks_of_replaced_answers`",
            ),
        ],
    ),
    (
        "message_attachments",
        &[
            ("id", "a copy is an attachment of its own"),
            ("message_id", "names the copy of the message"),
            ("deleted_at", "deleted attachments are not copied"),
        ],
    ),
];

async fn each_column_is_copied_to_a_fork_or_has_a_reason(subject: &SqlSubject) -> Result<()> {
    let full = subject.full_session().await?;
    let fork = subject.fork_of(&full).await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    for (table, excluded) in COPIED_TABLES {
        let columns = columns(subject, &mut raw, table).await?;
        for (column, reason) in excluded {
            ensure!(columns.iter().any(|name| name == column), "{table}.{column} is gone ({reason})");
        }
        for column in columns.iter().filter(|name| excluded.iter().all(|(column, _)| name != column)) {
            let parent = values(subject, &mut raw, (table, column), full.session.id).await?;
            ensure!(
                parent.iter().any(|value| value != "NULL"),
                "{table}.{column} is empty: give it a value in `Subject::full_session`, or exclude it here"
            );
            let copy = values(subject, &mut raw, (table, column), fork.id).await?;
            ensure!(parent == copy, "{table}.{column} is {copy:?} in a fork, and {parent:?} in its parent");
        }
    }
    Ok(())
}

/// Reads the names of the columns of a table from the database.
async fn columns(subject: &SqlSubject, raw: &mut RawConnection, table: &str) -> Result<Vec<String>> {
    let query = match subject.store().database() {
        Database::Sqlite => format!("SELECT name AS line FROM pragma_table_info('{table}')"),
        Database::Postgres => format!(
            "SELECT CAST(column_name AS TEXT) AS line FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}'"
        ),
    };
    let columns = raw.lines(&query).await?;
    ensure!(!columns.is_empty(), "{table} has no columns");
    Ok(columns)
}

/// Reads the values of a column in the rows of a session, sorted, as text.
async fn values(
    subject: &SqlSubject,
    raw: &mut RawConnection,
    (table, column): (&str, &str),
    session: SessionId,
) -> Result<Vec<String>> {
    let id = uuid_literal(subject.store(), session.as_uuid());
    let rows = match table {
        "sessions" => format!("id = {id}"),
        "messages" => format!("session_id = {id}"),
        _ => format!("message_id IN (SELECT id FROM messages WHERE session_id = {id})"),
    };
    let value = match subject.store().database() {
        Database::Sqlite => format!("quote({column})"),
        Database::Postgres => format!("COALESCE(quote_literal({column}), 'NULL')"),
    };
    raw.lines(&format!("SELECT {value} AS line FROM {table} WHERE {rows}")).await
}

async fn no_field_of_a_usage_row_is_lost(subject: &SqlSubject) -> Result<()> {
    let full = subject.full_session().await?;
    let rows = UsageFilter {
        visible: Filter::Everything,
        span: Span { from: Timestamp::from_micros(0), to: Timestamp::from_micros(i64::MAX) },
        model: None,
        tool_id: None,
        user_id: None,
        group_id: None,
        session_id: None,
    };
    let list = UsageRecordQuery { rows, page: PageRequest { limit: 9, after: None } };
    let found = subject.store().usage_records(list).await?.rows;
    let (open, close) = (full.open, full.close);
    // Without `..`: a new field does not compile here until it has an expected value.
    let expected = UsageRecord {
        id: open.id,
        created_at: open.created_at,
        closed_at: Some(close.closed_at),
        user_id: Some(open.user_id),
        group_id: Some(open.group_id.context("the row has a group")?),
        tool_id: Some(open.tool_id.context("the row has a tool")?),
        tool_slug: Some("tutor".to_owned()),
        session_id: Some(open.session_id.context("the row has a session")?),
        turn_id: Some(open.turn_id.context("the row has a turn")?),
        message_id: Some(open.message_id.context("the row has a message")?),
        api_key_id: Some(open.api_key_id.context("the row has a key")?),
        purpose: open.purpose,
        attempt: open.attempt,
        model: open.model,
        model_served: close.progress.model_served,
        provider: close.progress.provider,
        generation_id: close.progress.generation_id,
        outcome: Some(close.outcome),
        failure: close.failure,
        tokens: close.tokens,
        cost: close.settlement.cost,
        basis: Some(close.settlement.basis),
        reported_cost: close.settlement.reported,
        calculated_cost: close.settlement.calculated,
        cache_saved: close.settlement.cache_saved,
        cache_miss: close.cache_miss,
        time_to_first_token: close.progress.time_to_first_token,
        duration: Some(close.duration),
    };
    assert_eq!(found, [expected]);
    Ok(())
}
