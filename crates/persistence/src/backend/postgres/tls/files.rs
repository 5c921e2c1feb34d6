//! Certificates and keys in PEM files, and the certificate authorities of the system.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::address::{AddressError, ClientCertificate};

/// Permissions that only the owner of a key may have.
const FOREIGN: u32 = 0o077;
/// The same for a key of root, which the group of the program may read.
const FOREIGN_OF_ROOT: u32 = 0o037;

/// Reads the certificate authorities of a file.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, AddressError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("sslrootcert", path)? {
        roots.add(certificate).map_err(|error| invalid("sslrootcert", path, error.to_string()))?;
    }
    Ok(roots)
}

/// Reads the certificate authorities of the system. Those that cannot be read are skipped.
///
/// # Errors
/// There are none.
pub(super) fn system_roots() -> Result<RootCertStore, AddressError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "reading certificate authorities of the system failed");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 { Err(AddressError::NoSystemRoots) } else { Ok(roots) }
}

/// Reads the chain of the client's certificate.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub(super) fn client_certificates(
    client: &ClientCertificate,
) -> Result<Vec<CertificateDer<'static>>, AddressError> {
    certificates("sslcert", &client.certificate)
}

/// Reads the key of the client's certificate.
///
/// # Errors
/// The file cannot be read, has no key, or others than its owner can read it.
pub(super) fn client_key(client: &ClientCertificate) -> Result<PrivateKeyDer<'static>, AddressError> {
    let path = &client.key;
    let metadata = fs::metadata(path).map_err(|error| unreadable("sslkey", path, &error))?;
    let foreign = if metadata.uid() == 0 { FOREIGN_OF_ROOT } else { FOREIGN };
    if metadata.is_file() && metadata.mode() & foreign != 0 {
        let problem =
            "can be read or written by other users: set its permissions to 0600, or 0640 if root owns it";
        return Err(invalid("sslkey", path, problem.to_owned()));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        PemError::NoItemsFound => {
            invalid("sslkey", path, "has no key in PEM form without a password".to_owned())
        }
        error => unreadable_pem("sslkey", path, &error),
    })
}

fn certificates(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, AddressError> {
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(invalid(name, path, "has no certificate in PEM form".to_owned()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable_pem(name, path, &error)),
    }
}

/// Converts an error of the PEM reader. Its own message may have a line of the file.
fn unreadable_pem(name: &'static str, path: &Path, error: &PemError) -> AddressError {
    match error {
        PemError::Io(error) => unreadable(name, path, error),
        _ => invalid(name, path, "is not in PEM form".to_owned()),
    }
}

fn unreadable(name: &'static str, path: &Path, error: &std::io::Error) -> AddressError {
    invalid(name, path, format!("cannot be read: {error}"))
}

fn invalid(name: &'static str, path: &Path, problem: String) -> AddressError {
    AddressError::File { name, path: path.to_owned(), problem }
}
