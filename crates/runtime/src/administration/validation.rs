//! The form of what is told about people and groups.

use std::num::NonZeroU32;

use causerie_domain::Timestamp;

use crate::core::error::{Mistake, RuntimeError};

/// The longest name of a user, a group or a key, in characters.
const MAX_NAME_CHARS: usize = 200;
/// The longest address that mail can have, in bytes.
const MAX_EMAIL_BYTES: usize = 254;
/// The longest language tag that is worth its name, in characters.
const MAX_LOCALE_CHARS: usize = 35;

/// The most sends a minute that a group can grant: a larger number is a slip of the finger.
const MAX_RATE: u32 = 1_000_000;

/// What is wrong with the name of a user, a group or a key, if anything is.
pub fn wrong_name(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        Some("is empty".to_owned())
    } else if name.chars().count() > MAX_NAME_CHARS {
        Some(format!("is longer than {MAX_NAME_CHARS} characters"))
    } else if name.contains(char::is_control) {
        Some("holds control characters".to_owned())
    } else {
        None
    }
}

/// What is wrong with an e-mail address, if anything is.
pub fn wrong_email(email: &str) -> Option<String> {
    let is_blank = |char: char| char.is_whitespace() || char.is_control();
    let is_whole = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if !is_whole || email.contains(is_blank) {
        Some("an e-mail address has the form name@host".to_owned())
    } else if email.len() > MAX_EMAIL_BYTES {
        Some(format!("is longer than {MAX_EMAIL_BYTES} bytes"))
    } else {
        None
    }
}

/// FieldErrors, each with its place in the body.
#[derive(Debug, Default)]
pub(super) struct FieldErrors(Vec<Mistake>);

impl FieldErrors {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Mistake { pointer: pointer.into(), detail: detail.into() });
    }

    pub(super) fn check_name(&mut self, pointer: &str, name: &str) {
        self.0.extend(wrong_name(name).map(|detail| Mistake { pointer: pointer.to_owned(), detail }));
    }

    pub(super) fn check_email(&mut self, pointer: &str, email: &str) {
        self.0.extend(wrong_email(email).map(|detail| Mistake { pointer: pointer.to_owned(), detail }));
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

    pub(super) fn check_end(&mut self, pointer: &str, end: Option<Timestamp>, now: Timestamp) {
        if end.is_some_and(|end| end <= now) {
            self.add(pointer, "is not in the future");
        }
    }

    /// Refuses what has mistakes.
    pub(super) fn finish(self) -> Result<(), RuntimeError> {
        if self.0.is_empty() { Ok(()) } else { Err(RuntimeError::Invalid(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(look: impl Fn(&mut FieldErrors, &str, &str), good: &[&str], bad: &[&str]) {
        let is_good = |text: &str| {
            let mut mistakes = FieldErrors::default();
            look(&mut mistakes, "/it", text);
            mistakes.finish().is_ok()
        };
        good.iter().for_each(|text| assert!(is_good(text), "{text}"));
        bad.iter().for_each(|text| assert!(!is_good(text), "{text}"));
    }

    #[test]
    fn names_addresses_and_languages_have_a_form() {
        check(FieldErrors::check_name, &["Ada", " A "], &["", " \n", "a\tb", &"x".repeat(201)]);
        check(
            FieldErrors::check_email,
            &["ada@example.org", "a+b@localhost"],
            &["", "ada", "@x", "ada@", "a da@x", "ada@x\n", &format!("{}@x", "a".repeat(253))],
        );
        check(FieldErrors::check_locale, &["de", "pt-BR", "zh-Hant-TW"], &["", "-", "de_DE", "d e", "de-"]);
    }
}
