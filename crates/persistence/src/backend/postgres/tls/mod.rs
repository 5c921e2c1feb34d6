//! TLS to PostgreSQL by rustls, with the verification that the options of the address require.

mod files;
mod verifier;

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};

use self::verifier::{ChainVerifier, NoVerifier};
use crate::address::{AddressError, Roots, TlsMode, TlsOptions};

/// Name of the protocol, which a direct handshake has to send.
const PROTOCOL: &[u8] = b"postgresql";

/// Source of the configuration of handshakes. Certificates in files are read again for each connection, so renewed
/// ones need no restart.
#[derive(Debug)]
pub(crate) struct TlsSource {
    options: TlsOptions,
    provider: Arc<CryptoProvider>,
    /// Certificate authorities of the system, if they are used.
    system: Option<Arc<RootCertStore>>,
}

impl TlsSource {
    /// Creates the source and checks the files.
    ///
    /// # Errors
    /// A file cannot be used, or the certificate authorities of the system are used and there are none.
    pub(crate) fn new(options: TlsOptions) -> Result<Self, AddressError> {
        let system = match options.roots {
            Roots::System if options.mode != TlsMode::Disable => Some(Arc::new(files::system_roots()?)),
            _ => None,
        };
        let source = TlsSource { options, provider: Arc::new(ring::default_provider()), system };
        source.config()?;
        Ok(source)
    }

    pub(crate) fn options(&self) -> &TlsOptions {
        &self.options
    }

    /// Reads the files and returns the configuration of a handshake; `None` if TLS is disabled.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(crate) fn config(&self) -> Result<Option<ClientConfig>, AddressError> {
        if self.options.mode == TlsMode::Disable {
            return Ok(None);
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| AddressError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier()?);
        let mut config = match &self.options.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (certificates, key) = (files::client_certificates(client)?, files::client_key(client)?);
                let configured = builder.with_client_auth_cert(certificates, key);
                configured.map_err(|error| AddressError::File {
                    name: "sslkey",
                    path: client.key.clone(),
                    problem: format!("does not fit the certificate of sslcert: {error}"),
                })?
            }
        };
        if self.options.direct {
            config.alpn_protocols.push(PROTOCOL.to_vec());
        }
        Ok(Some(config))
    }

    /// Returns the verifier of the server's certificate. As with libpq, a file of authorities is used in each mode.
    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, AddressError> {
        let algorithms = self.provider.signature_verification_algorithms;
        let roots = match (&self.options.roots, &self.system) {
            (Roots::File(path), _) => Arc::new(files::roots(path)?),
            (_, Some(system)) => Arc::clone(system),
            (_, None) => return Ok(Arc::new(NoVerifier(algorithms))),
        };
        if self.options.mode == TlsMode::VerifyFull {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider)).build();
            return Ok(verifier.map_err(|error| AddressError::Tls(error.to_string()))?);
        }
        Ok(Arc::new(ChainVerifier { roots, algorithms }))
    }
}
