//! Takes out of texts for the logs what must not be in them: keys, account ids and people's addresses.

use super::escapes::{Meant, meant};

/// What keys and account ids begin with.
const PREFIXES: [&str; 17] = [
    "sk-", "sk_", "pk-", "user_", "org-", "org_", "acct_", "proj_", "key_", "AIza", "AKIA", "eyJ", "gsk_",
    "hf_", "xai-", "nvapi-", "pplx-",
];

/// Words whose value is private, in prose as in queries: `user_id=7`, `account_id: 7`.
const NAMES: [&str; 6] =
    ["user_id", "creator_user_id", "account_id", "api_key", "x-api-key", "authorization"];

/// Words before a credential: `Bearer abc`.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

const STARS: &str = "***";

/// A text with stars in the place of everything that looks like a key, an account id, a UUID or an e-mail address,
/// however it is escaped.
pub(crate) fn redacted(text: &str) -> String {
    let characters = meant(text);
    let mut stars = Stars::new(text, &characters);
    let mut at = 0;
    // Where the last word ended, and the word itself in lower case: it can name what follows.
    let (mut named_by, mut named_at) = (String::new(), 0);
    while let Some(found) = characters.get(at) {
        let run = |belongs: fn(char) -> bool| -> String {
            characters[at..].iter().map(|meant| meant.character).take_while(|one| belongs(*one)).collect()
        };
        let (address, word, value) = (run(is_of_an_address), run(is_of_a_word), run(is_of_a_value));
        let length = if is_address(&address) {
            let length = address.chars().count();
            stars.over(at, at + length);
            length
        } else if !is_of_a_word(found.character) {
            1
        } else if !is_scheme(&word) && is_value_of(&named_by, &characters[named_at..at], &value) {
            let length = value.chars().count();
            stars.over(at, at + length);
            length
        } else {
            // Words are ASCII: their bytes are their characters.
            if is_private(&word) {
                stars.over(at, at + word.len());
            }
            word.len()
        };
        if is_of_a_word(found.character) {
            (named_by, named_at) = (word.to_lowercase(), at + length);
        }
        at += length;
    }
    stars.finish()
}

/// A text with stars in the place of a secret that is known by heart, however it is escaped, and of its beginning
/// where the text ends.
pub(crate) fn without(secret: &str, text: &str) -> String {
    let secret: Vec<char> = secret.chars().collect();
    let characters = meant(text);
    let mut stars = Stars::new(text, &characters);
    let mut at = 0;
    while at < characters.len() && !secret.is_empty() {
        let same = characters[at..].iter().zip(&secret);
        let same = same.take_while(|(found, wanted)| found.character.eq_ignore_ascii_case(wanted)).count();
        // Texts are cut to a length before they come here, and the cut may go through the secret.
        let is_cut = at + same == characters.len() && same >= SHORTEST_PART;
        if same == secret.len() || is_cut {
            stars.over(at, at + same);
            at += same;
        } else {
            at += 1;
        }
    }
    stars.finish()
}

/// Characters of a secret that betray it; fewer are found in any text.
const SHORTEST_PART: usize = 4;

/// The beginning of a text, at most `bytes` long. A word that the cut would go through is left out: half an account
/// id is not recognised as one.
pub(crate) fn excerpt(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let is_of_one = |character: char| is_of_an_address(character) || "\\&#;".contains(character);
    let (kept, rest) = text.split_at(text.floor_char_boundary(bytes.saturating_sub(STARS.len())));
    if rest.starts_with(is_of_one) {
        kept.trim_end_matches(is_of_one).to_owned() + STARS
    } else {
        kept.to_owned()
    }
}

/// A text under way to its copy with stars.
struct Stars<'a> {
    text: &'a str,
    characters: &'a [Meant],
    clean: String,
    /// Bytes of the text that are in the copy, as they are or as stars.
    done: usize,
}

impl<'a> Stars<'a> {
    fn new(text: &'a str, characters: &'a [Meant]) -> Self {
        Stars { text, characters, clean: String::with_capacity(text.len()), done: 0 }
    }

