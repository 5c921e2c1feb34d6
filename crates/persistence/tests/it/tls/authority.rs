//! A certificate authority, and files of certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use causerie_testkit::anyhow::Result;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

/// A certificate authority of a test.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(super) struct Certified {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Ok(Authority(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Issues the certificate of a server.
    pub(super) fn server(&self, name: &str) -> Result<Certified> {
        self.issue(CertificateParams::new(vec![name.to_owned()])?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Issues the certificate of a server whose period of validity is over.
    pub(super) fn expired_server(&self, name: &str) -> Result<Certified> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Issues the certificate of a client.
    pub(super) fn client(&self, name: &str) -> Result<Certified> {
        self.issue(CertificateParams::new(vec![name.to_owned()])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Returns the authority's own certificate.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Writes the authority's own certificate to a file.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, self.0.pem())?)
    }

    fn issue(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Result<Certified> {
        params.extended_key_usages.push(purpose);
        let key = KeyPair::generate()?;
        Ok(Certified { certificate: params.signed_by(&key, &self.0)?, key })
    }
}

impl Certified {
    /// Writes the certificate and the key to files of a folder, and returns their paths.
    pub(super) fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, self.certificate.pem())?;
        fs::write(&key, self.key.serialize_pem())?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        Ok((certificate, key))
    }
}
