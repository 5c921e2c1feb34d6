//! Runs statements on the calling thread.
//!
//! diesel-async's wrapper of a SQLite connection copies the SQL text, each parameter and each value, since its statements
//! may run on another thread. Here each statement has ended when its method returns, so nothing is copied.

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use futures_util::future::{Ready, ready};

use super::Db;
use super::conn::Conn;
use super::queries::statement::Statement;

/// A row of a result.
pub(crate) type Row<'q> = <SqliteConnection as LoadConnection>::Row<'q, 'q>;

/// Runs a statement.
pub(crate) fn apply(conn: &mut Conn, statement: Statement<'_>) -> Ready<QueryResult<()>> {
    ready(apply_now(conn, statement))
}

/// Runs a statement and returns the number of affected rows.
pub(crate) fn execute(conn: &mut Conn, statement: Statement<'_>) -> Ready<QueryResult<usize>> {
    ready(apply_now(conn, statement).and_then(|()| affected_rows(conn)))
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
        apply_now(conn, statement)?;
    }
    Ok(last)
}

/// Runs a statement as a query without rows. Diesel's method for statements without rows takes a reference, and prepares an
/// `UPDATE` anew for each run: a reference does not answer whether its statement may stay prepared.
fn apply_now(conn: &mut Conn, statement: Statement<'_>) -> QueryResult<()> {
    load(conn, statement)?.try_for_each(|row| row.map(drop))
}

/// Query of the number of rows that the last statement changed.
struct AffectedRows;

impl QueryFragment<Db> for AffectedRows {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql("SELECT changes()");
        Ok(())
    }
}

/// Returns the number of rows that the last statement changed.
fn affected_rows(conn: &mut Conn) -> QueryResult<usize> {
    let mut rows = load(conn, Statement::new(AffectedRows))?;
    let row = rows.next().ok_or(Error::NotFound)??;
    let count = <i64 as FromSqlRow<BigInt, Db>>::build_from_row(&row).map_err(Error::DeserializationError)?;
    usize::try_from(count).map_err(|error| Error::DeserializationError(error.into()))
}

fn load<'q>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
) -> QueryResult<impl Iterator<Item = QueryResult<Row<'q>>>> {
    LoadConnection::<DefaultLoadingMode>::load(&mut conn.0, statement)
}
