//! Errors of queries and transactions, and their conversion to port errors.

use std::error::Error as StdError;

use causerie_domain::ports::{StoreError, WriteFailure};
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

/// The failure of a query, or of reading a row.
#[derive(Debug)]
pub(crate) enum QueryError {
    /// An error of the database or of diesel.
    Database(Error),
    /// A value that cannot be stored or read.
    Store(StoreError),
}

/// The error of a transaction. It has no effect.
#[derive(Debug)]
pub(crate) enum TransactionError<E> {
    /// Refused, with the port's error.
    Refused(E),
    /// Failed in the database.
    Failed(QueryError),
}

/// An error type of transactions, which converts to the error of their port.
pub(crate) trait IntoPortError: From<Error> + Send + 'static {
    type PortError: From<StoreError> + Send + 'static;

    /// Returns the database's error, if it is the cause.
    fn database_error(&self) -> Option<&Error>;

    /// Converts to the port's error.
    fn into_port_error(self) -> Self::PortError;
}

impl IntoPortError for QueryError {
    type PortError = StoreError;

    fn database_error(&self) -> Option<&Error> {
        match self {
            QueryError::Database(error) => Some(error),
            QueryError::Store(_) => None,
        }
    }

    fn into_port_error(self) -> StoreError {
        match self {
            QueryError::Database(error) => store_error(error),
            QueryError::Store(error) => error,
        }
    }
}

impl<E: From<StoreError> + Send + 'static> IntoPortError for TransactionError<E> {
    type PortError = E;

    fn database_error(&self) -> Option<&Error> {
        match self {
            TransactionError::Refused(_) => None,
            TransactionError::Failed(error) => error.database_error(),
        }
    }

    fn into_port_error(self) -> E {
        match self {
            TransactionError::Refused(refusal) => refusal,
            TransactionError::Failed(error) => error.into_port_error().into(),
        }
    }
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        QueryError::Database(error)
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        QueryError::Store(error)
    }
}

impl<E> From<QueryError> for TransactionError<E> {
    fn from(error: QueryError) -> Self {
        TransactionError::Failed(error)
    }
}

impl<E> From<Error> for TransactionError<E> {
    fn from(error: Error) -> Self {
        TransactionError::Failed(QueryError::Database(error))
    }
}

impl<E> From<StoreError> for TransactionError<E> {
    fn from(error: StoreError) -> Self {
        TransactionError::Failed(QueryError::Store(error))
    }
}

/// Returns the error of a temporary failure; a later attempt may succeed.
pub(crate) fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

/// Returns the error of invalid data in the store.
pub(crate) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: None }
}

/// Returns the error of invalid data in the store, with the parser's error.
pub(crate) fn corrupt_with_source(
    what: impl Into<String>,
    source: impl Into<Box<dyn StdError + Send + Sync>>,
) -> StoreError {
    StoreError::Corrupt { what: what.into(), source: Some(source.into()) }
}

/// Returns whether the statement violated the unique constraint of a column.
///
/// PostgreSQL names the constraint and SQLite only the columns, so each constraint is named after its column.
pub(crate) fn is_unique_violation(error: &Error, column: &str) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => match info.constraint_name() {
            Some(constraint) => constraint.contains(column),
            None => info.message().contains(column),
        },
        _ => false,
    }
}

/// Returns whether the statement violated a foreign key.
pub(crate) fn is_foreign_key_violation(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))
}

