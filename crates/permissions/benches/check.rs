//! Cost of a check with the built-in rules, for a member of three groups.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use causerie_domain::users::Role;
use causerie_domain::{GroupId, UserId};
use causerie_permissions::{Action, BuiltinRules, PrincipalFacts, Registry, Scopes, Subject, SubjectType};
use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;

fn facts(role: Role) -> PrincipalFacts {
    PrincipalFacts {
        user_id: UserId::from_uuid(Uuid::from_u128(1)),
        group_ids: (10..13).map(|id| GroupId::from_uuid(Uuid::from_u128(id))).collect(),
        admin_group_ids: vec![GroupId::from_uuid(Uuid::from_u128(10))],
        role,
    }
}

fn check(criterion: &mut Criterion) {
    let registry = Registry::builtin();
    let builtin = BuiltinRules::new(&registry).expect("the built-in rules are valid");
    let ability = |role| {
        builtin.ability(&facts(role), &[], &Scopes::default()).expect("the rules of a principal are valid")
    };
    let (user, admin) = (ability(Role::User), ability(Role::Admin));
    let id = |id: u128| Uuid::from_u128(id).to_string();

    let session = Subject::new(SubjectType::Session)
        .with("id", id(100))
        .with("user_id", id(1))
        .with("group_id", id(10))
        .with("tool_id", id(101))
        .with("state", "active")
        .with("created_at", "2026-06-08T18:46:03.250000Z");
    let message = Subject::new(SubjectType::Message)
        .with("id", id(102))
        .with("session_id", id(100))
        .with("role", "user")
        .with("seq", 7)
        .with("user_id", id(1))
        .with("group_id", id(10))
        .with("session_state", "active");
    let foreign_tool = Subject::new(SubjectType::Tool)
        .with("id", id(101))
        .with("slug", "translate")
        .with("enabled", true)
        .with("group_id", id(99))
        .with("owner_id", None::<String>);

    criterion.bench_function("create a message", |b| {
        b.iter(|| user.can(black_box(Action::Create), black_box(&message)))
    });
    criterion.bench_function("create a session", |b| {
        b.iter(|| user.can(black_box(Action::Create), black_box(&session)))
    });
    criterion.bench_function("use a tool of another group", |b| {
        b.iter(|| user.can(black_box(Action::Use), black_box(&foreign_tool)));
    });
    criterion.bench_function("an admin reads a session", |b| {
        b.iter(|| admin.can(black_box(Action::Read), black_box(&session)));
    });
    criterion.bench_function("read sessions as a type", |b| {
        b.iter(|| user.can(black_box(Action::Read), black_box(SubjectType::Session)));
    });
    criterion.bench_function("filter for readable sessions", |b| {
        b.iter(|| user.filter(black_box(Action::Read), SubjectType::Session, &registry));
    });
    criterion.bench_function("build an ability", |b| b.iter(|| ability(black_box(Role::User))));
}

criterion_group!(benches, check);
criterion_main!(benches);
