//! Settings of the database and the data folder.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::Secret;
use clap::Args;

use super::setting::{Setting, SettingErrors, optional, setting};
use super::values::{milliseconds, path, whole};

/// Settings of the database and the data folder.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Folder of the files that the program writes.
    pub data_dir: PathBuf,
    pub database: causerie_persistence::StoreSettings,
}

impl StoreSettings {
    /// Returns whether other instances can use the database.
    pub(crate) fn is_shared(&self) -> bool {
        !self.database.url.expose().starts_with("sqlite:")
    }
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Folder of the files that the program writes: the SQLite database and the first admin key.
    #[arg(long, env = "CAUSERIE_DATA_DIR", value_name = "DIR", default_value = "data")]
    #[arg(value_parser = setting(path))]
    data_dir: Setting<PathBuf>,
    /// Database: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME?sslmode=MODE`, percent-encoded
    /// [default: sqlite://DATA_DIR/causerie.db].
    #[arg(long, env = "DATABASE_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(hide_env_values = true, value_parser = optional(database_url))]
    database_url: Setting<Option<Secret>>,
    /// Maximum number of connections to PostgreSQL. A quarter of them is reserved for running turns.
    #[arg(long, env = "DATABASE_CONNECTIONS", value_name = "COUNT", default_value = "16")]
    #[arg(value_parser = setting(whole::<u32>(1..=1000)))]
    database_connections: Setting<u32>,
    /// Maximum time, in milliseconds, that a call of a request waits for the database if the database completes no other
    /// one meanwhile; six times as long otherwise. Then the request is answered with 503.
    #[arg(long, env = "DATABASE_WAIT_MS", value_name = "MS", default_value = "5000")]
    #[arg(value_parser = setting(milliseconds))]
    database_wait_ms: Setting<Duration>,
    /// Maximum time, in milliseconds, of one statement on PostgreSQL; half of it is the maximum wait for a locked row.
    #[arg(long, env = "DATABASE_STATEMENT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    database_statement_ms: Setting<Duration>,
    /// Threads that read from SQLite, in addition to the one that writes.
    #[arg(long, env = "DATABASE_READERS", value_name = "COUNT", default_value = "3")]
    #[arg(value_parser = setting(whole::<u32>(1..=64)))]
    database_readers: Setting<u32>,
}

impl StoreArgs {
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<StoreSettings> {
        let data_dir = errors.take(self.data_dir);
        let database_url = errors.take(self.database_url);
        let connections = errors.take(self.database_connections);
        let wait = errors.take(self.database_wait_ms);
        let statement = errors.take(self.database_statement_ms);
        let readers = errors.take(self.database_readers);

        let data_dir = data_dir?;
        let default = || Secret::new(causerie_persistence::sqlite_url(&data_dir.join("causerie.db")));
        let database_url = database_url?.unwrap_or_else(default);
        let wait_timeout = wait?;
        let database = causerie_persistence::StoreSettings {
            url: database_url,
            connections: connections?,
            wait_timeout,
            statement_timeout: statement?,
            busy_timeout: wait_timeout,
            readers: readers?,
        };
        Some(StoreSettings { data_dir, database })
    }
}

fn database_url(text: &str) -> Result<Secret, String> {
    match text.split_once("://") {
        Some(("sqlite" | "postgres" | "postgresql", rest)) if !rest.is_empty() => Ok(Secret::new(text)),
        _ => Err("sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned()),
    }
}