/// Returns whether the statement violated a constraint or found no row. SQLite keeps the surrounding transaction then.
pub(crate) fn is_constraint_violation(error: &Error) -> bool {
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

/// Converts an unexpected database error to a store error: unavailable if a later attempt may succeed, otherwise
/// corrupt.
pub(crate) fn store_error(error: Error) -> StoreError {
    match error {
        // The caller has seen the referenced row, which was deleted since.
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, ref info) => {
            StoreError::ReferenceDeleted(info.message().to_owned())
        }
        Error::DatabaseError(_, ref info) if is_constraint_violation(&error) => {
            corrupt(format!("a constraint was violated: {}", info.message()))
        }
        Error::DatabaseError(DatabaseErrorKind::Unknown, ref info) if is_permanent(info.as_ref()) => {
            corrupt(format!("a statement cannot be executed: {}", info.message()))
        }
        // A full disk, a server that shuts down, a file locked by another process, a deadlock, a timeout. The database
        // has refused a statement or the commit, so the transaction has no effect.
        Error::DatabaseError(DatabaseErrorKind::Unknown, _) => StoreError::rolled_back(error),
        // A lost connection: a commit may have been received.
        Error::DatabaseError(..)
        | Error::RollbackErrorOnCommit { .. }
        | Error::AlreadyInTransaction
        | Error::NotInTransaction
        | Error::BrokenTransactionManager => unavailable(error),
        Error::NotFound => corrupt("a row that must exist is missing"),
        other => corrupt_with_source("a value that cannot be read", other),
    }
}

/// Prefixes of SQLite's messages for invalid statements and damaged files. diesel passes error codes on for constraint
/// violations only.
const PERMANENT_SQLITE_ERRORS: [&str; 12] = [
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

/// Returns whether an error of unknown kind is permanent: the statement does not fit the schema, or the file is
/// damaged.
///
/// PostgreSQL sets the position in the statement, whatever the language of its message.
fn is_permanent(error: &dyn DatabaseErrorInformation) -> bool {
    let message = error.message();
    error.statement_position().is_some()
        || PERMANENT_SQLITE_ERRORS.iter().any(|start| message.starts_with(start))
}

/// Returns the kind of a failed write. The databases have no codes for it that diesel passes on.
pub(crate) fn write_failure(error: &StoreError) -> WriteFailure {
    let text = causes(error).to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&["full", "no space left", "quota exceeded"]) {
        WriteFailure::DiskFull
    } else if has(&["readonly", "read-only", "unable to open", "permission denied"]) {
        WriteFailure::ReadOnly
    } else if has(&["locked", "overloaded", "timeout"]) {
        WriteFailure::Busy
    } else {
        WriteFailure::Other
    }
}

/// Returns the messages of the causes of an error.
pub(crate) fn causes(error: &StoreError) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
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
        let text = format!("{error:?}");
        assert_eq!(matches!(store_error(error), StoreError::Unavailable(_)), retryable, "{text}");
    }

    #[test]
    fn temporary_errors_are_unavailable_and_permanent_errors_are_corrupt() {
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
    fn a_statement_that_does_not_fit_the_schema_is_a_permanent_error() {
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

    #[test]
    fn a_failed_write_has_a_kind() {
        for (text, kind) in [
            ("database or disk is full", WriteFailure::DiskFull),
            ("No space left on device (os error 28)", WriteFailure::DiskFull),
            ("Disk quota exceeded (os error 122)", WriteFailure::DiskFull),
            ("attempt to write a readonly database", WriteFailure::ReadOnly),
            ("unable to open database file", WriteFailure::ReadOnly),
            ("Read-only file system (os error 30)", WriteFailure::ReadOnly),
            ("Permission denied (os error 13)", WriteFailure::ReadOnly),
            ("cannot execute SELECT FOR UPDATE in a read-only transaction", WriteFailure::ReadOnly),
            ("database is locked", WriteFailure::Busy),
            ("canceling statement due to lock timeout", WriteFailure::Busy),
            ("disk I/O error", WriteFailure::Other),
        ] {
            assert_eq!(write_failure(&StoreError::rolled_back(text)), kind, "{text}");
            let corrupt = StoreError::Corrupt { what: "a statement".to_owned(), source: Some(text.into()) };
            assert_eq!(write_failure(&corrupt), kind, "{text}");
        }
    }
}
