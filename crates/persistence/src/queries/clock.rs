//! The database's clock, by which leases run: instances need not agree about the time.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, DieselNumericOps, Nullable};

use super::{CLOCK, Db};

/// The instant it is, in microseconds, for the nullable columns of leases.
///
/// Unlike a literal of SQL it keeps its statement in the connection's cache, since it never changes.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping, DieselNumericOps)]
pub(super) struct Now;

/// The instant some microseconds from now.
#[diesel::dsl::auto_type]
pub(super) fn in_micros(span: i64) -> _ {
    Now + span
}

impl Expression for Now {
    type SqlType = Nullable<BigInt>;
}

impl<Q> AppearsOnTable<Q> for Now {}

impl<Q> SelectableExpression<Q> for Now {}

impl QueryFragment<Db> for Now {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql(CLOCK);
        Ok(())
    }
}
