//! Runs statements on the calling thread.
//!
//! diesel-async's wrapper of a SQLite connection copies the SQL text, each parameter and each value, since its statements
//! may run on another thread. Here each statement has ended when its method returns, so nothing is copied.

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::BigInt;
use futures_util::future::{Ready, ready};

use super::Db;
use super::conn::Conn;
use super::queries::statement::{Render, Statement};
use super::queries::step::{Results, Step};
use super::row::Row;

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

/// Runs statements.
pub(crate) fn sequence(conn: &mut Conn, steps: Vec<Step<'_>>, _with_begin: bool) -> Ready<QueryResult<()>> {
    ready(steps.into_iter().try_for_each(|step| run(conn, step)))
}

fn run(conn: &mut Conn, Step { statement, results }: Step<'_>) -> QueryResult<()> {
    let statement = Statement::from_box(statement);
    match results {
        Results::None => apply_now(conn, statement),
        Results::Affected(affected) => {
            apply_now(conn, statement)?;
            *affected = affected_rows(conn)?;
            Ok(())
        }
        Results::Rows(mut add) => load(conn, statement)?.try_for_each(|row| add(&row?)),
    }
}

/// Returns the statements as steps.
pub(crate) fn together<'q>(earlier: Vec<Box<dyn Render + Send + 'q>>, last: Step<'q>) -> Vec<Step<'q>> {
    let earlier = earlier.into_iter().map(|statement| Step { statement, results: Results::None });
    earlier.chain([last]).collect()
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
