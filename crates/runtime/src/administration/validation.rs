//! Validation of the fields of users, groups and API keys.

use std::num::NonZeroU32;

use causerie_domain::Timestamp;
use causerie_domain::display_text::{display_text_error, is_visible};

use crate::core::error::{FieldError, RuntimeError};

/// Maximum length of the name of a user, a group or an API key.
const MAX_NAME_CHARS: usize = 200;
/// Maximum length of an e-mail address (RFC 5321).
const MAX_EMAIL_BYTES: usize = 254;
/// Maximum length of a language tag, as RFC 5646 (section 4.4.1) recommends.
const MAX_LOCALE_CHARS: usize = 35;

/// Maximum rate limit of a group, in sends per minute. A larger number is probably a typing error.
const MAX_RATE: u32 = 1_000_000;

/// Returns the reason why the name of a user, a group or an API key is invalid, or `None` if it is valid.
pub fn name_error(name: &str) -> Option<String> {
    if name.chars().count() > MAX_NAME_CHARS {
        Some(format!("is longer than {MAX_NAME_CHARS} characters"))
    } else {
        display_text_error(name).map(str::to_owned)
    }
}

/// Returns the reason why an e-mail address is invalid, or `None` if it is valid. Each of its characters is visible:
/// two addresses that look alike would be those of different users.
pub fn email_error(email: &str) -> Option<String> {
    let has_form = email.split_once('@').is_some_and(|(user, host)| {
        [user, host].iter().all(|part| part.contains(is_visible)) && !email.contains(char::is_whitespace)
    });
    if !has_form {
        Some("an e-mail address has the form name@host".to_owned())
    } else if let Some(error) = display_text_error(email) {
        Some(error.to_owned())
    } else if !email.chars().all(is_visible) {
        Some("contains invisible characters".to_owned())
    } else if email.len() > MAX_EMAIL_BYTES {
        Some(format!("is longer than {MAX_EMAIL_BYTES} bytes"))
    } else {
        None
    }
}

/// Errors of fields, each with a JSON pointer into the body.
#[derive(Debug, Default)]
pub(super) struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), detail: detail.into() });
    }

    pub(super) fn check_name(&mut self, pointer: &str, name: &str) {
        self.0.extend(name_error(name).map(|detail| FieldError { pointer: pointer.to_owned(), detail }));
    }

    pub(super) fn check_email(&mut self, pointer: &str, email: &str) {
        self.0.extend(email_error(email).map(|detail| FieldError { pointer: pointer.to_owned(), detail }));
    }

    pub(super) fn check_rate(&mut self, pointer: &str, rate: Option<NonZeroU32>) {
        if rate.is_some_and(|rate| rate.get() > MAX_RATE) {
            self.add(pointer, format!("is more than {MAX_RATE}"));
        }
    }

    pub(super) fn check_locale(&mut self, pointer: &str, locale: &str) {
        let is_tag = locale.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !is_tag || locale.len() > MAX_LOCALE_CHARS {
            self.add(pointer, "is not a language tag such as de or pt-BR");
        }
    }

    pub(super) fn check_expiry(&mut self, pointer: &str, expires_at: Option<Timestamp>, now: Timestamp) {
        if expires_at.is_some_and(|expires_at| expires_at <= now) {
            self.add(pointer, "is not in the future");
        }
    }

    /// Returns all errors that were added, as [`RuntimeError::Invalid`].
    pub(super) fn finish(self) -> Result<(), RuntimeError> {
        if self.0.is_empty() { Ok(()) } else { Err(RuntimeError::Invalid(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(check_field: impl Fn(&mut FieldErrors, &str, &str), valid: &[&str], invalid: &[&str]) {
        let is_valid = |text: &str| {
            let mut errors = FieldErrors::default();
            check_field(&mut errors, "/field", text);
            errors.finish().is_ok()
        };
        valid.iter().for_each(|text| assert!(is_valid(text), "{text}"));
        invalid.iter().for_each(|text| assert!(!is_valid(text), "{text}"));
    }

    #[test]
    fn addresses_have_visible_characters_only() {
        for text in
            ["👩\u{200D}👧", "می\u{200C}خواهم", "ada\u{FE0F}", "a\u{AD}da", "שלום\u{200F}", "\u{FFF9}a"]
        {
            for email in [format!("{text}@example.org"), format!("ada@{text}.org")] {
                assert!(email_error(&email).is_some(), "{email:?}");
            }
        }
        assert_eq!(email_error("用户@例え.jp"), None);
    }

    #[test]
    fn names_addresses_and_locales_are_validated() {
        check(FieldErrors::check_name, &["Ada", " A "], &["", " \n", "a\tb", &"x".repeat(201)]);
        check(
            FieldErrors::check_email,
            &["ada@example.org", "a+b@localhost"],
            &["", "ada", "@x", "ada@", "a da@x", "ada@x\n", &format!("{}@x", "a".repeat(253))],
        );
        check(FieldErrors::check_locale, &["de", "pt-BR", "zh-Hant-TW"], &["", "-", "de_DE", "d e", "de-"]);
    }
}
