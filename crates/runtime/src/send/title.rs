//! The title of a conversation that nobody named: from its first message, without asking a model.

/// The longest title that is made, in characters.
const MOST_CHARS: usize = 60;
/// Joins characters into one sign; at the end of a title it has nothing to join.
const JOINER: char = '\u{200D}';

/// The first line of a message that shows something, cut at a word; none of a message that shows nothing.
pub(crate) fn title_from(content: &str) -> Option<String> {
    let line = content.lines().map(shown).find(|line| !line.is_empty())?;
    if line.chars().count() <= MOST_CHARS {
        return Some(line);
    }
    let cut: String = line.chars().take(MOST_CHARS).collect();
    let whole_words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    Some(format!("{}…", whole_words.trim_end_matches(JOINER)))
}

/// A line as lists show it: words with single blanks between them, without what steers a terminal or turns the
/// direction of the text that follows.
fn shown(line: &str) -> String {
    let line: String = line.chars().filter(|character| !is_invisible(*character)).collect();
    let words = line.split(|character: char| character.is_whitespace() || character.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Zero-width blanks, marks of direction that stay in force, and byte order marks.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
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
    fn characters_count_and_not_bytes() {
        check(&"数".repeat(61), &format!("{}…", "数".repeat(60)));
        check(&"ä ".repeat(31), &format!("{}…", ["ä"; 30].join(" ")));
        check("🙂", "🙂");
        // A family of three and a joiner are six characters, so that the cut falls behind a joiner.
        let families = |count: usize| vec!["👩\u{200D}👩\u{200D}👧"; count].join("\u{200D}");
        check(&families(12), &format!("{}…", families(10)));
    }

    #[test]
    fn what_cannot_be_seen_is_no_title() {
        for content in ["", " \n", "\u{1}\u{7}", "\u{200B}\n\u{FEFF}", "\u{2028}\u{A0}"] {
            assert_eq!(title_from(content), None, "{content:?}");
        }
        check("\u{1}\n\u{FEFF}Seen", "Seen");
        check("a\u{1B}[31mred", "a [31mred");
        check("file\u{202E}fdp.exe", "filefdp.exe");
    }

    proptest! {
        #[test]
        fn a_title_is_short_and_shows_in_one_line(content in "\\PC{0,80}|(.|\n){0,200}") {
            if let Some(title) = title_from(&content) {
                prop_assert!((1..=MOST_CHARS + 1).contains(&title.chars().count()));
                prop_assert!(MOST_CHARS < MAX_TITLE_CHARS);
                prop_assert!(!title.contains(char::is_control) && title.trim() == title, "{:?}", title);
            }
        }
    }
}
