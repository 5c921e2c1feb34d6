//! Context length errors: the upstream and most providers state the numbers in a sentence only.

use causerie_domain::completion::CompletionErrorKind;

/// Returns whether a text, in lower case, is about a prompt that is longer than the model's context.
pub(super) fn is_mentioned(text: &str) -> bool {
    [
        "context length",
        "context window",
        "context_length",
        "maximum context",
        "prompt is too long",
        "input is too long",
        "input length",
        "too many input tokens",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// Returns [`CompletionErrorKind::ContextLength`] with the numbers that a text in lower case names.
pub(super) fn parse(text: &str) -> CompletionErrorKind {
    let after = |phrases: &[&str]| phrases.iter().find_map(|phrase| number_after(text, phrase));
    CompletionErrorKind::ContextLength {
        limit: after(&[
            "maximum context length",
            "context length",
            "context window",
            "maximum context",
            " > ",
        ]),
        requested: after(&["requested about", "requested", "resulted in", "prompt is too long:"]),
    }
}

/// Finds the first number after a phrase, within the same sentence.
fn number_after(text: &str, phrase: &str) -> Option<u64> {
    let (_, rest) = text.split_once(phrase)?;
    let rest = rest.split(". ").next()?;
    let number = &rest[rest.find(|character: char| character.is_ascii_digit())?..];
    let end = number
        .find(|character: char| !character.is_ascii_digit() && character != ',')
        .unwrap_or(number.len());
    number[..end].replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_known_sentences_are_found() {
        let check = |sentence: &str, limit, requested| {
            let sentence = sentence.to_lowercase();
            assert!(is_mentioned(&sentence), "{sentence}");
            assert_eq!(
                parse(&sentence),
                CompletionErrorKind::ContextLength { limit, requested },
                "{sentence}"
            );
        };
        check(
            "This endpoint's maximum context length is 200000 tokens. However, you requested about 2500021 tokens (2500021 of text input).",
            Some(200_000),
            Some(2_500_021),
        );
        check(
            "This model's maximum context length is 16,385 tokens. However, your messages resulted in 31,228 tokens.",
            Some(16_385),
            Some(31_228),
        );
        check("prompt is too long: 205012 tokens > 200000 maximum", Some(200_000), Some(205_012));
        check("Your input exceeds the context window of this model.", None, None);
    }

    #[test]
    fn other_sentences_are_not_about_length() {
        for sentence in ["max_tokens must be at least 16", "token limit reached", "requested model not found"]
        {
            assert!(!is_mentioned(sentence), "{sentence}");
        }
    }
}
