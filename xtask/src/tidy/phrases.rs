//! Phrases that are refused in prose: comments, documents, and texts that the programs print.
//!
//! They hide the subject of a sentence. `docs/style.md` shows what to write instead.

use super::files::File;
use super::source;
use crate::finding::Finding;

const REFUSED: [&str; 16] = [
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "whoever",
    "whomever",
    "is told",
    "are told",
    "was told",
    "own affair",
    "as good as",
    "machinery",
    "borne",
    "shall",
    "says",
    "as it stands",
];

/// Files that quote refused phrases, or that are kept as they were released.
const EXEMPT: [&str; 3] = ["CHANGELOG.md", "docs/style.md", "xtask/src/tidy/phrases.rs"];

/// Extensions of files that are read as a whole; of Rust files only comments and literals are read.
const PROSE: [&str; 5] = ["md", "toml", "yml", "sh", "example"];

/// Returns the refused phrases in a file.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let Some(prose) = prose(file) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(prose.lines()) {
        let line = without_code_spans(&line.to_lowercase());
        for phrase in REFUSED.iter().filter(|phrase| source::has_word(&line, phrase)) {
            findings.push(Finding::error(
                format!("{}:{number}", file.path),
                format!("\"{phrase}\": name the part of the program or the user that is meant"),
            ));
        }
    }
    findings
}

fn prose(file: &File) -> Option<String> {
    let extension = file.path.rsplit_once('.').map_or("", |(_, extension)| extension);
    if EXEMPT.contains(&file.path.as_str()) {
        None
    } else if extension == "rs" {
        Some(source::prose(&file.text))
    } else {
        (PROSE.contains(&extension) || file.path.starts_with(".ci/")).then(|| file.text.clone())
    }
}

/// Returns the line without the text between backticks. Names are quoted there, such as the account `nobody`.
fn without_code_spans(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    let is_closed = parts.len() % 2 == 1;
    let kept = parts.iter().enumerate().filter(|(index, _)| !is_closed || index % 2 == 0);
    kept.map(|(_, part)| *part).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the lines of the findings.
    #[track_caller]
    fn check(path: &str, text: &str, expected: &[usize]) {
        let found = findings(&File { path: path.into(), text: text.into() });
        let expected: Vec<_> = expected.iter().map(|line| format!("{path}:{line}")).collect();
        let found: Vec<_> = found.iter().map(|finding| finding.place.clone()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn phrases_are_found_in_comments_and_printed_texts() {
        check(
            "xtask/src/a.rs",
            "//! What Nobody knows.\nfn nobody() {}\n/* a\n   server is told */\nconst A: &str = \"you shall\";\n",
            &[1, 4, 5],
        );
    }

    #[test]
    fn names_are_no_prose() {
        check("xtask/src/a.rs", "// The account `nobody`.\nlet account = \"nobody\";\n", &[]);
        check("a.md", "The type `Whoever`, and marshall.\n", &[]);
    }

    #[test]
    fn documents_settings_and_scripts_are_prose() {
        for path in ["docs/a.md", "clippy.toml", ".ci/run", ".github/workflows/ci.yml", ".env.example"] {
            check(path, "# As good as new.\n", &[1]);
        }
    }

    #[test]
    fn kept_texts_are_left_alone() {
        check("CHANGELOG.md", "Nobody.\n", &[]);
        check("docs/style.md", "Nobody.\n", &[]);
        check("docs/openapi.json", "{\"a\": \"Nobody knows.\"}\n", &[]);
    }
}
