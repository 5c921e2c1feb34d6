//! Statements with their type erased. The parent of the queries runs them.
//!
//! Each statement has a type of its own. With this trait the code that runs statements is compiled once per database, and
//! the loop over rows once per type of row.

use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::query_dsl::methods::LimitDsl;
use diesel::result::{Error, QueryResult};

use super::statement::Statement;
use super::{Conn, Db, Row, run_statement};

/// SQL type of the rows of a query.
pub(super) type RowSql<Q, U> = <<Q as AsQuery>::SqlType as CompatibleType<U, Db>>::SqlType;

/// The methods that run a statement. They replace those of diesel-async with the same names.
pub(crate) trait RunQueryDsl: Sized {
    /// Runs a statement.
    fn apply<'q>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<()>> + Send + 'q
    where
        Self: QueryFragment<Db> + 'q,
    {
        run_statement::apply(conn, Statement::new(self))
    }

    /// Runs a statement and returns the number of affected rows.
    fn execute<'q>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<usize>> + Send + 'q
    where
        Self: QueryFragment<Db> + 'q,
    {
        run_statement::execute(conn, Statement::new(self))
    }

    /// Runs a query and returns its rows.
    fn load<'q, U>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<Vec<U>>> + Send + 'q
    where
        Self: AsQuery<Query: QueryFragment<Db> + 'q, SqlType: CompatibleType<U, Db>>,
        U: FromSqlRow<RowSql<Self, U>, Db> + Send + 'q,
    {
        run_statement::all(conn, Statement::new(self.as_query()), build::<RowSql<Self, U>, U>)
    }

    /// Runs a statement and returns the rows that it changed.
    fn get_results<'q, U>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<Vec<U>>> + Send + 'q
    where
        Self: AsQuery<Query: QueryFragment<Db> + 'q, SqlType: CompatibleType<U, Db>>,
        U: FromSqlRow<RowSql<Self, U>, Db> + Send + 'q,
    {
        self.load(conn)
    }

    /// Runs a query and returns its first row, or the error `NotFound`.
    fn get_result<'q, U>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<U>> + Send + 'q
    where
        Self: AsQuery<Query: QueryFragment<Db> + 'q, SqlType: CompatibleType<U, Db>>,
        U: FromSqlRow<RowSql<Self, U>, Db> + Send + 'q,
    {
        run_statement::one(conn, Statement::new(self.as_query()), build::<RowSql<Self, U>, U>)
    }

    /// Runs a query with the limit 1 and returns its row, or the error `NotFound`.
    fn first<'q, U>(self, conn: &'q mut Conn) -> impl Future<Output = QueryResult<U>> + Send + 'q
    where
        Self: LimitDsl<Output: AsQuery<Query: QueryFragment<Db> + 'q, SqlType: CompatibleType<U, Db>>>,
        U: FromSqlRow<RowSql<Self::Output, U>, Db> + Send + 'q,
    {
        self.limit(1).get_result(conn)
    }

    /// Declares that the SQL text of a statement has few variants, so that the connection keeps it prepared.
    ///
    /// Diesel prepares an `UPDATE`, an `IN` list and a literal anew for each run, because the number of their texts can
    /// be unbounded. Lists of a cached statement have a [`padded`] length.
    fn cached(self) -> Cached<Self> {
        Cached(self)
    }
}

impl<T> RunQueryDsl for T {}

/// Repeats the last value until the length is a power of two, so that a list has few lengths.
pub(crate) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// Statement whose prepared form the connection keeps.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct Cached<T>(T);

impl<T: QueryFragment<Db>> QueryFragment<Db> for Cached<T> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Db) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T: Query> Query for Cached<T> {
    type SqlType = T::SqlType;
}

impl<T: LimitDsl> LimitDsl for Cached<T> {
    type Output = Cached<T::Output>;

    fn limit(self, limit: i64) -> Self::Output {
        Cached(self.0.limit(limit))
    }
}

/// Builds a value from a row.
pub(super) fn build<ST, U: FromSqlRow<ST, Db>>(row: &Row<'_>) -> QueryResult<U> {
    U::build_from_row(row).map_err(Error::DeserializationError)
}
