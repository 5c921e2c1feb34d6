//! Copies of rows in a SQLite file that no server uses.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::{Copies, FORGET_SUMMARIES, TABLES};

/// Appends copies of all rows.
pub(in crate::servers) fn append(file: &Path, copies: Copies) -> Result<()> {
    let connection = Connection::open(file)?;
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN IMMEDIATE")?;
    connection.execute_batch(FORGET_SUMMARIES)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("shift_id", 2, flags, |context| {
        let id = context.get::<Option<Vec<u8>>>(0)?;
        let ms = u64::try_from(context.get::<i64>(1)?).unwrap_or_default();
        Ok(id.map(|id| shifted(id, ms)))
    })?;
    let number = copies.of(connection.query_row(&copies.count_query(), [], |row| row.get(0))?);
    let numbers = format!(
        "WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {number}) \
         SELECT k FROM n WHERE k <= {number}"
    );
    for table in &TABLES {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
        let columns: Vec<String> =
            statement.query_map([table.name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        ensure!(!columns.is_empty(), "the schema has no table {}", table.name);
        connection
            .execute(&table.statement(&columns, &numbers), [])
            .with_context(|| format!("cannot copy rows of {}", table.name))?;
    }
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Returns a UUIDv7 with an earlier time.
fn shifted(mut id: Vec<u8>, ms: u64) -> Vec<u8> {
    if let Some(time) = id.first_chunk_mut::<6>() {
        let [a, b, c, d, e, f] = *time;
        let earlier = u64::from_be_bytes([0, 0, a, b, c, d, e, f]).wrapping_sub(ms).to_be_bytes();
        let [_, _, rest @ ..] = earlier;
        *time = rest;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_of_an_id_changes() {
        let id = vec![0, 0, 0, 0, 1, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(shifted(id, 1), [0, 0, 0, 0, 0, 255, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(shifted(vec![1], 1), [1]);
    }
}
