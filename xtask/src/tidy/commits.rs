//! The subjects of the commits that a branch adds.

use std::path::Path;
use std::process::Command;

use crate::finding::Finding;

/// The most characters of a subject.
const LIMIT: usize = 72;
/// The branch that others are compared with.
const DEFAULT_BRANCH: &str = "refs/remotes/origin/main";

/// Checks the subjects of all commits since the default branch, or since the last tag where there is no such branch.
///
/// A clone without either, such as a shallow one, gets a warning that nothing was checked.
pub(super) fn findings(root: &Path) -> Vec<Finding> {
    let Some(base) = base(root) else {
        let text = "subjects not checked: the clone has neither a common commit with origin/main nor a tag";
        return vec![Finding::warning("commits", text)];
    };
    let log = git(root, &["log", "--no-merges", "--format=%h %s", &format!("{base}..HEAD")]);
    log.map_or_else(
        || vec![Finding::warning("commits", format!("subjects not checked: git lists none since {base}"))],
        |log| log.lines().filter_map(judge).collect(),
    )
}

/// Returns the last commit that the branch has in common with the default branch; the last tag where there is no such
/// branch.
fn base(root: &Path) -> Option<String> {
    let default = || git(root, &["merge-base", DEFAULT_BRANCH, "HEAD"]);
    let tag = || git(root, &["describe", "--tags", "--abbrev=0"]);
    default().or_else(tag).map(|name| name.trim().to_owned())
}

/// Checks a line of the log: an abbreviated hash and a subject.
fn judge(line: &str) -> Option<Finding> {
    let (hash, subject) = line.split_once(' ')?;
    let length = subject.chars().count();
    (length > LIMIT).then(|| {
        let text = format!("the subject has {length} characters, {LIMIT} is the limit: {subject}");
        Finding::error(format!("commit {hash}"), text)
    })
}

/// Returns the standard output of a git command; `None` if it fails or git is not installed.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository in a temporary folder, with an empty commit for each subject.
    #[derive(Debug)]
    struct Repository(tempfile::TempDir);

    impl Repository {
        fn new(subjects: &[&str]) -> Self {
            let repository = Repository(tempfile::tempdir().unwrap());
            repository.run(&["init", "--quiet"]);
            for subject in subjects {
                repository.commit(subject);
            }
            repository
        }

        fn commit(&self, subject: &str) {
            let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
            let commit = ["-c", "commit.gpgSign=false", "commit", "--quiet", "--allow-empty", "--message"];
            self.run(&[&identity[..], &commit, &[subject]].concat());
        }

        fn run(&self, arguments: &[&str]) {
            assert!(git(self.0.path(), arguments).is_some(), "git {arguments:?} failed");
        }

        #[track_caller]
        fn check(&self, expected: &[(bool, &str)]) {
            let found = findings(self.0.path());
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (finding, (is_error, text)) in found.iter().zip(expected) {
                assert_eq!(finding.is_error(), *is_error, "{finding}");
                assert!(finding.text.contains(text), "{text:?} is not in {finding}");
            }
        }
    }

    #[test]
    fn subjects_since_the_default_branch_are_limited() {
        let long = "x".repeat(73);
        let repository = Repository::new(&[&long]);
        repository.run(&["update-ref", DEFAULT_BRANCH, "HEAD"]);
        repository.check(&[]);
        repository.commit(&"é".repeat(72));
        repository.check(&[]);
        repository.commit(&long);
        repository.check(&[(true, "has 73 characters, 72 is the limit")]);
    }

    #[test]
    fn without_the_default_branch_the_last_tag_is_the_base() {
        let long = "x".repeat(80);
        let repository = Repository::new(&[&long]);
        repository.run(&["tag", "v1"]);
        repository.check(&[]);
        repository.commit(&long);
        repository.check(&[(true, "has 80 characters")]);
    }

    #[test]
    fn a_clone_without_a_base_is_not_checked_and_says_so() {
        Repository::new(&[&"x".repeat(80)]).check(&[(false, "subjects not checked")]);
        Repository::new(&[]).check(&[(false, "subjects not checked")]);
        let nowhere = Repository(tempfile::tempdir().unwrap());
        nowhere.check(&[(false, "subjects not checked")]);
    }
}
