//! Copies of rows in a database of PostgreSQL.

use anyhow::{Context as _, Result, ensure};
use tokio_postgres::Client;

use super::{Copies, FORGET_SUMMARIES, TABLES};

/// Subtracts milliseconds from the time of a UUIDv7.
const SHIFT_ID: &str = "
SET session_replication_role = replica;
SET search_path = public, pg_temp;
CREATE FUNCTION pg_temp.shift_id(id uuid, ms bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(('x' || left(digits, 12))::bit(48)::bigint - ms), 12, '0') || substr(digits, 13))::uuid
    FROM (SELECT replace(id::text, '-', '') AS digits) AS hexadecimal
$$;
";
const COLUMNS: &str = "SELECT column_name::text FROM information_schema.columns \
                       WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'";

/// Appends copies of all rows.
pub(in crate::servers) async fn append(client: &Client, copies: Copies) -> Result<()> {
    client.batch_execute(SHIFT_ID).await?;
    client.batch_execute(FORGET_SUMMARIES).await?;
    let found = client.query_one(&copies.count_query(), &[]).await?.get(0);
    let numbers = format!("SELECT generate_series(1::bigint, {}) AS k", copies.of(found));
    for table in &TABLES {
        let rows = client.query(COLUMNS, &[&table.name]).await?;
        let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        ensure!(!columns.is_empty(), "the schema has no table {}", table.name);
        let statement = table.statement(&columns, &numbers).replace("shift_id(", "pg_temp.shift_id(");
        client
            .batch_execute(&statement)
            .await
            .with_context(|| format!("cannot copy rows of {}", table.name))?;
    }
    // As autovacuum would after a while.
    client.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}
