//! Validation of the attachments of a message.

use causerie_domain::attachments::{
    MAX_FILENAME_CHARS, MAX_MIME_TYPE_CHARS, MAX_STORAGE_KEY_CHARS, NewAttachment, StorageProvider,
};
use causerie_domain::display_text::display_text_error;

use crate::attachments::url_policy::{self, HostPolicy};
use crate::core::error::FieldError;

/// Maximum number of attachments of a message.
pub const MAX_ATTACHMENTS: usize = 20;
/// Maximum stated size, in bytes. Larger numbers are not exact in JSON.
pub const MAX_ATTACHMENT_SIZE: i64 = (1 << 53) - 1;
/// Maximum length of the metadata of an attachment, in bytes of JSON.
pub const MAX_ATTACHMENT_META_BYTES: usize = 16 * 1024;

/// Returns all errors in the attachments of a message.
pub(crate) fn attachment_errors(files: &[NewAttachment], hosts: HostPolicy) -> Vec<FieldError> {
    if files.len() > MAX_ATTACHMENTS {
        let detail = format!("has more than {MAX_ATTACHMENTS} attachments");
        return vec![FieldError { pointer: "/attachments".to_owned(), detail }];
    }
    let errors = files.iter().enumerate().flat_map(|(index, file)| {
        let at = move |(field, detail): (&str, String)| FieldError {
            pointer: format!("/attachments/{index}/{field}"),
            detail,
        };
        field_errors(file, hosts).into_iter().map(at)
    });
    errors.collect()
}

/// Returns the invalid fields of an attachment, each with the error.
fn field_errors(file: &NewAttachment, hosts: HostPolicy) -> Vec<(&'static str, String)> {
    let checks = [
        ("filename", length_error(&file.filename, MAX_FILENAME_CHARS).or(name_error(&file.filename))),
        (
            "mime_type",
            length_error(&file.mime_type, MAX_MIME_TYPE_CHARS).or(media_type_error(&file.mime_type)),
        ),
        ("size", file.size.and_then(size_error)),
        ("storage_key", length_error(&file.storage_key, MAX_STORAGE_KEY_CHARS).or(key_error(file, hosts))),
        ("meta", meta_error(file)),
    ];
    checks.into_iter().filter_map(|(field, error)| Some((field, error?))).collect()
}

fn length_error(text: &str, max: usize) -> Option<String> {
    let fits = (1..=max).contains(&text.chars().count());
    (!fits).then(|| format!("is not 1 to {max} characters"))
}

fn name_error(name: &str) -> Option<String> {
    let has_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    let is_path = name.contains(['/', '\\']) || name == "." || name == ".." || has_drive;
    match is_path {
        true => Some("has path parts".to_owned()),
        false => display_text_error(name).map(str::to_owned),
    }
}

/// Checks the syntax of a media type (RFC 6838) with parameters (RFC 2045).
fn media_type_error(text: &str) -> Option<String> {
    let mut parts = text.split(';');
    let is_type = parts
        .next()
        .and_then(|essence| essence.trim_end_matches(' ').split_once('/'))
        .is_some_and(|(kind, subtype)| [kind, subtype].iter().all(|name| is_restricted_name(name)));
    let are_parameters = parts.all(|parameter| {
        parameter
            .trim_matches(' ')
            .split_once('=')
            .is_some_and(|(name, value)| is_token(name) && is_value(value))
    });
    (!(is_type && are_parameters)).then(|| "is not a media type such as image/png".to_owned())
}

fn is_restricted_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
}

fn is_value(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.map_or_else(
        || is_token(text),
        |inner| inner.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'),
    )
}

fn size_error(size: i64) -> Option<String> {
    let fits = (0..=MAX_ATTACHMENT_SIZE).contains(&size);
    (!fits).then(|| format!("is not 0 to {MAX_ATTACHMENT_SIZE} bytes"))
}

fn key_error(file: &NewAttachment, hosts: HostPolicy) -> Option<String> {
    let key = &file.storage_key;
    if file.storage_provider == StorageProvider::Url {
        return url_policy::url_error(key, hosts).map(str::to_owned);
    }
    let has_dot_parts = key.split(['/', '\\']).any(|part| part == "." || part == "..");
    let is_relative = !key.starts_with(['/', '\\']) && !has_dot_parts;
    match key.contains(char::is_control) {
        true => Some("has control characters".to_owned()),
        false => (!is_relative).then(|| "is not a relative key within the storage".to_owned()),
    }
}

