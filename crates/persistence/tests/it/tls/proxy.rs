//! A PostgreSQL server with TLS: a proxy that ends TLS in front of the server of the tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use causerie_testkit::anyhow::{Context as _, Result};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::authority::{Authority, Certified};

/// Request of a client for TLS: its length and its code.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What the proxy does with connections.
pub(super) enum Behavior {
    /// It has no TLS.
    Plain,
    Tls(TlsAcceptor),
    /// It has TLS, and refuses the user on encrypted connections.
    TlsWithoutEntry(TlsAcceptor),
}

/// A running proxy. Dropping it ends it.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
    _ended: DropGuard,
}

#[derive(Default)]
struct Counts {
    encrypted: AtomicUsize,
    plain: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy in front of a server.
    pub(super) async fn start(server: (String, u16), behavior: Behavior) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::<Counts>::default();
        let (counted, ended) = (Arc::clone(&counts), CancellationToken::new());
        let accept = async move {
            let tasks = TaskTracker::new();
            let (behavior, server) = (Arc::new(behavior), Arc::new(server));
            while let Ok((stream, _)) = listener.accept().await {
                let (behavior, server, counts) =
                    (Arc::clone(&behavior), Arc::clone(&server), Arc::clone(&counted));
                // A client that leaves is no failure of the proxy.
                tasks.spawn(async move { serve(stream, &behavior, &server, &counts).await.ok() });
            }
        };
        TaskTracker::new().spawn(ended.clone().run_until_cancelled_owned(accept));
        Ok(Proxy { address, counts, _ended: ended.drop_guard() })
    }

    /// Returns the numbers of encrypted and plain connections that reached the server.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::Acquire);
        (count(&self.counts.encrypted), count(&self.counts.plain))
    }
}

/// Returns an acceptor with a certificate. With an authority, clients need a certificate of it.
pub(super) fn acceptor(certified: &Certified, clients: Option<&Authority>) -> Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.key.serialize_der()));
    let config = builder.with_single_cert(vec![certified.certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(
    mut stream: TcpStream,
    behavior: &Behavior,
    server: &(String, u16),
    counts: &Counts,
) -> Result<()> {
    let mut first = [0; 8];
    stream.read_exact(&mut first).await?;
    if first != TLS_REQUEST {
        counts.plain.fetch_add(1, Ordering::AcqRel);
        return forward(stream, server, &first).await;
    }
    match behavior {
        Behavior::Plain => {
            stream.write_all(b"N").await?;
            // A client that needs TLS leaves now.
            let mut length = [0; 4];
            stream.read_exact(&mut length).await?;
            counts.plain.fetch_add(1, Ordering::AcqRel);
            forward(stream, server, &length).await
        }
        Behavior::Tls(acceptor) => {
            stream.write_all(b"S").await?;
            let mut stream = acceptor.accept(stream).await?;
            // With TLS 1.3 the certificate of a client is refused after the client's part of the handshake.
            let mut length = [0; 4];
            stream.read_exact(&mut length).await?;
            counts.encrypted.fetch_add(1, Ordering::AcqRel);
            forward(stream, server, &length).await
        }
        Behavior::TlsWithoutEntry(acceptor) => {
            stream.write_all(b"S").await?;
            let mut stream = acceptor.accept(stream).await?;
            let fields = b"SFATAL\0VFATAL\0C28000\0Mno entry for encrypted connections\0\0";
            let length = u32::try_from(fields.len() + 4)?.to_be_bytes();
            stream.write_all(&[b"E", &length[..], fields].concat()).await?;
            stream.shutdown().await?;
            Ok(())
        }
    }
}

async fn forward(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    (host, port): &(String, u16),
    first: &[u8],
) -> Result<()> {
    let mut server = TcpStream::connect((host.as_str(), *port)).await.context("the server is away")?;
    server.write_all(first).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
