//! The options of TLS in a PostgreSQL address, with the meaning that libpq gives them.

use std::path::PathBuf;

use super::AddressError;
use super::percent::decode_text;

/// Value of `sslrootcert` for the certificate authorities of the system.
const SYSTEM: &str = "system";

/// The use of TLS for connections to PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: TlsMode,
    /// Certificate authorities that the certificate of the server is verified with.
    pub(crate) roots: Roots,
    /// Certificate that is presented to the server, if it asks for one.
    pub(crate) client: Option<ClientCertificate>,
    /// Whether the handshake begins without a request for it (PostgreSQL 17).
    pub(crate) direct: bool,
}

/// The option `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    /// TLS if the server accepts it, otherwise none.
    Prefer,
    Require,
    /// TLS, and a certificate of a trusted authority.
    VerifyCa,
    /// TLS, and a certificate of a trusted authority for the name of the server.
    VerifyFull,
}

/// The option `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// No certificate is verified.
    None,
    System,
    File(PathBuf),
}

/// The options `sslcert` and `sslkey`: paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }

    fn parse(value: &str) -> Result<Self, AddressError> {
        use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};

        let known = [Disable, Prefer, Require, VerifyCa, VerifyFull];
        known.into_iter().find(|mode| mode.name() == value).ok_or(AddressError::Option {
            name: "sslmode",
            problem: "must be disable, prefer, require, verify-ca or verify-full",
        })
    }
}

/// The options of an address as they are written.
#[derive(Debug, Default)]
pub(super) struct Parts {
    mode: Option<TlsMode>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    direct: bool,
}

impl Parts {
    /// Reads an option. Returns whether the connection has to read it, too.
    ///
    /// # Errors
    /// The value is invalid.
    pub(super) fn read(&mut self, name: &str, value: &str) -> Result<bool, AddressError> {
        let path = || decode_text(value).map(|path| Some(path).filter(|path| !path.is_empty()));
        match name {
            "sslmode" | "ssl" if self.mode.is_some() => {
                return Err(AddressError::RepeatedOption("sslmode".to_owned()));
            }
            "sslmode" => self.mode = Some(TlsMode::parse(&decode_text(value)?)?),
            // As JDBC writes it.
            "ssl" => match value {
                "true" => self.mode = Some(TlsMode::Require),
                _ => return Err(AddressError::Option { name: "ssl", problem: "must be true: use sslmode" }),
            },
            "sslrootcert" => self.root = path()?,
            "sslcert" => self.certificate = path()?,
            "sslkey" => self.key = path()?,
            "sslnegotiation" => {
                self.direct = value == "direct";
                return Ok(true);
            }
            _ => return Ok(true),
        }
        Ok(false)
    }

    /// Combines the options.
    ///
    /// # Errors
    /// Two of them exclude each other, or one lacks another.
    pub(super) fn finish(self) -> Result<TlsOptions, AddressError> {
        let invalid = |name, problem| Err(AddressError::Option { name, problem });
        let from_system = self.root.as_deref() == Some(SYSTEM);
        let mode = self.mode.unwrap_or(if from_system { TlsMode::VerifyFull } else { TlsMode::Prefer });
        if mode == TlsMode::Disable {
            let given = [("sslrootcert", &self.root), ("sslcert", &self.certificate), ("sslkey", &self.key)];
            if let Some((name, _)) = given.into_iter().find(|(_, path)| path.is_some()) {
                return invalid(name, "has no effect with sslmode=disable: remove one of them");
            }
        }
        let roots = match self.root {
            // An attacker can get a certificate of an authority that systems trust, but not for the name of the server.
            Some(_) if from_system && mode != TlsMode::VerifyFull => {
                return invalid("sslmode", "must be verify-full with sslrootcert=system");
            }
            Some(_) if from_system => Roots::System,
            Some(path) => Roots::File(PathBuf::from(path)),
            None if mode == TlsMode::VerifyFull => Roots::System,
            None if mode == TlsMode::VerifyCa => {
                return invalid("sslmode", "needs sslrootcert=FILE if it is verify-ca");
            }
            None => Roots::None,
        };
        let client = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => {
                Some(ClientCertificate { certificate: certificate.into(), key: key.into() })
            }
            (Some(_), None) => return invalid("sslcert", "needs sslkey=FILE"),
            (None, Some(_)) => return invalid("sslkey", "needs sslcert=FILE"),
            (None, None) => None,
        };
        if self.direct && matches!(mode, TlsMode::Disable | TlsMode::Prefer) {
            return invalid("sslnegotiation", "must be postgres unless sslmode requires TLS");
        }
        Ok(TlsOptions { mode, roots, client, direct: self.direct })
    }
}
