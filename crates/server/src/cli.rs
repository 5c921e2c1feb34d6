//! The command line: `causerie` with nothing after it serves.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::ApiKeyId;
use causerie_permissions::{InvalidScope, Registry, Scopes};
use causerie_runtime::{wrong_email, wrong_name};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{
    InvalidSettings, LogArgs, LogSettings, ServeArgs, SettingErrors, StoreArgs, StoreSettings, span,
};

/// A chat runtime that never loses a message or a cent.
#[derive(Debug, Parser)]
#[command(name = "causerie", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Every setting is a flag and an environment variable; the flag wins, and an empty value \
                        counts as not given."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API until SIGTERM or SIGINT. This is what happens without a subcommand.
    Serve(Box<ServeArgs>),
    /// Bring the database to this program's schema and end.
    Migrate(DatabaseArgs),
    /// Check the stored conversations and the ledger, whether or not a server runs on them. Ends with 1 if something is
    /// wrong.
    Verify(VerifyArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Work with tool definitions.
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Administer users and keys directly in the database, whether or not a server runs on it.
    #[command(subcommand)]
    Admin(AdminCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// Read every tool definition of a folder and list all mistakes of all files.
    Check {
        /// The folder with the `.yaml` files.
        dir: PathBuf,
    },
    /// Print the JSON Schema of tool definitions, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make an API key for a user and print it. It is shown this once.
    CreateKey(CreateKeyArgs),
    /// Make a user.
    CreateUser(CreateUserArgs),
    /// Let a user in who comes with tokens of the identity provider.
    LinkUser(LinkUserArgs),
    /// List the users: id, address, role, status and name, separated by tabs.
    ListUsers(DatabaseArgs),
    /// List the API keys: id, state, owner's id, public part, scopes and name, separated by tabs.
    ListKeys(DatabaseArgs),
    /// Revoke an API key. A running server refuses it within 5 seconds.
    RevokeKey(RevokeKeyArgs),
}

/// Where the database is, and how to speak about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl DatabaseArgs {
    /// The settings, or every mistake in them.
    pub(crate) fn read(self) -> Result<(StoreSettings, LogSettings), InvalidSettings> {
        let mut errors = SettingErrors::default();
        let store = self.store.read(&mut errors);
        let log = self.log.read(&mut errors);
        errors.or(store.zip(log))
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// List the ledger rows whose cost is not final, too, the oldest first; so many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) unsettled: u32,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// The e-mail address of the user whose key it will be.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: String,
    /// What the key is called in lists.
    #[arg(long, value_parser = name)]
    pub(crate) name: String,
    /// What the key may do at most, such as `create:Message`; may be given several times. Without any, the key
    /// may do what its user may.
    #[arg(long, value_name = "ACTION:SUBJECT", value_parser = scope)]
    pub(crate) scope: Vec<String>,
    /// After what time the key stops working, such as `90d` or `12h`. Without it, never.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) expires_in: Option<Duration>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateUserArgs {
    /// The e-mail address, unique without regard to case.
    #[arg(long, value_parser = email)]
    pub(crate) email: String,
    /// The name shown to others.
    #[arg(long, value_parser = name)]
    pub(crate) name: String,
    /// What the user is to the installation.
    #[arg(long, value_enum, default_value_t = RoleName::User)]
    pub(crate) role: RoleName,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LinkUserArgs {
    /// The e-mail address of the user.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: String,
    /// Who issues the user's tokens: their `iss`.
    #[arg(long)]
    pub(crate) issuer: String,
    /// What the user is called in them: their `sub`.
    #[arg(long)]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKeyArgs {
    /// The key's id, as `list-keys` shows it.
    pub(crate) id: ApiKeyId,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// The roles by the names they have on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Uses the product.
    User,
    /// Administers it.
    Admin,
}

/// A scope that the rules know. One that they do not would refuse every request of its key.
fn scope(text: &str) -> Result<String, InvalidScope> {
    Scopes::parse([text], &Registry::builtin()).map(|_| text.to_owned())
}

fn email(text: &str) -> Result<String, String> {
    wrong_email(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn name(text: &str) -> Result<String, String> {
    wrong_name(text).map_or_else(|| Ok(text.to_owned()), Err)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory as _;

    use super::*;

    /// The settings of `serve`: variable, flag and default.
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
    fn a_flag_is_its_variable_in_other_letters() {
        for (variable, (flag, _)) in declared() {
            let name = variable.strip_prefix("CAUSERIE_").unwrap_or(&variable);
            assert_eq!(flag, name.to_ascii_lowercase().replace('_', "-"), "{variable}");
        }
    }

    #[test]
    fn secrets_are_never_shown_by_help() {
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
        assert_eq!(settings.runtime.lease, runtime.lease);
        assert_eq!(settings.runtime.flush_interval, runtime.flush_interval);
        assert_eq!(settings.runtime.flush_bytes, runtime.flush_bytes);
        let http = causerie_http::HttpSettings::default();
        assert_eq!(settings.http.body_limit, http.body_limit);
        assert_eq!(settings.http.keep_alive, http.keep_alive);
        assert_eq!(settings.http.stall, http.stall);
        assert_eq!(settings.http.idle_connection, http.idle_connection);
        let openrouter = causerie_openrouter::Settings::default();
        assert_eq!(upstream.timeouts.connect, openrouter.timeouts.connect);
        assert_eq!(upstream.timeouts.first_byte, openrouter.timeouts.first_byte);
        assert_eq!(upstream.timeouts.idle, openrouter.timeouts.idle_bytes);
        assert_eq!(upstream.timeouts.progress, openrouter.timeouts.idle_progress);
        assert_eq!(upstream.max_event, openrouter.size_limits.max_event_bytes);
        let store = causerie_persistence::StoreSettings::new("sqlite://data/causerie.db");
        assert_eq!(settings.store.database_url, store.url);
        assert_eq!(settings.store.connections, store.connections);
        assert_eq!(settings.store.wait, store.wait_timeout);
        assert_eq!(settings.store.statement, store.statement_timeout);
        assert_eq!(settings.store.readers, store.readers);
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
