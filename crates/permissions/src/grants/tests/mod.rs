//! Tests of grants: admins, group admins, and scoped keys.

mod containment;

use causerie_domain::{GroupId, UserId};
use uuid::Uuid;

use super::*;

const WRITER: u128 = 1;
const OTHER: u128 = 2;
const GROUP: u128 = 10;
const OTHER_GROUP: u128 = 11;

/// Rule sets without rules, except that an admin may do everything.
const BARE: &str = r#"{"user":[],"group_admin":[],"admin":[{"action":"manage","subject":"all"}],"guard":[]}"#;

fn uuid(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

fn stored(rules: &[&str]) -> Vec<StoredRule> {
    let registry = Registry::builtin();
    let validate = |rule: &&str| {
        let rule = rule.replace("$WRITER", &uuid(WRITER)).replace("$GROUP", &uuid(GROUP));
        registry
            .validate(serde_json::from_str(&rule).unwrap())
            .unwrap_or_else(|error| panic!("{rule}: {error}"))
    };
    rules.iter().map(validate).collect()
}

fn facts(role: Role, group_ids: &[u128], admin_group_ids: &[u128]) -> PrincipalFacts {
    let groups = |ids: &[u128]| ids.iter().map(|id| GroupId::from_uuid(Uuid::from_u128(*id))).collect();
    PrincipalFacts {
        user_id: UserId::from_uuid(Uuid::from_u128(WRITER)),
        group_ids: groups(group_ids),
        admin_group_ids: groups(admin_group_ids),
        role,
    }
}

fn owner(id: u128, role: Role) -> PrincipalFacts {
    PrincipalFacts { user_id: UserId::from_uuid(Uuid::from_u128(id)), ..facts(role, &[], &[]) }
}

/// A principal of the tests, with Causerie's rule sets.
struct Writer {
    facts: PrincipalFacts,
    stored: &'static [&'static str],
    scopes: &'static [&'static str],
}

impl Writer {
    fn user() -> Writer {
        Writer { facts: facts(Role::User, &[GROUP], &[]), stored: &[], scopes: &[] }
    }

    fn group_admin() -> Writer {
        Writer { facts: facts(Role::User, &[GROUP], &[GROUP]), ..Writer::user() }
    }

    /// Returns a group admin who may also manage the group, by a stored rule.
    fn delegate() -> Writer {
        let stored = &[r#"{"action":"manage","subject":"Group","conditions":{"id":"$GROUP"}}"#];
        Writer { stored, ..Writer::group_admin() }
    }

    fn admin() -> Writer {
        Writer { facts: facts(Role::Admin, &[], &[]), ..Writer::user() }
    }

    fn with_scopes(self, scopes: &'static [&'static str]) -> Writer {
        Writer { scopes, ..self }
    }

    fn with_stored(self, stored: &'static [&'static str]) -> Writer {
        Writer { stored, ..self }
    }

    fn asked<T>(&self, question: impl FnOnce(&Grantor<'_>) -> T) -> T {
        let registry = Registry::builtin();
        let builtin = BuiltinRules::new(&registry).unwrap();
        let scopes = Scopes::parse(self.scopes, &registry).unwrap();
        let own = stored(self.stored);
        question(&builtin.grantor(&registry, &self.facts, &own, &scopes).unwrap())
    }

    fn grants(&self, rule: &str) -> bool {
        self.asked(|grantor| grantor.covers(&stored(&[rule])[0]))
    }

    fn replaces(&self, old: &[&str], new: &[&str]) -> Result<(), ExceedingGrant> {
        self.asked(|grantor| grantor.check_rules(&stored(old), &stored(new)))
    }

    fn adds_member(&self, group: u128, role: GroupRole, rules: &[&str]) -> bool {
        let group = GroupId::from_uuid(Uuid::from_u128(group));
        self.asked(|grantor| grantor.check_membership(group, role, &stored(rules)).is_ok())
    }

    fn creates_key(&self, owner: &PrincipalFacts, scopes: &[&str]) -> Result<(), ExceedingGrant> {
        let scopes = Scopes::parse(scopes, &Registry::builtin()).unwrap();
        self.asked(|grantor| grantor.check_key(owner, &[], &scopes))
    }
}

