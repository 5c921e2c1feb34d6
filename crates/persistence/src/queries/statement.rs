//! Statements with their type erased.

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;

use super::Db;

/// A statement of any type. Prepared statements are cached by their SQL text.
pub(crate) struct Statement<'q>(Box<dyn Render + 'q>);

impl<'q> Statement<'q> {
    pub(crate) fn new(statement: impl QueryFragment<Db> + 'q) -> Self {
        Statement(Box::new(statement))
    }

    pub(crate) fn from_box(statement: Box<dyn Render + 'q>) -> Self {
        Statement(statement)
    }
}

/// The methods of [`QueryFragment`] that a statement needs. A `dyn QueryFragment` has three more, which would be
/// compiled for each statement.
pub(crate) trait Render {
    fn render<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()>;

    fn is_cacheable(&self, backend: &Db) -> QueryResult<bool>;
}

impl<T: QueryFragment<Db>> Render for T {
    fn render<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.walk_ast(pass)
    }

    fn is_cacheable(&self, backend: &Db) -> QueryResult<bool> {
        self.is_safe_to_cache_prepared(backend)
    }
}

impl QueryFragment<Db> for Statement<'_> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.render(pass)
    }

    fn is_safe_to_cache_prepared(&self, backend: &Db) -> QueryResult<bool> {
        self.0.is_cacheable(backend)
    }
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}
