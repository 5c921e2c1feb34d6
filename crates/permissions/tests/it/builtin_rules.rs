//! Decisions and reasons of the built-in rule sets.

use causerie_domain::users::Role;
use causerie_domain::{Filter, GroupId, UserId};
use causerie_permissions::{
    Ability, Action, BuiltinRules, ContentAccess, PrincipalFacts, RawRule, Registry, RuleLayer, Scopes,
    StoredRule, Subject, SubjectType,
};
use uuid::Uuid;

const OWN: u128 = 1;
const FOREIGN: u128 = 2;
const GROUP: u128 = 10;
const FOREIGN_GROUP: u128 = 11;

#[derive(Clone, Copy, PartialEq)]
enum Caller {
    User,
    GroupAdmin,
    Admin,
}

fn ability(caller: Caller) -> Ability {
    ability_with(caller, ContentAccess::OwnerOnly, &[])
}

fn ability_with(caller: Caller, content_access: ContentAccess, stored: &[&str]) -> Ability {
    let builtin = builtin(content_access);
    builtin.ability(&facts(caller), &stored_rules(stored), &Scopes::default()).unwrap()
}

fn builtin(content_access: ContentAccess) -> BuiltinRules {
    BuiltinRules::new(&Registry::builtin()).unwrap().with_content_access(content_access)
}

fn stored_rules(rules: &[&str]) -> Vec<StoredRule> {
    let registry = Registry::builtin();
    rules.iter().map(|rule| registry.validate(serde_json::from_str(rule).unwrap()).unwrap()).collect()
}

fn facts(caller: Caller) -> PrincipalFacts {
    let group = GroupId::from_uuid(Uuid::from_u128(GROUP));
    PrincipalFacts {
        user_id: UserId::from_uuid(Uuid::from_u128(OWN)),
        group_ids: vec![group],
        admin_group_ids: if caller == Caller::GroupAdmin { vec![group] } else { vec![] },
        role: if caller == Caller::Admin { Role::Admin } else { Role::User },
    }
}

