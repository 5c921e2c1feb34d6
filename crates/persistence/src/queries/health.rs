//! The applied migrations, for the health check.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::SimpleAsyncConnection as _;

use super::{Conn, RunQueryDsl, WRITE_PROBE_SQL};
use crate::error::QueryError;

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Reads the versions of the applied migrations.
pub(crate) async fn applied(conn: &mut Conn, _: &()) -> Result<BTreeSet<String>, QueryError> {
    let applied: Vec<Applied> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn).await?;
    Ok(applied.into_iter().map(|row| row.version).collect())
}

/// Writes to the database without changing a value.
pub(crate) async fn write(conn: &mut Conn, _: &()) -> Result<(), QueryError> {
    Ok(conn.batch_execute(WRITE_PROBE_SQL).await?)
}
