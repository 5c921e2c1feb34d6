//! The connection type of the queries.

use diesel::connection::SimpleConnection as _;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel_async::SimpleAsyncConnection;

/// A connection of the store.
pub(crate) struct Conn(pub(super) SqliteConnection);

impl Conn {
    pub(crate) fn new(conn: SqliteConnection) -> Self {
        Conn(conn)
    }
}

impl SimpleAsyncConnection for Conn {
    async fn batch_execute(&mut self, statements: &str) -> QueryResult<()> {
        self.0.batch_execute(statements)
    }
}