fn meta_error(file: &NewAttachment) -> Option<String> {
    // The serialization of a JSON map does not fail.
    let length = serde_json::to_string(&file.meta).map_or(usize::MAX, |text| text.len());
    (length > MAX_ATTACHMENT_META_BYTES).then(|| format!("is longer than {MAX_ATTACHMENT_META_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> NewAttachment {
        NewAttachment {
            filename: "cat.png".to_owned(),
            mime_type: "image/png".to_owned(),
            size: Some(0),
            storage_provider: StorageProvider::Url,
            storage_key: "https://example.org/cat.png".to_owned(),
            meta: serde_json::Map::new(),
        }
    }

    fn check(file: NewAttachment, expected: &[&str]) {
        let errors = attachment_errors(&[picture(), file.clone()], HostPolicy::Public);
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let expected: Vec<String> = expected.iter().map(|field| format!("/attachments/1/{field}")).collect();
        assert_eq!(pointers, expected, "{file:?}");
    }

    #[test]
    fn lengths_are_in_characters() {
        let long = |length: usize| "é".repeat(length);
        let address = |length: usize| format!("https://example.org/{}", long(length - 20));
        check(picture(), &[]);
        check(NewAttachment { filename: long(255), ..picture() }, &[]);
        check(NewAttachment { storage_key: address(500), ..picture() }, &[]);
        let mime_type = format!("image/{}", "p".repeat(95));
        check(NewAttachment { filename: long(256), mime_type, ..picture() }, &["filename", "mime_type"]);
        let storage_key = address(501);
        check(NewAttachment { storage_key, size: Some(-1), ..picture() }, &["size", "storage_key"]);
        check(NewAttachment { size: Some(1 << 53), ..picture() }, &["size"]);
        check(NewAttachment { size: Some(MAX_ATTACHMENT_SIZE), ..picture() }, &[]);
    }

    #[test]
    fn a_file_name_has_no_path_separators() {
        for name in ["", ".", "..", "a/b", "/a", "a\\b", "c:\\cat.png", "c:cat.png", "a\nb", "a\u{7f}"] {
            check(NewAttachment { filename: name.to_owned(), ..picture() }, &["filename"]);
        }
        for name in [".hidden", "...", "12:30 notes.txt", "Übung 1.pdf", "a b"] {
            check(NewAttachment { filename: name.to_owned(), ..picture() }, &[]);
        }
    }

    #[test]
    fn a_media_type_follows_its_syntax() {
        for name in [
            "",
            "image",
            "image/",
            "/png",
            "image/*",
            "*/*",
            "image/png/x",
            "ima ge/png",
            "image/png;",
            "image/png;a",
            "image/png; a=",
            "image/pñg",
            "-image/png",
            "image/png\n",
            "text/plain; charset=\"a\"b\"",
        ] {
            check(NewAttachment { mime_type: name.to_owned(), ..picture() }, &["mime_type"]);
        }
        for name in [
            "IMAGE/PNG",
            "application/vnd.ms-excel",
            "image/svg+xml",
            "text/plain; charset=utf-8",
            "text/plain;charset=\"utf-8\"; format=flowed",
        ] {
            check(NewAttachment { mime_type: name.to_owned(), ..picture() }, &[]);
        }
    }

    #[test]
    fn a_storage_key_is_relative_and_has_no_dot_parts() {
        let stored = |key: &str| NewAttachment {
            storage_provider: StorageProvider::Local,
            storage_key: key.to_owned(),
            ..picture()
        };
        for key in ["/etc/passwd", "../a", "a/../../b", "a/./b", "\\\\host\\share", "a\\..\\b", "a\nb"] {
            check(stored(key), &["storage_key"]);
        }
        for key in ["a", "2026/11/cat.png", "a..b", "bucket/Übung"] {
            check(stored(key), &[]);
        }
        check(NewAttachment { storage_key: "https://10.0.0.1/".to_owned(), ..picture() }, &["storage_key"]);
    }

    #[test]
    fn metadata_and_the_number_of_attachments_are_limited() {
        let meta = |length: usize| {
            serde_json::Map::from_iter([("a".to_owned(), "b".repeat(length - r#"{"a":""}"#.len()).into())])
        };
        check(NewAttachment { meta: meta(MAX_ATTACHMENT_META_BYTES), ..picture() }, &[]);
        check(NewAttachment { meta: meta(MAX_ATTACHMENT_META_BYTES + 1), ..picture() }, &["meta"]);
        assert_eq!(attachment_errors(&vec![picture(); MAX_ATTACHMENTS], HostPolicy::Public), []);
        let many = attachment_errors(&vec![picture(); MAX_ATTACHMENTS + 1], HostPolicy::Public);
        assert_eq!(many[0].pointer, "/attachments");
    }
}