    /// Puts stars in the place of some characters.
    fn over(&mut self, from: usize, to: usize) {
        let byte = |at: usize| self.characters.get(at).map_or(self.text.len(), |meant| meant.start);
        self.clean.push_str(&self.text[self.done..byte(from)]);
        self.clean.push_str(STARS);
        self.done = byte(to);
    }

    fn finish(mut self) -> String {
        self.clean.push_str(&self.text[self.done..]);
        self.clean
    }
}

fn is_of_a_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn is_of_an_address(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '+' | '%' | '@')
}

fn is_of_a_value(character: char) -> bool {
    !character.is_whitespace() && !"\"'\\,;&()[]{}<>".contains(character)
}

/// Whether a run of characters holds an e-mail address; `@preset/name` and `name@1.2` are none.
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

/// Whether what follows a word, after these characters, is its value and private.
fn is_value_of(name: &str, between: &[Meant], value: &str) -> bool {
    let only = |allowed: &str| between.iter().all(|meant| allowed.contains(meant.character));
    let has = |wanted: &str| between.iter().any(|meant| wanted.contains(meant.character));
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

/// A long run of letters and digits: no word, and no model's name, which has dashes.
fn is_opaque(part: &str) -> bool {
    part.len() >= 32
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_accounts_become_stars_and_prose_stays() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text), expected);
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
    fn keys_are_found_however_they_are_escaped() {
        for key in [
            "sk%2Dor%2Dv1%2D0123456789abcdef",
            "sk%252Dor%252Dv1%252D0123456789abcdef",
            r"sk\u002dor\u002dv1\u002d0123456789abcdef",
            r"sk\\u002Dor-v1-0123456789abcdef",
            "sk&#45;or&#x2d;v1-0123456789abcdef",
            r"\u0073k-or-v1-0123456789abcdef",
        ] {
            assert_eq!(redacted(&format!("at {key}, é")), "at ***, é", "{key}");
        }
    }

    #[test]
    fn addresses_of_people_become_stars() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text), expected);
        check("ask ada@example.org, or <a.b+c@mail.example.co.uk>.", "ask ***, or <***>.");
        check("mailto:ada%40example.org ada\\u0040example.org ada&#64;example.org", "mailto:*** *** ***");
        check("zoë@exämple.de.", "***");
        let none = "model@preset/slug @preset/x a@b npm@1.2.3 at@ @example.org ~a/b-latest";
        check(none, none);
    }

    #[test]
    fn what_a_name_makes_private_becomes_stars() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text), expected);
        check("user_id=7, account_id: \"abc/def\", user id 7", "user_id=***, account_id: \"***\", user id 7");
        check(r#"{\"user_id\":\"7\"} api_key%3Dabc.def&x=1"#, r#"{\"user_id\":\"***\"} api_key%3D***&x=1"#);
        check("Authorization: Bearer abc.def+/== and on", "Authorization: Bearer *** and on");
        check("bearer  aBc, a bearer token", "bearer  ***, a bearer token");
        check("no user_id was given: 3", "no user_id was given: 3");
    }

    #[test]
    fn a_secret_is_found_whole_cut_and_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(without("test-key-1234", text), expected);
        check("the test-key-1234, the test-key-1234", "the ***, the ***");
        check("cut at test-key-12", "cut at ***");
        check("cut at test%2Dkey\\u002d12", "cut at ***");
        check("TEST-KEY-1234 test%2dkey%252d1234é", "*** ***é");
        check("a test", "a ***");
        check("a tes", "a tes");
        check("test-key-12 and more", "test-key-12 and more");
        assert_eq!(without("", "text"), "text");
        assert_eq!(without("aab", "aaab"), "a***");
    }

    #[test]
    fn excerpts_end_between_words() {
        let check =
            |text: &str, bytes, expected: &str| assert_eq!(excerpt(text, bytes), expected, "{text} {bytes}");
        check("one two", 7, "one two");
        check("one (two)", 8, "one (***");
        check("one, two three", 11, "one, two");
        check("to ada@example.org", 12, "to ***");
        check("(é) long", 6, "(é");
        check("a – – –", 9, "a – ");
    }
}
