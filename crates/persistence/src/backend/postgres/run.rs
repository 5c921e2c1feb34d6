//! Runs statements. The futures of diesel-async are compiled once, and not once per statement.

use diesel::result::{Error, QueryResult};
use diesel_async::AsyncConnectionCore;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryStreamExt as _};

use super::Conn;
use super::queries::Statement;

/// A row of a result.
pub(crate) type Row<'q> = <Conn as AsyncConnectionCore>::Row<'q, 'q>;

/// Runs a statement and returns the number of affected rows.
pub(crate) fn execute<'q>(conn: &'q mut Conn, statement: Statement<'q>) -> BoxFuture<'q, QueryResult<usize>> {
    conn.execute_returning_count(statement)
}

/// Runs a query and returns its rows.
pub(crate) fn all<'q, U: Send + 'q>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
    build: fn(&Row<'_>) -> QueryResult<U>,
) -> BoxFuture<'q, QueryResult<Vec<U>>> {
    let rows = AsyncConnectionCore::load(conn, statement);
    async move {
        let mut rows = rows.await?;
        let mut built = Vec::new();
        while let Some(row) = rows.try_next().await? {
            built.push(build(&row)?);
        }
        Ok(built)
    }
    .boxed()
}

/// Runs a query and returns its first row, or the error `NotFound`.
pub(crate) fn one<'q, U: Send + 'q>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
    build: fn(&Row<'_>) -> QueryResult<U>,
) -> BoxFuture<'q, QueryResult<U>> {
    let rows = AsyncConnectionCore::load(conn, statement);
    async move {
        let row = rows.await?.try_next().await?.ok_or(Error::NotFound)?;
        build(&row)
    }
    .boxed()
}
