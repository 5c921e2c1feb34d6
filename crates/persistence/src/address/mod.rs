//! The address of a database: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME?OPTIONS`.

mod percent;
mod postgres;
mod sqlite;
mod tls;

use std::path::{Path, PathBuf};

pub(crate) use self::postgres::PostgresAddress;
pub(crate) use self::tls::{ClientCertificate, Roots, TlsMode, TlsOptions};

/// A parsed database address.
#[derive(Debug)]
pub(crate) enum Address {
    /// Path of a SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, and the database there.
    Postgres(Box<PostgresAddress>),
}

/// An invalid database address. No message contains a user name, a password or the value of an unknown option.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The address has neither of the two schemes.
    #[error("the database address begins neither with sqlite:// nor with postgres://")]
    UnknownScheme,
    /// The address has no path of a file.
    #[error("the database address names no file: give a path after sqlite://")]
    NotAFile,
    /// A SQLite address has an option.
    #[error(
        "the database address has the option {0}, and SQLite addresses have no options: a ? in the path is written \
         %3F"
    )]
    SqliteOption(String),
    /// An option of a PostgreSQL address is given twice, or beside the part of the address that it replaces.
    #[error("the database address has the option {0} twice")]
    RepeatedOption(String),
    /// A part of the address cannot be decoded, or could be read in two ways.
    #[error("the database address has {0}")]
    Encoding(&'static str),
    /// An option of a PostgreSQL address is unknown or invalid.
    #[error("the database address is invalid: {0}")]
    Postgres(String),
    /// The value of an option is invalid, or does not fit the other options.
    #[error("the option {name} of the database address {problem}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What is wrong, without the value.
        problem: &'static str,
    },
    /// The file that an option names cannot be used.
    #[error("the file {} (option {name} of the database address) {problem}", path.display())]
    File {
        /// Name of the option.
        name: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// What is wrong with it, without its content.
        problem: String,
    },
    /// The system has no certificate authorities.
    #[error("the system has no certificate authorities: give sslrootcert=FILE in the database address")]
    NoSystemRoots,
    /// The TLS library refuses its configuration.
    #[error("TLS to the database cannot be configured: {0}")]
    Tls(String),
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        if let Some(rest) = url.strip_prefix("sqlite://") {
            return sqlite::parse(rest).map(Address::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return PostgresAddress::parse(url).map(Box::new).map(Address::Postgres);
        }
        Err(AddressError::UnknownScheme)
    }
}

/// Maximum length of the name of an option in an error.
const SHOWN_NAME: usize = 40;

/// Returns the name of an option for an error.
fn shown_name(name: &str) -> String {
    name.chars().take(SHOWN_NAME).flat_map(char::escape_debug).collect()
}

/// Returns the path of a SQLite address; `None` if the address is one of PostgreSQL.
///
/// # Errors
/// The address is invalid.
pub fn sqlite_path(url: &str) -> Result<Option<PathBuf>, AddressError> {
    Ok(match Address::parse(url)? {
        Address::Sqlite(path) => Some(path),
        Address::Postgres(_) => None,
    })
}

/// Returns the address of a SQLite file.
pub fn sqlite_url(path: &Path) -> String {
    sqlite::url(path)
}
