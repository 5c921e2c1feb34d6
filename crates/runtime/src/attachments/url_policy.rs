//! Whether an address may be given to others to fetch: over TLS, and on the public internet.
//!
//! Nobody here fetches it: the upstream's providers do, from networks of their own. So names are not resolved; what
//! is refused is what cannot be meant for them, in every way of writing it that a browser understands: `127.1`,
//! `0x7f000001`, `[::ffff:10.0.0.1]`, `localhost.` and the like.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Which hosts the addresses of attachments may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostPolicy {
    /// Public ones, over https.
    #[default]
    Public,
    /// Also private and local ones, those over plain http, too: for an installation that is its own internet.
    Any,
}

/// Says what is wrong with an address, if anything is.
pub(crate) fn mistake_in(address: &str, hosts: HostPolicy) -> Option<&'static str> {
    // A parser would drop or replace these, and another one not: the two must not see different addresses.
    if address.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Some("has characters that an address cannot have");
    }
    let Ok(url) = Url::parse(address) else { return Some("is no address") };
    let Some(host) = url.host() else { return Some("names no host") };
    if !url.username().is_empty() || url.password().is_some() || has_user(address) {
        return Some("must not name a user");
    }
    match (url.scheme(), is_public(&host), hosts) {
        ("https", true, _) | ("https" | "http", false, HostPolicy::Any) => None,
        ("https" | "http", false, HostPolicy::Public) => Some("names a private or local host"),
        _ => Some("must begin with https://"),
    }
}

/// An empty user leaves nothing behind in the parsed address.
fn has_user(address: &str) -> bool {
    let rest = address.split_once("//").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_public_v4(*address),
        Host::Ipv6(address) => is_public_v6(*address),
        Host::Domain(name) => is_public_name(name),
    }
}

/// Names of one word and names below these are somebody's own, and mean another machine in each network.
const OWN_DOMAINS: [&str; 11] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "corp",
    "home",
    "lan",
    "private",
    "test",
    "arpa",
];

fn is_public_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.rsplit_once('.') {
        Some((above, last)) => !above.is_empty() && !OWN_DOMAINS.contains(&last),
        None => false,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Only the global unicast block is public, less what in it is for documents or leads to another family's addresses.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_on_the_public_internet_are_taken() {
        for address in [
            "https://example.org/cat.png",
            "https://EXAMPLE.org:8443/a?b=c#d",
            "https://example.org./cat.png",
            "https://8.8.8.8/cat.png",
            "https://[2606:4700:4700::1111]/cat.png",
            "https://bücher.example/katze.png",
            "https://xn--bcher-kva.example/",
            "https://example.org/a@b",
            "https://notlocalhost.example.org/",
            "https://172.32.0.1/",
        ] {
            assert_eq!(mistake_in(address, HostPolicy::Public), None, "{address}");
        }
    }

    #[test]
    fn private_hosts_are_refused_however_they_are_written() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "cat.localhost",
            "localhost.localdomain",
            "ip6-localhost",
            "intranet",
            "printer.local",
            "metadata.google.internal",
            "metadata.google.internal.",
            "metadata",
            "router.home.arpa",
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "0177.1",
            "017700000001",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "0xa.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[fe80::1]",
            "[fec0::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2001::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "１２７.0.0.1",
            "127。0。0。1",
            "ⓛocalhost",
            "①②⑦.0.0.1",
        ] {
            let address = format!("https://{host}/cat.png");
            assert_eq!(
                mistake_in(&address, HostPolicy::Public),
                Some("names a private or local host"),
                "{address}"
            );
            assert_eq!(mistake_in(&address, HostPolicy::Any), None, "{address}");
        }
    }

    #[test]
    fn what_is_no_address_over_tls_is_refused() {
        for address in [
            "",
            "cat.png",
            "//example.org/cat.png",
            "http://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "https://",
            "https://user@example.org/",
            "https://user:secret@example.org/",
            "https://@example.org/",
            "https://:@example.org/",
            "https://example.org@127.0.0.1/",
            "https:\\\\example.org\\",
            "https://exa mple.org/",
            "https://example.org/\u{7f}",
            "https://example.org/a\tb",
            " https://example.org/",
            "https://256.1.1.1/",
            "https://example.org:99999/",
            "https://[::1/",
            "https://a..b%00.org/",
        ] {
            assert!(mistake_in(address, HostPolicy::Public).is_some(), "{address:?}");
            assert!(mistake_in(address, HostPolicy::Any).is_some(), "{address:?}");
        }
        assert_eq!(mistake_in("http://127.0.0.1:9000/cat.png", HostPolicy::Any), None);
    }
}
