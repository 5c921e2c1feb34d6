//! Splits Rust text into code, comments and literals.

use super::files::File;

/// Returns the code of a file without comments, literals and unit tests; lines keep their numbers. A file of tests has
/// none.
pub(super) fn code(file: &File) -> String {
    if file.is_test() { String::new() } else { without_tests(&whole_code(&file.text)).into() }
}

/// Returns the code of a Rust text with its unit tests, without comments and literals; lines keep their numbers.
pub(super) fn whole_code(text: &str) -> String {
    blanked(text, |kind, _| kind == Kind::Code)
}

/// Returns the comments of a Rust text; lines keep their numbers.
pub(super) fn comments(text: &str) -> String {
    blanked(text, |kind, _| kind == Kind::Comment)
}

/// Returns the comments and literals of a Rust text; lines keep their numbers.
///
/// A literal without a space is a name or a value, not prose, and is left out.
pub(super) fn prose(text: &str) -> String {
    blanked(text, |kind, part| match kind {
        Kind::Code => false,
        Kind::Comment => true,
        Kind::Literal => part.trim().contains(char::is_whitespace),
    })
}

/// Returns whether a line contains a word or phrase, neither preceded nor followed by another character of a name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_name) && !line[at + word.len()..].starts_with(is_name))
}

/// What a part of a Rust text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Cuts at the unit tests, which are the last item of a file.
fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, attribute)| {
        let mut rest = code[at + attribute.len()..].lines().map(str::trim);
        let item = rest.find(|line| !line.is_empty() && !line.starts_with("#["));
        item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// Returns the text with spaces in place of the parts that are not kept.
fn blanked(text: &str, keep: impl Fn(Kind, &str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for (kind, part) in parts(text) {
        if keep(kind, part) {
            kept.push_str(part);
        } else {
            kept.extend(part.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        }
    }
    kept
}

/// Returns the parts of a Rust text in order; together they are the text.
fn parts(text: &str) -> Vec<(Kind, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let before = &text[start..at];
        let (kind, length) = match next {
            '/' if rest.starts_with("//") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(rest)),
            '"' => (Kind::Literal, string(rest)),
            '\'' => (Kind::Literal, character(rest)),
            'r' if !before.ends_with(is_name) || is_literal_prefix(before) => {
                (Kind::Literal, raw_string(rest))
            }
            _ => (Kind::Code, 0),
        };
        if length == 0 {
            at += next.len_utf8();
        } else {
            parts.push((Kind::Code, before));
            parts.push((kind, &rest[..length]));
            at += length;
            start = at;
        }
    }
    parts.push((Kind::Code, &text[start..]));
    parts
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Returns whether the code ends in the `b` or `c` of a literal such as `br"…"`.
fn is_literal_prefix(code: &str) -> bool {
    code.strip_suffix(['b', 'c']).is_some_and(|before| !before.ends_with(is_name))
}

/// Returns the length of a block comment, which may contain others.
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

/// Returns the length of a string that may contain escapes.
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

/// Returns the length of a raw string, or 0 if the `r` begins something else.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|char| *char == '#').count();
    let opening = 1 + hashes + 1;
    if text.as_bytes().get(opening - 1) != Some(&b'"') {
        return 0;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    text[opening..].find(&closing).map_or(text.len(), |at| opening + at + closing.len())
}

/// Returns the length of a character literal, or 0 if the quote begins a lifetime.
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
        let code = whole_code(text);
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words.join(" "), expected);
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn comments_and_literals_are_not_code() {
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
    fn prose_is_what_comments_and_longer_literals_say() {
        let prose = prose("let a = \"one two\"; // three\nlet b = (\"four\", 'x');\n/* five\n six */ c");
        assert_eq!(
            prose.split_whitespace().collect::<Vec<_>>().join(" "),
            "\"one two\" // three /* five six */"
        );
        assert_eq!(prose.lines().nth(3).map(str::trim), Some("six */"));
    }

    #[test]
    fn unit_tests_at_the_end_of_a_file_are_cut() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_tests(text), expected);
        }

        check("a\n#[cfg(test)]\nmod tests {\nb\n}\n", "a\n");
        check("a\n#[cfg(test)]\n#[expect(x)]\nmod tests {\nb\n}\n", "a\n");
        check("#[cfg(test)]\nuse a;\nb\n", "#[cfg(test)]\nuse a;\nb\n");
        check("#[cfg(test)]\nmod tests;\nb\n", "#[cfg(test)]\nmod tests;\nb\n");
    }

    #[test]
    fn a_word_is_not_part_of_a_longer_name() {
        #[track_caller]
        fn check(line: &str, word: &str, expected: bool) {
            assert_eq!(has_word(line, word), expected, "{word} in {line}");
        }

        check("let x: f64 = y", "f64", true);
        check("let x = of64", "f64", false);
        check("buf64.f64_value()", "f64", false);
        check("std::time::Instant::now()", "Instant::now", true);
        check("MyInstant::now()", "Instant::now", false);
        check("task::spawn_blocking(f)", "task::spawn", false);
    }
}
