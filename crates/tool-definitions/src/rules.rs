//! The keys of a definition: what each may hold. The checks and the JSON Schema both read this table.

use causerie_domain::tools::ToolType;
use uuid::Uuid;

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) required: bool,
    /// What editors show beside the key.
    pub(super) about: &'static str,
    pub(super) rule: Rule,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Rule {
    /// Text of a form, with at most so many characters.
    Text { form: Form, most_chars: Option<usize> },
    /// One of some words.
    Word { known: &'static [&'static str], unsupported: &'static [&'static str] },
    /// A whole number in a range, and what applies where it is left out.
    Whole { least: i64, most: i64, default: Option<u32> },
    /// A number in a range.
    Decimal { least: i32, most: i32 },
    /// A list with at most so many items.
    List { items: &'static Rule, most: Option<usize> },
    /// A mapping with these keys and no others.
    Mapping(&'static [Field]),
    /// A mapping with whatever keys and values.
    Free,
}

/// How a text must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Anything but nothing.
    NotEmpty,
    /// With at least one character that is no blank.
    NotBlank,
    /// The same, on one line.
    OneLine,
    /// A name in addresses.
    Slug,
    /// A semantic version.
    SemanticVersion,
    /// The upstream's id of a model.
    ModelId,
}

/// Earlier messages that are sent where a definition does not say.
pub(super) const HISTORY_MESSAGES: u32 = 20;

/// The upstream refuses a request with more fallbacks than these.
const MOST_FALLBACKS: usize = 3;

const COUNT_MOST: i64 = u32::MAX as i64;

const MODEL_ID: Rule = Rule::Text { form: Form::ModelId, most_chars: Some(200) };

/// The keys of a definition, in the order in which authors write them.
pub(super) const DEFINITION: &[Field] = &[
    Field {
        key: "name",
        required: true,
        about: "The tool's unique name, as it stands in addresses.",
        rule: Rule::Text { form: Form::Slug, most_chars: Some(64) },
    },
    Field {
        key: "version",
        required: true,
        about: "A semantic version. A changed definition needs a new one; conversations keep theirs.",
        rule: Rule::Text { form: Form::SemanticVersion, most_chars: Some(64) },
    },
    Field {
        key: "type",
        required: true,
        about: "What the tool does with a message. `chat` holds conversations.",
        rule: Rule::Word { known: &[ToolType::Chat.as_str()], unsupported: &[ToolType::Product.as_str()] },
    },
    Field {
        key: "title",
        required: true,
        about: "The title shown to people.",
        rule: Rule::Text { form: Form::OneLine, most_chars: Some(200) },
    },
    Field {
        key: "description",
        required: false,
        about: "What the tool is good for, for people who choose one.",
        rule: Rule::Text { form: Form::NotBlank, most_chars: None },
    },
    Field {
        key: "behavior",
        required: true,
        about: "The system message, sent before every conversation exactly as it stands here.",
        rule: Rule::Text { form: Form::NotBlank, most_chars: None },
    },
    Field {
        key: "model",
        required: false,
        about: "The model's id, such as `anthropic/claude-sonnet-4.5`. Left out, the installation's default model \
                answers.",
        rule: MODEL_ID,
    },
    Field {
        key: "fallback_models",
        required: false,
        about: "Up to three models that answer, in this order, when the first cannot.",
        rule: Rule::List { items: &MODEL_ID, most: Some(MOST_FALLBACKS) },
    },
    Field {
        key: "parameters",
        required: false,
        about: "How the model writes. What is left out is not sent, and the provider's default applies.",
        rule: Rule::Mapping(PARAMETERS),
    },
    Field {
        key: "history",
        required: false,
        about: "How much of the conversation is sent with a new message.",
        rule: Rule::Mapping(HISTORY),
    },
    Field { key: "limits", required: false, about: "What the tool refuses.", rule: Rule::Mapping(LIMITS) },
    Field {
        key: "greeting",
        required: false,
        about: "The assistant's first message of every conversation. It is part of the history.",
        rule: Rule::Text { form: Form::NotBlank, most_chars: None },
    },
    Field {
        key: "meta",
        required: false,
        about: "Whatever else is to be said about the tool. Never sent to a model.",
        rule: Rule::Free,
    },
];

const PARAMETERS: &[Field] = &[
    Field {
        key: "temperature",
        required: false,
        about: "How freely words are chosen: 0 is the most likely ones, 2 the wildest.",
        rule: Rule::Decimal { least: 0, most: 2 },
    },
    Field {
        key: "top_p",
        required: false,
        about: "Choose only among the likeliest words that together have this share of the probability.",
        rule: Rule::Decimal { least: 0, most: 1 },
    },
    Field {
        key: "max_output_tokens",
        required: false,
        about: "Tokens of an answer at most, reasoning included.",
        rule: Rule::Whole { least: 1, most: COUNT_MOST, default: None },
    },
    Field {
        key: "seed",
        required: false,
        about: "For repeatable answers, where a provider can.",
        rule: Rule::Whole { least: i64::MIN, most: i64::MAX, default: None },
    },
    Field {
        key: "stop",
        required: false,
        about: "Up to four texts that end an answer where the model would write them.",
        rule: Rule::List { items: &Rule::Text { form: Form::NotEmpty, most_chars: None }, most: Some(4) },
    },
    Field {
        key: "reasoning",
        required: false,
        about: "How much the model thinks before it answers, where it can.",
        rule: Rule::Mapping(REASONING),
    },
];

