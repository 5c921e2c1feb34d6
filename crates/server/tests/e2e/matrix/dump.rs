//! Everything that is stored, as lines of text, read past the store.

use std::collections::BTreeSet;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::database::TestDatabase;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};

/// A connection that only looks.
pub(crate) enum Dump {
    Sqlite(SqliteConnection),
    Postgres(Box<AsyncPgConnection>),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The query for the rows of each table. The last use of a key is left out: a refused request may count as one.
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
    /// Connects to the database under a test's app.
    pub(crate) async fn of(database: &TestDatabase) -> Result<Self> {
        Ok(match database.store().path() {
            Some(path) => {
                let path = path.to_str().context("the path is text")?;
                Dump::Sqlite(SqliteConnection::establish(path)?)
            }
            None => Dump::Postgres(Box::new(AsyncPgConnection::establish(database.url()).await?)),
        })
    }

    /// Every row of every table.
    pub(crate) async fn rows(&mut self) -> Result<BTreeSet<String>> {
        let queries = match self {
            Dump::Sqlite(_) => self.lines(SQLITE).await?,
            Dump::Postgres(_) => self.lines(POSTGRES).await?,
        };
        let mut rows = BTreeSet::new();
        for query in queries {
            rows.extend(self.lines(&query).await?);
        }
        Ok(rows)
    }

    async fn lines(&mut self, query: &str) -> Result<Vec<String>> {
        let query = diesel::sql_query(query);
        let rows: Vec<Line> = match self {
            Dump::Sqlite(conn) => RunQueryDsl::load(query, conn)?,
            Dump::Postgres(conn) => diesel_async::RunQueryDsl::load(query, conn.as_mut()).await?,
        };
        Ok(rows.into_iter().map(|row| row.line).collect())
    }
}
