//! Default title of a session, derived from its first message without a model.

use causerie_domain::display_text::cleaned_display_text;

/// Maximum length of a derived title, in characters, without the ellipsis.
const MAX_CHARS: usize = 60;
/// Zero-width joiner. It joins two characters to one glyph, so it is removed at the end of a title.
const JOINER: char = '\u{200D}';

/// Returns the first line with visible characters, cut at a word boundary; `None` if no line has visible characters.
/// Control characters and characters that change the direction of text are left out.
pub(crate) fn title_from(content: &str) -> Option<String> {
    let line = content.lines().find_map(cleaned_display_text)?;
    if line.chars().count() <= MAX_CHARS {
        return Some(line);
    }
    let cut: String = line.chars().take(MAX_CHARS).collect();
    let whole_words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    // What a character needs, such as a letter that is written from right to left, may be behind the cut.
    let title = cleaned_display_text(whole_words.trim_end_matches(JOINER))?;
    Some(format!("{title}…"))
}

#[cfg(test)]
mod tests {
    use causerie_domain::display_text::display_text_error;
    use causerie_domain::sessions::MAX_TITLE_CHARS;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        assert_eq!(title_from(content).as_deref(), Some(expected), "{content:?}");
    }

    #[test]
    fn a_title_is_the_first_line_cut_at_a_word() {
        check("  Hello there  \nsecond line", "Hello there");
        check("What is\ta   prime?\r\nI forgot.", "What is a prime?");
        check(&"word ".repeat(30), &format!("{}…", ["word"; 12].join(" ")));
        check(&"x".repeat(60), &"x".repeat(60));
        check(&"x".repeat(100), &format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn the_length_of_a_title_is_in_characters() {
        check(&"数".repeat(61), &format!("{}…", "数".repeat(60)));
        check(&"ä ".repeat(31), &format!("{}…", ["ä"; 30].join(" ")));
        check("🙂", "🙂");
        // A family of three and a joiner are six characters, so the cut falls after a joiner.
        let families = |count: usize| vec!["👩\u{200D}👩\u{200D}👧"; count].join("\u{200D}");
        check(&families(12), &format!("{}…", families(10)));
    }

    #[test]
    fn a_message_without_visible_characters_gives_no_title() {
        for content in ["", " \n", "\u{1}\u{7}", "\u{200B}\n\u{FEFF}", "\u{2028}\u{A0}"] {
            assert_eq!(title_from(content), None, "{content:?}");
        }
        check("\u{1}\n\u{FEFF}Seen", "Seen");
        check("a\u{1B}[31mred", "a [31mred");
        check("file\u{202E}fdp.exe", "filefdp.exe");
    }

    proptest! {
        #[test]
        fn a_title_is_short_and_has_one_line(content in "\\PC{0,80}|(.|\n){0,200}") {
            if let Some(title) = title_from(&content) {
                prop_assert!((1..=MAX_CHARS + 1).contains(&title.chars().count()));
                prop_assert!(MAX_CHARS < MAX_TITLE_CHARS);
                prop_assert!(display_text_error(&title).is_none() && title.trim() == title, "{:?}", title);
            }
        }
    }
}
