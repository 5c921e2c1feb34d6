//! Rows of results.

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::sqlite::SqliteConnection;

/// A row of a result.
pub(crate) type Row<'q> = <SqliteConnection as LoadConnection<DefaultLoadingMode>>::Row<'q, 'q>;
