//! Connections to PostgreSQL over TLS, with certificates of an authority that is made here.
//!
//! A proxy ends TLS in front of the server of the tests, so the tests run with every server.

mod authority;
mod proxy;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use causerie_domain::ports::StoreHealth as _;
use causerie_persistence::{SqlStore, StoreSettings};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::database::TestDatabase;
use tempfile::TempDir;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use self::authority::{Authority, Certified};
use self::proxy::{Behavior, Proxy, acceptor};

/// Name of the server in its certificate.
const NAME: &str = "db.example.org";

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Encrypted,
    Plain,
    /// Refused, with a part of the reason.
    Refused(&'static str),
}

use Outcome::{Encrypted, Plain, Refused};

/// A database of a test, and the files of two authorities.
struct Setting {
    database: TestDatabase,
    folder: TempDir,
    trusted: Authority,
    other: Authority,
}

impl Setting {
    /// Creates the files; `None` if no PostgreSQL server is configured.
    async fn new() -> Result<Option<Self>> {
        let Some(database) = TestDatabase::postgres().await? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let (trusted, other) = (Authority::new("trusted")?, Authority::new("other")?);
        trusted.write(&folder.path().join("trusted.crt"))?;
        other.write(&folder.path().join("other.crt"))?;
        Ok(Some(Setting { database, folder, trusted, other }))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns host and port of the server without TLS.
    fn server(&self) -> Result<(String, u16)> {
        let config: Config = self.database.url().parse()?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => "127.0.0.1".to_owned(),
        };
        Ok((host, config.get_ports().first().copied().unwrap_or(5432)))
    }

    async fn proxy(&self, behavior: Behavior) -> Result<Proxy> {
        Proxy::start(self.server()?, behavior).await
    }

    async fn tls(&self, certified: &Certified) -> Result<Proxy> {
        self.proxy(Behavior::Tls(acceptor(certified, None)?)).await
    }

    /// Returns the address of the database behind a proxy. `{folder}` in the options is the folder of the files.
    fn url(&self, proxy: &Proxy, options: &str) -> Result<String> {
        let url = self.database.url();
        let (credentials, rest) = url.split_once('@').context("the address has credentials")?;
        let (_, name) = rest.split_once('/').context("the address has a database")?;
        let name = name.split('?').next().unwrap_or_default();
        let options = options.replace("{folder}", &self.path().to_string_lossy());
        let port = proxy.address.port();
        Ok(format!("{credentials}@{NAME}:{port}/{name}?hostaddr=127.0.0.1&{options}"))
    }

    /// Migrates and uses the database behind a proxy, and compares the outcome.
    async fn check(&self, proxy: &Proxy, options: &str, expected: Outcome) -> Result<()> {
        let before = proxy.counts();
        let outcome = use_store(&self.url(proxy, options)?).await;
        let after = proxy.counts();
        let (encrypted, plain) = (after.0 - before.0, after.1 - before.1);
        match (expected, outcome) {
            // One connection migrates, and one of the pool is checked.
            (Encrypted, Ok(())) => assert_eq!((encrypted, plain), (2, 0), "{options}"),
            (Plain, Ok(())) => assert_eq!((encrypted, plain), (0, 2), "{options}"),
            (Refused(reason), Err(error)) => {
                let text = format!("{error:#}");
                assert!(text.contains(reason), "{options}: {text}");
                assert!(!text.contains('@'), "{options}: {text}");
                assert_eq!((encrypted, plain), (0, 0), "{options}");
            }
            (expected, outcome) => panic!("{options}: {expected:?} was expected, not {outcome:?}"),
        }
        Ok(())
    }
}

