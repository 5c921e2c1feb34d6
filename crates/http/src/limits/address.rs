//! The client address of a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the client address: that of the peer, or if the peer is a trusted proxy, the last address in `X-Forwarded-For` that
/// is not a trusted proxy. The client itself can forge every earlier address.
///
/// An IPv6 address is reduced to its /64 network, since one subscriber has all addresses in it.
pub(crate) fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    let lines: Vec<_> = request.headers().get_all(FORWARDED_FOR).collect();
    let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    network(last_untrusted(peer, hops, trusted))
}

/// Returns the first address from the peer towards the client that is not a trusted proxy.
fn last_untrusted<'h>(peer: IpAddr, hops: impl Iterator<Item = &'h str>, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops {
        if !trusted.iter().any(|net| net.contains(&address)) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(before) => address = before.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// Returns an IPv4 address unchanged, and the /64 network of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn forwarded_addresses_are_used_up_to_the_first_untrusted_hop() {
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
            let request = TestRequest::default().peer_addr(peer.parse().unwrap());
            let request =
                forwarded.iter().fold(request, |all, line| all.append_header((FORWARDED_FOR, *line)));
            let address = client_address(&request.to_http_request(), &trusted);
            assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        };
        check("192.0.2.7:1", &[], "192.0.2.7");
        check("192.0.2.7:1", &["198.51.100.1"], "192.0.2.7");
        check("10.0.0.1:1", &[], "10.0.0.1");
        check("10.0.0.1:1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1:1", &["203.0.113.9, 198.51.100.1, 10.2.3.4"], "198.51.100.1");
        check("10.0.0.1:1", &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
        check("10.0.0.1:1", &["nonsense"], "10.0.0.1");
        check("[::ffff:10.0.0.1]:1", &["198.51.100.1"], "198.51.100.1");
        check("[2001:db8:1::5]:1", &["2001:db8:2:3:4:5:6:7"], "2001:db8:2:3::");
        check("[2001:db8:9:3:4:5:6:7]:1", &[], "2001:db8:9:3::");
    }
}
