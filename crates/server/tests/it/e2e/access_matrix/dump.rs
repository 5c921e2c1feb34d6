//! Dump of all stored rows as lines of text, read with SQL.

use std::collections::BTreeSet;

use causerie_testkit::anyhow::Result;
use causerie_testkit::database::{RawConnection, TestDatabase};

/// Reader of all rows of a database.
pub(crate) struct Dump(RawConnection);

/// Selects a query per table for its rows. It omits `last_used_at`, which a refused request may change.
const SQLITE: &str = r#"
    SELECT 'SELECT ''' || t.name || ' '' || ' || (
            SELECT group_concat('quote("' || c.name || '")', ' || ''|'' || ')
            FROM pragma_table_xinfo(t.name) c WHERE c.name <> 'last_used_at'
        ) || ' AS line FROM "' || t.name || '"' AS line
    FROM sqlite_master t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\_\_diesel%' ESCAPE '\'
"#;
const POSTGRES: &str = r"
    SELECT 'SELECT ''' || table_name || ' '' || (to_jsonb(t) - ''last_used_at'')::text AS line FROM ' || table_name || ' t' AS line
    FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\_\_diesel%'
";

impl Dump {
    /// Connects to the database of a test.
    pub(crate) async fn open(database: &TestDatabase) -> Result<Self> {
        RawConnection::open(database).await.map(Dump)
    }

    /// Returns every row of every table.
    pub(crate) async fn rows(&mut self) -> Result<BTreeSet<String>> {
        let tables = match self.0 {
            RawConnection::Sqlite(_) => SQLITE,
            RawConnection::Postgres(_) => POSTGRES,
        };
        let mut rows = BTreeSet::new();
        for query in self.0.lines(tables).await? {
            rows.extend(self.0.lines(&query).await?);
        }
        Ok(rows)
    }
}
