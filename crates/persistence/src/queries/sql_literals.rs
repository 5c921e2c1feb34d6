//! Pieces of SQL without values: unlike diesel's literals they leave their statements in the connection's cache.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, DieselNumericOps, Nullable};

use super::{CLOCK, Db};

macro_rules! sql_literal {
    ($(#[$about:meta])* $name:ident: $sql_type:ty = $sql:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
        pub(crate) struct $name;

        impl Expression for $name {
            type SqlType = $sql_type;
        }

        impl<Q> AppearsOnTable<Q> for $name {}

        impl<Q> SelectableExpression<Q> for $name {}

        impl QueryFragment<Db> for $name {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
                pass.push_sql($sql);
                Ok(())
            }
        }
    };
}

sql_literal! {
    #[derive(DieselNumericOps)]
    /// The instant it is on the database's clock, in microseconds: leases run by it, since those of instances differ.
    Now: Nullable<BigInt> = CLOCK
}

sql_literal! {
    /// Of a turn: it runs. Only in these words is it the condition of the index of running turns; a bound value
    /// would have the database read all turns of a session.
    Running: Bool = "turns.status = 'running'"
}

sql_literal! {
    /// Of a ledger row: it was closed for a process that is gone, and nobody has priced it yet. In these words it is
    /// the condition of the index of such rows.
    Unaccounted: Bool = "(ai_usage.basis = 'pending' AND ai_usage.next_lookup_at IS NULL)"
}

/// The instant some microseconds from now.
#[diesel::dsl::auto_type]
pub(crate) fn in_micros(span: i64) -> _ {
    Now + span
}
