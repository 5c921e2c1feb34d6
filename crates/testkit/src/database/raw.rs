//! SQL statements on a test database that bypass the store.

use std::path::Path;

use anyhow::{Context as _, Result};
use causerie_persistence::{Database, SqlStore};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};

use super::TestDatabase;

/// Connection that bypasses the store.
pub enum RawConnection {
    Sqlite(SqliteConnection),
    Postgres(Box<AsyncPgConnection>),
}

impl std::fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RawConnection::Sqlite(_) => "RawConnection::Sqlite",
            RawConnection::Postgres(_) => "RawConnection::Postgres",
        })
    }
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

impl RawConnection {
    /// Connects to the database of a test.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn open(database: &TestDatabase) -> Result<Self> {
        match database.store().database() {
            Database::Sqlite => {
                let path: &Path = database.store().path().context("a SQLite store has a path")?;
                let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
                conn.batch_execute("PRAGMA busy_timeout = 60000; PRAGMA foreign_keys = ON;")?;
                Ok(RawConnection::Sqlite(conn))
            }
            Database::Postgres => {
                Ok(RawConnection::Postgres(Box::new(AsyncPgConnection::establish(database.url()).await?)))
            }
        }
    }

    /// Runs statements that are separated by semicolons.
    ///
    /// # Errors
    /// A statement fails.
    pub async fn run(&mut self, statements: &str) -> Result<()> {
        match self {
            RawConnection::Sqlite(conn) => conn.batch_execute(statements)?,
            RawConnection::Postgres(conn) => conn.batch_execute(statements).await?,
        }
        Ok(())
    }

    /// Returns the rows of a query with one column named `line`, sorted.
    ///
    /// # Errors
    /// The query fails.
    pub async fn lines(&mut self, query: &str) -> Result<Vec<String>> {
        let query = diesel::sql_query(query);
        let rows: Vec<Line> = match self {
            RawConnection::Sqlite(conn) => RunQueryDsl::load(query, conn)?,
            RawConnection::Postgres(conn) => diesel_async::RunQueryDsl::load(query, conn.as_mut()).await?,
        };
        let mut lines: Vec<String> = rows.into_iter().map(|row| row.line).collect();
        lines.sort();
        Ok(lines)
    }

    /// Returns the lines of the plan of a query.
    ///
    /// # Errors
    /// The query fails.
    pub async fn plan(&mut self, query: &str) -> Result<Vec<String>> {
        let lines: Vec<String> = match self {
            RawConnection::Sqlite(conn) => {
                let rows: Vec<Detail> =
                    RunQueryDsl::load(diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")), conn)?;
                rows.into_iter().map(|row| row.detail).collect()
            }
            RawConnection::Postgres(conn) => {
                let query = diesel::sql_query(format!("EXPLAIN {query}"));
                let rows: Vec<QueryPlan> = diesel_async::RunQueryDsl::load(query, conn.as_mut()).await?;
                rows.into_iter().map(|row| row.line).collect()
            }
        };
        Ok(lines)
    }

    /// Counts rows; the argument is what follows `FROM`, a table and an optional condition.
    ///
    /// # Errors
    /// The query fails.
    pub async fn count(&mut self, rows: &str) -> Result<u64> {
        let lines = self.lines(&format!("SELECT CAST(COUNT(*) AS TEXT) AS line FROM {rows}")).await?;
        Ok(lines.first().context("COUNT returned no row")?.parse()?)
    }
}

/// Returns whether the store uses SQLite.
pub fn is_sqlite(store: &SqlStore) -> bool {
    store.database() == Database::Sqlite
}

/// Returns an id as an SQL literal of the store's database.
pub fn uuid_literal(store: &SqlStore, id: uuid::Uuid) -> String {
    match store.database() {
        Database::Sqlite => format!("x'{}'", id.simple()),
        Database::Postgres => format!("'{id}'"),
    }
}
