//! Settings of authentication, rate limits, trusted proxies and CORS.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use actix_web::http::Uri;
use causerie_http::AccessSettings;
use causerie_identity::{Algorithm, FetchLimits, is_secure_jwks_url};
use clap::Args;
use ipnet::IpNet;

use super::setting::{InvalidSettings, Setting, SettingError, SettingErrors, optional, setting};
use super::values::{has_valid_port, switch, whole};

/// Maximum of the rate limits: more than a process can serve, so a larger number is a typing error.
const MAX: u64 = 1_000_000;

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Messages per minute that each user may send, in bursts up to the same number; 0 disables the limit. A group of the
    /// user that sets another number overrides it. Each instance counts separately.
    #[arg(long, env = "CAUSERIE_SENDS_PER_MINUTE", value_name = "COUNT", default_value = "1200")]
    #[arg(value_parser = setting(whole::<u32>(0..=MAX)))]
    sends_per_minute: Setting<u32>,
    /// Sessions, forks, keys and other objects per minute that each user may create, in bursts up to the same number; 0
    /// disables the limit. Each 64 KiB of a copy count as one more. Each instance counts separately.
    #[arg(long, env = "CAUSERIE_CREATIONS_PER_MINUTE", value_name = "COUNT", default_value = "600")]
    #[arg(value_parser = setting(whole::<u32>(0..=MAX)))]
    creations_per_minute: Setting<u32>,
    /// Failed authentications allowed per minute and client address; 0 disables the limit. Further failures are
    /// answered with 429; valid credentials are accepted. Each instance counts separately.
    #[arg(long, env = "CAUSERIE_AUTH_FAILURES_PER_MINUTE", value_name = "COUNT", default_value = "600")]
    #[arg(value_parser = setting(whole::<u32>(0..=MAX)))]
    auth_failures_per_minute: Setting<u32>,
    /// Addresses or networks of proxies, separated by commas, whose X-Forwarded-For header is trusted
    /// [default: none].
    #[arg(long, env = "CAUSERIE_TRUSTED_PROXIES", value_name = "NETWORKS", default_value = "")]
    #[arg(hide_default_value = true, value_parser = setting(networks))]
    trusted_proxies: Setting<Vec<IpNet>>,
    /// Origins whose scripts may use the API (CORS), separated by commas, such as https://app.example.org
    /// [default: none].
    #[arg(long, env = "CAUSERIE_CORS_ORIGINS", value_name = "ORIGINS", default_value = "")]
    #[arg(hide_default_value = true, value_parser = setting(origins))]
    cors_origins: Setting<Vec<String>>,
    /// Disable authentication: requests without a credential act as the first admin. Startup fails unless the listen
    /// address is a loopback address and --cors-origins is empty.
    #[arg(long, env = "CAUSERIE_INSECURE_NO_AUTH", value_name = "BOOL", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = setting(switch))]
    insecure_no_auth: Setting<bool>,
    /// Issuer of accepted tokens (JWT), exactly as in their `iss` claim [default: no token is accepted].
    #[arg(long, env = "CAUSERIE_JWT_ISSUER", value_name = "ISSUER", default_value = "")]
    #[arg(hide_default_value = true, value_parser = optional(word))]
    jwt_issuer: Setting<Option<String>>,
    /// Audience that tokens must have in their `aud` claim.
    #[arg(long, env = "CAUSERIE_JWT_AUDIENCE", value_name = "AUDIENCE", default_value = "")]
    #[arg(hide_default_value = true, value_parser = optional(word))]
    jwt_audience: Setting<Option<String>>,
    /// Address of the issuer's key set (JWKS): https, or http on a loopback address.
    #[arg(long, env = "CAUSERIE_JWT_JWKS_URL", value_name = "URL", default_value = "")]
    #[arg(hide_default_value = true, value_parser = optional(jwks_url))]
    jwt_jwks_url: Setting<Option<String>>,
    /// Accepted signature algorithms, separated by commas: EdDSA, ES256 and RS256.
    #[arg(long, env = "CAUSERIE_JWT_ALGORITHMS", value_name = "NAMES", default_value = "EdDSA,ES256,RS256")]
    #[arg(value_parser = setting(algorithms))]
    jwt_algorithms: Setting<Vec<Algorithm>>,
    /// Create a user for a valid token whose subject is unknown. If false, such a token is refused.
    #[arg(long, env = "CAUSERIE_JWT_PROVISION", value_name = "BOOL", default_value = "false")]
    #[arg(value_parser = setting(switch))]
    jwt_provision: Setting<bool>,
}

