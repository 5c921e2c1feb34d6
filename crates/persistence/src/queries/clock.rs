//! The database's clock, by which leases run: instances need not agree about the time.

use std::time::Duration;

use diesel::dsl::{AsExprOf, sql};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::sql_types::{BigInt, Nullable};

use super::CLOCK;
use crate::rows::micros;

/// An instant for the nullable columns of leases.
type Instant = Nullable<BigInt>;

/// The instant it is, in microseconds.
pub(super) fn now() -> SqlLiteral<Instant> {
    sql(CLOCK)
}

/// The instant some time from now, in microseconds.
pub(super) fn later(
    span: Duration,
) -> UncheckedBind<SqlLiteral<Instant, SqlLiteral<Instant>>, AsExprOf<i64, BigInt>> {
    sql(CLOCK).sql(" + ").bind::<BigInt, _>(micros(span))
}
