//! A relay between `causerie` and PostgreSQL that counts round trips and makes each of them longer.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Bytes that are relayed at once.
const BUFFER: usize = 64 * 1024;

/// A running relay. Dropping it closes its connections.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    trips: Arc<AtomicU64>,
    _end: DropGuard,
}

impl Relay {
    /// Starts a thread that relays connections to a database. The first bytes of each answer wait for `delay`.
    pub(crate) fn start(database: String, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the relay cannot listen")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (trips, end) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (counter, ended) = (Arc::clone(&trips), end.clone());
        std::thread::Builder::new().name("relay".into()).spawn(move || {
            runtime.block_on(ended.run_until_cancelled(serve(listener, database, delay, counter)))
        })?;
        Ok(Relay { address, trips, _end: end.drop_guard() })
    }

    /// Returns the number of round trips of all connections so far.
    ///
    /// A round trip begins with the first bytes to the database after an answer, so statements that are sent together
    /// are one.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }
}

/// Relays connections until it is dropped.
async fn serve(
    listener: TcpListener,
    database: String,
    delay: Duration,
    trips: Arc<AtomicU64>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = TaskTracker::new();
    loop {
        let (client, _) = listener.accept().await?;
        let (database, trips) = (database.clone(), Arc::clone(&trips));
        connections.spawn(async move {
            let server = TcpStream::connect(database).await?;
            relay(client, server, delay, &trips).await
        });
    }
}

/// Relays a connection until one side closes it.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    delay: Duration,
    trips: &AtomicU64,
) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut request, mut answer) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut is_waiting = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                if !std::mem::replace(&mut is_waiting, true) {
                    trips.fetch_add(1, Ordering::Relaxed);
                }
                server.write_all(&request[..length]).await?;
            }
            read = server.read(&mut answer) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                if std::mem::take(&mut is_waiting) && !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                client.write_all(&answer[..length]).await?;
            }
        }
    }
}
