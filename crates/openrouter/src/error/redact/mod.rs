//! Redacts texts for the logs: replaces keys, account ids and e-mail addresses with stars.

mod private_fields;
mod unescape;

pub(super) use self::private_fields::{before_private_fields, remove_private_fields};
use self::unescape::{Unescaped, unescape};

/// Prefixes of API keys and account ids.
const PREFIXES: [&str; 17] = [
    "sk-", "sk_", "pk-", "user_", "org-", "org_", "acct_", "proj_", "key_", "AIza", "AKIA", "eyJ", "gsk_",
    "hf_", "xai-", "nvapi-", "pplx-",
];

/// Names whose value is private, in prose and in queries: `user_id=7`, `account_id: 7`.
const NAMES: [&str; 6] =
    ["user_id", "creator_user_id", "account_id", "api_key", "x-api-key", "authorization"];

/// Authentication schemes, which precede a credential: `Bearer abc`.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

const STARS: &str = "***";

/// Replaces every key, account id, UUID and e-mail address in a text with stars, escaped or not.
pub(super) fn redact(text: &str) -> String {
    let characters = unescape(text);
    let mut output = Redaction::new(text, &characters);
    let mut at = 0;
    // The last word, in lower case, and its end: it can be the name of the value after it.
    let (mut name, mut name_end) = (String::new(), 0);
    while let Some(found) = characters.get(at) {
        let run = |belongs: fn(char) -> bool| -> String {
            characters[at..].iter().map(|item| item.character).take_while(|one| belongs(*one)).collect()
        };
        let (address, word, value) = (run(is_address_char), run(is_word_char), run(is_value_char));
        let length = if is_address(&address) {
            let length = address.chars().count();
            output.hide(at, at + length);
            length
        } else if !is_word_char(found.character) {
            1
        } else if !is_scheme(&word) && is_value_of(&name, &characters[name_end..at], &value) {
            let length = value.chars().count();
            output.hide(at, at + length);
            length
        } else {
            // Words are ASCII: their length in bytes is their length in characters.
            if is_private(&word) {
                output.hide(at, at + word.len());
            }
            word.len()
        };
        if is_word_char(found.character) {
            (name, name_end) = (word.to_lowercase(), at + length);
        }
        at += length;
    }
    output.finish()
}

/// Replaces a known secret in a text with stars, escaped or not, and also its beginning at the end of the text.
pub(crate) fn redact_secret(secret: &str, text: &str) -> String {
    let secret: Vec<char> = secret.chars().collect();
    let characters = unescape(text);
    let mut output = Redaction::new(text, &characters);
    let mut at = 0;
    while at < characters.len() && !secret.is_empty() {
        let same = characters[at..].iter().zip(&secret);
        let same = same.take_while(|(found, wanted)| found.character.eq_ignore_ascii_case(wanted)).count();
        // Texts are truncated before this, possibly within the secret.
        let is_cut = at + same == characters.len() && same >= MIN_SECRET_PREFIX;
        if same == secret.len() || is_cut {
            output.hide(at, at + same);
            at += same;
        } else {
            at += 1;
        }
    }
    output.finish()
}

/// Minimum length of a secret's beginning that is redacted at the end of a text. Shorter matches occur in any text.
const MIN_SECRET_PREFIX: usize = 4;

/// Shortens a text to `max_bytes`. A word at the cut is left out as a whole, because half an account id would not be
/// recognized as one.
pub(super) fn truncate(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let is_word = |character: char| is_address_char(character) || "\\&#;".contains(character);
    let (kept, rest) = text.split_at(text.floor_char_boundary(max_bytes.saturating_sub(STARS.len())));
    if rest.starts_with(is_word) {
        kept.trim_end_matches(is_word).to_owned() + STARS
    } else {
        kept.to_owned()
    }
}

/// A copy of a text in which some characters are replaced with stars.
struct Redaction<'a> {
    text: &'a str,
    characters: &'a [Unescaped],
    output: String,
    /// Number of bytes of the text that are copied or replaced.
    done: usize,
}

impl<'a> Redaction<'a> {
    fn new(text: &'a str, characters: &'a [Unescaped]) -> Self {
        Redaction { text, characters, output: String::with_capacity(text.len()), done: 0 }
    }

    /// Replaces a range of characters with stars.
    fn hide(&mut self, from: usize, to: usize) {
        let byte = |at: usize| self.characters.get(at).map_or(self.text.len(), |item| item.start);
        self.output.push_str(&self.text[self.done..byte(from)]);
        self.output.push_str(STARS);
        self.done = byte(to);
    }

    fn finish(mut self) -> String {
        self.output.push_str(&self.text[self.done..]);
        self.output
    }
}

fn is_word_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn is_address_char(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '+' | '%' | '@')
}

fn is_value_char(character: char) -> bool {
    !character.is_whitespace() && !"\"'\\,;&()[]{}<>".contains(character)
}