impl AccessArgs {
    pub(crate) fn read(
        self,
        errors: &mut SettingErrors,
    ) -> Option<(AccessSettings, Option<causerie_identity::Settings>)> {
        let sends_per_minute = errors.take(self.sends_per_minute);
        let creations_per_minute = errors.take(self.creations_per_minute);
        let failures_per_minute = errors.take(self.auth_failures_per_minute);
        let trusted_proxies = errors.take(self.trusted_proxies);
        let cors_origins = errors.take(self.cors_origins);
        let auth_disabled = errors.take(self.insecure_no_auth);
        let issuer = errors.take(self.jwt_issuer);
        let audience = errors.take(self.jwt_audience);
        let jwks_url = errors.take(self.jwt_jwks_url);
        let algorithms = errors.take(self.jwt_algorithms);
        let auto_provision = errors.take(self.jwt_provision);

        let tokens = match (issuer?, audience?, jwks_url?) {
            (None, None, None) => None,
            (Some(issuer), Some(audience), Some(jwks_url)) => Some(causerie_identity::Settings {
                issuer,
                audience,
                jwks_url,
                algorithms: algorithms?,
                limits: FetchLimits::default(),
            }),
            _ => {
                errors.add(SettingError::new(
                    "CAUSERIE_JWT_ISSUER (--jwt-issuer), CAUSERIE_JWT_AUDIENCE (--jwt-audience) and \
                     CAUSERIE_JWT_JWKS_URL (--jwt-jwks-url) must be given together, or none of them",
                ));
                return None;
            }
        };
        let access = AccessSettings {
            sends_per_minute: NonZeroU32::new(sends_per_minute?),
            creations_per_minute: NonZeroU32::new(creations_per_minute?),
            failures_per_minute: NonZeroU32::new(failures_per_minute?),
            trusted_proxies: trusted_proxies?,
            cors_origins: cors_origins?,
            auto_provision: auto_provision?,
            auth_disabled: auth_disabled?,
        };
        Some((access, tokens))
    }
}

/// Refuses disabled authentication unless the server is reachable from this machine only.
///
/// # Errors
/// The listen address is not a loopback address, or CORS origins are set.
pub(crate) fn check_auth_disabled(
    listen: SocketAddr,
    access: &AccessSettings,
) -> Result<(), InvalidSettings> {
    if !access.auth_disabled {
        return Ok(());
    }
    let mut errors = Vec::new();
    if !listen.ip().is_loopback() {
        errors.push(SettingError::new(format!(
            "CAUSERIE_INSECURE_NO_AUTH (--insecure-no-auth) works only with a loopback address in CAUSERIE_LISTEN \
             (--listen), not with {listen}"
        )));
    }
    if !access.cors_origins.is_empty() {
        errors.push(SettingError::new(
            "CAUSERIE_INSECURE_NO_AUTH (--insecure-no-auth) works only without CAUSERIE_CORS_ORIGINS \
             (--cors-origins)",
        ));
    }
    if errors.is_empty() { Ok(()) } else { Err(InvalidSettings(errors)) }
}

/// Parses the entries of a comma-separated list.
fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(read).collect()
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    list(text, |entry| {
        let network =
            entry.parse().or_else(|_| entry.parse().map(|address: std::net::IpAddr| address.into()));
        network.map_err(|_| "addresses or networks, such as 10.0.0.0/8 or 192.0.2.7".to_owned())
    })
}

/// Parses origins as browsers send them: without a path or a default port, in lower case.
fn origins(text: &str) -> Result<Vec<String>, String> {
    list(text, |entry| {
        let uri = entry.parse::<Uri>().ok();
        let written = uri.as_ref().and_then(|uri| {
            let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
            let is_default =
                matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
            let is_web = matches!(scheme, "http" | "https")
                && !authority.as_str().contains(['@', '%'])
                && has_valid_port(authority);
            (is_web && !is_default).then(|| format!("{scheme}://{authority}").to_ascii_lowercase())
        });
        match written {
            Some(origin) if origin == entry => Ok(origin),
            _ => Err("origins as browsers send them, such as https://app.example.org".to_owned()),
        }
    })
}

