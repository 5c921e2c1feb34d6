//! Raw SQL on the database of a store, as another program could send it.

#![allow(dead_code, reason = "each test program uses another part of this")]

use std::path::Path;

use causerie_persistence::{Database, SqlStore};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::database::TestDatabase;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

/// A connection that bypasses the store.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(Box<AsyncPgConnection>),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct QueryPlan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

impl Raw {
    /// Connects to the database under a store.
    pub(crate) async fn to(database: &TestDatabase) -> Result<Self> {
        match database.store().database() {
            Database::Sqlite => {
                let path: &Path = database.store().path().context("a file has a path")?;
                let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
                conn.batch_execute("PRAGMA busy_timeout = 60000; PRAGMA foreign_keys = ON;")?;
                Ok(Raw::Sqlite(conn))
            }
            Database::Postgres => {
                Ok(Raw::Postgres(Box::new(AsyncPgConnection::establish(database.url()).await?)))
            }
        }
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, statements: &str) -> Result<()> {
        match self {
            Raw::Sqlite(conn) => conn.batch_execute(statements)?,
            Raw::Postgres(conn) => conn.batch_execute(statements).await?,
        }
        Ok(())
    }

    /// The rows of a query whose one column is called `line`, in the order of the text.
    pub(crate) async fn lines(&mut self, query: &str) -> Result<Vec<String>> {
        let query = diesel::sql_query(query);
        let rows: Vec<Line> = match self {
            Raw::Sqlite(conn) => RunQueryDsl::load(query, conn)?,
            Raw::Postgres(conn) => diesel_async::RunQueryDsl::load(query, conn.as_mut()).await?,
        };
        let mut lines: Vec<String> = rows.into_iter().map(|row| row.line).collect();
        lines.sort();
        Ok(lines)
    }

    /// The query plan, line by line.
    pub(crate) async fn plan(&mut self, query: &str) -> Result<Vec<String>> {
        let lines: Vec<String> = match self {
            Raw::Sqlite(conn) => {
                let rows: Vec<Detail> =
                    RunQueryDsl::load(diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")), conn)?;
                rows.into_iter().map(|row| row.detail).collect()
            }
            Raw::Postgres(conn) => {
                let query = diesel::sql_query(format!("EXPLAIN {query}"));
                let rows: Vec<QueryPlan> = diesel_async::RunQueryDsl::load(query, conn.as_mut()).await?;
                rows.into_iter().map(|row| row.line).collect()
            }
        };
        Ok(lines)
    }

    /// Number of rows of a table that match a condition.
    pub(crate) async fn count(&mut self, rows: &str) -> Result<u64> {
        let lines = self.lines(&format!("SELECT CAST(COUNT(*) AS TEXT) AS line FROM {rows}")).await?;
        Ok(lines.first().context("a count has a row")?.parse()?)
    }
}

/// Whether the store is on SQLite.
pub(crate) fn is_sqlite(store: &SqlStore) -> bool {
    store.database() == Database::Sqlite
}

/// An id as a literal of the database.
pub(crate) fn uuid(store: &SqlStore, uuid: uuid::Uuid) -> String {
    match store.database() {
        Database::Sqlite => format!("x'{}'", uuid.simple()),
        Database::Postgres => format!("'{uuid}'"),
    }
}
