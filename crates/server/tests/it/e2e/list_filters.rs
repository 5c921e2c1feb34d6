//! Property test: a list filtered by rules contains exactly the resources that single checks allow, on both databases.

use std::collections::BTreeSet;
use std::time::Duration;

use causerie_domain::calendar::Span;
use causerie_domain::groups::Group;
use causerie_domain::page::PageRequest;
use causerie_domain::ports::{
    ApiKeys as _, Clock as _, Groups as _, MemberRef, Memberships as _, MessageQuery, Messages as _,
    ModelChange, ModelSettings as _, Models as _, SessionQuery, Sessions as _, Tools as _, UsageFilter,
    UsageRecordQuery, UsageReports as _, UserChange, Users as _,
};
use causerie_domain::usage::reports::UsageRecord;
use causerie_domain::{Filter, GroupId, Timestamp, UserId};
use causerie_permissions::{Ability, Action, FieldType, RawRule, Registry, ScalarType, Subject, SubjectType};
use causerie_runtime::subjects::{self, MessageFields};
use causerie_runtime::{SystemClock, SystemIds};
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::e2e::access_matrix::{audit_stamp, create_user};

causerie_testkit::on_both_databases! {
    a_list_contains_what_single_checks_allow,
}

/// Number of rule lists per resource type.
const TRIES: u64 = 60;
/// Operators that stored rules may use; a column cannot evaluate the others.
const OPERATORS: [&str; 10] = ["$eq", "$ne", "$in", "$nin", "$lt", "$lte", "$gt", "$gte", "$all", "$size"];

async fn a_list_contains_what_single_checks_allow(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").tool("text", "sim/text").start().await?;
    populate(&app).await?;
    let registry = Registry::builtin();
    let mut random = StdRng::seed_from_u64(7);
    let mut drawn = String::new();
    for subject_type in SubjectType::ALL.iter().copied() {
        let everything = listed(&app, subject_type, &Filter::Everything).await?;
        ensure!(everything.len() > 1, "no subjects of type {subject_type}");
        let (mut shown, mut hidden) = (0, 0);
        for _ in 0..TRIES {
            let rules = rules(&mut random, &registry, subject_type, &everything);
            let text = serde_json::to_string(&rules)?;
            drawn += &text;
            let ability = Ability::new(rules)?;
            let filter = ability.filter(Action::Read, subject_type, &registry)?;
            let found: BTreeSet<String> = ids(&listed(&app, subject_type, &filter).await?);
            for subject in &everything {
                let id = id_of(subject);
                let allowed = ability.decide(Action::Read, subject, None)?.is_allowed();
                ensure!(
                    allowed == found.contains(&id),
                    "{subject_type} {subject:?} by {text}: single {allowed}"
                );
                if allowed { shown += 1 } else { hidden += 1 }
            }
        }
        ensure!(
            shown > 0 && hidden > 0,
            "{subject_type}: the rules allow all or nothing ({shown}, {hidden})"
        );
    }
    for operator in OPERATORS {
        ensure!(drawn.contains(&format!("\"{operator}\":")), "{operator} was never generated");
    }
    ensure!(drawn.contains("null"), "null was never generated");
    app.stop().await
}

fn id_of(subject: &Subject) -> String {
    match member(subject, "id") {
        Value::String(id) => id,
        other => other.to_string(),
    }
}

fn ids(subjects: &[Subject]) -> BTreeSet<String> {
    subjects.iter().map(id_of).collect()
}

fn member(subject: &Subject, name: &str) -> Value {
    serde_json::to_value(subject.object()).unwrap_or_default()[name].clone()
}

