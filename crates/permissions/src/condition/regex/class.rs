//! Character classes: bracket expressions and shorthands.

use std::fmt::Write;

use super::{Encoding, unit_to_char};
use crate::condition::compare::is_js_whitespace;

/// A set of code units, or of code points with the flag `u`.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    /// Inclusive ranges.
    ranges: Vec<(u32, u32)>,
    /// Unicode properties in the syntax of the engine, such as `\p{Lu}`.
    properties: Vec<String>,
}

impl Class {
    /// Creates a class of one character.
    pub(super) fn one(unit: u32) -> Class {
        Class::range(unit, unit)
    }

    /// Creates a class of an inclusive range.
    pub(super) fn range(first: u32, last: u32) -> Class {
        Class { ranges: vec![(first, last)], properties: Vec::new() }
    }

    /// Creates a class of a Unicode property such as `\p{Lu}`.
    pub(super) fn property(notation: String) -> Class {
        Class { ranges: Vec::new(), properties: vec![notation] }
    }

    /// Returns the class of `\d`, `\D`, `\w`, `\W`, `\s` or `\S`.
    pub(super) fn shorthand(letter: char, encoding: Encoding) -> Option<Class> {
        let ranges: Vec<(u32, u32)> = match letter.to_ascii_lowercase() {
            'd' => vec![(0x30, 0x39)],
            // With case folding, U+017F and U+212A are word characters too: they fold to s and k.
            'w' if encoding == Encoding::FoldedCodePoints => {
                vec![(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a), (0x17f, 0x17f), (0x212a, 0x212a)]
            }
            'w' => vec![(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)],
            's' => {
                ('\0'..='\u{ffff}').filter(|c| is_js_whitespace(*c)).map(|c| (c.into(), c.into())).collect()
            }
            _ => return None,
        };
        let class = Class { ranges, properties: Vec::new() };
        Some(if letter.is_ascii_uppercase() { class.complement() } else { class })
    }

    /// Returns the line ends, which `.` does not match.
    pub(super) fn line_ends() -> Class {
        Class { ranges: vec![(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)], properties: Vec::new() }
    }

    /// Returns the character, if the class contains exactly one.
    pub(super) fn single(&self) -> Option<u32> {
        match (self.ranges.as_slice(), self.properties.as_slice()) {
            ([(first, last)], []) if first == last => Some(*first),
            _ => None,
        }
    }

    /// Adds the members of another class.
    pub(super) fn extend(&mut self, other: Class) {
        self.ranges.extend(other.ranges);
        self.properties.extend(other.properties);
    }

    /// Returns the complement of the ranges, which must be sorted.
    fn complement(&self) -> Class {
        let mut ranges = Vec::new();
        let mut next = 0;
        for (first, last) in &self.ranges {
            if next < *first {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        ranges.push((next, 0x10_ffff));
        Class { ranges, properties: Vec::new() }
    }

    /// Returns the class in the syntax of the engine.
    pub(super) fn notation(&self, negation: Negation, encoding: Encoding) -> String {
        let mut notation = String::from(if negation == Negation::Negated { "[^" } else { "[" });
        let ranges =
            if encoding == Encoding::FoldedUnits { folded(&self.ranges) } else { self.ranges.clone() };
        for (first, last) in ranges.into_iter().flat_map(|range| char_ranges(range, encoding)) {
            // Writing to a string never fails.
            let _ = write!(notation, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(first), u32::from(last));
        }
        notation.extend(self.properties.iter().map(String::as_str));
        notation.push(']');
        match (notation.as_str(), negation) {
            ("[]", _) => r"[^\x{0}-\x{10ffff}]".to_owned(),
            ("[^]", _) => r"[\x{0}-\x{10ffff}]".to_owned(),
            _ => notation,
        }
    }
}

/// Whether a class is negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Negation {
    Plain,
    Negated,
}

/// Returns the case-folded units of ranges, as sorted ranges.
fn folded(ranges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let units = ranges.iter().flat_map(|(first, last)| *first..=(*last).min(0xffff));
    let mut units: Vec<u32> = units.map(|unit| Encoding::FoldedUnits.fold(unit)).collect();
    units.sort_unstable();
    units.dedup();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for unit in units {
        match merged.last_mut() {
            Some((_, last)) if *last + 1 == unit => *last = unit,
            _ => merged.push((unit, unit)),
        }
    }
    merged
}

/// Converts a range to ranges of characters. Surrogates are not characters: they are omitted by code point, and replaced
/// by their representation by code unit.
fn char_ranges((first, last): (u32, u32), encoding: Encoding) -> impl Iterator<Item = (char, char)> {
    let below = (first, last.min(0xd7ff));
    let surrogates = (first.max(0xd800), last.min(0xdfff));
    let above = (first.max(0xe000), last);
    let surrogates = (!encoding.is_by_code_point()).then_some(surrogates);
    [Some(below), surrogates, Some(above)]
        .into_iter()
        .flatten()
        .filter(|(first, last)| first <= last)
        .map(|(first, last)| (unit_to_char(first), unit_to_char(last)))
}
