//! Valid and invalid texts of each format.

use super::*;

fn check(format: TextFormat, valid: &[&str], invalid: &[&str]) {
    for text in valid {
        assert!(format.matches(text), "{format:?} does not match {text:?}");
    }
    for text in invalid {
        assert!(!format.matches(text), "{format:?} matches {text:?}");
    }
}

#[test]
fn a_slug_has_letters_digits_and_hyphens_and_is_no_uuid() {
    check(
        TextFormat::Slug,
        &["a", "7", "socratic-tutor", "gpt-4-helper", "a-b-c"],
        &[
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "A",
            "a_b",
            "a b",
            "a.b",
            "ä",
            "a/b",
            "a\n",
            "01990000-0000-7000-8000-000000000001",
            "01990000000070008000000000000001",
        ],
    );
}

#[test]
fn a_version_follows_semantic_versioning_strictly() {
    check(
        TextFormat::SemanticVersion,
        &[
            "0.0.0",
            "1.2.3",
            "10.20.30",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-0.3.7",
            "1.0.0-x-y-z.-",
            "1.0.0+20130313144700",
            "1.0.0-beta+exp.sha.5114f85",
            "1.0.0+21AF26D3---117B344092BD",
            "1.0.0--",
            "99999999999999999999.0.0",
            "1.0.0+001",
            "1.0.0-0a",
        ],
        &[
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "01.2.3",
            "1.02.3",
            "1.2.03",
            "1.2.-3",
            "1.2.3-",
            "1.2.3+",
            "1.2.3-a..b",
            "1.2.3-01",
            "1.2.3+a..b",
            "1.2.3-ä",
            "1.2.3 ",
            " 1.2.3",
            "1.2.3+a+b",
            "1.2.x",
            "+1.2.3",
        ],
    );
}

#[test]
fn other_formats_refuse_blank_and_multiline_texts() {
    check(TextFormat::NonEmpty, &["a", "\n", " "], &[""]);
    check(TextFormat::NonBlank, &["a", " a\n"], &["", " ", "\n\t", "\u{a0}"]);
    check(
        TextFormat::SingleLine,
        &["a", " a b ", "👩\u{200d}👧"],
        &["", " ", "a\n", "a\nb", "a\tb", "a\u{202e}b", "a\u{200b}", "\u{2069}a"],
    );
    check(
        TextFormat::ModelId,
        &["openrouter/auto", "a/b:free", "~x/y", "@preset/z", "sim/slow?delay=5"],
        &["", "a b", "a\n"],
    );
}
