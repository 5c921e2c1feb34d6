//! The address of a SQLite file: `sqlite://` and a percent-encoded path.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::percent::decode_text;
use super::{AddressError, shown_name};

/// Characters of a path with a meaning in addresses.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Parses an address without its scheme.
///
/// There are no options: an ignored one, such as `mode=ro`, would promise what the program does not do.
pub(super) fn parse(rest: &str) -> Result<PathBuf, AddressError> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    if let Some(option) = options.split('&').find(|option| !option.is_empty()) {
        let name = option.split('=').next().unwrap_or_default();
        return Err(AddressError::SqliteOption(shown_name(name)));
    }
    // SQLite opens files by names in UTF-8.
    let path = decode_text(path)?;
    // Each connection would open its own in-memory database.
    if path.is_empty() || path == ":memory:" {
        return Err(AddressError::NotAFile);
    }
    Ok(PathBuf::from(path))
}

/// Returns the address of a path.
pub(super) fn url(path: &Path) -> String {
    format!("sqlite://{}", percent_encode(path.as_os_str().as_bytes(), ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_percent_encoded_path() {
        let check = |rest: &str, path: &str| assert_eq!(parse(rest).unwrap(), Path::new(path), "{rest}");
        check("data/causerie.db", "data/causerie.db");
        check("/var/lib/causerie.db", "/var/lib/causerie.db");
        check("/var/lib/a b.db", "/var/lib/a b.db");
        check("/var/lib/a%20b%3F%25%c3%bc.db", "/var/lib/a b?%ü.db");
        check("a#b.db", "a#b.db");
        check("a.db?", "a.db");
    }

    #[test]
    fn a_path_survives_its_address() {
        for path in ["data/causerie.db", "/a b/c?mode=rwc", "100%/%41#\n.db", "grün.db"] {
            let path = PathBuf::from(path);
            let url = url(&path);
            assert_eq!(parse(url.strip_prefix("sqlite://").unwrap()).unwrap(), path, "{url}");
        }
    }

    #[test]
    fn options_and_paths_that_cannot_be_decoded_are_refused_by_name() {
        let refusal = |rest: &str| parse(rest).unwrap_err().to_string();
        for (rest, name) in [
            ("a.db?mode=rwc", "mode"),
            ("a.db?&cache=shared&mode=ro", "cache"),
            ("a.db?immutable", "immutable"),
            ("a.db?MODE=memory", "MODE"),
        ] {
            let refusal = refusal(rest);
            assert!(
                refusal.contains(&format!("the option {name},")) && !refusal.contains("shared"),
                "{refusal}"
            );
        }
        for (rest, reason) in [
            ("100%.db", "%25"),
            ("a%4", "%25"),
            ("a%zz", "%25"),
            ("a%+1b", "%25"),
            ("a%00b", "NUL character"),
            ("a%ff.db", "not UTF-8"),
        ] {
            assert!(refusal(rest).contains(reason), "{rest}: {}", refusal(rest));
        }
        for rest in ["", ":memory:", "%3Amemory%3A", "?"] {
            assert!(refusal(rest).contains("names no file"), "{rest}");
        }
    }
}
