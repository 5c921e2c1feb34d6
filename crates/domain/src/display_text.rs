//! Texts that are displayed on one line: names, titles, file names and e-mail addresses.

/// Returns the reason why a text cannot be displayed on one line as it is, or `None`: it has control characters,
/// invisible characters, or characters that change the direction of the text around it, or it shows nothing.
///
/// Some characters without a width are allowed where emoji and scripts need them: joiners after characters that they
/// join, one variation selector after a character, tags of flags, and the marks U+200E, U+200F and U+061C in texts with
/// letters that are written from right to left.
pub fn display_text_error(text: &str) -> Option<&'static str> {
    let mut context = Context::of(text);
    if text.contains(breaks_line) {
        Some("contains control characters")
    } else if text.contains(changes_direction) {
        Some("contains characters that change the direction of text")
    } else if !text.chars().all(|character| context.accepts(character)) {
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
    let mut context = Context::of(text);
    let kept = |character: &char| !changes_direction(*character) && context.accepts(*character);
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
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
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

/// The characters before a character without a width, which decide whether it is needed.
#[derive(Debug)]
struct Context {
    /// Whether the text has letters that are written from right to left.
    has_rtl: bool,
    /// Last accepted character.
    last: Option<char>,
    /// Last accepted character that is no variation selector.
    base: Option<char>,
    /// Number of tags since the last character that is none.
    tags: usize,
}

impl Context {
    fn of(text: &str) -> Self {
        Context { has_rtl: text.contains(is_rtl), last: None, base: None, tags: 0 }
    }

    /// Returns whether a character is accepted after those that were accepted before.
    fn accepts(&mut self, character: char) -> bool {
        let (is_tag, is_selector) = (is_tag(character), is_variation_selector(character));
        let accepted = match character {
            _ if is_tag => self.last == Some(FLAG) || (1..MAX_TAGS).contains(&self.tags),
            '\u{200E}' | '\u{200F}' | '\u{61C}' => self.has_rtl,
            _ if is_joiner(character) => self.base.is_some_and(joins),
            _ if is_selector => self.last.is_some_and(is_visible),
            _ => !is_superfluous(character),
        };
        if accepted {
            self.tags = if is_tag { self.tags + 1 } else { 0 };
            self.last = Some(character);
            if !is_selector {
                self.base = Some(character);
            }
        }
        accepted
    }
}

/// The emoji that tags make the flag of a region, such as England.
const FLAG: char = '\u{1F3F4}';
/// Maximum number of tags after a flag: a region of up to six letters and digits, and the end.
const MAX_TAGS: usize = 7;

/// Tags of flags: digits, letters and their end.
fn is_tag(character: char) -> bool {
    matches!(character, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}' | '\u{E007F}')
}

/// Characters without a width that affect the shape of their neighbours: joiners, fillers and inherent vowels.
fn is_joiner(character: char) -> bool {
    matches!(
        character,
        '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{200C}' | '\u{200D}'
    )
}

fn is_variation_selector(character: char) -> bool {
    matches!(character,
        '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Returns whether joiners have a meaning after a character: after emoji and letters other than Latin, Greek and
/// Cyrillic ones.
fn joins(character: char) -> bool {
    let is_alphabetic = matches!(character, '\0'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' | '\u{1D00}'..='\u{1FFF}'
            | '\u{2C60}'..='\u{2C7F}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}'
            | '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}' | '\u{FB00}'..='\u{FB06}'
            | '\u{FF01}'..='\u{FF5E}');
    !is_alphabetic && is_visible(character)
}

/// Letters that are written from right to left, without the marks.
fn is_rtl(character: char) -> bool {
    matches!(character, '\u{5BE}'..='\u{60F}' | '\u{61D}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// Characters without a width that no emoji and no script needs within a line: the soft hyphen, U+200B, word joiner,
/// invisible operators, deprecated format characters, interlinear annotations, the byte order mark, fillers, the format
/// characters of shorthand and music, other tags, and reserved characters that displays ignore.
fn is_superfluous(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{200B}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{3164}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: [&str; 33] = [
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
        "co\u{AD}operate",
        "\u{FFF9}a\u{FFFA}b\u{FFFB}",
        "ad\u{200D}min",
        "ad\u{200C}min",
        "админ\u{200D}",
        "é\u{34F}a",
        "a\u{200E}b",
        "ab\u{61C}",
        "👩\u{200D}\u{200D}👧",
        "a\u{FE0F}\u{FE01}",
        "ad\u{FE0F}\u{200D}min",
        "\u{FE0F}a",
        "admin\u{3164}",
        "a\u{E0061}",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}\u{E0061}\u{E0061}",
        "a\u{1D173}b",
    ];
    const ALLOWED: [&str; 13] = [
        "Ada Lovelace",
        "👩\u{200D}👩\u{200D}👧",
        "❤\u{FE0F}",
        "می\u{200C}خواهم",
        "ක්\u{200D}ෂ",
        "שלום\u{200F}!",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        "❤\u{FE0F}\u{200D}🔥",
        "1\u{FE0F}\u{20E3}",
        "葛\u{E0100}城",
        "C++\u{200E} של יעל",
        "ه\u{200D}",
        "\u{600}١",
    ];

    /// Characters of the general category Cf, and others that displays ignore by default (Unicode 17).
    const FORMAT: [(u32, u32); 30] = [
        (0xAD, 0xAD),
        (0x34F, 0x34F),
        (0x600, 0x605),
        (0x61C, 0x61C),
        (0x6DD, 0x6DD),
        (0x70F, 0x70F),
        (0x890, 0x891),
        (0x8E2, 0x8E2),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFFB),
        (0x110BD, 0x110BD),
        (0x110CD, 0x110CD),
        (0x13430, 0x1343F),
        (0x1BCA0, 0x1BCA3),
        (0x1D173, 0x1D17A),
        (0xE0000, 0xE0000),
        (0xE0001, 0xE0001),
        (0xE0002, 0xE001F),
        (0xE0020, 0xE007F),
        (0xE0080, 0xE01EF),
        (0xE01F0, 0xE0FFF),
    ];

    /// Returns whether a format character is visible: signs that enclose or precede digits, and the arrangement of
    /// hieroglyphs.
    fn is_visible_format(character: char) -> bool {
        matches!(character, '\u{600}'..='\u{605}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}'
            | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}')
    }

    #[test]
    fn no_format_character_hides_between_latin_letters() {
        let characters = FORMAT.into_iter().flat_map(|(first, last)| first..=last).filter_map(char::from_u32);
        for character in characters {
            assert_eq!(is_visible(character), is_visible_format(character), "{character:?}");
            let is_accepted = display_text_error(&format!("a{character}b")).is_none();
            let expected = is_visible_format(character) || is_variation_selector(character);
            assert_eq!(is_accepted, expected, "{character:?}");
            if !is_visible(character) {
                assert!(display_text_error(&format!("{character}b")).is_some(), "{character:?}");
                let twice = format!("a{character}{character}b");
                assert!(display_text_error(&twice).is_some(), "{character:?}");
            }
        }
    }

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
        for character in (0..=0x2_FFFF).chain(0xE_0000..=0xE_0FFF).filter_map(char::from_u32) {
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
