//! Items of the language and of libraries that only some files may use.

use super::files::File;
use super::source;
use crate::finding::Finding;

/// A restriction on items within some folders.
#[derive(Debug)]
struct Restriction {
    items: &'static [&'static str],
    folders: &'static [&'static str],
    /// What to use instead, or why the items are restricted.
    reason: &'static str,
    /// Files in the folders that may use the items, each with its reason.
    exceptions: &'static [(&'static str, &'static str)],
}

const RESTRICTIONS: [Restriction; 6] = [
    Restriction {
        items: &["f32", "f64"],
        folders: &[
            "crates/domain/",
            "crates/usage/",
            "crates/persistence/",
            "crates/openrouter/",
            "crates/http/src/dto/",
        ],
        reason: "money and tokens are integers",
        exceptions: &[],
    },
    Restriction {
        items: &[
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
        folders: &["crates/domain/"],
        reason: "the crate that owns the format has its own type and converts it",
        exceptions: &[],
    },
    Restriction {
        items: &["tokio::spawn", "task::spawn", "rt::spawn", "spawn_local"],
        folders: &["crates/"],
        reason: "spawn it on the TaskTracker, which the shutdown waits for",
        exceptions: &[],
    },
    Restriction {
        items: &["unbounded", "unbounded_channel", "UnboundedSender", "UnboundedReceiver"],
        folders: &["crates/"],
        reason: "every queue has a bound",
        exceptions: &[],
    },
    Restriction {
        items: &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
        ],
        folders: &["crates/"],
        reason: "the time comes from the Clock port, settings from the server's settings",
        exceptions: &[
            ("crates/http/build.rs", "Cargo passes paths to a build script in the environment"),
            ("crates/persistence/build.rs", "Cargo passes paths to a build script in the environment"),
            ("crates/runtime/src/core/clock.rs", "the system clock behind the port"),
            ("crates/http/src/clock.rs", "deadlines of connections, which end before the runtime is called"),
            ("crates/persistence/src/clock.rs", "deadlines of the store, which has no ports"),
            ("crates/memory-store/src/clock.rs", "the store is usable without the runtime's ports"),
            ("crates/openrouter/src/clock.rs", "the client is usable without the runtime's ports"),
            (
                "crates/testkit/src/database/server.rs",
                "tests have no settings, and no ports before the store",
            ),
            ("crates/testkit/src/app/outage.rs", "it measures a server from outside"),
            (
                "crates/simulator/src/recording/mod.rs",
                "the simulator replaces a foreign service, which has no ports",
            ),
            (
                "crates/simulator/src/server/routes/mod.rs",
                "the simulator replaces a foreign service, which has no ports",
            ),
            (
                "crates/simulator/src/server/state.rs",
                "the simulator replaces a foreign service, which has no ports",
            ),
        ],
    },
    Restriction {
        items: &["TurnStore", "Reconciliation", "IntegrityChecks", "CompletionGateway"],
        folders: &["crates/http/"],
        reason: "a request reaches only the ports that take the principal's filter",
        exceptions: &[],
    },
];

/// Returns the restricted items that a file uses without an exception.
pub(super) fn findings(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        for rule in RESTRICTIONS.iter().filter(|rule| rule.applies_to(path)) {
            for item in rule.items.iter().filter(|item| source::has_word(line, item)) {
                findings
                    .push(Finding::error(format!("{path}:{number}"), format!("`{item}`: {}", rule.reason)));
            }
        }
    }
    findings
}

/// Returns a warning for each file with an exception that no longer uses the items: the exception would hide a later
/// violation.
pub(super) fn stale_exceptions(files: &[File]) -> Vec<Finding> {
    let exceptions =
        RESTRICTIONS.iter().flat_map(|rule| rule.exceptions.iter().map(move |(path, _)| (rule, *path)));
    exceptions
        .filter(|(rule, path)| {
            let file = files.iter().find(|file| file.path == *path);
            let code = file.map(source::code).unwrap_or_default();
            !rule.items.iter().any(|item| code.lines().any(|line| source::has_word(line, item)))
        })
        .map(|(rule, path)| Finding::warning(path, format!("needs no exception for `{}`", rule.items[0])))
        .collect()
}

impl Restriction {
    fn applies_to(&self, path: &str) -> bool {
        let is_within = self.folders.iter().any(|folder| path.starts_with(folder));
        is_within && !self.exceptions.iter().any(|(exception, _)| *exception == path)
    }
}
