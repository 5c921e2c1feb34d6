//! Texts read as what they mean: a key is the same key as `sk%2Dor`, `sk\u002dor` and `sk&#45;or`.

/// A character as it is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meant {
    pub(super) character: char,
    /// Where it begins in the text as it is written; it ends where the next one begins.
    pub(super) start: usize,
}

/// The characters of a text, with the escapes of URLs, JSON and HTML undone, however often they were applied.
pub(super) fn meant(text: &str) -> Vec<Meant> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (character, length) = escape(rest).unwrap_or((character, character.len_utf8()));
        found.push(Meant { character, start: text.len() - rest.len() });
        rest = &rest[length..];
    }
    found
}

/// The character that an escape at the start of a text stands for, and the length of the escape.
fn escape(text: &str) -> Option<(char, usize)> {
    let (before, digits, radix, end) = if let Some(after) = text.strip_prefix('%') {
        // A per cent sign that was itself escaped is `%25`.
        let digits = after.trim_start_matches("25");
        (1 + after.len() - digits.len(), digits.get(..2)?, 16, 0)
    } else if text.starts_with('\\') {
        // A backslash that was itself escaped is two.
        let digits = text.trim_start_matches('\\').strip_prefix('u')?;
        (text.len() - digits.len(), digits.get(..4)?, 16, 0)
    } else {
        let (digits, _) = text.strip_prefix("&#")?.split_once(';')?;
        match digits.strip_prefix(['x', 'X']) {
            Some(digits) => (3, digits, 16, 1),
            None => (2, digits, 10, 1),
        }
    };
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    Some((character, before + digits.len() + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        let check = |text: &str, expected: &str| {
            let found: String = meant(text).iter().map(|meant| meant.character).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("sk%2Dor%2dv1", "sk-or-v1");
        check("a%252Db%25252Dc", "a-b-c");
        check(r"sk\u002dor\\u002dv1\\\\u002D", "sk-or-v1-");
        check("sk&#45;or&#x2d;v1&#X2D;", "sk-or-v1-");
        check(
            "100 % of 25 %, %zz, \\n \\u12 &#; &#45 &amp; %",
            "100 % of 25 %, %zz, \\n \\u12 &#; &#45 &amp; %",
        );
        check("%é1 \\ué é", "%é1 \\ué é");
        check("", "");
    }

    #[test]
    fn every_character_knows_where_it_is_written() {
        let starts: Vec<usize> = meant(r"é%2D\u002d&#45;z").iter().map(|meant| meant.start).collect();
        assert_eq!(starts, [0, 2, 5, 11, 16]);
    }
}
