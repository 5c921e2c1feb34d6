//! Parsers of the values of settings. The error of a parser describes the expected value.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::Uri;
use actix_web::http::uri::Authority;
use causerie_domain::Secret;
use causerie_openrouter::{is_base_url, is_proxy_url};

/// Parses a whole number within a range and its type.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Parses a whole number from 1 to a maximum.
pub(crate) fn positive(max: u32) -> impl Fn(&str) -> Result<NonZeroU32, String> + Clone + Send + Sync {
    let read = whole::<u32>(1..=max.into());
    move |text| read(text).and_then(|number| NonZeroU32::new(number).ok_or_else(|| "not zero".to_owned()))
}

/// Parses a duration in whole milliseconds, from 1 millisecond to 1 day.
pub(crate) fn milliseconds(text: &str) -> Result<Duration, String> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    whole(1..=DAY)(text).map(Duration::from_millis).map_err(|expected| format!("{expected} milliseconds"))
}

/// Parses a duration such as `90d`, `12h`, `30m` or `45s`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let expected = || "a number of days, hours, minutes or seconds, such as 90d or 12h".to_owned();
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let seconds = match unit {
        'd' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        's' => 1,
        _ => return Err(expected()),
    };
    let count: u64 = text.strip_suffix(unit).and_then(|count| count.parse().ok()).ok_or_else(expected)?;
    match count.checked_mul(seconds) {
        Some(total @ 1..=MAX_SPAN_SECONDS) => Ok(Duration::from_secs(total)),
        _ => Err(expected()),
    }
}

/// A hundred years; a longer duration is a typing error.
const MAX_SPAN_SECONDS: u64 = 100 * 366 * 24 * 60 * 60;

/// Parses `true` or `false`.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "true or false".to_owned())
}

/// Parses an IP address and a port. Port 0 lets the system choose one.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// Parses a path without NUL characters.
pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    if text.contains('\0') { Err("a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// Parses the base address of an HTTP API without credentials, query and fragment, and removes slashes at its end.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let expected = || "an http:// or https:// address without user, query and fragment".to_owned();
    let uri: Uri = text.parse().map_err(|_| expected())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.query().is_none() && !text.contains('#');
    let anonymous = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let is_usable = is_base_url(text) && uri.authority().is_some_and(has_valid_port);
    if known && bare && anonymous && is_usable {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(expected())
    }
}

/// Returns whether an authority has no port or a valid one. [`Uri`] accepts any text there.
pub(crate) fn has_valid_port(authority: &Authority) -> bool {
    let host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    match host.strip_prefix(authority.host()).map(|port| port.strip_prefix(':')) {
        Some(None) => host == authority.host(),
        Some(Some(port)) => port.parse().is_ok_and(|number: NonZeroU16| number.to_string() == port),
        None => false,
    }
}

/// Parses a secret that is valid in a header: printable ASCII without blanks.
pub(crate) fn secret(text: &str) -> Result<Secret, String> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err("printable ASCII without blanks and line breaks".to_owned())
    }
}

/// Parses the address of a proxy, which may contain a user and a password. A path or options would be ignored, so they
/// are refused.
pub(crate) fn proxy_url(text: &str) -> Result<Secret, String> {
    let uri: Option<Uri> = text.parse().ok();
    let is_proxy = uri.is_some_and(|uri| {
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_valid = is_proxy_url(text) && uri.authority().is_some_and(has_valid_port);
        known && uri.path() == "/" && uri.query().is_none() && !text.contains('#') && is_valid
    });
    let expected = || {
        "the http:// or https:// address of a proxy, percent-encoded, without path, query and fragment"
            .to_owned()
    };
    is_proxy.then(|| Secret::new(text)).ok_or_else(expected)
}

/// Parses a name of at most 100 characters that is valid in a header.
pub(crate) fn title(text: &str) -> Result<String, String> {
    if text.len() <= 100 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(text.to_owned())
    } else {
        Err("at most 100 printable ASCII characters".to_owned())
    }
}

/// Parses the id of a model: at most 200 printable ASCII characters without blanks.
pub(crate) fn model(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("the id of a model, such as openrouter/auto".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_in_their_range() {
        let read = whole::<u32>(0..=10);
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("10"), Ok(10));
        for wrong in ["", "11", "-1", "1.5", "1e3", " 1", "many"] {
            assert_eq!(read(wrong), Err("a whole number from 0 to 10".to_owned()), "{wrong:?}");
        }
        assert!(whole::<u8>(0..=1000)("256").is_err(), "a number that the type cannot hold is refused");
    }

    #[test]
    fn spans_name_their_unit() {
        assert_eq!(span("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(span("12h"), Ok(Duration::from_secs(43_200)));
        assert_eq!(span("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(span("5s"), Ok(Duration::from_secs(5)));
        for wrong in ["", "d", "0d", "5", "5w", "-1d", "1dd", "1é", "99999999999999999999d", "40000d"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_base_address_has_no_credentials_and_no_end() {
        assert_eq!(base_url("https://openrouter.ai/api/v1/"), Ok("https://openrouter.ai/api/v1".to_owned()));
        assert_eq!(base_url("http://127.0.0.1:9000"), Ok("http://127.0.0.1:9000".to_owned()));
        for wrong in [
            "",
            "openrouter.ai",
            "ftp://host/",
            "https://key@host/",
            "http://host/?a=b",
            "http://host/#a",
            "/v1",
            "http://host:bad",
            "http://host:",
            "http://host:0",
            "http://host:65536",
            "http://1.2.3.999",
            "http://[::1]x",
        ] {
            assert!(base_url(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_address_of_a_proxy_has_nothing_that_would_be_ignored() {
        for right in ["http://proxy:8080", "https://me:hunter2@proxy.example/", "http://[::1]:3128"] {
            assert_eq!(proxy_url(right).map(|url| url.expose().to_owned()), Ok(right.to_owned()));
        }
        for wrong in [
            "",
            "proxy:8080",
            "socks5://proxy",
            "http://",
            "http://proxy/path",
            "http://proxy?mode=tunnel",
            "http://proxy/#a",
            "http://me:hunter#2@proxy",
            "http://me:hunter2@127.0.0.1:bad",
            "http://me:hunter2@proxy:99999",
            "http://me:hunter2@proxy:",
            "http://me:hunter2%zz@proxy",
            "http://me:hunter2@1.2.3.999",
        ] {
            assert!(proxy_url(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_one_word_and_never_printed() {
        let secret = secret("sk-or-v1-0123").unwrap();
        assert_eq!(secret.expose(), "sk-or-v1-0123");
        assert!(!format!("{secret} {secret:?}").contains("0123"));
        for wrong in ["two words", "line\n", "schlüssel"] {
            assert!(super::secret(wrong).is_err(), "{wrong:?}");
        }
    }
}
