//! Removes what a text of the upstream quotes from a conversation, before the text reaches a log.
//!
//! Providers repeat the request and the answer in their errors: as they are, cut, and escaped for JSON, HTML and URLs.
//! Every run of [`WINDOW`] characters that occurs in the conversation is replaced, whatever its escapes are. The text of
//! the upstream is short and indexed; the conversation is read once, in constant memory.

use std::collections::HashMap;
use std::fmt::Write as _;

use causerie_domain::completion::{CompletionEnd, CompletionRequest, ContentPart};
use causerie_domain::messages::Part;
use serde_json::Value;

/// Length in characters of the shortest quotation that is removed.
const WINDOW: usize = 16;
/// Maximum number of bytes of a URL of a file that are compared: a quotation of a file begins at its start.
const MAX_URL_BYTES: usize = 64 * 1024;
/// Replacement of a quotation.
const STARS: &str = "***";
/// Base of the rolling hash.
const BASE: u64 = 0x0100_0000_01B3;

/// Returns a text of the upstream without quotations of the request and of the answer.
pub(crate) fn without_quotations(
    text: &str,
    request: &CompletionRequest,
    answer: &[Part],
    end: &CompletionEnd,
) -> String {
    let mut quotations = Quotations::new(text);
    for message in &request.messages {
        for part in &message.content {
            match part {
                ContentPart::Text(text) => quotations.remove(text),
                ContentPart::ImageUrl(url) => quotations.remove_url(url),
                ContentPart::FileUrl { filename, url } => {
                    quotations.remove(filename);
                    quotations.remove_url(url);
                }
            }
        }
        quotations.remove_value(message.reasoning_details.as_ref());
    }
    answer.iter().for_each(|part| match part.kind {
        causerie_domain::messages::PartKind::File => quotations.remove_url(&part.text),
        _ => quotations.remove(&part.text),
    });
    end.tool_calls.iter().for_each(|call| quotations.remove(&call.arguments));
    quotations.remove_value(end.reasoning_details.as_ref());
    end.annotations.iter().for_each(|annotation| quotations.remove_value(Some(annotation)));
    quotations.finish()
}

/// Returns a text of the upstream without quotations of a request body.
pub(crate) fn without_quotations_of(text: &str, body: &Value) -> String {
    let mut quotations = Quotations::new(text);
    quotations.remove_value(Some(body));
    quotations.finish()
}

/// Text of the upstream with the places of the quotations that were found.
#[derive(Debug)]
struct Quotations<'t> {
    text: &'t str,
    /// The characters of the text as they are, and with their escapes undone: the start of each in the text.
    forms: [Vec<usize>; 2],
    /// Places of the runs that were not found yet: form and index of the first character.
    windows: HashMap<u64, Vec<(usize, usize)>>,
    /// Byte ranges to replace.
    found: Vec<(usize, usize)>,
}

impl<'t> Quotations<'t> {
    fn new(text: &'t str) -> Self {
        let mut windows: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
        let forms = [Plain::of(text).collect::<Vec<_>>(), Unescaped::of(text).collect()];
        for (form, characters) in forms.iter().enumerate() {
            let hashes = rolling(characters.iter().map(|(_, character)| *character));
            hashes.enumerate().for_each(|(at, hash)| windows.entry(hash).or_default().push((form, at)));
        }
        let forms = forms.map(|characters| characters.into_iter().map(|(start, _)| start).collect());
        Quotations { text, forms, windows, found: Vec::new() }
    }

    /// Removes what the text quotes from a text of the conversation.
    fn remove(&mut self, conversation: &str) {
        self.remove_windows(rolling(Plain::of(conversation).map(|(_, character)| character)));
        if conversation.contains(['\\', '%', '&']) {
            self.remove_windows(rolling(Unescaped::of(conversation).map(|(_, character)| character)));
        }
    }

    fn remove_url(&mut self, url: &str) {
        self.remove(&url[..url.floor_char_boundary(MAX_URL_BYTES)]);
    }

