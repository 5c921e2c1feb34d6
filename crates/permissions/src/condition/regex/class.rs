//! Sets of characters: what stands in brackets, and the shorthands.

use std::fmt::Write;

use super::{Reading, stand_in};
use crate::condition::compare::is_js_whitespace;

/// A set of code units (or of code points, with the flag `u`).
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    /// Ranges, both ends included.
    ranges: Vec<(u32, u32)>,
    /// Properties in the engine's own notation, such as `\p{Lu}`.
    properties: Vec<String>,
}

impl Class {
    /// The set of one character.
    pub(super) fn one(unit: u32) -> Class {
        Class::range(unit, unit)
    }

    /// The set of a range, both ends included.
    pub(super) fn range(first: u32, last: u32) -> Class {
        Class { ranges: vec![(first, last)], properties: Vec::new() }
    }

    /// A property such as `\p{Lu}`.
    pub(super) fn property(notation: String) -> Class {
        Class { ranges: Vec::new(), properties: vec![notation] }
    }

    /// The set behind `\d`, `\D`, `\w`, `\W`, `\s`, `\S`.
    pub(super) fn shorthand(letter: char, reading: Reading) -> Option<Class> {
        let ranges: Vec<(u32, u32)> = match letter.to_ascii_lowercase() {
            'd' => vec![(0x30, 0x39)],
            // Two more characters become a letter of ASCII when their case is folded: the long s and the kelvin.
            'w' if reading == Reading::FoldedCodePoints => {
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

    /// What `.` does not match.
    pub(super) fn line_ends() -> Class {
        Class { ranges: vec![(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)], properties: Vec::new() }
    }

    /// The one character in the set, if it is one.
    pub(super) fn single(&self) -> Option<u32> {
        match (self.ranges.as_slice(), self.properties.as_slice()) {
            ([(first, last)], []) if first == last => Some(*first),
            _ => None,
        }
    }

    /// Adds another set to this one.
    pub(super) fn extend(&mut self, other: Class) {
        self.ranges.extend(other.ranges);
        self.properties.extend(other.properties);
    }

    /// Everything that is not in this set of ranges, which are in order.
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

    /// The set in the engine's notation.
    pub(super) fn notation(&self, negation: Negation, reading: Reading) -> String {
        let mut notation = String::from(if negation == Negation::Negated { "[^" } else { "[" });
        let ranges = if reading == Reading::FoldedUnits { folded(&self.ranges) } else { self.ranges.clone() };
        for (first, last) in ranges.into_iter().flat_map(|range| around_halves(range, reading)) {
            // Writing to a string cannot fail.
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

/// Whether a set is meant, or everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Negation {
    /// The set.
    Plain,
    /// Everything else.
    Negated,
}

/// The units of these ranges, each in the case in which it is compared.
fn folded(ranges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let units = ranges.iter().flat_map(|(first, last)| *first..=(*last).min(0xffff));
    let mut units: Vec<u32> = units.map(|unit| Reading::FoldedUnits.fold(unit)).collect();
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

/// A range in characters: halves of surrogate pairs are none, so they are cut out or stood in for.
fn around_halves((first, last): (u32, u32), reading: Reading) -> impl Iterator<Item = (char, char)> {
    let below = (first, last.min(0xd7ff));
    let halves = (first.max(0xd800), last.min(0xdfff));
    let above = (first.max(0xe000), last);
    let halves = (!reading.is_by_code_point()).then_some(halves);
    [Some(below), halves, Some(above)]
        .into_iter()
        .flatten()
        .filter(|(first, last)| first <= last)
        .map(|(first, last)| (stand_in(first), stand_in(last)))
}