fn id(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

fn session(owner: u128, group: Option<u128>) -> Subject {
    Subject::new(SubjectType::Session)
        .with("id", id(100))
        .with("user_id", id(owner))
        .with("group_id", group.map(id))
        .with("tool_id", id(101))
        .with("state", "active")
}

fn message(owner: u128, state: &str) -> Subject {
    Subject::new(SubjectType::Message)
        .with("user_id", id(owner))
        .with("group_id", None::<String>)
        .with("session_state", state)
}

fn tool(enabled: bool, group: Option<u128>) -> Subject {
    Subject::new(SubjectType::Tool)
        .with("enabled", enabled)
        .with("group_id", group.map(id))
        .with("slug", "translate")
}

fn model(restricted: bool, group: Option<u128>) -> Subject {
    Subject::new(SubjectType::Model)
        .with("enabled", true)
        .with("restricted", restricted)
        .with("group_id", group.map(id))
}

fn key(owner: u128, group: Option<u128>) -> Subject {
    Subject::new(SubjectType::ApiKey).with("user_id", id(owner)).with("group_id", group.map(id))
}

fn usage(owner: u128, group: Option<u128>) -> Subject {
    Subject::new(SubjectType::Usage).with("user_id", id(owner)).with("group_id", group.map(id))
}

fn check(ability: &Ability, action: Action, subject: &Subject, expected: Result<(), Option<&str>>) {
    let decision = ability.decide(action, subject, None).unwrap();
    let answer = if decision.is_allowed() { Ok(()) } else { Err(decision.reason()) };
    assert_eq!(answer, expected, "{action} {subject:?}");
}

#[test]
fn conversations_belong_to_their_owner() {
    for caller in [Caller::User, Caller::GroupAdmin, Caller::Admin] {
        let ability = ability(caller);
        for action in [Action::Create, Action::Read, Action::Update, Action::Delete, Action::Fork] {
            check(&ability, action, &session(OWN, None), Ok(()));
        }
        check(&ability, Action::Read, &session(FOREIGN, None), Err(Some("conversation_is_private")));
        check(&ability, Action::Read, &message(FOREIGN, "active"), Err(Some("conversation_is_private")));
        for action in [Action::Create, Action::Update, Action::Fork] {
            check(&ability, action, &session(FOREIGN, None), Err(Some("not_session_owner")));
        }
    }
    check(&ability(Caller::User), Action::Delete, &session(FOREIGN, None), Err(None));
    check(&ability(Caller::Admin), Action::Delete, &session(FOREIGN, None), Ok(()));
}

#[test]
fn posting_requires_an_active_session_of_the_caller() {
    for caller in [Caller::User, Caller::Admin] {
        let ability = ability(caller);
        check(&ability, Action::Create, &message(OWN, "active"), Ok(()));
        check(&ability, Action::Create, &message(OWN, "paused"), Err(Some("session_not_active")));
        check(&ability, Action::Create, &message(FOREIGN, "active"), Err(Some("not_session_owner")));
    }
}

#[test]
fn group_admins_audit_but_do_not_read() {
    let admin = ability(Caller::GroupAdmin);
    check(&admin, Action::Audit, &session(FOREIGN, Some(GROUP)), Ok(()));
    check(&admin, Action::Audit, &session(FOREIGN, Some(FOREIGN_GROUP)), Err(None));
    check(&admin, Action::Read, &session(FOREIGN, Some(GROUP)), Err(Some("conversation_is_private")));
    check(&admin, Action::Read, &usage(FOREIGN, Some(GROUP)), Ok(()));
    check(&admin, Action::Delete, &key(FOREIGN, Some(GROUP)), Ok(()));
    check(&ability(Caller::User), Action::Audit, &session(FOREIGN, Some(GROUP)), Err(None));
}

#[test]
fn tools_and_models_are_used_while_they_are_enabled() {
    for caller in [Caller::User, Caller::Admin] {
        let ability = ability(caller);
        check(&ability, Action::Use, &tool(true, None), Ok(()));
        check(&ability, Action::Use, &tool(true, Some(GROUP)), Ok(()));
        check(&ability, Action::Use, &tool(false, None), Err(Some("disabled")));
    }
    let user = ability(Caller::User);
    check(&user, Action::Use, &tool(true, Some(FOREIGN_GROUP)), Err(None));
    check(&user, Action::Use, &model(false, None), Ok(()));
    check(&user, Action::Use, &model(true, None), Err(None));
    check(&user, Action::Use, &model(true, Some(GROUP)), Ok(()));
}

#[test]
fn keys_and_sessions_are_created_only_for_own_groups() {
    for caller in [Caller::User, Caller::Admin] {
        let ability = ability(caller);
        for subject in [key(OWN, Some(GROUP)), session(OWN, Some(GROUP)), key(OWN, None)] {
            check(&ability, Action::Create, &subject, Ok(()));
        }
        for subject in [key(OWN, Some(FOREIGN_GROUP)), session(OWN, Some(FOREIGN_GROUP))] {
            check(&ability, Action::Create, &subject, Err(Some("not_a_group_member")));
        }
    }
}

#[test]
fn the_ledger_and_keys_are_immutable_also_to_admins() {
    let admin = ability(Caller::Admin);
    check(&admin, Action::Update, &usage(OWN, None), Err(Some("usage_is_append_only")));
    check(&admin, Action::Delete, &usage(OWN, None), Err(Some("usage_is_append_only")));
    check(&admin, Action::Update, &key(OWN, None), Err(Some("keys_are_replaced_not_changed")));
    assert!(!admin.can(Action::Update, SubjectType::ApiKey), "no key may be updated");
}

#[test]
fn users_change_only_their_name_and_locale() {
    let user = ability(Caller::User);
    let own = Subject::new(SubjectType::User).with("id", id(OWN)).with("group_ids", Vec::<String>::new());
    for (field, allowed) in [("name", true), ("locale", true), ("role", false), ("email", false)] {
        assert_eq!(user.decide(Action::Update, &own, Some(field)).unwrap().is_allowed(), allowed, "{field}");
    }
    assert_eq!(user.permitted_fields(Action::Update, &own, &["id", "role"]).unwrap(), ["name", "locale"]);
}

#[test]
fn stored_rules_override_the_other_sets_but_never_the_guard() {
    let stored = [
        r#"{"action": "manage", "subject": "all"}"#,
        r#"{"action": "use", "subject": "Tool", "conditions": {"slug": "translate"}, "inverted": true, "reason": "not_for_you"}"#,
    ];
    let user = ability_with(Caller::User, ContentAccess::OwnerOnly, &stored);
    check(&user, Action::Delete, &tool(true, None), Ok(()));
    check(&user, Action::Use, &tool(true, None), Err(Some("not_for_you")));
    check(&user, Action::Read, &session(FOREIGN, None), Err(Some("conversation_is_private")));
    check(&user, Action::Update, &usage(OWN, None), Err(Some("usage_is_append_only")));
}

#[test]
fn only_the_setting_grants_conversations_and_only_to_admins() {
    let grant = [r#"{"action": "read", "subject": "Session"}"#];
    check(
        &ability_with(Caller::Admin, ContentAccess::Admins, &[]),
        Action::Read,
        &session(FOREIGN, None),
        Ok(()),
    );
    let user = ability_with(Caller::User, ContentAccess::Admins, &grant);
    check(&user, Action::Read, &session(FOREIGN, None), Err(Some("conversation_is_private")));
    let admin = ability_with(Caller::Admin, ContentAccess::Admins, &[]);
    check(&admin, Action::Create, &message(FOREIGN, "active"), Err(Some("not_session_owner")));
}

#[test]
fn forbidden_types_are_decided_without_an_object() {
    let user = ability(Caller::User);
    assert!(!user.can(Action::Create, SubjectType::Tool));
    assert!(user.can(Action::Update, SubjectType::Session), "some sessions may be updated");
    assert!(!user.can(Action::Audit, SubjectType::Session));
    assert!(ability(Caller::GroupAdmin).can(Action::Audit, SubjectType::Session));
}

#[test]
fn filters_are_in_their_simplest_form() {
    let registry = Registry::builtin();
    let filter = |caller, action, subject| ability(caller).filter(action, subject, &registry).unwrap();
    assert_eq!(filter(Caller::User, Action::Delete, SubjectType::Tool), Filter::Nothing);
    assert_eq!(filter(Caller::Admin, Action::Delete, SubjectType::Session), Filter::Everything);
    let own = Filter::equals("user_id", causerie_domain::filter::Scalar::Uuid(Uuid::from_u128(OWN)));
    assert_eq!(filter(Caller::Admin, Action::Read, SubjectType::Session), own);
}

#[test]
fn the_rules_for_a_browser_contain_no_placeholders() {
    let rules: Vec<RawRule> = ability(Caller::GroupAdmin).rules().cloned().collect();
    let text = serde_json::to_string(&rules).unwrap();
    assert!(!text.contains("${"), "{text}");
    assert!(text.contains(&id(OWN)) && text.contains(&id(GROUP)), "{text}");
}

#[test]
fn rules_with_layers_are_the_rules_of_the_principal() {
    let of_group = stored_rules(&[r#"{"action": "use", "subject": "Tool", "conditions": {"slug": "a"}}"#]);
    let of_user = stored_rules(&[r#"{"action": "use", "subject": "Tool", "conditions": {"slug": "b"}}"#]);
    let stored = [of_group.as_slice(), of_user.as_slice()].concat();
    for caller in [Caller::User, Caller::GroupAdmin, Caller::Admin] {
        for content_access in [ContentAccess::OwnerOnly, ContentAccess::Admins] {
            let (builtin, facts) = (builtin(content_access), facts(caller));
            let layered = builtin.layered_rules(&facts, &of_group, &of_user);
            let (layers, rules): (Vec<_>, Vec<_>) = layered.into_iter().unzip();
            assert_eq!(rules, builtin.rules(&facts, &stored, &Scopes::default()));
            assert!(layers.is_sorted());
            assert_eq!(layers.contains(&RuleLayer::GroupAdmin), caller == Caller::GroupAdmin);
            assert_eq!(layers.contains(&RuleLayer::Admin), caller == Caller::Admin);
            let stored = [RuleLayer::GroupRules, RuleLayer::UserRules];
            assert!(stored.map(|layer| layers.iter().filter(|each| **each == layer).count()) == [1, 1]);
        }
    }
}
