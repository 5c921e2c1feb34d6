//! The check of the migrations. It runs a test of the persistence crate, the only crate that may use SQL.

use anyhow::Result;

use crate::cargo;
use crate::finding::Finding;
use crate::options::Options;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// Applies, reverts and reapplies both sets, and compares the tables with each other and with `schema.rs`.
///
/// The command builds the test binaries of all crates, as the tests do, and selects the module by its name.
pub(crate) fn findings(workspace: &Workspace, options: &Options) -> Result<Vec<Finding>> {
    let database = postgres::provide(options)?;
    let mut command = cargo::on_workspace(&workspace.root, &["test", "--test", "it", "migrations::"]);
    database.configure(&mut command);

    let mut findings = Vec::new();
    if !cargo::status(&mut command)?.success() {
        findings
            .push(Finding::error("migrations", format!("`{}` failed (see above)", cargo::line(&command))));
    }
    if let Database::Absent = database {
        let finding = if options.ci { Finding::error } else { Finding::warning };
        findings.push(finding("migrations/postgres", postgres::NOT_RUN));
    }
    Ok(findings)
}
