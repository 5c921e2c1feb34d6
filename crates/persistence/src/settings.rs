//! Settings for opening a store.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::Secret;

/// Address and limits of a store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite://PATH`, with the path not decoded, or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    pub url: Secret,
    /// Maximum number of connections to PostgreSQL.
    pub connections: u32,
    /// Maximum wait of a transaction for a connection or thread.
    pub wait_timeout: Duration,
    /// Maximum duration of a statement on PostgreSQL; half of it for a lock.
    pub statement_timeout: Duration,
    /// Maximum wait for another process that has locked the SQLite file.
    pub busy_timeout: Duration,
    /// Number of SQLite reader threads, in addition to the writer thread.
    pub readers: u32,
}

impl StoreSettings {
    /// Settings for a store at a URL, with defaults for the rest.
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

/// The error of opening a store. No message contains a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has neither of the two schemes.
    #[error("the database address begins neither with sqlite:// nor with postgres://")]
    UnknownScheme,
    /// The URL has no path of a file.
    #[error("the database address names no file: give a path after sqlite://")]
    NotAFile,
    /// The URL has a parameter that requires TLS.
    #[error(
        "connections to PostgreSQL with TLS are not supported yet: {0} in the database address asks for one"
    )]
    TlsUnsupported(String),
    /// The settings allow no connection or no reader thread.
    #[error("a store needs at least one {0}")]
    TooFew(&'static str),
    /// There is no current tokio runtime.
    #[error("a store must be opened within a tokio runtime, which drives its connections")]
    NoRuntime,
    /// The file cannot be created or opened.
    #[error("the database file {} cannot be opened", path.display())]
    File {
        /// Path of the database file.
        path: PathBuf,
        /// Error of the file system or of SQLite.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection pool cannot be built.
    #[error("the connection pool cannot be built")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A parsed database URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Path of a SQLite file.
    Sqlite(PathBuf),
    /// URL of a PostgreSQL database.
    Postgres(String),
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            // Each connection would open its own in-memory database.
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
            Some(parameter) => Err(OpenError::TlsUnsupported(printable(parameter).to_owned())),
            None => Ok(Address::Postgres(url.to_owned())),
        }
    }
}

/// Whether a parameter requires TLS. `prefer` counts: an unencrypted connection would be a silent downgrade.
fn asks_for_tls(parameter: &str) -> bool {
    parameter.starts_with("ssl") && parameter != "sslmode=disable"
}

/// Returns the part of a parameter that an error may show: `sslpassword` is a secret.
fn printable(parameter: &str) -> &str {
    match parameter.split_once('=') {
        Some((name, _)) if name != "sslmode" => name,
        _ => parameter,
    }
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
        let secret = refusal("postgres://host/name?sslpassword=hunter2");
        assert!(secret.contains("sslpassword") && !secret.contains("hunter2"), "{secret}");
    }
}
