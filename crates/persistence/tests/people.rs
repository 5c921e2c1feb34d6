//! Users, API keys and the first startup.

mod raw;
mod subject;

use std::num::NonZeroU32;
use std::time::Duration;

use causerie_domain::memberships::{GroupRole, Membership};
use causerie_domain::ports::{
    Administration, AdministrationError, Authentication, Ids, NewApiKey, NewUser, StoreError,
};
use causerie_domain::users::{Role, UserStatus};
use causerie_domain::{ApiKeyId, GroupId, Timestamp, UserId};
use causerie_persistence::SqlStore;
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, TestIds};
use causerie_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use raw::Raw;
use subject::{SqlSubject, on_both};

on_both!(
    an_address_belongs_to_one_user,
    a_key_is_found_with_all_that_is_known_of_its_user,
    a_key_needs_its_user_and_group,
    the_last_use_of_a_key_is_known_to_the_minute,
);

fn user(ids: &TestIds, email: &str) -> NewUser {
    let (email, name) = (email.to_owned(), "Ada".to_owned());
    NewUser { id: UserId::next(ids), email, name, role: Role::Admin, created_at: START }
}

fn api_key(ids: &TestIds, user_id: UserId, public_id: &str) -> NewApiKey {
    NewApiKey {
        id: ApiKeyId::next(ids),
        public_id: public_id.to_owned(),
        secret_hash: [7; 32],
        user_id,
        group_id: None,
        name: "laptop".to_owned(),
        scopes: vec!["create:Message".to_owned()],
        created_at: START,
        expires_at: Some(START + Duration::from_hours(1)),
    }
}

async fn an_address_belongs_to_one_user(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let made = store.create_user(user(&subject.ids, "Ada@Example.org")).await?;
    assert_eq!(
        (made.email.as_str(), made.role, made.status),
        ("Ada@Example.org", Role::Admin, UserStatus::Active)
    );
    let again = store.create_user(user(&subject.ids, "ada@example.ORG")).await;
    assert!(matches!(again, Err(AdministrationError::EmailTaken)), "{again:?}");
    assert_eq!(store.user_by_email("ADA@example.org").await?, Some(made));
    assert_eq!(store.user_by_email("unknown@example.org").await?, None);
    Ok(())
}

async fn a_key_is_found_with_all_that_is_known_of_its_user(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let new = api_key(&subject.ids, subject.user, "abcdefghijkl");
    let made = store.create_key(new.clone()).await?;
    assert_eq!((&made.scopes, made.expires_at, made.last_used_at), (&new.scopes, new.expires_at, None));

    let [ours, invited] = [GroupId::next(&subject.ids), GroupId::next(&subject.ids)];
    let mut raw = Raw::to(subject.database()).await?;
    let literal = |group: GroupId| raw::uuid(store, group.as_uuid());
    let user_id = raw::uuid(store, subject.user.as_uuid());
    for (group, role, status) in [(ours, "admin", "active"), (invited, "member", "pending")] {
        let group = literal(group);
        raw.run(&format!(
            "INSERT INTO groups (id, name, created_at, requests_per_minute) VALUES ({group}, 'g', 1, 90)"
        ))
        .await?;
        raw.run(&format!(
            "INSERT INTO memberships (user_id, group_id, role, status, created_at) \
             VALUES ({user_id}, {group}, '{role}', '{status}', 1)"
        ))
        .await?;
    }
    let holder = store.api_key_record("abcdefghijkl").await?.context("the key is known")?;
    assert_eq!((holder.key, holder.secret_hash), (made, [7; 32]));
    assert_eq!(holder.access.user.id, subject.user);
    let requests_per_minute = NonZeroU32::new(90);
    let membership = Membership { group_id: ours, role: GroupRole::Admin, requests_per_minute };
    assert_eq!(holder.access.memberships, [membership]);
    assert_eq!(store.api_key_record("ABCDEFGHIJKL").await?, None);
    Ok(())
}

async fn a_key_needs_its_user_and_group(subject: &SqlSubject) -> Result<()> {
    let no_user = api_key(&subject.ids, UserId::next(&subject.ids), "abcdefghijkl");
    let no_group =
        NewApiKey { user_id: subject.user, group_id: Some(GroupId::next(&subject.ids)), ..no_user.clone() };
    for new in [no_user, no_group] {
        let refused = subject.store().create_key(new).await;
        assert!(matches!(refused, Err(AdministrationError::NotFound)), "{refused:?}");
    }
    let mut odd = api_key(&subject.ids, subject.user, "too short");
    odd.scopes = Vec::new();
    let refused = subject.store().create_key(odd).await;
    assert!(matches!(refused, Err(AdministrationError::Store(StoreError::Corrupt { .. }))), "{refused:?}");
    Ok(())
}

async fn the_last_use_of_a_key_is_known_to_the_minute(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id = store.create_key(api_key(&subject.ids, subject.user, "abcdefghijkl")).await?.id;
    let at = |seconds| START + Duration::from_secs(seconds);
    let uses: [(Timestamp, Timestamp); 4] =
        [(at(0), at(0)), (at(59), at(0)), (at(60), at(60)), (at(30), at(60))];
    for (now, expected) in uses {
        store.touch_api_key(id, now).await?;
        let holder = store.api_key_record("abcdefghijkl").await?.context("the key is known")?;
        assert_eq!(holder.key.last_used_at, Some(expected), "used at {now}");
    }
    Ok(())
}

/// Many instances start on an empty store.
async fn found_at_once(store: &SqlStore) -> Result<()> {
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
    found_at_once(TestDatabase::sqlite().await?.store()).await?;
    match TestDatabase::postgres().await? {
        Some(database) => found_at_once(database.store()).await,
        None => Ok(()),
    }
}

#[test]
fn ids_of_tests_do_not_collide() {
    assert!(TestIds::after(1000).next() > TestIds::after(0).next());
}