/// Returns whether a run of characters contains an e-mail address; `@preset/name` and `name@1.2` are none.
fn is_address(run: &str) -> bool {
    run.match_indices('@').any(|(at, _)| {
        let labels: Vec<&str> = run[at + 1..].trim_end_matches('.').split(['.', '@']).collect();
        let is_domain = labels.len() > 1 && labels.iter().all(|label| !label.is_empty());
        let top = labels.last().copied().unwrap_or_default();
        run[..at].ends_with(char::is_alphanumeric)
            && is_domain
            && top.chars().count() > 1
            && top.chars().all(char::is_alphabetic)
    })
}

/// Returns whether `value` is the private value of `name`; `between` are the characters between the two.
fn is_value_of(name: &str, between: &[Unescaped], value: &str) -> bool {
    let only = |allowed: &str| between.iter().all(|item| allowed.contains(item.character));
    let has = |wanted: &str| between.iter().any(|item| wanted.contains(item.character));
    // "A bearer token is missing" is prose.
    let is_prose = value.bytes().all(|byte| byte.is_ascii_lowercase());
    NAMES.contains(&name) && only(" \t:=\"'\\") && has(":=")
        || is_scheme(name) && only(" ") && has(" ") && !is_prose
}

fn is_scheme(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word))
}

fn is_private(word: &str) -> bool {
    let prefixed = |prefix: &&str| word.len() >= prefix.len() + 6 && word.starts_with(*prefix);
    PREFIXES.iter().any(prefixed) || is_uuid(word) || word.split(['-', '_']).any(is_opaque)
}

fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Returns whether a part is a long run of letters and digits. Words and model names, which have dashes, are not.
fn is_opaque(part: &str) -> bool {
    part.len() >= 32
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_account_ids_are_redacted_and_prose_is_kept() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check("key sk-or-v1-0123456789abcdef rejected", "key *** rejected");
        check(
            "Team: 00000000-1111-2222-3333-444444444444, Model: grok-3-mini",
            "Team: ***, Model: grok-3-mini",
        );
        check("user_2abcDEFghi asked", "*** asked");
        check("token 0123456789abcdef0123456789ABCDEF.", "token ***.");
        check("gsk_0123456789, x_0123456789abcdef0123456789ABCDEF", "***, ***");
        check(
            "anthropic/claude-4.5-haiku-20251001 ünïcode – sk-",
            "anthropic/claude-4.5-haiku-20251001 ünïcode – sk-",
        );
        check("", "");
    }

    #[test]
    fn escaped_keys_are_redacted() {
        for key in [
            "sk%2Dor%2Dv1%2D0123456789abcdef",
            "sk%252Dor%252Dv1%252D0123456789abcdef",
            r"sk\u002dor\u002dv1\u002d0123456789abcdef",
            r"sk\\u002Dor-v1-0123456789abcdef",
            "sk&#45;or&#x2d;v1-0123456789abcdef",
            r"\u0073k-or-v1-0123456789abcdef",
        ] {
            assert_eq!(redact(&format!("at {key}, é")), "at ***, é", "{key}");
        }
    }

    #[test]
    fn email_addresses_are_redacted() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check("ask ada@example.org, or <a.b+c@mail.example.co.uk>.", "ask ***, or <***>.");
        check("mailto:ada%40example.org ada\\u0040example.org ada&#64;example.org", "mailto:*** *** ***");
        check("zoë@exämple.de.", "***");
        let none = "model@preset/slug @preset/x a@b npm@1.2.3 at@ @example.org ~a/b-latest";
        check(none, none);
    }

    #[test]
    fn values_of_private_names_are_redacted() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check("user_id=7, account_id: \"abc/def\", user id 7", "user_id=***, account_id: \"***\", user id 7");
        check(r#"{\"user_id\":\"7\"} api_key%3Dabc.def&x=1"#, r#"{\"user_id\":\"***\"} api_key%3D***&x=1"#);
        check("Authorization: Bearer abc.def+/== and on", "Authorization: Bearer *** and on");
        check("bearer  aBc, a bearer token", "bearer  ***, a bearer token");
        check("no user_id was given: 3", "no user_id was given: 3");
    }

    #[test]
    fn a_known_secret_is_redacted_whole_cut_and_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(redact_secret("test-key-1234", text), expected);
        check("the test-key-1234, the test-key-1234", "the ***, the ***");
        check("cut at test-key-12", "cut at ***");
        check("cut at test%2Dkey\\u002d12", "cut at ***");
        check("TEST-KEY-1234 test%2dkey%252d1234é", "*** ***é");
        check("a test", "a ***");
        check("a tes", "a tes");
        check("test-key-12 and more", "test-key-12 and more");
        assert_eq!(redact_secret("", "text"), "text");
        assert_eq!(redact_secret("aab", "aaab"), "a***");
    }

    #[test]
    fn truncated_texts_end_between_words() {
        let check =
            |text: &str, bytes, expected: &str| assert_eq!(truncate(text, bytes), expected, "{text} {bytes}");
        check("one two", 7, "one two");
        check("one (two)", 8, "one (***");
        check("one, two three", 11, "one, two");
        check("to ada@example.org", 12, "to ***");
        check("(é) long", 6, "(é");
        check("a – – –", 9, "a – ");
    }
}