/// Returns the rows that the store lists for a filter, as subjects of rules.
async fn listed(app: &TestApp, subject_type: SubjectType, filter: &Filter) -> Result<Vec<Subject>> {
    let store = app.database().store();
    Ok(match subject_type {
        SubjectType::User => store.users(filter, all()).await?.rows.iter().map(subjects::user).collect(),
        SubjectType::Group => store.groups(filter, all()).await?.rows.iter().map(subjects::group).collect(),
        SubjectType::ApiKey => {
            store.api_keys(filter, all()).await?.rows.iter().map(subjects::api_key).collect()
        }
        SubjectType::Tool => store.tools(filter).await?.iter().map(subjects::tool).collect(),
        SubjectType::Model => store.models(filter).await?.iter().map(subjects::model).collect(),
        SubjectType::Session => sessions(app, filter).await?.iter().map(subjects::session).collect(),
        SubjectType::Usage => usage(app, filter).await?,
        SubjectType::Message => {
            let mut found = Vec::new();
            for session in sessions(app, &Filter::Everything).await? {
                let list = MessageQuery {
                    session_id: session.id,
                    visible: filter.clone(),
                    without_marked: false,
                    after_seq: None,
                    before_seq: None,
                    limit: 100,
                };
                for view in store.messages(list).await? {
                    let message = view.message;
                    let place = MessageFields { id: message.id, role: message.role, seq: message.seq };
                    found.push(subjects::message(place, &session));
                }
            }
            found
        }
    })
}

async fn sessions(app: &TestApp, visible: &Filter) -> Result<Vec<causerie_domain::sessions::Session>> {
    let visible = visible.clone();
    let list = SessionQuery {
        visible,
        user_id: None,
        state: None,
        tool_id: None,
        parent_session_id: None,
        page: PageRequest { limit: 100, after: None },
    };
    Ok(app.database().store().sessions(list).await?.rows)
}

async fn usage(app: &TestApp, visible: &Filter) -> Result<Vec<Subject>> {
    let rows = UsageFilter {
        visible: visible.clone(),
        span: Span { from: Timestamp::from_micros(0), to: SystemClock.now() },
        model: None,
        tool_id: None,
        user_id: None,
        group_id: None,
        session_id: None,
    };
    let found = app.database().store().usage_records(UsageRecordQuery { rows, page: all() }).await?;
    let subject = |row: &UsageRecord| {
        Subject::new(SubjectType::Usage)
            .with("id", row.id.to_string())
            .with("user_id", row.user_id.map(|id| id.to_string()))
            .with("group_id", row.group_id.map(|id| id.to_string()))
            .with("tool_id", row.tool_id.map(|id| id.to_string()))
            .with("session_id", row.session_id.map(|id| id.to_string()))
            .with("model", row.model.as_str())
            .with("created_at", row.created_at.to_string())
    };
    Ok(found.rows.iter().map(subject).collect())
}

fn all<K>() -> PageRequest<K> {
    PageRequest { limit: 100, after: None }
}

/// Returns one to five valid rules for the action `read`.
fn rules(random: &mut StdRng, registry: &Registry, of: SubjectType, known: &[Subject]) -> Vec<RawRule> {
    let mut rules = Vec::new();
    while rules.len() < 1 + random.random_range(0..5) {
        let mut rule = json!({ "action": "read", "subject": of.as_str() });
        if random.random_bool(0.3) {
            rule["inverted"] = json!(true);
        }
        if random.random_bool(0.9) {
            rule["conditions"] = conditions(random, registry, of, known);
        }
        let Ok(raw) = serde_json::from_value::<RawRule>(rule) else { continue };
        if registry.validate(raw.clone()).is_ok() {
            rules.push(raw);
        }
    }
    rules
}

