//! How a store is opened.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::Secret;

/// Which store to open, and how.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite://PATH`, the path taken as it stands, or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    pub url: Secret,
    /// Connections to PostgreSQL at most.
    pub connections: u32,
    /// How long a step waits at most until it can begin.
    pub wait_timeout: Duration,
    /// How long PostgreSQL works at most on one statement; half of it for a lock.
    pub statement_timeout: Duration,
    /// How long a statement waits at most for another process that holds the SQLite file.
    pub busy_timeout: Duration,
    /// Threads that read from SQLite, beside the one that writes.
    pub readers: u32,
}

impl StoreSettings {
    /// The store at an address, with defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        StoreSettings {
            url: Secret::new(url),
            connections: 16,
            wait_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(5),
            readers: 3,
        }
    }
}

/// Why a store could not be opened. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address names neither database.
    #[error("the database address begins neither with sqlite:// nor with postgres://")]
    UnknownScheme,
    /// The address names no file on a disk.
    #[error("the database address names no file: give a path after sqlite://")]
    NotAFile,
    /// The address asks for an encrypted connection.
    #[error(
        "connections to PostgreSQL with TLS are not supported yet: {0} in the database address asks for one"
    )]
    TlsUnsupported(String),
    /// The settings allow nobody to work.
    #[error("a store needs at least one {0}")]
    TooFew(&'static str),
    /// Outside of a tokio runtime there is nobody to drive the connections.
    #[error("a store is opened inside of a tokio runtime, which then drives its connections")]
    NoRuntime,
    /// The file cannot be made or opened.
    #[error("the database file {} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The pool of connections cannot be built.
    #[error("the pool of connections cannot be built")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What an address names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A database of a server.
    Postgres(String),
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            // Each of our connections would see another database in memory.
            return match path {
                "" | ":memory:" => Err(OpenError::NotAFile),
                path => Ok(Address::Sqlite(PathBuf::from(path))),
            };
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(OpenError::UnknownScheme);
        }
        let parameters = url.split_once('?').map_or("", |(_, query)| query);
        match parameters.split('&').find(|parameter| asks_for_tls(parameter)) {
            // Only the parameter's name and word are shown, never the part with the password.
            Some(parameter) => Err(OpenError::TlsUnsupported(parameter.to_owned())),
            None => Ok(Address::Postgres(url.to_owned())),
        }
    }
}

/// Also `prefer` asks: going plain where the server can do better would be a silent answer.
fn asks_for_tls(parameter: &str) -> bool {
    parameter.starts_with("ssl") && parameter != "sslmode=disable"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file_or_a_server() {
        let sqlite = |path: &str| Address::Sqlite(PathBuf::from(path));
        assert_eq!(Address::parse("sqlite://data/causerie.db").unwrap(), sqlite("data/causerie.db"));
        assert_eq!(Address::parse("sqlite:///var/lib/a b?.db").unwrap(), sqlite("/var/lib/a b?.db"));
        for url in ["postgres://me:secret@host/name", "postgresql://host/name?sslmode=disable&a=b"] {
            assert_eq!(Address::parse(url).unwrap(), Address::Postgres(url.to_owned()));
        }
    }

    #[test]
    fn an_address_that_cannot_be_served_is_refused_with_its_reason_and_without_its_password() {
        let refusal = |url: &str| Address::parse(url).unwrap_err().to_string();
        assert!(refusal("mysql://host/name").contains("neither"));
        assert!(refusal("sqlite://").contains("names no file"));
        assert!(refusal("sqlite://:memory:").contains("names no file"));
        for mode in ["prefer", "require", "verify-full"] {
            let refusal = refusal(&format!("postgres://me:hunter2@host/name?sslmode={mode}"));
            assert!(refusal.contains("TLS") && refusal.contains(mode), "{refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        assert!(refusal("postgres://host/name?a=b&sslrootcert=x").contains("TLS"));
    }
}
