//! Plans of SQLite for statements of every turn. Those of PostgreSQL depend on the sizes of its tables.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::database::{RawConnection, uuid_literal};

/// Checks that a turn of a long session counts its superseded messages without reading the other ones.
#[tokio::test]
async fn superseded_messages_are_counted_from_their_index() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let session = subject.session().await?.id;
    subject.exchange(session, "Hello", "Hi").await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let id = uuid_literal(subject.store(), session.as_uuid());
    let count = format!(
        "SELECT COUNT(*) FROM messages WHERE session_id = {id} AND seq < 3 AND superseded_by IS NOT NULL"
    );
    let expected = ["SEARCH messages USING INDEX messages_superseded (session_id=? AND seq<?)"];
    assert_eq!(raw.plan(&count).await?, expected);
    raw.run("ANALYZE").await?;
    assert_eq!(raw.plan(&count).await?, expected, "with statistics");
    Ok(())
}

/// Checks that rows of the ledger that wait for something are found without reading the other ones.
#[tokio::test]
async fn waiting_rows_of_the_ledger_are_read_from_their_indexes() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let statements = [
        (
            "state = 'open' AND owner IS NOT NULL ORDER BY created_at",
            "SCAN ai_usage USING INDEX ai_usage_open",
        ),
        (
            "basis = 'pending' AND next_lookup_at IS NULL ORDER BY created_at",
            "SCAN ai_usage USING INDEX ai_usage_unaccounted",
        ),
        (
            "next_lookup_at <= 5 AND lookups > 0 ORDER BY next_lookup_at, id",
            "SEARCH ai_usage USING INDEX ai_usage_lookup (next_lookup_at<?)",
        ),
    ];
    for analyze in ["SELECT 1", "ANALYZE"] {
        raw.run(analyze).await?;
        for (statement, expected) in statements {
            let plan =
                raw.plan(&format!("SELECT id FROM ai_usage WHERE {statement} LIMIT ? OFFSET ?")).await?;
            assert_eq!(plan.first().map(String::as_str), Some(expected), "{statement} after {analyze}");
        }
    }
    Ok(())
}

/// Checks that a flush looks up its turns, and does not look through all running ones.
#[tokio::test]
async fn a_flush_finds_its_leases_by_the_ids_of_its_turns() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let query = "SELECT turns.id FROM turns INNER JOIN sessions ON sessions.active_turn_id = turns.id \
                 WHERE turns.id IN (?, ?, ?, ?) AND turns.owner = ? AND turns.status = 'running'";
    for analyze in ["SELECT 1", "ANALYZE"] {
        raw.run(analyze).await?;
        let expected = [
            "SEARCH turns USING INDEX sqlite_autoindex_turns_1 (id=?)",
            "SEARCH sessions USING COVERING INDEX sessions_active_turn (active_turn_id=?)",
        ];
        assert_eq!(raw.plan(query).await?, expected, "after {analyze}");
    }
    Ok(())
}

/// Checks that no constraint lists more than two values: SQLite builds a temporary table for such a list whenever a
/// statement checks it. A chain of comparisons needs none.
#[tokio::test]
async fn constraints_are_checked_without_a_temporary_table() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let tables = raw.lines("SELECT sql AS line FROM sqlite_schema WHERE type = 'table'").await?;
    let lists = tables.iter().flat_map(|table| table.split(" IN (").skip(1));
    let long: Vec<&str> =
        lists.filter_map(|rest| rest.split(')').next()).filter(|list| list.split(',').count() > 2).collect();
    assert_eq!(long, [""; 0]);
    Ok(())
}
