//! The HTTP server: workers on one listener, with limits on connections and options for streams.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::ServerBuilder;
use actix_service::{ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;

use crate::app::configure;
use crate::connections::{ClientStream, ConnectionClock, ConnectionLimits};
use crate::settings::HttpSettings;
use crate::state::AppState;

/// Time that a connection may take to close after its last response.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of bytes of a connection that wait in the kernel without being sent. What the client has received or
/// has to acknowledge does not count.
///
/// Without it the kernel takes up to 4 MiB of the responses that a client does not read.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// Serves the application on a listener, until the returned server is stopped through its handle.
///
/// It handles no signals: the caller stops other parts of the process as well.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(listener: TcpListener, state: AppState) -> std::io::Result<Server> {
    let settings = state.settings().clone();
    let limits = ConnectionLimits::new(&settings);
    let builder = ServerBuilder::new()
        .workers(settings.workers)
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("causerie", listener, move || {
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // A half-closed connection counts as closed. Otherwise a disconnect is detected only at the second write
            // after it.
            .h1_allow_half_closed(false)
            // Longer than clients and proxies keep idle connections: a client that reuses a connection while it is
            // closed cannot determine whether the request was processed.
            .keep_alive(KeepAlive::Timeout(settings.idle_timeout))
            // The first request has the same limit: under load it can wait for its worker.
            .client_request_timeout(settings.idle_timeout)
            .client_disconnect_timeout(CLOSE_TIMEOUT)
            .on_connect_ext(|connection: &ClientStream, data| {
                data.insert::<Rc<ConnectionClock>>(connection.clock());
            });
        let state = state.clone();
        let app = App::new().configure(move |app| configure(app, state));
        // The configuration holds the address for URLs that the library generates; this application generates none.
        let http = http.finish(map_config(app, |()| AppConfig::default()));
        connections(Arc::clone(&limits), settings.clone())
            .and_then(http.map_err(|error| tracing::debug!(%error, "connection ended")))
    })?;
    Ok(server.run())
}

/// A client connection, as the HTTP library takes it.
type Accepted = (ClientStream, Protocol, Option<std::net::SocketAddr>);

/// Admits connections and starts their clocks. A connection beyond a limit is closed.
fn connections(
    limits: Arc<ConnectionLimits>,
    settings: HttpSettings,
) -> impl ServiceFactory<TcpStream, Config = (), Response = Accepted, Error = (), InitError = ()> {
    fn_service(move |connection: TcpStream| {
        let peer = connection.peer_addr().ok();
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let permit = limits.admit(address).ok_or(());
        let write_timeout = settings.streams.write_timeout;
        let idle_timeout = settings.idle_timeout;
        std::future::ready(permit.map(|permit| {
            set_options(&connection, write_timeout);
            let stream = ClientStream::new(connection, idle_timeout, write_timeout, permit);
            (stream, Protocol::Http1, peer)
        }))
    })
}

/// Sets the options of a connection. A failure affects only its delays.
fn set_options(connection: &TcpStream, write_timeout: Duration) {
    // The head of a stream and its first frame are two writes. With Nagle's algorithm the second waits 40 ms for an
    // acknowledgement.
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY failed");
    }
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(connection);
        // The time after which the kernel closes a connection whose peer acknowledges no data, also while nothing is
        // written.
        if let Err(error) = socket.set_tcp_user_timeout(Some(write_timeout)) {
            tracing::debug!(%error, "setting TCP_USER_TIMEOUT failed");
        }
        if let Err(error) = socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES) {
            tracing::debug!(%error, "setting TCP_NOTSENT_LOWAT failed");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = write_timeout;
}
