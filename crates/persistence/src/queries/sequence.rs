//! Several statements that run one after the other.

use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AsQuery, QueryFragment};
use diesel::query_dsl::CompatibleType;
use diesel::result::QueryResult;

use super::run::{RowSql, build};
use super::statement::Render;
use super::step::{Results, Step};
use super::{Conn, Db, Row, run_statement};

/// Statements that change rows, and run together with a last one. No two of them change the same row or read what another
/// one changes.
///
/// On PostgreSQL they are one statement. On SQLite they run one after the other.
#[derive(Default)]
pub(crate) struct Together<'q>(Vec<Box<dyn Render + Send + 'q>>);

impl<'q> Together<'q> {
    /// Adds a statement.
    pub(crate) fn add(&mut self, statement: impl QueryFragment<Db> + Send + 'q) {
        self.0.push(Box::new(statement));
    }
}

/// Statements that run one after the other. None needs the results of an earlier one.
///
/// On PostgreSQL they are sent at once, which is one round trip.
#[derive(Default)]
pub(crate) struct Sequence<'q> {
    steps: Vec<Step<'q>>,
    with_begin: bool,
}

impl<'q> Sequence<'q> {
    /// Returns a sequence that can be sent with the BEGIN of its transaction, which saves a round trip. If BEGIN fails, each
    /// statement runs alone: those that change rows must have the condition [`Begun`](super::sql_literals::Begun).
    pub(crate) fn first() -> Self {
        Sequence { steps: Vec::new(), with_begin: true }
    }

    /// Adds a statement.
    pub(crate) fn apply(mut self, statement: impl QueryFragment<Db> + Send + 'q) -> Self {
        self.steps.push(Step { statement: Box::new(statement), results: Results::None });
        self
    }

    /// Adds a statement, which sets the number of affected rows.
    pub(crate) fn execute(
        mut self,
        statement: impl QueryFragment<Db> + Send + 'q,
        affected: &'q mut usize,
    ) -> Self {
        let statement = Box::new(statement);
        self.steps.push(Step { statement, results: Results::Affected(affected) });
        self
    }

    /// Adds a query, which adds its rows to a list.
    pub(crate) fn load<Q, U>(self, query: Q, rows: &'q mut Vec<U>) -> Self
    where
        Q: AsQuery<Query: QueryFragment<Db> + Send + 'q, SqlType: CompatibleType<U, Db>>,
        U: FromSqlRow<RowSql<Q, U>, Db> + Send + 'q,
    {
        self.load_together(Together::default(), query, rows)
    }

    /// Adds writes that run together with a query, which adds its rows to a list.
    pub(crate) fn load_together<Q, U>(mut self, writes: Together<'q>, query: Q, rows: &'q mut Vec<U>) -> Self
    where
        Q: AsQuery<Query: QueryFragment<Db> + Send + 'q, SqlType: CompatibleType<U, Db>>,
        U: FromSqlRow<RowSql<Q, U>, Db> + Send + 'q,
    {
        let add = move |row: &Row<'_>| {
            rows.push(build::<RowSql<Q, U>, U>(row)?);
            Ok(())
        };
        let last = Step { statement: Box::new(query.as_query()), results: Results::Rows(Box::new(add)) };
        self.steps.extend(run_statement::together(writes.0, last));
        self
    }

    /// Runs the statements.
    pub(crate) async fn run(self, conn: &mut Conn) -> QueryResult<()> {
        run_statement::sequence(conn, self.steps, self.with_begin).await
    }
}