    /// Removes the strings of a JSON value.
    fn remove_value(&mut self, value: Option<&Value>) {
        match value {
            Some(Value::String(text)) => self.remove(text),
            Some(Value::Array(values)) => values.iter().for_each(|value| self.remove_value(Some(value))),
            Some(Value::Object(members)) => {
                members.values().for_each(|value| self.remove_value(Some(value)));
            }
            _ => {}
        }
    }

    fn remove_windows(&mut self, hashes: impl Iterator<Item = u64>) {
        for hash in hashes {
            if self.windows.is_empty() {
                return;
            }
            // Each place is found once, so that a repeated text takes no longer.
            for (form, first) in self.windows.remove(&hash).into_iter().flatten() {
                let start = |at: usize| self.forms[form].get(at).copied().unwrap_or(self.text.len());
                self.found.push((start(first), start(first + WINDOW)));
            }
        }
    }

    fn finish(mut self) -> String {
        self.found.sort_unstable();
        let mut output = String::with_capacity(self.text.len());
        let mut done = 0;
        for (from, to) in self.found {
            if from > done || done == 0 {
                let _ = write!(output, "{}{STARS}", &self.text[done..from]);
            }
            done = done.max(to);
        }
        output.push_str(&self.text[done..]);
        output
    }
}

/// Returns the hashes of all runs of [`WINDOW`] characters.
fn rolling(characters: impl Iterator<Item = char>) -> impl Iterator<Item = u64> {
    let highest = BASE.wrapping_pow(WINDOW as u32);
    let mut recent = [0_u64; WINDOW];
    let mut hash = 0_u64;
    characters.enumerate().filter_map(move |(at, character)| {
        let value = u64::from(u32::from(character)) + 1;
        let oldest = std::mem::replace(&mut recent[at % WINDOW], value);
        hash = hash.wrapping_mul(BASE).wrapping_add(value).wrapping_sub(oldest.wrapping_mul(highest));
        (at + 1 >= WINDOW).then_some(hash)
    })
}

/// Makes characters equal that providers change in a quotation: cases, and kinds of white space.
fn folded(character: char) -> char {
    if character.is_whitespace() || character.is_control() {
        return ' ';
    }
    character.to_lowercase().next().unwrap_or(character)
}

/// The characters of a text as they are, folded, with their byte offsets.
#[derive(Debug)]
struct Plain;

impl Plain {
    fn of(text: &str) -> impl Iterator<Item = (usize, char)> {
        text.char_indices().map(|(start, character)| (start, folded(character)))
    }
}

/// The characters of a text with the escapes of JSON, HTML and URLs undone, also repeated ones.
#[derive(Debug)]
struct Unescaped<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Unescaped<'t> {
    fn of(text: &'t str) -> Self {
        Unescaped { text, at: 0 }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = (usize, char);

    fn next(&mut self) -> Option<(usize, char)> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let escape = match first {
            '\\' => backslash(rest),
            '%' => percent(rest),
            '&' => entity(rest),
            _ => None,
        };
        let (character, length) = escape.unwrap_or((first, first.len_utf8()));
        let start = self.at;
        self.at += length;
        Some((start, folded(character)))
    }
}

/// Decodes backslashes and the character after them: a repeated escape has several.
fn backslash(text: &str) -> Option<(char, usize)> {
    let after = text.trim_start_matches('\\');
    let count = text.len() - after.len();
    let short = |character| Some((character, count + 1));
    match after.chars().next() {
        Some('n' | 'r' | 't' | 'b' | 'f') => short(' '),
        Some(character @ ('"' | '\'' | '/')) => short(character),
        Some('u') => match code_unit(&after[1..]) {
            Some(high @ 0xD800..=0xDBFF) => {
                let second = after.get(5..)?;
                let low = second.trim_start_matches('\\');
                let unit = low.strip_prefix('u').and_then(code_unit).unwrap_or_default();
                let character = char::decode_utf16([high, unit]).next()?.ok()?;
                Some((character, count + 5 + (second.len() - low.len()) + 5))
            }
            Some(unit) => Some((char::from_u32(unit.into())?, count + 5)),
            None => Some(('\\', count)),
        },
        _ => Some(('\\', count)),
    }
}

