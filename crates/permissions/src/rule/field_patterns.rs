//! Field patterns such as `name`, `address.*`, `stats.**` and `*Name`.

use regex::Regex;

/// The compiled field patterns of a rule. `*` matches within one part of a dotted name, `**` across parts.
///
/// ```
/// use causerie_permissions::FieldPatterns;
///
/// let patterns = FieldPatterns::new(["id", "profile.*"])?;
/// assert!(patterns.matches("profile.name"));
/// assert!(!patterns.matches("profile.name.first"));
/// # Ok::<(), causerie_permissions::InvalidFieldPatterns>(())
/// ```
#[derive(Debug, Clone)]
pub enum FieldPatterns {
    /// Names without wildcards, compared literally.
    Names(Vec<String>),
    /// At least one pattern with a wildcard.
    Matching(Regex),
}

/// Field patterns whose compiled form exceeds the size limit of the `regex` crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field patterns are too large")]
pub struct InvalidFieldPatterns;

/// Character classes of `*` (one part of a name) and of `**` (any character of one line).
const WITHIN_PART: &str = r"[^.]";
const ACROSS_PARTS: &str = r"[^\n\r\x{2028}\x{2029}]";

impl FieldPatterns {
    /// Compiles patterns.
    ///
    /// # Errors
    /// [`InvalidFieldPatterns`] if their compiled form is too large.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, InvalidFieldPatterns> {
        let patterns: Vec<String> = patterns.into_iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        if patterns.iter().all(|pattern| !pattern.contains('*')) {
            return Ok(FieldPatterns::Names(patterns));
        }
        let alternatives: Vec<String> = patterns.iter().map(|pattern| translate(pattern)).collect();
        let regex = Regex::new(&format!(r"\A(?:{})\z", alternatives.join("|")));
        regex.map(FieldPatterns::Matching).map_err(|_| InvalidFieldPatterns)
    }

    /// Returns whether a field matches one of the patterns.
    pub fn matches(&self, field: &str) -> bool {
        match self {
            FieldPatterns::Names(names) => names.iter().any(|name| name == field),
            FieldPatterns::Matching(regex) => regex.is_match(field),
        }
    }
}

/// Translates one pattern to a regular expression.
///
/// A wildcard is translated together with the dots next to it. It also matches the empty text, unless the pattern
/// starts with a wildcard or this one has dots on both sides; at the end of the pattern wildcard and dot are optional.
fn translate(pattern: &str) -> String {
    let starts_with_wildcard = pattern.starts_with('*');
    let mut expression = String::new();
    let mut rest = pattern;
    while let Some(star) = rest.find('*') {
        let (before, stars) = rest.split_at(star);
        let (literal, leading) = match before.strip_suffix('.') {
            Some(literal) => (literal, r"\."),
            None => (before, ""),
        };
        let after = stars.trim_start_matches('*');
        let count = stars.len() - after.len();
        let (after, trailing) = match after.strip_prefix('.') {
            Some(after) => (after, r"\."),
            None => (after, ""),
        };
        let is_between_dots = !leading.is_empty() && !trailing.is_empty();
        let quantifier = if starts_with_wildcard || is_between_dots { "+" } else { "*" };
        let matcher = if count > 1 { ACROSS_PARTS } else { WITHIN_PART };
        let group = format!("{leading}{matcher}{quantifier}{trailing}");
        expression.push_str(&regex::escape(literal));
        expression.push_str(&if after.is_empty() { format!("(?:{group})?") } else { group });
        rest = after;
    }
    expression.push_str(&regex::escape(rest));
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], matching: &[&str], others: &[&str]) {
        let compiled = FieldPatterns::new(patterns).unwrap();
        for field in matching {
            assert!(compiled.matches(field), "{patterns:?} {field:?}");
        }
        for field in others {
            assert!(!compiled.matches(field), "{patterns:?} {field:?}");
        }
    }

    #[test]
    fn names_match_literally() {
        check(&["a.b", "c"], &["a.b", "c"], &["axb", "a", "C"]);
        check(&["a+b", "c(d)*"], &["a+b", "c(d)", "c(d)e"], &["aab"]);
    }

    #[test]
    fn a_single_star_does_not_cross_a_dot() {
        check(&["address.*"], &["address", "address.city"], &["address.city.zip", "addressx"]);
        check(&["address.**"], &["address", "address.city.zip"], &["addresses"]);
        check(&["a.*.c"], &["a.b.c"], &["a.c", "a..c", "a.b.d.c"]);
        check(&["*"], &["a", ""], &["a.b"]);
    }
}
