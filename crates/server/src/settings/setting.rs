//! One setting: a flag that is also an environment variable. Errors are collected.
//!
//! clap ends the program at the first invalid value. Here an invalid value becomes a [`SettingError`], so that the
//! program reports all of them. The message takes the names of flag and variable from the declaration.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;

/// The value of a setting, or the error in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T>(Result<T, SettingError>);

/// An invalid setting: a message with its name and the expected value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError(String);

impl SettingError {
    /// Creates an error that concerns several settings. The message must name them.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        SettingError(sentence.into())
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The errors that were found so far.
#[derive(Debug, Default)]
pub(crate) struct SettingErrors(Vec<SettingError>);

impl SettingErrors {
    /// Returns the value, or adds the error. Call it for every setting of a struct before returning early.
    pub(crate) fn take<T>(&mut self, setting: Setting<T>) -> Option<T> {
        setting.0.map_err(|error| self.0.push(error)).ok()
    }

    /// Adds an error.
    pub(crate) fn add(&mut self, error: SettingError) {
        self.0.push(error);
    }

    /// Returns the value if there is no error.
    ///
    /// # Errors
    /// All errors that were added.
    pub(crate) fn or<T>(self, read: Option<T>) -> Result<T, InvalidSettings> {
        match read {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(InvalidSettings(self.0)),
        }
    }
}

/// Invalid settings: all errors, one per line. The program does not start with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(pub Vec<SettingError>);

impl std::error::Error for InvalidSettings {}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentences: Vec<_> = self.0.iter().map(SettingError::to_string).collect();
        f.write_str(&sentences.join("\n"))
    }
}

/// Returns the parser of a setting. The error of `read` describes the expected value, such as `a whole number from 0 to
/// 10`.
///
/// An empty text counts as not set, so that `AI_API_KEY=` in a file of variables is the same as no line.
pub(crate) fn setting<T, F>(read: F) -> Reader<F>
where
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    Reader(read)
}

/// Returns the parser of an optional setting. Its declaration has an empty, hidden default.
pub(crate) fn optional<T, F>(read: F) -> Reader<impl Fn(&str) -> Result<Option<T>, String> + Clone>
where
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    Reader(move |text: &str| if text.is_empty() { Ok(None) } else { read(text).map(Some) })
}

/// See [`setting`].
#[derive(Clone)]
pub(crate) struct Reader<F>(F);

impl<T, F> TypedValueParser for Reader<F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = Setting<T>;

    fn parse_ref(
        &self,
        _: &clap::Command,
        argument: Option<&clap::Arg>,
        given: &OsStr,
    ) -> Result<Setting<T>, clap::Error> {
        let default = argument.and_then(|argument| argument.get_default_values().first()).map(AsRef::as_ref);
        let given = if given.is_empty() { default.unwrap_or(given) } else { given };
        let read = match given.to_str() {
            Some(text) => (self.0)(text),
            None => Err("UTF-8 text".to_owned()),
        };
        Ok(Setting(read.map_err(|expected| invalid(argument, given, &expected))))
    }
}

fn invalid(argument: Option<&clap::Arg>, given: &OsStr, expected: &str) -> SettingError {
    let flag = argument.and_then(clap::Arg::get_long).unwrap_or_default();
    let variable = argument.and_then(clap::Arg::get_env).map(OsStr::to_string_lossy).unwrap_or_default();
    // The error hides a value that --help hides: it may be a part of a key. It also hides each value that may be an
    // address with a user, a password or a query.
    if argument.is_none_or(clap::Arg::is_hide_env_values_set) || may_be_address(given) {
        SettingError(format!("{variable} (--{flag}) must be {expected}"))
    } else {
        SettingError(format!("{variable} (--{flag}) must be {expected}, not {given:?}"))
    }
}

/// Returns whether a value may be an address with a secret in it, however malformed.
fn may_be_address(given: &OsStr) -> bool {
    let text = given.to_string_lossy();
    text.contains("//") || text.contains(['@', '?'])
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn small(text: &str) -> Result<u8, String> {
        text.parse().map_err(|_| "a small number".to_owned())
    }

    /// Reads one declared setting from a command line with this value.
    fn read<T: Clone + Send + Sync + 'static>(argument: Arg, given: &str) -> Result<T, String> {
        let matches = Command::new("test")
            .arg(argument)
            .get_matches_from(["test".to_owned(), format!("--size={given}")]);
        let mut errors = SettingErrors::default();
        let value = errors.take(matches.get_one::<Setting<T>>("size").unwrap().clone());
        errors.or(value).map_err(|wrong| wrong.to_string())
    }

    fn size() -> Arg {
        Arg::new("size").long("size").env("CAUSERIE_TEST_SIZE").default_value("7")
    }

    #[test]
    fn the_error_of_an_invalid_value_names_flag_and_variable() {
        let check = |given: &str, expected: Result<u8, &str>| {
            let read = read::<u8>(size().value_parser(setting(small)), given);
            assert_eq!(read, expected.map_err(str::to_owned));
        };
        check("3", Ok(3));
        check("", Ok(7));
        check("300", Err("CAUSERIE_TEST_SIZE (--size) must be a small number, not \"300\""));
    }

    #[test]
    fn a_hidden_value_is_not_repeated() {
        let read = read::<u8>(size().hide_env_values(true).value_parser(setting(small)), "hunter2");
        assert_eq!(read, Err("CAUSERIE_TEST_SIZE (--size) must be a small number".to_owned()));
    }

    #[test]
    fn an_address_is_not_repeated_in_any_setting() {
        for given in ["http://me:hunter2@host", "me:hunter2@host", "https://host/?key=hunter2", "//hunter2"] {
            let read = read::<u8>(size().value_parser(setting(small)), given);
            assert_eq!(read, Err("CAUSERIE_TEST_SIZE (--size) must be a small number".to_owned()));
        }
    }

    #[test]
    fn an_empty_optional_setting_is_absent() {
        let absent = || size().default_value("").value_parser(optional(small));
        assert_eq!(read::<Option<u8>>(absent(), ""), Ok(None));
        assert_eq!(read::<Option<u8>>(absent(), "3"), Ok(Some(3)));
        assert!(read::<Option<u8>>(absent(), "x").is_err());
    }

    #[test]
    fn all_errors_are_kept_in_order() {
        let mut errors = SettingErrors::default();
        errors.add(SettingError::new("one"));
        errors.add(SettingError::new("two"));
        assert_eq!(errors.or(Some(())).unwrap_err().to_string(), "one\ntwo");
        assert_eq!(SettingErrors::default().or(Some(1)), Ok(1));
    }
}