fn code_unit(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits.get(..4)?, 16).ok()
}

/// Decodes a character of one to four escaped bytes.
fn percent(text: &str) -> Option<(char, usize)> {
    let byte = |at: usize| {
        let digits = text.get(at..)?.strip_prefix('%')?;
        // `%25` is an escaped per cent sign.
        let plain = digits.trim_start_matches("25");
        let end = at + 1 + (digits.len() - plain.len()) + 2;
        u8::from_str_radix(plain.get(..2)?, 16).ok().map(|byte| (byte, end))
    };
    let (mut bytes, mut end) = (Vec::new(), 0);
    while bytes.len() < 4 {
        let (one, next) = byte(end)?;
        bytes.push(one);
        end = next;
        if let Ok(character) = std::str::from_utf8(&bytes) {
            return Some((character.chars().next()?, end));
        }
    }
    None
}

/// Decodes a character reference of HTML.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => match name {
            "quot" => '"',
            "apos" => '\'',
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "nbsp" => ' ',
            _ => return None,
        },
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn without(text: &str, conversation: &[&str]) -> String {
        let mut quotations = Quotations::new(text);
        conversation.iter().for_each(|one| quotations.remove(one));
        quotations.finish()
    }

    const SECRET: &str = "My \"secret\" is:\n100 % é🦀 & <b>C:\\temp</b>";

    #[test]
    fn quotations_are_replaced_and_the_words_of_the_provider_are_kept() {
        let check = |text: &str, expected: &str| assert_eq!(without(text, &[SECRET]), expected, "{text}");
        check(&format!("invalid input: {SECRET}, code 7"), "invalid input: ***, code 7");
        check(&format!("{SECRET}{SECRET}"), "***");
        check("the secret is not 100 % sure", "the secret is not 100 % sure");
        check("", "");
        check(&format!("cut: {}", &SECRET[..20]), "cut: ***");
        check(&format!("loud: {}", SECRET.to_uppercase()), "loud: ***");
    }

    #[test]
    fn escaped_quotations_are_replaced() {
        let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
        let ascii: String = SECRET.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let url: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let html: String = SECRET.chars().map(|one| format!("&#{};", u32::from(one))).collect();
        let mixed =
            SECRET.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        for escaped in [json(SECRET), json(&json(SECRET)), ascii.clone(), json(&ascii), url, html, mixed] {
            let text = format!("no: {escaped}; code 7");
            let found = without(&text, &[SECRET]);
            assert!(found.starts_with("no: ***") && found.ends_with("; code 7"), "{text} {found}");
            assert!(!found.contains("ecret") && !found.contains("emp"), "{text} {found}");
        }
    }

    #[test]
    fn a_conversation_with_escapes_of_its_own_is_found_as_it_is() {
        let conversation = r"printf(\u0041\n%20&amp;\\) and more of it";
        assert_eq!(without(&format!("x {conversation} y"), &[conversation]), "x *** y");
        let json = serde_json::to_string(conversation).unwrap();
        assert_eq!(without(&format!("x {json} y"), &[conversation]), "x \"***\" y");
    }

    #[test]
    fn a_long_conversation_and_a_repetitive_text_take_linear_time() {
        let text = "a".repeat(2_000);
        let conversation = "a".repeat(8 << 20);
        assert_eq!(without(&text, &[&conversation, &conversation]), "***");
    }

    proptest! {
        #[test]
        fn no_run_of_the_conversation_remains(
            conversation in "[a-c\\\\%&;u0-2é\"\n]{0,60}",
            cut in 0_usize..40,
            before in "[x-z ]{0,20}",
        ) {
            let quoted: String = conversation.chars().skip(cut).collect();
            let found = without(&format!("{before}{quoted}|"), &[&conversation]);
            let characters: Vec<char> = conversation.chars().collect();
            for run in characters.windows(WINDOW) {
                let run: String = run.iter().collect();
                prop_assert!(!found.contains(&run), "{run:?} in {found:?}");
            }
        }
    }
}
