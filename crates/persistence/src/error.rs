//! How a step fails on its way through the database, and what its caller is told.

use std::error::Error as StdError;

use causerie_domain::ports::StoreError;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

/// A query failed, or a row could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said no.
    Database(Error),
    /// A row holds what it must not.
    Store(StoreError),
}

/// A step of business ended without effect: refused for a reason its caller can act on, or failed.
#[derive(Debug)]
pub(crate) enum Abort<E> {
    /// The refusal, in the port's words.
    Refused(E),
    /// The failure.
    Failed(Fault),
}

/// What a step can end with besides its result.
pub(crate) trait Failure: From<Error> + Send + 'static {
    /// The port's error.
    type Port: From<StoreError> + Send + 'static;

    /// The database's error, where that is the cause.
    fn database(&self) -> Option<&Error>;

    /// What the caller is told.
    fn into_port(self) -> Self::Port;
}

impl Failure for Fault {
    type Port = StoreError;

    fn database(&self) -> Option<&Error> {
        match self {
            Fault::Database(error) => Some(error),
            Fault::Store(_) => None,
        }
    }

    fn into_port(self) -> StoreError {
        match self {
            Fault::Database(error) => store_error(error),
            Fault::Store(error) => error,
        }
    }
}

impl<E: From<StoreError> + Send + 'static> Failure for Abort<E> {
    type Port = E;

    fn database(&self) -> Option<&Error> {
        match self {
            Abort::Refused(_) => None,
            Abort::Failed(fault) => fault.database(),
        }
    }

    fn into_port(self) -> E {
        match self {
            Abort::Refused(refusal) => refusal,
            Abort::Failed(fault) => fault.into_port().into(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl<E> From<Fault> for Abort<E> {
    fn from(fault: Fault) -> Self {
        Abort::Failed(fault)
    }
}

impl<E> From<Error> for Abort<E> {
    fn from(error: Error) -> Self {
        Abort::Failed(Fault::Database(error))
    }
}

impl<E> From<StoreError> for Abort<E> {
    fn from(error: StoreError) -> Self {
        Abort::Failed(Fault::Store(error))
    }
}

/// The store cannot do it now.
pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

/// The store holds what it must not.
pub(crate) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: None }
}

/// The store holds what it must not, as a parser found.
pub(crate) fn corrupt_by(
    what: impl Into<String>,
    source: impl Into<Box<dyn StdError + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: Some(source.into()) }
}

/// Whether the statement broke the uniqueness of a column.
///
/// PostgreSQL names the constraint, SQLite only the columns, so constraints are named after their column.
pub(crate) fn is_duplicate_of(error: &Error, column: &str) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => match info.constraint_name() {
            Some(constraint) => constraint.contains(column),
            None => info.message().contains(column),
        },
        _ => false,
    }
}

/// Whether the statement referred to a row that does not exist.
pub(crate) fn is_dangling(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))
}

/// Whether the database refused a value, and so left the transaction around the statement alone.
pub(crate) fn is_refusal(error: &Error) -> bool {
    match error {
        Error::NotFound => true,
        Error::DatabaseError(kind, _) => matches!(
            kind,
            DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::ExclusionViolation
        ),
        _ => false,
    }
}

/// What a caller is told of a failure that no step foresaw: whether a later try may succeed.
pub(crate) fn store_error(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(_, ref info) if is_refusal(&error) => {
            corrupt(format!("a refused value: {}", info.message()))
        }
        Error::DatabaseError(DatabaseErrorKind::Unknown, ref info) if stays(info.as_ref()) => {
            corrupt(format!("a statement that cannot be run: {}", info.message()))
        }
        // The connection is gone or was never there, the disk is full, the server stops, another process holds the
        // file, a deadlock, a time limit.
        Error::DatabaseError(..)
        | Error::RollbackErrorOnCommit { .. }
        | Error::AlreadyInTransaction
        | Error::NotInTransaction
        | Error::BrokenTransactionManager => unavailable(error),
        Error::NotFound => corrupt("a row that must exist is missing"),
        other => corrupt_by("a value that cannot be read", other),
    }
}

/// How SQLite begins to say that a statement or the file is wrong. Diesel hands its code on for constraints alone.
const LASTING: [&str; 12] = [
    "no such ",
    "near \"",
    "unrecognized token",
    "table ",
    "ambiguous column",
    "datatype mismatch",
    "cannot store ",
    "integer overflow",
    "string or blob too big",
    "database disk image is malformed",
    "file is not a database",
    "attempt to write a readonly database",
];

/// Whether an error without a kind will come again: its statement is wrong for this schema, or the file is damaged.
///
/// PostgreSQL points at the place in the statement, in whatever language it speaks.
fn stays(error: &dyn DatabaseErrorInformation) -> bool {
    let message = error.message();
    error.statement_position().is_some() || LASTING.iter().any(|start| message.starts_with(start))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};

    use super::*;

    fn unknown(message: &str) -> Error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[track_caller]
    fn check(error: Error, retryable: bool) {
        let said = format!("{error:?}");
        assert_eq!(matches!(store_error(error), StoreError::Unavailable(_)), retryable, "{said}");
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for message in [
            "database is locked",
            "database or disk is full",
            "disk I/O error",
            "unable to open database file",
            "deadlock detected",
            "canceling statement due to statement timeout",
            "terminating connection due to administrator command",
            "sorry, too many clients already",
        ] {
            check(unknown(message), true);
        }
        let kind = |kind| Error::DatabaseError(kind, Box::new("said".to_owned()));
        check(kind(DatabaseErrorKind::ClosedConnection), true);
        check(kind(DatabaseErrorKind::UnableToSendCommand), true);
        check(kind(DatabaseErrorKind::SerializationFailure), true);
        check(kind(DatabaseErrorKind::ReadOnlyTransaction), true);
        check(Error::BrokenTransactionManager, true);
        check(kind(DatabaseErrorKind::CheckViolation), false);
        check(Error::NotFound, false);
        check(unknown("database disk image is malformed"), false);
        check(unknown("file is not a database"), false);
    }

    #[test]
    fn a_statement_that_is_wrong_for_the_schema_stays_wrong() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        conn.batch_execute("CREATE TABLE numbers (number INTEGER) STRICT").unwrap();
        for statement in [
            "NONSENSE",
            "SELECT * FROM nowhere",
            "SELECT nothing FROM numbers",
            "INSERT INTO numbers VALUES (1, 2)",
            "INSERT INTO numbers VALUES ('x')",
            "SELECT sum(number) FROM (SELECT 9223372036854775807 AS number UNION ALL SELECT 1)",
        ] {
            check(sql_query(statement).execute(&mut conn).unwrap_err(), false);
        }
    }
}