/// Opens, migrates and checks a store. Fails if the pool and the migrations do not fail alike.
async fn use_store(url: &str) -> Result<()> {
    let store = SqlStore::open(&StoreSettings { connections: 1, ..StoreSettings::new(url) })?;
    let migrated = store.migrate().await;
    let healthy = store.check().await;
    store.close().await;
    assert_eq!(migrated.is_ok(), healthy.is_ok(), "{migrated:?} {healthy:?}");
    healthy?;
    migrated?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_right_certificate_is_accepted_in_each_mode() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let proxy = setting.tls(&setting.trusted.server(NAME)?).await?;
    for (options, outcome) in [
        ("sslmode=disable", Plain),
        ("", Encrypted),
        ("sslmode=prefer", Encrypted),
        ("sslmode=require", Encrypted),
        ("ssl=true", Encrypted),
        ("sslmode=require&sslrootcert={folder}/trusted.crt", Encrypted),
        ("sslmode=verify-ca&sslrootcert={folder}/trusted.crt", Encrypted),
        ("sslmode=verify-full&sslrootcert={folder}/trusted.crt", Encrypted),
        // Another authority: `require` verifies, too, and `prefer` falls back.
        ("sslmode=require&sslrootcert={folder}/other.crt", Refused("UnknownIssuer")),
        ("sslmode=verify-ca&sslrootcert={folder}/other.crt", Refused("sslmode=verify-ca")),
        ("sslmode=verify-full&sslrootcert={folder}/other.crt", Refused("/other.crt")),
        ("sslmode=prefer&sslrootcert={folder}/other.crt", Plain),
        // The authorities of the system, if it has any.
        ("sslmode=verify-full", Refused("sslrootcert=")),
        ("sslrootcert=system", Refused("sslrootcert=")),
    ] {
        setting.check(&proxy, options, outcome).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_accepted_unless_the_name_is_verified() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let proxy = setting.tls(&setting.trusted.server("other.example.org")?).await?;
    for (options, outcome) in [
        ("sslmode=require&sslrootcert={folder}/trusted.crt", Encrypted),
        ("sslmode=verify-ca&sslrootcert={folder}/trusted.crt", Encrypted),
        ("sslmode=verify-full&sslrootcert={folder}/trusted.crt", Refused(NAME)),
    ] {
        setting.check(&proxy, options, outcome).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_if_it_is_verified() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let proxy = setting.tls(&setting.trusted.expired_server(NAME)?).await?;
    for (options, outcome) in [
        ("sslmode=require", Encrypted),
        ("sslmode=require&sslrootcert={folder}/trusted.crt", Refused("expired")),
        ("sslmode=verify-ca&sslrootcert={folder}/trusted.crt", Refused("expired")),
        ("sslmode=verify-full&sslrootcert={folder}/trusted.crt", Refused("expired")),
    ] {
        setting.check(&proxy, options, outcome).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_tls_is_used_without_it_only_if_tls_is_optional() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let proxy = setting.proxy(Behavior::Plain).await?;
    for (options, outcome) in [
        ("", Plain),
        ("sslmode=prefer", Plain),
        ("sslmode=disable", Plain),
        ("sslmode=require", Refused("sslmode=require")),
        ("sslmode=verify-full&sslrootcert={folder}/trusted.crt", Refused("sslmode=verify-full")),
    ] {
        setting.check(&proxy, options, outcome).await?;
    }
    let certified = setting.trusted.server(NAME)?;
    let proxy = setting.proxy(Behavior::TlsWithoutEntry(acceptor(&certified, None)?)).await?;
    setting.check(&proxy, "sslmode=prefer", Plain).await?;
    setting.check(&proxy, "sslmode=require", Refused("no entry")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_presents_its_certificate() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let server = setting.trusted.server(NAME)?;
    let proxy = setting.proxy(Behavior::Tls(acceptor(&server, Some(&setting.trusted))?)).await?;
    setting.trusted.client("me")?.write(setting.path(), "me")?;
    setting.other.client("you")?.write(setting.path(), "you")?;
    let (_, exposed) = setting.trusted.client("exposed")?.write(setting.path(), "exposed")?;
    fs::set_permissions(exposed, fs::Permissions::from_mode(0o644))?;
    fs::write(setting.path().join("broken.crt"), "-----BEGIN hunter2\n")?;
    for (options, outcome) in [
        ("sslcert={folder}/me.crt&sslkey={folder}/me.key", Encrypted),
        // The server may close the connection before the client has read the reason.
        ("sslcert={folder}/you.crt&sslkey={folder}/you.key", Refused("")),
        ("connect_timeout=60", Refused("")),
        ("sslcert={folder}/me.crt&sslkey={folder}/you.key", Refused("option sslkey")),
        ("sslcert={folder}/me.crt&sslkey={folder}/exposed.key", Refused("0600")),
        ("sslcert={folder}/me.crt&sslkey={folder}/me.crt", Refused("option sslkey")),
        ("sslcert={folder}/none.crt&sslkey={folder}/me.key", Refused("option sslcert")),
        ("sslcert={folder}/broken.crt&sslkey={folder}/me.key", Refused("option sslcert")),
        ("sslcert={folder}/me.key&sslkey={folder}/me.key", Refused("has no certificate")),
        ("sslrootcert={folder}/none.crt", Refused("option sslrootcert")),
        ("sslrootcert={folder}", Refused("option sslrootcert")),
    ] {
        setting.check(&proxy, &format!("sslmode=require&{options}"), outcome).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_file_is_read_without_a_restart() -> Result<()> {
    let Some(setting) = Setting::new().await? else { return Ok(()) };
    let proxy = setting.tls(&setting.trusted.server(NAME)?).await?;
    let file = setting.path().join("current.crt");
    setting.other.write(&file)?;
    let url = setting.url(&proxy, "sslmode=verify-full&sslrootcert={folder}/current.crt")?;
    let store = SqlStore::open(&StoreSettings::new(url))?;
    assert!(store.check().await.is_err());
    setting.trusted.write(&file)?;
    store.check().await?;
    store.close().await;
    Ok(())
}
