//! Translator of JavaScript's pattern syntax to that of the `regex` crate.
//!
//! Every literal is written as a code point, so no character has a different meaning in the other syntax.

use std::collections::HashSet;

use super::class::{Class, Negation};
use super::{Encoding, Flags, Lines};

/// Description of an invalid or unsupported pattern.
pub(super) type Problem = &'static str;

const NOTHING_TO_REPEAT: Problem = "nothing to repeat";
const UNSUPPORTED_GROUP: Problem = "a group that is not supported (look-around, inline flags)";

/// General categories that `\p{...}` supports.
const CATEGORIES: &str = "C Cc Cf Cn Co L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps \
                          S Sc Sk Sm So Z Zl Zp Zs";
/// Other properties that `\p{...}` supports.
const PROPERTIES: [&str; 6] = ["ASCII", "Alphabetic", "Any", "Lowercase", "Uppercase", "White_Space"];

/// Translates a pattern.
pub(super) fn translate(pattern: &str, flags: &Flags) -> Result<String, Problem> {
    let input = if flags.encoding.is_by_code_point() {
        pattern.chars().map(u32::from).collect()
    } else {
        pattern.encode_utf16().map(u32::from).collect()
    };
    let mut translator =
        Translator { flags, input, index: 0, output: String::new(), depth: 0, names: HashSet::new() };
    translator.pattern()?;
    let output = translator.output;
    let case = if flags.encoding == Encoding::FoldedCodePoints { "(?i)" } else { "" };
    Ok(if flags.is_sticky { format!(r"{case}\A(?:{output})") } else { format!("{case}{output}") })
}

struct Translator<'a> {
    flags: &'a Flags,
    /// Code units, or code points with the flag `u`.
    input: Vec<u32>,
    index: usize,
    output: String,
    /// Number of open groups.
    depth: usize,
    /// Names of groups, which must be unique.
    names: HashSet<Vec<u32>>,
}

