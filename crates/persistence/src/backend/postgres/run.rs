//! Runs statements. The futures of diesel-async are compiled once, and not once per statement.

use diesel::debug_query;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::future::{BoxFuture, join, join_all};
use futures_util::{FutureExt as _, TryFutureExt as _, TryStreamExt as _};

use super::queries::statement::{Render, Statement};
use super::queries::step::{Results, Step};
use super::row::Row;
use super::{BEGUN, Conn, Db};

/// Runs a statement.
pub(crate) fn apply<'q>(conn: &'q mut Conn, statement: Statement<'q>) -> BoxFuture<'q, QueryResult<()>> {
    execute(conn, statement).map_ok(drop).boxed()
}

/// Runs a statement and returns the number of affected rows.
pub(crate) fn execute<'q>(conn: &'q mut Conn, statement: Statement<'q>) -> BoxFuture<'q, QueryResult<usize>> {
    let (mut conn, begun) = conn.begin();
    let executed = conn.execute_returning_count(statement);
    async move {
        begun.await?;
        executed.await
    }
    .boxed()
}

/// Runs a query and returns its rows.
pub(crate) fn all<'q, U: Send + 'q>(
    conn: &'q mut Conn,
    statement: Statement<'q>,
    build: fn(&Row<'_>) -> QueryResult<U>,
) -> BoxFuture<'q, QueryResult<Vec<U>>> {
    let (mut conn, begun) = conn.begin();
    let rows = AsyncConnectionCore::load(&mut conn, statement);
    async move {
        begun.await?;
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
    let (mut conn, begun) = conn.begin();
    let rows = AsyncConnectionCore::load(&mut conn, statement);
    async move {
        begun.await?;
        let row = rows.await?.try_next().await?.ok_or(Error::NotFound)?;
        build(&row)
    }
    .boxed()
}

/// Sends statements at once, and waits for the results of all of them. The server runs them in their order. After one that
/// fails, it refuses the others of a transaction, and runs those outside of one: each can wait for a lock.
///
/// The futures are polled in their order, and each sends its statement in one poll, or waits for the lock of the prepared
/// statements: a statement that must be prepared first holds it until it is sent.
pub(crate) fn sequence<'q>(
    conn: &'q mut Conn,
    steps: Vec<Step<'q>>,
    with_begin: bool,
) -> BoxFuture<'q, QueryResult<()>> {
    let (conn, begun) = conn.begin();
    let steps = join_all(steps.into_iter().map(|step| run(conn, step, with_begin)));
    async move {
        let ended = if with_begin {
            let (begun, ended) = join(begun, steps).await;
            begun?;
            ended
        } else {
            begun.await?;
            steps.await
        };
        ended.into_iter().collect()
    }
    .boxed()
}

fn run<'q>(
    mut conn: &'q AsyncPgConnection,
    Step { statement, results }: Step<'q>,
    with_begin: bool,
) -> BoxFuture<'q, QueryResult<()>> {
    let statement = Statement::from_box(statement);
    debug_assert!(!with_begin || has_no_effect_alone(&statement), "{}", debug_query::<Db, _>(&statement));
    match results {
        Results::None => conn.execute_returning_count(statement).map_ok(drop).boxed(),
        Results::Affected(affected) => {
            let executed = conn.execute_returning_count(statement);
            async move {
                *affected = executed.await?;
                Ok(())
            }
            .boxed()
        }
        Results::Rows(mut add) => {
            let rows = AsyncConnectionCore::load(&mut conn, statement);
            async move {
                let mut rows = rows.await?;
                while let Some(row) = rows.try_next().await? {
                    add(&row)?;
                }
                Ok(())
            }
            .boxed()
        }
    }
}

/// Returns whether each part of a statement that changes rows has the condition that its transaction has begun.
fn has_no_effect_alone(statement: &Statement<'_>) -> bool {
    let text = debug_query::<Db, _>(statement).to_string();
    // Bound values are no SQL, whatever they say.
    let sql = text.split(" -- binds: ").next().unwrap_or_default();
    let count = |part: &str| sql.matches(part).count();
    let changes = count("UPDATE \"") + count("INSERT INTO ") + count("DELETE ");
    changes == count(BEGUN)
}

/// Returns one statement that runs all of them.
pub(crate) fn together<'q>(earlier: Vec<Box<dyn Render + Send + 'q>>, last: Step<'q>) -> Vec<Step<'q>> {
    let Step { statement, results } = last;
    let statement = match earlier.is_empty() {
        true => statement,
        false => Box::new(Joined { earlier, last: statement }),
    };
    vec![Step { statement, results }]
}

/// Statements that change rows as common table expressions of a last one. PostgreSQL runs each of them to its end, and
/// checks foreign keys after all of them.
struct Joined<'q> {
    earlier: Vec<Box<dyn Render + Send + 'q>>,
    last: Box<dyn Render + Send + 'q>,
}

impl QueryFragment<Db> for Joined<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        for (number, statement) in self.earlier.iter().enumerate() {
            let name = if number == 0 { "WITH s0 AS (".to_owned() } else { format!(", s{number} AS (") };
            pass.push_sql(&name);
            statement.render(pass.reborrow())?;
            pass.push_sql(")");
        }
        pass.push_sql(" ");
        self.last.render(pass)
    }

    fn is_safe_to_cache_prepared(&self, backend: &Db) -> QueryResult<bool> {
        for statement in self.earlier.iter().chain([&self.last]) {
            if !statement.is_cacheable(backend)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
