//! The command line. Without a subcommand, `causerie` serves.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::ApiKeyId;
use causerie_permissions::{InvalidScope, Registry, Scopes};
use causerie_runtime::{email_error, name_error};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{
    InvalidSettings, LogArgs, LogSettings, ServeArgs, SettingErrors, StoreArgs, StoreSettings, span,
};

/// A chat runtime that never loses a message or a cent.
#[derive(Debug, Parser)]
#[command(name = "causerie", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Every setting is a flag and an environment variable. The flag takes precedence, and an empty \
                        value counts as not set."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API until SIGTERM or SIGINT. This is the default subcommand.
    Serve(Box<ServeArgs>),
    /// Apply the missing migrations to the database and exit.
    Migrate(DatabaseArgs),
    /// Check the integrity of the stored conversations and the ledger. A server may run at the same time. Exits with 1
    /// if there is a violation.
    Verify(VerifyArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the reference of error codes, in Markdown.
    Errors,
    /// Work with tool definitions.
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Administer users and keys directly in the database. A server may run at the same time.
    #[command(subcommand)]
    Admin(AdminCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// Check every tool definition of a folder and list all errors of all files.
    Check {
        /// Folder with the `.yaml` files.
        dir: PathBuf,
    },
    /// Print the JSON Schema of tool definitions, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Create an API key for a user and print it. It cannot be displayed again.
    CreateKey(CreateKeyArgs),
    /// Create a user and print its id.
    CreateUser(CreateUserArgs),
    /// Link a user to an identity of the identity provider, so that tokens (JWT) authenticate the user.
    LinkUser(LinkUserArgs),
    /// List the users: id, address, role, status and name, separated by tabs.
    ListUsers(DatabaseArgs),
    /// List the API keys: id, state, owner's id, public part, scopes and name, separated by tabs.
    ListKeys(DatabaseArgs),
    /// Revoke an API key. A running server refuses it within 5 seconds.
    RevokeKey(RevokeKeyArgs),
}

/// The settings of commands that use the database.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl DatabaseArgs {
    /// Parses the settings.
    ///
    /// # Errors
    /// All invalid settings.
    pub(crate) fn read(self) -> Result<(StoreSettings, LogSettings), InvalidSettings> {
        let mut errors = SettingErrors::default();
        let store = self.store.read(&mut errors);
        let log = self.log.read(&mut errors);
        errors.or(store.zip(log))
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Maximum number of ledger rows without a final cost to list, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) unsettled: u32,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// E-mail address of the owner of the key.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: String,
    /// Name of the key in lists.
    #[arg(long, value_parser = name)]
    pub(crate) name: String,
    /// Scope of the key, such as `create:Message`; can be repeated. Without a scope, the key has all permissions of its
    /// user.
    #[arg(long, value_name = "ACTION:SUBJECT", value_parser = scope)]
    pub(crate) scope: Vec<String>,
    /// Time until the key expires, such as `90d` or `12h` [default: never].
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) expires_in: Option<Duration>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateUserArgs {
    /// E-mail address, unique regardless of case.
    #[arg(long, value_parser = email)]
    pub(crate) email: String,
    /// Display name.
    #[arg(long, value_parser = name)]
    pub(crate) name: String,
    /// Role in the installation.
    #[arg(long, value_enum, default_value_t = RoleName::User)]
    pub(crate) role: RoleName,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkUserArgs {
    /// E-mail address of the user.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: String,
    /// Issuer of the user's tokens: their `iss` claim.
    #[arg(long)]
    pub(crate) issuer: String,
    /// Subject of the user's tokens: their `sub` claim.
    #[arg(long)]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKeyArgs {
    /// Id of the key, as printed by `list-keys`.
    pub(crate) id: ApiKeyId,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// The names of the roles on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Has the permissions of the built-in user rules and of groups.
    User,
    /// Administers the installation.
    Admin,
}

/// Parses a scope. An unknown scope is an error, because it would refuse every request of its key.
fn scope(text: &str) -> Result<String, InvalidScope> {
    Scopes::parse([text], &Registry::builtin()).map(|_| text.to_owned())
}

fn email(text: &str) -> Result<String, String> {
    email_error(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn name(text: &str) -> Result<String, String> {
    name_error(text).map_or_else(|| Ok(text.to_owned()), Err)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory as _;

    use super::*;

    /// Returns the settings of `serve`: variable, flag and default.
    fn declared() -> BTreeMap<String, (String, String)> {
        let command = Cli::command();
        let arguments = command.get_arguments().filter_map(|argument| {
            let variable = argument.get_env()?.to_str()?.to_owned();
            let default = argument.get_default_values().first()?.to_str()?.to_owned();
            Some((variable, (argument.get_long()?.to_owned(), default)))
        });
        arguments.collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_example_file_has_every_setting_with_its_default() {
        let example: BTreeMap<_, _> = include_str!("../../../.env.example")
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| line.split_once('=').unwrap())
            .map(|(variable, default)| (variable.to_owned(), default.to_owned()))
            .collect();
        let mut declared: BTreeMap<_, _> =
            declared().into_iter().map(|(variable, (_, default))| (variable, default)).collect();
        // Named in a comment: two empty lines for one key would be one too many.
        declared.remove("OPENROUTER_API_KEY");
        assert_eq!(example, declared);
    }

    #[test]
    fn a_flag_has_the_name_of_its_variable() {
        for (variable, (flag, _)) in declared() {
            let name = variable.strip_prefix("CAUSERIE_").unwrap_or(&variable);
            assert_eq!(flag, name.to_ascii_lowercase().replace('_', "-"), "{variable}");
        }
    }

    #[test]
    fn help_never_prints_secrets() {
        let command = Cli::command();
        for variable in ["AI_API_KEY", "OPENROUTER_API_KEY", "DATABASE_URL", "AI_PROXY_URL"] {
            let argument =
                command.get_arguments().find(|argument| argument.get_env() == Some(variable.as_ref()));
            assert!(argument.unwrap().is_hide_env_values_set(), "{variable}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_crates_below() {
        let arguments = Cli::command().mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        let matches = arguments.get_matches_from(["causerie"]);
        let settings =
            <ServeArgs as clap::FromArgMatches>::from_arg_matches(&matches).unwrap().read().unwrap();
        let (runtime, upstream) = (causerie_runtime::Settings::default(), &settings.upstream);
        assert_eq!(upstream.default_model, runtime.default_model);
        assert_eq!(upstream.default_max_output_tokens, runtime.default_max_output_tokens);
        assert_eq!(upstream.max_retries, runtime.max_retries);
        assert_eq!(upstream.max_retry_wait, runtime.max_retry_wait);
        assert_eq!(upstream.timeouts.total, runtime.turn_deadline);
        assert_eq!(settings.runtime.lease, 4 * runtime.lease, "the default database is SQLite");
        assert_eq!(upstream.completions, runtime.completions);
        assert_eq!(settings.runtime.flush_interval, runtime.flush_interval);
        assert_eq!(settings.runtime.flush_bytes, runtime.flush_bytes);
        // The limits of connections depend on the limit of open files of the process.
        let connections = causerie_http::HttpSettings {
            max_connections: settings.http.max_connections,
            connections_per_address: settings.http.connections_per_address,
            ..causerie_http::HttpSettings::default()
        };
        assert_eq!(settings.http, connections);
        let openrouter = causerie_openrouter::Settings::default();
        assert_eq!(upstream.timeouts.connect, openrouter.timeouts.connect);
        assert_eq!(upstream.timeouts.first_byte, openrouter.timeouts.first_byte);
        assert_eq!(upstream.timeouts.idle, openrouter.timeouts.idle_bytes);
        assert_eq!(upstream.timeouts.progress, openrouter.timeouts.idle_progress);
        assert_eq!(upstream.max_event, openrouter.size_limits.max_event_bytes);
        assert_eq!(upstream.max_answer, openrouter.size_limits.max_answer_bytes);
        let store = causerie_persistence::StoreSettings::new("sqlite://data/causerie.db");
        let database = &settings.store.database;
        assert_eq!((&database.url, database.connections), (&store.url, store.connections));
        assert_eq!((database.wait_timeout, database.busy_timeout), (store.wait_timeout, store.busy_timeout));
        assert_eq!((database.statement_timeout, database.readers), (store.statement_timeout, store.readers));
    }

    #[test]
    fn scopes_and_addresses_have_a_form() {
        assert_eq!(scope("create:Message"), Ok("create:Message".to_owned()));
        for wrong in
            ["", "create", "create:", ":Message", "create:Massage", "make:Message", "create:Message:x"]
        {
            assert!(scope(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(email("ada@example.org"), Ok("ada@example.org".to_owned()));
        for wrong in ["", "ada", "@example.org", "ada@", "a da@example.org", "ada@exa\nmple.org"] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
    }
}
