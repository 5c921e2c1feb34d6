//! The first start: creates the first admin and one API key, in a file that only its owner can read.
//!
//! There is no default password and no default key. The key is written to a file and never printed, so that it is in no
//! log and no terminal history.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use causerie_domain::ports::{Authentication, Clock, Ids, NewApiKey, NewUser, Operator};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, Secret, Timestamp, UserId};

use crate::entropy::{self, KeyMaterial};

/// E-mail address of the first admin.
pub(crate) const ADMIN_EMAIL: &str = "admin@localhost";
const ADMIN_NAME: &str = "admin";
const KEY_FILE: &str = "admin-key";

/// The inputs of [`run`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bootstrap<'a> {
    pub(crate) administration: &'a dyn Operator,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn Ids,
    pub(crate) data_dir: &'a Path,
}

/// Creates the data folder if it is missing, accessible to its owner only.
pub(crate) fn create_data_dir(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the folder {} (--data-dir)", path.display()))
}

/// Returns the path of the file with the first admin's key.
pub(crate) fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join(KEY_FILE)
}

/// Creates the admin and writes the key if the store has no user. Returns the new admin.
///
/// The key is written to a draft file before it is stored, and the file is renamed afterwards. An interruption at any
/// point therefore never leaves an admin without a key on disk.
pub(crate) async fn run(bootstrap: Bootstrap<'_>) -> Result<Option<UserId>> {
    if bootstrap.administration.user_by_email(ADMIN_EMAIL).await?.is_some() {
        return Ok(None);
    }
    let key = entropy::generate()?;
    create_data_dir(bootstrap.data_dir)?;
    let draft = bootstrap.data_dir.join(format!("{KEY_FILE}.{}", key.public_id));
    write_secret(&draft, &key.credential()).with_context(|| format!("cannot write {}", draft.display()))?;

    let (user, new_key) = administrator(bootstrap, &key);
    let admin = user.id;
    match bootstrap.administration.bootstrap(user, new_key).await {
        Ok(true) => {
            publish(&draft, &key_path(bootstrap.data_dir))
                .with_context(|| format!("cannot rename {}, which holds the first key", draft.display()))?;
            Ok(Some(admin))
        }
        refused => {
            fs::remove_file(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
            refused?;
            Ok(None)
        }
    }
}

/// Returns the absolute path of the first key's file, if its key is valid in this store. The folder may contain the key
/// of another database.
pub(crate) async fn working_key_file(
    data_dir: &Path,
    identity: &dyn Authentication,
    now: Timestamp,
) -> Option<PathBuf> {
    let path = std::path::absolute(key_path(data_dir)).ok()?;
    let credential = fs::read_to_string(&path).ok()?;
    let public_id = credential.split('_').nth(1)?;
    // The path is for the banner only, so an error of the store is ignored here.
    let holder = identity.api_key_record(public_id).await.ok().flatten()?;
    holder.key.is_live(now).then_some(path)
}

fn administrator(bootstrap: Bootstrap<'_>, key: &KeyMaterial) -> (NewUser, NewApiKey) {
    let now = bootstrap.clock.now();
    let user = NewUser {
        id: UserId::next(bootstrap.ids),
        email: ADMIN_EMAIL.to_owned(),
        name: ADMIN_NAME.to_owned(),
        role: Role::Admin,
        created_at: now,
    };
    let key = NewApiKey {
        id: ApiKeyId::next(bootstrap.ids),
        public_id: key.public_id.clone(),
        secret_hash: key.secret_hash(),
        user_id: user.id,
        group_id: None,
        name: "first start".to_owned(),
        scopes: Vec::new(),
        created_at: now,
        expires_at: None,
    };
    (user, key)
}

/// Writes a secret to a new file that only its owner can read.
///
/// # Errors
/// The file or a symbolic link of that name exists, or it cannot be written.
fn write_secret(path: &Path, secret: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()
}

/// Renames the draft to its final name. An existing file belongs to another database and is kept as `*.earlier`.
fn publish(draft: &Path, target: &Path) -> io::Result<()> {
    match fs::rename(target, target.with_extension("earlier")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::rename(draft, target),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;

    use causerie_domain::api_keys::ApiKey;
    use causerie_domain::ports::{OperatorError, StoreError};
    use causerie_domain::users::User;
    use uuid::Uuid;

    use super::*;

    /// A store that may have been bootstrapped, and that can fail.
    #[derive(Debug, Default)]
    struct Registry {
        keys: Mutex<Vec<NewApiKey>>,
        refuses: bool,
    }

    #[async_trait::async_trait]
    impl Operator for Registry {
        async fn bootstrap(&self, _: NewUser, key: NewApiKey) -> Result<bool, StoreError> {
            let mut keys = self.keys.lock().unwrap();
            if self.refuses {
                return Err(StoreError::Unavailable("no store".into()));
            }
            let first = keys.is_empty();
            keys.extend(first.then_some(key));
            Ok(first)
        }

        async fn create_user(&self, _: NewUser) -> Result<User, OperatorError> {
            unreachable!("the first start makes its user together with the key")
        }

        async fn user_by_email(&self, _: &str) -> Result<Option<User>, StoreError> {
            Ok(None)
        }

        async fn create_key(&self, _: NewApiKey) -> Result<ApiKey, OperatorError> {
            unreachable!("the first start makes its key together with the user")
        }
    }

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    impl Ids for Fixed {
        fn next(&self) -> Uuid {
            Uuid::nil()
        }
    }

    async fn start(registry: &Registry, data_dir: &Path) -> Result<bool> {
        let bootstrap = Bootstrap { administration: registry, clock: &Fixed, ids: &Fixed, data_dir };
        Ok(run(bootstrap).await?.is_some())
    }

    fn files(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_first_start_writes_one_key_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::default();

        assert!(start(&registry, dir.path()).await.unwrap());
        assert_eq!(files(dir.path()), ["admin-key"]);
        let path = key_path(dir.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let written = fs::read_to_string(&path).unwrap();
        let public_id = registry.keys.lock().unwrap()[0].public_id.clone();
        assert!(written.starts_with(&format!("csr_{public_id}_")) && written.ends_with('\n'));

        assert!(!start(&registry, dir.path()).await.unwrap(), "a second start creates nothing");
        assert_eq!(files(dir.path()), ["admin-key"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), written);
    }

    #[tokio::test]
    async fn a_key_of_another_database_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(key_path(dir.path()), "of another database").unwrap();
        assert!(start(&Registry::default(), dir.path()).await.unwrap());
        assert_eq!(files(dir.path()), ["admin-key", "admin-key.earlier"]);
        assert_eq!(fs::read_to_string(dir.path().join("admin-key.earlier")).unwrap(), "of another database");
    }

    #[tokio::test]
    async fn no_file_remains_when_the_store_fails() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry { refuses: true, ..Registry::default() };
        assert!(start(&registry, dir.path()).await.is_err());
        assert!(files(dir.path()).is_empty());
    }

    #[test]
    fn a_secret_is_never_written_to_an_existing_file_or_link() {
        let dir = tempfile::tempdir().unwrap();
        let (taken, link) = (dir.path().join("taken"), dir.path().join("link"));
        fs::write(&taken, "before").unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).unwrap();
        for path in [&taken, &link] {
            let error = write_secret(path, &Secret::new("s")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&taken).unwrap(), "before");
        assert!(!dir.path().join("elsewhere").exists());
    }
}
