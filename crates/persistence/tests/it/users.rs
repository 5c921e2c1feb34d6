//! Users, external ids, and the bootstrap of an empty store.

use std::time::Duration;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    Authentication, ExternalId, ExternalIdError, Ids, NewUser, Operator, OperatorError,
};
use causerie_domain::users::{Role, UserStatus};
use causerie_domain::{AuditEventId, UserId};
use causerie_persistence::SqlStore;
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{START, SqlSubject, TestIds};
use causerie_testkit::database::{RawConnection, TestDatabase};
use tokio::task::JoinSet;

use crate::api_keys::api_key;

causerie_testkit::store_tests!(
    an_address_belongs_to_one_user,
    an_external_id_belongs_to_one_user,
    the_first_admin_is_the_oldest_active_one,
);

fn user(ids: &TestIds, email: &str) -> NewUser {
    let (email, name) = (email.to_owned(), "Ada".to_owned());
    NewUser { id: UserId::next(ids), email, name, role: Role::Admin, created_at: START }
}

async fn an_address_belongs_to_one_user(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let created = store.create_user(user(&subject.ids, "Ada@Example.org")).await?;
    assert_eq!(
        (created.email.as_str(), created.role, created.status),
        ("Ada@Example.org", Role::Admin, UserStatus::Active)
    );
    let again = store.create_user(user(&subject.ids, "ada@example.ORG")).await;
    assert!(matches!(again, Err(OperatorError::EmailTaken)), "{again:?}");
    assert_eq!(store.user_by_email("ADA@example.org").await?, Some(created));
    assert_eq!(store.user_by_email("unknown@example.org").await?, None);
    Ok(())
}

fn eve(subject: &SqlSubject, email: &str, role: Role) -> NewUser {
    let (id, email) = (UserId::next(&subject.ids), email.to_owned());
    NewUser { id, email, name: "Eve".to_owned(), role, created_at: START }
}

async fn an_external_id_belongs_to_one_user(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id =
        |subject: &str| ExternalId { issuer: "https://id.example".to_owned(), subject: subject.to_owned() };
    assert_eq!(store.external_user(&id("eve")).await?, None);
    let created = store.provision(eve(subject, "eve@example.org", Role::User), id("eve")).await?;
    assert_eq!(store.external_user(&id("eve")).await?, Some(created.clone()));
    let stamp = || AuditStamp {
        event_id: AuditEventId::next(&subject.ids),
        actor_id: None,
        api_key_id: None,
        at: START,
    };
    let taken = |outcome: Result<_, ExternalIdError>| matches!(outcome, Err(ExternalIdError::Taken));
    assert!(taken(store.provision(eve(subject, "eve-2@example.org", Role::User), id("eve")).await.map(drop)));
    assert!(taken(store.provision(eve(subject, "EVE@example.org", Role::User), id("eve-2")).await.map(drop)));
    assert!(taken(store.link(subject.user, id("eve"), stamp()).await));
    store.link(subject.user, id("ada"), stamp()).await?;
    store.link(subject.user, id("ada-2"), stamp()).await?;
    assert_eq!(store.external_user(&id("ada")).await?, None);
    assert!(store.external_user(&id("ada-2")).await?.is_some_and(|found| found.user.id == subject.user));
    let unknown = store.link(UserId::next(&subject.ids), id("unknown"), stamp()).await;
    assert!(matches!(unknown, Err(ExternalIdError::NotFound)), "{unknown:?}");
    Ok(())
}

async fn the_first_admin_is_the_oldest_active_one(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    assert_eq!(store.first_admin().await?, None);
    let first = store.create_user(eve(subject, "first@example.org", Role::Admin)).await?;
    let later = NewUser {
        created_at: START + Duration::from_secs(1),
        ..eve(subject, "later@example.org", Role::Admin)
    };
    let later = store.create_user(later).await?;
    let is = async |expected: UserId| {
        let found = store.first_admin().await?;
        assert_eq!(found.map(|found| found.user.id), Some(expected));
        Ok::<_, causerie_testkit::anyhow::Error>(())
    };
    is(first.id).await?;
    let disable = "UPDATE users SET status = 'disabled' WHERE email = 'first@example.org'";
    RawConnection::open(subject.database()).await?.run(disable).await?;
    is(later.id).await
}

/// Starts several instances on an empty store. Checks that one of them creates the first admin.
async fn bootstrap_concurrently(store: &SqlStore) -> Result<()> {
    let mut instances = JoinSet::new();
    for number in 0..8 {
        let store = store.clone();
        // The first users have equal or different names; only one is created either way.
        let email = if number % 2 == 0 { "admin".to_owned() } else { format!("admin-{number}") };
        instances.spawn(async move {
            let ids = TestIds::after(1000 * number);
            let admin = user(&ids, &email);
            let api_key = api_key(&ids, admin.id, &format!("key-{number:08}"));
            store.bootstrap(admin, api_key).await
        });
    }
    let mut founders = 0;
    while let Some(founded) = instances.join_next().await {
        founders += u32::from(founded??);
    }
    assert_eq!(founders, 1);
    let ids = TestIds::after(100_000);
    let late = user(&ids, "late");
    let key = api_key(&ids, late.id, "late-key-012");
    assert!(!store.bootstrap(late, key).await?);
    assert_eq!(store.api_key_record("late-key-012").await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_bootstrapped_once() -> Result<()> {
    bootstrap_concurrently(TestDatabase::sqlite().await?.store()).await?;
    match TestDatabase::postgres().await? {
        Some(database) => bootstrap_concurrently(database.store()).await,
        None => Ok(()),
    }
}

#[test]
fn ids_of_tests_do_not_collide() {
    assert!(TestIds::after(1000).next() > TestIds::after(0).next());
}