const REASONING: &[Field] = &[Field {
    key: "effort",
    required: false,
    about: "How much of an answer's tokens may be thought.",
    rule: Rule::Word {
        known: &["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        unsupported: &[],
    },
}];

const HISTORY: &[Field] = &[
    Field {
        key: "max_messages",
        required: false,
        about: "Earlier messages that are sent at most; 0 makes every message a conversation of its own.",
        rule: Rule::Whole { least: 0, most: 10_000, default: Some(HISTORY_MESSAGES) },
    },
    Field {
        key: "max_tokens",
        required: false,
        about: "Estimated tokens of those messages at most. The model's context length limits them in any case.",
        rule: Rule::Whole { least: 1, most: COUNT_MOST, default: None },
    },
];

const LIMITS: &[Field] = &[
    Field {
        key: "max_input_chars",
        required: false,
        about: "Characters of a message at most.",
        rule: Rule::Whole { least: 1, most: COUNT_MOST, default: None },
    },
    Field {
        key: "max_messages_per_session",
        required: false,
        about: "Messages of a conversation at most, answers and greeting counted.",
        rule: Rule::Whole { least: 2, most: COUNT_MOST, default: None },
    },
];

impl Form {
    /// Whether a text has this form.
    pub(super) fn admits(self, text: &str) -> bool {
        match self {
            Form::NotEmpty => !text.is_empty(),
            Form::NotBlank => has_ink(text),
            Form::OneLine => has_ink(text) && !text.chars().any(char::is_control),
            Form::Slug => is_slug(text),
            Form::SemanticVersion => is_semantic_version(text),
            Form::ModelId => !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control()),
        }
    }

    /// The form in words, to go on from "must".
    pub(super) fn requirement(self) -> &'static str {
        match self {
            Form::NotEmpty => "must not be empty",
            Form::NotBlank => "must not be blank",
            Form::OneLine => "must be one line that is not blank",
            Form::Slug => {
                "must be lower-case letters and digits with single hyphens between them, and must not look like an id"
            }
            Form::SemanticVersion => "must be a semantic version such as 1.2.0",
            Form::ModelId => "must be a model's id, without blanks",
        }
    }

    /// The form as a regular expression, for editors.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Form::NotEmpty => "^[\\s\\S]+$",
            Form::NotBlank => "\\S",
            Form::OneLine => "^[^\\u0000-\\u001f\\u007f]*\\S[^\\u0000-\\u001f\\u007f]*$",
            Form::Slug => "^[a-z0-9]+(-[a-z0-9]+)*$",
            Form::SemanticVersion => {
                "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\
                 (-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?\
                 (\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$"
            }
            Form::ModelId => "^\\S+$",
        }
    }
}

fn has_ink(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace())
}

/// Routes take a tool's name or its id, so no name may read as an id.
fn is_slug(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').all(is_word) && Uuid::try_parse(text).is_err()
}

/// The grammar of Semantic Versioning 2.0.0.
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
mod tests {
    use super::*;

    fn check(form: Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(form.admits(text), "{form:?} refuses {text:?}");
        }
        for text in bad {
            assert!(!form.admits(text), "{form:?} admits {text:?}");
        }
    }

    #[test]
    fn a_slug_is_words_with_hyphens_and_no_id() {
        check(
            Form::Slug,
            &["a", "7", "socratic-tutor", "gpt-4-helper", "a-b-c"],
            &[
                "",
                "-",
                "-a",
                "a-",
                "a--b",
                "A",
                "a_b",
                "a b",
                "a.b",
                "ä",
                "a/b",
                "a\n",
                "01990000-0000-7000-8000-000000000001",
                "01990000000070008000000000000001",
            ],
        );
    }

    #[test]
    fn a_version_is_strictly_semantic() {
        check(
            Form::SemanticVersion,
            &[
                "0.0.0",
                "1.2.3",
                "10.20.30",
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-0.3.7",
                "1.0.0-x-y-z.-",
                "1.0.0+20130313144700",
                "1.0.0-beta+exp.sha.5114f85",
                "1.0.0+21AF26D3---117B344092BD",
                "1.0.0--",
                "99999999999999999999.0.0",
                "1.0.0+001",
                "1.0.0-0a",
            ],
            &[
                "",
                "1",
                "1.2",
                "1.2.3.4",
                "v1.2.3",
                "01.2.3",
                "1.02.3",
                "1.2.03",
                "1.2.-3",
                "1.2.3-",
                "1.2.3+",
                "1.2.3-a..b",
                "1.2.3-01",
                "1.2.3+a..b",
                "1.2.3-ä",
                "1.2.3 ",
                " 1.2.3",
                "1.2.3+a+b",
                "1.2.x",
                "+1.2.3",
            ],
        );
    }

    #[test]
    fn other_forms_refuse_what_cannot_be_meant() {
        check(Form::NotEmpty, &["a", "\n", " "], &[""]);
        check(Form::NotBlank, &["a", " a\n"], &["", " ", "\n\t", "\u{a0}"]);
        check(Form::OneLine, &["a", " a b "], &["", " ", "a\n", "a\nb", "a\tb"]);
        check(
            Form::ModelId,
            &["openrouter/auto", "a/b:free", "~x/y", "@preset/z", "sim/slow?delay=5"],
            &["", "a b", "a\n"],
        );
    }
}
