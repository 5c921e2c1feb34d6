//! Rows of results.

use diesel_async::{AsyncConnectionCore, AsyncPgConnection};

/// A row of a result.
pub(crate) type Row<'q> = <AsyncPgConnection as AsyncConnectionCore>::Row<'q, 'q>;
