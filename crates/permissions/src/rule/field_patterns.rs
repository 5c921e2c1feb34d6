//! Patterns of field names: `name`, `address.*`, `stats.**`, `*Name`.

use regex::Regex;

/// The fields a rule speaks of.
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
    /// Names without stars.
    Names(Vec<String>),
    /// Anything with a star in it.
    Matching(Regex),
}

/// Patterns that together are too large to be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the patterns of fields are too large")]
pub struct InvalidFieldPatterns;

/// What a star matches within one part of a name, and what two stars match: any character of one line.
const WITHIN_PART: &str = r"[^.]";
const ACROSS_PARTS: &str = r"[^\n\r\x{2028}\x{2029}]";

impl FieldPatterns {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// [`InvalidFieldPatterns`] if they are too large.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, InvalidFieldPatterns> {
        let patterns: Vec<String> = patterns.into_iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        if patterns.iter().all(|pattern| !pattern.contains('*')) {
            return Ok(FieldPatterns::Names(patterns));
        }
        let alternatives: Vec<String> = patterns.iter().map(|pattern| translate(pattern)).collect();
        let regex = Regex::new(&format!(r"\A(?:{})\z", alternatives.join("|")));
        regex.map(FieldPatterns::Matching).map_err(|_| InvalidFieldPatterns)
    }

    /// Whether a field is among them.
    pub fn matches(&self, field: &str) -> bool {
        match self {
            FieldPatterns::Names(names) => names.iter().any(|name| name == field),
            FieldPatterns::Matching(regex) => regex.is_match(field),
        }
    }
}

/// One pattern as an expression.
///
/// Stars are taken together with the dots beside them. They match nothing too, unless the pattern begins with a
/// star or has dots on both sides of this one; at the pattern's end they may be missing with their dot.
fn translate(pattern: &str) -> String {
    let starts_with_star = pattern.starts_with('*');
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
        let quantifier = if starts_with_star || is_between_dots { "+" } else { "*" };
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

    fn check(patterns: &[&str], covered: &[&str], others: &[&str]) {
        let compiled = FieldPatterns::new(patterns).unwrap();
        for field in covered {
            assert!(compiled.matches(field), "{patterns:?} {field:?}");
        }
        for field in others {
            assert!(!compiled.matches(field), "{patterns:?} {field:?}");
        }
    }

    #[test]
    fn names_are_themselves() {
        check(&["a.b", "c"], &["a.b", "c"], &["axb", "a", "C"]);
        check(&["a+b", "c(d)*"], &["a+b", "c(d)", "c(d)e"], &["aab"]);
    }

    #[test]
    fn stars_stop_at_dots_unless_doubled() {
        check(&["address.*"], &["address", "address.city"], &["address.city.zip", "addressx"]);
        check(&["address.**"], &["address", "address.city.zip"], &["addresses"]);
        check(&["a.*.c"], &["a.b.c"], &["a.c", "a..c", "a.b.d.c"]);
        check(&["*"], &["a", ""], &["a.b"]);
    }
}