fn conditions(random: &mut StdRng, registry: &Registry, of: SubjectType, known: &[Subject]) -> Value {
    let fields = registry.subject(of.as_str()).map(|schema| schema.fields.clone()).unwrap_or_default();
    let mut conditions = json!({});
    for _ in 0..random.random_range(1..=2) {
        let field = &fields[random.random_range(0..fields.len())];
        let mut value = || member(&known[random.random_range(0..known.len())], &field.name);
        let (one, two) = (value(), value());
        let is_list = matches!(field.field_type, FieldType::List(_));
        let element = |value: &Value| match value {
            Value::Array(items) => {
                items.first().cloned().unwrap_or(json!(UserId::next(&SystemIds).to_string()))
            }
            value => value.clone(),
        };
        let (one, two) = (element(&one), element(&two));
        let ordered = matches!(
            field.field_type,
            FieldType::Required(ScalarType::Integer | ScalarType::Time)
                | FieldType::Nullable(ScalarType::Integer | ScalarType::Time)
        );
        let fits = |operator: &str| match operator {
            "$eq" | "$ne" => !is_list,
            "$lt" | "$lte" | "$gt" | "$gte" => ordered,
            "$all" | "$size" => is_list,
            _ => true,
        };
        let fitting: Vec<_> = OPERATORS.into_iter().filter(|operator| fits(operator)).collect();
        let operator = fitting[random.random_range(0..fitting.len())];
        conditions[&field.name] = match operator {
            "$eq" if random.random_bool(0.5) => one,
            "$in" | "$nin" | "$all" => json!({ operator: [one, two] }),
            "$size" => json!({ operator: random.random_range(0..3) }),
            _ => json!({ operator: one }),
        };
    }
    conditions
}

/// Creates resources with and without each optional field.
async fn populate(app: &TestApp) -> Result<()> {
    let store = app.database().store();
    let mut random = StdRng::seed_from_u64(11);
    let mut groups = Vec::new();
    for number in 0..3 {
        let id = GroupId::next(&SystemIds);
        let name = format!("group {}", number % 2);
        let group = Group { id, name, requests_per_minute: None, created_at: SystemClock.now() };
        store.add_group(group, audit_stamp()).await?;
        groups.push(id);
    }
    for number in 0..5 {
        let (id, client) = create_user(app, &format!("user-{number}")).await?;
        let user_id: UserId = id.parse()?;
        let change = UserChange {
            locale: Some((number % 2 == 0).then(|| format!("l{number}"))),
            status: (number == 3).then_some(causerie_domain::users::UserStatus::Disabled),
            ..UserChange::default()
        };
        for group_id in groups.iter().copied().filter(|_| random.next_u32() % 2 == 0) {
            let member = MemberRef { group_id, allowed: Filter::Everything, user_id };
            store.add_member(member, causerie_domain::memberships::GroupRole::Member, audit_stamp()).await?;
        }
        let groups = client.get("/me").await?.json(200)?["groups"].clone();
        let group =
            groups.as_array().and_then(|groups| groups.first()).map(|group| group["group_id"].clone());
        let group = group.filter(|_| number != 1);
        let session =
            client.post("/sessions", &json!({ "tool": "echo", "group_id": group })).await?.json(201)?;
        let path = format!("/sessions/{}", session["id"].as_str().context("an id")?);
        client.post(&format!("{path}/messages"), &json!({ "content": "Hello" })).await?;
        if number % 2 == 1 {
            client.request(reqwest::Method::PATCH, &format!("{path}/pause")).send().await?;
        }
        let end = SystemClock.now() + Duration::from_secs(3600);
        let expires_at = (number % 2 == 0).then(|| end.to_string());
        let new = json!({ "name": "n", "group_id": group, "expires_at": expires_at });
        let key = client.post("/api-keys", &new).await?.json(201)?;
        if number == 2 {
            client.delete(&format!("/api-keys/{}", key["id"].as_str().context("an id")?)).await?;
        }
        store.change_user(user_id, &Filter::Everything, change, audit_stamp()).await?;
    }
    // The deletion of a user leaves usage rows without a user.
    let (id, client) = create_user(app, "gone").await?;
    client.chat("text").await?.send_and_read("Hello").await?;
    ensure!(app.root.delete(&format!("/users/{id}")).await?.status == 204);
    let models = store.models(&Filter::Everything).await?;
    for (number, model) in models.iter().enumerate().filter(|(number, _)| number % 3 != 0) {
        let change = ModelChange {
            enabled: Some(number % 2 == 0),
            restricted: Some(number % 5 == 0),
            group_id: Some((number % 4 != 0).then(|| groups[number % 3])),
        };
        store.change_model(&model.catalog.id, &Filter::Everything, change, audit_stamp()).await?;
    }
    Ok(())
}
