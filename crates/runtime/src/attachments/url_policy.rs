//! Policy for URLs of attachments: TLS, and a host on the public internet.
//!
//! The providers of the upstream fetch the URLs from their own networks; the runtime does not. So names are not
//! resolved. Private and local hosts are refused in each notation that browsers accept: `127.1`, `0x7f000001`,
//! `[::ffff:10.0.0.1]`, `localhost.` and so on.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Hosts that URLs of attachments may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostPolicy {
    /// Public hosts, over https.
    #[default]
    Public,
    /// Also private and local hosts, over https or http. For installations whose models run in the same network.
    Any,
}

/// Returns the error of a URL; `None` if the policy allows it.
pub(crate) fn url_error(text: &str, hosts: HostPolicy) -> Option<&'static str> {
    // Some parsers drop or replace these characters, so two parsers could find different hosts.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Some("has characters that a URL cannot have");
    }
    let Ok(url) = Url::parse(text) else { return Some("is not a URL") };
    let Some(host) = url.host() else { return Some("has no host") };
    if !url.username().is_empty() || url.password().is_some() || has_user(text) {
        return Some("must not contain a user name");
    }
    match (url.scheme(), is_public(&host), hosts) {
        ("https", true, _) | ("https" | "http", false, HostPolicy::Any) => None,
        ("https" | "http", false, HostPolicy::Public) => Some("names a private or local host"),
        _ => Some("must begin with https://"),
    }
}

/// Returns whether the text has a user part. The parsed URL does not show an empty one.
fn has_user(text: &str) -> bool {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_public_v4(*address),
        Host::Ipv6(address) => is_public_v6(*address),
        Host::Domain(name) => is_public_name(name),
    }
}

/// Top-level names of private networks. Like names without a dot, they resolve to another machine in each network.
const PRIVATE_DOMAINS: [&str; 11] = [
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
        Some((above, last)) => !above.is_empty() && !PRIVATE_DOMAINS.contains(&last),
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

/// Returns whether an address is in the global unicast block, without the ranges for documentation and for tunnels to
/// IPv4.
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
    fn urls_of_public_hosts_are_accepted() {
        for url in [
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
            assert_eq!(url_error(url, HostPolicy::Public), None, "{url}");
        }
    }

    #[test]
    fn private_hosts_are_refused_in_every_notation() {
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
            let url = format!("https://{host}/cat.png");
            assert_eq!(url_error(&url, HostPolicy::Public), Some("names a private or local host"), "{url}");
            assert_eq!(url_error(&url, HostPolicy::Any), None, "{url}");
        }
    }

    #[test]
    fn other_texts_than_https_urls_are_refused() {
        for url in [
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
            assert!(url_error(url, HostPolicy::Public).is_some(), "{url:?}");
            assert!(url_error(url, HostPolicy::Any).is_some(), "{url:?}");
        }
        assert_eq!(url_error("http://127.0.0.1:9000/cat.png", HostPolicy::Any), None);
    }
}
