//! Loader for the corpora in `tests/data`.

use std::collections::BTreeMap;
use std::path::Path;

use causerie_permissions::{Names, Object, RawRule};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A corpus; absent sections are empty.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Corpus {
    pub(crate) can: Vec<Question>,
    pub(crate) strict: Vec<Question>,
    pub(crate) extended: Vec<Question>,
    pub(crate) field_patterns: Vec<PatternCase>,
    pub(crate) permitted_fields: Vec<FieldsCase>,
    pub(crate) pack: Vec<PackCase>,
    pub(crate) query: Vec<QueryCase>,
}

/// Rules and a question. The rules are kept as text, because parsing them is part of the test.
#[derive(Deserialize)]
pub(crate) struct Question {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) rules: Box<RawValue>,
    pub(crate) aliases: Option<BTreeMap<String, Names>>,
    pub(crate) action: String,
    pub(crate) subject_type: Option<String>,
    pub(crate) instance: Option<Object>,
    pub(crate) field: Option<String>,
    pub(crate) expected: Value,
    pub(crate) rule: Option<usize>,
    pub(crate) reason: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct PatternCase {
    pub(crate) id: String,
    pub(crate) patterns: Vec<String>,
    pub(crate) field: String,
    pub(crate) expected: bool,
}

#[derive(Deserialize)]
pub(crate) struct FieldsCase {
    pub(crate) id: String,
    pub(crate) rules: Box<RawValue>,
    pub(crate) action: String,
    pub(crate) subject_type: String,
    pub(crate) instance: Option<Object>,
    pub(crate) all_fields: Vec<String>,
    pub(crate) expected: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct PackCase {
    pub(crate) id: String,
    pub(crate) rules: Box<RawValue>,
    pub(crate) packed: Value,
    pub(crate) unpacked: Value,
}

#[derive(Deserialize)]
pub(crate) struct QueryCase {
    pub(crate) id: String,
    pub(crate) rules: Box<RawValue>,
    pub(crate) action: String,
    pub(crate) subject_type: String,
    pub(crate) rows: Vec<Object>,
    pub(crate) query: Value,
    pub(crate) ast: Value,
    pub(crate) rows_allowed: Vec<usize>,
}

pub(crate) trait Case {
    fn id(&self) -> &str;
}

macro_rules! cases {
    ($($case:ident),+) => { $(impl Case for $case { fn id(&self) -> &str { &self.id } })+ };
}
cases!(Question, PatternCase, FieldsCase, PackCase, QueryCase);

impl Question {
    pub(crate) fn is_tagged(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }
}

/// Returns the rules of a case, or the parse error.
pub(crate) fn rules(text: &RawValue) -> Result<Vec<RawRule>, String> {
    serde_json::from_str(text.get()).map_err(|error| error.to_string())
}

/// Checks every case of a section in every corpus, and fails with a list of all that disagree.
pub(crate) fn report<C: Case>(
    section: &str,
    cases: impl Fn(&Corpus) -> &Vec<C>,
    check: impl Fn(&C) -> Result<(), Value>,
) {
    let mut checked = 0;
    let mut failed = Vec::new();
    for corpus in corpora() {
        for case in cases(&corpus) {
            checked += 1;
            if let Err(answer) = check(case) {
                failed.push(format!("{}: {answer}", case.id()));
            }
        }
    }
    assert!(checked > 0, "no corpus has a section {section}");
    assert!(
        failed.is_empty(),
        "{} of {checked} cases of {section} disagree:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn corpora() -> Vec<Corpus> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.map(|file| serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}
