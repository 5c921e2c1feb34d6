//! Requests from this machine: their host, their peer, and the headers by which a proxy is recognized.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Code, Problem};

/// Start of the headers that proxies add.
const FORWARDED: &str = "x-forwarded-";
/// Other headers that proxies and content delivery networks add.
const PROXY_HEADERS: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
    "fastly-client-ip",
    "true-client-ip",
];

/// Request of a program on this machine, without a proxy in between: peer and `Host` are loopback addresses, and no
/// header names another client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalRequest;

impl FromRequest for LocalRequest {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let headers = request.headers();
        let is_local = peer.is_some_and(|peer| IpAddr::is_loopback(&peer))
            && loopback_host(headers).is_some()
            && !headers.keys().any(|name| is_proxy_header(name.as_str()));
        ready(if is_local {
            Ok(LocalRequest)
        } else {
            Err(not_local("the request must come from this machine, without a proxy, to a loopback address"))
        })
    }
}

fn is_proxy_header(name: &str) -> bool {
    name.starts_with(FORWARDED) || PROXY_HEADERS.contains(&name)
}

/// Returns the host of a request if it names the loopback interface, with any port.
pub(crate) fn loopback_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().filter(|host| is_loopback(host)),
        _ => None,
    }
}

/// Creates the problem of a request that must come from this machine.
pub(crate) fn not_local(detail: &'static str) -> Problem {
    Problem::new(Code::Forbidden, detail).with("reason", "not_from_this_machine")
}

fn is_loopback(host: &str) -> bool {
    let uri = Uri::builder().scheme("http").authority(host).path_and_query("/").build();
    let host = uri.ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures_util::FutureExt as _;

    use super::*;

    fn is_accepted(peer: Option<&str>, headers: &[(&'static str, &str)]) -> bool {
        let request = headers.iter().fold(TestRequest::default(), |all, header| all.append_header(*header));
        let request = match peer {
            Some(peer) => request.peer_addr(peer.parse().unwrap()),
            None => request,
        };
        let request = request.to_http_request();
        LocalRequest::extract(&request).now_or_never().unwrap().is_ok()
    }

    #[test]
    fn peer_and_host_must_be_loopback_addresses() {
        for peer in ["127.0.0.1:9", "127.8.8.8:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]"] {
                assert!(is_accepted(Some(peer), &[("host", host)]), "{peer} {host}");
            }
            for host in [
                "causerie.example.org",
                "localhost.example.org",
                "127.0.0.1.nip.io",
                "localhost@evil.example",
            ] {
                assert!(!is_accepted(Some(peer), &[("host", host)]), "{peer} {host}");
            }
            assert!(!is_accepted(Some(peer), &[]), "{peer} without a host");
            assert!(!is_accepted(Some(peer), &[("host", "localhost"), ("host", "localhost")]), "two hosts");
        }
        for peer in [None, Some("192.0.2.7:9"), Some("10.0.0.1:9"), Some("[2001:db8::1]:9")] {
            assert!(!is_accepted(peer, &[("host", "localhost:8080")]), "{peer:?}");
        }
    }

    #[test]
    fn a_header_of_a_proxy_refuses_the_request() {
        let proxies = PROXY_HEADERS.into_iter().chain([
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-server",
        ]);
        for name in proxies {
            assert!(
                !is_accepted(Some("127.0.0.1:9"), &[("host", "localhost"), (name, "127.0.0.1")]),
                "{name}"
            );
        }
        assert!(is_accepted(Some("127.0.0.1:9"), &[("host", "localhost"), ("user-agent", "a browser")]));
    }
}
