//! SQL literals. Statements with them stay in the connection's statement cache, unlike those with diesel's `sql`.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, DieselNumericOps, Nullable};

use super::{BEGUN, CLOCK, Db, MESSAGE_GROUP, MESSAGE_USER};
use crate::types::SqlId;

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
    /// The current instant of the database's clock, in microseconds. Leases use it, since the clocks of instances
    /// differ.
    Now: Nullable<BigInt> = CLOCK
}

sql_literal! {
    /// The condition that the transaction of the store has begun. A statement with it has no effect outside of one.
    Begun: Bool = BEGUN
}

sql_literal! {
    /// The condition of a running turn. The text must equal the condition of the partial index of running turns; with
    /// a bound value the database would read all turns of a session.
    Running: Bool = "turns.status = 'running'"
}

sql_literal! {
    /// The condition of an open ledger row. The text must equal the condition of the partial index of open rows; with a
    /// bound value the database would read the whole ledger.
    Open: Bool = "ai_usage.state = 'open'"
}

sql_literal! {
    /// The condition of an unpriced ledger row, which was closed after its process ended. The text must equal the
    /// condition of the partial index of such rows.
    Unpriced: Bool = "(ai_usage.basis = 'pending' AND ai_usage.next_lookup_at IS NULL)"
}

sql_literal! {
    /// The condition that a budget has a window that counts a ledger row.
    HasWindows: Bool = "EXISTS (SELECT 1 FROM budget_windows WHERE budget_windows.budget_id \
        IN (ai_usage.user_id, ai_usage.group_id, ai_usage.api_key_id) \
        AND budget_windows.starts_at <= ai_usage.created_at AND budget_windows.ends_at > ai_usage.created_at)"
}

sql_literal! {
    /// The user of the session of a message.
    MessageUser: Nullable<SqlId> = MESSAGE_USER
}

sql_literal! {
    /// The group of the session of a message.
    MessageGroup: Nullable<SqlId> = MESSAGE_GROUP
}

/// Returns the SQL expression of the instant this number of microseconds after now.
#[diesel::dsl::auto_type]
pub(crate) fn after_micros(span: i64) -> _ {
    Now + span
}
