//! Formats of texts.

use causerie_domain::display_text::display_text_error;
use uuid::Uuid;

/// Format of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// At least one character.
    NonEmpty,
    /// At least one character that is not whitespace.
    NonBlank,
    /// One line with visible characters, without those that are invisible or change the direction of text.
    SingleLine,
    /// Name in URLs.
    Slug,
    SemanticVersion,
    /// Id of a model at the upstream.
    ModelId,
}

impl TextFormat {
    /// Returns whether a text has this format.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            TextFormat::NonEmpty => !text.is_empty(),
            TextFormat::NonBlank => !is_blank(text),
            TextFormat::SingleLine => display_text_error(text).is_none(),
            TextFormat::Slug => is_slug(text),
            TextFormat::SemanticVersion => is_semantic_version(text),
            TextFormat::ModelId => {
                !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            }
        }
    }

    /// Returns the error message for a text in another format.
    pub(crate) fn requirement(self) -> &'static str {
        match self {
            TextFormat::NonEmpty => "must not be empty",
            TextFormat::NonBlank => "must not be blank",
            TextFormat::SingleLine => {
                "must be a single line of visible text, without characters that are invisible or change its direction"
            }
            TextFormat::Slug => {
                "must consist of lower-case letters, digits and single hyphens between them, and must not be a UUID"
            }
            TextFormat::SemanticVersion => "must be a semantic version, such as 1.2.0",
            TextFormat::ModelId => "must be a model id without whitespace",
        }
    }

    /// Returns the format as a regular expression for editors.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            TextFormat::NonEmpty => "^[\\s\\S]+$",
            TextFormat::NonBlank => "\\S",
            TextFormat::SingleLine => {
                "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u200b\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]*\\S\
                 [^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u200b\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]*$"
            }
            TextFormat::Slug => "^[a-z0-9]+(-[a-z0-9]+)*$",
            TextFormat::SemanticVersion => {
                "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\
                 (-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?\
                 (\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$"
            }
            TextFormat::ModelId => "^\\S+$",
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// Returns whether a text is a slug. A UUID is none, because routes accept the name or the id of a tool.
pub fn is_slug(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').all(is_word) && Uuid::try_parse(text).is_err()
}

/// Returns whether a text matches the grammar of Semantic Versioning 2.0.0.
fn is_semantic_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre_release) = text.split_once('-').map_or((text, None), |(rest, pre)| (rest, Some(pre)));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = |part: &str| all_digits(part) && (part == "0" || !part.starts_with('0'));
    let is_identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre_release.is_none_or(|pre| {
            pre.split('.').all(|part| is_identifier(part) && (!all_digits(part) || is_number(part)))
        })
        && build.is_none_or(|build| build.split('.').all(is_identifier))
}

#[cfg(test)]
mod tests;