fn algorithms(text: &str) -> Result<Vec<Algorithm>, String> {
    let expected = || "at least one of EdDSA, ES256 and RS256".to_owned();
    let algorithms = list(text, |entry| entry.parse().map_err(|_| expected()))?;
    if algorithms.is_empty() { Err(expected()) } else { Ok(algorithms) }
}

fn jwks_url(text: &str) -> Result<String, String> {
    match is_secure_jwks_url(text) {
        true => Ok(text.to_owned()),
        false => Err("an https:// address, or an http:// address of this machine, without user and fragment"
            .to_owned()),
    }
}

fn word(text: &str) -> Result<String, String> {
    let is_word = text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { Ok(text.to_owned()) } else { Err("at most 255 printable ASCII characters".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        access: AccessArgs,
    }

    fn read(
        arguments: &[&str],
    ) -> Result<(AccessSettings, Option<causerie_identity::Settings>), InvalidSettings> {
        let line = Line::parse_from(std::iter::once(&"causerie").chain(arguments));
        let mut errors = SettingErrors::default();
        let read = line.access.read(&mut errors);
        errors.or(read)
    }

    #[test]
    fn an_unset_setting_has_the_default_of_the_http_crate() {
        assert_eq!(read(&[]), Ok((AccessSettings::default(), None)));
    }

    #[test]
    fn origins_are_exact() {
        let check = |given: &str, expected: Result<&[&str], ()>| {
            let expected = expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
            assert_eq!(origins(given).map_err(|_| ()), expected, "{given}");
        };
        check("", Ok(&[]));
        check(
            "https://a.example, http://localhost:3000",
            Ok(&["https://a.example", "http://localhost:3000"]),
        );
        for wrong in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example:443",
            "https://A.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://a.example:bad",
            "https://a.example:",
            "https://a.example:0",
            "https://a.example:08443",
            "https://a%2e.example",
        ] {
            check(wrong, Err(()));
        }
    }

    #[test]
    fn proxies_are_networks() {
        let both = networks("10.0.0.0/8, 192.0.2.7").unwrap();
        assert_eq!(both, ["10.0.0.0/8".parse().unwrap(), "192.0.2.7/32".parse().unwrap()]);
        assert!(networks("proxy.example").is_err());
    }

    #[test]
    fn the_settings_of_an_issuer_are_given_together() {
        let all = [
            "--jwt-issuer=https://id.example",
            "--jwt-audience=causerie",
            "--jwt-jwks-url=https://id.example/keys",
            "--jwt-algorithms=ES256",
        ];
        let (_, tokens) = read(&all).unwrap();
        let tokens = tokens.unwrap();
        assert_eq!(
            (tokens.issuer.as_str(), tokens.algorithms),
            ("https://id.example", vec![Algorithm::Es256])
        );
        for missing in 0..3 {
            let some: Vec<_> = (0..4).filter(|place| *place != missing).map(|place| all[place]).collect();
            assert!(read(&some).is_err(), "{some:?}");
        }
        for wrong in
            ["--jwt-jwks-url=http://id.example/keys", "--jwt-algorithms=HS256", "--jwt-algorithms=none"]
        {
            let name = wrong.split('=').next().unwrap();
            let others = all.into_iter().filter(|given| !given.starts_with(name));
            assert!(read(&others.chain([wrong]).collect::<Vec<_>>()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn authentication_can_be_disabled_on_a_loopback_address_only() {
        let check = |listen: &str, arguments: &[&str], expected: usize| {
            let (access, _) = read(arguments).unwrap();
            let errors = check_auth_disabled(listen.parse().unwrap(), &access)
                .map_or_else(|wrong| wrong.0.len(), |()| 0);
            assert_eq!(errors, expected, "{listen} {arguments:?}");
        };
        check("0.0.0.0:80", &[], 0);
        check("127.0.0.1:80", &["--insecure-no-auth"], 0);
        check("[::1]:80", &["--insecure-no-auth=true"], 0);
        check("0.0.0.0:80", &["--insecure-no-auth=false"], 0);
        check("0.0.0.0:80", &["--insecure-no-auth"], 1);
        check("192.0.2.7:80", &["--insecure-no-auth", "--cors-origins=https://a.example"], 2);
        check("127.0.0.1:80", &["--insecure-no-auth", "--cors-origins=https://a.example"], 1);
    }
}
