//! The connection type of the queries, with the transaction of a job.

use diesel::result::{Error, QueryResult};
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

/// A connection. One of the pool is closed, and not returned to it, if its transaction has not ended when it is dropped.
///
/// BEGIN is sent with the first statement of a transaction, or right before it. So a job that refuses without a statement
/// costs nothing, and BEGIN is no round trip of its own if the first statements [can be sent with it](Conn::begin).
pub(crate) struct Conn {
    inner: Inner,
    transaction: Transaction,
}

enum Inner {
    Pooled(Box<Object<AsyncPgConnection>>),
    Own(Box<AsyncPgConnection>),
    /// Only while it is dropped.
    Closed,
}

/// The transaction of a connection.
enum Transaction {
    None,
    /// Begins with the next statement.
    Planned {
        /// Statements that begin it.
        begin: String,
    },
    Begun,
    /// In an exchange with the server whose end is unknown. The connection cannot be used any more.
    Broken,
}

impl Conn {
    pub(super) fn pooled(inner: Object<AsyncPgConnection>) -> Self {
        Conn { inner: Inner::Pooled(Box::new(inner)), transaction: Transaction::None }
    }

    /// Wraps a connection that belongs to no pool.
    pub(crate) fn new(inner: AsyncPgConnection) -> Self {
        Conn { inner: Inner::Own(Box::new(inner)), transaction: Transaction::None }
    }

    /// Plans a transaction, which begins with the next statement.
    pub(super) fn plan(&mut self, begin: String) {
        self.transaction = Transaction::Planned { begin };
    }

    /// Returns the connection, and a future that begins the transaction if it is planned. Statements that are sent before
    /// this future has ended must have no effect if it fails.
    pub(super) fn begin(
        &mut self,
    ) -> (&AsyncPgConnection, impl Future<Output = QueryResult<()>> + Send + use<'_>) {
        let Conn { inner, transaction } = self;
        let inner = inner.get();
        let begun = async move {
            let begin = match transaction {
                Transaction::Planned { begin } => std::mem::take(begin),
                Transaction::None | Transaction::Begun => return Ok(()),
                Transaction::Broken => return Err(Error::BrokenTransactionManager),
            };
            // Whatever becomes of BEGIN: a rollback without a transaction is harmless.
            *transaction = Transaction::Begun;
            batch_execute(inner, &begin).await
        };
        (inner, begun)
    }

    /// Commits the transaction, if it has begun.
    pub(super) async fn commit(&mut self) -> QueryResult<()> {
        self.end("COMMIT").await
    }

    /// Rolls the transaction back, if it has begun.
    pub(super) async fn roll_back(&mut self) -> QueryResult<()> {
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, statement: &str) -> QueryResult<()> {
        match std::mem::replace(&mut self.transaction, Transaction::Broken) {
            Transaction::Begun => batch_execute(self.inner.get(), statement).await?,
            Transaction::None | Transaction::Planned { .. } => {}
            Transaction::Broken => return Err(Error::BrokenTransactionManager),
        }
        self.transaction = Transaction::None;
        Ok(())
    }

    /// Closes the connection, which is in the middle of an exchange with the server.
    pub(super) fn close(mut self) {
        self.transaction = Transaction::Broken;
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        match self.transaction {
            Transaction::None | Transaction::Planned { .. } => {}
            Transaction::Begun | Transaction::Broken => {
                if let Inner::Pooled(inner) = std::mem::replace(&mut self.inner, Inner::Closed) {
                    drop(Object::take(*inner));
                }
            }
        }
    }
}

impl Inner {
    fn get(&self) -> &AsyncPgConnection {
        match self {
            Inner::Pooled(inner) => inner,
            Inner::Own(inner) => inner,
            Inner::Closed => unreachable!("only the drop closes the connection"),
        }
    }
}

async fn batch_execute(mut conn: &AsyncPgConnection, statements: &str) -> QueryResult<()> {
    SimpleAsyncConnection::batch_execute(&mut conn, statements).await
}

impl SimpleAsyncConnection for Conn {
    async fn batch_execute(&mut self, statements: &str) -> QueryResult<()> {
        let (conn, begun) = self.begin();
        begun.await?;
        batch_execute(conn, statements).await
    }
}
