//! Texts that are displayed on one line: names, titles, file names and e-mail addresses.

/// Returns the reason why a text cannot be displayed on one line as it is, or `None`: it has control characters,
/// characters without a width, or characters that change the direction of the text around it, or it shows nothing.
///
/// Joiners and variation selectors are allowed, because emoji and scripts need them, and so are the marks U+200E,
/// U+200F and U+061C, which affect only their neighbours.
pub fn display_text_error(text: &str) -> Option<&'static str> {
    if text.contains(breaks_line) {
        Some("contains control characters")
    } else if text.contains(changes_direction) {
        Some("contains characters that change the direction of text")
    } else if text.contains(has_no_width) {
        Some("contains invisible characters")
    } else if text.trim().is_empty() {
        Some("is empty")
    } else if !text.contains(is_visible) {
        Some("contains no visible characters")
    } else {
        None
    }
}

/// Returns the words of a text with single spaces between them, without the characters that [`display_text_error`]
/// refuses; `None` if no visible character remains.
pub fn cleaned_display_text(text: &str) -> Option<String> {
    let kept = |character: &char| !changes_direction(*character) && !has_no_width(*character);
    let text: String = text.chars().filter(kept).collect();
    let words = text.split(|character: char| character.is_whitespace() || breaks_line(character));
    let text = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    text.contains(is_visible).then_some(text)
}

/// Returns whether a character shows something: it is neither white space, nor a control character, nor one of those
/// that Unicode ignores by default in displays, such as U+200B and U+FEFF.
pub fn is_visible(character: char) -> bool {
    !character.is_whitespace()
        && !character.is_control()
        && !matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Returns whether a character is a control character or a separator of lines or paragraphs.
fn breaks_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates of the bidirectional algorithm (UAX #9).
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that have no width and join nothing: U+200B, word joiner, invisible operators, deprecated format
/// characters and the byte order mark.
fn has_no_width(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: [&str; 17] = [
        "\0",
        "a\tb",
        "a\nb",
        "\u{7f}",
        "\u{85}",
        "a\u{2028}b",
        "a\u{2029}",
        "a\u{202A}b",
        "file\u{202E}fdp.exe",
        "\u{2066}a\u{2069}",
        "a\u{200B}b",
        "\u{FEFF}a",
        "a\u{2060}",
        "a\u{206F}",
        "",
        " \u{A0}",
        "\u{200D}\u{AD}",
    ];
    const ALLOWED: [&str; 8] = [
        "Ada Lovelace",
        "👩\u{200D}👩\u{200D}👧",
        "❤\u{FE0F}",
        "می\u{200C}خواهم",
        "ක්\u{200D}ෂ",
        "שלום\u{200F}!",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        "co\u{AD}operate",
    ];

    #[test]
    fn characters_that_deceive_are_refused_and_those_of_emoji_and_scripts_are_not() {
        for text in REFUSED {
            assert!(display_text_error(text).is_some(), "{text:?}");
        }
        for text in ALLOWED {
            assert_eq!(display_text_error(text), None, "{text:?}");
            assert_eq!(cleaned_display_text(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_cleaned_text_is_valid() {
        for text in REFUSED {
            let cleaned = cleaned_display_text(text);
            assert!(cleaned.iter().all(|text| display_text_error(text).is_none()), "{text:?}: {cleaned:?}");
        }
        for character in (0..=0x2_FFFF).filter_map(char::from_u32) {
            let text = format!("a{character}b");
            let cleaned = cleaned_display_text(&text).unwrap();
            assert_eq!(display_text_error(&cleaned), None, "{text:?}");
        }
        assert_eq!(cleaned_display_text("\u{200B}\n\u{2066}"), None);
    }

    #[test]
    fn white_space_and_ignored_characters_are_not_visible() {
        for text in
            [" \n\t", "\u{200B}\u{FEFF}", "\u{200D}\u{FE0F}", "\u{A0}\u{3000}", "\0\u{7}", "\u{E0041}"]
        {
            assert!(!text.contains(is_visible), "{text:?}");
        }
        for text in ["a", "0", "。", "❤\u{FE0F}", "\u{200B}.", "\u{FFFD}"] {
            assert!(text.contains(is_visible), "{text:?}");
        }
    }
}
