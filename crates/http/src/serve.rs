//! The HTTP server: workers on one listener, with options for streams.

use std::any::Any;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer};

use crate::app::configure;
use crate::state::AppState;

/// Serves the application on a listener, until the returned server is stopped through its handle.
///
/// It handles no signals: the caller stops other parts of the process as well.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(listener: TcpListener, state: AppState) -> std::io::Result<Server> {
    let settings = state.settings().clone();
    let write_timeout = settings.streams.write_timeout;
    let server = HttpServer::new(move || {
        let state = state.clone();
        App::new().configure(move |app| configure(app, state))
    })
    .workers(settings.workers)
    // The head of a stream and its first frame are two writes. With Nagle's algorithm the second waits 40 ms for an
    // acknowledgement.
    .tcp_nodelay(true)
    // A half-closed connection counts as closed. Otherwise a disconnect is detected only at the second write after it.
    .h1_allow_half_closed(false)
    // Longer than clients and proxies keep idle connections: a client that reuses a connection while it is closed
    // cannot determine whether the request was processed.
    .keep_alive(settings.idle_timeout)
    // The first request has the same limit: under load it can wait for its worker.
    .client_request_timeout(settings.idle_timeout)
    .on_connect(move |connection, _| set_write_timeout(connection, write_timeout))
    .shutdown_timeout(settings.shutdown_timeout.as_secs())
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Sets the time after which the kernel closes a connection whose peer acknowledges no data. The response body cannot
/// do this: while the server waits for the socket, it does not poll the body.
fn set_write_timeout(connection: &dyn Any, write_timeout: Duration) {
    #[cfg(target_os = "linux")]
    if let Some(connection) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = socket2::SockRef::from(connection).set_tcp_user_timeout(Some(write_timeout))
    {
        tracing::debug!(%error, "setting TCP_USER_TIMEOUT failed");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (connection.downcast_ref::<TcpStream>(), write_timeout);
}
