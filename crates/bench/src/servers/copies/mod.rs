//! Copies of stored rows: sessions with their turns, messages and ledger rows, each copy an hour older.
//!
//! The rows of a few real turns become a store of any size, with the columns that the schema has.

mod postgres;
mod sqlite;

pub(super) use self::postgres::append as append_to_postgres;
pub(super) use self::sqlite::append as append_to_sqlite;

/// Size of a store, up to which all its rows are copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copies {
    /// Table whose rows are counted.
    pub(crate) table: &'static str,
    pub(crate) rows: u64,
}

impl Copies {
    /// Returns the query of the number of rows.
    fn count_query(self) -> String {
        format!("SELECT COUNT(*) FROM {}", self.table)
    }

    /// Returns the number of copies that a table of `found` rows needs.
    fn of(self, found: i64) -> u64 {
        let found = u64::try_from(found).unwrap_or_default().max(1);
        self.rows.div_ceil(found).max(1) - 1
    }
}

/// Age of a copy beyond that of the one before, in milliseconds.
const STEP_MS: u64 = 3_600_000;

/// A table, and its columns with ids of copied rows. Other ids, such as that of the user, are those of the original.
#[derive(Debug)]
struct CopiedTable {
    name: &'static str,
    ids: &'static [&'static str],
}

/// The tables in the order of their references.
const TABLES: [CopiedTable; 4] = [
    CopiedTable { name: "sessions", ids: &["id"] },
    CopiedTable { name: "turns", ids: &["id", "session_id", "user_message_id", "assistant_message_id"] },
    CopiedTable { name: "messages", ids: &["id", "session_id", "turn_id"] },
    CopiedTable { name: "ai_usage", ids: &["id", "session_id", "turn_id", "message_id"] },
];

/// Removes the summaries of the ledger before the copies, so that the server sums all rows at its start.
const FORGET_SUMMARIES: &str = "DELETE FROM usage_summaries; DELETE FROM stale_usage_periods; \
                                UPDATE usage_summary_end SET ends_at = 0;";

impl CopiedTable {
    /// Returns the statement that appends copies of all rows.
    ///
    /// `copies` is a query of the numbers of the copies as `k`. Both databases have a function `shift_id(id, ms)`.
    fn statement(&self, columns: &[String], copies: &str) -> String {
        let name = self.name;
        let values: Vec<String> = columns.iter().map(|column| self.value(column)).collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        format!(
            "INSERT INTO {name} ({columns}) SELECT {values} FROM ({copies}) AS copies CROSS JOIN {name} AS original \
             ORDER BY copies.k DESC, original.id"
        )
    }

    /// Returns the value of a column in a copy.
    fn value(&self, column: &str) -> String {
        if self.ids.contains(&column) {
            format!("shift_id(original.{column}, copies.k * {STEP_MS})")
        } else if column.ends_with("_at") {
            format!("original.{column} - copies.k * {}", STEP_MS * 1000)
        } else {
            format!("original.{column}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_fill_a_store_up_to_its_size() {
        let copies = Copies { table: "messages", rows: 1_000_000 };
        assert_eq!(copies.of(2000), 499);
        assert_eq!(copies.of(1_000_001), 0);
        assert_eq!(copies.of(0), 999_999);
    }

    #[test]
    fn ids_and_times_of_a_copy_are_older() {
        let table = CopiedTable { name: "turns", ids: &["id"] };
        let columns = ["id", "user_id", "ended_at"].map(str::to_owned);
        assert_eq!(
            table.statement(&columns, "SELECT 1 AS k"),
            "INSERT INTO turns (id, user_id, ended_at) SELECT shift_id(original.id, copies.k * 3600000), \
             original.user_id, original.ended_at - copies.k * 3600000000 FROM (SELECT 1 AS k) AS copies \
             CROSS JOIN turns AS original ORDER BY copies.k DESC, original.id"
        );
    }
}
