//! The check of the migrations, which is a test of the persistence crate: only that crate may speak SQL.

use anyhow::Result;

use crate::cargo;
use crate::finding::Finding;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// Both sets apply, revert and apply again; both give the same tables; `schema.rs` agrees with them.
pub(crate) fn findings(workspace: &Workspace, options: &postgres::Options) -> Result<Vec<Finding>> {
    let database = postgres::provide(options)?;
    let mut command = cargo::on_everything(&workspace.root, &["test", "--test", "migrations"]);
    database.tell(&mut command);

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