impl Translator<'_> {
    fn pattern(&mut self) -> Result<(), Problem> {
        let mut can_repeat = false;
        while let Some(next) = self.take() {
            can_repeat = match next {
                '*' | '+' | '?' => self.quantifier(can_repeat, next.to_string())?,
                '{' => match self.braces() {
                    Some(braces) => self.quantifier(can_repeat, braces)?,
                    None => self.lenient('{')?,
                },
                '}' | ']' => self.lenient(next)?,
                '^' => self.anchor(r"\A", "(?mR:^)"),
                '$' => self.anchor(r"\z", "(?mR:$)"),
                '|' => self.emit("|", false),
                '(' => self.open()?,
                ')' => {
                    self.depth = self.depth.checked_sub(1).ok_or("an unmatched parenthesis")?;
                    self.emit(")", true)
                }
                '.' => self.dot(),
                '[' => self.brackets()?,
                '\\' => self.escape()?,
                _ => self.literal(self.input[self.index - 1]),
            };
        }
        if self.depth == 0 { Ok(()) } else { Err("an unclosed group") }
    }

    /// Returns the next character without consuming it. A lone surrogate is returned as a replacement character, which
    /// has no special meaning.
    fn peek(&self) -> Option<char> {
        self.input.get(self.index).map(|unit| char::from_u32(*unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek();
        self.index += usize::from(next.is_some());
        next
    }

    fn take_if(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.index += usize::from(found);
        found
    }

    fn reads_code_points(&self) -> bool {
        self.flags.encoding.is_by_code_point()
    }

    /// Appends a piece; returns whether a quantifier may follow it.
    fn emit(&mut self, piece: &str, can_repeat: bool) -> bool {
        self.output.push_str(piece);
        can_repeat
    }

    fn class(&mut self, class: &Class, negation: Negation) -> bool {
        let notation = class.notation(negation, self.flags.encoding);
        self.emit(&notation, true)
    }

    fn literal(&mut self, unit: u32) -> bool {
        self.class(&Class::one(unit), Negation::Plain)
    }

    /// Translates a character that is a literal only without the flag `u`.
    fn lenient(&mut self, c: char) -> Result<bool, Problem> {
        if self.reads_code_points() { Err("a lone bracket or brace") } else { Ok(self.literal(c.into())) }
    }

    fn anchor(&mut self, ends: &str, each_line: &str) -> bool {
        let piece = match self.flags.lines {
            Lines::One => ends,
            Lines::Each => each_line,
            Lines::Ignored => "(?:)",
        };
        self.emit(piece, false)
    }

    fn dot(&mut self) -> bool {
        if self.flags.dot_matches_line_ends {
            self.class(&Class::default(), Negation::Negated)
        } else {
            self.class(&Class::line_ends(), Negation::Negated)
        }
    }

    fn quantifier(&mut self, can_repeat: bool, mut quantifier: String) -> Result<bool, Problem> {
        if !can_repeat {
            return Err(NOTHING_TO_REPEAT);
        }
        if self.take_if('?') {
            quantifier.push('?');
        }
        Ok(self.emit(&quantifier, false))
    }

    /// Parses the rest of `{2}`, `{2,}` or `{2,3}` after the opening brace. Consumes nothing on `None`.
    fn braces(&mut self) -> Option<String> {
        let rest: String = self.input[self.index..].iter().map_while(|unit| char::from_u32(*unit)).collect();
        let (inside, _) = rest.split_once('}')?;
        let (min, max) = inside.split_once(',').unwrap_or((inside, "0"));
        let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let is_quantifier = !min.is_empty() && are_digits(min) && are_digits(max);
        is_quantifier.then(|| {
            self.index += inside.len() + 1;
            format!("{{{inside}}}")
        })
    }

    fn open(&mut self) -> Result<bool, Problem> {
        self.depth += 1;
        if self.take_if('?') && !self.take_if(':') {
            if !self.take_if('<') || matches!(self.peek(), Some('=' | '!')) {
                return Err(UNSUPPORTED_GROUP);
            }
            self.name()?;
        }
        Ok(self.emit("(?:", false))
    }

    fn name(&mut self) -> Result<(), Problem> {
        let rest = &self.input[self.index..];
        let length = rest.iter().position(|unit| *unit == u32::from('>')).ok_or("an unclosed group name")?;
        let name = rest[..length].to_vec();
        let is_letter = |c: char| c.is_alphabetic() || matches!(c, '$' | '_');
        let letters: Option<Vec<char>> = name.iter().map(|unit| char::from_u32(*unit)).collect();
        let is_name = letters.is_some_and(|letters| {
            letters.first().is_some_and(|c| is_letter(*c))
                && letters.iter().all(|c| is_letter(*c) || c.is_numeric())
        });
        self.index += length + 1;
        if is_name && self.names.insert(name) { Ok(()) } else { Err("an invalid group name") }
    }

    fn brackets(&mut self) -> Result<bool, Problem> {
        let negation = if self.take_if('^') { Negation::Negated } else { Negation::Plain };
        let mut class = Class::default();
        while !self.take_if(']') {
            let first = self.class_atom()?;
            let is_range =
                self.peek() == Some('-') && self.input.get(self.index + 1) != Some(&u32::from(']'));
            if !is_range {
                class.extend(first);
                continue;
            }
            self.index += 1;
            let last = self.class_atom()?;
            match (first.single(), last.single()) {
                (Some(first), Some(last)) if first <= last => class.extend(Class::range(first, last)),
                (Some(_), Some(_)) => return Err("a range out of order"),
                _ if self.reads_code_points() => return Err("a range between classes"),
                _ => {
                    class.extend(first);
                    class.extend(Class::one('-'.into()));
                    class.extend(last);
                }
            }
        }
        Ok(self.class(&class, negation))
    }

    fn class_atom(&mut self) -> Result<Class, Problem> {
        match self.take() {
            None => Err("an unclosed class"),
            Some('\\') => match self.peek() {
                Some('b') => {
                    self.index += 1;
                    Ok(Class::one(0x08))
                }
                Some('-') if self.reads_code_points() => {
                    self.index += 1;
                    Ok(Class::one('-'.into()))
                }
                _ => self.escaped(),
            },
            Some(_) => Ok(Class::one(self.input[self.index - 1])),
        }
    }

    fn escape(&mut self) -> Result<bool, Problem> {
        let boundary = match self.peek() {
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            _ => {
                let class = self.escaped()?;
                return Ok(self.class(&class, Negation::Plain));
            }
        };
        self.index += 1;
        Ok(self.emit(boundary, false))
    }

    /// Parses an escape sequence after its backslash, and returns its class.
    fn escaped(&mut self) -> Result<Class, Problem> {
        let letter = self.take().ok_or("a backslash at the end")?;
        if let Some(class) = Class::shorthand(letter, self.flags.encoding) {
            return Ok(class);
        }
        let unit = match letter {
            't' => 0x09,
            'n' => 0x0a,
            'v' => 0x0b,
            'f' => 0x0c,
            'r' => 0x0d,
            '0' => self.octal()?,
            '1'..='9' | 'k' => return Err("a back-reference"),
            'c' => match self.take() {
                Some(control) if control.is_ascii_alphabetic() => u32::from(control) % 32,
                _ => return Err("an invalid control escape"),
            },
            // The case variants of the complement differ from the complement of the case variants.
            'P' if self.flags.encoding == Encoding::FoldedCodePoints => {
                return Err("a negated property with the flag i");
            }
            'p' | 'P' if self.reads_code_points() => return self.property(letter),
            'x' => self.hex(2).or(self.itself(letter)).ok_or("an invalid escape")?,
            'u' => self.unicode().or(self.itself(letter)).ok_or("an invalid escape")?,
            _ if self.reads_code_points() && !r"^$\.*+?()[]{}|/".contains(letter) => {
                return Err("an invalid escape");
            }
            _ => self.input[self.index - 1],
        };
        // A text matched by code point never contains a lone surrogate.
        if self.reads_code_points() && char::from_u32(unit).is_none() {
            Ok(Class::default())
        } else {
            Ok(Class::one(unit))
        }
    }

    /// Parses the rest of `\0`: nothing, or, without the flag `u`, up to two more octal digits.
    fn octal(&mut self) -> Result<u32, Problem> {
        let mut value = 0;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.index += 1;
        }
        let is_plain = value == 0 && !self.peek().is_some_and(|c| c.is_ascii_digit());
        if self.reads_code_points() && !is_plain { Err("an octal escape") } else { Ok(value) }
    }

    /// Returns the literal value of an escaped letter, which is valid only without the flag `u`.
    fn itself(&self, letter: char) -> Option<u32> {
        (!self.reads_code_points()).then_some(letter.into())
    }

    /// Parses a fixed number of hexadecimal digits. Consumes nothing on `None`.
    fn hex(&mut self, digits: usize) -> Option<u32> {
        let rest = self.input.get(self.index..self.index + digits)?;
        let mut value = 0u32;
        for unit in rest {
            value = value.checked_mul(16)?.checked_add(char::from_u32(*unit)?.to_digit(16)?)?;
        }
        self.index += digits;
        Some(value)
    }

    /// Parses the rest of `\u`: four digits; with the flag `u` also a surrogate pair or digits in braces.
    fn unicode(&mut self) -> Option<u32> {
        if self.reads_code_points() && self.take_if('{') {
            let length = self.input[self.index..].iter().position(|unit| *unit == u32::from('}'))?;
            let value = self.hex(length).filter(|value| length > 0 && *value <= 0x10_ffff)?;
            self.index += 1;
            return Some(value);
        }
        let first = self.hex(4)?;
        let after = self.index;
        if self.reads_code_points()
            && (0xd800..0xdc00).contains(&first)
            && self.take_if('\\')
            && self.take_if('u')
            && let Some(second @ 0xdc00..=0xdfff) = self.hex(4)
        {
            return Some(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        }
        self.index = after;
        Some(first)
    }

    /// Parses the rest of `\p{...}` or `\P{...}` after its letter.
    fn property(&mut self, letter: char) -> Result<Class, Problem> {
        const UNKNOWN: Problem = "a property that is not supported";
        let rest: String = self.input[self.index..].iter().map_while(|unit| char::from_u32(*unit)).collect();
        let name = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .ok_or(UNKNOWN)?;
        let is_script = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
        let is_known = match name.split_once('=') {
            None => PROPERTIES.contains(&name) || CATEGORIES.split(' ').any(|category| category == name),
            Some(("gc" | "General_Category", category)) => {
                CATEGORIES.split(' ').any(|known| known == category)
            }
            Some(("sc" | "Script" | "scx" | "Script_Extensions", script)) => is_script(script),
            Some(_) => false,
        };
        if !is_known {
            return Err(UNKNOWN);
        }
        self.index += name.chars().count() + 2;
        Ok(Class::property(format!("\\{letter}{{{name}}}")))
    }
}
