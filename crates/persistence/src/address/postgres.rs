//! The address of a PostgreSQL database.

use std::error::Error as _;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::percent::{decode, decode_text};
use super::tls::Parts;
use super::{AddressError, TlsMode, TlsOptions, shown_name};

/// A PostgreSQL server, the database there, and how to connect.
#[derive(Debug)]
pub(crate) struct PostgresAddress {
    /// It has the password.
    pub(crate) config: Config,
    pub(crate) tls: TlsOptions,
}

impl PostgresAddress {
    /// Parses an address. The options of TLS are read here, and all others by `tokio_postgres`, which refuses unknown
    /// ones.
    pub(super) fn parse(url: &str) -> Result<Self, AddressError> {
        // The connection takes a part that cannot be decoded as it is.
        decode(url)?;
        let (address, options) = split_options(url)?;
        let mut parts = Parts::default();
        let mut others = String::new();
        let mut names: Vec<String> = named_parts(address).into_iter().map(str::to_owned).collect();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = decode_text(name)?;
            if names.contains(&name) {
                return Err(AddressError::RepeatedOption(shown_name(&name)));
            }
            names.push(name.clone());
            if parts.read(&name, value)? {
                others.push(if others.is_empty() { '?' } else { '&' });
                others.push_str(option);
            }
        }
        let mut tls = parts.finish()?;
        let mut config: Config = format!("{address}{others}").parse().map_err(refusal)?;
        if config.get_hosts().is_empty() {
            // The certificate is verified for the name of a host, which may be an address.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        // PostgreSQL has no TLS on sockets of the file system.
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        if is_local && !config.get_hosts().is_empty() {
            tls.mode = TlsMode::Disable;
        }
        config.ssl_mode(match tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        Ok(PostgresAddress { config, tls })
    }
}

/// Splits an address into the part before the options, and the options.
///
/// # Errors
/// A user name or password has a character that ends it, so a part of it would be read as a host, name or option.
fn split_options(url: &str) -> Result<(&str, &str), AddressError> {
    let Some((credentials, rest)) = url.split_once('@') else {
        return Ok(url.split_once('?').unwrap_or((url, "")));
    };
    if rest.contains('@') {
        return Err(AddressError::Encoding(
            "more than one @: in a user name, password or option it is written %40",
        ));
    }
    if credentials.contains('?') {
        return Err(AddressError::Encoding(
            "a ? before an @: in a user name or password it is written %3F, and an @ in an option %40",
        ));
    }
    let start = url.len() - rest.len();
    let end = rest.find('?').map_or(url.len(), |question| start + question);
    Ok((&url[..end], url[end..].trim_start_matches('?')))
}

/// Returns the names of the options that repeat a part of an address without options.
fn named_parts(address: &str) -> Vec<&'static str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (credentials, rest) = rest.split_once('@').unwrap_or(("", rest));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let database = rest.split_once('/').map_or("", |(_, database)| database);
    let parts = [("user", user), ("password", password), ("dbname", database)];
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(name, _)| name).collect()
}

