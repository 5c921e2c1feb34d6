//! Undoes the escapes of URLs, JSON and HTML: `sk%2Dor`, `sk\u002dor` and `sk&#45;or` are the same key.

/// An unescaped character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unescaped {
    pub(super) character: char,
    /// Byte offset in the escaped text. The character ends where the next one starts.
    pub(super) start: usize,
}

/// Returns the characters of a text with the escapes of URLs, JSON and HTML undone, including repeated escaping.
pub(super) fn unescape(text: &str) -> Vec<Unescaped> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (character, length) = decode_escape(rest).unwrap_or((character, character.len_utf8()));
        found.push(Unescaped { character, start: text.len() - rest.len() });
        rest = &rest[length..];
    }
    found
}

/// Decodes an escape at the start of a text; returns the character and the length of the escape in bytes.
fn decode_escape(text: &str) -> Option<(char, usize)> {
    let (before, digits, radix, end) = if let Some(after) = text.strip_prefix('%') {
        // `%25` is an escaped per cent sign.
        let digits = after.trim_start_matches("25");
        (1 + after.len() - digits.len(), digits.get(..2)?, 16, 0)
    } else if text.starts_with('\\') {
        // Two backslashes are an escaped backslash.
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
    fn escapes_are_undone_and_other_text_is_unchanged() {
        let check = |text: &str, expected: &str| {
            let found: String = unescape(text).iter().map(|item| item.character).collect();
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
    fn every_character_has_its_offset_in_the_escaped_text() {
        let starts: Vec<usize> = unescape(r"é%2D\u002d&#45;z").iter().map(|item| item.start).collect();
        assert_eq!(starts, [0, 2, 5, 11, 16]);
    }
}
