//! Runs statements on the calling thread.
//!
//! diesel-async's wrapper of a SQLite connection copies the SQL text, each parameter and each value, since its statements
//! may run on another thread. Here each statement has ended when its method returns, so nothing is copied.

use diesel::connection::{Connection as _, DefaultLoadingMode, LoadConnection};
use diesel::result::{Error, QueryResult};
use diesel::sqlite::SqliteConnection;
use futures_util::future::{Ready, ready};

use super::conn::Conn;
use super::queries::statement::Statement;

/// A row of a result.
pub(crate) type Row<'q> = <SqliteConnection as LoadConnection>::Row<'q, 'q>;

/// Runs a statement and returns the number of affected rows.
pub(crate) fn execute(conn: &mut Conn, statement: Statement<'_>) -> Ready<QueryResult<usize>> {
    ready(conn.0.execute_returning_count(&statement))
}

/// Runs a query and returns its rows.
pub(crate) fn all<'q, U>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
    build: fn(&Row<'_>) -> QueryResult<U>,
) -> Ready<QueryResult<Vec<U>>> {
    ready(load(conn, statement).and_then(|rows| rows.map(|row| build(&row?)).collect()))
}

/// Runs a query and returns its first row, or the error `NotFound`.
pub(crate) fn one<'q, U>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
    build: fn(&Row<'_>) -> QueryResult<U>,
) -> Ready<QueryResult<U>> {
    ready(load(conn, statement).and_then(|mut rows| build(&rows.next().ok_or(Error::NotFound)??)))
}

/// Runs statements, and returns the last one.
pub(crate) fn join<'q>(
    conn: &mut Conn,
    earlier: Vec<Statement<'q>>,
    last: Statement<'q>,
) -> QueryResult<Statement<'q>> {
    for statement in earlier {
        conn.0.execute_returning_count(&statement)?;
    }
    Ok(last)
}

fn load<'q>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
) -> QueryResult<impl Iterator<Item = QueryResult<Row<'q>>>> {
    LoadConnection::<DefaultLoadingMode>::load(&mut conn.0, statement)
}
