//! How a step fails on its way through the database, and what its caller is told.

use std::error::Error as StdError;

use causerie_domain::ports::StoreError;
use diesel::result::{DatabaseErrorKind, Error};

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

/// What a caller is told of a failure that no step foresaw.
pub(crate) fn store_error(error: Error) -> StoreError {
    match error {
        Error::DatabaseError(_, ref info) if is_refusal(&error) => {
            corrupt(format!("a refused value: {}", info.message()))
        }
        Error::DatabaseError(..)
        | Error::RollbackErrorOnCommit { .. }
        | Error::AlreadyInTransaction
        | Error::NotInTransaction
        | Error::BrokenTransactionManager => unavailable(error),
        Error::NotFound => corrupt("a row that must exist is missing"),
        other => corrupt_by("a value that cannot be read", other),
    }
}
