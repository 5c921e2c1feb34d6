//! Rust text with everything blanked that is not code: comments, literals and the unit tests at its foot.

use super::files::File;

/// The code of a file, line by line where it was. A file of tests has none.
pub(crate) fn code(file: &File) -> String {
    if file.is_test() { String::new() } else { without_tests(&without_words(&file.text)).into() }
}

/// Cuts at the unit tests; by the house's rule nothing comes after them.
fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, attribute)| {
        let mut rest = code[at + attribute.len()..].lines().map(str::trim);
        let item = rest.find(|line| !line.is_empty() && !line.starts_with("#["));
        item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// Blanks comments and literals; lines keep their numbers.
fn without_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            '\'' => character(rest),
            'r' if !code.ends_with(is_name) || is_literal_prefix(&code) => raw_string(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Whether the code ends in the `b` or `c` of a literal such as `br"…"`.
fn is_literal_prefix(code: &str) -> bool {
    code.strip_suffix(['b', 'c']).is_some_and(|before| !before.ends_with(is_name))
}

/// The length of a block comment, which may contain others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += step.0;
        at += step.1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string that may contain escapes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, or 0 if this is another word that begins with an r.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|char| *char == '#').count();
    let opening = 1 + hashes + 1;
    if text.as_bytes().get(opening - 1) != Some(&b'"') {
        return 0;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    text[opening..].find(&closing).map_or(text.len(), |at| opening + at + closing.len())
}

/// The length of a character literal, or 0 if this is a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((after, _))) => {
            let escaped = text.len().min(after + 1);
            text.get(escaped..).and_then(|rest| rest.find('\'')).map_or(0, |at| escaped + at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let code = without_words(text);
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words.join(" "), expected);
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d\n */ e", "a e");
        check(r#"a("b \" // c", d)"#, "a( , d)");
        check("a(r#\"b \" c\"#, br\"d\", e)", "a( , b , e)");
        check("for r in br { r\"x\" }", "for r in br { }");
        check(r"a('b', '\'', '\u{e9}', 'é') c", "a( , , , ) c");
        check("fn a<'b>(c: &'b str, d: &'_ D) {}", "fn a<'b>(c: &'b str, d: &'_ D) {}");
        check("\"never closed\n", "");
    }

    #[test]
    fn the_unit_tests_at_the_foot_are_cut() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_tests(text), expected);
        }

        check("a\n#[cfg(test)]\nmod tests {\nb\n}\n", "a\n");
        check("a\n#[cfg(test)]\n#[expect(x)]\nmod tests {\nb\n}\n", "a\n");
        check("#[cfg(test)]\nuse a;\nb\n", "#[cfg(test)]\nuse a;\nb\n");
        check("#[cfg(test)]\nmod tests;\nb\n", "#[cfg(test)]\nmod tests;\nb\n");
    }
}
