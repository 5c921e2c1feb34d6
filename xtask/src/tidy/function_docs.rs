//! Rule for the docs of functions: the first word is a verb in the third person.

use super::files::File;
use super::source;
use crate::finding::Finding;

/// Words before `fn`, apart from a visibility with a path.
const QUALIFIERS: [&str; 6] = ["pub", "default", "const", "async", "unsafe", "extern"];

/// Attribute of HTTP handlers, whose docs are the headings and texts of the OpenAPI document.
const HANDLER: &str = "utoipa::path";

/// Finds functions whose doc starts with another word. Functions with a qualifier from a macro's argument are skipped.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let (comments, code) = (source::comments(&file.text), source::whole_code(&file.text));
    let mut findings = Vec::new();
    let mut doc = None;
    let mut attributes = String::new();
    for (number, (comment, code)) in (1..).zip(comments.lines().zip(code.lines())) {
        let code = code.trim();
        if code.is_empty() {
            doc = doc.or_else(|| Some((number, doc_text(comment)?)));
        } else if code.starts_with("#[") || is_open(&attributes) {
            attributes.push_str(code);
        } else {
            let wrong = doc.take().filter(|(_, text)| is_function(code) && !starts_with_verb(text));
            if let Some((line, _)) = wrong.filter(|_| !attributes.contains(HANDLER)) {
                findings.push(Finding::error(
                    format!("{}:{line}", file.path),
                    "the doc of a function starts with a verb in the third person, such as `Returns`",
                ));
            }
            attributes.clear();
        }
    }
    findings
}

/// Returns the text of a line of a doc comment, if there is any.
fn doc_text(comment: &str) -> Option<&str> {
    let text = comment.trim().strip_prefix("///")?.trim_start();
    (!text.is_empty() && !text.starts_with('/')).then_some(text)
}

/// Returns whether the last attribute continues on the next line.
fn is_open(attributes: &str) -> bool {
    attributes.matches('[').count() > attributes.matches(']').count()
}

/// Returns whether a line of code is the first one of a function.
fn is_function(code: &str) -> bool {
    let mut words = code.split_whitespace();
    let mut before = words.by_ref().take_while(|word| *word != "fn");
    before.all(|word| QUALIFIERS.contains(&word) || is_visibility(word)) && words.next().is_some()
}

/// Returns whether a word is part of a visibility such as `pub(in crate::store)`.
fn is_visibility(word: &str) -> bool {
    word.starts_with("pub(") || word.ends_with(')') && !word.contains('(')
}

/// Returns whether a doc starts with a verb in the third person, or with a heading.
fn starts_with_verb(doc: &str) -> bool {
    let word = doc.split(|char: char| !char.is_alphabetic() && char != '-').next().unwrap_or_default();
    doc.starts_with('#') || (word.ends_with('s') && word.starts_with(char::is_uppercase) && word != "This")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the lines of the findings.
    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        let found = findings(&File { path: "a.rs".into(), text: text.into() });
        let expected: Vec<_> = expected.iter().map(|line| format!("a.rs:{line}")).collect();
        let found: Vec<_> = found.iter().map(|finding| finding.place.clone()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_doc_of_a_function_starts_with_a_verb() {
        check(
            "/// Returns a.\nfn a() {}\n\n/// The b.\nfn b() {}\n/// Reads c,\n/// the last.\nfn c() {}\n",
            &[4],
        );
        check("/// Re-reads a.\nfn a() {}\n///\n/// Whether it\n/// is b.\nfn b() {}\n", &[4]);
        check(
            "/// `a` of it.\nfn a() {}\n/// returns b.\nfn b() {}\n/// This returns c.\nfn c();\n",
            &[1, 3, 5],
        );
        check("/// # Errors\n/// Always.\nfn a() {}\n", &[]);
    }

    #[test]
    fn functions_have_attributes_comments_and_qualifiers() {
        check("/// The a.\n// Why.\n#[expect(\n    b,\n    reason = \"c ]\"\n)]\nfn a() {}\n", &[1]);
        check("/// The a.\npub(in super::b) const unsafe extern \"C\" fn a() {}\n", &[1]);
        check("trait A {\n    /// The a.\n    async fn a(&self);\n}\n", &[2]);
        check("#[cfg(test)]\nmod tests {\n    /// A b.\n    #[test]\n    fn b() {}\n}\n", &[3]);
    }

    #[test]
    fn docs_of_handlers_and_other_items_start_with_any_word() {
        check(
            "/// The a.\n#[utoipa::path(\n    b = [\"c\"],\n)]\nasync fn a() {}\n/// The b.\nfn b() {}\n",
            &[6],
        );
        check(
            "/// The a.\nstruct A {\n    /// The b.\n    b: fn(),\n    /// The c.\n    pub c: fn(u8),\n}\n",
            &[],
        );
        check("/// The a.\ntype A = fn();\n/// The b.\nstatic B: fn() = a;\nfn a() {}\n", &[]);
        check("//// The a.\n// The a.\nfn a() {}\nlet text = \"\n/// The b.\n\";\nfn b() {}\n", &[]);
        check("/// Macro.\nmacro_rules! a {\n    () => {\n        $vis fn a() {}\n    };\n}\n", &[]);
    }
}
