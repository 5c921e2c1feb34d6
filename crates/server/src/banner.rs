//! The startup banner on standard output: the address of the server, and lines to paste into a shell.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::Secret;

/// The tool of the example. It has no greeting, so the first message has the sequence number 1.
pub(crate) const TOOL: &str = "general-assistant";

/// The content of the startup banner.
#[derive(Debug)]
pub(crate) struct StartupBanner {
    /// The address that the server listens on.
    pub(crate) address: SocketAddr,
    /// A sentence that names the upstream.
    pub(crate) upstream: String,
    /// Whether this start created the first admin.
    pub(crate) bootstrapped: bool,
    /// One-time code that signs the first admin in.
    pub(crate) sign_in_code: Option<Secret>,
    /// The file of the first key, if it exists and the key is valid for this database.
    pub(crate) key_file: Option<PathBuf>,
    /// Time that running turns have to end after a stop signal.
    pub(crate) drain: Duration,
}

impl StartupBanner {
    /// Returns the text of the banner, with a line break at its end. The lines to paste need curl and sed only.
    pub(crate) fn text(&self) -> String {
        // Writing to a `String` cannot fail, so the results below are ignored.
        let url = base_url(self.address);
        let mut text = format!(
            "Causerie listens on {url}; the API documentation is at {url}/docs.\n{}\n",
            self.upstream
        );
        if self.bootstrapped {
            text.push_str("This is the first start: the user `admin` and one API key were created.\n");
        }
        let _ = match &self.sign_in_code {
            // The fragment of an address is never sent, so the code is in no log.
            Some(code) => writeln!(
                text,
                "Open {url}/#code={} in a browser on this machine. The address signs in once, within ten minutes.",
                code.expose()
            ),
            None => writeln!(text, "The page is at {url}/."),
        };
        if let Some(key_file) = &self.key_file {
            let _ = write!(
                text,
                r#"The key of `admin` is in {shown}, readable by its owner only. To try it, paste into another terminal:

  AUTH="Authorization: Bearer $(cat {quoted})" JSON='Content-Type: application/json'
  SESSION=$(curl -s {url}/sessions -H "$AUTH" -H "$JSON" -d '{{"tool":"{TOOL}"}}' | sed -n 's/^{{"id":"\([^"]*\)".*/\1/p')
  curl -sN {url}/sessions/$SESSION/messages -H "$AUTH" -H "$JSON" -d '{{"content":"What is a causerie?"}}'
  curl -s {url}/sessions/$SESSION/messages -H "$AUTH"

"#,
                shown = key_file.display(),
                quoted = shell_word(&key_file.to_string_lossy()),
            );
        } else {
            text.push_str(
                "To create an API key, run `causerie admin create-key --user EMAIL --name NAME`.\n",
            );
        }
        let _ = writeln!(
            text,
            "Ctrl-C stops the server: running answers have {:?} to end; a second Ctrl-C stops it at once.",
            self.drain
        );
        text
    }
}

/// Returns the base URL for programs on this machine.
fn base_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Quotes a text as one word of a shell command.
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
    fn an_unspecified_address_becomes_a_loopback_address() {
        let check = |address: &str, expected: &str| assert_eq!(base_url(address.parse().unwrap()), expected);
        check("127.0.0.1:8080", "http://127.0.0.1:8080");
        check("0.0.0.0:80", "http://127.0.0.1:80");
        check("[::]:8080", "http://[::1]:8080");
        check("192.0.2.7:1", "http://192.0.2.7:1");
    }

    #[test]
    fn a_path_with_special_characters_is_quoted() {
        assert_eq!(shell_word("/srv/causerie/data/admin-key"), "/srv/causerie/data/admin-key");
        assert_eq!(shell_word("/srv/my data/admin-key"), "'/srv/my data/admin-key'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn without_a_key_file_the_banner_has_no_lines_to_paste() {
        let banner = StartupBanner {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            upstream: "Answers come from https://openrouter.ai/api/v1.".to_owned(),
            bootstrapped: false,
            sign_in_code: None,
            key_file: None,
            drain: Duration::from_secs(30),
        };
        assert_eq!(
            banner.text(),
            "Causerie listens on http://127.0.0.1:8080; the API documentation is at http://127.0.0.1:8080/docs.\n\
             Answers come from https://openrouter.ai/api/v1.\n\
             The page is at http://127.0.0.1:8080/.\n\
             To create an API key, run `causerie admin create-key --user EMAIL --name NAME`.\n\
             Ctrl-C stops the server: running answers have 30s to end; a second Ctrl-C stops it at once.\n"
        );
    }
}
