//! The server: workers around one listener, with the options that streams need.

use std::any::Any;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer};

use crate::routes::configure;
use crate::state::AppState;

/// Serves the application on a listener, until the returned server is stopped through its handle.
///
/// Signals are left to the caller, who has more to end than this server.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve(listener: TcpListener, state: AppState) -> std::io::Result<Server> {
    let settings = state.settings().clone();
    let stall = settings.stall;
    let server = HttpServer::new(move || {
        let state = state.clone();
        App::new().configure(move |app| configure(app, state))
    })
    .workers(settings.workers)
    // The head of a stream and its first frame are two writes: unsent, the second waits 40 ms for an
    // acknowledgement.
    .tcp_nodelay(true)
    // A client that closed its side is gone. Otherwise nobody would notice before the second write after it.
    .h1_allow_half_closed(false)
    // Longer than clients and proxies keep a connection in reserve: whoever reuses one that is just being closed
    // cannot know whether the request was taken.
    .keep_alive(settings.idle_connection)
    // A first request gets as long: where many come at once, one that waits for its worker is not late.
    .client_request_timeout(settings.idle_connection)
    .on_connect(move |connection, _| cut_when_stuck(connection, stall))
    .shutdown_timeout(settings.shutdown_timeout.as_secs())
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Lets the kernel close a connection whose peer has taken nothing for so long. A body that is not asked for
/// more cannot do it: the server waits for the socket and polls nothing else of that connection.
fn cut_when_stuck(connection: &dyn Any, stall: Duration) {
    #[cfg(target_os = "linux")]
    if let Some(connection) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = socket2::SockRef::from(connection).set_tcp_user_timeout(Some(stall))
    {
        tracing::debug!(%error, "a connection takes no time limit");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (connection.downcast_ref::<TcpStream>(), stall);
}
