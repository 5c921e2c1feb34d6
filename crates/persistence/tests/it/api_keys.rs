//! API keys: look-up, references and the time of the last use.

use std::num::NonZeroU32;
use std::time::Duration;

use causerie_domain::memberships::{GroupRole, Membership};
use causerie_domain::ports::{Authentication, CurrentAccess, NewApiKey, Operator, OperatorError, StoreError};
use causerie_domain::{ApiKeyId, GroupId, Timestamp, UserId};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, SqlSubject, TestIds};
use causerie_testkit::database::{RawConnection, uuid_literal};

causerie_testkit::store_tests!(
    a_key_is_found_with_its_user_and_memberships,
    a_key_needs_its_user_and_group,
    the_last_use_of_a_key_is_recorded_per_minute,
);

/// Returns an API key that is not stored yet.
pub(crate) fn api_key(ids: &TestIds, user_id: UserId, public_id: &str) -> NewApiKey {
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

async fn a_key_is_found_with_its_user_and_memberships(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let new = api_key(&subject.ids, subject.user, "abcdefghijkl");
    let created = store.create_key(new.clone()).await?;
    assert_eq!(
        (&created.scopes, created.expires_at, created.last_used_at),
        (&new.scopes, new.expires_at, None)
    );

    let [ours, invited] = [GroupId::next(&subject.ids), GroupId::next(&subject.ids)];
    let mut raw = RawConnection::open(subject.database()).await?;
    let literal = |group: GroupId| uuid_literal(store, group.as_uuid());
    let user_id = uuid_literal(store, subject.user.as_uuid());
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
    let holder = store.api_key_record("abcdefghijkl").await?.context("the key is missing")?;
    let current = store.current_access(subject.user, Some(created.id)).await?;
    let expected = CurrentAccess { access: holder.access.clone(), key: Some(created.clone()) };
    assert_eq!(current, Some(expected.clone()));
    let without_key = store.current_access(subject.user, None).await?;
    assert_eq!(without_key, Some(CurrentAccess { key: None, ..expected }));
    assert_eq!(store.current_access(subject.user, Some(ApiKeyId::next(&subject.ids))).await?, None);
    assert_eq!(store.current_access(UserId::next(&subject.ids), Some(created.id)).await?, None);
    assert_eq!((holder.key, holder.secret_hash), (created, [7; 32]));
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
        assert!(matches!(refused, Err(OperatorError::NotFound)), "{refused:?}");
    }
    let mut odd = api_key(&subject.ids, subject.user, "too short");
    odd.scopes = Vec::new();
    let refused = subject.store().create_key(odd).await;
    assert!(matches!(refused, Err(OperatorError::Store(StoreError::Corrupt { .. }))), "{refused:?}");
    Ok(())
}

async fn the_last_use_of_a_key_is_recorded_per_minute(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id = store.create_key(api_key(&subject.ids, subject.user, "abcdefghijkl")).await?.id;
    let at = |seconds| START + Duration::from_secs(seconds);
    let uses: [(Timestamp, Timestamp); 4] =
        [(at(0), at(0)), (at(59), at(0)), (at(60), at(60)), (at(30), at(60))];
    for (now, expected) in uses {
        store.touch_api_key(id, now).await?;
        let holder = store.api_key_record("abcdefghijkl").await?.context("the key is missing")?;
        assert_eq!(holder.key.last_used_at, Some(expected), "used at {now}");
    }
    Ok(())
}
