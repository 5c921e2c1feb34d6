//! `causerie admin …`: administers users and keys directly in the database.
//!
//! No credential is required, because access to the database already permits every change.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::{
    Clock as _, DirectoryError, ExternalId, ExternalIdError, NewApiKey, NewUser, OperatorError,
};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, AuditEventId, Filter, Secret, UserId};
use causerie_runtime::{MAX_SCOPES, SystemClock, SystemIds};

use crate::cli::{CreateKeyArgs, CreateUserArgs, LinkUserArgs, RoleName};
use crate::entropy;
use crate::wiring::Store;

/// Page size of lists.
const PAGE: u32 = 100;

/// Creates a key for a user and returns it. The secret is not stored and cannot be read again.
///
/// # Errors
/// There are too many scopes, there is no such user, or the store fails.
pub(crate) async fn create_key(store: &Store, wanted: CreateKeyArgs) -> Result<Secret> {
    let scopes = wanted.scope.len();
    ensure!(scopes <= MAX_SCOPES, "a key has at most {MAX_SCOPES} scopes (--scope), {scopes} are given");
    let administration = store.administration();
    let user = administration.user_by_email(&wanted.user).await?;
    let user = user.with_context(|| format!("there is no user with the address {}", wanted.user))?;
    let key = entropy::generate()?;
    let now = SystemClock.now();
    administration
        .create_key(NewApiKey {
            id: ApiKeyId::next(&SystemIds),
            public_id: key.public_id.clone(),
            secret_hash: key.secret_hash(),
            user_id: user.id,
            group_id: None,
            name: wanted.name,
            scopes: wanted.scope,
            created_at: now,
            expires_at: wanted.expires_in.map(|span| now + span),
        })
        .await?;
    Ok(key.credential())
}

/// Creates a user and returns its id.
///
/// # Errors
/// The address is taken, or the store fails.
pub(crate) async fn create_user(store: &Store, wanted: CreateUserArgs) -> Result<UserId> {
    let user = NewUser {
        id: UserId::next(&SystemIds),
        email: wanted.email,
        name: wanted.name,
        role: match wanted.role {
            RoleName::User => Role::User,
            RoleName::Admin => Role::Admin,
        },
        created_at: SystemClock.now(),
    };
    let email = user.email.clone();
    match store.administration().create_user(user).await {
        Ok(user) => Ok(user.id),
        Err(OperatorError::EmailTaken) => bail!("there is a user with the address {email} already"),
        Err(error) => Err(error.into()),
    }
}

/// Links a user to an identity of the identity provider.
///
/// # Errors
/// There is no such user, another user has that identity, or the store fails.
pub(crate) async fn link_user(store: &Store, wanted: LinkUserArgs) -> Result<()> {
    let user = store.administration().user_by_email(&wanted.user).await?;
    let user = user.with_context(|| format!("there is no user with the address {}", wanted.user))?;
    let id = ExternalId { issuer: wanted.issuer, subject: wanted.subject };
    match store.authentication().link(user.id, id, operator_stamp()).await {
        Err(ExternalIdError::Taken) => bail!("another user has this issuer and subject"),
        linked => Ok(linked?),
    }
}

/// Lists the users, one per line.
///
/// # Errors
/// The store fails.
pub(crate) async fn list_users(store: &Store) -> Result<String> {
    let (directory, mut lines, mut after) = (store.directory(), String::new(), None);
    loop {
        let page = directory.users(&Filter::Everything, PageRequest { limit: PAGE, after }).await?;
        for user in page.rows.iter().map(|view| &view.user) {
            writeln!(lines, "{}\t{}\t{}\t{}\t{}", user.id, user.email, user.role, user.status, user.name)?;
        }
        match page.next {
            Some(next) => after = Some(After(next)),
            None => return Ok(lines),
        }
    }
}

/// Lists the keys, one per line.
///
/// # Errors
/// The store fails.
pub(crate) async fn list_keys(store: &Store) -> Result<String> {
    let (directory, mut lines, mut after) = (store.directory(), String::new(), None);
    let now = SystemClock.now();
    loop {
        let page = directory.api_keys(&Filter::Everything, PageRequest { limit: PAGE, after }).await?;
        for key in &page.rows {
            let state = match key.is_live(now) {
                true => "live",
                false if key.revoked_at.is_some() => "revoked",
                false => "expired",
            };
            let scopes = key.scopes.join(",");
            writeln!(
                lines,
                "{}\t{state}\t{}\t{}\t{scopes}\t{}",
                key.id, key.user_id, key.public_id, key.name
            )?;
        }
        match page.next {
            Some(next) => after = Some(After(next)),
            None => return Ok(lines),
        }
    }
}

/// Revokes a key. Repeating it changes nothing.
///
/// # Errors
/// There is no such key, or the store fails.
pub(crate) async fn revoke_key(store: &Store, id: ApiKeyId) -> Result<()> {
    match store.directory().revoke_api_key(id, &Filter::Everything, operator_stamp()).await {
        Err(DirectoryError::NotFound) => bail!("there is no key with the id {id}"),
        revoked => Ok(revoked?),
    }
}

/// Returns the audit stamp of a change by the operator, who is not a user of the store.
fn operator_stamp() -> AuditStamp {
    let event_id = AuditEventId::next(&SystemIds);
    AuditStamp { event_id, actor_id: None, api_key_id: None, at: SystemClock.now() }
}