/// Converts the error of an invalid option. Its cause names the option and no value.
fn refusal(error: tokio_postgres::Error) -> AddressError {
    AddressError::Postgres(error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{ClientCertificate, Roots};
    use super::*;

    #[track_caller]
    fn parse(url: &str) -> PostgresAddress {
        PostgresAddress::parse(url).unwrap()
    }

    #[track_caller]
    fn refusal(url: &str) -> String {
        let refusal = PostgresAddress::parse(url).unwrap_err().to_string();
        assert!(!refusal.contains("hunter2"), "{refusal}");
        refusal
    }

    #[test]
    fn the_options_of_tls_are_those_of_libpq() {
        let check = |options: &str, mode: TlsMode, roots: Roots| {
            let tls = parse(&format!("postgres://me:hunter2@host/name{options}")).tls;
            assert_eq!((tls.mode, tls.roots), (mode, roots), "{options}");
        };
        let file = || Roots::File(PathBuf::from("/a b.pem"));
        check("", TlsMode::Prefer, Roots::None);
        check("?sslmode=disable", TlsMode::Disable, Roots::None);
        check("?sslmode=prefer&connect_timeout=3", TlsMode::Prefer, Roots::None);
        check("?ssl=true", TlsMode::Require, Roots::None);
        check("?sslmode=require&sslrootcert=%2Fa%20b.pem", TlsMode::Require, file());
        check("?%73slmode=verify-ca&sslrootcert=/a b.pem", TlsMode::VerifyCa, file());
        check("?sslmode=verify%2Dfull", TlsMode::VerifyFull, Roots::System);
        check("?sslrootcert=system", TlsMode::VerifyFull, Roots::System);
        check("?sslmode=verify-full&sslrootcert=/a b.pem", TlsMode::VerifyFull, file());
        let client = parse("postgres://host/name?sslcert=a.pem&sslkey=b.pem").tls.client;
        let expected = ClientCertificate { certificate: "a.pem".into(), key: "b.pem".into() };
        assert_eq!(client, Some(expected));
    }

    #[test]
    fn options_that_do_not_fit_each_other_are_refused_by_name() {
        for (options, name) in [
            ("sslmode=hunter2", "sslmode"),
            ("sslmode=allow", "sslmode"),
            ("sslmode=", "sslmode"),
            ("ssl=hunter2", "option ssl "),
            ("sslmode=verify-ca", "sslrootcert"),
            ("sslmode=require&sslrootcert=system", "verify-full"),
            ("sslmode=disable&sslrootcert=system", "disable"),
            ("sslmode=disable&sslrootcert=/hunter2", "sslrootcert"),
            ("sslmode=disable&sslcert=/hunter2&sslkey=/hunter2", "sslcert"),
            ("sslcert=a", "sslkey"),
            ("sslkey=a", "sslcert"),
            ("sslnegotiation=direct", "sslnegotiation"),
            ("sslnegotiation=hunter2", "sslnegotiation"),
            ("sslrootcert=%zz", "%25"),
            ("application_name=%zz", "%25"),
            ("connect_timeout=%", "%25"),
            ("sslmode=require&sslmode=require", "option sslmode twice"),
            ("sslmode=disable&%73slmode=hunter2", "option sslmode twice"),
            ("sslmode=disable&ssl=true", "option sslmode twice"),
            ("ssl=true&sslmode=disable", "option sslmode twice"),
            ("connect_timeout=1&connect_timeout=2", "option connect_timeout twice"),
            ("sslrootcert=a&sslrootcert=b", "option sslrootcert twice"),
            ("user=hunter2", "option user twice"),
            ("password=hunter2", "option password twice"),
            ("dbname=hunter2", "option dbname twice"),
        ] {
            let refusal = refusal(&format!("postgres://me:hunter2@host/name?{options}"));
            assert!(refusal.contains(name), "{options}: {refusal}");
        }
    }

    #[test]
    fn unknown_and_invalid_options_are_refused_by_name_and_without_their_values() {
        for (options, name) in [
            ("sslpassword=hunter2", "sslpassword"),
            ("sslcrl=hunter2", "sslcrl"),
            ("mode=hunter2", "mode"),
            ("pgbouncer=true", "pgbouncer"),
            ("sslmode=require&a=b", "`a`"),
            ("port=hunter2", "port"),
            ("connect_timeout=hunter2", "connect_timeout"),
            ("channel_binding=hunter2", "channel_binding"),
            ("target_session_attrs=hunter2", "target_session_attrs"),
            ("application_name", "unterminated"),
        ] {
            let refusal = refusal(&format!("postgres://me:hunter2@host/name?{options}"));
            assert!(refusal.contains(name), "{options}: {refusal}");
        }
        assert!(refusal("postgres://me:hunter2@host:hunter2/name").contains("port"));
    }

    #[test]
    fn a_part_that_cannot_be_decoded_is_refused() {
        for url in ["postgres://me:hunter2%zz@host/name", "postgres://me%4@host/name", "postgres://me@host/%"]
        {
            assert!(refusal(url).contains("%25"), "{url}");
        }
        assert!(refusal("postgres://me:%00hunter2@host/name").contains("NUL"));
        let address = parse("postgres:///?user=me&password=hunter2&dbname=a&host=host");
        assert_eq!((address.config.get_user(), address.config.get_dbname()), (Some("me"), Some("a")));
    }

    #[test]
    fn a_password_is_never_read_as_another_part() {
        for url in [
            "postgres://me:@hunter2@host/name",
            "postgres://me:x@hunter2/@host/name",
            "postgres://me:x@?hunter2=@host/name",
            "postgres://me:?hunter2=1@host/name",
            "postgres://host/name?user=me@hunter2",
        ] {
            let refusal = refusal(url);
            assert!(refusal.contains("%40"), "{url}: {refusal}");
        }
        let address = parse("postgres://me%40x:a%3Fb/c@host/name?application_name=a%40b");
        assert_eq!(address.config.get_user(), Some("me@x"));
        assert_eq!(address.config.get_password(), Some(&b"a?b/c"[..]));
        assert_eq!(address.config.get_application_name(), Some("a@b"));
    }

    #[test]
    fn sockets_have_no_tls_and_addresses_have_a_name() {
        let socket = parse("postgres:///name?host=/var/run/postgresql&sslmode=verify-full");
        assert_eq!(socket.tls.mode, TlsMode::Disable);
        let address = parse("postgres:///name?hostaddr=10.0.0.1&sslmode=verify-full");
        assert_eq!(address.config.get_hosts(), [Host::Tcp("10.0.0.1".to_owned())]);
        assert_eq!(address.tls.mode, TlsMode::VerifyFull);
    }
}
