//! Words of the language and its libraries that have a place of their own, and nowhere else.

use super::files::File;
use super::source;
use crate::finding::Finding;

/// Words that only a few files may use.
#[derive(Debug)]
struct Rule {
    words: &'static [&'static str],
    /// The folders in which the rule holds.
    within: &'static [&'static str],
    instead: &'static str,
    /// The files that may, and why.
    places: &'static [(&'static str, &'static str)],
}

const RULES: [Rule; 6] = [
    Rule {
        words: &["f32", "f64"],
        within: &[
            "crates/domain/",
            "crates/usage/",
            "crates/persistence/",
            "crates/openrouter/",
            "crates/http/src/dto/",
        ],
        instead: "money and tokens are integers",
        places: &[],
    },
    Rule {
        words: &[
            "Serialize",
            "Deserialize",
            "ToSchema",
            "IntoParams",
            "Queryable",
            "Selectable",
            "Insertable",
            "Identifiable",
            "AsChangeset",
            "AsExpression",
            "FromSqlRow",
        ],
        within: &["crates/domain/"],
        instead: "the crate that owns the format has a twin of the type",
        places: &[],
    },
    Rule {
        words: &["tokio::spawn", "task::spawn", "rt::spawn", "spawn_local"],
        within: &["crates/"],
        instead: "spawn it on the TaskTracker, which the shutdown waits for",
        places: &[],
    },
    Rule {
        words: &["unbounded", "unbounded_channel", "UnboundedSender", "UnboundedReceiver"],
        within: &["crates/"],
        instead: "every queue has a bound",
        places: &[],
    },
    Rule {
        words: &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
        ],
        within: &["crates/"],
        instead: "the time comes from the Clock port, settings from the server's settings",
        places: &[
            ("crates/runtime/src/clock.rs", "the system clock behind the port"),
            ("crates/openrouter/src/clock.rs", "the client is used without our ports, too"),
            (
                "crates/testkit/src/database/server.rs",
                "tests have no settings, and no ports before the store",
            ),
            ("crates/testkit/src/app/storm.rs", "it measures a whole server from outside"),
            ("crates/simulator/src/recorder.rs", "it plays the outside, which has no ports"),
            ("crates/simulator/src/routes.rs", "it plays the outside, which has no ports"),
            ("crates/simulator/src/state.rs", "it plays the outside, which has no ports"),
        ],
    },
    Rule {
        words: &["TurnLedger", "Reconciliation", "StoreAudit", "CompletionGateway"],
        within: &["crates/http/"],
        instead: "a request reaches only the ports that take the principal's filter",
        places: &[],
    },
];

/// The rules' words in a file that has no right to them.
pub(crate) fn misplaced(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        for rule in RULES.iter().filter(|rule| rule.holds_in(path) && !rule.permits(path)) {
            for word in rule.words.iter().filter(|word| has_word(line, word)) {
                findings
                    .push(Finding::error(format!("{path}:{number}"), format!("`{word}`: {}", rule.instead)));
            }
        }
    }
    findings
}

/// Permissions that nobody needs any more: they would hide the next breach.
pub(crate) fn stale(files: &[File]) -> Vec<Finding> {
    let permissions = RULES.iter().flat_map(|rule| rule.places.iter().map(move |(path, _)| (rule, *path)));
    permissions
        .filter(|(rule, path)| {
            let file = files.iter().find(|file| file.path == *path);
            let code = file.map(source::code).unwrap_or_default();
            !rule.words.iter().any(|word| code.lines().any(|line| has_word(line, word)))
        })
        .map(|(rule, path)| Finding::warning(path, format!("needs no permission for `{}`", rule.words[0])))
        .collect()
}

impl Rule {
    fn holds_in(&self, path: &str) -> bool {
        self.within.iter().any(|folder| path.starts_with(folder))
    }

    fn permits(&self, path: &str) -> bool {
        self.places.iter().any(|(place, _)| *place == path)
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_name) && !line[at + word.len()..].starts_with(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_whole_one() {
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
