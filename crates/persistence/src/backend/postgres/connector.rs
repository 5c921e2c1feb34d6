//! Connections to PostgreSQL: the only place that opens them.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use tokio::task::spawn_blocking;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::TlsSource;
use crate::address::{AddressError, PostgresAddress, Roots, TlsMode};

/// Time after which an idle connection sends a sign of life. The pool uses the connection first that was returned last, so
/// others can be idle for long, and a firewall would forget them.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Opens connections to one database.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    config: Arc<Config>,
    tls: Arc<TlsSource>,
}

impl Connector {
    /// Creates a connector. It connects to nothing yet.
    ///
    /// # Errors
    /// A file of certificates cannot be used.
    pub(crate) fn new(address: PostgresAddress) -> Result<Self, AddressError> {
        let tls = TlsSource::new(address.tls)?;
        let mut config = address.config;
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(KEEPALIVE);
        }
        Ok(Connector { config: Arc::new(config), tls: Arc::new(tls) })
    }

    /// Opens a connection. A task of the current tokio runtime drives it.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the connection, or has no certificate that the address accepts. The
    /// message names the options of TLS if they are the cause, and never the password.
    pub(crate) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let source = Arc::clone(&self.tls);
        let read = spawn_blocking(move || source.config()).await;
        let config = read.map_err(|error| bad(&error))?.map_err(|error| bad(&error))?;
        let Some(config) = config else { return connect_plain(&self.config).await };
        match self.config.connect(MakeRustlsConnect::new(config)).await {
            Ok((client, connection)) => {
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            Err(error) if self.tls.options().mode == TlsMode::Prefer && refuses_tls(&error) => {
                tracing::debug!(cause = chain(&error), "connecting without TLS, since sslmode is prefer");
                let mut config = self.config.as_ref().clone();
                connect_plain(config.ssl_mode(SslMode::Disable)).await
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Converts the error of a connection. A failed handshake names the options that decide on it.
    fn failure(&self, error: &Error) -> ConnectionError {
        // The error has no public kind; the library's own refusals, such as that of a server without TLS, are texts.
        if !is_handshake(error) && !error.to_string().contains("TLS") {
            return bad(error);
        }
        let roots = match &self.tls.options().roots {
            Roots::None => String::new(),
            Roots::System => ", sslrootcert=system".to_owned(),
            Roots::File(path) => format!(", sslrootcert={}", path.display()),
        };
        let mode = self.tls.options().mode.name();
        ConnectionError::BadConnection(format!("{} (sslmode={mode}{roots})", chain(error)))
    }
}

async fn connect_plain(config: &Config) -> ConnectionResult<AsyncPgConnection> {
    let (client, connection) = config.connect(NoTls).await.map_err(|error| bad(&error))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// Returns whether the handshake failed, or the server has no entry for encrypted connections of this user and address.
fn refuses_tls(error: &Error) -> bool {
    is_handshake(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

fn is_handshake(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.and_then(io::Error::get_ref).is_some_and(|cause| cause.is::<rustls::Error>())
}

fn bad(error: &(dyn StdError + 'static)) -> ConnectionError {
    ConnectionError::BadConnection(chain(error))
}

/// Returns the messages of an error and its causes. A message that ends with its cause is not repeated.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