#[test]
fn an_admin_without_scopes_grants_everything() {
    let admin = Writer::admin();
    for rule in [
        r#"{"action":"manage","subject":"all"}"#,
        r#"{"action":["create","update","fork"],"subject":["Session","Message"]}"#,
        r#"{"action":"update","subject":"Usage"}"#,
        r#"{"action":"read","subject":"Session","conditions":{"user_id":{"$ne":"${user.id}"}}}"#,
        r#"{"action":"use","subject":"Tool","conditions":{"enabled":false}}"#,
        r#"{"action":"update","subject":"User","fields":["role"]}"#,
    ] {
        assert!(admin.grants(rule), "{rule}");
    }
    assert!(admin.adds_member(GROUP, GroupRole::Admin, &[r#"{"action":"manage","subject":"all"}"#]));
    assert_eq!(admin.creates_key(&owner(OTHER, Role::Admin), &[]), Ok(()));
    assert!(admin.asked(|grantor| grantor.is_unscoped_admin()));
}

#[test]
fn a_prohibition_stored_for_an_admin_counts_until_the_admin_removes_it() {
    let prohibition = r#"{"action":"delete","subject":"Session","inverted":true}"#;
    let admin = Writer::admin().with_stored(&[r#"{"action":"delete","subject":"Session","inverted":true}"#]);
    assert!(!admin.grants(r#"{"action":"manage","subject":"all"}"#));
    assert!(admin.grants(r#"{"action":"manage","subject":"User"}"#));
    assert_eq!(admin.replaces(&[prohibition], &[]), Ok(()));
}

#[test]
fn a_scoped_key_grants_only_within_its_scopes() {
    let key = Writer::admin().with_scopes(&["manage:Group"]);
    assert!(!key.grants(r#"{"action":"manage","subject":"all"}"#));
    assert!(!key.grants(r#"{"action":"read","subject":"User"}"#));
    assert!(key.grants(r#"{"action":["read","update"],"subject":"Group"}"#));
    assert!(!key.adds_member(GROUP, GroupRole::Member, &[]));
    assert!(!key.asked(|grantor| grantor.is_unscoped_admin()));
    let key = Writer::admin().with_scopes(&["manage:Group", "create:ApiKey", "read:Usage"]);
    let own = owner(WRITER, Role::Admin);
    let scope = |scope: &str| Err(ExceedingGrant::Scope { scope: scope.to_owned() });
    assert_eq!(key.creates_key(&own, &["read:Usage", "delete:Group"]), Ok(()));
    assert_eq!(key.creates_key(&own, &["manage:all"]), scope("manage:all"));
    assert_eq!(key.creates_key(&own, &["read:User"]), scope("read:User"));
    assert_eq!(key.creates_key(&own, &[]), Err(ExceedingGrant::NoScopes));
    assert_eq!(key.creates_key(&owner(OTHER, Role::Admin), &["read:Usage"]), Ok(()));
    assert_eq!(
        Writer::admin().with_scopes(&["manage:all"]).creates_key(&own, &[]),
        Err(ExceedingGrant::NoScopes)
    );
}

#[test]
fn a_group_admin_who_manages_a_group_grants_nothing_else() {
    let delegate = Writer::delegate();
    for rule in [
        r#"{"action":"manage","subject":"all"}"#,
        r#"{"action":"manage","subject":"Group"}"#,
        r#"{"action":"read","subject":"User"}"#,
        r#"{"action":"read","subject":"User","conditions":{"group_ids":{"$in":["$GROUP"]}}}"#,
        r#"{"action":"read","subject":"Usage","conditions":{"user_id":"${user.id}"}}"#,
        r#"{"action":"manage","subject":"Group","conditions":{"id":{"$in":"${user.group_ids}"}}}"#,
        r#"{"action":"use","subject":"Model"}"#,
        r#"{"action":"create","subject":"ApiKey"}"#,
    ] {
        assert!(!delegate.grants(rule), "{rule}");
    }
    for rule in [
        r#"{"action":["read","delete"],"subject":"Group","conditions":{"id":"$GROUP"}}"#,
        r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"}}"#,
        r#"{"action":"read","subject":"User","conditions":{"group_ids":"$GROUP"},"fields":["name"]}"#,
        r#"{"action":"audit","subject":"Session","conditions":{"group_id":"$GROUP","state":"active"}}"#,
        r#"{"action":"use","subject":"Tool","conditions":{"enabled":true,"group_id":{"$in":[null,"$GROUP"]}}}"#,
        // The guard prohibits disabled tools to every receiver, and changes of the ledger.
        r#"{"action":"use","subject":"Tool","conditions":{"group_id":"$GROUP"}}"#,
        r#"{"action":"delete","subject":"Usage"}"#,
        r#"{"action":"manage","subject":"all","inverted":true}"#,
    ] {
        assert!(delegate.grants(rule), "{rule}");
    }
    let delegate = Writer::delegate().with_scopes(&["read:all"]);
    assert!(!delegate.grants(r#"{"action":"delete","subject":"Group","conditions":{"id":"$GROUP"}}"#));
    assert!(delegate.grants(r#"{"action":"read","subject":"Group","conditions":{"id":"$GROUP"}}"#));
}

#[test]
fn unchanged_rules_are_not_granted_again() {
    let (foreign, own) = (
        r#"{"action":"use","subject":"Model","conditions":{"id":"large"}}"#,
        r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"}}"#,
    );
    let no_tools = r#"{"action":"use","subject":"Tool","inverted":true}"#;
    let no_large = r#"{"action":"use","subject":"Model","conditions":{"id":"large"},"inverted":true}"#;
    let exceeds = |index| Err(ExceedingGrant::Rule { index });
    let removes = |index| Err(ExceedingGrant::RemovedProhibition { index });
    let delegate = Writer::delegate();
    assert_eq!(delegate.replaces(&[], &[foreign]), exceeds(0));
    assert_eq!(delegate.replaces(&[foreign], &[own, foreign, no_tools]), Ok(()));
    assert_eq!(delegate.replaces(&[foreign], &[]), Ok(()));
    assert_eq!(delegate.replaces(&[foreign, no_tools], &[foreign]), removes(1));
    // The permission would become effective if it moved behind the prohibition.
    assert_eq!(delegate.replaces(&[foreign, no_large], &[no_large, foreign]), exceeds(1));
    assert_eq!(delegate.replaces(&[foreign, no_large], &[own, foreign, no_large]), Ok(()));
    assert_eq!(delegate.replaces(&[foreign, no_large], &[foreign]), removes(1));
    assert_eq!(delegate.replaces(&[no_large, foreign, no_large], &[no_large, foreign]), exceeds(1));
    // A prohibition that the principal may remove does not touch the other rules.
    let no_usage =
        r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"},"inverted":true}"#;
    assert_eq!(delegate.replaces(&[foreign, no_usage], &[foreign]), Ok(()));
    let no_models = r#"{"action":"use","subject":"Model","inverted":true}"#;
    assert_eq!(delegate.replaces(&[foreign, no_large], &[foreign, no_models]), Ok(()));
    assert_eq!(delegate.replaces(&[no_models, foreign, no_large], &[no_models, foreign]), removes(2));
    assert_eq!(delegate.replaces(&[no_large, foreign], &[no_models, foreign]), Ok(()));
    assert_eq!(delegate.replaces(&[no_large, foreign], &[foreign, no_large]), Ok(()));
}

#[test]
fn a_removed_prohibition_is_a_grant() {
    let narrow = r#"{"action":"use","subject":"Model","conditions":{"id":"large"},"inverted":true}"#;
    let wide =
        r#"{"action":"use","subject":"Model","conditions":{"id":{"$in":["large","huge"]}},"inverted":true}"#;
    let removes = Err(ExceedingGrant::RemovedProhibition { index: 0 });
    let user = Writer::user();
    assert_eq!(user.replaces(&[narrow], &[]), removes);
    assert_eq!(user.replaces(&[narrow], &[wide]), Ok(()));
    assert_eq!(user.replaces(&[wide], &[narrow]), removes);
    let bound = r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"},"inverted":true}"#;
    assert_eq!(Writer::group_admin().replaces(&[bound], &[]), Ok(()));
    let group_admin = Writer::group_admin().with_stored(&[
        r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"},"inverted":true}"#,
    ]);
    assert_eq!(group_admin.replaces(&[bound], &[]), removes);
    assert_eq!(Writer::admin().replaces(&[wide, bound], &[]), Ok(()));
    // The reason is no part of what a rule allows.
    let explained = narrow.replace("true}", r#"true,"reason":"expensive"}"#);
    assert_eq!(user.replaces(&[narrow], &[&explained]), Ok(()));
}

#[test]
fn later_rules_of_the_list_narrow_a_permission() {
    let broad = r#"{"action":"read","subject":"Usage"}"#;
    let others =
        r#"{"action":"read","subject":"Usage","conditions":{"group_id":{"$ne":"$GROUP"}},"inverted":true}"#;
    let exceeds = Err(ExceedingGrant::Rule { index: 0 });
    assert_eq!(Writer::group_admin().replaces(&[], &[broad, others]), Ok(()));
    assert_eq!(Writer::group_admin().replaces(&[], &[broad]), exceeds);
    assert_eq!(Writer::group_admin().replaces(&[], &[others, broad]), Err(ExceedingGrant::Rule { index: 1 }));
    // The same prohibition binds grantor and receivers, although its conditions name two fields.
    let bound =
        r#"{"action":"read","subject":"Usage","conditions":{"model":"m","session_id":null},"inverted":true}"#;
    let writer = Writer::group_admin().with_stored(&[
        r#"{"action":"read","subject":"Usage","conditions":{"model":"m","session_id":null},"inverted":true}"#,
    ]);
    let usage = r#"{"action":"read","subject":"Usage","conditions":{"group_id":"$GROUP"}}"#;
    assert_eq!(writer.replaces(&[bound], &[usage, bound]), Ok(()));
    assert_eq!(writer.replaces(&[], &[usage]), exceeds);
}

#[test]
fn a_membership_is_given_by_members_with_the_rights_of_the_role() {
    let group_admin = Writer::group_admin();
    assert!(group_admin.adds_member(GROUP, GroupRole::Member, &[]));
    assert!(group_admin.adds_member(GROUP, GroupRole::Admin, &[]));
    assert!(!group_admin.adds_member(OTHER_GROUP, GroupRole::Member, &[]));
    assert!(Writer::user().adds_member(GROUP, GroupRole::Member, &[]));
    assert!(!Writer::user().adds_member(GROUP, GroupRole::Admin, &[]));
    assert!(!Writer::group_admin().with_scopes(&["update:Group"]).adds_member(GROUP, GroupRole::Member, &[]));
    // The grantor has the rules of the group, too: the list contains the same rules for both.
    let rules = &[
        r#"{"action":"use","subject":"Model","conditions":{"restricted":true}}"#,
        r#"{"action":"delete","subject":"Usage","conditions":{"user_id":"${user.id}"}}"#,
        r#"{"action":"audit","subject":"Session","conditions":{"user_id":"${user.id}"}}"#,
    ];
    assert!(!group_admin.adds_member(GROUP, GroupRole::Member, rules));
    assert!(Writer::group_admin().with_stored(rules).adds_member(GROUP, GroupRole::Member, rules));
    let narrowed = Writer::group_admin().with_stored(&[
        r#"{"action":"use","subject":"Model","conditions":{"restricted":true}}"#,
        r#"{"action":"use","subject":"Model","conditions":{"id":"large"},"inverted":true}"#,
    ]);
    assert!(!narrowed.adds_member(GROUP, GroupRole::Member, &rules[..1]));
}

#[test]
fn a_prohibition_of_one_action_narrows_a_permission_for_several() {
    let rules = &[r#"{"action":"use","subject":"Tool","conditions":{"slug":"other"},"inverted":true}"#];
    let group_admin = Writer::group_admin().with_stored(rules);
    for role in [GroupRole::Member, GroupRole::Admin] {
        assert!(group_admin.adds_member(GROUP, role, rules));
        assert!(!group_admin.adds_member(GROUP, role, &[]), "the group lacks the prohibition");
    }
}

#[test]
fn a_key_of_another_user_is_within_the_rights_of_its_creator() {
    let helper = Writer::user().with_stored(&[r#"{"action":"create","subject":"ApiKey"}"#]);
    assert_eq!(helper.creates_key(&owner(OTHER, Role::Admin), &[]), Err(ExceedingGrant::KeyOwner));
    assert_eq!(helper.creates_key(&owner(OTHER, Role::User), &[]), Err(ExceedingGrant::KeyOwner));
    assert_eq!(helper.creates_key(&owner(WRITER, Role::User), &[]), Ok(()));
    assert_eq!(
        helper.creates_key(&owner(WRITER, Role::User), &["read:User", "create:Tool"]),
        Err(ExceedingGrant::Scope { scope: "create:Tool".to_owned() })
    );
    assert_eq!(helper.creates_key(&owner(OTHER, Role::User), &["use:Tool"]), Ok(()), "tools of all users");
    assert_eq!(helper.creates_key(&owner(OTHER, Role::User), &["read:Usage"]), Err(ExceedingGrant::KeyOwner));
}

#[test]
fn the_work_of_a_decision_is_bounded() {
    let ids = |from: u128, count: u128| (from..from + count).map(uuid).collect::<Vec<_>>();
    let rule = |ids: &[String], inverted: bool| {
        let rule = serde_json::json!({"action":"manage","subject":"all","conditions":{"id":{"$in":ids}},"inverted":inverted});
        rule.to_string()
    };
    let texts = |rules: Vec<String>| {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        stored(&rules)
    };
    let mut own = vec![r#"{"action":"manage","subject":"all"}"#.to_owned()];
    own.extend((0..199).map(|index| rule(&ids(1_000_000 + index * 30, 30), true)));
    let own = texts(own);
    let granted = texts((0..200).map(|index| rule(&ids(1 + index * 30, 30), false)).collect());
    let registry = Registry::builtin();
    let builtin = BuiltinRules::from_json(BARE, &registry).unwrap();
    let scopes = Scopes::default();
    let grantor = builtin.grantor(&registry, &facts(Role::User, &[], &[]), &own, &scopes).unwrap();
    assert_eq!(grantor.check_rules(&[], &granted[..2]), Ok(()));
    assert!(grantor.check_rules(&[], &granted).is_err(), "beyond the maximum of steps the answer is no");
    let admin = builtin.grantor(&registry, &facts(Role::Admin, &[], &[]), &[], &scopes).unwrap();
    assert_eq!(admin.check_rules(&[], &granted), Ok(()), "nothing is compared with the rules of an admin");
}
