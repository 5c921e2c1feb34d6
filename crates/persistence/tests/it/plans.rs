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

/// Checks that open rows of the ledger are found without reading the closed ones.
#[tokio::test]
async fn open_rows_are_read_from_their_index() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let open =
        "SELECT id FROM ai_usage WHERE state = 'open' AND owner IS NOT NULL ORDER BY created_at LIMIT 10";
    let expected = ["SCAN ai_usage USING INDEX ai_usage_open"];
    assert_eq!(raw.plan(open).await?, expected);
    raw.run("ANALYZE").await?;
    assert_eq!(raw.plan(open).await?, expected, "with statistics");
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
