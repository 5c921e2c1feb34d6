//! Takes out of the logs what must not be in them: keys, account ids, and text that users wrote.

use serde_json::{Map, Value};

/// Members that hold people's text, or that name a person, an account or a key.
const PRIVATE: [&str; 10] = [
    "user_id",
    "flagged_input",
    "api_key",
    "key",
    "label",
    "authorization",
    "creator_user_id",
    "user",
    "account_id",
    "organization",
];

/// What keys and account ids begin with.
const PREFIXES: [&str; 11] =
    ["sk-", "sk_", "pk-", "user_", "org-", "org_", "acct_", "proj_", "key_", "AIza", "eyJ"];

/// A JSON value without its private members, however deep.
pub(crate) fn without_private_members(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !PRIVATE.contains(&name.to_lowercase().as_str()));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), without_private_members(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => values.iter().map(without_private_members).collect(),
        value => value.clone(),
    }
}

/// A text with stars in the place of everything that looks like a key, an account id or a UUID.
pub(crate) fn redacted(text: &str) -> String {
    let in_word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(in_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|character| !in_word(character)).unwrap_or(from.len()));
        clean.push_str(before);
        clean.push_str(if is_private(word) { "***" } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// A text with stars in the place of a secret that is known by heart, and of its beginning where the text ends.
pub(crate) fn without(secret: &str, text: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    let clean = text.replace(secret, "***");
    // Texts are cut to a length before they come here, and the cut may go through the secret.
    let begins = |(end, _): &(usize, char)| clean.ends_with(&secret[..*end]);
    match secret.char_indices().rev().take_while(|(end, _)| *end >= SHORTEST_PART).find(begins) {
        Some((end, _)) => format!("{}***", &clean[..clean.len() - end]),
        None => clean,
    }
}

/// Bytes of a secret that betray it; fewer are found in any text.
const SHORTEST_PART: usize = 4;

/// The part of a text before the first private member, for JSON that cannot be parsed and so not be cleaned.
pub(crate) fn before_private_members(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let names = PRIVATE.iter().filter_map(|name| lower.find(&format!("\"{name}\"")));
    &text[..names.min().unwrap_or(text.len())]
}

/// The beginning of a text, at most `bytes` long, whole characters only.
pub(crate) fn excerpt(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn is_private(word: &str) -> bool {
    let prefixed = |prefix: &&str| word.len() >= prefix.len() + 6 && word.starts_with(*prefix);
    PREFIXES.iter().any(prefixed) || is_uuid(word) || is_opaque(word)
}

fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A long run of letters and digits: no word, and no model's name, which has dashes.
fn is_opaque(word: &str) -> bool {
    word.len() >= 32
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        check(
            "anthropic/claude-4.5-haiku-20251001 ünïcode – sk-",
            "anthropic/claude-4.5-haiku-20251001 ünïcode – sk-",
        );
        check("", "");
    }

    #[test]
    fn private_members_go_at_every_depth() {
        let value = json!({"a":1,"user_id":"u","b":[{"Flagged_Input":"x","c":"y"}]});
        assert_eq!(without_private_members(&value), json!({"a":1,"b":[{"c":"y"}]}));
    }

    #[test]
    fn a_secret_is_found_whole_and_cut() {
        let check = |text: &str, expected: &str| assert_eq!(without("test-key-1234", text), expected);
        check("the test-key-1234, the test-key-1234", "the ***, the ***");
        check("cut at test-key-12", "cut at ***");
        check("a test", "a ***");
        check("a tes", "a tes");
        check("test-key-12 and more", "test-key-12 and more");
        assert_eq!(without("", "text"), "text");
    }

    #[test]
    fn what_cannot_be_parsed_ends_before_its_first_private_member() {
        assert_eq!(before_private_members(r#"{"a":"b","Flagged_Input":"my"#), r#"{"a":"b","#);
        assert_eq!(before_private_members("{\"a\":é"), "{\"a\":é");
    }

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(excerpt("aé", 2), "a");
        assert_eq!(excerpt("aé", 3), "aé");
    }
}
