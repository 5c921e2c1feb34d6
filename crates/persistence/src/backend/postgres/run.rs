//! Runs statements. The futures of diesel-async are compiled once, and not once per statement.

use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel_async::AsyncConnectionCore;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryFutureExt as _, TryStreamExt as _};

use super::queries::statement::Statement;
use super::{Conn, Db};

/// A row of a result.
pub(crate) type Row<'q> = <Conn as AsyncConnectionCore>::Row<'q, 'q>;

/// Runs a statement.
pub(crate) fn apply<'q>(conn: &'q mut Conn, statement: Statement<'q>) -> BoxFuture<'q, QueryResult<()>> {
    conn.execute_returning_count(statement).map_ok(drop).boxed()
}

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

/// Returns one statement that runs all of them.
#[expect(clippy::unnecessary_wraps, reason = "the other database runs the statements")]
pub(crate) fn join<'q>(
    _: &mut Conn,
    earlier: Vec<Statement<'q>>,
    last: Statement<'q>,
) -> QueryResult<Statement<'q>> {
    Ok(if earlier.is_empty() { last } else { Statement::new(Joined { earlier, last }) })
}

/// Statements that change rows as common table expressions of a last one. PostgreSQL runs each of them to its end, and
/// checks foreign keys after all of them.
struct Joined<'q> {
    earlier: Vec<Statement<'q>>,
    last: Statement<'q>,
}

impl QueryFragment<Db> for Joined<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        for (number, statement) in self.earlier.iter().enumerate() {
            let name = if number == 0 { "WITH s0 AS (".to_owned() } else { format!(", s{number} AS (") };
            pass.push_sql(&name);
            statement.walk_ast(pass.reborrow())?;
            pass.push_sql(")");
        }
        pass.push_sql(" ");
        self.last.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, backend: &Db) -> QueryResult<bool> {
        for statement in self.earlier.iter().chain([&self.last]) {
            if !statement.is_safe_to_cache_prepared(backend)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
