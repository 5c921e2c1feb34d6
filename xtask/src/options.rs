//! Options that several commands have in common.

use clap::builder::FalseyValueParser;

/// The environment variable through which tests find a PostgreSQL server.
pub(crate) const POSTGRES_URL: &str = "CAUSERIE_TEST_POSTGRES_URL";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// URL of a PostgreSQL server on which databases may be created; replaces the private server.
    #[arg(long, global = true, env = POSTGRES_URL, hide_env_values = true, value_name = "URL")]
    pub(crate) postgres_url: Option<String>,
    /// Fail where a program such as PostgreSQL, cargo-deny or Chromium is missing, instead of printing a warning.
    #[arg(long, global = true, env = "CI", value_parser = FalseyValueParser::new())]
    pub(crate) ci: bool,
}
