//! What a start says to the person in front of it: where the server is, and lines to paste.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The tool of the example. It has no greeting, so the first message is number 1.
pub(crate) const TOOL: &str = "general-assistant";

/// What a start has to tell.
#[derive(Debug)]
pub(crate) struct StartupBanner {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Who answers.
    pub(crate) upstream: String,
    /// Whether the administrator was made just now.
    pub(crate) bootstrapped: bool,
    /// The file of the first key, if it is there and the key works.
    pub(crate) key_file: Option<PathBuf>,
    /// How long running turns may take to end.
    pub(crate) drain: Duration,
}

impl StartupBanner {
    /// The text, which ends in a line break. The lines to paste need curl and sed and nothing else.
    pub(crate) fn text(&self) -> String {
        // Writing to a String cannot fail, which is what `_` says below.
        let url = base_url(self.address);
        let mut text =
            format!("Causerie listens on {url}, its API is described at {url}/docs.\n{}\n", self.upstream);
        if self.bootstrapped {
            text.push_str("This is the first start: the user `admin` was made, with one API key.\n");
        }
        if let Some(key_file) = &self.key_file {
            let _ = write!(
                text,
                r#"The key of `admin` is in {shown}, which only you can read. Try it, in another terminal:

  AUTH="Authorization: Bearer $(cat {quoted})" JSON='Content-Type: application/json'
  SESSION=$(curl -s {url}/sessions -H "$AUTH" -H "$JSON" -d '{{"tool":"{TOOL}"}}' | sed -n 's/^{{"id":"\([^"]*\)".*/\1/p')
  curl -sN {url}/sessions/$SESSION/messages -H "$AUTH" -H "$JSON" -d '{{"content":"What is a causerie?"}}'
  curl -s {url}/sessions/$SESSION/messages -H "$AUTH"

"#,
                shown = key_file.display(),
                quoted = shell_word(&key_file.to_string_lossy()),
            );
        } else {
            text.push_str("An API key is made by `causerie admin create-key --user EMAIL --name NAME`.\n");
        }
        let _ = writeln!(
            text,
            "Ctrl-C stops it: running answers have {:?} to end; a second Ctrl-C does not wait for them.",
            self.drain
        );
        text
    }
}

/// An address under which a program on this machine reaches the server.
fn base_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// A text as one word of a shell's command line.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_can_be_called() {
        let check = |address: &str, expected: &str| assert_eq!(base_url(address.parse().unwrap()), expected);
        check("127.0.0.1:8080", "http://127.0.0.1:8080");
        check("0.0.0.0:80", "http://127.0.0.1:80");
        check("[::]:8080", "http://[::1]:8080");
        check("192.0.2.7:1", "http://192.0.2.7:1");
    }

    #[test]
    fn a_path_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(shell_word("/srv/causerie/data/admin-key"), "/srv/causerie/data/admin-key");
        assert_eq!(shell_word("/srv/my data/admin-key"), "'/srv/my data/admin-key'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn without_a_key_file_there_is_nothing_to_paste() {
        let banner = StartupBanner {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            upstream: "Answers come from https://openrouter.ai/api/v1.".to_owned(),
            bootstrapped: false,
            key_file: None,
            drain: Duration::from_secs(30),
        };
        assert_eq!(
            banner.text(),
            "Causerie listens on http://127.0.0.1:8080, its API is described at http://127.0.0.1:8080/docs.\n\
             Answers come from https://openrouter.ai/api/v1.\n\
             An API key is made by `causerie admin create-key --user EMAIL --name NAME`.\n\
             Ctrl-C stops it: running answers have 30s to end; a second Ctrl-C does not wait for them.\n"
        );
    }
}
